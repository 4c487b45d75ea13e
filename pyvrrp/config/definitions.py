"""`$NAME=value` and its uses: a table of definitions, and text with every use replaced.

A value is kept as written and replaced when it is used, by what its own names mean then. A name that is not defined
stays as it is, so that scripts with `$x` in them survive. A definition may have several lines; then it can only be used
at the end of a line, and the first of its lines continues that one.

Replacing is bounded: a definition that uses itself is refused at once, what it makes is counted (`Budget`), and it
never nests deeper than DEFINITION_DEPTH_MAX.
"""

from __future__ import annotations

import os
import random
import re
from dataclasses import dataclass
from pathlib import Path

from pyvrrp import limits
from pyvrrp.config.lexer import BLANKS
from pyvrrp.config.report import Fault
from pyvrrp.config.source import Budget
from pyvrrp.model import Where

DEFINITION = re.compile(rf"[{BLANKS}]*\$([A-Za-z_][A-Za-z0-9_]*)=[{BLANKS}]*")
_NAME = r"(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*)(?=[" + BLANKS + r",)]|\Z))"
_RANDOM = r"_RANDOM(?:[ \t]+(-?[0-9]{1,9}))?(?:[ \t]+(-?[0-9]{1,9}))?"
_ENV = r"_ENV[ \t]+([A-Za-z_][A-Za-z0-9_]*)"
USE = re.compile(r"\$(?:" + _NAME + r"|\{(?:" + _RANDOM + "|" + _ENV + r")\})")
_AT_END = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))\Z")
_RANDOM_HIGH = 32767


@dataclass(frozen=True, slots=True)
class Definition:
    """What a name stands for: one line, or several with the places where they are written."""

    name: str
    file: str
    lines: tuple[tuple[int, str], ...]  # number, text; never empty
    is_long: bool  # it has several, or one below its name


class BadUse(Fault):
    """A definition cannot be used here. The text says why, and what to do."""


class Definitions:
    """The definitions in force at one moment of reading."""

    def __init__(self, *, config_id: str, budget: Budget) -> None:
        self._table: dict[str, Definition] = {}
        self._budget = budget
        self._random = random.Random()  # noqa: S311 - keepalived's are not secret either
        self._directory = ""
        for name, value in (("_INSTANCE", config_id), ("_HASH", "#"), ("_BANG", "!")):
            self.define(name, [(0, value)], "")

    def define(self, name: str, lines: list[tuple[int, str]], file: str) -> None:
        """Give a name its lines, each with its number. An empty first one only opens those that follow."""
        is_long = len(lines) > 1
        if is_long and not lines[0][1]:
            lines = lines[1:]
        self._table[name] = Definition(name, file, tuple(lines), is_long)

    def enter(self, file: str) -> None:
        """The file being read is another: `${_PWD}` is its directory."""
        try:
            self._directory = str(Path(file).absolute().parent)
        except OSError:  # the working directory is gone
            self._directory = ""

    def seed(self, number: int) -> None:
        """Make what follows of `${_RANDOM}` the same in each reading."""
        self._random.seed(number)

    def get(self, name: str) -> Definition | None:
        """What a name stands for."""
        if name == "_PWD" and name not in self._table:
            return Definition(name, "", ((0, self._directory),), is_long=False)
        return self._table.get(name)

    def at_start(self, text: str) -> tuple[Definition, int] | None:
        """The definition whose use text begins with, and where the use ends."""
        found = USE.match(text)
        definition = self.get(found[1] or found[2] or "") if found else None
        return None if found is None or definition is None else (definition, found.end())

    def expand(self, text: str, where: Where) -> tuple[str, Definition | None]:
        """Text with its uses replaced; if it ends in the use of a definition of several lines, that, not replaced.

        Raises BadUse, and TooMuch from the budget.
        """
        prefix, last = self._long_at_end(text, where)
        return self._replaced(prefix if last else text, (), where), last

    def _long_at_end(self, text: str, where: Where) -> tuple[str, Definition | None]:
        """The definition of several lines that text ends in, perhaps behind others, and what stands before it."""
        seen: set[str] = set()
        while "$" in text:
            found = _AT_END.match(text, text.rfind("$"))
            definition = self.get(found[1] or found[2]) if found else None
            if found is None or definition is None or definition.name in seen:
                break  # one that leads back to itself is told of when it is replaced
            if definition.is_long:
                return text[: found.start()], definition
            seen.add(definition.name)
            text = text[: found.start()] + definition.lines[0][1]
            self._budget.made(text, where)
        return text, None

    def _replaced(self, text: str, active: tuple[str, ...], where: Where) -> str:
        if "$" not in text:
            return text

        def value(found: re.Match[str]) -> str:
            name = found[1] or found[2]
            if name is None:
                return self._made(found)
            definition = self.get(name)
            if definition is None:
                return self._made(found) if name == "_RANDOM" else found[0]
            if definition.is_long:
                raise BadUse(
                    f"${name} has several lines, so nothing can follow it; put it at the end of a line, without quotes",
                    "definition-long-inside"
                )
            if name in active:
                raise BadUse(
                    f"${name} uses itself, so it has no end; the line is left out, define it without",
                    "definition-endless",
                )
            if len(active) >= limits.DEFINITION_DEPTH_MAX:
                raise BadUse(
                    f"definitions use one another more than {limits.DEFINITION_DEPTH_MAX} deep; "
                    "the line is left out, define them more directly",
                    "definition-deep",
                )
            inner = definition.lines[0][1]
            self._budget.made(inner, where)
            return self._replaced(inner, (*active, name), where)

        return USE.sub(value, text)

    def _made(self, found: re.Match[str]) -> str:
        """The value of a name with arguments."""
        low, high, variable = found[3], found[4], found[5]
        if variable is not None:
            # What the environment holds is text like any other, but it cannot be more than one line.
            return os.environ.get(variable, "").replace("\n", " ")
        lowest, highest = int(low or 0), int(high or _RANDOM_HIGH)
        if lowest > highest:
            raise BadUse(f"{found[0]}: {lowest} is more than {highest}; write the smaller number first", "random-range")
        return str(self._random.randint(lowest, highest))
