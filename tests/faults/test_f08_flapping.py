"""F8: a link that flaps every 50 ms for 5 s. Transitions are bounded by `interface_up_down_delays`: here there is none.

Without the delays each flap is FAULT and BACKUP, as with keepalived. A storm of links that concern nobody costs nobody
anything.
"""

from __future__ import annotations

import itertools
import time

import pytest
from netns.harness import IP, START_S, Lab, Node, run, until

from faults.files import instance, state

pytestmark = [pytest.mark.root]

VIPS = ("192.0.2.100", "2001:db8::100")
FLAP_S = 0.05
DOWN_S = 3.5                # the kernel may say for a second after a link came up that it does not run yet


def flap(node: Node, *, times: int) -> None:
    """Down, up, down ... of eth0: it ends up."""
    for turn in range(2 * times):
        began_s = time.monotonic()
        node.ip("link", "set", "eth0", "up" if turn % 2 else "down")
        time.sleep(max(0.0, FLAP_S - (time.monotonic() - began_s)))


def text(delays: str) -> str:
    """Peers wait for ten adverts: a delay may take most of that and no more."""
    return (
        "global_defs {\nvrrp_down_timer_adverts 10\n}\n"
        + delays
        + instance("V4", interval_s=0.5, vips=["192.0.2.100/24"])
        + instance("V6", interval_s=0.5, vips=["fe80::100/64", "2001:db8::100/64"])
    )


@pytest.mark.parametrize("end", ["near", "far"])
def test_with_delays_nothing_is_seen_of_it(lab: Lab, end: str) -> None:
    """Our own end goes down, and IPv6 addresses with it; or the far end, and the carrier is lost."""
    left, right = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(text(f"interface_up_down_delays {{\neth0 {DOWN_S} 0.1\n}}\n"))
    daemon.start()
    for vip in VIPS:
        left.record.wait_address(vip, True, timeout_s=START_S)
    until(lambda: state(daemon, "V6") == state(daemon, "V4") == "MASTER", 8, "both are MASTER")
    flap(left if end == "near" else right, times=20)
    assert daemon.transitions("V4") == ["BACKUP", "MASTER"]
    if end == "near":
        # The kernel keeps no IPv6 address of an interface that is down, so V6 lost what its adverts come from.
        left.ip("address", "add", f"{left.link_local}/64", "dev", "eth0", "nodad")
    else:
        assert daemon.transitions("V6") == ["BACKUP", "MASTER"]
    for vip in VIPS:
        until(lambda vip=vip: f" {vip}/" in left.ip("address", "show", "dev", "eth0"), 10, f"{vip} is there")
    since_s = time.monotonic()
    left.record.wait_adverts(5, sent=True, since_s=since_s, timeout_s=3)
    # Down for longer than the delay is FAULT, after the delay; up is believed after its own.
    since_s = time.monotonic()
    right.ip("link", "set", "eth0", "down")
    until(lambda: state(daemon, "V4") == "FAULT", DOWN_S + 2, "FAULT")
    assert time.monotonic() - since_s >= DOWN_S - 0.1
    right.ip("link", "set", "eth0", "up")
    until(lambda: state(daemon, "V4") == "MASTER", 8, "MASTER again")


def test_without_delays_each_flap_counts(lab: Lab) -> None:
    left, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(instance())
    daemon.start()
    left.record.wait_address(VIPS[0], True, timeout_s=START_S)
    flap(left, times=5)
    until(lambda: daemon.transitions()[-2:] == ["BACKUP", "MASTER"], 5, "MASTER again")
    seen = daemon.transitions()
    assert 1 <= seen.count("FAULT") <= 5


def test_a_storm_of_other_links_delays_no_advert(lab: Lab) -> None:
    """A thousand links come and go in a burst; adverts of 100 ms go on."""
    left, right = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(instance())
    daemon.start()
    left.record.wait_address(VIPS[0], True, timeout_s=START_S)
    seen = right.record.wait_adverts(3, sent=False, timeout_s=3)
    since_s, delay_s = seen[-1].at_s, daemon.host_delay_s()
    run(IP, "-n", left.namespace, "-batch", "-", text="".join(
        f"link add t{n} type veth peer name u{n}\nlink set t{n} up\nlink set t{n} down\nlink del t{n}\n"
        for n in range(100)))
    seen = right.record.wait_adverts(20, sent=False, since_s=since_s, timeout_s=10)
    delay_s = daemon.host_delay_s() - delay_s
    gap_s = max(later.at_s - sooner.at_s for sooner, later in itertools.pairwise(seen))
    assert gap_s <= 0.12 + delay_s, f"{gap_s:.3f} s between two adverts"
    assert daemon.transitions() == ["BACKUP", "MASTER"]
