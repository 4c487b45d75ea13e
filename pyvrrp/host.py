"""What all scopes share: one reactor, its events, the network namespaces, and the loop's time.

    reactor -> events -> the router's scope
    links, addresses, namespaces -> routers to judge -> their scope

Python work goes in slices of SLICE_S for all scopes together, and each gives way to the reactor if that is due, since
several slices may come in one turn of the loop. So the reactor waits for one slice, however many scopes there are.
It is used from one event loop only.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable, Iterable
from functools import partial
from typing import TypeVar

from pyvrrp import limits
from pyvrrp.aftermath import Aftermath
from pyvrrp.chronicle import Chronicle
from pyvrrp.duplicates import Duplicates
from pyvrrp.errors import NetlinkError
from pyvrrp.interests import Interest, Interests
from pyvrrp.journal import text
from pyvrrp.model import State, Vip
from pyvrrp.namespaces import NamespaceWatch
from pyvrrp.netlink.links import Link
from pyvrrp.netlink.objects import Thing
from pyvrrp.netlink.sender import Sender
from pyvrrp.network import Network
from pyvrrp.notify.fifos import Fifos
from pyvrrp.notify.mailer import Mailer
from pyvrrp.notify.scripts import NotifyCounters
from pyvrrp.rivals import Rivals
from pyvrrp.router import Router, addresses_of, wanted_of
from pyvrrp.scripts.pool import ScriptPool
from pyvrrp.statics import Statics
from pyvrrp.statistics import Durations, readings
from pyvrrp.watches import Watches
from vrrpcore.engine import EVENTS
from vrrpcore.reactor import Reactor
from vrrpcore.settings import Event

log = logging.getLogger("pyvrrp")

T = TypeVar("T")

_UNKNOWN_VRID = EVENTS["unknown_vrid"]
_PAUSE = EVENTS["pause"]
_FREED_AT_ONCE = 50             # then a look at the clock
_EVENTS_AT_ONCE = 8             # then a look at the clock; each may cost 0.1 ms, with its log and its scripts


class Host:
    """Reactor, namespaces and routers of the whole daemon."""

    def __init__(self, reactor: Reactor, pool: ScriptPool, *, outer_fd: int | None = None) -> None:
        """Reactor and pool are the caller's to close. outer_fd: see Watches."""
        self.reactor, self.engine, self.pool = reactor, reactor.engine, pool
        self.loop = asyncio.get_running_loop()
        self.changing = asyncio.Lock()          # held while routers or namespaces come and go
        self.is_stopping = False
        self.fifos = Fifos(umask=pool.umask)
        self.mailer = Mailer()
        self.told = NotifyCounters()            # by notify scripts, of all scopes
        self.takeovers = Durations()            # from MASTER to the kernel's word that the addresses are set
        self.interests: Interests[Router] = Interests()
        self.shows_scopes = False               # instances are called scope/instance
        self.watches = Watches(outer_fd)
        self.is_drained = False                 # by its operator: every instance stays out of MASTER
        self.aftermath = Aftermath(self.loop, is_urgent=self._is_urgent, give_way=self.give_way)
        self.chronicle = Chronicle()
        self.rivals = Rivals(reactor, self.chronicle)
        self.duplicates = Duplicates(self.loop, self.chronicle)
        self._networks: dict[str | None, Network] = {}
        self._identities: set[tuple[int, int] | None] = set()       # of those that are open
        self._sender = Sender()
        self._watch = NamespaceWatch(self._namespaces_changed)
        self._following: asyncio.Task[None] | None = None
        self._look = asyncio.Event()
        self._routers: dict[int, Router] = {}       # by number, those that leave included
        self._in: dict[Network, dict[int, Router]] = {}     # those of a namespace, by number
        self._statics: dict[int, Statics] = {}      # by number, which no router has
        self._by_index: dict[int, Router] = {}      # by the engine's index
        self._to_judge: OrderedDict[Router, None] = OrderedDict()      # judged in slices
        self._adverts_per_s: dict[Hashable, dict[tuple[str | None, int], float]] = {}     # by scope
        self._logs_unknown: dict[Hashable, bool] = {}                                      # by scope
        self._next_number = 0
        self._drain_scheduled = self._kick_scheduled = self._is_closed = False
        self._counted_since_s = time.time()     # sums over all instances have only grown since

    # ---- life

    async def start(self) -> None:
        """Begin to take turns. Raises NetlinkError, OSError: the daemon's own namespace cannot be used."""
        own = self.network(None)
        await own.open()
        self._identities.add(own.identity)
        self._listen(own)
        self.loop.add_reader(self.reactor.fileno(), self._on_ready)
        self._following = self.loop.create_task(self._follow(), name="namespaces")

    async def close(self, *, keep_filters: bool = False) -> None:
        """Let go of every namespace, addresses as they are, and of every FIFO."""
        self.aftermath.settle()
        self.fifos.close()
        self._is_closed = True
        self.loop.remove_reader(self.reactor.fileno())
        self.rivals.close()
        await self.duplicates.close()
        self._watch.close()
        self.watches.close()
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait([self._following])
        for network in self._networks.values():
            await network.close(keep_filters=keep_filters)
        self._sender.close()

    # ---- routers

    def next_number(self) -> int:
        """A number that no router had before."""
        self._next_number += 1
        return self._next_number

    def admit(self, router: Router) -> None:
        """A router is here: its addresses are known to its namespace from now on."""
        self._routers[router.number] = router
        self._in.setdefault(router.network, {})[router.number] = router
        self.prepare(router)
        self.settle(router)
        self.filter(router)

    def prepare(self, router: Router) -> None:
        """An instance is new, or has changed: have the interfaces made that it will need beside those it has.

        Nothing else changes until settle().
        """
        network = router.network
        router.next = network.place(router.number, router.instance)
        if network.vmacs is not None:
            network.vmacs.configure(router.number, (*router.placed.vmacs, *router.next.vmacs))

    def settle(self, router: Router) -> None:
        """Have the addresses of a router where its instance wants them; interfaces that it needs no more go."""
        network = router.network
        router.placed = router.next
        if network.applier is not None:
            network.applier.configure(router.number, wanted_of(router.placed.instance))
        if network.vmacs is not None:
            network.vmacs.configure(router.number, router.placed.vmacs)

    def filter(self, router: Router) -> None:
        """Have packets to a router's addresses dropped, or taken again, as its configuration says now."""
        vips = addresses_of(router.next.instance) if router.instance.is_filtered else ()
        router.network.filter(router.number, vips, router.scope.filter_table)

    async def settle_filters(self) -> None:
        """Wait until all filters are there, or have failed: no address may come before its own."""
        for network in self.networks:
            await network.settle_filters()

    def enlisted(self, router: Router) -> None:
        """The engine has a router: its events are the router's."""
        self._by_index[router.index] = router
        router.counted_since_s = time.time()

    def runs(self, router: Router) -> bool:
        """Whether the engine still has it."""
        return self._by_index.get(router.index) is router

    def delist(self, router: Router) -> None:
        """The engine has it no more."""
        self._by_index.pop(router.index, None)
        self.rivals.forget(router)
        self._counted_since_s = time.time()
        self.interests.drop(router)
        self._to_judge.pop(router, None)

    def dismiss(self, router: Router) -> None:
        """A router is gone, and its addresses are or will be."""
        del self._routers[router.number], self._in[router.network][router.number]
        if router.network.applier is not None:
            router.network.applier.forget(router.number)
        if router.network.vmacs is not None:
            router.network.vmacs.forget(router.number)
        router.network.filter(router.number, (), router.scope.filter_table)

    def rivalry(self, router: Router) -> str:
        """Say which router's adverts could not be told from this one's; empty if none is seen."""
        mine = router.instance
        for other in self._routers_in(router.network):
            its = other.instance
            if other is not router and (its.vrid, its.family, its.is_unicast, its.interface) == (
                mine.vrid, mine.family, mine.is_unicast, mine.interface
            ):
                where = f" on {mine.interface}" if mine.interface else ""
                return f"virtual_router_id {mine.vrid}{where} is already used by {other.title}; pick a free id"
        return ""

    def title_of(self, number: Hashable) -> str:
        """How messages call the router, or the static things, of a number."""
        named = (self._routers.get(number) or self._statics.get(number)) if isinstance(number, int) else None
        return named.title if named else f"removed instance {number}"

    def expect_adverts(
        self, scope: Hashable, per_s: dict[tuple[str | None, int], float], *, logs_unknown: bool
    ) -> None:
        """What a scope expects to hear, by namespace and address family, in adverts a second.

        logs_unknown: VRIDs that nobody has there are logged, each once until this is said again.
        """
        self._adverts_per_s[scope] = per_s
        self._logs_unknown[scope] = logs_unknown
        for name, family in per_s:
            scopes = [each for each, those in self._adverts_per_s.items() if (name, family) in those]
            network = self.network(name)
            network.expect_adverts(family, sum(self._adverts_per_s[each][name, family] for each in scopes))
            self.engine.tell_unknown(network.domain(family), any(self._logs_unknown[each] for each in scopes))

    def state_counts(self) -> dict[str, int]:
        """How many routers are in which state, by its name; all but INIT even if it is none."""
        states = [router.state for router in self._routers.values()]
        shown = (State.MASTER, State.BACKUP, State.FAULT, State.INIT)
        return {state.name: states.count(state) for state in shown if state in states or state is not State.INIT}

    def overdue_s(self) -> float:
        """For how long the reactor's next timer has waited for its turn; 0: it is not due."""
        next_ns = self.engine.next_deadline()
        return 0.0 if next_ns < 0 else max(0.0, (self.reactor.now_ns() - next_ns) / 1e9)

    @property
    def netlink_batches(self) -> Durations:
        """How long the kernel took for batches of requests, all namespaces together."""
        return self._sender.durations

    def problems(self) -> list[str]:
        """What is static and is not set, settings that the kernel refused, and FIFOs that lose lines, and why."""
        return [
            *(f"{network.title}: {why}" for network in self.networks for why in network.problems()),
            *(f"{statics.title}: {why}" for statics in self._statics.values() for why in statics.problems()),
            *self.fifos.problems(),
        ]

    def counters(self) -> dict[str, dict[str, int]]:
        """What belongs to no instance: dropped datagrams by address family, the reactor's own totals, scripts."""
        engine = self.engine
        found: dict[str, dict[str, int]] = {}
        for network in self.networks:
            for family, domain in network.domains.items():
                drops = found.setdefault(f"ipv{family}", {})
                for name, count in engine.domain_drops(domain).items():
                    drops[name] = drops.get(name, 0) + count
        found |= readings(engine.totals())
        found["engine"]["counted_since_s"] = int(self._counted_since_s)
        found["notify"] = {
            **{f"script_{name}": count for name, count in dataclasses.asdict(self.told).items()},
            **{f"fifo_{name}": count for name, count in dataclasses.asdict(self.fifos.counters).items()},
            "fifo_waiting": self.fifos.waiting,
            **{f"mail_{name}": count for name, count in dataclasses.asdict(self.mailer.counters).items()},
            "mail_waiting": self.mailer.waiting,
        }
        found["netlink"] = dataclasses.asdict(self._sender.counters)
        pool = self.pool
        found["scripts"] = dataclasses.asdict(pool.counters) | {"running": pool.running, "waiting": pool.waiting}
        return found

    # ---- the engine's events

    def kick(self) -> None:
        """Something was changed: send what that queued, and look at the events soon."""
        self.reactor.flush()
        self._drain_soon()

    def kick_soon(self) -> None:
        """As kick(), once for all that is changed before the loop's next turn: a system call sends for 64 routers."""
        if not self._kick_scheduled:
            self._kick_scheduled = True
            self.loop.call_soon(self._kick)

    def _kick(self) -> None:
        self._kick_scheduled = False
        if not self._is_closed:
            self.kick()

    def settle_events(self) -> None:
        """Send what is queued, and hand out every event that waits, now; all of it is told."""
        self.reactor.flush()
        while self.engine.events_waiting():
            self._take_events()
        self.aftermath.settle()

    def _is_urgent(self) -> bool:
        """Whether there are changes to act upon, or addresses to hand over to the kernel."""
        return bool(self.engine.events_waiting()) or any(
            network.applier is not None and network.applier.is_pressed for network in self._networks.values())

    def _on_ready(self) -> None:
        if self.reactor.run():
            self._drain_soon()

    def _drain_soon(self) -> None:
        if not self._drain_scheduled and self.engine.events_waiting():
            self._drain_scheduled = True
            self.loop.call_soon(self._drain)

    def give_way(self) -> None:
        """Let the reactor have a turn if one is due: called before each slice of other work."""
        next_ns = self.engine.next_deadline()
        if 0 <= next_ns <= self.reactor.now_ns() and not self._is_closed:
            self._on_ready()

    def _drain(self) -> None:
        self._drain_scheduled = False
        self.give_way()
        until = time.monotonic() + limits.SLICE_S
        while self.engine.events_waiting() and time.monotonic() < until:
            self._take_events()
        self._drain_soon()

    def _take_events(self) -> None:
        for event in self.engine.take_events(_EVENTS_AT_ONCE):
            if event.kind == _UNKNOWN_VRID:
                self._tell_unknown(event)
            elif event.kind == _PAUSE:
                log.warning("the machine stood still for %.1f s (suspend, or migration of a guest); this process "
                            "listens again before it acts", event.value / 1e6)
            elif event.vr < 0:
                level = logging.WARNING if event.value >= limits.STALL_TOLD_S * 1e6 else logging.DEBUG
                log.log(level, "this process stood still for %.0f ms; it listens again before it acts",
                        event.value / 1000)
            elif router := self._by_index.get(event.vr):
                router.scope.on_event(router, event)

    def _tell_unknown(self, event: Event) -> None:
        """An advert with a VRID that no instance has (log_unknown_vrids)."""
        domain, vrid = divmod(event.value, 256)
        for network in self.networks:
            for family, number in network.domains.items():
                if number == domain:
                    log.warning("%s: advert from %s with VRID %d, which no IPv%d instance has (said once)",
                                network.title, text(event.source, family), vrid, family)

    # ---- judging

    def judge_soon(self, routers: Iterable[Router]) -> None:
        """Have routers judged by their scopes, each once, in slices."""
        if not self._to_judge:
            self.loop.call_soon(self._judge_some)
        self._to_judge.update(dict.fromkeys(routers))

    def judge(self, router: Router) -> None:
        """Have a router judged. One that the engine does not have yet is judged when it has; trouble stays its own."""
        if router.index < 0 or self.is_stopping:
            return
        try:
            router.scope.judge(router)
        except Exception:
            log.exception("(%s) could not be judged; please report this fault", router.title)

    def _judge_some(self) -> None:
        self.give_way()
        until = time.monotonic() + limits.SLICE_S
        while self._to_judge:
            self.judge(self._to_judge.popitem(last=False)[0])
            if time.monotonic() >= until:
                break
        self.kick()
        if self._to_judge:
            self.loop.call_soon(self._judge_some)

    # ---- addresses

    def _on_applied(self, number: Hashable, present: bool, vips: tuple[Vip, ...]) -> None:
        if isinstance(number, int) and (router := self._routers.get(number)):
            router.scope.on_applied(router, present=present, vips=vips)

    def _on_vmacs(self, number: Hashable) -> None:
        if isinstance(number, int) and (router := self._routers.get(number)):
            self.judge_soon([router])

    def _on_lost(self, number: Hashable, thing: Thing) -> None:
        if not isinstance(number, int):
            return
        if router := self._routers.get(number):
            router.scope.on_lost(router, thing)
        elif statics := self._statics.get(number):
            statics.lost(thing)

    def _on_problem(self, number: Hashable) -> None:
        if isinstance(number, int) and (statics := self._statics.get(number)):
            self.judge_soon(self.interests.concerned([(statics, "static", "")]))

    async def set_statics(self, statics: Statics) -> None:
        """Have static things in their namespace; again, after they have changed: only the difference is programmed."""
        self._statics[statics.number] = statics
        if statics.network.is_open:
            statics.apply()
        elif self._following is not None:
            await self.take_up(statics.network)

    def drop_statics(self, statics: Statics) -> None:
        """Have them removed."""
        del self._statics[statics.number]
        statics.forget()

    def _on_filter(self, numbers: set[Hashable]) -> None:
        self.judge_soon(router for number in numbers
                        if isinstance(number, int) and (router := self._routers.get(number)))

    # ---- namespaces

    def network(self, name: str | None) -> Network:
        """The network namespace of a name, None the daemon's own; it may be closed."""
        network = self._networks.get(name)
        if network is None:
            network = Network(name, self.reactor, self._sender, on_applied=self._on_applied,
                              on_lost=self._on_lost, on_problem=self._on_problem, on_vmacs=self._on_vmacs,
                              on_filter=self._on_filter, describe=self.title_of, give_way=self.give_way)
            own = self._networks.get(None)
            if own is not None and network.look() == own.identity:
                network = own           # as with -s NAME and a file that says the same
            self._networks[name] = network
        return network

    @property
    def networks(self) -> list[Network]:
        """Every namespace that somebody asked for, each once."""
        return list({id(network): network for network in self._networks.values()}.values())

    def _routers_in(self, network: Network) -> list[Router]:
        return list(self._in.get(network, {}).values())

    def _is_wanted(self, network: Network) -> bool:
        return bool(self._in.get(network)) or any(each.network is network for each in self._statics.values())

    async def take_up(self, network: Network) -> None:
        """Open a namespace if it is there, and remove what a crash has left on its interfaces (S11).

        Its routers have to be judged afterwards.
        """
        was_open = network.is_open
        if not was_open:
            before = network.why_closed
            twin = network.look()
            if twin is not None and twin in self._identities:
                network.why_closed = f"{network.title} has another name in the configuration; use one name for it"
            else:
                try:
                    await network.open()
                except (OSError, NetlinkError) as error:
                    network.why_closed = f"{network.title} cannot be used: {error}"
            if not network.is_open:
                if network.why_closed != before:
                    log.warning("%s; its %d instances wait for it", network.why_closed, len(self._routers_in(network)))
                return
            self._identities.add(network.identity)
            self._listen(network)
            log.info("%s is there", network.title)
        assert network.applier is not None
        assert network.vmacs is not None
        for statics in self._statics.values():
            if statics.network is network:
                statics.apply()
        # Those that came while it was open are where they belong already.
        async for router in in_slices([] if was_open else self._routers_in(network)):
            self.prepare(router)
            self.settle(router)
            router.scope.placed(router)
        network.vmacs.remove_leftovers()
        if not await network.settle_vmacs():
            log.error("not all interfaces with virtual MACs could be made within %g s", limits.VMACS_S)
        await network.applier.remove_leftovers()
        assert network.filters is not None
        await network.filters.start()
        async for router in in_slices(self._routers_in(network)):
            self.filter(router)
        await network.settle_filters()

    async def _give_up(self, network: Network) -> None:
        """The name of a namespace means nothing now, or another: its routers say so, and leave."""
        log.warning("%s is gone; its %d instances are in FAULT until it is back", network.title,
                    len(self._routers_in(network)))
        network.why_closed = f"there is no {network.title}"
        network.is_vanishing = True
        async for router in in_slices(self._routers_in(network)):
            self.judge(router)
        self.settle_events()
        for statics in self._statics.values():
            if statics.network is network:
                statics.give_up()
        # Processes may live on in it: nothing of ours is left to them.
        await network.drain(limits.NAMESPACE_LEAVE_S)
        await network.remove_vmacs(limits.NAMESPACE_LEAVE_S)
        network.promotion.restore()
        self._identities.discard(network.identity)
        await network.close()
        network.is_vanishing = False
        for router in self._routers_in(network):
            router.joined = None

    def _listen(self, network: Network) -> None:
        assert network.links is not None
        network.links.watch(partial(self._on_link, network))

    def _on_link(self, network: Network, old: Link | None, new: Link | None) -> None:
        changed: list[Interest] = [(network, "link", link.name) for link in (old, new) if link is not None]
        if new is not None and (old is None or old.name != new.name):
            network.promotion.appeared(new.name)
        before = {a.address for a in old.addresses} if old is not None else set()
        after = {a.address for a in new.addresses} if new is not None else set()
        changed += [(network, "address", address) for address in before ^ after]
        if old is not None and (new is None or new.index != old.index):
            network.forget_interface(old.index)
            for router in self.interests.concerned([(network, "link", old.name)]):
                router.joined = None
        self.judge_soon(self.interests.concerned(changed))

    def _namespaces_changed(self) -> None:
        self._look.set()

    async def _follow(self) -> None:
        """Open namespaces that appear, give up those that vanish."""
        while True:
            await self._look.wait()
            self._look.clear()
            async for network in in_slices([network for network in self.networks if network.name is not None]):
                there = network.look()
                if there == network.identity:
                    continue
                async with self.changing:
                    try:
                        if network.is_open:
                            await self._give_up(network)
                        if there is not None and self._is_wanted(network):
                            await self.take_up(network)
                            self.judge_soon(self._routers_in(network))
                    except Exception:
                        log.exception("%s: this is a bug in pyvrrp; its instances wait", network.title)
            self._watch.rest(is_waiting=any(
                not network.is_open or (network.name or "").startswith("/")
                for network in self.networks if network.name is not None
            ))

    def follow(self) -> None:
        """Look at all names soon: there may be new ones."""
        self._look.set()


async def let_go(things: list[object]) -> None:
    """Empty a list whose things nobody else has, in slices: to free 10,000 instances takes some 20 ms."""
    async for _ in in_slices(range(0, len(things), _FREED_AT_ONCE)):
        del things[-_FREED_AT_ONCE:]


async def in_slices(items: Iterable[T]) -> AsyncIterator[T]:
    """The items, with a turn for the loop after each millisecond of work on them."""
    until = time.monotonic() + limits.SLICE_S
    for item in items:
        yield item
        if time.monotonic() >= until:
            await asyncio.sleep(0)
            until = time.monotonic() + limits.SLICE_S
