# cython: language_level=3, cdivision=True
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcmp, memcpy

from vrrpcore.consts cimport NS_PER_CS, NS_PER_S, PRIORITY_RELEASE
from vrrpcore.vr cimport ST_MASTER, VRF_ASIDE, VRF_PREEMPT, VRF_STALLED, VRF_WANTS_MASTER, VRF_YIELDS, vr_t

# What an advert that passed all checks means to a router, given its state.
cdef enum verdict_t:
    ADVERT_ZERO             # priority 0: the master stops
    ADVERT_WINS             # obey its sender
    ADVERT_LOSES            # it has no say over us

cdef bint leaves_it_alone(vr_t *vr, int64_t at_ns) noexcept nogil

# Short, and needed for every advert heard: compiled into the callers.


cdef inline int64_t skew_time_ns(uint8_t version, uint8_t priority, uint16_t master_adver_interval_cs) noexcept nogil:
    """Skew_Time (RFC 9568 s6.1; v2: RFC 3768 s6.1).

    v3: ((256 - Priority) * Master_Adver_Interval) / 256
    v2: (256 - Priority) / 256 seconds, whatever the interval.
    """
    cdef int64_t share = 256 - <int64_t>priority
    if version == 2:
        return share * NS_PER_S // 256
    return share * master_adver_interval_cs * NS_PER_CS // 256


cdef inline int64_t master_down_interval_ns(uint8_t version, uint8_t priority, uint16_t master_adver_interval_cs,
                                            uint8_t down_timer_adverts) noexcept nogil:
    """Master_Down_Interval = 3 * Master_Adver_Interval + Skew_Time (RFC 9568 s6.1).

    The 3 is down_timer_adverts, as keepalived makes it a setting (M5).
    """
    return (down_timer_adverts * <int64_t>master_adver_interval_cs * NS_PER_CS
            + skew_time_ns(version, priority, master_adver_interval_cs))


cdef inline int compare_addresses(const uint8_t *a, const uint8_t *b) noexcept nogil:
    """Compare two addresses as unsigned numbers in network order (RFC 9568 s6.4.3).

    Both are 16 bytes; an IPv4 address stands in the first four with zeros behind it, so that order is kept.
    """
    return memcmp(a, b, 16)


cdef inline verdict_t judge(vr_t *vr, uint8_t priority, const uint8_t *src, int64_t at_ns) noexcept nogil:
    """What an advert heard at `at_ns` means to `vr` (RFC 9568 s6.4.2, s6.4.3). It is not from our own address.

    A BACKUP compares no addresses: an equal priority keeps it where it is. A MASTER compares them at equal priority.
    """
    if priority == PRIORITY_RELEASE:
        return ADVERT_ZERO
    if vr.state == ST_MASTER:
        if priority > vr.priority:
            return ADVERT_WINS
        if priority == vr.priority and compare_addresses(src, vr.src) > 0:
            return ADVERT_WINS
        # It slept while another took over, and nopreempt says that whoever has the addresses keeps them.
        if vr.flags & VRF_STALLED and not vr.flags & VRF_PREEMPT:
            return ADVERT_WINS
        return ADVERT_LOSES
    if priority >= vr.priority:
        vr.flags &= ~<uint32_t>VRF_YIELDS
        return ADVERT_WINS
    # One that stands aside obeys whoever is MASTER, as with nopreempt; the clock of preempt_delay starts afterwards.
    if vr.flags & (VRF_PREEMPT | VRF_ASIDE) != VRF_PREEMPT or leaves_it_alone(vr, at_ns):
        return ADVERT_WINS
    return ADVERT_LOSES


cdef inline uint16_t learned_interval_cs(const vr_t *vr, uint16_t max_adver_int_cs) noexcept nogil:
    """The Master_Adver_Interval that a router takes from an advert: what it says, but no less than the floor.

    The floor is for those who do not advertise faster themselves.
    """
    cdef uint16_t floor_cs = vr.min_interval_cs
    if floor_cs > vr.advertisement_interval_cs:
        floor_cs = vr.advertisement_interval_cs
    return max_adver_int_cs if max_adver_int_cs > floor_cs else floor_cs


cdef inline void learn(vr_t *vr, const uint8_t *src, uint8_t priority, uint16_t max_adver_int_cs) noexcept nogil:
    """Adopt the sender of an advert as master, its interval too."""
    vr.flags &= ~<uint32_t>VRF_WANTS_MASTER
    memcpy(vr.master_addr, src, 16)
    vr.master_priority = priority
    if vr.version == 3:
        vr.master_adver_interval_cs = learned_interval_cs(vr, max_adver_int_cs)
