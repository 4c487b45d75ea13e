"""The yardstick of being on time: a thread in C that does nothing but sleep to the next multiple of an interval.

It has the daemon's short slice of the scheduler. How late it wakes is how long anything waits for a processor on this
machine, however little it does itself: no daemon of the same class can be more punctual than that.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import NamedTuple

from pyvrrp import limits, linux

BUILT = Path(__file__).parents[1] / "build" / "bench"
ROOM = 1_000_000


class Wakeup(NamedTuple):
    """One of its wake-ups."""

    due_ns: int             # CLOCK_MONOTONIC
    late_ns: int


class Sleeper:
    """Sleeps from when it is made until stop()."""

    def __init__(self, interval_ns: int) -> None:
        sys.path.insert(0, str(BUILT))
        import yardstick

        self._lib = yardstick.lib
        self._stop, self._found = yardstick.ffi.new("int *"), yardstick.ffi.new("struct wakeup[]", ROOM)
        self._count = 0
        self._thread = threading.Thread(target=self._sleep, args=(interval_ns,))
        self._thread.start()

    def _sleep(self, interval_ns: int) -> None:
        linux.short_slice(0, limits.TURN_SLICE_NS)
        self._count = self._lib.sleep_loop(interval_ns, self._found, ROOM, self._stop)

    def stop(self) -> list[Wakeup]:
        """End it; its wake-ups, in order."""
        self._stop[0] = 1
        self._thread.join()
        return [Wakeup(one.due_ns, one.late_ns) for one in self._found[0 : self._count]]
