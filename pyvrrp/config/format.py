"""The canonical layout of a keepalived.conf: text in, text out. Pure.

Four blanks for each block, one directive on a line, `{` at the end of its line, one empty line between the blocks of
the top level, one blank between words. Comments stay where they are: one that ends a line keeps its distance from the
beginning of that line, so that those under one another stay so.

It works on lines and braces and knows no keyword, so that what it does not know is laid out as well. Its rules are
those of the lexer: a brace ends a line, text after one counts as the next line. `"..."` and what follows a backslash
are left alone, and the blanks after a `'`, which quotes in commands only. Lines whose words are not yet what they will
be when they are read are left as they are written, but for their indent: `@id` lines, `include`, and those with `$` or
`~`. A definition keeps its indent too, since all its lines are text.

formatted(formatted(x)) is formatted(x), and both mean what x means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

INDENT = "    "
_TAB = 8
_BLANKS = " \t\f\v\r"

# The alternatives differ in their first character; a quote without an end takes the rest of the line.
_ATOM = re.compile(
    r'(?P<quoted>"(?:\\.|[^"\\])*(?:"|$)|\\.|\\)|(?P<comment>[#!].*)|(?P<brace>[{}])'
    r'|(?P<blank>[ \t\f\v\r]+)|(?P<plain>[^"\\#!{} \t\f\v\r]+)',
    re.DOTALL,
)
_DEFINITION = re.compile(r"(?:@\S+[ \t]+)?\$\w+=")
_INCLUDE = re.compile(r"include[rmwba]?(?=[ \t]|$)")
_REFERENCE = re.compile(r"\$\{[^{}]*\}|~\w+\([^)]*\)")     # their braces belong to no block
_STRINGS = re.compile(r'"(?:\\.|[^"\\])*"|\\.|[#!].*')
_LATER = re.compile(r"[{}][ \t\f\v\r]*(?:@|include|\$\w+=)")     # after a brace, what the reader may see on a line only


class _Line(NamedTuple):
    """A line of the result, without its indent."""

    text: str
    depth: int
    opens: bool = False         # it ends in the { of a block
    closes: bool = False        # it is the } of a block
    comment: str = ""           # at its end
    distance: int = 0           # of the comment from the beginning of the line, in columns
    is_verbatim: bool = False   # part of a definition: no indent


def formatted(text: str) -> str:
    """The text of a file in its canonical layout. It ends with a newline, or is empty."""
    lines = _Layout().lines(text.removeprefix("\ufeff"))
    return "".join(f"{line}\n" for line in _printed(_spaced(lines)))


class _Layout:
    """The lines of the result, in order, with empty ones as they were written."""

    def __init__(self) -> None:
        self._out: list[_Line] = []
        self._depth = 0

    def lines(self, text: str) -> list[_Line]:
        """Lay out a whole file."""
        in_definition = False
        for raw in text.split("\n"):
            line = raw.strip(_BLANKS)
            if in_definition or _DEFINITION.match(line):
                self._out.append(_Line(raw.removesuffix("\r") if line else "", self._depth, is_verbatim=True))
                in_definition = line.endswith("\\")
            elif not line:
                self._out.append(_Line("", self._depth))
            elif _is_left(line) or _LATER.search(line):
                self._left_as_it_is(line)
            else:
                self._cut(raw)
        return self._out

    def _left_as_it_is(self, line: str) -> None:
        """A line whose braces are counted, and nothing else looked at."""
        bare = _REFERENCE.sub("", _STRINGS.sub("", line))
        change = 0 if _INCLUDE.match(line) else bare.count("{") - bare.count("}")
        if change < 0:
            self._depth = max(0, self._depth + change)
        # Of lines that begin the same block under several conditions only one is kept.
        before = next((before for before in reversed(self._out) if before.text), None)
        is_repeated = change > 0 and line.startswith("@") and before is not None and _opens_conditionally(before)
        self._out.append(_Line(line, self._depth - is_repeated, opens=change > 0, closes=change < 0))
        if change > 0 and not is_repeated:
            self._depth += change

    def _cut(self, raw: str) -> None:
        """Cut a line at its braces and its comment."""
        words = ""
        first = 0                   # index of the first character of words
        for atom in _ATOM.finditer(raw):
            kind, piece = atom.lastgroup, atom[0]
            if kind == "blank":
                if words:
                    words += piece if "'" in words else " "
                continue
            if kind == "comment":
                self._comment(piece.rstrip(_BLANKS), words.rstrip(_BLANKS), raw, atom.start(), first)
                return
            if kind == "brace":
                self._brace(piece, words.rstrip(_BLANKS))
                words = ""
            else:
                if not words:
                    first = atom.start()
                words += piece
        if words.rstrip(_BLANKS):
            self._out.append(_Line(words.rstrip(_BLANKS), self._depth))

    def _comment(self, comment: str, words: str, raw: str, at: int, first: int) -> None:
        """A comment from raw[at] on; words: what stands before it and after a brace, from raw[first] on."""
        if words:
            distance = _column(raw, at) - _column(raw, first)
            self._out.append(_Line(words, self._depth, comment=comment, distance=distance))
            return
        if raw[:at].strip(_BLANKS):     # it follows a brace
            line = self._out[-1]
            if (line.opens or line.closes) and not line.comment:
                begin = len(raw) - len(raw.lstrip(_BLANKS))
                is_split = raw.startswith(line.text[-1], begin) != line.closes or _braces(raw[:at]) > 1
                distance = 0 if is_split else _column(raw, at) - _column(raw, begin)
                self._out[-1] = line._replace(comment=comment, distance=distance)
                return
        self._out.append(_Line(comment, self._depth))

    def _brace(self, brace: str, words: str) -> None:
        if brace == "{":
            self._open(words)
            return
        if words:
            self._out.append(_Line(words, self._depth))
        self._depth = max(0, self._depth - 1)
        self._out.append(_Line("}", self._depth, closes=True))

    def _open(self, words: str) -> None:
        """The { of a block: at the end of its line, which may be an earlier one."""
        if words:
            self._out.append(_Line(f"{words} {{", self._depth, opens=True))
        else:
            at = self._line_before()
            if at is None:
                self._out.append(_Line("{", self._depth, opens=True))
            else:
                line = self._out[at]
                self._out[at] = line._replace(text=f"{line.text} {{", opens=True)
                self._out[at + 1 :] = [
                    after._replace(depth=after.depth + 1) for after in self._out[at + 1 :] if after.text
                ]
        self._depth += 1

    def _line_before(self) -> int | None:
        """The line that a { alone on its own belongs to; None if that cannot take it."""
        for at in range(len(self._out) - 1, -1, -1):
            line = self._out[at]
            if not line.text or line.text[0] in "#!":
                continue
            is_whole = line.opens or line.closes or line.is_verbatim or _is_left(line.text) or _LATER.search(line.text)
            return None if is_whole else at
        return None


def _is_left(text: str) -> bool:
    is_open = '"' in text and '"' in _STRINGS.sub("", text)     # a quote that is not closed
    return text.startswith("@") or "$" in text or "~" in text or is_open or _INCLUDE.match(text) is not None


def _braces(text: str) -> int:
    bare = _STRINGS.sub("", text)
    return bare.count("{") + bare.count("}")


def _opens_conditionally(line: _Line) -> bool:
    return line.opens and line.text.startswith("@")


def _column(line: str, at: int) -> int:
    return len(line[:at].expandtabs(_TAB))


def _spaced(lines: list[_Line]) -> Iterator[_Line]:
    """At most one empty line, none at the beginning and end of a block or the file, one between blocks at the top."""
    empty = _Line("", 0)
    before: _Line | None = None
    was_empty = False
    for at, line in enumerate(lines):
        if not line.text:
            was_empty = True
            continue
        if before is not None:
            if before.is_verbatim and before.text.endswith("\\"):
                is_wanted = was_empty   # it ends the definition
            elif line.closes or before.opens:
                is_wanted = False
            elif was_empty or line.depth or line.is_verbatim:
                is_wanted = was_empty or (before.closes and not line.depth)
            else:
                is_wanted = before.closes or _begins_block(lines, at, before)
            if is_wanted:
                yield empty
        yield line
        before, was_empty = line, False


def _begins_block(lines: list[_Line], at: int, before: _Line) -> bool:
    """Whether a block of the top level begins here, or a comment that stands right above one."""
    if _opens_conditionally(before) or before.text[0] in "#!":  # a comment was asked before
        return False
    while at < len(lines) and lines[at].text and lines[at].text[0] in "#!":
        at += 1
    return at < len(lines) and lines[at].opens


def _printed(lines: Iterator[_Line]) -> Iterator[str]:
    for line in lines:
        text = line.text if line.is_verbatim or not line.text else INDENT * line.depth + line.text
        if line.comment:
            column = len(INDENT) * line.depth + line.distance
            text = f"{text.ljust(column - 1)} {line.comment}"
        yield text
