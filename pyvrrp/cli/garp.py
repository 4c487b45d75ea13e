"""`pyvrrp garp`: have a MASTER announce its addresses once more, for neighbours that have learned another MAC."""

from __future__ import annotations

import argparse

from pyvrrp.cli.orders import add_json, add_target, print_json, target
from pyvrrp.control.actions import GarpReply, GarpRequest
from pyvrrp.control.client import ControlClient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `garp` takes."""
    add_target(parser, needed=False)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask, and print. Raises PyvrrpError."""
    reply = ControlClient(arguments.socket).order("/v1/garp", GarpRequest(**target(arguments)), GarpReply)
    if arguments.json:
        print_json(reply)
    else:
        lines = [f"{name}: its addresses are announced, by GARP and NA" for name in reply.announced]
        print("\n".join(lines or ["nothing is MASTER on this host"]))
    return 0
