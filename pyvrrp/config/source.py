"""Where text comes from: files, and what was made of their lines.

A `Source` goes with every piece, so that a message can name the place that somebody wrote. Text that was made by a
definition or a repetition has the place of the line that was written, and says how it reads and what used it.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from pyvrrp import limits
from pyvrrp.config.report import Fault, shown
from pyvrrp.model import Where

# A line that is too long. It begins at a line's begin only, so that no character is looked at twice.
_LONG_LINE = re.compile(rf"(?:\A|\n)[^\n]{{{limits.LINE_CHARS_MAX + 1}}}")


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


class Unreadable(Fault):
    """The text says why, and what to do."""


class TooMuch(Fault):
    """A bound was met, so the rest is not read. The text says which, and what to do."""

    def __init__(self, where: Where, message: str, code: str) -> None:
        super().__init__(message, code)
        self.where = where


@dataclass(slots=True)
class Budget:
    """How much may still come of one load; every loop of the text layer draws on it."""

    bytes_left: int = field(default_factory=lambda: limits.CONFIG_BYTES_MAX)
    pieces_left: int = field(default_factory=lambda: limits.CONFIG_PIECES_MAX)
    made_left: int = field(default_factory=lambda: limits.MADE_CHARS_MAX)
    files_left: int = field(default_factory=lambda: limits.CONFIG_FILES_MAX)
    names_left: int = field(default_factory=lambda: limits.GLOB_NAMES_MAX)

    def text(self, text: str, where: Where) -> None:
        """Text of a file. Each line, and each side of a brace, can become a piece."""
        if len(text) > limits.LINE_CHARS_MAX and (long := _LONG_LINE.search(text)) is not None:
            number = max(where.line, 1) + text.count("\n", 0, long.end())
            raise TooMuch(
                Where(where.file, number, 1, where.origin),
                f"the line has more than {limits.LINE_CHARS_MAX} characters; write several lines",
                "line-long",
            )
        self.pieces_left -= text.count("\n") + 2 * (text.count("{") + text.count("}")) + 1
        if self.pieces_left < 0:
            raise TooMuch(
                where,
                f"there are more than {limits.CONFIG_PIECES_MAX} lines and braces in all; use several files, "
                "each with its own -f",
                "lines-many",
            )

    def made(self, text: str, where: Where) -> None:
        """A line that was made. One is never cheap: it counts as 32 characters at least."""
        if len(text) > limits.LINE_CHARS_MAX:
            most = limits.LINE_CHARS_MAX
            raise TooMuch(
                where, f"it makes a line of more than {most} characters; write several lines", "made-line-long"
            )
        self.made_left -= max(len(text), 32)
        if self.made_left < 0:
            raise TooMuch(
                where,
                f"definitions and repetitions make more than {limits.MADE_CHARS_MAX >> 20} Mi characters of text, "
                "and it has no end in sight; repeat less, or use several files",
                "made-text-long",
            )

    def file(self, where: Where) -> None:
        """One more file."""
        self.files_left -= 1
        if self.files_left < 0:
            raise TooMuch(
                where, f"more than {limits.CONFIG_FILES_MAX} files are included; is one included again and again?",
                "files-many"
            )

    def name(self, where: Where) -> None:
        """One more name in a directory that is searched for the matches of a pattern."""
        self.names_left -= 1
        if self.names_left < 0:
            raise TooMuch(
                where,
                f"the patterns of includes have more than {limits.GLOB_NAMES_MAX} files and directories searched; "
                "write a narrower one",
                "include-search",
            )


def read(path: str, bytes_left: int) -> tuple[bytes, os.stat_result]:
    """The bytes of a file, bytes_left at most, and what file it is. Raises Unreadable.

    Only a regular file is opened: a FIFO would wait for whoever writes, and a device may do something.
    """
    try:
        _require_regular(Path(path).stat())
        with open(path, "rb", opener=_open) as stream:
            status = os.fstat(stream.fileno())
            _require_regular(status)
            data = stream.read(bytes_left + 1)
    except FileNotFoundError:
        raise Unreadable("there is no such file; create it, or name another with -f", "file-missing") from None
    except PermissionError:
        raise Unreadable(f"it cannot be read by uid {os.geteuid()}; change its permissions", "file-forbidden") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Unreadable(f"it cannot be read: {reason}; name a readable file with -f", "file-unreadable") from None
    require_text(data, bytes_left)
    return data, status


def require_text(data: bytes, bytes_left: int) -> None:
    """Raises Unreadable for what is more than bytes_left, or in an encoding that is not read."""
    if len(data) > bytes_left:
        mib = limits.CONFIG_BYTES_MAX >> 20
        what = "it is" if bytes_left == limits.CONFIG_BYTES_MAX else "with it the configuration is"
        raise Unreadable(f"{what} larger than {mib} MiB; make several files of it, each with its own -f", "file-large")
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise Unreadable("it is UTF-16 text; save it as UTF-8", "file-utf-16")


def _open(path: str, flags: int) -> int:
    """Open without waiting, whatever it has become."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _require_regular(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise Unreadable("it is a directory; name a file in it", "file-directory")
    if not stat.S_ISREG(status.st_mode):
        kind = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}.get(stat.S_IFMT(status.st_mode), "a device")
        raise Unreadable(f"it is {kind}, and only a regular file is read; write the text to one", "file-irregular")
