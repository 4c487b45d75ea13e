"""How late addresses come when the MASTER dies.

The MASTER's daemon, a pyvrrpd, is killed with SIGKILL, and the BACKUP's daemon takes over. The deadline of a router is
the arrival of the last advert heard of it, stamped by the kernel, and its Master_Down_Interval. An address is late from
there to the kernel's word that it is on the interface (RTM_NEWADDR), stamped when that is read. Who reads does nothing
else meanwhile, in a real-time class where it may have one; by how much it came late to look is measured too: what it
saw may be too late by as much.

Daemons of several kinds take over one after the other: a takeover takes all that the machine has.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyvrrp.errors import MeterError
from pyvrrp.meter.arithmetic import Spread, spread
from pyvrrp.meter.case import HIGH, LOW, Case
from pyvrrp.meter.course import LOOK_S, Course
from pyvrrp.meter.daemons import PYVRRPD_NAME, Daemon, await_rest
from pyvrrp.meter.loops import LastAdverts
from pyvrrp.meter.network import Host, pair
from pyvrrp.netlink import lab
from vrrpcore import rawio

TAKEOVER_S = 60.0               # beyond the deadlines, for all addresses to come; keepalived takes 7 s for 10,000 idle
READ_S = 0.002                  # between two looks of an idle reader
ROOM_PER_ADDRESS = 8192         # bytes of a receive buffer for what the kernel tells of one: it counts some 1,000
ROOM_PER_ADVERT = 832           # as the kernel counts a short datagram
INTERFACES = 4096
PRIORITY = 1                    # of SCHED_FIFO
MS = 1e6                        # nanoseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Failover:
    """What one takeover came to."""

    kind: str                       # of the daemon that took over
    routers: int
    master_down_interval_s: float
    late_ms: Spread                 # of the addresses, each from its own deadline
    earliest_ms: float              # of them
    deadlines_ms: float             # from the first deadline to the last
    addresses_ms: float             # from the first address to the last
    reader_late_ms: float           # by so much the times of addresses may be too late


class _Reader:
    """Reads of one host's addresses and of what it hears."""

    def __init__(self, host: Host, case: Case) -> None:
        with lab.inside(host.namespace):
            self.addresses = lab.AddressWatch(case.routers * ROOM_PER_ADDRESS)
            self._adverts = rawio.open_receiver(4)
        rawio.size_receive_buffer(self._adverts, int(case.adverts_per_s * ROOM_PER_ADVERT))
        self.last = LastAdverts(INTERFACES)
        self.late_s = 0.0

    def close(self) -> None:
        self.addresses.close()
        self._adverts.close()

    def read_for(self, for_s: float, enough: int, course: Course) -> int:
        """Read for so long, or until so much is known of addresses; returns how much is. Raises StoppedError."""
        poll = select.poll()
        poll.register(self.addresses.fileno(), select.POLLIN)
        begun_s = looked_s = checked_s = time.monotonic()
        while True:
            poll.poll(READ_S * 1000)
            found = self.addresses.note()
            now_s = time.monotonic()
            self.late_s = max(self.late_s, now_s - looked_s - READ_S)
            looked_s = now_s
            self.last.read(self._adverts.fileno())
            if found >= enough or now_s - begun_s >= for_s:
                return found
            if now_s - checked_s >= LOOK_S:
                checked_s = now_s
                course.check()
                course.tell(f"{found:,} of {enough:,} addresses")


def measure(case: Case, kinds: Sequence[str], directory: Path, course: Course) -> list[Failover]:
    """Have a daemon of each of these kinds take over. Their files are in `directory`.

    Raises MeterError, NetlinkError, OSError, StoppedError; in any case nothing is left but the files.
    """
    return [_takeover(case, kind, directory, course) for kind in kinds]


def _takeover(case: Case, kind: str, directory: Path, course: Course) -> Failover:
    with contextlib.ExitStack() as stack:
        course.begin(f"{kind}: making {case.links} wire{'' if case.links == 1 else 's'}")
        left, right = stack.enter_context(pair(case.links, 1))
        indexes = {link: left.ifindex(f"eth{link}") for link in range(case.links)}
        course.begin(f"{kind}: starting the MASTER's daemon")
        text = case.configuration(right.side, HIGH)
        master = Daemon(PYVRRPD_NAME, right, text, directory / f"{kind}-master")
        stack.callback(master.kill)
        master.wait("MASTER", case.routers, course)
        course.begin(f"{kind}: starting the BACKUP's daemon")
        backup = Daemon(kind, left, case.configuration(left.side, LOW), directory / f"{kind}-backup")
        stack.callback(backup.kill)
        backup.wait("BACKUP", case.routers, course)
        await_rest([master, backup], course)
        if backup.entered("MASTER"):
            raise _too_soon(kind)
        reader = _Reader(left, case)
        stack.callback(reader.close)
        course.begin(f"{kind}: killing the MASTER")
        with _real_time():
            if reader.read_for(2 * case.interval_cs / 100, case.routers, course):
                raise _too_soon(kind)
            reader.late_s = 0.0
            master.kill()
            reader.read_for(case.deadline_ns / 1e9 + TAKEOVER_S, case.routers, course)
        # The kernel's stamps of adverts are of the wall clock, ours are not.
        offset_ns = time.time_ns() - time.monotonic_ns()
        came_ns: dict[str, int] = {}
        for event in reader.addresses.read():
            if event.is_added:
                came_ns.setdefault(event.address, int(event.at_s * 1e9) + offset_ns)
    heard_ns = {case.vip(link, vrid): reader.last.at_ns(indexes[link], vrid) for link, vrid in case.places()}
    return judge(case, kind, heard_ns, came_ns, reader.late_s * 1e3)


def judge(case: Case, kind: str, heard_ns: dict[str, int], came_ns: dict[str, int], reader_late_ms: float) -> Failover:
    """What it came to: by address, when its last advert was heard and when it came. Raises MeterError."""
    missing = heard_ns.keys() - came_ns.keys()
    if missing:
        raise MeterError(
            f"bench: {kind}: {len(missing):,} of {case.routers:,} addresses did not come within {TAKEOVER_S:g} s after "
            "their deadlines; the machine may be too busy or too small: take fewer routers"
        )
    deadlines = {vip: at_ns + case.deadline_ns for vip, at_ns in heard_ns.items()}
    if not all(heard_ns.values()):
        raise MeterError(f"bench: {kind}: of some routers no advert was heard; take fewer routers or a longer interval")
    late_ms = [(came_ns[vip] - deadline_ns) / MS for vip, deadline_ns in deadlines.items()]
    came = [came_ns[vip] for vip in deadlines]
    return Failover(
        kind=kind, routers=case.routers, master_down_interval_s=case.deadline_ns / 1e9, late_ms=spread(late_ms),
        earliest_ms=min(late_ms), deadlines_ms=(max(deadlines.values()) - min(deadlines.values())) / MS,
        addresses_ms=(max(came) - min(came)) / MS, reader_late_ms=max(0.0, reader_late_ms),
    )


def _too_soon(kind: str) -> MeterError:
    return MeterError(
        f"bench: {kind}: some router became MASTER before anything was killed; the machine did not give the MASTER a "
        "processor in time: take a longer interval, fewer routers, or a machine that is less busy"
    )


@contextlib.contextmanager
def _real_time() -> Iterator[None]:
    """Have this process run before all others, where that is allowed."""
    was, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))
    try:
        yield
    finally:
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, was, priority)
