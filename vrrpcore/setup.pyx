# cython: language_level=3, cdivision=True
"""Settings into a vr_t: checked, copied, encoded. Python on one side, a struct on the other; nothing runs here."""

from libc.stdint cimport uint16_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from vrrpcore.consts cimport (
    ADVER_INT_MAX_CS,
    ADVER_INT_MAX_S,
    AUTH_DATA_LEN,
    AUTH_NONE,
    AUTH_PASS,
    FAMILY_IPV4,
    FAMILY_IPV6,
    IPV4_LEN,
    IPV6_LEN,
    PRIORITY_OWNER,
    VRRP_TTL,
)
from vrrpcore.limits cimport (
    ANNOUNCE_MAX,
    ANNOUNCE_REPEAT_MAX,
    ANNOUNCE_S_MAX,
    LEARNED_INTERVAL_CS_MIN,
    PEERS_MAX,
    PREEMPT_DELAY_S_MAX,
)
from vrrpcore.packet cimport CSUM_MESSAGE, CSUM_PSEUDO, advert_encode, advert_form_t, advert_length
from vrrpcore.vr cimport (
    ST_BACKUP,
    VR_NONE,
    VRF_ASIDE,
    VRF_CHECK_SOURCE,
    VRF_COALESCED,
    VRF_HELD,
    VRF_HIGHER_ADVERT,
    VRF_LOWER_AGAIN,
    VRF_LOWER_SECOND,
    VRF_LOWER_SILENT,
    VRF_OWNER_IGNORES,
    VRF_OWNER_START,
    VRF_PEER_TTL,
    VRF_PREEMPT,
    VRF_STALLED,
    VRF_STRICT,
    VRF_TELLS_LOWER,
    VRF_UNICAST,
    VRF_USED,
    VRF_WANTS_MASTER,
    VRF_YIELDS,
    announce_t,
)


cdef uint64_t mix_address(const uint8_t *addr, size_t length) noexcept nogil:
    """Spread an address of 4 or 16 bytes over 64 bits."""
    cdef uint64_t high = 0, low = 0
    memcpy(&low, addr, 8 if length == IPV6_LEN else 4)
    if length == IPV6_LEN:
        memcpy(&high, addr + 8, 8)
    cdef uint64_t h = (low ^ (high * <uint64_t>0x9E3779B97F4A7C15)) * <uint64_t>0xD6E8FEB86659FD93
    return (h ^ (h >> 29)) * <uint64_t>0xBF58476D1CE4E5B9


cdef int copy_address(uint8_t *out, uint8_t family, address) except -1:
    """Put an address into 16 bytes, zeros behind it. Raises ValueError when it is not one of the family."""
    cdef Py_ssize_t length = IPV6_LEN if family == FAMILY_IPV6 else IPV4_LEN
    if len(address) != length:
        raise ValueError(f"{address!r} is not an IPv{family} address")
    memset(out, 0, 16)
    memcpy(out, <const uint8_t *>address, length)
    return 0


cdef int vr_setup(vr_t *vr, settings, uint8_t family) except -1:
    """Bring a copy of a router to its new settings, checked by vr_check(), in memory of its own.

    What runs stays: state, timers' times, what was heard. Raises ValueError, MemoryError; nothing is left behind then.
    """
    cdef uint32_t k
    cdef announce_t *announce
    vr.addrs = vr.dsts = vr.adverts = NULL
    vr.announces = NULL
    vr.domain = settings.domain
    vr.family = family
    cdef Py_ssize_t addr_len = IPV6_LEN if vr.family == FAMILY_IPV6 else IPV4_LEN
    if any(len(address) != addr_len for address in
           (settings.source, *settings.destinations, *settings.addresses)):
        raise ValueError(f"an address is not one of IPv{vr.family}")
    vr.ifindex = settings.ifindex
    vr.transmit_ifindex = settings.transmit_ifindex or settings.ifindex
    vr.vrid = settings.vrid
    vr.version = settings.version
    vr.priority = settings.priority
    vr.down_timer_adverts = settings.down_timer_adverts
    vr.advertisement_interval_cs = settings.advertisement_interval_cs
    if vr.version == 2 or vr.state != ST_BACKUP or vr.master_priority == 0:
        vr.master_adver_interval_cs = vr.advertisement_interval_cs         # none has been learned
    vr.told = 0                     # what is wrong with the new settings has not been told
    vr.flags &= (VRF_USED | VRF_ASIDE | VRF_HELD | VRF_WANTS_MASTER | VRF_STALLED | VRF_COALESCED
                 | VRF_LOWER_AGAIN | VRF_LOWER_SECOND | VRF_YIELDS)
    vr.flags |= VRF_UNICAST if settings.is_unicast else 0
    vr.flags |= VRF_PREEMPT if settings.preempt else 0
    vr.flags |= VRF_OWNER_START if settings.starts_as_owner else 0
    vr.flags |= VRF_CHECK_SOURCE if settings.check_source or settings.strict else 0
    vr.flags |= VRF_PEER_TTL if settings.peer_ttls and not settings.strict else 0
    vr.flags |= VRF_STRICT if settings.strict else 0
    vr.flags |= VRF_OWNER_IGNORES if settings.owner_ignore_adverts else 0
    vr.flags |= VRF_LOWER_SILENT if settings.lower_prio_no_advert else 0
    vr.flags |= VRF_TELLS_LOWER if settings.tells_lower else 0
    vr.flags |= VRF_HIGHER_ADVERT if settings.higher_prio_send_advert else 0
    copy_address(vr.src, vr.family, settings.source)
    _fill_expect(vr, settings)
    vr.announce_repeat = settings.announce_repeat
    vr.announce_delay_s = settings.announce_delay_s
    vr.announce_refresh_s = settings.announce_refresh_s
    vr.announce_refresh_repeat = settings.announce_refresh_repeat
    vr.garp_lower_prio_repeat = settings.garp_lower_prio_repeat
    vr.garp_lower_prio_delay_s = settings.garp_lower_prio_delay_s
    vr.preempt_delay_ms = round(settings.preempt_delay_s * 1000)
    vr.min_interval_cs = (LEARNED_INTERVAL_CS_MIN if settings.min_interval_cs is None else settings.min_interval_cs)
    vr.dst_count = len(settings.destinations)
    vr.ttl = settings.ttl
    vr.addr_count = len(settings.addresses)
    vr.announce_count = len(settings.announces)
    vr.phase = (vr.vrid * <uint32_t>2654435761 ^ vr.ifindex * <uint32_t>40503
                ^ <uint32_t>(mix_address(vr.src, addr_len) >> 32))
    if settings.is_unicast:
        vr.phase ^= <uint32_t>(mix_address(settings.destinations[0], addr_len) >> 33)
    vr.phase ^= vr.phase >> 15
    try:
        vr.dsts = <uint8_t *>calloc(vr.dst_count, 16 + 2)
        vr.addrs = <uint8_t *>calloc(vr.addr_count + 1, addr_len)
        vr.announces = <announce_t *>calloc(vr.announce_count + 1, sizeof(announce_t))
        if vr.dsts == NULL or vr.addrs == NULL or vr.announces == NULL:
            raise MemoryError
        for k, address in enumerate(settings.destinations):
            copy_address(vr.dsts + 16 * k, vr.family, address)
        for k, ttls in enumerate(settings.peer_ttls):
            vr.dsts[16 * vr.dst_count + 2 * k], vr.dsts[16 * vr.dst_count + 2 * k + 1] = ttls
        for k, address in enumerate(settings.addresses):
            memcpy(vr.addrs + addr_len * k, <const uint8_t *>address, addr_len)
        memcpy(&vr.first_addr, vr.addrs, IPV4_LEN)
        for k, told in enumerate(settings.announces):
            announce = &vr.announces[k]
            announce.ifindex = told.ifindex
            announce.family = FAMILY_IPV4 if len(told.address) == IPV4_LEN else FAMILY_IPV6
            announce.router = told.router
            announce.pacer = VR_NONE if told.pacer is None else told.pacer
            memcpy(announce.mac, <const uint8_t *>told.mac, 6)
            copy_address(announce.addr, announce.family, told.address)
        vr_encode(vr)
    except BaseException:
        vr_free(vr)
        raise
    return 0


cdef int vr_encode(vr_t *vr) except -1:
    """Encode the advert anew, one for each destination: their pseudo-headers differ.

    The old bytes are the caller's to retire. Raises MemoryError, leaving the router as it was.
    """
    cdef advert_form_t form
    cdef uint32_t d
    cdef uint8_t *adverts
    cdef size_t length = advert_length(vr.version, vr.family, <uint8_t>vr.addr_count)
    fill_form(&form, vr)
    adverts = <uint8_t *>malloc(length * vr.dst_count)
    if adverts == NULL:
        raise MemoryError
    for d in range(vr.dst_count):
        if advert_encode(&form, vr.src, vr.dsts + 16 * d, adverts + d * length, length) != length:
            free(adverts)
            raise AssertionError("an advert has another length than it was given")
    vr.adverts = adverts
    vr.advert_len = <uint16_t>length
    return 0


cdef void vr_free(vr_t *vr) noexcept nogil:
    """Free what a router owns."""
    free(vr.dsts)
    free(vr.addrs)
    free(vr.adverts)
    free(vr.announces)
    vr.dsts = vr.addrs = vr.adverts = NULL
    vr.announces = NULL


cdef void fill_form(advert_form_t *form, const vr_t *vr) noexcept nogil:
    """What an advert of the router says."""
    memset(form, 0, sizeof(advert_form_t))
    form.version = vr.version
    form.family = vr.family
    form.vrid = vr.vrid
    form.priority = vr.priority
    form.addr_count = <uint8_t>vr.addr_count
    form.auth_type = vr.expect.auth_type
    form.csum_profile = vr.expect.csum_profile
    form.max_adver_int_cs = vr.advertisement_interval_cs
    memcpy(form.auth, vr.expect.auth, AUTH_DATA_LEN)
    form.addrs = vr.addrs


cdef int _fill_expect(vr_t *vr, settings) except -1:
    memset(&vr.expect, 0, sizeof(vr.expect))
    vr.expect.version = vr.version
    vr.expect.csum_profile = CSUM_MESSAGE if settings.checksum_of_message else CSUM_PSEUDO
    vr.expect.csum_strict = settings.strict
    if settings.strict or not settings.is_unicast:
        vr.expect.ttl_min = vr.expect.ttl_max = VRRP_TTL
    vr.expect.auth_type = AUTH_NONE
    if vr.version == 2:
        vr.expect.adver_int_s = settings.advertisement_interval_cs // 100
    if settings.auth_pass is not None:
        vr.expect.auth_type = AUTH_PASS
        memcpy(vr.expect.auth, <const uint8_t *>settings.auth_pass, len(settings.auth_pass))
    return 0


cdef int vr_check(settings, uint32_t domain_count) except -1:
    """Raise ValueError for settings that no router can have."""
    interval_cs = settings.advertisement_interval_cs
    if not 0 <= settings.domain < domain_count:
        raise ValueError(f"no domain {settings.domain}")
    if any(not 0 <= ifindex <= 0x7FFFFFFF for ifindex in (
            settings.ifindex, settings.transmit_ifindex, *(a.ifindex for a in settings.announces))):
        raise ValueError("an ifindex is not in 0..2147483647")
    if not 1 <= settings.vrid <= 255:
        raise ValueError(f"VRID {settings.vrid} is not in 1..255")
    if settings.version not in (2, 3):
        raise ValueError(f"VRRP version {settings.version} is neither 2 nor 3")
    if not 1 <= settings.priority <= PRIORITY_OWNER:
        raise ValueError(f"priority {settings.priority} is not in 1..255")
    if settings.version == 3 and not 1 <= interval_cs <= ADVER_INT_MAX_CS:
        raise ValueError(f"interval {interval_cs} cs is not in 1..{ADVER_INT_MAX_CS} (v3)")
    if settings.version == 2 and (interval_cs % 100 or not 100 <= interval_cs <= ADVER_INT_MAX_S * 100):
        raise ValueError(f"interval {interval_cs} cs is not a whole number of seconds in 1..{ADVER_INT_MAX_S} (v2)")
    if not 1 <= settings.down_timer_adverts <= 100:
        raise ValueError(f"down_timer_adverts {settings.down_timer_adverts} is not in 1..100")
    if not 1 <= len(settings.destinations) <= PEERS_MAX or len(set(settings.destinations)) != len(
            settings.destinations):
        raise ValueError(f"destinations are not 1..{PEERS_MAX} different addresses")
    if not settings.is_unicast and len(settings.destinations) != 1:
        raise ValueError("multicast goes to one group")
    if not settings.is_unicast and not settings.ifindex and any(settings.source):
        raise ValueError("multicast needs an interface")
    if len(settings.addresses) > 255 or (settings.version == 3 and not settings.addresses):
        raise ValueError(f"{len(settings.addresses)} addresses do not make an advert")
    if settings.auth_pass is not None and (settings.version != 2 or len(settings.auth_pass) > AUTH_DATA_LEN):
        raise ValueError("a password is for VRRPv2 and has at most 8 bytes")
    if settings.peer_ttls and (not settings.is_unicast or len(settings.peer_ttls) != len(settings.destinations)):
        raise ValueError("TTL limits are for unicast, one pair for each destination")
    if not 1 <= settings.ttl <= 255 or (settings.ttl != 255 and not settings.is_unicast):
        raise ValueError(f"TTL {settings.ttl} is not in 1..255, or not that of multicast, 255")
    if any(not 0 <= lowest <= highest <= 255 for lowest, highest in settings.peer_ttls):
        raise ValueError("TTL limits are not 0 <= lowest <= highest <= 255")
    if len(settings.announces) > ANNOUNCE_MAX:
        raise ValueError(f"{len(settings.announces)} addresses to announce are more than {ANNOUNCE_MAX}")
    if any(len(told.mac) != 6 or len(told.address) not in (IPV4_LEN, IPV6_LEN) for told in settings.announces):
        raise ValueError("an announcement is not of a 6 byte MAC and an address")
    if not 1 <= settings.announce_repeat <= ANNOUNCE_REPEAT_MAX:
        raise ValueError(f"announce_repeat {settings.announce_repeat} is not in 1..{ANNOUNCE_REPEAT_MAX}")
    if not 1 <= settings.announce_refresh_repeat <= ANNOUNCE_REPEAT_MAX:
        raise ValueError(
            f"announce_refresh_repeat {settings.announce_refresh_repeat} is not in 1..{ANNOUNCE_REPEAT_MAX}")
    if not 0 <= settings.announce_delay_s <= ANNOUNCE_S_MAX:
        raise ValueError(f"announce_delay_s {settings.announce_delay_s} is not in 0..{ANNOUNCE_S_MAX}")
    if not 0 <= settings.announce_refresh_s <= ANNOUNCE_S_MAX:
        raise ValueError(f"announce_refresh_s {settings.announce_refresh_s} is not in 0..{ANNOUNCE_S_MAX}")
    if not 0 <= settings.garp_lower_prio_repeat <= ANNOUNCE_REPEAT_MAX:
        raise ValueError(f"garp_lower_prio_repeat {settings.garp_lower_prio_repeat} is not in 0..{ANNOUNCE_REPEAT_MAX}")
    if not 0 <= settings.garp_lower_prio_delay_s <= ANNOUNCE_S_MAX:
        raise ValueError(f"garp_lower_prio_delay_s {settings.garp_lower_prio_delay_s} is not in 0..{ANNOUNCE_S_MAX}")
    if not 0 <= settings.preempt_delay_s <= PREEMPT_DELAY_S_MAX:
        raise ValueError(f"preempt_delay_s {settings.preempt_delay_s} is not in 0..{PREEMPT_DELAY_S_MAX}")
    if settings.min_interval_cs is not None and not 1 <= settings.min_interval_cs <= ADVER_INT_MAX_CS:
        raise ValueError(f"min_interval_cs {settings.min_interval_cs} is not in 1..{ADVER_INT_MAX_CS}")
    return 0
