"""The words of a line with many options, one after the other: addresses, routes and rules are such lines.

A reader asks for the next word and for the values of options. What is wrong is raised as LineFault, which knows the
word, so that one place reports it with its column.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Fault, shown
from pyvrrp.config.values import BadValue

T = TypeVar("T")

_C_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20}")


class LineFault(Fault):
    """A line cannot be used. The text says what is wrong with the word at position `at`, and what to do."""

    def __init__(self, at: int, text: str, code: str) -> None:
        super().__init__(text, code)
        self.at = at


class Words:
    """Goes once through the words of a line."""

    __slots__ = ("_words", "at")

    def __init__(self, statement: Statement) -> None:
        self._words = statement.words
        self.at = -1  # position of the word taken last

    def next(self) -> str | None:
        """Take the next word; None at the end."""
        if self.at + 1 >= len(self._words):
            return None
        self.at += 1
        return self._words[self.at]

    def peek(self) -> str | None:
        """The next word, which stays; None at the end."""
        return self._words[self.at + 1] if self.at + 1 < len(self._words) else None

    def skip(self, word: str) -> bool:
        """Take the next word if it is this one."""
        if self.peek() != word:
            return False
        self.at += 1
        return True

    def value(self, option: str) -> str:
        """Take the value of an option. Raises LineFault if the line ends."""
        word = self.next()
        if word is None:
            raise LineFault(self.at, f"{option} lacks its value; write it after {option}", "option-value")
        return word

    def read(self, option: str, convert: Callable[[str], T]) -> T:
        """Take and convert the value of an option. Raises LineFault."""
        word = self.value(option)
        try:
            return convert(word)
        except BadValue as problem:
            raise LineFault(self.at, f"{option} {problem}", problem.code) from None

    def number(self, option: str, low: int, high: int) -> int:
        """Take a number, as c_integer(). Raises LineFault."""
        return self.read(option, lambda word: c_integer(word, low, high))


def c_integer(word: str, low: int, high: int) -> int:
    """A number as the C library and iproute2 read it: decimal, 0x and hexadecimal, 0 and octal. Raises BadValue."""
    if _C_NUMBER.fullmatch(word):
        is_octal = word[0] == "0" and word[1:].isdigit()
        try:
            value = int(word, 8 if is_octal else 0)
        except ValueError:
            raise BadValue(
                f"{shown(word)} is not a number; an octal one has digits of 0 to 7", "not-a-number"
            ) from None
        if low <= value <= high:
            return value
        raise BadValue(f"{shown(word)} is not in {low}..{high}; write a number in that range", "number-range")
    raise BadValue(f"{shown(word)} is not a number; write decimal digits, or 0x and hexadecimal ones", "not-a-number")


def nearest(word: str, known: Iterable[str]) -> str:
    """What to do about a word that is not known: the nearest that is, or remove it."""
    near = difflib.get_close_matches(word[:64], list(known), n=1)
    return f"did you mean {near[0]}?" if near else "remove it, or make it a comment with #"
