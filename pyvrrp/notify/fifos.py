"""All FIFOs of the daemon, and the scripts that read them.

Scopes that name the same path share the pipe, and its reader: each line is written once for each scope that tells it.
A reader is started with the path as its last argument, and ended with SIGTERM, to be started again, at every reload,
as under keepalived; the pipe stays, so nothing is lost meanwhile. A reader that ends by itself stays away until the
next reload, which is said; one that went with the process that runs scripts is started again with that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from pyvrrp import limits
from pyvrrp.model import Command, Fifo
from pyvrrp.notify.fifo import FifoCounters, FifoWriter
from pyvrrp.scripts.result import Lane, ScriptResult, ScriptRunner, shown

log = logging.getLogger("pyvrrp.notify")

_POLL_S = 0.01          # between two looks whether a pipe is empty
_LAST_LINE_S = 0.05     # for a reader to handle the last line that it has read


class Wanted(NamedTuple):
    """A pipe that a scope names, and the command that reads it."""

    fifo: Fifo
    script: Command | None = None


class _Pipe:
    """A pipe in use, by whom, and its reader."""

    __slots__ = ("run", "runner", "script", "users", "writer")

    def __init__(self, writer: FifoWriter) -> None:
        self.writer = writer
        self.users: set[Hashable] = set()
        self.script: Command | None = None
        self.runner: ScriptRunner | None = None
        self.run: int | None = None             # of the reader


class Fifos:
    """The pipes by path. Nothing here waits but `settle`."""

    def __init__(self, *, umask: int = limits.SCRIPT_UMASK) -> None:
        """`umask`: of pipes that are made."""
        self.counters = FifoCounters()
        self._umask = umask
        self._pipes: dict[str, _Pipe] = {}
        self._of: dict[Hashable, tuple[_Pipe, ...]] = {}

    def adopt(self, user: Hashable, wanted: Sequence[Wanted], runner: ScriptRunner) -> None:
        """Have these pipes for `user`, and no others; their readers are started, or started again."""
        before, now = self._of.get(user, ()), []
        for fifo, script in wanted:
            pipe = self._pipes.get(fifo.path)
            if pipe is not None and (pipe.writer.fifo != fifo or pipe.writer.is_replaced):
                self._end_reader(pipe)
                pipe.writer.close()
                pipe.writer.fifo = fifo
            if pipe is None:
                pipe = self._pipes[fifo.path] = _Pipe(FifoWriter(fifo, self.counters, umask=self._umask))
            if not pipe.writer.is_open:
                try:
                    pipe.writer.open()
                except OSError as error:
                    log.error("FIFO %s cannot be used: %s; mend it and reload", fifo.path, error.strerror)
            pipe.users.add(user)
            now.append(pipe)
            if pipe.writer.is_open and script is not None:
                self._end_reader(pipe)
                pipe.script, pipe.runner = script, runner
                self._start_reader(pipe)
            elif pipe.runner is runner:
                self._end_reader(pipe)
        for pipe in before:
            if pipe not in now:
                pipe.users.discard(user)
                if not pipe.users:
                    self._end_reader(pipe)
                    pipe.writer.close()
                    del self._pipes[pipe.writer.fifo.path]
        self._of[user] = tuple(now)

    def is_used_by(self, user: Hashable) -> bool:
        """Whether lines of `user` go anywhere."""
        return bool(self._of.get(user))

    def write(self, user: Hashable, line: bytes) -> None:
        """Hand a line to every pipe of `user`, in the order in which they were named."""
        for pipe in self._of.get(user, ()):
            pipe.writer.write(line)

    def problems(self) -> list[str]:
        """What is not as it should be, in sentences."""
        found = []
        for path, pipe in self._pipes.items():
            if not pipe.writer.is_open:
                found.append(f"FIFO {path} is not open; mend it and reload")
            if pipe.writer.lost:
                found.append(f"FIFO {path} has lost {pipe.writer.lost} lines: nobody reads it, or too slowly")
        return found

    @property
    def waiting(self) -> int:
        """Lines that no pipe has taken yet."""
        return sum(pipe.writer.waiting for pipe in self._pipes.values())

    async def settle(self, timeout_s: float = limits.FIFO_STOP_S) -> None:
        """Wait until those pipes that have a reader of ours are empty, `timeout_s` at most, and a moment more."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + timeout_s
        while self._is_read() and loop.time() < until_s:  # noqa: ASYNC110  nothing tells of a pipe that is empty
            await asyncio.sleep(_POLL_S)
        if any(pipe.run is not None for pipe in self._pipes.values()):
            await asyncio.sleep(_LAST_LINE_S)

    def _is_read(self) -> bool:
        """Whether a reader of ours still has something to read."""
        return any(pipe.run is not None and not pipe.writer.is_empty() for pipe in self._pipes.values())

    def close(self) -> None:
        """End the readers, and let go of the pipes; those that were made here are removed."""
        for pipe in self._pipes.values():
            self._end_reader(pipe)
            pipe.writer.close()
        self._pipes.clear()
        self._of.clear()

    def _start_reader(self, pipe: _Pipe) -> None:
        assert pipe.script is not None
        assert pipe.runner is not None
        path, words = pipe.writer.fifo.path, shown(pipe.script.argv)

        def ended(result: ScriptResult) -> None:
            if pipe.run != run:
                return              # it was to end
            pipe.run = None
            if result.lost:
                self._start_reader(pipe)        # not its own fault
                return
            log.warning("the reader %s of FIFO %s ended: %s; a reload starts it again", words, path, result)

        # With one key the next reader starts when the process of the one before is gone.
        run = pipe.run = pipe.runner.submit(
            pipe.script,
            ended,
            timeout_s=None,
            extra_args=(path,),
            key=("fifo", id(self), path),
            lane=Lane.READER,
        )

    def _end_reader(self, pipe: _Pipe) -> None:
        run, pipe.run = pipe.run, None
        if run is not None and pipe.runner is not None:
            pipe.runner.kill(run)
        pipe.runner = pipe.script = None
