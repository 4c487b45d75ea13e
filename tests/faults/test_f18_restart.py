"""F18: a daemon is stopped and started again, as for an upgrade: its addresses move within Skew_Time, and come back
only if the configuration preempts."""

from __future__ import annotations

import pytest
from netns.harness import ROUGHLY_S, START_S, Lab, skew_time_s, until

from faults.files import instance, state

pytestmark = pytest.mark.root

INTERVAL_S = 0.5
VIPS = ("192.0.2.100", "198.51.100.7", "2001:db8::7")


@pytest.mark.parametrize("preempts", [True, False], ids=["preempt", "nopreempt"])
def test_stopped_and_started_again(lab: Lab, preempts: bool) -> None:
    left, right = lab.pair()
    daemons = []
    for node, priority in ((left, 200), (right, 100)):
        lines = [] if preempts else ["nopreempt"]
        daemon = lab.daemon("pyvrrpd", node)
        daemon.configure(instance(
            "VI_1", *lines, "virtual_ipaddress_excluded {\n2001:db8::7/64\n}", priority=priority,
            interval_s=INTERVAL_S, vips=["192.0.2.100/24", "198.51.100.7/32"],
        ))
        daemons.append(daemon)
        daemon.start()
        wanted = "MASTER" if node is left else "BACKUP"
        until(lambda daemon=daemon, wanted=wanted: state(daemon) == wanted, START_S, wanted)
    upgraded, other = daemons
    right.record.wait_adverts(2, sent=False, timeout_s=5)

    stopped_s = upgraded.terminate()
    zero = next(advert for advert in right.record.select(sent=False, since_s=stopped_s) if advert.priority == 0)
    came = [right.record.wait_address(vip, True, since_s=zero.at_s, timeout_s=5).at_s for vip in VIPS]
    skew_s = skew_time_s(3, 100, INTERVAL_S)
    assert max(came) - zero.at_s <= skew_s + ROUGHLY_S, f"{max(came) - zero.at_s:.3f} s, not {skew_s:.3f} s"
    assert not any(left.has(vip) for vip in VIPS)

    started_s = upgraded.start()
    if preempts:
        left.record.wait_address(VIPS[-1], True, since_s=started_s, timeout_s=START_S)
        until(lambda: state(other) == "BACKUP", 5, "the other yields")
        assert other.transitions() == ["BACKUP", "MASTER", "BACKUP"]
    else:
        until(lambda: state(upgraded) == "BACKUP", START_S, "BACKUP")
        right.record.wait_adverts(8, sent=True, since_s=started_s, timeout_s=10)
        assert left.record.select(sent=True, since_s=started_s) == []
        assert other.transitions() == ["BACKUP", "MASTER"]
