"""`pyvrrp top`: everything that runs, live: sorted, filtered, with rates. For thousands of instances.

`rows` and `columns` are pure: what a row is, how rows are sorted and filtered, and how they fill a width. `poller`
asks the daemon, in a thread. `table` and `app` draw, and are the only modules that import textual, which is an extra:
this one says how to get it where it is missing.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys

from pyvrrp.cli.orders import duration
from pyvrrp.control.client import ControlClient
from pyvrrp.errors import PyvrrpError

INTERVAL_S = 2.0
EPILOG = """\
Rates are per second, from the counters of the last two answers. Instances that need a look come first: two hosts that
are MASTER, FAULT, what is not run. When the daemon goes away, the last answer stays on the screen and says so.

keys:
  up, down ...  choose an instance, as page up, page down, home, end, the mouse
  enter         show or hide what is known of it, as pyvrrp show does
  < and >       sort by the column to the left or right; a click on a title
  R             turn the order round; a second click on the title
  /             only what has all these words in its name, interface,
                addresses, peer or group; escape ends that
  m, b, f       only those in MASTER, BACKUP or FAULT
  t, a          only those that need a look; all
  space         stop and go on
  + and -       ask less or more often
  q             end

exit status:
  0  it was ended
  1  textual is not installed, or there is no terminal
  2  the command line is wrong
  3  the daemon could not be asked at the start
"""
MISSING = (
    "top needs textual, which is not installed: pip install 'pyvrrp[tui]' (or textual alone) where pyvrrp is; "
    "pyvrrp status --watch shows the table meanwhile"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `top` takes."""
    parser.epilog = EPILOG
    parser.add_argument("words", metavar="WORD", nargs="*", help="only what has all these words, as after /")
    parser.add_argument("--interval", metavar="TIME", type=duration, default=INTERVAL_S, dest="interval_s",
                        help="from one question to the next; default 2s. Never shorter than twice what an "
                             "answer takes")


def run(arguments: argparse.Namespace) -> int:
    """Draw until it is ended. Raises PyvrrpError: there is no textual or no terminal; ControlError."""
    if importlib.util.find_spec("textual") is None:
        raise PyvrrpError(MISSING)
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):    # textual draws on stderr
        raise PyvrrpError("top needs a terminal; pyvrrp status prints the table, with --json for programs")
    from pyvrrp.cli.top.app import Top
    from pyvrrp.cli.top.poller import Poller

    poller = Poller(ControlClient(arguments.socket), interval_s=arguments.interval_s)
    first = poller.ask()                # a wrong path is told at once, in the way of every other verb
    return Top(poller, first, text=" ".join(arguments.words), interval_s=arguments.interval_s).run() or 0
