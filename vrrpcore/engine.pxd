# cython: language_level=3
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from vrrpcore.budget cimport SourceBudget
from vrrpcore.counters cimport TOTAL_COUNT
from vrrpcore.domains cimport Domains
from vrrpcore.events cimport EventRing
from vrrpcore.hearing cimport Hearing
from vrrpcore.machine cimport Machine
from vrrpcore.outbox cimport Outbox
from vrrpcore.pacing cimport Announcer
from vrrpcore.slots cimport SlotBook
from vrrpcore.table cimport Table
from vrrpcore.vr cimport vr_t
from vrrpcore.wheel cimport TimerWheel


@cython.final
@cython.no_gc
cdef class Engine:
    cdef Table table
    cdef TimerWheel wheel
    cdef Outbox outbox              # what is to be sent
    cdef SlotBook slots             # which MASTER sends when
    cdef Announcer announcer        # GARP and NA
    cdef SourceBudget budget        # of sources that are no configured peers
    cdef Domains domains
    cdef EventRing events           # what is to be told
    cdef Machine machine
    cdef Hearing hearing
    cdef uint64_t total[TOTAL_COUNT]    # by TOTAL_*; the reactor counts here too

    # For the reactor; no Python object is touched.
    cdef inline void tally(self, size_t total, uint64_t more) noexcept nogil:
        self.total[total] += more
    cdef size_t expire(self, int64_t now_ns, size_t limit) noexcept nogil
    cdef void notice_stall(self, int64_t late_ns, int64_t pause_ns, int64_t now_ns) noexcept nogil
    cdef void _tell_us(self, uint8_t kind, int64_t ns, int64_t now_ns) noexcept nogil
    cdef void send_failed(self, uint32_t i, int error, int64_t now_ns) noexcept nogil

    cdef bint _may_expire(self, uint32_t i, int64_t now_ns) noexcept nogil
    cdef uint64_t *_totals(self) noexcept
    cdef int _retire(self, vr_t *vr) except -1
    cdef vr_t *_vr(self, i) except NULL
