"""F5: a MASTER gets one part in twenty of a processor, and shares it. It is late, which it counts, and nobody flaps."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from netns.harness import START_S, Lab, children_of, until

from faults.files import instance, state

pytestmark = pytest.mark.root

CONTROLLER = Path("/sys/fs/cgroup/cpu")     # version 1: version 2 would need its whole tree to be ours
PERIOD_US, QUOTA_US = 100_000, 5_000
INTERVAL_S = 1.0


@pytest.fixture
def starve() -> Iterator[Callable[[list[int]], None]]:
    """Puts processes into a group that gets one part in twenty, beside a process that wants all of it."""
    if not (CONTROLLER / "cpu.cfs_quota_us").exists():
        pytest.skip("this kernel has no cpu controller of version 1 at /sys/fs/cgroup/cpu")
    group = CONTROLLER / f"pyvrrp-{os.getpid()}"
    group.mkdir()
    (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
    (group / "cpu.cfs_quota_us").write_text(str(QUOTA_US))
    spinner = subprocess.Popen([sys.executable, "-c", "while True: pass"])

    def put(pids: list[int]) -> None:
        for pid in pids:
            for task in Path(f"/proc/{pid}/task").iterdir():
                (group / "tasks").write_text(task.name)

    put([spinner.pid])
    yield put
    spinner.kill()
    spinner.wait()
    for pid in (group / "tasks").read_text().split():
        (CONTROLLER / "tasks").write_text(pid)
    group.rmdir()


def test_a_starved_master_is_late_and_stays(lab: Lab, starve: Callable[[list[int]], None]) -> None:
    left, right = lab.pair()
    daemon, other = lab.daemon("pyvrrpd", left), lab.daemon("pyvrrpd", right)
    for each, priority in ((daemon, 200), (other, 100)):
        each.configure(instance("VI_1", priority=priority, interval_s=INTERVAL_S))
    daemon.start()
    until(lambda: state(daemon) == "MASTER", START_S, "MASTER")
    other.start()
    until(lambda: state(other) == "BACKUP", START_S, "BACKUP")

    def late_us() -> int:
        return int(daemon.get("/v1/instances")["counters"]["engine"]["adver_late_longest_us"])

    since_s = left.record.wait_adverts(1, sent=True, timeout_s=5)[-1].at_s
    starve([daemon.pid, *children_of(daemon.pid)])
    adverts = left.record.wait_adverts(6, sent=True, since_s=since_s, timeout_s=15)
    gaps_s = [after.at_s - before.at_s for before, after in itertools.pairwise(adverts)]
    assert max(gaps_s) < 3 * INTERVAL_S
    assert other.transitions() == ["BACKUP"]
    assert daemon.transitions() == ["BACKUP", "MASTER"]
    until(lambda: late_us() > 5_000, 10, "the lateness is counted")
