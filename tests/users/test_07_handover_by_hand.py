"""Item 7 of docs/users.md: addresses are handed over by hand, and no file is edited: a namespace, then the host.

An instance, a sync group and a host, with keepalived on the other side too, are in tests/netns/test_moving.py.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from faults.files import instance
from netns.harness import START_S, Daemon, Lab, Node, until

pytestmark = [pytest.mark.root]

VIP = "192.0.2.100"
SOON_S = 20.0


def pyvrrp(daemon: Daemon, *words: str) -> str:
    """What an operator types; what is printed."""
    argv = [sys.executable, "-m", "pyvrrp.cli.main", "--socket", str(daemon.socket), *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, (words, done)
    return done.stdout


def test_one_namespace_and_then_the_host(lab: Lab) -> None:
    pairs = {name: lab.pair() for name in ("red", "blue")}
    ours = lab.daemon("pyvrrpd", pairs["red"][0])
    ours.file = ours.directory / "conf.d"
    ours.file.mkdir()
    for name, (left, right) in pairs.items():
        (ours.file / f"{name}.conf").write_text(
            f"net_namespace {left.namespace}\n" + instance("web", interval_s=0.2, vips=[f"{VIP}/24"]))
        other = lab.daemon("pyvrrpd", right)
        other.configure(instance("web", priority=100, interval_s=0.2, vips=[f"{VIP}/24"]))
        other.start()
        right.record.wait_address(VIP, True, timeout_s=START_S)
    ours.start()
    at = {name: left for name, (left, _) in pairs.items()}
    away = {name: right for name, (_, right) in pairs.items()}
    for node in at.values():
        until(lambda: node.has(VIP), START_S, "the MASTER of both")     # noqa: B023

    assert "red/web: 192.0.2.2 is MASTER now" in pyvrrp(ours, "hold", "--scope", "red", "--wait", "--limit", "20s")
    here(away["red"])
    assert at["blue"].has(VIP)
    assert not away["blue"].has(VIP)
    assert pyvrrp(ours, "resume", "--scope", "red")
    here(at["red"])

    said = pyvrrp(ours, "drain", "--wait", "--limit", "20s")
    assert said.count("192.0.2.2 is MASTER now") == 2
    for node in away.values():
        here(node)
    assert "kept out of MASTER by order (drain)" in pyvrrp(ours, "status")
    pyvrrp(ours, "resume")
    for node in at.values():
        here(node)


def here(node: Node) -> None:
    until(lambda: node.has(VIP), SOON_S, f"{node.namespace} has the address")
