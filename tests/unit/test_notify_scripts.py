"""pyvrrp/notify/scripts.py: which notify scripts run, with what, in which order; with real scripts."""

import asyncio
import functools
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from running_scripts import LOOPS, gone, run_with_pool, sh, until

from pyvrrp import limits
from pyvrrp.model import Command, Notify
from pyvrrp.notify.scripts import Notifier, Stopping
from pyvrrp.scripts.pool import ScriptPool

Runner = Callable[..., None]


@pytest.fixture(params=sorted(LOOPS))
def with_pool(request: pytest.FixtureRequest) -> Runner:
    """Return a function that runs a coroutine function with a started pool."""
    return functools.partial(run_with_pool, request.param)


def writer(out: Path, word: str, delay_s: float = 0.0) -> Command:
    """Return a command that appends its word and its arguments to `out`, after a delay."""
    return Command((*sh(f'sleep {delay_s}; out=$1; shift; echo "$*" >>"$out"', out).argv, word))


def all_of(out: Path, delay_s: float = 0.0) -> Notify:
    """Return a Notify with a script for everything."""
    names = ("master", "backup", "fault", "stop")
    return Notify(**{name: writer(out, name, delay_s) for name in names}, any=writer(out, "any"))


@pytest.mark.keepalived("N1")
@pytest.mark.keepalived("N3")
def test_order_and_arguments(with_pool: Runner, tmp_path: Path) -> None:
    """The state's own script is slower than `notify` and still comes first; changes follow one another."""
    out = tmp_path / "out"

    async def main(pool: ScriptPool) -> None:
        notifier = Notifier(pool)
        notify = all_of(out, delay_s=0.1)
        notifier.instance_changed("VI 1", notify, "BACKUP", 95)
        notifier.instance_changed("VI 1", notify, "MASTER", 108)
        notifier.instance_changed("VI 1", notify, "FAULT", 100)
        notifier.instance_changed("VI 1", notify, "DELETED", 100)
        assert notifier.pending == 4
        await until(lambda: notifier.pending == 0)
        assert out.read_text().splitlines() == [
            "backup",
            "any INSTANCE VI 1 BACKUP 95",
            "master",
            "any INSTANCE VI 1 MASTER 108",
            "fault",
            "any INSTANCE VI 1 FAULT 100",
            "any INSTANCE VI 1 DELETED 100",
        ]
        assert (notifier.counters.runs, notifier.counters.failures) == (7, 0)
        notifier.group_changed("G", notify, "MASTER")
        await until(lambda: notifier.pending == 0)
        assert out.read_text().splitlines()[-2:] == ["master", "any GROUP G MASTER 0"]

    with_pool(main)


def test_routers_do_not_wait_for_each_other(with_pool: Runner, tmp_path: Path) -> None:
    out = tmp_path / "out"

    async def main(pool: ScriptPool) -> None:
        notifier = Notifier(pool)
        waits = Notify(master=sh('while [ ! -e "$1" ]; do sleep 0.01; done', out))
        notifier.instance_changed("A", waits, "MASTER", 100)
        # A group and an instance may have one name.
        notifier.group_changed("A", Notify(master=writer(out, "group")), "MASTER")
        await until(lambda: notifier.pending == 0)
        assert notifier.counters.failures == 0

    with_pool(main)


def test_nothing_configured_costs_nothing(with_pool: Runner) -> None:
    async def main(pool: ScriptPool) -> None:
        notifier = Notifier(pool)
        notifier.instance_changed("A", Notify(), "MASTER", 100)
        assert notifier.pending == 0
        await notifier.stopped([Stopping("A", Notify(), 100)])
        assert pool.counters.runs == 0

    with_pool(main)


def test_a_failure_is_logged_and_the_next_one_runs(
    with_pool: Runner, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"

    async def main(pool: ScriptPool) -> None:
        notifier = Notifier(pool)
        notify = Notify(master=Command(("/no/such",)), backup=sh("exit 7"), any=writer(out, "any"))
        notifier.instance_changed("A", notify, "MASTER", 100)
        notifier.instance_changed("A", notify, "BACKUP", 100)
        await until(lambda: notifier.pending == 0)
        assert out.read_text().splitlines() == ["any INSTANCE A MASTER 100", "any INSTANCE A BACKUP 100"]
        assert (notifier.counters.runs, notifier.counters.failures) == (4, 2)
        assert caplog.messages[0].startswith("(A) notify_master script /no/such failed after 0.000 s: ")
        assert caplog.messages[1].startswith("(A) notify_backup script /bin/sh -c exit 7 sh failed after 0.")
        assert caplog.messages[1].endswith("exited with status 7")

    with_pool(main)


@pytest.mark.keepalived("F30")
def test_a_hanging_script_bounds_what_waits_and_the_newest_is_kept(
    with_pool: Runner, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out, go = tmp_path / "out", tmp_path / "go"

    async def main(pool: ScriptPool) -> None:
        notifier = Notifier(pool)
        hangs = sh('while [ ! -e "$1" ]; do sleep 0.01; done', go)
        notifier.instance_changed("A", Notify(fault=hangs), "FAULT", 1)
        extra = 5
        for number in range(limits.NOTIFY_PENDING_MAX + extra):
            notifier.instance_changed("A", Notify(any=writer(out, "any")), "MASTER", number)
        assert notifier.counters.dropped == extra
        assert caplog.text.count("the oldest changes are not") == 1
        go.touch()
        await until(lambda: notifier.pending == 0)
        numbers = [int(line.split()[-1]) for line in out.read_text().splitlines()]
        assert numbers == list(range(extra, limits.NOTIFY_PENDING_MAX + extra))

    with_pool(main)


@pytest.mark.keepalived("N7")
def test_stop_runs_notify_stop_and_notify_instances_first(with_pool: Runner, tmp_path: Path) -> None:
    out = tmp_path / "out"

    async def main(pool: ScriptPool) -> None:
        notifier = Notifier(pool)
        await notifier.stopped([Stopping("A", all_of(out, 0.1), 113)], [Stopping("G", all_of(out))])
        assert out.read_text().splitlines() == [
            "stop",
            "any INSTANCE A STOP 113",
            "stop",
            "any GROUP G STOP 0",
        ]

    with_pool(main)


@pytest.mark.keepalived("N7")
def test_stop_scripts_are_killed_after_their_time(with_pool: Runner, tmp_path: Path) -> None:
    out, pid_file = tmp_path / "out", tmp_path / "pid"

    async def main(pool: ScriptPool) -> None:
        notifier = Notifier(pool)
        slow = sh('echo $$ >"$1"; exec sleep 30', pid_file)
        started = time.monotonic()
        await notifier.stopped([Stopping("A", Notify(stop=slow, any=writer(out, "any")), 100)])
        assert 1.0 <= time.monotonic() - started < 2.5
        assert out.read_text() == "any INSTANCE A STOP 100\n"
        await until(lambda: gone(int(pid_file.read_text())))
        assert notifier.counters.failures == 1

    with_pool(main)


@pytest.mark.keepalived("N7")
def test_stop_replaces_what_waits_and_passes_what_hangs(with_pool: Runner, tmp_path: Path) -> None:
    out = tmp_path / "out"

    async def main(pool: ScriptPool) -> None:
        notifier = Notifier(pool)
        notifier.instance_changed("A", Notify(master=sh("sleep 30")), "MASTER", 100)
        notifier.instance_changed("A", all_of(out), "BACKUP", 100)
        await until(lambda: pool.running == 1)
        started = time.monotonic()
        await notifier.stopped([Stopping("A", all_of(out), 100)], script_s=0.3)
        assert 0.3 <= time.monotonic() - started < 2
        assert out.read_text().splitlines() == ["stop", "any INSTANCE A STOP 100"]
        assert notifier.counters.dropped == 1

    with_pool(main)


def test_stop_of_many_ends_in_time(with_pool: Runner) -> None:
    """More hanging stop scripts than slots: after `all_s` no more is started, and none is left behind."""

    async def main(pool: ScriptPool) -> None:
        notifier = Notifier(pool)
        hangs = Notify(stop=sh("exec sleep 30"))
        started = time.monotonic()
        await notifier.stopped([Stopping(str(i), hangs) for i in range(20)], script_s=0.4, all_s=0.6)
        assert time.monotonic() - started < 3
        assert notifier.counters.failures == notifier.counters.runs == 20
        await until(lambda: pool.running == 0)

    with_pool(main, limit=2)


def test_stop_waits_for_a_running_script_that_ends(with_pool: Runner, tmp_path: Path) -> None:
    out = tmp_path / "out"

    async def main(pool: ScriptPool) -> None:
        notifier = Notifier(pool)
        notifier.instance_changed("A", Notify(master=writer(out, "master", 0.3)), "MASTER", 100)
        await asyncio.sleep(0)
        await notifier.stopped([Stopping("A", all_of(out), 100)])
        assert out.read_text().splitlines() == ["master", "stop", "any INSTANCE A STOP 100"]

    with_pool(main)


def test_stop_is_not_held_up_by_other_routers(with_pool: Runner, tmp_path: Path) -> None:
    """The one slot is taken by another router's hanging script: STOP runs, what waited does not."""
    out = tmp_path / "out"

    async def main(pool: ScriptPool) -> None:
        notifier = Notifier(pool)
        notifier.instance_changed("A", Notify(master=sh("exec sleep 30")), "MASTER", 100)
        await until(lambda: pool.running == 1)
        notifier.instance_changed("B", all_of(out), "MASTER", 100)
        await notifier.stopped([Stopping("B", all_of(out), 100)])
        assert out.read_text().splitlines() == ["stop", "any INSTANCE B STOP 100"]
        assert (notifier.counters.dropped, notifier.counters.failures) == (1, 0)

    with_pool(main, limit=1)
