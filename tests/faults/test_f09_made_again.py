"""F9: an interface is deleted and made again with another index, or renamed and named back; also while MASTER."""

from __future__ import annotations

import pytest
from netns.harness import ROUGHLY_S, START_S, Lab, until

from faults.files import descriptors, instance, state

pytestmark = [pytest.mark.root]

VIP = "192.0.2.100"
INTERVAL_S = 0.2


@pytest.mark.parametrize("priority", [200, 50], ids=["master", "backup"])
def test_deleted_and_made_again(lab: Lab, priority: int) -> None:
    """Back in BACKUP within an interval of the interface being there, the group joined, no descriptor left behind."""
    segment = lab.segment(2)
    left, right = segment.nodes
    daemon, other = lab.daemon("pyvrrpd", left), lab.daemon("pyvrrpd", right)
    other.configure(instance(priority=100, interval_s=INTERVAL_S))
    other.start()
    right.record.wait_address(VIP, True, timeout_s=START_S)
    daemon.configure(instance(priority=priority, interval_s=INTERVAL_S))
    daemon.start()
    settled = "MASTER" if priority > 100 else "BACKUP"
    until(lambda: state(daemon) == settled, START_S, settled)
    before = descriptors(daemon)
    indexes = set()
    for _ in range(3):
        left.ip("link", "del", "eth0")
        until(lambda: state(daemon) == "FAULT", 3, "FAULT")
        assert daemon.instance()["faults"] == ["interface eth0 does not exist"]
        until(lambda: state(other) == "MASTER", 3, "the other takes over")
        heard = daemon.counters().get("advert_rcvd", 0)
        mark = len(daemon.log())
        segment.plug(0, left.namespace)
        left.set_up()
        # The log's own moment is a few ms late at most; the state is asked of the daemon.
        daemon.wait_log(r"\(VI_1\) Entering BACKUP STATE", INTERVAL_S + ROUGHLY_S, skip=mark)
        until(lambda heard=heard: daemon.counters().get("advert_rcvd", 0) > heard, 2, "it hears the other again")
        until(lambda: state(daemon) == settled, 5, settled)
        indexes.add(left.ip("-o", "link", "show", "eth0").partition(":")[0])
    assert len(indexes) == 3, "another index each time"
    assert descriptors(daemon) <= before
    if settled == "BACKUP":
        assert daemon.transitions() == ["BACKUP", *["FAULT", "BACKUP"] * 3]


def test_renamed_and_named_back(lab: Lab) -> None:
    left, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(instance(interval_s=INTERVAL_S))
    daemon.start()
    left.record.wait_address(VIP, True, timeout_s=START_S)
    left.ip("link", "set", "eth0", "down")
    left.ip("link", "set", "eth0", "name", "eth9")
    left.ip("link", "set", "eth9", "up")
    until(lambda: daemon.instance()["faults"] == ["interface eth0 does not exist"], 3, "its name is gone")
    until(lambda: VIP not in left.ip("address", "show"), 3, "nothing is left under the other name")
    left.ip("link", "set", "eth9", "down")
    left.ip("link", "set", "eth9", "name", "eth0")
    mark = len(daemon.log())
    left.ip("link", "set", "eth0", "up")
    daemon.wait_log(r"\(VI_1\) Entering MASTER STATE", 5, skip=mark)
    until(lambda: f"inet {VIP}/24" in left.ip("address", "show", "dev", "eth0"), 2, "the address is back")


def test_one_that_comes_late(lab: Lab) -> None:
    left, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(instance(interface="late0", vips=["198.51.100.1/24 dev late0"]))
    daemon.start()
    until(lambda: state(daemon) == "FAULT", START_S, "it waits")
    left.ip("link", "add", "late0", "type", "veth", "peer", "name", "late1")
    left.ip("link", "set", "late1", "up")
    left.ip("address", "add", "203.0.113.1/24", "dev", "late0")
    until(lambda: daemon.instance()["faults"] == ["interface late0 is down"], 3, "there, and down")
    left.ip("link", "set", "late0", "up")
    left.record.wait_address("198.51.100.1", True, timeout_s=3)


def test_adverts_follow_the_address_of_the_interface(lab: Lab) -> None:
    """The primary address changes under a MASTER: the next adverts come from the new one, the state stays."""
    left, right = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(instance(vips=["198.51.100.1/32"]))
    daemon.start()
    right.record.wait_adverts(2, sent=False, timeout_s=START_S)
    left.ip("address", "add", "203.0.113.7/24", "dev", "eth0")
    left.ip("address", "del", f"{left.ip4}/24", "dev", "eth0")
    right.record.wait(
        lambda: [a for a in right.record.adverts if a.source == "203.0.113.7"], 2, "an advert from the new address"
    )
    left.ip("address", "del", "203.0.113.7/24", "dev", "eth0")
    until(lambda: daemon.instance()["faults"] == ["interface eth0 has no IPv4 address"], 2, "none is left")
    until(lambda: daemon.transitions() == ["BACKUP", "MASTER", "FAULT"], 2, "FAULT, and nothing before, in the log")
    left.ip("address", "add", f"{left.ip4}/24", "dev", "eth0")
    until(lambda: state(daemon) == "MASTER", 3, "MASTER again")


def test_a_tracked_interface_with_a_weight(lab: Lab) -> None:
    """Its link moves the priority, also when it is deleted and made again."""
    left, _ = lab.pair()
    left.ip("link", "add", "up0", "type", "veth", "peer", "name", "up1")
    for name in ("up0", "up1"):
        left.ip("link", "set", name, "up")
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(instance("VI_1", "track_interface {\nup0 weight -60\n}"))
    daemon.start()
    left.record.wait_address(VIP, True, timeout_s=START_S)

    def priority(wanted: int) -> None:
        until(lambda: daemon.instance()["priority"] == wanted, 3, f"priority {wanted}")

    priority(200)
    left.ip("link", "set", "up1", "down")
    priority(140)
    left.ip("link", "set", "up1", "up")
    priority(200)
    left.ip("link", "del", "up0")
    priority(140)
    left.ip("link", "add", "up0", "type", "veth", "peer", "name", "up1")
    for name in ("up0", "up1"):
        left.ip("link", "set", name, "up")
    priority(200)
    assert daemon.transitions() == ["BACKUP", "MASTER"]
