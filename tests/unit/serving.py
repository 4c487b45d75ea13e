"""A control server for tests that ask it something."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import uvloop

from pyvrrp.control.protocol import InstanceStatus
from pyvrrp.control.server import ControlServer

Source = Callable[[], Iterable[InstanceStatus]]


class Daemon:
    """A ControlServer on a loop of its own, in a thread, so that a test may block."""

    def __init__(self, path: Path, instances: Source, **options: Any) -> None:
        """instances, options: as ControlServer has them."""
        self.path = str(path)
        self.server = ControlServer(self.path, instances=instances, **options)
        self.gaps_s: list[float] = []
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._thread = threading.Thread(target=self._run)
        self._ready = threading.Event()
        self.has_started = False

    def _run(self) -> None:
        with self._runner:
            self._runner.run(self._main())

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self.has_started = await self.server.start()
        self._ready.set()
        await self._stop.wait()
        await self.server.close()

    def __enter__(self) -> "Daemon":
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def run(self, function: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(function)

    def raw(self, data: bytes) -> bytes:
        """Send, and return all that comes until the server closes."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(self.path)
            sock.sendall(data)
            answer = b""
            while piece := sock.recv(65536):
                answer += piece
        return answer
