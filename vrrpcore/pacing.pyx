# cython: language_level=3, cdivision=True
"""When a MASTER announces its addresses by GARP and NA: its sets, and the gap between the frames of an interface.

A set is some rounds over all addresses of a router. The first goes when the kernel has the addresses, the second a
while later, then there are refreshes, fewer frames each. Without a pacer a set goes in one batch.

Switches count and drop ARP, so keepalived can keep a gap between frames (vrrp_garp_interval, vrrp_gna_interval,
garp_group). A pacer is that gap for the interfaces that name it, one for GARP and one for NA. Routers with something
to send wait in a queue, each with a cursor into its own set: the head sends one frame and goes to the end. So memory
does not grow with what waits, routers take turns, and one that stops being MASTER just leaves. Only the head's timer
is set to the pacer's next time, which counts from the last frame that was sent: the gap holds whatever was late.

Ten thousand takeovers at once are 50,000 frames, and the kernel takes a second to send them. What matters is the first
frame of each address. So beyond ANNOUNCE_BURST datagrams in a batch a set without a pacer sends its first round only,
and the others wait in a queue of their own, the one numbered REPEATS, where routers take turns round by round. It
begins when no first round has come for REPEAT_REST_NS. Its gap is kept in the mean: what is due within REPEAT_GRAIN_NS
goes together.

A set that comes due before the one before it is through does not wait behind it: the rest becomes as long as a new one.
A router waits in one queue at a time; its addresses without a pacer are announced before.
"""

cimport cython
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

from vrrpcore.consts cimport FAMILY_IPV6, NS_PER_S
from vrrpcore.limits cimport (
    ANNOUNCE_BURST,
    ANNOUNCE_GAP_S_MAX,
    REPEAT_GAP_NS,
    REPEAT_GRAIN_NS,
    REPEAT_REST_NS,
    REPEAT_REST_NS_MAX,
)
from vrrpcore.vr cimport ST_MASTER, TIMER_ANNOUNCE, TIMERS_PER_VR, VR_NONE


@cython.final
@cython.no_gc               # the wheel and the outbox refer to nothing
cdef class Announcer:
    """The announcements of all routers. For the engine, whose wheel and outbox it uses."""

    def __cinit__(self, TimerWheel wheel not None, Outbox outbox not None):
        self._wheel = wheel
        self._outbox = outbox
        self._queues = <queue_t *>calloc(1, sizeof(queue_t))
        if self._queues == NULL:
            raise MemoryError
        self._queue_count = 1
        self._queues[REPEATS].head = self._queues[REPEATS].tail = VR_NONE
        self._queues[REPEATS].gap_ns = REPEAT_GAP_NS

    def __dealloc__(self):
        free(self._queues)
        free(self._cursors)

    cdef int reserve(self, size_t router_count) except -1:
        """Make room for routers 0 to router_count - 1. Raises MemoryError."""
        cdef cursor_t *grown
        if router_count <= self._capacity:
            return 0
        grown = <cursor_t *>realloc(self._cursors, router_count * sizeof(cursor_t))
        if grown == NULL:
            raise MemoryError
        self._cursors = grown
        while self._capacity < router_count:
            memset(&grown[self._capacity], 0, sizeof(cursor_t))
            grown[self._capacity].queue = VR_NONE
            self._capacity += 1
        return 0

    cdef int add_pacer(self, garp_gap_ns, na_gap_ns) except -1:
        """Return the number of a new pacer. Raises ValueError, MemoryError."""
        cdef queue_t *grown = <queue_t *>realloc(self._queues, (self._queue_count + 2) * sizeof(queue_t))
        cdef uint32_t q
        if grown == NULL:
            raise MemoryError
        self._queues = grown
        for q in range(self._queue_count, self._queue_count + 2):
            memset(&grown[q], 0, sizeof(queue_t))
            grown[q].head = grown[q].tail = VR_NONE
        self._queue_count += 2
        try:
            self.set_pacer(self._pacer_count() - 1, garp_gap_ns, na_gap_ns)
        except BaseException:
            self._queue_count -= 2
            raise
        return self._pacer_count() - 1

    cdef uint32_t _pacer_count(self) noexcept nogil:
        return self._queue_count // 2

    cdef int set_pacer(self, pacer, garp_gap_ns, na_gap_ns) except -1:
        """Change a pacer's gaps, from the next frame on. Raises IndexError, ValueError."""
        if not 0 <= pacer < self._pacer_count():
            raise IndexError(f"no pacer {pacer}")
        for gap_ns in (garp_gap_ns, na_gap_ns):
            if not 0 <= gap_ns <= <int64_t>ANNOUNCE_GAP_S_MAX * NS_PER_S:
                raise ValueError(f"a gap of {gap_ns} ns is not in 0..{ANNOUNCE_GAP_S_MAX} s")
        self._queues[queue_of(pacer, False)].gap_ns = garp_gap_ns
        self._queues[queue_of(pacer, True)].gap_ns = na_gap_ns
        return 0

    cdef int check(self, settings) except -1:
        """Raise ValueError for an announcement that names no pacer of ours."""
        for told in settings.announces:
            if told.pacer is not None and not 0 <= told.pacer < self._pacer_count():
                raise ValueError(f"no pacer {told.pacer}")
        return 0

    cdef void start(self, uint32_t i, const vr_t *vr, int64_t now_ns) noexcept nogil:
        """The kernel has the addresses of a MASTER: the first set now, and the others by the schedule."""
        cdef cursor_t *cursor = &self._cursors[i]
        if vr.state != ST_MASTER or vr.announce_count == 0:
            return
        self.stop(i)
        if vr.announce_delay_s:
            cursor.set_due_ns = now_ns + <int64_t>vr.announce_delay_s * NS_PER_S
        elif vr.announce_refresh_s:
            cursor.is_later = True
            cursor.set_due_ns = now_ns + <int64_t>vr.announce_refresh_s * NS_PER_S
        self.tell(i, vr, vr.announce_repeat, now_ns)

    cdef void stop(self, uint32_t i) noexcept nogil:
        """Forget what a router has yet to announce: it is no longer MASTER."""
        cdef cursor_t *cursor = &self._cursors[i]
        if i >= self._capacity:
            return
        self._leave(i)
        cursor.set_due_ns = 0
        cursor.is_later = False
        cursor.rounds = 0
        self._wheel.disarm(i * TIMERS_PER_VR + TIMER_ANNOUNCE)

    cdef void change(self, uint32_t i, const vr_t *vr, int64_t now_ns) noexcept nogil:
        """A router has other addresses, or they have other pacers: what is left of a set goes on with those."""
        if self._cursors[i].queue != VR_NONE and self._cursors[i].queue != <uint32_t>REPEATS:
            self._leave(i)
            self._go_on(i, vr, now_ns, False)
            self._arm(i)

    cdef void fire(self, uint32_t i, const vr_t *vr, int64_t now_ns) noexcept nogil:
        """TIMER_ANNOUNCE has fired: a set is due, or one frame, or both."""
        cdef cursor_t *cursor = &self._cursors[i]
        cdef bint is_set = cursor.set_due_ns != 0 and cursor.set_due_ns <= now_ns
        cdef uint32_t rounds = vr.announce_refresh_repeat if cursor.is_later else vr.announce_repeat
        if cursor.queue != VR_NONE and cursor.before == VR_NONE and self._turn_ns(cursor.queue) <= now_ns:
            if cursor.queue == <uint32_t>REPEATS:
                self._repeat(i, vr, now_ns)
            else:
                self._leave(i)
                self._go_on(i, vr, now_ns, True)
        if is_set:
            cursor.is_later = True
            cursor.set_due_ns = now_ns + <int64_t>vr.announce_refresh_s * NS_PER_S if vr.announce_refresh_s else 0
            self.tell(i, vr, rounds, now_ns)
        else:
            self._arm(i)

    cdef void tell(self, uint32_t i, const vr_t *vr, uint32_t rounds, int64_t now_ns) noexcept nogil:
        """One set: rounds over all addresses, at once where nothing paces them."""
        cdef cursor_t *cursor = &self._cursors[i]
        cdef uint32_t paced = 0, k, _
        for k in range(vr.announce_count):
            paced += vr.announces[k].pacer != VR_NONE
        if paced and cursor.queue == <uint32_t>REPEATS:     # of the addresses that it had
            self._leave(i)
            cursor.rounds = 0
        if paced == 0 and rounds > 1 and self._is_crowded():
            self._outbox.add_announces(i, vr, 1)
            self._repeat_later(i, rounds - 1, now_ns)
        elif paced == 0:
            self._outbox.add_announces(i, vr, rounds)
        elif paced < vr.announce_count:
            for _ in range(rounds):
                for k in range(vr.announce_count):
                    if vr.announces[k].pacer == VR_NONE:
                        self._outbox.add_announce(i, vr, &vr.announces[k])
        if paced and cursor.queue == VR_NONE:
            cursor.at = 0
            cursor.rounds = <uint16_t>rounds
            self._go_on(i, vr, now_ns, False)
        elif paced and cursor.rounds < rounds:
            cursor.rounds = <uint16_t>rounds
        self._arm(i)

    cdef bint tell_one(self, uint32_t i, const vr_t *vr, uint32_t place, int64_t now_ns) noexcept nogil:
        """One frame for one address of a MASTER, beside its sets; False: others wait for its pacer, or it for its gap.

        It does not wait itself: what comes at an interval may come a little later.
        """
        cdef const announce_t *announce
        cdef queue_t *queue
        if vr.state != ST_MASTER or place >= vr.announce_count:
            return True
        announce = &vr.announces[place]
        if announce.pacer != VR_NONE:
            queue = &self._queues[queue_of(announce.pacer, announce.family == FAMILY_IPV6)]
            if queue.head != VR_NONE or queue.next_ns > now_ns:
                return False
            queue.next_ns = now_ns + queue.gap_ns
        self._outbox.add_announce(i, vr, announce)
        return True

    # ---- the rounds after the first, where there is much to say

    cdef bint _is_crowded(self) noexcept nogil:
        return self._queues[REPEATS].head != VR_NONE or self._outbox.count >= <size_t>ANNOUNCE_BURST

    cdef void _repeat_later(self, uint32_t i, uint32_t rounds, int64_t now_ns) noexcept nogil:
        """The other rounds of a set, after those of routers that wait already."""
        cdef cursor_t *cursor = &self._cursors[i]
        cdef queue_t *queue = &self._queues[REPEATS]
        cdef int64_t rest_ns = now_ns + REPEAT_REST_NS
        if queue.head == VR_NONE:
            queue.rest_end_ns = now_ns + REPEAT_REST_NS_MAX
        queue.next_ns = max(queue.next_ns, min(rest_ns, queue.rest_end_ns))
        if cursor.queue == <uint32_t>REPEATS:
            if cursor.rounds < rounds:
                cursor.rounds = <uint16_t>rounds
            return
        cursor.rounds = <uint16_t>rounds
        self._append(i, REPEATS)

    cdef void _repeat(self, uint32_t i, const vr_t *vr, int64_t now_ns) noexcept nogil:
        """One round more of the head of the queue; then it waits behind the others, unless that was the last."""
        cdef cursor_t *cursor = &self._cursors[i]
        cdef queue_t *queue = &self._queues[REPEATS]
        cdef uint32_t k
        if queue.next_ns < now_ns - REPEAT_GRAIN_NS:        # what was not sent while nobody ran is not made up for
            queue.next_ns = now_ns
        for k in range(vr.announce_count):
            if vr.announces[k].pacer == VR_NONE:
                self._outbox.add_announce(i, vr, &vr.announces[k])
                queue.next_ns += queue.gap_ns
        self._leave(i)
        cursor.rounds -= 1
        if cursor.rounds:
            self._append(i, REPEATS)

    # ---- queues

    cdef void _go_on(self, uint32_t i, const vr_t *vr, int64_t now_ns, bint is_first) noexcept nogil:
        """Send what may be sent now of a router's set; then it waits, unless that was all.

        is_first: it was the head of its queue, and need not wait behind others.
        """
        cdef cursor_t *cursor = &self._cursors[i]
        cdef const announce_t *announce
        cdef queue_t *queue
        cdef uint32_t q
        while True:
            announce = self._next(cursor, vr)
            if announce == NULL:
                return
            q = queue_of(announce.pacer, announce.family == FAMILY_IPV6)
            queue = &self._queues[q]
            if queue.next_ns > now_ns or queue.head != VR_NONE and not is_first:
                self._append(i, q)
                return
            self._outbox.add_announce(i, vr, announce)
            queue.next_ns = now_ns + queue.gap_ns
            cursor.at += 1
            is_first = False
            if queue.head != VR_NONE:
                self._arm(queue.head)

    cdef const announce_t *_next(self, cursor_t *cursor, const vr_t *vr) noexcept nogil:
        """The next announcement with a pacer, or NULL when the set is through."""
        while cursor.rounds and vr.announce_count:
            if cursor.at >= vr.announce_count:
                cursor.at = 0
                cursor.rounds -= 1
            elif vr.announces[cursor.at].pacer == VR_NONE:
                cursor.at += 1
            else:
                return &vr.announces[cursor.at]
        cursor.rounds = 0
        return NULL

    cdef void _append(self, uint32_t i, uint32_t q) noexcept nogil:
        cdef queue_t *queue = &self._queues[q]
        cdef cursor_t *cursor = &self._cursors[i]
        cursor.queue = q
        cursor.before = queue.tail
        cursor.behind = VR_NONE
        if queue.tail == VR_NONE:
            queue.head = i
        else:
            self._cursors[queue.tail].behind = i
        queue.tail = i

    cdef void _leave(self, uint32_t i) noexcept nogil:
        """Take a router out of the queue that it waits in, if it does; whoever is the head then has the timer."""
        cdef cursor_t *cursor = &self._cursors[i]
        cdef queue_t *queue
        if cursor.queue == VR_NONE:
            return
        queue = &self._queues[cursor.queue]
        cursor.queue = VR_NONE
        if cursor.behind == VR_NONE:
            queue.tail = cursor.before
        else:
            self._cursors[cursor.behind].before = cursor.before
        if cursor.before != VR_NONE:
            self._cursors[cursor.before].behind = cursor.behind
            return
        queue.head = cursor.behind
        if queue.head != VR_NONE:
            self._arm(queue.head)

    cdef int64_t _turn_ns(self, uint32_t q) noexcept nogil:
        """When the head of a queue may send."""
        cdef int64_t next_ns = self._queues[q].next_ns
        return next_ns - next_ns % REPEAT_GRAIN_NS if q == <uint32_t>REPEATS else next_ns

    cdef void _arm(self, uint32_t i) noexcept nogil:
        """TIMER_ANNOUNCE := the next set, or the next frame of a queue that the router is the head of."""
        cdef const cursor_t *cursor = &self._cursors[i]
        cdef int64_t due_ns = cursor.set_due_ns
        cdef int64_t next_ns
        if cursor.queue != VR_NONE and cursor.before == VR_NONE:
            next_ns = self._turn_ns(cursor.queue)
            if due_ns == 0 or next_ns < due_ns:
                due_ns = next_ns
        if due_ns:
            self._wheel.arm(i * TIMERS_PER_VR + TIMER_ANNOUNCE, due_ns)
        else:
            self._wheel.disarm(i * TIMERS_PER_VR + TIMER_ANNOUNCE)
