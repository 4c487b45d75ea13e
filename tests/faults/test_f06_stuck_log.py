"""F6: nobody reads the log, and the pipe that it goes to is full. Adverts, elections and the end do not wait for it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from netns.harness import START_S, Lab, until

from faults.files import instance, state

pytestmark = pytest.mark.root

INTERVAL_S = 0.2


@pytest.fixture
def stuck(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A FIFO that is full, and a descriptor to read it by."""
    path = tmp_path / "log"
    os.mkfifo(path)
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(fd, b"x" * 4095 + b"\n")
    yield path, fd
    os.close(fd)


def test_a_log_that_is_stuck(lab: Lab, stuck: tuple[Path, int]) -> None:
    left, right = lab.pair()
    path, fd = stuck
    daemon, other = lab.daemon("pyvrrpd", left), lab.daemon("pyvrrpd", right)
    daemon.log_file = path
    for each, priority in ((daemon, 100), (other, 200)):
        each.configure(instance("VI_1", priority=priority, interval_s=INTERVAL_S))
    daemon.start()
    until(lambda: state(daemon) == "MASTER", START_S, "MASTER without a log")
    other.start()
    until(lambda: state(daemon) == "BACKUP", START_S, "BACKUP without a log")
    since_s = other.terminate()
    until(lambda: state(daemon) == "MASTER", 5, "MASTER again")
    left.record.wait_adverts(10, sent=True, since_s=since_s, timeout_s=10)
    stopped_s = daemon.terminate()
    assert [advert.priority for advert in right.record.select(sent=False, since_s=stopped_s)][-1:] == [0]
    left.record.wait_address("192.0.2.100", False, since_s=stopped_s, timeout_s=2)
    # What was queued before the log got stuck was never written, and nothing else was.
    with contextlib.suppress(BlockingIOError):
        while text := os.read(fd, 65536):
            assert set(text) <= set(b"x\n")
