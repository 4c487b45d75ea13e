"""pyvrrp/scripts: the pool with its real spawner and real scripts, on uvloop and on the standard event
loop.
"""

import asyncio
import ctypes
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from running_scripts import LOOPS, gone, run_with_pool, sh, until

from pyvrrp import limits
from pyvrrp.errors import ScriptError
from pyvrrp.model import Command, Configuration, GlobalDefs, Instance, Notify, SyncGroup, TrackScript
from pyvrrp.scripts.pool import ScriptPolicy, ScriptPool, commands_of
from pyvrrp.scripts.result import Lane, ScriptResult

Runner = Callable[..., None]


@pytest.fixture(params=sorted(LOOPS))
def with_pool(request: pytest.FixtureRequest) -> Runner:
    """Return a function that runs a coroutine function with a started pool."""
    return functools.partial(run_with_pool, request.param)


@pytest.mark.keepalived("T2")
def test_status_and_signal(with_pool: Runner) -> None:
    async def main(pool: ScriptPool) -> None:
        good = await pool.run(sh("exit 0"), timeout_s=5)
        bad = await pool.run(sh("exit 3"), timeout_s=None)
        dead = await pool.run(sh("kill -KILL $$"), timeout_s=5)
        assert good.ok
        assert (good.status, good.signal, good.timed_out, good.error) == (0, None, False, None)
        assert 0 < good.duration_s < 5
        assert abs(time.monotonic_ns() - good.started_ns) < 5e9
        assert not bad.ok
        assert (bad.status, str(bad)) == (3, "exited with status 3")
        assert not dead.ok
        assert (dead.status, dead.signal, str(dead)) == (None, 9, "due to signal 9 (SIGKILL)")
        assert (pool.counters.runs, pool.counters.failures) == (3, 2)

    with_pool(main)


@pytest.mark.keepalived("T9")
def test_surroundings_are_keepalived_s(
    with_pool: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/nowhere")
    monkeypatch.setenv("IFS", "x")
    monkeypatch.setenv("KEPT", "yes")
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "it.sh"
    script.write_text(
        '#!/bin/sh\n{ echo "$0"; echo "$#"; echo "$1"; echo "$3"; pwd; umask; echo "$KEPT"; '
        'env | grep -c "^LD_LIBRARY_PATH=\\|^IFS="; readlink /proc/$$/fd/0; readlink /proc/$$/fd/2; '
        'cut -d" " -f5 /proc/$$/stat; echo $$; } >out\n'
    )
    script.chmod(0o755)

    async def main(pool: ScriptPool) -> None:
        result = await pool.run(Command((str(script), "a b")), timeout_s=5, extra_args=("c", "d\udcff"))
        assert result.ok, result
        *lines, group, pid = (tmp_path / "out").read_bytes().split(b"\n")[:-1]
        here = os.fsencode(tmp_path)
        name = os.fsencode(script)
        assert lines == [
            name, b"3", b"a b", b"d\xff", here, b"0177", b"yes", b"0", b"/dev/null", lines[-1]
        ]  # fmt: skip
        assert lines[-1].startswith(b"pipe:"), "for the log; keepalived has /dev/null here too"
        assert group == pid

    with_pool(main)


@pytest.mark.keepalived("T4")
def test_a_timeout_is_told_at_once_and_kills_the_group(with_pool: Runner, tmp_path: Path) -> None:
    """A script that ignores SIGTERM, with a child: the result comes at the timeout, SIGKILL 2 s later."""
    pids = tmp_path / "pids"

    async def main(pool: ScriptPool) -> None:
        started = time.monotonic()
        result = await pool.run(
            sh('trap "" TERM; sleep 30 & echo $$ $! >"$1.new"; mv "$1.new" "$1"; wait; sleep 30', pids),
            timeout_s=0.3,
        )
        assert 0.25 < time.monotonic() - started < 1.5
        assert result.timed_out
        assert not result.ok
        assert pool.running == 1
        assert pool.counters.timeouts == 1
        await until(lambda: pool.running == 0)
        assert limits.SCRIPT_KILL_S < time.monotonic() - started < limits.SCRIPT_KILL_S + 2
        await until(lambda: all(gone(int(pid)) for pid in pids.read_text().split()))

    with_pool(main)


def test_catching_sigterm_and_exiting_0_is_a_failure(with_pool: Runner) -> None:
    """keepalived counts that as success (rule T4); we do not."""

    async def main(pool: ScriptPool) -> None:
        result = await pool.run(sh('trap "exit 0" TERM; while :; do sleep 0.05; done'), timeout_s=0.2)
        assert result.timed_out
        assert not result.ok

    with_pool(main)


@pytest.mark.keepalived("T7")
def test_what_cannot_run_is_a_failure_with_a_sentence(with_pool: Runner, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("exit 0\n")
    lost = tmp_path / "lost"
    lost.write_text("#!/no/such/interpreter\n")
    lost.chmod(0o755)
    cases = {
        ("/no/such/file",): "/no/such/file: cannot execute it: No such file or directory; check the path",
        (str(plain),): f"{plain}: cannot execute it: Permission denied; make it executable",
        (str(lost),): "so the interpreter that its first line names is not",
        ("no-such-command-anywhere",): "no-such-command-anywhere: not found in PATH; give its full path",
        ("/bin/true", "a\0b"): "NUL",
        ("y" * 60_000,): "yyyy",
        (): "there is no command to run; name one",
        ("/bin/echo", "x" * limits.SCRIPT_REQUEST_BYTES_MAX): "its command and arguments take",
    }

    async def main(pool: ScriptPool) -> None:
        for argv, sentence in cases.items():
            result = await pool.run(Command(argv), timeout_s=5)
            assert not result.ok
            assert result.error is not None
            assert sentence in result.error
        unknown = await pool.run(Command(("/bin/true",), "no-such-user"), timeout_s=5)
        assert unknown.error is not None
        assert "there is no user 'no-such-user'" in unknown.error
        unknown = await pool.run(Command(("/bin/true",), "root", "no-such-group"), timeout_s=5)
        assert unknown.error is not None
        assert "there is no group 'no-such-group'" in unknown.error
        assert (await pool.run(sh("exit 0"), timeout_s=5)).ok

    with_pool(main)


@pytest.mark.keepalived("X3")
def test_path_search_redirection_and_a_file_without_a_first_line(with_pool: Runner, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text('[ "$1" = x ]\n')
    text.chmod(0o755)

    async def main(pool: ScriptPool) -> None:
        assert (await pool.run(Command(("true",)), timeout_s=5)).ok
        assert (await pool.run(Command((str(text), "x")), timeout_s=5)).ok
        assert (await pool.run(Command((str(text), "y")), timeout_s=5)).status == 1
        assert (await pool.run(Command((f"<{text}",)), timeout_s=5)).ok
        assert not (await pool.run(Command((f"<{tmp_path}/missing",)), timeout_s=5)).ok

    with_pool(main)


def test_same_key_in_order_different_keys_in_parallel(with_pool: Runner, tmp_path: Path) -> None:
    out = tmp_path / "out"

    async def main(pool: ScriptPool) -> None:
        # Each later one is quicker; the other key's run ends only if it runs beside these.
        runs = [
            pool.run(sh('sleep $1; echo $2 >>"$3"', 0.2 / (i + 1), i, out), timeout_s=5, key="a")
            for i in range(4)
        ]
        other = pool.run(sh('while [ ! -e "$1" ]; do sleep 0.01; done', out), timeout_s=5, key="b")
        assert all(result.ok for result in await asyncio.gather(*runs, other))
        assert out.read_text().split() == ["0", "1", "2", "3"]

    with_pool(main)


def test_at_most_limit_run_at_once_and_checks_have_their_own(with_pool: Runner, tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    async def main(pool: ScriptPool) -> None:
        waits = sh('while [ ! -e "$1" ]; do sleep 0.01; done', gate)
        runs = [asyncio.create_task(pool.run(waits, timeout_s=None)) for _ in range(6)]
        await until(lambda: pool.running == 2)
        # It ends while the six cannot.
        assert (await pool.run(sh("exit 0"), timeout_s=None, lane=Lane.CHECK)).ok
        assert (pool.running, pool.waiting) == (2, 4)
        gate.touch()
        most = 0
        while not all(run.done() for run in runs):
            most = max(most, pool.running)
            await asyncio.sleep(0.005)
        assert most == 2

    with_pool(main, limit=2)


def test_a_slow_run_lends_its_slot(with_pool: Runner, caplog: pytest.LogCaptureFixture) -> None:
    """With the one slot taken by a script that hangs, another one still runs after SCRIPT_SLOT_S."""

    async def main(pool: ScriptPool) -> None:
        hanging = asyncio.create_task(pool.run(sh("sleep 60"), timeout_s=None, key="hangs"))
        await until(lambda: pool.running == 1)
        assert (await pool.run(sh("exit 0"), timeout_s=None)).ok
        assert pool.counters.slow == 1
        assert "still running after 0.3 s" in caplog.text
        hanging.cancel()
        await until(lambda: pool.running == 0)

    with_pool(main, limit=1, slot_s=0.3)


def test_submit_returns_at_once_and_calls_back_later(with_pool: Runner) -> None:
    async def main(pool: ScriptPool) -> None:
        results: list[ScriptResult] = []
        numbers = [pool.submit(sh("exit $1", i), results.append, timeout_s=5, key="k") for i in range(3)]
        assert len(set(numbers)) == 3
        assert not results
        assert pool.waiting == 3
        await until(lambda: len(results) == 3)
        assert [result.status for result in results] == [0, 1, 2]

    with_pool(main)


def test_a_callback_that_raises_harms_nobody(with_pool: Runner, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_result: ScriptResult) -> None:
        raise RuntimeError("as a test")

    async def main(pool: ScriptPool) -> None:
        pool.submit(sh("exit 0"), broken, timeout_s=5)
        await until(lambda: "as a test" in caplog.text)
        assert (await pool.run(sh("exit 0"), timeout_s=5)).ok

    with_pool(main)


def test_kill_ends_a_running_one_and_withdraws_a_waiting_one(with_pool: Runner, tmp_path: Path) -> None:
    async def main(pool: ScriptPool) -> None:
        results: list[ScriptResult] = []
        first = pool.submit(sh("sleep 30"), results.append, timeout_s=None, key="k")
        second = pool.submit(sh('echo >"$1"', tmp_path / "never"), results.append, timeout_s=None, key="k")
        pool.submit(sh("exit 0"), results.append, timeout_s=None, key="k")
        await until(lambda: pool.running == 1)
        pool.kill(second)
        pool.kill(first)
        pool.kill(12345)
        await until(lambda: len(results) == 3)
        assert [result.ok for result in results] == [False, False, True]
        assert not (tmp_path / "never").exists()
        assert sorted(map(str, results[:2])) == ["not run: it was ended before its turn came", "timed_out"]

    with_pool(main)


def test_a_dead_spawner_is_replaced_and_what_it_ran_has_failed(
    with_pool: Runner, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    pid_file = tmp_path / "pid"

    async def main(pool: ScriptPool) -> None:
        lost = asyncio.create_task(
            pool.run(
                # It ignores SIGTERM, and so does its child, which the kernel would not tell anyway.
                sh('trap "" TERM; sleep 30 & echo $$ $! >"$1.new"; mv "$1.new" "$1"; wait; sleep 30', pid_file),
                timeout_s=None,
                key="k",
            )
        )
        waits = asyncio.create_task(pool.run(sh("exit 0"), timeout_s=5, key="k"))
        await until(pid_file.exists)
        first = pool.spawner_pid
        os.kill(first, signal.SIGKILL)
        result = await lost
        assert not result.ok
        assert result.error is not None
        assert "died meanwhile" in result.error
        assert (await waits).ok
        assert pool.spawner_pid not in (0, first)
        assert pool.counters.spawner_restarts == 1
        assert "ended by signal 9; starting another" in caplog.text
        assert pool.counters.orphans == 1
        await until(lambda: all(map(gone, map(int, pid_file.read_text().split()))))

    with_pool(main)


def test_a_spawner_that_does_not_answer_is_replaced(
    with_pool: Runner, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SPAWNER_BEAT_S", 0.4)

    async def main(pool: ScriptPool) -> None:
        first = pool.spawner_pid
        assert (await pool.run(sh("sleep 2"), timeout_s=5)).ok         # it answers meanwhile
        assert pool.spawner_pid == first
        os.kill(first, signal.SIGSTOP)
        result = await pool.run(sh("exit 0"), timeout_s=5)
        assert (result.ok, result.lost) == (False, True)
        assert "has not answered for 1.2 s; it is ended" in caplog.text
        assert (await pool.run(sh("exit 0"), timeout_s=5)).ok
        assert pool.spawner_pid not in (0, first)

    with_pool(main)


@pytest.mark.root
def test_a_script_that_hangs_as_it_is_started_holds_up_no_other(
    with_pool: Runner, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As on a file system whose server is gone: execve() does not come back."""
    monkeypatch.setattr(limits, "SPAWNER_BEAT_S", 0.4)
    script = tmp_path / "hangs"
    script.write_text("#!/bin/sh\nexit 0\n")
    script.chmod(0o755)
    libc = ctypes.CDLL(None, use_errno=True)
    # FAN_CLOEXEC | FAN_CLASS_CONTENT; FAN_MARK_ADD, FAN_OPEN_EXEC_PERM: who executes it waits for our answer.
    fanotify = libc.fanotify_init(0x1 | 0x4, os.O_RDONLY)
    if fanotify < 0:
        pytest.skip(f"no fanotify: {os.strerror(ctypes.get_errno())}")
    assert libc.fanotify_mark(fanotify, 1, ctypes.c_uint64(0x40000), -100, os.fsencode(script)) == 0

    async def main(pool: ScriptPool) -> None:
        first = pool.spawner_pid
        hangs = asyncio.create_task(pool.run(Command((str(script),)), timeout_s=0.2))
        await asyncio.sleep(0.05)
        other = asyncio.create_task(pool.run(sh("exit 0"), timeout_s=5))
        assert (await hangs).timed_out
        assert f"starting {script} hangs, look at its file system" in caplog.text
        assert (await other).lost
        assert (await pool.run(sh("exit 0"), timeout_s=5)).ok
        assert pool.spawner_pid not in (0, first)

    try:
        with_pool(main)
    finally:
        os.close(fanotify)


def test_the_signals_that_end_a_daemon_do_not_end_the_spawner(with_pool: Runner) -> None:
    async def main(pool: ScriptPool) -> None:
        before = pool.spawner_pid
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(before, number)
        # A script has them at their defaults again.
        assert (await pool.run(sh("kill -TERM $$"), timeout_s=5)).signal == signal.SIGTERM
        assert pool.spawner_pid == before

    with_pool(main)


def test_close_lets_scripts_end_within_the_grace(with_pool: Runner, tmp_path: Path) -> None:
    async def main(pool: ScriptPool) -> None:
        for i in range(4):
            pool.submit(
                sh('sleep 0.1; echo >"$1"', tmp_path / str(i)), lambda _: None, timeout_s=None, key="k"
            )

    with_pool(main, grace_s=10.0)
    assert len(list(tmp_path.iterdir())) == 4


def test_close_ends_what_still_runs_and_reports_everything(with_pool: Runner, tmp_path: Path) -> None:
    results: list[ScriptResult] = []
    pid_file = tmp_path / "pid"

    async def main(pool: ScriptPool) -> None:
        pool.submit(
            sh('trap "" TERM; echo $$ >"$1.new"; mv "$1.new" "$1"; sleep 30; sleep 30', pid_file),
            results.append, timeout_s=None, key="k",
        )  # fmt: skip
        pool.submit(sh("exit 0"), results.append, timeout_s=None, key="k")
        await until(pid_file.exists)

    with_pool(main, grace_s=0.0)
    assert len(results) == 2
    assert not any(result.ok for result in results)
    assert gone(int(pid_file.read_text()))


def test_a_closed_pool_refuses_with_a_result(with_pool: Runner) -> None:
    async def main(pool: ScriptPool) -> None:
        await pool.close(grace_s=0)
        result = await pool.run(sh("exit 0"), timeout_s=5)
        assert result.error == "not run: the daemon is stopping"

    with_pool(main)


def test_a_full_queue_refuses_with_a_result(with_pool: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SCRIPT_QUEUE_MAX", 2)

    async def main(pool: ScriptPool) -> None:
        results: list[ScriptResult] = []
        for _ in range(3):
            pool.submit(sh("exit 0"), results.append, timeout_s=5, key="k")
        await until(lambda: len(results) == 3)
        assert [result.ok for result in results] == [False, True, True]
        assert "are waiting already" in str(results[0])

    with_pool(main)


def test_many_large_requests_fill_the_socket_and_all_run(with_pool: Runner) -> None:
    """More is asked at once than the socket's buffer holds."""

    async def main(pool: ScriptPool) -> None:
        word = "x" * 60_000
        runs = [pool.run(sh("[ ${#1} = 60000 ]", word), timeout_s=10) for _ in range(64)]
        assert all(result.ok for result in await asyncio.gather(*runs))

    with_pool(main, limit=64)


@pytest.mark.root
@pytest.mark.keepalived("X1")
def test_users_and_defaults(with_pool: Runner) -> None:
    is_nobody = sh('[ "$(id -un)" = nobody ] && [ "$(id -G)" = "$(id -g nobody)" ]')

    async def main(pool: ScriptPool) -> None:
        as_root = await pool.run(sh('[ "$(id -u)" = 0 ]'), timeout_s=5)
        assert as_root.ok or as_root.status == 1  # 1: this machine has a user keepalived_script
        scope = pool.scope(ScriptPolicy(default_user="nobody"))
        results: list[ScriptResult] = []
        scope.submit(is_nobody, results.append, timeout_s=5)
        scope.submit(Command(("/bin/sh", "-c", '[ "$(id -u)" = 0 ]'), "root"), results.append, timeout_s=5)
        scope.submit(
            Command(("/bin/sh", "-c", '[ "$(id -gn)" = daemon ]'), "nobody", "daemon"),
            results.append,
            timeout_s=5,
        )
        await until(lambda: len(results) == 3)
        assert all(result.ok for result in results), results

    with_pool(main)


@pytest.mark.root
@pytest.mark.keepalived("X5")
def test_security_refuses_root_and_allows_another_user(with_pool: Runner, tmp_path: Path) -> None:
    script = tmp_path / "writable.sh"
    script.write_text("#!/bin/sh\nexit 0\n")
    script.chmod(0o777)
    for parent in [tmp_path, *tmp_path.parents]:
        if parent not in (Path("/"), Path("/tmp")):
            parent.chmod(0o755)

    async def main(pool: ScriptPool) -> None:
        refused = await pool.run(Command((str(script),), "root"), timeout_s=5)
        assert refused.error is not None
        assert f"{script} can be written by anybody and enable_script_security is on" in refused.error
        assert refused.refused
        assert pool.counters.refused == 1
        assert (await pool.run(Command((str(script),), "nobody"), timeout_s=5)).ok
        assert (await pool.run(Command(("/bin/true",), "root"), timeout_s=5)).ok
        assert (await pool.run(Command(("true",), "root"), timeout_s=5)).ok

    with_pool(main, enable_script_security=True)


@pytest.mark.root
@pytest.mark.keepalived("X5")
def test_security_does_not_run_what_it_cannot_look_at(with_pool: Runner, tmp_path: Path) -> None:
    async def main(pool: ScriptPool) -> None:
        result = await pool.run(Command((str(tmp_path / "no" / "such"),), "root"), timeout_s=5)
        assert result.error == f"{tmp_path}/no/such: No such file or directory; check the path"

    with_pool(main, enable_script_security=True)


@pytest.mark.root
@pytest.mark.keepalived("X4")
@pytest.mark.parametrize("is_on", [True, False])
def test_scripts_are_examined_without_being_run(
    with_pool: Runner, tmp_path: Path, caplog: pytest.LogCaptureFixture, is_on: bool
) -> None:
    """What root should not run is told whether enable_script_security is on or not (X5)."""
    for parent in [tmp_path, *tmp_path.parents]:
        if parent not in (Path("/"), Path("/tmp")):
            parent.chmod(0o755)
    paths = {}
    for name, mode in (("safe", 0o755), ("writable", 0o777), ("private", 0o700)):
        paths[name] = tmp_path / name
        paths[name].write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        paths[name].chmod(mode)
    commands = [
        *(Command((str(path),), "root") for path in paths.values()),
        Command((str(tmp_path / "missing"),), "root"),      # told already by whoever read the file
        Command((str(paths["writable"]),), "nobody"),
        Command((str(paths["private"]),), "nobody"),
        Command((str(paths["safe"]),), "nobody"),
        Command(("</etc/hostname",), "root"),
    ]

    async def main(pool: ScriptPool) -> None:
        pool.scope(ScriptPolicy(enable_script_security=is_on)).examine(commands)
        assert (await pool.run(Command(("/bin/true",), "root"), timeout_s=5, lane=Lane.CHECK)).ok
        assert pool.counters.runs == 1
        assert pool.counters.failures == 0
        assert pool.counters.refused == 0

    with_pool(main)
    assert not (tmp_path / "ran").exists()
    insecure, forbidden = caplog.messages
    what = "not run, because" if is_on else "root runs it although"
    setting = " and enable_script_security is on" if is_on else ""
    assert insecure.startswith(f"{paths['writable']}: {what} {paths['writable']} can be written by anybody{setting}; ")
    assert forbidden.startswith(f"{paths['private']}: uid ")


def test_every_command_of_a_configuration_is_found_once() -> None:
    check, told, both, first = (Command((f"/{name}",)) for name in ("check", "told", "both", "first"))
    configuration = Configuration(
        global_defs=GlobalDefs(router_id="r", startup_script=first),
        scripts=(
            TrackScript(name="a", command=check),
            TrackScript(name="b", command=None),
            TrackScript(name="c", command=both),
        ),
        groups=(SyncGroup(name="g", members=("x",), notify=Notify(any=told)),),
        instances=(Instance(name="x", family=4, interface="eth0", vrid=1, notify=Notify(stop=both, any=told)),),
    )
    assert set(commands_of(configuration)) == {check, told, both, first}
    assert len(commands_of(configuration)) == 4


def test_a_spawner_that_cannot_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        pool = ScriptPool()
        with pytest.raises(ScriptError, match="ended with status 1 at once"):
            await pool.start()
        assert pool.spawner_pid == 0

    monkeypatch.setattr("sys.executable", "/bin/false")
    asyncio.run(main())


def test_when_the_daemon_is_killed_scripts_and_spawner_end(tmp_path: Path) -> None:
    """The daemon is a process of its own here, and gets SIGKILL."""
    pids = tmp_path / "pids"
    code = (
        "import asyncio, sys; from pyvrrp.model import Command; from pyvrrp.scripts.pool import ScriptPool\n"
        "async def main():\n"
        "    pool = ScriptPool(); await pool.start()\n"
        "    script = 'sleep 30 & echo $PPID $$ $! >$1.new; mv $1.new $1; wait'\n"
        "    await pool.run(Command(('/bin/sh', '-c', script, 'sh', sys.argv[1])), timeout_s=None)\n"
        "asyncio.run(main())"
    )
    daemon = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code, str(pids)])
    deadline = time.monotonic() + 10
    while not pids.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    daemon.kill()
    daemon.wait()
    numbers = [int(word) for word in pids.read_text().split()]
    assert len(numbers) == 3
    while not all(map(gone, numbers)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert all(map(gone, numbers))


@pytest.mark.root
def test_a_script_runs_in_its_scope_s_network_namespace(with_pool: Runner, tmp_path: Path) -> None:
    out = tmp_path / "out"
    name = f"scr-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        expected = Path(f"/run/netns/{name}").stat().st_ino

        async def main(pool: ScriptPool) -> None:
            results: list[ScriptResult] = []
            scope = pool.scope(ScriptPolicy(netns=f"/run/netns/{name}"))
            scope.submit(sh('stat -Lc %i /proc/self/ns/net >"$1"', out), results.append, timeout_s=5)
            lost = pool.scope(ScriptPolicy(netns=f"/run/netns/{name}-not-there"))
            lost.submit(sh("exit 0"), results.append, timeout_s=5)
            await until(lambda: len(results) == 2)
            assert sorted(result.ok for result in results) == [False, True]
            errors = [result.error for result in results if result.error]
            assert "not-there cannot be opened: No such file or directory" in errors[0]

        with_pool(main)
        assert int(out.read_text()) == expected
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def test_works_where_sigchld_is_ignored(with_pool: Runner) -> None:
    """Whoever started the daemon may have left it so; it is inherited through exec."""

    async def main(pool: ScriptPool) -> None:
        assert (await pool.run(sh("exit 4"), timeout_s=5)).status == 4

    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with_pool(main)
    finally:
        signal.signal(signal.SIGCHLD, before)
