"""What a file sets whatever its routers do: static_ipaddress, static_routes, static_rules of one scope.

They are set before any router runs and removed after all have stopped. What somebody removes is put back at once,
unless the line says no_track (keepalived's rule S19). An interface that is missing is waited for.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from pyvrrp.model import Configuration
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
