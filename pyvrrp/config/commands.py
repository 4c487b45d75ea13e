"""Scripts: their text to argv, and what can be seen at load time of whether they will run.

The value of a script keyword is cut anew from the text of its line, with richer rules than other words: `"`
and `'` both quote, also inside a word, and a backslash escapes. Two passes: the line into command, user and
group; then the command into its arguments. So a whole command normally stands in `"..."`, and its arguments
with blanks in `'...'`. `\\"` inside the outer quotes is a literal quote for the second pass, as in
keepalived 2.4 (2.2 differed).
"""

from __future__ import annotations

import grp
import pwd
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from pyvrrp.config.lexer import BLANKS, clean, word_columns
from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Fault, Report, shown, shown_path
from pyvrrp.model import Command, Where

_QUOTED = r'"(?:\\.|[^"\\])*"|' + r"'(?:\\.|[^'\\])*'"
_UNIT = re.compile(rf"({_QUOTED})|(\\.|[^{BLANKS}\n\"'\\])", re.DOTALL)
_TYPOGRAPHIC_QUOTES = "\u201c\u201d\u201e\u00ab\u00bb\u2018\u2019"   # as word processors write them
_CUT = re.compile(rf"(?:{_QUOTED}|\\.|[^{BLANKS}\n\"'\\])+|[\"'\\]", re.DOTALL)
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|c(.)|(.))", re.DOTALL)
_LETTERS = {
    b"a": b"\a",
    b"b": b"\b",
    b"E": b"\x1b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
}


class UnclosedQuote(ValueError):
    """A quote of a command does not end."""


def _cut(text: str) -> list[str]:
    """Words as written, with their quotes."""
    words = _CUT.findall(text)
    for word in words:
        if word in {'"', "'"}:
            raise UnclosedQuote(word)
    return words


def cut_line(text: str) -> list[str]:
    """First pass: command, user, group. Quotes go, escapes stay for the second pass."""
    return [_UNIT.sub(lambda unit: unit[1][1:-1] if unit[1] else unit[2], word) for word in _cut(text)]


def cut_command(command: str) -> list[str]:
    """Second pass: the arguments, without quotes and escapes."""
    return [_unescape(_UNIT.sub(lambda unit: unit[1][1:-1] if unit[1] else unit[2], word)) for word in _cut(command)]


def _unescape(word: str) -> str:
    if "\\" in word:
        data = _ESCAPE.sub(_escaped, word.encode("utf-8", "surrogateescape"))
    elif word.isascii():
        return word
    else:
        data = word.encode("utf-8", "surrogateescape")
    return data.decode("utf-8", "replace")


def _escaped(found: re.Match[bytes]) -> bytes:
    octal, hexadecimal, control, letter = found.groups()
    if octal is not None:
        return bytes((int(octal, 8) & 0xFF,))
    if hexadecimal is not None:
        return bytes((int(hexadecimal, 16),))
    if control is not None:
        return bytes((control[0] & 0x1F,))
    return _LETTERS.get(letter, letter)


# What follows for whoever needs a script that cannot run
TRACKED = "it counts as failed until it can be run"
TOLD = "nothing is run until it can be"


class Commands:
    """Reads the commands of one load. The file system and the users are asked once for each name."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._problems: dict[str, Fault | None] = {}
        self._accounts: dict[tuple[str | None, str | None], str] = {}
        self._found: list[tuple[Where, str, Command]] = []  # in the order of reading, with their keywords

    def script(self, statement: Statement) -> Command | None:
        """The command of a vrrp_script, whose user has a keyword of its own; None if it cannot be read."""
        words = self._words(statement)
        if words is None:
            return None
        command = self._command(statement, words[0], None, None, TRACKED)
        if len(words) > 1:
            self._report.error(
                statement.where(),
                f"script: only {shown(words[0])} is run, the rest is ignored; put the whole command in double quotes",
                "script-words",
            )
        return command

    def notify(self, statement: Statement) -> Command | None:
        """The command of a notify keyword, with the user and group that follow it."""
        words = self._words(statement)
        if words is None:
            return None
        user, group = [*words[1:3], None, None][:2]
        if group is not None and group.startswith(":"):
            group = group[1:] or None
        if (unknown := self.account_problem(user, group)) or len(words) > 3:
            unknown = unknown or f"{shown(words[3])} is one word too many"
            self._report.error(
                statement.where(),
                f"{statement.words[0]}: {unknown}, so it is not run; put a command with its arguments in double quotes",
                "notify-account",
            )
            return None
        command = self._command(statement, words[0], user, group, TOLD)
        if command is not None:
            self.note(statement, command)
        return command

    def note(self, statement: Statement, command: Command) -> None:
        """Keep a command for examine(), once it is known whom it runs as."""
        self._found.append((statement.where(1), statement.words[0], command))

    def examine(self, why_unsafe: Callable[[Command], str | None]) -> None:
        """Report every command that enable_script_security forbids. why_unsafe: why, None if it does not."""
        known: dict[tuple[str, str | None, str | None], str | None] = {}
        for where, keyword, command in self._found:
            key = command.argv[0], command.user, command.group
            if key not in known:
                known[key] = why_unsafe(command)
            if why := known[key]:
                self._report.error(
                    where,
                    f"{keyword} is not run under enable_script_security: {shown_path(clean(why))}; let it, and all "
                    "directories above it, belong to root, and nobody else write to them (or run it as another user)",
                    "script-insecure",
                )

    def account(self, statement: Statement, whose: str) -> tuple[str, str | None]:
        """User and group of a line. If they do not exist, that is reported, and what runs as them fails.

        It must not run as somebody else instead, who may have more rights.
        """
        words = statement.words
        user, group = words[1], words[2] if len(words) > 2 else None
        if group is not None and group.startswith(":"):
            group = group[1:] or None
        if problem := self.account_problem(user, group):
            self._report.error(
                statement.where(1), f"{words[0]}: {problem}; {whose} fail until it does, create it first",
                "account-unknown",
            )
        return user, group

    def account_problem(self, user: str | None, group: str | None) -> str:
        """Why a user or group cannot be used, or ""."""
        key = user, group
        if key not in self._accounts:
            self._accounts[key] = _account_problem(user, group)
        return self._accounts[key]

    def _words(self, statement: Statement) -> list[str] | None:
        text = statement.text
        start = word_columns(text)[0] + len(statement.words[0])
        if text[start : start + 1] == '"' and text.lstrip(BLANKS)[0] == '"':
            start += 1  # the keyword itself stands in quotes
        try:
            words = cut_line(text[start:])
        except UnclosedQuote as quote:
            self._report.error(
                statement.where(1),
                f"{statement.words[0]}: the quote {quote} is not closed, so it is not run; close it",
                "command-quote",
            )
            return None
        if not words or not words[0].strip(BLANKS):
            self._report.error(
                statement.where(),
                f"{statement.words[0]} names no command; write one in double quotes",
                "no-command",
            )
            return None
        return words

    def _command(
        self, statement: Statement, text: str, user: str | None, group: str | None, otherwise: str
    ) -> Command | None:
        keyword, where = statement.words[0], statement.where(1)
        try:
            # keepalived's idiom to test that a file can be read begins with </: the shell does it.
            argv = ["/bin/sh", "-c", _unescape(text)] if text.startswith("</") else cut_command(text)
        except UnclosedQuote as quote:
            self._report.error(
                where,
                f"{keyword}: the quote {quote} in the command is not closed, so it is not run; close it",
                "command-inner-quote",
            )
            return None
        if not argv or not argv[0]:
            self._report.error(where, f"{keyword} names no command; write one in double quotes", "no-command")
            return None
        if any("\0" in argument for argument in argv):
            self._report.error(
                where, f"{keyword}: a command cannot hold a NUL byte, so it is not run; remove it", "command-nul"
            )
            return None
        return Command((self._program(argv[0], keyword, where, otherwise), *argv[1:]), user, group)

    def _program(self, name: str, keyword: str, where: Where, otherwise: str) -> str:
        """Check a program by name; report what is wrong. Returns its path."""
        path = name
        if "/" not in name:
            found = shutil.which(name)
            if found is None:
                self._report.warning(
                    where,
                    f"{keyword} {shown(name)} is not found in PATH; {otherwise}, write its full path",
                    "program-not-in-path",
                )
                return name
            path = found
        elif name[0] in _TYPOGRAPHIC_QUOTES:
            self._report.error(
                where,
                f"{keyword} {shown(name)} begins with a typographic quote ({name[0]}), which quotes nothing here; "
                f'{otherwise}, write " in its place',
                "typographic-quote",
            )
            return name
        elif not name.startswith("/"):
            self._report.warning(
                where,
                f"{keyword} {shown(name)} is a relative path, looked up from the directory in which the daemon "
                f"was started ({shown(str(Path.cwd()))}); write the full path, it begins with /",
                "program-relative",
            )
        if path not in self._problems:
            self._problems[path] = _program_problem(path)
        if problem := self._problems[path]:
            self._report.warning(
                where, f"{keyword} {shown(name)} {str(problem).format(otherwise=otherwise)}", problem.code
            )
        return path


def _program_problem(path: str) -> Fault | None:
    """Why a file cannot be run, with {otherwise} for what follows from it."""
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        return Fault("does not exist; {otherwise}, create it or correct the path", "program-missing")
    except OSError as error:
        text = f"cannot be looked at ({error.strerror}); {{otherwise}}, correct the path or its permissions"
        return Fault(text, "program-unseen")
    if not stat.S_ISREG(status.st_mode):
        return Fault("is not a file; {otherwise}, correct the path", "program-not-a-file")
    if not status.st_mode & 0o111:
        return Fault("is not executable; {otherwise}, chmod +x it", "program-not-executable")
    return None


def _account_problem(user: str | None, group: str | None) -> str:
    if user is not None:
        try:
            pwd.getpwnam(user)
        except (KeyError, ValueError):
            return f"the user {shown(user)} does not exist"
    if group is not None:
        try:
            grp.getgrnam(group)
        except (KeyError, ValueError):
            return f"the group {shown(group)} does not exist"
    return ""
