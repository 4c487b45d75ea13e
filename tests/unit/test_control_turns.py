"""One thing for one client in a turn of the loop, and half of the time at most."""

from __future__ import annotations

import asyncio
import itertools
import socket
from pathlib import Path

import pytest
from serving import Daemon

from pyvrrp import limits
from pyvrrp.control import turns
from pyvrrp.control.client import ControlClient
from pyvrrp.control.protocol import InstanceStatus
from pyvrrp.control.turns import Turns

WEB = InstanceStatus(name="web", state="MASTER")


class Clock:
    """time and asyncio.sleep as turns.py uses them, without waiting."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.rests: list[float] = []

    def monotonic(self) -> float:
        return self.now_s

    async def sleep(self, delay_s: float) -> None:
        self.rests.append(round(delay_s, 6))


def test_it_rests_for_as_long_as_it_worked(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(turns, "time", clock)
    monkeypatch.setattr(turns.asyncio, "sleep", clock.sleep)

    async def work() -> None:
        mine = Turns()
        for used_s in (0.002, 0.002, 0.002, 0.001, 0.010):
            async with mine:
                clock.now_s += used_s

    asyncio.run(work())
    assert limits.CONTROL_BURST_S == 0.005
    assert clock.rests == [0.0, 0.0, 0.006, 0.0, 0.011]


def test_others_wait_until_the_loop_has_gone_round() -> None:
    async def work() -> list[str]:
        mine, told = Turns(), []

        async def client(name: str) -> None:
            async with mine:
                told.append(name)

        async def reactor() -> None:
            for _ in range(4):
                told.append("advert")
                await asyncio.sleep(0)

        await asyncio.gather(reactor(), *(client(name) for name in "abc"))
        return told

    told = asyncio.run(work())
    places = [told.index(name) for name in "abc"]
    assert all("advert" in told[one:other] for one, other in itertools.pairwise(places))


def test_a_turn_that_is_given_up_is_free_again() -> None:
    async def work() -> None:
        mine = Turns()

        async def forever() -> None:
            async with mine:
                await asyncio.Event().wait()

        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with asyncio.timeout(10):
            async with mine:
                pass

    asyncio.run(work())


def test_sixty_four_clients_that_do_what_they_should_not(tmp_path: Path) -> None:
    """Silent ones, half requests, rubbish, and answers that nobody takes: who asks properly is answered."""
    requests = (b"", b"GET /v1/inst", bytes(range(256)) * 64, b"GET /v1/instances HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
    with Daemon(tmp_path / "s", lambda: [WEB] * 200) as daemon:
        hostile = []
        try:
            for number in range(limits.CONTROL_CLIENTS_MAX):
                sock = socket.socket(socket.AF_UNIX)
                sock.settimeout(10)
                sock.connect(daemon.path)
                sock.sendall(requests[number % len(requests)])
                hostile.append(sock)
            for _ in range(3):
                assert len(ControlClient(daemon.path).instances().instances) == 200
        finally:
            for sock in hostile:
                sock.close()


def test_a_request_that_drips_does_not_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is that of a whole request: a byte now and then does not make it longer."""
    monkeypatch.setattr(limits, "CONTROL_IDLE_S", 0.3)
    with Daemon(tmp_path / "s", lambda: [WEB]) as daemon, socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(0.02)
        sock.connect(daemon.path)
        sock.sendall(b"GET /v1/instances HTTP/1.1\r\nX-Long: ")
        for _ in range(1000):
            try:
                sock.sendall(b"x")
                assert sock.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                pass
            return
        raise AssertionError("it was never cut off")
