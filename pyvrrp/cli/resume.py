"""`pyvrrp resume`: the end of hold and drain; the configuration counts again."""

from __future__ import annotations

import argparse

from pyvrrp.cli.orders import add_json, add_target, print_json, target
from pyvrrp.control.actions import ResumeReply, ResumeRequest
from pyvrrp.control.client import ControlClient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `resume` takes."""
    add_target(parser, needed=False)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask, and print; 1 if something stays out all the same. Raises PyvrrpError."""
    request = ResumeRequest(**target(arguments))
    reply = ControlClient(arguments.socket).order("/v1/resume", request, ResumeReply)
    if arguments.json:
        print_json(reply)
    else:
        lines = [f"{name}: its configuration counts again" for name in reply.resumed]
        lines += [
            f"{name}: stays out all the same; pyvrrp resume without a name ends all"
            for name in reply.still_out
        ]
        print("\n".join(lines or ["nothing was held or drained"]))
    return 1 if reply.still_out else 0
