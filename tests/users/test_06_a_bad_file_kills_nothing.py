"""Item 6 of docs/users.md: a bad file at a reload ends nothing, and the test of a file finds what a start would refuse.

What is refused, and that whoever asked is told, is F17 and tests/netns/test_reload.py.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from faults.files import instance
from netns.harness import START_S, Lab

from pyvrrp.config.check import check, exit_status

CONFIG = Path(__file__).parents[1] / "config"
FILES = sorted(path for name in ("corpus", "mistakes", "seeds") for path in (CONFIG / name).rglob("*.conf"))


def test_the_test_of_a_file_names_every_instance_that_a_start_would_refuse() -> None:
    """Duplicate VRIDs among them; keepalived finds these only at a start."""
    refusing = 0
    for path in FILES:
        (checked,) = check([str(path)], config_id="", interfaces=frozenset({"lo", "eth0", "eth1"}))
        configuration = checked.loaded.configuration
        if configuration is None or not configuration.refused:
            continue
        refusing += 1
        assert exit_status([checked]) == 5, path
        errors = {(each.where.file, each.where.line) for each in checked.loaded.diagnostics if each.is_error}
        for name, where, reason in configuration.refused:
            assert (where.file, where.line) in errors, f"{path}: {name} would not run ({reason}); nothing says so"
    assert refusing >= 20


@pytest.mark.root
def test_an_interface_that_is_not_there_ends_nobody(lab: Lab) -> None:
    """With keepalived it ends the daemon, and the addresses stay behind."""
    left, right = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    good = instance(interval_s=0.1)
    daemon.configure(good)
    daemon.start()
    left.record.wait_address("192.0.2.100", True, timeout_s=START_S)
    since_s = time.monotonic()
    daemon.configure(good + instance("LATER", vrid=52, interface="eth7", vips=["192.0.2.101/24"]))
    status, answer = daemon.ask("POST", "/v1/reload")
    assert (status, answer["files"][0]["added"]) == (200, 1)
    assert daemon.instance("LATER")["state"] == "FAULT"
    assert daemon.instance("LATER")["faults"] == ["interface eth7 does not exist"]
    right.record.wait_adverts(5, sent=False, since_s=since_s, timeout_s=START_S)
    assert {advert.priority for advert in right.record.select(sent=False, since_s=since_s)} == {200}
    assert daemon.transitions() == ["BACKUP", "MASTER"]
    assert left.record.address_event("192.0.2.100", False, since_s) is None
