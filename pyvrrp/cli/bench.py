"""`pyvrrp bench`: what this engine does on this host, beside keepalived if it is asked for.

All of it happens in network namespaces, processes and a directory of its own, which are gone at the end, however it
ends. Progress goes to stderr, so that figures alone are on stdout.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from pyvrrp import limits
from pyvrrp.cli import main as cli
from pyvrrp.cli.bench_figures import Figures, Report, as_object, lines, report_of
from pyvrrp.cli.orders import add_json, duration
from pyvrrp.cli.screen import Screen
from pyvrrp.errors import ControlError, MeterError, NetlinkError, UsageError
from pyvrrp.meter import failover, flood, machine, throughput
from pyvrrp.meter.case import Case
from pyvrrp.meter.course import Course, StoppedError
from pyvrrp.meter.daemons import KEEPALIVED, KEEPALIVED_NAME, PYVRRPD_NAME, version_of

EPILOG = f"""what is measured:
  throughput  two daemons that have nothing to do but their adverts: CPU per advert, lateness, losses, memory
  failover    the MASTER's daemon is killed: how late after their deadlines the addresses come
  flood       the bare engine without a daemon: adverts per second of one core, beside a plain sendmmsg loop

It makes network namespaces, wires and daemons of its own, and removes them. No daemon and no network of this host is
touched; but it takes processor time, and daemons of this host may have to wait for theirs.

examples:
  pyvrrp bench throughput --against keepalived
  pyvrrp bench throughput --routers 500 --interval 100ms --for 30s
  pyvrrp bench failover --routers 250 --json
  pyvrrp bench flood

exit status:
  {cli.EXIT_OK}    it was measured
  {cli.EXIT_FAILED}    it could not be measured, with the reason
  {cli.EXIT_USAGE}    the command line is wrong
  130  Ctrl-C (143: SIGTERM): nothing is left
"""


class Measure(NamedTuple):
    """What may be said to a measurement, and what it has unless one says so."""

    routers: int
    routers_max: int
    for_s: float | None         # None: it ends by itself
    has_interval: bool


MEASURES = {
    "throughput": Measure(1000, limits.METER_ROUTERS_MAX, 10.0, True),
    "failover": Measure(1000, limits.METER_ROUTERS_MAX, None, True),
    "flood": Measure(1000, limits.METER_FLOOD_ROUTERS_MAX, 5.0, False),
}
INTERVAL_CS = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `bench` takes."""
    parser.epilog = EPILOG
    parser.add_argument("measure", choices=tuple(MEASURES), help="what to measure")
    parser.add_argument("--routers", metavar="N", type=int,
                        help=f"pairs of routers, 1 to {limits.METER_ROUTERS_MAX:,} (flood: "
                             f"{limits.METER_FLOOD_ROUTERS_MAX:,}); default 1,000")
    parser.add_argument("--interval", metavar="TIME", type=duration,
                        help="between two adverts of a router: 10ms to 40.95s; default 1s; not for flood")
    parser.add_argument("--for", metavar="TIME", type=duration, dest="for_s",
                        help=f"how long to measure, {limits.METER_S_MAX:g}s at most; default 10s, flood 5s; not for "
                             "failover")
    parser.add_argument("--against", metavar="DAEMON", choices=(KEEPALIVED_NAME,),
                        help="keepalived: measure it too; throughput at the same time, failover after; not for flood")
    add_json(parser, "print the figures as JSON")


class Asked(NamedTuple):
    """What the command line comes to."""

    measure: str
    case: Case
    for_s: float
    kinds: tuple[str, ...]


def understand(arguments: argparse.Namespace) -> Asked:
    """The arguments within their bounds. Raises UsageError."""
    name = arguments.measure
    measure = MEASURES[name]
    routers = measure.routers if arguments.routers is None else arguments.routers
    if not 1 <= routers <= measure.routers_max:
        raise UsageError(f"bench {name}: --routers {routers} is not in 1..{measure.routers_max}; choose a number there")
    interval_cs = INTERVAL_CS
    if arguments.interval is not None:
        if not measure.has_interval:
            raise UsageError(f"bench {name}: there is no interval in it; leave --interval out")
        interval_cs = round(arguments.interval * 100)
        if abs(interval_cs - arguments.interval * 100) > 1e-6 or not 1 <= interval_cs <= limits.METER_INTERVAL_CS_MAX:
            raise UsageError(f"bench {name}: --interval {arguments.interval:g}s is not in 10ms..40.95s, in steps of "
                             "10ms; choose one of those")
    for_s = measure.for_s or 0.0
    if arguments.for_s is not None:
        if measure.for_s is None:
            raise UsageError(f"bench {name}: it ends by itself; leave --for out")
        for_s = arguments.for_s
        if not limits.METER_S_MIN <= for_s <= limits.METER_S_MAX:
            raise UsageError(f"bench {name}: --for {for_s:g}s is not in "
                             f"{limits.METER_S_MIN:g}s..{limits.METER_S_MAX:g}s; choose a time there")
    if arguments.against and not measure.has_interval:
        raise UsageError(f"bench {name}: no daemon is in it; leave --against out")
    case = Case(routers=routers, interval_cs=interval_cs)
    if measure.has_interval and case.adverts_per_s > limits.METER_ADVERTS_PER_S_MAX:
        raise UsageError(
            f"bench {name}: {routers:,} routers at {interval_cs * 10} ms are {case.adverts_per_s:,.0f} adverts a "
            f"second, more than {limits.METER_ADVERTS_PER_S_MAX:,}; take fewer routers or a longer interval"
        )
    kinds = (PYVRRPD_NAME, KEEPALIVED_NAME) if arguments.against else (PYVRRPD_NAME,)
    return Asked(name, case, for_s, kinds)


def run(arguments: argparse.Namespace) -> int:
    """Measure, and print. Raises MeterError, UsageError."""
    asked = understand(arguments)
    if os.geteuid() != 0:
        raise MeterError("bench: only root may make the network namespaces and receive buffers that it takes; "
                         f"run it as root: sudo pyvrrp bench {asked.measure}")
    if KEEPALIVED_NAME in asked.kinds and not os.access(KEEPALIVED, os.X_OK):
        raise MeterError("bench: there is no keepalived on this host; install it, or leave --against out")
    received: list[int] = []
    with _noted(received), Screen(sys.stderr) as screen:
        try:
            found = _measure(asked, _course(screen, received))
        except StoppedError as stopped:
            return 128 + stopped.number
        finally:
            screen.show([])
    if arguments.json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(as_object(found))) + b"\n")
        sys.stdout.buffer.flush()
    else:
        print("\n".join(lines(found)))
    return cli.EXIT_OK


def _measure(asked: Asked, course: Course) -> Report:
    """Measure, with the machine before and after. Raises MeterError, StoppedError."""
    before = machine.look()
    try:
        versions = {kind: version_of(kind) for kind in asked.kinds}
        with tempfile.TemporaryDirectory(prefix="pyvrrp-bench-", ignore_cleanup_errors=True) as name:   # mode 0700
            found: Figures
            if asked.measure == "throughput":
                found = throughput.measure(asked.case, asked.kinds, asked.for_s, Path(name), course)
            elif asked.measure == "failover":
                found = failover.measure(asked.case, asked.kinds, Path(name), course)
            else:
                found = [flood.measure(asked.case.routers, asked.for_s, course)]
    except ControlError as error:
        raise MeterError(f"bench: the daemon that is measured does not answer ({error}); the machine may be too busy: "
                         "take fewer routers") from error
    except (OSError, NetlinkError) as error:
        raise MeterError(f"bench: it cannot be measured here ({error}); it takes root with CAP_SYS_ADMIN, "
                         "CAP_NET_ADMIN and CAP_NET_RAW, and some memory") from error
    return report_of(asked.measure, asked.case, found, versions, before, machine.look())


@contextlib.contextmanager
def _noted(received: list[int]) -> Iterator[None]:
    """Have signals that ask for the end noted; see pyvrrp.meter.course."""
    note: Callable[[int, object], None] = lambda number, _frame: received.append(number)    # noqa: E731
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, note) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _course(screen: Screen, received: list[int]) -> Course:
    """One line that is redrawn on a terminal; otherwise a line for each step."""
    now = [""]

    def phase(what: str) -> None:
        now[0] = what
        if screen.is_live:
            screen.show([what])
        else:
            screen.say(what)

    def detail(how_far: str) -> None:
        screen.show([f"{now[0]}: {how_far}"])

    return Course(phase, detail, received)
