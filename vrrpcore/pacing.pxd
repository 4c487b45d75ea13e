# cython: language_level=3
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from vrrpcore.outbox cimport Outbox
from vrrpcore.vr cimport announce_t, vr_t
from vrrpcore.wheel cimport TimerWheel

cdef enum:
    REPEATS = 0             # the queue of rounds that nothing paces; then come those of pacers

# A pacer is two of these: GARP, then NA.
cdef struct queue_t:
    int64_t gap_ns          # at least so long from one frame to the next
    int64_t next_ns         # no frame before this
    int64_t rest_end_ns     # REPEATS: first rounds of others put it off no longer than this
    uint32_t head           # routers that wait to send one frame, first and last; VR_NONE: nobody does
    uint32_t tail

# What a router has yet to announce.
cdef struct cursor_t:
    int64_t set_due_ns      # when the next set is due; 0: none
    uint32_t queue          # that the router waits in; VR_NONE: none
    uint32_t before         # it in that queue; VR_NONE: it is the head
    uint32_t behind
    uint32_t at             # of its announces: the next frame's, where a pacer says when
    uint16_t rounds         # over its announces, this one included
    uint8_t is_later        # the delayed set is behind us: refreshes come next


cdef inline uint32_t queue_of(uint32_t pacer, bint is_na) noexcept nogil:
    return 1 + pacer * 2 + is_na


@cython.final
@cython.no_gc
cdef class Announcer:
    cdef TimerWheel _wheel
    cdef Outbox _outbox
    cdef queue_t *_queues
    cdef uint32_t _queue_count
    cdef cursor_t *_cursors
    cdef size_t _capacity

    cdef int reserve(self, size_t router_count) except -1
    cdef int add_pacer(self, garp_gap_ns, na_gap_ns) except -1
    cdef int set_pacer(self, pacer, garp_gap_ns, na_gap_ns) except -1
    cdef int check(self, settings) except -1
    cdef void start(self, uint32_t i, const vr_t *vr, int64_t now_ns) noexcept nogil
    cdef void stop(self, uint32_t i) noexcept nogil
    cdef void change(self, uint32_t i, const vr_t *vr, int64_t now_ns) noexcept nogil
    cdef void fire(self, uint32_t i, const vr_t *vr, int64_t now_ns) noexcept nogil
    cdef void tell(self, uint32_t i, const vr_t *vr, uint32_t rounds, int64_t now_ns) noexcept nogil
    cdef bint tell_one(self, uint32_t i, const vr_t *vr, uint32_t place, int64_t now_ns) noexcept nogil

    cdef uint32_t _pacer_count(self) noexcept nogil
    cdef bint _is_crowded(self) noexcept nogil
    cdef void _repeat_later(self, uint32_t i, uint32_t rounds, int64_t now_ns) noexcept nogil
    cdef void _repeat(self, uint32_t i, const vr_t *vr, int64_t now_ns) noexcept nogil
    cdef int64_t _turn_ns(self, uint32_t q) noexcept nogil
    cdef void _go_on(self, uint32_t i, const vr_t *vr, int64_t now_ns, bint is_first) noexcept nogil
    cdef const announce_t *_next(self, cursor_t *cursor, const vr_t *vr) noexcept nogil
    cdef void _append(self, uint32_t i, uint32_t q) noexcept nogil
    cdef void _leave(self, uint32_t i) noexcept nogil
    cdef void _arm(self, uint32_t i) noexcept nogil
