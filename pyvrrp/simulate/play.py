"""A scenario is played: hosts with their configurations on their wires, what happens to them, and what comes of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pyvrrp.errors import UsageError
from pyvrrp.journal import cause_of, sentence_of
from pyvrrp.model import Configuration, State, Vip
from pyvrrp.simulate.checks import Checks
from pyvrrp.simulate.electorate import Electorate, electorates, parts
from pyvrrp.simulate.machine import Attachment, Machine, Member
from pyvrrp.simulate.network import GOOD_WEATHER, START_NS, Network, Weather
from pyvrrp.simulate.scenario import Step, chance, delayed
from pyvrrp.simulate.trackers import NS_PER_S
from pyvrrp.simulate.wiring import Wiring
from vrrpcore.engine import EVENTS
from vrrpcore.settings import Event

_STATE = EVENTS["state"]
_KINDS = {number: name for name, number in EVENTS.items()}
_AFTERMATH_NS = NS_PER_S                # after the last check that all is settled, so that its time is seen


class Change(NamedTuple):
    """An instance changed its state."""

    at_ns: int
    member: Member
    old: State
    new: State
    why: str


class Note(NamedTuple):
    """The log of a host says something else of an instance."""

    at_ns: int
    member: Member
    kind: str                           # by the name of the engine's event
    text: str


class Happening(NamedTuple):
    """A step of the scenario."""

    at_ns: int
    step: Step


@dataclass(frozen=True)
class Owner:
    """Who has an address at the end."""

    vip: Vip
    electorate: Electorate
    members: tuple[Member, ...]         # more than one: they do not hear each other, or must not be


class Play(Network[Machine]):
    """The hosts, the time, and all that is noted."""

    def __init__(
        self, hosts: Mapping[str, Configuration], wiring: Wiring, *, seed: int = 0, weather: Weather = GOOD_WEATHER
    ) -> None:
        super().__init__(seed=seed, weather=weather)
        self.seed = seed
        self.timeline: list[Change | Note | Happening] = []
        self._cuts: set[tuple[str, str]] = set()        # (sender, receiver)
        self._noted: set[tuple[Member, str]] = set()
        for name, configuration in hosts.items():
            attached = {
                place: Attachment(wire, wiring.addresses[name, place])
                for (host, place), wire in wiring.wires.items() if host == name
            }
            self.hosts.append(Machine(
                name, configuration, attached, now_ns=lambda: self.now_ns, plan=self.plan, rewire=self.rewire,
                on_later=self._disturbed,
            ))
        self.by_name = {machine.name: machine for machine in self.hosts}
        self.checks = Checks(electorates(self.hosts), self.reaches)
        self._at: dict[tuple[Machine, int], Member] = {}

    @property
    def elapsed_ns(self) -> int:
        """Since the start."""
        return self.now_ns - START_NS

    # ---- the course of it

    def play(self, steps: Sequence[Step], for_ns: int | None = None) -> None:
        """Start all hosts and do the steps, for a time; None: until all that they cause must be over."""
        self._start_all()
        for step in steps:
            if for_ns is not None and step.at_ns > for_ns:
                break
            self.run_until(START_NS + step.at_ns)
            self.do(step)
        if for_ns is None:
            self.settle()
        else:
            self.run_until(START_NS + for_ns)
        self._look()

    def play_failover(self, for_ns: int | None = None) -> None:
        """Start all hosts; the one that is MASTER most often fails, and comes back. As play(), if no step is given."""
        self._start_all()
        end_ns = None if for_ns is None else START_NS + for_ns
        name = ""
        for action in ("stop", "start"):
            self.settle(end_ns)
            if self.now_ns == end_ns:
                break
            name = name or self._best()
            self.do(Step(self.elapsed_ns, action, (name,)))
        self.settle(end_ns)
        if end_ns is not None:
            self.run_until(end_ns)
        self._look()

    def settle(self, end_ns: int | None = None) -> None:
        """Go on until all must be settled, to a whole second; not beyond an end."""
        while True:
            at_ns = START_NS + math.ceil((self.checks.settled_at_ns - START_NS) / NS_PER_S) * NS_PER_S + _AFTERMATH_NS
            if any(machine.is_waiting for machine in self.hosts if machine.runs):
                at_ns = max(at_ns, self.now_ns + NS_PER_S)
            elif self.now_ns >= at_ns:
                return
            if end_ns is not None and at_ns >= end_ns:
                self.run_until(end_ns)
                return
            self.run_until(at_ns)

    def _start_all(self) -> None:
        for machine in self.hosts:
            self._boot(machine)
        self._disturbed()

    def _boot(self, machine: Machine) -> None:
        machine.start()
        for member in machine.members:
            self._at[machine, member.index] = member

    def _best(self) -> str:
        """The host that is MASTER most often."""
        def count(machine: Machine) -> int:
            return sum(member.state is State.MASTER for member in machine.members)
        return max(self.hosts, key=count).name

    def do(self, step: Step) -> None:
        """Have something happen, now. Raises UsageError if it cannot."""
        self._look()
        self.checks.stirred(self.now_ns)
        self.timeline.append(Happening(self.now_ns, step))
        try:
            self._do(step)
        except KeyError as unknown:
            raise UsageError(f"{step}: {step.arguments[0]} has no {unknown.args[0]}; correct the name") from None
        self._disturbed()

    def _do(self, step: Step) -> None:
        action, words = step.action, step.arguments
        if action in ("cut", "join"):
            self._cut_or_join(action == "cut", words)
            return
        if action == "delay":
            self.weather = delayed(self.weather, words[0])
            return
        if action == "loss":
            self.weather = self.weather._replace(loss=chance(words[0]))
            return
        if action == "duplicate":
            self.weather = self.weather._replace(duplicate=chance(words[0]))
            return
        machine = self.by_name[words[0]]
        if action == "link":
            machine.set_link(words[1], words[2] == "up")
            return
        if machine.is_on is (action == "start"):
            raise UsageError(f"{step}: {machine.name} is {'on' if machine.is_on else 'off'} at that time")
        if action in ("pause", "continue"):
            if machine.is_paused is (action == "pause"):
                raise UsageError(f"{step}: {machine.name} is {'paused' if machine.is_paused else 'not paused'} then")
        elif machine.is_paused and action != "stop":
            raise UsageError(f"{step}: {machine.name} is paused at that time; write `continue` before")
        if action == "start":
            self._boot(machine)
        elif action == "stop":
            machine.stop()
        elif action == "shutdown":
            machine.shut_down()
            self.collect_from(machine)
            machine.stop()
        elif action == "pause":
            self.pause(machine)
        elif action == "continue":
            self.wake(machine)
            machine.wake_up()
        elif action == "script":
            machine.trackers.set_script(words[1], words[2] == "ok")
        elif action == "file":
            machine.trackers.set_file(words[1], int(words[2]))
        elif action == "process":
            machine.trackers.set_process(words[1], words[2] == "up")
        elif action == "priority":
            machine.order(words[1], priority=int(words[2]))
        else:
            machine.order(words[1], aside="hold" if action == "hold" else "")

    def _cut_or_join(self, is_cut: bool, words: Sequence[str]) -> None:
        if not words:
            self._cuts.clear()
            return
        first, way, second = words
        pairs = {(one, other) for one in first.split(",") for other in second.split(",") if one != other}
        if not way:
            pairs |= {(other, one) for one, other in pairs}
        if is_cut:
            self._cuts |= pairs
        else:
            self._cuts -= pairs

    # ---- what the network asks and tells

    def reaches(self, sender: Machine, receiver: Machine) -> bool:
        """Whether what one host sends arrives at another."""
        return (sender.name, receiver.name) not in self._cuts

    def on_event(self, host: Machine, event: Event) -> None:
        """An engine has something to say."""
        member = self._at.get((host, event.vr))
        if member is None:
            return
        if event.kind != _STATE:
            text = sentence_of(member, event).text
            if (member, text) not in self._noted:
                self._noted.add((member, text))
                self.timeline.append(Note(self.now_ns, member, _KINDS[event.kind], text))
            return
        old, new = member.state, State(event.state)
        if old is not new:
            member.state, member.since_ns = new, self.now_ns
            sentences = cause_of(member, event).sentences
            self.timeline.append(Change(self.now_ns, member, old, new, "; ".join(sentences)))
            self.checks.changed(member, old, self.now_ns, self.weather.longest_ns)

    def _disturbed(self) -> None:
        self.checks.stirred(self.now_ns)
        self.collect()
        self.checks.disturbed(self.now_ns, self.weather.longest_ns)

    def _look(self) -> None:
        """What must hold now, if all is settled."""
        is_quiet = not any(machine.is_waiting for machine in self.hosts if machine.runs)
        self.checks.look_settled(self.now_ns, is_quiet)

    # ---- the end

    def owners(self) -> list[Owner]:
        """Who has each address now."""
        found = []
        for electorate in self.checks.electorates:
            masters = tuple(
                member for member in electorate.members
                if member.state is State.MASTER and member.machine.is_on
            )
            found += [Owner(vip, electorate, masters) for vip in electorate.vips]
        return found

    def parts(self, electorate: Electorate) -> int:
        """Into how many parts that do not hear each other an electorate has fallen."""
        return len(parts(electorate, self.reaches))
