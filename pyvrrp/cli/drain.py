"""`pyvrrp drain`: this host gives every address up, and stays out until it is resumed."""

from __future__ import annotations

import argparse

from pyvrrp.cli.orders import add_moving, move, moving
from pyvrrp.config.lexer import clean
from pyvrrp.control.actions import DrainRequest

EPILOG = """\
What a reload adds meanwhile stays out too. An instance whose addresses no other host takes over within the limit goes
on here, but for --force; `pyvrrp status` shows it as MASTER.

examples:
  pyvrrp drain --wait       before this host is shut down or worked on
  pyvrrp resume             afterwards

exit status:
  0  done
  1  refused, or with --wait: of some instance no other host took over
  2  the command line is wrong
  3  the daemon could not be asked
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `drain` takes."""
    parser.epilog = EPILOG
    parser.add_argument("--scope", type=clean, metavar="SCOPE",
                        help="only the instances of this file; default the whole host")
    add_moving(parser, "also if no other host was heard, or takes over")


def run(arguments: argparse.Namespace) -> int:
    """Ask, and print. Raises PyvrrpError."""
    return move(arguments, "/v1/drain", DrainRequest(scope=arguments.scope, **moving(arguments)))
