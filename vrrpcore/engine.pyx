# cython: language_level=3, cdivision=True
"""The protocol without I/O: datagrams and the time in, datagrams to send and events out (RFC 9568, RFC 3768).

One Engine holds all Virtual Routers of a process. It makes no system call and reads no clock: `now_ns` is the caller's
CLOCK_MONOTONIC. A datagram goes packet -> table -> election -> fsm; what the state machine asks for is carried out
here. What is to be sent collects in a batch (`tx`) that the caller sends and clears; what the layers above have to
know collects in a bounded ring of events. When the ring is full, the newest state of each router still arrives: the
router is marked, and its state is told when the ring has been emptied.

Nothing on the path of a packet or a timer touches a Python object. An advert is encoded when its inputs change, and the
batch points at those bytes; memory that is replaced while a batch points at it is freed when the batch is cleared.

One thread at a time may use an Engine.
"""

cimport cython
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

from vrrpcore.consts cimport (
    FAMILY_IPV4,
    FAMILY_IPV6,
    GARP_FRAME_LEN,
    IPV4_LEN,
    IPV6_LEN,
    NS_PER_CS,
    NS_PER_S,
    PRIORITY_OWNER,
)
from vrrpcore.budget cimport SourceBudget
from vrrpcore.counters cimport (
    CNT_ADDR_LIST_ERR,
    CNT_BECOME_MASTER,
    CNT_CHECKSUM_FOREIGN,
    CNT_DROP,
    CNT_FIRST_ADDR_ERR,
    CNT_INTERVAL_DIFFERS,
    CNT_INTERVAL_SHORT,
    CNT_OTHER_MASTER,
    CNT_PRI_ZERO_RCVD,
    CNT_RELEASE_MASTER,
    CNT_SEND_ERR,
    CNT_UNLISTED_SOURCE,
    TOTAL_DOWN_TIMERS_HELD,
    TOTAL_EVENTS_COALESCED,
    TOTAL_EVENTS_DROPPED,
    TOTAL_TIMERS_FIRED,
    count_adver_late,
    count_down_late,
    count_stall,
    counters_array,
    counters_by_name,
    drops_by_name,
    row_count,
    status_arrays,
    totals_array,
    totals_by_name,
)
from vrrpcore.election cimport (
    ADVERT_WINS,
    ADVERT_ZERO,
    judge,
    learn,
    learned_interval_cs,
    master_down_interval_ns,
    skew_time_ns,
    verdict_t,
)
from vrrpcore.fsm cimport (
    ACT_ANSWER_HIGHER,
    ACT_ANSWER_LOWER,
    ACT_ARM_ADVER,
    ACT_ARM_DOWN,
    ACT_ARM_SKEW,
    ACT_ASSERT,
    ACT_CLAIM,
    ACT_DISARM,
    ACT_FORGET,
    ACT_LEARN,
    ACT_RELEASE,
    ACT_SEND_ADVERT,
    ACT_SEND_ZERO,
    EV_ADVER_TIMER,
    EV_ADVERT_LOSES,
    EV_ADVERT_WINS,
    EV_ADVERT_ZERO,
    EV_FAULT,
    EV_FAULT_CLEARED,
    EV_GROUP_BACKUP,
    EV_GROUP_MASTER,
    EV_MASTER_DOWN_TIMER,
    EV_SHUTDOWN,
    EV_STARTUP,
    EV_STARTUP_OWNER,
    EV_VIP_LOST,
    EV_YIELD,
    fsm_step,
    transition_t,
)
from vrrpcore.limits cimport (
    EVENT_RING_SIZE,
    OVERFLOW_DOWN_INTERVALS,
    STALL_NS_MIN,
)
from vrrpcore.lower cimport lower_heard, lower_timer
from vrrpcore.outbox cimport TX_FRAME, Outbox, tx_t
from vrrpcore.pacing cimport Announcer
from vrrpcore.packet cimport (
    DROP_BUDGET,
    DROP_MODE,
    DROP_NONE,
    DROP_VRID,
    advert_decode,
    advert_peek,
    drop_t,
    expect_t,
)
from vrrpcore.scrutiny cimport REMARK_ADDRESS_LIST, REMARK_FIRST_ADDRESS, limit_ttl, scrutinize
from vrrpcore.setup cimport copy_address, vr_check, vr_encode, vr_free, vr_setup
from vrrpcore.sync cimport (
    sync_has_fault,
    sync_is_aside,
    sync_join,
    sync_leave,
    sync_others_want_master,
    sync_owns,
    sync_set_fault,
)
from vrrpcore.table cimport prefetch
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
    VRF_ASIDE,
    VRF_COALESCED,
    VRF_HELD,
    VRF_HIGHER_ADVERT,
    VRF_KEYED,
    VRF_LOWER_AGAIN,
    VRF_LOWER_SECOND,
    VRF_LOWER_SILENT,
    VRF_PEER_TTL,
    VRF_STALLED,
    VRF_UNICAST,
    VRF_USED,
    VRF_WANTS_MASTER,
    VRF_YIELDS,
)

from vrrpcore.settings import Event, Transmit, VrStatus

cdef enum:
    DUE_BATCH = 128             # timers taken from the wheel at a time

    # What the table has a BACKUP do with an advert that wins: nearly every one that is ever heard.
    ACT_OBEY = ACT_LEARN | ACT_ARM_DOWN

assert DROP_COUNT <= 24
assert fsm_step(ST_BACKUP, EV_ADVERT_WINS).actions == ACT_OBEY
assert fsm_step(ST_BACKUP, EV_ADVERT_WINS).next_state == ST_BACKUP

STATES = {"INIT": ST_INIT, "BACKUP": ST_BACKUP, "MASTER": ST_MASTER, "FAULT": ST_FAULT}
EVENTS = {
    "state": EVENT_STATE, "drop": EVENT_DROP, "other_master": EVENT_OTHER_MASTER,
    "address_list": EVENT_ADDRESS_LIST, "interval": EVENT_INTERVAL, "unlisted": EVENT_UNLISTED, "stall": EVENT_STALL,
    "send_err": EVENT_SEND_ERR, "first_address": EVENT_FIRST_ADDRESS, "interval_short": EVENT_INTERVAL_SHORT,
    "unknown_vrid": EVENT_UNKNOWN_VRID,
}
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
        self._events = <event_t *>malloc(EVENT_RING_SIZE * sizeof(event_t))
        if self._events == NULL:
            raise MemoryError

    def __dealloc__(self):
        cdef uint32_t i
        for i in range(self.table.capacity):
            if self.table.vrs[i].flags & VRF_USED:
                vr_free(&self.table.vrs[i])
        free(self._events)
        free(self.domains)

    # ---- what a caller says

    def add_domain(self, family: int) -> int:
        """Return the number of a new domain: one address family in one namespace.

        Raises ValueError for a family that is neither 4 nor 6.
        """
        if family not in (FAMILY_IPV4, FAMILY_IPV6):
            raise ValueError(f"family {family} is neither 4 nor 6")
        cdef domain_t *domains = <domain_t *>realloc(self.domains, (self.domain_count + 1) * sizeof(domain_t))
        if domains == NULL:
            raise MemoryError
        self.domains = domains
        memset(&domains[self.domain_count], 0, sizeof(domain_t))
        domains[self.domain_count].family = family
        domains[self.domain_count].is_idle = 1
        self.domain_count += 1
        return self.domain_count - 1

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
        cdef uint32_t k
        try:
            self.wheel.reserve(self.table.capacity * TIMERS_PER_VR)
            self.announcer.reserve(self.table.capacity)
            self.budget.reserve(self.table.capacity)
            for k in range(TIMERS_PER_VR):
                self.wheel._timers[i * TIMERS_PER_VR + k].owner = i * TIMERS_PER_VR + k
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
        self._moved_priority(index, old_priority)
        self.announcer.change(index, vr, now_ns)
        if vr.state == ST_MASTER and (vr.advertisement_interval_cs != old_interval_cs or vr.booking != old_booking):
            self._arm_adver(index, now_ns, True)
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
        self._moved_priority(index, old_priority)

    def start(self, index: int, now_ns: int) -> None:
        """Startup (s6.4.1): INIT -> BACKUP, or MASTER for an owner, or FAULT where there are reasons.

        Raises IndexError, and ValueError for a router without a source address that is given no reason for FAULT.
        """
        cdef vr_t *vr = self._vr(index)
        cdef uint8_t event = EV_STARTUP_OWNER if sync_owns(self.table.vrs, index) else EV_STARTUP
        cdef uint32_t due
        if vr.fault_reasons or (vr.group_next != index and sync_has_fault(self.table.vrs, index)):
            event = EV_FAULT
        if event != EV_FAULT and not vr.flags & VRF_KEYED:
            raise ValueError(f"router {index} has no source address yet; it has to be in FAULT")
        if self.wheel._armed_count == 0:
            # From a far start the wheel would look at its slots before the first deadline, late by a day or a year.
            self.wheel.advance(now_ns, &due, 1)
        self._dispatch(index, event, now_ns, NULL, NULL)

    def stop(self, index: int, now_ns: int) -> None:
        """Shutdown (s6.4.2, s6.4.3): to INIT; a MASTER says so with priority 0."""
        self._vr(index)
        self._dispatch(index, EV_SHUTDOWN, now_ns, NULL, NULL)

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
        self.table.vrs[index].fault_reasons &= ~<uint32_t>FAULT_GROUP

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
        cdef vr_t *vrs = self.table.vrs
        cdef uint32_t i = index, j = i
        cdef uint8_t event = EV_FAULT if sync_set_fault(vrs, i, reasons) else EV_FAULT_CLEARED
        while True:
            if vrs[j].state != ST_INIT:
                self._apply(j, event, now_ns, NULL, NULL)
            j = vrs[j].group_next
            if j == i:
                break

    def vip_lost(self, index: int, now_ns: int) -> None:
        """Somebody else removed an address: priority 0, BACKUP, and Skew_Time to whoever is better (keepalived)."""
        self._vr(index)
        self._dispatch(index, EV_VIP_LOST, now_ns, NULL, NULL)

    def stand_aside(self, index: int, wanted: bool, now_ns: int) -> None:
        """Have a router, and so its whole sync group, stay out of MASTER, or not any longer.

        A MASTER yields: priority 0, BACKUP. While it stands aside it obeys whoever is MASTER, and waits if nobody is.
        Then its settings count again; where nobody was MASTER, from a Skew_Time later on.
        """
        cdef vr_t *vr = self._vr(index)
        cdef uint32_t i = index, j = i
        if wanted:
            vr.flags = (vr.flags | VRF_ASIDE) & ~<uint32_t>(VRF_WANTS_MASTER | VRF_YIELDS)
            self._dispatch(i, EV_YIELD, now_ns, NULL, NULL)
            return
        vr.flags &= ~<uint32_t>VRF_ASIDE
        while not sync_is_aside(self.table.vrs, i):
            if self.table.vrs[j].state == ST_BACKUP and self._down_deadline_ns(j) < 0:
                self._arm_skew(j, now_ns)
            j = self.table.vrs[j].group_next
            if j == i:
                break

    def announce(self, index: int, now_ns: int) -> None:
        """The kernel has the addresses: tell the segment by GARP and NA, now and by the schedule (T8)."""
        cdef vr_t *vr = self._vr(index)
        self.announcer.start(index, vr, now_ns)

    # ---- a caller's own clock and network: simulation and tests

    def receive_datagram(self, message: bytes, *, domain: int, ifindex: int, source: bytes, destination: bytes,
                         ttl: int, now_ns: int) -> None:
        """Hear one VRRP message, without its IP header.

        message: 0..65535 bytes, not kept; source, destination: 4 or 16 bytes; ttl: TTL or Hop Limit.
        Whatever is wrong with it is counted. Raises IndexError, ValueError for the caller's own mistakes.
        """
        cdef rx_meta_t rx
        self._check_domains((domain,))
        memset(&rx, 0, sizeof(rx))
        rx.arrival_ns = now_ns
        rx.domain = domain
        rx.ifindex = ifindex
        rx.family = self.domains[domain].family
        rx.ttl = ttl
        copy_address(rx.src, rx.family, source)
        copy_address(rx.dst, rx.family, destination)
        rx.multicast = rx.dst[0] == 0xFF if rx.family == FAMILY_IPV6 else rx.dst[0] >> 4 == 0xE
        cdef heard_t heard
        heard.rx = rx
        heard.message = message
        heard.length = len(message)
        self.receive(&heard, 1)

    def advance(self, now_ns: int, *, unread=None) -> None:
        """Let time pass: expire every timer due at `now_ns`.

        unread: domains in which something that has arrived was not given yet, each with the time up to which all was
        (dict of int to nanoseconds); in the others all was. Raises IndexError.
        """
        unread = unread or {}
        self._check_domains(unread)
        for domain, heard_until_ns in unread.items():
            self.domains[<uint32_t>domain].is_idle = 0
            self.domains[<uint32_t>domain].heard_until_ns = heard_until_ns
        self.polled_ns = now_ns
        while self.expire(now_ns, DUE_BATCH) == DUE_BATCH:
            pass
        for domain in unread:
            self.domains[<uint32_t>domain].is_idle = 1
        for domain in range(self.domain_count):
            self.domains[<uint32_t>domain].wants_look = 0
        self.look_count = 0

    def stalled(self, late_ns: int, now_ns: int) -> None:
        """The caller itself woke `late_ns` after the next deadline; to be said before what has arrived is given."""
        self.notice_stall(late_ns, now_ns)

    def deaf(self, domain: int, deaf_ns: int, now_ns: int) -> None:
        """Adverts of the last `deaf_ns` may have been lost before they could be given. Raises IndexError."""
        self._check_domains((domain,))
        self.relisten(domain, deaf_ns, now_ns)

    def tell_unknown(self, domain: int, wanted: bool) -> None:
        """Tell, or not, of VRIDs that no router of a domain has: each of them once from now on. Raises IndexError."""
        self._check_domains((domain,))
        self.domains[<uint32_t>domain].tells_unknown = wanted
        memset(self.domains[<uint32_t>domain].told_vrids, 0, 32)

    def next_deadline(self) -> int:
        """Return when the next timer is due, in nanoseconds of the caller's clock; -1 when none runs."""
        return self.next_deadline_ns()

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
                length = IPV6_LEN if self.domains[tx.domain].family == FAMILY_IPV6 else IPV4_LEN
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
        cdef event_t *event
        cdef vr_t *vr
        cdef uint32_t i
        events = []
        while self._event_count and len(events) < limit:
            event = &self._events[self._event_head]
            self._event_head = (self._event_head + 1) % EVENT_RING_SIZE
            self._event_count -= 1
            events.append(Event(event.kind, -1 if event.vr == VR_NONE else event.vr, event.at_ns, event.old_state,
                                event.state, event.reason, event.priority, event.addr[:16], event.value))
        if self._has_coalesced and not self._event_count:
            self._has_coalesced = False
            for i in range(self.table.capacity):
                vr = &self.table.vrs[i]
                if not vr.flags & VRF_COALESCED:
                    continue
                if len(events) >= limit:
                    self._has_coalesced = True
                    break
                vr.flags &= ~<uint32_t>VRF_COALESCED
                events.append(Event(EVENT_STATE, i, vr.since_ns, vr.state, vr.state, 0, 0, bytes(16), 0))
        return events

    def events_waiting(self) -> int:
        """Return how many events take_events() would find."""
        return self.event_count()

    def status(self, index: int):
        """Return a look at one router (VrStatus). Raises IndexError."""
        cdef vr_t *vr = self._vr(index)
        cdef int64_t deadline_ns
        if vr.state == ST_MASTER:
            deadline_ns = self.wheel.deadline_ns(<uint32_t>index * TIMERS_PER_VR + TIMER_ADVER)
        else:
            deadline_ns = self._down_deadline_ns(index)
        return VrStatus(vr.state, vr.priority, vr.since_ns, vr.fault_reasons, vr.master_addr[:16],
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
        return totals_by_name(self.total, self.wheel.bookings)

    def totals_array(self):
        """Return a copy of what is counted for all together (array of "Q"), by vrrpcore.counters.TOTAL_NAMES."""
        return totals_array(self.total, self.wheel.bookings)

    def domain_drops(self, domain: int) -> dict:
        """Return by name how many datagrams of a domain belonged to no router. Raises IndexError."""
        self._check_domains((domain,))
        return drops_by_name(self.domains[domain].drops)

    def __len__(self) -> int:
        return self.table.used

    # ---- receiving

    cdef void count_drop(self, uint32_t domain, uint32_t reason) noexcept nogil:
        self.domains[domain].drops[reason] += 1

    cdef void _unknown_vrid(self, const rx_meta_t *rx, uint8_t vrid) noexcept nogil:
        cdef domain_t *domain = &self.domains[rx.domain]
        self.count_drop(rx.domain, DROP_VRID)
        if domain.tells_unknown and not domain.told_vrids[vrid >> 3] >> (vrid & 7) & 1:
            domain.told_vrids[vrid >> 3] |= <uint8_t>(1 << (vrid & 7))
            self._emit(EVENT_UNKNOWN_VRID, VR_NONE, rx.arrival_ns, 0, 0, rx, NULL, rx.domain << 8 | vrid)

    cdef void receive(self, heard_t *batch, size_t count) noexcept nogil:
        """Hear VRRP messages, in the order in which they arrived. A discarded one moves no timer and changes no state
        (s7.1).

        Among thousands of routers nothing of an advert's own is in a cache. So a batch is gone through three times:
        where each router is found, and then what it consists of, is on its way from memory while others are looked at.
        """
        cdef heard_t *heard
        cdef size_t k
        for k in range(count):
            heard = &batch[k]
            heard.drop = advert_peek(heard.message, heard.length, &heard.vrid)
            if heard.drop == DROP_NONE:
                heard.vr = self.table.foresee(heard.rx.domain, heard.rx.ifindex, heard.vrid, heard.rx.dst,
                                              heard.rx.src, heard.rx.multicast)
        for k in range(count):
            heard = &batch[k]
            if heard.drop == DROP_NONE:
                heard.vr = self.table.find(heard.vr, heard.rx.domain, heard.rx.ifindex, heard.vrid, heard.rx.dst,
                                           heard.rx.src, heard.rx.multicast, &heard.listed)
                if heard.vr != VR_NONE:
                    self.table.fetch(heard.vr)
                    prefetch(&self.wheel._timers[heard.vr * TIMERS_PER_VR + TIMER_MASTER_DOWN])
        for k in range(count):
            if batch[k].drop == DROP_NONE:
                self._hear(&batch[k])
            else:
                self.count_drop(batch[k].rx.domain, batch[k].drop)

    cdef void _hear(self, const heard_t *heard) noexcept nogil:
        """Hear one message, of the router that was found, if one was.

        What arrived before the router entered its state, and was read only now, counts from there: a timer that
        starts with a state runs in full.
        """
        cdef const rx_meta_t *rx = &heard.rx
        cdef const uint8_t *message = heard.message
        cdef size_t length = heard.length
        cdef bint listed = heard.listed
        cdef uint32_t i = heard.vr
        cdef advert_t advert
        cdef expect_t limited
        cdef const expect_t *expect
        cdef vr_t *vr
        cdef uint64_t *count
        cdef int64_t at_ns
        cdef verdict_t verdict
        cdef drop_t drop
        cdef uint32_t remarks
        if i == VR_NONE:
            i = self.table.find_vrid(rx.domain, rx.ifindex, heard.vrid)
            if i != VR_NONE and (self.table.vrs[i].flags & VRF_UNICAST != 0) == rx.multicast:
                self.table.tally(i, CNT_DROP + DROP_MODE)
                self._emit_once(EVENT_DROP, i, 1 << DROP_MODE, rx, NULL, DROP_MODE)
            else:
                self._unknown_vrid(rx, heard.vrid)
            return
        vr = &self.table.vrs[i]
        count = self.table.counters[i].count
        expect = &vr.expect
        if vr.flags & VRF_PEER_TTL and listed:
            limited = vr.expect
            limit_ttl(vr, rx, &limited)
            expect = &limited
        drop = advert_decode(message, length, rx, expect, &advert)
        if drop == DROP_NONE:
            drop = scrutinize(vr, rx, listed, &advert, &remarks)
            if drop == DROP_NONE and not listed and self.budget.exceeds(i, vr, rx.src, rx.arrival_ns):
                drop = DROP_BUDGET
        if drop != DROP_NONE:
            count[CNT_DROP + drop] += 1
            self._emit_once(EVENT_DROP, i, <uint32_t>1 << drop, rx, NULL if drop < DROP_MODE else &advert, drop)
            return
        at_ns = rx.arrival_ns if rx.arrival_ns > vr.since_ns else vr.since_ns
        verdict = judge(vr, advert.priority, rx.src, at_ns)

        vr.advert_rcvd += 1
        memcpy(vr.peer_addr, rx.src, 16)
        vr.peer_priority = advert.priority
        vr.peer_heard_ns = rx.arrival_ns
        if not listed:
            count[CNT_UNLISTED_SOURCE] += 1
            self._emit_once(EVENT_UNLISTED, i, TOLD_UNLISTED, rx, &advert, 0)
        if advert.csum_foreign:
            count[CNT_CHECKSUM_FOREIGN] += 1
        if advert.max_adver_int_cs != vr.advertisement_interval_cs:
            count[CNT_INTERVAL_DIFFERS] += 1
            self._emit_once(EVENT_INTERVAL, i, TOLD_INTERVAL, rx, &advert, advert.max_adver_int_cs)
            if verdict == ADVERT_WINS and learned_interval_cs(vr, advert.max_adver_int_cs) != advert.max_adver_int_cs:
                count[CNT_INTERVAL_SHORT] += 1
                self._emit_once(EVENT_INTERVAL_SHORT, i, TOLD_INTERVAL_SHORT, rx, &advert,
                                learned_interval_cs(vr, advert.max_adver_int_cs))
        if remarks & REMARK_FIRST_ADDRESS:
            count[CNT_FIRST_ADDR_ERR] += 1
            self._emit_once(EVENT_FIRST_ADDRESS, i, TOLD_FIRST_ADDRESS, rx, &advert, 0)
        if remarks & REMARK_ADDRESS_LIST:
            count[CNT_ADDR_LIST_ERR] += 1
            self._emit_once(EVENT_ADDRESS_LIST, i, TOLD_ADDRESS_LIST, rx, &advert, advert.addr_count)
        if verdict == ADVERT_ZERO:
            count[CNT_PRI_ZERO_RCVD] += 1
            self._dispatch(i, EV_ADVERT_ZERO, at_ns, rx, &advert)
        elif verdict == ADVERT_WINS and vr.state == ST_BACKUP:      # ACT_OBEY, without the way through the table
            learn(vr, rx.src, advert.priority, advert.max_adver_int_cs)
            self._arm_down(i, at_ns)
        else:
            self._dispatch(i, EV_ADVERT_WINS if verdict == ADVERT_WINS else EV_ADVERT_LOSES, at_ns, rx, &advert)

    # ---- time

    cdef int64_t next_deadline_ns(self) noexcept nogil:
        return self.wheel.next_deadline_ns()

    cdef size_t expire(self, int64_t now_ns, size_t limit) noexcept nogil:
        """Fire timers due at `now_ns`, at most `limit` of them; return how many were due.

        A Master_Down_Timer fires only when everything that arrived before its deadline has been heard: otherwise its
        domain wants a look, and the timer is due again at once.
        """
        cdef uint32_t due[DUE_BATCH]
        cdef size_t fired = 0, found, k
        cdef uint32_t owner, i
        while fired < limit:
            found = self.wheel.advance(now_ns, due, DUE_BATCH if limit - fired > DUE_BATCH else limit - fired)
            if found == 0:
                break
            fired += found
            self.total[TOTAL_TIMERS_FIRED] += found
            for k in range(found):
                self.table.fetch_sender(self.wheel._timers[due[k]].owner // TIMERS_PER_VR)
            for k in range(found):
                if self.wheel._timers[due[k]].owner % TIMERS_PER_VR == TIMER_ADVER:
                    self.table.fetch_advert(self.wheel._timers[due[k]].owner // TIMERS_PER_VR)
            for k in range(found):
                owner = self.wheel._timers[due[k]].owner
                i = owner // TIMERS_PER_VR
                if owner % TIMERS_PER_VR == TIMER_ADVER:
                    count_adver_late(self.total, now_ns - self.wheel._timers[due[k]].deadline_ns)
                    self._dispatch(i, EV_ADVER_TIMER, now_ns, NULL, NULL)
                elif owner % TIMERS_PER_VR == TIMER_ANNOUNCE:
                    self.announcer.fire(i, &self.table.vrs[i], now_ns)
                elif owner % TIMERS_PER_VR == TIMER_LOWER:
                    lower_timer(self.table.vrs, i, self.wheel, self.announcer, now_ns)
                elif self._may_expire(i, now_ns):
                    self._dispatch(i, EV_MASTER_DOWN_TIMER, now_ns, NULL, NULL)
        return fired

    cdef bint _may_expire(self, uint32_t i, int64_t now_ns) noexcept nogil:
        # The timer has been taken from the wheel; its deadline is still there, or kept from an earlier try.
        cdef vr_t *vr = &self.table.vrs[i]
        cdef domain_t *domain = &self.domains[vr.domain]
        cdef uint32_t timer = i * TIMERS_PER_VR + TIMER_MASTER_DOWN
        if not vr.flags & VRF_HELD:
            vr.flags |= VRF_HELD
            vr.held_ns = self.wheel._timers[timer].deadline_ns
        if domain.is_idle and domain.heard_until_ns < self.polled_ns:
            domain.heard_until_ns = self.polled_ns
        if domain.heard_until_ns >= vr.held_ns:
            count_down_late(self.total, now_ns - vr.held_ns)
            vr.flags &= ~<uint32_t>VRF_HELD
            return True
        self.total[TOTAL_DOWN_TIMERS_HELD] += 1
        if not domain.wants_look:
            domain.wants_look = 1
            self.look_count += 1
        self.wheel.arm(timer, now_ns + 1)
        return False

    cdef void notice_stall(self, int64_t late_ns, int64_t now_ns) noexcept nogil:
        """A turn came `late_ns` after it was due: being deaf is not hearing silence.

        Called before the queues are read. A BACKUP whose master's interval is shorter listens for at least one
        interval and skew again. A MASTER that slept longer than its own Master_Down_Interval has probably been
        replaced: it hears first, and announces its addresses if it stays. A stall that no router minds is counted
        and not told.
        """
        cdef uint32_t i, concerned = 0
        cdef vr_t *vr
        if late_ns < STALL_NS_MIN:
            return
        count_stall(self.total, late_ns)
        for i in range(self.table.capacity):
            vr = &self.table.vrs[i]
            if not vr.flags & VRF_USED:
                continue
            if vr.state == ST_BACKUP:
                concerned += self._listen_again(i, late_ns, now_ns)
            elif vr.state == ST_MASTER and late_ns > master_down_interval_ns(
                    vr.version, vr.priority, vr.advertisement_interval_cs, vr.down_timer_adverts):
                vr.flags |= VRF_STALLED
                concerned += 1
        if concerned:
            self._emit(EVENT_STALL, VR_NONE, now_ns, 0, 0, NULL, NULL,
                       <uint32_t>(late_ns // 1000) if late_ns < <int64_t>4000 * NS_PER_S else 0xFFFFFFFF)

    cdef void relisten(self, uint32_t domain, int64_t deaf_ns, int64_t now_ns) noexcept nogil:
        """A domain has been deaf for `deaf_ns`: its BACKUPs wait for one more interval and skew from now.

        A flood can make it deaf again and again: one that has heard nothing for too long stops waiting.
        """
        cdef uint32_t i
        cdef vr_t *vr
        cdef int64_t heard_ns
        for i in range(self.table.capacity):
            vr = &self.table.vrs[i]
            if not vr.flags & VRF_USED or vr.domain != domain or vr.state != ST_BACKUP:
                continue
            heard_ns = vr.since_ns if vr.since_ns > vr.peer_heard_ns else vr.peer_heard_ns
            if now_ns - heard_ns <= OVERFLOW_DOWN_INTERVALS * master_down_interval_ns(
                    vr.version, vr.priority, vr.master_adver_interval_cs, vr.down_timer_adverts):
                self._listen_again(i, deaf_ns, now_ns)

    cdef bint _listen_again(self, uint32_t i, int64_t deaf_ns, int64_t now_ns) noexcept nogil:
        """Say whether a BACKUP may have missed an advert in `deaf_ns`; its Master_Down_Timer waits for another then.

        What is read afterwards and arrived before does not shorten that.
        """
        cdef vr_t *vr = &self.table.vrs[i]
        cdef int64_t interval_ns = <int64_t>vr.master_adver_interval_cs * NS_PER_CS
        if deaf_ns < interval_ns:
            return False
        vr.listen_until_ns = now_ns + interval_ns + skew_time_ns(
            vr.version, vr.priority, vr.master_adver_interval_cs)
        if self._down_deadline_ns(i) < vr.listen_until_ns:
            self._set_down(i, vr.listen_until_ns)
        return True

    # ---- the state machine's actions

    cdef void _dispatch(self, uint32_t i, uint8_t event, int64_t now_ns, const rx_meta_t *rx,
                        const advert_t *advert) noexcept nogil:
        """Give an event to a router and, where its state is coupled, to the others of its sync group."""
        cdef vr_t *vrs = self.table.vrs
        cdef uint8_t old_state = vrs[i].state
        cdef uint32_t j = vrs[i].group_next
        if event == EV_MASTER_DOWN_TIMER and sync_is_aside(vrs, i):
            return                              # nobody is MASTER: the next advert, or stand_aside(), starts it again
        if j == i:
            self._apply(i, event, now_ns, rx, advert)
            return
        if event == EV_MASTER_DOWN_TIMER:
            if not sync_others_want_master(vrs, i):
                vrs[i].flags |= VRF_WANTS_MASTER
                self._arm_down(i, now_ns)
                return
            self._apply(i, event, now_ns, rx, advert)
            while j != i:
                self._apply(j, EV_GROUP_MASTER, now_ns, NULL, NULL)
                j = vrs[j].group_next
            return
        self._apply(i, event, now_ns, rx, advert)
        if old_state == ST_MASTER and vrs[i].state == ST_BACKUP:
            while j != i:
                self._apply(j, event if event in (EV_VIP_LOST, EV_YIELD) else EV_GROUP_BACKUP, now_ns, NULL, NULL)
                j = vrs[j].group_next

    cdef void _apply(self, uint32_t i, uint8_t event, int64_t now_ns, const rx_meta_t *rx,
                     const advert_t *advert) noexcept nogil:
        """Look an event up in the table and carry its actions out, in bit order."""
        cdef vr_t *vr = &self.table.vrs[i]
        cdef uint8_t old_state = vr.state
        cdef transition_t step = fsm_step(old_state, event)
        cdef uint32_t timer = i * TIMERS_PER_VR
        cdef uint16_t act = step.actions
        if act == 0:
            return
        vr.state = step.next_state
        if act & ACT_DISARM:
            self.wheel.disarm(timer + TIMER_ADVER)
            self.wheel.disarm(timer + TIMER_MASTER_DOWN)
            self.announcer.stop(i)
            self.wheel.disarm(timer + TIMER_LOWER)
            vr.flags &= ~<uint32_t>VRF_HELD
            vr.listen_until_ns = 0
        if act & ACT_LEARN:
            learn(vr, rx.src, advert.priority, advert.max_adver_int_cs)
        if act & ACT_FORGET:
            vr.master_adver_interval_cs = vr.advertisement_interval_cs
            memset(vr.master_addr, 0, 16)
            vr.master_priority = 0
        if act & ACT_SEND_ZERO:
            self.outbox.add_zero(i, vr)
        if act & ACT_ANSWER_HIGHER and vr.flags & VRF_HIGHER_ADVERT and advert.priority >= vr.priority:
            self.outbox.add_adverts(i, vr)
        if act & ACT_SEND_ADVERT or act & ACT_ANSWER_LOWER and not vr.flags & VRF_LOWER_SILENT:
            self.outbox.add_adverts(i, vr)
            if vr.flags & VRF_STALLED:
                vr.flags &= ~<uint32_t>VRF_STALLED
                if not (act & ACT_ANSWER_LOWER and vr.garp_lower_prio_repeat):      # that announces as well
                    self.announcer.start(i, vr, now_ns)
        if act & ACT_ARM_ADVER:
            self._arm_adver(i, now_ns, event != EV_ADVER_TIMER)
        if act & ACT_ARM_DOWN:
            self._arm_down(i, now_ns)
        if act & ACT_ARM_SKEW:
            self._arm_skew(i, now_ns)
        if act & ACT_CLAIM:
            self.table.tally(i, CNT_BECOME_MASTER)
        if act & ACT_RELEASE:
            self.slots.release(vr)
            self.table.tally(i, CNT_RELEASE_MASTER)
        if act & ACT_ASSERT:
            self.table.tally(i, CNT_OTHER_MASTER)
            self._emit_once(EVENT_OTHER_MASTER, i, TOLD_OTHER_MASTER, rx, advert, 0)
            lower_heard(self.table.vrs, i, self.wheel, self.announcer, now_ns)
        if vr.state != old_state:
            vr.since_ns = now_ns
            vr.told = 0
            vr.flags &= ~<uint32_t>(VRF_STALLED | VRF_WANTS_MASTER | VRF_LOWER_AGAIN | VRF_LOWER_SECOND | VRF_YIELDS)
            self._emit(EVENT_STATE, i, now_ns, old_state, event, rx, advert, 0)

    cdef void _arm_adver(self, uint32_t i, int64_t now_ns, bint first) noexcept nogil:
        """Adver_Timer := the router's next own time. After a stall the missed ones are left out, the phase is kept."""
        cdef vr_t *vr = &self.table.vrs[i]
        cdef int64_t interval_ns = <int64_t>vr.advertisement_interval_cs * NS_PER_CS
        if first:
            self.slots.book(vr)
            vr.nominal_ns = self.slots.next_ns(vr, now_ns)
        else:
            vr.nominal_ns += interval_ns
            if vr.nominal_ns <= now_ns:
                vr.nominal_ns += ((now_ns - vr.nominal_ns) // interval_ns + 1) * interval_ns
        self.wheel.arm(i * TIMERS_PER_VR + TIMER_ADVER, vr.nominal_ns)

    cdef inline void _arm_down(self, uint32_t i, int64_t from_ns) noexcept nogil:
        cdef vr_t *vr = &self.table.vrs[i]
        self._set_down(i, from_ns + master_down_interval_ns(
            vr.version, vr.priority, vr.master_adver_interval_cs, vr.down_timer_adverts))

    cdef inline void _arm_skew(self, uint32_t i, int64_t from_ns) noexcept nogil:
        cdef vr_t *vr = &self.table.vrs[i]
        self._set_down(i, from_ns + skew_time_ns(vr.version, vr.priority, vr.master_adver_interval_cs))

    cdef inline void _set_down(self, uint32_t i, int64_t deadline_ns) noexcept nogil:
        """Every setting of Master_Down_Timer goes through here: a stall puts a floor under it."""
        cdef vr_t *vr = &self.table.vrs[i]
        vr.flags &= ~<uint32_t>VRF_HELD
        if deadline_ns < vr.listen_until_ns:
            deadline_ns = vr.listen_until_ns
        self.wheel.arm(i * TIMERS_PER_VR + TIMER_MASTER_DOWN, deadline_ns)

    cdef int64_t _down_deadline_ns(self, uint32_t i) noexcept nogil:
        cdef const vr_t *vr = &self.table.vrs[i]
        return vr.held_ns if vr.flags & VRF_HELD else self.wheel.deadline_ns(i * TIMERS_PER_VR + TIMER_MASTER_DOWN)

    # ---- events

    cdef uint32_t event_count(self) noexcept nogil:
        return self._event_count + self._has_coalesced

    cdef void _emit(self, uint8_t kind, uint32_t i, int64_t at_ns, uint8_t old_state, uint8_t reason,
                    const rx_meta_t *rx, const advert_t *advert, uint32_t value) noexcept nogil:
        cdef event_t *event
        cdef vr_t *vr = &self.table.vrs[i] if i != VR_NONE else NULL
        # States may fill the ring; what is only worth a sentence leaves them a quarter.
        if self._event_count >= (EVENT_RING_SIZE if kind == EVENT_STATE else EVENT_RING_SIZE // 4 * 3):
            if kind == EVENT_STATE:
                vr.flags |= VRF_COALESCED
                self._has_coalesced = True
                self.total[TOTAL_EVENTS_COALESCED] += 1
            else:
                self.total[TOTAL_EVENTS_DROPPED] += 1
            return
        event = &self._events[(self._event_head + self._event_count) % EVENT_RING_SIZE]
        self._event_count += 1
        memset(event, 0, sizeof(event_t))
        event.at_ns = at_ns
        event.vr = i
        event.value = value
        event.kind = kind
        event.old_state = old_state
        event.state = vr.state if vr != NULL else 0
        event.reason = reason
        if advert != NULL:
            event.priority = advert.priority
        if rx != NULL:
            memcpy(event.addr, rx.src, 16)

    cdef void _emit_once(self, uint8_t kind, uint32_t i, uint32_t bit, const rx_meta_t *rx,
                         const advert_t *advert, uint32_t value) noexcept nogil:
        """Tell it unless it was told since the last change of state, which no rejected packet can cause (R13)."""
        cdef vr_t *vr = &self.table.vrs[i]
        if vr.told & bit:
            return
        vr.told |= bit
        self._emit(kind, i, rx.arrival_ns, vr.state, <uint8_t>value if kind == EVENT_DROP else 0, rx, advert, value)

    cdef void send_failed(self, uint32_t i, int error, int64_t now_ns) noexcept nogil:
        """The kernel refused a datagram of router `i` with errno `error`: counted, told once."""
        cdef vr_t *vr
        if i == VR_NONE:
            return
        vr = &self.table.vrs[i]
        self.table.tally(i, CNT_SEND_ERR)
        if not vr.told & TOLD_SEND_ERR:
            vr.told |= TOLD_SEND_ERR
            self._emit(EVENT_SEND_ERR, i, now_ns, vr.state, 0, NULL, NULL, <uint32_t>error)

    # ---- settings

    cdef vr_t *_vr(self, i) except NULL:
        if not 0 <= i < self.table.capacity or not self.table.vrs[<uint32_t>i].flags & VRF_USED:
            raise IndexError(f"no router {i}")
        return &self.table.vrs[<uint32_t>i]

    def _check_domains(self, domains) -> None:
        for domain in domains:
            if not 0 <= domain < self.domain_count:
                raise IndexError(f"no domain {domain}")

    def _moved_priority(self, i: int, old_priority: int) -> None:
        # T-f: a running Master_Down_Timer moves by the difference that the new priority makes.
        cdef vr_t *vr = self._vr(i)
        cdef int64_t deadline_ns = self._down_deadline_ns(i)
        if vr.state != ST_BACKUP or deadline_ns < 0 or vr.priority == old_priority:
            return
        deadline_ns += (skew_time_ns(vr.version, vr.priority, vr.master_adver_interval_cs)
                        - skew_time_ns(vr.version, old_priority, vr.master_adver_interval_cs))
        self._set_down(i, deadline_ns)

    def _configure(self, i: int, settings) -> None:
        """Check, then change: a refused change leaves the router as it was."""
        cdef vr_t *vr = self._vr(i)
        cdef vr_t new
        vr_check(settings, self.domain_count)
        self.announcer.check(settings)
        if vr.state not in (ST_INIT, ST_FAULT) and not any(settings.source):
            raise ValueError(f"router {i} runs and would have no source address; it has to be in FAULT")
        new = vr[0]
        vr_setup(&new, settings, self.domains[<uint32_t>settings.domain].family)
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
