# cython: language_level=3
from libc.stdint cimport int64_t, uint64_t

from vrrpcore.packet cimport DROP_COUNT
from vrrpcore.vr cimport vr_t

cdef extern from *:
    int clz64 "__builtin_clzll"(unsigned long long value) noexcept nogil

# Counters of one router, in a slab beside that of the routers, under the same index.
cdef enum:                      # vr_counter_t
    CNT_ADVERT_RCVD = 0         # counted in vr_t, where an advert is looked at anyway; its column is filled when read
    CNT_ADVERT_SENT
    CNT_BECOME_MASTER
    CNT_RELEASE_MASTER
    CNT_PRI_ZERO_RCVD
    CNT_PRI_ZERO_SENT
    CNT_ADDR_LIST_ERR           # R10: the address list differs, obeyed
    CNT_FIRST_ADDR_ERR          # R9: the first IPv6 address is not link-local, obeyed
    CNT_INTERVAL_DIFFERS        # R8, v3: the interval differs, obeyed
    CNT_INTERVAL_SHORT          # R8, v3: it is below the shortest that is learned, obeyed
    CNT_CHECKSUM_FOREIGN        # K4: the other checksum form, accepted
    CNT_UNLISTED_SOURCE         # R12: obeyed, though not a configured peer
    CNT_OTHER_MASTER            # adverts of another router while MASTER
    CNT_ANNOUNCE_SENT
    CNT_SEND_ERR                # the kernel refused a datagram
    CNT_DROP = CNT_SEND_ERR     # + drop_t, of which the first is 1: no column for "not dropped"

cdef enum:
    CNT_COUNT = CNT_DROP + DROP_COUNT
    CNT_ROOM = (CNT_COUNT + 7) & ~7         # whole cache lines

cdef struct vr_counters_t:
    uint64_t count[CNT_ROOM]

# Of all routers together, in one array of an Engine.
cdef enum:
    LATE_BUCKETS = 24           # the last one: 4 s and later
    BATCH_BUCKETS = 8           # the last one: 64 datagrams, a full batch

cdef enum:                      # total_t
    TOTAL_TURNS = 0             # of a reactor
    TOTAL_TIMERS_FIRED
    TOTAL_WHEEL_BOOKINGS        # timers filed in a slot of the wheel, anew or again
    TOTAL_DOWN_TIMERS_HELD      # a Master_Down_Timer was due and waited for its queue to be read
    TOTAL_STALLS
    TOTAL_STALL_LONGEST_NS
    TOTAL_PAUSES
    TOTAL_PAUSE_LONGEST_NS
    TOTAL_EVENTS_COALESCED      # of state changes that did not fit the ring, only the newest was told
    TOTAL_EVENTS_DROPPED        # worth a sentence, and not told
    TOTAL_RECEIVE_BATCHES       # calls of recvmmsg that gave something
    TOTAL_DATAGRAMS_RECEIVED
    TOTAL_RECEIVE_DROPS         # the receive buffer was full
    TOTAL_SEND_BATCHES          # calls of sendmmsg
    TOTAL_DATAGRAMS_SENT
    TOTAL_SEND_ERRORS
    TOTAL_CLOCK_STEPS           # of the wall clock
    TOTAL_ADVER_LATE_LONGEST_NS
    TOTAL_DOWN_LATE_LONGEST_NS
    TOTAL_TURN_LATE_LONGEST_NS
    # Histograms: column k has what is below 2**k and not below 2**(k - 1); the last one also what is larger.
    TOTAL_ADVER_LATE            # microseconds from the deadline of an Adver_Timer to the turn that fired it
    TOTAL_DOWN_LATE = TOTAL_ADVER_LATE + LATE_BUCKETS           # of a Master_Down_Timer
    TOTAL_TURN_LATE = TOTAL_DOWN_LATE + LATE_BUCKETS            # of a turn of a reactor that was due by its timer
    TOTAL_RECEIVE_BATCH = TOTAL_TURN_LATE + LATE_BUCKETS        # datagrams in a batch
    TOTAL_SEND_BATCH = TOTAL_RECEIVE_BATCH + BATCH_BUCKETS
    TOTAL_COUNT = TOTAL_SEND_BATCH + BATCH_BUCKETS


cdef inline size_t bucket(uint64_t value, size_t bucket_count) noexcept nogil:
    """The column of a histogram that counts `value`."""
    cdef size_t k = 64 - <size_t>clz64(value) if value else 0
    return k if k < bucket_count else bucket_count - 1


cdef inline void raise_to(uint64_t *longest, int64_t value) noexcept nogil:
    if value > 0 and <uint64_t>value > longest[0]:
        longest[0] = <uint64_t>value


cdef inline void count_adver_late(uint64_t *total, int64_t late_ns) noexcept nogil:
    """An Adver_Timer fires `late_ns` after its deadline."""
    total[TOTAL_ADVER_LATE + bucket(<uint64_t>late_ns // 1000 if late_ns > 0 else 0, LATE_BUCKETS)] += 1
    raise_to(&total[TOTAL_ADVER_LATE_LONGEST_NS], late_ns)


cdef inline void count_down_late(uint64_t *total, int64_t late_ns) noexcept nogil:
    """A Master_Down_Timer fires `late_ns` after its deadline."""
    total[TOTAL_DOWN_LATE + bucket(<uint64_t>late_ns // 1000 if late_ns > 0 else 0, LATE_BUCKETS)] += 1
    raise_to(&total[TOTAL_DOWN_LATE_LONGEST_NS], late_ns)


cdef inline void count_turn_late(uint64_t *total, int64_t late_ns) noexcept nogil:
    """A turn comes `late_ns` after the earliest thing that it had to do."""
    total[TOTAL_TURN_LATE + bucket(<uint64_t>late_ns // 1000 if late_ns > 0 else 0, LATE_BUCKETS)] += 1
    raise_to(&total[TOTAL_TURN_LATE_LONGEST_NS], late_ns)


cdef inline void count_stall(uint64_t *total, int64_t late_ns) noexcept nogil:
    """A turn came `late_ns` after it was due."""
    total[TOTAL_STALLS] += 1
    raise_to(&total[TOTAL_STALL_LONGEST_NS], late_ns)


cdef inline void count_pause(uint64_t *total, int64_t pause_ns) noexcept nogil:
    """The machine stood still for `pause_ns`, and its CLOCK_MONOTONIC with it."""
    total[TOTAL_PAUSES] += 1
    raise_to(&total[TOTAL_PAUSE_LONGEST_NS], pause_ns)


cdef dict counters_by_name(const uint64_t *count, const vr_t *vr)
cdef dict drops_by_name(const uint64_t *drops)
cdef object counters_array(const vr_counters_t *rows, const vr_t *vrs, size_t row_count)
cdef object totals_array(const uint64_t *total)
cdef dict totals_by_name(const uint64_t *total)
cdef size_t row_count(const vr_t *vrs, size_t capacity) noexcept nogil
cdef object status_arrays(const vr_t *vrs, size_t row_count)
