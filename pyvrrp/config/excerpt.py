"""Diagnostics as text for people: place and sentence, then the line of the file with a mark under the word. Pure.

    keepalived.conf:4:5: warning: keyword priorty is not known in vrrp_instance and is ignored; did you mean priority?
        4 |     priorty 150
          |     ^~~~~~~

The mark stands right on a terminal: tabs are widened, wide and combining characters counted as they are drawn, what
cannot be printed is written as an escape. A line that does not fit is cut around the mark. Only the part of a line
that can be seen is looked at, so a line of any length costs the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from pyvrrp.model import Diagnostic, Where

_TAB = 8
_CUT = "..."
_GUTTER = 4             # of spaces before the number of a line
_WORD = re.compile(r'"[^"]*"|[^ \t\f\v\r{}"]+|.', re.DOTALL)
_LEFT_OF_MARK = 0.5     # the share of the width that a cut line has before its mark
_ROOM_LEAST = 20        # columns for the line, however narrow the terminal

RED, YELLOW, GREEN, BOLD, PLAIN = "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;32m", "\x1b[1m", "\x1b[0m"


def place(where: Where) -> str:
    """`file:line:column`, without what is not known."""
    parts = [where.file, *(str(number) for number in (where.line, where.column) if number)]
    return ":".join(parts)


def headline(diagnostic: Diagnostic, *, is_coloured: bool = False) -> str:
    """`file:line:column: error: sentence`."""
    kind = diagnostic.severity
    colour = {"error": RED, "warning": YELLOW}.get(kind, GREEN)
    origin = f" ({diagnostic.where.origin})" if diagnostic.where.origin else ""
    if is_coloured:
        return f"{BOLD}{place(diagnostic.where)}:{PLAIN} {colour}{kind}:{PLAIN} {diagnostic.message}{origin}"
    return f"{place(diagnostic.where)}: {kind}: {diagnostic.message}{origin}"


def excerpt(where: Where, line: str, *, width: int, is_coloured: bool = False) -> list[str]:
    """The line and the mark under the word at `where`, each at most `width` columns; without a column no mark.

    line: as it was decoded, without its newline. What the mark points at may be out of the line (it was made from a
    definition, say): then the line stands alone.
    """
    number = f"{where.line:>{_GUTTER + 1}}"
    room = max(width - len(number) - 3, _ROOM_LEAST)
    line = line.rstrip("\r")
    at = where.column - 1
    has_mark = 0 <= at < len(line)
    if not has_mark:
        at = 0
    found = _WORD.match(line, at, at + room)
    length = found.end() - at if found is not None else 1
    text, start, stop = _shown_around(line, at, at + length, room)
    shown = [f"{number} | {text}".rstrip()]
    if has_mark:
        mark = "^" + "~" * (stop - start - 1)
        if is_coloured:
            mark = f"{GREEN}{mark}{PLAIN}"
        shown.append(f"{' ' * len(number)} | {' ' * start}{mark}")
    return shown


def _shown_around(line: str, first: int, end: int, room: int) -> tuple[str, int, int]:
    """What a terminal shows of a line in `room` columns, and the columns where line[first:end] starts and stops."""
    # A character before the mark that is not looked at could only make the line longer: it is cut anyway.
    from_ = max(0, first - room)
    cells, columns = _drawn(line[from_ : end + room], from_ == 0)
    start, stop = columns[first - from_], columns[min(end - from_, len(cells))]
    total = columns[-1]
    has_end = end + room >= len(line)
    if from_ == 0 and has_end and total <= room:
        return "".join(cells), start, stop
    # Cut: the window begins so that the mark stands well inside it.
    low = 0 if from_ == 0 and stop <= room - len(_CUT) else max(0, start - int(room * _LEFT_OF_MARK))
    if has_end:
        low = max(0, min(low, total - room))
    high = low + room
    before = _CUT if low or from_ else ""
    after = _CUT if total > high or not has_end else ""
    kept = [
        cell
        for cell, column, next_column in zip(cells, columns, columns[1:], strict=False)
        if column >= low + len(before) and next_column <= high - len(after)
    ]
    skipped = next((column for column in columns if column >= low + len(before)), low)
    shift = skipped - len(before)
    return before + "".join(kept) + after, start - shift, min(stop - shift, room - len(after))


def _drawn(text: str, is_start: bool) -> tuple[list[str], list[int]]:
    """The characters as they are drawn, and the column at which each begins; one more column: where the last ends.

    is_start: text begins its line; otherwise tabs count from an unknown place and are one column wide.
    """
    cells, columns, column = [], [0], 0
    for character in text:
        if character == "\t":
            cell = " " * (_TAB - column % _TAB if is_start else 1)
            size = len(cell)
        elif " " <= character <= "~":
            cell, size = character, 1
        elif unicodedata.combining(character):
            cell, size = character, 0
        elif character.isprintable():
            cell, size = character, 2 if unicodedata.east_asian_width(character) in "WF" else 1
        else:
            cell = _escaped(character)
            size = len(cell)
        column += size
        cells.append(cell)
        columns.append(column)
    return cells, columns


def _escaped(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:      # a byte that is not UTF-8
        return f"\\x{number - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode()


def rendered(
    diagnostics: Sequence[Diagnostic], lines_of: dict[str, dict[int, str]], *, width: int, is_coloured: bool = False
) -> Iterator[str]:
    """Every diagnostic with its excerpt. lines_of: by file, the lines that can be shown; see numbers_of()."""
    for diagnostic in diagnostics:
        yield headline(diagnostic, is_coloured=is_coloured)
        where = diagnostic.where
        line = lines_of.get(where.file, {}).get(where.line)
        if line is not None and line.strip():
            yield from excerpt(where, line, width=width, is_coloured=is_coloured)


def numbers_of(diagnostics: Sequence[Diagnostic]) -> dict[str, set[int]]:
    """The lines that their excerpts need, by file."""
    wanted: dict[str, set[int]] = {}
    for diagnostic in diagnostics:
        if diagnostic.where.line:
            wanted.setdefault(diagnostic.where.file, set()).add(diagnostic.where.line)
    return wanted


def counted(number: int, what: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{number} {what}{'' if number == 1 else 's'}"
