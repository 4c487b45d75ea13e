"""A scrape by Prometheus: a look at everything at one moment, then the text of it, a slice at a time.

The arrays are copies of one moment. Labels are made once for each instance and kept, as ten thousand of them cost more
than all the numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pyvrrp import __version__
from pyvrrp.control.trackers import FileStatus, ProcessStatus, ScriptStatus
from pyvrrp.host import in_slices
from pyvrrp.metrics import compat
from pyvrrp.metrics.exposition import Value, labels, render
from pyvrrp.metrics.families import Snapshot, counter_columns, families, shown_vips
from pyvrrp.model import Instance
from pyvrrp.router import Fault, Router, addresses_of, set_addresses
from pyvrrp.statistics import Durations
from vrrpcore.counters import COUNTER_NAMES, HISTOGRAMS, TOTAL_NAMES
from vrrpcore.engine import FAULT_GROUP_BIT
from vrrpcore.reactor import Reactor

_FAULTS = {int(fault): (fault.name or "").lower() for fault in Fault} | {FAULT_GROUP_BIT: "group"}


class _Labels(NamedTuple):
    """Of one instance, as long as it is the same."""

    instance: Instance
    title: str
    own: str
    compat: str


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
        indexes = [router.index for router in routers]
        status, rows, totals = engine.status_arrays(), engine.counters_array(), engine.totals_array()
        known = [self._labels_of(router) async for router in in_slices(routers)]
        self._labels = {router.number: each for router, each in zip(routers, known, strict=True)}
        vip_count = sum(len(router.instance.vips) + len(router.instance.excluded) for router in routers)
        counters = self._counters()
        heard = [status.peer_heard_ns[index] for index in indexes]
        now = Snapshot(
            version=__version__,
            names=[each.own for each in known],
            states=[status.state[index] for index in indexes],
            priorities=[status.priority[index] for index in indexes],
            since_s=[round(router.since_s, 3) for router in routers],
            heard_ago_s=[round((now_ns - at_ns) / 1e9, 3) if at_ns else -1 for at_ns in heard],
            faults=[_reasons(status.fault_reasons[index]) for index in indexes],
            counters=counter_columns(COUNTER_NAMES, rows, indexes),
            totals=dict(zip(TOTAL_NAMES, totals, strict=True)),
            histograms={name: totals[columns.start:columns.stop] for name, columns in HISTOGRAMS.items()},
            drops={
                (family, reason): count
                for family in (4, 6) for reason, count in counters.get(f"ipv{family}", {}).items()
            },
            vips=self._vips(routers, known) if shown_vips(vip_count) else (),
            vip_count=vip_count,
            takeovers=self._takeovers,
            netlink_batches=self._netlink_batches,
            parts=counters,
            trackers=tracked(self._trackers()),
        )
        told = families(now)
        if self._has_compat:
            addresses = _compat_addresses(routers) if shown_vips(vip_count) else ()
            told = itertools.chain(told, compat.families(now, [each.compat for each in known], addresses))
        return (piece.encode() for piece in render(told))

    def _labels_of(self, router: Router) -> _Labels:
        known = self._labels.get(router.number)
        instance = router.instance
        if known is not None and known.instance is instance and known.title == router.title:
            return known
        own = {"name": router.title, "interface": instance.interface, "vrid": instance.vrid, "family": instance.family}
        if router.network.name is not None:
            own["net_namespace"] = router.network.name
        compat_own = compat.of_instance(router.title, instance.interface, instance.vrid)
        return _Labels(instance, router.title, labels(**own), compat_own)

    def _vips(self, routers: Sequence[Router], known: Sequence[_Labels]) -> list[tuple[str, bool]]:
        found = []
        for router, each in zip(routers, known, strict=True):
            there = set_addresses(router)
            found += [
                (f"{each.own},{labels(address=vip.brief)}", vip in there)
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


def _reasons(bits: int) -> tuple[str, ...]:
    return tuple(word for bit, word in _FAULTS.items() if bits & bit) if bits else ()
