"""How a measurement goes on: it says where it is, waits, and ends early when it is told to.

Signals are only noted by whoever starts a measurement, and looked at here, between two steps: an exception out of a
handler could come up in the middle of cleaning up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from pyvrrp.errors import MeterError

LOOK_S = 0.05                   # between two looks at what is waited for: a signal is noticed within this


class StoppedError(Exception):
    """A signal asked for the end. `number`: which."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number


class Course:
    """One measurement on its way, as whoever waits for it sees it."""

    def __init__(
        self, phase: Callable[[str], None] | None = None, detail: Callable[[str], None] | None = None,
        received: Sequence[int] = (),
    ) -> None:
        """phase: told what begins now; detail: told often how far that is; received: signals, added as they come."""
        self._phase, self._detail, self._received = phase, detail, received

    def begin(self, what: str) -> None:
        """Say what is done from now on. Raises StoppedError."""
        if self._phase is not None:
            self._phase(what)
        self.check()

    def check(self) -> None:
        """Raises StoppedError if a signal came."""
        if self._received:
            raise StoppedError(self._received[0])

    def rest(self, for_s: float) -> None:
        """Wait. Raises StoppedError."""
        start_s = time.monotonic()
        while (passed_s := time.monotonic() - start_s) < for_s:
            self.check()
            self.tell(f"{passed_s:.0f} of {for_s:.0f} s")
            time.sleep(min(LOOK_S, for_s - passed_s))
        self.check()

    def until(self, count: Callable[[], int], wanted: int, timeout_s: float, what: str) -> None:
        """Wait until `count()` has come to `wanted`. `what` is counted: `MASTER of pyvrrpd`.

        Raises MeterError if it has not in time, StoppedError.
        """
        deadline_s = time.monotonic() + timeout_s
        while (found := count()) < wanted:
            self.check()
            if time.monotonic() >= deadline_s:
                raise MeterError(
                    f"bench: only {found:,} of {wanted:,} {what} after {timeout_s:.0f} s; the machine may be too busy "
                    "or too small: take fewer routers, or a longer interval"
                )
            self.tell(f"{found:,} of {wanted:,} {what}")
            time.sleep(LOOK_S)

    def tell(self, how_far: str) -> None:
        """Say how far what was begun is."""
        if self._detail is not None:
            self._detail(how_far)
