"""The running daemon's scopes: they start, reload and stop together, on one Host.

A scope is one configuration file with what it includes; it is known by the path that was given. Names need be unique
only within it, and are shown as scope/instance once there is more than one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

from pyvrrp import limits
from pyvrrp.config.scopes import scope_names
from pyvrrp.control.protocol import InstanceStatus
from pyvrrp.host import Host
from pyvrrp.model import Configuration, State, SyncGroup
from pyvrrp.router import Router
from pyvrrp.scope import Scope
from pyvrrp.scripts.pool import ScriptPool
from vrrpcore.reactor import Reactor

log = logging.getLogger("pyvrrp")


class Runtime:
    """Runs any number of configurations on a reactor."""

    def __init__(self, reactor: Reactor, pool: ScriptPool) -> None:
        """Reactor and pool are the caller's to close. The daemon's own namespace is the calling thread's."""
        self._host = Host(reactor, pool)
        self.engine = reactor.engine
        self._scopes: dict[str, Scope] = {}         # by path

    # ---- life

    async def start(self, configurations: Mapping[str, Configuration]) -> None:
        """Run configurations, by path: leftovers are removed first, then every instance starts.

        Raises NetlinkError, OSError.
        """
        host = self._host
        async with host.changing:
            await host.start()
            self._name_scopes(configurations)
            for path, configuration in configurations.items():
                await self._scopes[path].load(configuration)
            # What a crash has left on an interface goes before anything is sent (S11).
            for network in host.networks:
                await host.take_up(network)
            for scope in self._scopes.values():
                await scope.start()
        host.follow()

    async def reload(self, configurations: Mapping[str, Configuration]) -> None:
        """Go over to other configurations; a path that is not among them any more loses its instances."""
        host = self._host
        async with host.changing:
            for path in [path for path in self._scopes if path not in configurations]:
                await self._scopes[path].clear()
                self._scopes.pop(path).stop_tracking()
            self._name_scopes(configurations)
            for path, configuration in configurations.items():
                try:
                    await self._scopes[path].reload(configuration)
                except Exception:
                    # What runs must go on running; the next reload finds what this one left undone.
                    log.exception("the reload of %s broke off; please report this fault", path)
        host.follow()

    async def stop(self, *, keep_addresses: bool = False) -> None:
        """Stop every instance: priority 0 first, then the addresses go, then the scripts are told (N7).

        keep_addresses: masters say nothing and leave their addresses where they are.
        """
        host = self._host
        host.is_stopping = True
        scopes = list(self._scopes.values())
        for scope in scopes:
            scope.stop_tracking()
        if not keep_addresses:
            for scope in scopes:
                scope.stop_engine()
            host.settle_events()
            for scope in scopes:
                scope.give_addresses_up()
            await self._drain()
            for network in host.networks:
                if not await network.remove_vmacs():
                    log.error("not all interfaces with virtual MACs could be removed within %g s", limits.VMACS_S)
        for scope in scopes:
            await scope.tell_stop()
        await host.close(keep_filters=keep_addresses)

    async def _drain(self) -> None:
        networks = self._host.networks
        if not all([await network.drain() for network in networks]):
            log.error("not all addresses could be removed within %g s", limits.STOP_ADDRESSES_S)
        for network in networks:
            network.promotion.restore()
        for network in networks:
            for key, why, _ in network.applier.failures() if network.applier is not None else ():
                log.error("(%s) addresses may be left behind: %s", self._host.title_of(key), why)

    def _name_scopes(self, paths: Mapping[str, Configuration]) -> None:
        """Make the scopes that there are not yet. A name is as much of the end of a path as tells it apart."""
        names = scope_names(paths)
        for path, name in names.items():
            scope = self._scopes.get(path)
            if scope is None:
                self._scopes[path] = Scope(name, self._host)
            else:
                scope.name = name
        self._host.shows_scopes = len(self._scopes) > 1

    # ---- status

    @property
    def configurations(self) -> dict[str, Configuration]:
        """What runs now, by path."""
        return {path: scope.configuration for path, scope in self._scopes.items()}

    def instances(self) -> Iterator[InstanceStatus]:
        """How every instance stands, scope by scope, those that are refused last in each."""
        for scope in list(self._scopes.values()):
            yield from scope.instances()

    def routers(self) -> list[Router]:
        """Every instance that runs, scope by scope."""
        return [router for scope in self._scopes.values() for router in scope.routers]

    def groups(self) -> list[tuple[str, SyncGroup, State]]:
        """Every sync group: what people call it, itself, and its state."""
        return [each for scope in self._scopes.values() for each in scope.groups()]

    def summary(self) -> str:
        """How many instances are in which state, in a line."""
        return ", ".join(f"{count} {name}" for name, count in self._host.state_counts().items())

    def overdue_s(self) -> float:
        """For how long a timer of the reactor has waited for its turn; 0: none does."""
        return self._host.overdue_s()

    def problems(self) -> list[str]:
        """What belongs to no instance and is not as it should be, in sentences."""
        return self._host.problems()

    def counters(self) -> dict[str, dict[str, int]]:
        """What belongs to no instance: dropped datagrams by address family, and the reactor's own totals."""
        return self._host.counters()
