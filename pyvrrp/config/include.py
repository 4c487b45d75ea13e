"""`include PATTERN` and its family: which files are meant, and what it means if they are missing.

A pattern is globbed (`* ? [...]`, and lists in braces), each alternative in sorted order, from the directory of the
file that holds the line. A match must be a regular file that nobody may execute, as under keepalived: a directory for
snippets often holds a script too.
"""

from __future__ import annotations

import enum
import fnmatch
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from pyvrrp import limits

_MAGIC = re.compile(r"[*?[]")
_BRACES = re.compile(r"\{([^{}]*)\}")


class Check(enum.Flag):
    """What ends the reading instead of being told only."""

    NONE = 0
    READ = 1  # a match cannot be read, is a directory or executable
    MATCH = 2  # a plain name is missing
    WILDCARD_MATCH = 4  # a wildcard matches nothing
    BRACE_MATCH = 8  # an alternative in braces is missing
    ALL = 15


WORDS = {
    "include": Check.NONE,
    "includer": Check.READ,
    "includem": Check.READ | Check.MATCH,
    "includew": Check.READ | Check.MATCH | Check.WILDCARD_MATCH,
    "includeb": Check.READ | Check.BRACE_MATCH,
    "includea": Check.ALL,
}
CHECKS = {"read": Check.READ, "match": Check.MATCH, "wildcard_match": Check.WILDCARD_MATCH}
CHECKS["brace_match"] = Check.BRACE_MATCH


class Match(NamedTuple):
    """One file of a pattern, or why there is none."""

    path: str
    problem: str  # empty: read it
    check: Check  # what makes the problem an error


class TooMany(Exception):
    """A pattern has more alternatives than anybody writes."""


def has_magic(pattern: str) -> bool:
    """Whether a pattern may match several files."""
    return _MAGIC.search(pattern) is not None


def level(words: list[str], before: Check) -> tuple[Check, list[str]]:
    """What `include_check` with these words makes of a level; and the words that mean nothing."""
    if not words:
        return Check.ALL, []
    unknown = []
    # Plain words are the whole list; + and - change what was before.
    after = before if all(word[0] in "+-" for word in words) else Check.NONE
    for word in words:
        check = CHECKS.get(word.lstrip("+-") if word[:1] in {"+", "-"} else word)
        if check is None:
            unknown.append(word)
        elif word[0] == "-":
            after &= ~check
        else:
            after |= check
    return after, unknown


def matches(pattern: str, directory: str, look: Callable[[], None]) -> Iterator[Match]:
    """The files of a pattern. look: called for each name in a directory that is searched; it may raise.

    Raises TooMany.
    """
    alternatives = _alternatives(pattern)
    for alternative in alternatives:
        path = str(Path(directory, alternative))
        if "\0" in path:
            yield Match(path, "its name holds a NUL byte; remove it", Check.MATCH)
        elif has_magic(alternative):
            found = _globbed(alternative.replace("[^", "[!"), directory, look)
            if not found:
                yield Match(path, "", Check.WILDCARD_MATCH)
            for one in found:
                yield Match(one, _unfit(one), Check.READ)
        elif not os.path.lexists(path):
            check = Check.MATCH if len(alternatives) == 1 else Check.BRACE_MATCH
            yield Match(path, f"there is no such file; create it, or {_advice(alternative)}", check)
        else:
            yield Match(path, _unfit(path), Check.READ)


def _globbed(pattern: str, directory: str, look: Callable[[], None]) -> list[str]:
    """As glob.glob(), but every name that is looked at is counted: /*/*/* can go on for ever."""
    anchor, *parts = Path(pattern).parts if pattern.startswith("/") else (directory, *Path(pattern).parts)
    found = [anchor]
    for part in parts:
        if has_magic(part):
            found = [os.path.join(place, name) for place in found for name in _names(place, part, look)]  # noqa: PTH118
        else:
            found = [str(Path(place, part)) for place in found]
    return sorted(str(Path(path)) for path in found if os.path.lexists(path))


def _names(directory: str, pattern: str, look: Callable[[], None]) -> Iterator[str]:
    """The names in a directory that match. What cannot be listed has none."""
    is_match = re.compile(fnmatch.translate(pattern)).match
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                look()
                if is_match(entry.name) and (pattern[0] == "." or entry.name[0] != "."):
                    yield entry.name
    except OSError:
        return


def _advice(name: str) -> str:
    if name[0] in "\"'":
        return "remove the quotes"
    return "write ${NAME} for a definition" if "$" in name else "correct the name"


def _unfit(path: str) -> str:
    """Why a file is not read, or ""."""
    try:
        status = Path(path).stat()
    except OSError as error:
        return f"it cannot be looked at ({error.strerror}); correct the link or its permissions"
    if stat.S_ISDIR(status.st_mode):
        return "it is a directory; write a pattern for the files in it, as DIRECTORY/*.conf"
    if not stat.S_ISREG(status.st_mode):
        return "it is not a regular file; make it one"
    if status.st_mode & 0o111:
        return "it is executable, so it may be a script; chmod -x it"
    return ""


def _alternatives(pattern: str) -> list[str]:
    """`a{b,c}d` to `abd`, `acd`; innermost braces first, in the order written. Raises TooMany."""
    done, open_ones = [], [pattern]
    while open_ones:
        one = open_ones.pop()
        braces = next((found for found in _BRACES.finditer(one) if "," in found[1]), None)
        if braces is None:
            done.append(one)
        else:
            parts = braces[1].split(",")
            open_ones += [one[: braces.start()] + part + one[braces.end() :] for part in reversed(parts)]
        if len(done) + len(open_ones) > limits.INCLUDE_ALTERNATIVES_MAX:
            raise TooMany
    return done
