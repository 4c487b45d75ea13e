"""Pid files, the config test's exit status, and refusals before anything is opened."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket

import pytest

from pyvrrp import daemon, limits, netns
from pyvrrp.errors import PyvrrpError
from pyvrrp.options import parse


def test_both_pid_files_hold_the_pid_and_go_at_the_end(tmp_path):
    first, second = tmp_path / "a.pid", tmp_path / "b.pid"
    with daemon._pid_files(str(first), str(second)):
        assert first.read_text() == second.read_text() == f"{os.getpid()}\n"
    assert not first.exists()
    assert not second.exists()


def test_one_name_for_both_pid_files_is_one_file(tmp_path):
    path = tmp_path / "a.pid"
    with daemon._pid_files(str(path), str(path)):
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_stale_pid_file_is_taken_over(tmp_path):
    path = tmp_path / "a.pid"
    path.write_text("1\nmore than a number\n")
    with daemon._pid_files(str(path), None):
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_held_pid_file_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "a.pid"
    path.write_text("4711\n")
    with path.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError, match="a daemon that is running holds this pid file"), daemon._pid_files(
            str(path), None
        ):
            pass
    assert path.read_text() == "4711\n"


def test_a_pid_file_is_not_written_through_a_link(tmp_path):
    target = tmp_path / "target"
    target.write_text("keep")
    (tmp_path / "a.pid").symlink_to(target)
    with pytest.raises(PyvrrpError, match="symbolic links"), daemon._pid_files(str(tmp_path / "a.pid"), None):
        pass
    assert target.read_text() == "keep"


def test_a_pid_file_that_goes_while_it_is_opened_is_made_again(tmp_path, monkeypatch):
    """Its last owner removes it after we opened it and before we lock it."""
    path = tmp_path / "a.pid"
    path.write_text("4711\n")
    lock, removed = fcntl.flock, []

    def flock(fd, how):
        if not removed:
            removed.append(path.unlink())
        lock(fd, how)

    monkeypatch.setattr(daemon.fcntl, "flock", flock)
    with daemon._pid_files(str(path)):
        assert path.read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize("console", [["-l"], []])
def test_a_pid_file_that_cannot_be_written_is_told_once(tmp_path, capfd, console):
    log_file = tmp_path / "log"
    path = tmp_path / "none" / "a.pid"
    argv = ["-n", *console, f"-g{log_file}", "-p", str(path), "-f", "/dev/null", "--no-socket"]
    assert daemon.main(argv) == daemon.EXIT_FAILED
    said = f"{path}: the pid file cannot be written: No such file or directory; give -p and -r names that can be"
    assert capfd.readouterr().err.count(said) == 1
    assert console or said in log_file.read_text()


def test_a_missing_namespace_is_refused_and_not_made(capsys):
    assert daemon.main(["-n", "-t", "-s", "pyvrrp-no-such", "-f", "/dev/null"]) == daemon.EXIT_FAILED
    assert "there is no network namespace 'pyvrrp-no-such'" in capsys.readouterr().err
    assert not (netns.DIRECTORY / "pyvrrp-no-such").exists()


@pytest.mark.parametrize("name", ["../x", "", "."])
def test_a_namespace_is_named_and_not_a_path(name, capsys):
    assert daemon.main(["-n", "-t", "-s", name, "-f", "/dev/null"]) == daemon.EXIT_FAILED
    assert "is neither the name of a network namespace" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "status"),
    [("global_defs {\n    router_id x\n}\n", 0), ("global_defs {\n    no_such_word\n}\n", 5), (None, 4)],
)
def test_the_config_tests_exit_status(tmp_path, capsys, text, status):
    path = tmp_path / "keepalived.conf"
    if text is not None:
        path.write_text(text)
    assert daemon.main(["-t", "-f", str(path)]) == status
    assert bool(capsys.readouterr().err) == bool(status)


def test_the_config_test_appends_to_a_file(tmp_path, capsys):
    out = tmp_path / "messages"
    out.write_text("before\n")
    path = tmp_path / "missing.conf"
    assert daemon.main([f"-t{out}", "-f", str(path)]) == 4
    assert out.read_text().startswith(f"before\n{path}")
    assert capsys.readouterr().err == ""


def test_the_strictest_umask_of_all_files_counts() -> None:
    assert daemon._umask([None]) == 0o177
    assert daemon._umask([0o022]) == 0o022
    assert daemon._umask([0o022, 0o007]) == 0o027
    assert daemon._umask([0o002, None]) == 0o177


class Overdue:
    """Stands for a Runtime whose timers are late at every other look, first at the second."""

    def __init__(self):
        self.looks = 0

    def overdue_s(self):
        self.looks += 1
        return 0.0 if self.looks % 2 else limits.OVERDUE_S

    def summary(self):
        return f"look {self.looks}"


def test_life_signs_are_given_only_while_deadlines_are_kept(tmp_path, monkeypatch, caplog):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "2000")
        runtime = Overdue()

        made = daemon.Daemon(parse(["-n"]), None)

        async def look_four_times():
            showing = asyncio.ensure_future(made._show_life(runtime))
            while runtime.looks < 4:            # noqa: ASYNC110 - nothing tells of a look
                await asyncio.sleep(0.001)
            showing.cancel()

        asyncio.run(look_four_times())
        made._manager.close()
        assert manager.recv(100) == b"WATCHDOG=1\nSTATUS=look 1"
        assert manager.recv(100) == b"WATCHDOG=1\nSTATUS=look 3"
        with pytest.raises(BlockingIOError):
            manager.recv(100)
    assert caplog.text.count("a timer is 1.0 s overdue: no life sign for the service manager") == 2
