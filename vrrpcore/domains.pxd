# cython: language_level=3
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from vrrpcore.packet cimport DROP_COUNT

# A domain is a (namespace, family): it has receive sockets of its own, and an interface index means something in it.
cdef struct domain_t:
    uint8_t family
    uint8_t is_idle             # its receive queue was empty at polled_ns
    uint8_t wants_look          # a Master_Down_Timer waits for its queue to be read
    uint8_t tells_unknown       # VRIDs that no router has are told, each once
    uint8_t told_vrids[32]      # a bit for each that was told
    uint64_t drops[DROP_COUNT]  # of adverts that belong to no router
    int64_t heard_until_ns      # every datagram that arrived before this has been heard


@cython.final
@cython.no_gc
cdef class Domains:
    cdef domain_t *each
    cdef uint32_t count
    cdef uint32_t look_count        # domains that want a look
    cdef int64_t polled_ns          # when the idle domains were last seen idle

    cdef int add(self, family) except -1
    cdef int check(self, domain) except -1
    cdef int tell_unknown(self, domain, bint wanted) except -1
    cdef bint is_untold(self, uint32_t d, uint8_t vrid) noexcept nogil
    cdef bint has_heard(self, uint32_t d, int64_t until_ns) noexcept nogil

    cdef inline void count_drop(self, uint32_t d, uint32_t reason) noexcept nogil:
        """Count an advert that belongs to no router. reason: drop_t."""
        self.each[d].drops[reason] += 1
