"""From verdicts to the effective priority and to FAULT (keepalived's rules K1 to K4, S10). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

PRIORITY_OWNER = 255        # RFC 5798 s5.2.4
PRIORITY_MIN = 1
PRIORITY_MAX = 254          # without being the owner


class Contribution(NamedTuple):
    """What one tracked thing says now. `ok` None: not known yet."""

    name: str
    weight: int
    ok: bool | None
    reverse: bool = False


class Effective(NamedTuple):
    """What the trackers of one instance come to."""

    priority: int
    failed: tuple[str, ...]         # names of those that put it in FAULT
    undecided: tuple[str, ...]      # names of those that hold it in FAULT until their first result (S10)

    @property
    def is_fault(self) -> bool:
        return bool(self.failed)

    @property
    def is_held(self) -> bool:
        return bool(self.undecided)


def delta(item: Contribution) -> int:
    """Return what a tracker adds to the priority (K2); 0 while it is undecided, as keepalived does
    (observed).
    """
    if item.ok is None or (item.weight > 0) != item.ok:
        return 0
    return -item.weight if item.reverse else item.weight


def effective(base: int, contributions: Iterable[Contribution]) -> Effective:
    """Return effective priority and FAULT for base priority `base` (1..255).

    A weight of 0 has no part in the sum: failing (with `reverse`: being ok) means FAULT (K3). The owner of
    the address, 255, keeps its priority whatever is tracked (K1).
    """
    total = base
    failed: list[str] = []
    undecided: list[str] = []
    for item in contributions:
        if item.weight:
            total += delta(item)
        elif item.ok is None:
            undecided.append(item.name)
        elif item.ok is item.reverse:
            failed.append(item.name)
    priority = base if base == PRIORITY_OWNER else max(PRIORITY_MIN, min(PRIORITY_MAX, total))
    return Effective(priority, tuple(failed), tuple(undecided))
