# cython: language_level=3, cdivision=True
"""Adverts, from the bytes that arrived to what they do: found, checked, judged, counted, obeyed (RFC 9568 s7.1, s6.4).

An advert passes packet, table, packet again, scrutiny and election; the first check that fails counts it and ends
there. What is discarded moves no timer and changes no state. Nearly every advert that is ever heard is that of a
BACKUP's master, so that one goes past the table of states; all others go through it.

Among thousands of routers nothing of an advert's own is in a cache. So a batch is gone through three times: where each
router is found, and then what it consists of, is on its way from memory while others are looked at.
"""

cimport cython
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from vrrpcore.counters cimport (
    CNT_ADDR_LIST_ERR,
    CNT_CHECKSUM_FOREIGN,
    CNT_DROP,
    CNT_FIRST_ADDR_ERR,
    CNT_INTERVAL_DIFFERS,
    CNT_INTERVAL_SHORT,
    CNT_PRI_ZERO_RCVD,
    CNT_UNLISTED_SOURCE,
)
from vrrpcore.election cimport ADVERT_WINS, ADVERT_ZERO, judge, learn, learned_interval_cs, verdict_t
from vrrpcore.events cimport (
    EVENT_ADDRESS_LIST,
    EVENT_DROP,
    EVENT_FIRST_ADDRESS,
    EVENT_INTERVAL,
    EVENT_INTERVAL_SHORT,
    EVENT_UNKNOWN_VRID,
    EVENT_UNLISTED,
    TOLD_ADDRESS_LIST,
    TOLD_FIRST_ADDRESS,
    TOLD_INTERVAL,
    TOLD_INTERVAL_SHORT,
    TOLD_UNLISTED,
)
from vrrpcore.fsm cimport (
    ACT_ARM_DOWN,
    ACT_LEARN,
    EV_ADVERT_LOSES,
    EV_ADVERT_WINS,
    EV_ADVERT_ZERO,
    fsm_step,
)
from vrrpcore.packet cimport (
    DROP_BUDGET,
    DROP_MODE,
    DROP_NONE,
    DROP_VRID,
    advert_decode,
    advert_peek,
    advert_t,
    drop_t,
    expect_t,
)
from vrrpcore.scrutiny cimport REMARK_ADDRESS_LIST, REMARK_FIRST_ADDRESS, limit_ttl, scrutinize
from vrrpcore.table cimport prefetch
from vrrpcore.vr cimport (
    ST_BACKUP,
    TIMER_MASTER_DOWN,
    TIMERS_PER_VR,
    VR_NONE,
    VRF_PEER_TTL,
    VRF_UNICAST,
    vr_t,
)

cdef enum:
    # What the table of states has a BACKUP do with an advert that wins.
    ACT_OBEY = ACT_LEARN | ACT_ARM_DOWN

assert fsm_step(ST_BACKUP, EV_ADVERT_WINS).actions == ACT_OBEY
assert fsm_step(ST_BACKUP, EV_ADVERT_WINS).next_state == ST_BACKUP


@cython.final
@cython.no_gc
cdef class Hearing:
    """The receiving side of an engine."""

    def __cinit__(self, Table table not None, TimerWheel wheel not None, Machine machine not None,
                  EventRing events not None, Domains domains not None, SourceBudget budget not None):
        self._table = table
        self._wheel = wheel
        self._machine = machine
        self._events = events
        self._domains = domains
        self._budget = budget

    cdef void receive(self, heard_t *batch, size_t count) noexcept nogil:
        """Hear VRRP messages, in the order in which they arrived. A discarded one moves no timer and changes no state
        (s7.1).
        """
        cdef heard_t *heard
        cdef size_t k
        for k in range(count):
            heard = &batch[k]
            heard.drop = advert_peek(heard.message, heard.length, &heard.vrid)
            if heard.drop == DROP_NONE:
                heard.vr = self._table.foresee(heard.rx.domain, heard.rx.ifindex, heard.vrid, heard.rx.dst,
                                               heard.rx.src, heard.rx.multicast)
        for k in range(count):
            heard = &batch[k]
            if heard.drop == DROP_NONE:
                heard.vr = self._table.find(heard.vr, heard.rx.domain, heard.rx.ifindex, heard.vrid, heard.rx.dst,
                                            heard.rx.src, heard.rx.multicast, &heard.listed)
                if heard.vr != VR_NONE:
                    self._table.fetch(heard.vr)
                    prefetch(&self._wheel._timers[heard.vr * TIMERS_PER_VR + TIMER_MASTER_DOWN])
        for k in range(count):
            heard = &batch[k]
            if heard.drop != DROP_NONE:
                self._domains.count_drop(heard.rx.domain, heard.drop)
            elif heard.vr == VR_NONE:
                self._hear_nobodys(&heard.rx, heard.vrid)
            else:
                self._hear(heard)

    cdef void _hear_nobodys(self, const rx_meta_t *rx, uint8_t vrid) noexcept nogil:
        """Count an advert that no router is to hear: its VRID is unknown, or known for the other kind of cast (R12)."""
        cdef uint32_t i = self._table.find_vrid(rx.domain, rx.ifindex, vrid)
        if i != VR_NONE and (self._table.vrs[i].flags & VRF_UNICAST != 0) == rx.multicast:
            self._table.tally(i, CNT_DROP + DROP_MODE)
            self._events.tell_once(EVENT_DROP, i, 1 << DROP_MODE, rx, NULL, DROP_MODE)
            return
        self._domains.count_drop(rx.domain, DROP_VRID)
        if self._domains.is_untold(rx.domain, vrid):
            self._events.tell(EVENT_UNKNOWN_VRID, VR_NONE, rx.arrival_ns, 0, 0, rx, NULL, rx.domain << 8 | vrid)

    cdef void _hear(self, const heard_t *heard) noexcept nogil:
        """Hear one message of the router that was found.

        What arrived before the router entered its state, and was read only now, counts from there: a timer that
        starts with a state runs in full.
        """
        cdef const rx_meta_t *rx = &heard.rx
        cdef bint listed = heard.listed
        cdef uint32_t i = heard.vr
        cdef vr_t *vr = &self._table.vrs[i]
        cdef uint64_t *count = self._table.counters[i].count
        cdef const expect_t *expect = &vr.expect
        cdef expect_t limited
        cdef advert_t advert
        cdef int64_t at_ns
        cdef verdict_t verdict
        cdef drop_t drop
        cdef uint32_t remarks
        if vr.flags & VRF_PEER_TTL and listed:
            limited = vr.expect
            limit_ttl(vr, rx, &limited)
            expect = &limited
        drop = advert_decode(heard.message, heard.length, rx, expect, &advert)
        if drop == DROP_NONE:
            drop = scrutinize(vr, rx, listed, &advert, &remarks)
            if drop == DROP_NONE and not listed and self._budget.exceeds(i, vr, rx.src, rx.arrival_ns):
                drop = DROP_BUDGET
        if drop != DROP_NONE:
            count[CNT_DROP + drop] += 1
            self._events.tell_once(EVENT_DROP, i, <uint32_t>1 << drop, rx, NULL if drop < DROP_MODE else &advert, drop)
            return
        at_ns = rx.arrival_ns if rx.arrival_ns > vr.since_ns else vr.since_ns
        verdict = judge(vr, advert.priority, rx.src, at_ns)

        vr.advert_rcvd += 1
        memcpy(vr.peer_addr, rx.src, 16)
        vr.peer_priority = advert.priority
        vr.peer_heard_ns = rx.arrival_ns
        if not listed:
            count[CNT_UNLISTED_SOURCE] += 1
            self._events.tell_once(EVENT_UNLISTED, i, TOLD_UNLISTED, rx, &advert, 0)
        if advert.csum_foreign:
            count[CNT_CHECKSUM_FOREIGN] += 1
        if advert.max_adver_int_cs != vr.advertisement_interval_cs:
            count[CNT_INTERVAL_DIFFERS] += 1
            self._events.tell_once(EVENT_INTERVAL, i, TOLD_INTERVAL, rx, &advert, advert.max_adver_int_cs)
            if verdict == ADVERT_WINS and learned_interval_cs(vr, advert.max_adver_int_cs) != advert.max_adver_int_cs:
                count[CNT_INTERVAL_SHORT] += 1
                self._events.tell_once(EVENT_INTERVAL_SHORT, i, TOLD_INTERVAL_SHORT, rx, &advert,
                                       learned_interval_cs(vr, advert.max_adver_int_cs))
        if remarks & REMARK_FIRST_ADDRESS:
            count[CNT_FIRST_ADDR_ERR] += 1
            self._events.tell_once(EVENT_FIRST_ADDRESS, i, TOLD_FIRST_ADDRESS, rx, &advert, 0)
        if remarks & REMARK_ADDRESS_LIST:
            count[CNT_ADDR_LIST_ERR] += 1
            self._events.tell_once(EVENT_ADDRESS_LIST, i, TOLD_ADDRESS_LIST, rx, &advert, advert.addr_count)
        if verdict == ADVERT_ZERO:
            count[CNT_PRI_ZERO_RCVD] += 1
            self._machine.dispatch(i, EV_ADVERT_ZERO, at_ns, rx, &advert)
        elif verdict == ADVERT_WINS and vr.state == ST_BACKUP:      # ACT_OBEY
            learn(vr, rx.src, advert.priority, advert.max_adver_int_cs)
            self._machine.arm_down(i, at_ns)
        else:
            self._machine.dispatch(i, EV_ADVERT_WINS if verdict == ADVERT_WINS else EV_ADVERT_LOSES, at_ns, rx,
                                   &advert)
