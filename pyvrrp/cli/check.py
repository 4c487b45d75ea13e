"""`pyvrrp check`: everything that is wrong in keepalived.conf files, with the place, the line and what to do.

It starts in a loop of an editor or a pipeline, so it imports no more than it needs.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import socket
import sys
from typing import TextIO

from pyvrrp.config.check import WIDTH, as_json, check, exit_status, report, summary
from pyvrrp.model import Command, GlobalDefs

DEFAULT_CONFIG = "/etc/keepalived/keepalived.conf"

EXAMPLES = """\
examples:
  pyvrrp check keepalived.conf          one file
  pyvrrp check -i left /etc/vrrp.d      all *.conf files of a directory, with @left lines
  pyvrrp check -s blue '/etc/*.conf'    the interfaces are those of a network namespace
  pyvrrp check --json keepalived.conf   for a program
  pyvrrp check - < keepalived.conf      from an editor

exit status:
  0  nothing is reported
  2  the command line is wrong
  4  a file does not exist or cannot be read
  5  anything is reported, warnings included (as keepalived -t)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `check` takes."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        default=[DEFAULT_CONFIG],
        help=f"a file, a directory (its *.conf files), a pattern, or - (standard input); default {DEFAULT_CONFIG}",
    )
    node = "keep lines that begin with @ID; default the node's name"
    parser.add_argument("-i", "--config-id", metavar="ID", help=node)
    parser.add_argument("-s", "--namespace", metavar="NAME", help="look for interfaces in this network namespace")
    parser.add_argument("-e", "--all-config", action="store_true", help="a missing include file is always an error")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Check, print, and return the exit status. Raises PyvrrpError if the namespace cannot be entered."""
    if arguments.namespace is not None:
        from pyvrrp import netns

        netns.enter(arguments.namespace)
    config_id = arguments.config_id or socket.gethostname().partition(".")[0]
    interfaces = frozenset(name for _, name in socket.if_nameindex())
    gc.disable()    # nothing here lives in cycles: looking for them is a tenth of the time
    try:
        checked = check(
            arguments.files,
            config_id=config_id,
            interfaces=interfaces,
            all_config=arguments.all_config,
            stdin=sys.stdin.buffer,
            why_unsafe=why_unsafe,
        )
    finally:
        gc.enable()
    if arguments.json:
        import json

        print(json.dumps(as_json(checked), indent=2, ensure_ascii=False))
    else:
        lines = [*report(checked, width=width(sys.stdout), is_coloured=is_coloured(sys.stdout)), *summary(checked)]
        sys.stdout.write("\n".join(lines) + "\n")
    return exit_status(checked)


def why_unsafe(command: Command, defs: GlobalDefs) -> str | None:
    """Why enable_script_security forbids a command. What knows it is imported when it is asked."""
    from pyvrrp.scripts import examine

    return examine.why_unsafe(command, defs)


def width(stream: TextIO) -> int:
    """The columns that a line may have."""
    return shutil.get_terminal_size().columns if stream.isatty() else WIDTH


def is_coloured(stream: TextIO) -> bool:
    """On a terminal that knows colours, unless NO_COLOR is set (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
