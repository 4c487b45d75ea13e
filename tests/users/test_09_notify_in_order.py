"""Item 9 of docs/users.md: the notify scripts of an instance run one at a time, in order, and none is lost or repeated.

The words that they get, of instances and groups, are in tests/netns/test_telling.py, beside keepalived's.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from faults.files import instance, state
from netns.harness import START_S, Daemon, Lab, until

pytestmark = [pytest.mark.root]

FLAPS = 6
SOON_S = 20.0


def lines(notes: Path) -> list[list[str]]:
    return [line.split() for line in notes.read_text().splitlines()] if notes.exists() else []


def test_slow_scripts_and_a_link_that_flaps(lab: Lab) -> None:
    """Each script takes longer than the state lasts that it is told of, the earlier ones longest."""
    left, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    notes = daemon.directory / "notes"
    slow = daemon.directory / "slow"
    slow.write_text(
        f"#!/bin/sh\necho begin $3 >> {notes}\n"
        f"n=$(grep -c begin {notes})\n[ $n -lt 6 ] && sleep 0.8\necho end $3 >> {notes}\n")
    slow.chmod(0o755)
    daemon.configure(
        "global_defs {\n    script_user root\n}\n" + instance("VI_1", f'notify "{slow}"', interval_s=0.1))
    daemon.start()
    left.record.wait_address("192.0.2.100", True, timeout_s=START_S)
    for _ in range(FLAPS):
        for wanted, state_of_link in (("FAULT", "down"), ("MASTER", "up")):
            left.ip("link", "set", "eth0", state_of_link)
            until(lambda: state(daemon) == wanted, SOON_S, wanted)      # noqa: B023
    seen = daemon.transitions()
    assert seen.count("FAULT") == FLAPS
    until(lambda: sum(line[0] == "end" for line in lines(notes)) >= len(seen), SOON_S, f"{len(seen)} scripts end")
    time.sleep(0.5)                         # one that is told twice would come now
    assert lines(notes) == [[word, each] for each in seen for word in ("begin", "end")]
    assert told(daemon) == {"script_runs": len(seen), "script_failures": 0, "script_dropped": 0}


def told(daemon: Daemon) -> dict[str, int]:
    counters = daemon.get("/v1/instances")["counters"]["notify"]
    return {name: counters[name] for name in ("script_runs", "script_failures", "script_dropped")}
