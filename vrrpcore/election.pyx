# cython: language_level=3, cdivision=True
"""Who is MASTER: the arithmetic of timers and the comparison of adverts (RFC 9568 s6.1, s6.4).

Pure functions of their arguments, but for preempt_delay, whose clock judge() starts and stops in the router itself.
All is integer nanoseconds; the one rounding is down, to a whole nanosecond. What every advert heard needs stands in
election.pxd, to be compiled into its caller.
"""

from vrrpcore.consts cimport NS_PER_MS
from vrrpcore.vr cimport ST_BACKUP, VRF_YIELDS


cdef bint leaves_it_alone(vr_t *vr, int64_t at_ns) noexcept nogil:
    """Whether preempt_delay has a BACKUP obey a lower advert (keepalived's).

    The first one starts the clock. While it runs they are obeyed; later ones are not, and do not start it again.
    """
    if vr.preempt_delay_ms == 0 or vr.state != ST_BACKUP:
        return False
    if not vr.flags & VRF_YIELDS:
        vr.flags |= VRF_YIELDS
        vr.preempt_until_ns = at_ns + <int64_t>vr.preempt_delay_ms * NS_PER_MS
    return at_ns < vr.preempt_until_ns


def skew_time(version: int, priority: int, interval_cs: int) -> int:
    """Return Skew_Time in nanoseconds (RFC 9568 s6.1).

    version: 2 or 3; priority: 0..255; interval_cs: Master_Adver_Interval, 1..25500 centiseconds.
    Raises ValueError for a version that is neither.
    """
    if version not in (2, 3):
        raise ValueError(f"VRRP version {version} is neither 2 nor 3")
    return skew_time_ns(version, priority, interval_cs)


def master_down_interval(version: int, priority: int, interval_cs: int, down_timer_adverts: int = 3) -> int:
    """Return Master_Down_Interval in nanoseconds (RFC 9568 s6.1).

    Arguments as for skew_time; down_timer_adverts: 1..100 adverts that may be missed.
    """
    if version not in (2, 3):
        raise ValueError(f"VRRP version {version} is neither 2 nor 3")
    return master_down_interval_ns(version, priority, interval_cs, down_timer_adverts)
