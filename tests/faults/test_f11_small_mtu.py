"""F11: more addresses than an advert has room for. What does not fit is excluded; nothing is ever fragmented."""

from __future__ import annotations

import pytest
from netns.harness import START_S, Lab, until

from faults.files import instance, state

pytestmark = [pytest.mark.root]

MTU = 1280
ROOM = (MTU - 40 - 8) // 16     # 77


def test_a_hundred_ipv6_addresses(lab: Lab) -> None:
    left, right = lab.pair()
    for node in (left, right):
        node.ip("link", "set", "eth0", "mtu", str(MTU))
    vips = ["fe80::100", *(f"2001:db8::{n}" for n in range(1, 100))]
    daemons = lab.daemon("pyvrrpd", left), lab.daemon("pyvrrpd", right)
    for daemon, priority in zip(daemons, (200, 100), strict=True):
        daemon.configure(instance(priority=priority, vips=[f"{vip}/64" for vip in vips]))
    daemons[0].start()
    for vip in vips:
        left.record.wait_address(vip, True, timeout_s=START_S)
        left.record.wait(lambda vip=vip: left.record.announced(vip, 0), 2, f"{vip} is announced")
    daemons[0].wait_log(r"no room for 23 of its addresses", 1)
    daemons[1].start()
    until(lambda: state(daemons[1]) == "BACKUP", START_S, "BACKUP")
    until(lambda: daemons[1].counters().get("advert_rcvd", 0) > 5, 3, "it hears the adverts")
    assert daemons[1].drops() == {}
    assert daemons[1].counters().get("addr_list_err", 0) == 0, "both hosts list the same"
    for advert in left.record.select(sent=True):
        assert advert.addresses == tuple(vips[:ROOM])
    # A larger MTU makes room, in the next advert.
    for node in (left, right):
        node.ip("link", "set", "eth0", "mtu", "1500")
    left.record.wait(
        lambda: [a for a in left.record.adverts if a.sent and len(a.addresses) == (1500 - 48) // 16], 3, "ninety"
    )
    assert daemons[0].transitions() == ["BACKUP", "MASTER"]
