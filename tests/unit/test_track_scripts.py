"""pyvrrp/track/scripts.py: a vrrp_script at its interval, with the real pool and real scripts."""

import asyncio
import dataclasses
import functools
import itertools
import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from running_scripts import LOOPS, gone, run_with_pool, sh, until

from pyvrrp.model import Command, TrackScript
from pyvrrp.scripts.pool import ScriptPool
from pyvrrp.track.scripts import ScriptTracker

Runner = Callable[..., None]
Verdicts = list[tuple[str, bool]]


@pytest.fixture(params=sorted(LOOPS))
def with_pool(request: pytest.FixtureRequest) -> Runner:
    """Return a function that runs a coroutine function with a started pool."""
    return functools.partial(run_with_pool, request.param)


def tracker(pool: ScriptPool, script: TrackScript, verdicts: Verdicts) -> ScriptTracker:
    return ScriptTracker(script, pool, on_verdict=lambda name, up: verdicts.append((name, up)))


@pytest.mark.keepalived("T1")
def test_runs_at_once_and_then_once_per_interval(with_pool: Runner, tmp_path: Path) -> None:
    out = tmp_path / "out"

    async def main(pool: ScriptPool) -> None:
        verdicts: Verdicts = []
        watch = tracker(
            pool, TrackScript(name="chk", command=sh('date +%s.%N >>"$1"', out), interval_s=0.2), verdicts
        )
        started = time.time()
        assert watch.up is None
        watch.start()
        await until(lambda: watch.counters.runs >= 6)
        watch.stop()
        assert watch.up
        assert verdicts == [("chk", True)]
        times = [float(line) - started for line in out.read_text().split()]
        assert times[0] < 0.6  # the start of a process, on a busy machine
        # The first interval is up to a quarter shorter, the others exact: late runs do not shift later ones.
        assert 0.9 - 0.05 < times[5] < 1.0 + 0.6
        count = watch.counters.runs
        await asyncio.sleep(0.3)
        assert watch.counters.runs == count
        assert watch.last is not None
        assert watch.last.ok

    with_pool(main)


def test_a_check_that_goes_down_with_the_spawner_is_no_verdict(with_pool: Runner, tmp_path: Path) -> None:
    """How it would have ended nobody knows; it is run again at once."""
    out = tmp_path / "out"

    async def main(pool: ScriptPool) -> None:
        verdicts: Verdicts = []
        watch = tracker(
            pool, TrackScript(name="chk", command=sh('echo >>"$1"; sleep 0.5', out), interval_s=1000), verdicts
        )
        watch.start()
        await until(out.exists)
        os.kill(pool.spawner_pid, signal.SIGKILL)
        await until(lambda: watch.counters.runs == 1)
        watch.stop()
        assert (verdicts, watch.counters.failures) == ([("chk", True)], 0)
        assert out.read_text() == "\n\n"

    with_pool(main)


def test_many_scripts_of_one_interval_do_not_start_together_for_ever(with_pool: Runner) -> None:
    """Their second runs are spread over the last quarter of the interval, each by its own name."""

    async def main(pool: ScriptPool) -> None:
        watches = [
            tracker(pool, TrackScript(name=f"chk{n}", command=sh("exit 0"), interval_s=1000), []) for n in range(100)
        ]
        for watch in watches:
            watch.start()
        due_s = sorted(watch.next_s or 0.0 for watch in watches)
        assert due_s[0] > 740
        assert due_s[-1] <= 1000
        assert sum(later - sooner > 0.05 for sooner, later in itertools.pairwise(due_s)) > 80
        assert max(later - sooner for sooner, later in itertools.pairwise(due_s)) < 50
        for watch in watches:
            watch.stop()

    with_pool(main)


@pytest.mark.keepalived("T3")
def test_rise_and_fall_and_keepalived_s_words(
    with_pool: Runner, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pyvrrp.track")
    flag = tmp_path / "good"

    async def main(pool: ScriptPool) -> None:
        verdicts: Verdicts = []
        script = TrackScript(
            name="chk",
            command=sh('[ -e "$1" ] || exit 3', flag),
            interval_s=0.05,
            timeout_s=5,
            rise=3,
            fall=2,
        )
        watch = tracker(pool, script, verdicts)
        watch.start()
        await until(lambda: verdicts == [("chk", False)])
        assert watch.counters.runs == 1
        flag.touch()
        before = watch.counters.runs
        await until(lambda: len(verdicts) == 2)
        assert watch.counters.runs - before >= 3
        flag.unlink()
        before = watch.counters.runs
        await until(lambda: len(verdicts) == 3)
        assert watch.counters.runs - before >= 2
        watch.stop()
        assert verdicts == [("chk", False), ("chk", True), ("chk", False)]
        # A machine that is busy may skip a run, which is told as well.
        assert [message for message in caplog.messages if "has not ended within" not in message] == [
            "Script `chk` now returning 3",
            "VRRP_Script(chk) failed (exited with status 3)",
            "Script `chk` now returning 0",
            "VRRP_Script(chk) succeeded",
            "Script `chk` now returning 3",
            "VRRP_Script(chk) failed (exited with status 3)",
        ]

    with_pool(main)


@pytest.mark.keepalived("T5")
def test_runs_never_overlap_and_skipped_ones_are_counted(
    with_pool: Runner, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    command = sh('mkdir "$1" || exit 9; sleep 0.25; rmdir "$1"', tmp_path / "lock")

    async def main(pool: ScriptPool) -> None:
        verdicts: Verdicts = []
        watch = tracker(pool, TrackScript(name="chk", command=command, interval_s=0.1, timeout_s=5), verdicts)
        watch.start()
        await until(lambda: watch.counters.runs == 3)
        watch.stop()
        assert verdicts == [("chk", True)]
        assert watch.counters.skipped >= 4
        assert caplog.text.count("runs are skipped") == 1

    with_pool(main)


@pytest.mark.keepalived("T4")
def test_a_timeout_counts_at_once_even_if_the_script_ignores_sigterm(
    with_pool: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    async def main(pool: ScriptPool) -> None:
        verdicts: Verdicts = []
        script = TrackScript(
            name="chk", command=sh('trap "" TERM; sleep 30; sleep 30'), interval_s=0.3, timeout_s=0.2
        )
        watch = tracker(pool, script, verdicts)
        started = time.monotonic()
        watch.start()
        await until(lambda: bool(verdicts))
        assert 0.2 <= time.monotonic() - started < 1.5
        assert verdicts == [("chk", False)]
        assert watch.counters.timeouts == watch.counters.failures == 1
        assert "VRRP_Script(chk) timed_out" in caplog.messages
        watch.stop()

    with_pool(main)


@pytest.mark.keepalived("T7")
def test_a_script_that_cannot_run_has_failed(with_pool: Runner, caplog: pytest.LogCaptureFixture) -> None:
    async def main(pool: ScriptPool) -> None:
        verdicts: Verdicts = []
        none = tracker(pool, TrackScript(name="none", command=None), verdicts)
        none.start()
        assert not verdicts  # never from start() itself
        gone_command = tracker(pool, TrackScript(name="gone", command=Command(("/no/such",))), verdicts)
        gone_command.start()
        await until(lambda: len(verdicts) == 2)
        assert sorted(verdicts) == [("gone", False), ("none", False)]
        assert "VRRP_Script(none) failed (it names no command that can be run)" in caplog.messages
        reason = "/no/such: cannot execute it: No such file or directory; check the path"
        assert f"VRRP_Script(gone) failed ({reason})" in caplog.messages
        none.stop()
        gone_command.stop()

    with_pool(main)


@pytest.mark.keepalived("Q1")
def test_stop_ends_the_run_and_counts_nothing(with_pool: Runner, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"

    async def main(pool: ScriptPool) -> None:
        verdicts: Verdicts = []
        command = sh('echo $$ >"$1.new"; mv "$1.new" "$1"; exec sleep 30', pid_file)
        watch = tracker(pool, TrackScript(name="chk", command=command, interval_s=20, timeout_s=20), verdicts)
        watch.start()
        await until(pid_file.exists)
        watch.stop()
        await until(lambda: gone(int(pid_file.read_text())) and pool.running == 0)
        assert not verdicts
        assert watch.counters.runs == 0
        assert watch.up is None

    with_pool(main)


@pytest.mark.keepalived("Q5")
def test_update_keeps_the_verdict_and_takes_the_interval(with_pool: Runner) -> None:
    async def main(pool: ScriptPool) -> None:
        verdicts: Verdicts = []
        script = TrackScript(name="chk", command=sh("exit 0"), interval_s=30, timeout_s=5)
        watch = tracker(pool, script, verdicts)
        watch.start()
        await until(lambda: watch.counters.runs == 1)
        watch.update(dataclasses.replace(script, interval_s=0.1, rise=3, fall=3))
        await until(lambda: watch.counters.runs == 4)
        watch.stop()
        assert verdicts == [("chk", True)]

    with_pool(main)


def test_a_stalled_loop_makes_no_burst(with_pool: Runner) -> None:
    async def main(pool: ScriptPool) -> None:
        watch = tracker(pool, TrackScript(name="chk", command=sh("exit 0"), interval_s=0.1, timeout_s=5), [])
        watch.start()
        await until(lambda: watch.counters.runs == 1)
        time.sleep(0.65)  # noqa: ASYNC251  the stall
        before = watch.counters.runs
        await asyncio.sleep(0.25)
        watch.stop()
        assert 1 <= watch.counters.runs - before <= 4
        # Some may be: a busy host makes a run last longer than 0.1 s. The stall alone would count six.
        assert watch.counters.skipped <= 4

    with_pool(main)
