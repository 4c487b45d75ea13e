# cython: language_level=3
"""vr_t: one Virtual Router. Data only; behaviour is in election, fsm, sync and machine."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from vrrpcore.packet cimport expect_t

# keepalived's numbers. FAULT is keepalived's: Initialize with a set of reasons.
cdef enum vr_state_t:
    ST_INIT = 0
    ST_BACKUP = 1
    ST_MASTER = 2
    ST_FAULT = 3
    ST_COUNT = 4

# Timers of one router: timer index = router index * TIMERS_PER_VR + one of these. A timer is 24 bytes, and those of a
# router begin with a cache line or in its middle: the first and the last of them never lie across two.
cdef enum vr_timer_t:
    TIMER_MASTER_DOWN = 0
    TIMER_ANNOUNCE = 1
    TIMER_LOWER = 2             # announcements after a lower advert
    TIMER_ADVER = 3
    TIMERS_PER_VR = 4           # a power of two, so that owner and timer part by a shift

cdef enum:
    VRF_USED = 1 << 0           # the slab entry holds a router
    VRF_UNICAST = 1 << 1
    VRF_PREEMPT = 1 << 2
    VRF_OWNER_START = 1 << 3    # priority 255 and `state MASTER`: MASTER at once (s6.4.1)
    VRF_CHECK_SOURCE = 1 << 4   # hears configured peers only
    VRF_KEYED = 1 << 5          # the receive table knows it
    VRF_WANTS_MASTER = 1 << 6   # its timer expired, its sync group was not ready
    VRF_STALLED = 1 << 7        # a MASTER that slept longer than its own Master_Down_Interval
    VRF_COALESCED = 1 << 8      # a state change did not fit the event ring
    VRF_HELD = 1 << 9           # its Master_Down_Timer is due, and waits for its queue to be read
    VRF_PEER_TTL = 1 << 10      # behind `dsts` stand the TTL limits of each
    VRF_STRICT = 1 << 11        # what the RFC lets a router drop is dropped
    VRF_OWNER_IGNORES = 1 << 12     # with priority 255 it hears nobody
    VRF_LOWER_SILENT = 1 << 13      # a MASTER does not answer a lower advert
    VRF_HIGHER_ADVERT = 1 << 14     # a MASTER sends one advert before it yields
    VRF_LOWER_AGAIN = 1 << 15       # lower adverts came while TIMER_LOWER ran
    VRF_LOWER_SECOND = 1 << 16      # the second set is behind us
    VRF_YIELDS = 1 << 17            # a lower advert has started the clock of preempt_delay
    VRF_ASIDE = 1 << 18             # its operator wants it to stay out of MASTER
    VRF_TELLS_LOWER = 1 << 19       # each lower advert that a MASTER hears is told

cdef enum:
    FAULT_GROUP = 1 << 31       # another member of its sync group is in FAULT; all other bits are the caller's

cdef enum:
    VR_NONE = 0xFFFFFFFF

# What a MASTER tells its segment by GARP or unsolicited NA.
cdef struct announce_t:
    uint32_t ifindex
    uint8_t mac[6]
    uint8_t family
    uint8_t router              # NA: the R flag
    uint8_t addr[16]
    uint32_t pacer              # who keeps a gap between frames; VR_NONE: nobody

cdef struct vr_t:               # four cache lines; an advert heard touches the first two, one sent all but the last
    # Read for every advert heard.
    expect_t expect             # what its adverts must look like
    uint8_t src[16]             # the source address of our adverts
    uint32_t domain             # which (namespace, family)
    uint32_t flags              # VRF_*
    uint32_t first_addr         # the first four bytes of `addrs`: most adverts are compared without leaving this line
    uint8_t state               # vr_state_t
    uint8_t family
    uint8_t version
    uint8_t priority            # effective: what the caller's trackers made of the configured one
    uint8_t down_timer_adverts
    uint8_t vrid
    uint8_t dst_count           # unicast peers, or 1 for the group
    uint8_t master_priority     # of the last advert that was honoured
    uint8_t peer_priority       # of the last advert that passed the checks
    uint8_t ttl                 # TTL or Hop Limit of its adverts: 255, or unicast as it is set
    uint16_t advertisement_interval_cs      # ours
    uint16_t master_adver_interval_cs       # learned from the master; ours until then
    uint16_t min_interval_cs    # nothing shorter is learned; our own interval where that is shorter
    uint16_t addr_count         # addresses in the advert
    uint16_t advert_len

    # Read and written for every advert heard.
    uint8_t master_addr[16]     # of the last advert that was honoured
    uint8_t peer_addr[16]       # of the last advert that passed the checks
    int64_t peer_heard_ns       # when that arrived; 0: never
    int64_t since_ns            # when it entered this state
    int64_t listen_until_ns     # after a stall: Master_Down_Timer fires no sooner
    uint64_t advert_rcvd        # a counter, here and not among the others: CNT_ADVERT_RCVD

    # For every advert sent.
    uint8_t *dsts               # dst_count addresses of 16 bytes, then dst_count times lowest and highest TTL
    uint8_t *adverts            # one encoded advert per destination: pseudo-headers make them differ
    int64_t nominal_ns          # when the next advert is due
    uint32_t phase              # hash of the key: which slot of the interval it would like
    uint32_t transmit_ifindex   # where it leaves; 0: any, for unicast without an interface
    uint32_t group_next         # ring of the sync group's members; itself when it is in none

    # The rest.
    uint32_t told               # bit per drop_t and per event kind: told since the last change of state
    uint8_t *addrs              # addr_count addresses, packed, as in the advert
    int64_t held_ns             # under VRF_HELD: the deadline of its Master_Down_Timer
    uint32_t fault_reasons      # its own
    uint16_t announce_repeat    # frames per address in each set
    uint16_t booking                    # the slot of the interval that it has booked, + 1; 0: none
    announce_t *announces
    uint32_t announce_count
    uint32_t announce_delay_s           # until the second set; 0: none
    uint32_t announce_refresh_s         # 0: none
    uint16_t announce_refresh_repeat    # frames per address in each refresh
    # What follows is for adverts that are the exception.
    uint16_t garp_lower_prio_repeat     # frames per address in each set; 0: no set
    uint32_t garp_lower_prio_delay_s    # until the second set; 0: none
    uint32_t preempt_delay_ms           # 0: none
    int64_t preempt_until_ns            # S13, under VRF_YIELDS: lower adverts are obeyed until then
    uint32_t ifindex            # where others' adverts arrive: that one, or the one below; 0: any
    # Of its sync group, counted by one member for all.
    uint32_t group_head         # who that is; itself when it is in none
    uint32_t group_faults       # members that have reasons of their own to be in FAULT
    uint32_t group_asides       # members that stand aside
    uint8_t group_unjudged      # somebody came or went since all were told whether they are in FAULT
    uint8_t zero[7]
