# cython: language_level=3
from libc.stdint cimport uint8_t, uint16_t, uint64_t

# Sums are kept unfolded in 64 bits and in native byte order until csum_fold: RFC 1071 s2 shows why both are right.
cdef uint64_t csum_add(const uint8_t *buf, size_t length, uint64_t total) noexcept nogil
cdef uint16_t csum_fold(uint64_t total) noexcept nogil          # 16 bits, native order, not complemented
cdef uint64_t csum_pseudo_ipv4(const uint8_t *src, const uint8_t *dst, uint16_t length) noexcept nogil
cdef uint64_t csum_pseudo_ipv6(const uint8_t *src, const uint8_t *dst, uint8_t next_header,
                               uint16_t length) noexcept nogil
