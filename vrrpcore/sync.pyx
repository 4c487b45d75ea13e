# cython: language_level=3
"""vrrp_sync_group: routers that change state together, as keepalived couples them.

A group is a ring through vr_t.group_next; a router in no group is a ring of its own. One member, the head, counts for
all: a link that goes down is told member by member, and a group may have thousands. These functions answer what ring
and head say; `machine` turns the answers into events of the members: the first member in FAULT takes all with it, all
leave FAULT together, all become MASTER at the moment when the last of them wants to, one that steps down takes all.
"""

from vrrpcore.vr cimport ST_MASTER, VRF_ASIDE, VRF_OWNER_START, VRF_WANTS_MASTER


cdef void sync_join(vr_t *vrs, uint32_t i, uint32_t member) noexcept nogil:
    """Put router `i`, which is in no group, into the ring of `member`."""
    cdef vr_t *head = &vrs[vrs[member].group_head]
    vrs[i].group_next = vrs[member].group_next
    vrs[member].group_next = i
    head.group_faults += vrs[i].group_faults
    head.group_asides += vrs[i].group_asides
    head.group_unjudged = 1
    vrs[i].group_head = vrs[member].group_head


cdef void sync_leave(vr_t *vrs, uint32_t i) noexcept nogil:
    """Take router `i` out of its ring; the others stay together."""
    cdef uint32_t before = i, j
    cdef uint32_t head = vrs[i].group_head
    if vrs[i].group_next == i:
        return
    while vrs[before].group_next != i:
        before = vrs[before].group_next
    vrs[before].group_next = vrs[i].group_next
    if head == i:
        head = vrs[before].group_next
        vrs[head].group_faults = vrs[i].group_faults
        vrs[head].group_asides = vrs[i].group_asides
        j = head
        while True:
            vrs[j].group_head = head
            j = vrs[j].group_next
            if j == head:
                break
    vrs[i].group_next = i
    vrs[i].group_head = i
    vrs[i].group_faults = vrs[i].fault_reasons != 0
    vrs[i].group_asides = vrs[i].flags & VRF_ASIDE != 0
    vrs[head].group_faults -= vrs[i].group_faults
    vrs[head].group_asides -= vrs[i].group_asides
    vrs[head].group_unjudged = 1


cdef bint sync_others_want_master(const vr_t *vrs, uint32_t i) noexcept nogil:
    """Whether every other member is MASTER or would be, were it alone."""
    cdef uint32_t j = vrs[i].group_next
    while j != i:
        if vrs[j].state != ST_MASTER and not vrs[j].flags & VRF_WANTS_MASTER:
            return False
        j = vrs[j].group_next
    return True


cdef bint sync_set_fault(vr_t *vrs, uint32_t i, uint32_t own, bint *concerns_all) noexcept nogil:
    """Give router `i` reasons of its own to be in FAULT; return whether any member has a reason now.

    `concerns_all` is set to whether that may be news to the other members.
    """
    cdef vr_t *head = &vrs[vrs[i].group_head]
    cdef bint had_fault = head.group_faults != 0
    head.group_faults += <uint32_t>(own != 0)
    head.group_faults -= <uint32_t>(vrs[i].fault_reasons != 0)
    vrs[i].fault_reasons = own
    concerns_all[0] = head.group_unjudged or had_fault != (head.group_faults != 0)
    head.group_unjudged = 0
    return head.group_faults != 0


cdef void sync_set_aside(vr_t *vrs, uint32_t i, bint wanted) noexcept nogil:
    """Router `i` stands aside, or does not."""
    cdef vr_t *head = &vrs[vrs[i].group_head]
    head.group_asides += <uint32_t>wanted
    head.group_asides -= <uint32_t>(vrs[i].flags & VRF_ASIDE != 0)
    if wanted:
        vrs[i].flags |= VRF_ASIDE
    else:
        vrs[i].flags &= ~<uint32_t>VRF_ASIDE


cdef bint sync_owns(const vr_t *vrs, uint32_t i) noexcept nogil:
    """Whether a router, and all of its group, start as owners of their addresses (Y3); not while one stands aside."""
    cdef uint32_t j = i
    while vrs[j].flags & (VRF_OWNER_START | VRF_ASIDE) == VRF_OWNER_START:
        j = vrs[j].group_next
        if j == i:
            return True
    return False
