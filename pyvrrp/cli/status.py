"""`pyvrrp status`: who owns the addresses, since when, why, and what the peer last said.

On a terminal the table fits its width: first lists of addresses are shortened, then columns are left out, the
least telling first, and a line says which. In a pipe nothing is shortened. The functions that make text are
pure.
"""

from __future__ import annotations

import argparse
import difflib
import shutil
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from pyvrrp.cli.orders import duration as duration_s
from pyvrrp.cli.screen import Screen
from pyvrrp.cli.totals import summary, with_statistics
from pyvrrp.config.lexer import clean
from pyvrrp.control.client import ControlClient
from pyvrrp.control.protocol import REFUSED, InstanceStatus
from pyvrrp.errors import ControlError

GAP = "  "
STATE_ORDER = ("MASTER", "BACKUP", "FAULT", "INIT", REFUSED)
NEAR_MATCHES = 3


class Column(NamedTuple):
    title: str
    text: Callable[[InstanceStatus], str]
    short: Callable[[InstanceStatus], str] | None = None    # where space is short
    drop: int = 0                                           # left out in this order; 0 never


COLUMNS = (
    Column("INSTANCE", lambda status: status.name),
    Column("STATE", lambda status: status.state),
    Column("SINCE", lambda status: since(status), drop=5),
    Column("PRIORITY", lambda status: priority(status), drop=4),
    Column("VRID", lambda status: str(status.vrid or "-"), drop=1),
    Column("INTERFACE", lambda status: status.interface or "-", drop=2),
    Column("VIPS", lambda status: ",".join(addresses(status)) or "-", lambda status: shortened(addresses(status))),
    Column("PEER", lambda status: peer(status), drop=6),
    Column("LAST HEARD", lambda status: last_heard(status), drop=3),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `status` takes."""
    parser.add_argument("name", type=clean, metavar="NAME", nargs="?", help="all that is known of this instance")
    parser.add_argument("--scripts", action="store_true",
                        help="what is tracked: scripts, files, processes; NAME is then one of these")
    parser.add_argument("--json", action="store_true", help="the daemon's answer as JSON, with RFC 8347's statistics")
    parser.add_argument("--watch", metavar="SECONDS", nargs="?", type=duration_s, const=2.0, help="again and again")


def run(arguments: argparse.Namespace) -> int:
    """Ask, and print. Raises ControlError."""
    if arguments.watch is None:
        status, lines = _asked(arguments)
        print("\n".join(lines), file=sys.stderr if status else sys.stdout)
        return status
    if arguments.json:
        return _followed(arguments)
    lines = []
    with Screen() as screen:
        while True:
            try:
                _, lines = _asked(arguments)
                said = ""
            except ControlError as error:
                if not lines:
                    raise
                said = f"; NO ANSWER, this is the last one: {error}"    # it may be back soon, as after a restart
            screen.show([*_wrapped([f"every {arguments.watch:g} s; ctrl-C ends{said}"], _width()), *lines])
            if not screen.is_live:
                screen.keep()
            time.sleep(arguments.watch)


def _followed(arguments: argparse.Namespace) -> int:
    """An answer on each line, for programs. Raises ControlError when the daemon is gone."""
    while True:
        status, lines = _asked(arguments)
        if status:
            print("\n".join(lines), file=sys.stderr)
            return status
        print(msgspec.json.format("\n".join(lines), indent=-1), flush=True)
        time.sleep(arguments.watch)


def _width() -> int | None:
    """Of the terminal; None: it is none, and nothing is shortened or broken."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _wrapped(sentences: Iterable[str], width: int | None) -> list[str]:
    """Broken between words."""
    return [
        line for each in sentences
        for line in (textwrap.wrap(each, width - 1, break_long_words=False) if width and len(each) >= width else [each])
    ]


def _asked(arguments: argparse.Namespace) -> tuple[int, list[str]]:
    """The exit status, and what is to be printed."""
    if arguments.scripts:
        from pyvrrp.cli import trackers  # it needs what is here

        return trackers.asked(ControlClient(arguments.socket), arguments.name, as_json=arguments.json)
    reply = everything = ControlClient(arguments.socket).instances()
    if arguments.name is not None:
        chosen = [status for status in reply.instances if status.name == arguments.name]
        if not chosen:
            return 1, [f"pyvrrp: {unknown(arguments.name, reply.instances)}"]
        reply = msgspec.structs.replace(reply, instances=chosen)
    if arguments.json:
        return 0, [msgspec.json.format(msgspec.json.encode(with_statistics(reply, everything))).decode()]
    if arguments.name is not None:
        return 0, details(reply.instances[0])
    width = _width()
    notes = [*map(unwritten, reply.unwritten), *reply.problems, *summary(reply.counters)]
    return 0, [*report(reply.instances, width), *_wrapped(notes, width)]


def unwritten(path: str) -> str:
    """What is said of a file that does not hold all that runs of it."""
    return f"{path} does not hold all that runs: the next reload drops it, pyvrrp apply --write writes it"


def report(instances: Sequence[InstanceStatus], width: int | None) -> list[str]:
    """The table, the reasons of what does not run, and the count. `width`: columns, None is no bound."""
    lines: list[str] = []
    for status in instances:
        if status.state == REFUSED:
            lines.append(f"{status.name} is not run: {status.reason or 'no reason is given'}")
        if status.other_master is not None:
            lines.append(f"{status.name}: {split_brain(status)}")
        if status.faults:
            lines.append(f"{status.name} is in {status.state}: {'; '.join(status.faults)}")
    for word in sorted({status.aside for status in instances if status.aside}):
        out = [status for status in instances if status.aside == word]
        who = ", ".join(status.name for status in out) if len(out) <= NEAR_MATCHES else f"{len(out)} instances"
        lines.append(f"{who}: {aside(out[0])}")
    drawn = table(instances, width) if instances else []
    return [*drawn, *_wrapped([*lines, counts(instances)], width)]


def table(instances: Sequence[InstanceStatus], width: int | None) -> list[str]:
    """The table, and last a line that names the columns left out, if any were."""
    columns, shorten = list(COLUMNS), False
    dropped: list[str] = []
    while True:
        rows = [[column.title for column in columns]]
        rows += [[_cell(column, status, shorten) for column in columns] for status in instances]
        lines = aligned(rows)
        if width is None or max(map(len, lines)) <= width:
            break
        droppable = [column for column in columns if column.drop]
        if not shorten:
            shorten = True
        elif droppable:
            victim = min(droppable, key=lambda column: column.drop)
            columns.remove(victim)
            dropped.append(victim.title)
        else:
            lines = [f"{line[: width - 1]}~" if len(line) > width else line for line in lines]
            break
    if dropped:
        names = ", ".join(column.title for column in COLUMNS if column.title in dropped)
        lines.append(f"(no room for {names}; pyvrrp show NAME has all)")
    return lines


def _cell(column: Column, status: InstanceStatus, shorten: bool) -> str:
    return column.short(status) if shorten and column.short else column.text(status)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of equal length as lines with columns of equal width."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    padded = ([cell.ljust(size) for cell, size in zip(row, widths, strict=True)] for row in rows)
    return [GAP.join(cells).rstrip() for cells in padded]


def details(status: InstanceStatus) -> list[str]:
    """Everything known of one instance, a line each; what is empty is left out."""
    is_run = status.state != REFUSED
    heard = status.peer_last_heard
    cast = f"unicast, peers {', '.join(status.peers)}" if status.peers else "multicast"
    router = f"VRID {status.vrid}, VRRPv{status.version}, IPv{status.family}, {cast}"
    pairs = [
        ("instance", status.name),
        ("state", status.state),
        ("since", f"{status.since} ({duration(status.since_s)} ago)" if is_run else ""),
        ("reason", status.reason or "; ".join(status.faults)),
        ("split brain", split_brain(status) if status.other_master is not None else ""),
        ("order", aside(status) if status.aside else ""),
        ("priority", priority(status) if is_run else ""),
        ("MASTER", status.master_address or ""),
        ("last heard", f"{heard.address}, {last_heard(status)}" if heard else ""),
        ("router", router if is_run else ""),
        ("interface", status.interface),
        ("group", status.group or ""),
        ("VIPs", ", ".join(status.vips)),
        ("excluded", ", ".join(status.excluded)),
        ("accept", "" if status.accepts else "no: this host drops packets to these addresses (no_accept, strict mode)"),
        ("put back", f"{status.put_back} times what somebody removed" if status.put_back else ""),
        ("counters", ", ".join(f"{name} {count}" for name, count in status.counters.items() if count)),
    ]
    return [f"{name:<11} {value}" for name, value in pairs if value]


def split_brain(status: InstanceStatus) -> str:
    """Both hosts, their priorities, and for how long."""
    other = status.other_master
    assert other is not None
    return (
        f"two hosts are MASTER, for {duration(other.since_s)}: {other.address} with priority {other.priority}, and "
        f"this one, {other.own_address}, with priority {other.own_priority}; that host does not hear this one"
    )


def aside(status: InstanceStatus) -> str:
    """Why it stays out of MASTER, and what ends that."""
    if status.aside == "switchover":
        return "waits for another host to take over (switchover)"
    ends = "pyvrrp resume" if status.aside == "drain" else "pyvrrp resume NAME"
    return f"kept out of MASTER by order ({status.aside}); {ends} ends that"


def counts(instances: Iterable[InstanceStatus]) -> str:
    """`3 instances: 2 MASTER, 1 FAULT`."""
    count = Counter(status.state for status in instances)
    states = [*STATE_ORDER, *sorted(set(count) - set(STATE_ORDER))]
    parts = ", ".join(f"{count[state]} {state}" for state in states if count[state])
    total = count.total()
    return f"{total} instance{'' if total == 1 else 's'}{': ' if parts else ''}{parts}"


def unknown(name: str, instances: Sequence[InstanceStatus]) -> str:
    """The sentence for a name that no instance has."""
    names = [status.name for status in instances]
    # scope/instance may be meant by its last part alone.
    near = [known for known in names if known.rpartition("/")[2] == name][:NEAR_MATCHES]
    near = near or difflib.get_close_matches(name, names, NEAR_MATCHES)
    hint = f"did you mean {' or '.join(near)}?" if near else "pyvrrp status lists them all"
    return f"{name}: there is no such instance; {hint}"


def addresses(status: InstanceStatus) -> list[str]:
    """All that its MASTER has; those of virtual_ipaddress_excluded are only left out of the adverts."""
    return [*status.vips, *status.excluded]


def since(status: InstanceStatus) -> str:
    """`3m05s ago`."""
    return "-" if status.state == REFUSED else f"{duration(status.since_s)} ago"


def priority(status: InstanceStatus) -> str:
    """`90`, or `90 of 100` where trackers or an order changed it."""
    if status.state == REFUSED:
        return "-"
    changed = status.priority != status.base_priority
    return f"{status.priority} of {status.base_priority}" if changed else str(status.priority)


def peer(status: InstanceStatus) -> str:
    """The host last heard; before that, the one that was configured."""
    if status.peer_last_heard:
        return status.peer_last_heard.address
    return shortened(status.peers)


def last_heard(status: InstanceStatus) -> str:
    """`priority 100, 0.3s ago`."""
    heard = status.peer_last_heard
    return f"priority {heard.priority}, {duration(heard.ago_s)} ago" if heard else "-"


def shortened(items: Sequence[str]) -> str:
    """`192.0.2.1/24 +3`."""
    if not items:
        return "-"
    return items[0] if len(items) == 1 else f"{items[0]} +{len(items) - 1}"


def duration(seconds: float) -> str:
    """A time span in at most two units: 0.3s, 42s, 3m05s, 2h07m, 4d03h."""
    whole = int(seconds)
    if whole < 10:
        return f"{max(seconds, 0.0):.1f}s"
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole // 60 % 60:02}m"
    return f"{whole // 86400}d{whole // 3600 % 24:02}h"
