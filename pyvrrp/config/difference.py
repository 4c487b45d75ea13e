"""A Plan in the words of the file: which keyword of what goes from which value to which. Pure.

The model has names and units of its own; whoever reads a plan thinks in keywords. A list is told by what comes and
what goes. Passwords are never told.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pyvrrp.config.plan import LISTS, Change, Plan, without_place
from pyvrrp.model import Command, Configuration, Instance, Notify, SyncGroup, Tracked, TrackScript

UNSET = "not set"

# Fields whose name is not their keyword without the unit.
_KEYWORDS = {
    "vrid": "virtual_router_id",
    "start_state": "state",
    "advertisement_interval_cs": "advert_int",
    "source": "unicast_src_ip",
    "peers": "unicast_peer",
    "peer_ttls": "unicast_peer min_ttl max_ttl",
    "group": "mcast_dst_ip",
    "vips": "virtual_ipaddress",
    "excluded": "virtual_ipaddress_excluded",
    "track_interfaces": "track_interface",
    "track_scripts": "track_script",
    "track_files": "track_file",
    "track_processes": "track_process",
    "command": "script",
    "members": "group",
    "own_weights": "sync_group_tracking_weight",
    "strict": "strict_mode",
}
_UNITS = ("_s", "_us", "_bytes")
_ADDRESSES = frozenset(("source", "peers", "group"))
_SECRETS = frozenset(("auth_pass",))


@dataclass(frozen=True, slots=True)
class Setting:
    """One keyword that differs. Of a list: what comes and what goes; of a password nothing more."""

    keyword: str
    old: str = ""
    new: str = ""
    comes: tuple[str, ...] = ()
    goes: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.old or self.new:
            return f"{self.keyword} {self.old} -> {self.new}"
        if not self.comes and not self.goes:
            return f"{self.keyword} differs"
        return " ".join([self.keyword, *(f"-{item}" for item in self.goes), *(f"+{item}" for item in self.comes)])


@dataclass(frozen=True, slots=True)
class Named:
    """Something that the file names, and what is different of it; for what is added or removed, nothing."""

    name: str
    settings: tuple[Setting, ...] = ()
    was: str = ""               # its name before, where that differs


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """What happens to the things of one kind."""

    added: tuple[Named, ...] = ()
    removed: tuple[Named, ...] = ()
    anew: tuple[Named, ...] = ()        # of instances: the same name, but another Virtual Router
    changed: tuple[Named, ...] = ()
    untouched: int = 0

    @property
    def is_empty(self) -> bool:
        """Nothing is to be done."""
        return not (self.added or self.removed or self.anew or self.changed)


def instances(plan: Plan) -> Differences:
    """What happens to the instances."""
    removed = {instance.name: instance for instance in plan.removed}
    anew, added = [], []
    for new in plan.added:
        old = removed.pop(new.name, None)
        if old is None:
            added.append(Named(new.name))
        else:
            anew.append(Named(new.name, settings(old, new)))
    return Differences(
        added=tuple(added),
        removed=tuple(Named(name) for name in removed),
        anew=tuple(anew),
        changed=_changed(plan.changed),
        untouched=len(plan.untouched),
    )


def others(plan: Plan) -> dict[str, Differences]:
    """What happens to scripts and groups, by the keyword of their blocks."""
    return {
        keyword: Differences(
            added=tuple(Named(thing.name) for thing in steps.added),
            removed=tuple(Named(thing.name) for thing in steps.removed),
            changed=_changed(steps.changed),
            untouched=len(steps.untouched),
        )
        for keyword, steps in (("vrrp_script", plan.scripts), ("vrrp_sync_group", plan.groups))
    }


def global_settings(plan: Plan, old: Configuration, new: Configuration) -> tuple[Setting, ...]:
    """The settings of global_defs that differ."""
    return tuple(
        setting for field in plan.global_fields for setting in _settings(field, old.global_defs, new.global_defs)
    )


def lists(plan: Plan, old: Configuration, new: Configuration) -> tuple[Setting, ...]:
    """What differs in all other lists of a file: static addresses and routes, trackers, delays of interfaces ..."""
    return tuple(
        _listed(LISTS[field], *([_item(without_place(item)) for item in getattr(each, field)] for each in (old, new)))
        for field in plan.lists
    )


def _item(item: Any) -> str:
    """A line that reads back where the model has one, else all its settings."""
    if "__str__" in vars(type(item)):
        return str(item)
    if not dataclasses.is_dataclass(item):
        return _text(item)
    parts = [part for part in dataclasses.fields(item) if part.name != "where"]
    values = ((part.name, getattr(item, part.name), part.default) for part in parts)
    told = [f"{_keyword(name)} {_text(value)}" for name, value, default in values if value != default]
    return f"({', '.join(told)})"


def _changed(changes: Sequence[Change[Any]]) -> tuple[Named, ...]:
    return tuple(
        Named(
            change.new.name,
            tuple(
                setting
                for field in change.fields
                if field != "name"
                for setting in _settings(field, change.old, change.new)
            ),
            was=change.old.name if change.old.name != change.new.name else "",
        )
        for change in changes
    )


def settings(old: Instance | SyncGroup | TrackScript, new: Instance | SyncGroup | TrackScript) -> tuple[Setting, ...]:
    """All that differs between two things of one kind."""
    names = (field.name for field in dataclasses.fields(new) if field.name not in ("name", "where"))
    return tuple(
        setting
        for field in names
        if getattr(old, field) != getattr(new, field)
        for setting in _settings(field, old, new)
    )


def _settings(field: str, old: object, new: object) -> list[Setting]:
    """One field that differs, as the keywords that it is made from."""
    before, after = getattr(old, field), getattr(new, field)
    if isinstance(before, Notify):
        names = [part.name for part in dataclasses.fields(Notify)]
        parts = [(name, getattr(before, name), getattr(after, name)) for name in names]
        return [
            Setting("notify" if name == "any" else f"notify_{name}", _text(was), _text(now))
            for name, was, now in parts
            if was != now
        ]
    keyword = _keyword(field)
    if field in _SECRETS:
        return [Setting(keyword)]
    if field == "preempt":
        return [Setting("nopreempt", _text(not before), _text(not after))]
    show = _address if field in _ADDRESSES else _text
    if isinstance(before, tuple) and isinstance(after, tuple):
        return [_listed(keyword, [show(item) for item in before], [show(item) for item in after])]
    if field == "advertisement_interval_cs":
        return [Setting(keyword, f"{before / 100:g}", f"{after / 100:g}")]
    if field == "source" and not getattr(new, "peers", ()):
        keyword = "mcast_src_ip"
    return [Setting(keyword, show(before), show(after))]


def _listed(keyword: str, before: list[str], after: list[str]) -> Setting:
    old, new = set(before), set(after)
    comes = tuple(item for item in after if item not in old)
    goes = tuple(item for item in before if item not in new)
    if comes or goes:
        return Setting(keyword, comes=comes, goes=goes)
    return Setting(keyword, ", ".join(before), ", ".join(after))    # another order


def _keyword(field: str) -> str:
    if field in _KEYWORDS:
        return _KEYWORDS[field]
    unit = next((unit for unit in _UNITS if field.endswith(unit)), "")
    return field.removesuffix(unit)


def _address(value: bytes | None) -> str:
    return str(ipaddress.ip_address(value)) if value else UNSET


def _text(value: object) -> str:
    for kind, show in _SHOWN:
        if isinstance(value, kind):
            return show(value)
    return str(value)


def _tracked(tracked: Tracked) -> str:
    words = [tracked.name]
    if tracked.weight or tracked.reverse:
        words += ["weight", str(tracked.weight)]
    return " ".join([*words, "reverse"] if tracked.reverse else words)


def _command(command: Command) -> str:
    who = [word for word in (command.user, command.group) if word]
    return " ".join([f'"{shlex.join(command.argv)}"', *who])


_SHOWN: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (type(None), lambda _: UNSET),
    (bool, lambda value: "yes" if value else "no"),
    (Enum, lambda value: str(value.name)),
    (float, lambda value: f"{value:g}"),
    (Command, _command),
    (Tracked, _tracked),
    (tuple, lambda value: " ".join(_text(part) for part in value) or UNSET),
    (str, lambda value: value or UNSET),
)
