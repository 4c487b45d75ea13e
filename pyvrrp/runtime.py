"""The running daemon's scopes: they start, reload and stop together, on one Host.

A scope is one configuration file with what it includes; it is known by the path that was given. Names need be unique
only within it, and are shown as scope/instance once there is more than one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from pyvrrp import limits
from pyvrrp.bookends import run_scripts
from pyvrrp.chronicle import Chronicle
from pyvrrp.config.scopes import scope_names
from pyvrrp.control.protocol import REFUSED, InstanceDetails, InstanceStatus, ScopesReply, ScopeStatus, rfc3339
from pyvrrp.control.trackers import FileStatus, ProcessNews, ProcessStatus, ScriptStatus
from pyvrrp.host import Host
from pyvrrp.model import Configuration, GlobalDefs, State, SyncGroup
from pyvrrp.moving import Moves
from pyvrrp.neighbours import warnings
from pyvrrp.router import Router
from pyvrrp.scope import Counts, Scope
from pyvrrp.scripts.pool import ScriptPool
from pyvrrp.statistics import Durations
from pyvrrp.tracker_status import process_news
from vrrpcore.reactor import Reactor

log = logging.getLogger("pyvrrp")


class Runtime:
    """Runs any number of configurations on a reactor."""

    def __init__(self, reactor: Reactor, pool: ScriptPool, *, outer_fd: int | None = None) -> None:
        """Reactor and pool are the caller's to close. The daemon's own namespace is the calling thread's.

        outer_fd: open on the network namespace in which the daemon was started, if it has left that; the caller's to
        close.
        """
        self._host = Host(reactor, pool, outer_fd=outer_fd)
        self.reactor = reactor
        self.moves = Moves(self._host)
        self._scopes: dict[str, Scope] = {}         # by path
        self._first: list[GlobalDefs] = []          # of the files that it was started with
        self._said: list[str] = []                  # of the machine, at the start or the last reload

    # ---- life

    async def start(self, configurations: Mapping[str, Configuration]) -> None:
        """Run configurations, by path: startup_script, then leftovers are removed, then every instance starts.

        Raises NetlinkError, OSError.
        """
        host = self._host
        self._first = [each.global_defs for each in configurations.values()]
        await run_scripts(host.pool, "startup_script", self._first)
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
        self._warn()

    async def reload(self, configurations: Mapping[str, Configuration]) -> dict[str, Counts]:
        """Go over to other configurations; a path that is not among them any more loses its instances.

        Returns what was done to the instances of each; a path whose reload broke off is not there.
        """
        host = self._host
        done: dict[str, Counts] = {}
        async with host.changing:
            for path in [path for path in self._scopes if path not in configurations]:
                await self._scopes[path].clear()
                self._scopes.pop(path).stop_tracking()
            self._name_scopes(configurations)
            for path, configuration in configurations.items():
                try:
                    done[path] = await self._scopes[path].reload(configuration)
                except Exception:
                    # What runs must go on running; the next reload finds what this one left undone.
                    log.exception("the reload of %s broke off; please report this fault", path)
        host.follow()
        self._warn()
        return done

    async def change(self, path: str, configuration: Configuration) -> Counts:
        """Go over to another configuration of one path, as reload() does; all others stay as they are."""
        async with self._host.changing:
            done = await self._scopes[path].reload(configuration)
        self._host.follow()
        self._warn()
        return done

    async def stop(self, *, keep_addresses: bool = False) -> None:
        """Stop every instance: priority 0, then the addresses go, then STOP is told (N7), last shutdown_script runs.

        keep_addresses: masters say nothing and leave their addresses where they are.
        """
        host = self._host
        host.is_stopping = True
        self.moves.close()
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
        await asyncio.gather(host.fifos.settle(), host.mailer.close())
        await host.close(keep_filters=keep_addresses)
        files = [scope.configuration.global_defs for scope in scopes] or self._first
        await run_scripts(host.pool, "shutdown_script", files)

    async def _drain(self) -> None:
        networks = self._host.networks
        if not all([await network.drain() for network in networks]):
            log.error("not all addresses could be removed within %g s", limits.STOP_ADDRESSES_S)
        for network in networks:
            network.promotion.restore()
        for network in networks:
            for key, why, _ in network.applier.failures() if network.applier is not None else ():
                log.error("(%s) addresses may be left behind: %s", self._host.title_of(key), why)

    def _warn(self) -> None:
        """Say what the machine is not made for; not again what was said last."""
        said, self._said = self._said, warnings(self.configurations.values())
        for sentence in self._said:
            if sentence not in said:
                log.warning("%s", sentence)

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

    # ---- whom an operator names

    @property
    def scopes(self) -> list[Scope]:
        """Every scope."""
        return list(self._scopes.values())

    @property
    def scopes_by_path(self) -> dict[str, Scope]:
        """Every scope, by the path of its file."""
        return dict(self._scopes)

    def scope(self, name: str) -> Scope | None:
        """The scope of a name."""
        return next((scope for scope in self._scopes.values() if scope.name == name), None)

    def find(self, title: str) -> Router | None:
        """The instance that people call so, and that is run."""
        for scope, name in self._named(title):
            if (router := scope.find(name)) is not None:
                return router
        return None

    def members(self, title: str) -> list[Router] | None:
        """The instances of the sync group that people call so; None: there is none."""
        for scope, name in self._named(title):
            if (found := scope.members(name)) is not None:
                return found
        return None

    def together(self, router: Router) -> list[Router]:
        """The instances that change their state with one: its sync group, or itself."""
        scope = router.scope
        assert isinstance(scope, Scope)
        found = None if router.group is None else scope.members(router.group)
        return found or [router]

    def _named(self, title: str) -> Iterator[tuple[Scope, str]]:
        for scope in self._scopes.values():
            prefix = f"{scope.name}/" if self._host.shows_scopes else ""
            if title.startswith(prefix):
                yield scope, title.removeprefix(prefix)

    # ---- what an operator orders

    def drain(self, wanted: bool) -> None:
        """Have every instance stay out of MASTER, those of later reloads too, or not. They have to be judged then."""
        self._host.is_drained = wanted

    def judge_now(self, routers: Iterable[Router]) -> None:
        """Bring the engine to the orders of some routers, and send what that queues."""
        for router in routers:
            self._host.judge(router)
        self._host.kick()

    def judge_soon(self, routers: Iterable[Router]) -> None:
        """The same in later turns of the loop, in slices."""
        self._host.judge_soon(routers)

    def has_heard_peer(self, router: Router) -> bool:
        """Whether an advert of another host was ever heard."""
        return router.index >= 0 and self._host.engine.status(router.index).peer_heard_ns > 0

    def announce(self, router: Router) -> None:
        """Have a MASTER tell its segment who has its addresses."""
        self._host.engine.announce(router.index, self._host.reactor.now_ns())
        self._host.kick()

    # ---- status

    @property
    def chronicle(self) -> Chronicle:
        """Who tells of what happens."""
        return self._host.chronicle

    @property
    def is_stopping(self) -> bool:
        """It was asked to stop."""
        return self._host.is_stopping

    def state_counts(self) -> dict[str, int]:
        """How many instances are in which state."""
        return self._host.state_counts()

    def scope_statuses(self) -> ScopesReply:
        """The files that are run."""
        scopes = [
            ScopeStatus(
                name=scope.name, file=path.encode("utf-8", "replace").decode(), drained=scope.is_drained,
                unwritten_since="" if scope.unwritten_since_s is None else rfc3339(scope.unwritten_since_s),
                instances=dict(Counter(router.state.name for router in scope.routers))
                | ({REFUSED: len(scope.configuration.refused)} if scope.configuration.refused else {}),
            )
            for path, scope in self._scopes.items()
        ]
        return ScopesReply(drained=self._host.is_drained, scopes=scopes)

    def details(self, title: str) -> InstanceDetails | None:
        """All that is known of the instance that people call so, also of one that is refused; None: there is none."""
        for scope, name in self._named(title):
            if (found := scope.details(name)) is not None:
                return found
        return None

    @property
    def configurations(self) -> dict[str, Configuration]:
        """What runs now, by path."""
        return {path: scope.configuration for path, scope in self._scopes.items()}

    def instances(self) -> Iterator[InstanceStatus]:
        """How every instance stands, scope by scope, those that are refused last in each."""
        for scope in list(self._scopes.values()):
            yield from scope.instances()

    def trackers(self) -> Iterator[ScriptStatus | FileStatus | ProcessStatus]:
        """How everything stands that is tracked, scope by scope."""
        for scope in list(self._scopes.values()):
            yield from scope.trackers()

    def process_news(self) -> ProcessNews | None:
        """How processes are counted; None: nobody tracks any."""
        watches = self._host.watches
        return process_news(watches.processes, watches.why_untold) if watches.counts_processes else None

    def routers(self) -> list[Router]:
        """Every instance that runs, scope by scope."""
        return [router for scope in self._scopes.values() for router in scope.routers]

    def groups(self) -> list[tuple[str, SyncGroup, State]]:
        """Every sync group: what people call it, itself, and its state."""
        return [each for scope in self._scopes.values() for each in scope.groups()]

    def shown_scopes(self) -> tuple[str, ...]:
        """The names of all scopes, as the titles of their instances have them; none: titles are without."""
        return tuple(scope.name for scope in self._scopes.values()) if self._host.shows_scopes else ()

    @property
    def takeovers(self) -> Durations:
        """How long the kernel took for the addresses of a new MASTER."""
        return self._host.takeovers

    @property
    def netlink_batches(self) -> Durations:
        """How long the kernel took for batches of requests."""
        return self._host.netlink_batches

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
