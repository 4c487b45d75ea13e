# cython: language_level=3
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from vrrpcore.consts cimport IPV4_LEN, VRRP_PROTOCOL

cdef extern from "<arpa/inet.h>" nogil:
    uint16_t htons(uint16_t host)

# Sums are kept unfolded in 64 bits and in native byte order until csum_fold: RFC 1071 s2 shows why both are right.
# What is short stands here, to be compiled into its callers: a call would cost as much as the work.


cdef inline uint64_t csum_add(const uint8_t *buf, size_t length, uint64_t total) noexcept nogil:
    """Return `total` plus the words of buf[0:length]; a last odd byte is followed by a zero (RFC 1071 s1)."""
    cdef uint64_t word64
    cdef uint32_t word32
    cdef uint16_t word16
    while length >= 8:
        memcpy(&word64, buf, 8)                 # any alignment; compiles to one load
        total += (word64 & 0xFFFFFFFFU) + (word64 >> 32)
        buf += 8
        length -= 8
    if length & 4:
        memcpy(&word32, buf, 4)
        total += word32
        buf += 4
    if length & 2:
        memcpy(&word16, buf, 2)
        total += word16
        buf += 2
    if length & 1:
        word16 = 0
        memcpy(&word16, buf, 1)                 # the first byte in memory, on either kind of machine
        total += word16
    return total


cdef inline uint16_t csum_fold(uint64_t total) noexcept nogil:
    """Fold to 16 bits with end-around carry; native order, not complemented. A message that is right gives
    0xFFFF.
    """
    total = (total & 0xFFFFFFFFU) + (total >> 32)
    total = (total & 0xFFFF) + (total >> 16)    # 33 bits in, 18 out
    total = (total & 0xFFFF) + (total >> 16)    # 17 out
    return <uint16_t>(total + (total >> 16))


cdef inline uint64_t csum_pseudo_ipv4(const uint8_t *src, const uint8_t *dst, uint16_t length) noexcept nogil:
    """Sum the IPv4 pseudo-header: addresses, zero, protocol 112, length of the message.

    No RFC of VRRP draws it; it is the one of TCP (RFC 9293 s3.1) with VRRP's protocol number, as keepalived
    and FRR send it.
    """
    cdef uint32_t source
    cdef uint32_t destination
    memcpy(&source, src, IPV4_LEN)
    memcpy(&destination, dst, IPV4_LEN)
    return <uint64_t>source + destination + htons(VRRP_PROTOCOL) + htons(length)


cdef uint64_t csum_pseudo_ipv6(const uint8_t *src, const uint8_t *dst, uint8_t next_header,
                               uint16_t length) noexcept nogil
