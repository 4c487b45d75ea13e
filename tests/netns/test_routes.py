"""Routes, rules and static things of whole daemons: what the kernel has under pyvrrpd and under keepalived."""

from __future__ import annotations

import difflib
import re
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from netns.harness import IP, Daemon, Kind, Lab, Node, run, until

pytestmark = pytest.mark.root

PRIORITY = 200
START_TO_MASTER_S = 12.0

ROUTES = """
        10.1.0.0/16 via 192.0.2.9 dev eth0 mtu lock 1400 advmss 1300 initcwnd 20 hoplimit 9 rtt 2400 rttvar 2s
        10.2.0.0/16 dev eth0 src 192.0.2.100 table 1000 metric 5
        10.3.0.0/16 dev eth0 scope link
        blackhole 10.4.0.0/16
        unreachable 10.4.1.0/24 metric 9
        10.5.0.0/16 nexthop via 192.0.2.9 dev eth0 weight 2 nexthop via 192.0.2.10 dev eth0 onlink
        default via 192.0.2.9 table 1000
        10.6.0.0/16 via 192.0.2.9 no_track protocol static
        10.7.0.0/16 via 198.18.0.1 dev eth0 onlink congctl lock reno features ecn quickack 1
        10.8.0.0/16 dev eth0 tos 0x10 realms 1/2
        10.9.0.0/16 via 192.0.2.9 dev eth0 append
        2001:db8:5::/48 via fd00:2::9 dev eth0
        unreachable 2001:db8:6::/48
        2001:db8:7::/48 via fd00:2::9 dev eth0 metric 7 mtu 1300 hoplimit 33 pref high
        default6 via fd00:2::9 table 1000
"""
RULES = """
        from 192.0.2.100 table 1000 priority 1000
        not to 10.0.0.0/8 iif eth0 fwmark 5/7 goto 2000 priority 1001
        nop priority 2000
        from 10.0.0.0/8 to 10.1.0.0/16 oif eth0 tos 0x10 table 1000 priority 1002
        uidrange 10-20 blackhole priority 1003
        ipproto tcp sport 10-20 dport 80-443 prohibit priority 1004
        tunnel-id 7 table 1000 suppress_prefixlength 3 priority 1005
        from 2001:db8::/32 table 1000 priority 1000
"""


def instance(*, routes: str = "", rules: str = "", lines: str = "", vip: str = "192.0.2.100/24") -> str:
    return f"""
vrrp_instance VI_1 {{
    state MASTER
    interface eth0
    virtual_router_id 51
    priority {PRIORITY}
    advert_int 0.2
    version 3
    {lines}
    virtual_ipaddress {{
        {vip}
    }}
    virtual_routes {{
        {routes}
    }}
    virtual_rules {{
        {rules}
    }}
}}
"""


def tables(node: Node) -> list[str]:
    """The addresses, routes and rules of a host as ip(8) prints them, without what the kernel made by itself."""
    routes = [*node.ip("-4", "-d", "route", "show", "table", "all").splitlines(),
              *node.ip("-6", "-d", "route", "show", "table", "all").splitlines()]
    joined: list[str] = []
    for line in routes:
        if line.startswith("\t") and joined:
            joined[-1] += line              # a next hop
        else:
            joined.append(line)
    found = [line for line in joined if "proto kernel" not in line]
    found += [line for line in (*node.ip("rule").splitlines(), *node.ip("-6", "rule").splitlines())
              if not re.match(r"(0|3276[67]):", line)]
    found += [f"{words[1]} {words[3]} {' '.join(words[4:])}" for words in
              (line.partition("\\")[0].split() for line in node.ip("-o", "addr").splitlines())]
    return sorted(" ".join(line.split()) for line in found)


def without_own(lines: list[str], node: Node) -> list[str]:
    own = f" {node.ip4}/", f" {node.ip6}/", f" {node.link_local}/", "lo 127", "lo ::1"
    return [line for line in lines if not any(text in line for text in own)]


def master(daemon: Daemon, node: Node, address: str = "192.0.2.100") -> None:
    """Start `daemon` and wait until it is MASTER with all that it sets: notify comes last, the log line first."""
    daemon.start()
    daemon.wait_log(r"\(VI_1\) Entering MASTER STATE", START_TO_MASTER_S)
    until(lambda: node.has(address), START_TO_MASTER_S, f"{address} is there")


def settled(look: Callable[[], list[str]], what: str) -> list[str]:
    """What `look` returns once it is the same three times running, some time apart."""
    seen = [look()]

    def same() -> bool:
        time.sleep(0.1)
        seen.append(look())
        return len(seen) > 3 and seen[-1] == seen[-2] == seen[-3]

    until(same, 5, f"{what} stays as it is")
    return seen[-1]


def will_have(node: Node, there: list[str], timeout_s: float = 8.0) -> None:
    """Wait until the host has just that."""
    deadline_s = time.monotonic() + timeout_s
    while (found := tables(node)) != there:
        if time.monotonic() > deadline_s:
            lines = "\n".join(difflib.unified_diff(there, found, "expected", "found", lineterm="", n=0))
            raise AssertionError(f"not within {timeout_s:g} s:\n{lines}")
        time.sleep(0.05)


@pytest.fixture
def node(lab: Lab) -> Node:
    node, _ = lab.pair()
    return node


def test_all_words_as_keepalived_sets_them(lab: Lab, node: Node) -> None:
    """One file, both daemons: the same addresses, routes and rules as MASTER, and the same after they stopped."""
    static = """
static_ipaddress {
    203.0.113.5/24 brd + dev eth0 scope link
    2001:db8:99::1/64 dev eth0
}
static_routes {
    198.51.100.0/24 via 192.0.2.7 dev eth0
    10.99.0.0/16 via 203.0.113.9 dev eth0 src 203.0.113.5
}
static_rules {
    from 203.0.113.0/24 table 77 priority 900
}
"""
    before = tables(node)
    found: dict[Kind, list[str]] = {}
    for kind in ("keepalived", "pyvrrpd"):
        daemon = lab.daemon(kind, node)
        daemon.configure(static + instance(routes=ROUTES, rules=RULES))
        master(daemon, node)
        there = settled(lambda: tables(node), "what it set")
        daemon.terminate()
        found[kind] = there
        assert tables(node) == before, f"{kind} left something"
    lines = difflib.unified_diff(found["keepalived"], found["pyvrrpd"], "keepalived", "pyvrrpd", lineterm="", n=0)
    assert "\n".join(lines) == ""
    lines = without_own(found["pyvrrpd"], node)
    routes, rules = (text.strip().splitlines() for text in (ROUTES, RULES))
    # The lines of both blocks, of the static blocks, and the virtual address: each came to something.
    assert len(lines) == len(routes) + len(rules) + 5 + 1, "\n".join(lines)


def test_a_crash_leaves_nothing_for_the_next_run(lab: Lab, node: Node) -> None:
    daemon = lab.daemon("pyvrrpd", node)
    text = instance(routes=ROUTES, rules=RULES)
    daemon.configure(text)
    before = tables(node)
    master(daemon, node)
    settled(lambda: tables(node), "what it set")
    daemon.kill()
    assert len(tables(node)) > len(before) + 20
    # It starts as BACKUP of nobody: what is left has to go before it is MASTER again.
    skip = len(daemon.log())
    daemon.configure(text.replace("advert_int 0.2", "advert_int 3"))
    daemon.start()
    daemon.wait_log(r"\(VI_1\) Entering BACKUP STATE", START_TO_MASTER_S, skip=skip)
    assert tables(node) == before
    daemon.terminate()


def test_somebody_deletes_a_route(lab: Lab, node: Node) -> None:
    """S19: as if it were an address; of both daemons, the one with no_track is left alone."""
    for kind in ("keepalived", "pyvrrpd"):
        daemon = lab.daemon(kind, node)
        daemon.configure(instance(
            routes="10.1.0.0/16 via 192.0.2.9 dev eth0\n10.2.0.0/16 via 192.0.2.9 dev eth0 no_track",
            rules="from 192.0.2.100 iif eth0 table 1000 priority 1000",
        ))
        master(daemon, node)
        there = settled(lambda: tables(node), "what it set")
        for command in ("route del 10.1.0.0/16", "rule del priority 1000"):
            skip = len(daemon.log())
            node.ip(*command.split())
            daemon.wait_log(r"\(VI_1\) Entering BACKUP STATE", 5, skip=skip)
            daemon.wait_log(r"\(VI_1\) Entering MASTER STATE", 5, skip=skip)
            will_have(node, there)
        skip = len(daemon.log())
        node.ip("route", "del", "10.2.0.0/16")
        left = settled(lambda: tables(node), "what is left")
        assert len(left) == len(there) - 1
        assert "BACKUP" not in daemon.log()[skip:]
        daemon.terminate()


def test_interface_down_and_up(lab: Lab, node: Node) -> None:
    """The kernel drops routes with their interface, of IPv4 without a word: they come back."""
    daemon = lab.daemon("pyvrrpd", node)
    node.ip("link", "add", "x0", "type", "veth", "peer", "name", "x1")
    node.ip("link", "set", "x1", "addrgenmode", "none", "up")
    node.ip("link", "set", "x0", "addrgenmode", "none", "up")
    node.ip("address", "add", "10.50.0.1/24", "dev", "x0")
    daemon.configure(instance(
        routes="""
        10.51.0.0/16 via 10.50.0.9 dev x0 no_track
        10.52.0.0/16 via 10.50.0.9 no_track
        10.53.0.0/16 no_track nexthop via 10.50.0.9 dev x0 nexthop via 192.0.2.9 dev eth0
        10.54.0.0/16 via 192.0.2.9 dev eth0
        2001:db8:5::/48 dev x0 no_track
        """,
    ))
    master(daemon, node)
    there = settled(lambda: tables(node), "what it set")
    assert sum("10.5" in line and "proto keepalived" in line for line in there) == 4
    node.ip("link", "set", "x0", "down")
    down = settled(lambda: tables(node), "what is left")
    assert [line for line in down if "10.51." in line or "10.52." in line or "2001:db8:5" in line] == []
    node.ip("link", "set", "x0", "up")
    will_have(node, there)
    assert daemon.transitions() == ["BACKUP", "MASTER"]
    # The same, with another index.
    node.ip("link", "del", "x0")
    node.ip("link", "add", "x0", "type", "veth", "peer", "name", "x1")
    node.ip("link", "set", "x1", "addrgenmode", "none", "up")
    node.ip("link", "set", "x0", "addrgenmode", "none")
    node.ip("address", "add", "10.50.0.1/24", "dev", "x0")
    node.ip("link", "set", "x0", "up")
    will_have(node, there)
    daemon.terminate()


def test_a_route_that_is_refused_is_told_and_tried_again(lab: Lab, node: Node) -> None:
    daemon = lab.daemon("pyvrrpd", node)
    daemon.configure(instance(routes="10.1.0.0/16 via 10.77.0.1 dev eth0"))
    master(daemon, node)
    faults = until(lambda: daemon.instance()["faults"], 5, "status tells")
    assert faults == ["route 10.1.0.0/16 via 10.77.0.1 dev eth0 cannot be added: "
                      "Nexthop has invalid gateway (Network is unreachable)"]
    assert daemon.instance()["state"] == "MASTER"
    node.ip("address", "add", "10.77.0.2/24", "dev", "eth0")
    until(lambda: any("10.1.0.0/16" in line for line in tables(node)), 8, "it is there")
    until(lambda: not daemon.instance()["faults"], 5, "status tells")
    daemon.terminate()


def test_reload_changes_only_what_differs(lab: Lab, node: Node) -> None:
    daemon = lab.daemon("pyvrrpd", node)
    static = "static_routes {{\n 198.51.100.0/24 via 192.0.2.7 dev eth0 mtu {mtu}\n 198.51.101.0/24 via 192.0.2.7\n}}\n"
    daemon.configure(static.format(mtu=1400) + instance(
        routes="10.1.0.0/16 via 192.0.2.9 dev eth0 mtu 1400\n10.2.0.0/16 via 192.0.2.9 dev eth0",
        rules="from 192.0.2.100 table 1000 priority 1000",
    ))
    master(daemon, node)
    settled(lambda: tables(node), "what it set")
    changes = Monitor(node)
    daemon.configure(static.format(mtu=1300) + instance(
        routes="10.1.0.0/16 via 192.0.2.9 dev eth0 mtu 1300\n10.2.0.0/16 via 192.0.2.9 dev eth0",
        rules="from 192.0.2.100 table 1001 priority 1000",
    ))
    daemon.signal(signal.SIGHUP)
    until(lambda: sum("mtu 1300" in line for line in tables(node)) == 2, 5, "both are changed")
    until(lambda: any("lookup 1001" in line for line in tables(node)), 5, "the rule is changed")
    told = changes.end()
    assert sorted(line for line in told if "10.2." in line or "198.51.101." in line or "192.0.2.100/" in line) == []
    assert not any("mtu 1400" in line or "lookup 1000" in line for line in tables(node))
    assert daemon.transitions() == ["BACKUP", "MASTER"]
    # Without any: they go, and the address stays.
    daemon.configure(instance())
    daemon.signal(signal.SIGHUP)
    until(lambda: not any("proto keepalived" in line or "10." in line for line in tables(node)), 5, "they are gone")
    assert node.has("192.0.2.100")
    daemon.terminate()


class Monitor:
    """What `ip monitor` says of a host until end()."""

    def __init__(self, node: Node) -> None:
        self._process = subprocess.Popen([IP, "-n", node.namespace, "monitor", "route", "rule", "address"],
                                         stdout=subprocess.PIPE, text=True)
        time.sleep(0.3)

    def end(self) -> list[str]:
        self._process.terminate()
        assert self._process.stdout is not None
        with self._process.stdout:
            lines = self._process.stdout.read().splitlines()
        self._process.wait()
        return lines


def test_static_things_are_put_back_and_wait(lab: Lab, node: Node) -> None:
    """S19: what somebody deletes is put back; an interface that is missing is waited for."""
    daemon = lab.daemon("pyvrrpd", node)
    daemon.configure("""
static_ipaddress {
    203.0.113.5/24 dev eth0
    203.0.114.5/24 dev x0
    203.0.115.5/24 dev eth0 no_track
}
static_routes {
    198.51.100.0/24 via 203.0.113.9 dev eth0
}
static_rules {
    from 203.0.113.0/24 table 77 priority 900
}
""" + instance())
    master(daemon, node)
    there = settled(lambda: tables(node), "what it set")
    for command in ("address del 203.0.113.5/24 dev eth0", "route del 198.51.100.0/24", "rule del priority 900"):
        node.ip(*command.split())
        will_have(node, there)
    node.ip("address", "del", "203.0.115.5/24", "dev", "eth0")
    problems = daemon.get("/v1/instances")["problems"]
    assert problems == ["static blocks of keepalived: 203.0.114.5/24 dev x0 waits for its interface"]
    node.ip("link", "add", "x0", "type", "veth", "peer", "name", "x1")
    node.ip("link", "set", "x0", "up")
    until(lambda: node.has("203.0.114.5"), 5, "the address is on the new interface")
    assert daemon.get("/v1/instances")["problems"] == []
    assert not any("203.0.115.5" in line for line in tables(node))
    assert daemon.transitions() == ["BACKUP", "MASTER"]
    daemon.terminate()
    assert not any("203.0.11" in line for line in tables(node))


def test_an_instance_speaks_from_a_static_address(lab: Lab, node: Node) -> None:
    """A static address is the host's own: adverts come from it, as under keepalived."""
    daemon = lab.daemon("pyvrrpd", node)
    daemon.configure("static_ipaddress {\n 203.0.113.5/24 dev eth0\n}\n" + instance(
        lines="unicast_src_ip 203.0.113.5\nunicast_peer {\n 192.0.2.2\n}"
    ))
    master(daemon, node)
    daemon.terminate()


def test_promote_secondaries(lab: Lab, node: Node) -> None:
    """F14: the first address of a subnet goes, the others stay; the interface's setting comes back at the end."""

    def setting() -> str:
        return node.ip("netconf", "show", "dev", "eth0") and sysctl(node, "promote_secondaries")

    for before in ("0", "1"):
        sysctl(node, "promote_secondaries", before)
        daemon = lab.daemon("pyvrrpd", node)
        daemon.configure(instance(lines="promote_secondaries", vip="198.18.5.1/24"))
        master(daemon, node, "198.18.5.1")
        assert setting() == "1"
        node.ip("address", "add", "198.18.5.2/24", "dev", "eth0")
        daemon.terminate()
        assert "198.18.5.2/24" in node.ip("-o", "address")
        assert "198.18.5.1/24" not in node.ip("-o", "address")
        assert setting() == before
        node.ip("address", "del", "198.18.5.2/24", "dev", "eth0")


def sysctl(node: Node, name: str, value: str = "") -> str:
    path = f"/proc/sys/net/ipv4/conf/eth0/{name}"
    command = f"echo {value} > {path}" if value else f"cat {path}"
    return run(IP, "netns", "exec", node.namespace, "sh", "-c", command).strip()
