"""Gratuitous ARPs on a real wire: the gap that the configuration names, and the interfaces without adverts."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from netns.harness import START_S, Lab

pytestmark = [pytest.mark.root]

GAP_S = 0.05
STAMPS_S = 0.005                # what the witness's stamps of two frames may be off by
HELD_UP = 3                     # of the 23 gaps


def test_garps_of_an_interface_keep_their_gap(lab: Lab) -> None:
    left, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    vips = "\n".join(f"        192.0.2.{100 + k}/24" for k in range(6))
    daemon.configure(f"""
global_defs {{
    vrrp_garp_interval {GAP_S}
}}
vrrp_instance VI_1 {{
    interface eth0
    virtual_router_id 1
    priority 200
    version 3
    advert_int 0.1
    garp_master_repeat 2
    garp_master_delay 1
    virtual_ipaddress {{
{vips}
    }}
}}
""")
    daemon.start()
    record = left.record

    def both_sets() -> list[float] | None:
        found = [each.at_s for each in record.announcements if each.sent and each.address.startswith("192.0.2.10")]
        return found if len(found) >= 24 else None

    times = record.wait(both_sets, START_S + 5, "two sets of two announcements for six addresses")
    # A frame that a busy host holds up comes nearer to the next one; tests/unit/test_pacing.py is exact.
    assert sorted(b - a for a, b in pairwise(times))[HELD_UP] >= GAP_S - STAMPS_S
    assert times[11] - times[0] < 12 * GAP_S + 0.5, "and no more than the gap"


def test_the_first_address_of_each_interface_without_adverts_is_announced_again(lab: Lab) -> None:
    """garp_extra_if: only where no advert passes, from the interface's own MAC, and not at all without `all`."""
    left, right = lab.pair()
    for number in (1, 2):
        left.ip("link", "add", f"x{number}", "type", "veth", "peer", "name", f"x{number}", "netns", right.namespace)
        for node in (left, right):
            node.ip("link", "set", f"x{number}", "up")
    text = """
vrrp_instance VI_1 {{
    interface eth0
    virtual_router_id 1
    priority {priority}
    version 3
    advert_int 0.1
    garp_master_repeat 1
    garp_master_delay 0
    garp_extra_if {words}
    virtual_ipaddress {{
        192.0.2.100/24
        198.51.100.1/24 dev x1
        198.51.100.2/24 dev x1
        198.51.100.3/24 dev x2
    }}
    virtual_ipaddress_excluded {{
        2001:db8::1/64 dev x2
    }}
}}
"""
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(text.format(words="all 1", priority=200))
    daemon.start()
    record = left.record

    def told(address: str) -> list[float]:
        return [each.at_s for each in record.announcements if each.sent and each.address == address]

    record.wait(lambda: len(told("198.51.100.3")) >= 4, START_S + 5, "three rounds beside the first set")
    times, since_s = told("198.51.100.1"), record.select(sent=True)[0].at_s
    assert len(times) >= 3
    assert all(at_s - since_s >= number - STAMPS_S for number, at_s in enumerate(times)), "each a second later"
    assert [len(told(address)) for address in ("192.0.2.100", "198.51.100.2", "2001:db8::1")] == [1, 1, 1]
    # Without `all` it is for virtual MACs, of which there is none.
    daemon.configure(text.format(words="1", priority=201))
    daemon.signal(1)
    record.wait(lambda: [a for a in record.adverts if a.sent and a.priority == 201], 5, "an advert by the new file")
    since_s = time.monotonic()
    record.wait_adverts(15, sent=True, since_s=since_s, timeout_s=5)
    assert all(at_s < since_s for at_s in told("198.51.100.1"))
