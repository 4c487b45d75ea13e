# cython: language_level=3
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from vrrpcore.vr cimport vr_t

# All routers of one interval.
cdef struct cadence_t:
    uint32_t interval_ms
    uint32_t step_cs        # from one slot to the next; it and the interval have no common divisor
    uint32_t first_ms       # of the ten in a centisecond: the one in which its slots begin
    uint32_t turn_ms        # from there to the next, when all slots that begin in the first are open
    uint32_t router_count   # that may book
    uint32_t slot_count     # slots 0 to slot_count - 1 are open
    uint32_t slots_max      # of a millisecond each
    uint32_t booked         # datagrams, in all slots
    uint32_t capacity       # of loads
    uint32_t *loads         # datagrams of each slot, to all hosts

# How many datagrams one host is sent in one slot.
cdef struct load_t:
    uint64_t key            # 0: the entry is free
    uint32_t count


@cython.final
@cython.no_gc
cdef class SlotBook:
    cdef cadence_t *_cadences
    cdef uint32_t _cadence_count
    cdef uint32_t _cadence_capacity
    cdef uint16_t *_cadence_of      # by interval in centiseconds: number of its cadence + 1; 0: none
    cdef load_t *_loads             # open addressing, at most half full
    cdef size_t _load_capacity      # a power of two
    cdef size_t _load_room          # bookings that all routers may make

    cdef int admit(self, uint16_t interval_cs, uint32_t dst_count) except -1
    cdef void dismiss(self, uint16_t interval_cs, uint32_t dst_count) noexcept nogil
    cdef void book(self, vr_t *vr) noexcept nogil
    cdef void book_at(self, vr_t *vr, uint16_t booking) noexcept nogil
    cdef void release(self, vr_t *vr) noexcept nogil
    cdef int64_t next_ns(self, const vr_t *vr, int64_t now_ns) noexcept nogil

    cdef uint32_t _search(self, const vr_t *vr, const cadence_t *own) noexcept nogil
    cdef bint _has_room(self, const vr_t *vr, const cadence_t *own, uint32_t slot) noexcept nogil
    cdef uint32_t _load_at(self, const vr_t *vr, const cadence_t *own, uint32_t slot, uint32_t bound) noexcept nogil
    cdef uint32_t _met(self, const cadence_t *own, uint64_t host, uint32_t offset_ms) noexcept nogil
    cdef void _count(self, const vr_t *vr, cadence_t *own, uint32_t slot, int change) noexcept nogil
    cdef uint32_t _load(self, uint64_t key) noexcept nogil
    cdef void _change(self, uint64_t key, int change) noexcept nogil
    cdef void _take_out(self, size_t at) noexcept nogil
    cdef cadence_t *_cadence(self, uint16_t interval_cs) except NULL
    cdef int _reserve_slots(self, cadence_t *own) except -1
    cdef int _reserve_loads(self, size_t room) except -1
