"""Item 11 of docs/users.md: another network manager removes what a MASTER has: addresses, routes, rules.

By default it costs an election, as with keepalived; with `pyvrrp_vip_restore` it is put back, and nothing else happens.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass

import pytest
from faults.files import instance
from netns.harness import START_S, Daemon, Lab, Node, until

pytestmark = [pytest.mark.root]

VIP, UNTRACKED, EXCLUDED = "192.0.2.100", "192.0.2.102", "192.0.2.101"
INTERVAL_S = 0.1
SOON_S = 10.0
GONE = {
    "address": f"address del {VIP}/24 dev eth0",
    "excluded": f"address del {EXCLUDED}/24 dev eth0",
    "route": "route del 198.51.100.0/24",
    "rule": "rule del from 203.0.113.0/24 priority 3000",
}


@dataclass
class Running:
    """A MASTER with all of it."""

    daemon: Daemon
    left: Node
    right: Node

    def has_all(self) -> bool:
        there = self.left.ip("address", "show", "dev", "eth0")
        return (
            f" {VIP}/24" in there and f" {EXCLUDED}/24" in there
            and "198.51.100.0/24" in self.left.ip("route", "show")
            and "203.0.113.0/24" in self.left.ip("rule", "show")
        )


def start(lab: Lab, top: str = "") -> Running:
    left, right = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(top + instance(
        "VI_1",
        f"virtual_ipaddress_excluded {{\n{EXCLUDED}/24\n}}",
        "virtual_routes {\n198.51.100.0/24 via 192.0.2.2 dev eth0\n}",
        "virtual_rules {\nfrom 203.0.113.0/24 table 100 priority 3000\n}",
        interval_s=INTERVAL_S, vips=[f"{VIP}/24", f"{UNTRACKED}/24 no_track"],
    ))
    daemon.start()
    running = Running(daemon, left, right)
    until(running.has_all, START_S, "the MASTER has all of it")
    right.record.wait_adverts(3, sent=False, timeout_s=SOON_S)
    return running


def test_by_default_each_of_them_costs_an_election_and_comes_back(lab: Lab) -> None:
    running = start(lab)
    for number, (what, words) in enumerate(GONE.items(), 2):
        since_s = time.monotonic()
        running.left.ip(*words.split())
        until(lambda: running.daemon.transitions().count("MASTER") == number, SOON_S, f"MASTER again, {what}")  # noqa: B023
        until(running.has_all, SOON_S, f"all is there again, {what}")
        assert 0 in {a.priority for a in running.right.record.select(sent=False, since_s=since_s)}, what


def test_with_restore_each_of_them_is_put_back_and_nothing_else_happens(lab: Lab) -> None:
    running = start(lab, "global_defs {\n    pyvrrp_vip_restore\n}\n")
    left, right, daemon = running.left, running.right, running.daemon
    since_s, delay_s = right.record.select(sent=False)[-1].at_s, daemon.host_delay_s()
    for what, words in GONE.items():
        gone_s = time.monotonic()
        left.ip(*words.split())
        until(running.has_all, SOON_S, f"it is put back: {what}")
        if what == "address":
            left.record.wait(lambda: left.record.announced(VIP, gone_s), SOON_S, "it is announced")  # noqa: B023
    assert daemon.instance()["put_back"] == len(GONE)

    # All at once, as a network manager that is restarted does it, and again and again: it is no race.
    for _ in range(3):
        for words in GONE.values():
            left.ip(*words.split(), check=False)
    until(running.has_all, SOON_S, "all of it is put back")
    assert len(GONE) + 4 <= daemon.instance()["put_back"] <= 4 * len(GONE)
    minutes = (time.monotonic() - since_s) / 60
    assert 1 <= daemon.log().count("it is put back") <= 1 + minutes, "the log says it once a minute"

    # What is not tracked is not watched.
    left.ip("address", "del", f"{UNTRACKED}/24", "dev", "eth0")
    left.record.wait_address(UNTRACKED, False, since_s=since_s, timeout_s=SOON_S)
    adverts = right.record.wait_adverts(10, sent=False, since_s=time.monotonic(), timeout_s=SOON_S)
    assert f" {UNTRACKED}/" not in left.ip("address", "show", "dev", "eth0")

    adverts = right.record.select(sent=False, since_s=since_s)
    assert {advert.priority for advert in adverts} == {200}, "no election"
    gap_s = max(later.at_s - sooner.at_s for sooner, later in itertools.pairwise(adverts))
    assert gap_s <= 3 * INTERVAL_S + daemon.host_delay_s() - delay_s
    assert daemon.transitions() == ["BACKUP", "MASTER"]
