"""What a pair of daemons costs while nothing happens: adverts sent and heard, CPU time, lateness, memory, losses.

CPU time and the adverts on the wires are counted by the kernel. Losses are counted from the start to the end, exactly:
the BACKUP's daemon is started first, so it is there for the MASTER's first advert, and at the end the wires of the
MASTER are switched off. Then nothing is sent any more, and all that the kernel has counted on the wires and the daemon
of the BACKUP has not heard, was lost. Adverts of priority 0 are left out.

Pairs of several kinds run at the same time, each in two namespaces of its own, so that what else the machine does meets
all of them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyvrrp.control.protocol import InstancesReply
from pyvrrp.meter.arithmetic import Spread, delivered, histogram_spread
from pyvrrp.meter.case import HIGH, LOW, Case
from pyvrrp.meter.course import Course
from pyvrrp.meter.daemons import PYVRRPD_NAME, Daemon, await_rest
from pyvrrp.meter.network import pair
from pyvrrp.meter.wire import WireCount
from pyvrrp.netlink import lab

QUIET_S = 20.0                  # for the counters to stand still once no wire is there
QUIET_LOOK_S = 0.3
MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """What a pair of one kind did."""

    kind: str
    for_s: float                    # how long was measured
    sent: int                       # adverts of the MASTER in that time, on the wires
    sent_per_s: float
    cpu_us_per_sent: float          # of the MASTER's whole process tree
    cpu_us_per_heard: float         # of the BACKUP's
    cpu_percent_master: float       # of one core
    cpu_percent_backup: float
    memory_mib_master: float        # PSS of all processes
    memory_mib_backup: float
    changes: int                    # of state, in that time: there ought to be none
    sent_ever: int                  # adverts of the MASTER from its start to the end
    heard_ever: int                 # of those, by the BACKUP's own count
    lost_ever: int
    delivered: float                # which part of them was heard
    late_us: Spread | None          # how late adverts were sent, by the daemon's histogram; None: it has none
    turn_late_us: Spread | None     # how late turns of the MASTER's reactor came


@dataclass(slots=True)
class _Look:
    """The counts of one pair at one moment."""

    at_s: float
    sent: int
    master_ns: int
    backup_ns: int
    changes: int


class _Pair:
    """The daemons of one kind, in two namespaces."""

    def __init__(self, kind: str, backup: Daemon, master: Daemon, wire: WireCount) -> None:
        self.kind, self.backup, self.master, self._wire = kind, backup, master, wire

    def sent(self) -> int:
        return self._wire.total() + self.master.host.undelivered_packets()

    def look(self) -> _Look:
        changes = self.backup.changes() + self.master.changes()
        return _Look(time.monotonic(), self.sent(), self.master.cpu_ns(), self.backup.cpu_ns(), changes)

    def status(self) -> InstancesReply | None:
        return self.master.status() if self.kind == PYVRRPD_NAME else None


def measure(case: Case, kinds: Sequence[str], for_s: float, directory: Path, course: Course) -> list[Throughput]:
    """Measure pairs of these kinds for so long. Their files are in `directory`.

    Raises MeterError, ControlError, NetlinkError, OSError, StoppedError; in any case nothing is left but the files.
    """
    with contextlib.ExitStack() as stack:
        pairs = [stack.enter_context(_pair(case, kind, directory, course)) for kind in kinds]
        await_rest([daemon for each in pairs for daemon in (each.backup, each.master)], course)
        statuses = [each.status() for each in pairs]
        course.begin(f"measuring for {for_s:g} s")
        before = [each.look() for each in pairs]
        course.rest(for_s)
        after = [each.look() for each in pairs]
        found = []
        for one, was, now, status in zip(pairs, before, after, statuses, strict=True):
            found.append(_judge(case, one, was, now, status, course))
        return found


@contextlib.contextmanager
def _pair(case: Case, kind: str, directory: Path, course: Course) -> Iterator[_Pair]:
    with contextlib.ExitStack() as stack:
        course.begin(f"{kind}: making {case.links} wire{'' if case.links == 1 else 's'}")
        left, right = stack.enter_context(pair(case.links, 1))
        wire = stack.enter_context(contextlib.closing(WireCount(left)))
        course.begin(f"{kind}: starting the BACKUP's daemon")
        backup = Daemon(kind, left, case.configuration(left.side, LOW), directory / f"{kind}-backup")
        stack.callback(backup.kill)
        backup.wait("MASTER", case.routers, course)
        course.begin(f"{kind}: starting the MASTER's daemon")
        master = Daemon(kind, right, case.configuration(right.side, HIGH), directory / f"{kind}-master")
        stack.callback(master.kill)
        master.wait("MASTER", case.routers, course)
        backup.wait("BACKUP", 2 * case.routers, course)
        yield _Pair(kind, backup, master, wire)


def _judge(case: Case, one: _Pair, was: _Look, now: _Look, before: InstancesReply | None,
           course: Course) -> Throughput:
    late = turns = None
    if before is not None:
        after = one.master.status()
        late = _late(before, after, "adver_late")
        turns = _late(before, after, "turn_late")
    memory = one.master.memory_bytes(), one.backup.memory_bytes()
    course.begin(f"{one.kind}: counting what was lost")
    sent_ever, heard_ever = _count(case, one, course)
    for_s = now.at_s - was.at_s
    sent = now.sent - was.sent
    master_ns, backup_ns = now.master_ns - was.master_ns, now.backup_ns - was.backup_ns
    lost = max(0, sent_ever - heard_ever)
    return Throughput(
        kind=one.kind, for_s=for_s, sent=sent, sent_per_s=sent / for_s,
        cpu_us_per_sent=master_ns / 1e3 / max(1, sent), cpu_us_per_heard=backup_ns / 1e3 / max(1, sent),
        cpu_percent_master=master_ns / 1e7 / for_s, cpu_percent_backup=backup_ns / 1e7 / for_s,
        memory_mib_master=memory[0] / MIB, memory_mib_backup=memory[1] / MIB, changes=now.changes - was.changes,
        sent_ever=sent_ever, heard_ever=heard_ever, lost_ever=lost, delivered=delivered(sent_ever, lost),
        late_us=late, turn_late_us=turns,
    )


def _late(before: InstancesReply, after: InstancesReply, name: str) -> Spread | None:
    """What a histogram of pyvrrpd got meanwhile."""
    return histogram_spread(before.counters.get(f"{name}_us", {}), after.counters.get(f"{name}_us", {}),
                            after.counters["engine"][f"{name}_longest_us"])


def _count(case: Case, one: _Pair, course: Course) -> tuple[int, int]:
    """Have the MASTER's wires go, and say what it has sent and the BACKUP heard from the start until then."""
    with lab.inside(one.master.host.namespace), lab.Lab() as here:
        for link in range(case.links):
            here.down(f"eth{link}")
    found = -1, -1
    deadline_s = time.monotonic() + QUIET_S
    while time.monotonic() < deadline_s:
        course.rest(QUIET_LOOK_S)
        last, found = found, (one.sent(), one.backup.adverts_heard(course))
        if last == found:
            break
    return found
