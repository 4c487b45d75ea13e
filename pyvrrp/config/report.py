"""Where everything that is wrong in a configuration is collected, so that one run reports all of it."""

from __future__ import annotations

from pyvrrp import limits
from pyvrrp.model import Diagnostic, Where

_SHOWN_MAX = 60  # characters of a word in a message: enough to find it


class Fault(Exception):
    """What is wrong and what to do, without the place, and its code (see codes.py)."""

    def __init__(self, text: str, code: str) -> None:
        super().__init__(text)
        self.code = code


def shown(word: str) -> str:
    """A word of a file as it may stand in a message: printable, of bounded length."""
    if len(word) > _SHOWN_MAX:
        word = word[:_SHOWN_MAX] + "..."
    if word.isprintable():
        return word
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in word)


def shown_path(path: str) -> str:
    """A path in a message: whole, so that it can be copied."""
    return path if path.isprintable() and len(path) <= 255 else shown(path)


class Report:
    """The diagnostics of one load, in the order of the lines they speak of."""

    def __init__(self) -> None:
        self._found: list[Diagnostic] = []
        self._hints: list[Diagnostic] = []
        self._left_out = 0

    def error(self, where: Where, message: str, code: str) -> None:
        """Something of the file is not done: an instance is not run, a line or a value is not used."""
        self.add(Diagnostic(where, message, code=code))

    def structure(self, where: Where, message: str, code: str) -> None:
        """A block begins or ends where its author did not mean it: what follows may be misread."""
        self.add(Diagnostic(where, message, is_structural=True, code=code))

    def warning(self, where: Where, message: str, code: str) -> None:
        """The file runs as it is meant, but its author should look at this."""
        self.add(Diagnostic(where, message, is_error=False, code=code))

    def hint(self, where: Where, message: str, code: str) -> None:
        """Nothing is wrong, and there is something better."""
        if len(self._hints) < limits.DIAGNOSTICS_MAX:
            self._hints.append(Diagnostic(where, message, is_error=False, is_hint=True, code=code))

    @property
    def hints(self) -> tuple[Diagnostic, ...]:
        """All hints; none of them is in what finish() returns."""
        return tuple(self._hints)

    def add(self, diagnostic: Diagnostic) -> None:
        """What another report has found."""
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
                    code="messages-many",
                )
            )
        return tuple(found)
