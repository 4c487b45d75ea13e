"""What instances and groups have in common: their trackers and their notify scripts."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from pyvrrp.config.commands import Commands
from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Report, shown
from pyvrrp.config.values import BadValue, integer
from pyvrrp.model import Command, Notify, Tracked

WEIGHT_MAX = 253  # priorities that change are 1..254


class Weight(NamedTuple):
    """What `weight W [reverse|noreverse]` says; reverse None: nothing of it."""

    number: int
    reverse: bool | None = None


def read_weight(
    words: Sequence[str], statement: Statement, at: int, report: Report, *, largest: int = WEIGHT_MAX
) -> Weight | None:
    """The weight in `words`, which begin with its number; `at` is the position of that in the line.

    largest: 253 for what is either good or bad: 254 is then taken for it, with an error, as by keepalived. 254 for
    numbers that are added as they are. None if it cannot be used, which is reported.
    """
    try:
        number = integer(words[0], -WEIGHT_MAX - 1, WEIGHT_MAX + 1)
    except BadValue as problem:
        report.error(
            statement.where(at), f"weight {str(problem).replace('254', str(largest))}; it is ignored", problem.code
        )
        return None
    if abs(number) > largest:
        number = largest if number > 0 else -largest
        report.error(
            statement.where(at), f"weight {words[0]} is not in -{largest}..{largest}; {number} is used", "weight-range"
        )
    reverse = None
    rest = words[1:]
    if rest and rest[0] in {"reverse", "noreverse"}:
        reverse = rest[0] == "reverse"
        rest = rest[1:]
    if rest:
        surplus = " ".join(shown(word) for word in rest[:8])
        report.warning(
            statement.where(at + len(words) - len(rest)),
            f"{surplus}: not known after a weight and ignored; remove it",
            "weight-words",
        )
    return Weight(number, reverse)


class Definition(Protocol):
    """What a tracker is by itself: a vrrp_script, a track_file, a vrrp_track_process."""

    @property
    def name(self) -> str: ...
    @property
    def weight(self) -> int: ...
    @property
    def reverse(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Defined:
    """The definitions of one kind in a file."""

    keyword: str  # vrrp_script and so on
    by_name: Mapping[str, Definition]
    unusable: Mapping[str, str]  # name, and why it cannot be tracked
    largest: int = WEIGHT_MAX  # weight
    failing: str = "failing"  # how a message calls what is not seen when nothing is tracked


class TrackerReader:
    """Reads the lines of track_script, track_file, track_process and track_interface against what exists.

    Definitions may stand before or after the lines that name them.
    """

    def __init__(self, interfaces: frozenset[str] | None, report: Report, *defined: Defined) -> None:
        self._interfaces = interfaces
        self._report = report
        self._defined = {kind.keyword: kind for kind in defined}

    def scripts(self, lines: Sequence[Statement], *, is_owner: bool = False) -> tuple[Tracked, ...]:
        """What the lines of track_script track. is_owner: priority 255, which no tracker changes."""
        return self._of("vrrp_script", lines, is_owner=is_owner)

    def files(self, lines: Sequence[Statement], *, is_owner: bool = False) -> tuple[Tracked, ...]:
        """What the lines of track_file track."""
        return self._of("track_file", lines, is_owner=is_owner)

    def processes(self, lines: Sequence[Statement], *, is_owner: bool = False) -> tuple[Tracked, ...]:
        """What the lines of track_process track."""
        return self._of("vrrp_track_process", lines, is_owner=is_owner)

    def _of(self, keyword: str, lines: Sequence[Statement], *, is_owner: bool) -> tuple[Tracked, ...]:
        defined = self._defined[keyword]
        tracked: dict[str, Tracked] = {}
        for line in lines:
            name = line.words[0]
            if name in defined.unusable:
                self._report.error(
                    line.where(),
                    f"{keyword} {shown(name)} {defined.unusable[name]}, so it is not tracked here",
                    "tracker-unusable",
                )
            elif name not in defined.by_name:
                near = difflib.get_close_matches(name[:64], [*defined.by_name][:1000], n=1)
                self._report.error(
                    line.where(),
                    f"there is no {keyword} {shown(name)}, so it is not tracked and its {defined.failing} changes "
                    f"nothing; " + (f"did you mean {near[0]}?" if near else "add one, or correct the name"),
                    "unknown-tracker",
                )
            elif name in tracked:
                self._report.error(
                    line.where(), f"{keyword} {shown(name)} is tracked twice; remove one", "tracked-twice"
                )
            else:
                definition = defined.by_name[name]
                own = Tracked(name, definition.weight, definition.reverse)
                self._add(tracked, line, own, defined.largest, is_owner=is_owner)
        return tuple(tracked.values())

    def interfaces(
        self, lines: Sequence[Statement], *, is_owner: bool = False, elsewhere: bool = False
    ) -> tuple[Tracked, ...]:
        """What the lines of track_interface track. elsewhere: in a network namespace of which nothing is known."""
        tracked: dict[str, Tracked] = {}
        for line in lines:
            name = line.words[0]
            if name in tracked:
                self._report.error(
                    line.where(), f"interface {shown(name)} is tracked twice; remove one", "interface-tracked-twice"
                )
                continue
            if not elsewhere and self._interfaces is not None and name not in self._interfaces:
                self._report.warning(
                    line.where(), f"interface {shown(name)} does not exist; it counts as down until it does",
                    "interface-absent",
                )
            self._add(tracked, line, Tracked(name), WEIGHT_MAX, is_owner=is_owner)
        return tuple(tracked.values())

    def _add(
        self, tracked: dict[str, Tracked], line: Statement, default: Tracked, largest: int, *, is_owner: bool
    ) -> None:
        name, weight, reverse = default
        if len(line.words) > 1 and (own := self._own_weight(line, largest)) is not None:
            weight = own.number
            reverse = reverse if own.reverse is None else own.reverse
        if is_owner and weight:
            self._report.error(
                line.where(),
                f"priority 255 is not changed by weights, so {shown(name)} is not tracked; remove it",
                "weight-of-owner",
            )
            return
        tracked[name] = Tracked(name, weight, reverse)

    def _own_weight(self, line: Statement, largest: int) -> Weight | None:
        words = line.words
        if words[1] != "weight":
            rest = " ".join(shown(word) for word in words[1:9])
            self._report.warning(
                line.where(1),
                f"{rest}: not known after {shown(words[0])} and ignored; write weight, or # before it",
                "tracker-words",
            )
            return None
        if len(words) == 2:
            self._report.error(
                line.where(1), f"weight lacks its number and is ignored; write one in -{largest}..{largest} after it",
                "weight-missing",
            )
            return None
        return read_weight(words[2:], line, 2, self._report, largest=largest)


_FIELDS = {
    "notify": "any",
    "notify_master": "master",
    "notify_backup": "backup",
    "notify_fault": "fault",
    "notify_stop": "stop",
    "notify_deleted": "deleted",
    "notify_master_rx_lower_pri": "master_rx_lower_pri",
}


class NotifyReader:
    """Collects the notify scripts of one instance or group; the first of a kind counts."""

    def __init__(self, commands: Commands, report: Report) -> None:
        self._commands = commands
        self._report = report
        self._found: dict[str, Command] = {}
        self._tells_deleted = False

    def read(self, statement: Statement) -> None:
        keyword = statement.words[0]
        if keyword == "notify_deleted":
            self._tells_deleted = True
            if len(statement.words) == 1:
                return
        if _FIELDS[keyword] in self._found:
            self._report.error(
                statement.where(), f"{keyword} was given before, and the first counts; remove this one", "given-before"
            )
        elif command := self._commands.notify(statement):
            self._found[_FIELDS[keyword]] = command

    def finish(self) -> Notify:
        if not self._found and not self._tells_deleted:
            return _NOBODY
        return Notify(**self._found, tells_deleted=self._tells_deleted)


_NOBODY = Notify()
