"""How a script ended, and what running one takes: the values that trackers and notifiers share with the
pool.
"""

from __future__ import annotations

import enum
import signal
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pyvrrp.model import Command

_SHOWN_MAX = 300        # characters; a script given in a line of its own is rarely longer


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """How one run went.

    It ended with an exit `status`, or by `signal`, or it `timed_out` (and then failed, whatever its
    status), or it could not be run at all and `error` is a sentence that says why. `started_ns` is
    CLOCK_MONOTONIC; 0 if it never started. `output` is the beginning of what it wrote to standard output and
    error until then, `output_cut` says that there was more. `refused`: `error` is one of
    enable_script_security. `lost`: it ran, and who ran it has died.
    """

    status: int | None
    signal: int | None
    timed_out: bool
    error: str | None
    duration_s: float
    started_ns: int = 0
    output: str = ""
    output_cut: bool = False
    refused: bool = False
    lost: bool = False

    @property
    def ok(self) -> bool:
        """Exit status 0, in time (rule T2)."""
        return self.status == 0 and not self.timed_out and self.error is None

    def __str__(self) -> str:
        """Say it in keepalived's words where it has some."""
        if self.error is not None:
            return self.error
        if self.timed_out:
            return "timed_out"
        if self.signal is not None:
            try:
                name = signal.Signals(self.signal).name
            except ValueError:
                name = "a real-time signal"
            return f"due to signal {self.signal} ({name})"
        return f"exited with status {self.status}"


class Lane(enum.IntEnum):
    """Each lane has slots of its own: slow notify scripts never hold up a health check."""

    NOTIFY = 0
    CHECK = 1
    READER = 2          # readers of FIFOs, which run as long as the daemon does


def shown(argv: Sequence[str]) -> str:
    """Return a command, or what one wrote, for a log: in one line, of bounded length, printable whatever is in it."""
    text = " ".join(argv).encode("utf-8", "backslashreplace").decode()
    if not text.isprintable():
        text = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}..."


class ScriptRunner(Protocol):
    """What runs scripts: the pool, or one scope's view of it."""

    def submit(
        self,
        command: Command,
        on_done: Callable[[ScriptResult], None],
        *,
        timeout_s: float | None,
        extra_args: Sequence[str] = (),
        key: Hashable | None = None,
        lane: Lane = Lane.NOTIFY,
    ) -> int:
        """Queue a run and return its number at once; `on_done` is called once, later, from the event loop."""

    def withdraw(self, run: int) -> bool:
        """Do not start a run that still waits; its `on_done` is not called. False: too late."""

    def kill(self, run: int) -> None:
        """End a run now, as if it had timed out; one that waits is not started. One that is done is no
        error.
        """
