"""Text to pieces: the words of each line with their place, and braces on their own.

keepalived.conf is line oriented. A line is cut at its comment (`#` or `!` outside double quotes), then at
its braces (outside double quotes, also where they touch a word), and what lies between becomes a piece of
words. So whatever follows a brace on a line counts as the next line, and a brace alone on a line is the same
as one at the end of a line.

Substitution ($NAME, ~SEQ), conditional lines (@id) and include work on whole lines: they belong between
`lines()` and `Lexer.pieces()`.

Time is linear in the text. Ordinary lines, which hold none of `"#!{}\\`, never meet a loop over characters:
`str.split` does them. Any bytes are accepted: what is not UTF-8 is carried through as surrogates in
`Piece.text`, and shown as U+FFFD in `Piece.words`, which therefore can always be printed and encoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from pyvrrp.config.report import Report
from pyvrrp.model import Where

# What keepalived takes as blank. str.split() takes more: see _EXOTIC.
BLANKS = " \t\f\v\r"

OPEN = ["{"]  # compared by identity: a quoted "{" is a word like any other
CLOSE = ["}"]

_SPECIAL = re.compile(r'["#!{}\\]')
# The alternatives differ in their first character, and a quote without an end is met once in a line: linear.
_ATOM = re.compile(r'"(?:\\.|[^"\\])*"|\\.|[#!].*|[{}]|[^"\\#!{}]+|["\\]', re.DOTALL)
_WORD = re.compile(rf'"([^"]*)"|([^{BLANKS}"]+)')
_PLAIN_WORD = re.compile(rf"[^{BLANKS}]+")
_ESCAPED = re.compile(r"\\([#!])")
# Blank to Python, part of a word to keepalived. A no-break space from a web page is the usual one.
_EXOTIC = re.compile("[\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Piece(NamedTuple):
    """Words that stand between line ends, braces and comments; or one brace (`words is OPEN`, `words is "
    "CLOSE`)."""

    line: int
    column: int  # of the first character of text
    text: str  # as written, quotes and escapes included
    words: list[str]  # never empty


def decode(data: bytes) -> str:
    """The text of a file. A byte order mark at its start means nothing and goes; any bytes decode."""
    return data.decode("utf-8-sig", "surrogateescape")


def lines(text: str) -> Iterator[tuple[int, str]]:
    """Number and text of each line. Only a newline ends a line; the CR before it is blank to all that "
    "follows."""
    return enumerate(text.split("\n"), 1)


def clean(word: str) -> str:
    """A word that can be printed and encoded: bytes that are not UTF-8 become U+FFFD."""
    return word if word.isascii() else _SURROGATE.sub("\ufffd", word)


def word_columns(text: str) -> list[int]:
    """Offset of each word in the text of a piece; of a quoted word, that of its first character."""
    return [found.start(1) if found[1] is not None else found.start(2) for found in _WORD.finditer(text)]


def raw_words(text: str) -> list[str]:
    """The words of a piece with the bytes that are not UTF-8 still in them as surrogates."""
    return [found[1] if found[1] is not None else _ESCAPED.sub(r"\1", found[2]) for found in _WORD.finditer(text)]


class Lexer:
    """Makes pieces of the lines of one file."""

    def __init__(self, file: str, report: Report) -> None:
        self._file = file
        self._report = report

    def pieces(self, text: str) -> Iterator[Piece]:
        """The pieces of a whole file."""
        ordinary = text.isascii() and not _EXOTIC.search(text)
        split = str.split if ordinary else _PLAIN_WORD.findall
        special = _SPECIAL.search
        for number, line in lines(text):
            if "\0" in line:
                self._report.structure(
                    Where(self._file, number),
                    "the line holds NUL bytes and is left out; remove them"
                    + (", or save the file as UTF-8" if number == 1 else ""),
                )
            elif special(line):
                # Nearly all of these are `words {` or `}`.
                last = len(line.rstrip(BLANKS)) - 1
                if line[last] in "{}" and not special(line, 0, last):
                    if words := split(line[:last]):
                        yield Piece(number, 1, line[:last], words if ordinary else self._cleaned(number, words))
                    yield Piece(number, last + 1, line[last], OPEN if line[last] == "{" else CLOSE)
                else:
                    yield from self._cut(number, line)
            elif words := split(line):
                if not ordinary:
                    words = self._cleaned(number, words)
                yield Piece(number, 1, line, words)

    def _cut(self, number: int, line: str) -> Iterator[Piece]:
        """Cut a line at comment and braces."""
        start = end = 0
        for atom in _ATOM.finditer(line):
            first = line[atom.start()]
            if first in "{}":
                yield from self._piece(number, start, line[start:end])
                yield Piece(number, atom.start() + 1, first, OPEN if first == "{" else CLOSE)
                start = atom.end()
            elif first in "#!":
                break
            elif atom[0] == '"':
                self._report.structure(
                    Where(self._file, number, atom.start() + 1),
                    "the double quote opened here is not closed, so the rest of the line is left out; close it",
                )
                break
            end = atom.end()
        yield from self._piece(number, start, line[start:end])

    def _piece(self, number: int, start: int, text: str) -> Iterator[Piece]:
        if words := raw_words(text):
            yield Piece(number, start + 1, text, self._cleaned(number, words))

    def _cleaned(self, number: int, words: list[str]) -> list[str]:
        cleaned = [clean(word) for word in words]
        if cleaned != words:
            self._report.warning(
                Where(self._file, number), "the line holds bytes that are not UTF-8; save the file as UTF-8"
            )
        return cleaned
