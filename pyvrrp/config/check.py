"""The config test: which files are meant, what is wrong in each, and what is printed. `pyvrrp check` and `pyvrrpd -t`.

A name on the command line is a file, a directory (its *.conf files) or a pattern. Each file is loaded by itself.
"""

from __future__ import annotations

import functools
import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pyvrrp import limits
from pyvrrp.config.build import WhyUnsafe
from pyvrrp.config.codes import KIND_OF
from pyvrrp.config.excerpt import counted, numbers_of, rendered
from pyvrrp.config.lexer import clean, decode
from pyvrrp.config.load import STATUS_CLEAN, Loaded, load
from pyvrrp.config.report import Fault
from pyvrrp.model import Diagnostic, Where

WIDTH = 120     # of what is written to no terminal
STDIN = "<stdin>"


@dataclass(frozen=True, slots=True)
class Checked:
    """One file and what came of it."""

    path: str
    loaded: Loaded
    data: bytes | None = None   # its text, if it is no file

    @property
    def errors(self) -> int:
        """How many of the diagnostics are errors."""
        return sum(diagnostic.is_error for diagnostic in self.loaded.diagnostics)

    @property
    def warnings(self) -> int:
        """How many are warnings."""
        return len(self.loaded.diagnostics) - self.errors


def check(
    names: Iterable[str],
    *,
    config_id: str,
    interfaces: frozenset[str] | None,
    all_config: bool = False,
    stdin: BinaryIO | None = None,
    why_unsafe: WhyUnsafe | None = None,
) -> list[Checked]:
    """Load every file that is meant, in the order given. interfaces: those that exist; None: do not look.

    all_config, why_unsafe: as in load(). stdin: what the name - stands for; None: for a file that is called so.
    """
    read = functools.partial(
        load, config_id=config_id, interfaces=interfaces, all_config=all_config, why_unsafe=why_unsafe
    )
    checked = []
    for name in names:
        if name == "-" and stdin is not None:
            data = stdin.read(limits.CONFIG_BYTES_MAX + 1)
            checked.append(Checked(STDIN, read(STDIN, data=data), data))
            continue
        found, why_none = files(name)
        if why_none:
            unreadable = Loaded(None, (Diagnostic(Where(clean(name)), str(why_none), why_none.code),))
            checked.append(Checked(name, unreadable))
        for path in found:
            checked.append(Checked(path, read(path)))
    return checked


def files(name: str) -> tuple[list[str], Fault | None]:
    """The files that a name on the command line means, sorted; or why there is none.

    A name that exists is that file, even if it looks like a pattern. One that does not, and is no pattern, is left to
    whoever reads it to complain of.
    """
    if Path(name).is_dir():
        found = sorted(str(path) for path in Path(name).glob("*.conf") if not path.name.startswith("."))
        text = "there is no *.conf file in this directory; name the files themselves"
        return found, None if found else Fault(text, "directory-empty")
    if not os.path.lexists(name) and glob.has_magic(name):
        found = glob.glob(name)     # noqa: PTH207 (Path.glob takes no absolute pattern)
        matches = sorted(path for path in found if not Path(path).is_dir())
        return matches, None if matches else Fault("no file matches this pattern; correct it", "pattern-empty")
    return [name], None


def exit_status(checked: Sequence[Checked]) -> int:
    """0 if nothing is reported of any file, 4 if one cannot be read, else 5."""
    statuses = [one.loaded.exit_status for one in checked]
    return min((status for status in statuses if status), default=STATUS_CLEAN)


def report(checked: Sequence[Checked], *, width: int = WIDTH, is_coloured: bool = False) -> Iterator[str]:
    """Lines of text: every diagnostic and hint of every file, with the line that it speaks of."""
    for one in checked:
        diagnostics = one.loaded.diagnostics
        if one.loaded.hints:
            everything = (*diagnostics, *one.loaded.hints)
            diagnostics = tuple(sorted(everything, key=lambda found: (found.where.file, found.where.line)))
        lines_of = {
            file: _lines(file, numbers, one.data if file == one.path else None)
            for file, numbers in numbers_of(diagnostics).items()
        }
        yield from rendered(diagnostics, lines_of, width=width, is_coloured=is_coloured)


def summary(checked: Sequence[Checked]) -> list[str]:
    """One line for each file, and one for all where there are several."""
    lines = [f"{clean(one.path)}: {_found(one)}" for one in checked]
    if len(checked) > 1:
        errors, warnings = sum(one.errors for one in checked), sum(one.warnings for one in checked)
        lines.append(f"{counted(len(checked), 'file')}: {counted(errors, 'error')}, {counted(warnings, 'warning')}")
    return lines


def _found(one: Checked) -> str:
    configuration = one.loaded.configuration
    if configuration is None:
        return "not read"
    instances, refused = len(configuration.instances), len(configuration.refused)
    runs = counted(instances, "instance")
    if refused:
        runs = f"{instances} of {counted(instances + refused, 'instance')} would run"
    if not one.loaded.diagnostics:
        return f"{runs}, nothing to report{_hinted(one)}"
    return f"{counted(one.errors, 'error')}, {counted(one.warnings, 'warning')}{_hinted(one)}; {runs}"


def _hinted(one: Checked) -> str:
    return f", {counted(len(one.loaded.hints), 'hint')}" if one.loaded.hints else ""


def _lines(file: str, numbers: set[int], data: bytes | None) -> dict[int, str]:
    """These lines of a file, as far as it can be read (again). data: its text, if it is no file."""
    try:
        text = decode(Path(file).read_bytes() if data is None else data)
    except (OSError, ValueError):
        return {}
    lines = text.split("\n")
    return {number: lines[number - 1] for number in numbers if number <= len(lines)}


def as_json(checked: Sequence[Checked]) -> dict[str, object]:
    """The same for programs."""
    return {
        "files": [
            {
                "file": clean(one.path),
                "is_read": one.loaded.configuration is not None,
                "errors": one.errors,
                "warnings": one.warnings,
                "instances": len(one.loaded.configuration.instances) if one.loaded.configuration else 0,
                "refused": [
                    {"name": refused.name, "reason": refused.reason}
                    for refused in (one.loaded.configuration.refused if one.loaded.configuration else ())
                ],
                "diagnostics": [_as_json(diagnostic) for diagnostic in one.loaded.diagnostics],
                "hints": [_as_json(hint) for hint in one.loaded.hints],
            }
            for one in checked
        ],
    }


def _as_json(diagnostic: Diagnostic) -> dict[str, object]:
    return {
        "severity": diagnostic.severity,
        "kind": KIND_OF[diagnostic.code],
        "code": diagnostic.code,
        "file": diagnostic.where.file,
        "line": diagnostic.where.line,
        "column": diagnostic.where.column,
        "message": diagnostic.message,
        "origin": diagnostic.where.origin,
    }
