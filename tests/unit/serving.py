"""A control server for tests that ask it something."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import uvloop

from pyvrrp import __version__
from pyvrrp.control.answers import Answer, Call, Handler, Sliced
from pyvrrp.control.protocol import InstancesReply, InstanceStatus
from pyvrrp.control.server import ControlServer

Source = Callable[[], Iterable[InstanceStatus]]


class Daemon:
    """A ControlServer on a loop of its own, in a thread, so that a test may block."""

    def __init__(self, path: Path, instances: Source, handlers: Mapping[str, Handler] | None = None) -> None:
        """instances: what is answered for all instances. handlers: of other endpoints."""
        self.path = str(path)

        async def answer(_: Call) -> Answer:
            return Sliced(InstancesReply(version=__version__, pid=os.getpid(), instances=[]), instances())

        self.server = ControlServer(self.path, {"instances": answer, **(handlers or {})})
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
