"""Hosts on wires in virtual time. Time is nanoseconds; it goes from one deadline to the next.

A host is an Engine and its ports. A datagram goes to every other host that listens to its destination: a group is
heard on the sender's wire only, the address of a host from anywhere, as if routers were between the wires. On the way
it may be lost, late or doubled, by chance from one seed; datagrams whose delays differ overtake each other.

A host that is paused runs nothing, and what arrives for it waits in a queue with an end, as in a receive buffer. When
it goes on it does what the reactor does: it says how late it is, hears what waits, says what it may have lost, and
looks at the clock.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Generic, NamedTuple, TypeVar

from vrrpcore.engine import Engine
from vrrpcore.settings import Event, Transmit

START_NS = 5_000_000_000_000            # a machine has been up for a while
QUEUE_MAX = 256                         # datagrams that a default receive buffer holds


class Weather(NamedTuple):
    """What happens to datagrams on their way. loss, duplicate: chances, 0 to 1."""

    delay_ns: int = 100_000
    delay_max_ns: int = 0               # each takes a time between the two; not above delay_ns: exactly that
    loss: float = 0.0
    duplicate: float = 0.0

    @property
    def longest_ns(self) -> int:
        """What a datagram that arrives has taken at most."""
        return max(self.delay_ns, self.delay_max_ns)


GOOD_WEATHER = Weather()


@dataclass(slots=True, eq=False)
class Port:
    """Where a host is attached to a wire."""

    ifindex: int
    wire: str
    domains: dict[int, int]             # of its host's engine, by address family
    listens: set[bytes] = field(default_factory=set)    # its addresses, and the groups that it has joined
    is_up: bool = True


class Arrival(NamedTuple):
    """A datagram at a port."""

    at_ns: int
    port: Port
    datagram: Transmit


@dataclass(eq=False)
class Host:
    """One machine."""

    name: str
    engine: Engine
    ports: list[Port] = field(default_factory=list)
    is_on: bool = True                  # no: nothing of it is there, and what was sent to it is lost
    is_paused: bool = False
    queue_max: int = QUEUE_MAX
    queue: list[Arrival] = field(default_factory=list)
    has_overflowed: bool = False

    @property
    def runs(self) -> bool:
        """Whether it does anything."""
        return self.is_on and not self.is_paused


H = TypeVar("H", bound=Host)


class Network(Generic[H]):
    """Hosts, wires and the time. Subclasses are told what is sent, heard and changed."""

    def __init__(self, hosts: Iterable[H] = (), *, seed: int = 0, weather: Weather = GOOD_WEATHER) -> None:
        self.now_ns = START_NS
        self.hosts = list(hosts)
        self.chance = Random(seed)      # noqa: S311 (the same seed, the same run)
        self.weather = weather
        self._numbers = itertools.count()
        self._flying: list[tuple[int, int, H, Port, Transmit]] = []
        self._planned: list[tuple[int, int, Callable[[], None]]] = []
        self._listeners: dict[tuple[H, int, bytes], list[tuple[H, Port]]] = {}

    # ---- for subclasses

    def reaches(self, sender: H, receiver: H) -> bool:
        """Whether what one host sends arrives at another. Asked when it is sent."""
        return True

    def on_sent(self, host: H, datagram: Transmit) -> None:
        """A host has sent a datagram, or a frame, which goes nowhere here."""

    def on_event(self, host: H, event: Event) -> None:
        """The engine of a host has something to say."""

    def hear(self, host: H, arrival: Arrival) -> None:
        """A host that runs hears a datagram."""
        _, port, datagram = arrival
        host.engine.receive_datagram(
            datagram.data, domain=port.domains[4 if len(datagram.source) == 4 else 6], ifindex=port.ifindex,
            source=datagram.source, destination=datagram.destination, ttl=255, now_ns=arrival.at_ns)

    # ---- what happens to a host

    def pause(self, host: H) -> None:
        """Nothing runs on a host, as after SIGSTOP, but its kernel goes on to receive."""
        host.is_paused = True

    def wake(self, host: H) -> None:
        """A host goes on."""
        host.is_paused = False
        due_ns = host.engine.next_deadline()
        if 0 <= due_ns < self.now_ns:
            host.engine.stalled(self.now_ns - due_ns, self.now_ns)
        for arrival in host.queue:
            self.hear(host, arrival)
        if host.has_overflowed:
            for domain in sorted({domain for port in host.ports for domain in port.domains.values()}):
                host.engine.deaf(domain, self.now_ns - host.queue[-1].at_ns, self.now_ns)
        self.forget_queue(host)
        host.engine.advance(self.now_ns)
        self.collect()

    def forget_queue(self, host: H) -> None:
        """What waits for a host is gone."""
        host.queue.clear()
        host.has_overflowed = False

    def rewire(self) -> None:
        """Ports are new, or listen to something else."""
        self._listeners.clear()

    # ---- time

    def plan(self, at_ns: int, action: Callable[[], None]) -> None:
        """Do something later; not before what arrives at that time is heard."""
        heapq.heappush(self._planned, (at_ns, next(self._numbers), action))

    @property
    def next_planned_ns(self) -> int:
        """When the next of that is due; -1: nothing is planned."""
        return self._planned[0][0] if self._planned else -1

    def run(self, for_ns: int) -> None:
        """Let time pass."""
        self.run_until(self.now_ns + for_ns)

    def run_until(self, at_ns: int) -> None:
        """Let time pass until then."""
        self.collect()
        while True:
            due = [(ns, host) for host in self.hosts if host.runs and (ns := host.engine.next_deadline()) >= 0]
            next_ns = min((ns for ns, _ in due), default=at_ns + 1)
            for waiting in (self._flying, self._planned):
                if waiting:
                    next_ns = min(next_ns, waiting[0][0])
            if next_ns > at_ns:
                break
            self.now_ns = max(self.now_ns, next_ns)
            while self._flying and self._flying[0][0] <= self.now_ns:
                _, _, host, port, datagram = heapq.heappop(self._flying)
                self._arrive(host, Arrival(self.now_ns, port, datagram))
            while self._planned and self._planned[0][0] <= self.now_ns:
                heapq.heappop(self._planned)[2]()
            for ns, host in due:
                if ns <= self.now_ns and host.runs:
                    host.engine.advance(self.now_ns)
            self.collect()
        self.now_ns = max(self.now_ns, at_ns)

    def collect(self) -> None:
        """Take what the engines have to send and to tell."""
        for host in self.hosts:
            if host.is_on:
                self.collect_from(host)

    def collect_from(self, host: H) -> None:
        """Take what one engine has to send and to tell."""
        for datagram in host.engine.take_transmits():
            self.on_sent(host, datagram)
            if not datagram.is_frame:
                self._send(host, datagram)
        while host.engine.events_waiting():
            for event in host.engine.take_events():
                self.on_event(host, event)

    # ---- the way of a datagram

    def _send(self, sender: H, datagram: Transmit) -> None:
        weather, chance = self.weather, self.chance
        for host, port in self._listening(sender, datagram):
            if not self.reaches(sender, host) or (weather.loss and chance.random() < weather.loss):
                continue
            for _ in range(2 if weather.duplicate and chance.random() < weather.duplicate else 1):
                delay_ns = weather.delay_ns
                if weather.delay_max_ns > delay_ns:
                    delay_ns = chance.randint(delay_ns, weather.delay_max_ns)
                item = self.now_ns + delay_ns, next(self._numbers), host, port, datagram
                heapq.heappush(self._flying, item)

    def _listening(self, sender: H, datagram: Transmit) -> list[tuple[H, Port]]:
        """The ports that a datagram is for, of other hosts."""
        key = sender, datagram.ifindex, datagram.destination
        found = self._listeners.get(key)
        if found is None:
            own = next((port for port in sender.ports if port.ifindex == datagram.ifindex), None)
            wire = own.wire if own is not None else None
            found = self._listeners[key] = [
                (host, port) for host in self.hosts if host is not sender for port in host.ports
                if datagram.destination in port.listens and (port.wire == wire or not is_group(datagram.destination))
            ] if own is None or own.is_up else []
        return found

    def _arrive(self, host: H, arrival: Arrival) -> None:
        if not host.is_on or not arrival.port.is_up:
            return
        if not host.is_paused:
            self.hear(host, arrival)
        elif len(host.queue) < host.queue_max:
            host.queue.append(arrival)
        else:
            host.has_overflowed = True


def is_group(address: bytes) -> bool:
    """Whether an address is a multicast group."""
    return address[0] == 0xFF if len(address) == 16 else 0xE0 <= address[0] <= 0xEF
