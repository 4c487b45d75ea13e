# cython: language_level=3
"""Announcements of a MASTER that hears a lower advert: keepalived's garp_lower_prio_repeat and garp_lower_prio_delay.

Whoever sent that advert was MASTER for a while, so hosts on the segment may have its MAC. keepalived answers each such
advert with a set of GARP at once and another after the delay: a storm, where there are many addresses or many adverts.

Here the first advert has one set sent and starts a timer of the delay; when that fires there is the second set, and the
timer runs once more. What is heard while it runs is noted: when it fires, that begins anew. So there is never more than
one set in a delay, however many adverts come, and always one after the last of them.

The members of a sync group are announced together. The other host's members gave way together too, so most of them
will not be heard.
"""

from vrrpcore.consts cimport NS_PER_S
from vrrpcore.limits cimport LOWER_REST_S_MIN
from vrrpcore.vr cimport ST_MASTER, TIMER_LOWER, TIMERS_PER_VR, VRF_LOWER_AGAIN, VRF_LOWER_SECOND


cdef void lower_heard(vr_t *vrs, uint32_t i, TimerWheel wheel, Announcer announcer, int64_t now_ns) noexcept nogil:
    """Router `i`, a MASTER, has heard a lower advert: announce its group's addresses, or note that they have to be."""
    cdef uint32_t j = i
    if vrs[i].flags & VRF_LOWER_AGAIN:
        return
    while True:
        if wheel.is_armed(j * TIMERS_PER_VR + TIMER_LOWER):
            vrs[j].flags |= VRF_LOWER_AGAIN
        elif vrs[j].state == ST_MASTER:
            _announce(vrs, j, wheel, announcer, now_ns)
        j = vrs[j].group_next
        if j == i:
            return


cdef void lower_timer(vr_t *vrs, uint32_t i, TimerWheel wheel, Announcer announcer, int64_t now_ns) noexcept nogil:
    """TIMER_LOWER of router `i` has fired."""
    if vrs[i].flags & VRF_LOWER_AGAIN:
        vrs[i].flags &= ~<uint32_t>(VRF_LOWER_AGAIN | VRF_LOWER_SECOND)
        _announce(vrs, i, wheel, announcer, now_ns)
    elif vrs[i].flags & VRF_LOWER_SECOND:
        vrs[i].flags &= ~<uint32_t>VRF_LOWER_SECOND
    elif vrs[i].garp_lower_prio_delay_s:
        vrs[i].flags |= VRF_LOWER_SECOND
        _announce(vrs, i, wheel, announcer, now_ns)


cdef void _announce(vr_t *vrs, uint32_t i, TimerWheel wheel, Announcer announcer, int64_t now_ns) noexcept nogil:
    cdef uint32_t rest_s = vrs[i].garp_lower_prio_delay_s
    if rest_s < LOWER_REST_S_MIN:
        rest_s = LOWER_REST_S_MIN
    wheel.arm(i * TIMERS_PER_VR + TIMER_LOWER, now_ns + <int64_t>rest_s * NS_PER_S)
    if vrs[i].garp_lower_prio_repeat:
        announcer.tell(i, &vrs[i], vrs[i].garp_lower_prio_repeat, now_ns)
