"""Which processes a vrrp_track_process means, by what /proc says of them. Pure.

By default the name that the kernel keeps of a process counts (/proc/PID/comm, 15 bytes). With full_command, parameters
or param_match it is the first word of the command line, and with the latter two the words after it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from pyvrrp.model import Match, TrackProcess


class Pattern(NamedTuple):
    """What of a vrrp_track_process decides whether a process is meant. Those of several scopes may be equal."""

    program: bytes
    parameters: bytes = b""             # each with a NUL after it, as in /proc/PID/cmdline
    match: Match | None = None
    by_command: bool = False            # by the command line, not by the kernel's name

    @classmethod
    def of(cls, process: TrackProcess) -> Pattern:
        """That of a definition."""
        parameters = b"".join(os.fsencode(word) + b"\0" for word in process.parameters)
        by_command = process.full_command or process.match is not None
        return cls(os.fsencode(process.process), parameters, process.match, by_command)

    @property
    def length(self) -> int:
        """The bytes of a command line that must be looked at."""
        return len(self.program) + 1 + len(self.parameters) + 1

    def takes(self, parameters: bytes) -> bool:
        """Whether the words after the first, each with its NUL, are those that are wanted.

        keepalived's words mislead: `partial` means that the first ones are equal, `initial` that moreover the last of
        them may be longer.
        """
        if self.match is None:
            return True
        if self.match is Match.EXACT:
            return parameters == self.parameters
        if self.match is Match.PARTIAL:
            return parameters.startswith(self.parameters)
        return len(parameters) >= len(self.parameters) and parameters.startswith(self.parameters[:-1])


class Finder:
    """All patterns together: which of them mean a process."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self._by_name: dict[bytes, tuple[Pattern, ...]] = {}
        self._by_command: dict[bytes, tuple[Pattern, ...]] = {}
        self.command_bytes = 0              # how much of a command line must be read; 0: none
        for pattern in dict.fromkeys(patterns):
            of = self._by_command if pattern.by_command else self._by_name
            of[pattern.program] = (*of.get(pattern.program, ()), pattern)
            if pattern.by_command:
                self.command_bytes = max(self.command_bytes, pattern.length)

    @property
    def needs_name(self) -> bool:
        """Whether the kernel's name of a process must be read."""
        return bool(self._by_name)

    def by_name(self, name: bytes) -> tuple[Pattern, ...]:
        """Those that a process of this name is meant by."""
        return self._by_name.get(name, ())

    def by_command(self, line: bytes) -> tuple[Pattern, ...]:
        """Those that a process with this command line is meant by; `line` as in /proc/PID/cmdline."""
        program, _, parameters = line.partition(b"\0")
        found = self._by_command.get(program)
        return tuple(pattern for pattern in found if pattern.takes(parameters)) if found else ()
