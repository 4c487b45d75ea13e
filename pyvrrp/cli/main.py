"""The `pyvrrp` command: one table of verbs, each in a module of its own.

A verb's module gives `add_arguments(parser)` and `run(arguments) -> int`, and is imported only when it is
asked for, so that `pyvrrp status` in a loop stays cheap. Every verb ends with one of the statuses below.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
import textwrap
from collections.abc import Collection, Sequence
from typing import NamedTuple

from pyvrrp import __version__
from pyvrrp.control import DEFAULT_SOCKET
from pyvrrp.errors import ControlError, PyvrrpError, UsageError

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NO_DAEMON = 3

EPILOG = f"""exit status:
  {EXIT_OK}  done
  {EXIT_FAILED}  the answer is no: no such instance, or what was asked for did not happen
  {EXIT_USAGE}  the command line is wrong
  {EXIT_NO_DAEMON}  the daemon could not be asked
"""

EXAMPLES = """examples:
  pyvrrp check keepalived.conf    what is wrong in it, before it is run
  pyvrrp simulate A.conf B.conf   what would happen if the MASTER failed
  pyvrrp plan                     what a reload would do now
  pyvrrp show web                 all that is known of one instance, and why
  pyvrrp who-owns 192.0.2.100     which host has the address
  pyvrrp switchover web --wait    have the other host take it over
  pyvrrp VERB --help              the options of a verb, with its own exit statuses

"""


class Verb(NamedTuple):
    module: str
    summary: str
    asks_daemon: bool = False


VERBS = {
    "check": Verb("pyvrrp.cli.check", "say everything that is wrong in keepalived.conf files"),
    "format": Verb("pyvrrp.cli.format", "lay out keepalived.conf files in one way"),
    "plan": Verb("pyvrrp.cli.plan", "say what a reload would do", True),
    "simulate": Verb("pyvrrp.cli.simulate", "say what keepalived.conf files would do, in virtual time"),
    "explain": Verb("pyvrrp.cli.explain", "say what a keyword of keepalived.conf means"),
    "status": Verb("pyvrrp.cli.status", "show what a running pyvrrpd runs: states, since when, and why", True),
    "top": Verb("pyvrrp.cli.top", "watch all that runs: live, sorted, filtered, with rates", True),
    "show": Verb("pyvrrp.cli.show", "show all that is known of one instance, and why it is as it is", True),
    "who-owns": Verb("pyvrrp.cli.who_owns", "say which host has an address", True),
    "events": Verb("pyvrrp.cli.events", "follow what happens", True),
    "stats": Verb("pyvrrp.cli.stats", "show what was counted", True),
    "scope": Verb("pyvrrp.cli.scope", "show the files that are run", True),
    "switchover": Verb("pyvrrp.cli.switchover", "have another host take the addresses over, now", True),
    "hold": Verb("pyvrrp.cli.hold", "have an instance give its addresses up and stay out", True),
    "drain": Verb("pyvrrp.cli.drain", "have this host give all addresses up and stay out", True),
    "resume": Verb("pyvrrp.cli.resume", "end hold and drain", True),
    "priority": Verb("pyvrrp.cli.priority", "have an instance use another priority for some time", True),
    "garp": Verb("pyvrrp.cli.garp", "announce the addresses once more", True),
    "reload": Verb("pyvrrp.cli.reload", "have the files read again, and say what came of it", True),
    "apply": Verb("pyvrrp.cli.apply", "change what is run, all or nothing, and write it to the files if asked", True),
    "doctor": Verb("pyvrrp.cli.doctor", "say what is wrong on this host, and the command that mends it", True),
    "completion": Verb("pyvrrp.cli.completion", "have a shell complete words: bash, zsh or fish"),
    "bench": Verb("pyvrrp.cli.bench", "measure what pyvrrpd does on this host, beside keepalived"),
    "demo": Verb("pyvrrp.cli.demo", "watch an address move between two hosts that are made for it"),
}


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Breaks what stands below the options where the terminal ends.

    A list, with lines that begin with blanks, stays one: what does not fit goes on below its text.
    """

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n\n".join(self._filled(paragraph, width) for paragraph in text.strip("\n").split("\n\n")) + "\n"

    def _filled(self, paragraph: str, width: int) -> str:
        if "\n " not in f"\n{paragraph}":
            return textwrap.fill(paragraph, width)
        lines = []
        for line in paragraph.split("\n"):
            head = found[0] if (found := re.match(r" .*?\S  +", line)) else ""
            lines.append(textwrap.fill(
                line.removeprefix(head), max(width, len(head) + 20), initial_indent=head,
                subsequent_indent=" " * len(head),
            ))
        return "\n".join(lines)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments, with `verb` and `socket`. Raises SystemExit."""
    asked = next((word for word in argv if word in VERBS), None)
    parser, _ = parser_of((asked,) if asked else ())
    return parser.parse_args(argv)


def parser_of(whole: Collection[str]) -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser, and those of the verbs by name; only those in `whole` know their arguments."""
    parser = argparse.ArgumentParser(
        prog="pyvrrp",
        description="Check keepalived.conf files; see and operate a running pyvrrpd.",
        epilog=EXAMPLES + EPILOG,
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pyvrrp {__version__}")
    _add_socket(parser, DEFAULT_SOCKET)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    parsers = {}
    for name, verb in VERBS.items():
        parsers[name] = sub = verbs.add_parser(
            name,
            help=verb.summary,
            description=f"{verb.summary[0].upper()}{verb.summary[1:]}.",
            epilog=EPILOG,
            formatter_class=HelpFormatter,
        )
        if verb.asks_daemon:
            # SUPPRESS as a default leaves alone what was given before the verb.
            _add_socket(sub, argparse.SUPPRESS)
        if name in whole:
            importlib.import_module(verb.module).add_arguments(sub)
    return parser, parsers


def _add_socket(parser: argparse.ArgumentParser, default: str) -> None:
    text = f"control socket of the daemon; default {DEFAULT_SOCKET}"
    parser.add_argument("--socket", metavar="PATH", default=default, help=text)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb, and return the exit status."""
    arguments = parse(sys.argv[1:] if argv is None else argv)
    try:
        status = importlib.import_module(VERBS[arguments.verb].module).run(arguments)
        sys.stdout.flush()
    except PyvrrpError as error:
        print(f"pyvrrp: {error}", file=sys.stderr)
        if getattr(arguments, "json", False):
            import json

            print(json.dumps({"error": str(error)}, ensure_ascii=False))    # whoever parses our output gets an object
        if isinstance(error, ControlError):
            return EXIT_NO_DAEMON
        return EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILED
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # `pyvrrp status | head`: nobody reads on. The flush at exit must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    assert isinstance(status, int)
    return status


if __name__ == "__main__":
    sys.exit(main())
