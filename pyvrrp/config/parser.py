"""Pieces to a tree of statements with their places. Every fault of form is reported; none ends the reading.

A statement is a line that begins with a keyword of its block, or an entry of a value block. Recovery is made
so that one mistake gives one message and touches as little as possible:

- an unknown block is left out as a whole (keepalived reads its lines at the enclosing level, and its closing
brace then ends the enclosing instance);
- a block that may stand at the top level only, met inside another, means that the other was not closed: it
is closed there, and the message names the line that opened it;
- a `{` that belongs to nothing is ignored together with its `}`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto

from pyvrrp import limits
from pyvrrp.config.keywords import (
    BLOCKS,
    INDEX,
    TOP,
    TOP_BLOCKS,
    Keyword,
    Kind,
    home_of,
    suggestion,
)
from pyvrrp.config.lexer import CLOSE, OPEN, Piece, word_columns
from pyvrrp.config.report import Report, shown
from pyvrrp.config.values import OFF
from pyvrrp.model import Where


class Statement:
    """A line, or a block with what it holds."""

    __slots__ = ("_column", "broken", "keyword", "line", "source", "statements", "text", "words")

    def __init__(self, piece: Piece, keyword: Keyword | None) -> None:
        self.source, self.line, self._column, self.text, self.words = piece
        self.keyword = keyword  # None: an entry of a value block
        self.statements: list[Statement] = []  # of a block
        self.broken: tuple[Where, str] | None = None  # a statement in it lacks its argument: where and which

    def where(self, word: int = 0) -> Where:
        """The place of one of its words. In a line that was made, that of the line that was written."""
        if not self.source.is_written:
            return self.source.where(self.line, self._column, self.text)
        columns = word_columns(self.text)
        return self.source.where(self.line, self._column + columns[min(word, len(columns) - 1)])

    @property
    def file(self) -> str:
        """The name of the file it was written in."""
        return self.source.file

    @property
    def title(self) -> str:
        """How messages call it: keyword and, of a block, its name."""
        named = self.keyword is not None and self.keyword.named
        return " ".join(shown(word) for word in self.words[: 1 + named])


class _Mode(Enum):
    KEYWORDS = auto()
    ENTRIES = auto()
    SKIP = auto()  # the inside of a block that is left out


class _Frame:
    """A block that is open."""

    __slots__ = ("block", "into", "mode", "statement")

    def __init__(self, mode: _Mode, block: str, into: list[Statement], statement: Statement | None) -> None:
        self.mode = mode
        self.block = block  # its name in the keyword table, if mode is KEYWORDS
        self.into = into  # where its statements go
        self.statement = statement  # the one that opened it; None for a brace that belongs to nothing


def parse(pieces: Iterable[Piece], report: Report) -> list[Statement]:
    """The statements of the top level."""
    return _Parser(report).run(pieces)


class _Parser:
    def __init__(self, report: Report) -> None:
        self._report = report
        self._root: list[Statement] = []
        self._frames = [_Frame(_Mode.KEYWORDS, TOP, self._root, None)]
        self._suggestions: dict[tuple[str, str], str] = {}
        self._not_done: dict[str, list[Statement]] = {}  # what is different for lack of them
        self._last: Statement | None = None  # the line before, as long as a { may follow it

    def run(self, pieces: Iterable[Piece]) -> list[Statement]:
        for piece in pieces:
            if piece.words is OPEN:
                self._open(piece)
            elif piece.words is CLOSE:
                self._settle(None)
                self._close(piece)
            else:
                self._settle(piece)
                self._line(piece)
        self._settle(None)
        for frame in self._frames[1:]:
            self._unclosed(frame, "")
        for without, statements in self._not_done.items():
            self._tell_not_done(without, statements)
        return self._root

    def _line(self, piece: Piece) -> None:
        frame = self._frames[-1]
        keyword = None
        if frame.mode is _Mode.KEYWORDS:
            keyword = INDEX[frame.block].get(piece.words[0])
        self._last = statement = Statement(piece, keyword)
        is_entry = frame.mode is _Mode.ENTRIES
        if is_entry:
            frame.into.append(statement)
        elif keyword is not None:
            self._take(statement, keyword, frame)

    def _take(self, statement: Statement, keyword: Keyword, frame: _Frame) -> None:
        """Put a statement where it belongs, unless it lacks what it needs."""
        if keyword.without and not (keyword.kind is Kind.BOOLEAN and statement.words[-1] in OFF):
            self._not_done.setdefault(keyword.without, []).append(statement)
        if self._has_arguments(statement, keyword, frame) and keyword.kind is not Kind.FOREIGN:
            frame.into.append(statement)

    def _has_arguments(self, statement: Statement, keyword: Keyword, frame: _Frame) -> bool:
        count = len(statement.words) - 1
        if count < keyword.least:
            what = "a name" if keyword.named else keyword.kind.value
            message = f"{keyword.name} lacks its argument; write {what} after it"
            for enclosing in self._frames:
                if enclosing.statement is not None and enclosing.statement.words[0] == "vrrp_instance":
                    message += f", {enclosing.statement.title} is not run without"
            self._report.error(statement.where(), message, "argument-missing")
            if frame.statement is not None and frame.statement.broken is None:
                frame.statement.broken = statement.where(), f"{keyword.name} lacks its argument"
            return keyword.named  # a block without a name is still a block
        if count > keyword.most and keyword.kind is not Kind.COMMAND and not keyword.is_block:
            self._tell_surplus(statement, keyword, frame.block)
        return True

    def _tell_surplus(self, statement: Statement, keyword: Keyword, block: str) -> None:
        """Words behind the last argument, which keepalived swallows."""
        rest = statement.words[1 + keyword.most :]
        advice = "remove it, or make it a comment with #"
        if statement.words[1] in {"=", ":"}:
            advice = f"remove the {statement.words[1]}"
        elif own := next((word for word in rest if word in INDEX[block]), ""):
            advice = f"write {own} on a line of its own"
        self._report.warning(
            statement.where(1 + keyword.most),
            f"{keyword.name} takes {'no' if not keyword.most else f'only {keyword.most}'} "
            f"argument{'s' if keyword.most != 1 else ''}, the rest is ignored: "
            f"{' '.join(shown(word) for word in rest[:8])}; {advice}",
            "words-surplus",
        )

    # Braces

    def _open(self, piece: Piece) -> None:
        frame, last = self._frames[-1], self._last
        self._last = None
        if last is None:
            if frame.mode is not _Mode.SKIP:
                self._report.structure(
                    self._at(piece), "this { belongs to nothing and is ignored, as its } is; remove both",
                    "brace-opens-nothing"
                )
            self._frames.append(_Frame(frame.mode, frame.block, frame.into, None))
            return
        if len(self._frames) > 1 and last.words[0] in TOP_BLOCKS and not self._belongs(last, frame):
            self._close_all_before(last)
            frame = self._frames[0]
            last.keyword = INDEX[TOP].get(last.words[0])
            if last.keyword is not None:
                self._take(last, last.keyword, frame)
        keyword = last.keyword if frame.mode is _Mode.KEYWORDS else None
        if keyword is not None and keyword.is_block and len(last.words) - 1 > keyword.most:
            self._tell_surplus(last, keyword, frame.block)
        self._frames.append(self._frame_of(last, frame))

    def _frame_of(self, statement: Statement, frame: _Frame) -> _Frame:
        """The frame of the block that a statement opens."""
        keyword = statement.keyword
        if frame.mode is _Mode.SKIP or (keyword is not None and keyword.kind is Kind.FOREIGN):
            return _Frame(_Mode.SKIP, TOP, [], statement)
        if keyword is None and frame.mode is _Mode.KEYWORDS:
            self._unknown(statement, frame.block, is_block=True)
            return _Frame(_Mode.SKIP, TOP, [], statement)
        if keyword is None or keyword.kind not in BLOCKS:
            self._report.structure(
                statement.where(),
                f"{shown(statement.words[0])} has no block; the one opened here is left out, remove it",
                "block-unwanted",
            )
            return _Frame(_Mode.SKIP, TOP, [], statement)
        if keyword.kind is Kind.BLOCK:
            return _Frame(_Mode.KEYWORDS, keyword.name, statement.statements, statement)
        return _Frame(_Mode.ENTRIES, TOP, statement.statements, statement)

    def _close(self, piece: Piece) -> None:
        if len(self._frames) > 1:
            self._frames.pop()
        else:
            self._report.structure(
                self._at(piece), "this } closes nothing; remove it, or add the { that it should close",
                "brace-closes-nothing"
            )

    def _belongs(self, statement: Statement, frame: _Frame) -> bool:
        return frame.mode is _Mode.KEYWORDS and statement.keyword is not None

    def _close_all_before(self, statement: Statement) -> None:
        """A top-level block begins inside others: those are not closed."""
        if self._frames[-1].mode is _Mode.ENTRIES:
            self._frames[-1].into.pop()  # it was taken for an entry
        for frame in self._frames[1:]:
            self._unclosed(frame, f" before {shown(statement.words[0])} in line {statement.line}")
        del self._frames[1:]

    def _unclosed(self, frame: _Frame, before: str) -> None:
        if frame.statement is not None:
            self._report.structure(
                frame.statement.where(),
                f"the block of {frame.statement.title} that opens here is not closed{before}; "
                "what it holds so far is used, add the missing }",
                "block-open",
            )

    def _at(self, piece: Piece) -> Where:
        return piece.source.where(piece.line, piece.column)

    # Lines that wanted a block, or were not known

    def _settle(self, following: Piece | None) -> None:
        """The line before is not followed by "
        "{: report it if it should have been, or if its keyword is not known."""
        statement, self._last = self._last, None
        if statement is None:
            return
        frame = self._frames[-1]
        if frame.mode is not _Mode.KEYWORDS:
            return
        keyword = statement.keyword
        if keyword is None:
            self._unknown(statement, frame.block, is_block=False)
        elif keyword.kind in BLOCKS:
            inside = " ".join(shown(word) for word in statement.words[1 + keyword.most :][:8])
            advice = f"write {inside} on a line between {{ and }}" if inside else "add it"
            self._report.structure(
                statement.where(), f"{statement.title} is not followed by {{; {advice}", "block-missing"
            )
            # Where the next line makes no sense in the enclosing block, it is the inside of this one.
            if following is not None and following.words[0] not in INDEX[frame.block]:
                self._frames.append(self._frame_of(statement, frame))

    def _unknown(self, statement: Statement, block: str, *, is_block: bool) -> None:
        word = statement.words[0]
        what = "block" if is_block else "keyword"
        inside = f" in {block}" if block else ""
        gone = "is left out as a whole" if is_block else "is ignored"
        if hidden := next((character for character in word if not character.isprintable()), ""):
            called = "a no-break space" if hidden == "\xa0" else "a character that cannot be seen"
            advice = f"it holds {called} ({shown(hidden)}), write an ordinary blank there"
        elif (bare := word.strip('":;,=')) != word and (bare in INDEX[block] or home_of(bare) is not None):
            advice = f"write {bare} without the {word.replace(bare, '', 1)}"
        elif len(statement.words) > 1 and statement.words[1] == "=" and word[:1] == "$":
            advice = f"to define it, write {shown(word)}=VALUE without a blank"
        elif (home := home_of(word)) is not None:
            self._report.warning(
                statement.where(),
                f"{shown(word)} does not belong{inside or ' outside all blocks'} and {gone}; "
                + (f"move it inside {home} {{ }}" if home else "move it outside all blocks"),
                "misplaced-word",
            )
            return
        elif meant := self._suggestion(word, block):
            advice = f"did you mean {meant}?"
        else:
            advice = "remove it"
        self._report.warning(
            statement.where(), f"{what} {shown(word)} is not known{inside} and {gone}; {advice}", "unknown-word"
        )

    def _tell_not_done(self, without: str, statements: list[Statement]) -> None:
        """One message for all lines whose lack makes the same difference."""
        names = list(dict.fromkeys(statement.words[0] for statement in statements))
        lines = f" ({len(statements)} lines)" if len(statements) > len(names) else ""
        keyword = statements[0].keyword
        is_part = keyword is not None and keyword.partly
        did = f"does {', '.join(names)}{lines} only in part" if is_part else f"does not do {', '.join(names)}{lines}"
        self._report.warning(
            statements[0].where(),
            f"pyvrrp {did}: {without}; all else is used",
            "not-done",
        )

    def _suggestion(self, word: str, block: str) -> str:
        if (block, word) not in self._suggestions:
            if len(self._suggestions) >= limits.SUGGESTIONS_MAX:
                return ""
            self._suggestions[block, word] = suggestion(word, block)
        return self._suggestions[block, word]
