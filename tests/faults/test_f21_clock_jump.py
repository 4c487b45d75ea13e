"""F21: the wall clock jumps by an hour, both ways, on both hosts; nothing changes its state.

The clock of the machine is everybody's, so it is the daemons' own that jumps: their clock_gettime(CLOCK_REALTIME) is
a library's, which adds what the test says. The kernel's arrival times stay as they were, which is the worst case: a
datagram seems an hour old, or an hour early, and no jump is announced.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from netns.harness import START_S, Daemon, Lab, until

from faults.conftest import Clock
from faults.files import instance, state

pytestmark = pytest.mark.root

INTERVAL_S = 0.2
HOUR_S = 3600


def test_no_state_changes(lab: Lab, clocks: Callable[[], Clock]) -> None:
    left, right = lab.pair()
    clock = clocks()
    daemons: list[Daemon] = []
    for node, priority in ((left, 200), (right, 100)):
        daemon = lab.daemon("pyvrrpd", node)
        daemon.configure(instance("VI_1", priority=priority, interval_s=INTERVAL_S))
        daemons.append(daemon)
        daemon.start()
        wanted = "MASTER" if node is left else "BACKUP"
        until(lambda daemon=daemon, wanted=wanted: state(daemon) == wanted, START_S, wanted)
    before = [daemon.transitions() for daemon in daemons]
    clock.shift(HOUR_S)
    seen_s = float(subprocess.run([sys.executable, "-c", "import time; print(time.time())"], check=True, text=True,
                                  capture_output=True).stdout)
    assert seen_s - time.time() == pytest.approx(HOUR_S, abs=60), "this test moves no clock"
    since_s = left.record.wait_adverts(1, sent=True, timeout_s=5)[-1].at_s
    for jump_s in (HOUR_S, 0, -HOUR_S, 0):
        clock.shift(jump_s)
        # As many adverts as a BACKUP would wait for, and more: the jump is long past.
        since_s = left.record.wait_adverts(6, sent=True, since_s=since_s, timeout_s=10)[-1].at_s
        if jump_s:
            since = daemons[1].instance("VI_1")["since"]
            assert daemons[1].instance("VI_1")["state"] == "BACKUP", f"after {jump_s} s: {since}"
    assert [daemon.transitions() for daemon in daemons] == before
    assert right.record.select(sent=True) == []
