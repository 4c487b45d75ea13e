# cython: language_level=3, cdivision=True
"""VRRP advertisements as bytes: VRRPv2 (RFC 3768 s5) and VRRPv3 (RFC 9568 s5), over IPv4 and IPv6.

Pure: bytes and what is known of their way here go in, a code or a struct comes out. No socket, no instance,
no clock.

The receive checks come in two halves, because what an instance asks for is known only after it was found:
advert_peek() gives the VRID, advert_decode() does the rest. Together they are in the order of drop_t
(packet.pxd); the first that fails names the reason, and nothing else happens. The order is part of the
contract: counters mean the same from one release to the next.

VRRPv2 over IPv6 is keepalived's extension: the v2 header, no authentication data, the IPv6 pseudo-header.

The checksum of VRRPv3 over IPv4 is disputed. RFC 5798 s5.2.8 was read by keepalived, FRR and others as
asking for a pseudo-header; RFC 9568 s5.2.8 covers the message alone, as Cisco, Arista and holo do.
CSUM_PSEUDO and CSUM_MESSAGE choose what is sent. Received, the other form is accepted as well and marked in
`csum_foreign`, unless `csum_strict`.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t, uint64_t
from libc.string cimport memcpy, memset

from typing import NamedTuple

from vrrpcore.checksum cimport csum_add, csum_fold, csum_pseudo_ipv4, csum_pseudo_ipv6, htons
from vrrpcore.consts cimport (
    ADVER_INT_MAX_CS, ADVER_INT_MAX_S, AUTH_DATA_LEN, AUTH_NONE, AUTH_PASS, FAMILY_IPV4, FAMILY_IPV6,
    IPV4_HDR_LEN, IPV4_LEN, IPV6_LEN, OFF_ADDR_COUNT, OFF_ADVER_INT, OFF_AUTH_TYPE, OFF_CHECKSUM,
    OFF_INTERVAL, OFF_PRIORITY, OFF_VER_TYPE, OFF_VRID, VRRP_HDR_LEN, VRRP_PROTOCOL, VRRP_TTL,
    VRRP_TYPE_ADVERTISEMENT,
)

cdef enum:
    CSUM_RIGHT = 0xFFFF         # RFC 1071 s1: the folded sum of a message together with its checksum
    CS_PER_S = 100

    # The IPv4 header, RFC 791 s3.1
    OFF_IP_VERSION_IHL = 0
    OFF_IP_TOTAL_LENGTH = 2
    OFF_IP_TTL = 8
    OFF_IP_SRC = 12
    OFF_IP_DST = 16
    IP_MULTICAST_PREFIX = 0xE   # 224.0.0.0/4, RFC 1112 s4


# ---- the C interface -------------------------------------------------------------------------------------

cdef inline uint16_t be16(const uint8_t *buf) noexcept nogil:
    return <uint16_t>((buf[0] << 8) | buf[1])


cdef inline void put_be16(uint8_t *buf, uint16_t value) noexcept nogil:
    buf[0] = <uint8_t>(value >> 8)
    buf[1] = <uint8_t>value


cdef inline size_t message_length(uint8_t version, uint8_t family, uint8_t addr_count) noexcept nogil:
    if family == FAMILY_IPV6:
        return VRRP_HDR_LEN + <size_t>IPV6_LEN * addr_count
    if version == 2:
        return VRRP_HDR_LEN + <size_t>IPV4_LEN * addr_count + AUTH_DATA_LEN
    return VRRP_HDR_LEN + <size_t>IPV4_LEN * addr_count


cdef inline uint64_t pseudo_sum(uint8_t family, const uint8_t *src, const uint8_t *dst,
                                size_t length) noexcept nogil:
    if family == FAMILY_IPV6:
        return csum_pseudo_ipv6(src, dst, VRRP_PROTOCOL, <uint16_t>length)
    return csum_pseudo_ipv4(src, dst, <uint16_t>length)


cdef size_t advert_length(uint8_t version, uint8_t family, uint8_t addr_count) noexcept nogil:
    """Return the length of the message in bytes, without the IP header."""
    return message_length(version, family, addr_count)


cdef size_t advert_encode(const advert_form_t *form, const uint8_t *src, const uint8_t *dst,
                          uint8_t *buf, size_t capacity) noexcept nogil:
    """Write one ADVERTISEMENT (RFC 9568 s5.2, RFC 3768 s5.3) and return its length; 0: `capacity` is too
    small.

    src, dst: the addresses of the IP header, of the form's family; the checksum may need them. Every byte
    of buf[0:length] is written.
    """
    cdef size_t length = message_length(form.version, form.family, form.addr_count)
    cdef size_t addrs_len = <size_t>form.addr_count * (IPV6_LEN if form.family == FAMILY_IPV6 else IPV4_LEN)
    # The sum is made of what is written, not read again from `buf`: that would wait for the stores. The checksum's own
    # two bytes count as zero (s5.2.8), as does authentication data that is not there.
    cdef uint64_t total
    cdef uint16_t interval, checksum
    if capacity < length:
        return 0
    buf[OFF_VER_TYPE] = <uint8_t>((form.version << 4) | VRRP_TYPE_ADVERTISEMENT)
    buf[OFF_VRID] = form.vrid
    buf[OFF_PRIORITY] = form.priority
    buf[OFF_ADDR_COUNT] = form.addr_count
    total = htons(<uint16_t>((form.version << 4 | VRRP_TYPE_ADVERTISEMENT) << 8 | form.vrid))
    total += htons(<uint16_t>(form.priority << 8 | form.addr_count))
    if addrs_len == IPV4_LEN:                   # by far the most frequent; a constant length is one store
        memcpy(buf + VRRP_HDR_LEN, form.addrs, IPV4_LEN)
        total = csum_add(form.addrs, IPV4_LEN, total)
    elif addrs_len:
        memcpy(buf + VRRP_HDR_LEN, form.addrs, addrs_len)
        total = csum_add(form.addrs, addrs_len, total)

    if form.version == 2:
        interval = <uint8_t>(form.max_adver_int_cs // CS_PER_S)
        if form.family == FAMILY_IPV4:          # RFC 3768 s5.3.10: the authentication data is always there
            if form.auth_type == AUTH_PASS:
                interval |= AUTH_PASS << 8
                memcpy(buf + VRRP_HDR_LEN + addrs_len, form.auth, AUTH_DATA_LEN)
                total = csum_add(form.auth, AUTH_DATA_LEN, total)
            else:
                memset(buf + VRRP_HDR_LEN + addrs_len, 0, AUTH_DATA_LEN)
        else:
            total += pseudo_sum(form.family, src, dst, length)
    else:
        interval = form.max_adver_int_cs & ADVER_INT_MAX_CS     # the reserved bits are 0
        if form.family == FAMILY_IPV6 or form.csum_profile == CSUM_PSEUDO:
            total += pseudo_sum(form.family, src, dst, length)
    put_be16(buf + OFF_INTERVAL, interval)      # v2: the authentication type, and Adver Int
    checksum = ~csum_fold(total + htons(interval))
    memcpy(buf + OFF_CHECKSUM, &checksum, 2)    # the sum is in native order already: no swap
    return length


cdef drop_t advert_peek(const uint8_t *buf, size_t length, uint8_t *vrid) noexcept nogil:
    """Check what can be checked before the instance is known, and give its VRID.

    buf[0:length]: the VRRP message, network order. `vrid` counts only on DROP_NONE.
    """
    cdef uint8_t version
    if length < VRRP_HDR_LEN:
        return DROP_SHORT
    version = buf[OFF_VER_TYPE] >> 4
    if version != 2 and version != 3:
        return DROP_VERSION
    if buf[OFF_VER_TYPE] & 0x0F != VRRP_TYPE_ADVERTISEMENT:
        return DROP_TYPE
    vrid[0] = buf[OFF_VRID]
    return DROP_NONE


cdef drop_t advert_decode(const uint8_t *buf, size_t length, const rx_meta_t *rx, const expect_t *expect,
                          advert_t *out) noexcept nogil:
    """Check one ADVERTISEMENT against its instance and decode it (RFC 9568 s5.2, s7.1; RFC 3768 s5.3,
    s7.1).

    buf[0:length]: a message that advert_peek() let pass. `out` counts only on DROP_NONE; `out.addrs`
    borrows from `buf`.
    """
    cdef uint8_t version = buf[OFF_VER_TYPE] >> 4
    cdef uint8_t addr_count = buf[OFF_ADDR_COUNT]
    cdef uint64_t total
    cdef uint64_t heard
    cdef uint64_t ours
    cdef uint16_t interval
    cdef uint8_t auth_type = AUTH_NONE
    cdef uint8_t csum_foreign = 0

    if version != expect.version:
        return DROP_VERSION
    if rx.ttl < expect.ttl_min or (expect.ttl_max != 0 and rx.ttl > expect.ttl_max):
        return DROP_TTL
    # The IP length has taken Ethernet's padding away already, so a byte too many is as wrong as one too few.
    if length != message_length(version, rx.family, addr_count):
        return DROP_LENGTH
    if version == 3 and addr_count == 0:
        return DROP_NO_ADDRESS                  # RFC 9568 s5.2.5: at least one

    total = csum_add(buf, length, 0)
    if rx.family == FAMILY_IPV6:
        if csum_fold(total + pseudo_sum(FAMILY_IPV6, rx.src, rx.dst, length)) != CSUM_RIGHT:
            return DROP_CHECKSUM
    elif version == 2:
        if csum_fold(total) != CSUM_RIGHT:
            return DROP_CHECKSUM
    else:
        heard = total + pseudo_sum(FAMILY_IPV4, rx.src, rx.dst, length)
        ours = heard if expect.csum_profile == CSUM_PSEUDO else total
        if csum_fold(ours) != CSUM_RIGHT:
            if expect.csum_strict or csum_fold(total if ours == heard else heard) != CSUM_RIGHT:
                return DROP_CHECKSUM
            csum_foreign = 1

    if version == 2:
        interval = buf[OFF_ADVER_INT]
        if rx.family == FAMILY_IPV4:
            auth_type = buf[OFF_AUTH_TYPE]
            if auth_type != expect.auth_type:
                return DROP_AUTH_TYPE
            if auth_type == AUTH_PASS:
                # Located from the address count. Eight bytes at once: the time tells nothing about them.
                memcpy(&heard, buf + VRRP_HDR_LEN + <size_t>IPV4_LEN * addr_count, AUTH_DATA_LEN)
                memcpy(&ours, expect.auth, AUTH_DATA_LEN)
                if heard ^ ours != 0:
                    return DROP_AUTH
        if interval == 0 or interval != expect.adver_int_s:     # RFC 3768 s7.1
            return DROP_INTERVAL
        interval = interval * CS_PER_S
    else:
        interval = be16(buf + OFF_INTERVAL) & ADVER_INT_MAX_CS  # s5.2.5: the reserved bits are ignored
        if interval == 0:                       # erratum 8301: 1 to 4095; as a timer it would fire at once
            return DROP_INTERVAL

    out.version = version
    out.vrid = buf[OFF_VRID]
    out.priority = buf[OFF_PRIORITY]
    out.addr_count = addr_count
    out.auth_type = auth_type
    out.csum_foreign = csum_foreign
    out.max_adver_int_cs = interval
    out.addrs = buf + VRRP_HDR_LEN
    return DROP_NONE


cdef drop_t ipv4_unwrap(const uint8_t *datagram, size_t length, rx_meta_t *rx,
                        const uint8_t **message, size_t *message_len) noexcept nogil:
    """Take the IPv4 header off a datagram as a raw socket delivers it (RFC 791 s3.1), and note what it says
    in `rx`.

    datagram[0:length]: all that was received, the header as it was on the wire. Options are skipped. The
    message ends where the header says, not where the received bytes do: Ethernet pads short frames. Sets
    family, ttl, multicast, src and dst of `rx` and leaves the rest of it alone; `message` borrows from
    `datagram`. All of it counts only on DROP_NONE.
    """
    cdef size_t header_len
    cdef size_t total_len
    if length < IPV4_HDR_LEN or datagram[OFF_IP_VERSION_IHL] >> 4 != 4:
        return DROP_SHORT
    header_len = <size_t>(datagram[OFF_IP_VERSION_IHL] & 0x0F) * 4
    total_len = be16(datagram + OFF_IP_TOTAL_LENGTH)
    if header_len < IPV4_HDR_LEN or total_len < header_len or length < total_len:
        return DROP_IP_LENGTH
    rx.family = FAMILY_IPV4
    rx.ttl = datagram[OFF_IP_TTL]
    rx.multicast = datagram[OFF_IP_DST] >> 4 == IP_MULTICAST_PREFIX
    memset(rx.src, 0, sizeof(rx.src))
    memset(rx.dst, 0, sizeof(rx.dst))
    memcpy(rx.src, datagram + OFF_IP_SRC, IPV4_LEN)
    memcpy(rx.dst, datagram + OFF_IP_DST, IPV4_LEN)
    message[0] = datagram + header_len
    message_len[0] = total_len - header_len
    return DROP_NONE


# ---- for Python ------------------------------------------------------------------------------------------

# code: (name as in counters and metrics, sentence for an operator)
cdef dict _DROPS = {
    DROP_NONE: ("none", "the advert is accepted"),
    DROP_SHORT: ("short", "the datagram is shorter than its headers (RFC 9568 s7.1)"),
    DROP_IP_LENGTH: ("ip_length", "the IP header's lengths do not fit the datagram (RFC 791 s3.1)"),
    DROP_VERSION: ("version", "the VRRP version is not the configured one (RFC 9568 s7.1)"),
    DROP_TYPE: ("type", "the message is not an ADVERTISEMENT, type 1 (RFC 9568 s5.2.2)"),
    DROP_VRID: ("vrid", "no instance here has this virtual_router_id (RFC 9568 s7.1)"),
    DROP_TTL: ("ttl", "the TTL or Hop Limit is out of bounds; 255 says that the sender is on this link"
                      " (RFC 9568 s5.1.1.3, s5.1.2.3)"),
    DROP_LENGTH: ("length", "the length does not match the number of addresses (RFC 9568 s7.1)"),
    DROP_NO_ADDRESS: ("no_address", "a VRRPv3 advert carries no address (RFC 9568 s5.2.5)"),
    DROP_CHECKSUM: ("checksum", "the checksum is wrong (RFC 9568 s5.2.8)"),
    DROP_AUTH_TYPE: ("auth_type", "the authentication type is not the configured one (RFC 3768 s7.1)"),
    DROP_AUTH: ("auth", "the password is not the configured one (RFC 2338 s5.3.6.2)"),
    DROP_INTERVAL: ("interval", "the advertisement interval is 0, or in VRRPv2 not the configured one"
                                " (RFC 3768 s7.1)"),
    DROP_MODE: ("mode", "a multicast advert for a unicast instance, or the reverse"),
    DROP_SOURCE: ("source", "the sender is not a configured unicast peer"),
    DROP_OWN: ("own", "the sender has our own address: the packet was looped, or two hosts use the address"),
    DROP_OWNER: ("owner", "this host owns the addresses and ignores adverts (owner_ignore_adverts)"),
    DROP_FIRST_ADDRESS: ("first_address", "the first IPv6 address is not link-local, which strict asks for"
                                          " (RFC 9568 s5.2.9)"),
    DROP_ADDRESS_LIST: ("address_list", "it lists other addresses than this host, which strict asks for"
                                        " (RFC 3768 s7.1)"),
    DROP_BUDGET: ("budget", "its source is no configured peer and sends more than such a one may"),
}
assert sorted(_DROPS) == list(range(DROP_COUNT)), "every drop_t has one name and one sentence"

DROP_SENTENCES = {code: sentence for code, (_, sentence) in _DROPS.items()}


def drop_name(code):
    """Return the short name of a drop code, as counters and metrics use it: "ttl" for DROP_TTL.

    Raises ValueError for a number that is no code.
    """
    if code not in _DROPS:
        raise ValueError(f"drop code {code!r} is not in 0..{DROP_COUNT - 1}")
    return _DROPS[code][0]


class PacketDropped(ValueError):
    """A datagram failed a receive check. `reason`: the drop code; `name`: its short name."""

    def __init__(self, reason):
        super().__init__(DROP_SENTENCES[reason])
        self.reason = reason
        self.name = drop_name(reason)

    def __reduce__(self):
        return type(self), (self.reason,)


class Advert(NamedTuple):
    """One ADVERTISEMENT that passed all checks. Addresses are packed: 4 or 16 bytes each, network order."""

    version: int
    vrid: int
    priority: int
    max_adver_int_cs: int
    auth_type: int
    addresses: tuple
    csum_foreign: bool


class Ipv4Datagram(NamedTuple):
    """What an IPv4 header says, and the bytes behind it."""

    src: bytes
    dst: bytes
    ttl: int
    multicast: bool
    message: bytes


cdef int _in_range(str name, value, int low, int high) except -1:
    if not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    if not low <= value <= high:
        raise ValueError(f"{name} {value} is not in {low}..{high}")
    return value


cdef uint8_t _address_len(family) except 0:
    if family == FAMILY_IPV4:
        return IPV4_LEN
    if family == FAMILY_IPV6:
        return IPV6_LEN
    raise ValueError(f"family {family!r} is neither 4 nor 6")


cdef bytes _address(str name, value, uint8_t length):
    cdef bytes packed = memoryview(value).tobytes()
    if len(packed) != length:
        raise ValueError(f"{name} has {len(packed)} bytes; an address of this family has {length}")
    return packed


cdef uint8_t _profile(checksum) except 0xFF:
    if checksum == "pseudo":
        return CSUM_PSEUDO
    if checksum == "message":
        return CSUM_MESSAGE
    raise ValueError(f"checksum {checksum!r} is neither 'pseudo' nor 'message'")


cdef uint8_t _auth(auth_pass, uint8_t *auth) except 0xFF:
    """Fill the eight bytes and return the authentication type."""
    cdef bytes password
    memset(auth, 0, AUTH_DATA_LEN)
    if auth_pass is None:
        return AUTH_NONE
    password = memoryview(auth_pass).tobytes()
    if len(password) > AUTH_DATA_LEN:
        raise ValueError(f"auth_pass has {len(password)} bytes; VRRPv2 sends at most {AUTH_DATA_LEN}")
    memcpy(auth, PyBytes_AS_STRING(password), len(password))
    return AUTH_PASS


def peek(data):
    """Return the VRID of a VRRP message, without knowing its instance.

    data: the VRRP message without the IP header; not kept. Raises PacketDropped.
    """
    cdef bytes message = memoryview(data).tobytes()
    cdef uint8_t vrid = 0
    cdef drop_t reason = advert_peek(message, len(message), &vrid)
    if reason != DROP_NONE:
        raise PacketDropped(reason)
    return vrid


def unwrap_ipv4(data):
    """Take the IPv4 header off a datagram as a raw socket delivers it.

    data: the datagram from its IPv4 header on; not kept. Raises PacketDropped.
    """
    cdef bytes datagram = memoryview(data).tobytes()
    cdef rx_meta_t rx
    cdef const uint8_t *message = NULL
    cdef size_t length = 0
    cdef drop_t reason
    memset(&rx, 0xA5, sizeof(rx))
    reason = ipv4_unwrap(datagram, len(datagram), &rx, &message, &length)
    if reason != DROP_NONE:
        raise PacketDropped(reason)
    assert rx.family == FAMILY_IPV4
    assert rx.src[IPV4_LEN:16] == bytes(12) and rx.dst[IPV4_LEN:16] == bytes(12)
    return Ipv4Datagram(
        rx.src[:IPV4_LEN], rx.dst[:IPV4_LEN], rx.ttl, bool(rx.multicast), message[:length]
    )


def decode(data, *, family, src, dst, ttl=VRRP_TTL, version=None, auth_pass=None, ttl_min=VRRP_TTL,
           ttl_max=VRRP_TTL, adver_int_s=None, checksum="pseudo", strict=False):
    """Check and decode one ADVERTISEMENT (RFC 9568 s7.1, RFC 3768 s7.1).

    data: the VRRP message without the IP header, network order; not kept. family: 4 or 6. src, dst: packed
    addresses of that family. ttl: as received; ttl_min, ttl_max: the bounds that it must keep, 0: not
    checked. version: 2 or 3, None: either. auth_pass: the VRRPv2 password, at most 8 bytes; None: type 0 is
    expected. adver_int_s: the VRRPv2 interval in seconds, None: any but 0. checksum: "pseudo" or "message",
    the form of VRRPv3 over IPv4; the other one is accepted too, and marked, unless strict.

    Raises PacketDropped for whatever is wrong with the bytes, TypeError and ValueError for wrong arguments.
    """
    cdef bytes message = memoryview(data).tobytes()
    cdef uint8_t address_len = _address_len(family)
    cdef bytes source = _address("src", src, address_len)
    cdef bytes destination = _address("dst", dst, address_len)
    cdef rx_meta_t rx
    cdef expect_t expect
    cdef advert_t advert
    cdef uint8_t vrid = 0
    cdef drop_t reason
    memset(&rx, 0, sizeof(rx))
    memset(&expect, 0, sizeof(expect))
    rx.family = family
    rx.ttl = _in_range("ttl", ttl, 0, 255)
    memcpy(rx.src, PyBytes_AS_STRING(source), address_len)
    memcpy(rx.dst, PyBytes_AS_STRING(destination), address_len)
    expect.version = 0 if version is None else _in_range("version", version, 2, 3)
    expect.auth_type = _auth(auth_pass, expect.auth)
    expect.ttl_min = _in_range("ttl_min", ttl_min, 0, 255)
    expect.ttl_max = _in_range("ttl_max", ttl_max, 0, 255)
    expect.csum_profile = _profile(checksum)
    expect.csum_strict = bool(strict)
    if adver_int_s is not None:
        expect.adver_int_s = _in_range("adver_int_s", adver_int_s, 1, ADVER_INT_MAX_S)

    reason = advert_peek(message, len(message), &vrid)
    if reason == DROP_NONE and vrid == 0:       # RFC 9568 s5.2.3: 1 to 255, so no instance can have it
        reason = DROP_VRID
    if reason == DROP_NONE:
        if version is None:
            expect.version = <uint8_t>message[OFF_VER_TYPE] >> 4
        if adver_int_s is None:
            expect.adver_int_s = <uint8_t>message[OFF_ADVER_INT]
        reason = advert_decode(message, len(message), &rx, &expect, &advert)
    if reason != DROP_NONE:
        raise PacketDropped(reason)
    return Advert(
        advert.version, advert.vrid, advert.priority, advert.max_adver_int_cs, advert.auth_type,
        tuple([advert.addrs[i * address_len:(i + 1) * address_len] for i in range(advert.addr_count)]),
        bool(advert.csum_foreign),
    )


cdef bytes _fill_form(advert_form_t *form, version, family, vrid, priority, interval_cs, addresses, auth_pass,
                      checksum):
    """Check the arguments of encode() into `form`; return the packed addresses, which it borrows from."""
    cdef uint8_t address_len = _address_len(family)
    cdef list packed = [_address("an address", address, address_len) for address in addresses]
    cdef bytes joined = b"".join(packed)
    memset(form, 0, sizeof(form[0]))
    form.version = _in_range("version", version, 2, 3)
    form.family = family
    form.vrid = _in_range("vrid", vrid, 1, 255)
    form.priority = _in_range("priority", priority, 0, 255)
    form.addr_count = _in_range("the number of addresses", len(packed), 1 if version == 3 else 0, 255)
    if version == 3:
        form.max_adver_int_cs = _in_range("interval_cs", interval_cs, 1, ADVER_INT_MAX_CS)
    else:
        form.max_adver_int_cs = _in_range("interval_cs", interval_cs, CS_PER_S, ADVER_INT_MAX_S * CS_PER_S)
        if interval_cs % CS_PER_S:
            raise ValueError(f"interval_cs {interval_cs} is not whole seconds, as VRRPv2 sends them")
    form.auth_type = _auth(auth_pass, form.auth)
    if form.auth_type != AUTH_NONE and (version != 2 or family != FAMILY_IPV4):
        raise ValueError("auth_pass exists in VRRPv2 over IPv4 only")
    form.csum_profile = _profile(checksum)
    form.addrs = joined
    return joined


def encode(*, version, family, vrid, priority, interval_cs, addresses, src, dst, auth_pass=None,
           checksum="pseudo"):
    """Return one ADVERTISEMENT as bytes, without the IP header (RFC 9568 s5.2, RFC 3768 s5.3).

    version: 2 or 3. family: 4 or 6. interval_cs: centiseconds, 1 to 4095; VRRPv2: whole seconds, 100 to
    25500. addresses, src, dst: packed, of that family; at most 255 addresses, in VRRPv3 at least one.
    auth_pass: at most 8 bytes, VRRPv2 over IPv4 only. checksum: as in decode().

    Raises TypeError and ValueError for wrong arguments.
    """
    cdef advert_form_t form
    cdef bytes kept = _fill_form(&form, version, family, vrid, priority, interval_cs, addresses, auth_pass,
                                 checksum)
    cdef uint8_t address_len = _address_len(family)
    cdef bytes source = _address("src", src, address_len)
    cdef bytes destination = _address("dst", dst, address_len)
    cdef size_t length = message_length(form.version, form.family, form.addr_count)
    cdef bytes message = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>length)
    advert_encode(&form, source, destination, <uint8_t *>PyBytes_AS_STRING(message), length)
    assert kept is not None                     # it holds the addresses that `form` borrowed
    return message


def encode_into(buffer, *, version, family, vrid, priority, interval_cs, addresses, src, dst, auth_pass=None,
                checksum="pseudo"):
    """Write one ADVERTISEMENT at the start of a writable buffer and return its length; 0: it does not fit.

    The other arguments are those of encode(). Raises TypeError and ValueError for wrong arguments.
    """
    cdef uint8_t[::1] view = buffer
    cdef advert_form_t form
    cdef bytes kept = _fill_form(&form, version, family, vrid, priority, interval_cs, addresses, auth_pass,
                                 checksum)
    cdef uint8_t address_len = _address_len(family)
    cdef bytes source = _address("src", src, address_len)
    cdef bytes destination = _address("dst", dst, address_len)
    cdef size_t capacity = view.shape[0]
    cdef size_t length = 0
    if capacity:
        length = advert_encode(&form, source, destination, &view[0], capacity)
    assert kept is not None
    return length
