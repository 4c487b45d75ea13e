"""`pyvrrp hold`: an instance gives its addresses up, and stays out until it is resumed."""

from __future__ import annotations

import argparse

from pyvrrp.cli.orders import add_moving, add_target, duration, move, moving, target
from pyvrrp.control.actions import HoldRequest

EPILOG = """\
It survives reloads, and ends with the daemon. While it is held it does not become MASTER, even if every other host
dies. If no other host takes over within the limit it is not held after all, but for --force.

exit status:
  0  done
  1  refused, or with --wait: no other host took over
  2  the command line is wrong
  3  the daemon could not be asked
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `hold` takes."""
    parser.epilog = EPILOG
    add_target(parser, needed=True)
    parser.add_argument("--for", metavar="TIME", type=duration, dest="for_s", help="for this long, for example 2h")
    add_moving(parser, "also if no other host was heard, or takes over")


def run(arguments: argparse.Namespace) -> int:
    """Ask, and print. Raises PyvrrpError."""
    request = HoldRequest(**target(arguments), **moving(arguments), for_s=arguments.for_s)
    return move(arguments, "/v1/hold", request)
