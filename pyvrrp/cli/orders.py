"""What the verbs that order something of a daemon share: whom they name, times, and how the outcome is told."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from pyvrrp import limits
from pyvrrp.config.lexer import clean
from pyvrrp.control.actions import Move, MovesReply
from pyvrrp.control.client import ControlClient

WAIT_S = limits.MOVE_S_MAX + 30         # the daemon's longest limit, and time to answer

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DONE = ("MOVED", "NOT_MASTER", "MOVING")


def duration(text: str) -> float:
    """`90`, `100ms`, `30s`, `10m`, `2h` or `1d` as seconds. Raises ArgumentTypeError, which argparse shows."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)(ms|[smhd]?)", text)
    if found is None or not float(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 30s, 10m, 2h or 1d")
    return float(found[1]) * _UNITS[found[2]]


def add_target(parser: argparse.ArgumentParser, *, needed: bool) -> None:
    """Whom it is about."""
    targets = parser.add_mutually_exclusive_group(required=needed)
    targets.add_argument("name", type=clean, metavar="NAME", nargs="?", help="an instance, and with it its sync group")
    targets.add_argument("--group", type=clean, metavar="GROUP", help="a sync group")
    targets.add_argument("--scope", type=clean, metavar="SCOPE", help="every instance of a file")


def add_moving(parser: argparse.ArgumentParser, force: str) -> None:
    """How a move goes."""
    parser.add_argument("--limit", metavar="TIME", type=duration, dest="limit_s",
                        help="another host has to take over within this; default three advert intervals and 1 s")
    parser.add_argument("--force", action="store_true", help=force)
    parser.add_argument("--wait", action="store_true", help="end when it is decided, and say what became of it")
    add_json(parser)


def add_json(parser: argparse.ArgumentParser, text: str = "print the daemon's answer as JSON") -> None:
    """Every verb has it."""
    parser.add_argument("--json", action="store_true", help=text)


def target(arguments: argparse.Namespace) -> dict[str, Any]:
    """The target as the API has it."""
    return {"instance": arguments.name, "group": arguments.group, "scope": arguments.scope}


def moving(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options of a move as the API has them."""
    return {"limit_s": arguments.limit_s, "force": arguments.force, "wait": arguments.wait}


def move(arguments: argparse.Namespace, path: str, request: msgspec.Struct) -> int:
    """Have it done, print, and return the exit status: 1 if some instance did not move. Raises PyvrrpError."""
    reply = ControlClient(arguments.socket, timeout_s=WAIT_S).order(path, request, MovesReply)
    if arguments.json:
        print_json(reply)
    else:
        print("\n".join(told(reply.moves)))
    return 0 if all(each.outcome in _DONE for each in reply.moves) else 1


def told(moves: Sequence[Move]) -> list[str]:
    """A sentence for each instance."""
    return [f"{each.instance}: {_outcome(each)}" for each in moves] or ["there is no instance"]


def _outcome(move: Move) -> str:
    if move.outcome == "MOVED":
        told = f"{move.to} is MASTER now, {move.after_s:.3f} s after this host gave it up"
        back = "it comes back here by its priority, as it may preempt: pyvrrp hold keeps it away"
        return f"{told}; {back}" if move.returns else told
    if move.outcome == "MOVING":
        return "gave its addresses up; pyvrrp status shows who takes them, --wait waits for that"
    if move.outcome == "NOT_MASTER":
        return "was not MASTER here, so no address moves"
    return move.detail or move.outcome


def print_json(reply: Any) -> None:
    """For programs."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(reply)) + b"\n")
    sys.stdout.buffer.flush()
