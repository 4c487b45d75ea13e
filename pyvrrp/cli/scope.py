"""`pyvrrp scope`: the files that a daemon runs, and how their instances stand."""

from __future__ import annotations

import argparse
import sys

from pyvrrp.cli.orders import add_json, print_json
from pyvrrp.cli.status import STATE_ORDER, aligned
from pyvrrp.config.lexer import clean
from pyvrrp.control.client import ControlClient
from pyvrrp.control.protocol import ScopesReply, ScopeStatus


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `scope` takes."""
    parser.add_argument("name", type=clean, metavar="SCOPE", nargs="?", help="only this one")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask, and print. Raises ControlError."""
    reply = ControlClient(arguments.socket).get("/v1/scopes", ScopesReply)
    chosen = [scope for scope in reply.scopes if arguments.name in (None, scope.name)]
    if not chosen:
        known = ", ".join(scope.name for scope in reply.scopes)
        print(f"pyvrrp: {arguments.name}: there is no such scope; there is {known}", file=sys.stderr)
        return 1
    if arguments.json:
        print_json(ScopesReply(drained=reply.drained, scopes=chosen))
    else:
        head = ["SCOPE", "INSTANCES", "DRAINED", "WRITTEN", "FILE"]
        print("\n".join(aligned([head, *(row(each, reply) for each in chosen)])))
    return 0


def row(scope: ScopeStatus, reply: ScopesReply) -> list[str]:
    """`tenants  2 MASTER, 1 BACKUP  no  yes  /etc/keepalived/tenants.conf`."""
    counted = ", ".join(f"{scope.instances[state]} {state}" for state in STATE_ORDER if scope.instances.get(state))
    drained = "with the host" if reply.drained else "yes" if scope.drained else "no"
    return [scope.name, counted or "none", drained, "no" if scope.unwritten_since else "yes", scope.file]
