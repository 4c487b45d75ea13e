"""Two configurations to the steps that lead from one to the other. Pure.

An instance is the same one before and after if its `identity` is: VRID, family, interface, unicast or
multicast, and source or group, as under keepalived; its name does not count. Several unicast instances may
share an identity if their peers differ: those are matched by their peers, then by name. Scripts and groups
are matched by name.

Where something stands in its file is not a difference: what only moved is untouched.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic, TypeVar, cast

from pyvrrp import limits
from pyvrrp.model import Configuration, GlobalDefs, Instance, SyncGroup, TrackScript, Where

T = TypeVar("T", Instance, SyncGroup, TrackScript)

# The lists of a configuration that are compared as a whole, and their keywords.
LISTS = {
    "track_files": "track_file",
    "track_processes": "vrrp_track_process",
    "static_addresses": "static_ipaddress",
    "static_routes": "static_routes",
    "static_rules": "static_rules",
    "track_groups": "track_group",
    "interface_delays": "interface_up_down_delays",
    "linkbeats": "linkbeat_interfaces",
    "garp_groups": "garp_group",
}


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """The same thing with other settings; `fields` names those that differ."""

    old: T
    new: T
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps(Generic[T]):
    """What happens to the things of one kind, each in the order of its file."""

    added: tuple[T, ...] = ()
    removed: tuple[T, ...] = ()
    changed: tuple[Change[T], ...] = ()
    untouched: tuple[T, ...] = ()  # as the new file has them: their lines may be others

    @property
    def is_same(self) -> bool:
        """Nothing of this kind differs."""
        return not (self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Steps[Instance]):
    """The steps of the instances, and beside them those of scripts and groups, and what else differs."""

    scripts: Steps[TrackScript]
    groups: Steps[SyncGroup]
    global_fields: tuple[str, ...] = ()  # the settings of global_defs that differ
    lists: tuple[str, ...] = ()  # the other lists of the configuration that differ, as its fields are called

    @property
    def is_empty(self) -> bool:
        """Nothing is to be done."""
        return self.is_same and not self.beside

    @property
    def beside(self) -> tuple[str, ...]:
        """What else differs than instances, in the keywords of the file."""
        return (
            *(("global_defs",) if self.global_fields else ()),
            *(("vrrp_script",) if not self.scripts.is_same else ()),
            *(("vrrp_sync_group",) if not self.groups.is_same else ()),
            *(LISTS[field] for field in self.lists),
        )


def plan(old: Configuration, new: Configuration) -> Plan:
    """What changes between two configurations of one scope."""
    work = _planning(old, new)
    while True:
        try:
            next(work)
        except StopIteration as done:
            return cast(Plan, done.value)


async def plan_in_turns(old: Configuration, new: Configuration) -> Plan:
    """As plan(), for a loop that must go on: at most PLAN_SLICE instances are compared in one turn of it."""
    work = _planning(old, new)
    while True:
        try:
            next(work)
        except StopIteration as done:
            return cast(Plan, done.value)
        await asyncio.sleep(0)


def _planning(old: Configuration, new: Configuration) -> Generator[None, None, Plan]:
    """The work of plan(), which pauses after each slice."""
    scripts = yield from _steps(_by_name(old.scripts, new.scripts), old.scripts, new.scripts)
    groups = yield from _steps(_by_name(old.groups, new.groups), old.groups, new.groups)
    old_of = yield from _by_identity(old.instances, new.instances)
    instances = yield from _steps(old_of, old.instances, new.instances)
    return Plan(
        added=instances.added,
        removed=instances.removed,
        changed=instances.changed,
        untouched=instances.untouched,
        scripts=scripts,
        groups=groups,
        global_fields=_differing(old.global_defs, new.global_defs),
        lists=(yield from _differing_lists(old, new)),
    )


def _differing_lists(old: Configuration, new: Configuration) -> Generator[None, None, tuple[str, ...]]:
    found = []
    for field in LISTS:
        before, after = getattr(old, field), getattr(new, field)
        if before != after and list(map(without_place, before)) != list(map(without_place, after)):
            found.append(field)
        yield
    return tuple(found)


def without_place(item: Any) -> Any:
    """A thing of a list as it is wherever it stands in its file."""
    return dataclasses.replace(item, where=Where("")) if hasattr(item, "where") else item


def _slices(things: Sequence[T]) -> Iterator[Sequence[T]]:
    return (things[i : i + limits.PLAN_SLICE] for i in range(0, len(things), limits.PLAN_SLICE))


def _steps(old_of: dict[int, T], old: Sequence[T], new: Sequence[T]) -> Generator[None, None, Steps[T]]:
    """old_of: the old thing that each new one, by its id(), continues."""
    added: list[T] = []
    changed: list[Change[T]] = []
    untouched: list[T] = []
    for part in _slices(new):
        for thing in part:
            before = old_of.get(id(thing))
            if before is None:
                added.append(thing)
            elif fields := _differing(before, thing):
                changed.append(Change(before, thing, fields))
            else:
                untouched.append(thing)
        yield
    continued = {id(before) for before in old_of.values()}
    return Steps(
        added=tuple(added),
        removed=tuple(thing for thing in old if id(thing) not in continued),
        changed=tuple(changed),
        untouched=tuple(untouched),
    )


def _by_name(old: Sequence[T], new: Sequence[T]) -> dict[int, T]:
    named = {thing.name: thing for thing in old}
    return {id(thing): named[thing.name] for thing in new if thing.name in named}


def _by_identity(old: Sequence[Instance], new: Sequence[Instance]) -> Generator[None, None, dict[int, Instance]]:
    before: dict[object, list[Instance]] = {}
    for part in _slices(old):
        for instance in part:
            before.setdefault(instance.identity, []).append(instance)
        yield
    after: dict[object, list[Instance]] = {}
    for part in _slices(new):
        for instance in part:
            after.setdefault(instance.identity, []).append(instance)
        yield

    old_of: dict[int, Instance] = {}
    for number, (identity, wanting) in enumerate(after.items(), 1):
        if number % limits.PLAN_SLICE == 0:
            yield
        candidates = before.get(identity, [])
        if len(candidates) == len(wanting) == 1:
            old_of[id(wanting[0])] = candidates[0]
        elif candidates:
            _match_among(candidates, wanting, old_of)
    return old_of


def _match_among(before: list[Instance], after: list[Instance], old_of: dict[int, Instance]) -> None:
    """Match instances that share an identity: first those with the same peers, then the same name."""
    by_peers = {frozenset(instance.peers): instance for instance in before}
    free = {id(instance): instance for instance in before}
    left = []
    for instance in after:
        same = by_peers.get(frozenset(instance.peers))
        if same is not None and free.pop(id(same), None) is not None:
            old_of[id(instance)] = same
        else:
            left.append(instance)
    by_name = {instance.name: instance for instance in free.values()}
    for instance in left:
        same = by_name.get(instance.name)
        if same is not None:
            old_of[id(instance)] = same


def _differing(old: T | GlobalDefs, new: T | GlobalDefs) -> tuple[str, ...]:
    """The names of the fields that differ, `where` apart."""
    names, values_of = _COMPARED[type(new)]
    if values_of(old) == values_of(new):  # nearly always
        return ()
    return tuple(name for name in names if getattr(old, name) != getattr(new, name))


def _compared(kind: type) -> tuple[tuple[str, ...], Callable[[object], object]]:
    names = tuple(field.name for field in dataclasses.fields(kind) if field.name != "where")
    return names, attrgetter(*names)


_COMPARED = {kind: _compared(kind) for kind in (Instance, SyncGroup, TrackScript, GlobalDefs)}
