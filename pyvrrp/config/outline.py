"""The blocks of the top level and where each stands in its file: what an edit of the text goes by.

A block can be edited where it is *plain*: its lines are its own, in one file, and read as they are written. What a
definition, a repetition or a condition makes of a line is not text that could be replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pyvrrp.config.keywords import INDEX, TOP
from pyvrrp.config.lexer import BLANKS, CLOSE, OPEN, Piece, cut_comment

# The keywords whose blocks have a name, so that they can be told apart and edited; old words beside the new ones.
NAMED = {word: keyword.alias or word for word, keyword in INDEX[TOP].items() if keyword.is_block and keyword.named}

# What begins a line, or follows a brace, that is more than words.
_LANGUAGE = re.compile(
    rf"(?:^|[{{}}])[{BLANKS}]*+(@|~(?:SEQ|LST)|include(?:[rmwba]|_check)?\b|random_seed\b|\$[A-Za-z_]\w*=)"
)


class Key(NamedTuple):
    """Which block: keyword, the new one where there is an old one, and name."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Span(NamedTuple):
    """Where a block stands: its lines, counted from 1, and the offset behind its } in the last of them."""

    first: int
    last: int
    end: int


class Block(NamedTuple):
    """A block of the top level: its head, {, what it holds, and }."""

    pieces: tuple[Piece, ...]

    @property
    def file(self) -> str:
        """The file that it begins in, as messages name it."""
        return self.pieces[0].source.file

    @property
    def span(self) -> Span:
        """Its lines, where it is plain."""
        last = self.pieces[-1]
        return Span(self.pieces[0].line, last.line, last.column)

    @property
    def place(self) -> str:
        """file:line"""
        return f"{self.file}:{self.pieces[0].line}"

    @property
    def key(self) -> Key | None:
        """None: its kind has no name, or it lacks one."""
        words = self.pieces[0].words
        kind = NAMED.get(words[0])
        return Key(kind, words[1]) if kind is not None and len(words) > 1 else None

    @property
    def meaning(self) -> tuple[tuple[str, ...], ...]:
        """Its words, wherever they stand."""
        return tuple(tuple(piece.words) for piece in self.pieces)

    def why_not_plain(self, lines: Sequence[str]) -> str:
        """Why its text cannot be edited, or "". lines: those of its file."""
        source = self.pieces[0].source
        if any(piece.source is not source or not piece.source.is_written for piece in self.pieces):
            return "it is made by a definition, a repetition or an include"
        span = self.span
        for line in lines[span.first - 1 : span.last]:
            if (found := language(line)) is not None:
                return f"{found} makes a part of it"
        head = self.pieces[0]
        before = lines[span.first - 1][: head.column - 1]
        behind = cut_comment(lines[span.last - 1][span.end :])
        if before.strip(BLANKS) or behind.strip(BLANKS):
            return "something else stands on a line of it; pyvrrp format --write parts them"
        return ""

    def text(self, lines: Sequence[str]) -> str:
        """Its lines as they are written; what stands behind it in the last one is not part of it."""
        span = self.span
        own = list(lines[span.first - 1 : span.last])
        own[-1] = own[-1][: span.end]
        return "\n".join(own)


class Outline:
    """What the top level of a text consists of; whole once every piece has gone by."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.loose: list[Piece] = []        # outside all blocks
        self._open: list[Piece] = []        # of the block that is open
        self._depth = 0

    def watch(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """The same pieces."""
        for piece in pieces:
            self._take(piece)
            yield piece

    def _take(self, piece: Piece) -> None:
        if piece.words is OPEN:
            if not self._depth:
                self._open = [self.loose.pop()] if self.loose else []
            self._depth += 1
        elif piece.words is CLOSE and self._depth:
            self._depth -= 1
        if not self._open:
            self.loose.append(piece)
            return
        self._open.append(piece)
        if not self._depth:
            self.blocks.append(Block(tuple(self._open)))
            self._open = []

    def by_key(self) -> dict[Key, list[Block]]:
        """The blocks of each name."""
        found: dict[Key, list[Block]] = {}
        for block in self.blocks:
            if (key := block.key) is not None:
                found.setdefault(key, []).append(block)
        return found


def language(line: str) -> str | None:
    """What in a line is more than words: `@`, `include` ...; None: nothing."""
    found = _LANGUAGE.search(cut_comment(line))
    return None if found is None else found[1]
