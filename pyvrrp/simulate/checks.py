"""What must hold whatever happens: one MASTER, in time, for every address, and no change without a cause.

A *disturbance* is something that the scenario does, or that comes of it by itself: a run of a script, the end of a
delay. Some time after the last one all must be settled; only then are the first, third and fourth check made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from pyvrrp.model import State
from pyvrrp.simulate.electorate import DownInterval, Electorate, Part, Reaches, can_be_master, down_interval, parts
from pyvrrp.simulate.machine import Member
from pyvrrp.simulate.network import START_NS
from pyvrrp.simulate.trackers import NS_PER_S

ONE_MASTER, IN_TIME, NO_ORPHAN, NO_FLAPPING = "one-master", "takeover-in-time", "address-has-master", "no-flapping"

SENTENCES = {
    ONE_MASTER: "one MASTER at most among hosts that hear each other",
    IN_TIME: "a MASTER that is gone is replaced in time",
    NO_ORPHAN: "no address without a MASTER",
    NO_FLAPPING: "no change of state without a cause",
}


class Failure(NamedTuple):
    """Something that must not be."""

    check: str
    at_ns: int
    electorate: Electorate
    what: str


class Takeover(NamedTuple):
    """A member became MASTER where there was none."""

    electorate: Electorate
    member: Member
    since_ns: int                       # when there was none any more, or yet
    at_ns: int
    bound_ns: int                       # how long it may have taken
    reckoning: str                      # what that is

    @property
    def took_ns(self) -> int:
        """How long it has taken."""
        return self.at_ns - self.since_ns


class Due(NamedTuple):
    """By when a member must have noticed that there is no MASTER, and what that is reckoned from."""

    at_ns: int
    interval: DownInterval


@dataclass(eq=False)
class Gap:
    """Members that hear each other have no MASTER. The first whose time is over must be it."""

    since_ns: int
    dues: dict[Member, Due]
    is_told: bool = False

    @property
    def first(self) -> Member:
        """Who must notice before all others."""
        return min(self.dues, key=lambda member: self.dues[member].at_ns)

    @property
    def due_ns(self) -> int:
        """By when there must be a MASTER."""
        return min(due.at_ns for due in self.dues.values())


@dataclass(eq=False)
class Checks:
    """Watches a network. Whoever runs it says what is going on."""

    electorates: list[Electorate]
    reaches: Reaches
    failures: list[Failure] = field(default_factory=list)
    takeovers: list[Takeover] = field(default_factory=list)
    settled: int = 0                    # how often all was looked at when it had to be settled
    unsettled: int = 0                  # how often the next disturbance came too soon for that

    def __post_init__(self) -> None:
        self._of = {member: electorate for electorate in self.electorates for member in electorate.members}
        self._gaps: dict[Electorate, list[Gap]] = {}
        self._disturbed_ns = START_NS
        self._promotions: dict[Member, int] = {}        # since the last disturbance

    @property
    def settle_ns(self) -> int:
        """From a disturbance until all is settled."""
        return max((electorate.settle_ns for electorate in self.electorates), default=0)

    @property
    def settled_at_ns(self) -> int:
        """When all is settled, if nothing more happens."""
        return self._disturbed_ns + self.settle_ns

    def electorate_of(self, member: Member) -> Electorate:
        """Where a member votes."""
        return self._of[member]

    # ---- what is told

    def stirred(self, now_ns: int) -> None:
        """Something is about to happen."""
        self._disturbed_ns = now_ns
        self._promotions.clear()

    def disturbed(self, now_ns: int, late_ns: int) -> None:
        """It has happened. late_ns: the longest that a datagram may take."""
        for electorate in self.electorates:
            self._look(electorate, now_ns, late_ns)

    def changed(self, member: Member, old: State, now_ns: int, late_ns: int) -> None:
        """A member has changed its state; `old` is what it was."""
        electorate = self._of[member]
        if State.INIT not in (old, member.state):
            since_ns = now_ns - self._disturbed_ns
            if since_ns > electorate.settle_ns:
                self._fail(NO_FLAPPING, now_ns, electorate,
                           f"{_name(member)} changed from {old.name} to {member.state.name} {_s(since_ns)} after "
                           "anything had happened")
            elif member.state is State.MASTER:
                times = self._promotions[member] = self._promotions.get(member, 0) + 1
                if times > 1:
                    self._fail(NO_FLAPPING, now_ns, electorate,
                               f"{_name(member)} became MASTER {times} times since anything had happened")
        self._look(electorate, now_ns, late_ns)

    def look_settled(self, now_ns: int, is_quiet: bool) -> None:
        """The next disturbance is about to come, or the end. is_quiet: nothing more would come of the last one."""
        for electorate in self.electorates:
            for gap in self._gaps.get(electorate, ()):
                self._check_due(electorate, gap, now_ns)
        if not is_quiet or now_ns - self._disturbed_ns < self.settle_ns:
            self.unsettled += 1
            return
        self.settled += 1
        for electorate in self.electorates:
            self._check_settled(electorate, now_ns)

    # ---- takeovers

    def _look(self, electorate: Electorate, now_ns: int, late_ns: int) -> None:
        """Note where a MASTER is missing, and where one has come."""
        before, self._gaps[electorate] = self._gaps.get(electorate, []), []
        for part in parts(electorate, self.reaches):
            members = frozenset(part.members)
            old = [gap for gap in before if gap.dues.keys() & members]
            if part.masters:
                new = [master for master in part.masters if master.since_ns == now_ns]
                for gap in old:
                    self._check_due(electorate, gap, now_ns)
                    if new:             # not: the wire has come back to one
                        self.takeovers.append(Takeover(
                            electorate, new[0], gap.since_ns, now_ns, gap.due_ns - gap.since_ns,
                            str(gap.dues[gap.first].interval)))
            elif part.is_free:
                self._gaps[electorate].append(_gap(part, old, now_ns, late_ns))

    def _check_due(self, electorate: Electorate, gap: Gap, now_ns: int) -> None:
        if now_ns > gap.due_ns and not gap.is_told:
            gap.is_told = True
            self._fail(IN_TIME, gap.due_ns, electorate,
                       f"no MASTER within {_s(gap.due_ns - gap.since_ns)}; Master_Down_Interval of {_name(gap.first)} "
                       f"is {gap.dues[gap.first].interval}")

    # ---- when all must be settled

    def _check_settled(self, electorate: Electorate, now_ns: int) -> None:
        found = parts(electorate, self.reaches)
        for part in found:
            masters = part.masters
            if len(masters) > 1:
                who = " and ".join(f"{_name(one)} with priority {one.priority}" for one in masters)
                self._fail(ONE_MASTER, now_ns, electorate, f"{who} are MASTER at once")
            elif not masters and part.is_free:
                self._fail(NO_ORPHAN, now_ns, electorate,
                           f"{addresses(electorate)}: none of {_names(part.members)} is MASTER")
        if not found:
            there = [member for member in electorate.members if member.machine.runs]
            if there:
                self._fail(NO_ORPHAN, now_ns, electorate,
                           f"{addresses(electorate)}: " + "; ".join(f"{_name(one)}: {_why_not(one)}" for one in there))

    def _fail(self, check: str, at_ns: int, electorate: Electorate, what: str) -> None:
        self.failures.append(Failure(check, at_ns, electorate, what))


def _gap(part: Part, old: list[Gap], now_ns: int, late_ns: int) -> Gap:
    """What is missing in a part. old: what was missing to some of its members already: their time goes on."""
    known = {member: due for gap in old for member, due in gap.dues.items()}
    dues = {}
    for member in part.members:
        interval = down_interval(member)
        due = known.get(member)
        if due is None:
            at_ns = now_ns + interval.whole_ns + late_ns
        elif interval == due.interval:
            at_ns = due.at_ns
        else:                           # another priority counts at once
            at_ns = max(now_ns, due.at_ns + interval.whole_ns - due.interval.whole_ns)
        dues[member] = Due(at_ns, interval)
    return Gap(min((gap.since_ns for gap in old), default=now_ns), dues, any(gap.is_told for gap in old))


def addresses(electorate: Electorate) -> str:
    """Its addresses, for a sentence."""
    brief = [vip.brief for vip in electorate.vips[:3]]
    more = len(electorate.vips) - len(brief)
    return (", ".join(brief) or electorate.title) + (f" and {more} more" if more else "")


def _why_not(member: Member) -> str:
    if member.state is State.FAULT:
        return f"FAULT, {'; '.join(member.faults) or 'with its sync group'}"
    if member.state is not State.INIT and not can_be_master(member):
        return f"stays out of MASTER, {member.aside or 'with its sync group'}"
    return f"{member.state.name}"


def _name(member: Member) -> str:
    return f"{member.instance.name} on {member.machine.name}"


def _names(members: Iterable[Member]) -> str:
    return ", ".join(_name(member) for member in members)


def _s(ns: int) -> str:
    return f"{ns / NS_PER_S:.3f} s"
