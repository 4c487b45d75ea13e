# cython: language_level=3
"""The Internet checksum (RFC 1071) and the two pseudo-headers.

A sum is 64 bits wide and made of 32-bit words, so no carry is lost before 2**32 of them; it is folded once,
at the end. It is kept in native byte order: RFC 1071 s2(B) shows that the swapped sum is the sum of the
swapped words, so nothing is swapped on the way and the result is stored as it is.

Pieces can be summed one after the other as long as each but the last has an even length.
"""

from libc.stdint cimport uint8_t, uint16_t, uint64_t

from vrrpcore.consts cimport IPV6_LEN

cdef uint64_t csum_pseudo_ipv6(const uint8_t *src, const uint8_t *dst, uint8_t next_header,
                               uint16_t length) noexcept nogil:
    """Sum the IPv6 pseudo-header (RFC 8200 s8.1): addresses, length of the message, next header."""
    return csum_add(dst, IPV6_LEN, csum_add(src, IPV6_LEN, <uint64_t>htons(next_header) + htons(length)))


def internet_checksum(data):
    """Return the Internet checksum of `data` (RFC 1071), as the number to store in network order.

    data: any bytes-like object; not kept. Raises TypeError for anything else.
    """
    cdef bytes message = memoryview(data).tobytes()
    return <uint16_t>~htons(csum_fold(csum_add(message, len(message), 0)))
