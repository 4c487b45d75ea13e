"""`pyvrrp format`: keepalived.conf files in the canonical layout.

What is written is compared with what was there before: were the meaning another, the file would stay as it is. A file
is replaced in one step (a new file beside it, then rename), with its owner and mode, and what a link points at is
replaced, not the link.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

from pyvrrp.config.check import Checked, check, report
from pyvrrp.config.format import formatted
from pyvrrp.config.lexer import clean, decode
from pyvrrp.config.load import Loaded, load
from pyvrrp.config.meaning import same_meaning
from pyvrrp.config.replace import replace_file

EXIT_OTHER_LAYOUT = 1
EXIT_REFUSED = 5

EXAMPLES = """\
examples:
  pyvrrp format keepalived.conf             print it as it should look
  pyvrrp format --check keepalived.conf     say whether it looks so already
  pyvrrp format --write keepalived.conf     change the file
  pyvrrp format - < keepalived.conf         from an editor

exit status:
  0  done; with --check: every file looks as it should
  1  with --check: a file would be changed
  2  the command line is wrong
  4  a file does not exist, cannot be read or cannot be written
  5  a brace or quote is missing in a file, so it is left as it is
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `format` takes."""
    parser.epilog = EXAMPLES
    parser.add_argument("files", metavar="FILE", nargs="+", help="a file; - is the standard input")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="print the names of the files that would be changed")
    how.add_argument("--write", action="store_true", help="change the files, and print the names of those that were")


def run(arguments: argparse.Namespace) -> int:
    """Format every file, and return the exit status."""
    status = 0
    for name in arguments.files:
        try:
            found = _format(name, is_check=arguments.check, is_write=arguments.write and name != "-")
        except _Refused as refusal:
            sys.stderr.write("".join(f"{line}\n" for line in refusal.lines))
            found = refusal.status
        except BrokenPipeError:
            raise               # who reads our output has gone: nothing is wrong with the file
        except OSError as error:
            print(f"{clean(name)}: {error.strerror}; it is left as it is", file=sys.stderr)
            found = 4
        status = max(status, found)
    return status


class _Refused(Exception):
    def __init__(self, status: int, lines: list[str]) -> None:
        super().__init__(lines)
        self.status = status
        self.lines = lines


def _format(name: str, *, is_check: bool, is_write: bool) -> int:
    """One file. Raises _Refused and OSError."""
    seen = None
    if name == "-":
        (checked,) = check([name], config_id="", interfaces=None, stdin=sys.stdin.buffer)
        assert checked.data is not None
        _refuse_faulty(checked)
        name, before = checked.path, checked.data
    else:
        _refuse_faulty(Checked(name, load(name, config_id="", interfaces=None)))
        seen = Path(name).stat()
        before = Path(name).read_bytes()
    after = formatted(decode(before)).encode("utf-8", "surrogateescape")
    if not is_check and not is_write:
        _compare(name, before, after)
        sys.stdout.flush()
        sys.stdout.buffer.write(after)
        sys.stdout.buffer.flush()
        return 0
    if after == before:
        return 0
    _compare(name, before, after)
    if is_write:
        assert seen is not None
        replace_file(Path(name), after, seen)
    print(clean(name))
    return EXIT_OTHER_LAYOUT if is_check else 0


def _refuse_faulty(checked: Checked) -> None:
    if checked.loaded.configuration is None:
        raise _Refused(4, list(report([checked])))
    faults = tuple(found for found in checked.loaded.diagnostics if found.is_structural)
    if faults:
        lines = report([dataclasses.replace(checked, loaded=Loaded(None, faults))])
        raise _Refused(EXIT_REFUSED, [*lines, f"{clean(checked.path)}: left as it is; mend that first"])


def _compare(name: str, before: bytes, after: bytes) -> None:
    if not same_meaning(before, after):
        sentence = "left as it is: laid out anew it would mean something else; please report this fault"
        raise _Refused(EXIT_REFUSED, [f"{clean(name)}: {sentence}"])
