"""F1: two MASTERs on the two sides of a partition, which then heals.

One MASTER within an interval; the survivor announces its addresses within 100 ms of learning that there was another;
a client that was on the other side sends to the survivor. `vrrp_higher_prio_send_advert` is what makes the loser say
so: without it (and with keepalived) one that hears the survivor first goes in silence, and nobody corrects the clients.
"""

from __future__ import annotations

import os
import re
import socket
import time

import pytest
from netns import harness
from netns.harness import EARLY_S, ROUGHLY_S, START_S, Node, lab, until
from netns.witness import entered

from faults.files import instance, state
from faults.many import Many, here

pytestmark = [pytest.mark.root]

ANNOUNCED_S = 0.100
PARTED_S = 10.0 if "PYVRRP_NIGHTLY" in os.environ else 0.0      # beyond the time that it takes for two MASTERs
MANY_S = 0.250                  # to remove 2,000 addresses, some of them in the last slot of the interval


def mac_of(node: Node, address: str) -> str:
    """Which MAC the node sends to an address at."""
    found = re.search(r"lladdr (\S+)", node.ip("neigh", "show", address))
    return found[1] if found else ""


def mac_of_eth0(node: Node) -> str:
    found = re.search(r"link/ether (\S+)", node.ip("link", "show", "eth0"))
    assert found
    return found[1]


def speak_to(node: Node, *addresses: str) -> None:
    """Have the node's kernel look addresses up."""
    with entered(node.namespace):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        for address in addresses:
            sock.sendto(b"x", (address, 9))


def test_one_instance(lab: harness.Lab) -> None:
    segment = lab.segment(3)
    left, right, client = segment.nodes
    interval_s, vip = 0.2, "192.0.2.100"
    top = "global_defs {\n    vrrp_higher_prio_send_advert true\n}\n"
    daemons = lab.daemon("pyvrrpd", left), lab.daemon("pyvrrpd", right)
    for daemon, priority in zip(daemons, (200, 100), strict=True):
        daemon.configure(top + instance(priority=priority, interval_s=interval_s))
    # One after the other: a lower advert heard at the start would have the survivor's next announcements wait.
    daemons[0].start()
    left.record.wait_address(vip, True, timeout_s=START_S)
    daemons[1].start()
    until(lambda: state(daemons[1]) == "BACKUP", START_S, "the right is BACKUP")
    segment.part(0)
    right.record.wait_address(vip, True, timeout_s=5)
    speak_to(client, vip)
    until(lambda: mac_of(client, vip) == mac_of_eth0(right), 2, "the client knows the right")
    assert left.has(vip), "two MASTERs"
    time.sleep(PARTED_S)

    healed_s = segment.heal()
    gone = right.record.wait_address(vip, False, since_s=healed_s, timeout_s=5)
    assert gone.at_s - healed_s <= interval_s + ROUGHLY_S
    heard = left.record.wait_adverts(1, sent=False, since_s=healed_s, timeout_s=2)[0]
    assert heard.priority == 100
    told = left.record.wait(lambda: left.record.announced(vip, heard.at_s - EARLY_S), 2, "the survivor announces it")
    assert told.at_s - heard.at_s <= ANNOUNCED_S
    until(lambda: mac_of(client, vip) == mac_of_eth0(left), 1, "the client sends to the survivor")
    assert daemons[0].transitions()[-1] == "MASTER"
    assert daemons[1].transitions()[-1] == "BACKUP"


def test_two_thousand_instances() -> None:
    """The client's own wire is what is looked at."""
    with lab(adverts=False) as made:
        many = Many(made, "global_defs {\n    vrrp_higher_prio_send_advert true\n}\n")
        left, right, client = many.segment.nodes
        many.start()
        many.segment.part(0)
        right.record.wait(lambda: many.vips <= here(right), 15, "all addresses on the right")
        sample = sorted(many.vips)[::50]
        speak_to(client, *sample)
        until(lambda: mac_of(client, sample[-1]) == mac_of_eth0(right), 2, "the client knows the right")
        time.sleep(PARTED_S)
        since = len(right.record.addresses)

        delay_s = many.host_delay_s()
        healed_s = many.segment.heal()
        right.record.wait(lambda: not many.vips & here(right), 10, "no address on the right")
        gone_s = {event.address: event.at_s for event in right.record.addresses[since:] if not event.added}
        heard = client.record.announcements

        def announced() -> dict[str, float]:
            """When the client first heard each address announced since the heal."""
            return {a.address: a.at_s for a in reversed(heard) if a.at_s >= healed_s}

        told_s = client.record.wait(
            lambda: many.vips <= announced().keys() and announced(), 3, "all are announced"
        )
        delay_s = many.host_delay_s() - delay_s
        assert max(gone_s.values()) - healed_s <= many.interval_s + MANY_S + delay_s
        late_s = sorted(told_s[vip] - gone_s[vip] for vip in many.vips)
        assert late_s[-1] <= ANNOUNCED_S + delay_s, f"median {late_s[1000]:.3f} s, longest {late_s[-1]:.3f} s"
        left_mac = mac_of_eth0(left)
        until(lambda: all(mac_of(client, vip) == left_mac for vip in sample), 3, "the client sends to the survivor")
        assert many.all_in(many.left, "MASTER")
        print(f"F1: last address gone {max(gone_s.values()) - healed_s:.3f} s after the heal, "
              f"announced {late_s[-1]:.3f} s after that at the latest; the host held them up for {delay_s:.3f} s")
