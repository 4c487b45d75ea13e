"""The config test's exit status, life signs, and refusals before anything is opened."""

from __future__ import annotations

import asyncio
import socket

import pytest

from pyvrrp import daemon, limits, netns
from pyvrrp.control.answers import Refusal
from pyvrrp.control.transaction import TransactionRequest
from pyvrrp.options import parse


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


def test_only_some_transactions_may_wait():
    """One more is refused at once; those that wait keep their turn."""

    async def ask():
        one = daemon.Daemon(parse([]), None)
        waiting = [
            asyncio.ensure_future(one._transaction_by_request(TransactionRequest()))
            for _ in range(limits.TRANSACTIONS_WAITING_MAX)
        ]
        await asyncio.sleep(0)
        with pytest.raises(Refusal, match="wait for their turn; try again later"):
            await one._transaction_by_request(TransactionRequest())
        assert not any(each.done() for each in waiting)
        for each in waiting:
            each.cancel()

    asyncio.run(ask())
