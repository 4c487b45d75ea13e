# cython: language_level=3, cdivision=True
"""What the layers above have to know, in a bounded ring.

Telling costs no Python object and never waits: whoever reads may be slow, and nobody on the path of a packet minds. So
the ring can be full. A change of state is then marked on its router, and the router's newest state is told once the
ring has been emptied: what was between is coalesced, and no state stays untold. What is only worth a sentence is
dropped and counted; it gets three quarters of the ring, so that a peer's noise leaves room for states.

What a peer can cause with each of its adverts is told once, until the router changes its state.
"""

cimport cython
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from vrrpcore.limits cimport EVENT_RING_SIZE
from vrrpcore.packet cimport DROP_COUNT
from vrrpcore.vr cimport VR_NONE, VRF_COALESCED, vr_t

from vrrpcore.settings import Event

cdef enum:
    SENTENCES_MAX = EVENT_RING_SIZE // 4 * 3

assert 1 << DROP_COUNT <= TOLD_FIRST_ADDRESS

EVENTS = {
    "state": EVENT_STATE, "drop": EVENT_DROP, "other_master": EVENT_OTHER_MASTER,
    "address_list": EVENT_ADDRESS_LIST, "interval": EVENT_INTERVAL, "unlisted": EVENT_UNLISTED, "stall": EVENT_STALL,
    "send_err": EVENT_SEND_ERR, "first_address": EVENT_FIRST_ADDRESS, "interval_short": EVENT_INTERVAL_SHORT,
    "unknown_vrid": EVENT_UNKNOWN_VRID, "pause": EVENT_PAUSE,
}


@cython.final
@cython.no_gc
cdef class EventRing:
    """The events of an engine, from when they happen until they are taken."""

    def __cinit__(self, Table table not None):
        self._table = table
        self._events = <event_t *>malloc(EVENT_RING_SIZE * sizeof(event_t))
        if self._events == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self._events)

    cdef uint32_t waiting(self) noexcept nogil:
        """How many events there are to take; a coalesced one counts, however many routers it is of."""
        return self._count + self._has_coalesced

    cdef void tell(self, uint8_t kind, uint32_t i, int64_t at_ns, uint8_t old_state, uint8_t reason,
                   const rx_meta_t *rx, const advert_t *advert, uint32_t value) noexcept nogil:
        """Tell of router `i` (VR_NONE: of none), which is in its new state already. rx, advert: NULL for none."""
        cdef event_t *event
        cdef vr_t *vr = &self._table.vrs[i] if i != VR_NONE else NULL
        if self._count >= (<uint32_t>EVENT_RING_SIZE if kind == EVENT_STATE else <uint32_t>SENTENCES_MAX):
            if kind == EVENT_STATE:
                vr.flags |= VRF_COALESCED
                self._has_coalesced = True
                self.coalesced += 1
            else:
                self.dropped += 1
            return
        event = &self._events[(self._head + self._count) % EVENT_RING_SIZE]
        self._count += 1
        memset(event, 0, sizeof(event_t))
        event.at_ns = at_ns
        event.vr = i
        event.value = value
        event.kind = kind
        event.old_state = old_state
        event.state = vr.state if vr != NULL else 0
        event.reason = reason
        if advert != NULL:
            event.priority = advert.priority
        if rx != NULL:
            memcpy(event.addr, rx.src, 16)

    cdef void tell_first(self, uint8_t kind, uint32_t i, uint32_t bit, const rx_meta_t *rx,
                         const advert_t *advert, uint32_t value) noexcept nogil:
        """tell_once(), where it was not told yet."""
        cdef vr_t *vr = &self._table.vrs[i]
        vr.told |= bit
        self.tell(kind, i, rx.arrival_ns, vr.state, <uint8_t>value if kind == EVENT_DROP else 0, rx, advert, value)

    cdef list take(self, Py_ssize_t limit):
        """Return and forget up to `limit` events (list of Event), oldest first; then what was coalesced."""
        cdef event_t *event
        cdef vr_t *vr
        cdef uint32_t i
        cdef list events = []
        while self._count and len(events) < limit:
            event = &self._events[self._head]
            self._head = (self._head + 1) % EVENT_RING_SIZE
            self._count -= 1
            events.append(Event(event.kind, -1 if event.vr == VR_NONE else event.vr, event.at_ns, event.old_state,
                                event.state, event.reason, event.priority, event.addr[:16], event.value))
        if self._has_coalesced and not self._count:
            self._has_coalesced = False
            for i in range(self._table.capacity):
                vr = &self._table.vrs[i]
                if not vr.flags & VRF_COALESCED:
                    continue
                if len(events) >= limit:
                    self._has_coalesced = True
                    break
                vr.flags &= ~<uint32_t>VRF_COALESCED
                events.append(Event(EVENT_STATE, i, vr.since_ns, vr.state, vr.state, 0, 0, bytes(16), 0))
        return events
