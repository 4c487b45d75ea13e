"""A host that runs a configuration, as the daemon would: its instances and groups in an engine, its interfaces, what it
tracks, and what its operator orders.

What all of that comes to for the engine is asked of pyvrrp.router and pyvrrp.track, as the daemon asks. What has no
part in an election is not done: addresses, routes, virtual MACs, notify scripts.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from typing import NamedTuple, cast

from pyvrrp.debounce import Debounce, bounded
from pyvrrp.model import MULTICAST_GROUPS, Configuration, Instance, State
from pyvrrp.netlink.links import Link, LinkAddress, LinkTable
from pyvrrp.router import Fault, link_faults, settings_of, source_of
from pyvrrp.simulate.network import QUEUE_MAX, START_NS, Host, Port
from pyvrrp.simulate.trackers import NS_PER_S, Told, Trackers
from pyvrrp.simulate.wiring import Place, place_of, places_of
from pyvrrp.track.priority import Contribution, effective
from pyvrrp.tracking import Tracks, tracks_of
from vrrpcore.engine import Engine
from vrrpcore.settings import VrSettings

_SCOPE_LINK = 253
_QUEUE_S = 10                   # of the adverts that are expected: how the daemon sizes its receive buffers


class Attachment(NamedTuple):
    """How an interface of a host is attached."""

    wire: str
    addresses: tuple[bytes, ...]        # its own, no virtual ones


class Later:
    """Something that a host does later, unless it is cancelled or the host stops."""

    __slots__ = ("action", "is_live")

    def __init__(self, action: Callable[[], None]) -> None:
        self.action, self.is_live = action, True

    def cancel(self) -> None:
        """It is not done."""
        self.is_live = False


@dataclasses.dataclass(slots=True, eq=False)
class Member:
    """One instance as it runs on one host."""

    machine: Machine
    instance: Instance
    tracks: Tracks
    group: str | None                   # the name of its sync group
    wire: str                           # by which its adverts go
    source: bytes                       # from where; empty: it has no address for that
    index: int = -1                     # in the engine of its host
    ordered: int | None = None          # the priority that its operator wants
    aside: str = ""                     # why it stays out of MASTER, by order; empty: it does not
    # As the daemon's Router has them; see pyvrrp.router.
    state: State = State.INIT
    since_ns: int = START_NS
    priority: int = 0
    settings: VrSettings | None = None
    faults: tuple[str, ...] = ()
    is_started: bool = False

    def reset(self, now_ns: int) -> None:
        """Its host has begun, or has ended."""
        self.index, self.ordered, self.aside, self.state, self.since_ns = -1, None, "", State.INIT, now_ns
        self.priority, self.settings, self.faults, self.is_started = 0, None, (), False


class Machine(Host):
    """One host. It is off until start()."""

    def __init__(
        self, name: str, configuration: Configuration, attached: dict[Place, Attachment], *,
        now_ns: Callable[[], int], plan: Callable[[int, Callable[[], None]], None], rewire: Callable[[], None],
        on_later: Callable[[], None] = lambda: None,
    ) -> None:
        """now_ns, plan, rewire: of its Network. on_later: something has happened of itself, a run of a script, say."""
        super().__init__(name, Engine(), is_on=False, queue_max=_room(configuration))
        self.configuration = configuration
        self._now_ns, self._plan, self._rewire, self._on_later = now_ns, plan, rewire, on_later
        self._attached = attached
        self._ports: dict[Place, Port] = {}
        self._links: dict[str, LinkTable] = {}          # by namespace
        self._domains: dict[tuple[str, int], int] = {}  # by namespace and family
        self._laters: set[Later] = set()
        self._overdue: list[Later] = []                 # came due while it was paused
        self._trackers: Trackers | None = None
        self._told = Told()
        self._debounce: Debounce | None = None
        self._start_at_ns = 0
        self._delays = bounded(configuration.interface_delays, configuration.instances)
        self._down: set[Place] = set()                  # links that are down, also while it is off
        self._settle_ports()
        self.members = self._new_members()
        self._by_name = {member.instance.name: member for member in self.members}
        self._groups: dict[str, list[Member]] = {}
        for member in self.members:
            if member.group is not None:
                self._groups.setdefault(member.group, []).append(member)

    def _new_members(self) -> list[Member]:
        group_of = {name: group for group in self.configuration.groups for name in group.members}
        found = []
        for instance in self.configuration.instances:
            group = group_of.get(instance.name)
            found.append(Member(
                self, instance, tracks_of(instance, group), group.name if group is not None else None,
                wire=self.wire_of(place_of(instance, self.configuration)),
                source=source_of(instance, self._links[instance.net_namespace]) or b"",
            ))
        return found

    def wire_of(self, place: Place) -> str:
        """The wire that an interface of it is on."""
        return self._attached[place].wire

    def places(self) -> Iterable[tuple[Place, Port]]:
        """Its interfaces, each with its port."""
        return self._ports.items()

    # ---- life

    def start(self) -> None:
        """It boots: as the daemon at its start, with nothing known."""
        now_ns, configuration = self._now_ns(), self.configuration
        self.engine, self.is_on, self.is_paused = Engine(), True, False
        self.engine.advance(now_ns)
        self._laters, self._overdue = set(), []
        self._domains = {}
        self._settle_ports()
        self._debounce = Debounce(self._call_later, lambda _, name: self._judge_those(name, is_link=True))
        self._debounce.adopt(self._delays)
        self._trackers = Trackers(configuration, self._now_ns, self._call_later, self._judge_those, self._told)
        for member in self.members:
            member.reset(now_ns)
            settings = self._settings(member, member.instance.priority)
            member.index = self.engine.add(dataclasses.replace(settings, source=bytes(len(settings.source))))
        for first, *others in self._groups.values():
            for member in others:
                self.engine.join_group(member.index, first.index)
        defs = configuration.global_defs
        delay_s = max(defs.startup_delay_s, defs.delay_after_boot_s)
        self._start_at_ns = now_ns + round(delay_s * NS_PER_S)
        if delay_s:
            self._call_later(delay_s, self._judge_all)
        self._judge_all()

    def stop(self) -> None:
        """Its power fails: nothing more is sent."""
        self.is_on = self.is_paused = False
        self.queue.clear()
        self.has_overflowed = False
        self._laters, self._overdue = set(), []
        for member in self.members:
            member.reset(self._now_ns())

    def shut_down(self) -> None:
        """The daemon ends in order: a MASTER says priority 0. Its Network has to collect(), then comes stop()."""
        for member in self.members:
            if member.is_started:
                self.engine.stop(member.index, self._now_ns())

    def wake_up(self) -> None:
        """What came due while it was paused is done. Its Network wakes its engine."""
        overdue, self._overdue = self._overdue, []
        for later in overdue:
            self._do(later)

    @property
    def is_waiting(self) -> bool:
        """Whether something is still to come of it by itself: a run of a script, the end of a delay."""
        return self.is_on and any(later.is_live for later in self._laters)

    def together(self, member: Member) -> list[Member]:
        """A member with all others of its sync group."""
        return [member] if member.group is None else self._groups[member.group]

    # ---- what happens to it. What it does not know raises KeyError.

    def set_link(self, name: str, is_up: bool) -> None:
        """A link goes down or comes up."""
        places = [place for place in self._attached if place.label == name or place.interface == name]
        if not places:
            raise KeyError(name)
        for place in places:
            (self._down.discard if is_up else self._down.add)(place)
        self._settle_ports()
        if self.is_on:
            self._judge_those(places[0].interface, is_link=True)

    @property
    def trackers(self) -> Trackers:
        """What it tracks. It is on."""
        assert self._trackers is not None
        return self._trackers

    def order(self, names: str, *, aside: str | None = None, priority: int | None = None) -> None:
        """Its operator orders something of an instance, or of all, which is called *. None: no such thing."""
        members = self.members if names == "*" else [self._by_name[names]]
        for member in members:
            if aside is not None and aside != member.aside:
                was, member.aside = member.aside, aside
                if bool(was) != bool(aside):
                    self.engine.stand_aside(member.index, bool(aside), self._now_ns())
            if priority is not None:
                member.ordered = priority
            self._judge(member)

    # ---- what decides priority and FAULT

    def _judge_all(self) -> None:
        for member in self.members:
            self._judge(member)

    def _judge_those(self, name: str, is_link: bool = False) -> None:
        """Judge those that something called so may concern."""
        for member in self.members:
            tracks = member.tracks
            if is_link or any(name == tracked.name for tracked in (*tracks.scripts, *tracks.files, *tracks.processes)):
                self._judge(member)

    def _judge(self, member: Member) -> None:
        """Bring the engine to what configuration, links and trackers say now, as Scope.judge does."""
        instance, tracks, engine, now_ns = member.instance, member.tracks, self.engine, self._now_ns()
        links, is_up = self._links[instance.net_namespace], partial(self._is_up, instance.net_namespace)
        base = instance.priority if member.ordered is None else member.ordered
        result = effective(base, (
            *self.trackers.contributions(tracks.scripts, tracks.files, tracks.processes),
            *(
                Contribution(name, weight, is_up(name), reverse)
                for name, weight, reverse in tracks.interfaces
                if weight
            ),
        ))
        faults, member.faults = link_faults(instance, tracks.interfaces, links, is_up=is_up)
        if result.failed:
            faults |= Fault.TRACK_SCRIPT
            member.faults += result.failed
        member.priority = result.priority
        settings = self._settings(member, result.priority)
        if member.is_started and faults:
            engine.set_fault(member.index, int(faults), now_ns)
        old = member.settings
        if old is not None and dataclasses.replace(old, priority=settings.priority) == settings:
            if old != settings:
                engine.set_priority(member.index, settings.priority, now_ns)
        else:
            engine.configure(member.index, settings, now_ns)
        member.settings = settings
        if not member.is_started:
            if now_ns < self._start_at_ns:
                return
            member.is_started = True
            engine.set_fault(member.index, int(faults), now_ns)
            engine.start(member.index, now_ns)
        elif not faults:
            engine.set_fault(member.index, 0, now_ns)

    def _settings(self, member: Member, priority: int) -> VrSettings:
        instance = member.instance
        key = instance.net_namespace, instance.family
        if key not in self._domains:
            self._domains[key] = domain = self.engine.add_domain(instance.family)
            for place, port in self._ports.items():
                if place.namespace == instance.net_namespace:
                    port.domains[instance.family] = domain
        return settings_of(
            instance, self._links[instance.net_namespace], domain=self._domains[key], priority=priority,
            forwards=lambda _: False,
        )

    def _is_up(self, namespace: Hashable, name: str) -> bool:
        assert self._debounce is not None
        return self._debounce.is_up(namespace, name, self._links[str(namespace)].by_name.get(name))

    # ---- ports and links

    def _settle_ports(self) -> None:
        """Make ports and links what the attachments say, and which links are down."""
        groups: dict[Place, set[bytes]] = {}
        for instance in self.configuration.instances:
            if not instance.is_unicast:
                group = instance.group or MULTICAST_GROUPS[instance.family]
                groups.setdefault(place_of(instance, self.configuration), set()).add(group)
        self._links = {place.namespace: LinkTable() for place in places_of(self.configuration)}
        for number, (place, (wire, addresses)) in enumerate(self._attached.items(), 2):
            is_up = place not in self._down
            port = self._ports.setdefault(place, Port(number, wire, {}))
            port.domains = {
                family: domain for (namespace, family), domain in self._domains.items() if namespace == place.namespace
            }
            port.listens, port.is_up = {*addresses, *groups.get(place, ())}, is_up
            own = tuple(_link_address(address) for address in addresses)
            mac = bytes((2, 0)) + number.to_bytes(2) + addresses[0][-2:] if addresses else bytes(6)
            self._links[place.namespace].put(None, Link(number, place.interface, is_up, mac, 1500, own))
        self.ports = list(self._ports.values())
        self._rewire()

    # ---- what it does later

    def _call_later(self, delay_s: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        later = Later(action)
        self._laters.add(later)
        self._plan(self._now_ns() + round(delay_s * NS_PER_S), lambda: self._do(later))
        return cast("asyncio.TimerHandle", later)       # whoever asks for one calls cancel(), and nothing else

    def _do(self, later: Later) -> None:
        if later not in self._laters:                   # of a life before
            return
        if self.is_paused:
            self._overdue.append(later)
            return
        self._laters.discard(later)
        if later.is_live:
            later.action()
            self._on_later()


def _room(configuration: Configuration) -> int:
    """How many adverts wait for a host that is paused."""
    per_s = sum(100 / one.advertisement_interval_cs * max(1, len(one.peers)) for one in configuration.instances)
    return max(QUEUE_MAX, int(per_s * _QUEUE_S))


def _link_address(address: bytes) -> LinkAddress:
    is_link_local = address[:2] == b"\xfe\x80" and len(address) == 16
    return LinkAddress(address, 64 if len(address) == 16 else 24, _SCOPE_LINK if is_link_local else 0, 0)
