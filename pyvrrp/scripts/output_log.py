"""Puts what scripts write into the log: the first lines of each run, and not more in a second than a log bears.

Of a notify script each run is told. A check runs every second for years, so only the output of a run that failed is
told, and only when it is not what was told of the same command before.
"""

from __future__ import annotations

import logging
import time

from pyvrrp import limits
from pyvrrp.scripts.result import Lane, ScriptResult, shown

log = logging.getLogger("pyvrrp.scripts")


class OutputLog:
    """Tells of the output of runs. `unlogged` counts lines that were left out because there were too many."""

    def __init__(self) -> None:
        self.unlogged = 0
        self._told: dict[tuple[str, ...], str] = {}     # of checks that fail
        self._second = 0
        self._lines = 0                                 # in that second

    def tell(self, argv: tuple[str, ...], lane: Lane, result: ScriptResult) -> None:
        """Log what a run wrote, if it is to be told."""
        if lane is Lane.CHECK:
            if result.ok or not result.output:
                self._told.pop(argv, None)
                return
            if self._told.get(argv) == result.output:
                return
            self._told[argv] = result.output
        lines = result.output.splitlines()
        name = shown(argv[:1])
        for line in lines[: limits.SCRIPT_LOG_LINES]:
            if not self._may():
                self.unlogged += 1
                continue
            log.info("%s: %s", name, shown([line]))
        if len(lines) > limits.SCRIPT_LOG_LINES or result.output_cut:
            log.info("%s: its output has been cut here", name)

    def _may(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        return self._lines <= limits.SCRIPT_LOG_LINES_PER_S
