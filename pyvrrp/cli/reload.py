"""`pyvrrp reload`: have the daemon read its files again, and hear what came of it.

With --dry-run it changes nothing, and says what it would do.
"""

from __future__ import annotations

import argparse
import sys

from pyvrrp.cli import plan
from pyvrrp.cli.orders import add_json, print_json
from pyvrrp.control.actions import FileReload, ReloadReply, ReloadRequest
from pyvrrp.control.client import ControlClient

TIMEOUT_S = 300.0           # 10,000 instances on a slow machine take some 20 s

EPILOG = """\
exit status:
  0  done; with --dry-run: nothing is to be done
  1  a file was refused, nothing of it was changed, and it is said why; with --dry-run: something is to be done
  2  the command line is wrong
  3  the daemon could not be asked
  4  --dry-run: a file cannot be read
  5  --dry-run: the reload would be refused
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `reload` takes."""
    parser.epilog = EPILOG
    parser.add_argument("--dry-run", action="store_true", help="change nothing, and print what pyvrrp plan prints")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask, and print. Raises PyvrrpError."""
    if arguments.dry_run:
        return plan.run(argparse.Namespace(
            socket=arguments.socket, new=[], against=plan.RUNNING, config_id=None, all=False, json=arguments.json
        ))
    reply = ControlClient(arguments.socket, timeout_s=TIMEOUT_S).order("/v1/reload", ReloadRequest(), ReloadReply)
    if arguments.json:
        print_json(reply)
        return 0
    for each in reply.files:
        print(f"{each.file}: {counts(each)}")
        for message in each.messages:
            print(message, file=sys.stderr)
    return 0


def counts(reload: FileReload) -> str:
    """`1 changed, 3 untouched`."""
    parts = [
        (reload.added, "added"),
        (reload.removed, "removed"),
        (reload.changed, "changed"),
        (reload.untouched, "untouched"),
    ]
    return ", ".join(f"{count} {what}" for count, what in parts if count or what == "untouched")
