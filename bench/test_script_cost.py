"""What scripts cost: a storm of notify scripts, and many checks; keepalived beside us with the same file.

The storm: 1,000 masters track one more wire, whose carrier goes: all are in FAULT at once, and each runs its
`notify_fault`. The time is from the carrier to the end of the last script. 500 scripts are run once a second by the 250
instances of one daemon and then of the other; CPU time is that of the whole process tree, scripts included. While
pyvrrpd does either, 250 routers on a wire of their own send an advert every 10 ms, and the kernel on the other side
times each of them; a loop in C that only sleeps for as long tells how long anything waits for a processor meanwhile.

PYVRRP_BENCH_FULL=1 takes five storms for each median, and longer for the rest.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scripts import Adverts, Programs, latest_ns, median
from sleeper import Sleeper

from pyvrrp.control.client import ControlClient
from pyvrrp.meter.daemons import KEEPALIVED, Daemon
from pyvrrp.meter.network import Host, pair
from pyvrrp.netlink import lab

LINKS, VRIDS = 4, 250
ROUTERS = LINKS * VRIDS
FAST, TRACKED = LINKS, LINKS + 1        # the wires of the fast routers, and the one that all track
FAST_S = 0.01                   # the interval of the routers whose adverts are timed
FAST_NS = 10_000_000
ADVERTS_S = 8.0                 # for which they are timed beside checks
CHECKS = 500
FULL = bool(os.environ.get("PYVRRP_BENCH_FULL"))
STORMS = 5 if FULL else 1
CHECKED_S = 20.0 if FULL else 8.0
SETTLE_S = 6.0                  # the second set of gratuitous ARP comes five seconds after the first

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not Path(KEEPALIVED).exists(), reason="keepalived is not installed"),
]


def router(host: Host, link: int, vrid: int, *lines: str, interval_s: float = 1) -> str:
    return "\n".join([
        f"vrrp_instance V{link}_{vrid} {{",
        f"    interface eth{link}\n    virtual_router_id {vrid}\n    priority 200\n    version 3",
        f"    advert_int {interval_s:g}\n    unicast_src_ip 10.{link}.0.{host.side}",
        f"    unicast_peer {{\n        10.{link}.0.{3 - host.side}\n    }}",
        f"    virtual_ipaddress {{\n        198.{18 + link}.{vrid}.1/32\n    }}",
        *lines, "}", "",
    ])


def fast_routers(host: Host) -> str:
    return "".join(router(host, FAST, vrid, interval_s=FAST_S) for vrid in range(1, VRIDS + 1))


def head() -> str:
    return "global_defs {\n    router_id bench\n    script_user root\n}\n"


def counters(daemon: Daemon) -> dict[str, dict[str, int]]:
    return ControlClient(str(daemon.socket)).instances().counters


@contextlib.contextmanager
def running(kind: str, host: Host, text: str, routers: int, directory: Path) -> Iterator[Daemon]:
    daemon = Daemon(kind, host, text, directory)
    try:
        daemon.wait("MASTER", routers)
        time.sleep(SETTLE_S)
        yield daemon
    finally:
        daemon.stop()


def storm(daemon: Daemon, right: Host, programs: Programs) -> float:
    """The carrier goes; how long it is until every router's script has ended, in seconds. Then it comes back."""
    with lab.inside(right.namespace), lab.Lab() as there:
        since_s = time.monotonic()
        there.down(f"eth{TRACKED}")
        took_s = programs.ended(since_s, ROUTERS, 60) - since_s
        there.up(f"eth{TRACKED}")
    return took_s


def stormy(left: Host, programs: Programs) -> str:
    track = f"    track_interface {{\n        eth{TRACKED}\n    }}"
    return head() + "".join(
        router(left, link, vrid, track, f'    notify_fault "{programs.path(f"n{link}_{vrid}")}"')
        for link in range(LINKS) for vrid in range(1, VRIDS + 1))


def gap_ms(before: dict[str, dict[str, int]], after: dict[str, dict[str, int]]) -> float:
    """The longest that a turn of the reactor was late in between, or a little more: it counts in powers of two."""
    was, now = before["turn_late_us"], after["turn_late_us"]
    bound_us = max(int(bound) for bound, count in now.items() if count != was.get(bound, 0))
    return min(bound_us, after["engine"]["turn_late_longest_us"]) / 1e3


def test_storm(tmp_path: Path, figure: Callable[..., Any]) -> None:
    names = [f"n{link}_{vrid}" for link in range(LINKS) for vrid in range(1, VRIDS + 1)]
    programs = Programs(tmp_path / "programs", names)
    took: dict[str, float] = {}
    gaps, late, asleep = [], [], []
    try:
        with pair(LINKS + 2, 1) as (left, right):
            text = stormy(left, programs)
            for kind in ("keepalived", "pyvrrpd"):
                times = []
                with running(kind, left, text, ROUTERS, tmp_path / kind) as daemon:
                    for turn in range(STORMS):
                        times.append(storm(daemon, right, programs))
                        daemon.wait("MASTER", ROUTERS * (turn + 2))
                        time.sleep(SETTLE_S)
                took[kind] = median(times)
            figure(key="script-storm", what="1,000 routers to FAULT, each with a notify script, all ended",
                   value=1e3 * took["pyvrrpd"], unit="ms", yardstick="keepalived",
                   yardstick_value=1e3 * took["keepalived"], goal=1.0)
            with running("pyvrrpd", left, text + fast_routers(left), ROUTERS + VRIDS, tmp_path / "fast") as daemon:
                for turn in range(STORMS):
                    before = counters(daemon)
                    adverts = Adverts(right, f"eth{FAST}", tmp_path / "pcap")
                    sleeper = Sleeper(FAST_NS)
                    time.sleep(1)
                    storm(daemon, right, programs)
                    time.sleep(1)
                    asleep.append(latest_sleep_ms(sleeper))
                    late.append(latest_ms(adverts.stop()))
                    gaps.append(gap_ms(before, counters(daemon)))
                    daemon.wait("MASTER", ROUTERS * (turn + 2) + VRIDS)
                    time.sleep(SETTLE_S)
    finally:
        programs.close()
    figure(key="script-storm-gap", what="longest reactor gap in that storm", value=median(gaps), unit="ms", goal=10)
    late_adverts(figure, "script-storm-late", "latest of the 10 ms adverts of 250 other routers meanwhile",
                 late, asleep)


def late_adverts(figure: Callable[..., Any], key: str, what: str, late: list[float], asleep: list[float]) -> None:
    figure(key=key, what=what, value=median(late), unit="ms", yardstick="C loop that only sleeps for 10 ms",
           yardstick_value=median(asleep), goal=5, judged="value")


def latest_ms(adverts: dict[int, list[int]]) -> float:
    assert len(adverts) == VRIDS
    return max(latest_ns(times, FAST_NS) for times in adverts.values()) / 1e6


def latest_sleep_ms(sleeper: Sleeper) -> float:
    return max(wakeup.late_ns for wakeup in sleeper.stop()) / 1e6


def checks(programs: Programs, left: Host) -> str:
    text = head()
    for n in range(CHECKS):
        text += f'vrrp_script c{n} {{\n    script "{programs.path(f"c{n}")}"\n    interval 1\n    weight 1\n}}\n'
    for vrid in range(1, VRIDS + 1):
        tracked = "\n".join(f"        c{n}" for n in range(vrid - 1, CHECKS, VRIDS))
        text += router(left, 0, vrid, f"    track_script {{\n{tracked}\n    }}")
    return text


def late_runs(starts: dict[str, list[float]]) -> list[float]:
    """How late each run was in seconds, against its script's own earliest phase; at least one run is on time."""
    late = []
    for times in starts.values():
        offsets = [at_s - number for number, at_s in enumerate(times)]
        late += [offset - min(offsets) for offset in offsets]
    return late


def test_checks(tmp_path: Path, figure: Callable[..., Any]) -> None:
    programs = Programs(tmp_path / "programs", [f"c{n}" for n in range(CHECKS)])
    cost: dict[str, float] = {}
    late: dict[str, list[float]] = {}
    try:
        with pair(LINKS + 1, 1) as (left, right):
            text = checks(programs, left)
            for kind in ("keepalived", "pyvrrpd"):
                with running(kind, left, text, VRIDS, tmp_path / kind) as daemon:
                    since_s, before_ns = time.monotonic(), daemon.cpu_ns()
                    time.sleep(CHECKED_S)
                    until_s, used_ns = time.monotonic(), daemon.cpu_ns() - before_ns
                starts = programs.starts(since_s, until_s)
                runs = sum(map(len, starts.values()))
                # For each run: a machine that is too busy has fewer of them.
                cost[kind] = used_ns / runs / 1e3
                late[kind] = late_runs(starts)
            figure(key="script-checks-cpu", what="500 scripts once a second, CPU of the process tree for each run",
                   value=cost["pyvrrpd"], unit="us", yardstick="keepalived",
                   yardstick_value=cost["keepalived"], goal=1.0)
            figure(key="script-checks-late", what="runs of them more than 100 ms late",
                   value=sum(each > 0.1 for each in late["pyvrrpd"]), unit="runs", goal=0)
            with running("pyvrrpd", left, text + fast_routers(left), 2 * VRIDS, tmp_path / "fast") as daemon:
                late_ms, asleep_ms = [], []
                for _ in range(STORMS):
                    adverts = Adverts(right, f"eth{FAST}", tmp_path / "pcap")
                    sleeper = Sleeper(FAST_NS)
                    time.sleep(ADVERTS_S)
                    asleep_ms.append(latest_sleep_ms(sleeper))
                    late_ms.append(latest_ms(adverts.stop()))
            late_adverts(figure, "script-checks-advert-late", "latest of the 10 ms adverts of 250 routers meanwhile",
                         late_ms, asleep_ms)
    finally:
        programs.close()


def test_one_script_for_many(tmp_path: Path, figure: Callable[..., Any]) -> None:
    programs = Programs(tmp_path / "programs", ["one"])
    try:
        with pair(2, 1) as (left, _):
            text = head() + f'vrrp_script one {{\n    script "{programs.path("one")}"\n    interval 1\n}}\n'
            for link in range(2):
                for vrid in range(1, 151):
                    text += router(left, link, vrid, "    track_script {\n        one\n    }")
            with running("pyvrrpd", left, text, 300, tmp_path / "pyvrrpd"):
                since_s = time.monotonic()
                time.sleep(CHECKED_S)
                starts = programs.starts(since_s, time.monotonic())
            times = starts["one"]
            per_interval = (len(times) - 1) / (times[-1] - times[0])
            figure(key="script-shared", what="runs in each interval of one script that 300 instances track",
                   value=per_interval, unit="runs", goal=1.01)
    finally:
        programs.close()
