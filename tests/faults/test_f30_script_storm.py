"""F30: 255 notify scripts at once. They are all run, but so many at a time; adverts go on.

One instance has no part in it; its adverts are those that must not stop. Each of the others is in FAULT while a file
says so, and has a script that notes its beginning and its end. Another's script hangs, which delays nobody. keepalived
starts them all at once, and on a busy machine its own adverts stop meanwhile: the peer takes over.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from netns.harness import START_S, Daemon, Lab, Node, until

from faults.files import instance, state

pytestmark = [pytest.mark.root]

COUNT = 253                 # with the two others, all VRIDs
LIMIT = 32                  # pyvrrp_max_scripts, by default
VIP = "192.0.2.100"


def text(daemon: Daemon, tell: Path) -> str:
    track = "track_file {\n switch\n }"
    return (
        f"global_defs {{\n script_user root\n}}\ntrack_file switch {{\n file {daemon.directory}/switch\n weight 0\n}}\n"
        + instance("steady", vrid=254, interval_s=1)
        + instance("hangs", track, 'notify_fault "/bin/sleep 60"', vrid=255, vips=["198.51.100.255/32"])
        + "".join(
            instance(f"V{vrid}", track, f'notify "{tell} {vrid}"', vrid=vrid, interval_s=10,
                     vips=[f"198.51.100.{vrid}/32"])
            for vrid in range(1, COUNT + 1)
        )
    )  # fmt: skip


def told(file: Path) -> list[list[str]]:
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def switch(daemon: Daemon, value: int) -> None:
    new = daemon.directory / "switch.new"
    new.write_text(f"{value}\n")
    new.rename(daemon.directory / "switch")


def test_255_scripts_at_once(lab: Lab) -> None:
    left, right = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    notes = daemon.directory / "notes"
    tell = daemon.directory / "tell"
    tell.write_text(f"#!/bin/sh\necho begin $1 $4 >> {notes}\nsleep 0.05\necho end $1 $4 >> {notes}\n")
    tell.chmod(0o755)
    switch(daemon, 0)
    daemon.configure(text(daemon, tell))
    peer = backup(lab, right)
    daemon.start()
    left.record.wait_address(VIP, True, timeout_s=START_S)
    wait_ends(notes, COUNT)                         # BACKUP
    peer.start()
    until(lambda: state(peer, "steady") == "BACKUP", START_S, "the peer listens")

    switch(daemon, 1)
    wait_ends(notes, 2 * COUNT)                     # FAULT
    switch(daemon, 0)
    wait_ends(notes, 3 * COUNT)                     # BACKUP again

    lines = told(notes)
    of_each = defaultdict(list)
    running = most = 0
    for what, vrid, told_state in lines:
        of_each[vrid].append((what, told_state))
        running += 1 if what == "begin" else -1
        most = max(most, running)
    expected = [(what, each) for each in ("BACKUP", "FAULT", "BACKUP") for what in ("begin", "end")]
    assert of_each == {str(vrid): expected for vrid in range(1, COUNT + 1)}
    assert most <= LIMIT
    assert peer.transitions("steady") == ["BACKUP"], "the peer has never missed the adverts"
    assert left.has(VIP)


def backup(lab: Lab, node: Node) -> Daemon:
    """A peer of the instance that has no part in the storm: it would take over after three intervals of silence."""
    peer = lab.daemon("pyvrrpd", node)
    peer.configure(instance("steady", vrid=254, interval_s=1, priority=100))
    return peer


def wait_ends(notes: Path, count: int) -> None:
    until(lambda: sum(line[0] == "end" for line in told(notes)) >= count, 20, f"{count} scripts have ended")
