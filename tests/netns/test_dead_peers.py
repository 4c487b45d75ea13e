"""Unicast peers that do not exist: what waits for them in the kernel must not keep other adverts from being sent.

The kernel holds packets for an address that it cannot resolve yet, three seconds long, at the sender's expense.
"""

from __future__ import annotations

import pytest

from netns.harness import START_S, Lab

pytestmark = [pytest.mark.root]

DEAD = range(70, 78)
SENT = 400                  # of each to its dead peer: some 0.8 KiB each in the kernel's books
INSTANCE = """\
vrrp_instance V{vrid} {{
    interface eth0
    virtual_router_id {vrid}
    version 3
    priority 200
    advert_int {interval_s}
    unicast_src_ip 192.0.2.1
    unicast_peer {{
        192.0.2.{peer}
    }}
    virtual_ipaddress {{
        198.51.100.{vrid}/32
    }}
}}
"""


def test_dead_peers_do_not_silence_the_others(lab: Lab) -> None:
    left, right = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    dead = "".join(INSTANCE.format(vrid=peer, peer=peer, interval_s=0.01) for peer in DEAD)
    daemon.configure(dead + INSTANCE.format(vrid=51, peer=2, interval_s=0.1))
    daemon.start()
    left.record.wait_address(f"198.51.100.{DEAD[-1]}", True, timeout_s=START_S)
    heard = right.record.wait_adverts(60, sent=False, timeout_s=30)
    assert {advert.vrid for advert in heard} == {51}
    counters = daemon.get("/v1/instances")["counters"]["engine"]
    assert counters["datagrams_sent"] > SENT * len(DEAD), "enough to fill a socket's default buffer many times"
    assert counters["send_errors"] == 0
