# cython: language_level=3
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from vrrpcore.packet cimport advert_t, rx_meta_t
from vrrpcore.table cimport Table

# What the layer above is told.
cdef enum event_kind_t:
    EVENT_STATE = 0         # old_state -> state; reason: vr_event_t
    EVENT_DROP = 1          # reason: drop_t; the first of its kind since the last change of state
    EVENT_OTHER_MASTER = 2  # somebody else is MASTER while we are
    EVENT_ADDRESS_LIST = 3  # an advert lists other addresses than ours
    EVENT_INTERVAL = 4      # v3: the master's interval is not ours; value: centiseconds
    EVENT_UNLISTED = 5      # obeyed, though not a configured peer
    EVENT_STALL = 6         # value: how late a turn came, in microseconds; no router
    EVENT_SEND_ERR = 7      # the kernel refused a datagram; value: errno
    EVENT_FIRST_ADDRESS = 8     # an IPv6 advert does not list a link-local address first
    EVENT_INTERVAL_SHORT = 9    # the master's interval is shorter than what is learned; value: that, in centiseconds
    EVENT_UNKNOWN_VRID = 10     # value: domain * 256 + a VRID that no router has there; no router
    EVENT_PAUSE = 11        # value: how long the machine stood still, in microseconds; no router

# In vr_t.told, above the bits of drop_t.
cdef enum:
    TOLD_FIRST_ADDRESS = 1 << 24
    TOLD_INTERVAL_SHORT = 1 << 25
    TOLD_SEND_ERR = 1 << 26
    TOLD_OTHER_MASTER = 1 << 27
    TOLD_ADDRESS_LIST = 1 << 28
    TOLD_INTERVAL = 1 << 29
    TOLD_UNLISTED = 1 << 30

cdef struct event_t:
    int64_t at_ns
    uint32_t vr             # VR_NONE: of no router
    uint32_t value
    uint8_t kind            # event_kind_t
    uint8_t old_state
    uint8_t state
    uint8_t reason
    uint8_t priority        # of the advert that caused it
    uint8_t addr[16]        # its source


@cython.final
@cython.no_gc
cdef class EventRing:
    cdef uint64_t coalesced         # state changes that did not fit: of each router only the newest is told
    cdef uint64_t dropped           # what was worth a sentence, and is not told
    cdef Table _table
    cdef event_t *_events
    cdef uint32_t _head             # next to be taken
    cdef uint32_t _count
    cdef bint _has_coalesced

    cdef uint32_t waiting(self) noexcept nogil
    cdef void tell(self, uint8_t kind, uint32_t i, int64_t at_ns, uint8_t old_state, uint8_t reason,
                   const rx_meta_t *rx, const advert_t *advert, uint32_t value) noexcept nogil
    cdef void tell_first(self, uint8_t kind, uint32_t i, uint32_t bit, const rx_meta_t *rx,
                         const advert_t *advert, uint32_t value) noexcept nogil
    cdef list take(self, Py_ssize_t limit)

    # For each advert of a sender that is wrong in some way: compiled into the caller.
    cdef inline void tell_once(self, uint8_t kind, uint32_t i, uint32_t bit, const rx_meta_t *rx,
                               const advert_t *advert, uint32_t value) noexcept nogil:
        """Tell it unless it was told since the last change of state, which no rejected packet can cause (R13)."""
        if not self._table.vrs[i].told & bit:
            self.tell_first(kind, i, bit, rx, advert, value)
