# cython: language_level=3
cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from vrrpcore.counters cimport vr_counters_t
from vrrpcore.vr cimport vr_t

# How an arriving advert finds its router. The key says all of what it is found by; unused parts are zero.
cdef enum key_kind_t:
    KEY_MULTICAST = 1       # domain, interface, VRID, group
    KEY_PEER                # domain, interface, VRID, local address, peer address
    KEY_LOCAL               # domain, interface, VRID, local address: for a source that nobody lists (R12)
    KEY_VRID                # domain, interface, VRID: to tell "wrong cast" from "no such VRID"

cdef struct rx_key_t:       # words, so that it compares and hashes without a byte store being read as a word
    uint64_t where          # domain, interface
    uint64_t what           # key_kind_t, VRID
    uint64_t local[2]
    uint64_t peer[2]

cdef struct key_entry_t:    # one cache line
    rx_key_t key
    uint32_t count          # routers that have this key; 0: free
    uint32_t indexes        # their indexes, combined by exclusive or: the one that is left when count is 1
    uint64_t zero


@cython.final
cdef class Table:
    cdef vr_t *vrs
    cdef vr_counters_t *counters
    cdef uint32_t capacity              # slab entries
    cdef uint32_t used                  # entries that hold a router
    cdef uint32_t _free                 # first free entry, linked through group_next; VR_NONE: none
    cdef key_entry_t *_entries
    cdef uint32_t _entry_mask           # size - 1, a power of two
    cdef uint32_t _entry_count
    cdef uint32_t _wildcards            # keyed unicast routers without an interface
    cdef uint32_t _bound                # keyed unicast routers with one

    cdef uint32_t allocate(self) except 0xFFFFFFFF
    cdef void release(self, uint32_t i) noexcept
    cdef int key(self, uint32_t i) except -1
    cdef void unkey(self, uint32_t i) noexcept
    cdef void foresee(self, uint32_t domain, uint32_t ifindex, uint8_t vrid, const uint8_t *local,
                      const uint8_t *peer, bint multicast) noexcept nogil
    cdef void fetch(self, uint32_t i) noexcept nogil
    cdef void fetch_sender(self, uint32_t i) noexcept nogil
    cdef uint32_t find(self, uint32_t domain, uint32_t ifindex, uint8_t vrid, const uint8_t *local,
                       const uint8_t *peer, bint multicast, bint *listed) noexcept nogil
    cdef uint32_t find_vrid(self, uint32_t domain, uint32_t ifindex, uint8_t vrid) noexcept nogil
    cdef void tally(self, uint32_t i, uint32_t counter) noexcept nogil
    cdef int _add_key(self, const rx_key_t *key, uint32_t i) except -1
    cdef void _remove_key(self, const rx_key_t *key, uint32_t i) noexcept
    cdef key_entry_t *_entry(self, const rx_key_t *key) noexcept nogil
    cdef uint32_t _bound_rival(self, uint32_t i) noexcept nogil
    cdef uint32_t _sole(self, const rx_key_t *key) noexcept nogil
    cdef int _resize(self, uint32_t size) except -1
    cdef int _grow(self, uint32_t size) except -1
