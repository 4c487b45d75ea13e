# cython: language_level=3
"""What a decoded advert says, held against the router that it is for: the last of the receive checks.

`packet` has found the bytes right. What is left depends on the router: who may speak to it, whether it listens, and
whether the addresses are those that it has. As keepalived and RFC 9568 have it, other addresses are remarked on and the
advert is obeyed; a strict router drops it. The order of the checks is that of drop_t. Nothing is changed here.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp

from vrrpcore.consts cimport FAMILY_IPV4, FAMILY_IPV6, IPV4_LEN, IPV6_LEN, PRIORITY_OWNER
from vrrpcore.packet cimport (
    DROP_ADDRESS_LIST,
    DROP_FIRST_ADDRESS,
    DROP_NONE,
    DROP_OWN,
    DROP_OWNER,
    DROP_SOURCE,
)
from vrrpcore.setup cimport mix_address
from vrrpcore.vr cimport VRF_CHECK_SOURCE, VRF_OWNER_IGNORES, VRF_STRICT


cdef drop_t scrutinize(const vr_t *vr, const rx_meta_t *rx, bint listed, const advert_t *advert,
                       uint32_t *remarks) noexcept nogil:
    """Say why `vr` drops an advert that advert_decode() let pass, or DROP_NONE.

    listed: it comes from a configured peer, or by multicast. remarks: REMARK_*, of one that is not dropped.
    """
    remarks[0] = 0
    if not listed and vr.flags & VRF_CHECK_SOURCE:
        return DROP_SOURCE
    if memcmp(rx.src, vr.src, 16) == 0:
        return DROP_OWN
    if vr.flags & VRF_OWNER_IGNORES and vr.priority == PRIORITY_OWNER:
        return DROP_OWNER
    if vr.family == FAMILY_IPV6 and vr.version == 3 and not _is_link_local(advert.addrs):
        if vr.flags & VRF_STRICT:
            return DROP_FIRST_ADDRESS
        remarks[0] |= REMARK_FIRST_ADDRESS
    if not _has_our_addresses(vr, advert):
        # RFC 3768 s7.1 has an owner's adverts pass.
        if vr.flags & VRF_STRICT and not (vr.version == 2 and advert.priority == PRIORITY_OWNER):
            return DROP_ADDRESS_LIST
        remarks[0] |= REMARK_ADDRESS_LIST
    return DROP_NONE


cdef void limit_ttl(const vr_t *vr, const rx_meta_t *rx, expect_t *expect) noexcept nogil:
    """Let the decoder ask for the min_ttl and max_ttl of the peer that an advert comes from (R4)."""
    cdef const uint8_t *limits = vr.dsts + 16 * vr.dst_count
    cdef size_t d
    for d in range(vr.dst_count):
        if memcmp(vr.dsts + 16 * d, rx.src, 16) == 0:
            expect.ttl_min = limits[2 * d]
            expect.ttl_max = limits[2 * d + 1]
            return


cdef inline bint _is_link_local(const uint8_t *addr) noexcept nogil:
    """Whether an IPv6 address is in fe80::/10 (RFC 4291 s2.4)."""
    return addr[0] == 0xFE and addr[1] & 0xC0 == 0x80


cdef inline bint _has_our_addresses(const vr_t *vr, const advert_t *advert) noexcept nogil:
    """Whether an advert lists the addresses that ours does, in any order (R10)."""
    cdef size_t addr_len = IPV6_LEN if vr.family == FAMILY_IPV6 else IPV4_LEN
    cdef uint64_t ours = 0, theirs = 0
    cdef size_t k
    if advert.addr_count != vr.addr_count:
        return False
    if vr.addr_count == 1 and vr.family == FAMILY_IPV4:
        return memcmp(advert.addrs, &vr.first_addr, IPV4_LEN) == 0
    if vr.addr_count == 0 or memcmp(advert.addrs, vr.addrs, vr.addr_count * addr_len) == 0:
        return True
    # Sums of mixed addresses, so that a hostile list costs no more than its length.
    for k in range(vr.addr_count):
        ours += mix_address(vr.addrs + k * addr_len, addr_len)
        theirs += mix_address(advert.addrs + k * addr_len, addr_len)
    return ours == theirs
