# cython: language_level=3
"""The slab of Virtual Routers, and how an arriving advert finds its own.

A router is found by (namespace, family, interface, VRID) and, for multicast, the group; for unicast the local and the
peer address. So one VRID serves any number of unicast pairs on one interface. Indexes are stable: a router keeps its
slab entry for life, and the entry is used again afterwards. Growing moves the slab, so no pointer into it outlives a
call that adds a router.
"""

cimport cython
from libc.stdlib cimport free
from libc.string cimport memcmp, memcpy, memset

from vrrpcore.vr cimport VR_NONE, VRF_KEYED, VRF_UNICAST, VRF_USED

cdef extern from "<stdlib.h>" nogil:
    void *aligned_alloc(size_t alignment, size_t size)

cdef enum:
    SLAB_MIN = 16
    ENTRIES_MIN = 64

assert sizeof(key_entry_t) == CACHE_LINE
assert sizeof(vr_t) == 4 * CACHE_LINE, sizeof(vr_t)
assert <size_t>&(<vr_t *>NULL).master_addr == CACHE_LINE and <size_t>&(<vr_t *>NULL).dsts == 2 * CACHE_LINE
assert sizeof(vr_counters_t) % CACHE_LINE == 0


cdef inline void _fill_dst_key(rx_key_t *key, const vr_t *vr, uint32_t d) noexcept nogil:
    # By which adverts from its destination number d reach a router: a peer's, or the group's.
    if vr.flags & VRF_UNICAST:
        fill_key(key, KEY_PEER, vr.domain, vr.ifindex, vr.vrid, vr.src, vr.dsts + 16 * d)
    else:
        fill_key(key, KEY_MULTICAST, vr.domain, vr.ifindex, vr.vrid, vr.dsts, NULL)


cdef void *_zeroed(size_t size) except NULL:
    """Memory that begins with a cache line; `size` is a multiple of one."""
    cdef void *memory = aligned_alloc(CACHE_LINE, size)
    if memory == NULL:
        raise MemoryError
    memset(memory, 0, size)
    return memory


@cython.final
cdef class Table:
    """Owns the slabs and the index of receive keys."""

    def __cinit__(self):
        self._free = VR_NONE
        self._entry_mask = ENTRIES_MIN - 1
        self._entries = <key_entry_t *>_zeroed(ENTRIES_MIN * sizeof(key_entry_t))

    def __dealloc__(self):
        free(self.vrs)
        free(self.counters)
        free(self._entries)

    cdef uint32_t allocate(self) except 0xFFFFFFFF:
        """Return a zeroed slab entry with its counters. May move the slab.

        Raises MemoryError.
        """
        cdef uint32_t i
        if self._free == VR_NONE:
            self._grow(self.capacity * 2 if self.capacity else <uint32_t>SLAB_MIN)
        i = self._free
        self._free = self.vrs[i].group_next
        memset(&self.vrs[i], 0, sizeof(vr_t))
        self.vrs[i].flags = VRF_USED
        self.vrs[i].group_next = i
        self.vrs[i].group_head = i
        self.used += 1
        return i

    cdef void release(self, uint32_t i) noexcept:
        """Give a slab entry back. The router is not keyed, is in no group, and owns no memory any more."""
        memset(&self.counters[i], 0, sizeof(vr_counters_t))
        self.vrs[i].advert_rcvd = 0
        self.vrs[i].flags = 0
        self.vrs[i].group_next = self._free
        self._free = i
        self.used -= 1

    cdef int key(self, uint32_t i) except -1:
        """Let arriving adverts find router `i`.

        Raises ValueError when another router already hears the same ones; nothing is changed then.
        """
        cdef vr_t *vr = &self.vrs[i]
        cdef rx_key_t key
        cdef key_entry_t *entry
        cdef uint32_t d, other, size = self._entry_mask + 1
        for d in range(vr.dst_count):
            _fill_dst_key(&key, vr, d)
            entry = self._entry(&key)
            if entry.count == 0 and vr.flags & VRF_UNICAST and vr.ifindex and self._wildcards:
                key.where = key_where(vr.domain, 0)
                entry = self._entry(&key)
            if entry.count:
                raise ValueError(f"VRID {vr.vrid} is in use here by router {entry.indexes}")
        other = self._bound_rival(i)
        if other != VR_NONE:
            raise ValueError(f"VRID {vr.vrid} is in use here by router {other}")
        while (self._entry_count + vr.dst_count + 2) * 2 > size:
            size *= 2
        if size > self._entry_mask + 1:
            self._resize(size)
        for d in range(vr.dst_count):
            _fill_dst_key(&key, vr, d)
            self._add_key(&key, i)
        if vr.flags & VRF_UNICAST:
            fill_key(&key, KEY_LOCAL, vr.domain, vr.ifindex, vr.vrid, vr.src, NULL)
            self._add_key(&key, i)
            if vr.ifindex:
                self._bound += 1
            else:
                self._wildcards += 1
        fill_key(&key, KEY_VRID, vr.domain, vr.ifindex, vr.vrid, NULL, NULL)
        self._add_key(&key, i)
        vr.flags |= VRF_KEYED
        return 0

    cdef void unkey(self, uint32_t i) noexcept:
        """Undo key(). Does nothing for a router that is not keyed."""
        cdef vr_t *vr = &self.vrs[i]
        cdef rx_key_t key
        cdef uint32_t d
        if not vr.flags & VRF_KEYED:
            return
        for d in range(vr.dst_count):
            _fill_dst_key(&key, vr, d)
            self._remove_key(&key, i)
        if vr.flags & VRF_UNICAST:
            fill_key(&key, KEY_LOCAL, vr.domain, vr.ifindex, vr.vrid, vr.src, NULL)
            self._remove_key(&key, i)
            if vr.ifindex:
                self._bound -= 1
            else:
                self._wildcards -= 1
        fill_key(&key, KEY_VRID, vr.domain, vr.ifindex, vr.vrid, NULL, NULL)
        self._remove_key(&key, i)
        vr.flags &= ~<uint32_t>VRF_KEYED

    cdef uint32_t _search(self, uint32_t domain, uint32_t ifindex, uint8_t vrid, const uint8_t *local,
                          const uint8_t *peer, bint multicast, bint *listed) noexcept nogil:
        """find(), where the first look was not enough."""
        cdef rx_key_t key
        cdef key_entry_t *entry
        cdef uint32_t i, named
        listed[0] = True
        if multicast:
            fill_key(&key, KEY_MULTICAST, domain, ifindex, vrid, local, NULL)
            return self._sole(&key)
        fill_key(&key, KEY_PEER, domain, ifindex, vrid, local, peer)
        i = self._sole(&key)
        if i != VR_NONE:
            return i
        if self._wildcards:
            key.where = key_where(domain, 0)
            i = self._sole(&key)
            if i != VR_NONE:
                return i
        listed[0] = False
        fill_key(&key, KEY_LOCAL, domain, ifindex, vrid, local, NULL)
        entry = self._entry(&key)
        named = entry.count
        i = entry.indexes
        if self._wildcards and ifindex:
            key.where = key_where(domain, 0)
            entry = self._entry(&key)
            named += entry.count
            if entry.count:
                i = entry.indexes
        return i if named == 1 else VR_NONE

    cdef uint32_t find_vrid(self, uint32_t domain, uint32_t ifindex, uint8_t vrid) noexcept nogil:
        """Return the one router of this VRID on the interface whatever its addresses, or VR_NONE."""
        cdef rx_key_t key
        cdef uint32_t i
        fill_key(&key, KEY_VRID, domain, ifindex, vrid, NULL, NULL)
        i = self._sole(&key)
        if i == VR_NONE and self._wildcards:
            key.where = key_where(domain, 0)
            i = self._sole(&key)
        return i

    cdef void tally(self, uint32_t i, uint32_t counter) noexcept nogil:
        """Count for router `i`; VR_NONE is one that was removed with a datagram still to be sent."""
        if i != VR_NONE:
            self.counters[i].count[counter] += 1

    cdef uint32_t _bound_rival(self, uint32_t i) noexcept nogil:
        # A router without an interface hears on all: nobody on any of them may have the same peer. Looked for one by
        # one, where both kinds are in use, so that the others need no second key per peer.
        cdef vr_t *vr = &self.vrs[i]
        cdef vr_t *other
        cdef uint32_t j, d, e
        if not vr.flags & VRF_UNICAST or vr.ifindex or not self._bound:
            return VR_NONE
        for j in range(self.capacity):
            other = &self.vrs[j]
            if (not other.flags & VRF_KEYED or not other.flags & VRF_UNICAST or other.domain != vr.domain
                    or other.vrid != vr.vrid or memcmp(other.src, vr.src, 16) != 0):
                continue
            for d in range(vr.dst_count):
                for e in range(other.dst_count):
                    if memcmp(vr.dsts + 16 * d, other.dsts + 16 * e, 16) == 0:
                        return j
        return VR_NONE

    cdef uint32_t _sole(self, const rx_key_t *key) noexcept nogil:
        cdef key_entry_t *entry = self._entry(key)
        return entry.indexes if entry.count == 1 else VR_NONE

    cdef key_entry_t *_entry(self, const rx_key_t *key) noexcept nogil:
        return self._entry_from(hash_key(key) & self._entry_mask, key)

    cdef int _add_key(self, const rx_key_t *key, uint32_t i) except -1:
        cdef key_entry_t *entry = self._entry(key)
        if entry.count == 0:
            entry.key = key[0]
            entry.indexes = 0
            self._entry_count += 1
        entry.count += 1
        entry.indexes ^= i
        return 0

    cdef void _remove_key(self, const rx_key_t *key, uint32_t i) noexcept:
        cdef key_entry_t *entry = self._entry(key)
        cdef uint32_t hole, slot, home
        entry.count -= 1
        entry.indexes ^= i
        if entry.count:
            return
        # Close the gap, so that no probe stops early: move back each follower whose home is not behind the hole.
        self._entry_count -= 1
        hole = <uint32_t>(entry - self._entries)
        slot = hole
        while True:
            slot = (slot + 1) & self._entry_mask
            if self._entries[slot].count == 0:
                break
            home = hash_key(&self._entries[slot].key) & self._entry_mask
            if ((slot - home) & self._entry_mask) >= ((slot - hole) & self._entry_mask):
                self._entries[hole] = self._entries[slot]
                hole = slot
        self._entries[hole].count = 0

    cdef int _grow(self, uint32_t size) except -1:
        """Make the slabs larger: they move."""
        cdef vr_t *vrs = <vr_t *>_zeroed(size * sizeof(vr_t))
        cdef vr_counters_t *counters
        cdef uint32_t i = size
        try:
            counters = <vr_counters_t *>_zeroed(size * sizeof(vr_counters_t))
        except MemoryError:
            free(vrs)
            raise
        if self.capacity:
            memcpy(vrs, self.vrs, self.capacity * sizeof(vr_t))
            memcpy(counters, self.counters, self.capacity * sizeof(vr_counters_t))
        free(self.vrs)
        free(self.counters)
        self.vrs = vrs
        self.counters = counters
        while i > self.capacity:
            i -= 1
            vrs[i].group_next = self._free
            self._free = i
        self.capacity = size
        return 0

    cdef int _resize(self, uint32_t size) except -1:
        cdef key_entry_t *old = self._entries
        cdef uint32_t old_mask = self._entry_mask, k
        cdef key_entry_t *new = <key_entry_t *>_zeroed(size * sizeof(key_entry_t))
        self._entries = new
        self._entry_mask = size - 1
        for k in range(old_mask + 1):
            if old[k].count:
                self._entry(&old[k].key)[0] = old[k]
        free(old)
        return 0
