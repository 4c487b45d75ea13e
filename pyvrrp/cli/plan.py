"""`pyvrrp plan`: what a reload would do, in the words of the file.

A new file is compared with what a daemon runs, or with another file. The daemon does nothing for it but say what it
runs: the comparing is done here, by the code that a reload goes by.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pyvrrp import limits
from pyvrrp.config.check import Checked, check, files
from pyvrrp.config.difference import Differences, Named, Setting, global_settings, instances, lists, others
from pyvrrp.config.lexer import clean
from pyvrrp.config.plan import plan
from pyvrrp.config.scopes import scope_names
from pyvrrp.control.client import ControlClient
from pyvrrp.control.protocol import REFUSED, Source, without_secrets
from pyvrrp.errors import ControlError, UsageError
from pyvrrp.model import Configuration

RUNNING = "running"
EXIT_NOTHING, EXIT_CHANGES, EXIT_UNREADABLE, EXIT_REFUSED = 0, 1, 4, 5

EXAMPLES = """\
examples:
  pyvrrp plan                               what kill -HUP of the daemon would do
  pyvrrp plan new.conf                      what it would do if this were its file
  pyvrrp plan new.conf --against running    the same
  pyvrrp plan new.conf --against old.conf   two files, no daemon
  pyvrrp plan new.d --against old.d         two directories, file by file

exit status:
  0  nothing is to be done
  1  something is
  2  the command line is wrong
  3  the daemon could not be asked
  4  a file does not exist or cannot be read
  5  the reload would be refused
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `plan` takes."""
    parser.epilog = EXAMPLES
    new = "new text of a file, or a directory of files; default: all that the daemon reads"
    against = f"what to compare with; {RUNNING}, the default, is what the daemon runs"
    parser.add_argument("new", metavar="NEW", nargs="*", help=new)
    parser.add_argument("--against", metavar=f"FILE|{RUNNING}", default=RUNNING, help=against)
    parser.add_argument("-i", "--config-id", metavar="ID", help="keep lines that begin with @ID; default the daemon's")
    parser.add_argument("--all", action="store_true", help=f"name more than {limits.PLAN_SHOWN} instances of a kind")
    parser.add_argument("--json", action="store_true", help="print one JSON object, always whole")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopePlan:
    """What happens to one file."""

    path: str
    is_new: bool = False                # nothing of it runs
    is_unwritten: bool = False          # what runs is in part in no file, and a reload drops that
    is_gone: bool = False               # it is not there any more, so all that runs of it stops
    unreadable: tuple[str, ...] = ()    # why it cannot be read; then nothing below says anything
    instances: Differences = Differences()
    others: Mapping[str, Differences] = field(default_factory=dict)     # by the keyword of their blocks
    settings: tuple[Setting, ...] = ()  # of global_defs
    lists: tuple[Setting, ...] = ()     # of all other blocks
    refusals: tuple[str, ...] = ()      # why the reload would leave this file as it runs
    states: Mapping[str, str] = field(default_factory=dict)             # of the instances that run, by name

    @property
    def is_empty(self) -> bool:
        """Nothing would be done."""
        parts = (self.instances, *self.others.values())
        is_there = not (self.is_new or self.is_gone)
        return is_there and not self.settings and not self.lists and all(each.is_empty for each in parts)

    @property
    def masters(self) -> list[str]:
        """The instances that are MASTER now and would give their addresses up."""
        leaving = (*self.instances.removed, *self.instances.anew)
        return [named.name for named in leaving if self.states.get(named.name) == "MASTER"]


def run(arguments: argparse.Namespace) -> int:
    """Compare, print, and return the exit status. Raises ControlError and UsageError."""
    found = _of_daemon(arguments) if arguments.against == RUNNING else _of_files(arguments)
    if arguments.json:
        print(json.dumps({"scopes": [as_json(each) for each in found]}, indent=2, ensure_ascii=False))
    else:
        shown = None if arguments.all else limits.PLAN_SHOWN
        print("\n".join(line for each in found for line in text(each, shown)))
    if any(each.unreadable for each in found):
        return EXIT_UNREADABLE
    if any(each.refusals for each in found):
        return EXIT_REFUSED
    return EXIT_NOTHING if all(each.is_empty for each in found) else EXIT_CHANGES


# ---- what is compared with what

class Pair(NamedTuple):
    """A new file and the old one whose place it takes; None: there is no such file. One of them is there."""

    new: str | None
    old: str | None


def _of_daemon(arguments: argparse.Namespace) -> list[ScopePlan]:
    """Raises ControlError and UsageError."""
    client = ControlClient(arguments.socket)
    try:
        source, running = client.configurations()
        # Of two with one name the one that is refused says nothing of the other.
        statuses = sorted(client.instances().instances, key=lambda status: status.state != REFUSED)
        states = {status.name: status.state for status in statuses}
    except ControlError as problem:
        advice = ", or compare with a file: --against FILE" if arguments.new else ""
        raise ControlError(f"{problem}{advice}") from None
    config_id = arguments.config_id or source.config_id
    scopes = scope_names(running)
    found = []
    for new, old in matched(arguments.new, source, running):
        checked = None
        if new is not None:
            (checked,) = check([new], config_id=config_id, interfaces=None, all_config=source.all_config)
        own: dict[str, str] = {}
        if old is not None:
            scope = f"{scopes[old]}/" if len(scopes) > 1 else ""
            own = {name.removeprefix(scope): state for name, state in states.items() if name.startswith(scope)}
        planned = scope_plan(old or new or "", None if old is None else running[old], checked, own, source.key)
        found.append(dataclasses.replace(planned, is_unwritten=old in source.unwritten))
    if found and all(each.is_gone for each in found):
        refusal = "no file is left to run; to run none, stop the daemon"
        return [dataclasses.replace(each, refusals=(refusal,)) for each in found]
    return found


def matched(new: Sequence[str], source: Source, running: Collection[str]) -> list[Pair]:
    """Which new file takes the place of which that runs. source: what the daemon reads; running: by path.

    Raises UsageError.
    """
    here = {str(Path(source.directory, path)): path for path in running}
    read = [path for name in source.names for path in files(str(Path(source.directory, name)))[0]]
    if not new:
        gone = [path for where, path in here.items() if where not in read]
        return [*(Pair(path, here.get(path)) for path in dict.fromkeys(read)), *(Pair(None, path) for path in gone)]
    if len(new) == 1 and len(running) == 1 and not Path(new[0]).is_dir():
        return [Pair(new[0], next(iter(running)))]
    by_place = {os.path.realpath(where): path for where, path in here.items()}
    will_run = {os.path.realpath(path) for path in read}
    pairs = []
    for name in new:
        found, why_none = files(name)
        if why_none:
            raise UsageError(f"{clean(name)}: {why_none}")
        for path in found:
            place = os.path.realpath(path)
            if place not in by_place and place not in will_run:
                known = ", ".join(clean(path) for path in list(running)[:5])
                raise UsageError(
                    f"{clean(path)}: the daemon runs {len(running)} files, and this is none of them; "
                    f"name one of these, or compare it with one, --against FILE: {known}"
                )
            pairs.append(Pair(path, by_place.get(place)))
    return pairs


def _of_files(arguments: argparse.Namespace) -> list[ScopePlan]:
    """Raises UsageError."""
    if len(arguments.new) != 1:
        raise UsageError("--against compares two files, or two directories; name one NEW")
    config_id = arguments.config_id or os.uname().nodename.partition(".")[0]
    found = []
    key = secrets.token_hex(16)
    for new, old in matched_by_name(arguments.new[0], arguments.against):
        before = after = None
        if old is not None:
            (before,) = check([old], config_id=config_id, interfaces=None)
            if before.loaded.configuration is None:
                found.append(_unreadable(before))
                continue
        if new is not None:
            (after,) = check([new], config_id=config_id, interfaces=None)
        running = None if before is None else _told(before, key)
        found.append(scope_plan(old or new or "", running, after, {}, key))
    return found


def matched_by_name(new: str, old: str) -> list[Pair]:
    """Two files, or the files of two directories that are called the same. Raises UsageError."""
    if Path(new).is_dir() != Path(old).is_dir():
        raise UsageError(f"{clean(new)} and {clean(old)}: one is a directory; name two files, or two directories")
    if not Path(new).is_dir():
        return [Pair(new, old)]
    here, there = ({Path(path).name: path for path in files(name)[0]} for name in (new, old))
    return [Pair(here.get(name), there.get(name)) for name in sorted(here.keys() | there.keys())]


def scope_plan(
    path: str, before: Configuration | None, checked: Checked | None, states: Mapping[str, str], key: str
) -> ScopePlan:
    """What happens to one file.

    before: what runs of it, without secrets (see without_secrets), by this key; None: nothing. checked: the new file;
    None: it is gone. One of them is there.
    """
    if checked is not None and checked.loaded.configuration is None:
        return _unreadable(checked)
    after = None if checked is None else _told(checked, key)
    some = before or after
    assert some is not None
    nothing = Configuration(global_defs=some.global_defs)
    steps = plan(before or nothing, after or nothing)
    return ScopePlan(
        path=path,
        is_new=before is None,
        is_gone=after is None,
        instances=instances(steps),
        others=others(steps),
        settings=global_settings(steps, before or nothing, after or nothing),
        lists=lists(steps, before or nothing, after or nothing),
        refusals=() if checked is None else checked.loaded.why_not_reload(before or nothing),
        states=states,
    )


def _unreadable(checked: Checked) -> ScopePlan:
    return ScopePlan(path=checked.path, unreadable=tuple(str(each) for each in checked.loaded.diagnostics))


def _told(checked: Checked, key: str) -> Configuration:
    """A file that was read, without secrets."""
    configuration = checked.loaded.configuration
    assert configuration is not None
    return dataclasses.replace(configuration, instances=without_secrets(configuration.instances, key))


# ---- as text

def text(found: ScopePlan, shown: int | None) -> list[str]:
    """The plan of one file for people. shown: at most this many of a kind; None: all."""
    if found.unreadable:
        return list(found.unreadable[:shown])
    lines = [f"{clean(found.path)}: {_counts(found)}"]
    lines += [f"  the reload would be refused: {refusal}" for refusal in found.refusals[:shown]]
    if found.is_unwritten:
        lines.append("  changes that are not written to it are dropped; pyvrrp apply --write writes them")
    lines += [f"    global_defs: {setting}" for setting in found.settings]
    lines += [f"    {setting}" for setting in found.lists]
    for keyword, differences in (("vrrp_instance", found.instances), *found.others.items()):
        for sign, what, things in (
            ("-", "removed", differences.removed),
            ("!", "stops and starts as another virtual router", differences.anew),
            ("~", "changed", differences.changed),
            ("+", "added", differences.added),
        ):
            lines += [f"  {sign} {keyword} {_named(named, what, found.states)}" for named in things[:shown]]
            if shown is not None and len(things) > shown:
                lines.append(f"  {sign} and {len(things) - shown} more are {what}; --all names them")
    if masters := found.masters:
        are = "is MASTER and gives its addresses up" if len(masters) == 1 else "are MASTER and give their addresses up"
        lines.append(f"  a failover: {len(masters)} of these {are}")
    return lines


def _counts(found: ScopePlan) -> str:
    if found.is_empty:
        return f"nothing to do, {found.instances.untouched} untouched"
    if found.is_new:
        return f"a new file, {len(found.instances.added)} added"
    if found.is_gone:
        return f"the file is gone, {len(found.instances.removed)} removed"
    differences = found.instances
    parts = [
        (len(differences.added), "added"),
        (len(differences.removed), "removed"),
        (len(differences.anew), "anew"),
        (len(differences.changed), "changed"),
        (differences.untouched, "untouched"),
    ]
    return ", ".join(f"{count} {what}" for count, what in parts if count or what in ("changed", "untouched"))


def _named(named: Named, what: str, states: Mapping[str, str]) -> str:
    name = f"{clean(named.name)} (was {clean(named.was)})" if named.was else clean(named.name)
    parts = "; ".join(str(setting) for setting in named.settings)
    state = states.get(named.was or named.name)
    now = f" [{state} now]" if state and what != "added" else ""
    return f"{name}: {what}{now}{': ' if parts else ''}{parts}"


# ---- as JSON

def as_json(found: ScopePlan) -> dict[str, object]:
    """The plan of one file for programs."""
    return {
        "file": clean(found.path),
        "is_new": found.is_new,
        "is_gone": found.is_gone,
        "drops_unwritten": found.is_unwritten,
        "is_read": not found.unreadable,
        "refusals": [*found.unreadable, *found.refusals],
        "failovers": found.masters,
        "global_defs": _settings(found.settings),
        "lists": _settings(found.lists),
        "vrrp_instance": _differences(found.instances),
        **{keyword: _differences(differences) for keyword, differences in found.others.items()},
    }


def _differences(differences: Differences) -> dict[str, object]:
    return {
        "added": [named.name for named in differences.added],
        "removed": [named.name for named in differences.removed],
        "anew": [{"name": named.name, "settings": _settings(named.settings)} for named in differences.anew],
        "changed": [
            {"name": named.name, "was": named.was or named.name, "settings": _settings(named.settings)}
            for named in differences.changed
        ],
        "untouched": differences.untouched,
    }


def _settings(settings: Iterable[Setting]) -> list[dict[str, object]]:
    return [
        {"keyword": setting.keyword, "comes": list(setting.comes), "goes": list(setting.goes)}
        if setting.comes or setting.goes
        else {"keyword": setting.keyword, "old": setting.old, "new": setting.new}
        for setting in settings
    ]
