"""`pyvrrp explain`: what a keyword of keepalived.conf means, from the table that the parser uses."""

from __future__ import annotations

import argparse
import sys

import msgspec

from pyvrrp.config import explain

EXIT_UNKNOWN = 1

EXAMPLES = """\
examples:
  pyvrrp explain priority                     a keyword, wherever it may stand
  pyvrrp explain vrrp_instance                a block and what may stand in it
  pyvrrp explain vrrp_instance.track_script   a keyword of one block
  pyvrrp explain                              what may stand outside all blocks

exit status:
  0  done
  1  a word is not known
  2  the command line is wrong
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="KEYWORD", help="a keyword, a block, or BLOCK.KEYWORD")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.epilog = EXAMPLES


def run(arguments: argparse.Namespace) -> int:
    places: list[explain.Place] = []
    unknown = False
    for word in arguments.words:
        found = explain.find(word)
        places += found
        if not found:
            unknown = True
            near = explain.near(word)
            advice = f"did you mean {' or '.join(near)}?" if near else "pyvrrp explain lists what there is"
            print(f"pyvrrp: {word[:60]!a} is no keyword of keepalived.conf; {advice}", file=sys.stderr)
    if arguments.json:
        if not arguments.words:
            places = explain.everything()
        print(msgspec.json.format(msgspec.json.encode(explain.data(places)), indent=2).decode())
    elif places:
        print(explain.text(places), end="")
    elif not arguments.words:
        print(explain.overview(), end="")
    return EXIT_UNKNOWN if unknown else 0
