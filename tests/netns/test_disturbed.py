"""Disturbances of the kernel's state, done to pyvrrpd and to keepalived with one file: the same states, the same end.

Each daemon is alone in a namespace with two interfaces, so whatever happens to an instance is by the disturbance.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from netns.harness import IP, START_S, Daemon, Kind, Lab, Node, run, until

pytestmark = [pytest.mark.root]

SETTLE_S = 15.0

ONE = """
vrrp_instance ONE {
    interface eth0
    virtual_router_id 51
    version 3
    advert_int 0.2
"""
FOUR = ONE + """    virtual_ipaddress {
        192.0.2.100/24
        192.0.2.101
        192.0.2.102/32 label eth0:x
        10.0.0.1/8 brd +
        192.0.2.103/24 dev eth1 no_track
    }
    virtual_ipaddress_excluded {
        2001:db8::1/64
    }
    virtual_routes {
        10.9.0.0/16 via 192.0.2.77 dev eth0
        10.10.0.0/16 dev eth1 table 100
    }
    virtual_rules {
        from 10.9.0.0/16 table 100 priority 500
    }
}
vrrp_instance TWO {
    interface eth1
    virtual_router_id 52
    version 3
    advert_int 0.2
    dont_track_primary
    promote_secondaries
    virtual_ipaddress {
        198.51.100.10/24
        198.51.100.11/24
        198.51.100.12/24
    }
}
"""
SIX = ONE + """    virtual_ipaddress {
        fe80::100/64
        2001:db8::100/64
    }
    virtual_ipaddress_excluded {
        192.0.2.66/24 dev eth0
    }
    virtual_routes {
        default via fe80::99 dev eth0 metric 5
        2001:db8:5::/48 via 2001:db8::5 dev eth0
    }
}
"""
VMAC = ONE + """    use_vmac
    no_accept
    virtual_ipaddress {
        192.0.2.100/24
        198.51.100.100/24 dev eth1
    }
}
"""

# A file, and what is done in turn; after each step both have to come to the same.
CASES: dict[str, tuple[str, tuple[tuple[str, ...], ...]]] = {
    "addresses": (FOUR, (
        ("ip address del 198.51.100.11/24 dev eth1",),
        ("ip address del 192.0.2.103/24 dev eth1",),                                            # no_track
        ("ip address del 10.0.0.1/8 dev eth0",),
        ("ip address del 198.51.100.1/24 dev eth1",),                                           # the host's own
        ("ip address add 198.51.100.1/24 dev eth1",),
    )),
    "routing": (FOUR, (
        ("ip route flush table 100",),
        ("ip route del 10.9.0.0/16",),
        ("ip rule del priority 500",),
        ("ip address flush dev eth0",),
        ("ip address add 192.0.2.1/24 dev eth0",),
    )),
    "links": (FOUR, (
        ("ip link set eth1 down",),                                                             # dont_track_primary
        ("ip link set eth1 up",),
        ("ip link set far0 down",),
        ("ip link set far0 up",),
    )),
    "six": (SIX, (
        ("ip address del fe80::100/64 dev eth0",),
        ("ip -6 route flush table main",),
        ("sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1",),
        ("sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0", "ip address add fe80::1/64 dev eth0 nodad"),
    )),
    "vmac": (VMAC, (
        ("ip link set eth0 mtu 1400",),
        ("ip address flush dev vrrp.51",),
        ("ip link set vrrp.51 down",),
        ("ip link set vrrp.51 up",),
    )),
    "vmac-interfaces": (VMAC, (
        ("ip link del vrrp.51",),
        ("ip link set eth0 down", "ip link set eth0 name ethx", "ip link set ethx up"),
        ("ip link set ethx down", "ip link set ethx name eth0", "ip link set eth0 up"),
    )),
}


def inside(node: Node, command: str) -> str:
    return run(IP, "netns", "exec", node.namespace, *command.split())


def host(lab: Lab) -> Node:
    """A namespace with eth0 and eth1 whose far ends are in it too, so that the daemon hears nobody."""
    node, _ = lab.pair()
    node.ip("link", "del", "eth0")
    for number in (0, 1):
        node.ip("link", "add", f"eth{number}", "type", "veth", "peer", "name", f"far{number}")
        node.ip("link", "set", f"far{number}", "up")
    node.set_up()
    node.ip("link", "set", "eth1", "up")
    node.ip("address", "add", "198.51.100.1/24", "dev", "eth1")
    return node


def kernel(node: Node) -> list[str]:
    """Addresses, routes, rules and interfaces, without what comes by chance or is counted."""
    found = []
    for command in ("ip -o -4 address", "ip -o -6 address", "ip -4 route show table all", "ip -6 route show table all",
                    "ip rule", "ip -br link"):
        for line in inside(node, command).splitlines():
            if re.search(r"fe80::(?!1/|100/|99 )|\bff00::|multicast|broadcast|\banycast|\bcache\b", line):
                continue
            line = re.sub(r"^\d+: |@\S*|\\.*|\b(pref medium|linkdown)\b", "", line)
            if "-br" in command:
                line = " ".join(line.split()[:2])
            found.append(f"{command.split()[-1]} {' '.join(line.split())}")
    return sorted(found)


def states(daemon: Daemon) -> dict[str, list[str]]:
    return {name: daemon.transitions(name) for name in ("ONE", "TWO")}


def rested(look: Callable[[], object]) -> None:
    """Wait until what is looked at has not changed for a second."""
    before, since_s = look(), time.monotonic()
    deadline_s = since_s + 2 * SETTLE_S
    while time.monotonic() < since_s + 1.0:
        assert time.monotonic() < deadline_s, "it does not come to rest"
        time.sleep(0.1)
        if (now := look()) != before:
            before, since_s = now, time.monotonic()


@pytest.mark.parametrize("name", CASES)
def test_the_same_is_done_to_both(lab: Lab, name: str) -> None:
    file, steps = CASES[name]
    daemons: dict[Kind, Daemon] = {}
    for kind in ("pyvrrpd", "keepalived"):
        daemons[kind] = daemon = lab.daemon(kind, host(lab))
        daemon.configure(file)
        daemon.start()
    nodes = [daemon.node for daemon in daemons.values()]
    for daemon in daemons.values():
        for instance in re.findall(r"vrrp_instance (\w+)", file):
            daemon.wait_log(rf"\({instance}\) Entering MASTER", START_S)

    def look() -> tuple[object, ...]:
        return (*map(states, daemons.values()), *map(kernel, nodes))

    def same() -> bool:
        ours, theirs, our_kernel, their_kernel = look()
        return ours == theirs and our_kernel == their_kernel

    def told() -> str:
        ours, theirs, our_kernel, their_kernel = look()
        only = [sorted(set(a) - set(b)) for a, b in ((our_kernel, their_kernel), (their_kernel, our_kernel))]
        return f"{ours} {theirs}; only here {only[0]}, only there {only[1]}"

    def compare(what: str) -> None:
        rested(look)
        try:
            until(same, SETTLE_S, what)
        except AssertionError as error:
            raise AssertionError(f"{error}: {told()}") from None

    compare("both begin alike")
    for step in steps:
        for command in step:
            for node in nodes:
                inside(node, command)
        compare(f"both come to the same after {step}")
    answer = daemons["pyvrrpd"].get("/v1/instances")
    assert all(not one["faults"] or one["state"] == "FAULT" for one in answer["instances"])
    for daemon in daemons.values():
        daemon.terminate()
    ours, theirs = map(kernel, nodes)
    assert not set(ours) - set(theirs), "what pyvrrpd leaves, keepalived leaves too"
