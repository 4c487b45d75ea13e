"""Item 10 of docs/users.md: two MASTERs are told while they last, heal by themselves, and the survivor says so.

With many instances and a client that must follow it is F1; the sentences are in tests/netns/test_moving.py.
"""

from __future__ import annotations

import re

import pytest
from faults.files import instance, state
from netns.harness import EARLY_S, IP, START_S, Lab, Node, run, until

pytestmark = [pytest.mark.root]

VIP = "192.0.2.100"
INTERVAL_S = 0.2
SOON_S = 20.0
DEAF = "table ip t {\nchain c {\ntype filter hook prerouting priority -400;\nip protocol 112 drop;\n}\n}\n"


def deaf(node: Node, *, is_deaf: bool) -> None:
    """The host hears no adverts: tcpdump would show them, its receive path does not get them."""
    text = DEAF if is_deaf else "delete table ip t\n"
    run(IP, "netns", "exec", node.namespace, "nft", "-f", "-", text=text)


def test_they_are_told_they_heal_and_the_survivor_announces(lab: Lab) -> None:
    """By default, without `vrrp_higher_prio_send_advert`: the survivor has heard the other one."""
    left, right = lab.pair()
    daemons = lab.daemon("pyvrrpd", left), lab.daemon("pyvrrpd", right)
    notes = daemons[0].directory / "notes"
    note = daemons[0].directory / "note"
    note.write_text(f"#!/bin/sh\necho $3 >> {notes}\n")
    note.chmod(0o755)
    for daemon, priority in zip(daemons, (200, 100), strict=True):
        daemon.configure("global_defs {\n    script_user root\n}\n" + instance(
            "VI_1", f'notify_master_rx_lower_pri "{note} VI_1 MASTER LOWER"', priority=priority,
            interval_s=INTERVAL_S))
    daemons[0].start()
    left.record.wait_address(VIP, True, timeout_s=START_S)
    daemons[1].start()
    until(lambda: state(daemons[1]) == "BACKUP", START_S, "the right is BACKUP")

    deaf(right, is_deaf=True)
    right.record.wait_address(VIP, True, timeout_s=SOON_S)
    assert left.has(VIP), "two MASTERs"
    told = until(lambda: daemons[0].instance()["other_master"], SOON_S, "the one that hears the other tells")
    assert (told["address"], told["priority"]) == ("192.0.2.2", 100)
    alarm = re.search(rb"^pyvrrp_other_master_adverts_total{.*} (\d+)$", daemons[0].fetch("/metrics")[1], re.M)
    assert alarm, "what the alert of contrib/prometheus looks at"
    assert int(alarm[1]) > 0
    assert daemons[0].counters()["other_master"] >= 1
    until(lambda: notes.exists() and "LOWER" in notes.read_text(), SOON_S, "its script is told")

    deaf(right, is_deaf=False)
    gone = right.record.wait_address(VIP, False, timeout_s=SOON_S)
    last = left.record.select(sent=False)[-1]
    assert last.priority in (0, 100)
    left.record.wait(lambda: left.record.announced(VIP, last.at_s - EARLY_S), SOON_S, "the survivor announces it")
    until(lambda: daemons[0].instance()["other_master"] is None, SOON_S, "it is over")
    assert state(daemons[0]) == "MASTER"
    assert state(daemons[1]) == "BACKUP"
    assert daemons[0].transitions() == ["BACKUP", "MASTER"], "the better one was never disturbed"
    assert not left.record.address_event(VIP, False, gone.at_s - SOON_S)
