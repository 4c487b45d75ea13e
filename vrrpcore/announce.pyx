# cython: language_level=3
"""What a new master tells its neighbours, as whole Ethernet frames: gratuitous ARP and unsolicited NA.

Pure: a MAC address and a virtual address go in, bytes come out. When to send them, and how often, is not
known here.

IPv4 (RFC 9568 s6.4.1): a broadcast ARP request in which sender and target are the virtual address. RFC 5227
s2.3 prefers the request to the reply. The target hardware address is meaningless in a request; keepalived
fills it with ones, and so do we, so that a capture of either looks the same.

IPv6: a Neighbor Advertisement to all nodes (RFC 4861 s7.2.6) from the virtual address itself, with the
Override flag, so that neighbours replace what they have, and without Solicited.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t
from libc.string cimport memcpy, memset

from vrrpcore.checksum cimport csum_add, csum_fold, csum_pseudo_ipv6
from vrrpcore.consts cimport (
    ETH_ADDR_LEN, ETH_HDR_LEN, GARP_FRAME_LEN, IPV4_LEN, IPV6_HDR_LEN, IPV6_LEN, NA_FRAME_LEN,
)

cdef enum:
    # Ethernet
    OFF_ETH_DST = 0
    OFF_ETH_SRC = 6
    OFF_ETH_TYPE = 12

    # ARP for IPv4 over Ethernet (RFC 826), behind the Ethernet header
    OFF_ARP_FIXED = ETH_HDR_LEN             # hardware, protocol, their lengths, operation
    OFF_ARP_SENDER_MAC = ETH_HDR_LEN + 8
    OFF_ARP_SENDER_IP = ETH_HDR_LEN + 14
    OFF_ARP_TARGET_MAC = ETH_HDR_LEN + 18
    OFF_ARP_TARGET_IP = ETH_HDR_LEN + 24

    # IPv6 (RFC 8200 s3), behind the Ethernet header
    OFF_IP6_VERSION = ETH_HDR_LEN
    OFF_IP6_PAYLOAD_LEN = ETH_HDR_LEN + 4
    OFF_IP6_NEXT_HEADER = ETH_HDR_LEN + 6
    OFF_IP6_HOP_LIMIT = ETH_HDR_LEN + 7
    OFF_IP6_SRC = ETH_HDR_LEN + 8
    OFF_IP6_DST = ETH_HDR_LEN + 24

    # Neighbor Advertisement (RFC 4861 s4.4) and its Target Link-Layer Address option (s4.6.1)
    OFF_NA = ETH_HDR_LEN + IPV6_HDR_LEN
    OFF_NA_CHECKSUM = OFF_NA + 2
    OFF_NA_FLAGS = OFF_NA + 4
    OFF_NA_TARGET = OFF_NA + 8
    OFF_NA_OPTION = OFF_NA + 24
    NA_LEN = NA_FRAME_LEN - OFF_NA
    NA_TYPE = 136
    NA_FLAG_ROUTER = 0x80
    NA_FLAG_OVERRIDE = 0x20
    NA_HOP_LIMIT = 255                      # RFC 4861 s7.1.2: receivers drop anything else
    ND_OPTION_TARGET_MAC = 2
    ND_OPTION_UNITS = 1                     # of 8 bytes
    IP_PROTOCOL_ICMPV6 = 58

assert OFF_ARP_TARGET_IP + IPV4_LEN == GARP_FRAME_LEN
assert OFF_NA_OPTION + 2 + ETH_ADDR_LEN == NA_FRAME_LEN


cdef size_t garp_frame(uint8_t *buf, const uint8_t *mac, const uint8_t *addr) noexcept nogil:
    """Write a gratuitous ARP request for `addr` at `mac` to buf[0:GARP_FRAME_LEN]; return that length."""
    memset(buf + OFF_ETH_DST, 0xFF, ETH_ADDR_LEN)
    memcpy(buf + OFF_ETH_SRC, mac, ETH_ADDR_LEN)
    memcpy(buf + OFF_ETH_TYPE, b"\x08\x06", 2)
    # Ethernet, IPv4, address lengths 6 and 4, request
    memcpy(buf + OFF_ARP_FIXED, b"\x00\x01\x08\x00\x06\x04\x00\x01", 8)
    memcpy(buf + OFF_ARP_SENDER_MAC, mac, ETH_ADDR_LEN)
    memcpy(buf + OFF_ARP_SENDER_IP, addr, IPV4_LEN)
    memset(buf + OFF_ARP_TARGET_MAC, 0xFF, ETH_ADDR_LEN)
    memcpy(buf + OFF_ARP_TARGET_IP, addr, IPV4_LEN)
    return GARP_FRAME_LEN


cdef size_t na_frame(uint8_t *buf, const uint8_t *mac, const uint8_t *addr, bint router) noexcept nogil:
    """Write an unsolicited NA for `addr` at `mac` to buf[0:NA_FRAME_LEN]; return that length.

    router: set the Router flag: the sender forwards packets.
    """
    cdef uint16_t checksum
    memset(buf, 0, NA_FRAME_LEN)
    memcpy(buf + OFF_ETH_DST, b"\x33\x33\x00\x00\x00\x01", ETH_ADDR_LEN)    # RFC 2464 s7: all nodes
    memcpy(buf + OFF_ETH_SRC, mac, ETH_ADDR_LEN)
    memcpy(buf + OFF_ETH_TYPE, b"\x86\xdd", 2)
    buf[OFF_IP6_VERSION] = 0x60
    buf[OFF_IP6_PAYLOAD_LEN + 1] = NA_LEN
    buf[OFF_IP6_NEXT_HEADER] = IP_PROTOCOL_ICMPV6
    buf[OFF_IP6_HOP_LIMIT] = NA_HOP_LIMIT
    memcpy(buf + OFF_IP6_SRC, addr, IPV6_LEN)
    buf[OFF_IP6_DST] = 0xFF                                                 # ff02::1
    buf[OFF_IP6_DST + 1] = 0x02
    buf[OFF_IP6_DST + 15] = 0x01
    buf[OFF_NA] = NA_TYPE
    buf[OFF_NA_FLAGS] = NA_FLAG_OVERRIDE | NA_FLAG_ROUTER if router else NA_FLAG_OVERRIDE
    memcpy(buf + OFF_NA_TARGET, addr, IPV6_LEN)
    buf[OFF_NA_OPTION] = ND_OPTION_TARGET_MAC
    buf[OFF_NA_OPTION + 1] = ND_OPTION_UNITS
    memcpy(buf + OFF_NA_OPTION + 2, mac, ETH_ADDR_LEN)
    checksum = ~csum_fold(csum_add(
        buf + OFF_NA, NA_LEN, csum_pseudo_ipv6(buf + OFF_IP6_SRC, buf + OFF_IP6_DST, IP_PROTOCOL_ICMPV6, NA_LEN)
    ))
    memcpy(buf + OFF_NA_CHECKSUM, &checksum, 2)
    return NA_FRAME_LEN


cdef bytes _packed(str name, value, Py_ssize_t length):
    cdef bytes packed = memoryview(value).tobytes()
    if len(packed) != length:
        raise ValueError(f"{name} has {len(packed)} bytes, must have {length}")
    return packed


def gratuitous_arp(mac, address):
    """Return a gratuitous ARP request as an Ethernet frame (RFC 5227 s2.3).

    mac: 6 bytes. address: 4 bytes, network order. Raises TypeError and ValueError for anything else.
    """
    cdef bytes source = _packed("mac", mac, ETH_ADDR_LEN)
    cdef bytes target = _packed("address", address, IPV4_LEN)
    cdef bytes frame = PyBytes_FromStringAndSize(NULL, GARP_FRAME_LEN)
    garp_frame(<uint8_t *>PyBytes_AS_STRING(frame), source, target)
    return frame


def unsolicited_na(mac, address, router=False):
    """Return an unsolicited Neighbor Advertisement as an Ethernet frame (RFC 4861 s7.2.6).

    mac: 6 bytes. address: 16 bytes, network order. router: set the Router flag. Raises TypeError and
    ValueError.
    """
    cdef bytes source = _packed("mac", mac, ETH_ADDR_LEN)
    cdef bytes target = _packed("address", address, IPV6_LEN)
    cdef bytes frame = PyBytes_FromStringAndSize(NULL, NA_FRAME_LEN)
    na_frame(<uint8_t *>PyBytes_AS_STRING(frame), source, target, bool(router))
    return frame
