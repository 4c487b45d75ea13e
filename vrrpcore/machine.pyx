# cython: language_level=3, cdivision=True
"""What the state machine asks for, carried out: states, timers, adverts and events of a router and its sync group.

`fsm` says what an event does to a router in its state; here the actions are done, in the order of their bits. An event
goes to one router, and where the states of a sync group are coupled, to its other members too. Who made the event, an
advert or a timer or an operator, makes no difference.

A state is changed here and nowhere else; so is Master_Down_Timer set, and Adver_Timer. Nothing is sent: what is to be
sent goes to the outbox.
"""

cimport cython
from libc.stdint cimport uint16_t
from libc.string cimport memset

from vrrpcore.consts cimport NS_PER_CS
from vrrpcore.counters cimport CNT_BECOME_MASTER, CNT_OTHER_MASTER, CNT_RELEASE_MASTER
from vrrpcore.election cimport learn, skew_time_ns
from vrrpcore.events cimport EVENT_OTHER_MASTER, EVENT_STATE, TOLD_OTHER_MASTER
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
    EV_FAULT,
    EV_FAULT_CLEARED,
    EV_GROUP_BACKUP,
    EV_GROUP_MASTER,
    EV_MASTER_DOWN_TIMER,
    EV_STARTUP,
    EV_STARTUP_OWNER,
    EV_VIP_LOST,
    EV_YIELD,
    fsm_step,
    transition_t,
)
from vrrpcore.lower cimport lower_heard
from vrrpcore.sync cimport (
    sync_has_fault,
    sync_is_aside,
    sync_others_want_master,
    sync_owns,
    sync_set_aside,
    sync_set_fault,
)
from vrrpcore.vr cimport (
    ST_BACKUP,
    ST_INIT,
    ST_MASTER,
    TIMER_ADVER,
    TIMER_LOWER,
    VRF_HIGHER_ADVERT,
    VRF_LOWER_AGAIN,
    VRF_LOWER_SECOND,
    VRF_LOWER_SILENT,
    VRF_STALLED,
    VRF_TELLS_LOWER,
    VRF_WANTS_MASTER,
    VRF_YIELDS,
)


@cython.final
@cython.no_gc
cdef class Machine:
    """The state machines of all routers of an engine."""

    def __cinit__(self, Table table not None, TimerWheel wheel not None, Outbox outbox not None,
                  SlotBook slots not None, Announcer announcer not None, EventRing events not None):
        self._table = table
        self._wheel = wheel
        self._outbox = outbox
        self._slots = slots
        self._announcer = announcer
        self._events = events

    cdef uint8_t startup_event(self, uint32_t i) noexcept nogil:
        """What starting router `i` is to it: a startup, an owner's, or a FAULT that is there already."""
        if sync_has_fault(self._table.vrs, i):
            return EV_FAULT
        return EV_STARTUP_OWNER if sync_owns(self._table.vrs, i) else EV_STARTUP

    cdef void dispatch(self, uint32_t i, uint8_t event, int64_t now_ns, const rx_meta_t *rx,
                       const advert_t *advert) noexcept nogil:
        """Give an event to a router and, where its state is coupled, to the others of its sync group.

        rx, advert: what caused it; NULL where it was no advert.
        """
        cdef vr_t *vrs = self._table.vrs
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
                self.arm_down(i, now_ns)
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

    cdef void set_fault(self, uint32_t i, uint32_t reasons, int64_t now_ns) noexcept nogil:
        """The reasons of its own for which router `i` is in FAULT are these. Its sync group goes with it (S14)."""
        cdef vr_t *vrs = self._table.vrs
        cdef bint concerns_all
        cdef uint8_t event = EV_FAULT if sync_set_fault(vrs, i, reasons, &concerns_all) else EV_FAULT_CLEARED
        cdef uint32_t j = i
        while True:
            if vrs[j].state != ST_INIT:
                self._apply(j, event, now_ns, NULL, NULL)
            j = vrs[j].group_next
            if j == i or not concerns_all:
                break

    cdef void stand_aside(self, uint32_t i, bint wanted, int64_t now_ns) noexcept nogil:
        """Router `i` and its group stay out of MASTER, or need not any longer."""
        cdef vr_t *vrs = self._table.vrs
        cdef uint32_t j = i
        sync_set_aside(vrs, i, wanted)
        if wanted:
            vrs[i].flags &= ~<uint32_t>(VRF_WANTS_MASTER | VRF_YIELDS)
            self.dispatch(i, EV_YIELD, now_ns, NULL, NULL)
            return
        while not sync_is_aside(vrs, i):
            if vrs[j].state == ST_BACKUP and self.down_deadline_ns(j) < 0:
                self._arm_skew(j, now_ns)
            j = vrs[j].group_next
            if j == i:
                break

    cdef void _apply(self, uint32_t i, uint8_t event, int64_t now_ns, const rx_meta_t *rx,
                     const advert_t *advert) noexcept nogil:
        """Look an event up in the table and carry its actions out, in bit order."""
        cdef vr_t *vr = &self._table.vrs[i]
        cdef uint8_t old_state = vr.state
        cdef transition_t step = fsm_step(old_state, event)
        cdef uint32_t timer = i * TIMERS_PER_VR
        cdef uint16_t act = step.actions
        if act == 0:
            return
        vr.state = step.next_state
        if act & ACT_DISARM:
            self._wheel.disarm(timer + TIMER_ADVER)
            self._wheel.disarm(timer + TIMER_MASTER_DOWN)
            self._announcer.stop(i)
            self._wheel.disarm(timer + TIMER_LOWER)
            vr.flags &= ~<uint32_t>VRF_HELD
            vr.listen_until_ns = 0
        if act & ACT_LEARN:
            learn(vr, rx.src, advert.priority, advert.max_adver_int_cs)
        if act & ACT_FORGET:
            vr.master_adver_interval_cs = vr.advertisement_interval_cs
            memset(vr.master_addr, 0, 16)
            vr.master_priority = 0
        if act & ACT_SEND_ZERO:
            self._outbox.add_zero(i, vr)
        if act & ACT_ANSWER_HIGHER and vr.flags & VRF_HIGHER_ADVERT and advert.priority >= vr.priority:
            self._outbox.add_adverts(i, vr)
        if act & ACT_SEND_ADVERT or act & ACT_ANSWER_LOWER and not vr.flags & VRF_LOWER_SILENT:
            self._outbox.add_adverts(i, vr)
            if vr.flags & VRF_STALLED:
                vr.flags &= ~<uint32_t>VRF_STALLED
                if not (act & ACT_ANSWER_LOWER and vr.garp_lower_prio_repeat):      # that announces as well
                    self._announcer.start(i, vr, now_ns)
        if act & ACT_ARM_ADVER:
            self.arm_adver(i, now_ns, event != EV_ADVER_TIMER)
        if act & ACT_ARM_DOWN:
            self.arm_down(i, now_ns)
        if act & ACT_ARM_SKEW:
            self._arm_skew(i, now_ns)
        if act & ACT_CLAIM:
            self._table.tally(i, CNT_BECOME_MASTER)
        if act & ACT_RELEASE:
            self._slots.release(vr)
            self._table.tally(i, CNT_RELEASE_MASTER)
        if act & ACT_ASSERT:
            self._table.tally(i, CNT_OTHER_MASTER)
            if vr.flags & VRF_TELLS_LOWER:
                vr.told &= ~<uint32_t>TOLD_OTHER_MASTER
            self._events.tell_once(EVENT_OTHER_MASTER, i, TOLD_OTHER_MASTER, rx, advert, 0)
            lower_heard(self._table.vrs, i, self._wheel, self._announcer, now_ns)
        if vr.state != old_state:
            vr.since_ns = now_ns
            vr.told = 0
            vr.flags &= ~<uint32_t>(VRF_STALLED | VRF_WANTS_MASTER | VRF_LOWER_AGAIN | VRF_LOWER_SECOND | VRF_YIELDS)
            self._events.tell(EVENT_STATE, i, now_ns, old_state, event, rx, advert, 0)

    cdef void arm_adver(self, uint32_t i, int64_t now_ns, bint first) noexcept nogil:
        """Adver_Timer := the router's next own time. After a stall the missed ones are left out, the phase is kept.

        first: it books a slot of its interval; otherwise the timer has just fired.
        """
        cdef vr_t *vr = &self._table.vrs[i]
        cdef int64_t interval_ns = <int64_t>vr.advertisement_interval_cs * NS_PER_CS
        if first:
            self._slots.book(vr)
            vr.nominal_ns = self._slots.next_ns(vr, now_ns)
        else:
            vr.nominal_ns += interval_ns
            if vr.nominal_ns <= now_ns:
                vr.nominal_ns += ((now_ns - vr.nominal_ns) // interval_ns + 1) * interval_ns
        self._wheel.arm(i * TIMERS_PER_VR + TIMER_ADVER, vr.nominal_ns)

    cdef void hold_adver(self, uint32_t i, int64_t until_ns) noexcept nogil:
        """Router `i`, a MASTER, sends its next advert no sooner than `until_ns`; those after it in its own phase."""
        if self._table.vrs[i].nominal_ns < until_ns:
            self._wheel.arm(i * TIMERS_PER_VR + TIMER_ADVER, until_ns)

    cdef void _arm_skew(self, uint32_t i, int64_t from_ns) noexcept nogil:
        """Master_Down_Timer := Skew_Time, from `from_ns` on."""
        cdef const vr_t *vr = &self._table.vrs[i]
        self.set_down(i, from_ns + skew_time_ns(vr.version, vr.priority, vr.master_adver_interval_cs))

    cdef void move_down(self, uint32_t i, uint8_t old_priority) noexcept nogil:
        """The priority of router `i` has changed: a BACKUP's Master_Down_Timer moves by what that makes (T-f)."""
        cdef vr_t *vr = &self._table.vrs[i]
        cdef int64_t deadline_ns = self.down_deadline_ns(i)
        if vr.state != ST_BACKUP or deadline_ns < 0 or vr.priority == old_priority:
            return
        self.set_down(i, deadline_ns + (
            skew_time_ns(vr.version, vr.priority, vr.master_adver_interval_cs)
            - skew_time_ns(vr.version, old_priority, vr.master_adver_interval_cs)))
