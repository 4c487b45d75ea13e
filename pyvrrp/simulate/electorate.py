"""Which instances of which hosts elect one MASTER, which of them hear each other now, and how soon one must follow.

Instances are one electorate if they have the same VRID, address family and group on one wire, if they are unicast peers
with the same VRID, or if they have a virtual address in common on one wire.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pyvrrp.model import State, Vip
from pyvrrp.router import addresses_of
from pyvrrp.simulate.machine import Machine, Member
from pyvrrp.simulate.trackers import NS_PER_S
from pyvrrp.simulate.wiring import Place
from vrrpcore.election import master_down_interval

Reaches = Callable[[Machine, Machine], bool]

_SETTLE_DOWN_INTERVALS = 4          # for elections one after the other: of who is there, of who is better


@dataclass(frozen=True, eq=False)
class Electorate:
    """Instances that elect one MASTER."""

    members: tuple[Member, ...]
    vips: tuple[Vip, ...]               # all that any of them has
    settle_ns: int                      # after a disturbance, until nothing of it is going on any more

    @property
    def title(self) -> str:
        """How people call it."""
        return "/".join(list(dict.fromkeys(member.instance.name for member in self.members))[:3])


class Part(NamedTuple):
    """Members that can elect somebody and hear each other, if need be by way of others."""

    members: tuple[Member, ...]
    is_free: bool                       # they hear nobody else, so one of them has to be MASTER

    @property
    def masters(self) -> list[Member]:
        """Who of them is MASTER."""
        return [member for member in self.members if member.state is State.MASTER]


def electorates(machines: Iterable[Machine]) -> list[Electorate]:
    """All electorates, in the order of the first file."""
    members = [member for machine in machines for member in machine.members]
    leaders = list(range(len(members)))
    first: dict[Hashable, int] = {}

    def leader(k: int) -> int:
        while leaders[k] != k:
            leaders[k] = leaders[leaders[k]]
            k = leaders[k]
        return k

    for k, member in enumerate(members):
        for key in _marks(member):
            one, other = leader(k), leader(first.setdefault(key, k))
            leaders[max(one, other)] = min(one, other)
    found: dict[int, list[Member]] = {}
    for k, member in enumerate(members):
        found.setdefault(leader(k), []).append(member)
    return [_electorate(each) for each in found.values()]


def _marks(member: Member) -> Iterator[Hashable]:
    """What makes members one electorate, if they have any of these in common."""
    instance = member.instance
    for vip in addresses_of(instance):
        yield member.machine.wire_of(Place(instance.net_namespace, vip.dev)), vip.address
    if not instance.is_unicast:
        yield member.wire, instance.family, instance.vrid, instance.group
    elif member.source:
        for peer in instance.peers:
            yield instance.family, instance.vrid, frozenset((member.source, peer))


def _electorate(members: Collection[Member]) -> Electorate:
    slowest_ns = max(
        master_down_interval(one.instance.version, 1, one.instance.advertisement_interval_cs,
                             one.instance.down_timer_adverts)
        for one in members
    )
    delay_s = max(one.instance.preempt_delay_s for one in members)
    vips = {vip.address: vip for one in members for vip in addresses_of(one.instance)}
    return Electorate(tuple(members), tuple(vips.values()),
                      round(delay_s * NS_PER_S) + _SETTLE_DOWN_INTERVALS * slowest_ns)


def hears(member: Member, other: Member, reaches: Reaches) -> bool:
    """Whether what `other` sends arrives at `member`."""
    one_wire = member.wire == other.wire or member.source in other.instance.peers
    return one_wire and reaches(other.machine, member.machine)


def can_be_master(member: Member) -> bool:
    """Whether a member may become MASTER now, or is it."""
    return member.machine.runs and member.state in (State.BACKUP, State.MASTER) and not _is_aside(member)


def _is_aside(member: Member) -> bool:
    """Whether it stays out of MASTER by order: its own, or that of another member of its sync group."""
    return any(one.aside for one in member.machine.together(member))


def parts(electorate: Electorate, reaches: Reaches) -> list[Part]:
    """Who hears whom, among those that can be MASTER."""
    able = [member for member in electorate.members if can_be_master(member)]
    heard = {one: {other for other in able if other is not one and hears(one, other, reaches)} for one in able}
    for middle in able:                 # if need be by way of others
        for one in able:
            if middle in heard[one]:
                heard[one] |= heard[middle] - {one}
    found, seen = [], set[Member]()
    for one in able:
        if one not in seen:
            together = tuple(other for other in able if other is one or (other in heard[one] and one in heard[other]))
            seen.update(together)
            found.append(Part(together, heard[one] <= set(together)))
    return found


class DownInterval(NamedTuple):
    """A Master_Down_Interval: so many intervals, and Skew_Time (RFC 9568 s6.1)."""

    whole_ns: int
    adverts: int
    interval_cs: int

    def __str__(self) -> str:
        skew_ns = self.whole_ns - self.adverts * self.interval_cs * (NS_PER_S // 100)
        return f"{self.adverts} x {self.interval_cs / 100:g} s + Skew_Time {skew_ns / NS_PER_S:.3f} s"


def down_interval(member: Member) -> DownInterval:
    """Master_Down_Interval of a member as it is now; in a sync group the longest, as members wait for each other."""
    return max(_down_interval(one) for one in member.machine.together(member))


def _down_interval(member: Member) -> DownInterval:
    status, instance = member.machine.engine.status(member.index), member.instance
    adverts, interval_cs = instance.down_timer_adverts, status.master_adver_interval_cs
    whole_ns = master_down_interval(instance.version, status.priority, interval_cs, adverts)
    return DownInterval(whole_ns, adverts, interval_cs)
