"""`pyvrrp events`: what happens, a line each, as it happens."""

from __future__ import annotations

import argparse
import sys

import msgspec

from pyvrrp.config.lexer import clean
from pyvrrp.control.actions import EventLine
from pyvrrp.control.client import ControlClient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `events` takes."""
    parser.add_argument("name", type=clean, metavar="NAME", nargs="?", help="only of this instance")
    parser.add_argument("-f", "--follow", action="store_true", help="accepted: it always follows, until it is ended")
    parser.add_argument("--count", metavar="N", type=int, help="end after so many")
    parser.add_argument("--json", action="store_true", help="print JSON, an object on each line")


def run(arguments: argparse.Namespace) -> int:
    """Print until the daemon ends. Raises PyvrrpError."""
    left = arguments.count
    for event in ControlClient(arguments.socket).events(arguments.name):
        print(msgspec.json.encode(event).decode() if arguments.json else line(event))
        sys.stdout.flush()
        if left is not None:
            left -= 1
            if left <= 0:
                break
    return 0


def line(event: EventLine) -> str:
    """One event for people."""
    if event.kind == "lost":
        return f"{event.at}  {event.lost} events are missing: this reader is too slow"
    change = f"{event.old} -> {event.new}  " if event.kind == "state" else ""
    kind = "" if event.kind == "state" else f"{event.kind}  "
    return f"{event.at}  {event.instance}  {kind}{change}{event.reason}".rstrip()
