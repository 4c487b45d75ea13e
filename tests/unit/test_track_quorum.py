"""From a number of processes to a verdict: quorum, quorum_max and delays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from pyvrrp.model import TrackProcess
from pyvrrp.track.matching import Pattern
from pyvrrp.track.quorum import ProcessTracker


class Clock:
    """call_later() of a loop, and time that passes when told to."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Any:
        self.timers.append(Timer(self, delay_s, callback))
        return self.timers[-1]

    def pass_(self) -> None:
        """The one delay that is under way is over."""
        (timer,) = self.timers
        self.timers.clear()
        timer.callback()


class Timer:
    def __init__(self, clock: Clock, delay_s: float, callback: Callable[[], None]) -> None:
        self.clock, self.delay_s, self.callback = clock, delay_s, callback

    def cancel(self) -> None:
        self.clock.timers.remove(self)


class Processes:
    """Counts what it is told, and a tracker of them."""

    def __init__(self, **settings: Any) -> None:
        self.number: int | None = None
        self.callbacks: list[Callable[[], None]] = []
        self.clock = Clock()
        self.told: list[bool | None] = []
        self.tracker = ProcessTracker(
            TrackProcess(name="p", process="x", **settings), self, self.clock.call_later,
            on_verdict=lambda name: self.told.append(self.tracker.up),
        )

    def add(self, pattern: Pattern, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)

    def remove(self, pattern: Pattern, callback: Callable[[], None]) -> None:
        self.callbacks.remove(callback)

    def count(self, pattern: Pattern) -> int | None:
        return self.number

    def be(self, *numbers: int) -> list[bool | None]:
        """So many run, one number after the other; what was told of that."""
        before = len(self.told)
        for self.number in numbers:
            for callback in self.callbacks:
                callback()
        return self.told[before:]


@pytest.mark.keepalived("K9")
def test_the_first_count_decides_at_once() -> None:
    processes = Processes(quorum=2, fork_delay_s=5, terminate_delay_s=5)
    assert processes.tracker.up is None
    assert processes.be(1) == [False]
    assert not processes.clock.timers
    assert Processes(quorum=2, fork_delay_s=5).be(2) == [True]


@pytest.mark.keepalived("K9")
def test_a_quorum_is_gained_and_lost() -> None:
    processes = Processes(quorum=2)
    assert processes.be(0, 1) == [False]
    assert processes.be(2) == [True]
    assert processes.be(3, 100) == []
    assert processes.be(1) == [False]
    assert processes.be(0) == []
    assert processes.tracker.changes == 2
    assert processes.tracker.count == 0


@pytest.mark.keepalived("K9")
def test_there_may_be_too_many() -> None:
    processes = Processes(quorum=1, quorum_max=2)
    assert processes.be(2) == [True]
    assert processes.be(3, 4) == [False]
    assert processes.be(2) == [True]
    assert processes.be(0, 3) == [False], "too few and too many are the same"
    none = Processes(quorum=0, quorum_max=0)
    assert none.be(0, 1, 0) == [True, False, True]


@pytest.mark.keepalived("K9")
def test_delays_by_whether_there_are_more_or_fewer() -> None:
    """As keepalived's: fork_delay when one is added, be that good or bad."""
    processes = Processes(quorum=1, quorum_max=1, fork_delay_s=3, terminate_delay_s=7)
    processes.be(1)
    for number, delay_s, up in ((2, 3, False), (1, 7, True), (0, 7, False), (1, 3, True)):
        assert processes.be(number) == []
        assert processes.tracker.is_waiting
        assert [timer.delay_s for timer in processes.clock.timers] == [delay_s]
        processes.clock.pass_()
        assert processes.told[-1] is up
    assert not processes.tracker.is_waiting


@pytest.mark.keepalived("K9")
def test_what_is_undone_meanwhile_did_not_happen() -> None:
    processes = Processes(quorum=2, fork_delay_s=3, terminate_delay_s=7)
    processes.be(2)
    assert processes.be(1, 2) == []
    assert not processes.clock.timers
    assert processes.be(1, 0) == []
    assert len(processes.clock.timers) == 1, "still the first delay"
    processes.clock.pass_()
    assert processes.told[-1] is False
    assert processes.be(1, 2, 1) == []
    assert not processes.clock.timers


def test_new_settings_count_at_once() -> None:
    processes = Processes(quorum=2, terminate_delay_s=7)
    processes.be(2, 1)
    assert processes.clock.timers
    processes.tracker.update(TrackProcess(name="p", process="x", quorum=1, terminate_delay_s=7))
    assert not processes.clock.timers
    assert processes.told == [True], "one is enough now"
    processes.tracker.update(TrackProcess(name="p", process="x", quorum=3, terminate_delay_s=7))
    assert processes.told == [True, False]


def test_nothing_is_told_after_the_end() -> None:
    processes = Processes(terminate_delay_s=7)
    processes.be(1, 0)
    processes.tracker.stop()
    assert not processes.clock.timers
    assert not processes.callbacks


def test_one_that_others_count_already_knows_at_once() -> None:
    """Two scopes may track the same processes."""
    told: list[str] = []

    class Known:
        def add(self, pattern: Pattern, callback: Callable[[], None]) -> None: ...
        def remove(self, pattern: Pattern, callback: Callable[[], None]) -> None: ...
        def count(self, pattern: Pattern) -> int:
            return 4

    def never(delay_s: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        raise AssertionError("no delay")

    tracker = ProcessTracker(TrackProcess(name="p", process="x"), Known(), never, on_verdict=told.append)
    assert (tracker.up, tracker.count, told) == (True, 4, ["p"])
