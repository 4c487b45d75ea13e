# cython: language_level=3
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from vrrpcore.counters cimport TOTAL_COUNT
from vrrpcore.budget cimport SourceBudget
from vrrpcore.outbox cimport Outbox
from vrrpcore.packet cimport DROP_COUNT, advert_t, rx_meta_t
from vrrpcore.pacing cimport Announcer
from vrrpcore.slots cimport SlotBook
from vrrpcore.table cimport Table
from vrrpcore.vr cimport vr_t
from vrrpcore.wheel cimport TimerWheel

# One VRRP message that arrived.
cdef struct heard_t:
    rx_meta_t rx
    const uint8_t *message  # without its IP header
    size_t length
    uint32_t vr             # the engine's: where it is looked for, then whose it is
    uint8_t vrid
    uint8_t drop
    bint listed

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

cdef enum:
    # Above the bits of drop_t in vr_t.told.
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

# A domain is a (namespace, family): it has receive sockets of its own, and an interface index means something in it.
cdef struct domain_t:
    uint8_t family
    uint8_t is_idle             # its receive queue was empty at polled_ns
    uint8_t wants_look          # a Master_Down_Timer waits for its queue to be read
    uint8_t tells_unknown       # VRIDs that no router has are told, each once
    uint8_t told_vrids[32]      # a bit for each that was told
    uint64_t drops[DROP_COUNT]  # of adverts that belong to no router
    int64_t heard_until_ns      # every datagram that arrived before this has been heard


@cython.final
@cython.no_gc
cdef class Engine:
    cdef Table table
    cdef TimerWheel wheel
    cdef domain_t *domains
    cdef uint32_t domain_count
    cdef uint32_t look_count        # domains that want a look
    cdef int64_t polled_ns          # when the idle domains were last seen idle
    cdef Outbox outbox              # what is to be sent
    cdef uint64_t total[TOTAL_COUNT]    # by TOTAL_*; the reactor counts here too
    cdef event_t *_events
    cdef uint32_t _event_head       # next to be taken
    cdef uint32_t _event_count
    cdef bint _has_coalesced
    cdef SlotBook slots             # which MASTER sends when
    cdef Announcer announcer        # GARP and NA
    cdef SourceBudget budget        # of sources that are no configured peers

    # For the reactor; no Python object is touched.
    cdef inline void tally(self, size_t total, uint64_t more) noexcept nogil:
        self.total[total] += more
    cdef void receive(self, heard_t *batch, size_t count) noexcept nogil
    cdef void count_drop(self, uint32_t domain, uint32_t reason) noexcept nogil
    cdef void _unknown_vrid(self, const rx_meta_t *rx, uint8_t vrid) noexcept nogil
    cdef size_t expire(self, int64_t now_ns, size_t limit) noexcept nogil
    cdef void notice_stall(self, int64_t late_ns, int64_t now_ns) noexcept nogil
    cdef void relisten(self, uint32_t domain, int64_t deaf_ns, int64_t now_ns) noexcept nogil
    cdef int64_t next_deadline_ns(self) noexcept nogil
    cdef void send_failed(self, uint32_t i, int error, int64_t now_ns) noexcept nogil
    cdef uint32_t event_count(self) noexcept nogil

    cdef void _hear(self, const heard_t *heard) noexcept nogil
    cdef void _dispatch(self, uint32_t i, uint8_t event, int64_t now_ns, const rx_meta_t *rx,
                        const advert_t *advert) noexcept nogil
    cdef void _apply(self, uint32_t i, uint8_t event, int64_t now_ns, const rx_meta_t *rx,
                     const advert_t *advert) noexcept nogil
    cdef void _arm_adver(self, uint32_t i, int64_t now_ns, bint first) noexcept nogil
    cdef void _arm_down(self, uint32_t i, int64_t from_ns) noexcept nogil
    cdef void _arm_skew(self, uint32_t i, int64_t from_ns) noexcept nogil
    cdef void _set_down(self, uint32_t i, int64_t deadline_ns) noexcept nogil
    cdef int64_t _down_deadline_ns(self, uint32_t i) noexcept nogil
    cdef bint _listen_again(self, uint32_t i, int64_t deaf_ns, int64_t now_ns) noexcept nogil
    cdef bint _may_expire(self, uint32_t i, int64_t now_ns) noexcept nogil
    cdef void _emit(self, uint8_t kind, uint32_t i, int64_t at_ns, uint8_t old_state, uint8_t reason,
                    const rx_meta_t *rx, const advert_t *advert, uint32_t value) noexcept nogil
    cdef void _emit_once(self, uint8_t kind, uint32_t i, uint32_t bit, const rx_meta_t *rx,
                         const advert_t *advert, uint32_t value) noexcept nogil
    cdef int _retire(self, vr_t *vr) except -1
    cdef vr_t *_vr(self, i) except NULL
