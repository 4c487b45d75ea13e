"""F10: a namespace is removed under a MASTER in it. Its own instances are in FAULT, those of others miss no advert.

That nothing of it is held, and that it may come back, is in tests/netns/test_namespaces.py.
"""

from __future__ import annotations

import itertools

import pytest
from netns.harness import IP, START_S, Lab, run, until

from faults.files import instance, state

pytestmark = [pytest.mark.root]

INTERVAL_S = 0.1


def test_the_others_miss_nothing(lab: Lab) -> None:
    left, right = lab.pair()
    name = f"{left.namespace}-going"
    lab.own_namespace(name)
    run(IP, "netns", "add", name)
    run(IP, "-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
    lines = "link set lo up\nlink set eth0 up\nlink set eth1 up\naddress add 192.0.2.9/24 dev eth0\n"
    run(IP, "-n", name, "-batch", "-", text=lines)
    daemon = lab.daemon("pyvrrpd", left)
    going = "".join(
        instance(f"GO{vrid}", f"net_namespace {name}", vrid=vrid, vips=[f"198.51.100.{vrid}/32"])
        for vrid in range(1, 101)
    )
    daemon.configure(instance("STAY", interval_s=INTERVAL_S) + going)
    daemon.start()
    until(daemon.socket.exists, START_S, "it answers")
    until(lambda: {entry["state"] for entry in daemon.get("/v1/instances")["instances"]} == {"MASTER"}, 5, "all MASTER")
    since_s = right.record.wait_adverts(1, sent=False, timeout_s=2)[-1].at_s
    run(IP, "netns", "del", name)
    until(lambda: state(daemon, "GO100") == "FAULT", 5, "FAULT once the name is gone")
    until(lambda: daemon.instance("GO1")["faults"] == [f"there is no network namespace {name}"], 2, "and why")
    seen = right.record.wait_adverts(40, sent=False, since_s=since_s, timeout_s=10)
    gaps_s = [later.at_s - sooner.at_s for sooner, later in itertools.pairwise(seen)]
    assert max(gaps_s) <= 1.2 * INTERVAL_S, f"{max(gaps_s):.3f} s between two adverts"
    assert daemon.transitions("STAY") == ["BACKUP", "MASTER"]
