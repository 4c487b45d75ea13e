"""What instances and groups have in common: their trackers and their notify scripts."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from pyvrrp.config.commands import Commands
from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Report, shown
from pyvrrp.config.values import BadValue, integer
from pyvrrp.model import Command, Notify, Tracked

WEIGHT_MAX = 253  # priorities that change are 1..254


class ReverseNotDone(ValueError):
    """A weight has `reverse`, which turns its meaning round."""


def read_weight(words: Sequence[str], statement: Statement, at: int, report: Report) -> int | None:
    """The number of `weight W [reverse|noreverse]`; words begin with W, whose position in the line is `at`.

    None if it cannot be used, which is reported. Raises ReverseNotDone.
    """
    try:
        weight = integer(words[0], -WEIGHT_MAX - 1, WEIGHT_MAX + 1)
    except BadValue as problem:
        report.error(statement.where(at), f"weight {str(problem).replace('254', '253')}; it is ignored")
        return None
    if abs(weight) > WEIGHT_MAX:
        weight = WEIGHT_MAX if weight > 0 else -WEIGHT_MAX
        report.error(statement.where(at), f"weight {words[0]} is not in -253..253; {weight} is used")
    if len(words) > 1:
        if words[1] == "reverse":
            raise ReverseNotDone
        if words[1] != "noreverse" or len(words) > 2:
            rest = " ".join(shown(word) for word in words[1:9])
            report.warning(statement.where(at + 1), f"{rest}: not known after a weight and ignored; remove it")
    return weight


class TrackerReader:
    """Reads the lines of track_script and track_interface against what exists."""

    def __init__(
        self,
        scripts: dict[str, int],
        unusable: dict[str, str],
        interfaces: frozenset[str] | None,
        report: Report,
    ) -> None:
        """scripts: name and weight of each vrrp_script; unusable: name, and why it cannot be tracked."""
        self._scripts = scripts
        self._unusable = unusable
        self._interfaces = interfaces
        self._report = report

    def scripts(self, lines: Sequence[Statement], *, is_owner: bool = False) -> tuple[Tracked, ...]:
        """What the lines of track_script track. is_owner: priority 255, which no tracker changes."""
        tracked: dict[str, Tracked] = {}
        for line in lines:
            name = line.words[0]
            if name in self._unusable:
                self._report.error(
                    line.where(),
                    f"vrrp_script {shown(name)} {self._unusable[name]}, so it is not tracked here",
                )
            elif name not in self._scripts:
                near = difflib.get_close_matches(name[:64], [*self._scripts][:1000], n=1)
                self._report.error(
                    line.where(),
                    f"there is no vrrp_script {shown(name)}, so it is not tracked and its failing changes "
                    f"nothing; " + (f"did you mean {near[0]}?" if near else "add one, or correct the name"),
                )
            elif name in tracked:
                self._report.error(line.where(), f"vrrp_script {shown(name)} is tracked twice; remove one")
            else:
                self._add(tracked, line, self._scripts[name], is_owner=is_owner)
        return tuple(tracked.values())

    def interfaces(self, lines: Sequence[Statement], *, is_owner: bool = False) -> tuple[Tracked, ...]:
        """What the lines of track_interface track."""
        tracked: dict[str, Tracked] = {}
        for line in lines:
            name = line.words[0]
            if name in tracked:
                self._report.error(line.where(), f"interface {shown(name)} is tracked twice; remove one")
                continue
            if self._interfaces is not None and name not in self._interfaces:
                self._report.warning(
                    line.where(), f"interface {shown(name)} does not exist; it counts as down until it does"
                )
            self._add(tracked, line, 0, is_owner=is_owner)
        return tuple(tracked.values())

    def _add(self, tracked: dict[str, Tracked], line: Statement, weight: int, *, is_owner: bool) -> None:
        words = line.words
        if len(words) > 1:
            try:
                own = self._own_weight(line)
            except ReverseNotDone:
                self._report.error(
                    line.where(1),
                    f"pyvrrp does not do reverse, so {shown(words[0])} is not tracked here; turn its result",
                )
                return
            weight = weight if own is None else own
        if is_owner and weight:
            self._report.error(
                line.where(),
                f"priority 255 is not changed by weights, so {shown(words[0])} is not tracked; remove it",
            )
            return
        tracked[words[0]] = Tracked(words[0], weight)

    def _own_weight(self, line: Statement) -> int | None:
        words = line.words
        if words[1] != "weight":
            rest = " ".join(shown(word) for word in words[1:9])
            self._report.warning(
                line.where(1),
                f"{rest}: not known after {shown(words[0])} and ignored; write weight, or # before it",
            )
            return None
        if len(words) == 2:
            self._report.error(line.where(1), "weight lacks its number and is ignored; write one in -253..253 after it")
            return None
        return read_weight(words[2:], line, 2, self._report)


_FIELDS = {
    "notify": "any",
    "notify_master": "master",
    "notify_backup": "backup",
    "notify_fault": "fault",
    "notify_stop": "stop",
}


class NotifyReader:
    """Collects the notify scripts of one instance or group; the first of a kind counts."""

    def __init__(self, commands: Commands, report: Report) -> None:
        self._commands = commands
        self._report = report
        self._found: dict[str, Command] = {}

    def read(self, statement: Statement) -> None:
        keyword = statement.words[0]
        if _FIELDS[keyword] in self._found:
            self._report.error(statement.where(), f"{keyword} was given before, and the first counts; remove this one")
        elif command := self._commands.notify(statement):
            self._found[_FIELDS[keyword]] = command

    def finish(self) -> Notify:
        return Notify(**self._found) if self._found else _NOBODY


_NOBODY = Notify()
