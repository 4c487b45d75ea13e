"""Gratuitous ARPs on a real wire keep the gap that the configuration names."""

from __future__ import annotations

from itertools import pairwise

import pytest

from netns.harness import START_S, Lab

pytestmark = [pytest.mark.root]

GAP_S = 0.05
STAMPS_S = 0.005                # what the witness's stamps of two frames may be off by


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
    assert min(b - a for a, b in pairwise(times)) >= GAP_S - STAMPS_S
    assert times[11] - times[0] < 12 * GAP_S + 0.3, "and no more than the gap"
