"""Asks the daemon again and again for `pyvrrp top`, in a thread of its own, so that the screen never waits.

The answers are made into rows there too. What is told is told from that thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from pyvrrp.cli.show import shown
from pyvrrp.cli.top.rows import Snapshot, snapshot
from pyvrrp.control.client import ControlClient
from pyvrrp.errors import PyvrrpError

# An answer of 10,000 instances is work for the daemon and for us: asking takes half of the time at most.
REST = 1.0                              # times what the last answer took, before the next question


class Lost(NamedTuple):
    """The daemon could not be asked."""

    why: str


class Details(NamedTuple):
    """What is known of one instance, as lines."""

    name: str
    lines: list[str]


News = Snapshot | Lost | Details


class Poller:
    """One question after another. Its owner calls all but `_run` from one thread."""

    def __init__(self, client: ControlClient, *, interval_s: float) -> None:
        self._client = client
        self._changed = threading.Condition()
        # Below: under the lock of _changed.
        self._interval_s = interval_s
        self._chosen: str | None = None
        self._is_chosen_asked = True
        self._is_paused = False
        self._is_over = False
        self._last: Snapshot | None = None      # of the asking thread alone

    def ask(self) -> Snapshot:
        """One answer now; rates count from the one before. Raises ControlError. Not while the thread runs."""
        start_s = time.monotonic()
        reply = self._client.instances()
        now_s = time.monotonic()
        self._last = snapshot(reply, now_s, now_s - start_s, self._last)
        return self._last

    def start(self, tell: Callable[[News], object]) -> None:
        """Begin. tell: called from the thread, and may be called until stop() has long returned."""
        # A daemon: an answer that never comes must not keep the program from ending.
        self._thread = threading.Thread(target=self._run, args=(tell,), name="poller", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask nothing more. Whoever wants to know that nothing is asked any longer calls join()."""
        with self._changed:
            self._is_over = True
            self._changed.notify()

    def join(self) -> None:
        """Wait until the last answer was there. After start() and stop()."""
        self._thread.join()

    def choose(self, name: str | None) -> None:
        """Tell Details of this instance now, and after each answer; None: of none."""
        with self._changed:
            if name != self._chosen:
                self._chosen, self._is_chosen_asked = name, name is None
                self._changed.notify()

    def pace(self, *, interval_s: float, is_paused: bool) -> None:
        """How often, and whether at all."""
        with self._changed:
            self._interval_s, self._is_paused = interval_s, is_paused
            self._changed.notify()

    def _run(self, tell: Callable[[News], object]) -> None:
        asked_s = time.monotonic()
        while True:
            with self._changed:
                while not self._is_over and self._is_chosen_asked and (left_s := self._left_s(asked_s)) > 0:
                    self._changed.wait(min(left_s, threading.TIMEOUT_MAX))
                if self._is_over:
                    return
                is_due = self._left_s(asked_s) <= 0
                chosen, self._is_chosen_asked = self._chosen, True
            try:
                if is_due:
                    asked_s = time.monotonic()
                    tell(self.ask())
                if chosen is not None:
                    tell(Details(chosen, shown(self._client.instance(chosen))))
            except PyvrrpError as error:
                # RefusedError: the daemon is there, and this instance is gone.
                tell(Lost(str(error)) if is_due or chosen is None else Details(chosen, [str(error)]))

    def _left_s(self, asked_s: float) -> float:
        if self._is_paused:
            return threading.TIMEOUT_MAX
        took_s = self._last.took_s if self._last is not None else 0.0
        return asked_s + max(self._interval_s, (1 + REST) * took_s) - time.monotonic()
