"""What comes of numbers that were measured. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Spread(NamedTuple):
    """Of many values: the one in the middle, the one that 99 % do not exceed, the greatest."""

    median: float
    p99: float
    longest: float


def spread(values: Sequence[float]) -> Spread:
    """Of values in any order, one at least."""
    ordered = sorted(values)
    return Spread(_nearest(ordered, 50), _nearest(ordered, 99), ordered[-1])


def _nearest(ordered: Sequence[float], percent: int) -> float:
    """The smallest value that so many percent of all do not exceed (nearest rank)."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def histogram_spread(before: Mapping[str, int], after: Mapping[str, int], longest: int) -> Spread | None:
    """The spread of what a histogram got between two looks; None: nothing.

    A column is known by its bound, so a figure is at most that; `inf` has none. longest: the greatest value ever, by
    which the figures are bounded too.
    """
    columns = {float(bound): count - before.get(bound, 0) for bound, count in after.items()}
    total = sum(columns.values())
    if total <= 0:
        return None
    highest = min(max(bound for bound, count in columns.items() if count), float(longest))
    found = []
    for percent in (50, 99):
        left = -(-total * percent // 100)
        for bound, count in sorted(columns.items()):
            left -= count
            if left <= 0:
                found.append(min(bound, highest))
                break
    return Spread(found[0], found[1], highest)


def delivered(sent: int, lost: int) -> float:
    """Which part of what was sent has arrived: 0 to 1."""
    return 1.0 if sent <= 0 else min(1.0, max(0.0, 1 - lost / sent))


def ratio(ours: float, theirs: float) -> float | None:
    """Ours to theirs; None where there is nothing to compare with."""
    return ours / theirs if theirs else None


def heard_in(dump: str) -> int:
    """The adverts heard, but for those of priority 0, in keepalived's file of counters (SIGUSR2), of all instances."""
    totals = {"Advertisements": 0, "Priority Zero": 0}
    heading = ""
    for line in dump.splitlines():
        name, _, count = line.strip().partition(":")
        if not count:
            heading = name
        elif heading in totals and name == "Received":
            totals[heading] += int(count)
    return totals["Advertisements"] - totals["Priority Zero"]
