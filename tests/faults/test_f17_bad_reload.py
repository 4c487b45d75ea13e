"""F17: a reload of a bad file changes nothing, and whoever asked for it is told why."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from netns.harness import START_S, Daemon, Lab

from faults.files import instance

pytestmark = [pytest.mark.root]

GOOD = instance("VI_1") + instance("VI_2", vrid=52, vips=["192.0.2.101/24"])
BAD = {
    "unbalanced block": (GOOD.rstrip().removesuffix("}"), "not closed"),
    "VRID used twice": (GOOD + instance("VI_3", vips=["192.0.2.102/24"]), "VI_3"),
    "version 3 without an address": (GOOD + instance("VI_3", vrid=53, vips=[]), "VI_3"),
    "empty": ("", "no vrrp_instance"),
}


def run(daemon: Daemon, *argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pyvrrp.cli.main", "--socket", str(daemon.socket), *argv]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def standing(daemon: Daemon) -> list[tuple[Any, ...]]:
    """What must not change: names, states, since when, addresses."""
    return [
        (each["name"], each["state"], each["since"], each["vips"], each["counters"]["become_master"])
        for each in daemon.get("/v1/instances")["instances"]
    ]


def test_a_bad_file_changes_nothing_and_the_caller_is_told(lab: Lab) -> None:
    node, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", node)
    daemon.configure(GOOD)
    daemon.start()
    for vip in ("192.0.2.100", "192.0.2.101"):
        node.record.wait_address(vip, True, timeout_s=START_S)
    before = standing(daemon)
    assert [state for _, state, *_ in before] == ["MASTER", "MASTER"]

    for what, (text, words) in BAD.items():
        daemon.configure(text)
        status, answer = daemon.ask("POST", "/v1/reload")
        assert (status, answer["accepted"]) == (409, False), what
        assert words in answer["error"], what
        assert answer["files"][0]["refusals"], what
        assert standing(daemon) == before, what
    daemon.file.unlink()
    assert daemon.ask("POST", "/v1/reload")[0] == 409
    assert standing(daemon) == before

    # The command line says it too, and beforehand.
    daemon.configure(BAD["VRID used twice"][0])
    planned = run(daemon, "reload", "--dry-run")
    assert (planned.returncode, "would be refused" in planned.stdout) == (5, True), planned
    assert daemon.get("/v1/plan")["scopes"][0]["refusals"]
    done = run(daemon, "reload")
    assert (done.returncode, done.stdout) == (1, "")
    assert "VI_3" in done.stderr

    # A word that is not known is a warning, and the reload goes on.
    unknown = GOOD.replace("version 3", "version 3\n    priorty 7", 1)
    daemon.configure(unknown.replace("priority 200", "priority 201", 1))
    assert "1 changed" in run(daemon, "reload", "--dry-run").stdout
    done = run(daemon, "reload")
    assert done.returncode == 0
    assert "1 changed, 1 untouched" in done.stdout
    assert "priorty" in done.stderr
    assert daemon.instance("VI_1")["priority"] == 201
    assert [each[:3] for each in standing(daemon)] == [each[:3] for each in before]
