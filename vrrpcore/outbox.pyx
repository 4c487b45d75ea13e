# cython: language_level=3
"""What is to be sent: a batch of datagrams, and the memory that it points at.

Sending copies nothing: the batch points at the encoded adverts of the routers, and at an arena for what is made once
(priority 0, frames). Memory that a router gives up while a batch may point at it is retired, and freed with the batch.
"""

cimport cython
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

from vrrpcore.announce cimport garp_frame, na_frame
from vrrpcore.consts cimport FAMILY_IPV6, NA_FRAME_LEN, PRIORITY_RELEASE
from vrrpcore.counters cimport CNT_ADVERT_SENT, CNT_ANNOUNCE_SENT, CNT_PRI_ZERO_SENT
from vrrpcore.packet cimport advert_encode, advert_form_t
from vrrpcore.setup cimport fill_form
from vrrpcore.vr cimport VR_NONE

cdef enum:
    ARENA_CHUNK = 65536
    TX_MIN = 256


@cython.final
cdef class Outbox:
    """The batch of an Engine."""

    def __dealloc__(self):
        self.clear()
        if self._arena_chunks:
            free(self._arena[0])
        free(self._arena)
        free(self._retired)
        free(self.tx)

    cdef void add_adverts(self, uint32_t i, const vr_t *vr) noexcept nogil:
        """One advert to each destination, as encoded when its inputs last changed."""
        cdef uint32_t d
        cdef tx_t *tx
        for d in range(vr.dst_count):
            tx = self._add()
            if tx == NULL:
                return
            tx.data = vr.adverts + d * vr.advert_len
            tx.length = vr.advert_len
            tx.kind = TX_ADVERT
            tx.counter = CNT_ADVERT_SENT
            tx.domain = vr.domain
            tx.ifindex = vr.transmit_ifindex
            tx.vr = i
            memcpy(tx.src, vr.src, 16)
            memcpy(tx.dst, vr.dsts + 16 * d, 16)
            tx.ttl = vr.ttl

    cdef void add_zero(self, uint32_t i, const vr_t *vr) noexcept nogil:
        """The advert that says "I stop": priority 0 (s6.4.3)."""
        cdef advert_form_t form
        cdef uint32_t d
        cdef tx_t *tx
        cdef uint8_t *data
        fill_form(&form, vr)
        form.priority = PRIORITY_RELEASE
        for d in range(vr.dst_count):
            data = self._bytes(vr.advert_len)
            tx = self._add() if data != NULL else NULL
            if tx == NULL:
                return
            tx.data = data
            tx.length = <uint16_t>advert_encode(&form, vr.src, vr.dsts + 16 * d, data, vr.advert_len)
            tx.kind = TX_ADVERT
            tx.counter = CNT_PRI_ZERO_SENT
            tx.domain = vr.domain
            tx.ifindex = vr.transmit_ifindex
            tx.vr = i
            memcpy(tx.src, vr.src, 16)
            memcpy(tx.dst, vr.dsts + 16 * d, 16)
            tx.ttl = vr.ttl

    cdef void add_announces(self, uint32_t i, const vr_t *vr, uint32_t rounds) noexcept nogil:
        """GARP and NA: rounds over all addresses; the frame of an address is built once."""
        cdef uint32_t k, _
        cdef size_t first = self.count
        cdef tx_t *tx
        for k in range(vr.announce_count):
            self.add_announce(i, vr, &vr.announces[k])
        if self.count - first < vr.announce_count:
            return
        for _ in range(1, rounds):
            for k in range(vr.announce_count):
                tx = self._add()
                if tx == NULL:
                    return
                tx[0] = self.tx[first + k]

    cdef void add_announce(self, uint32_t i, const vr_t *vr, const announce_t *announce) noexcept nogil:
        """GARP or NA: one frame."""
        cdef uint8_t *data = self._bytes(NA_FRAME_LEN)
        cdef tx_t *tx = self._add() if data != NULL else NULL
        if tx == NULL:
            return
        memset(tx, 0, sizeof(tx_t))
        tx.data = data
        if announce.family == FAMILY_IPV6:
            tx.length = <uint16_t>na_frame(data, announce.mac, announce.addr, announce.router)
        else:
            tx.length = <uint16_t>garp_frame(data, announce.mac, announce.addr)
        tx.kind = TX_FRAME
        tx.counter = CNT_ANNOUNCE_SENT
        tx.domain = vr.domain
        tx.ifindex = announce.ifindex
        tx.vr = i
        memcpy(tx.src, announce.addr, 16)

    cdef void disown(self, uint32_t i) noexcept nogil:
        """Router `i` is gone: what it has queued is still sent, and counts for nobody."""
        cdef size_t k
        for k in range(self.count):
            if self.tx[k].vr == i:
                self.tx[k].vr = VR_NONE

    cdef void clear(self) noexcept nogil:
        """The batch is sent: forget it, and free what only it pointed at."""
        cdef size_t k
        self.count = 0
        for k in range(self._retired_count):
            free(self._retired[k])
        self._retired_count = 0
        while self._arena_chunks > 1:
            self._arena_chunks -= 1
            free(self._arena[self._arena_chunks])
        self._arena_used = 0

    cdef int retire(self, void *memory) except -1:
        """Free memory now, or with the batch that may still point into it."""
        cdef void **grown
        if memory == NULL:
            return 0
        if self.count == 0:
            free(memory)
            return 0
        if self._retired_count == self._retired_capacity:
            grown = <void **>realloc(self._retired, (self._retired_capacity * 2 + 16) * sizeof(void *))
            if grown == NULL:
                raise MemoryError
            self._retired = grown
            self._retired_capacity = self._retired_capacity * 2 + 16
        self._retired[self._retired_count] = memory
        self._retired_count += 1
        return 0

    cdef tx_t *_add(self) noexcept nogil:
        """The next place in the batch, or NULL when there is no memory: that datagram is then not sent."""
        cdef size_t capacity
        cdef tx_t *grown
        if self.count == self._capacity:
            capacity = self._capacity * 2 if self._capacity else TX_MIN
            grown = <tx_t *>realloc(self.tx, capacity * sizeof(tx_t))
            if grown == NULL:
                return NULL
            self.tx = grown
            self._capacity = capacity
        self.count += 1
        return &self.tx[self.count - 1]

    cdef uint8_t *_bytes(self, size_t length) noexcept nogil:
        """Memory that lives as long as the batch, or NULL."""
        cdef uint8_t **grown
        cdef uint8_t *chunk
        if self._arena_chunks == 0 or self._arena_used + length > ARENA_CHUNK:
            if self._arena_chunks == self._arena_capacity:
                grown = <uint8_t **>realloc(self._arena, (self._arena_capacity + 16) * sizeof(uint8_t *))
                if grown == NULL:
                    return NULL
                self._arena = grown
                self._arena_capacity += 16
            chunk = <uint8_t *>malloc(ARENA_CHUNK)
            if chunk == NULL:
                return NULL
            self._arena[self._arena_chunks] = chunk
            self._arena_chunks += 1
            self._arena_used = 0
        chunk = self._arena[self._arena_chunks - 1] + self._arena_used
        self._arena_used += length
        return chunk
