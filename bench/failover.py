"""Mass failover and mass start of whole daemons: pyvrrpd and keepalived, one after the other on the same file.

    make bench-failover                             every case, five rounds each: about an hour
    python bench/failover.py --rounds 1 --case a    one case, once
    python bench/failover.py --list                 the cases
    python bench/failover.py --accept               write what was found last into bench/failover.json and the document

Two hosts on veth wires with 250 VRIDs each, unicast, VRRPv3, one address to a router. In a round one daemon is BACKUP
of all routers and the MASTER is killed with SIGKILL; then the other daemon. The dying MASTER is the same kind for both:
a pyvrrpd, which spreads its adverts over the interval; or a *choir*, a process that sends all adverts at once, so that
all deadlines come together.

What is measured, by a process of its own (`bench/witness.py`):
- late: when a router's address came, less its deadline; that is the arrival of the last advert heard of it and its
  Master_Down_Interval;
- span: from the first address to the last. It cannot be shorter than that of the deadlines, which is measured too;
- tail: from the last deadline to the last address;
- garp: from the last address to its first gratuitous ARP, as it arrives at the other host;
- turn: how late turns of the reactor were meanwhile, by the daemon's own histogram (turn_late_us);
- sleep: how late a loop in C that only sleeps for 1 ms wakes meanwhile: that long anything waits for a processor;
- witness: for how long the witness itself did not look, so by how much the above may be too large.

`ip -batch` adds the same addresses to the same interfaces, in a network namespace of its own, before each round.
Medians go to .benchmarks/figures.json as all figures do, every round to .benchmarks/failover.json.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from figures import HERE, LATEST, Figure, machine, save, table
from sleeper import Sleeper, Wakeup
from witness import Seen, Witness

from pyvrrp.control.client import ControlClient
from pyvrrp.errors import MeterError
from pyvrrp.meter import case as meter
from pyvrrp.meter.case import HIGH, LOW, VRIDS
from pyvrrp.meter.daemons import Daemon
from pyvrrp.meter.network import Host, pair
from pyvrrp.netlink import lab
from vrrpcore.packet import encode

KINDS = ("pyvrrpd", "keepalived")
SETTLE_S = 7.0                  # until the MASTER's second set of announcements is over
AFTER_S = 1.5                   # what still arrives
SLEEP_NS = 1_000_000
MS = 1_000_000
RESULTS = LATEST.with_name("failover.json")
ACCEPTED = HERE / "failover.json"
DOCUMENT = HERE.parent / "docs" / "performance.md"
BEGIN, END = "<!-- failover: written by bench/failover.py -->", "<!-- end of failover -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(meter.Case):
    """What is measured."""

    name: str
    what: str
    master: str = "pyvrrpd"             # what dies: pyvrrpd, or choir
    one_interface: bool = False         # all addresses on the first wire
    rt_priority: int | None = None
    kinds: tuple[str, ...] = KINDS
    keepalived_rounds: int = 99         # at most: with 10,000 routers one takes minutes
    has_batch: bool = False             # ip -batch beside it
    is_start: bool = False              # nobody dies: the daemon starts

    def dev(self, link: int) -> str:
        return f"eth{0 if self.one_interface else link}"

    def defs(self) -> list[str]:
        found = ["router_id bench", "vrrp_version 3"]
        return found if self.rt_priority is None else [*found, f"vrrp_rt_priority {self.rt_priority}"]


CASES = (
    Case(name="a", what="1,000 routers at 100 ms", routers=1000, interval_cs=10),
    Case(name="a-rt", what="1,000 routers at 100 ms, vrrp_rt_priority 10", routers=1000, interval_cs=10,
         rt_priority=10),
    Case(name="b", what="2,500 routers at 1 s", routers=2500),
    Case(name="c", what="10,000 routers at 1 s", routers=10_000, keepalived_rounds=1),
    Case(name="c-rt", what="10,000 routers at 1 s, vrrp_rt_priority 10", routers=10_000, rt_priority=10,
         kinds=("pyvrrpd",)),
    Case(name="once", what="10,000 routers at 1 s, all deadlines together", routers=10_000, master="choir",
         has_batch=True, kinds=("pyvrrpd",)),
    Case(name="once-rt", what="10,000 routers at 1 s, all deadlines together, vrrp_rt_priority 10", routers=10_000,
         master="choir", rt_priority=10, has_batch=True, kinds=("pyvrrpd",)),
    Case(name="once-one", what="10,000 routers at 1 s, all deadlines together, all addresses on one interface",
         routers=10_000, master="choir", one_interface=True, has_batch=True, kinds=("pyvrrpd",)),
    Case(name="start", what="10,000 routers, from the start to all MASTER", routers=10_000, is_start=True,
         keepalived_rounds=1),
)


@dataclass(slots=True)
class Result:
    """One round of one daemon, or of ip -batch; milliseconds but for `turn_us`."""

    kind: str
    span_ms: float = 0.0
    deadlines_ms: float = 0.0           # their span
    late_ms: float = 0.0                # of the latest
    late_median_ms: float = 0.0
    tail_ms: float = 0.0
    garp_ms: float = 0.0
    garp_longest_ms: float = 0.0        # of all addresses, from each to its own
    start_ms: float = 0.0               # beyond the first election; of one that was given up, until then
    masters: int = 0                    # of a start: how many instances were MASTER at its end
    turn_p99_us: float = 0.0
    turn_longest_us: float = 0.0
    turns: int = 0
    sleep_p99_us: float = 0.0
    sleep_longest_us: float = 0.0
    cpu_ms: float = 0.0                 # of the daemon, from the death until some time after the last address
    memory_mib: float = 0.0
    witness_ms: float = 0.0             # by so much what the witness saw may be too late
    load: str = field(default_factory=lambda: Path("/proc/loadavg").read_text().rsplit(" ", 2)[0])


class Choir:
    """A MASTER that sends the adverts of all routers at once, each interval; a process, so that it can be killed."""

    def __init__(self, case: Case, host: Host) -> None:
        self._pid = os.fork()
        if self._pid == 0:
            try:
                self._sing(case, host)
            finally:
                os._exit(1)

    @staticmethod
    def _sing(case: Case, host: Host) -> None:
        socks = []
        with lab.inside(host.namespace):
            for link in range(case.links):
                sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112)
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
                sock.bind((f"10.{link}.0.{host.side}", 0))
                sock.connect((f"10.{link}.0.{3 - host.side}", 0))
                socks.append(sock)
        adverts = []
        for link, vrid in case.places():
            src, dst = (bytes((10, link, 0, side)) for side in (host.side, 3 - host.side))
            adverts.append((socks[link], encode(
                version=3, family=4, vrid=vrid, priority=HIGH, interval_cs=case.interval_cs,
                addresses=(socket.inet_aton(case.vip(link, vrid)),), src=src, dst=dst,
            )))
        # Wire by wire in turn: no receive queue of one wire gets all of its adverts at once.
        adverts = [adverts[k] for first in range(VRIDS) for k in range(first, len(adverts), VRIDS)]
        at_s = time.monotonic()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        while True:
            for sock, advert in adverts:
                sock.send(advert)
            at_s += case.interval_cs / 100
            if signal.sigtimedwait({signal.SIGTERM}, max(0.0, at_s - time.monotonic())) is not None:
                os._exit(0)

    def kill(self) -> None:
        """End it, between two songs: all deadlines come together."""
        if self._pid:
            os.kill(self._pid, signal.SIGTERM)
            os.waitpid(self._pid, 0)
            self._pid = 0


def turns(control: str) -> Mapping[str, Mapping[str, int]]:
    """The daemon's own totals and histograms."""
    return ControlClient(control, timeout_s=60).instances().counters


def note_turns(result: Result, before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]]) -> None:
    """What the histogram of late turns got meanwhile. A column is known by its bound, so a figure is at most that."""
    columns = {float(bound): count - before["turn_late_us"].get(bound, 0)
               for bound, count in after["turn_late_us"].items()}
    result.turns = sum(columns.values())
    left = 0.99 * result.turns
    for bound, count in sorted(columns.items()):
        if count:
            result.turn_longest_us = bound
            if left > 0:
                result.turn_p99_us = bound
            left -= count
    longest_us = after["engine"]["turn_late_longest_us"]
    if longest_us > before["engine"]["turn_late_longest_us"]:
        result.turn_longest_us = longest_us


def note_sleep(result: Result, wakeups: list[Wakeup], since_ns: int, until_ns: int) -> None:
    """What the sleeper was late for from the first address to the last; times are CLOCK_REALTIME."""
    offset_ns = time.time_ns() - time.monotonic_ns()
    late = sorted(late_ns for due_ns, late_ns in wakeups if since_ns <= due_ns + offset_ns <= until_ns)
    if late:
        result.sleep_p99_us, result.sleep_longest_us = late[len(late) * 99 // 100] / 1000, late[-1] / 1000


def judge(case: Case, result: Result, seen: Seen, indexes: Mapping[int, int], died_ns: int) -> None:
    """Fill in what the witness saw."""
    late, deadlines, garps, found = [], [], [], []
    result.witness_ms = seen.late_ns / MS
    for link, vrid in case.places():
        vip = case.vip(link, vrid)
        at_ns = seen.addresses[vip]
        found.append(at_ns)
        garps.append((at_ns, seen.announced.get(vip, 0)))
        if died_ns:
            heard_ns = seen.adverts[indexes[link], vrid]
            assert heard_ns < died_ns, f"{vip}: an advert came after the death"
            deadlines.append(heard_ns + case.deadline_ns)
            late.append(at_ns - deadlines[-1])
    result.span_ms = (max(found) - min(found)) / MS
    missing = sum(not garp_ns for _, garp_ns in garps)
    # keepalived leaves some out where all of 10,000 come at once.
    assert not missing or (result.kind == "keepalived" and not died_ns), f"{missing} addresses were not announced"
    last_ns, garp_ns = max(garps)
    result.garp_ms = (garp_ns - last_ns) / MS
    result.garp_longest_ms = max(garp_ns - at_ns for at_ns, garp_ns in garps) / MS
    if died_ns:
        result.deadlines_ms = (max(deadlines) - min(deadlines)) / MS
        result.late_ms, result.late_median_ms = max(late) / MS, statistics.median(late) / MS
        result.tail_ms = (max(found) - max(deadlines)) / MS


def await_masters(backup: Daemon, routers: int) -> None:
    backup.wait("MASTER", routers)
    time.sleep(AFTER_S)


def takeover(case: Case, kind: str, directory: Path) -> Result:
    """One round: `kind` takes over from a MASTER that is killed."""
    result = Result(kind)
    with contextlib.ExitStack() as stack:
        left, right = stack.enter_context(pair(case.links, 1))
        indexes = {link: left.ifindex(f"eth{link}") for link in range(case.links)}
        master: Choir | Daemon
        if case.master == "choir":
            master = Choir(case, right)
            stack.callback(master.kill)
        else:
            master = Daemon(case.master, right, case.configuration(right.side, HIGH), directory / "master")
            stack.callback(master.kill)
            master.wait("MASTER", case.routers)
        backup = Daemon(kind, left, case.configuration(left.side, LOW), directory / "backup")
        stack.callback(backup.kill)
        backup.wait("BACKUP", case.routers)
        witness = Witness(left.namespace, right.namespace)
        try:
            time.sleep(SETTLE_S)
            assert backup.entered("MASTER") == 0, f"{kind}: it was MASTER before its time"
            result.memory_mib = backup.memory_bytes() / 2**20
            before = turns(str(backup.socket)) if kind == "pyvrrpd" else {}
            time.sleep(1)
            sleeper = Sleeper(SLEEP_NS)
            stack.callback(sleeper.stop)
            master.kill()
            died_ns, cpu_ns = time.time_ns(), backup.cpu_ns()
            await_masters(backup, case.routers)
            result.cpu_ms = (backup.cpu_ns() - cpu_ns) / MS
            if kind == "pyvrrpd":
                note_turns(result, before, turns(str(backup.socket)))
        finally:
            seen = witness.close()
        judge(case, result, seen, indexes, died_ns)
        note_sleep(result, sleeper.stop(), min(seen.addresses.values()), max(seen.addresses.values()))
    return result


def start(case: Case, kind: str, directory: Path) -> Result:
    """One round: `kind` starts, and nobody else is there."""
    result = Result(kind)
    with contextlib.ExitStack() as stack:
        left, right = stack.enter_context(pair(case.links, 1))
        witness = Witness(left.namespace, right.namespace)
        try:
            daemon = Daemon(kind, left, case.configuration(left.side, LOW), directory / "daemon")
            stack.callback(daemon.kill)
            with contextlib.suppress(MeterError):
                await_masters(daemon, case.routers)
            result.masters = daemon.entered("MASTER")
            assert kind == "keepalived" or result.masters == case.routers, f"{result.masters} are MASTER"
            given_up_ns = time.time_ns()
            result.memory_mib = daemon.memory_bytes() / 2**20
            if kind == "pyvrrpd":
                empty = {"turn_late_us": {}, "engine": {"turn_late_longest_us": 0}}
                note_turns(result, empty, turns(str(daemon.socket)))
        finally:
            seen = witness.close()
        is_done = result.masters == case.routers
        if is_done:
            judge(case, result, seen, {}, 0)
        end_ns = max(seen.addresses.values()) if is_done else given_up_ns
        result.start_ms = (end_ns - daemon.started_ns - case.deadline_ns) / MS
    return result


def batch(case: Case, directory: Path) -> Result:
    """`ip -batch` adds the addresses that a takeover adds, in the same way."""
    directory.mkdir()
    lines = directory / "batch"
    lines.write_text("".join(
        f"address add {case.vip(link, vrid)}/32 dev {case.dev(link)}\n" for link, vrid in case.places()
    ))
    with pair(case.links, 1) as (left, right):
        witness = Witness(left.namespace, right.namespace)
        try:
            with lab.inside(left.namespace):
                subprocess.run(["ip", "-batch", str(lines)], check=True, stdout=subprocess.DEVNULL)
        finally:
            seen = witness.close()
    found = [seen.addresses[case.vip(link, vrid)] for link, vrid in case.places()]
    return Result("ip -batch", span_ms=(max(found) - min(found)) / MS)


def rounds(case: Case, count: int) -> Iterator[Result]:
    """Measure a case; the order of the daemons alternates."""
    for number in range(count):
        with tempfile.TemporaryDirectory(prefix="fo-") as name:
            directory = Path(name)
            if case.has_batch:
                yield batch(case, directory / "batch")
            for kind in case.kinds if number % 2 == 0 else reversed(case.kinds):
                if kind == "keepalived" and number >= case.keepalived_rounds:
                    continue
                (directory / kind).mkdir()
                try:
                    yield (start if case.is_start else takeover)(case, kind, directory / kind)
                except (AssertionError, MeterError) as error:      # on a busy machine a BACKUP may not even stay one
                    print(f"{case.name}: this round does not count: {error}", file=sys.stderr)


def medians(results: list[Result]) -> dict[str, Result]:
    """By kind: the median of each figure."""
    found = {}
    for kind in dict.fromkeys(result.kind for result in results):
        those = [result for result in results if result.kind == kind]
        fields = {one.name: statistics.median(getattr(result, one.name) for result in those)
                  for one in dataclasses.fields(Result) if one.name not in ("kind", "load")}
        found[kind] = Result(kind, **fields)
    return found


def figures(case: Case, found: Mapping[str, Result]) -> Iterator[Figure]:
    """The lines of the table that a case makes; `found` are medians by kind."""
    ours, theirs, batched = (found.get(kind) for kind in ("pyvrrpd", "keepalived", "ip -batch"))
    if ours is None:
        return
    key = f"failover-{case.name}"

    def beside(name: str, what: str, field: str, other: Result | None, yardstick: str, goal: float) -> Iterator[Figure]:
        if other is not None:
            yield Figure(key=f"{key}-{name}", what=f"{case.what}: {what}", value=getattr(ours, field), unit="ms",
                         yardstick=yardstick, yardstick_value=getattr(other, field), goal=goal)

    def alone(name: str, what: str, value: float, unit: str, goal: float | None) -> Figure:
        return Figure(key=f"{key}-{name}", what=f"{case.what}: {what}", value=value, unit=unit, goal=goal)

    if case.is_start:
        given_up = theirs is not None and theirs.masters < case.routers
        yield from beside(
            "start", "beyond the first election", "start_ms", theirs,
            f"keepalived, given up with {theirs.masters:.0f} of them" if theirs is not None and given_up
            else "keepalived", 0.5)
    else:
        yield from beside("late", "the latest address after its deadline", "late_ms", theirs, "keepalived", 0.15)
        if case.interval_cs < 100:
            yield alone("late-ms", "the latest address after its deadline", ours.late_ms, "ms", 60)
        yield alone("deadlines", "first to last deadline", ours.deadlines_ms, "ms", None)
        yield alone("tail", "last deadline to last address", ours.tail_ms, "ms", None)
        if batched is not None:
            yield from beside("span", "first to last address", "span_ms", batched, "ip -batch", 1.1)
        yield alone("garp", "last address to its first GARP", ours.garp_ms, "ms", 50)
    for name, what, mine_us, sleep_us, goal_ms in (
        ("turn-p99", "lateness of turns, 99 %", ours.turn_p99_us, ours.sleep_p99_us, 1.03),
        ("turn-longest", "lateness of turns, longest", ours.turn_longest_us, ours.sleep_longest_us, 10),
    ):
        yield Figure(key=f"{key}-{name}", what=f"{case.what}: {what}", value=mine_us / 1000, unit="ms", goal=goal_ms,
                     yardstick="C loop that only sleeps" if sleep_us else "", yardstick_value=sleep_us / 1000,
                     judged="value")
    if case.routers >= 10_000:
        yield alone("memory", "memory of all its processes (PSS)", ours.memory_mib, "MiB", 100)


def accept(kept: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep every round, and write the table of medians into the document."""
    noted, loads = [], []
    for case in CASES:
        if case.name in kept:
            found = [Result(**one) for one in kept[case.name]["rounds"]]
            noted += figures(case, medians(found))
            loads.append(f"{case.name} {len([one for one in found if one.kind == 'pyvrrpd'])} rounds, "
                         f"{min(float(one.load.split()[0]) for one in found):.1f} to "
                         f"{max(float(one.load.split()[0]) for one in found):.1f}")
    lines = [f"| {' | '.join(row)} |" for row in table(noted)]
    lines.insert(1, "|---|---|---|---|---|---|")
    lines += ["", f"Load average of one minute before each round, by case: {'; '.join(loads)}."]
    ACCEPTED.write_text(json.dumps(kept, indent=1) + "\n")
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    text = "\n".join(lines)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES])
    parser.add_argument("--kind", choices=KINDS, help="without the other one")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--accept", action="store_true")
    asked = parser.parse_args(arguments)
    cases = [case for case in CASES if not asked.case or case.name in asked.case]
    if asked.list:
        for case in cases:
            print(f"{case.name:10} {case.what}")
        return 0
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if asked.accept:
        accept(kept)
        return 0
    noted = []
    LATEST.parent.mkdir(exist_ok=True)
    for case in cases:
        found = []
        kinds = (asked.kind,) if asked.kind else case.kinds
        for result in rounds(dataclasses.replace(case, kinds=kinds), asked.rounds):
            found.append(result)
            print(case.name, json.dumps(rounded(result)), flush=True)
            kept[case.name] = {"machine": machine(), "rounds": [rounded(each) for each in found]}
            RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
        noted += figures(case, medians(found))
        save(LATEST, noted)
    rows = table(noted)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def rounded(result: Result) -> dict[str, float | int | str]:
    """What is not 0, with digits that mean something."""
    return {name: round(value, 2) if isinstance(value, float) else value
            for name, value in dataclasses.asdict(result).items() if value}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
