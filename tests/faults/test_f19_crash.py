"""F19: a MASTER is killed. Its addresses stay on a dead host; the peer takes over in Master_Down_Interval; started
again, the daemon removes what is left before it is BACKUP, and nothing flaps."""

from __future__ import annotations

import pytest
from netns.harness import EARLY_S, ROUGHLY_S, START_S, Lab, master_down_interval_s, until

from faults.files import instance, state

pytestmark = [pytest.mark.root]

INTERVAL_S = 0.2
VIPS = ("192.0.2.100", "198.51.100.7", "2001:db8::7")


def test_killed_and_started_again(lab: Lab) -> None:
    left, right = lab.pair()
    files = {}
    for node, priority in ((left, 200), (right, 100)):
        files[node.namespace] = instance(
            "VI_1", "nopreempt", "virtual_ipaddress_excluded {\n2001:db8::7/64\n}", priority=priority,
            interval_s=INTERVAL_S, vips=["192.0.2.100/24", "198.51.100.7/32"],
        )
    daemon, other = lab.daemon("pyvrrpd", left), lab.daemon("pyvrrpd", right)
    daemon.configure(files[left.namespace])
    daemon.start()
    left.record.wait_address(VIPS[-1], True, timeout_s=START_S)
    other.configure(files[right.namespace])
    other.start()
    until(lambda: state(other) == "BACKUP", START_S, "the right is BACKUP")
    right.record.wait_adverts(2, sent=False, timeout_s=3)

    daemon.kill()
    last = right.record.select(sent=False)[-1]
    came = right.record.wait_address(VIPS[-1], True, timeout_s=5)
    took_s, down_s = came.at_s - last.at_s, master_down_interval_s(3, 100, INTERVAL_S)
    assert down_s - EARLY_S <= took_s <= down_s + ROUGHLY_S, f"{took_s:.3f} s, not {down_s:.3f} s"
    assert all(left.has(vip) for vip in VIPS), "on the dead host they stay"
    for vip in VIPS:
        assert right.record.wait(lambda vip=vip: right.record.announced(vip, last.at_s), 2, f"{vip} is announced")

    started_s = daemon.start()
    for vip in VIPS:
        left.record.wait_address(vip, False, since_s=started_s, timeout_s=START_S)
    until(lambda: state(daemon) == "BACKUP", START_S, "BACKUP")
    right.record.wait_adverts(10, sent=True, since_s=started_s, timeout_s=5)
    assert left.record.select(sent=True, since_s=started_s) == [], "it never spoke"
    assert not any(left.has(vip) for vip in VIPS)
    assert other.transitions() == ["BACKUP", "MASTER"], "no flap"
