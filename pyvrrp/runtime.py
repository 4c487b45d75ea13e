"""The running daemon: between the engine and the kernel on one side, scripts and people on the other.

    reactor -> events -> log, wanted addresses -> (kernel's ack) -> announcements, notify scripts
    links, track scripts -> settings, effective priority, reasons for FAULT -> engine

What a change of state does is wanted state, not a delta: the newest wish of a router counts. Notify scripts are the
exception: each change is told, in order, once its addresses are in place or have failed. Long work goes in slices, so
that the reactor has its turn at least every millisecond.

One Runtime runs one Configuration. It is used from one event loop only.
"""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
import logging
import time
from collections.abc import AsyncIterator, Hashable, Iterable, Iterator
from typing import TypeVar

from pyvrrp import limits
from pyvrrp.config import plan_in_turns
from pyvrrp.control.protocol import REFUSED, InstanceStatus, PeerHeard, rfc3339
from pyvrrp.interests import Interest, Interests
from pyvrrp.journal import tell, tell_why, text
from pyvrrp.model import Configuration, GlobalDefs, Instance, State, SyncGroup, Tracked, Vip
from pyvrrp.netlink.links import Link
from pyvrrp.network import Network
from pyvrrp.notify.scripts import Notifier, Stopping
from pyvrrp.router import (
    Fault,
    Router,
    addresses_of,
    interface_is_up,
    link_faults,
    links_of,
    settings_of,
)
from pyvrrp.scripts.pool import ScopeRunner, ScriptPolicy, ScriptPool
from pyvrrp.track.priority import Contribution, Effective, effective
from pyvrrp.track.scripts import ScriptTracker
from vrrpcore.engine import EVENTS, FAULT_GROUP_BIT
from vrrpcore.reactor import Reactor
from vrrpcore.settings import Event, VrSettings

log = logging.getLogger("pyvrrp")

T = TypeVar("T")

_STATE = EVENTS["state"]
_EVENTS_PER_SLICE = 64          # about 1 ms of Python


class Runtime:
    """Runs a configuration on a reactor, in the network namespace of the thread that makes it."""

    def __init__(self, reactor: Reactor, pool: ScriptPool) -> None:
        """Reactor and pool are the caller's to close. Raises OSError when the kernel refuses a socket."""
        self._reactor, self._engine, self._pool = reactor, reactor.engine, pool
        self._loop = asyncio.get_running_loop()
        self._network = Network(
            reactor, on_applied=self._on_applied, on_lost=self._on_lost, describe=self._name_of
        )
        self._configuration = Configuration(global_defs=GlobalDefs(router_id=""))
        self._runner: ScopeRunner = pool.scope(ScriptPolicy())
        self._notifier = Notifier(self._runner)
        self._routers: dict[int, Router] = {}               # by number
        self._leaving: dict[int, Router] = {}               # by number: removed, but for their addresses
        self._by_index: dict[int, Router] = {}              # by the engine's index
        self._by_name: dict[str, Router] = {}
        self._interests: Interests[Router] = Interests()
        self._to_judge: dict[Router, None] = {}             # in order; judged in slices
        self._groups: dict[str, SyncGroup] = {}
        self._group_states: dict[str, State] = {}
        self._trackers: dict[str, ScriptTracker] = {}
        self._verdicts: dict[str, bool] = {}                # of the command before, until the new one has its own
        self._next_number = 0
        self._drain_scheduled = False
        self._stopping = False
        self._is_whole = True           # no reload broke off

    # ---- life

    async def start(self, configuration: Configuration) -> None:
        """Run a configuration: leftovers are removed first, then every instance starts.

        Raises NetlinkError, OSError.
        """
        await self._network.start()
        self._loop.add_reader(self._reactor.fileno(), self._on_ready)
        self._adopt(configuration)
        async for instance in _in_slices(configuration.instances):
            router = self._new_router(instance)
            self._network.vips.configure(router.number, addresses_of(instance))
        # What a crash has left on an interface goes before anything is sent (S11).
        await self._network.vips.remove_leftovers()
        async for router in _in_slices(list(self._routers.values())):
            self._enlist(router)
        self._network.links.watch(self._on_link)
        self._regroup(configuration.groups)
        self._retrack()
        async for router in _in_slices(list(self._routers.values())):
            self._judge(router)
        self._kick()

    async def reload(self, configuration: Configuration) -> None:
        """Go over to another configuration; what the plan does not touch is not touched.

        The plan begins at what runs, not at what was asked for last: so a reload that broke off does not spoil the
        next one, which configures every instance anew.
        """
        was_whole, self._is_whole = self._is_whole, False
        runs = dataclasses.replace(
            self._configuration, instances=tuple(router.instance for router in self._routers.values())
        )
        steps = await plan_in_turns(runs, configuration)
        log.info(
            "reload: %d added, %d removed, %d changed, %d untouched",
            len(steps.added), len(steps.removed), len(steps.changed), len(steps.untouched),
        )
        old_routers = {id(router.instance): router for router in self._routers.values()}
        by_name = {router.instance.name: router for router in self._routers.values()}
        continued = [
            *((old_routers[id(change.old)], change.new, True) for change in steps.changed),
            *((by_name[new.name], new, not was_whole) for new in steps.untouched),
        ]
        async for gone in _in_slices(steps.removed):
            self._remove(old_routers[id(gone)])
        self._adopt(configuration)
        self._retrack()
        self._by_name = {}
        for router, instance, _ in continued:
            router.instance = instance
            self._by_name[instance.name] = router
            self._interest(router)
        added = []
        async for instance in _in_slices(steps.added):
            router = self._new_router(instance)
            self._network.vips.configure(router.number, addresses_of(instance))
            self._enlist(router)
            added.append(router)
        self._regroup(configuration.groups)
        async for router, instance, is_changed in _in_slices(continued):
            if is_changed:
                self._network.vips.configure(router.number, addresses_of(instance))
            self._judge(router)
        async for router in _in_slices(added):
            self._judge(router)
        self._is_whole = True
        self._kick()

    async def stop(self, *, keep_addresses: bool = False) -> None:
        """Stop every instance: priority 0 first, then the addresses go, then the scripts are told (N7).

        keep_addresses: masters say nothing and leave their addresses where they are.
        """
        self._stopping = True
        for tracker in self._trackers.values():
            tracker.stop()
        routers = list(self._routers.values())
        now_ns = self._reactor.now_ns()
        masters = [router for router in routers if router.state is State.MASTER]
        if not keep_addresses:
            for router in routers:
                if router.is_started:
                    self._engine.stop(router.index, now_ns)
            self._reactor.flush()
            for router in masters:
                log.info("(%s) sent 0 priority", router.instance.name)
            await self._remove_addresses(routers)
        await self._notifier.stopped(
            (Stopping(r.instance.name, r.instance.notify, r.priority) for r in routers),
            (Stopping(group.name, group.notify) for group in self._groups.values()),
        )
        self._loop.remove_reader(self._reactor.fileno())
        await self._network.close()

    async def _remove_addresses(self, routers: Iterable[Router]) -> None:
        while self._engine.events_waiting():
            self._take_events()
        for router in routers:
            self._network.vips.want(router.number, False)
        try:
            async with asyncio.timeout(limits.STOP_ADDRESSES_S):
                await self._network.vips.drain()
        except TimeoutError:
            log.error("not all addresses could be removed within %g s", limits.STOP_ADDRESSES_S)
        for key, why, _ in self._network.vips.failures():
            log.error("(%s) addresses may be left behind: %s", self._name_of(key), why)

    # ---- status

    @property
    def configuration(self) -> Configuration:
        """What runs now."""
        return self._configuration

    def instances(self) -> Iterator[InstanceStatus]:
        """How every instance stands, those that are refused last."""
        for router in list(self._routers.values()):
            yield self._status(router)
        for name, where, reason in self._configuration.refused:
            yield InstanceStatus(name=name, state=REFUSED, reason=f"{where}: {reason}")

    def counters(self) -> dict[str, dict[str, int]]:
        """What belongs to no instance: dropped datagrams by address family, and the reactor's own totals."""
        reactor, engine = self._reactor, self._engine
        found = {f"ipv{family}": engine.domain_drops(d) for family, d in self._network.domains.items()}
        found["engine"] = {
            "turns": reactor.turns,
            "datagrams_received": reactor.datagrams_received,
            "datagrams_sent": reactor.datagrams_sent,
            "receive_drops": reactor.receive_drops,
            "send_errors": reactor.send_errors,
            "stalls": engine.stalls,
            "stall_longest_us": engine.stall_longest_ns // 1000,
            "events_coalesced": engine.events_coalesced,
            "events_dropped": engine.events_dropped,
        }
        return found

    def _status(self, router: Router) -> InstanceStatus:
        instance = router.instance
        if router.index < 0:
            return InstanceStatus(name=instance.name, state=State.INIT.name, faults=["not set up; the log says why"])
        seen = self._engine.status(router.index)
        now_ns = self._reactor.now_ns()
        heard = None
        if seen.peer_heard_ns:
            heard = PeerHeard(
                address=text(seen.peer_address, instance.family),
                priority=seen.peer_priority,
                ago_s=round((now_ns - seen.peer_heard_ns) / 1e9, 3),
            )
        master = None
        if router.state is State.MASTER and router.settings is not None:
            master = text(router.settings.source, instance.family)
        elif any(seen.master_address):
            master = text(seen.master_address, instance.family)
        faults = list(router.faults) if router.state is State.FAULT else []
        if seen.fault_reasons & FAULT_GROUP_BIT:
            faults.append(f"another member of its sync group {router.group} is in FAULT")
        if not router.is_started:
            faults.append(f"waits for the first result of {', '.join(router.held_by)}")
        if refusal := self._network.vips.state(router.number).error:
            faults.append(refusal)
        since_ns = seen.since_ns or now_ns
        return InstanceStatus(
            name=instance.name,
            state=router.state.name,
            since=rfc3339(router.since_s) if router.since_s else "",
            since_s=round((now_ns - since_ns) / 1e9, 3),
            priority=seen.priority,
            base_priority=instance.priority,
            vrid=instance.vrid,
            interface=instance.interface,
            family=instance.family,
            version=instance.version,
            vips=[_address(vip) for vip in instance.vips],
            excluded=[_address(vip) for vip in instance.excluded],
            peers=[str(ipaddress.ip_address(peer)) for peer in instance.peers],
            peer_last_heard=heard,
            master_address=master,
            faults=faults,
            group=router.group,
            counters=self._engine.counters(router.index),
        )

    def _name_of(self, number: Hashable) -> str:
        router = self._routers.get(number) or self._leaving.get(number) if isinstance(number, int) else None
        return router.instance.name if router else f"removed instance {number}"

    # ---- the engine's events

    def _kick(self) -> None:
        """Something was changed: send what that queued, and look at the events soon."""
        self._reactor.flush()
        self._drain_soon()

    def _on_ready(self) -> None:
        if self._reactor.run():
            self._drain_soon()

    def _drain_soon(self) -> None:
        if not self._drain_scheduled and self._engine.events_waiting():
            self._drain_scheduled = True
            self._loop.call_soon(self._drain)

    def _drain(self) -> None:
        self._drain_scheduled = False
        self._take_events()
        self._drain_soon()

    def _take_events(self) -> None:
        for event in self._engine.take_events(_EVENTS_PER_SLICE):
            if event.vr < 0:
                level = logging.WARNING if event.value >= limits.STALL_TOLD_S * 1e6 else logging.DEBUG
                log.log(level, "this process stood still for %.0f ms; it listens again before it acts",
                        event.value / 1000)
                continue
            router = self._by_index.get(event.vr)
            if router is None:
                continue
            if event.kind == _STATE:
                self._on_state(router, event)
            else:
                tell(router, event)

    def _on_state(self, router: Router, event: Event) -> None:
        state = State(event.state)
        if state is router.state:
            return
        tell_why(router, event)
        router.state = state
        router.since_s = time.time() - (self._reactor.now_ns() - event.at_ns) / 1e9
        if state is State.INIT:
            return
        log.info("(%s) Entering %s STATE", router.instance.name, state.name)
        router.untold.append(state)
        if addresses_of(router.instance):
            self._network.vips.want(router.number, state is State.MASTER)
            self._loop.call_later(limits.NOTIFY_WAITS_S, self._tell_late, router, state)
        else:
            self._tell(router)

    # ---- addresses

    def _on_applied(self, number: Hashable, present: bool, vips: tuple[Vip, ...]) -> None:
        if isinstance(number, int) and number in self._leaving:
            self._left(self._leaving.pop(number))
            return
        router = self._routers.get(number) if isinstance(number, int) else None
        if router is None:
            return
        if present and vips and router.state is State.MASTER:
            self._engine.announce(router.index, self._reactor.now_ns())
            self._kick()
        self._tell(router)

    def _on_lost(self, number: Hashable, vip: Vip) -> None:
        router = self._routers.get(number) if isinstance(number, int) else None
        if router is None or router.state is not State.MASTER or not vip.is_tracked:
            return
        log.warning("(%s) somebody removed %s; priority 0 is sent and the election starts again",
                    router.instance.name, vip)
        self._engine.vip_lost(router.index, self._reactor.now_ns())
        self._kick()

    # ---- notify scripts

    def _tell_late(self, router: Router, state: State) -> None:
        if state in router.untold and not self._stopping:
            log.warning("(%s) its addresses take longer than %g s; its notify scripts do not wait for them",
                        router.instance.name, limits.NOTIFY_WAITS_S)
            self._tell(router)

    def _tell(self, router: Router) -> None:
        """Have notify scripts told what they have not been told yet, the group's after the instance's (Y5)."""
        untold, router.untold = router.untold, []
        if self._stopping:
            return
        instance = router.instance
        for state in untold:
            router.told = state
            self._notifier.instance_changed(instance.name, instance.notify, state.name, router.priority)
        if untold and router.group is not None:
            self._tell_group(self._groups[router.group])

    def _tell_group(self, group: SyncGroup) -> None:
        told = {self._by_name[name].told for name in group.members if name in self._by_name}
        if len(told) != 1:
            return
        (state,) = told
        if state is None or self._group_states.get(group.name) is state:
            return
        self._group_states[group.name] = state
        log.info("VRRP_Group(%s) Syncing instances to %s state", group.name, state.name)
        self._notifier.group_changed(group.name, group.notify, state.name)

    # ---- what decides priority and FAULT

    def _on_link(self, old: Link | None, new: Link | None) -> None:
        changed: list[Interest] = [("link", link.name) for link in (old, new) if link is not None]
        before = {a.address for a in old.addresses} if old is not None else set()
        after = {a.address for a in new.addresses} if new is not None else set()
        changed += [("address", address) for address in before ^ after]
        if old is not None and (new is None or new.index != old.index):
            self._reactor.forget_interface(old.index)
            for router in self._interests.concerned([("link", old.name)]):
                router.joined = None
        self._judge_soon(self._interests.concerned(changed))

    def _on_verdict(self, name: str, up: bool) -> None:
        self._judge_soon(self._interests.concerned([("script", name)]))

    def _judge_soon(self, routers: Iterable[Router]) -> None:
        if not self._to_judge:
            self._loop.call_soon(self._judge_some)
        self._to_judge.update(dict.fromkeys(routers))

    def _judge_some(self) -> None:
        until = time.monotonic() + limits.SLICE_S
        while self._to_judge:
            router = next(iter(self._to_judge))
            del self._to_judge[router]
            if router.number in self._routers and not self._stopping:
                self._judge(router)
            if time.monotonic() >= until:
                break
        self._kick()
        if self._to_judge:
            self._loop.call_soon(self._judge_some)

    def _tracked(self, router: Router) -> tuple[tuple[Tracked, ...], tuple[Tracked, ...]]:
        """The scripts and the interfaces that a router tracks, its own and its group's."""
        instance, group = router.instance, self._groups.get(router.group or "")
        if group is None:
            return instance.track_scripts, instance.track_interfaces
        return (
            instance.track_scripts + group.track_scripts,
            instance.track_interfaces + group.track_interfaces,
        )

    def _effective(self, router: Router, interfaces: Iterable[Tracked]) -> Effective:
        scripts, _ = self._tracked(router)
        items = [
            Contribution(tracked.name, tracked.weight, self._verdict(tracked.name), tracked.reverse)
            for tracked in scripts
            if tracked.name in self._trackers
        ]
        items += [
            Contribution(
                tracked.name, tracked.weight, interface_is_up(tracked.name, self._network.links), tracked.reverse
            )
            for tracked in interfaces
            if tracked.weight
        ]
        return effective(router.instance.priority, items)

    def _verdict(self, name: str) -> bool | None:
        up = self._trackers[name].up
        return self._verdicts.get(name) if up is None else up

    def _judge(self, router: Router) -> None:
        """Bring the engine to what configuration, links and trackers say of a router now."""
        instance, links = router.instance, self._network.links
        interfaces = self._tracked(router)[1]
        result = self._effective(router, interfaces)
        faults, why = link_faults(instance, interfaces, links)
        if result.failed:
            faults |= Fault.TRACK_SCRIPT
            why += tuple(f"{name} failed" for name in result.failed)
        router.priority = result.priority
        settings = settings_of(
            instance,
            links,
            domain=self._network.domain(instance.family),
            priority=result.priority,
            forwards=self._network.forwards_ipv6,
        )
        self._rejoin(router, settings.domain, settings.ifindex, settings.destinations[0])
        if router.group_error is not None:
            faults |= Fault.NO_GROUP
            why += (router.group_error,)
        router.faults = why
        router.held_by = result.undecided
        now_ns = self._reactor.now_ns()
        if router.is_started and faults:
            self._engine.set_fault(router.index, int(faults), now_ns)
        if settings != router.settings:
            try:
                self._configure(router, settings, now_ns)
            except ValueError as error:
                # The configuration has refused what it could see; two instances met here only now.
                faults |= Fault.NO_SOURCE
                router.faults += (str(error),)
                log.error("(%s) cannot run: %s", instance.name, error)
                self._engine.set_fault(router.index, int(faults), now_ns)
        if not router.is_started:
            if result.is_held:
                return
            router.is_started = True
            router.since_s = time.time()
            self._engine.set_fault(router.index, int(faults), now_ns)
            self._engine.start(router.index, now_ns)
        elif not faults:
            self._engine.set_fault(router.index, 0, now_ns)

    def _configure(self, router: Router, settings: VrSettings, now_ns: int) -> None:
        old = router.settings
        if old is not None and dataclasses.replace(old, priority=settings.priority) == settings:
            log.info("(%s) Changing effective priority from %d to %d",
                     router.instance.name, old.priority, settings.priority)
            self._engine.set_priority(router.index, settings.priority, now_ns)
        else:
            self._engine.configure(router.index, settings, now_ns)
        router.settings = settings

    def _rejoin(self, router: Router, domain: int, ifindex: int, group: bytes) -> None:
        """Have the multicast group of a router heard on its interface, and no other."""
        wanted = None if router.instance.is_unicast or not ifindex else (domain, ifindex, group)
        if wanted == router.joined:
            return
        family = router.instance.family
        if router.joined is not None:
            self._network.leave(family, *router.joined[1:])
            router.joined = None
        router.group_error = None
        if wanted is not None:
            router.group_error = self._network.join(family, ifindex, group)
            if router.group_error is None:
                router.joined = wanted

    # ---- instances, scripts and groups come and go

    def _adopt(self, configuration: Configuration) -> None:
        defs = configuration.global_defs
        old = self._configuration.global_defs
        if dataclasses.replace(defs, router_id=old.router_id) != old:
            policy = ScriptPolicy(
                default_user=defs.script_user,
                default_group=defs.script_group,
                enable_script_security=defs.enable_script_security,
            )
            self._runner.policy = policy
        self._configuration = configuration
        for family in (4, 6):
            per_s = sum(
                100 / i.advertisement_interval_cs * max(1, len(i.peers))
                for i in configuration.instances
                if i.family == family
            )
            if per_s:
                self._network.expect_adverts(family, per_s)

    def _new_router(self, instance: Instance) -> Router:
        router = Router(self._next_number, instance)
        self._next_number += 1
        self._routers[router.number] = router
        self._by_name[instance.name] = router
        self._interest(router)
        return router

    def _enlist(self, router: Router) -> None:
        """Make the engine's router, in INIT and deaf until it has been judged."""
        instance = router.instance
        unbound = dataclasses.replace(
            settings_of(
                instance,
                self._network.links,
                domain=self._network.domain(instance.family),
                priority=instance.priority,
                forwards=self._network.forwards_ipv6,
            ),
            source=bytes(4 if instance.family == 4 else 16),
        )
        router.index = self._engine.add(unbound)
        self._by_index[router.index] = router

    def _remove(self, router: Router) -> None:
        """An instance is gone from the configuration: priority 0, addresses off, told as FAULT (N8)."""
        instance = router.instance
        log.info("(%s) removed", instance.name)
        self._engine.stop(router.index, self._reactor.now_ns())
        self._reactor.flush()
        while self._engine.events_waiting():
            self._take_events()
        self._rejoin(router, 0, 0, b"")
        self._engine.leave_group(router.index)
        self._engine.remove(router.index)
        self._interests.drop(router)
        del self._by_index[router.index], self._routers[router.number]
        if addresses_of(instance):
            self._leaving[router.number] = router
            self._network.vips.want(router.number, False)
        else:
            self._left(router)

    def _left(self, router: Router) -> None:
        """A removed instance has no address left."""
        instance = router.instance
        self._network.vips.forget(router.number)
        if not self._stopping:
            self._notifier.instance_changed(instance.name, instance.notify, State.FAULT.name, router.priority)

    def _interest(self, router: Router) -> None:
        """Note what a router's settings and faults depend on."""
        scripts, interfaces = self._tracked(router)
        interests: list[Interest] = [("link", name) for name in links_of(router.instance, interfaces)]
        interests += [("script", tracked.name) for tracked in scripts]
        if router.instance.source is not None:
            # A configured source address may be on any interface.
            interests.append(("address", router.instance.source))
        self._interests.set(router, interests)

    def _retrack(self) -> None:
        """Run the scripts that something tracks (T1), and no others; the same command keeps its verdict (Q5)."""
        configuration = self._configuration
        names = {tracked.name for instance in configuration.instances for tracked in instance.track_scripts}
        names.update(tracked.name for group in configuration.groups for tracked in group.track_scripts)
        wanted = {script.name: script for script in configuration.scripts if script.name in names}
        for name, tracker in list(self._trackers.items()):
            script = wanted.get(name)
            if script is None or script.command != tracker.script.command:
                tracker.stop()
                del self._trackers[name]
                if script is not None and tracker.up is not None:
                    self._verdicts[name] = tracker.up
            elif script != tracker.script:
                tracker.update(script)
        for name in self._verdicts.keys() - wanted.keys():
            del self._verdicts[name]
        for script in wanted.values():
            if script.name not in self._trackers:
                # A known verdict counts until the new command has its own, whatever init_fail says.
                script = dataclasses.replace(script, init_fail=script.init_fail and script.name not in self._verdicts)
                tracker = ScriptTracker(script, self._runner, on_verdict=self._on_verdict)
                self._trackers[script.name] = tracker
                tracker.start()

    def _regroup(self, groups: Iterable[SyncGroup]) -> None:
        """Couple the members of each group, and uncouple those that are in none any more."""
        wanted = {name: group.name for group in groups for name in group.members if name in self._by_name}
        self._groups = {group.name: group for group in groups}
        for name in self._group_states.keys() - self._groups.keys():
            del self._group_states[name]
        for router in self._routers.values():
            if router.group is not None and wanted.get(router.instance.name) != router.group:
                self._engine.leave_group(router.index)
                router.group = None
        for group in self._groups.values():
            members = [self._by_name[name] for name in group.members if name in self._by_name]
            coupled = [router for router in members if router.group is not None]
            for router in members:
                if router.group is None:
                    if coupled:
                        self._engine.join_group(router.index, coupled[0].index)
                    coupled.append(router)
                    router.group = group.name
                self._interest(router)


async def _in_slices(items: Iterable[T]) -> AsyncIterator[T]:
    """The items, with a turn for the loop after each millisecond of work on them."""
    until = time.monotonic() + limits.SLICE_S
    for item in items:
        yield item
        if time.monotonic() >= until:
            await asyncio.sleep(0)
            until = time.monotonic() + limits.SLICE_S


def _address(vip: Vip) -> str:
    return f"{ipaddress.ip_address(vip.address)}/{vip.prefix_len}"
