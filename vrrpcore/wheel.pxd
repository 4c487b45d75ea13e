# cython: language_level=3
cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef enum:
    WHEEL_TICK_SHIFT = 16           # a tick is 65.536 us
    WHEEL_LEVEL_BITS = 6
    WHEEL_SLOTS = 64                # of one level
    WHEEL_LEVELS = 5                # 64**5 ticks: 19 hours; a later deadline waits in the last slot and is filed again
    WT_SLOT_MASK = (1 << WHEEL_TICK_SHIFT) - 1      # where a slot's number stands: level * WHEEL_SLOTS + slot
    WT_NONE = 0xFFFFFFFF            # no timer

cdef struct wtimer_t:               # 24 bytes, in a dense array, named by index: arming never allocates
    int64_t deadline_ns             # the truth
    int64_t booked                  # the tick it was filed under, below it the number of its slot; INT64_MAX: not armed
    uint32_t prev
    uint32_t next

cdef struct wslot_t:
    int64_t earliest_ns             # never later than the earliest deadline in the slot
    uint32_t head
    uint32_t tail                   # without meaning if the slot is empty


@cython.final
cdef class TimerWheel:
    cdef wtimer_t *_timers
    cdef size_t _capacity
    cdef size_t _armed_count
    cdef int64_t _elapsed_tick
    cdef readonly uint64_t bookings         # timers filed in a slot, anew or again
    cdef uint64_t _occupied[WHEEL_LEVELS]
    cdef wslot_t _slots[WHEEL_LEVELS * WHEEL_SLOTS]

    cpdef int reserve(self, size_t timer_count) except -1
    cdef inline void arm(self, uint32_t i, int64_t deadline_ns) noexcept nogil:
        """Let timer `i` fire at `deadline_ns`, instead of when it was to fire so far.

        One that has passed fires at the next advance(); a negative one counts as 0.
        """
        cdef wtimer_t *timer = &self._timers[i]
        if deadline_ns > (timer.booked | WT_SLOT_MASK):
            timer.deadline_ns = deadline_ns     # later: advance() will find it and file it again
        else:
            self._file(i, deadline_ns)

    cdef void disarm(self, uint32_t i) noexcept nogil
    cdef bint is_armed(self, uint32_t i) noexcept nogil
    cdef int64_t deadline_ns(self, uint32_t i) noexcept nogil       # -1: not armed
    cdef size_t advance(self, int64_t now_ns, uint32_t *due, size_t due_max) noexcept nogil
    cdef int64_t next_deadline_ns(self) noexcept nogil              # -1: nothing armed
    cdef size_t _cascade(self, uint32_t k, int64_t now_ns, uint32_t *due, size_t due_max) noexcept nogil
    cdef size_t _expire(self, uint32_t k, int64_t now_ns, uint32_t *due, size_t due_max) noexcept nogil
    cdef uint32_t _next_slot(self, int64_t *start_tick) noexcept nogil
    cdef int64_t _checked(self, i) except -1
    cdef void _file(self, uint32_t i, int64_t deadline_ns) noexcept nogil
    cdef void _link(self, uint32_t i, int64_t deadline_ns) noexcept nogil
    cdef void _unlink(self, uint32_t i) noexcept nogil
