"""What is told of a change, once what it wants of the kernel is on its way.

A takeover of 10,000 instances is 10,000 addresses, and the traffic waits for them; nobody waits for its log. So a
change of state is acted upon at once, and its log line, history, events and scripts come afterwards, in the order in
which things happened. They have the time that addresses leave over; after TELL_WAITS_S they have their share beside.

Nothing is lost: beyond TELL_MAX the oldest is told at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

from pyvrrp import limits

log = logging.getLogger("pyvrrp")


class Aftermath:
    """Things to be told, the oldest first. It is used from one event loop only."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, is_urgent: Callable[[], bool], give_way: Callable[[], None]
    ) -> None:
        """is_urgent: something waits that goes before; give_way: others may have a turn. Called before each slice."""
        self._loop, self._is_urgent, self._give_way = loop, is_urgent, give_way
        self._waiting: deque[Callable[[], object]] = deque()
        self._since_s = 0.0                 # when the oldest began to wait, or its turn came last
        self._is_scheduled = False

    def later(self, tell: Callable[[], object]) -> None:
        """Have `tell` called when its turn comes. What it raises is logged."""
        if len(self._waiting) >= limits.TELL_MAX:
            self._tell_one()
        self._waiting.append(tell)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._since_s = time.monotonic()
            self._loop.call_soon(self._take_turn)

    def settle(self) -> None:
        """Tell everything now."""
        while self._waiting:
            self._tell_one()

    def _take_turn(self) -> None:
        now_s = time.monotonic()
        if self._is_urgent() and now_s - self._since_s < limits.TELL_WAITS_S and self._waiting:
            self._loop.call_later(limits.TELL_LOOK_S, self._take_turn)
            return
        self._give_way()
        until_s = time.monotonic() + limits.SLICE_S
        while self._waiting and time.monotonic() < until_s:
            self._tell_one()
        self._is_scheduled = bool(self._waiting)
        if self._is_scheduled:
            self._loop.call_soon(self._take_turn)

    def _tell_one(self) -> None:
        tell = self._waiting.popleft()
        try:
            tell()
        except Exception:                   # one router's trouble is not everybody's
            log.exception("something could not be told; this is a bug in pyvrrp")
