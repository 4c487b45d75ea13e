"""`pyvrrp priority`: another priority than the file's, for some time."""

from __future__ import annotations

import argparse

from pyvrrp.cli.orders import add_json, duration, print_json
from pyvrrp.config.lexer import clean
from pyvrrp.control.actions import PriorityReply, PriorityRequest
from pyvrrp.control.client import ControlClient

EPILOG = """\
It counts as if it stood in the file: trackers with a weight add to it, and adverts carry it at once. It survives
reloads, and ends by itself, or with the daemon.

examples:
  pyvrrp priority web 50 --for 2h
  pyvrrp priority web --clear

exit status:
  0  done
  1  refused
  2  the command line is wrong
  3  the daemon could not be asked
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `priority` takes."""
    parser.epilog = EPILOG
    parser.add_argument("name", type=clean, metavar="NAME", help="an instance")
    parser.add_argument("priority", metavar="N", nargs="?", type=_priority, help="1 to 254")
    parser.add_argument("--for", metavar="TIME", type=duration, dest="for_s", help="for this long, for example 30m")
    parser.add_argument("--clear", action="store_true", help="the configured priority again")
    add_json(parser)
    parser.set_defaults(complain=parser.error)


def _priority(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text[:4]) <= 254:
        raise argparse.ArgumentTypeError(f"{text!r} is not in 1..254; 255 is for the owner of the addresses alone")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Ask, and print. Raises PyvrrpError."""
    if arguments.clear == (arguments.priority is not None):
        arguments.complain("give N with --for TIME, or --clear")
    if not arguments.clear and arguments.for_s is None:
        arguments.complain("--for TIME is missing: a priority given by hand ends by itself")
    request = PriorityRequest(
        instance=arguments.name, priority=arguments.priority, for_s=None if arguments.clear else arguments.for_s
    )
    reply = ControlClient(arguments.socket).order("/v1/priority", request, PriorityReply)
    if arguments.json:
        print_json(reply)
    elif reply.until:
        print(f"{reply.instance}: priority {reply.priority} until {reply.until}, then {reply.base_priority} again")
    else:
        print(f"{reply.instance}: priority {reply.priority}")
    return 0
