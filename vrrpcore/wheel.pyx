# cython: language_level=3, cdivision=True
"""A hierarchical timer wheel: thousands of deadlines, each armed, moved or cancelled in constant time.

Five levels of 64 slots. A tick is 2**16 ns; a slot of level 0 is one tick wide, one of level n is 64**n
ticks. Time stands at `_elapsed_tick`. A deadline is filed at the level of the highest 6-bit group in which
its tick differs from that, so all of level n lies before the next slot of level n + 1, and the first slot
that is occupied, from the lowest level up, is the next one to look at. When time reaches a slot of a higher
level, its timers are filed again, lower.

What holds between calls: - below the highest level an occupied slot is ahead of time's own (at level 0: it,
or ahead of it); - the highest level is a ring: the slot `distance` ahead, 1 to 63, is a slot of the coming
19 hours; what is due later waits in the one 63 ahead and is filed again from there; - a timer is in a slot
that starts no later than its deadline, unless the deadline had passed when it was filed; - `earliest_ns` of
a slot is no later than any deadline in it; above level 0 it lies in the time of the slot.

Arming is lazy. An armed timer that gets a later deadline stays where it is, at the cost of one store, and
is filed again when time reaches its slot. That is what every advert heard does to its Master_Down_Timer.
The price is that next_deadline_ns() may name a moment that is no deadline any more, once per slot: the
advance() at that moment files all of the slot again.

With 100,000 timers a look at any of them is a look at memory, and that is most of what they cost. So a timer
is 24 bytes: where it is filed stands below its tick in one word. Time goes to the earliest deadline of a
slot, not to where the slot begins, so that timers are filed as low as can be, and fire from a higher level
if they can; and a long slot is gone through from both ends.

The wheel knows no clock: `now_ns` comes from the caller. It is not thread-safe. A timer is an index into
one dense array, so that neither arming nor firing allocates. Idea and layout follow tokio's wheel
(tokio/src/runtime/time/wheel).
"""

cimport cython
from libc.stdint cimport INT64_MAX, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

cdef extern from "<stdlib.h>" nogil:
    void *aligned_alloc(size_t alignment, size_t size)

cdef extern from *:
    int clz64 "__builtin_clzll"(unsigned long long value) noexcept nogil
    int ctz64 "__builtin_ctzll"(unsigned long long value) noexcept nogil
    void prefetch "__builtin_prefetch"(const void *memory) noexcept nogil

cdef enum:
    SLOT_MASK = WHEEL_SLOTS - 1
    TOP_LEVEL = WHEEL_LEVELS - 1
    TOP_SHIFT = TOP_LEVEL * WHEEL_LEVEL_BITS

assert WHEEL_SLOTS == 1 << WHEEL_LEVEL_BITS == 64, "a level's occupied slots are the bits of one uint64_t"
assert WHEEL_LEVELS * WHEEL_SLOTS <= WT_SLOT_MASK, "a slot's number fits below a tick"

cdef int64_t UNBOOKED = INT64_MAX       # no deadline is later


@cython.final
cdef class TimerWheel:
    """Deadlines in nanoseconds of a clock that starts at 0; timers are named 0 to reserve()'s count, less
    one.

    Never fires early. The methods for Python are arm_timer(), disarm_timer(), advance_to() and
    next_deadline(); len() is the number of armed timers.
    """

    def __cinit__(self):
        cdef int k
        self._timers = NULL
        self._capacity = 0
        self._armed_count = 0
        self._elapsed_tick = 0
        for k in range(WHEEL_LEVELS):
            self._occupied[k] = 0
        for k in range(WHEEL_LEVELS * WHEEL_SLOTS):
            self._slots[k].head = WT_NONE
            self._slots[k].earliest_ns = 0

    def __dealloc__(self):
        free(self._timers)

    cpdef int reserve(self, size_t timer_count) except -1:
        """Make room for timers 0 to timer_count - 1. Armed ones stay armed, new ones are not; it never
        shrinks.

        Raises OverflowError if there are more than indices, MemoryError.
        """
        cdef wtimer_t *timers
        cdef size_t i
        if timer_count <= self._capacity:
            return 0
        if timer_count > <size_t>WT_NONE:
            raise OverflowError(f"a wheel holds at most {WT_NONE} timers, not {timer_count}")
        # From a cache line on; the size has to be a multiple of one.
        timers = <wtimer_t *>aligned_alloc(64, (timer_count * sizeof(wtimer_t) + 63) // 64 * 64)
        if timers == NULL:
            raise MemoryError(f"no memory for {timer_count} timers")
        if self._capacity:
            memcpy(timers, self._timers, self._capacity * sizeof(wtimer_t))
        free(self._timers)
        for i in range(self._capacity, timer_count):
            timers[i].deadline_ns = -1
            timers[i].booked = UNBOOKED
            timers[i].prev = timers[i].next = WT_NONE
        self._timers = timers
        self._capacity = timer_count
        return 0

    cdef void _file(self, uint32_t i, int64_t deadline_ns) noexcept nogil:
        """arm(), of a timer whose deadline is not in a later tick than the one that it was filed under."""
        cdef wtimer_t *timer = &self._timers[i]
        cdef wslot_t *slot
        if deadline_ns < 0:
            deadline_ns = 0
        if timer.booked == UNBOOKED:
            self._armed_count += 1
        elif (deadline_ns ^ timer.booked) >> WHEEL_TICK_SHIFT == 0:
            # It does stay: only the slot's earliest may have to follow.
            slot = &self._slots[timer.booked & WT_SLOT_MASK]
            timer.deadline_ns = deadline_ns
            slot.earliest_ns = min(slot.earliest_ns, deadline_ns)
            return
        else:
            self._unlink(i)
        self._link(i, deadline_ns)

    cdef void disarm(self, uint32_t i) noexcept nogil:
        """Cancel timer `i`; nothing happens if it is not armed."""
        if self._timers[i].booked != UNBOOKED:
            self._unlink(i)
            self._armed_count -= 1

    cdef bint is_armed(self, uint32_t i) noexcept nogil:
        return self._timers[i].booked != UNBOOKED

    cdef int64_t deadline_ns(self, uint32_t i) noexcept nogil:
        """Return when timer `i` fires; -1: it is not armed."""
        if self._timers[i].booked == UNBOOKED:
            return -1
        return self._timers[i].deadline_ns

    cdef size_t advance(self, int64_t now_ns, uint32_t *due, size_t due_max) noexcept nogil:
        """Move time to `now_ns`; write the timers that are due to due[0:returned] and disarm them.

        They come in the order of their ticks. At most `due_max` of them: if that many are returned, others
        may be due, which stay armed and come with the next call. Time that goes backwards moves nothing.
        Call it once before the first arm(): deadlines are found sooner from a near start.
        """
        cdef int64_t target = now_ns >> WHEEL_TICK_SHIFT
        cdef int64_t start = 0
        cdef uint32_t k
        cdef size_t fired = 0
        if due_max == 0:
            return 0
        if target < self._elapsed_tick:
            target = self._elapsed_tick
        while True:
            k = self._next_slot(&start)
            if k == <uint32_t>WT_NONE or start > target:
                self._elapsed_tick = target         # nothing lies between
                return fired
            self._elapsed_tick = start
            if k >= <uint32_t>WHEEL_SLOTS:
                # Nothing is due before the slot's earliest: time need not stop at its beginning.
                self._elapsed_tick = min(target, self._slots[k].earliest_ns >> WHEEL_TICK_SHIFT)
                if self._elapsed_tick < target:
                    self._cascade(k, -1, due, 0)
                    continue
                fired += self._cascade(k, now_ns, due + fired, due_max - fired)
                if fired == due_max:
                    return fired
            else:
                fired += self._expire(k, now_ns, due + fired, due_max - fired)
                if fired == due_max or start == target:
                    return fired

    cdef size_t _cascade(self, uint32_t k, int64_t now_ns, uint32_t *due, size_t due_max) noexcept nogil:
        """Time has reached slot `k` of a higher level: file its timers again, lower, or where a later deadline belongs.

        Those that are due at `now_ns` are written to `due` instead, at most `due_max`; return how many. The slot is
        gone through from both ends: what one way waits for is fetched from memory during the other.
        """
        cdef uint32_t i = self._slots[k].head
        cdef uint32_t j = self._slots[k].tail
        cdef uint32_t behind, before
        cdef size_t fired = 0
        self._slots[k].head = WT_NONE
        self._occupied[k >> WHEEL_LEVEL_BITS] &= ~(<uint64_t>1 << (k & SLOT_MASK))
        while True:
            behind = self._timers[i].next
            before = self._timers[j].prev
            if i != j:
                prefetch(&self._timers[behind])
                prefetch(&self._timers[before])
            if self._timers[i].deadline_ns <= now_ns and fired < due_max:
                self._timers[i].booked = UNBOOKED
                due[fired] = i
                fired += 1
            else:
                self._link(i, self._timers[i].deadline_ns)
            if i == j:
                break                               # the ways have met
            if self._timers[j].deadline_ns <= now_ns and fired < due_max:
                self._timers[j].booked = UNBOOKED
                due[fired] = j
                fired += 1
            else:
                self._link(j, self._timers[j].deadline_ns)
            if behind == j:
                break                               # or crossed
            i = behind
            j = before
        self._armed_count -= fired
        return fired

    cdef size_t _expire(self, uint32_t k, int64_t now_ns, uint32_t *due, size_t due_max) noexcept nogil:
        """Write at most `due_max` due timers of the current tick's slot `k` to `due`; return how many.

        What did not fit and what is due later in this tick stays; what was moved further is filed there.
        """
        cdef wslot_t *slot = &self._slots[k]
        cdef uint32_t i = slot.head
        cdef uint32_t following
        cdef int64_t deadline_ns
        cdef int64_t earliest_ns = INT64_MAX
        cdef size_t fired = 0
        if slot.earliest_ns > now_ns:
            return 0
        while i != <uint32_t>WT_NONE:
            following = self._timers[i].next
            deadline_ns = self._timers[i].deadline_ns
            if deadline_ns <= now_ns:
                if fired == due_max:
                    self._armed_count -= fired
                    return fired                    # the rest is not looked at: a call's work is bounded
                self._unlink(i)
                due[fired] = i
                fired += 1
            elif deadline_ns >> WHEEL_TICK_SHIFT > self._elapsed_tick:
                self._unlink(i)
                self._link(i, deadline_ns)
            else:
                self._timers[i].booked = (deadline_ns & ~<int64_t>WT_SLOT_MASK) | k
                earliest_ns = min(earliest_ns, deadline_ns)
            i = following
        slot.earliest_ns = earliest_ns              # exact again; without meaning if the slot is empty now
        self._armed_count -= fired
        return fired

    cdef int64_t next_deadline_ns(self) noexcept nogil:
        """Return when advance() has something to do next; -1: nothing is armed. Costs a look at each level.

        It is the earliest deadline, but earlier than that, never later, if the timer that had it was
        disarmed or armed anew since its slot was last filed, or if all deadlines are more than 19 hours
        ahead.
        """
        cdef int64_t start = 0
        cdef uint32_t k = self._next_slot(&start)
        if k == <uint32_t>WT_NONE:
            return -1
        return self._slots[k].earliest_ns

    cdef uint32_t _next_slot(self, int64_t *start_tick) noexcept nogil:
        """Return the occupied slot that time reaches first, and the tick at which it does; WT_NONE: there
        is none.
        """
        cdef uint32_t level
        cdef uint32_t current
        cdef uint32_t bit
        cdef uint64_t occupied
        cdef int64_t block
        for level in range(<uint32_t>TOP_LEVEL):
            occupied = self._occupied[level]
            if occupied:
                bit = ctz64(occupied)
                block = self._elapsed_tick >> (WHEEL_LEVEL_BITS * (level + 1))
                start_tick[0] = (block * WHEEL_SLOTS + bit) << (WHEEL_LEVEL_BITS * level)
                return level * WHEEL_SLOTS + bit
        occupied = self._occupied[TOP_LEVEL]
        if not occupied:
            return WT_NONE
        # The highest level is a ring: turn it so that bit 0 is time's own slot.
        current = (self._elapsed_tick >> TOP_SHIFT) & SLOT_MASK
        occupied = (occupied >> current) | (occupied << ((WHEEL_SLOTS - current) & SLOT_MASK))
        bit = ctz64(occupied)
        start_tick[0] = ((self._elapsed_tick >> TOP_SHIFT) + bit) << TOP_SHIFT
        return TOP_LEVEL * WHEEL_SLOTS + ((current + bit) & SLOT_MASK)

    cdef void _link(self, uint32_t i, int64_t deadline_ns) noexcept nogil:
        """File timer `i`, which is in no list, under its deadline."""
        cdef wtimer_t *timer = &self._timers[i]
        cdef int64_t tick = deadline_ns >> WHEEL_TICK_SHIFT
        cdef int64_t earliest_ns = deadline_ns
        cdef int64_t distance
        cdef uint32_t level
        cdef uint32_t k
        cdef wslot_t *slot
        if tick < self._elapsed_tick:
            tick = self._elapsed_tick
        level = (63 - clz64((tick ^ self._elapsed_tick) | SLOT_MASK)) // WHEEL_LEVEL_BITS
        if level < <uint32_t>TOP_LEVEL:
            k = level * WHEEL_SLOTS + ((tick >> (level * WHEEL_LEVEL_BITS)) & SLOT_MASK)
        else:
            level = TOP_LEVEL
            distance = (tick >> TOP_SHIFT) - (self._elapsed_tick >> TOP_SHIFT)
            if distance > SLOT_MASK:
                # Beyond the ring: time must look here when the slot begins, not at the deadline.
                distance = SLOT_MASK
                earliest_ns = ((self._elapsed_tick >> TOP_SHIFT) + distance) << (TOP_SHIFT + WHEEL_TICK_SHIFT)
            k = TOP_LEVEL * WHEEL_SLOTS + (((self._elapsed_tick >> TOP_SHIFT) + distance) & SLOT_MASK)
        slot = &self._slots[k]
        timer.deadline_ns = deadline_ns
        timer.booked = (deadline_ns & ~<int64_t>WT_SLOT_MASK) | k
        timer.prev = WT_NONE
        timer.next = slot.head
        if slot.head == <uint32_t>WT_NONE:
            self._occupied[level] |= <uint64_t>1 << (k & SLOT_MASK)
            slot.earliest_ns = earliest_ns
            slot.tail = i
        else:
            self._timers[slot.head].prev = i
            if earliest_ns < slot.earliest_ns:
                slot.earliest_ns = earliest_ns
        slot.head = i
        self.bookings += 1

    cdef void _unlink(self, uint32_t i) noexcept nogil:
        """Take timer `i`, which is armed, out of its slot. The slot's `earliest_ns` stays: it is a lower
        bound.
        """
        cdef wtimer_t *timer = &self._timers[i]
        cdef uint32_t k = timer.booked & WT_SLOT_MASK
        if timer.next != <uint32_t>WT_NONE:
            self._timers[timer.next].prev = timer.prev
        else:
            self._slots[k].tail = timer.prev
        if timer.prev != <uint32_t>WT_NONE:
            self._timers[timer.prev].next = timer.next
        else:
            self._slots[k].head = timer.next
            if timer.next == <uint32_t>WT_NONE:
                self._occupied[k >> WHEEL_LEVEL_BITS] &= ~(<uint64_t>1 << (k & SLOT_MASK))
        timer.booked = UNBOOKED

    # ---- for Python

    cdef int64_t _checked(self, i) except -1:
        cdef object count = self._capacity
        if not isinstance(i, int):
            raise TypeError(f"a timer is named by an int, not {type(i).__name__}")
        if not 0 <= i < count:
            raise IndexError(f"timer {i} is not in 0..{count - 1}; reserve() makes more")
        return i

    def __len__(self):
        return self._armed_count

    def arm_timer(self, i, deadline_ns):
        """Let timer `i` fire at `deadline_ns`. Raises IndexError; OverflowError beyond 63 bits."""
        self.arm(<uint32_t>self._checked(i), deadline_ns)

    def disarm_timer(self, i):
        """Cancel timer `i`. Raises IndexError."""
        self.disarm(<uint32_t>self._checked(i))

    def timer_deadline(self, i):
        """Return when timer `i` fires; None: it is not armed. Raises IndexError."""
        cdef int64_t deadline_ns = self.deadline_ns(<uint32_t>self._checked(i))
        return None if deadline_ns < 0 else deadline_ns

    def advance_to(self, now_ns, limit=None):
        """Move time to `now_ns`; return the timers that fired, in the order of their ticks.

        limit: at most so many; None: all. Raises ValueError for a negative limit, OverflowError beyond 63
        bits.
        """
        cdef size_t due_max = self._armed_count
        cdef int64_t now = now_ns
        cdef uint32_t *due
        cdef size_t fired
        if limit is not None:
            if limit < 0:
                raise ValueError(f"limit {limit} is negative")
            due_max = min(<object>limit, <object>due_max)
        elif due_max == 0:
            due_max = 1                 # time moves even if nothing can fire
        due = <uint32_t *>malloc((due_max + 1) * sizeof(uint32_t))
        if due == NULL:
            raise MemoryError(f"no memory for {due_max} timers")
        try:
            fired = self.advance(now, due, due_max)
            return [due[k] for k in range(fired)]
        finally:
            free(due)

    def next_deadline(self):
        """Return when advance_to() has work to do next; None: nothing is armed (see next_deadline_ns)."""
        cdef int64_t deadline_ns = self.next_deadline_ns()
        return None if deadline_ns < 0 else deadline_ns
