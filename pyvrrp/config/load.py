"""A file to a Loaded: its configuration and all that is wrong in it."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass

from pyvrrp.config.build import WhyUnsafe, build
from pyvrrp.config.lexer import Piece, clean
from pyvrrp.config.parser import parse
from pyvrrp.config.report import Report
from pyvrrp.config.source import TooMuch, Unreadable
from pyvrrp.config.text import Text
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
    hints: tuple[Diagnostic, ...] = ()      # what could be better, though nothing is wrong
    digest: bytes = b""                     # of the files as they were read; see Text.digest

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


def load(
    path: str,
    *,
    config_id: str,
    interfaces: frozenset[str] | None,
    all_config: bool = False,
    data: bytes | None = None,
    why_unsafe: WhyUnsafe | None = None,
) -> Loaded:
    """Read a keepalived.conf with all that it includes. Raises nothing for anything that a file may hold or be.

    config_id: what `@word` lines are compared with. interfaces: the names in the file's namespace; None: do not
    check. all_config: a missing include is always an error (-e). data: the text, where it is read already; path is
    then only what it is called, and where relative includes begin. why_unsafe: asked of every command if the file
    says enable_script_security.
    """
    report = Report()
    text = Text(report, config_id=config_id, all_config=all_config)
    return loaded_from(text, text.pieces(path, data), path, report, interfaces=interfaces, why_unsafe=why_unsafe)


def loaded_from(
    text: Text,
    pieces: Iterable[Piece],
    path: str,
    report: Report,
    *,
    interfaces: frozenset[str] | None,
    why_unsafe: WhyUnsafe | None = None,
) -> Loaded:
    """What comes of the pieces that a text yields for a path. report: the text's."""
    try:
        statements = parse(pieces, report)
    except Unreadable as problem:
        return Loaded(None, (Diagnostic(Where(clean(path)), str(problem), problem.code),))
    except TooMuch as problem:
        report.structure(problem.where, str(problem), problem.code)
        return Loaded(None, report.finish())
    configuration = build(
        statements, host_name=socket.gethostname(), interfaces=interfaces, report=report, why_unsafe=why_unsafe
    )
    # What is missing by its author's own word ends it, but only after everything else has been told, too.
    return Loaded(configuration if text.is_whole else None, report.finish(), report.hints, text.digest)
