"""Options of address lines on whole daemons: what the kernel shows under pyvrrpd and under keepalived."""

from __future__ import annotations

import difflib
import json
import time
from typing import Any

import pytest

from netns.harness import Kind, Lab, Node, until

pytestmark = pytest.mark.root

# One address for each option, and what ip(8) calls it.
VIPS = """
        192.0.2.100/24
        192.0.2.101/24 label eth0:vip
        198.18.6.1/24 brd + scope link
        198.18.7.1/24 brd 198.18.7.127 scope host
        198.18.1.1 peer 198.18.2.1
        198.18.4.1/24 noprefixroute
        239.1.2.3/32 autojoin
"""
EXCLUDED = """
        2001:db8:1::1/64
        2001:db8:1::2/128
        2001:db8:1::3/64 preferred_lft 0
        2001:db8:1::4/128 preferred_lft forever
        2001:db8:1::5/64 home
        2001:db8:2::1/64 mngtmpaddr
        2001:db8:3::1/64 noprefixroute
        2001:db8:4::1/64 -nodad
        2001:db8:5::1 peer 2001:db8:5::2
"""
CONFIGURATION = f"""
static_ipaddress {{
    203.0.113.1/24 brd + label eth0:st dev eth0
    2001:db8:9::1/64 noprefixroute dev eth0
}}
vrrp_instance VI_1 {{
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 200
    advert_int 0.2
    version 3
    virtual_ipaddress {{
        {VIPS}
    }}
    virtual_ipaddress_excluded {{
        {EXCLUDED}
    }}
}}
"""
# What the kernel says of an address, but for the time that it has counted down since.
KEPT = ("family", "local", "prefixlen", "address", "broadcast", "scope", "label", "protocol", "secondary", "dynamic",
        "deprecated", "nodad", "home", "mngtmpaddr", "noprefixroute", "autojoin", "tentative", "preferred_life_time",
        "valid_life_time")


def addresses(node: Node) -> dict[str, dict[str, Any]]:
    found = json.loads(node.ip("-j", "-d", "address", "show", "dev", "eth0"))[0]["addr_info"]
    return {entry["local"]: {name: entry[name] for name in KEPT if name in entry} for entry in found}


def test_every_option_as_keepalived_sets_it(lab: Lab) -> None:
    node, _ = lab.pair()
    before = addresses(node)
    found: dict[Kind, dict[str, dict[str, Any]]] = {}
    for kind in ("keepalived", "pyvrrpd"):
        daemon = lab.daemon(kind, node)
        daemon.configure(CONFIGURATION)
        daemon.start()
        until(lambda: node.has("2001:db8:5::1"), 12, "the last address is there")
        # -nodad: of that one the kernel makes sure, for a second or two.
        until(lambda: not addresses(node)["2001:db8:4::1"].get("tentative"), 5, "duplicate address detection is over")
        found[kind] = addresses(node)
        daemon.terminate()
        left = addresses(node).keys() - before.keys()
        if kind == "keepalived":            # 2.2.7 asks for the far end to be removed, which is no address here
            assert left <= {"198.18.1.1"}
            node.ip("address", "del", "198.18.1.1", "peer", "198.18.2.1", "dev", "eth0", check=False)
        else:
            assert left == set()
    lines = [json.dumps(found[kind], indent=1).splitlines() for kind in ("keepalived", "pyvrrpd")]
    difference = "\n".join(difflib.unified_diff(*lines, "keepalived", "pyvrrpd", lineterm="", n=3))
    assert not difference, f"\n{difference}"
    ours = found["pyvrrpd"]
    lines_in = [*(VIPS + EXCLUDED).splitlines(), "203.0.113.1", "2001:db8:9::1"]
    meant = {words[0].partition("/")[0] for line in lines_in if (words := line.split())}
    assert ours.keys() - before.keys() == meant
    assert ours["192.0.2.101"]["label"] == "eth0:vip"
    assert (ours["198.18.6.1"]["broadcast"], ours["198.18.6.1"]["scope"]) == ("198.18.6.255", "link")
    assert ours["198.18.7.1"]["scope"] == "host"
    assert (ours["198.18.1.1"]["address"], ours["198.18.1.1"]["prefixlen"]) == ("198.18.2.1", 32)
    assert ours["2001:db8:5::1"]["address"] == "2001:db8:5::2"
    for address, flag in {"198.18.4.1": "noprefixroute", "239.1.2.3": "autojoin", "2001:db8:1::2": "deprecated",
                          "2001:db8:1::3": "deprecated", "2001:db8:1::5": "home", "2001:db8:2::1": "mngtmpaddr",
                          "2001:db8:3::1": "noprefixroute", "2001:db8:9::1": "noprefixroute"}.items():
        assert ours[address].get(flag) is True, (address, ours[address])
    assert [a for a, entry in ours.items() if a.startswith("2001:db8:") and not entry.get("nodad")] == ["2001:db8:4::1"]
    assert "deprecated" not in ours["2001:db8:1::4"]


def test_options_that_keepalived_loses(lab: Lab) -> None:
    """2.2.7 leaves the lifetime of an IPv4 address, and a peer with a length, as if they were not there."""
    node, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", node)
    options = "198.18.5.1/24 preferred_lft 0\n198.18.1.1 peer 198.18.2.0/24\n"
    daemon.configure(CONFIGURATION.replace(VIPS, options))
    daemon.start()
    until(lambda: node.has("2001:db8:5::1"), 12, "the last address is there")
    found = addresses(node)
    assert found["198.18.5.1"]["deprecated"] is True
    assert (found["198.18.1.1"]["address"], found["198.18.1.1"]["prefixlen"]) == ("198.18.2.0", 24)
    daemon.terminate()


def test_an_ipv6_address_can_be_used_at_once(lab: Lab) -> None:
    """No duplicate address detection: from the moment that it is there it is not tentative."""
    node, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", node)
    daemon.configure(CONFIGURATION)
    daemon.start()
    deadline_s = time.monotonic() + 12
    while not node.has("2001:db8:1::1"):
        assert time.monotonic() < deadline_s
        time.sleep(0.001)
    assert "tentative" not in addresses(node)["2001:db8:1::1"]
    daemon.terminate()
