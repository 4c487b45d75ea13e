"""From verdicts to the effective priority and to FAULT (keepalived's rules K1 to K4, S10). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pyvrrp.model import Tracked

PRIORITY_OWNER = 255        # RFC 5798 s5.2.4
PRIORITY_MIN = 1
PRIORITY_MAX = 254          # without being the owner
POINTS_MAX = 253            # that one file can add
FAULT_POINTS = -254


class Contribution(NamedTuple):
    """What one tracked thing says now. `ok` None: not known yet."""

    name: str
    weight: int
    ok: bool | None
    reverse: bool = False

    @property
    def complaint(self) -> str:
        """Why it means FAULT, for people."""
        return f"{self.name} {'is well' if self.reverse else 'failed'}"


class Quorum(NamedTuple):
    """What tracked processes say now (K9). `ok` None: not counted yet."""

    name: str
    weight: int
    ok: bool | None
    reverse: bool = False

    @property
    def complaint(self) -> str:
        """Why it means FAULT, for people."""
        return f"track_process {self.name} {'has its quorum' if self.reverse else 'has no quorum'}"


class Number(NamedTuple):
    """What a tracked file says now (K8)."""

    name: str
    weight: int
    number: int
    reverse: bool = False

    @property
    def points(self) -> int:
        """What it adds to the priority, FAULT_POINTS and less meaning FAULT."""
        points = self.number * (-self.weight if self.reverse else self.weight)
        return min(POINTS_MAX, points)

    @property
    def is_fault(self) -> bool:
        """With weight 0 any number but 0 means FAULT, with `reverse` 0 does."""
        return (self.number == 0) is self.reverse if not self.weight else self.points <= FAULT_POINTS

    @property
    def complaint(self) -> str:
        """Why it means FAULT, for people."""
        return f"track_file {self.name} holds {self.number}"


class Effective(NamedTuple):
    """What the trackers of one instance come to."""

    priority: int
    failed: tuple[str, ...]         # the complaints of those that put it in FAULT
    undecided: tuple[str, ...]      # names of those that hold it in FAULT until their first result (S10)

    @property
    def is_fault(self) -> bool:
        return bool(self.failed)

    @property
    def is_held(self) -> bool:
        return bool(self.undecided)


def delta(item: Contribution | Quorum) -> int:
    """Return what a tracker adds to the priority (K2); 0 while it is undecided, as keepalived does
    (observed).
    """
    if item.ok is None or (item.weight > 0) != item.ok:
        return 0
    return -item.weight if item.reverse else item.weight


def effective(base: int, contributions: Iterable[Contribution | Quorum | Number]) -> Effective:
    """Return effective priority and FAULT for base priority `base` (1..255).

    A weight of 0 has no part in the sum: failing (with `reverse`: being ok) means FAULT (K3). The owner of
    the address, 255, keeps its priority whatever is tracked (K1).
    """
    total = base
    failed: list[str] = []
    undecided: list[str] = []
    for item in contributions:
        if isinstance(item, Number):
            if item.is_fault:
                failed.append(item.complaint)
            elif item.weight:
                total += item.points
        elif item.weight:
            total += delta(item)
        elif item.ok is None:
            undecided.append(item.name)
        elif item.ok is item.reverse:
            failed.append(item.complaint)
    priority = base if base == PRIORITY_OWNER else max(PRIORITY_MIN, min(PRIORITY_MAX, total))
    return Effective(priority, tuple(failed), tuple(undecided))


def merged(own: Iterable[Tracked], of_group: Iterable[Tracked]) -> tuple[Tracked, ...]:
    """What a member of a sync group tracks of one kind, with what its group tracks (K10).

    What both track counts once: as the group says, unless the member tracks it without a weight.
    """
    found = {tracked.name: tracked for tracked in own}
    for tracked in of_group:
        if tracked.name not in found or found[tracked.name].weight:
            found[tracked.name] = tracked
    return tuple(found.values())
