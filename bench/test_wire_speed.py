"""Adverts on a real veth wire: sent by the Reactor, received and judged by it, beside bare C loops.

1,000 routers: 250 VRIDs on each of four pairs of addresses, unicast, VRRPv3. Ours and the yardstick's rounds alternate,
and a ratio is the median of the ratios of neighbours, so that what else the machine does meets both. Each side has a
wire and a receiver of its own: clones of one datagram would be cheaper for whoever reads them first.
"""

from __future__ import annotations

import random
import select
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yardstick

from pyvrrp.meter.loops import advert_turns, read_domain
from pyvrrp.meter.network import Host, pair
from pyvrrp.netlink import lab
from vrrpcore import rawio
from vrrpcore.engine import STATES
from vrrpcore.packet import encode
from vrrpcore.reactor import Reactor
from vrrpcore.settings import VrSettings

pytestmark = pytest.mark.root

BATCH = 64                      # datagrams of one call, on either side
PAIRS, VRIDS = 4, 250
ROUTERS = PAIRS * VRIDS
INTERVAL_NS = 10**9
TURNS = 20                      # of the sender, in one round
QUEUE = 4_000                   # datagrams in a full queue; a reactor reads 4,096 in one turn
HEAR_S = 1.0
LIVE_PER_S = 50_000             # of the live sender: a batch of 64 each 1.28 ms
RCVBUF_PER_S = 20_000           # sizes a receive buffer for ten seconds of it


def address(side: int, n: int) -> bytes:
    return bytes((10, 0, n, side))


class Ours:
    """A Reactor with 1,000 routers on eth0 of a host."""

    def __init__(self, host: Host, *, priority: int) -> None:
        self.reactor = Reactor()
        self.engine = self.reactor.engine
        ifindex = host.ifindex("eth0")
        with lab.inside(host.namespace):
            self.domain = self.reactor.open_domain(self.reactor.open_namespace(), 4)
        self.reactor.expect_adverts(self.domain, RCVBUF_PER_S)
        now_ns = self.reactor.now_ns()
        self.indexes = []
        for number in range(ROUTERS):
            n, vrid = number % PAIRS, 1 + number // PAIRS
            self.indexes.append(self.engine.add(VrSettings(
                domain=self.domain, ifindex=ifindex, vrid=vrid, version=3, priority=priority,
                advertisement_interval_cs=100, source=address(host.side, n),
                destinations=(address(3 - host.side, n),), is_unicast=True, addresses=(bytes((198, 51, n, vrid)),),
                starts_as_owner=priority == 255,
            )))
            self.engine.start(self.indexes[-1], now_ns)
        self.reactor.flush()
        while self.engine.events_waiting():
            self.engine.take_events()

    def states(self) -> set[int]:
        return {self.engine.status(index).state for index in self.indexes}

    def counted(self) -> int:
        return sum(self.engine.counters(index)["advert_rcvd"] for index in self.indexes)


class Theirs:
    """The yardstick's sockets in a host: one sends, one receives, each with the options that ours has."""

    def __init__(self, host: Host) -> None:
        with lab.inside(host.namespace):
            self.sender = rawio.open_sender(4)
            self.receiver = rawio.open_receiver(4)
        rawio.size_receive_buffer(self.receiver, RCVBUF_PER_S * 10 * 832)
        self.received = yardstick.ffi.new("long *")
        self.sent = yardstick.ffi.new("long *")
        self.stop = yardstick.ffi.new("int *")

    def close(self) -> None:
        self.sender.close()
        self.receiver.close()


class Messages:
    """The adverts of masters on one side, in random order, for the yardstick's sender.

    A yardstick of sending has one batch of them, and writes its headers once; a feed of a receiver has all 1,000.
    """

    def __init__(self, host: Host, count: int = ROUTERS) -> None:
        numbers = list(range(ROUTERS))
        random.Random(1).shuffle(numbers)
        chosen = [(number % PAIRS, 1 + number // PAIRS) for number in numbers[:count]]
        self.count = count
        self.sources = b"".join(address(host.side, n) for n, _ in chosen)
        self.destinations = b"".join(address(3 - host.side, n) for n, _ in chosen)
        self.bytes = b"".join(
            encode(version=3, family=4, vrid=vrid, priority=255, interval_cs=100,
                   addresses=[bytes((198, 51, n, vrid))], src=address(host.side, n), dst=address(3 - host.side, n))
            for n, vrid in chosen
        )
        self.length = len(self.bytes) // count
        self.ifindex = host.ifindex("eth0")

    def send(self, sockets: Theirs, count: int, *, per_s: int = 0) -> int:
        """Send so many; nanoseconds. per_s: in batches of 64 at this rate; 0: as fast as it goes."""
        took_ns = yardstick.lib.send_loop(
            sockets.sender.fileno(), self.bytes, self.length, self.sources, self.destinations, self.count,
            self.ifindex, count, BATCH * 10**9 // per_s if per_s else 0, sockets.stop, sockets.sent,
        )
        assert took_ns > 0, f"sendmmsg: errno {-took_ns}"
        return int(took_ns)


@pytest.fixture
def hosts() -> Iterator[tuple[Host, Host]]:
    with pair(1, PAIRS) as made:
        yield made


@pytest.fixture
def other_hosts() -> Iterator[tuple[Host, Host]]:
    with pair(1, PAIRS) as made:
        yield made


def test_send(hosts: tuple[Host, Host], figure: Callable[..., Any], benchmark: Any) -> None:
    left, _ = hosts
    ours, theirs, messages = Ours(left, priority=255), Theirs(left), Messages(left, BATCH)
    assert ours.states() == {STATES["MASTER"]}
    us, them = [], []

    def once() -> None:
        took_ns, sent = advert_turns(ours.reactor, TURNS, INTERVAL_NS)
        assert sent == TURNS * ROUTERS
        us.append(sent / took_ns * 1e9)
        them.append(sent / messages.send(theirs, sent) * 1e9)

    try:
        once()
        benchmark.pedantic(once, rounds=21, iterations=1)
    finally:
        theirs.close()
        ours.reactor.close()
    report(figure, "wire-send", "adverts sent, real veth, one core", us, them, "C sendmmsg loop", 0.95)


def test_drain(hosts: tuple[Host, Host], other_hosts: tuple[Host, Host], figure: Callable[..., Any],
               benchmark: Any) -> None:
    left, right = hosts
    other_left, other_right = other_hosts
    to_ours, ours = Theirs(left), Ours(right, priority=100)
    to_theirs, theirs = Theirs(other_left), Theirs(other_right)
    messages, other_messages = Messages(left), Messages(other_left)
    us, them = [], []

    def once() -> None:
        messages.send(to_ours, QUEUE)
        took_ns, received = read_domain(ours.reactor, ours.domain)
        assert received == QUEUE, f"{received} of {QUEUE} arrived"
        us.append(received / took_ns * 1e9)
        other_messages.send(to_theirs, QUEUE)
        took_ns = yardstick.lib.drain_loop(theirs.receiver.fileno(), theirs.received)
        assert theirs.received[0] == QUEUE, f"{theirs.received[0]} of {QUEUE} arrived"
        them.append(QUEUE / took_ns * 1e9)

    try:
        once()
        benchmark.pedantic(once, rounds=31, iterations=1)
        assert ours.counted() == len(us) * QUEUE, "every advert is judged and counted"
    finally:
        for each in (to_ours, to_theirs, theirs):
            each.close()
        ours.reactor.close()
    report(figure, "wire-drain", "adverts received and judged, real veth, draining a full queue", us, them,
           "C recvmmsg loop", 0.8)


def test_live(hosts: tuple[Host, Host], other_hosts: tuple[Host, Host], figure: Callable[..., Any],
              benchmark: Any) -> None:
    left, right = hosts
    other_left, other_right = other_hosts
    to_ours, ours = Theirs(left), Ours(right, priority=100)
    to_theirs, theirs = Theirs(other_left), Theirs(other_right)
    us, them = [], []

    def once() -> None:
        with Sending(Messages(left), to_ours):
            us.append(hear(ours.reactor))
        with Sending(Messages(other_left), to_theirs):
            cpu_ns = yardstick.lib.hear_loop(theirs.receiver.fileno(), int(HEAR_S * 1e9), theirs.received)
        them.append(theirs.received[0] / cpu_ns * 1e9)
        empty(theirs.receiver)

    try:
        benchmark.pedantic(once, rounds=7, iterations=1)
    finally:
        for each in (to_ours, to_theirs, theirs):
            each.close()
        ours.reactor.close()
    report(figure, "wire-live", "adverts received and judged, real veth, live sender, by CPU time", us, them,
           "C poll and recvmmsg loop", 1.0)


class Sending:
    """A thread that sends LIVE_PER_S adverts a second; the GIL is free meanwhile."""

    def __init__(self, messages: Messages, sockets: Theirs) -> None:
        self._sockets = sockets
        self._thread = threading.Thread(
            target=messages.send, args=(sockets, 10**9), kwargs={"per_s": LIVE_PER_S}, daemon=True)

    def __enter__(self) -> None:
        self._sockets.stop[0] = 0
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._sockets.stop[0] = 1
        self._thread.join()


def hear(reactor: Reactor) -> float:
    """Wait and run, as an event loop does, for HEAR_S; adverts received per second of CPU time."""
    poll = select.poll()
    poll.register(reactor.fileno(), select.POLLIN)
    received, cpu_ns = reactor.engine.totals()["datagrams_received"], time.thread_time_ns()
    until_s = time.monotonic() + HEAR_S
    while time.monotonic() < until_s:
        poll.poll(10)
        reactor.run()
    received = reactor.engine.totals()["datagrams_received"] - received
    return received / (time.thread_time_ns() - cpu_ns) * 1e9


def empty(sock: socket.socket) -> None:
    while True:
        try:
            sock.recv(4096)
        except BlockingIOError:
            return


def report(figure: Callable[..., Any], key: str, what: str, ours: list[float], theirs: list[float], name: str,
           goal: float) -> None:
    ratio = statistics.median(mine / yours for mine, yours in zip(ours, theirs, strict=True))
    value = statistics.median(ours)
    figure(key=key, what=what, value=value, unit="per second", yardstick=name, yardstick_value=value / ratio,
           goal=goal, best="high")
