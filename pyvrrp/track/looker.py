"""The thread that reads /proc.

Reading what belongs to another process may wait for that process: for a lock on its memory while it executes something,
or is stuck. On a busy host that is a process that gets no processor, and a daemon of higher priority would wait for it.
So no event loop reads there. The thread does nothing else, and holds the GIL for some microseconds between two system
calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from pyvrrp import linux
from pyvrrp.track.matching import Finder, Pattern
from pyvrrp.track.proc import look, pids

Found = list[tuple[int, tuple[Pattern, ...]]]


class Looker:
    """Looks where it is asked to, in order, and answers in the event loop. Make it in a running one."""

    def __init__(self, proc: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._proc = proc
        self._jobs: SimpleQueue[Callable[[], Callable[[], None]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def everybody(self, on_done: Callable[[list[int] | OSError], None]) -> None:
        """Which processes there are, or why that is not known."""

        def job() -> Callable[[], None]:
            found: list[int] | OSError
            try:
                found = pids(self._proc)
            except OSError as error:
                found = error
            return lambda: on_done(found)

        self._ask(job)

    def look(self, some: Sequence[int], finder: Finder, on_done: Callable[[Found], None]) -> None:
        """What each of these processes is meant by."""

        def job() -> Callable[[], None]:
            found = [(pid, look(pid, finder, self._proc)) for pid in some]
            return lambda: on_done(found)

        self._ask(job)

    def close(self) -> None:
        """Answer no more. It is not waited for: it may be stuck."""
        self._jobs.put(None)

    def _ask(self, job: Callable[[], Callable[[], None]]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="pyvrrp-proc", daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            linux.narrow(linux.CAP_SYS_PTRACE)      # a /proc with hidepid= shows the processes of others to it alone
        while (job := self._jobs.get()) is not None:
            answer = job()          # which raises nothing: what cannot be read is no process that is meant
            with contextlib.suppress(RuntimeError):     # the loop is closed: nobody is left to tell
                self._loop.call_soon_threadsafe(answer)
