"""Where everything that is wrong in a configuration is collected, so that one run reports all of it."""

from __future__ import annotations

from typing import Literal

from pyvrrp import limits
from pyvrrp.model import Diagnostic, Where

_SHOWN_MAX = 60  # characters of a word in a message: enough to find it

# The kind of a mistake, for programs that read `check --json`: a word is never renamed, the sentence beside it may be.
Code = Literal[
    "unreadable",           # the file is missing, cannot be read, or is no text
    "encoding",             # bytes that are no UTF-8, NUL bytes
    "braces",               # a block begins or ends where its author did not mean it
    "quotes",               # a quote is not closed
    "include",              # a file that is included cannot be
    "definition",           # $NAME, ~SEQ, ~LST, @id
    "unknown-word",         # no such keyword, block or option
    "misplaced-word",       # a keyword in a block that it does not belong to
    "not-done",             # keepalived has it, pyvrrp has not
    "missing-argument",     # a keyword without what must follow it
    "missing-keyword",      # a block without a keyword that it needs
    "surplus-words",        # words that do nothing
    "bad-value",            # a value that cannot be understood, or is out of its range
    "duplicate",            # something is given or named twice
    "vrid-clash",           # two instances whose adverts could not be told apart
    "unknown-name",         # a script, instance, group or user that is not there
    "no-interface",         # an interface that does not exist (now)
    "script",               # a command that cannot be run, or not safely
    "conflict",             # two settings that exclude one another
    "no-effect",            # a setting that changes nothing where it stands
    "limit",                # more than there may be
    "advice",               # it runs as it is meant; look at it anyway
]


def shown(word: str) -> str:
    """A word of a file as it may stand in a message: printable, of bounded length."""
    if len(word) > _SHOWN_MAX:
        word = word[:_SHOWN_MAX] + "..."
    if word.isprintable():
        return word
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in word)


class Report:
    """The diagnostics of one load, in the order of the lines they speak of."""

    def __init__(self) -> None:
        self._found: list[Diagnostic] = []
        self._left_out = 0

    def error(self, where: Where, message: str, code: Code = "bad-value") -> None:
        """Something of the file is not done: an instance is not run, a line or a value is not used."""
        self._add(Diagnostic(where, message, code=code))

    def structure(self, where: Where, message: str, code: Code = "braces") -> None:
        """A block begins or ends where its author did not mean it: what follows may be misread."""
        self._add(Diagnostic(where, message, is_structural=True, code=code))

    def warning(self, where: Where, message: str, code: Code = "advice") -> None:
        """The file runs as it is meant, but its author should look at this."""
        self._add(Diagnostic(where, message, is_error=False, code=code))

    def _add(self, diagnostic: Diagnostic) -> None:
        if len(self._found) < limits.DIAGNOSTICS_MAX:
            self._found.append(diagnostic)
        else:
            self._left_out += 1

    def finish(self) -> tuple[Diagnostic, ...]:
        """Everything reported, sorted by line; sorting is stable, so one line keeps the order of finding."""
        found = sorted(self._found, key=lambda diagnostic: (diagnostic.where.file, diagnostic.where.line))
        if self._left_out:
            found.append(
                Diagnostic(
                    Where(found[-1].where.file),
                    f"{self._left_out} more messages are left out; mend those above first",
                    code="limit",
                )
            )
        return tuple(found)
