"""The metrics: `pyvrrp_*`, in seconds and with `_total` where something is counted.

METRICS is the one table of their names and meanings; docs/metrics.md is made from it. The counters of instances are
those of pyvrrp/statistics.py: a few have a metric of their own, the others are labels of two, so that a reason to drop
an advert is a value to sum over and not a name to know.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pyvrrp import limits
from pyvrrp.metrics.columns import Things, occupied
from pyvrrp.metrics.exposition import Family, Value, column, histogram, labels, line, pieces
from pyvrrp.model import State
from pyvrrp.statistics import COUNTERS, DROP_COUNTERS, Durations


class Metric(NamedTuple):
    """One line of the table."""

    name: str
    kind: str
    help: str


class Counters:
    """The engine's counters of some instances, by name."""

    def __init__(self, names: Sequence[str], rows: array[int], indexes: array[int]) -> None:
        """rows: Engine.counters_array(). names: of its columns. indexes: the row of each instance, of "I"."""
        self._rows, self.indexes = rows, indexes
        self._width, self._places = len(names), {name: place for place, name in enumerate(names)}
        self._is_occupied = occupied(rows, self._width)

    def has(self, name: str) -> bool:
        """Whether a counter is not 0 everywhere. Most are, and nothing more need be done about them."""
        return name in self._places and self._is_occupied[self._places[name]]

    def column(self, name: str) -> array[int]:
        """One counter, by index; zeros if there is none of that name."""
        if name in self._places:
            return self._rows[self._places[name]::self._width]
        return array("Q", bytes(8 * (len(self._rows) // self._width)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that a scrape tells, of one moment. All of each instance is in one order; arrays are of "Q"."""

    version: str
    names: Things                               # of each instance its labels
    states: array[int]                          # model.State
    priorities: array[int]                      # effective
    since_ms: array[int]                        # the epoch's milliseconds at the last transition; 0: there was none
    heard_ago_ms: array[int]                    # since the last advert; columns.NOTHING: none was heard
    faults: Sequence[tuple[int, tuple[str, ...]]]       # of those that have any, by place: reasons, as words
    counters: Counters
    totals: Mapping[str, int]                   # of the engine
    histograms: Mapping[str, Sequence[int]]     # the engine's, by name; column k is below 2**k
    drops: Mapping[tuple[int, str], int]        # of no instance: by address family and reason
    vips: Sequence[tuple[str, bool]]            # labels of an address, whether it is set
    vip_count: int = 0                          # of all, whether or not they are in `vips`
    takeovers: Durations = field(default_factory=Durations)
    netlink_batches: Durations = field(default_factory=Durations)
    parts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)        # counters as the status has them
    # Of what is tracked: by metric and labels.
    trackers: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)


# Counters with a metric of their own.
_OWN = {
    "advert_rcvd": "pyvrrp_adverts_received_total",
    "advert_sent": "pyvrrp_adverts_sent_total",
    "become_master": "pyvrrp_became_master_total",
    "release_master": "pyvrrp_released_master_total",
    "pri_zero_rcvd": "pyvrrp_priority_zero_received_total",
    "pri_zero_sent": "pyvrrp_priority_zero_sent_total",
    "other_master": "pyvrrp_other_master_adverts_total",
    "announce_sent": "pyvrrp_announcements_sent_total",
    "send_err": "pyvrrp_send_errors_total",
}
# Kept even where they are 0: a rate needs its first value.
_ALWAYS = ("advert_rcvd", "advert_sent", "become_master", "release_master")
_ODD = ("addr_list_err", "first_addr_err", "interval_differs", "interval_short", "checksum_foreign", "unlisted_source")
_DROPPED = tuple(counter.name for counter in DROP_COUNTERS)
_TOTALS = {
    "turns": ("pyvrrp_reactor_turns_total", "Times that the reactor ran"),
    "timers_fired": ("pyvrrp_timers_fired_total", "Timers of all kinds"),
    "stalls": ("pyvrrp_stalls_total", "Turns that came 10 ms late or more"),
    "pauses": ("pyvrrp_pauses_total", "Times that the whole machine stood still for 10 ms or more"),
    "down_timers_held": ("pyvrrp_down_timers_held_total", "Takeovers put off until the receive queue had been read"),
    "events_coalesced": ("pyvrrp_events_coalesced_total", "State changes told as one with a later one"),
    "events_dropped": ("pyvrrp_events_dropped_total", "Other events for which there was no room"),
    "datagrams_received": ("pyvrrp_datagrams_received_total", "Datagrams read"),
    "receive_drops": ("pyvrrp_receive_drops_total", "Datagrams lost because a receive buffer was full"),
    "datagrams_sent": ("pyvrrp_datagrams_sent_total", "Datagrams that the kernel took"),
    "send_errors": ("pyvrrp_datagrams_refused_total", "Datagrams that the kernel refused"),
    "clock_steps": ("pyvrrp_clock_steps_total", "Times that the wall clock was set"),
}
_LONGEST = {
    "stall_longest_ns": ("pyvrrp_stall_longest_seconds", "The longest stall"),
    "pause_longest_ns": ("pyvrrp_pause_longest_seconds", "The longest pause of the machine"),
    "adver_late_longest_ns": ("pyvrrp_advert_lateness_longest_seconds", "The latest advert"),
    "down_late_longest_ns": ("pyvrrp_takeover_lateness_longest_seconds", "The latest takeover"),
}
_HISTOGRAMS = {
    "adver_late_us": ("pyvrrp_advert_lateness_seconds", "From an advert's deadline to the turn that sent it", 1e-6),
    "down_late_us": ("pyvrrp_takeover_lateness_seconds", "From a takeover's deadline to the turn that began it", 1e-6),
    "turn_late_us": ("pyvrrp_turn_lateness_seconds", "From when the reactor was due to its turn", 1e-6),
    "receive_batch": ("pyvrrp_receive_batch_datagrams", "Datagrams in a read", 1.0),
    "send_batch": ("pyvrrp_send_batch_datagrams", "Datagrams in a write", 1.0),
}
# Of the daemon's own parts: by the group and the key that `counters` of the status has them under.
_PARTS = {
    ("notify", "script_runs"): ("pyvrrp_notify_runs_total", "Notify scripts that have ended, of whatever kind"),
    ("notify", "script_failures"): ("pyvrrp_notify_failures_total", "Notify scripts that failed"),
    ("notify", "script_dropped"): ("pyvrrp_notify_dropped_total", "Changes whose notify scripts were never run"),
    ("notify", "script_lower_dropped"): (
        "pyvrrp_notify_lower_dropped_total", "Adverts of lower priority that were too many to tell"),
    ("notify", "fifo_lines"): ("pyvrrp_fifo_lines_total", "Lines that a FIFO has taken"),
    ("notify", "fifo_dropped"): ("pyvrrp_fifo_dropped_total", "Lines that no FIFO ever got"),
    ("notify", "fifo_waiting"): ("pyvrrp_fifo_waiting", "Lines that wait for a FIFO's reader"),
    ("notify", "mail_sent"): ("pyvrrp_mails_sent_total", "Mails that a server has taken"),
    ("notify", "mail_failed"): ("pyvrrp_mails_failed_total", "Mails that could not be sent"),
    ("notify", "mail_dropped"): ("pyvrrp_mails_dropped_total", "Mails for which there was no room"),
    ("notify", "mail_waiting"): ("pyvrrp_mails_waiting", "Mails that wait to be sent"),
    ("netlink", "requests"): ("pyvrrp_netlink_requests_total", "Requests to the kernel: addresses, routes, rules"),
    ("netlink", "refused"): ("pyvrrp_netlink_refused_total", "Requests that the kernel refused"),
    ("netlink", "lost"): ("pyvrrp_netlink_lost_total", "Requests whose answer was lost; what there is was read back"),
    ("netlink", "overruns"): (
        "pyvrrp_netlink_overruns_total", "Times that news of the kernel were lost; everything was read again"),
    ("scripts", "runs"): ("pyvrrp_scripts_started_total", "Runs of scripts of all kinds"),
    ("scripts", "failures"): ("pyvrrp_scripts_failed_total", "Runs that failed, timeouts included"),
    ("scripts", "timeouts"): ("pyvrrp_scripts_timeouts_total", "Runs that took too long"),
    ("scripts", "kills"): ("pyvrrp_scripts_kills_total", "Runs that did not end at SIGTERM and got SIGKILL"),
    ("scripts", "refused"): ("pyvrrp_scripts_refused_total", "Runs that enable_script_security did not allow"),
    ("scripts", "overflows"): ("pyvrrp_scripts_overflows_total", "Runs that were not queued, as too many waited"),
    ("scripts", "output_cut"): ("pyvrrp_scripts_output_cut_total", "Runs that wrote more than is kept"),
    ("scripts", "spawner_restarts"): ("pyvrrp_spawner_restarts_total", "Times that the spawner was started again"),
    ("scripts", "orphans"): ("pyvrrp_scripts_orphans_total", "Groups of processes ended as their spawner had died"),
    ("scripts", "running"): ("pyvrrp_scripts_running", "Scripts that run"),
    ("scripts", "waiting"): ("pyvrrp_scripts_waiting", "Scripts that wait for others to end"),
    ("log", "lines_dropped"): ("pyvrrp_log_lines_dropped_total", "Log lines dropped while the log was stuck"),
}
_MEANS = {counter.name: counter.means.split(";")[0].replace("`", "").replace("**", "") for counter in COUNTERS}

METRICS = {
    metric.name: metric
    for metric in (
        Metric("pyvrrp_build_info", "gauge", "Always 1; the version is a label"),
        Metric("pyvrrp_instances", "gauge", "How many instances are in each state"),
        Metric("pyvrrp_instance_state", "gauge", "0 INIT, 1 BACKUP, 2 MASTER, 3 FAULT"),
        Metric("pyvrrp_instance_priority", "gauge", "Effective priority, after trackers"),
        Metric("pyvrrp_instance_last_transition_timestamp_seconds", "gauge", "When its state began"),
        Metric("pyvrrp_instance_advert_age_seconds", "gauge", "Since the last advert that it heard from another host"),
        Metric("pyvrrp_instance_fault", "gauge", "1 for each reason why it is in FAULT"),
        *(Metric(name, "counter", _MEANS[counter]) for counter, name in _OWN.items()),
        Metric("pyvrrp_adverts_dropped_total", "counter",
               "Adverts that were rejected, by reason; without a name: they belong to no instance"),
        Metric("pyvrrp_adverts_differing_total", "counter",
               "Adverts that were obeyed, and differ from what is configured"),
        Metric("pyvrrp_vip_set", "gauge", "Whether an address is set"),
        Metric("pyvrrp_vips", "gauge", "Addresses of all instances"),
        Metric("pyvrrp_takeover_seconds", "histogram",
               "From the turn that made an instance MASTER to the kernel's word that its addresses are set"),
        Metric("pyvrrp_netlink_batch_seconds", "histogram",
               "From handing up to 64 requests to the kernel to its answer; their count is that of the batches"),
        *(Metric(name, "counter", means) for name, means in _TOTALS.values()),
        *(Metric(name, "counter" if name.endswith("_total") else "gauge", means) for name, means in _PARTS.values()),
        Metric("pyvrrp_script_ok", "gauge", "Whether a vrrp_script is well, after rise and fall"),
        Metric("pyvrrp_script_last_ok", "gauge", "Whether its newest run was"),
        Metric("pyvrrp_script_last_duration_seconds", "gauge", "How long that took"),
        Metric("pyvrrp_script_last_age_seconds", "gauge", "Since it ended"),
        Metric("pyvrrp_script_next_seconds", "gauge", "Until the next is due"),
        Metric("pyvrrp_script_runs_total", "counter", "Its results, of whatever kind"),
        Metric("pyvrrp_script_failures_total", "counter", "Its failures, timeouts included"),
        Metric("pyvrrp_script_timeouts_total", "counter", "Its runs that took too long"),
        Metric("pyvrrp_script_skipped_total", "counter", "Intervals that passed while a run was still going on"),
        Metric("pyvrrp_track_file_value", "gauge", "The number that a track_file holds"),
        Metric("pyvrrp_track_process_ok", "gauge", "Whether as many processes run as have to"),
        Metric("pyvrrp_track_process_count", "gauge", "How many of them run"),
        Metric("pyvrrp_track_process_changes_total", "counter", "Changes of whether they do"),
        *(Metric(name, "gauge", means) for name, means in _LONGEST.values()),
        *(Metric(name, "histogram", means) for name, means, _ in _HISTOGRAMS.values()),
    )
}


def families(now: Snapshot) -> Iterator[Family]:
    """Every family, in the order of the table."""
    yield _one("pyvrrp_build_info", 1, labels(version=now.version))
    yield _family("pyvrrp_instances", _per_state(now.states))
    in_order = array("I", range(len(now.names)))
    for metric, of_each in (
        ("pyvrrp_instance_state", now.states), ("pyvrrp_instance_priority", now.priorities),
    ):
        yield _in_pieces(metric, column(metric, now.names, of_each, in_order))
    metric = "pyvrrp_instance_last_transition_timestamp_seconds"
    yield _in_pieces(metric, column(metric, now.names, now.since_ms, in_order, is_milli=True, skip_zero=True))
    metric = "pyvrrp_instance_advert_age_seconds"
    yield _in_pieces(metric, column(metric, now.names, now.heard_ago_ms, in_order, is_milli=True))
    yield _family("pyvrrp_instance_fault", (
        line("pyvrrp_instance_fault", f"{now.names[place]},{labels(reason=reason)}", 1)
        for place, reasons in now.faults for reason in reasons
    ))
    for counter, metric in _OWN.items():
        yield _in_pieces(metric, _counted(now, metric, counter, skip_zero=counter not in _ALWAYS))
    yield _in_pieces("pyvrrp_adverts_dropped_total", _dropped(now))
    yield _in_pieces("pyvrrp_adverts_differing_total", (
        piece for counter in _ODD
        for piece in _counted(now, "pyvrrp_adverts_differing_total", counter, labels(kind=counter))
    ))
    yield _family("pyvrrp_vip_set", (line("pyvrrp_vip_set", name, int(is_set)) for name, is_set in now.vips))
    yield _one("pyvrrp_vips", now.vip_count)
    for name, durations in (
        ("pyvrrp_takeover_seconds", now.takeovers), ("pyvrrp_netlink_batch_seconds", now.netlink_batches)
    ):
        yield _family(name, histogram(name, durations.columns, 1e-6, durations.sum_s))
    for total, (metric, _) in _TOTALS.items():
        yield _one(metric, now.totals.get(total, 0))
    for total, (metric, _) in _LONGEST.items():
        yield _one(metric, now.totals.get(total, 0) / 1e9)
    for name, (metric, _, unit) in _HISTOGRAMS.items():
        if name in now.histograms:
            yield _family(metric, histogram(metric, now.histograms[name], unit))
    for (group, key), (metric, _) in _PARTS.items():
        yield _one(metric, now.parts.get(group, {}).get(key, 0))
    for metric, tracked in now.trackers.items():
        yield _family(metric, (line(metric, name, value) for name, value in tracked.items()))


def shown_vips(count: int) -> bool:
    """Whether each address has a series of its own: not where they are so many that nobody could store them."""
    return count <= limits.METRICS_VIPS_MAX


def _family(name: str, lines: Iterable[str]) -> Family:
    metric = METRICS[name]
    return Family(name, metric.kind, metric.help, pieces(lines))


def _in_pieces(name: str, them: Iterable[bytes]) -> Family:
    metric = METRICS[name]
    return Family(name, metric.kind, metric.help, them)


def _one(name: str, value: Value, of: str = "") -> Family:
    return _family(name, [line(name, of, value)])


def _per_state(states: array[int]) -> list[str]:
    return [
        line("pyvrrp_instances", labels(state=state.name), states.count(state))
        for state in (State.MASTER, State.BACKUP, State.FAULT, State.INIT)
    ]


def _counted(now: Snapshot, metric: str, counter: str, more: str = "", *, skip_zero: bool = True) -> Iterator[bytes]:
    if skip_zero and not now.counters.has(counter):
        return iter(())
    values, indexes = now.counters.column(counter), now.counters.indexes
    return column(metric, now.names, values, indexes, more=more, skip_zero=skip_zero)


def _dropped(now: Snapshot) -> Iterator[bytes]:
    yield from pieces(
        line("pyvrrp_adverts_dropped_total", labels(name="", family=family, reason=reason), count)
        for (family, reason), count in now.drops.items() if count
    )
    for counter in _DROPPED:
        yield from _counted(now, "pyvrrp_adverts_dropped_total", counter, labels(reason=counter))
