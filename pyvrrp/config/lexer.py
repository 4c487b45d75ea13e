"""Text to pieces: the words of each line with their place, and braces on their own.

keepalived.conf is line oriented. A line is cut at its comment (`#` or `!` outside double quotes), then at
its braces (outside double quotes, also where they touch a word), and what lies between becomes a piece of
words. So whatever follows a brace on a line counts as the next line, and a brace alone on a line is the same
as one at the end of a line.

Substitution ($NAME, ~SEQ), conditional lines (@id) and include work on whole lines: they come before, in text.py.

Time is linear in the text. Ordinary lines, which hold none of `"#!{}\\`, never meet a loop over characters:
`str.split` does them. Any bytes are accepted: what is not UTF-8 is carried through as surrogates in
`Piece.text`, and shown as U+FFFD in `Piece.words`, which therefore can always be printed and encoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from pyvrrp.config.report import Report, shown
from pyvrrp.config.source import Source

# What keepalived takes as blank. str.split() takes more: see _EXOTIC.
BLANKS = " \t\f\v\r"

OPEN = ["{"]  # compared by identity: a quoted "{" is a word like any other
CLOSE = ["}"]

_SPECIAL = re.compile(r'["#!{}\\]')
# The alternatives differ in their first character, and a quote without an end is met once in a line: linear.
_ATOM = re.compile(r'"(?:\\.|[^"\\])*"|\\.|[#!].*|[{}]|\$\{[^{}"#! \t]*\}|[^"\\#!{}$]+|["\\$]', re.DOTALL)
_WORD = re.compile(rf'"([^"]*)"|([^{BLANKS}"]+)')
_PLAIN_WORD = re.compile(rf"[^{BLANKS}]+")
_ESCAPED = re.compile(r"\\([#!])")
# Blank to Python, part of a word to keepalived. A no-break space from a web page is the usual one.
_EXOTIC = re.compile("[\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Piece(NamedTuple):
    """Words that stand between line ends, braces and comments; or one brace (`words is OPEN`, `words is CLOSE`)."""

    source: Source
    line: int
    column: int  # of the first character of text; of a line that was made, of the line that was written
    text: str  # as written, quotes and escapes included
    words: list[str]  # never empty


def decode(data: bytes) -> str:
    """The text of a file. A byte order mark at its start means nothing and goes; any bytes decode."""
    return data.decode("utf-8-sig", "surrogateescape")


def clean(word: str) -> str:
    """A word that can be printed and encoded: bytes that are not UTF-8 become U+FFFD."""
    return word if word.isascii() else _SURROGATE.sub("\ufffd", word)


def word_columns(text: str) -> list[int]:
    """Offset of each word in the text of a piece; of a quoted word, that of its first character."""
    return [found.start(1) if found[1] is not None else found.start(2) for found in _WORD.finditer(text)]


def raw_words(text: str) -> list[str]:
    """The words of a piece with the bytes that are not UTF-8 still in them as surrogates."""
    return [found[1] if found[1] is not None else _ESCAPED.sub(r"\1", found[2]) for found in _WORD.finditer(text)]


def unescaped(text: str) -> str:
    """Text whose `\\#` and `\\!` are the characters alone."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def cut_comment(line: str) -> str:
    """A line without its comment."""
    if "#" not in line and "!" not in line:
        return line
    for atom in _ATOM.finditer(line):
        first = line[atom.start()]
        if first in "#!":
            return line[: atom.start()]
        if atom[0] == '"':
            break  # it is not closed: what follows is told of, and left out, when the line is cut
    return line


def again_at(line: str, pattern: re.Pattern[str]) -> int:
    """Where text stands that follows the first brace, outside quotes, at which pattern matches; 0: nowhere."""
    if pattern.search(line) is None:
        return 0
    for atom in _ATOM.finditer(line):
        if atom[0] in {"{", "}"} and pattern.match(line, atom.start()):
            return atom.end()
        if atom[0] == '"' or line[atom.start()] in "#!":
            break
    return 0


class Lexer:
    """Makes pieces of the lines of one file."""

    def __init__(self, file: str, report: Report) -> None:
        self.source = Source(file)
        self._report = report

    def pieces(self, text: str, first: int = 1, source: Source | None = None, column: int = 0) -> Iterator[Piece]:
        """The pieces of whole lines, the first of which has the number `first`.

        source, column: of lines that were made, where all their pieces are said to stand.
        """
        source = source or self.source
        ordinary = text.isascii() and not _EXOTIC.search(text)
        split = str.split if ordinary else _PLAIN_WORD.findall
        special = _SPECIAL.search
        has_nul = "\0" in text
        # Only a newline ends a line; the CR before it is blank to all that follows.
        for number, line in enumerate(text.split("\n"), first):
            if has_nul and "\0" in line:
                self._report.structure(
                    source.where(number, column),
                    "the line holds NUL bytes and is left out; remove them"
                    + (", or save the file as UTF-8" if number == 1 else ""),
                    "nul-bytes",
                )
            elif special(line):
                # Nearly all of these are `words {` or `}`.
                last = len(line.rstrip(BLANKS)) - 1
                if line[last] in "{}" and not special(line, 0, last):
                    if words := split(line[:last]):
                        if not ordinary:
                            words = self._cleaned(source, number, words)
                        yield Piece(source, number, column or 1, line[:last], words)
                    brace = OPEN if line[last] == "{" else CLOSE
                    yield Piece(source, number, column or last + 1, line[last], brace)
                else:
                    yield from self._cut(source, number, column, line)
            elif words := split(line):
                if not ordinary:
                    words = self._cleaned(source, number, words)
                yield Piece(source, number, column or 1, line, words)

    def _cut(self, source: Source, number: int, column: int, line: str) -> Iterator[Piece]:
        """Cut a line at comment and braces."""
        start = end = 0
        for atom in _ATOM.finditer(line):
            first = line[atom.start()]
            if first in "{}":
                yield from self._piece(source, number, column or start + 1, line[start:end])
                yield Piece(source, number, column or atom.start() + 1, first, OPEN if first == "{" else CLOSE)
                start = atom.end()
            elif first in "#!":
                break
            elif atom[0] == '"':
                self._report.structure(
                    source.where(number, column or atom.start() + 1),
                    "the double quote opened here is not closed, so the rest of the line is left out; close it",
                    "quote-open",
                )
                break
            elif first == "$" and len(atom[0]) > 1:
                self._report.structure(
                    source.where(number, column or atom.start() + 1, line),
                    f"{shown(atom[0])} is not defined before this line; write ${shown(atom[0][2:-1])}=VALUE above, "
                    "or put it in double quotes if it is meant as it stands",
                    "definition-unknown",
                )
            end = atom.end()
        yield from self._piece(source, number, column or start + 1, line[start:end])

    def _piece(self, source: Source, number: int, column: int, text: str) -> Iterator[Piece]:
        if words := raw_words(text):
            yield Piece(source, number, column, text, self._cleaned(source, number, words))

    def _cleaned(self, source: Source, number: int, words: list[str]) -> list[str]:
        cleaned = [clean(word) for word in words]
        if cleaned != words:
            self._report.warning(
                source.where(number, 0), "the line holds bytes that are not UTF-8; save the file as UTF-8", "not-utf-8"
            )
        return cleaned
