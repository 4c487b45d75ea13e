"""vrrp_track_process: from a number of processes to a verdict (keepalived's rule K9).

All is well while `quorum` to `quorum_max` processes run. The first count decides at once, and so do new settings of a
reload. Later a change waits: `fork_delay` if there are more processes now, `terminate_delay` if there are fewer. If it
is undone meanwhile, nothing has happened.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from pyvrrp.model import TrackProcess
from pyvrrp.track.matching import Pattern

log = logging.getLogger("pyvrrp.track")


class Counter(Protocol):
    """Who counts processes: see ProcessWatch."""

    def add(self, pattern: Pattern, callback: Callable[[], None]) -> None: ...
    def remove(self, pattern: Pattern, callback: Callable[[], None]) -> None: ...
    def count(self, pattern: Pattern) -> int | None: ...


class ProcessTracker:
    """Judges one vrrp_track_process of a scope until stopped.

    `on_verdict(name)` is called at the first count and then whenever `up` changes. Public for status: `process`, `up`
    and `count` (None: not known yet), `changes` (of `up`, the first one left out).
    """

    def __init__(
        self,
        process: TrackProcess,
        counter: Counter,
        call_later: Callable[[float, Callable[[], None]], asyncio.TimerHandle],
        *,
        on_verdict: Callable[[str], None],
    ) -> None:
        self.process = process
        self.up: bool | None = None
        self.count: int | None = None
        self.changes = 0
        self._counter, self._call_later, self._on_verdict = counter, call_later, on_verdict
        self._pattern = Pattern.of(process)
        self._timer: asyncio.TimerHandle | None = None
        counter.add(self._pattern, self._counted)
        if counter.count(self._pattern) is not None:
            self._counted()

    @property
    def is_waiting(self) -> bool:
        """Whether a change of `up` waits for its delay."""
        return self._timer is not None

    def stop(self) -> None:
        """Judge no more."""
        self._counter.remove(self._pattern, self._counted)
        self._cancel()

    def update(self, process: TrackProcess) -> None:
        """Take other settings for the same processes."""
        assert Pattern.of(process) == self._pattern, "other processes are another tracker"
        self.process = process
        self._cancel()
        if self.up is not None:
            self._settle()

    def _is_quorate(self) -> bool:
        most = self.process.quorum_max
        return self.count is not None and self.process.quorum <= self.count and (most is None or self.count <= most)

    def _counted(self) -> None:
        count = self._counter.count(self._pattern)
        if count is None:
            return
        has_more = self.count is not None and count > self.count
        self.count = count
        if self.up is None:
            self.up = self._is_quorate()
            self._on_verdict(self.process.name)
        elif self._is_quorate() is self.up:
            self._cancel()
        elif self._timer is None:
            delay_s = self.process.fork_delay_s if has_more else self.process.terminate_delay_s
            if delay_s:
                self._timer = self._call_later(delay_s, self._settle)
            else:
                self._settle()

    def _settle(self) -> None:
        self._timer = None
        up = self._is_quorate()
        if up is self.up:
            return
        self.up = up
        self.changes += 1
        # keepalived's own words, since people search their logs for them
        log.log(logging.INFO if up else logging.WARNING, "Quorum %s for tracked process %s",
                "gained" if up else "lost", self.process.name)
        self._on_verdict(self.process.name)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
