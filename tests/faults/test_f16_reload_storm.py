"""F16: a hundred SIGHUPs within ten seconds. No state changes, and the last file counts.

The other host is BACKUP of every instance: adverts that it missed would show as a change of its states. make nightly
does it with 2,000 instances.
"""

from __future__ import annotations

import os
import signal
import time

import pytest
from netns.harness import START_S, Daemon, Lab, Node, until

from faults.files import instance

pytestmark = [pytest.mark.root]

COUNT = 2000 if "PYVRRP_NIGHTLY" in os.environ else 200
SIGNALS = 100
PACE_S = 0.1 if "PYVRRP_NIGHTLY" in os.environ else 0.02


def file_of(node: Node, peer: Node, priority: int, changed: str) -> str:
    """Instances in groups of 250 VRIDs, each group with an address of the host of its own."""
    text = []
    for number in range(COUNT):
        group, host = divmod(number, 250)
        own, other = (f"198.51.100.{100 * end + group + 1}" for end in (int(node.ip4[-1]), int(peer.ip4[-1])))
        vips = [f"198.18.{group}.{host + 1}/32"] + ([changed] if number == 0 and changed else [])
        text.append(instance(
            f"R{number}", f"unicast_src_ip {own}", f"unicast_peer {{\n{other}\n}}", vrid=host + 1, priority=priority,
            interval_s=1, vips=vips,
        ))
    return "".join(text)


def all_in(daemon: Daemon, state: str) -> bool:
    try:
        return bool(daemon.get("/healthz")["instances"].get(state) == COUNT)
    except OSError:             # it does not listen yet
        return False


def changes(daemon: Daemon) -> int:
    """How often any instance became MASTER, or stopped being it."""
    counted = (entry["counters"] for entry in daemon.get("/v1/instances")["instances"])
    return sum(counters["become_master"] + counters["release_master"] for counters in counted)


def test_a_hundred_reloads_in_ten_seconds(lab: Lab) -> None:
    left, right = lab.pair()
    for node in (left, right):
        for group in range((COUNT + 249) // 250):
            node.ip("address", "add", f"198.51.100.{100 * int(node.ip4[-1]) + group + 1}/24", "dev", "eth0")
    ours, other = lab.daemon("pyvrrpd", left), lab.daemon("pyvrrpd", right)
    ours.configure(file_of(left, right, 200, ""))
    other.configure(file_of(right, left, 100, ""))
    ours.start()
    until(lambda: all_in(ours, "MASTER"), START_S + 15, "all are MASTER")
    other.start()
    until(lambda: all_in(other, "BACKUP"), START_S, "all are BACKUP")
    before = changes(ours), changes(other)

    for number in range(SIGNALS):
        # In one step, as whoever has reloads under way should: half a file is another file.
        new = ours.file.with_suffix(".new")
        new.write_text(file_of(left, right, 200, f"203.0.113.{number + 1}/32"))
        new.replace(ours.file)
        ours.signal(signal.SIGHUP)
        time.sleep(PACE_S)
    left.record.wait(lambda: left.has(f"203.0.113.{SIGNALS}"), START_S + 15, "the last file counts")
    until(lambda: not left.has(f"203.0.113.{SIGNALS - 1}"), START_S, "and only that")

    assert (changes(ours), changes(other)) == before
    assert all_in(ours, "MASTER")
    assert all_in(other, "BACKUP")
