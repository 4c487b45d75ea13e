# cython: language_level=3
from libc.stdint cimport uint8_t

# Both write one whole Ethernet frame and return its length; `buf` has room for it.
cdef size_t garp_frame(uint8_t *buf, const uint8_t *mac, const uint8_t *addr) noexcept nogil
cdef size_t na_frame(uint8_t *buf, const uint8_t *mac, const uint8_t *addr, bint router) noexcept nogil
