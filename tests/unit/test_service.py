"""sd_notify(3): what a service manager is told, on a real datagram socket."""

from __future__ import annotations

import os
import re
import socket
import time

import pytest

from pyvrrp.service import ServiceManager


@pytest.fixture
def manager(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(10)
        yield heard, {"NOTIFY_SOCKET": str(tmp_path / "notify")}


def lines(heard):
    return heard.recv(4096).decode().split("\n")


def test_a_life_as_systemd_is_told_it(manager):
    heard, environ = manager
    service = ServiceManager(environ | {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())})
    assert service.watchdog_s == 3.0
    service.ready("2 MASTER")
    assert lines(heard) == ["READY=1", f"MAINPID={os.getpid()}", "STATUS=2 MASTER"]
    service.alive("2 MASTER")
    assert lines(heard) == ["WATCHDOG=1"]
    service.alive("1 MASTER, 1 BACKUP")
    assert lines(heard) == ["WATCHDOG=1", "STATUS=1 MASTER, 1 BACKUP"]
    before_us = time.monotonic_ns() // 1000
    service.reloading()
    told = lines(heard)
    assert told[0] == "RELOADING=1"
    # Type=notify-reload wants the time of CLOCK_MONOTONIC, or it waits for ever.
    assert before_us <= int(re.fullmatch(r"MONOTONIC_USEC=(\d+)", told[1])[1]) <= time.monotonic_ns() // 1000
    service.stopping()
    assert lines(heard)[0] == "STOPPING=1"
    service.close()


def test_the_abstract_namespace(tmp_path):
    name = f"pyvrrp-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(f"\0{name}")
        heard.settimeout(10)
        service = ServiceManager({"NOTIFY_SOCKET": f"@{name}"})
        service.stopping()
        assert lines(heard)[0] == "STOPPING=1"
        service.close()


@pytest.mark.parametrize(
    "watchdog",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}],
)
def test_without_a_watchdog_only_news_is_told(manager, watchdog):
    heard, environ = manager
    service = ServiceManager(environ | watchdog)
    assert service.watchdog_s is None
    service.alive("")
    service.alive("1 MASTER")
    assert lines(heard) == ["STATUS=1 MASTER"]
    service.close()


def test_without_a_manager_nothing_is_said():
    service = ServiceManager({"WATCHDOG_USEC": "3000000"})
    assert service.watchdog_s is None
    service.ready("")
    service.alive("x")
    service.close()


def test_a_manager_that_is_gone_is_a_warning(tmp_path, caplog):
    service = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    service.ready("1 MASTER")
    assert f"the service manager at {tmp_path}/gone was not told READY=1: No such file" in caplog.text
    service.close()


def test_a_manager_that_does_not_read_is_not_waited_for(manager, caplog):
    _, environ = manager
    service = ServiceManager(environ)
    for number in range(10_000):
        service.alive(str(number))
        if caplog.text:
            break
    assert "was not told STATUS=" in caplog.text
    service.close()
