# cython: language_level=3
"""What is counted, and how it is read: by name, for a person; as arrays, for a scrape of ten thousand routers.

Counting is one addition, where it happens; the numbers of the counters are in counters.pxd. A counter only grows, from
0 when its router was added, and wraps at 2**64; but for those named "longest", which keep the largest value.

An array is a copy of one moment (array.array, so it has the buffer protocol): it is the caller's, and stays as it is
whatever the engine does. No Python object is made for a single counter.
"""

from cpython cimport array
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

import array

from vrrpcore.sync cimport sync_reasons
from vrrpcore.vr cimport VRF_USED

from vrrpcore.settings import StatusArrays

# By CNT_*. The names that keepalived has for a counter are keepalived's. From CNT_DROP on: why an advert was dropped.
COUNTER_NAMES = (
    "advert_rcvd", "advert_sent", "become_master", "release_master", "pri_zero_rcvd", "pri_zero_sent",
    "addr_list_err", "first_addr_err", "interval_differs", "interval_short", "checksum_foreign", "unlisted_source",
    "other_master", "announce_sent", "send_err",
    "packet_short_err", "ip_length_err", "version_err", "invalid_type_rcvd", "vrid_err", "ip_ttl_err",
    "packet_len_err", "no_address_err", "checksum_err", "authtype_mismatch", "auth_failure", "advert_interval_err",
    "mode_err", "unknown_source_err", "own_address_err", "owner_ignored", "first_addr_dropped", "addr_list_dropped",
    "unlisted_dropped",
)
# By drop_t.
DROP_COUNTER_NAMES = ("", *COUNTER_NAMES[CNT_DROP + 1:])
assert len(COUNTER_NAMES) == CNT_COUNT and len(DROP_COUNTER_NAMES) == DROP_COUNT

# Histograms among the totals: which columns they have. Column k counts what is below 2**k and not below 2**(k - 1), the
# last one all that is larger too. `_us`: microseconds; `_batch`: datagrams.
HISTOGRAMS = {
    "adver_late_us": range(TOTAL_ADVER_LATE, TOTAL_DOWN_LATE),
    "down_late_us": range(TOTAL_DOWN_LATE, TOTAL_TURN_LATE),
    "turn_late_us": range(TOTAL_TURN_LATE, TOTAL_RECEIVE_BATCH),
    "receive_batch": range(TOTAL_RECEIVE_BATCH, TOTAL_SEND_BATCH),
    "send_batch": range(TOTAL_SEND_BATCH, TOTAL_COUNT),
}
# By TOTAL_*.
TOTAL_NAMES = (
    "turns", "timers_fired", "wheel_bookings", "down_timers_held", "stalls", "stall_longest_ns", "pauses",
    "pause_longest_ns", "events_coalesced", "events_dropped", "receive_batches", "datagrams_received", "receive_drops",
    "send_batches", "datagrams_sent", "send_errors", "clock_steps", "adver_late_longest_ns", "down_late_longest_ns",
    "turn_late_longest_ns",
    *(
        f"{name}_under_{'inf' if k == columns.stop - 1 else 1 << (k - columns.start)}"
        for name, columns in HISTOGRAMS.items() for k in columns
    ),
)
assert len(TOTAL_NAMES) == TOTAL_COUNT

cdef enum:
    STATE_NONE = 255

NO_ROUTER = <int>STATE_NONE     # in StatusArrays.state: nobody has this index

cdef array.array _BYTES = array.array("B")
cdef array.array _WORDS = array.array("I")
cdef array.array _LONGS = array.array("q")
cdef array.array _COUNTS = array.array("Q")
assert _WORDS.itemsize == 4


cdef dict counters_by_name(const uint64_t *count, const vr_t *vr):
    """The counters of one router."""
    found = {name: count[k] for k, name in enumerate(COUNTER_NAMES)}
    found[COUNTER_NAMES[CNT_ADVERT_RCVD]] = vr.advert_rcvd
    return found


cdef dict drops_by_name(const uint64_t *drops):
    """What was dropped for one domain, by reason."""
    return {DROP_COUNTER_NAMES[k]: drops[k] for k in range(1, DROP_COUNT)}


cdef object counters_array(const vr_counters_t *rows, const vr_t *vrs, size_t row_count):
    """The counters of routers 0 to row_count - 1, a row of CNT_COUNT each, as one array of "Q"."""
    cdef array.array found = array.clone(_COUNTS, row_count * CNT_COUNT, False)
    cdef uint64_t *to = <uint64_t *>found.data.as_voidptr
    cdef size_t i
    for i in range(row_count):
        memcpy(to + i * CNT_COUNT, rows[i].count, CNT_COUNT * sizeof(uint64_t))
        to[i * CNT_COUNT + CNT_ADVERT_RCVD] = vrs[i].advert_rcvd
    return found


cdef object totals_array(const uint64_t *total):
    """The totals, by TOTAL_*, as an array of "Q"."""
    cdef array.array found = array.clone(_COUNTS, TOTAL_COUNT, False)
    memcpy(found.data.as_voidptr, total, TOTAL_COUNT * sizeof(uint64_t))
    return found


cdef dict totals_by_name(const uint64_t *total):
    """The totals by name."""
    return dict(zip(TOTAL_NAMES, totals_array(total)))


cdef size_t row_count(const vr_t *vrs, size_t capacity) noexcept nogil:
    """One more than the highest index that a router has."""
    while capacity and not vrs[capacity - 1].flags & VRF_USED:
        capacity -= 1
    return capacity


cdef object status_arrays(const vr_t *vrs, size_t row_count):
    """How routers 0 to row_count - 1 stand (StatusArrays)."""
    cdef array.array states = array.clone(_BYTES, row_count, False)
    cdef array.array priorities = array.clone(_BYTES, row_count, False)
    cdef array.array reasons = array.clone(_WORDS, row_count, False)
    cdef array.array since = array.clone(_LONGS, row_count, False)
    cdef array.array heard = array.clone(_LONGS, row_count, False)
    cdef const vr_t *vr
    cdef uint32_t i
    for i in range(<uint32_t>row_count):
        vr = &vrs[i]
        states.data.as_uchars[i] = vr.state if vr.flags & VRF_USED else STATE_NONE
        priorities.data.as_uchars[i] = vr.priority
        reasons.data.as_uints[i] = sync_reasons(vrs, i)
        since.data.as_longlongs[i] = vr.since_ns
        heard.data.as_longlongs[i] = vr.peer_heard_ns
    return StatusArrays(states, priorities, reasons, since, heard)
