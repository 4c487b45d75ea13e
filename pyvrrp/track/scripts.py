"""Runs one vrrp_script at its interval and turns its results into a verdict for all that track it.

The first run starts at once, the second within the last quarter of the first interval, by the script's
name, so that a thousand scripts with one interval do not start in one instant for ever; from then on it is
exactly periodic on the monotonic clock. Runs never overlap: one that still goes on, or still waits for its
turn, makes the next one be skipped and counted (keepalived's rules T1 to T5).
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from pyvrrp import limits
from pyvrrp.model import TrackScript
from pyvrrp.scripts.result import Lane, ScriptResult, ScriptRunner
from pyvrrp.track.verdict import Verdict

log = logging.getLogger("pyvrrp.track")

_SPREAD = 0.25              # of the first interval


@dataclass(slots=True)
class ScriptCounters:
    """Totals of one script, for status and metrics."""

    runs: int = 0           # results, of whatever kind
    failures: int = 0       # timeouts included
    timeouts: int = 0
    skipped: int = 0        # an interval passed while a run was still going on


class ScriptTracker:
    """Runs `script` until stopped.

    `on_verdict(name, up)` is called from the event loop at the first result and then whenever the verdict
    changes. Public for status: `script`, `up` (None: not known yet), `last` (the newest result),
    `counters`.
    """

    def __init__(
        self, script: TrackScript, pool: ScriptRunner, *, on_verdict: Callable[[str, bool], None]
    ) -> None:
        self.script = script
        self.counters = ScriptCounters()
        self.last: ScriptResult | None = None
        self._pool = pool
        self._on_verdict = on_verdict
        self._verdict = Verdict(rise=script.rise, fall=script.fall, starts_failed=script.init_fail)
        self._last_status = 0               # what keepalived compares a new exit status with at first
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._next_s = 0.0
        self._run: int | None = None        # of the run that has no result yet
        self._quiet_until_s = 0.0           # skipped runs are not logged before

    @property
    def up(self) -> bool | None:
        """The verdict; None before the first result."""
        return self._verdict.up

    @property
    def is_running(self) -> bool:
        """Whether a run is under way, or waits for its turn."""
        return self._run is not None

    @property
    def next_s(self) -> float | None:
        """In how many seconds the next run is due; None: none is."""
        if self._timer is None or self.script.command is None:
            return None
        return round(max(0.0, self._next_s - asyncio.get_running_loop().time()), 3)

    def start(self) -> None:
        """Run it now and then once per interval. To be called in the event loop, once, or again after
        stop().
        """
        loop = asyncio.get_running_loop()
        if self.script.command is None:
            self._timer = loop.call_soon(self._cannot_run)
            return
        share = zlib.crc32(self.script.name.encode("utf-8", "surrogateescape")) / 2**32
        self._next_s = loop.time() + self.script.interval_s * (1 - _SPREAD * share)
        self._timer = loop.call_at(self._next_s, self._tick)
        self._start_run()

    def stop(self) -> None:
        """Stop running it; a run that goes on gets SIGTERM, as at keepalived's reload (Q1), and its result
        is not counted.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._run is not None:
            self._pool.kill(self._run)
            self._run = None

    def update(self, script: TrackScript) -> None:
        """Take new settings of the same command from a reload; verdict and counts stay (Q5)."""
        assert script.command == self.script.command, "another command is another tracker"
        self._verdict.resize(rise=script.rise, fall=script.fall)
        changed = script.interval_s != self.script.interval_s
        self.script = script
        if changed and self._timer is not None and script.command is not None:
            self._timer.cancel()
            loop = asyncio.get_running_loop()
            self._next_s = min(self._next_s, loop.time() + script.interval_s)
            self._timer = loop.call_at(self._next_s, self._tick)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        # After a stall the missed ones are not made up for, and the phase stays.
        interval_s = self.script.interval_s
        missed = max(0, int((loop.time() - self._next_s) / interval_s))
        self._next_s += (missed + 1) * interval_s
        self._timer = loop.call_at(self._next_s, self._tick)
        if self._run is None:
            self._start_run()
            return
        self.counters.skipped += 1
        now_s = loop.time()
        if now_s >= self._quiet_until_s:
            log.warning(
                "VRRP_Script(%s) has not ended within its interval of %g s, so runs are skipped; "
                "give it a longer interval or a shorter timeout",
                self.script.name,
                interval_s,
            )
        self._quiet_until_s = now_s + limits.TRACK_SKIPS_QUIET_S

    def _start_run(self) -> None:
        assert self.script.command is not None
        run = 0

        def done(result: ScriptResult) -> None:
            # A run that was stopped has a result too, and a new one may be under way.
            if self._run != run:
                return
            self._run = None
            if result.lost:                 # how it ended nobody knows, so it is no verdict
                self._start_run()
            else:
                self._count(result)

        run = self._run = self._pool.submit(
            self.script.command,
            done,
            timeout_s=self.script.timeout_s,
            key=self,
            lane=Lane.CHECK,
        )

    def _count(self, result: ScriptResult) -> None:
        name = self.script.name
        self.last = result
        self.counters.runs += 1
        if not result.ok:
            self.counters.failures += 1
        if result.timed_out:
            self.counters.timeouts += 1
        if result.status is not None and result.status != self._last_status:
            log.info("Script `%s` now returning %d", name, result.status)
            self._last_status = result.status
        if not self._verdict.add(result.ok):
            return
        up = self._verdict.up
        assert up is not None
        # keepalived's own words, since people search their logs for them
        if up:
            log.info("VRRP_Script(%s) succeeded", name)
        elif result.timed_out:
            log.warning("VRRP_Script(%s) timed_out", name)
        else:
            log.warning("VRRP_Script(%s) failed (%s)", name, result)
        self._on_verdict(name, up)

    def _cannot_run(self) -> None:
        self._count(ScriptResult(None, None, False, "it names no command that can be run", 0.0))
