"""What the namespace tests share: one Lab for a file: its witness is one thread, and its
daemons are gone before those of the next file start."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from netns import harness
from netns.applying import Run
from netns.commands import processes_in
from netns.kernel import Namespace


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that runs keepalived is skipped, in one line, where there is none."""
    if Path(harness.KEEPALIVED).exists() and shutil.which(harness.IP):
        return
    skip = pytest.mark.skip(reason="keepalived or ip not found; make test-deps installs them")
    for item in items:
        if item.get_closest_marker("root") and "netns" in item.path.parts:
            item.add_marker(skip)


@pytest.fixture(scope="module")
def lab() -> Iterator[harness.Lab]:
    with harness.lab() as made:
        yield made


@pytest.fixture
def place() -> Iterator[Path]:
    """The TMPDIR of a command; not below pytest's own, which is closed to nobody."""
    with tempfile.TemporaryDirectory(prefix="ct-command-") as name:
        Path(name).chmod(0o1777)
        yield Path(name)


@pytest.fixture
def environment(place: Path) -> dict[str, str]:
    """The environment of such a command."""
    return {"PATH": os.environ["PATH"], "TMPDIR": str(place), "TERM": "xterm", "LC_ALL": "C.UTF-8"}


@pytest.fixture
def nothing_is_left(place: Path) -> Iterator[None]:
    """Processes are known by TMPDIR in their environment; whatever a test does, none is left after it."""
    yield
    left = processes_in(place)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert left == []


@pytest.fixture
def ns() -> Iterator[Namespace]:
    """A namespace with the two ends of a cable, va and vb."""
    namespace = Namespace()
    namespace.ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
    namespace.ip("link", "set", "va", "up")
    namespace.ip("link", "set", "vb", "up")
    yield namespace
    namespace.close()


@pytest.fixture(params=["uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine to its end, on either kind of loop."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def runner(test: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=factory) as loop:
            loop.run(test)

    return runner
