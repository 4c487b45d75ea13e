"""A file to a Loaded: its configuration and all that is wrong in it."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from pyvrrp import limits
from pyvrrp.config.build import build
from pyvrrp.config.lexer import Lexer, clean, decode
from pyvrrp.config.parser import parse
from pyvrrp.config.report import Report
from pyvrrp.model import Configuration, Diagnostic, Where

# As keepalived's config test, with 4 as its manual has it: the file cannot be read at all.
STATUS_CLEAN = 0
STATUS_UNREADABLE = 4
STATUS_REPORTED = 5


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of a file. No configuration: the file could not be read."""

    configuration: Configuration | None
    diagnostics: tuple[Diagnostic, ...]

    @property
    def exit_status(self) -> int:
        """Of a config test: 0 nothing reported, 5 anything reported, 4 the file is missing or unreadable."""
        if self.configuration is None:
            return STATUS_UNREADABLE
        return STATUS_REPORTED if self.diagnostics else STATUS_CLEAN

    def why_not_reload(self, running: Configuration) -> tuple[str, ...]:
        """What in this file forbids to go over to it; empty: nothing does.

        A daemon that starts runs what it can. One that runs has something to lose: it keeps to what it has
        when the file cannot be read, when a brace or quote is missing, when an instance would be refused that
        is not refused already, or when none is left: an editor empties a file before it writes it.
        """
        if self.configuration is None:
            return tuple(str(diagnostic) for diagnostic in self.diagnostics)
        if running.instances and not self.configuration.instances and not self.configuration.refused:
            return ("there is no vrrp_instance in it; to run none, stop the daemon",)
        known = {refused.name for refused in running.refused}
        return tuple(str(diagnostic) for diagnostic in self.diagnostics if diagnostic.is_structural) + tuple(
            f"{refused.where}: instance {refused.name} would not run: {refused.reason}"
            for refused in self.configuration.refused
            if refused.name not in known
        )


def load(path: str, *, config_id: str, interfaces: frozenset[str] | None) -> Loaded:
    """Read a keepalived.conf. Raises nothing for anything that a file may hold or be.

    config_id: what `@word` lines are compared with. interfaces: the names in the file's namespace; None: do
    not check.
    """
    del config_id  # conditional lines are not read yet
    file = clean(path)
    try:
        data = _read(path)
    except _Unreadable as problem:
        return Loaded(None, (Diagnostic(Where(file), str(problem)),))
    report = Report()
    statements = parse(Lexer(file, report).pieces(decode(data)), file, report)
    configuration = build(statements, host_name=socket.gethostname(), interfaces=interfaces, report=report)
    return Loaded(configuration, report.finish())


class _Unreadable(Exception):
    """The text says why, and what to do."""


def _read(path: str) -> bytes:
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(limits.CONFIG_BYTES_MAX + 1)
    except FileNotFoundError:
        raise _Unreadable("there is no such file; create it, or name another with -f") from None
    except IsADirectoryError:
        raise _Unreadable("it is a directory; name a file in it") from None
    except PermissionError:
        raise _Unreadable(f"it cannot be read by uid {os.geteuid()}; change its permissions") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _Unreadable(f"it cannot be read: {reason}; name a readable file with -f") from None
    if len(data) > limits.CONFIG_BYTES_MAX:
        mib = limits.CONFIG_BYTES_MAX >> 20
        raise _Unreadable(f"it is larger than {mib} MiB; make several files of it")
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise _Unreadable("it is UTF-16 text; save it as UTF-8")
    return data
