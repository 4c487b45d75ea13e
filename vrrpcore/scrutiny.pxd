# cython: language_level=3
from libc.stdint cimport uint32_t

from vrrpcore.packet cimport advert_t, drop_t, expect_t, rx_meta_t
from vrrpcore.vr cimport vr_t

# What is remarkable of an advert that is obeyed all the same.
cdef enum:
    REMARK_FIRST_ADDRESS = 1 << 0       # R9
    REMARK_ADDRESS_LIST = 1 << 1        # R10

cdef drop_t scrutinize(const vr_t *vr, const rx_meta_t *rx, bint listed, const advert_t *advert,
                       uint32_t *remarks) noexcept nogil
cdef void limit_ttl(const vr_t *vr, const rx_meta_t *rx, expect_t *expect) noexcept nogil
