# cython: language_level=3
from libc.stdint cimport uint32_t

from vrrpcore.vr cimport FAULT_GROUP, vr_t

cdef void sync_join(vr_t *vrs, uint32_t i, uint32_t member) noexcept nogil
cdef void sync_leave(vr_t *vrs, uint32_t i) noexcept nogil
cdef bint sync_others_want_master(const vr_t *vrs, uint32_t i) noexcept nogil
cdef bint sync_set_fault(vr_t *vrs, uint32_t i, uint32_t own, bint *concerns_all) noexcept nogil
cdef void sync_set_aside(vr_t *vrs, uint32_t i, bint wanted) noexcept nogil
cdef bint sync_owns(const vr_t *vrs, uint32_t i) noexcept nogil


cdef inline bint sync_has_fault(const vr_t *vrs, uint32_t i) noexcept nogil:
    """Whether any member, `i` among them, has a reason of its own to be in FAULT."""
    return vrs[vrs[i].group_head].group_faults != 0


cdef inline bint sync_is_aside(const vr_t *vrs, uint32_t i) noexcept nogil:
    """Whether any member, `i` among them, stands aside: then none of them becomes MASTER."""
    return vrs[vrs[i].group_head].group_asides != 0


cdef inline uint32_t sync_reasons(const vr_t *vrs, uint32_t i) noexcept nogil:
    """Why router `i` is in FAULT: its own reasons, and FAULT_GROUP where another member has some."""
    cdef uint32_t own = vrs[i].fault_reasons
    if vrs[vrs[i].group_head].group_faults > (own != 0):
        own |= <uint32_t>FAULT_GROUP
    return own
