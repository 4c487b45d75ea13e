"""What the scripts, files and processes of a host say. Nothing is run, read or counted: the scenario says it.

A script that nothing is said of succeeds, a file holds its init_file or 0, and as many processes run as are wanted.
From there on all counts as in the daemon: rise and fall at the script's interval, the delays of processes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pyvrrp.model import Configuration, Tracked, TrackProcess, TrackScript
from pyvrrp.track.matching import Pattern
from pyvrrp.track.priority import Contribution, Number, Quorum
from pyvrrp.track.quorum import ProcessTracker
from pyvrrp.track.verdict import Verdict

NS_PER_S = 1_000_000_000

CallLater = Callable[[float, Callable[[], None]], asyncio.TimerHandle]


@dataclass(slots=True)
class Told:
    """What a scenario has said of a host, by the names of its trackers. It outlives a boot."""

    scripts: dict[str, bool] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    processes: dict[str, bool] = field(default_factory=dict)


class _Script:
    """One vrrp_script: it runs at its interval, and takes no time."""

    def __init__(self, script: TrackScript, ok: bool) -> None:
        self.script, self.ok = script, ok and script.command is not None
        self.verdict = Verdict(rise=script.rise, fall=script.fall, starts_failed=script.init_fail)
        self.is_settled = True          # more runs would change nothing


class _Processes:
    """How many processes run, by the name of their vrrp_track_process."""

    def __init__(self) -> None:
        self.counts: dict[Pattern, int] = {}
        self._callbacks: dict[Pattern, list[Callable[[], None]]] = {}

    def add(self, pattern: Pattern, callback: Callable[[], None]) -> None:
        self._callbacks.setdefault(pattern, []).append(callback)

    def remove(self, pattern: Pattern, callback: Callable[[], None]) -> None:
        self._callbacks[pattern].remove(callback)

    def count(self, pattern: Pattern) -> int | None:
        return self.counts.get(pattern)

    def set(self, pattern: Pattern, count: int) -> None:
        self.counts[pattern] = count
        for callback in self._callbacks.get(pattern, ()):
            callback()


class Trackers:
    """All that one host tracks but interfaces. `on_change(name)` is called when an answer is another."""

    def __init__(
        self, configuration: Configuration, now_ns: Callable[[], int], call_later: CallLater,
        on_change: Callable[[str], None], told: Told,
    ) -> None:
        """They begin, as at the start of a daemon. told: is kept up to date here."""
        self._now_ns, self._call_later, self._on_change = now_ns, call_later, on_change
        self._told, self._began_ns = told, now_ns()
        self._has_begun = False
        self._scripts = {
            script.name: _Script(script, told.scripts.get(script.name, True)) for script in configuration.scripts
        }
        self._numbers = {
            file.name: told.numbers.get(file.name, file.initial or 0) for file in configuration.track_files
        }
        self._counter = _Processes()
        for process in configuration.track_processes:
            counts, pattern = self._counter.counts, Pattern.of(process)
            wanted = self._wanted(process, is_up=told.processes.get(process.name, True))
            counts[pattern] = max(counts.get(pattern, 0), wanted)
        self._processes = {
            process.name: ProcessTracker(process, self._counter, call_later, on_verdict=self._changed)
            for process in configuration.track_processes
        }
        for one in self._scripts.values():
            self._run(one)
        self._has_begun = True

    def contributions(
        self, scripts: tuple[Tracked, ...], files: tuple[Tracked, ...], processes: tuple[Tracked, ...]
    ) -> Iterator[Contribution | Number | Quorum]:
        """What they say now to an instance that tracks these."""
        for name, weight, reverse in scripts:
            if name in self._scripts:
                yield Contribution(name, weight, self._scripts[name].verdict.up, reverse)
        for name, weight, reverse in files:
            if name in self._numbers:
                yield Number(name, weight, self._numbers[name], reverse)
        for name, weight, reverse in processes:
            if name in self._processes:
                yield Quorum(name, weight, self._processes[name].up, reverse)

    def set_script(self, name: str, ok: bool) -> None:
        """From its next run on a script fails, or succeeds; one that cannot be run fails. Raises KeyError."""
        one = self._scripts[name]
        self._told.scripts[name] = ok
        ok = ok and one.script.command is not None
        if one.ok is not ok:
            one.ok = ok
            if one.is_settled:
                one.is_settled = False
                self._plan_run(one)

    def set_file(self, name: str, number: int) -> None:
        """A file holds another number. Raises KeyError."""
        if self._numbers[name] != number:
            self._told.numbers[name] = number
            self._numbers[name] = number
            self._changed(name)

    def set_process(self, name: str, is_up: bool) -> None:
        """So many processes run as are wanted, or not. Raises KeyError."""
        process = self._processes[name].process
        self._told.processes[name] = is_up
        self._counter.set(Pattern.of(process), self._wanted(process, is_up=is_up))

    @staticmethod
    def _wanted(process: TrackProcess, *, is_up: bool) -> int:
        if is_up:
            return process.quorum
        return process.quorum - 1 if process.quorum else (process.quorum_max or 0) + 1

    def _plan_run(self, one: _Script) -> None:
        """The runs between two changes say nothing new: only those are gone through that count."""
        interval_ns = round(one.script.interval_s * NS_PER_S)
        left_ns = interval_ns - (self._now_ns() - self._began_ns) % interval_ns
        self._call_later(left_ns / NS_PER_S, lambda: self._run(one))

    def _changed(self, name: str) -> None:
        if self._has_begun:
            self._on_change(name)

    def _run(self, one: _Script) -> None:
        script, verdict = one.script, one.verdict
        has_changed = verdict.add(one.ok)
        one.is_settled = verdict.is_settled
        if not one.is_settled:
            self._plan_run(one)
        if has_changed:
            self._changed(script.name)
