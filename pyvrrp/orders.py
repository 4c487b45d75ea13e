"""What an operator has ordered of an instance beside its configuration: to stay out, or to have another priority.

An order outlives reloads, also one that makes the instance another virtual router under the same name, and ends with
the daemon. Orders of a whole scope or host are flags of theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Order:
    """The orders of one instance."""

    is_held: bool = False               # stays out until it is resumed
    is_moving: bool = False             # stays out until another host has taken over
    is_exempt: bool = False             # drained, but no other host took over: it goes on here
    priority: int | None = None         # in place of the configured one
    priority_until_s: float = 0.0       # seconds since the epoch
    _timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)

    @property
    def aside(self) -> str:
        """Why it stays out of MASTER, as a word for people; empty: it does not."""
        if self.is_held:
            return "hold"
        return "switchover" if self.is_moving else ""

    def later(self, what: str, delay_s: float, call: Callable[[], None]) -> None:
        """Have `call` called once, in place of what was to be called for the same thing."""
        self.never(what)
        self._timers[what] = asyncio.get_running_loop().call_later(delay_s, call)

    def never(self, what: str) -> None:
        """Do not have it called."""
        timer = self._timers.pop(what, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        """The instance is gone."""
        for what in list(self._timers):
            self.never(what)
