"""`pyvrrp switchover`: another host gets the addresses now; afterwards the configuration counts as before."""

from __future__ import annotations

import argparse

from pyvrrp.cli.orders import add_moving, add_target, move, moving, target
from pyvrrp.control.actions import SwitchoverRequest

EPILOG = """\
The MASTER sends priority 0 and stays out until another host has taken over, or until nobody has within the limit; then
its configuration counts again. So with nopreempt, or with a lower priority than the other host, it stays BACKUP; one
that may preempt takes its addresses back: hold keeps those away.

examples:
  pyvrrp switchover web --wait      and say who has the addresses
  pyvrrp hold web --wait            the same, and it stays away until `pyvrrp resume web`

exit status:
  0  done
  1  refused, or with --wait: no other host took over, and this one has its addresses again
  2  the command line is wrong
  3  the daemon could not be asked
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `switchover` takes."""
    parser.epilog = EPILOG
    add_target(parser, needed=True)
    add_moving(parser, "try it also if no other host was ever heard")


def run(arguments: argparse.Namespace) -> int:
    """Ask, and print. Raises PyvrrpError."""
    return move(arguments, "/v1/switchover", SwitchoverRequest(**target(arguments), **moving(arguments)))
