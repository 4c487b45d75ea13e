# cython: language_level=3
"""What is counted, and how it is read: by name, for a person.

Counting is one addition, where it happens; the numbers of the counters are in counters.pxd. A counter only grows, from
0 when its router was added, and wraps at 2**64.
"""

# By CNT_*. The names that keepalived has for a counter are keepalived's. From CNT_DROP on: why an advert was dropped.
COUNTER_NAMES = (
    "advert_rcvd", "advert_sent", "become_master", "release_master", "pri_zero_rcvd", "pri_zero_sent",
    "addr_list_err", "first_addr_err", "interval_differs", "interval_short", "checksum_foreign", "unlisted_source",
    "other_master", "announce_sent", "send_err",
    "packet_short_err", "ip_length_err", "version_err", "invalid_type_rcvd", "vrid_err", "ip_ttl_err",
    "packet_len_err", "no_address_err", "checksum_err", "authtype_mismatch", "auth_failure", "advert_interval_err",
    "mode_err", "unknown_source_err", "own_address_err", "owner_ignored", "first_addr_dropped", "addr_list_dropped",
)
# By drop_t.
DROP_COUNTER_NAMES = ("", *COUNTER_NAMES[CNT_DROP + 1:])
assert len(COUNTER_NAMES) == CNT_COUNT and len(DROP_COUNTER_NAMES) == DROP_COUNT


cdef dict counters_by_name(const uint64_t *count):
    """The counters of one router."""
    return {name: count[k] for k, name in enumerate(COUNTER_NAMES)}


cdef dict drops_by_name(const uint64_t *drops):
    """What was dropped for one domain, by reason."""
    return {DROP_COUNTER_NAMES[k]: drops[k] for k in range(1, DROP_COUNT)}
