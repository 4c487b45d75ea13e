"""Hosts on one wire for tests: a network of pyvrrp.simulate whose hosts have numbers, one port and set addresses.

A datagram takes WIRE_NS to every host that has not been cut off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyvrrp.simulate import network
from pyvrrp.simulate.network import Network, Port, Weather
from vrrpcore.engine import EVENTS, STATES, Engine
from vrrpcore.fsm import EVENT_NAMES
from vrrpcore.packet import encode
from vrrpcore.settings import Announce, Event, Transmit, VrSettings, VrStatus

START_NS = network.START_NS
WIRE_NS = 100_000
MS = 1_000_000
S = 1_000_000_000
TICK_NS = 1 << 16                       # of the timer wheel
IFINDEX = 2

GROUP = {4: bytes([224, 0, 0, 18]), 6: bytes.fromhex("ff020000000000000000000000000012")}
VIP = {4: bytes([10, 0, 0, 100]), 6: bytes.fromhex("fe800000000000000000000000000064")}
MAC = bytes([2, 0, 0, 0, 0, 1])
STATE_NAMES = {number: name for name, number in STATES.items()}


def address(family: int, number: int) -> bytes:
    """The address of host `number`: 10.0.0.number or fe80::number."""
    if family == 4:
        return bytes([10, 0, 0, number])
    return bytes.fromhex("fe80") + bytes(13) + bytes([number])


def settings(number: int = 1, **changes: Any) -> VrSettings:
    """Settings of a router of host `number`: VRID 51, v3, IPv4, multicast, 1 s, priority 100; but for the changes.

    family: 4 or 6. peers: numbers of the hosts that are its unicast peers.
    """
    family = changes.pop("family", 4)
    peers = changes.pop("peers", None)
    base: dict[str, Any] = {
        "domain": 0 if family == 4 else 1,
        "ifindex": IFINDEX,
        "vrid": 51,
        "version": 3,
        "priority": 100,
        "advertisement_interval_cs": 100,
        "source": address(family, number),
        "destinations": tuple(address(family, peer) for peer in peers) if peers else (GROUP[family],),
        "is_unicast": peers is not None,
        "addresses": (VIP[family],),
    }
    return VrSettings(**(base | changes))


def advert(number: int = 2, *, to: bytes | None = None, **changes: Any) -> dict[str, Any]:
    """Arguments of receive_datagram(), without the time: an advert of host `number` for settings() of another host.

    to: its destination; the group if not given. ttl, domain, ifindex, source and what packet.encode() takes may be
    given.
    """
    family = changes.pop("family", 4)
    source = changes.pop("source", address(family, number))
    destination = to if to is not None else GROUP[family]
    carrier = {
        "ttl": changes.pop("ttl", 255),
        "domain": changes.pop("domain", 0 if family == 4 else 1),
        "ifindex": changes.pop("ifindex", IFINDEX),
    }
    form: dict[str, Any] = {
        "version": 3, "vrid": 51, "priority": 100, "interval_cs": 100, "addresses": (VIP[family],),
    }
    message = encode(**(form | changes), family=family, src=source, dst=destination)
    return {"message": message, "source": source, "destination": destination, **carrier}


def lone_engine() -> Engine:
    """An Engine with an IPv4 domain, 0, and an IPv6 domain, 1."""
    engine = Engine()
    assert engine.add_domain(4) == 0
    assert engine.add_domain(6) == 1
    return engine


def port_of(number: int) -> Port:
    """Where a host is attached: with its two addresses, and in both groups."""
    listens = {address(family, number) for family in (4, 6)} | set(GROUP.values())
    return Port(IFINDEX, "wire", {4: 0, 6: 1}, listens)


class Host(network.Host):
    """One machine on the wire. `heard`: whether it hears the others; `is_heard`: whether they hear it."""

    def __init__(self, wire: Wire, number: int) -> None:
        super().__init__(str(number), lone_engine(), [port_of(number)])
        self.wire, self.number = wire, number
        self.heard = self.is_heard = True
        self.events: list[Event] = []

    def add(self, **changes: Any) -> int:
        return self.engine.add(settings(self.number, **changes))

    def run(self, **changes: Any) -> int:
        """Add a router and start it."""
        vr = self.add(**changes)
        self.engine.start(vr, self.wire.now_ns)
        self.wire.collect()
        return vr

    def status(self, vr: int = 0) -> VrStatus:
        return self.engine.status(vr)

    def state(self, vr: int = 0) -> str:
        return STATE_NAMES[self.status(vr).state]

    def counters(self, vr: int = 0) -> dict[str, int]:
        return {name: count for name, count in self.engine.counters(vr).items() if count}

    def transitions(self, vr: int = 0) -> list[tuple[str, str, str]]:
        """What the events say of a router's states so far: (old, new, why)."""
        return [
            (STATE_NAMES[e.old_state], STATE_NAMES[e.state], EVENT_NAMES[e.reason])
            for e in self.events
            if e.kind == EVENTS["state"] and e.vr == vr
        ]

    def told(self, kind: str, vr: int = 0) -> list[Event]:
        return [e for e in self.events if e.kind == EVENTS[kind] and e.vr == vr]


@dataclass(frozen=True)
class Sent:
    at_ns: int
    host: int
    datagram: Transmit

    @property
    def priority(self) -> int:
        return self.datagram.data[2]


class Wire(Network[Host]):
    """Hosts on one segment. Everything sent stays in `sent`."""

    def __init__(self, hosts: int = 2) -> None:
        super().__init__([Host(self, number) for number in range(1, hosts + 1)], weather=Weather(WIRE_NS))
        self.sent: list[Sent] = []

    def reaches(self, sender: Host, receiver: Host) -> bool:
        return sender.is_heard and receiver.heard

    def on_sent(self, host: Host, datagram: Transmit) -> None:
        self.sent.append(Sent(self.now_ns, host.number, datagram))

    def on_event(self, host: Host, event: Event) -> None:
        host.events.append(event)

    def adverts(self, host: int, since_ns: int = 0) -> list[Sent]:
        return [s for s in self.sent if s.host == host and not s.datagram.is_frame and s.at_ns >= since_ns]

    def frames(self, host: int, since_ns: int = 0) -> list[Sent]:
        return [s for s in self.sent if s.host == host and s.datagram.is_frame and s.at_ns >= since_ns]

    def masters(self, vr: int = 0) -> list[int]:
        return [h.number for h in self.hosts if len(h.engine) > vr and h.state(vr) == "MASTER"]


def announces(count: int, family: int = 4) -> tuple[Announce, ...]:
    """Addresses that a router announces."""
    if family == 4:
        return tuple(Announce(IFINDEX, MAC, bytes([10, 0, 1, k])) for k in range(count))
    return tuple(Announce(IFINDEX, MAC, address(6, 100 + k)) for k in range(count))
