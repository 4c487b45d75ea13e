"""A scrape by Prometheus: a look at everything at one moment, then the text of it, a slice at a time.

The arrays are copies of one moment. Labels are made once for each instance and kept, as ten thousand of them cost more
than all the numbers.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from pyvrrp import __version__
from pyvrrp.control.trackers import FileStatus, ProcessStatus, ScriptStatus
from pyvrrp.host import in_slices
from pyvrrp.metrics import compat
from pyvrrp.metrics.columns import NOTHING
from pyvrrp.metrics.exposition import Value, escaped, labels, render
from pyvrrp.metrics.families import Counters, Snapshot, families, shown_vips
from pyvrrp.model import Instance
from pyvrrp.router import Fault, Router, addresses_of, set_addresses
from pyvrrp.statistics import Durations
from vrrpcore.counters import COUNTER_NAMES, HISTOGRAMS, TOTAL_NAMES
from vrrpcore.engine import FAULT_GROUP_BIT
from vrrpcore.reactor import Reactor

_AT_ONCE = 50                   # instances looked at, some 0.05 ms; then a look at the clock
_FAULTS = {int(fault): (fault.name or "").lower() for fault in Fault} | {FAULT_GROUP_BIT: "group"}


class _Labels(NamedTuple):
    """Of one instance, as long as it is the same."""

    instance: Instance
    title: str
    own: str
    compat: str
    vip_count: int


class Scraper:
    """Answers scrapes of one daemon."""

    def __init__(
        self,
        reactor: Reactor,
        *,
        routers: Callable[[], list[Router]],
        takeovers: Durations,
        netlink_batches: Durations,
        counters: Callable[[], Mapping[str, Mapping[str, int]]],
        trackers: Callable[[], Iterable[ScriptStatus | FileStatus | ProcessStatus]],
        has_compat: bool = False,
    ) -> None:
        """counters: what belongs to no instance, as status has it. trackers: how everything stands that is tracked.

        has_compat: with the names of keepalived's exporters as well.
        """
        self._reactor, self._routers, self._takeovers = reactor, routers, takeovers
        self._netlink_batches = netlink_batches
        self._counters, self._trackers, self._has_compat = counters, trackers, has_compat
        self._labels: dict[int, _Labels] = {}       # by the router's number

    async def look(self) -> Iterator[bytes]:
        """What there is to tell now: the text in pieces, each made when it is asked for, in one turn of the loop."""
        engine = self._reactor.engine
        now_ns = self._reactor.now_ns()
        routers = [router for router in self._routers() if router.index >= 0]
        indexes = array("I", [router.index for router in routers])
        state_of, priority_of, reasons_of, _, heard_ns_of = engine.status_arrays()
        rows, totals = engine.counters_array(), engine.totals_array()
        counters = self._counters()
        trackers = tracked(self._trackers())
        known: dict[int, _Labels] = {}
        states, priorities, since_ms, heard_ago_ms = (array("Q") for _ in range(4))
        faults: list[tuple[int, tuple[str, ...]]] = []
        async for first in in_slices(range(0, len(routers), _AT_ONCE)):
            for router in routers[first:first + _AT_ONCE]:
                known[router.number] = self._labels_of(router)
                since_ms.append(int(router.since_s * 1000))
            for place, index in enumerate(indexes[first:first + _AT_ONCE], first):
                states.append(state_of[index])
                priorities.append(priority_of[index])
                at_ns = heard_ns_of[index]
                heard_ago_ms.append(max(0, now_ns - at_ns) // 1_000_000 if at_ns else NOTHING)
                if bits := reasons_of[index]:
                    faults.append((place, tuple(word for bit, word in _FAULTS.items() if bits & bit)))
        self._labels = known
        vip_count = sum(each.vip_count for each in known.values())
        now = Snapshot(
            version=__version__,
            names=[each.own for each in known.values()],
            states=states,
            priorities=priorities,
            since_ms=since_ms,
            heard_ago_ms=heard_ago_ms,
            faults=faults,
            counters=Counters(COUNTER_NAMES, rows, indexes),
            totals=dict(zip(TOTAL_NAMES, totals, strict=True)),
            histograms={name: totals[columns.start:columns.stop] for name, columns in HISTOGRAMS.items()},
            drops={
                (family, reason): count
                for family in (4, 6) for reason, count in counters.get(f"ipv{family}", {}).items()
            },
            vips=self._vips(routers) if shown_vips(vip_count) else (),
            vip_count=vip_count,
            takeovers=self._takeovers,
            netlink_batches=self._netlink_batches,
            parts=counters,
            trackers=trackers,
        )
        told = families(now)
        if self._has_compat:
            addresses = _compat_addresses(routers) if shown_vips(vip_count) else ()
            told = itertools.chain(told, compat.families(now, [each.compat for each in known.values()], addresses))
        return render(told)

    def _labels_of(self, router: Router) -> _Labels:
        known = self._labels.get(router.number)
        instance = router.instance
        if known is not None and known.instance is instance and known.title == router.title:
            return known
        title = router.title
        # As labels() would: that takes five times as long, which counts with ten thousand new instances.
        own = (f'name="{escaped(title)}",interface="{escaped(instance.interface)}",vrid="{instance.vrid}",'
               f'family="{instance.family}"')
        if router.network.name is not None:
            own += f',net_namespace="{escaped(router.network.name)}"'
        compat_own = compat.of_instance(title, instance.interface, instance.vrid) if self._has_compat else ""
        return _Labels(instance, title, own, compat_own, len(instance.vips) + len(instance.excluded))

    def _vips(self, routers: Iterable[Router]) -> list[tuple[str, bool]]:
        found = []
        for router in routers:
            there = set_addresses(router)
            found += [
                (f"{self._labels[router.number].own},{labels(address=vip.brief)}", vip in there)
                for vip in addresses_of(router.placed.instance)
            ]
        return found


def tracked(trackers: Iterable[ScriptStatus | FileStatus | ProcessStatus]) -> dict[str, dict[str, Value]]:
    """What is tracked, by metric and labels. What is not known yet is left out."""
    found: dict[str, dict[str, Value]] = {}
    for each in trackers:
        own = labels(name=each.name)
        values: dict[str, float | None]
        if isinstance(each, ScriptStatus):
            values = {
                "script_ok": each.ok, "script_last_ok": each.last_ok,
                "script_last_duration_seconds": each.last_duration_s, "script_last_age_seconds": each.last_ago_s,
                "script_next_seconds": each.next_s, "script_runs_total": each.runs,
                "script_failures_total": each.failures, "script_timeouts_total": each.timeouts,
                "script_skipped_total": each.skipped,
            }
        elif isinstance(each, FileStatus):
            values = {"track_file_value": each.number}
        else:
            values = {
                "track_process_ok": each.ok, "track_process_count": each.count,
                "track_process_changes_total": each.changes,
            }
        for name, value in values.items():
            if value is not None:
                # A truth is a number to Prometheus.
                found.setdefault(f"pyvrrp_{name}", {})[own] = int(value) if isinstance(value, bool) else value
    return found


def _compat_addresses(routers: Iterable[Router]) -> Iterable[compat.Address]:
    for router in routers:
        instance = router.placed.instance
        for is_excluded, vips in ((False, instance.vips), (True, instance.excluded)):
            for vip in vips:
                yield compat.Address(
                    router.title, instance.interface, instance.vrid, vip.brief, is_excluded, int(router.state)
                )
