"""F14: the primary address of a subnet goes, and the kernel takes its secondary ones along.

Virtual addresses of other instances are put back at once; without that they would be gone until the next election.
"""

from __future__ import annotations

import time

import pytest
from netns.harness import IP, START_S, Lab, run, until

from faults.files import instance

pytestmark = [pytest.mark.root]

BACK_S = 0.1


def test_those_of_other_instances_are_put_back(lab: Lab) -> None:
    left, _ = lab.pair()
    with_first = instance("FIRST", vrid=1, vips=["198.51.100.1/24"])
    others = "".join(instance(f"R{n}", vrid=n, vips=[f"198.51.100.{n}/24"]) for n in range(2, 12))
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(with_first)
    daemon.start()
    left.record.wait_address("198.51.100.1", True, timeout_s=START_S)
    daemon.configure(with_first + others)
    daemon.signal(1)
    for n in range(2, 12):
        left.record.wait_address(f"198.51.100.{n}", True, timeout_s=5)
    assert left.ip("address", "show", "dev", "eth0").count("secondary") == 10
    since_s = time.monotonic()
    daemon.configure(others)
    daemon.signal(1)
    gone = left.record.wait_address("198.51.100.1", False, since_s=since_s, timeout_s=5)
    for n in range(2, 12):
        vip = f"198.51.100.{n}"
        until(lambda vip=vip: left.has(vip), 2, f"{vip} is there")
        back = left.record.address_event(vip, True, since_s)
        assert back is not None, "the kernel took it along, and it is put back"
        assert back.at_s - gone.at_s <= BACK_S
        assert daemon.transitions(f"R{n}") == ["BACKUP", "MASTER"], "nobody took that for an address removed by hand"


def test_where_the_kernel_promotes_they_never_go(lab: Lab) -> None:
    left, _ = lab.pair()
    run(IP, "netns", "exec", left.namespace, "sysctl", "-qw", "net.ipv4.conf.eth0.promote_secondaries=1")
    daemon = lab.daemon("pyvrrpd", left)
    first = instance("FIRST", vrid=1, vips=["198.51.100.1/24"])
    second = instance("SECOND", vrid=2, vips=["198.51.100.2/24"])
    daemon.configure(first)
    daemon.start()
    left.record.wait_address("198.51.100.1", True, timeout_s=START_S)
    daemon.configure(first + second)
    daemon.signal(1)
    left.record.wait_address("198.51.100.2", True, timeout_s=5)
    since_s = time.monotonic()
    daemon.configure(second)
    daemon.signal(1)
    left.record.wait_address("198.51.100.1", False, since_s=since_s, timeout_s=5)
    left.record.wait_adverts(5, sent=True, vrid=2, since_s=since_s, timeout_s=3)
    assert left.record.address_event("198.51.100.2", False, since_s) is None
    assert daemon.transitions("SECOND") == ["BACKUP", "MASTER"]
