"""What a file sets whatever its routers do: static_ipaddress, static_routes, static_rules of one scope.

They are set before any router runs and removed after all have stopped. What somebody removes is put back at once,
unless the line says no_track (keepalived's rule S19). An interface that is missing is waited for.

A track_group ties instances to static things: while one of these is lost, they are in FAULT. Lost is what the kernel
refuses, and what is on an interface that is down or gone, as with keepalived; not what is just being put back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from pyvrrp.model import Configuration, Vip
from pyvrrp.netlink.objects import Thing
from pyvrrp.network import Network

log = logging.getLogger("pyvrrp")


@dataclass(slots=True, eq=False)
class Statics:
    """The static things of one scope, in the namespace of its global_defs."""

    number: int                         # the applier's key, shared with no router
    title: str
    network: Network
    things: tuple[Thing, ...] = ()
    ties: dict[str, tuple[Thing, ...]] = field(default_factory=dict)    # by instance: what must not be lost

    def apply(self) -> None:
        """Have them there: now, or when the namespace is open."""
        applier = self.network.applier
        if applier is not None:
            applier.configure(self.number, self.things, is_static=True)
            applier.want(self.number, present=True)

    def lost(self, thing: Thing) -> None:
        """Somebody removed one."""
        if thing.is_tracked and self.network.applier is not None:
            log.warning("%s: somebody removed %s; it is put back", self.title, thing)
            self.network.applier.want(self.number, present=True)

    def problems(self) -> list[str]:
        """What is not set, and why."""
        if self.network.applier is None:
            return [self.network.why_closed] if self.things else []
        state = self.network.applier.state(self.number)
        waiting = [f"{thing} waits for its interface" for thing in state.waiting]
        return [*([state.error] if state.error else []), *waiting]

    def links_of(self, instance: str) -> set[str]:
        """The interfaces, in the namespace of the static things, that matter to an instance."""
        return {name for thing in self.ties.get(instance, ()) for name in _devs(thing)}

    def against(self, instance: str, is_up: Callable[[str], bool]) -> tuple[str, ...]:
        """What is lost of the things that an instance is tied to, as sentences.

        is_up: whether an interface of the namespace exists and counts as up.
        """
        things = self.ties.get(instance, ())
        if not things:
            return ()
        links = self.network.usable_links
        if links is None or self.network.applier is None:
            return (self.network.why_closed,)
        state = self.network.applier.state(self.number)
        missing = frozenset(state.missing if state.attempts else ())
        why: dict[str, None] = {}
        for thing in things:
            lacking = [name for name in _devs(thing) if not is_up(name)]
            for name in lacking:
                why[f"interface {name} of track_group {_group(thing)} "
                    f"{'is down' if name in links.by_name else 'does not exist'}"] = None
            if thing in missing and not lacking:
                why[f"static {thing} is not set"] = None
        return tuple(why)

    def give_up(self) -> None:
        """Have them removed."""
        self.network.want(self.number, present=False)

    def forget(self) -> None:
        """Have them removed, and everything about them."""
        if self.network.applier is not None:
            self.network.applier.forget(self.number)


def statics_of(configuration: Configuration) -> tuple[Thing, ...]:
    """What is static in a configuration, in the order in which it is set."""
    return (*configuration.static_addresses, *configuration.static_routes, *configuration.static_rules)


def ties_of(configuration: Configuration) -> dict[str, tuple[Thing, ...]]:
    """The static things whose loss takes an instance down, by its name."""
    of_group: dict[str, list[Thing]] = {}
    for thing in statics_of(configuration):
        if thing.is_tracked and (group := _group(thing)):
            of_group.setdefault(group, []).append(thing)
    found: dict[str, dict[Thing, None]] = {}
    for one in configuration.track_groups:
        for name in one.members:
            found.setdefault(name, {}).update(dict.fromkeys(of_group.get(one.name, ())))
    return {name: tuple(things) for name, things in found.items() if things}


def _devs(thing: Thing) -> tuple[str, ...]:
    return (thing.dev,) if isinstance(thing, Vip) else thing.devs


def _group(thing: Thing) -> str | None:
    return thing.options.track_group if isinstance(thing, Vip) else thing.track_group
