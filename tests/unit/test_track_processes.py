"""Counting processes: with news of them and without, in a /proc that the test makes."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from pyvrrp import limits
from pyvrrp.model import TrackProcess
from pyvrrp.track.looker import Found
from pyvrrp.track.matching import Finder, Pattern
from pyvrrp.track.processes import ProcessWatch

PROXY = Pattern.of(TrackProcess(name="p", process="proxy"))
WORKER = Pattern.of(TrackProcess(name="w", process="worker", full_command=True))


async def turn_until(condition: Callable[[], object]) -> None:
    """Let the loop turn until something is so."""
    async with asyncio.timeout(10):
        while True:
            if condition():
                return
            await asyncio.sleep(0)


class Host:
    """Processes in a directory, a watch of them, and what it has told."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.run(1, "init")
        self.watch = ProcessWatch(str(directory))
        self.told = asyncio.Event()
        self.numbers: list[int | None] = []

    def run(self, pid: int, name: str, *command: str) -> None:
        """A process runs, or is another one now."""
        (self.directory / str(pid)).mkdir(exist_ok=True)
        (self.directory / str(pid) / "stat").write_text(f"{pid} ({name}) S 1 ")
        (self.directory / str(pid) / "cmdline").write_text("".join(f"{word}\0" for word in command))

    def end(self, pid: int) -> None:
        shutil.rmtree(self.directory / str(pid))

    def track(self, pattern: Pattern = PROXY) -> None:
        self.watch.add(pattern, lambda: self._tell(pattern))

    def _tell(self, pattern: Pattern) -> None:
        self.numbers.append(self.watch.count(pattern))
        self.told.set()

    async def next(self) -> list[int | None]:
        """What it tells from now on, until it has told something."""
        async with asyncio.timeout(10):
            await self.told.wait()
        self.told.clear()
        numbers, self.numbers = self.numbers, []
        return numbers

    async def settle(self) -> list[int | None]:
        """What it has told when it has nothing left to do."""
        watch = self.watch
        await turn_until(lambda: not watch._is_asking and not watch._executed and watch._looking is None)
        self.told.clear()
        numbers, self.numbers = self.numbers, []
        return numbers


Test = Callable[[Host], Coroutine[Any, Any, None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Test], None]:
    """Run a test with a host whose watch is closed at its end."""

    async def main(test: Test) -> None:
        host = Host(tmp_path)
        try:
            await test(host)
        finally:
            host.watch.close()

    return lambda test: asyncio.Runner(loop_factory=uvloop.new_event_loop).run(main(test))


def test_news_are_followed(play: Callable[[Test], None]) -> None:
    async def test(host: Host) -> None:
        watch = host.watch
        watch.follow(is_told=True)
        host.run(10, "proxy")
        host.run(11, "sh")
        host.track()
        assert watch.count(PROXY) is None, "nobody has looked yet"
        assert await host.next() == [1]
        watch.forked(11, 12)
        watch.done()
        assert await host.settle() == [], "a child of another one"
        watch.forked(10, 13)
        watch.done()
        assert await host.settle() == [2], "a child is like its parent"
        host.run(13, "sh")
        watch.executed(13)
        watch.done()
        assert await host.settle() == [1], "until it executes something"
        host.run(12, "proxy")
        watch.executed(12)
        watch.done()
        assert await host.settle() == [2]
        watch.executed(12)
        watch.done()
        assert await host.settle() == [], "it counts once, however often it executes itself"
        watch.renamed(11, b"proxy")
        watch.done()
        assert await host.settle() == [3]
        watch.renamed(11, b"prox")
        watch.ended(10)
        watch.ended(99)
        watch.done()
        assert await host.settle() == [1], "told once for all"
        assert watch.counters.looks == 1, "and all of /proc was read but once"

    play(test)


def test_one_that_ends_before_it_was_looked_at(play: Callable[[Test], None]) -> None:
    async def test(host: Host) -> None:
        host.watch.follow(is_told=True)
        host.track()
        assert await host.next() == [0]
        host.run(20, "proxy")
        host.watch.executed(20)
        host.watch.ended(20)
        host.watch.executed(21)
        host.watch.done()
        assert await host.settle() == []
        assert host.watch.counters.executed == 1, "of the first nothing was read"

    play(test)


def test_a_name_says_nothing_of_the_command_line(play: Callable[[Test], None]) -> None:
    async def test(host: Host) -> None:
        host.watch.follow(is_told=True)
        host.run(10, "proxy", "worker")
        host.track()
        host.track(WORKER)
        await host.settle()
        await host.next()
        host.watch.renamed(10, b"else")
        host.watch.done()
        await host.settle()
        assert (host.watch.count(PROXY), host.watch.count(WORKER)) == (0, 1)

    play(test)


def test_news_during_a_look_count_more(play: Callable[[Test], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """The look goes one process at a time here, so all of this comes in its middle."""
    monkeypatch.setattr(limits, "PROCESS_LOOK_BATCH", 1)

    async def test(host: Host) -> None:
        watch = host.watch
        watch.follow(is_told=True)
        for pid in (10, 11, 12):
            host.run(pid, "proxy")
        host.track()
        await asyncio.sleep(0)
        assert watch._looking is not None, "it is under way"
        watch.ended(11)                 # whether it was found already or not
        host.end(12)
        watch.ended(12)
        watch.forked(10, 30)            # the look may not have come to its parent yet, so it is looked at
        host.run(30, "proxy")
        watch.forked(10, 31)            # this one is gone before
        host.run(40, "proxy")
        watch.executed(40)
        watch.done()
        await host.settle()
        assert watch.count(PROXY) == 3, "10, 30 and 40"
        watch.ended(10)
        watch.done()
        assert await host.settle() == [2]

    play(test)


def test_lost_news_have_everything_looked_at(play: Callable[[Test], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PROCESS_LOST_S", 0.001)

    async def test(host: Host) -> None:
        host.watch.follow(is_told=True)
        host.run(10, "proxy")
        host.track()
        assert await host.next() == [1]
        host.end(10)
        host.run(11, "proxy")
        host.run(12, "proxy")
        host.watch.lost()
        host.watch.lost()
        assert await host.next() == [2]
        assert host.watch.counters.lost == 2
        assert host.watch.counters.looks == 2, "one look for both"
        host.watch.ended(10)
        host.watch.done()
        assert await host.settle() == [], "it had been forgotten"

    play(test)


def test_a_storm_does_not_put_a_look_off(play: Callable[[Test], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PROCESS_LOOK_BATCH", 1)
    monkeypatch.setattr(limits, "PROCESS_LOST_S", 0.001)

    async def test(host: Host) -> None:
        host.watch.follow(is_told=True)
        host.run(10, "proxy")
        host.track()
        await asyncio.sleep(0)
        while host.watch._looking is not None:
            host.watch.lost()
            await asyncio.sleep(0)
        assert await host.next() == [1]
        host.run(11, "proxy")
        assert await host.next() == [2], "it is looked at again by itself"

    play(test)


def test_without_news_it_looks_again_and_again(play: Callable[[Test], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PROCESS_SCAN_S", 0.001)

    async def test(host: Host) -> None:
        host.watch.follow(is_told=False)
        host.track()
        assert await host.next() == [0]
        host.run(10, "proxy")
        assert await host.next() == [1]
        host.end(10)
        assert await host.next() == [0]

    play(test)


def test_without_news_the_end_is_noticed_at_once(play: Callable[[Test], None]) -> None:
    """By a pidfd: this is a process of ours, the next look is a second away, and its directory stays."""

    async def test(host: Host) -> None:
        host.watch.follow(is_told=False)
        child = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE)
        host.run(child.pid, "proxy")
        host.track()
        assert await host.next() == [1]
        assert host.watch._pidfds.keys() == {child.pid}
        looks = host.watch.counters.looks
        assert child.stdin is not None
        child.stdin.close()
        await child.wait()
        assert await host.next() == [0]
        assert host.watch.counters.looks == looks
        assert not host.watch._pidfds

    play(test)


def test_pidfds_are_bounded_and_given_back(play: Callable[[Test], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PROCESS_PIDFDS_MAX", 1)

    async def test(host: Host) -> None:
        for pid in (os.getpid(), os.getppid()):
            host.run(pid, "proxy")
        host.watch.follow(is_told=False)
        host.track()
        assert await host.next() == [2]
        assert len(host.watch._pidfds) == 1
        host.watch.follow(is_told=True)
        await host.settle()
        await turn_until(lambda: not host.watch._pidfds)

    play(test)


def test_who_comes_and_goes(play: Callable[[Test], None]) -> None:
    """Several may track the same; what nobody tracks is not counted."""

    async def test(host: Host) -> None:
        watch = host.watch
        watch.follow(is_told=True)
        host.run(10, "proxy", "worker")
        told: list[str] = []
        first, second = (lambda: told.append("first")), (lambda: told.append("second"))
        watch.add(PROXY, first)
        watch.add(PROXY, second)
        watch.add(WORKER, first)
        await asyncio.sleep(0)
        watch.remove(WORKER, first)
        await host.settle()
        await turn_until(lambda: len(told) == 2)
        assert told == ["first", "second"]
        watch.remove(PROXY, first)
        watch.forked(10, 11)
        watch.done()
        assert told == ["first", "second", "second"]
        assert watch.count(PROXY) == 2
        watch.remove(PROXY, second)
        assert watch.count(PROXY) is None
        watch.forked(10, 12)
        watch.executed(12)
        watch.lost()
        watch.done()
        assert watch._timer is None, "nobody looks for nobody"
        watch.add(PROXY, first)
        await turn_until(lambda: watch.count(PROXY) is not None)
        assert watch.count(PROXY) == 1

    play(test)


def test_what_hides_processes_is_told_once(
    play: Callable[[Test], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "PROCESS_SCAN_S", 0.001)

    async def test(host: Host) -> None:
        host.end(1)
        host.run(10, "proxy")
        host.watch.follow(is_told=False)
        host.track()
        assert await host.next() == [1]
        host.run(11, "proxy")
        assert await host.next() == [2]
        assert "hidepid" in host.watch.problem
        assert [record.getMessage() for record in caplog.records] == [f"track_process: {host.watch.problem}"]

    play(test)


class Held:
    """A Looker whose answers the test gives."""

    def __init__(self) -> None:
        self.lists: list[Callable[[list[int] | OSError], None]] = []
        self.questions: list[tuple[list[int], Callable[[Found], None]]] = []

    def everybody(self, on_done: Callable[[list[int] | OSError], None]) -> None:
        self.lists.append(on_done)

    def look(self, some: list[int], finder: Finder, on_done: Callable[[Found], None]) -> None:
        self.questions.append((some, on_done))

    def close(self) -> None: ...

    def answer(self, *patterns: Pattern) -> list[int]:
        """Each that is asked for is meant by these; who was asked for."""
        some, on_done = self.questions.pop()
        assert not self.questions, "one question at a time"
        on_done([(pid, patterns) for pid in some])
        return some


async def held(host: Host) -> Held:
    """A host that tracks PROXY, and has looked at everything once: nobody is one."""
    looker = Held()
    host.watch._looker = looker     # type: ignore[assignment]
    host.watch.follow(is_told=True)
    host.track()
    await turn_until(lambda: looker.lists)
    looker.lists.pop()([1])
    assert looker.answer() == [1]
    assert host.watch.count(PROXY) == 0
    return looker


def test_one_that_ends_while_it_is_looked_at(play: Callable[[Test], None]) -> None:
    async def test(host: Host) -> None:
        looker = await held(host)
        for pid in (20, 21):
            host.watch.executed(pid)
        host.watch.done()
        host.watch.ended(20)
        host.watch.done()
        assert looker.answer(PROXY) == [20, 21]
        assert host.watch.count(PROXY) == 1

    play(test)


def test_one_that_executes_again_while_it_is_looked_at(play: Callable[[Test], None]) -> None:
    async def test(host: Host) -> None:
        looker = await held(host)
        host.watch.executed(20)
        host.watch.done()
        host.watch.executed(20)
        host.watch.done()
        assert looker.answer(PROXY) == [20]
        assert host.watch.count(PROXY) == 0, "that was another program"
        assert looker.answer(PROXY) == [20]
        assert host.watch.count(PROXY) == 1

    play(test)


def test_a_child_of_one_that_is_looked_at(play: Callable[[Test], None]) -> None:
    """What its parent is was not known when it was born."""

    async def test(host: Host) -> None:
        looker = await held(host)
        host.watch.executed(20)
        host.watch.done()
        host.watch.forked(20, 21)
        host.watch.done()
        assert looker.answer(PROXY) == [20]
        assert looker.answer(PROXY) == [21]
        assert host.watch.count(PROXY) == 2
        host.watch.executed(30)
        host.watch.forked(30, 31)       # both in one batch of news
        host.watch.done()
        assert looker.answer(PROXY) == [30, 31]
        assert host.watch.count(PROXY) == 4

    play(test)


def test_what_was_looked_at_for_others_is_looked_at_again(play: Callable[[Test], None]) -> None:
    """Somebody tracks something else meanwhile: the answer knows nothing of that."""

    async def test(host: Host) -> None:
        looker = await held(host)
        host.watch.executed(20)
        host.watch.done()
        host.track(WORKER)
        assert looker.answer(PROXY) == [20]
        assert looker.answer(PROXY, WORKER) == [20]
        await turn_until(lambda: looker.lists)
        looker.lists.pop()([1, 20])
        assert looker.answer(PROXY, WORKER) == [1, 20]
        assert (host.watch.count(PROXY), host.watch.count(WORKER)) == (2, 2)

    play(test)
