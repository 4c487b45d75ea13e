# cython: language_level=3
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from vrrpcore.packet cimport advert_form_t
from vrrpcore.vr cimport vr_t

cdef int vr_check(settings, uint32_t domain_count) except -1
cdef int vr_setup(vr_t *vr, settings, uint8_t family) except -1
cdef int vr_encode(vr_t *vr) except -1
cdef void vr_free(vr_t *vr) noexcept nogil
cdef void fill_form(advert_form_t *form, const vr_t *vr) noexcept nogil
cdef int copy_address(uint8_t *out, uint8_t family, address) except -1
cdef uint64_t mix_address(const uint8_t *addr, size_t length) noexcept nogil
