"""What a real daemon tells its service manager, from its start to its end."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from netns.files import HIGH, Shape
from netns.harness import START_S, Daemon, Lab

pytestmark = pytest.mark.root

SHAPE = Shape(3, False, 4, interval_s=0.1)


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket of a service manager that wants a life sign every second."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(START_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "1000000")
        yield heard


@pytest.fixture
def daemon(lab: Lab, manager: socket.socket) -> Iterator[Daemon]:
    left, right = lab.pair()
    made = lab.daemon("pyvrrpd", left)
    made.configure(SHAPE.text(left, right, HIGH))
    yield made
    made.discard()


def next_but_life_signs(manager: socket.socket) -> list[str]:
    while True:
        lines = manager.recv(4096).decode().split("\n")
        if lines[0] != "WATCHDOG=1":
            return lines


def test_ready_alive_reloading_ready_stopping(daemon: Daemon, manager: socket.socket) -> None:
    daemon.start()
    assert next_but_life_signs(manager) == [
        "READY=1", f"MAINPID={daemon.pid}", "STATUS=0 MASTER, 1 BACKUP, 0 FAULT"
    ]
    while True:                         # the master's life sign: two come each second
        lines = manager.recv(4096).decode().split("\n")
        assert lines[0] == "WATCHDOG=1"
        if lines[1:] == ["STATUS=1 MASTER, 0 BACKUP, 0 FAULT"]:
            break
    os.kill(daemon.pid, signal.SIGHUP)
    reloading = next_but_life_signs(manager)
    assert reloading[0] == "RELOADING=1"
    assert reloading[1].startswith("MONOTONIC_USEC=")
    assert next_but_life_signs(manager)[0] == "READY=1"
    daemon.terminate()
    assert next_but_life_signs(manager)[0] == "STOPPING=1"
