"""A thousand unicast routers in one process: few sockets, and no master lost.

Half of them speak IPv4, half IPv6, at 1 s, to a second pyvrrpd that is backup of all. The VRIDs repeat: the
routers of one VRID have peers of different addresses. Nothing is read from the wire here: a lost master
shows as an address that goes from one host or comes on the other.
"""

from __future__ import annotations

import ipaddress
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from netns.harness import START_S, Daemon, Lab, Node, lab, until

pytestmark = [pytest.mark.root]

ROUTERS = 1000
GROUPS = 2                  # of VRIDs per family: the peer's addresses
VRIDS = ROUTERS // 2 // GROUPS
WATCH_S = 30.0 if "PYVRRP_NIGHTLY" in os.environ else 10.0


@dataclass(frozen=True, slots=True)
class Router:
    family: int
    group: int
    vrid: int

    @property
    def vip(self) -> str:
        if self.family == 4:
            return f"198.18.{self.group}.{self.vrid}"
        return str(ipaddress.ip_address(f"2001:db8:{self.group}::{self.vrid:x}"))

    def text(self, *, own: str, peer: str, priority: int) -> str:
        return f"""
vrrp_instance R{self.family}_{self.group}_{self.vrid} {{
    interface eth0
    virtual_router_id {self.vrid}
    priority {priority}
    version 3
    advert_int 1
    unicast_src_ip {own}
    unicast_peer {{
        {peer}
    }}
    virtual_ipaddress {{
        {self.vip}
    }}
}}
"""


ALL = [
    Router(family, group, vrid)
    for family in (4, 6) for group in range(GROUPS) for vrid in range(1, VRIDS + 1)
]


def left_address(family: int) -> str:
    return "192.0.2.1" if family == 4 else "fd00:2::1"


def right_address(router: Router) -> str:
    return f"192.0.2.{10 + router.group}" if router.family == 4 else f"fd00:2::{10 + router.group}"


@dataclass
class Thousand:
    left: Node
    right: Node
    master: Daemon
    backup: Daemon
    settled_s: float        # since when the left is master of all and the right of none


@pytest.fixture(scope="module")
def thousand() -> Iterator[Thousand]:
    with lab(adverts=False) as made:
        yield start(made)


def start(made: Lab) -> Thousand:
    left, right = made.pair()
    for group in range(GROUPS):
        right.ip("address", "add", f"192.0.2.{10 + group}/24", "dev", "eth0")
        right.ip("address", "add", f"fd00:2::{10 + group}/64", "dev", "eth0", "nodad")
    master, backup = made.daemon("pyvrrpd", left), made.daemon("pyvrrpd", right)
    ends = [(router, left_address(router.family), right_address(router)) for router in ALL]
    master.configure("".join(r.text(own=ours, peer=theirs, priority=200) for r, ours, theirs in ends))
    backup.configure("".join(r.text(own=theirs, peer=ours, priority=100) for r, ours, theirs in ends))
    vips = {router.vip for router in ALL}
    assert len(vips) == ROUTERS
    master.start()
    left.record.wait(lambda: vips <= here(left), START_S + 10, f"{ROUTERS} addresses on the master")
    backup.start()
    until(lambda: backup.socket.exists() and len(states(backup, "BACKUP")) == ROUTERS, START_S, "all BACKUP")
    return Thousand(left, right, master, backup, time.monotonic())


def here(node: Node) -> set[str]:
    """The addresses that are on the host now."""
    present: set[str] = set()
    for event in node.record.addresses:
        (present.add if event.added else present.discard)(event.address)
    return present


def states(daemon: Daemon, state: str) -> list[str]:
    return [entry["name"] for entry in daemon.get("/v1/instances")["instances"] if entry["state"] == state]


def raw_sockets(pid: int, family: int) -> int:
    """How many raw sockets of the family the process has, in the namespace that it runs in."""
    table = Path(f"/proc/{pid}/net/{'raw' if family == 4 else 'raw6'}").read_text().splitlines()[1:]
    inodes = {f"socket:[{line.split()[9]}]" for line in table}
    return sum(str(link.readlink()) in inodes for link in Path(f"/proc/{pid}/fd").iterdir())


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("side", ["master", "backup"])
def test_two_raw_sockets_per_namespace_and_family(thousand: Thousand, side: str, family: int) -> None:
    daemon: Daemon = getattr(thousand, side)
    assert raw_sockets(daemon.pid, family) == 2


def test_one_process_and_its_spawner(thousand: Thousand) -> None:
    """No process, thread or descriptor per router."""
    pid = thousand.master.pid
    assert len(list(Path(f"/proc/{pid}/fd").iterdir())) < 64
    assert len(list(Path(f"/proc/{pid}/task").iterdir())) < 16


def test_no_master_is_lost_for_some_time(thousand: Thousand) -> None:
    """The master keeps all its addresses, the backup never gets one, and the adverts flow."""
    left, right, since_s = thousand.left, thousand.right, thousand.settled_s
    vips = {router.vip for router in ALL}

    def moved() -> list[object]:
        lost = [e for e in left.record.addresses if e.at_s >= since_s and not e.added and e.address in vips]
        return [*lost, *(e for e in right.record.addresses if e.added and e.address in vips)]

    with left.record.changed:
        left.record.changed.wait_for(moved, since_s + WATCH_S - time.monotonic())
    assert not moved()
    assert len(states(thousand.master, "MASTER")) == ROUTERS
    assert len(states(thousand.backup, "BACKUP")) == ROUTERS
    for entry in thousand.backup.get("/v1/instances")["instances"]:
        heard = entry["peer_last_heard"]
        assert heard is not None
        assert heard["ago_s"] < 2.0, f"{entry['name']}: nothing heard for {heard['ago_s']:.1f} s"
