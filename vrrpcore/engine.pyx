# cython: language_level=3, cdivision=True
"""The protocol without I/O: datagrams and the time in, datagrams to send and events out (RFC 9568, RFC 3768).

One Engine holds all Virtual Routers of a process. It makes no system call and reads no clock: `now_ns` is the caller's
CLOCK_MONOTONIC. This is the face of the core: what a caller may say and ask, and settings that take the place of
others. What happens to a datagram is in `hearing`, what happens to a state in `machine`. What is to be sent collects in
a batch (`outbox`) that the caller sends and clears; what the layers above have to know, in a bounded ring (`events`).

Nothing on the path of a packet or a timer touches a Python object. An advert is encoded when its inputs change, and the
batch points at those bytes; memory that is replaced while a batch points at it is freed when the batch is cleared.

One thread at a time may use an Engine.
"""

cimport cython
from libc.stdint cimport uint8_t, uint16_t
from libc.string cimport memset

from vrrpcore.consts cimport FAMILY_IPV6, GARP_FRAME_LEN, IPV4_LEN, IPV6_LEN, NS_PER_S, PRIORITY_OWNER
from vrrpcore.counters cimport (
    CNT_SEND_ERR,
    TOTAL_DOWN_TIMERS_HELD,
    TOTAL_EVENTS_COALESCED,
    TOTAL_EVENTS_DROPPED,
    TOTAL_TIMERS_FIRED,
    TOTAL_WHEEL_BOOKINGS,
    count_adver_late,
    count_down_late,
    count_pause,
    count_stall,
    counters_array,
    counters_by_name,
    drops_by_name,
    row_count,
    status_arrays,
    totals_array,
    totals_by_name,
)
from vrrpcore.events cimport EVENT_PAUSE, EVENT_SEND_ERR, EVENT_STALL, TOLD_OTHER_MASTER, TOLD_SEND_ERR
from vrrpcore.fsm cimport EV_ADVER_TIMER, EV_FAULT, EV_MASTER_DOWN_TIMER, EV_SHUTDOWN, EV_VIP_LOST
from vrrpcore.hearing cimport heard_t
from vrrpcore.limits cimport STALL_NS_MIN
from vrrpcore.lower cimport lower_timer
from vrrpcore.outbox cimport TX_FRAME, tx_t
from vrrpcore.packet cimport rx_meta_t
from vrrpcore.setup cimport copy_address, vr_check, vr_encode, vr_free, vr_setup
from vrrpcore.stall cimport overslept, relisten
from vrrpcore.sync cimport sync_join, sync_leave, sync_reasons
from vrrpcore.vr cimport (
    FAULT_GROUP,
    ST_BACKUP,
    ST_FAULT,
    ST_INIT,
    ST_MASTER,
    TIMER_ADVER,
    TIMER_ANNOUNCE,
    TIMER_LOWER,
    TIMER_MASTER_DOWN,
    TIMERS_PER_VR,
    VR_NONE,
    VRF_HELD,
    VRF_KEYED,
    VRF_USED,
)

from vrrpcore.events import EVENTS  # no-cython-lint: for callers, beside STATES
from vrrpcore.settings import Transmit, VrStatus

cdef enum:
    DUE_BATCH = 128             # timers taken from the wheel at a time

STATES = {"INIT": ST_INIT, "BACKUP": ST_BACKUP, "MASTER": ST_MASTER, "FAULT": ST_FAULT}
FAULT_GROUP_BIT = <uint32_t>FAULT_GROUP


# What an Engine has refers to nothing, so no cycle goes through it; and it all lives when the Engine is freed.
@cython.final
@cython.no_gc
cdef class Engine:
    """All Virtual Routers of a process, without I/O."""

    def __cinit__(self):
        self.table = Table()
        self.wheel = TimerWheel()
        self.outbox = Outbox()
        self.slots = SlotBook()
        self.announcer = Announcer(self.wheel, self.outbox)
        self.budget = SourceBudget()
        self.domains = Domains()
        self.events = EventRing(self.table)
        self.machine = Machine(self.table, self.wheel, self.outbox, self.slots, self.announcer, self.events)
        self.hearing = Hearing(self.table, self.wheel, self.machine, self.events, self.domains, self.budget)

    def __dealloc__(self):
        cdef uint32_t i
        for i in range(self.table.capacity):
            if self.table.vrs[i].flags & VRF_USED:
                vr_free(&self.table.vrs[i])

    # ---- what a caller says

    def add_domain(self, family: int) -> int:
        """Return the number of a new domain: one address family in one namespace.

        Raises ValueError for a family that is neither 4 nor 6.
        """
        return self.domains.add(family)

    def add_pacer(self, garp_gap_ns: int, na_gap_ns: int) -> int:
        """Return the number of a new pacer: it keeps a gap between the GARPs, and another between the NAs, of all
        addresses whose Announce names it (keepalived's vrrp_garp_interval, vrrp_gna_interval, garp_group).

        0 is no gap. Raises ValueError for a gap that is negative or longer than 4,294 s.
        """
        return self.announcer.add_pacer(garp_gap_ns, na_gap_ns)

    def set_pacer(self, pacer: int, garp_gap_ns: int, na_gap_ns: int) -> None:
        """Change the gaps of a pacer, from its next frame on. Raises IndexError, and ValueError as add_pacer() does."""
        self.announcer.set_pacer(pacer, garp_gap_ns, na_gap_ns)

    def add(self, settings) -> int:
        """Return the index of a new router, in INIT, made of `settings` (VrSettings; not kept).

        Raises ValueError when the settings are not valid, or another router already hears the same adverts.
        """
        cdef uint32_t i = self.table.allocate()
        try:
            self.wheel.reserve(self.table.capacity * TIMERS_PER_VR)
            self.announcer.reserve(self.table.capacity)
            self.budget.reserve(self.table.capacity)
            self._configure(i, settings)
        except BaseException:
            self._free_router(i)
            raise
        return i

    def configure(self, index: int, settings, now_ns: int) -> None:
        """Give a router new settings. Its state and its timers go on (T-f: a changed priority moves a deadline).

        now_ns: CLOCK_MONOTONIC. Raises IndexError, or ValueError as add() does, leaving the router as it was.
        """
        cdef vr_t *vr = self._vr(index)
        cdef uint8_t old_priority = vr.priority
        cdef uint16_t old_interval_cs = vr.advertisement_interval_cs
        cdef uint16_t old_booking = vr.booking
        cdef int64_t old_nominal_ns = vr.nominal_ns
        self._configure(index, settings)
        self.machine.move_down(index, old_priority)
        self.announcer.change(index, vr, now_ns)
        if vr.state == ST_MASTER and (vr.advertisement_interval_cs != old_interval_cs or vr.booking != old_booking):
            self.machine.arm_adver(index, now_ns, True)
            if vr.nominal_ns > old_nominal_ns:      # by the interval that was told last, that is too late
                self.outbox.add_adverts(index, vr)

    def set_priority(self, index: int, priority: int, now_ns: int) -> None:
        """Change the effective priority: the next regular advert carries it (1..255). Raises IndexError, ValueError."""
        cdef vr_t *vr = self._vr(index)
        cdef uint8_t old_priority = vr.priority
        if not 1 <= priority <= PRIORITY_OWNER:
            raise ValueError(f"priority {priority} is not in 1..255")
        if priority == old_priority:
            return
        cdef uint8_t *adverts = vr.adverts
        vr.priority = priority
        vr_encode(vr)
        self.outbox.retire(adverts)
        self.machine.move_down(index, old_priority)

    def start(self, index: int, now_ns: int) -> None:
        """Startup (s6.4.1): INIT -> BACKUP, or MASTER for an owner, or FAULT where there are reasons.

        Raises IndexError, and ValueError for a router without a source address that is given no reason for FAULT.
        """
        cdef vr_t *vr = self._vr(index)
        cdef uint8_t event = self.machine.startup_event(index)
        cdef uint32_t due
        if event != EV_FAULT and not vr.flags & VRF_KEYED:
            raise ValueError(f"router {index} has no source address yet; it has to be in FAULT")
        if self.wheel._armed_count == 0:
            # From a far start the wheel would look at its slots before the first deadline, late by a day or a year.
            self.wheel.advance(now_ns, &due, 1)
        self.machine.dispatch(index, event, now_ns, NULL, NULL)

    def stop(self, index: int, now_ns: int) -> None:
        """Shutdown (s6.4.2, s6.4.3): to INIT; a MASTER says so with priority 0."""
        self._vr(index)
        self.machine.dispatch(index, EV_SHUTDOWN, now_ns, NULL, NULL)

    def remove(self, index: int) -> None:
        """Forget a router that is in INIT. Raises ValueError in any other state.

        Its index may be given to another: take its events before. What it has queued is still sent.
        """
        cdef vr_t *vr = self._vr(index)
        if vr.state != ST_INIT:
            raise ValueError(f"router {index} still runs; stop it first")
        self._free_router(index)

    def join_group(self, index: int, member: int) -> None:
        """Couple a router with those of `member`'s sync group. Raises ValueError when it is in a group already."""
        cdef vr_t *vr = self._vr(index)
        self._vr(member)
        if vr.group_next != <uint32_t>index or index == member:
            raise ValueError(f"router {index} is in a group already")
        sync_join(self.table.vrs, index, member)

    def leave_group(self, index: int) -> None:
        """Uncouple a router from its sync group. Whether it, and those it leaves, still are in FAULT is judged at
        their next set_fault().
        """
        self._vr(index)
        sync_leave(self.table.vrs, index)

    def set_fault(self, index: int, reasons: int, now_ns: int) -> None:
        """Say for which reasons of its own a router is in FAULT (S14).

        reasons: bits 0..30, the caller's; 0 is none. The first reason of any member takes a sync group to FAULT, the
        last one's end brings it to BACKUP together. Raises IndexError, and ValueError for other bits, or for 0 where
        the router has no source address yet.
        """
        cdef vr_t *vr = self._vr(index)
        if not 0 <= reasons <= 0x7FFFFFFF:
            raise ValueError(f"reasons {reasons:#x} are not bits 0 to 30")
        if not reasons and vr.state == ST_FAULT and not vr.flags & VRF_KEYED:
            raise ValueError(f"router {index} has no source address yet; it has to be in FAULT")
        self.machine.set_fault(index, reasons, now_ns)

    def vip_lost(self, index: int, now_ns: int) -> None:
        """Somebody else removed an address: priority 0, BACKUP, and Skew_Time to whoever is better (keepalived)."""
        self._vr(index)
        self.machine.dispatch(index, EV_VIP_LOST, now_ns, NULL, NULL)

    def stand_aside(self, index: int, wanted: bool, now_ns: int) -> None:
        """Have a router, and so its whole sync group, stay out of MASTER, or not any longer.

        A MASTER yields: priority 0, BACKUP. While it stands aside it obeys whoever is MASTER, and waits if nobody is.
        Then its settings count again; where nobody was MASTER, from a Skew_Time later on.
        """
        self._vr(index)
        self.machine.stand_aside(index, wanted, now_ns)

    def announce(self, index: int, now_ns: int) -> None:
        """The kernel has the addresses: tell the segment by GARP and NA, now and by the schedule (T8)."""
        cdef vr_t *vr = self._vr(index)
        self.announcer.start(index, vr, now_ns)

    def announce_one(self, index: int, place: int, now_ns: int) -> bool:
        """Announce one address of a MASTER, by its place in `announces`, once; False: its pacer is not free yet."""
        cdef vr_t *vr = self._vr(index)
        return self.announcer.tell_one(index, vr, place, now_ns)

    # ---- a caller's own clock and network: simulation and tests

    def receive_datagram(self, message: bytes, *, domain: int, ifindex: int, source: bytes, destination: bytes,
                         ttl: int, now_ns: int) -> None:
        """Hear one VRRP message, without its IP header.

        message: 0..65535 bytes, not kept; source, destination: 4 or 16 bytes; ttl: TTL or Hop Limit.
        Whatever is wrong with it is counted. Raises IndexError, ValueError for the caller's own mistakes.
        """
        cdef rx_meta_t rx
        self.domains.check(domain)
        memset(&rx, 0, sizeof(rx))
        rx.arrival_ns = now_ns
        rx.domain = domain
        rx.ifindex = ifindex
        rx.family = self.domains.each[<uint32_t>domain].family
        rx.ttl = ttl
        copy_address(rx.src, rx.family, source)
        copy_address(rx.dst, rx.family, destination)
        rx.multicast = rx.dst[0] == 0xFF if rx.family == FAMILY_IPV6 else rx.dst[0] >> 4 == 0xE
        cdef heard_t heard
        heard.rx = rx
        heard.message = message
        heard.length = len(message)
        self.hearing.receive(&heard, 1)

    def advance(self, now_ns: int, *, unread=None) -> None:
        """Let time pass: expire every timer due at `now_ns`.

        unread: domains in which something that has arrived was not given yet, each with the time up to which all was
        (dict of int to nanoseconds); in the others all was. Raises IndexError.
        """
        unread = unread or {}
        for domain in unread:
            self.domains.check(domain)
        for domain, heard_until_ns in unread.items():
            self.domains.each[<uint32_t>domain].is_idle = 0
            self.domains.each[<uint32_t>domain].heard_until_ns = heard_until_ns
        self.domains.polled_ns = now_ns
        while self.expire(now_ns, DUE_BATCH) == DUE_BATCH:
            pass
        for domain in unread:
            self.domains.each[<uint32_t>domain].is_idle = 1
        for domain in range(self.domains.count):
            self.domains.each[<uint32_t>domain].wants_look = 0
        self.domains.look_count = 0

    def stalled(self, late_ns: int, now_ns: int, *, pause_ns: int = 0) -> None:
        """The caller itself woke `late_ns` after the next deadline; to be said before what has arrived is given.

        pause_ns: for how long the machine stood still as well, which the caller's clock does not show.
        """
        self.notice_stall(late_ns, pause_ns, now_ns)

    def deaf(self, domain: int, deaf_ns: int, now_ns: int) -> None:
        """Adverts of the last `deaf_ns` may have been lost before they could be given. Raises IndexError."""
        self.domains.check(domain)
        relisten(self.table, self.machine, domain, deaf_ns, now_ns)

    def tell_unknown(self, domain: int, wanted: bool) -> None:
        """Tell, or not, of VRIDs that no router of a domain has: each of them once from now on. Raises IndexError."""
        self.domains.tell_unknown(domain, wanted)

    def next_deadline(self) -> int:
        """Return when the next timer is due, in nanoseconds of the caller's clock; -1 when none runs."""
        return self.wheel.next_deadline_ns()

    def tell_again(self, index: int) -> None:
        """Tell of another MASTER when one is heard, though it was told in this state. Raises IndexError."""
        self._vr(index).told &= ~<uint32_t>TOLD_OTHER_MASTER

    def take_transmits(self) -> list:
        """Return what is to be sent (list of Transmit), counted as sent, and clear the batch."""
        cdef size_t k
        cdef tx_t *tx
        cdef size_t length
        batch = []
        for k in range(self.outbox.count):
            tx = &self.outbox.tx[k]
            if tx.kind == TX_FRAME:
                length = IPV4_LEN if tx.length == GARP_FRAME_LEN else IPV6_LEN
            else:
                length = IPV6_LEN if self.domains.each[tx.domain].family == FAMILY_IPV6 else IPV4_LEN
            batch.append(Transmit(tx.domain, tx.ifindex, -1 if tx.vr == VR_NONE else tx.vr, tx.kind == TX_FRAME,
                                  tx.src[:length], tx.dst[:length], tx.data[:tx.length]))
            self.table.tally(tx.vr, tx.counter)
        self.outbox.clear()
        return batch

    # ---- what a caller is told

    def take_events(self, limit: int = 1024) -> list:
        """Return and forget up to `limit` events (list of Event), oldest first.

        After the ring had overflowed, the state of each router concerned follows as one more event.
        """
        return self.events.take(limit)

    def events_waiting(self) -> int:
        """Return how many events take_events() would find."""
        return self.events.waiting()

    def status(self, index: int):
        """Return a look at one router (VrStatus). Raises IndexError."""
        cdef vr_t *vr = self._vr(index)
        cdef int64_t deadline_ns
        if vr.state == ST_MASTER:
            deadline_ns = self.wheel.deadline_ns(<uint32_t>index * TIMERS_PER_VR + TIMER_ADVER)
        else:
            deadline_ns = self.machine.down_deadline_ns(index)
        return VrStatus(vr.state, vr.priority, vr.since_ns, sync_reasons(self.table.vrs, index), vr.master_addr[:16],
                        vr.master_priority, vr.master_adver_interval_cs, vr.peer_addr[:16], vr.peer_priority,
                        vr.peer_heard_ns, deadline_ns)

    def counters(self, index: int) -> dict:
        """Return the counters of one router by name. Raises IndexError."""
        return counters_by_name(self.table.counters[index].count, self._vr(index))

    def counters_array(self):
        """Return a copy of the counters of all routers (array of "Q", the caller's), row by row.

        Row i is router i's, all 0 where nobody has the index; its columns are vrrpcore.counters.COUNTER_NAMES.
        """
        return counters_array(self.table.counters, self.table.vrs, row_count(self.table.vrs, self.table.capacity))

    def status_arrays(self):
        """Return how all routers stand (StatusArrays, the caller's)."""
        return status_arrays(self.table.vrs, row_count(self.table.vrs, self.table.capacity))

    def totals(self) -> dict:
        """Return what is counted for all together, by name."""
        return totals_by_name(self._totals())

    def totals_array(self):
        """Return a copy of what is counted for all together (array of "Q"), by vrrpcore.counters.TOTAL_NAMES."""
        return totals_array(self._totals())

    def domain_drops(self, domain: int) -> dict:
        """Return by name how many datagrams of a domain belonged to no router. Raises IndexError."""
        self.domains.check(domain)
        return drops_by_name(self.domains.each[<uint32_t>domain].drops)

    def __len__(self) -> int:
        return self.table.used

    cdef uint64_t *_totals(self) noexcept:
        """By TOTAL_*, with what the parts count themselves."""
        self.total[TOTAL_WHEEL_BOOKINGS] = self.wheel.bookings
        self.total[TOTAL_EVENTS_COALESCED] = self.events.coalesced
        self.total[TOTAL_EVENTS_DROPPED] = self.events.dropped
        return self.total

    # ---- time

    cdef size_t expire(self, int64_t now_ns, size_t limit) noexcept nogil:
        """Fire timers due at `now_ns`, at most `limit` of them; return how many were due.

        A Master_Down_Timer fires only when everything that arrived before its deadline has been heard: otherwise its
        domain wants a look, and the timer is due again at once.
        """
        cdef uint32_t due[DUE_BATCH]
        cdef size_t fired = 0, found, k
        cdef uint32_t i
        while fired < limit:
            found = self.wheel.advance(now_ns, due, DUE_BATCH if limit - fired > DUE_BATCH else limit - fired)
            if found == 0:
                break
            fired += found
            self.total[TOTAL_TIMERS_FIRED] += found
            for k in range(found):
                self.table.fetch_sender(due[k] // TIMERS_PER_VR)
            for k in range(found):
                if due[k] % TIMERS_PER_VR == TIMER_ADVER:
                    self.table.fetch_advert(due[k] // TIMERS_PER_VR)
            for k in range(found):
                i = due[k] // TIMERS_PER_VR
                if due[k] % TIMERS_PER_VR == TIMER_ADVER:
                    count_adver_late(self.total, now_ns - self.wheel._timers[due[k]].deadline_ns)
                    self.machine.dispatch(i, EV_ADVER_TIMER, now_ns, NULL, NULL)
                elif due[k] % TIMERS_PER_VR == TIMER_ANNOUNCE:
                    self.announcer.fire(i, &self.table.vrs[i], now_ns)
                elif due[k] % TIMERS_PER_VR == TIMER_LOWER:
                    lower_timer(self.table.vrs, i, self.wheel, self.announcer, now_ns)
                elif self._may_expire(i, now_ns):
                    self.machine.dispatch(i, EV_MASTER_DOWN_TIMER, now_ns, NULL, NULL)
        return fired

    cdef bint _may_expire(self, uint32_t i, int64_t now_ns) noexcept nogil:
        # The timer has been taken from the wheel; its deadline is still there, or kept from an earlier try.
        cdef vr_t *vr = &self.table.vrs[i]
        cdef uint32_t timer = i * TIMERS_PER_VR + TIMER_MASTER_DOWN
        if not vr.flags & VRF_HELD:
            vr.flags |= VRF_HELD
            vr.held_ns = self.wheel._timers[timer].deadline_ns
        if self.domains.has_heard(vr.domain, vr.held_ns):
            count_down_late(self.total, now_ns - vr.held_ns)
            vr.flags &= ~<uint32_t>VRF_HELD
            return True
        self.total[TOTAL_DOWN_TIMERS_HELD] += 1
        self.wheel.arm(timer, now_ns + 1)
        return False

    cdef void notice_stall(self, int64_t late_ns, int64_t pause_ns, int64_t now_ns) noexcept nogil:
        """A turn came `late_ns` after it was due, and the clock stood still for `pause_ns` on top of that.

        To be called before the queues are read. A stall that no router minds is counted and not told; a pause is rare.
        """
        cdef uint32_t concerned
        cdef bint was_paused = pause_ns >= STALL_NS_MIN
        if late_ns < STALL_NS_MIN and not was_paused:
            return
        if late_ns >= STALL_NS_MIN:
            count_stall(self.total, late_ns)
        if was_paused:
            count_pause(self.total, pause_ns)
        concerned = overslept(self.table, self.machine, late_ns + pause_ns, was_paused, now_ns)
        if was_paused:
            self._tell_us(EVENT_PAUSE, pause_ns, now_ns)
        elif concerned:
            self._tell_us(EVENT_STALL, late_ns, now_ns)

    cdef void _tell_us(self, uint8_t kind, int64_t ns, int64_t now_ns) noexcept nogil:
        """Tell of a time that concerns no single router."""
        self.events.tell(kind, VR_NONE, now_ns, 0, 0, NULL, NULL,
                         <uint32_t>(ns // 1000) if ns < <int64_t>4000 * NS_PER_S else 0xFFFFFFFF)

    cdef void send_failed(self, uint32_t i, int error, int64_t now_ns) noexcept nogil:
        """The kernel refused a datagram of router `i` with errno `error`: counted, told once."""
        cdef vr_t *vr
        if i == VR_NONE:
            return
        vr = &self.table.vrs[i]
        self.table.tally(i, CNT_SEND_ERR)
        if not vr.told & TOLD_SEND_ERR:
            vr.told |= TOLD_SEND_ERR
            self.events.tell(EVENT_SEND_ERR, i, now_ns, vr.state, 0, NULL, NULL, <uint32_t>error)

    # ---- settings

    cdef vr_t *_vr(self, i) except NULL:
        if not 0 <= i < self.table.capacity or not self.table.vrs[<uint32_t>i].flags & VRF_USED:
            raise IndexError(f"no router {i}")
        return &self.table.vrs[<uint32_t>i]

    def _configure(self, i: int, settings) -> None:
        """Check, then change: a refused change leaves the router as it was."""
        cdef vr_t *vr = self._vr(i)
        cdef vr_t new
        vr_check(settings, self.domains.count)
        self.announcer.check(settings)
        if vr.state not in (ST_INIT, ST_FAULT) and not any(settings.source):
            raise ValueError(f"router {i} runs and would have no source address; it has to be in FAULT")
        new = vr[0]
        vr_setup(&new, settings, self.domains.each[<uint32_t>settings.domain].family)
        cdef bint was_keyed = vr.flags & VRF_KEYED
        cdef vr_t old
        cdef uint16_t booking = vr.booking
        try:
            self.slots.admit(new.advertisement_interval_cs, new.dst_count)
        except BaseException:
            vr_free(&new)
            raise
        self.slots.release(vr)
        new.booking = 0
        old = vr[0]
        try:
            self.table.unkey(i)
            vr[0] = new
            if any(settings.source):
                self.table.key(i)
        except BaseException:
            vr_free(&new)
            vr[0] = old
            vr.flags &= ~<uint32_t>VRF_KEYED
            if was_keyed:
                self.table.key(i)
            self.slots.dismiss(new.advertisement_interval_cs, new.dst_count)
            if booking:
                self.slots.book_at(vr, booking)
            raise
        if old.advertisement_interval_cs:
            self.slots.dismiss(old.advertisement_interval_cs, old.dst_count)
        if booking:
            self.slots.book_at(vr, booking if old.advertisement_interval_cs == new.advertisement_interval_cs else 0)
        self._retire(&old)

    cdef int _retire(self, vr_t *vr) except -1:
        """Give up what a router owns, once nothing that is to be sent points at it."""
        self.outbox.retire(vr.dsts)
        self.outbox.retire(vr.addrs)
        self.outbox.retire(vr.announces)
        self.outbox.retire(vr.adverts)
        vr.dsts = vr.addrs = vr.adverts = NULL
        vr.announces = NULL
        return 0

    def _free_router(self, i: int) -> None:
        cdef vr_t *vr = self._vr(i)
        cdef uint32_t k
        for k in range(TIMERS_PER_VR):
            if <size_t>i * TIMERS_PER_VR + k < self.wheel._capacity:
                self.wheel.disarm(<uint32_t>i * TIMERS_PER_VR + k)
        self.announcer.stop(i)
        self.budget.forget(i)
        self.outbox.disown(i)
        sync_leave(self.table.vrs, i)
        self.table.unkey(i)
        if vr.advertisement_interval_cs:
            self.slots.dismiss(vr.advertisement_interval_cs, vr.dst_count)
        self._retire(vr)
        self.table.release(i)
