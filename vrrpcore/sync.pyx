# cython: language_level=3
"""vrrp_sync_group: routers that change state together, as keepalived couples them.

A group is a ring through vr_t.group_next; a router in no group is a ring of its own. These functions answer what the
ring says; `machine` turns the answers into events of the members: the first member in FAULT takes all with it, all
leave FAULT together, all become MASTER at the moment when the last of them wants to, one that steps down takes all.
"""

from vrrpcore.vr cimport FAULT_GROUP, ST_MASTER, VRF_ASIDE, VRF_OWNER_START, VRF_WANTS_MASTER


cdef void sync_join(vr_t *vrs, uint32_t i, uint32_t member) noexcept nogil:
    """Put router `i`, which is in no group, into the ring of `member`."""
    vrs[i].group_next = vrs[member].group_next
    vrs[member].group_next = i


cdef void sync_leave(vr_t *vrs, uint32_t i) noexcept nogil:
    """Take router `i` out of its ring; the others stay together."""
    cdef uint32_t before = i
    while vrs[before].group_next != i:
        before = vrs[before].group_next
    vrs[before].group_next = vrs[i].group_next
    vrs[i].group_next = i


cdef bint sync_others_want_master(const vr_t *vrs, uint32_t i) noexcept nogil:
    """Whether every other member is MASTER or would be, were it alone."""
    cdef uint32_t j = vrs[i].group_next
    while j != i:
        if vrs[j].state != ST_MASTER and not vrs[j].flags & VRF_WANTS_MASTER:
            return False
        j = vrs[j].group_next
    return True


cdef bint sync_has_fault(const vr_t *vrs, uint32_t i) noexcept nogil:
    """Whether any member, `i` among them, has a reason of its own to be in FAULT."""
    cdef uint32_t j = i
    while True:
        if vrs[j].fault_reasons & ~<uint32_t>FAULT_GROUP:
            return True
        j = vrs[j].group_next
        if j == i:
            return False


cdef bint sync_set_fault(vr_t *vrs, uint32_t i, uint32_t own) noexcept nogil:
    """Give router `i` reasons of its own to be in FAULT, and every member the bit that says that another has some.

    Returns whether any member has a reason.
    """
    cdef uint32_t members_in_fault = 0
    cdef uint32_t j = i
    vrs[i].fault_reasons = own | (vrs[i].fault_reasons & <uint32_t>FAULT_GROUP)
    while True:
        members_in_fault += (vrs[j].fault_reasons & ~<uint32_t>FAULT_GROUP) != 0
        j = vrs[j].group_next
        if j == i:
            break
    while True:
        own = vrs[j].fault_reasons & ~<uint32_t>FAULT_GROUP
        vrs[j].fault_reasons = own | (<uint32_t>FAULT_GROUP if members_in_fault > (own != 0) else 0)
        j = vrs[j].group_next
        if j == i:
            return members_in_fault != 0


cdef bint sync_owns(const vr_t *vrs, uint32_t i) noexcept nogil:
    """Whether a router, and all of its group, start as owners of their addresses (Y3); not while one stands aside."""
    cdef uint32_t j = i
    while vrs[j].flags & (VRF_OWNER_START | VRF_ASIDE) == VRF_OWNER_START:
        j = vrs[j].group_next
        if j == i:
            return True
    return False


cdef bint sync_is_aside(const vr_t *vrs, uint32_t i) noexcept nogil:
    """Whether any member, `i` among them, stands aside: then none of them becomes MASTER."""
    cdef uint32_t j = i
    while not vrs[j].flags & VRF_ASIDE:
        j = vrs[j].group_next
        if j == i:
            return False
    return True
