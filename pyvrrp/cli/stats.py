"""`pyvrrp stats`: what was counted, of all instances together or of one."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping

from pyvrrp.cli.orders import add_json, print_json
from pyvrrp.config.lexer import clean
from pyvrrp.control.client import ControlClient
from pyvrrp.control.protocol import InstanceStatus
from pyvrrp.statistics import COUNTERS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `stats` takes."""
    parser.add_argument("name", type=clean, metavar="NAME", nargs="?", help="of this instance; default all together")
    parser.add_argument("--all", action="store_true", help="those that are 0 too")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask, and print. Raises PyvrrpError."""
    client = ControlClient(arguments.socket)
    if arguments.name is not None:
        groups: dict[str, Mapping[str, int]] = {"instance": client.instance(arguments.name).counters}
    else:
        reply = client.instances()
        groups = {"instances": summed(reply.instances), **reply.counters}
    if arguments.json:
        print_json(groups)
    else:
        print("\n".join(table(groups, everything=arguments.all)))
    return 0


def summed(instances: Iterable[InstanceStatus]) -> dict[str, int]:
    """The counters of all instances together."""
    total: Counter[str] = Counter({counter.name: 0 for counter in COUNTERS})
    for status in instances:
        total.update(status.counters)
    return dict(total)


def table(groups: Mapping[str, Mapping[str, int]], *, everything: bool) -> list[str]:
    """A line for each counter, with what it means where that is known."""
    means = {counter.name: counter.means for counter in COUNTERS}
    lines = []
    for group, counters in groups.items():
        shown = {name: count for name, count in counters.items() if count or everything}
        if not shown:
            continue
        lines.append(group)
        wide = max(map(len, shown))
        numbers = max(len(str(count)) for count in shown.values())
        for name, count in shown.items():
            lines.append(f"  {name:<{wide}}  {count:>{numbers}}  {means.get(name, '')}".rstrip())
    return lines or ["nothing was counted yet"]
