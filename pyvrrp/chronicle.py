"""What happens, as a stream of events for whoever listens.

A line is made only while somebody listens. One that listens too slowly loses lines and is told how many: nobody waits
for it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator

import msgspec

from pyvrrp import limits
from pyvrrp.control.actions import EventLine
from pyvrrp.control.protocol import rfc3339


class _Listener:
    """One who listens; `instance`: only to what is of that one."""

    def __init__(self, instance: str | None) -> None:
        self.instance = instance
        self.lines: deque[bytes] = deque()
        self.lost = 0
        self.wake = asyncio.Event()


class Chronicle:
    """Tells everybody who listens."""

    def __init__(self) -> None:
        self._listeners: set[_Listener] = set()
        self._encoder = msgspec.json.Encoder()

    @property
    def is_heard(self) -> bool:
        """Somebody listens: only then is it worth making a line."""
        return bool(self._listeners)

    def tell(
        self,
        kind: str,
        instance: str = "",
        *,
        at_s: float | None = None,
        old: str = "",
        new: str = "",
        reason: str = "",
    ) -> None:
        """Tell of one thing. at_s: since the epoch; None: now."""
        if not self._listeners:
            return
        at = rfc3339(time.time() if at_s is None else at_s)
        event = EventLine(at=at, kind=kind, instance=instance, old=old, new=new, reason=reason)
        line = self._encoder.encode(event) + b"\n"
        for listener in self._listeners:
            if listener.instance is not None and listener.instance != instance:
                continue
            if len(listener.lines) >= limits.CONTROL_EVENTS_MAX:
                listener.lost += 1
            else:
                listener.lines.append(line)
            listener.wake.set()

    async def follow(self, instance: str | None) -> AsyncGenerator[bytes, None]:
        """What happens from the first step on, as JSON lines; an empty line every CONTROL_BEAT_S where nothing does."""
        listener = _Listener(instance)
        self._listeners.add(listener)
        try:
            yield b"\n"                 # so that a client knows that it listens now
            while True:
                try:
                    async with asyncio.timeout(limits.CONTROL_BEAT_S):
                        await listener.wake.wait()
                except TimeoutError:
                    yield b"\n"
                    continue
                listener.wake.clear()
                lines = b"".join(listener.lines)
                listener.lines.clear()
                lost, listener.lost = listener.lost, 0
                if lost:
                    event = EventLine(at=rfc3339(time.time()), kind="lost", lost=lost)
                    lines += self._encoder.encode(event) + b"\n"
                yield lines
        finally:
            self._listeners.discard(listener)
