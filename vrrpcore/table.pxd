# cython: language_level=3
cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from vrrpcore.counters cimport vr_counters_t
from vrrpcore.vr cimport VR_NONE, vr_t

cdef extern from *:
    void prefetch "__builtin_prefetch"(const void *memory) noexcept nogil

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

cdef enum:
    CACHE_LINE = 64


cdef inline uint32_t hash_key(const rx_key_t *key) noexcept nogil:
    # A product for each word, at once, then one more that folds: VRIDs and addresses that count up spread over the
    # whole table.
    cdef uint64_t h = (
        key.where * <uint64_t>0x9E3779B97F4A7C15 + key.what * <uint64_t>0xD6E8FEB86659FD93
        + key.local[0] * <uint64_t>0xBF58476D1CE4E5B9 + key.local[1] * <uint64_t>0x94D049BB133111EB
        + key.peer[0] * <uint64_t>0xC2B2AE3D27D4EB4F + key.peer[1] * <uint64_t>0x165667B19E3779F9
    )
    h = (h ^ (h >> 32)) * <uint64_t>0xD6E8FEB86659FD93
    return <uint32_t>(h >> 32)


cdef inline bint is_same_key(const rx_key_t *a, const rx_key_t *b) noexcept nogil:
    return ((a.where ^ b.where) | (a.what ^ b.what) | (a.local[0] ^ b.local[0]) | (a.local[1] ^ b.local[1])
            | (a.peer[0] ^ b.peer[0]) | (a.peer[1] ^ b.peer[1])) == 0


cdef inline uint64_t key_where(uint32_t domain, uint32_t ifindex) noexcept nogil:
    return <uint64_t>domain << 32 | ifindex


cdef inline void fill_key(rx_key_t *key, uint8_t kind, uint32_t domain, uint32_t ifindex, uint8_t vrid,
                          const uint8_t *local, const uint8_t *peer) noexcept nogil:
    key.where = key_where(domain, ifindex)
    key.what = <uint64_t>kind << 8 | vrid
    key.local[0] = key.local[1] = key.peer[0] = key.peer[1] = 0
    if local != NULL:
        memcpy(key.local, local, 16)
    if peer != NULL:
        memcpy(key.peer, peer, 16)


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
    cdef uint32_t _search(self, uint32_t domain, uint32_t ifindex, uint8_t vrid, const uint8_t *local,
                          const uint8_t *peer, bint multicast, bint *listed) noexcept nogil

    # What every advert heard needs is compiled into its caller.

    cdef inline uint32_t foresee(self, uint32_t domain, uint32_t ifindex, uint8_t vrid, const uint8_t *local,
                                 const uint8_t *peer, bint multicast) noexcept nogil:
        """Have the place in memory fetched where find(), with the same arguments, will look first; return which."""
        cdef rx_key_t key
        cdef uint32_t place
        if multicast:
            fill_key(&key, KEY_MULTICAST, domain, ifindex, vrid, local, NULL)
            place = hash_key(&key) & self._entry_mask
        else:
            fill_key(&key, KEY_PEER, domain, ifindex, vrid, local, peer)
            place = hash_key(&key) & self._entry_mask
        prefetch(&self._entries[place])
        return place

    cdef inline key_entry_t *_entry_from(self, uint32_t place, const rx_key_t *key) noexcept nogil:
        # Linear probing; the table is at most half full, so a free entry always ends the search.
        cdef key_entry_t *entry = &self._entries[place]
        while entry.count and not is_same_key(&entry.key, key):
            place = (place + 1) & self._entry_mask
            entry = &self._entries[place]
        return entry

    cdef inline uint32_t find(self, uint32_t place, uint32_t domain, uint32_t ifindex, uint8_t vrid,
                              const uint8_t *local, const uint8_t *peer, bint multicast, bint *listed) noexcept nogil:
        """Return the router that an advert is for, or VR_NONE.

        place: what foresee() said of the same; local, peer: 16 bytes, the destination and the source of the advert.
        `listed` is set to whether the source is a configured peer; an unlisted one still finds the router if the rest
        of the key names exactly one.
        """
        cdef rx_key_t key
        cdef const key_entry_t *entry
        if multicast:
            fill_key(&key, KEY_MULTICAST, domain, ifindex, vrid, local, NULL)
        else:
            fill_key(&key, KEY_PEER, domain, ifindex, vrid, local, peer)
        entry = self._entry_from(place, &key)
        if entry.count == 1:
            listed[0] = True
            return entry.indexes
        return self._search(domain, ifindex, vrid, local, peer, multicast, listed)

    cdef inline void fetch(self, uint32_t i) noexcept nogil:
        """Have what an advert for router `i` will touch fetched from memory."""
        prefetch(&self.vrs[i])
        prefetch(<uint8_t *>&self.vrs[i] + CACHE_LINE)

    cdef inline void fetch_sender(self, uint32_t i) noexcept nogil:
        """Have what a timer of router `i` will touch fetched from memory."""
        self.fetch(i)
        prefetch(<uint8_t *>&self.vrs[i] + 2 * CACHE_LINE)
        prefetch(&self.counters[i])

    cdef inline void fetch_advert(self, uint32_t i) noexcept nogil:
        """Have an advert of router `i`, and where it goes, fetched from memory, which fetch_sender() has prepared."""
        prefetch(self.vrs[i].dsts)
        prefetch(self.vrs[i].adverts)

    cdef uint32_t find_vrid(self, uint32_t domain, uint32_t ifindex, uint8_t vrid) noexcept nogil
    cdef void tally(self, uint32_t i, uint32_t counter) noexcept nogil
    cdef int _add_key(self, const rx_key_t *key, uint32_t i) except -1
    cdef void _remove_key(self, const rx_key_t *key, uint32_t i) noexcept
    cdef key_entry_t *_entry(self, const rx_key_t *key) noexcept nogil
    cdef uint32_t _bound_rival(self, uint32_t i) noexcept nogil
    cdef uint32_t _sole(self, const rx_key_t *key) noexcept nogil
    cdef int _resize(self, uint32_t size) except -1
    cdef int _grow(self, uint32_t size) except -1
