"""Where the demo writes: sentences that stay, above a block that is redrawn on a terminal.

Without a terminal the block is written only when it is asked for, so that a log shows it once per act. ANSI
sequences are three: up, clear to the end, cursor off and on.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import TextIO

CURSOR_OFF, CURSOR_ON = "\x1b[?25l", "\x1b[?25h"
CLEAR_BELOW = "\x1b[J"


class Screen:
    """A context manager: leaving it leaves the terminal as it was, the last block in place."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self.is_live = self._stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._block: list[str] = []
        self._drawn_count = 0               # lines of the block that are on the terminal, above the cursor

    def __enter__(self) -> Screen:
        if self.is_live:
            self._stream.write(CURSOR_OFF)
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_live:
            self._stream.write(CURSOR_ON)
        self._stream.flush()

    def say(self, *lines: str) -> None:
        """Write lines that stay; a terminal gets them broken between words."""
        if self.is_live:
            width = shutil.get_terminal_size().columns
            lines = tuple(part for line in lines for part in textwrap.wrap(line, width - 1) or [""])
        self._stream.write(self._erased() + "".join(f"{line}\n" for line in lines))
        self._draw()

    def show(self, block: Sequence[str]) -> None:
        """Redraw the block at the bottom; without a terminal it is only remembered."""
        self._block = list(block)
        if self.is_live:
            self._stream.write(self._erased())
            self._draw()

    def keep(self) -> None:
        """Let the block stay as it is now, and begin without one."""
        if not self.is_live:
            self._stream.write("".join(f"    {line}\n" for line in self._block))
        self._block, self._drawn_count = [], 0
        self._stream.flush()

    def _erased(self) -> str:
        count, self._drawn_count = self._drawn_count, 0
        return f"\x1b[{count}A\r{CLEAR_BELOW}" if count else ""

    def _draw(self) -> None:
        if self.is_live:
            # A line that wraps, or a block taller than the terminal, would spoil the count of lines.
            size = shutil.get_terminal_size()
            lines = [line[: size.columns - 1] for line in self._block[: size.lines - 2]]
            self._stream.write("".join(f"{line}\n" for line in lines))
            self._drawn_count = len(lines)
        self._stream.flush()
