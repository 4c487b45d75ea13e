"""F20: the process that runs scripts is killed, as for want of memory.

Adverts go on, what it ran is ended and has failed, and another takes over. keepalived has no such process: killed like
that, it is whole gone (F19).
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from netns.harness import START_S, Daemon, Lab, children_of, until

from faults.files import descriptors, instance

pytestmark = [pytest.mark.root]

VIP = "192.0.2.100"


def script(daemon: Daemon, name: str, body: str) -> Path:
    path = daemon.directory / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def spawner(daemon: Daemon) -> int:
    """Its pid; 0 while there is none."""
    for pid in children_of(daemon.pid):
        try:
            if b"pyvrrp.scripts.spawner" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        except OSError:
            continue
    return 0


def is_gone(pid: int) -> bool:
    """Whether a process has ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_killed_spawner_costs_no_state(lab: Lab) -> None:
    left, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    runs, pids = daemon.directory / "runs", daemon.directory / "pids"
    check = script(daemon, "check", f"echo >> {runs}")
    # It hangs and ignores SIGTERM, and so does what it has started.
    hangs = script(
        daemon, "hangs", f'trap "" TERM\nsleep 60 &\necho $$ $! > {pids}.new\nmv {pids}.new {pids}\nwait\nsleep 60'
    )
    daemon.configure(
        "global_defs {\n    script_user root\n}\n"
        f'vrrp_script check {{\n    script "{check}"\n    interval 1\n    fall 3\n}}\n'
        + instance("VI_1", "track_script {\n check\n }", f'notify_master "{hangs}"')
    )
    daemon.start()
    left.record.wait_address(VIP, True, timeout_s=START_S)
    until(pids.exists, START_S, "the notify script runs")
    open_before = descriptors(daemon)
    orphans = [int(word) for word in pids.read_text().split()]
    assert not any(map(is_gone, orphans))
    killed = spawner(daemon)
    os.kill(killed, signal.SIGKILL)

    daemon.wait_log(rf"the script spawner \(pid {killed}\) ended by signal 9; starting another", 5)
    daemon.wait_log(r"\(VI_1\) notify_master script .*/hangs failed .*died meanwhile", 5)
    until(lambda: all(map(is_gone, orphans)), 10, f"the scripts {orphans} of the dead spawner are ended")
    until(lambda: spawner(daemon) not in (0, killed), 10, "another spawner")
    so_far = len(runs.read_text())
    until(lambda: len(runs.read_text()) >= so_far + 3, 15, "the check runs again")
    assert daemon.transitions() == ["BACKUP", "MASTER"]
    left.record.wait_adverts(5, sent=True, since_s=left.record.select(sent=True)[-1].at_s, timeout_s=5)
    assert left.has(VIP)
    until(lambda: descriptors(daemon) == open_before, 10, "as many descriptors as before")
    second = spawner(daemon)
    daemon.terminate()
    until(lambda: is_gone(second), 5, "nothing is left")
