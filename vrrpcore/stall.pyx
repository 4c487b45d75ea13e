# cython: language_level=3
"""Being deaf is not hearing silence: what routers do that could not hear for a while.

A process that was stopped wakes to find Master_Down_Timers long due; a machine that was paused (suspend, migration of a
guest) may find that no time has passed on its clock; a receive buffer that overflowed has lost the newest adverts. None
of it says that the master is gone. A BACKUP whose master may have spoken meanwhile listens for one more interval and
skew before it acts: a master that is there is heard in that time. A MASTER that slept longer than its own
Master_Down_Interval has probably been replaced: it hears first, and announces its addresses if it stays. What it missed
waits in its queue, unless the machine was paused: so after a pause, where it would yield (nopreempt), it listens for an
interval and skew as well before it says anything.
"""

from vrrpcore.consts cimport NS_PER_CS
from vrrpcore.election cimport master_down_interval_ns, skew_time_ns
from vrrpcore.limits cimport OVERFLOW_DOWN_INTERVALS
from libc.stdint cimport uint16_t

from vrrpcore.vr cimport ST_BACKUP, ST_MASTER, VRF_PREEMPT, VRF_STALLED, VRF_USED, vr_t


cdef uint32_t overslept(Table table, Machine machine, int64_t deaf_ns, bint was_paused, int64_t now_ns) noexcept nogil:
    """For `deaf_ns` nothing could be heard, and nothing has been read since; return how many routers mind.

    was_paused: the whole machine stood still for some of it, so nothing arrived.

    What is read afterwards and arrived before does not shorten the wait of those.
    """
    cdef uint32_t i, concerned = 0
    cdef vr_t *vr
    for i in range(table.capacity):
        vr = &table.vrs[i]
        if not vr.flags & VRF_USED:
            continue
        if vr.state == ST_BACKUP:
            concerned += _listen_again(vr, i, machine, deaf_ns, now_ns)
        elif vr.state == ST_MASTER and deaf_ns > master_down_interval_ns(
                vr.version, vr.priority, vr.advertisement_interval_cs, vr.down_timer_adverts):
            vr.flags |= VRF_STALLED
            if was_paused and not vr.flags & VRF_PREEMPT:
                machine.hold_adver(i, now_ns + _listening_ns(vr, vr.advertisement_interval_cs))
            concerned += 1
    return concerned


cdef void relisten(Table table, Machine machine, uint32_t domain, int64_t deaf_ns, int64_t now_ns) noexcept nogil:
    """A domain has been deaf for `deaf_ns`: its BACKUPs listen again.

    A flood can make it deaf again and again: one that has heard nothing for too long stops waiting.
    """
    cdef uint32_t i
    cdef vr_t *vr
    cdef int64_t heard_ns
    for i in range(table.capacity):
        vr = &table.vrs[i]
        if not vr.flags & VRF_USED or vr.domain != domain or vr.state != ST_BACKUP:
            continue
        heard_ns = vr.since_ns if vr.since_ns > vr.peer_heard_ns else vr.peer_heard_ns
        if now_ns - heard_ns <= OVERFLOW_DOWN_INTERVALS * master_down_interval_ns(
                vr.version, vr.priority, vr.master_adver_interval_cs, vr.down_timer_adverts):
            _listen_again(vr, i, machine, deaf_ns, now_ns)


cdef bint _listen_again(vr_t *vr, uint32_t i, Machine machine, int64_t deaf_ns, int64_t now_ns) noexcept nogil:
    """Say whether a BACKUP may have missed an advert in `deaf_ns`; its Master_Down_Timer waits for another then."""
    if deaf_ns < <int64_t>vr.master_adver_interval_cs * NS_PER_CS:
        return False
    vr.listen_until_ns = now_ns + _listening_ns(vr, vr.master_adver_interval_cs)
    if machine.down_deadline_ns(i) < vr.listen_until_ns:
        machine.set_down(i, vr.listen_until_ns)
    return True


cdef int64_t _listening_ns(const vr_t *vr, uint16_t interval_cs) noexcept nogil:
    """How long to wait for the advert of a MASTER that is there."""
    return <int64_t>interval_cs * NS_PER_CS + skew_time_ns(vr.version, vr.priority, interval_cs)
