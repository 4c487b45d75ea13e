"""track_group: an instance that is tied to static things is in FAULT while one of them is lost, as under keepalived."""

from __future__ import annotations

import signal

import pytest

from netns.harness import START_S, Kind, Lab, Node, until

pytestmark = pytest.mark.root

WAIT_S = 8.0
STATIC = """
track_group G {
    group {
        VI_1
    }
}
static_ipaddress {
    198.51.100.7/24 dev eth1 track_group G
    203.0.113.7/24 dev eth2
}
"""
INSTANCE = """
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 200
    version 3
    advert_int 0.1
    virtual_ipaddress {
        192.0.2.100/24
    }
}
"""


def wire(node: Node, number: int) -> None:
    node.ip("link", "add", f"eth{number}", "type", "veth", "peer", "name", f"far{number}")
    for name in (f"far{number}", f"eth{number}"):
        node.ip("link", "set", name, "up")


@pytest.fixture
def node(lab: Lab) -> Node:
    left, _ = lab.pair()
    for number in (1, 2):
        wire(left, number)
    return left


@pytest.mark.parametrize("kind", ["pyvrrpd", "keepalived"])
def test_the_interface_of_a_static_address(lab: Lab, node: Node, kind: Kind) -> None:
    """One that is put back costs nothing; one whose interface is down or gone does, until that is back."""
    daemon = lab.daemon(kind, node)
    daemon.configure(STATIC + INSTANCE)
    daemon.start()
    until(lambda: node.has("192.0.2.100"), START_S, "the virtual address")
    node.ip("address", "del", "198.51.100.7/24", "dev", "eth1")
    until(lambda: "198.51.100.7/24" in node.ip("address", "show", "dev", "eth1"), WAIT_S, "it is put back")
    node.ip("link", "set", "far2", "down")              # nobody is tied to that one
    until(lambda: daemon.transitions() == ["BACKUP", "MASTER"], WAIT_S, "its states are logged")

    node.ip("link", "set", "far1", "down")
    until(lambda: not node.has("192.0.2.100"), WAIT_S, "FAULT: no carrier")
    if kind == "pyvrrpd":
        assert daemon.instance()["faults"] == ["interface eth1 of track_group G is down"]
    node.ip("link", "set", "far1", "up")
    until(lambda: node.has("192.0.2.100"), WAIT_S, "MASTER again")
    node.ip("link", "delete", "eth1")
    until(lambda: not node.has("192.0.2.100"), WAIT_S, "FAULT: no interface")
    if kind == "pyvrrpd":
        assert daemon.instance()["faults"] == ["interface eth1 of track_group G does not exist"]
    wire(node, 1)
    until(lambda: node.has("192.0.2.100"), WAIT_S, "MASTER once more")
    until(lambda: "198.51.100.7/24" in node.ip("address", "show", "dev", "eth1"), WAIT_S, "and the address")
    until(
        lambda: daemon.transitions() == ["BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER"],
          WAIT_S, "its states are logged")


def test_what_the_kernel_refuses_is_lost(lab: Lab, node: Node) -> None:
    """A route whose gateway is not reachable, from the start and until it is; and a reload that unties the instance."""
    route = "static_routes {{\n 10.9.0.0/16 via 192.0.9.9 dev eth2{}\n}}\n"
    daemon = lab.daemon("pyvrrpd", node)
    daemon.configure(STATIC + route.format(" track_group G") + INSTANCE)
    daemon.start()
    daemon.wait_log("Entering FAULT", START_S)
    assert daemon.instance()["faults"] == ["static 10.9.0.0/16 via 192.0.9.9 dev eth2 track_group G is not set"]
    (problem,) = daemon.get("/v1/instances")["problems"]
    assert "cannot be added: Nexthop has invalid gateway" in problem
    node.ip("address", "add", "192.0.9.1/24", "dev", "eth2")
    until(lambda: node.has("192.0.2.100"), 12, "it was tried again, and worked")
    until(lambda: daemon.transitions() == ["FAULT", "BACKUP", "MASTER"], WAIT_S, "its states are logged")
    assert daemon.get("/v1/instances")["problems"] == []

    # What somebody removes and the kernel does not take back is lost as well.
    node.ip("address", "del", "192.0.9.1/24", "dev", "eth2")        # and the kernel removes the route with it
    node.ip("route", "del", "10.9.0.0/16", check=False)
    until(lambda: not node.has("192.0.2.100"), WAIT_S, "FAULT")
    daemon.configure(STATIC + route.format("") + INSTANCE)
    daemon.signal(signal.SIGHUP)
    until(lambda: node.has("192.0.2.100"), WAIT_S, "nothing ties it to the route now")


def test_no_track_ties_nobody(lab: Lab, node: Node) -> None:
    """And a reload ties instances that run."""
    daemon = lab.daemon("pyvrrpd", node)
    daemon.configure(STATIC.replace("eth1 track_group", "eth1 no_track track_group") + INSTANCE)
    node.ip("link", "set", "far1", "down")
    daemon.start()
    until(lambda: node.has("192.0.2.100"), START_S, "the virtual address")
    until(lambda: daemon.transitions() == ["BACKUP", "MASTER"], WAIT_S, "its states are logged")
    daemon.configure(STATIC + INSTANCE)
    daemon.signal(signal.SIGHUP)
    until(lambda: not node.has("192.0.2.100"), WAIT_S, "FAULT")
    assert daemon.instance()["faults"] == ["interface eth1 of track_group G is down"]
