# cython: language_level=3
cimport cython
from libc.stdint cimport uint8_t, uint16_t, uint32_t

from vrrpcore.vr cimport announce_t, vr_t

# One datagram to be sent. The pointers stay good until the batch is cleared.
cdef enum tx_kind_t:
    TX_ADVERT = 0           # a VRRP message from `src` to `dst`
    TX_FRAME = 1            # a whole Ethernet frame: GARP or NA

cdef struct tx_t:
    const uint8_t *data
    uint16_t length
    uint8_t kind            # tx_kind_t
    uint8_t counter         # CNT_*: what to count when it is sent
    uint32_t domain
    uint32_t ifindex
    uint32_t vr
    uint8_t src[16]
    uint8_t dst[16]
    uint8_t ttl             # of an advert; 255 is the socket's own


@cython.final
cdef class Outbox:
    cdef tx_t *tx
    cdef size_t count
    cdef size_t _capacity
    cdef uint8_t **_arena           # chunks for bytes that live as long as the batch
    cdef size_t _arena_chunks
    cdef size_t _arena_capacity
    cdef size_t _arena_used         # of the last chunk
    cdef void **_retired            # memory that the batch may still point into
    cdef size_t _retired_count
    cdef size_t _retired_capacity

    cdef void add_adverts(self, uint32_t i, const vr_t *vr) noexcept nogil
    cdef void add_zero(self, uint32_t i, const vr_t *vr) noexcept nogil
    cdef void add_announces(self, uint32_t i, const vr_t *vr, uint32_t rounds) noexcept nogil
    cdef void add_announce(self, uint32_t i, const vr_t *vr, const announce_t *announce) noexcept nogil
    cdef void disown(self, uint32_t i) noexcept nogil
    cdef void clear(self) noexcept nogil
    cdef int retire(self, void *memory) except -1
    cdef tx_t *_add(self) noexcept nogil
    cdef uint8_t *_bytes(self, size_t length) noexcept nogil
