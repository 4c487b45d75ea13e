"""`pyvrrp apply`: blocks of a keepalived.conf put into what a daemon runs, and others removed, all or nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pyvrrp import limits
from pyvrrp.cli.check import is_coloured, width
from pyvrrp.cli.orders import add_json, print_json
from pyvrrp.config.check import STDIN
from pyvrrp.config.excerpt import numbers_of, rendered
from pyvrrp.config.lexer import clean
from pyvrrp.config.outline import NAMED
from pyvrrp.control.client import ControlClient
from pyvrrp.control.transaction import Changed, Finding, Removal, TransactionReply, TransactionRequest
from pyvrrp.errors import UsageError
from pyvrrp.model import Diagnostic, Where

TIMEOUT_S = 300.0           # 10,000 instances on a slow machine take some 30 s
EXIT_OK, EXIT_REFUSED = 0, 1

EXAMPLES = """\
examples:
  pyvrrp apply web.conf                         its blocks run; those of the same name go
  pyvrrp apply --remove web --write             an instance goes, from the file too
  pyvrrp apply --remove vrrp_script:check x.conf    another kind of block goes, and others come
  pyvrrp apply --dry-run web.conf               what it would do
  pyvrrp apply --write                          write what runs and is in no file yet
  make-pairs | pyvrrp apply --scope red -       from a program, of one of several files

exit status:
  0  done; with --dry-run: it would be done
  1  refused, and nothing was changed: it is said why
  2  the command line is wrong
  3  the daemon could not be asked
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `apply` takes."""
    parser.epilog = EXAMPLES
    parser.add_argument("files", metavar="FILE", nargs="*", help="text of whole blocks; - is the standard input")
    kinds = ", ".join(dict.fromkeys(NAMED.values()))
    parser.add_argument("--remove", metavar="[KIND:]NAME", action="append", default=[],
                        help=f"a block that goes; KIND is vrrp_instance, the default, or another of: {kinds}")
    parser.add_argument("--scope", type=clean, metavar="SCOPE",
                        help="which of the files that are run; default the only one")
    parser.add_argument("--write", action="store_true",
                        help="write it to the files, so that it lasts; otherwise the next reload drops it")
    parser.add_argument("--dry-run", action="store_true", help="change nothing, and say what would be done")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Apply, print, and return the exit status. Raises PyvrrpError."""
    texts = [_read(name) for name in arguments.files]
    removals = [_removal(word) for word in arguments.remove]
    if not texts and not removals and not arguments.write:
        raise UsageError("there is nothing to apply; name a FILE, or --remove NAME")
    request = TransactionRequest(
        scope=arguments.scope, put=[text for _, text in texts], remove=removals, write=arguments.write,
        dry_run=arguments.dry_run,
    )
    reply = ControlClient(arguments.socket, timeout_s=TIMEOUT_S).transact(request)
    if arguments.json:
        print_json(reply)
    else:
        findings = [*_findings(reply, texts)]
        if findings:
            print("\n".join(findings), file=sys.stdout if reply.accepted else sys.stderr)
        if reply.accepted:
            print("\n".join(told(reply)))
        else:
            print(f"pyvrrp: {_refusal(reply)}", file=sys.stderr)
    return EXIT_OK if reply.accepted else EXIT_REFUSED


def _read(name: str) -> tuple[str, str]:
    """A file by the name that messages have, and its text. Raises UsageError."""
    try:
        if name == "-":
            shown, data = STDIN, sys.stdin.buffer.read(limits.TRANSACTION_BYTES_MAX + 1)
        else:
            with Path(name).open("rb") as stream:
                shown, data = clean(name), stream.read(limits.TRANSACTION_BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"{clean(name)}: {error.strerror}") from error
    if len(data) > limits.TRANSACTION_BYTES_MAX:
        raise UsageError(f"{shown}: a transaction takes {limits.TRANSACTION_BYTES_MAX} bytes at most; make several")
    try:
        return shown, data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{shown}: it holds bytes that are no UTF-8; save it as UTF-8") from None


def _removal(word: str) -> Removal:
    kind, colon, name = word.partition(":")
    if not (colon and kind in NAMED):
        kind, name = "vrrp_instance", word
    if not name:
        raise UsageError(f"--remove {word}: the name is missing")
    return Removal(kind=NAMED[kind], name=name)


# ---- what came of it

def told(reply: TransactionReply) -> Iterator[str]:
    """What was done, or would be, for people."""
    counts = [
        (len(reply.added), "added"),
        (len(reply.removed), "removed"),
        (len(reply.anew), "anew"),
        (len(reply.changed), "changed"),
    ]
    parts = [f"{count} {what}" for count, what in counts if count] + [f"{reply.untouched} untouched"]
    yield f"{reply.file}: {', '.join(parts)}"
    for sign, what, things in (
        ("-", "removed", [Changed(name=name) for name in reply.removed]),
        ("!", "stops and starts as another virtual router", reply.anew),
        ("~", "changed", reply.changed),
        ("+", "added", [Changed(name=name) for name in reply.added]),
    ):
        yield from (f"  {sign} vrrp_instance {_named(each, what)}" for each in things[: limits.PLAN_SHOWN])
        if len(things) > limits.PLAN_SHOWN:
            yield f"  {sign} and {len(things) - limits.PLAN_SHOWN} more are {what}; --json names them"
    if reply.beside:
        yield f"  also changed: {', '.join(reply.beside)}"
    yield from (f"{path} is written" for path in reply.written)
    if reply.is_dry_run:
        yield "nothing was changed (--dry-run)"
    elif reply.is_unwritten:
        yield f"{reply.file} does not hold all of this: the next reload drops it, pyvrrp apply --write writes it"


def _named(each: Changed, what: str) -> str:
    name = f"{clean(each.name)} (was {clean(each.was)})" if each.was else clean(each.name)
    return f"{name}: {what}{': ' if each.settings else ''}{'; '.join(each.settings)}"


def _findings(reply: TransactionReply, texts: Sequence[tuple[str, str]]) -> Iterator[str]:
    """What is wrong, each with its line, in the names of the files that were given."""
    names = {f"put[{number}]": name for number, (name, _) in enumerate(texts)}
    lines = {name: text.split("\n") for name, text in texts}
    diagnostics = tuple(_diagnostic(each, names) for each in reply.findings)
    # The files themselves are the daemon's, and may hold something else than what runs of them.
    lines_of = {
        file: {number: lines[file][number - 1] for number in numbers if number <= len(lines[file])}
        for file, numbers in numbers_of(diagnostics).items()
        if file in lines
    }
    return rendered(diagnostics, lines_of, width=width(sys.stdout), is_coloured=is_coloured(sys.stdout))


def _diagnostic(finding: Finding, names: dict[str, str]) -> Diagnostic:
    where = Where(names.get(finding.file, finding.file), finding.line, finding.column, finding.origin)
    return Diagnostic(where, finding.message, finding.code, is_error=finding.severity == "error")


def _refusal(reply: TransactionReply) -> str:
    errors = sum(finding.severity == "error" for finding in reply.findings)
    if not errors:
        return reply.error
    return f"nothing was changed: {errors} error{'s' if errors > 1 else ''}"
