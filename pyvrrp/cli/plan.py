"""`pyvrrp plan`: what a reload would do, in the words of the file.

A new file is compared with what a daemon runs, or with another file. The daemon does nothing for it but say what it
runs: the comparing is done here, by the code that a reload goes by.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pyvrrp import limits
from pyvrrp.config.check import Checked, check, report
from pyvrrp.config.difference import Differences, Named, Setting, global_settings, instances, lists, others
from pyvrrp.config.lexer import clean
from pyvrrp.config.load import load
from pyvrrp.config.plan import plan
from pyvrrp.config.scopes import scope_names
from pyvrrp.control.client import ControlClient
from pyvrrp.control.protocol import without_secrets
from pyvrrp.errors import ConfigError
from pyvrrp.model import Configuration

RUNNING = "running"
EXIT_NOTHING, EXIT_CHANGES, EXIT_UNREADABLE, EXIT_REFUSED = 0, 1, 4, 5

EXAMPLES = """\
examples:
  pyvrrp plan                               what kill -HUP of the daemon would do
  pyvrrp plan new.conf                      what it would do if this were its file
  pyvrrp plan new.conf --against old.conf   two files, no daemon

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
    parser.add_argument("new", metavar="NEW", nargs="*", help="new text of a file; default those that the daemon runs")
    parser.add_argument("--against", metavar="FILE", default=RUNNING, help="compare with this file, not with what runs")
    parser.add_argument("-i", "--config-id", metavar="ID", help="keep lines that begin with @ID; default the daemon's")
    parser.add_argument("--all", action="store_true", help=f"name more than {limits.PLAN_SHOWN} instances of a kind")
    parser.add_argument("--json", action="store_true", help="print one JSON object, always whole")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopePlan:
    """What happens to one file."""

    path: str
    instances: Differences
    others: dict[str, Differences]      # by the keyword of their blocks
    settings: tuple[Setting, ...]       # of global_defs
    lists: tuple[Setting, ...]          # of all other blocks
    refusals: tuple[str, ...]           # why the reload would leave this file as it runs
    states: Mapping[str, str]           # of the instances that run, by name

    @property
    def is_empty(self) -> bool:
        """Nothing would be done."""
        parts = (self.instances, *self.others.values())
        return not self.settings and not self.lists and all(each.is_empty for each in parts)

    @property
    def masters(self) -> list[str]:
        """The instances that are MASTER now and would give their addresses up."""
        leaving = (*self.instances.removed, *self.instances.anew)
        return [named.name for named in leaving if self.states.get(named.name) == "MASTER"]


def run(arguments: argparse.Namespace) -> int:
    """Compare, print, and return the exit status. Raises ControlError and ConfigError."""
    config_id = arguments.config_id
    states: dict[str, str] = {}
    scopes: dict[str, str] = {}         # path, and how the daemon calls its scope
    if arguments.against == RUNNING:
        client = ControlClient(arguments.socket)
        daemon_id, running = client.configurations()
        config_id = config_id or daemon_id
        states = {status.name: status.state for status in client.instances().instances}
        scopes = scope_names(running)
        pairs = matched(arguments.new, running)
    else:
        if len(arguments.new) != 1:
            raise ConfigError("--against compares two files; name one NEW")
        config_id = config_id or os.uname().nodename.partition(".")[0]
        old = load(arguments.against, config_id=config_id, interfaces=None)
        if old.configuration is None:
            print("\n".join(report([Checked(arguments.against, old)])))
            return EXIT_UNREADABLE
        pairs = [(arguments.new[0], arguments.against, _told(old.configuration))]
    plans = []
    for new, path, before in pairs:
        (checked,) = check([new], config_id=config_id, interfaces=None)
        if checked.loaded.configuration is None:
            print("\n".join(report([checked])))
            return EXIT_UNREADABLE
        scope = f"{scopes[path]}/" if len(scopes) > 1 else ""
        own = {name.removeprefix(scope): state for name, state in states.items() if name.startswith(scope)}
        plans.append(scope_plan(path, before, checked, own))
    if arguments.json:
        print(json.dumps({"scopes": [as_json(each) for each in plans]}, indent=2, ensure_ascii=False))
    else:
        shown = None if arguments.all else limits.PLAN_SHOWN
        print("\n".join(line for each in plans for line in text(each, shown)))
    if any(each.refusals for each in plans):
        return EXIT_REFUSED
    return EXIT_NOTHING if all(each.is_empty for each in plans) else EXIT_CHANGES


def matched(new: list[str], running: Mapping[str, Configuration]) -> list[tuple[str, str, Configuration]]:
    """Which new file takes the place of which that runs: (new, path, what runs of it).

    Raises ConfigError.
    """
    if not new:
        return [(path, path, configuration) for path, configuration in running.items()]
    if len(new) == 1 and len(running) == 1:
        ((path, configuration),) = running.items()
        return [(new[0], path, configuration)]
    by_path = {os.path.realpath(path): path for path in running}
    pairs = []
    for name in new:
        found = by_path.get(os.path.realpath(name))
        if found is None:
            known = ", ".join(list(running)[:5])
            raise ConfigError(f"{clean(name)}: the daemon runs {len(running)} files, and this is none of them: {known}")
        pairs.append((name, found, running[found]))
    return pairs


def scope_plan(path: str, before: Configuration, checked: Checked, states: Mapping[str, str]) -> ScopePlan:
    """What happens to one file. before: without secrets, see without_secrets()."""
    assert checked.loaded.configuration is not None
    after = _told(checked.loaded.configuration)
    steps = plan(before, after)
    return ScopePlan(
        path=path,
        instances=instances(steps),
        others=others(steps),
        settings=global_settings(steps, before, after),
        lists=lists(steps, before, after),
        refusals=checked.loaded.why_not_reload(before),
        states=states,
    )


def _told(configuration: Configuration) -> Configuration:
    return dataclasses.replace(configuration, instances=without_secrets(configuration.instances))


# ---- as text

def text(found: ScopePlan, shown: int | None) -> list[str]:
    """The plan of one file for people. shown: at most this many of a kind; None: all."""
    lines = [f"{clean(found.path)}: {_counts(found)}"]
    lines += [f"  the reload would be refused: {refusal}" for refusal in found.refusals[:shown]]
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
        "refusals": list(found.refusals),
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
