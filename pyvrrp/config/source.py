"""Where text comes from: files, and what was made of their lines.

A `Source` goes with every piece, so that a message can name the place that somebody wrote. Text that was made by a
definition or a repetition has the place of the line that was written, and says how it reads and what used it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from pyvrrp import limits
from pyvrrp.config.report import shown
from pyvrrp.model import Where


class Source:
    """A file as written (`is_written`), or the lines made by one use of it."""

    __slots__ = ("_use", "file", "is_written")

    def __init__(self, file: str, *, is_written: bool = True, use: str = "") -> None:
        """use: what made the lines, as "$NAME, used in FILE:LINE"; may be empty."""
        self.file = file
        self.is_written = is_written
        self._use = use

    def where(self, line: int, column: int, text: str = "") -> Where:
        """A place in it. text: how the line reads, which is told if nobody wrote it like that."""
        if self.is_written:
            return Where(self.file, line, column)
        reads = f"the line reads: {shown(text.strip())}" if text.strip() else ""
        return Where(self.file, line, column, "; ".join(part for part in (reads, self._use) if part))


class Unreadable(Exception):
    """The text says why, and what to do."""


class TooMuch(Exception):
    """A bound was met, so the rest is not read. The text says which, and what to do."""

    def __init__(self, where: Where, message: str) -> None:
        super().__init__(message)
        self.where = where


@dataclass(slots=True)
class Budget:
    """How much may still come of one load; every loop of the text layer draws on it."""

    bytes_left: int = field(default_factory=lambda: limits.CONFIG_BYTES_MAX)
    pieces_left: int = field(default_factory=lambda: limits.CONFIG_PIECES_MAX)
    made_left: int = field(default_factory=lambda: limits.MADE_CHARS_MAX)
    files_left: int = field(default_factory=lambda: limits.CONFIG_FILES_MAX)

    def text(self, text: str, where: Where) -> None:
        """Text of a file. Each line, and each side of a brace, can become a piece."""
        self.pieces_left -= text.count("\n") + 2 * (text.count("{") + text.count("}")) + 1
        if self.pieces_left < 0:
            raise TooMuch(
                where,
                f"there are more than {limits.CONFIG_PIECES_MAX} lines and braces in all; use several files, "
                "each with its own -f",
            )

    def made(self, text: str, where: Where) -> None:
        """A line that was made. One is never cheap: it counts as 32 characters at least."""
        self.made_left -= max(len(text), 32)
        if self.made_left < 0:
            raise TooMuch(
                where,
                f"definitions and repetitions make more than {limits.MADE_CHARS_MAX >> 20} Mi characters of text, "
                "and it has no end in sight; repeat less, or use several files",
            )

    def file(self, where: Where) -> None:
        """One more file."""
        self.files_left -= 1
        if self.files_left < 0:
            raise TooMuch(
                where, f"more than {limits.CONFIG_FILES_MAX} files are included; is one included again and again?"
            )


def read(path: str, bytes_left: int) -> tuple[bytes, os.stat_result]:
    """The bytes of a file, bytes_left at most, and what file it is. Raises Unreadable."""
    try:
        with Path(path).open("rb") as stream:
            status = os.fstat(stream.fileno())
            data = stream.read(bytes_left + 1)
    except FileNotFoundError:
        raise Unreadable("there is no such file; create it, or name another with -f") from None
    except IsADirectoryError:
        raise Unreadable("it is a directory; name a file in it") from None
    except PermissionError:
        raise Unreadable(f"it cannot be read by uid {os.geteuid()}; change its permissions") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Unreadable(f"it cannot be read: {reason}; name a readable file with -f") from None
    if len(data) > bytes_left:
        mib = limits.CONFIG_BYTES_MAX >> 20
        what = "it is" if bytes_left == limits.CONFIG_BYTES_MAX else "with it the configuration is"
        raise Unreadable(f"{what} larger than {mib} MiB; make several files of it, each with its own -f")
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise Unreadable("it is UTF-16 text; save it as UTF-8")
    return data, status
