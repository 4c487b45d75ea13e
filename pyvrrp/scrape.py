"""A scrape by Prometheus: a look at everything at one moment, then the text of it, a slice at a time.

The arrays are copies of one moment. Labels are made when instances have changed and kept, as ten thousand of them cost
more than all the numbers.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import is_
from typing import NamedTuple

from pyvrrp import __version__
from pyvrrp.control.trackers import FileStatus, ProcessStatus, ScriptStatus
from pyvrrp.host import in_slices
from pyvrrp.metrics import compat
from pyvrrp.metrics.columns import Things, ages_ms, picked
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
    """Of all instances, as long as they are the same."""

    instances: list[Instance]
    scopes: tuple[str, ...]                     # whose names are in those of instances
    own: Things
    compat: Things                              # as keepalived's exporters have them; empty if nobody wants those
    vip_count: int

    def are_of(self, routers: list[Router], scopes: tuple[str, ...]) -> bool:
        """Whether they are the labels of these."""
        return (
            self.scopes == scopes and len(routers) == len(self.instances)
            and all(map(is_, [router.instance for router in routers], self.instances))
        )


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
        shown_scopes: Callable[[], tuple[str, ...]],
        has_compat: bool = False,
    ) -> None:
        """counters: what belongs to no instance, as status has it. trackers: how everything stands that is tracked.

        shown_scopes: the names of all scopes, if a router's title has its own now.
        has_compat: with the names of keepalived's exporters as well.
        """
        self._reactor, self._routers, self._takeovers = reactor, routers, takeovers
        self._netlink_batches = netlink_batches
        self._counters, self._trackers = counters, trackers
        self._shown_scopes, self._has_compat = shown_scopes, has_compat
        self._labels = _Labels([], (), Things([]), Things([]), 0)

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
        known = self._labels
        if not known.are_of(routers, self._shown_scopes()):
            known = self._labels = await self._labels_of(routers)
        since_ms = array("Q")
        faults: list[tuple[int, tuple[str, ...]]] = []
        has_faults = any(reasons_of)
        async for first in in_slices(range(0, len(routers), _AT_ONCE)):
            since_ms.extend([int(router.since_s * 1000) for router in routers[first:first + _AT_ONCE]])
            if has_faults:
                faults += [
                    (place, tuple(word for bit, word in _FAULTS.items() if reasons_of[index] & bit))
                    for place, index in enumerate(indexes[first:first + _AT_ONCE], first) if reasons_of[index]
                ]
        now = Snapshot(
            version=__version__,
            names=known.own,
            states=picked(state_of, indexes),
            priorities=picked(priority_of, indexes),
            since_ms=since_ms,
            heard_ago_ms=ages_ms(heard_ns_of, indexes, now_ns),
            faults=faults,
            counters=Counters(COUNTER_NAMES, rows, indexes),
            totals=dict(zip(TOTAL_NAMES, totals, strict=True)),
            histograms={name: totals[columns.start:columns.stop] for name, columns in HISTOGRAMS.items()},
            drops={
                (family, reason): count
                for family in (4, 6) for reason, count in counters.get(f"ipv{family}", {}).items()
            },
            vips=_vips(routers, known.own) if shown_vips(known.vip_count) else (),
            vip_count=known.vip_count,
            takeovers=self._takeovers,
            netlink_batches=self._netlink_batches,
            parts=counters,
            trackers=trackers,
        )
        told = families(now)
        if self._has_compat:
            addresses = _compat_addresses(routers) if shown_vips(known.vip_count) else ()
            told = itertools.chain(told, compat.families(now, known.compat, addresses))
        return render(told)

    async def _labels_of(self, routers: list[Router]) -> _Labels:
        instances, scopes = [router.instance for router in routers], self._shown_scopes()
        own, compat_own, vip_count = [], [], 0
        async for first in in_slices(range(0, len(routers), _AT_ONCE)):
            for router in routers[first:first + _AT_ONCE]:
                instance = router.instance
                own.append(_of_instance(router))
                if self._has_compat:
                    compat_own.append(compat.of_instance(router.title, instance.interface, instance.vrid))
                vip_count += len(instance.vips) + len(instance.excluded)
        return _Labels(instances, scopes, Things(own), Things(compat_own), vip_count)


def _of_instance(router: Router) -> str:
    """As labels() would: that takes five times as long, which counts with ten thousand new instances."""
    instance = router.instance
    own = (f'name="{escaped(router.title)}",interface="{escaped(instance.interface)}",vrid="{instance.vrid}",'
           f'family="{instance.family}"')
    return own if router.network.name is None else f'{own},net_namespace="{escaped(router.network.name)}"'


def _vips(routers: list[Router], names: Things) -> list[tuple[str, bool]]:
    found = []
    for place, router in enumerate(routers):
        there = set_addresses(router)
        found += [
            (f"{names[place]},{labels(address=vip.brief)}", vip in there)
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
