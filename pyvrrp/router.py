"""One instance as it runs: what the configuration, the kernel's links and the trackers come to for the engine. Pure.

A Scope keeps a Router per instance and asks here what its settings and its reasons for FAULT are now; nothing here
acts.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from enum import IntFlag
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pyvrrp.history import History
from pyvrrp.model import MULTICAST_GROUPS, FilterTable, Instance, State, Tracked, Vip
from pyvrrp.netlink.links import Link, LinkTable
from pyvrrp.netlink.objects import Thing
from pyvrrp.orders import Order
from pyvrrp.placing import Placed
from vrrpcore.settings import Announce, VrSettings

if TYPE_CHECKING:
    from pyvrrp.network import Network
    from vrrpcore.settings import Event

_NO_ADDRESS = {4: bytes(4), 6: bytes(16)}

# What of a packet is not addresses: the IP header, the eight bytes of VRRP, VRRPv2's authentication data over IPv4
# (RFC 5798 s5.2, RFC 3768 s5.3).
_BEFORE_ADDRESSES = {(4, 2): 20 + 8 + 8, (4, 3): 20 + 8, (6, 2): 40 + 8, (6, 3): 40 + 8}
_IPV6_MTU_MIN = 1280        # RFC 8200 s5: no link has less, so what fits into it fits anywhere


class Fault(IntFlag):
    """Why a router is in FAULT: the bits that the engine is given."""

    NO_INTERFACE = 1
    LINK_DOWN = 2
    NO_SOURCE = 4
    NO_GROUP = 8            # its multicast group cannot be joined
    TRACK_INTERFACE = 16
    TRACK_SCRIPT = 32
    NO_NAMESPACE = 64
    NO_PEER = 128           # unicast without a peer, and the file wants FAULT then
    NO_FILTER = 256         # packets to its addresses would be accepted
    NO_VMAC = 512           # its virtual MAC cannot be had
    NO_STATIC = 1024        # a static address, route or rule of its track_group is lost


class Keeper(Protocol):
    """Whose a router is: its scope."""

    @property
    def filter_table(self) -> FilterTable:
        """Where packets to the addresses of its instances are dropped."""

    def title_of(self, instance: Instance) -> str:
        """How people call an instance."""

    def placed(self, router: Router) -> None:
        """Its addresses may be on other interfaces now."""

    def judge(self, router: Router) -> None:
        """Bring the engine to what is known of a router."""

    def on_event(self, router: Router, event: Event) -> None:
        """The engine has something to say of it."""

    def on_applied(self, router: Router, *, present: bool, vips: tuple[Vip, ...]) -> None:
        """The kernel has its addresses, or has them no more."""

    def on_lost(self, router: Router, thing: Thing) -> None:
        """Somebody else removed an address, a route or a rule."""


class Untold(NamedTuple):
    """Something that scripts, FIFOs and mails are still to be told."""

    what: str                           # a state, or another event of notify/words.py
    priority: int                       # effective, when it happened
    state: State | None                 # None: it is no change of state


@dataclass(slots=True, eq=False)
class Router:
    """One instance as it runs."""

    number: int                         # for life, and never used again: the VIP applier's key
    instance: Instance
    scope: Keeper
    network: Network
    index: int = -1                     # in the engine
    placed: Placed = field(init=False)  # the instance with its addresses on the interfaces that they are on
    next: Placed = field(init=False)    # where they will be once those are there
    settings: VrSettings | None = None
    state: State = State.INIT
    since_s: float = 0.0                # when it entered that state, seconds since the epoch
    takeover_ns: int = 0                # when it became MASTER, by CLOCK_MONOTONIC, until its addresses are set
    priority: int = 0                   # effective
    is_started: bool = False            # no: an unweighted script has no result yet (keepalived's rule S10)
    faults: tuple[str, ...] = ()        # sentences, for people
    waits: str = ""                     # why it is not started yet, as a sentence
    joined: tuple[int, int, bytes] | None = None    # domain, interface index, group
    group: str | None = None            # its vrrp_sync_group
    untold: tuple[Untold, ...] = ()     # what waits for the addresses
    due: tuple[Untold, ...] = ()        # what no longer does, but for other members of the group
    told: State | None = None           # the last state that scripts, FIFOs and mails were told
    lower_told: tuple[int, int] = (0, 0)    # in which second how many adverts of lower priority were told
    put_back: int = 0                   # how often something of it was put back (pyvrrp_vip_restore)
    put_back_told: tuple[float, int] = (-math.inf, 0)   # when that was logged, by the loop's clock; how often by then
    has_other_master: bool = False      # such an advert was logged in this state, or since there were two masters
    group_error: str | None = None      # why its multicast group could not be joined
    group_retry: asyncio.TimerHandle | None = None  # when that is tried again
    group_attempts: int = 0             # that failed in a row
    duplicates: tuple[str, ...] = ()    # sentences: which of its addresses another host has
    counted_since_s: float = 0.0        # when its counters began at 0, seconds since the epoch
    order: Order | None = None          # what its operator has ordered of it
    aside: str = ""                     # why it stays out of MASTER, as the engine was told; empty: it does not
    history: History = ()               # its last changes of state

    def __post_init__(self) -> None:
        self.placed = self.next = Placed(self.instance)

    @property
    def is_moving(self) -> bool:
        """An interface of it gets another name: what is said of either means nothing before all are settled."""
        return self.placed is not self.next and any(
            old.name != new.name and (old.base, old.mac) == (new.base, new.mac)
            for old in self.placed.vmacs for new in self.next.vmacs
        )

    @property
    def title(self) -> str:
        """How people call it: scope/instance once there is more than one scope."""
        return self.scope.title_of(self.instance)


def addresses_of(instance: Instance) -> tuple[Vip, ...]:
    """Every address that the instance's master has, in the order in which they are added (S15)."""
    return (*instance.vips, *instance.excluded)


def set_addresses(router: Router) -> frozenset[Vip]:
    """The addresses of a router that the kernel has, as far as is known."""
    applier = router.network.applier
    status = applier.state(router.number) if applier is not None else None
    if status is None or not status.wanted:
        return frozenset()
    return frozenset(addresses_of(router.placed.instance)).difference(status.missing)


def wanted_of(instance: Instance) -> tuple[Thing, ...]:
    """All that the instance's master has, in the order in which it is added (S15)."""
    return (*instance.vips, *instance.excluded, *instance.routes, *instance.rules)


def wants_things(instance: Instance) -> bool:
    """Whether the instance's master has anything."""
    return bool(instance.vips or instance.excluded or instance.routes or instance.rules)


def _devs(things: Iterable[Thing], *, is_tracked: bool) -> set[str]:
    """The interfaces of the things that are tracked, or of those that are not (A8, T2)."""
    devs: set[str] = set()
    for thing in things:
        if thing.is_tracked is is_tracked:
            devs.update((thing.dev,) if isinstance(thing, Vip) else thing.devs)
    return devs


def links_of(instance: Instance, tracked_interfaces: Iterable[Tracked]) -> set[str]:
    """The names of all interfaces that matter to an instance; what it tracks may be its group's."""
    things = wanted_of(instance)
    names = _devs(things, is_tracked=True) | _devs(things, is_tracked=False)
    names.update(tracked.name for tracked in tracked_interfaces)
    names.add(instance.interface)
    return names - {""}


def source_of(instance: Instance, links: LinkTable) -> bytes | None:
    """The source address of its adverts, or None while there is none (T3, S13)."""
    vips = {vip.address for vip in addresses_of(instance)}
    if instance.source is not None:
        return instance.source if links.has_address(instance.source) else None
    if instance.family == 4:
        return links.primary_ipv4(instance.interface, leave_out=vips)
    return links.link_local_ipv6(instance.interface, leave_out=vips)


def link_faults(
    instance: Instance,
    tracked_interfaces: Collection[Tracked],
    links: LinkTable | None,
    why_closed: str = "",
    *,
    is_up: Callable[[str], bool] | None = None,
    vmac: str = "",
) -> tuple[Fault, tuple[str, ...]]:
    """What its namespace's interfaces say against an instance: the bits, and a sentence for each.

    links: None while that namespace is not there, for the reason `why_closed`.
    is_up: whether an interface that exists counts as up, where that is not what `links` says of it.
    vmac: the interface with its virtual MAC, if it has one: it is down with the one below.
    """
    if links is None:
        return Fault.NO_NAMESPACE, (why_closed,)
    is_up = is_up or partial(interface_is_up, links=links)
    faults = Fault(0)
    why: list[str] = []
    things = wanted_of(instance)
    ignored = _devs(things, is_tracked=False) - _devs(things, is_tracked=True)
    for tracked in tracked_interfaces:
        if tracked.reverse and not tracked.weight:
            ignored.add(tracked.name)
            if is_up(tracked.name):
                faults |= Fault.TRACK_INTERFACE
                why.append(f"interface {tracked.name}, tracked with reverse, is up")
        else:
            ignored.discard(tracked.name)
    ignored.discard(instance.interface)
    primaries = (instance.interface, vmac) if instance.dont_track_primary else ()
    follows = vmac if vmac and not interface_is_up(instance.interface, links) else None
    for name in sorted(links_of(instance, tracked_interfaces) - ignored):
        link = links.by_name.get(name)
        weighted = any(t.name == name and t.weight for t in tracked_interfaces)
        if link is None and (name == instance.interface or not weighted):
            faults |= Fault.NO_INTERFACE
            why.append(f"interface {name} does not exist")
        elif link is None or is_up(name) or name in primaries or name == follows:
            continue
        elif name == instance.interface:
            faults |= Fault.LINK_DOWN
            why.append(f"interface {name} is down")
        elif not weighted:
            faults |= Fault.TRACK_INTERFACE
            why.append(f"tracked interface {name} is down")
    if instance.unicast_fault_no_peer:
        faults |= Fault.NO_PEER
        why.append("it is unicast and has no peer")
    if not faults & Fault.NO_INTERFACE and source_of(instance, links) is None:
        faults |= Fault.NO_SOURCE
        if instance.source is not None:
            why.append(f"source address {ipaddress.ip_address(instance.source)} is on no interface")
        else:
            kind = "IPv4" if instance.family == 4 else "link-local IPv6"
            why.append(f"interface {instance.interface} has no {kind} address")
    return faults, tuple(why)


def interface_is_up(name: str, links: LinkTable) -> bool:
    """What a weighted track_interface asks (S12)."""
    link = links.by_name.get(name)
    return link is not None and link.is_up


def settings_of(
    instance: Instance,
    links: LinkTable | None,
    *,
    domain: int,
    priority: int,
    forwards: Callable[[str], bool],
    pacer: Callable[[str], int | None] = lambda _: None,
    transmits_at: str = "",
    tells_lower: bool = False,
    is_deaf: bool = False,
) -> VrSettings:
    """What the engine is told of an instance now. Without interface or source address it hears nothing.

    links: of its namespace; None while it is not there.
    forwards: whether an interface forwards IPv6, for the R flag of its Neighbor Advertisements (G2).
    pacer: who keeps the gap between the announcements on an interface, if anybody does (G6).
    transmits_at: the interface by which adverts leave; empty: the instance's own.
    tells_lower: somebody wants to know of each advert of lower priority that it hears as MASTER.
    is_deaf: it shall hear nothing yet.
    """
    by_name = links.by_name if links is not None else {}
    link = by_name.get(instance.interface)
    source = source_of(instance, links) if links is not None else None
    bound = source is not None and not is_deaf and (link is not None or not instance.interface)
    bound = bound and (not transmits_at or transmits_at in by_name)
    way_out = by_name.get(transmits_at) if transmits_at else link
    return VrSettings(
        domain=domain,
        ifindex=link.index if link else 0,
        transmit_ifindex=way_out.index if way_out else 0,
        vrid=instance.vrid,
        version=instance.version,
        priority=priority,
        advertisement_interval_cs=instance.advertisement_interval_cs,
        source=source if bound and source is not None else _NO_ADDRESS[instance.family],
        destinations=instance.peers or (instance.group or MULTICAST_GROUPS[instance.family],),
        is_unicast=instance.is_unicast,
        addresses=_fitting(instance, link, links, source),
        auth_pass=instance.auth_pass,
        preempt=instance.preempt,
        preempt_delay_s=instance.preempt_delay_s,
        starts_as_owner=instance.priority == 255 and instance.start_state is State.MASTER,
        check_source=instance.check_unicast_src,
        peer_ttls=instance.peer_ttls,
        ttl=instance.unicast_ttl if instance.is_unicast else 255,
        down_timer_adverts=instance.down_timer_adverts,
        checksum_of_message=instance.v3_checksum_as_v2,
        strict=instance.strict,
        owner_ignore_adverts=instance.owner_ignore_adverts,
        lower_prio_no_advert=instance.lower_prio_no_advert,
        tells_lower=tells_lower,
        higher_prio_send_advert=instance.higher_prio_send_advert,
        min_interval_cs=instance.min_interval_cs,
        announce_repeat=instance.garp_master_repeat,
        announce_delay_s=instance.garp_master_delay_s,
        announce_refresh_s=instance.garp_master_refresh_s,
        announce_refresh_repeat=instance.garp_master_refresh_repeat,
        garp_lower_prio_repeat=instance.garp_lower_prio_repeat,
        garp_lower_prio_delay_s=instance.garp_lower_prio_delay_s,
        announces=tuple(_announces(addresses_of(instance), by_name, forwards, pacer)),
    )


def _fitting(instance: Instance, link: Link | None, links: LinkTable | None, source: bytes | None) -> tuple[bytes, ...]:
    """The addresses that its adverts list: as many as fit into one packet, which is never fragmented.

    The others are treated as virtual_ipaddress_excluded, as with keepalived.
    """
    addresses = tuple(vip.address for vip in instance.vips)
    head, each = _BEFORE_ADDRESSES[instance.family, instance.version], len(_NO_ADDRESS[instance.family])
    if link is None and links is not None and head + each * len(addresses) > _IPV6_MTU_MIN:
        # Unicast from whatever interface has the source address.
        found = (one for one in links.by_index.values() if any(a.address == source for a in one.addresses))
        link = next(found, None)
    if link is None or not link.mtu:
        return addresses
    return addresses[: max(0, link.mtu - head) // each]


def _announces(
    vips: Iterable[Vip], by_name: dict[str, Link], forwards: Callable[[str], bool], pacer: Callable[[str], int | None]
) -> Iterable[Announce]:
    for vip in vips:
        link = by_name.get(vip.dev)
        if link is not None and len(link.mac) == 6:
            router = vip.family == 6 and forwards(vip.dev)
            yield Announce(link.index, link.mac, vip.address, router, pacer(vip.dev))
