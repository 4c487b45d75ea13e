"""One configuration as it runs: its instances, its groups, its scripts. Several scopes share one Host.

    events -> log, wanted addresses -> (kernel's ack) -> announcements, notify scripts
    links, track scripts -> settings, effective priority, reasons for FAULT -> engine

What a change of state does is wanted state, not a delta: the newest wish of a router counts. Notify scripts are the
exception: each change is told, in order, once its addresses are in place or have failed.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

import msgspec

from pyvrrp import limits
from pyvrrp.bookends import policy_of
from pyvrrp.config.plan import plan_in_turns
from pyvrrp.control.protocol import REFUSED, InstanceDetails, InstanceStatus
from pyvrrp.control.trackers import FileStatus, ProcessStatus, ScriptStatus
from pyvrrp.debounce import Debounce, bounded
from pyvrrp.elsewhere import Elsewhere
from pyvrrp.history import Transition, recorded
from pyvrrp.host import Host, in_slices, let_go
from pyvrrp.interests import Interest
from pyvrrp.journal import Cause, cause_of, tell, tell_why
from pyvrrp.membership import Memberships
from pyvrrp.model import Configuration, FilterTable, GlobalDefs, Instance, State, SyncGroup, Vip
from pyvrrp.netlink.objects import Thing
from pyvrrp.network import Network
from pyvrrp.pace import Paces
from pyvrrp.portrait import details, portrait
from pyvrrp.router import (
    Fault,
    Router,
    link_faults,
    links_of,
    settings_of,
    wants_things,
)
from pyvrrp.scripts.pool import ScopeRunner, ScriptPolicy, commands_of
from pyvrrp.statics import Statics, statics_of, ties_of
from pyvrrp.telling import Telling
from pyvrrp.track.priority import Contribution, Effective, effective
from pyvrrp.tracker_status import tracker_statuses
from pyvrrp.tracking import Tracking, Tracks, tracks_of
from vrrpcore.engine import EVENTS
from vrrpcore.settings import Event, VrSettings

log = logging.getLogger("pyvrrp")

_STATE, _OTHER_MASTER = EVENTS["state"], EVENTS["other_master"]
_NAMES_TOLD = 5
_KINDS = {number: name for name, number in EVENTS.items()}
_STATES = {state.value: state for state in State}      # looked up for each change of a takeover: State() takes 0.5 us


class Counts(NamedTuple):
    """What a reload did to how many instances."""

    added: int
    removed: int
    changed: int
    untouched: int


class Scope:
    """Runs one configuration; between load() and stop() its routers are the host's."""

    def __init__(self, name: str, host: Host) -> None:
        """`name`: how people call it, unique among scopes."""
        self.name = name
        self._host, self._engine, self._reactor = host, host.engine, host.reactor
        self._configuration = Configuration(global_defs=GlobalDefs(router_id=""))
        self._runner: ScopeRunner = host.pool.scope(ScriptPolicy())
        self._telling = Telling(host, self._runner)
        self._routers: dict[int, Router] = {}               # by number
        self._leaving: dict[int, Router] = {}               # by number: removed, but for their addresses
        self._by_name: dict[str, Router] = {}
        self._groups: dict[str, SyncGroup] = {}
        self._tracking = Tracking(
            self._runner,
            host.watches,
            on_change=lambda kind, name: host.judge_soon(host.interests.concerned([(self, kind, name)])),
        )
        self._paces = Paces(host.engine)
        self._elsewhere = Elsewhere(host.loop, host.engine, sent=host.kick)
        self._statics: Statics | None = None
        self._memberships = Memberships(host.loop.call_later, host.judge_soon)
        self._debounce = Debounce(
            host.loop.call_later,
            lambda network, name: host.judge_soon(host.interests.concerned([(network, "link", name)])),
        )
        self.is_drained = False         # by its operator: every instance stays out of MASTER
        self.unwritten_since_s: float | None = None     # of the wall clock: it runs with changes that are in no file
        self._is_whole = True           # no reload broke off
        self._is_cleared = False        # it is gone, but for instances that leave
        self._filtered: list[str] = []  # the instances to whose addresses packets are dropped
        self._start_at_s = 0.0          # of the loop's clock: no instance starts before

    def title_of(self, instance: Instance) -> str:
        """How people call an instance."""
        return f"{self.name}/{instance.name}" if self._host.shows_scopes else instance.name

    @property
    def filter_table(self) -> FilterTable:
        """Where packets to the addresses of its instances are dropped."""
        return self._configuration.global_defs.filter_table

    @property
    def configuration(self) -> Configuration:
        """What runs now."""
        return self._configuration

    # ---- life

    async def load(self, configuration: Configuration) -> None:
        """Take a first configuration. Nothing runs before start()."""
        await self._adopt(configuration)
        await self._restatic()
        async for instance in in_slices(configuration.instances):
            self._new_router(instance)

    async def start(self) -> None:
        """Run it: the addresses in its namespaces are known, and leftovers are gone. Raises OSError."""
        async for router in in_slices(list(self._routers.values())):
            self._enlist(router)
        self._regroup(self._configuration.groups)
        self._tracking.adopt(self._configuration, is_start=True)
        self._runner.examine(commands_of(self._configuration))
        self._delay_start()
        async for router in in_slices(list(self._routers.values())):
            self._host.judge(router)
        self._host.kick()

    def _delay_start(self) -> None:
        """Instances are deaf and mute at first, if the file says so (keepalived's rule S14)."""
        defs = self._configuration.global_defs
        left_s = max(defs.startup_delay_s, defs.delay_after_boot_s - time.clock_gettime(time.CLOCK_BOOTTIME))
        if left_s > 0:
            log.info("Delaying startup for %g seconds", round(left_s, 3))
            self._start_at_s = self._host.loop.time() + left_s
            self._host.loop.call_later(left_s, lambda: self._host.judge_soon(list(self._routers.values())))

    async def reload(self, configuration: Configuration) -> Counts:
        """Go over to another configuration; what the plan does not touch is not touched.

        The plan begins at what runs, not at what was asked for last: so a reload that broke off does not spoil the
        next one, which configures every instance anew.
        """
        was_whole, self._is_whole = self._is_whole, False
        runs = dataclasses.replace(
            self._configuration, instances=tuple(router.instance for router in self._routers.values())
        )
        steps = await plan_in_turns(runs, configuration)
        counts = Counts(len(steps.added), len(steps.removed), len(steps.changed), len(steps.untouched))
        log.info(
            "reload%s: %d added, %d removed, %d changed, %d untouched%s",
            f" of {self.name}" if self._host.shows_scopes else "",
            *counts,
            f"; also changed: {', '.join(steps.beside)}" if steps.beside else "",
        )
        old_routers = {id(router.instance): router for router in self._routers.values()}
        continued = [(old_routers[id(change.old)], change.new, True) for change in steps.changed]
        by_name = {router.instance.name: router for router in self._routers.values()}
        # What is untouched goes on as the same object, so that there is one of it.
        kept = {}
        async for new in in_slices(steps.untouched):
            router = by_name[new.name]
            old = router.instance
            kept[id(new)] = same = old if old.where == new.where else dataclasses.replace(old, where=new.where)
            continued.append((router, same, not was_whole))
        configuration = dataclasses.replace(
            configuration, instances=tuple(kept.get(id(new), new) for new in configuration.instances)
        )
        orders = {gone.name: old_routers[id(gone)].order for gone in steps.removed}
        async for gone in in_slices(steps.removed):
            self._remove(old_routers[id(gone)])
        await self._adopt(configuration)
        await self._restatic()
        self._tracking.adopt(configuration, is_start=False)
        await asyncio.sleep(0)
        self._runner.examine(commands_of(configuration))
        by_name = {}
        async for router, instance, is_changed in in_slices(continued):
            if not is_changed and router.placed.instance is router.instance:
                router.placed = router.next = router.placed._replace(instance=instance)     # it has moved in its file
            router.instance = instance
            self._promote(router)
            by_name[instance.name] = router
            if is_changed:
                self._host.prepare(router)
        self._by_name = by_name
        networks = {self._host.network(instance.net_namespace or None) for instance in steps.added}
        for network in networks:
            if not network.is_open:
                await self._host.take_up(network)
        added = []
        async for instance in in_slices(steps.added):
            router = self._new_router(instance)
            router.order = orders.pop(instance.name, None)      # another virtual router of the same name
            self._enlist(router)
            added.append(router)
        for order in orders.values():
            if order is not None:
                order.close()
        self._regroup(configuration.groups)
        for network in self._host.networks:
            await network.settle_vmacs()
        async for router, _, _ in in_slices(continued):
            self._host.filter(router)
        await self._host.settle_filters()
        async for router, _, is_changed in in_slices(continued):
            if is_changed:
                self._host.settle(router)
            self._interest(router)
            self._host.judge(router)
        async for router in in_slices(added):
            self._host.judge(router)
        self._is_whole = True
        self._host.kick()
        self._host.aftermath.settle()
        self._telling.states(self._routers.values())
        replaced: list[object] = list(runs.instances)
        del runs, steps, continued, old_routers, kept
        await let_go(replaced)
        return counts

    async def clear(self) -> None:
        """Remove every instance, as a reload without any does: the scope is gone from the configuration."""
        await self.reload(Configuration(global_defs=self._configuration.global_defs))
        self._is_cleared = True
        self._release()

    def stop_tracking(self) -> None:
        """Run no track script, follow no file and wait for no link any more."""
        self._debounce.close()
        self._tracking.stop()
        self._elsewhere.stop()
        self._host.watches.adopt(self, None)

    def stop_engine(self) -> None:
        """Shut every instance down: masters say priority 0, once the host sends."""
        now_ns = self._reactor.now_ns()
        for router in self._routers.values():
            if router.is_started:
                self._engine.stop(router.index, now_ns)
                if router.state is State.MASTER:
                    log.info("(%s) sent 0 priority", router.title)

    def give_addresses_up(self) -> None:
        """Want none of the addresses any more."""
        for router in self._routers.values():
            router.network.want(router.number, present=False)
        if self._statics is not None:
            self._statics.give_up()

    async def tell_stop(self) -> None:
        """Tell STOP to scripts, FIFOs and mail (N7)."""
        await self._telling.stopped(list(self._routers.values()))

    # ---- status

    def instances(self) -> Iterator[InstanceStatus]:
        """How every instance stands, those that are refused last."""
        for router in list(self._routers.values()):
            if router.number in self._routers:      # else a reload has removed it since the first was told
                yield self.portrait(router)
        yield from self._refused()

    def _refused(self) -> Iterator[InstanceStatus]:
        for name, where, reason in self._configuration.refused:
            title = f"{self.name}/{name}" if self._host.shows_scopes else name
            yield InstanceStatus(name=title, state=REFUSED, reason=f"{where}: {reason}")

    @property
    def routers(self) -> list[Router]:
        """Its instances that run, in the order of the configuration."""
        return list(self._routers.values())

    def groups(self) -> list[tuple[str, SyncGroup, State]]:
        """Its sync groups: what people call each, itself, and its state."""
        prefix = f"{self.name}/" if self._host.shows_scopes else ""
        return [
            (prefix + name, group, self._telling.group_states.get(name, State.INIT))
            for name, group in self._groups.items()
        ]

    def portrait(self, router: Router) -> InstanceStatus:
        """How one instance stands."""
        return portrait(router, self._engine, self._reactor.now_ns(), self._host.rivals.of(router))

    def details(self, name: str) -> InstanceDetails | None:
        """All that is known of the instance of a name, also of one that is refused; None: there is none."""
        router = self._by_name.get(name)
        if router is not None:
            return details(self.portrait(router), router, self._engine, self._reactor.now_ns())
        title = f"{self.name}/{name}" if self._host.shows_scopes else name
        found = (status for status in self._refused() if status.name == title)
        return next((InstanceDetails(**msgspec.structs.asdict(status)) for status in found), None)

    def find(self, name: str) -> Router | None:
        """The instance of a name that is run."""
        return self._by_name.get(name)

    def members(self, group: str) -> list[Router] | None:
        """The instances of a sync group; None: there is none of that name."""
        found = self._groups.get(group)
        return None if found is None else [self._by_name[name] for name in found.members if name in self._by_name]

    def trackers(self) -> Iterator[ScriptStatus | FileStatus | ProcessStatus]:
        """How everything stands that is tracked."""
        return tracker_statuses(
            self._tracking, lambda name: f"{self.name}/{name}" if self._host.shows_scopes else name
        )

    # ---- what happened

    def on_event(self, router: Router, event: Event) -> None:
        """The engine has something to say of a router."""
        if event.kind == _STATE:
            self._on_state(router, event)
            return
        if event.kind == _OTHER_MASTER and not self._is_first_lower(router, event):
            return
        if event.kind == _OTHER_MASTER:
            self._host.rivals.heard(router, event)
        self._host.aftermath.later(partial(self._tell, router, event))

    def _tell(self, router: Router, event: Event) -> None:
        self._host.chronicle.tell(_KINDS[event.kind], router.title, reason=tell(router, event))

    def _is_first_lower(self, router: Router, event: Event) -> bool:
        """A MASTER has heard an advert of lower priority: scripts and FIFOs are told each time, within reason.

        Returns whether it is the first in this state: more would say nothing new to others.
        """
        second = event.at_ns // 1_000_000_000
        count = router.lower_told[1] if router.lower_told[0] == second else 0
        router.lower_told = second, count + 1
        if count < limits.LOWER_TOLD_PER_S:
            self._telling.lower_heard(router)
        else:
            self._host.told.lower_dropped += 1
        is_first, router.has_other_master = not router.has_other_master, True
        return is_first

    def _on_state(self, router: Router, event: Event) -> None:
        """A router is in another state: have the kernel follow, and all that is told of it come afterwards."""
        state = _STATES[event.state]
        if state is router.state:
            return
        cause = cause_of(router, event)
        old, router.state = router.state, state
        router.has_other_master = False
        router.takeover_ns = event.at_ns if state is State.MASTER else 0
        router.since_s = time.time() - (self._reactor.now_ns() - event.at_ns) / 1e9
        self._elsewhere.follow(router)
        self._host.aftermath.later(partial(self._tell_state, router, old, state, router.since_s, cause))
        if state is not State.INIT:
            waits = wants_things(router.placed.instance) and router.network.want(
                router.number, present=state is State.MASTER)
            self._telling.changed(router, state, waits=waits)

    def _tell_state(self, router: Router, old: State, state: State, at_s: float, cause: Cause) -> None:
        """Log and record a change of state."""
        why = tell_why(router, cause)
        router.history = recorded(router.history, Transition(at_s, old.name, state.name, why))
        self._host.chronicle.tell("state", router.title, at_s=at_s, old=old.name, new=state.name, reason=why)
        if state is not State.INIT:
            log.info("(%s) Entering %s STATE", router.title, state.name)

    def on_applied(self, router: Router, *, present: bool, vips: tuple[Vip, ...]) -> None:
        """The kernel has a router's addresses, or has them no more."""
        if router.number in self._leaving:
            del self._leaving[router.number]
            self._left(router)
            return
        now_ns = self._reactor.now_ns()
        if present and router.takeover_ns:
            self._host.takeovers.add(now_ns - router.takeover_ns)
            router.takeover_ns = 0
        if present and vips and router.state is State.MASTER:
            self._engine.announce(router.index, now_ns)
            self._host.kick_soon()
            if self._configuration.global_defs.detects_duplicates:
                self._host.duplicates.look(router)
        self._telling.applied(router)

    def on_lost(self, router: Router, thing: Thing) -> None:
        """Somebody else removed an address, a route or a rule (S18, S19)."""
        if router.state is not State.MASTER or not thing.is_tracked:
            return
        if self._configuration.global_defs.restores_things and router.network.applier is not None:
            router.network.applier.put_back(router.number)
            self._tell_put_back(router, thing)
            return
        log.warning("(%s) somebody removed %s; priority 0 is sent and the election starts again", router.title, thing)
        self._engine.vip_lost(router.index, self._reactor.now_ns())
        self._host.kick()

    def _tell_put_back(self, router: Router, thing: Thing) -> None:
        """Something of a router is put back (pyvrrp_vip_restore): a line a minute in the log, an event each time."""
        router.put_back += 1
        sentence = f"somebody removed {thing}; it is put back"
        self._host.chronicle.tell("put_back", router.title, reason=sentence)
        at_s, told = router.put_back_told
        now_s = self._host.loop.time()
        if now_s - at_s < limits.PUT_BACK_TOLD_S:
            return
        missed = router.put_back - told - 1
        more = f"; so were {missed} others since this was last said" if missed else ""
        log.warning("(%s) %s%s", router.title, sentence, more)
        router.put_back_told = now_s, router.put_back

    # ---- what decides priority and FAULT

    def _tracks_of(self, router: Router) -> Tracks:
        """What a router tracks, with what its group tracks for it."""
        return tracks_of(router.instance, self._groups.get(router.group or ""))

    def _effective(self, router: Router, tracks: Tracks) -> Effective:
        items = [
            *self._tracking.contributions(tracks),
            *(
                Contribution(name, weight, self._is_up(router.network, name), reverse)
                for name, weight, reverse in tracks.interfaces
                if weight
            ),
        ]
        ordered = router.order.priority if router.order is not None else None
        return effective(router.instance.priority if ordered is None else ordered, items)

    def _is_up(self, network: Network, name: str) -> bool:
        """Whether an interface counts as up (S12)."""
        links = network.usable_links
        return self._debounce.is_up(network, name, links.by_name.get(name) if links is not None else None)

    def judge(self, router: Router) -> None:
        """Bring the engine to what configuration, links and trackers say of a router now."""
        if router.is_moving:
            return                      # a reload is at it, and judges it when it has settled
        placed, network = router.placed, router.network
        instance = placed.instance
        links = network.usable_links
        tracks = self._tracks_of(router)
        result = self._effective(router, tracks)
        faults, why = link_faults(
            instance, tracks.interfaces, links, network.why_closed,
            is_up=partial(self._is_up, network), vmac=placed.vmac,
        )
        if self._statics is not None and (
            lost := self._statics.against(instance.name, partial(self._is_up, self._statics.network))
        ):
            faults |= Fault.NO_STATIC
            why += lost
        if refusal := network.vmac_problem(router.number):
            faults |= Fault.NO_VMAC
            why += (refusal,)
        if result.failed:
            faults |= Fault.TRACK_SCRIPT
            why += result.failed
        router.priority = result.priority
        self._elsewhere.follow(router)
        settings = self._settings(router, result.priority)
        self._memberships.follow(router, settings.domain, settings.ifindex, settings.destinations[0])
        if router.group_error is not None:
            faults |= Fault.NO_GROUP
            why += (router.group_error,)
        if problem := network.filter_problem(router.number):
            faults |= Fault.NO_FILTER
            why += (problem,)
        router.faults = why
        now_ns = self._reactor.now_ns()
        aside = self._aside(router)
        if aside != router.aside:
            was, router.aside = router.aside, aside
            if bool(aside) != bool(was):
                self._engine.stand_aside(router.index, bool(aside), now_ns)
        if router.is_started and faults:
            self._engine.set_fault(router.index, int(faults), now_ns)
        if settings != router.settings:
            try:
                self._configure(router, settings, now_ns)
            except ValueError as error:
                # The configuration has refused what it could see; two instances met here only now.
                faults |= Fault.NO_SOURCE
                reason = self._host.rivalry(router) or str(error)
                router.faults += (reason,)
                log.error("(%s) cannot run: %s", router.title, reason)
                self._engine.set_fault(router.index, int(faults), now_ns)
        if not router.is_started:
            if result.is_held:
                router.waits = f"waits for the first result of {', '.join(result.undecided)}"
                return
            if (left_s := self._start_at_s - self._host.loop.time()) > 0:
                router.waits = f"waits for another {left_s:.0f} s (vrrp_startup_delay)"
                return
            router.waits = ""
            router.is_started = True
            router.since_s = time.time()
            self._engine.set_fault(router.index, int(faults), now_ns)
            self._engine.start(router.index, now_ns)
        elif not faults:
            self._engine.set_fault(router.index, 0, now_ns)

    def _aside(self, router: Router) -> str:
        """Why a router stays out of MASTER by order; empty: it does not."""
        order = router.order
        if order is not None and (order.aside or order.is_exempt):
            return order.aside
        return "drain" if self.is_drained or self._host.is_drained else ""

    def _settings(self, router: Router, priority: int, *, is_deaf: bool = False) -> VrSettings:
        network, placed, links = router.network, router.placed, router.network.usable_links
        instance = placed.instance
        return settings_of(
            instance,
            links,
            domain=network.domain(instance.family),
            priority=priority,
            forwards=network.forwards_ipv6,
            pacer=lambda name: self._paces.of(network.name, placed.base_of(name)),
            transmits_at=placed.transmits_at,
            tells_lower=self._telling.has_fifos or instance.notify.master_rx_lower_pri is not None,
            is_deaf=is_deaf,
        )

    def _configure(self, router: Router, settings: VrSettings, now_ns: int) -> None:
        old = router.settings
        if old is not None and dataclasses.replace(old, priority=settings.priority) == settings:
            log.info("(%s) Changing effective priority from %d to %d",
                     router.title, old.priority, settings.priority)
            self._engine.set_priority(router.index, settings.priority, now_ns)
        else:
            self._engine.configure(router.index, settings, now_ns)
        if old is not None and old.priority != settings.priority:
            self._telling.priority_changed(router)
        left_out = len(router.instance.vips) - len(settings.addresses)
        if left_out and (old is None or settings.addresses != old.addresses):
            log.warning("(%s) its adverts have no room for %d of its addresses; list these in "
                        "virtual_ipaddress_excluded on every host, or raise the MTU", router.title, left_out)
        router.settings = settings

    # ---- instances, scripts and groups come and go

    async def _adopt(self, configuration: Configuration) -> None:
        per_s: dict[tuple[str | None, int], float] = {}
        async for i in in_slices(configuration.instances):
            rate = 100 / i.advertisement_interval_cs * max(1, len(i.peers))
            place = (i.net_namespace or None, i.family)
            per_s[place] = per_s.get(place, 0.0) + rate
        defs = configuration.global_defs
        self._runner.policy = policy_of(defs)
        self._configuration = configuration
        self._telling.adopt(configuration)
        self._host.watches.adopt(self, defs)
        self._debounce.adopt(bounded(configuration.interface_delays, configuration.instances))
        self._paces.adopt(defs, configuration.garp_groups)
        self._tell_filtered(configuration)
        self._host.expect_adverts(self, per_s, logs_unknown=defs.log_unknown_vrids)

    def _tell_filtered(self, configuration: Configuration) -> None:
        """Say whose addresses cannot be reached on this host, when that is new: few expect it of vrrp_strict."""
        names = [instance.name for instance in configuration.instances if instance.is_filtered]
        if names and names != self._filtered:
            more = len(names) - _NAMES_TOLD
            log.info("packets to the addresses of %s%s are dropped on this host (no_accept, or strict mode); "
                     "accept in an instance ends that", ", ".join(names[:_NAMES_TOLD]),
                     f" and {more} other instances" if more > 0 else "")
        self._filtered = names

    def _new_router(self, instance: Instance) -> Router:
        host = self._host
        router = Router(host.next_number(), instance, self, host.network(instance.net_namespace or None))
        self._routers[router.number] = router
        self._by_name[instance.name] = router
        self._promote(router)
        host.admit(router)
        self._interest(router)
        return router

    def placed(self, router: Router) -> None:
        """A router's addresses may be on other interfaces now."""
        self._interest(router)

    def _enlist(self, router: Router) -> None:
        """Make the engine's router, in INIT and deaf until it has been judged; its trouble stays its own."""
        try:
            router.index = self._engine.add(self._settings(router, router.instance.priority, is_deaf=True))
        except (ValueError, OSError) as error:
            router.faults = (f"it could not be set up: {error}",)
            log.error("(%s) %s", router.title, router.faults[0])
            return
        self._host.enlisted(router)

    def _remove(self, router: Router) -> None:
        """An instance is gone from the configuration: priority 0, addresses off, told as FAULT or DELETED (N8)."""
        log.info("(%s) removed", router.title)
        if router.index >= 0:
            self._engine.stop(router.index, self._reactor.now_ns())
            self._host.settle_events()
            self._memberships.follow(router, 0, 0, b"")
            self._engine.leave_group(router.index)
            self._engine.remove(router.index)
        self._host.delist(router)
        router.index = -1                           # the engine may give it to another; who still asks finds none
        del self._routers[router.number]
        network = router.network
        if wants_things(router.placed.instance) and network.want(router.number, present=False):
            self._leaving[router.number] = router
        else:
            self._left(router)
        if network.vmacs is not None:
            network.vmacs.forget(router.number)     # another may need their MAC

    def _left(self, router: Router) -> None:
        """A removed instance has no address left."""
        router.network.promotion.want(router.number, None)
        self._host.dismiss(router)
        self._telling.removed(router)
        self._release()

    def _release(self) -> None:
        """Let go of what a scope holds that is gone, when its last instance has left."""
        if self._is_cleared and not self._leaving:
            self._telling.release()

    async def _restatic(self) -> None:
        """Go over to the static things of the configuration, in its namespace."""
        things = statics_of(self._configuration)
        network = self._host.network(self._configuration.global_defs.net_namespace or None)
        statics = self._statics
        if statics is not None and (not things or statics.network is not network):
            self._host.drop_statics(statics)
            statics = None
        if things:
            statics = statics or Statics(self._host.next_number(), f"static blocks of {self.name}", network)
            statics.things, statics.ties = things, ties_of(self._configuration)
            await self._host.set_statics(statics)
        self._statics = statics

    def _promote(self, router: Router) -> None:
        """Have promote_secondaries on its interface if it asks for that (V4); one with a virtual MAC always has it."""
        instance = router.instance
        asks = instance.promote_secondaries and instance.use_vmac is None
        router.network.promotion.want(router.number, instance.interface if asks else None)

    def _interest(self, router: Router) -> None:
        """Note what a router's settings and faults depend on."""
        tracks, network = self._tracks_of(router), router.network
        interests: list[Interest] = [
            (network, "link", name) for name in links_of(router.placed.instance, tracks.interfaces)
        ]
        interests += [(self, "script", tracked.name) for tracked in tracks.scripts]
        interests += [(self, "file", tracked.name) for tracked in tracks.files]
        interests += [(self, "process", tracked.name) for tracked in tracks.processes]
        if router.instance.source is not None:
            # A configured source address may be on any interface.
            interests.append((network, "address", router.instance.source))
        if self._statics is not None and router.instance.name in self._statics.ties:
            interests.append((self._statics, "static", ""))
            links = self._statics.links_of(router.instance.name)
            interests += [(self._statics.network, "link", name) for name in links]
        self._host.interests.set(router, interests)

    def _regroup(self, groups: Iterable[SyncGroup]) -> None:
        """Couple the members of each group, and uncouple those that are in none any more."""
        wanted = {name: group.name for group in groups for name in group.members if name in self._by_name}
        self._groups = {group.name: group for group in groups}
        members_of: dict[str, list[Router]] = {}
        for router in self._routers.values():
            if router.group is not None and wanted.get(router.instance.name) != router.group:
                self._engine.leave_group(router.index)
                router.group = None
        for group in self._groups.values():
            named = [self._by_name[name] for name in group.members if name in self._by_name]
            members = members_of[group.name] = [router for router in named if router.index >= 0]
            coupled = [router for router in members if router.group is not None]
            for router in members:
                if router.group is None:
                    if coupled:
                        self._engine.join_group(router.index, coupled[0].index)
                    coupled.append(router)
                    router.group = group.name
                self._interest(router)
        self._telling.regroup(self._groups, members_of)
