"""Network namespaces without names for the tests of pyvrrp.netlink: they are gone with their descriptor."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pyvrrp.linux import CLONE_NEWNET, setns, unshare

HERE = "/proc/thread-self/ns/net"


class Namespace:
    """A fresh network namespace; loopback is up."""

    def __init__(self) -> None:
        before = os.open(HERE, os.O_RDONLY | os.O_CLOEXEC)
        try:
            unshare(CLONE_NEWNET)
            self._fd = os.open(HERE, os.O_RDONLY | os.O_CLOEXEC)
            setns(before)
        finally:
            os.close(before)
        self.ip("link", "set", "lo", "up")

    def close(self) -> None:
        os.close(self._fd)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Have the calling thread in the namespace; what it opens stays there."""
        before = os.open(HERE, os.O_RDONLY | os.O_CLOEXEC)
        try:
            setns(self._fd)
            try:
                yield
            finally:
                setns(before)
        finally:
            os.close(before)

    def ip(self, *arguments: str, batch: str | None = None) -> str:
        """Run ip(8) in the namespace and return its output."""
        command = ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self._fd}", "ip", *arguments]
        done = subprocess.run(command, input=batch, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def set(self, name: str, value: str) -> None:
        """Set a sysctl, named as below /proc/sys/net."""
        with self.inside():
            Path("/proc/sys/net", name).write_text(value)

    def addresses(self, dev: str) -> set[str]:
        """Return ADDRESS/LEN of `dev`, without the link-local one that the kernel makes."""
        shown = json.loads(self.ip("-j", "addr", "show", "dev", dev))
        infos = shown[0]["addr_info"] if shown else []
        return {f"{a['local']}/{a['prefixlen']}" for a in infos if not a["local"].startswith("fe80")}


async def until(true: Callable[[], bool], what: str, *, timeout_s: float = 15.0) -> None:
    """Wait until `true()`, or fail saying `what` did not come about."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        await asyncio.sleep(0.005)


class BlockMeter:
    """Measures how long the event loop was held by one turn, within a millisecond.

    It wakes once a millisecond and not at every turn: a loop that never rests would keep the GIL from other threads.
    """

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> BlockMeter:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.001)
            now = time.monotonic()
            self.longest_s = max(self.longest_s, now - last - 0.001)
            last = now
