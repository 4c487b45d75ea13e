# cython: language_level=3
from libc.stdint cimport uint32_t

from vrrpcore.vr cimport vr_t

cdef void sync_join(vr_t *vrs, uint32_t i, uint32_t member) noexcept nogil
cdef void sync_leave(vr_t *vrs, uint32_t i) noexcept nogil
cdef bint sync_others_want_master(const vr_t *vrs, uint32_t i) noexcept nogil
cdef bint sync_has_fault(const vr_t *vrs, uint32_t i) noexcept nogil
cdef bint sync_set_fault(vr_t *vrs, uint32_t i, uint32_t own) noexcept nogil
cdef bint sync_owns(const vr_t *vrs, uint32_t i) noexcept nogil
cdef bint sync_is_aside(const vr_t *vrs, uint32_t i) noexcept nogil
