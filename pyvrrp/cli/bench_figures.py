"""How `pyvrrp bench` tells its figures: as a table for people, as an object for programs. Pure.

A ratio is pyvrrpd's figure to keepalived's: below 1 is cheaper, or sooner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pyvrrp.cli.status import aligned
from pyvrrp.meter.arithmetic import Spread, ratio
from pyvrrp.meter.case import Case
from pyvrrp.meter.daemons import KEEPALIVED_NAME, PYVRRPD_NAME
from pyvrrp.meter.failover import Failover
from pyvrrp.meter.flood import Flood
from pyvrrp.meter.machine import Machine
from pyvrrp.meter.throughput import Throughput

Figures = Sequence[Throughput] | Sequence[Failover] | Sequence[Flood]

SENT_LEAST = 0.95               # of what ought to have been sent; less is said
COMPARED = {                    # what has a ratio: sentences for the table, fields of the figures
    "throughput": ("cpu_us_per_sent", "cpu_us_per_heard", "memory_mib_master", "memory_mib_backup"),
    "failover": ("late_ms.median", "late_ms.p99", "late_ms.longest"),
    "flood": (),
}


@dataclass(frozen=True, slots=True)
class Report:
    """All of one run. `figures` are of one kind of measurement, pyvrrpd's first."""

    measure: str
    routers: int
    interval_s: float | None        # None: there is none in it
    figures: Figures
    versions: dict[str, str]        # of what was measured, by kind
    ratios: dict[str, float]        # pyvrrpd to keepalived, by the name of a figure
    machine: Machine
    load_after: tuple[float, float, float]
    warnings: list[str]


def report_of(
    measure: str, case: Case, figures: Figures, versions: dict[str, str], before: Machine, after: Machine
) -> Report:
    """What was found, with ratios and with what has to be known to read it."""
    warnings = []
    if before.is_busy:
        warnings.append(f"the machine was busy before it began (load average {before.load_text()}): the figures are "
                        "not worth much; measure again when it is idle")
    for each in figures:
        if isinstance(each, Throughput):
            warnings += _doubts(case, each)
    by_kind = {each.kind: each for each in figures if not isinstance(each, Flood)}
    ratios = {}
    if by_kind.keys() >= {PYVRRPD_NAME, KEEPALIVED_NAME}:
        for name in COMPARED[measure]:
            found = ratio(value(by_kind[PYVRRPD_NAME], name), value(by_kind[KEEPALIVED_NAME], name))
            if found is not None:
                ratios[name] = found
    interval_s = None if measure == "flood" else case.interval_cs / 100
    return Report(measure, case.routers, interval_s, figures, versions, ratios, before, after.load, warnings)


def _doubts(case: Case, figures: Throughput) -> list[str]:
    found = []
    if figures.changes:
        found.append(f"{figures.kind}: states changed {figures.changes:,} times while it was measured, as adverts came "
                     "too late or not at all: it cannot keep this up here; take fewer routers or a longer interval")
    if figures.sent_per_s < SENT_LEAST * case.adverts_per_s:
        found.append(f"{figures.kind}: {figures.sent_per_s:,.0f} adverts a second were sent, where "
                     f"{case.adverts_per_s:,.0f} were due")
    return found


def value(figures: object, name: str) -> float:
    """A figure by its name: `late_ms.p99`."""
    found: Any = figures
    for part in name.split("."):
        found = getattr(found, part)
    return float(found)


def as_object(report: Report) -> dict[str, Any]:
    """For programs."""
    found = asdict(report)
    for one, figures in zip(found["figures"], report.figures, strict=True):
        for name in one:
            each = getattr(figures, name)
            if isinstance(each, Spread):
                one[name] = each._asdict()
    found["machine"]["is_busy"] = report.machine.is_busy
    return found


def lines(report: Report) -> list[str]:
    """For people."""
    rows: list[list[str]] = []
    first = report.figures[0]
    if isinstance(first, Flood):
        head = (f"{first.routers:,} routers, one process, one core, {first.rounds:,} rounds in {first.for_s:.1f} s; "
                "datagrams per second of one core")
        rows = _flood(first)
    elif isinstance(first, Failover):
        head = (f"{report.routers:,} routers at {interval(report)}: the MASTER was killed; "
                f"Master_Down_Interval {first.master_down_interval_s:.3g} s")
        rows = _beside(report, [each for each in report.figures if isinstance(each, Failover)], _FAILOVER)
    else:
        head = f"{report.routers:,} routers at {interval(report)}, unicast, measured for {first.for_s:.1f} s"
        rows = _beside(report, [each for each in report.figures if isinstance(each, Throughput)], _THROUGHPUT)
    machine = report.machine
    after = " ".join(f"{each:.1f}" for each in report.load_after)
    return [
        head, *aligned(rows), "",
        f"on: {machine.cpu}, {machine.cores} core{'' if machine.cores == 1 else 's'}, Linux {machine.kernel}, "
        f"Python {machine.python}; " + ", ".join(" ".join(each) for each in report.versions.items()),
        f"load average (1, 5, 15 minutes): {machine.load_text()} before, {after} after",
        *(f"warning: {each}" for each in report.warnings),
    ]


def interval(report: Report) -> str:
    """`1 s`, `100 ms`."""
    assert report.interval_s is not None
    return f"{report.interval_s:g} s" if report.interval_s >= 1 else f"{report.interval_s * 1000:g} ms"


def number(found: float) -> str:
    """Three digits that count."""
    return f"{found:,.0f}" if abs(found) >= 1000 or found == 0 else f"{found:.3g}"


def _spread(found: Spread | None) -> str:
    return "-" if found is None else " / ".join(number(each) for each in found)


# What is shown, how it is written, and the figure whose ratio stands beside it.
_THROUGHPUT = (
    ("adverts, per second", lambda f: number(f.sent_per_s), ""),
    ("lost, of all since the start", lambda f: f"{f.lost_ever:,} of {f.sent_ever:,}", ""),
    ("CPU per advert sent", lambda f: f"{number(f.cpu_us_per_sent)} us", "cpu_us_per_sent"),
    ("CPU per advert heard", lambda f: f"{number(f.cpu_us_per_heard)} us", "cpu_us_per_heard"),
    ("CPU of one core, MASTER / BACKUP",
     lambda f: f"{number(f.cpu_percent_master)} / {number(f.cpu_percent_backup)} %", ""),
    ("memory (PSS), MASTER", lambda f: f"{number(f.memory_mib_master)} MiB", "memory_mib_master"),
    ("memory (PSS), BACKUP", lambda f: f"{number(f.memory_mib_backup)} MiB", "memory_mib_backup"),
    ("adverts late: median / 99 % / longest, us, at most", lambda f: _spread(f.late_us), ""),
    ("turns late: the same", lambda f: _spread(f.turn_late_us), ""),
)
_FAILOVER = (
    ("address after its deadline: median", lambda f: f"{number(f.late_ms.median)} ms", "late_ms.median"),
    ("99 %", lambda f: f"{number(f.late_ms.p99)} ms", "late_ms.p99"),
    ("longest", lambda f: f"{number(f.late_ms.longest)} ms", "late_ms.longest"),
    ("first to last deadline", lambda f: f"{number(f.deadlines_ms)} ms", ""),
    ("first to last address", lambda f: f"{number(f.addresses_ms)} ms", ""),
    ("seen too late by, at most", lambda f: f"{number(f.reader_late_ms)} ms", ""),
)


def _beside(report: Report, figures: Sequence[Any], shown: Sequence[tuple[str, Any, str]]) -> list[list[str]]:
    """A row for each figure, a column for each kind, and the ratio."""
    rows = [["", *(each.kind for each in figures)]]
    rows += [[what, *(write(each) for each in figures)] for what, write, _ in shown]
    if len(figures) > 1:
        ratios = ["ratio", *(f"{report.ratios[name]:.2f}" if name in report.ratios else "" for _, _, name in shown)]
        rows = [[*row, each] for row, each in zip(rows, ratios, strict=True)]
    return rows


def _flood(figures: Flood) -> list[list[str]]:
    return [
        ["", "pyvrrp", "plain", "ratio"],
        ["sent", number(figures.pyvrrp.sent_per_s), f"{number(figures.plain.sent_per_s)} (sendmmsg)",
         f"{figures.sent_ratio:.2f}"],
        ["heard and judged", number(figures.pyvrrp.heard_per_s), f"{number(figures.plain.heard_per_s)} (recvmmsg)",
         f"{figures.heard_ratio:.2f}"],
        ["lost", f"{figures.lost:,} of {figures.sent:,}", "", ""],
    ]
