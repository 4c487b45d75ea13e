"""Accept mode on a wire: another host asks a master's addresses, by ping, TCP and UDP, with and without it.

What passes is measured, not read from rules; keepalived with the same file is measured beside ours. The rules of the
host itself must be as they were, to the letter.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from netns.harness import IP, START_S, Daemon, Lab, Node, run, until
from pyvrrp import linux

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft not found; make test-deps installs it"),
]

MASTER_S = START_S + 1.0
PORT = 7777
QUIET_S = 0.3                   # an answer on this wire takes 1 ms; a dropped packet is waited for this long
VIP4, VIP6 = "192.0.2.100", "2001:db8::100"
LINK_LOCAL = "fe80::100"
VIPS = {4: (VIP4,), 6: (LINK_LOCAL, VIP6)}
USERS_RULES = """
table inet users {
    set blocked { type ipv4_addr; elements = { 203.0.113.7 }; }
    chain input { type filter hook input priority 0; policy accept; ip saddr @blocked drop; }
}
table ip nat { chain prerouting { type nat hook prerouting priority -100; }
}
"""


def file_of(family: int, *lines: str, top: str = "", vips: tuple[str, ...] | None = None, vrid: int = 51) -> str:
    length = {4: 24, 6: 64}[family]
    addresses = "".join(f"        {vip}/{length}\n" for vip in vips or VIPS[family])
    return "\n".join((
        f"global_defs {{\n{top}\n}}",
        f"vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id {vrid}\n priority 200\n version 3",
        " advert_int 0.1",
        *lines,
        f" virtual_ipaddress {{\n{addresses} }}\n}}\n",
    ))


@contextlib.contextmanager
def inside(node: Node) -> Iterator[None]:
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(f"/run/netns/{node.namespace}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with linux.inside(there, home):
            yield
    finally:
        os.close(there)
        os.close(home)


class Service:
    """Something that hears on every address of a host: TCP and UDP."""

    def __init__(self, node: Node) -> None:
        with inside(node):
            self.tcp = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)
            self.udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.udp.bind(("::", PORT))
        self.udp.settimeout(QUIET_S)

    def close(self) -> None:
        self.tcp.close()
        self.udp.close()


def internet_checksum(data: bytes) -> int:
    """RFC 1071, of an even number of bytes."""
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


class Asking:
    """What reaches a service, seen from another host."""

    def __init__(self, service: Service, node: Node) -> None:
        self.service, self.node = service, node

    def reached(self, address: str) -> set[str]:
        """How `address` could be reached: of ping, tcp and udp."""
        ip = ipaddress.ip_address(address)
        family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
        with inside(self.node):
            scope = socket.if_nametoindex("eth0") if ip.is_link_local else 0
            tcp, udp = socket.socket(family, socket.SOCK_STREAM), socket.socket(family, socket.SOCK_DGRAM)
        place = (address, PORT) if ip.version == 4 else (address, PORT, 0, scope)
        found = set()
        with tcp, udp:
            tcp.settimeout(QUIET_S)
            with contextlib.suppress(TimeoutError):
                tcp.connect(place)
                found.add("tcp")
            udp.sendto(address.encode(), place)
            with contextlib.suppress(TimeoutError):
                assert self.service.udp.recvfrom(100)[0] == address.encode()
                found.add("udp")
        return found | ({"ping"} if self.pings(address) else set())

    def pings(self, address: str) -> bool:
        """Whether an echo request is answered. ping(8) may not be installed."""
        is_4 = ":" not in address
        family, protocol = (socket.AF_INET, socket.IPPROTO_ICMP) if is_4 else (socket.AF_INET6, socket.IPPROTO_ICMPV6)
        request, reply = (b"\x08", b"\x00") if is_4 else (b"\x80", b"\x81")
        mark = os.urandom(8)
        with inside(self.node):
            sock = socket.socket(family, socket.SOCK_RAW, protocol)
            scope = socket.if_nametoindex("eth0") if address.startswith("fe80") else 0
        with sock:
            checksum = internet_checksum(request + bytes(3) + mark) if is_4 else 0
            message = request + b"\0" + checksum.to_bytes(2, "big") + mark
            sock.sendto(message, (address, 0) if is_4 else (address, 0, 0, scope))
            deadline_s = time.monotonic() + QUIET_S
            while (left_s := deadline_s - time.monotonic()) > 0:
                sock.settimeout(left_s)
                with contextlib.suppress(TimeoutError):
                    heard = sock.recv(2000)[20 if is_4 else 0 :]
                    if heard[:1] == reply and heard[4:] == mark:
                        return True
        return False

    def knows(self, address: str) -> bool:
        """Whether the host was told the link-layer address: by ARP or neighbour discovery."""
        shown = json.loads(self.node.ip("-j", "neigh", "show", address, "dev", "eth0"))
        return any("lladdr" in each for each in shown)


ALL = {"ping", "tcp", "udp"}


@pytest.fixture
def pair(lab: Lab) -> Iterator[tuple[Daemon, Node, Asking]]:
    """A daemon of ours, its host, and another host that asks."""
    left, right = lab.pair()
    right.ip("route", "add", "2001:db8::/64", "dev", "eth0")
    service = Service(left)
    yield lab.daemon("pyvrrpd", left), left, Asking(service, right)
    service.close()


def nft(node: Node, *argv: str, text: str | None = None) -> str:
    return run(IP, "netns", "exec", node.namespace, "nft", *argv, text=text)


def rules(node: Node, *, but: str = "") -> list[Any]:
    """Everything that nft lists, without a table of that name, and without what differs from list to list."""
    listed = json.loads(nft(node, "-j", "list", "ruleset"))["nftables"]
    kept = [each for each in listed if "metainfo" not in each]
    return [e for e in kept if not but or but not in (v.get("table", v.get("name")) for v in e.values())]


def tables(node: Node) -> list[str]:
    return nft(node, "list", "tables").split("\n")[:-1]


def elements(node: Node, name: str, table: str = "pyvrrp") -> list[Any]:
    listed = json.loads(nft(node, "-j", "list", "set", "inet", table, name))["nftables"]
    (found,) = [each["set"] for each in listed if "set" in each]
    return list(found.get("elem", []))


def start(daemon: Daemon, node: Node, text: str, *vips: str) -> None:
    daemon.configure(text)
    daemon.start()
    for vip in vips:
        node.record.wait_address(vip, True, timeout_s=MASTER_S)


@pytest.mark.rule("S11")
@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(("lines", "top", "expected"), [
    ((), "", ALL),
    ((" no_accept",), "", set()),
    ((), " vrrp_strict", set()),
    ((" accept",), " vrrp_strict", ALL),
    ((" no_accept", " priority 255"), "", ALL),
], ids=["default", "no_accept", "strict", "strict-accept", "owner"])
def test_what_reaches_a_master(
    pair: tuple[Daemon, Node, Asking], family: int, lines: tuple[str, ...], top: str, expected: set[str]
) -> None:
    """Its addresses answer as accept mode says; ARP and neighbour discovery, and other addresses, always do."""
    daemon, left, asking = pair
    start(daemon, left, file_of(family, *lines, top=top), *VIPS[family])
    for vip in VIPS[family]:
        assert asking.reached(vip) == expected, vip
        assert asking.knows(vip)
    assert asking.reached(left.ip4) == asking.reached(left.ip6) == asking.reached(left.link_local) == ALL
    daemon.terminate()
    assert tables(left) == []


@pytest.mark.rule("S2", breaks=True)
def test_a_backup_accepts_nothing_even_if_it_has_the_address(pair: tuple[Daemon, Node, Asking]) -> None:
    """The filter does not come with the state: a second host with the address by mistake does not answer on it."""
    daemon, left, asking = pair
    daemon.configure(file_of(4, " no_accept", " advert_int 30"))
    daemon.start()
    daemon.wait_log("Entering BACKUP STATE", START_S)
    left.ip("address", "add", f"{VIP4}/32", "dev", "lo")
    assert asking.reached(VIP4) == set()
    daemon.terminate()
    assert asking.reached(VIP4) == ALL


@pytest.mark.rule("S11")
@pytest.mark.parametrize("family", [4, 6])
def test_keepalived_lets_the_same_pass(lab: Lab, family: int) -> None:
    for lines in ((" no_accept",), (" accept",)):
        reached = []
        for kind in ("pyvrrpd", "keepalived"):
            left, right = lab.pair()
            right.ip("route", "add", "2001:db8::/64", "dev", "eth0")
            service = Service(left)
            daemon = lab.daemon(kind, left)
            # keepalived 2.2.7 drops the adverts that it sends from a link-local address of its own list.
            start(daemon, left, file_of(family, *lines), *VIPS[family])
            asking = Asking(service, right)
            reached.append([asking.reached(each) for each in (*VIPS[family], left.ip4, left.ip6, left.link_local)])
            daemon.discard()
            service.close()
        assert reached[0] == reached[1]


@pytest.mark.rule("S11")
def test_what_is_forwarded_passes(lab: Lab, pair: tuple[Daemon, Node, Asking]) -> None:
    """The point of a router: packets through it, by its virtual address, go on."""
    daemon, left, asking = pair
    behind = f"{left.namespace}b"
    lab.own_namespace(behind)
    run(IP, "netns", "add", behind)
    left.ip("link", "add", "eth1", "type", "veth", "peer", "name", "eth0", "netns", behind)
    for node, dev, address in ((left.namespace, "eth1", "198.51.100.1"), (behind, "eth0", "198.51.100.2")):
        run(IP, "-n", node, "address", "add", f"{address}/24", "dev", dev)
        run(IP, "-n", node, "link", "set", dev, "up")
    run(IP, "-n", behind, "route", "add", "default", "via", "198.51.100.1")
    with inside(left):
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    asking.node.ip("route", "add", "198.51.100.0/24", "via", VIP4)
    start(daemon, left, file_of(4, " no_accept"), VIP4)
    assert asking.pings("198.51.100.2")
    assert asking.reached(VIP4) == set()


def test_rules_of_others_are_as_they_were(pair: tuple[Daemon, Node, Asking]) -> None:
    """To the letter, handles and all: while ours are there, after a crash, and after the end."""
    daemon, left, _ = pair
    nft(left, "-f", "-", text=USERS_RULES)
    before = rules(left)
    start(daemon, left, file_of(4, " no_accept"), VIP4)
    assert rules(left, but="pyvrrp") == before
    assert "table inet pyvrrp" in tables(left)
    daemon.kill()
    assert rules(left, but="pyvrrp") == before
    daemon.start()
    daemon.wait_log("of a daemon that is gone is removed", START_S)
    daemon.wait_log("Entering MASTER STATE", MASTER_S)
    daemon.terminate()
    assert rules(left) == before


def test_a_flush_of_the_hosts_rules_leaves_the_filter(pair: tuple[Daemon, Node, Asking]) -> None:
    """`nft -f /etc/nftables.conf` begins with it on most hosts."""
    daemon, left, asking = pair
    start(daemon, left, file_of(4, " no_accept"), VIP4)
    if "owner" not in nft(left, "list", "table", "inet", "pyvrrp"):
        pytest.skip("this kernel's tables have no owner that outlives a crash (Linux 6.9)")
    nft(left, "flush", "ruleset")
    assert asking.reached(VIP4) == set()


@pytest.mark.rule("S11", breaks=True)
def test_after_a_crash_the_filter_is_there_as_long_as_the_address(pair: tuple[Daemon, Node, Asking]) -> None:
    daemon, left, asking = pair
    start(daemon, left, file_of(4, " no_accept"), VIP4)
    daemon.kill()
    assert left.has(VIP4)
    assert asking.reached(VIP4) == set()
    # Without no_accept now: what is left over must not keep packets away.
    start(daemon, left, file_of(4))
    daemon.wait_log("of a daemon that is gone is removed", START_S)
    until(lambda: daemon.transitions() == ["BACKUP", "MASTER"] * 2, MASTER_S, "MASTER again")
    left.record.wait_address(VIP4, True, timeout_s=MASTER_S)
    assert asking.reached(VIP4) == ALL
    assert tables(left) == []


@pytest.mark.rule("S11")
def test_a_reload_switches_it_and_nothing_else(pair: tuple[Daemon, Node, Asking]) -> None:
    daemon, left, asking = pair
    start(daemon, left, file_of(4), VIP4)
    assert asking.reached(VIP4) == ALL
    for line, expected in ((" no_accept", set()), (" accept", ALL), (" no_accept", set())):
        mark = len(daemon.log())
        daemon.configure(file_of(4, line))
        daemon.signal(signal.SIGHUP)
        daemon.wait_log("reload: 0 added, 0 removed, 1 changed", 5, skip=mark)
        until(lambda: tables(left) == ([] if expected else ["table inet pyvrrp"]), 5, line)     # noqa: B023
        assert asking.reached(VIP4) == expected
    mark = len(daemon.log())
    daemon.configure(file_of(4, " no_accept", top=" nftables mine\n nftables_priority -7\n nftables_counters"))
    daemon.signal(signal.SIGHUP)
    until(lambda: tables(left) == ["table inet mine"], 5, "the other name")
    assert asking.reached(VIP4) == set()
    shown = nft(left, "list", "table", "inet", "mine")
    assert "priority filter - 7" in shown
    assert "ip daddr @vips4 counter packets 0" not in shown, "they were counted"
    assert daemon.transitions() == ["BACKUP", "MASTER"]
    assert left.has(VIP4)


def test_addresses_that_a_reload_adds_and_removes(pair: tuple[Daemon, Node, Asking]) -> None:
    daemon, left, asking = pair
    start(daemon, left, file_of(4, " no_accept"), VIP4)
    daemon.configure(file_of(4, " no_accept", vips=("192.0.2.101", "192.0.2.102")))
    daemon.signal(signal.SIGHUP)
    left.record.wait_address("192.0.2.102", True, timeout_s=5)
    until(lambda: set(elements(left, "vips4")) == {"192.0.2.101", "192.0.2.102"}, 5, "their elements")
    assert asking.reached("192.0.2.102") == set()


def test_two_thousand_addresses(pair: tuple[Daemon, Node, Asking]) -> None:
    """An element each, and not one rule more."""
    daemon, left, asking = pair
    vips = tuple(str(ipaddress.ip_address("198.18.0.1") + i) for i in range(200))
    blocks = [
        file_of(4, " no_accept", vips=tuple(str(ipaddress.ip_address(v) + 256 * i) for v in vips), vrid=i + 1).replace(
            "VI_1", f"VI_{i}"
        ).partition("}\n")[2]
        for i in range(10)
    ]
    daemon.configure("".join(blocks))
    daemon.start()
    last = str(ipaddress.ip_address(vips[-1]) + 256 * 9)
    left.record.wait_address(last, True, timeout_s=MASTER_S + 5)
    assert len(elements(left, "vips4")) == 2000
    assert sum("rule" in each for each in rules(left)) == 8
    asking.node.ip("route", "add", "198.18.0.0/16", "dev", "eth0")
    assert asking.reached(last) == set()
    daemon.terminate()
    assert tables(left) == []


def test_two_daemons_have_tables_of_their_own(lab: Lab, pair: tuple[Daemon, Node, Asking]) -> None:
    """The second one's start, the first one's crash and the third one's start harm no other."""
    first, left, asking = pair
    start(first, left, file_of(4, " no_accept"), VIP4)
    second = lab.daemon("pyvrrpd", left)
    start(second, left, file_of(4, " no_accept", vips=("192.0.2.102",), vrid=52), "192.0.2.102")
    assert tables(left) == ["table inet pyvrrp", "table inet pyvrrp-2"]
    first.kill()
    third = lab.daemon("pyvrrpd", left)
    start(third, left, file_of(4, " no_accept", vips=("192.0.2.103",), vrid=53), "192.0.2.103")
    assert elements(left, "vips4") == ["192.0.2.103"]
    assert elements(left, "vips4", "pyvrrp-2") == ["192.0.2.102"]
    third.terminate()
    assert tables(left) == ["table inet pyvrrp-2"]
    assert asking.reached("192.0.2.102") == set()


def test_keepalived_in_the_same_namespace(lab: Lab, pair: tuple[Daemon, Node, Asking]) -> None:
    """Even with one name of a table in both files: keepalived's are of the families ip and ip6, ours of inet."""
    ours, left, asking = pair
    start(ours, left, file_of(4, " no_accept", top=" nftables shared"), VIP4)
    mine = [each for each in rules(left) if next(iter(each.values()))["family"] == "inet"]
    theirs = lab.daemon("keepalived", left)
    other = file_of(4, " no_accept", top=" nftables shared", vips=("192.0.2.102",), vrid=52)
    start(theirs, left, other, "192.0.2.102")
    until(lambda: "table ip shared" in tables(left), 5, "keepalived's table")
    assert asking.reached(VIP4) == asking.reached("192.0.2.102") == set()
    theirs.terminate()
    assert rules(left) == mine
    assert asking.reached(VIP4) == set()


@pytest.mark.rule("S11", breaks=True)
def test_no_filter_no_address(pair: tuple[Daemon, Node, Asking]) -> None:
    """Where the kernel refuses, here since every name is taken, the instance is in FAULT and says why, until it can."""
    daemon, left, asking = pair
    names = ["pyvrrp", *(f"pyvrrp-{i}" for i in range(2, 65))]
    nft(left, "-f", "-", text="".join(f"table inet {name} {{ }}\n" for name in names))
    other = file_of(4, vips=("192.0.2.102",), vrid=52).replace("VI_1", "VI_2").partition("}\n")[2]
    start(daemon, left, file_of(4, " no_accept") + other, "192.0.2.102")
    entry = daemon.instance()
    assert entry["state"] == "FAULT"
    assert entry["faults"] == [
        "packets to its addresses cannot be dropped: nftables: tables pyvrrp to pyvrrp-64 are taken; "
        "load nf_tables, or write accept"
    ]
    assert not left.has(VIP4)
    nft(left, "delete", "table", "inet", "pyvrrp-7")
    left.record.wait_address(VIP4, True, timeout_s=10)
    assert asking.reached(VIP4) == set()
    assert elements(left, "vips4", "pyvrrp-7") == [VIP4]
