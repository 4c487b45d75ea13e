"""The share of the loop's time that the control API may have: one thing for one client in a turn of the loop, and not
more than half of the time over all.

The half is what keeps a daemon that nobody stops asking from using up a processor: a real-time process that does is
stopped by the kernel for 50 ms in each second, and its adverts with it.
"""

from __future__ import annotations

import asyncio
import time

from pyvrrp import limits


class Turns:
    """A context manager: what is done in it is the one thing of this turn. It ends when the loop has gone round."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._began_s = 0.0
        self._used_s = 0.0              # since the last rest

    async def __aenter__(self) -> None:
        await self._lock.acquire()
        self._began_s = time.monotonic()

    async def __aexit__(self, *_: object) -> None:
        self._used_s += time.monotonic() - self._began_s
        rest_s = 0.0
        if self._used_s >= limits.CONTROL_BURST_S:
            rest_s, self._used_s = self._used_s, 0.0
        try:
            await asyncio.sleep(rest_s)
        finally:
            self._lock.release()
