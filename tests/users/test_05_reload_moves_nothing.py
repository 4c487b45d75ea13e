"""Item 5 of docs/users.md: a reload moves no address, however large the file and however many come.

A hundred within ten seconds are F16; what changes and what does not is in tests/netns/test_reload.py.
"""

from __future__ import annotations

import itertools
import signal
import time
from typing import Any

import pytest
from faults.files import instance
from netns.harness import START_S, Daemon, Lab, until

pytestmark = [pytest.mark.root]

MANY = 2000
SOON_S = 20.0
LARGE_S = 25.0                  # to read and take up a large file, on a machine with much else to do
MASTER_INTERVAL_S = 2.0         # long enough for a MASTER that waits for a processor
SCRIPT = """
global_defs {{
    script_user root
}}
vrrp_script down {{
    script "{script}"
    interval 1
    fall 2
    rise 2
}}
"""


def test_adverts_go_on_while_a_large_file_is_read(lab: Lab) -> None:
    """Two thousand instances come, and go again; then the VRID changes, which is a stop and a start."""
    left, right = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    one = instance(interval_s=0.1)
    large = one + "".join(
        instance(f"R{number}", vrid=number % 255 + 1, interface=f"absent{number // 255}", vips=["198.51.100.1/32"])
        for number in range(MANY)
    )
    daemon.configure(one)
    daemon.start()
    left.record.wait_address("192.0.2.100", True, timeout_s=START_S)
    since_s = right.record.wait_adverts(3, sent=False, timeout_s=SOON_S)[-1].at_s
    delay_s = daemon.host_delay_s()
    for text, count in ((large, MANY + 1), (one, 1)):
        daemon.configure(text)
        daemon.signal(signal.SIGHUP)
        until(lambda: sum(daemon.get("/healthz")["instances"].values()) == count, LARGE_S, f"{count} run")  # noqa: B023
    adverts = right.record.wait_adverts(3, sent=False, since_s=since_s, timeout_s=SOON_S)
    gap_s = max(later.at_s - sooner.at_s for sooner, later in itertools.pairwise(adverts))
    delay_s = daemon.host_delay_s() - delay_s
    print(f"the longest gap was {gap_s:.3f} s in {adverts[-1].at_s - since_s:.1f} s; the host took {delay_s:.3f} s")
    assert gap_s <= 0.3 + delay_s
    assert daemon.transitions() == ["BACKUP", "MASTER"]

    since_s = time.monotonic()
    daemon.configure(instance(vrid=77, interval_s=0.1))
    daemon.signal(signal.SIGHUP)
    right.record.wait_adverts(3, sent=False, since_s=since_s, vrid=77, timeout_s=SOON_S)
    assert right.record.select(sent=False, since_s=since_s, vrid=51)[-1].priority == 0, "a stop"
    assert daemon.transitions() == ["BACKUP", "MASTER"] * 2, "and a start"


def test_what_was_learned_counted_and_tracked_survives(lab: Lab) -> None:
    """Of an instance that the reload leaves alone, and of one that it changes."""
    left, right = lab.pair()
    daemon, master = lab.daemon("pyvrrpd", left), lab.daemon("pyvrrpd", right)
    script = left_script(daemon)
    track = "track_script {\ndown weight -10\n}"

    def text(delay_s: int, *more: str) -> str:
        return SCRIPT.format(script=script) + "".join((
            instance("KEPT", track, vrid=1, priority=100, interval_s=3, vips=["192.0.2.101/24"]),
            instance("CHANGED", track, f"preempt_delay {delay_s}", vrid=2, priority=100, interval_s=3,
                     vips=["192.0.2.102/24"]),
            *more,
        ))

    master.configure("".join(
        instance(f"M{vrid}", vrid=vrid, interval_s=MASTER_INTERVAL_S, vips=[f"192.0.2.{100 + vrid}/24"])
        for vrid in (1, 2)))
    master.start()
    daemon.configure(text(1))
    daemon.start()

    def learned(name: str) -> dict[str, Any]:
        return dict(daemon.get(f"/v1/instances/{name}"))

    def settled() -> bool:
        return daemon.socket.exists() and all(
            (found := learned(name))["master_adver_interval_s"] == MASTER_INTERVAL_S and found["priority"] == 90
            for name in ("KEPT", "CHANGED")
        )

    until(settled, START_S + SOON_S, "the interval is learned and the script has failed twice")
    names = ("KEPT", "CHANGED")
    before = {name: learned(name) for name in names}
    tracked = daemon.get("/v1/trackers")["trackers"][0]
    for number in range(3):
        daemon.configure(text(10 + number, instance(f"NEW{number}", vrid=10 + number, vips=["192.0.2.110/24"])))
        assert daemon.ask("POST", "/v1/reload")[0] == 200
        for name in names:
            now = learned(name)
            assert now["master_adver_interval_s"] == MASTER_INTERVAL_S
            assert (now["priority"], now["state"], now["since"]) == (90, "BACKUP", before[name]["since"]), daemon.log()
            assert now["preempt_delay_s"] == (0 if name == "KEPT" else 10 + number)
            fewer = {what for what, count in before[name]["counters"].items() if now["counters"][what] < count}
            assert not fewer, f"{name} counts anew: {fewer}"
    after = daemon.get("/v1/trackers")["trackers"][0]
    assert (after["ok"], after["runs"] >= tracked["runs"]) == (False, True)
    assert daemon.log().count("VRRP_Script(down) failed") == 1, "its verdict was never taken back"
    assert daemon.transitions("KEPT") == daemon.transitions("CHANGED") == ["BACKUP"]


def left_script(daemon: Daemon) -> str:
    """A script that fails."""
    path = daemon.directory / "down"
    path.write_text("#!/bin/sh\nexit 3\n")
    path.chmod(0o755)
    return str(path)
