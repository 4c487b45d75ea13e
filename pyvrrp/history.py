"""The last changes of state of an instance, with their reasons. Pure."""

from __future__ import annotations

from typing import NamedTuple

from pyvrrp import limits


class Transition(NamedTuple):
    """One change of state."""

    at_s: float                 # since the epoch
    old: str
    new: str
    reason: str                 # a sentence


History = tuple[Transition, ...]        # the newest first


def recorded(history: History, transition: Transition) -> History:
    """A history with one change more; it keeps the newest HISTORY_MAX."""
    return (transition, *history[: limits.HISTORY_MAX - 1])
