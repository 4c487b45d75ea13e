# cython: language_level=3, cdivision=True
"""When in its interval a MASTER sends: adverts travel together, and no peer gets more at once than it can hold.

A wake-up costs as much as ten adverts, so few and full slots are wanted; a peer's receive buffer holds so many
datagrams and no more, so there is a cap for each host and millisecond. A router that becomes MASTER books a slot of its
interval and keeps it while it is MASTER. It takes the slot that the hash of its key names, if there is room in it for
all its destinations, else the newest slot with room, else a new one. Wherever that slot lies, the router comes to it
within one interval: its second advert is early and never late. The path of a regular advert knows nothing of this.

Slot k begins k * step centiseconds into the interval, modulo the interval; step is near the golden section of
the interval and has no divisor in common with it. So however many are opened they lie evenly, and those that are open
stay where they are when another one is. When all centiseconds have a slot, the next ones begin in another millisecond
of each: slots never share one. All begin on whole milliseconds of the clock.

Routers of different intervals meet: those of 100 ms come ten times a second to where one of 1 s may be. A booking
counts what it can ever meet: offsets whose difference is a multiple of the intervals' greatest common divisor. All
intervals are whole centiseconds, so slots that begin in different milliseconds of one never meet. That is why an
interval uses up one of the ten before the next, and why each begins with another: one of 10 ms needs a millisecond for
64 routers to a host, one of 1 s for 6,400. Were they mixed, a few of the one would leave no room for many of the other.

Memory is reserved when a router is added; booking allocates nothing. A load is found by a hash of 64 bits of host,
interval and slot. Should two hashes be the same, a slot seems fuller than it is.
"""

cimport cython
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

from vrrpcore.consts cimport ADVER_INT_MAX_S, FAMILY_IPV6, IPV4_LEN, IPV6_LEN, NS_PER_MS
from vrrpcore.limits cimport (
    HOST_BURST_MAX,
    SLOT_BURST_MAX,
    SLOT_LOOKS_MAX,
    SLOT_MEETS_MAX,
    SLOTS_MAX,
    SLOTS_MIN,
)
from vrrpcore.setup cimport mix_address
from vrrpcore.vr cimport VRF_UNICAST

cdef enum:
    MS_PER_CS = 10
    LOADS_MIN = 64
    NO_LOAD = 0xFFFFFFFF
    FAST_MS_MAX = 90

assert SLOTS_MAX < 0xFFFF                       # a booking is a slot + 1 in 16 bits
assert ADVER_INT_MAX_S * 100 < 0xFFFF


cdef uint32_t _common_divisor(uint32_t a, uint32_t b) noexcept nogil:
    while b:
        a, b = b, a % b
    return a


cdef uint64_t _host_of(const vr_t *vr, uint32_t d) noexcept nogil:
    """Destination `d` as a number: the host, or the group on one interface."""
    cdef uint64_t host = mix_address(vr.dsts + 16 * d, IPV6_LEN if vr.family == FAMILY_IPV6 else IPV4_LEN)
    if not vr.flags & VRF_UNICAST:
        host ^= vr.ifindex * <uint64_t>0xA24BAED4963EE407
    return host ^ vr.domain * <uint64_t>0x9FB21C651E98DF25


cdef uint64_t _key_of(uint64_t host, uint32_t interval_ms, uint32_t offset_ms) noexcept nogil:
    cdef uint64_t h = host ^ ((<uint64_t>interval_ms << 32 | offset_ms) * <uint64_t>0x9E3779B97F4A7C15)
    h = (h ^ (h >> 32)) * <uint64_t>0xD6E8FEB86659FD93
    h = (h ^ (h >> 32)) * <uint64_t>0xD6E8FEB86659FD93
    h ^= h >> 32
    return h if h else 1


cdef uint32_t _offset_ms(const cadence_t *own, uint32_t slot) noexcept nogil:
    """Where in the interval a slot begins."""
    cdef uint32_t interval_cs = own.interval_ms // MS_PER_CS
    cdef uint32_t at_cs = <uint32_t>(<uint64_t>slot * own.step_cs % interval_cs)
    return at_cs * MS_PER_CS + (own.first_ms + slot // interval_cs * own.turn_ms) % MS_PER_CS


@cython.final
@cython.no_gc
cdef class SlotBook:
    """Which MASTER sends when. For the engine."""

    def __cinit__(self):
        self._cadence_of = <uint16_t *>calloc(ADVER_INT_MAX_S * 100 + 1, sizeof(uint16_t))
        if self._cadence_of == NULL:
            raise MemoryError
        self._reserve_loads(0)

    def __dealloc__(self):
        cdef uint32_t k
        for k in range(self._cadence_count):
            free(self._cadences[k].loads)
        free(self._cadences)
        free(self._cadence_of)
        free(self._loads)

    cdef int admit(self, uint16_t interval_cs, uint32_t dst_count) except -1:
        """Make room for one more router, so that its booking needs no memory. Raises MemoryError."""
        cdef cadence_t *own = self._cadence(interval_cs)
        own.router_count += 1
        try:
            self._reserve_slots(own)
            self._reserve_loads(self._load_room + dst_count)
        except BaseException:
            own.router_count -= 1
            raise
        self._load_room += dst_count
        return 0

    cdef void dismiss(self, uint16_t interval_cs, uint32_t dst_count) noexcept nogil:
        """Take back what admit() was told."""
        self._cadences[self._cadence_of[interval_cs] - 1].router_count -= 1
        self._load_room -= dst_count

    cdef void book(self, vr_t *vr) noexcept nogil:
        """Give an admitted router a slot, unless it has one."""
        cdef cadence_t *own = &self._cadences[self._cadence_of[vr.advertisement_interval_cs] - 1]
        cdef uint32_t slot = vr.phase % own.slot_count
        if vr.booking:
            return
        if not self._has_room(vr, own, slot):
            slot = self._search(vr, own)
        self._count(vr, own, slot, 1)
        vr.booking = <uint16_t>(slot + 1)

    cdef void book_at(self, vr_t *vr, uint16_t booking) noexcept nogil:
        """Give an admitted router the slot that it had (0: none) if there is room, else another."""
        cdef cadence_t *own = &self._cadences[self._cadence_of[vr.advertisement_interval_cs] - 1]
        if booking and booking <= own.capacity and self._has_room(vr, own, booking - 1):
            self._count(vr, own, booking - 1, 1)
            vr.booking = booking
        else:
            self.book(vr)

    cdef void release(self, vr_t *vr) noexcept nogil:
        """Give a router's slot back, if it has one. Its destinations are still those that it booked for."""
        if vr.booking:
            self._count(vr, &self._cadences[self._cadence_of[vr.advertisement_interval_cs] - 1], vr.booking - 1, -1)
            vr.booking = 0

    cdef int64_t next_ns(self, const vr_t *vr, int64_t now_ns) noexcept nogil:
        """When the slot that a router has booked comes next: later than now, by at most an interval."""
        cdef const cadence_t *own = &self._cadences[self._cadence_of[vr.advertisement_interval_cs] - 1]
        cdef int64_t interval_ns = <int64_t>own.interval_ms * NS_PER_MS
        cdef int64_t at_ns = now_ns - now_ns % interval_ns + <int64_t>_offset_ms(own, vr.booking - 1) * NS_PER_MS
        return at_ns if at_ns > now_ns else at_ns + interval_ns

    # ---- looking for room

    cdef uint32_t _search(self, const vr_t *vr, const cadence_t *own) noexcept nogil:
        """A slot with room: of the newest ones, which are the emptiest, else a new one, else any. If there is none, the
        one that goes least over what a host can take.
        """
        cdef uint32_t limit = own.capacity
        cdef uint32_t first = own.slot_count - SLOT_LOOKS_MAX if own.slot_count > SLOT_LOOKS_MAX else 0
        cdef uint32_t last = own.slot_count + SLOT_LOOKS_MAX if own.slot_count + SLOT_LOOKS_MAX < limit else limit
        cdef uint32_t slot, load
        cdef uint32_t least = NO_LOAD
        cdef uint32_t best = 0
        for slot in range(first, last):
            if self._has_room(vr, own, slot):
                return slot
        # The interval is crowded: what a host can take comes before how long our turn lasts.
        for slot in range(limit):
            load = self._load_at(vr, own, slot, least)
            if load < HOST_BURST_MAX:
                return slot
            if load < least:
                least = load
                best = slot
        return best

    cdef bint _has_room(self, const vr_t *vr, const cadence_t *own, uint32_t slot) noexcept nogil:
        """Whether a slot would keep within both caps with this router in it. One with more peers than a slot has room
        for needs one of its own.
        """
        if own.loads[slot] and own.loads[slot] + vr.dst_count > SLOT_BURST_MAX:
            return False
        return self._load_at(vr, own, slot, HOST_BURST_MAX) < HOST_BURST_MAX

    cdef uint32_t _load_at(self, const vr_t *vr, const cadence_t *own, uint32_t slot, uint32_t bound) noexcept nogil:
        """The most datagrams that any host of this router can ever get with those of a slot; looked for up to `bound`.
        """
        cdef uint32_t offset_ms = _offset_ms(own, slot)
        cdef uint32_t d, load
        cdef uint32_t most = 0
        cdef uint64_t host
        for d in range(vr.dst_count):
            host = _host_of(vr, d)
            load = self._load(_key_of(host, own.interval_ms, offset_ms))
            if load < bound and self._cadence_count > 1:
                load += self._met(own, host, offset_ms)
            if load > most:
                most = load
                if most >= bound:
                    break
        return most

    cdef uint32_t _met(self, const cadence_t *own, uint64_t host, uint32_t offset_ms) noexcept nogil:
        """The most datagrams of other intervals that `host` can ever get in the milliseconds of one slot."""
        cdef const cadence_t *other
        cdef uint32_t k, divisor_ms, met_ms, load, most
        cdef uint32_t total = 0
        cdef uint32_t looks = SLOT_MEETS_MAX
        for k in range(self._cadence_count):
            other = &self._cadences[k]
            if other.interval_ms == own.interval_ms or other.booked == 0:
                continue
            divisor_ms = _common_divisor(own.interval_ms, other.interval_ms)
            met_ms = offset_ms % divisor_ms
            most = 0
            while met_ms < other.interval_ms:
                if looks == 0:
                    return total + most
                looks -= 1
                load = self._load(_key_of(host, other.interval_ms, met_ms))
                if load > most:
                    most = load
                met_ms += divisor_ms
            total += most
        return total

    # ---- what is booked

    cdef void _count(self, const vr_t *vr, cadence_t *own, uint32_t slot, int change) noexcept nogil:
        """Book (1) or give back (-1) a datagram for each destination."""
        cdef uint32_t offset_ms = _offset_ms(own, slot)
        cdef uint32_t d
        for d in range(vr.dst_count):
            self._change(_key_of(_host_of(vr, d), own.interval_ms, offset_ms), change)
        own.loads[slot] += <uint32_t>(change * <int>vr.dst_count)
        own.booked += <uint32_t>(change * <int>vr.dst_count)
        if slot >= own.slot_count:
            own.slot_count = slot + 1
        while own.slot_count > SLOTS_MIN and own.loads[own.slot_count - 1] == 0:
            own.slot_count -= 1

    cdef uint32_t _load(self, uint64_t key) noexcept nogil:
        cdef size_t at = key & (self._load_capacity - 1)
        while self._loads[at].key:
            if self._loads[at].key == key:
                return self._loads[at].count
            at = (at + 1) & (self._load_capacity - 1)
        return 0

    cdef void _change(self, uint64_t key, int change) noexcept nogil:
        cdef size_t at = key & (self._load_capacity - 1)
        while self._loads[at].key and self._loads[at].key != key:
            at = (at + 1) & (self._load_capacity - 1)
        self._loads[at].key = key
        self._loads[at].count += <uint32_t>change
        if self._loads[at].count == 0:
            self._take_out(at)

    cdef void _take_out(self, size_t at) noexcept nogil:
        """Empty an entry; those behind it that would no longer be found move up."""
        cdef size_t mask = self._load_capacity - 1
        cdef size_t behind = (at + 1) & mask
        while self._loads[behind].key:
            if ((behind - self._loads[behind].key) & mask) >= ((behind - at) & mask):
                self._loads[at] = self._loads[behind]
                at = behind
            behind = (behind + 1) & mask
        memset(&self._loads[at], 0, sizeof(load_t))

    # ---- memory

    cdef cadence_t *_cadence(self, uint16_t interval_cs) except NULL:
        """The routers of an interval, which may be a new one. Raises MemoryError."""
        cdef cadence_t *own
        cdef uint32_t capacity
        if self._cadence_of[interval_cs]:
            return &self._cadences[self._cadence_of[interval_cs] - 1]
        if self._cadence_count == self._cadence_capacity:
            capacity = self._cadence_capacity * 2 + 4
            own = <cadence_t *>realloc(self._cadences, capacity * sizeof(cadence_t))
            if own == NULL:
                raise MemoryError
            self._cadences = own
            self._cadence_capacity = capacity
        own = &self._cadences[self._cadence_count]
        memset(own, 0, sizeof(cadence_t))
        own.interval_ms = interval_cs * MS_PER_CS
        own.slots_max = own.interval_ms if own.interval_ms < SLOTS_MAX else SLOTS_MAX
        own.slot_count = SLOTS_MIN
        own.step_cs = interval_cs * <uint32_t>618 // 1000
        while _common_divisor(own.step_cs, interval_cs) != 1:
            own.step_cs += 1
        # A fast one soon needs several milliseconds, 3 apart; the others, of which each is content with one for long,
        # come from the far end of that row.
        if own.interval_ms <= FAST_MS_MAX:
            own.first_ms = 0
            own.turn_ms = 3
        else:
            own.first_ms = 7 * (self._cadence_count + 1) % MS_PER_CS
            own.turn_ms = 7
        self._reserve_slots(own)
        self._cadence_count += 1
        self._cadence_of[interval_cs] = <uint16_t>self._cadence_count
        return own

    cdef int _reserve_slots(self, cadence_t *own) except -1:
        """Each router may need a slot of its own, and some may be skipped for another interval's sake."""
        cdef uint32_t capacity = own.router_count + SLOTS_MIN + SLOT_LOOKS_MAX
        cdef uint32_t *loads
        if capacity > own.slots_max:
            capacity = own.slots_max
        if capacity <= own.capacity:
            return 0
        capacity = capacity * 2 if capacity * 2 < own.slots_max else own.slots_max
        loads = <uint32_t *>realloc(own.loads, capacity * sizeof(uint32_t))
        if loads == NULL:
            raise MemoryError
        memset(loads + own.capacity, 0, (capacity - own.capacity) * sizeof(uint32_t))
        own.loads = loads
        own.capacity = capacity
        return 0

    cdef int _reserve_loads(self, size_t room) except -1:
        cdef size_t capacity = self._load_capacity if self._load_capacity else LOADS_MIN
        cdef size_t old_capacity = self._load_capacity
        cdef size_t k
        cdef load_t *old = self._loads
        cdef load_t *loads
        while capacity < 2 * room:
            capacity *= 2
        if capacity == old_capacity:
            return 0
        loads = <load_t *>calloc(capacity, sizeof(load_t))
        if loads == NULL:
            raise MemoryError
        self._loads = loads
        self._load_capacity = capacity
        for k in range(old_capacity):
            if old[k].key:
                self._change(old[k].key, <int>old[k].count)
        free(old)
        return 0
