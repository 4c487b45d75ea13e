"""F13: somebody removes a virtual address of a MASTER. As configured: an election, or nothing under `no_track`.

The election, beside keepalived's, is in tests/netns/test_lifecycle.py.
"""

from __future__ import annotations

import time

import pytest
from netns.harness import START_S, Lab

from faults.files import instance

pytestmark = [pytest.mark.root]


def test_under_no_track_nothing_happens(lab: Lab) -> None:
    left, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(instance(vips=["192.0.2.100/24 no_track", "192.0.2.101/24"]))
    daemon.start()
    left.record.wait_address("192.0.2.101", True, timeout_s=START_S)
    left.record.wait_adverts(2, sent=True, timeout_s=3)
    since_s = time.monotonic()
    left.ip("address", "del", "192.0.2.100/24", "dev", "eth0")
    left.record.wait_address("192.0.2.100", False, since_s=since_s, timeout_s=2)
    sent = left.record.wait_adverts(8, sent=True, since_s=since_s, timeout_s=3)
    assert {advert.priority for advert in sent} == {200}, "no election"
    assert left.has("192.0.2.101")
    assert left.record.address_event("192.0.2.101", False, since_s) is None
    assert daemon.transitions() == ["BACKUP", "MASTER"]
    # The other one is tracked: the first is back after the election that it costs.
    left.ip("address", "del", "192.0.2.101/24", "dev", "eth0")
    for vip in ("192.0.2.100", "192.0.2.101"):
        left.record.wait_address(vip, True, since_s=since_s, timeout_s=3)
    assert any(a.priority == 0 for a in left.record.select(sent=True, since_s=since_s))
