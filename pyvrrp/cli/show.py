"""`pyvrrp show`: all that is known of one instance, and why it is as it is."""

from __future__ import annotations

import argparse

from pyvrrp.cli.orders import add_json, print_json
from pyvrrp.cli.status import details, duration
from pyvrrp.config.lexer import clean
from pyvrrp.control.client import ControlClient
from pyvrrp.control.protocol import REFUSED, InstanceDetails


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `show` takes."""
    parser.add_argument("name", type=clean, metavar="NAME", help="an instance, as pyvrrp status shows it")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask, and print. Raises PyvrrpError."""
    found = ControlClient(arguments.socket).instance(arguments.name)
    if arguments.json:
        print_json(found)
    else:
        print("\n".join(shown(found)))
    return 0


def shown(found: InstanceDetails) -> list[str]:
    """Everything, a line each."""
    lines = details(found)
    if found.state == REFUSED:
        return lines
    preempts = "preempt" if found.preempt else "nopreempt"
    if found.preempt_delay_s:
        preempts += f" after {found.preempt_delay_s:g} s"
    pairs = [
        ("why", found.why),
        ("timer", f"{found.timer} fires in {max(0.0, found.timer_s):.3f} s" if found.timer_s is not None else ""),
        ("intervals", f"own {found.advertisement_interval_s:g} s, the MASTER's {found.master_adver_interval_s:g} s"),
        ("takes over", f"after {found.master_down_interval_s:.3f} s without an advert, {found.skew_time_s:.3f} s after "
                       f"priority 0; {preempts}"),
    ]
    lines += [f"{name:<11} {value}" for name, value in pairs if value]
    if found.history:
        lines.append("changes     the newest first")
        lines += [
            f"  {change.at}  {change.old:>6} -> {change.new:<6}  {duration(change.ago_s):>6} ago  {change.reason}"
            for change in found.history
        ]
    return lines
