"""F20: memory is short. A cgroup with 1.2 times what a daemon uses is enough; with less it is ended, and started again.

What runs for one errand only, as reading a file for a reload does, is ended before the daemon is.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from netns.harness import START_S, Daemon, Lab, until

from faults.files import instance, state

ROOT = Path("/sys/fs/cgroup/memory")

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not (ROOT / "memory.limit_in_bytes").exists(), reason="no memory cgroup of version 1 here"),
]

VIP = "192.0.2.100"


class Group:
    """A memory cgroup."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._daemons: list[Daemon] = []
        path.mkdir()

    def start(self, daemon: Daemon) -> None:
        """Start a daemon, whose memory is charged here from its first moments on."""
        self._daemons.append(daemon)
        daemon.start()
        (self.path / "cgroup.procs").write_text(str(daemon.pid))

    def read(self, name: str) -> str:
        return (self.path / f"memory.{name}").read_text()

    def limit(self, size: int) -> None:
        (self.path / "memory.limit_in_bytes").write_text(str(size))

    def used(self) -> int:
        """Without what the kernel can take back at once."""
        (self.path / "memory.force_empty").write_text("0")
        return int(self.read("usage_in_bytes"))

    def kills(self) -> int:
        """How often the kernel has ended something in it."""
        return int(self.read("oom_control").split()[-1])


    def close(self) -> None:
        """End what was started here, and remove it."""
        self.limit(-1)
        for daemon in self._daemons:
            daemon.discard()
        until(self._is_removed, START_S, "nothing is left in the cgroup")

    def _is_removed(self) -> bool:
        try:
            self.path.rmdir()
        except OSError:
            return False
        return True


@pytest.fixture
def group(lab: Lab) -> Iterator[Group]:
    made = Group(ROOT / lab.directory.name)
    yield made
    made.close()


def many(count: int) -> str:
    return "".join(
        instance(f"VI_{number}", vrid=number, interval_s=0.5, vips=[f"192.0.2.{99 + number}/24"])
        for number in range(1, count + 1)
    )


def started(lab: Lab, group: Group) -> Daemon:
    left, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(many(100))
    group.start(daemon)
    until(lambda: state(daemon, "VI_100") == "MASTER", 2 * START_S, "all are MASTER")
    return daemon


def test_a_fifth_more_than_it_uses_is_enough(lab: Lab, group: Group) -> None:
    daemon = started(lab, group)
    steady = group.used()
    group.limit(steady * 6 // 5)
    for _ in range(5):
        daemon.get("/v1/instances")
    # A reload needs another process, which may not fit; if so, that one is ended.
    for count in (99, 98):
        daemon.configure(many(count))
        before = len(daemon.log())
        daemon.signal(signal.SIGHUP)
        daemon.wait_log(r"reload: ", 2 * START_S, skip=before)
    assert group.kills() == daemon.log().count("reload refused:"), daemon.log()[-3000:]
    node = daemon.node
    node.record.wait_adverts(100, sent=True, since_s=time.monotonic(), timeout_s=START_S)
    assert daemon.process is not None
    assert daemon.process.poll() is None
    assert daemon.transitions() == ["BACKUP", "MASTER"]
    assert node.has(VIP)
    group.limit(-1)
    daemon.configure(many(97))
    daemon.signal(signal.SIGHUP)
    until(lambda: len(daemon.get("/v1/instances")["instances"]) == 97, START_S, "with memory, it reloads")


def test_with_less_it_is_ended_and_started_again(lab: Lab, group: Group) -> None:
    left, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(many(100))
    group.limit(24 << 20)
    group.start(daemon)
    assert daemon.wait(2 * START_S) == -signal.SIGKILL, daemon.log()
    assert group.kills() >= 1
    # What a supervisor does, once there is memory; what the first one has left is no obstacle.
    group.limit(-1)
    group.start(daemon)
    until(lambda: state(daemon, "VI_100") == "MASTER", 2 * START_S, "all are MASTER")
    assert left.has(VIP)
