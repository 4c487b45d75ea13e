"""What scripts write, from the pipe to the log; and the end of the scripts of a spawner that was killed."""

import asyncio
import dataclasses
import functools
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from running_scripts import LOOPS, gone, run_with_pool, sh, until

from pyvrrp import limits, statistics
from pyvrrp.scripts import leftovers
from pyvrrp.scripts.output_log import OutputLog
from pyvrrp.scripts.pool import PoolCounters, ScriptPolicy, ScriptPool
from pyvrrp.scripts.result import Lane, ScriptResult

Runner = Callable[..., None]


@pytest.fixture(params=sorted(LOOPS))
def with_pool(request: pytest.FixtureRequest) -> Runner:
    """Return a function that runs a coroutine function with a started pool."""
    return functools.partial(run_with_pool, request.param)


def peak_kib(pid: int) -> int:
    """The most memory that a process ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def test_both_outputs_are_kept_and_a_silent_script_has_none(with_pool: Runner) -> None:
    async def main(pool: ScriptPool) -> None:
        result = await pool.run(sh("echo out; echo err >&2; echo dev >/dev/stderr; exit 3"), timeout_s=5)
        assert (result.status, result.output, result.output_cut) == (3, "out\nerr\ndev\n", False)
        silent = await pool.run(sh("exit 0"), timeout_s=5)
        assert (silent.output, silent.output_cut) == ("", False)
        late = await pool.run(sh("echo before; exec sleep 30"), timeout_s=0.5)
        assert (late.timed_out, late.output) == (True, "before\n")

    with_pool(main)


def test_100_mb_do_not_wait_and_take_no_memory(with_pool: Runner) -> None:
    async def main(pool: ScriptPool) -> None:
        assert (await pool.run(sh("exit 0"), timeout_s=5)).ok
        before = peak_kib(pool.spawner_pid)
        result = await pool.run(sh("yes 0123456 | head -c 100000000"), timeout_s=15)
        assert result.ok, result
        assert result.output == "0123456\n" * (limits.SCRIPT_OUTPUT_BYTES // 8)
        assert result.output_cut
        assert pool.counters.output_cut == 1
        assert peak_kib(pool.spawner_pid) - before < 1024

    with_pool(main)


def test_what_outlives_its_script_can_write_for_ever(with_pool: Runner, tmp_path: Path) -> None:
    """A script that makes a daemon has ended all the same. The daemon never sees SIGPIPE, even when we are gone."""
    pid_file, wish, done = tmp_path / "pid", tmp_path / "wish", tmp_path / "done"
    # More than a pipe holds, while the spawner is there and again when it is not.
    daemon = (
        'while :; do head -c 100000 /dev/zero || exit; [ -e "$2" ] && break; sleep 0.02; done; '
        'head -c 100000 /dev/zero && echo >"$3"'
    )

    async def main(pool: ScriptPool) -> None:
        result = await pool.run(
            sh(f'echo hello; ( {daemon} ) & echo $! >"$1.new"; mv "$1.new" "$1"', pid_file, wish, done), timeout_s=10
        )
        assert result.ok, result
        assert result.output.startswith("hello\n")
        assert pool.running == 0

    with_pool(main)
    pid = int(pid_file.read_text())
    assert not gone(pid)
    wish.touch()
    deadline_s = time.monotonic() + 10
    while not gone(pid):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    assert done.exists()


@pytest.mark.root
def test_another_user_may_open_its_standard_error(with_pool: Runner) -> None:
    async def main(pool: ScriptPool) -> None:
        scope = pool.scope(ScriptPolicy(default_user="nobody"))
        results: list[ScriptResult] = []
        scope.submit(sh("echo it >/dev/stderr; id -un"), results.append, timeout_s=5)
        await until(lambda: bool(results))
        assert results[0].output == "it\nnobody\n"

    with_pool(main)


def result(output: str, *, status: int = 0, cut: bool = False) -> ScriptResult:
    return ScriptResult(status, None, False, None, 0.1, output=output, output_cut=cut)


def test_the_log_has_the_first_lines_of_each_notification(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pyvrrp.scripts")
    told = OutputLog()
    told.tell(("/etc/x.sh", "a"), Lane.NOTIFY, result("one\ntwo\tx\x1b[0m\n"))
    told.tell(("/etc/x.sh",), Lane.NOTIFY, result("one\n", cut=True))
    told.tell(("/etc/x.sh",), Lane.NOTIFY, result("line\n" * (limits.SCRIPT_LOG_LINES + 1)))
    told.tell(("/etc/x.sh",), Lane.NOTIFY, result(""))
    cut = "/etc/x.sh: its output has been cut here"
    assert caplog.messages == [
        "/etc/x.sh: one", "/etc/x.sh: two\\tx\\x1b[0m", "/etc/x.sh: one", cut,
        *["/etc/x.sh: line"] * limits.SCRIPT_LOG_LINES, cut,
    ]  # fmt: skip


def test_the_output_of_a_check_is_told_when_it_fails_in_a_new_way(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pyvrrp.scripts")
    told = OutputLog()
    for status, output in ((0, "fine"), (1, "bad"), (1, "bad"), (1, "worse"), (0, "fine"), (1, "worse"), (1, "")):
        told.tell(("check",), Lane.CHECK, result(output, status=status))
    assert caplog.messages == ["check: bad", "check: worse", "check: worse"]


def test_more_lines_than_a_log_bears_are_counted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "pyvrrp.scripts")
    monkeypatch.setattr(time, "monotonic", lambda: 7.5)
    told = OutputLog()
    for _ in range(limits.SCRIPT_LOG_LINES_PER_S + 3):
        told.tell(("x",), Lane.NOTIFY, result("line"))
    assert len(caplog.messages) == limits.SCRIPT_LOG_LINES_PER_S
    assert told.unlogged == 3
    monkeypatch.setattr(time, "monotonic", lambda: 8.0)
    told.tell(("x",), Lane.NOTIFY, result("line"))
    assert told.unlogged == 3


def sleeper() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["/bin/sleep", "30"], process_group=0)


def test_groups_get_sigterm_and_then_sigkill() -> None:
    stubborn = subprocess.Popen(
        ["/bin/sh", "-c", "trap '' TERM; echo; while :; do sleep 30; done"],
        process_group=0,
        stdout=subprocess.PIPE,
    )
    with sleeper() as sleeps, stubborn:
        assert stubborn.stdout is not None
        stubborn.stdout.readline()
        ended = subprocess.Popen(["/bin/true"], process_group=0)
        ended.wait()
        began_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        while time.clock_gettime(time.CLOCK_BOOTTIME) - began_s < 0.02:
            pass                # when a process was started is known to 10 ms
        later: list[tuple[float, Callable[[], object]]] = []

        def call_later(delay_s: float, call: Callable[[], object]) -> None:
            later.append((delay_s, call))

        assert leftovers.end_groups([sleeps.pid, stubborn.pid, ended.pid], call_later) == 2
        assert sleeps.wait(5) == -signal.SIGTERM
        delay_s, call = later.pop()
        assert delay_s == limits.SCRIPT_KILL_S
        assert stubborn.poll() is None
        call()
        assert stubborn.wait(5) == -signal.SIGKILL
        for _ in range(leftovers._KILLS):
            if later:
                later.pop()[1]()
        assert not later, "it stops, also when nobody reaps what it killed"


def test_a_number_that_was_given_anew_is_left_alone() -> None:
    """The process was started after the spawner died, so it is somebody else's."""
    with sleeper() as stranger:
        leftovers._kill([stranger.pid], 0.001, lambda *_: pytest.fail("again"), 5)
        assert stranger.poll() is None
        stranger.kill()


def test_notes_hold_what_runs_and_nothing_else(with_pool: Runner, tmp_path: Path) -> None:
    async def main(pool: ScriptPool) -> None:
        pid_file = tmp_path / "pid"
        assert (await pool.run(sh("exit 0"), timeout_s=5)).ok
        assert (await pool.run(sh("exit 0"), timeout_s=5, lane=Lane.CHECK)).ok
        bad = await pool.run(sh("exit 0").__class__(("/no/such",)), timeout_s=5)
        assert bad.error
        assert pool._notes is not None
        assert pool._notes.pids() == []
        task = asyncio.create_task(
            pool.run(sh('echo $$ >"$1.new"; mv "$1.new" "$1"; exec sleep 30', pid_file), timeout_s=None)
        )
        await until(pid_file.exists)
        assert pool._notes.pids() == [int(pid_file.read_text())]
        os.kill(int(pid_file.read_text()), signal.SIGKILL)
        assert (await task).signal == signal.SIGKILL
        assert pool._notes.pids() == []

    with_pool(main)


def test_everything_that_is_counted_has_its_meaning() -> None:
    assert set(statistics.SCRIPTS) == {*dataclasses.asdict(PoolCounters()), "running", "waiting"}
