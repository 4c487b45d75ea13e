"""The names of what is counted, and how a histogram is read. Data and arithmetic; nothing is counted here.

COUNTERS is the one table of the counters of an instance: our name, which is keepalived's where keepalived has one
(in its dump, SIGJSON), the leaf of ietf-vrrp that counts it (RFC 8347), and what it means. docs/counters.md is made
from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Counter(NamedTuple):
    """One counter of an instance."""

    name: str
    keepalived: bool            # keepalived has it under the same name
    leaf: str                   # of ietf-vrrp; several counters may add up to one; empty: it has none
    means: str


INSTANCE_LEAVES = (
    "discontinuity-datetime", "master-transitions", "advertisement-rcvd", "advertisement-sent", "interval-errors",
    "priority-zero-pkts-rcvd", "priority-zero-pkts-sent", "invalid-type-pkts-rcvd", "address-list-errors",
    "packet-length-errors",
)
# RFC 8347 counts these once for all, whichever virtual router they were for.
GLOBAL_LEAVES = ("discontinuity-datetime", "checksum-errors", "version-errors", "vrid-errors", "ip-ttl-errors")

_KEPT = (
    Counter("advert_rcvd", True, "advertisement-rcvd", "Adverts that passed all checks"),
    Counter("advert_sent", True, "advertisement-sent", "Adverts that the kernel took, one for each peer"),
    Counter("become_master", True, "master-transitions", "Changes to MASTER"),
    Counter("release_master", True, "", "Changes away from MASTER"),
    Counter("pri_zero_rcvd", True, "priority-zero-pkts-rcvd", "Adverts heard with priority 0: a MASTER stops"),
    Counter("pri_zero_sent", True, "priority-zero-pkts-sent", "Adverts sent with priority 0"),
    Counter("addr_list_err", True, "address-list-errors",
            "The advert lists other addresses than this host; it is obeyed"),
    Counter("first_addr_err", False, "",
            "VRRPv3 over IPv6: the advert does not list a link-local address first; it is obeyed"),
    Counter("interval_differs", False, "interval-errors",
            "VRRPv3: the advert has another interval than this host; it is obeyed"),
    Counter("interval_short", False, "",
            "VRRPv3: that interval is shorter than what this host learns, which is 100 ms, or its own interval if that "
            "is shorter; it is obeyed and taken for that"),
    Counter("checksum_foreign", False, "",
            "VRRPv3 over IPv4: the checksum is right in the form that this host does not send; accepted"),
    Counter("unlisted_source", False, "", "Accepted from a host that is not in `unicast_peer`"),
    Counter("other_master", False, "",
            "This host is MASTER and hears another one that loses against it: **two masters**"),
    Counter("announce_sent", False, "", "Gratuitous ARP and unsolicited Neighbor Advertisement frames"),
    Counter("send_err", False, "", "Datagrams that the kernel refused"),
)
# Why an advert was dropped: the sum of these is how many were.
DROP_COUNTERS = (
    Counter("packet_short_err", False, "packet-length-errors", "Shorter than its headers"),
    Counter("ip_length_err", False, "packet-length-errors",
            "The lengths in the IP header do not fit the datagram"),
    Counter("version_err", False, "version-errors", "Another VRRP version than configured"),
    Counter("invalid_type_rcvd", True, "invalid-type-pkts-rcvd", "Not an ADVERTISEMENT"),
    Counter("vrid_err", False, "vrid-errors", "No instance here has this VRID"),
    Counter("ip_ttl_err", True, "ip-ttl-errors",
            "TTL or Hop Limit out of bounds: multicast wants 255, unicast the peer's `min_ttl` and `max_ttl`"),
    Counter("packet_len_err", True, "packet-length-errors", "The length does not match the number of addresses"),
    Counter("no_address_err", False, "packet-length-errors", "VRRPv3 without an address"),
    Counter("checksum_err", False, "checksum-errors", "Wrong checksum"),
    Counter("authtype_mismatch", True, "", "Password on one side only"),
    Counter("auth_failure", True, "", "Another password"),
    Counter("advert_interval_err", True, "interval-errors", "VRRPv2: another interval than configured; VRRPv3: 0"),
    Counter("mode_err", False, "", "Multicast for a unicast instance, or the reverse"),
    Counter("unknown_source_err", False, "", "Not a configured peer, under `vrrp_check_unicast_src`"),
    Counter("own_address_err", False, "",
            "It has our own source address: looped back, or two hosts have the address"),
    Counter("owner_ignored", False, "",
            "This host owns the addresses (priority 255), under `vrrp_owner_ignore_adverts`"),
    Counter("first_addr_dropped", False, "", "As `first_addr_err`, under `vrrp_strict`"),
    Counter("addr_list_dropped", False, "address-list-errors", "As `addr_list_err`, under `vrrp_strict`"),
    Counter("unlisted_dropped", False, "",
            "From a source that is no configured peer and sends more than such a one may"),
)
COUNTERS = (*_KEPT, *DROP_COUNTERS)

# Of all instances together: the engine's own totals. `_ns` is shown as `_us`.
TOTALS = {
    "turns": "Times that the reactor ran",
    "timers_fired": "Timers of all kinds",
    "wheel_bookings": "Timers filed in the timer wheel, anew or again; an advert heard costs far less than one",
    "down_timers_held": "A Master_Down_Timer was due, and waited until its receive queue had been read",
    "stalls": "Turns that came 10 ms late or more",
    "stall_longest_ns": "The longest such delay",
    "pauses": "Times that the whole machine stood still for 10 ms or more: suspend, or migration of a guest",
    "pause_longest_ns": "The longest such pause",
    "events_coalesced": "State changes that did not fit the ring of events; the newest state is never lost",
    "events_dropped": "Other events that did not fit",
    "receive_batches": "Reads that gave something, of up to 64 datagrams",
    "datagrams_received": "Of all instances",
    "receive_drops": "Datagrams that the kernel dropped because the receive buffer was full",
    "send_batches": "Writes, of up to 64 datagrams",
    "datagrams_sent": "Of all instances",
    "send_errors": "Datagrams that the kernel refused",
    "clock_steps": "Times that the wall clock was set",
    "adver_late_longest_ns": "The longest time from an advert's deadline to the turn that sent it",
    "down_late_longest_ns": "The longest time from a Master_Down_Timer's deadline to the turn that acted on it",
    "turn_late_longest_ns": "The longest time from when a turn of the reactor was due to when it came: what else the "
                            "process did meanwhile",
}
# Who was told of changes, of all scopes together.
NOTIFY = {
    "script_runs": "Runs of notify scripts that have ended, however",
    "script_failures": "Those that did not end with status 0",
    "script_dropped": "Events whose notify scripts were not run: those of that router were slower than its events",
    "script_lower_dropped": "Adverts of lower priority that nobody was told of: more than 100 in a second",
    "fifo_lines": "Lines that a FIFO has taken",
    "fifo_dropped": "Lines that were dropped: nobody read the FIFO, or too slowly, or it could not be opened",
    "fifo_waiting": "Lines that no FIFO has taken yet",
    "mail_sent": "Mails that a mail server has taken",
    "mail_failed": "Mails that could not be sent; they are not tried again",
    "mail_dropped": "Mails that were dropped: too many were waiting, or the daemon stopped",
    "mail_waiting": "Mails that nobody has begun to send",
}
# Requests to the kernel, of all network namespaces together: addresses, routes, rules, interfaces.
NETLINK = {
    "batches": "Writes, of up to 64 requests, each answered as a whole",
    "requests": "Requests in them",
    "refused": "Requests that the kernel refused",
    "lost": "Requests whose answer was lost or did not come in time; what there is was read back",
    "overruns": "Times that the buffer for what the kernel tells was full; everything was read again",
}
# What ran scripts, of all scopes together: notify scripts, checks, and those that read FIFOs.
SCRIPTS = {
    "runs": "Runs that were asked for",
    "failures": "Those that did not end with status 0 in time, or could not be run",
    "timeouts": "Runs that were ended because their time was over",
    "kills": "Of those, the ones that ignored SIGTERM and got SIGKILL",
    "refused": "Runs that `enable_script_security` did not allow",
    "overflows": "Runs that were not even queued: 100,000 were waiting",
    "slow": "Runs that lasted longer than 10 s and lent their place to another",
    "output_cut": "Runs that wrote more than the 4096 bytes that are kept for the log",
    "output_unlogged": "Lines of output that were not logged: more than 100 in that second",
    "spawner_restarts": "Times that the process which runs scripts died and was started again",
    "orphans": "Scripts of such a dead process that were ended",
    "running": "Scripts that run now",
    "waiting": "Runs that wait for their turn",
}
HISTOGRAMS = {
    "adver_late_us": "How late adverts were sent, in microseconds",
    "down_late_us": "How late Master_Down_Timers fired, in microseconds",
    "turn_late_us": "How late turns of the reactor came that were due by a timer, in microseconds",
    "receive_batch": "Datagrams in a read",
    "send_batch": "Datagrams in a write",
}
UNBOUNDED = "inf"
_DURATION_COLUMNS = 26                  # up to half a minute


class Durations:
    """How long something took, each time: a histogram like the engine's, with the sum beside it."""

    __slots__ = ("columns", "sum_s")

    def __init__(self) -> None:
        self.columns = [0] * _DURATION_COLUMNS      # column k: below 2**k us and not below 2**(k - 1); the last: more
        self.sum_s = 0.0

    def add(self, ns: int) -> None:
        """Count one duration."""
        self.columns[min((max(ns, 0) // 1000).bit_length(), _DURATION_COLUMNS - 1)] += 1
        self.sum_s += ns / 1e9


def readings(totals: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """The engine's totals as they are shown: `engine`, and each histogram with its columns that are not 0.

    A column is named by its bound: values below it, and not below half of it; the last one, `inf`, has no bound.
    """
    found: dict[str, dict[str, int]] = {"engine": {}}
    for name, count in totals.items():
        histogram, under, bound = name.partition("_under_")
        if under:
            columns = found.setdefault(histogram, {})
            if count:
                columns[bound] = count
        elif name.endswith("_ns"):
            found["engine"][f"{name.removesuffix('_ns')}_us"] = count // 1000
        else:
            found["engine"][name] = count
    return found


def quantile(columns: Mapping[str, int], part: float) -> str | None:
    """The bound below which `part` (0 to 1) of a histogram's values lie; None: it is empty."""
    left = part * sum(columns.values())
    for bound in sorted(columns, key=lambda bound: float(bound)):
        left -= columns[bound]
        if columns[bound] and left <= 0:
            return bound
    return None


def instance_statistics(counters: Mapping[str, int], counted_since: str) -> dict[str, int | str]:
    """What ietf-vrrp calls the statistics of one virtual router. counted_since: RFC 3339."""
    return _leaves(INSTANCE_LEAVES, [counters], counted_since)


def global_statistics(all_counters: list[Mapping[str, int]], counted_since: str) -> dict[str, int | str]:
    """What ietf-vrrp calls the global statistics, from the counters of all instances and address families."""
    return _leaves(GLOBAL_LEAVES, all_counters, counted_since)


def _leaves(leaves: tuple[str, ...], all_counters: list[Mapping[str, int]], since: str) -> dict[str, int | str]:
    found: dict[str, int | str] = {
        leaf: sum(c.get(counter.name, 0) for counter in COUNTERS if counter.leaf == leaf for c in all_counters)
        for leaf in leaves
    }
    found["discontinuity-datetime"] = since
    return found
