"""Reactors on real sockets: two in one process, each in a network namespace of its own, on one wire.

A Side runs its reactor only when told to: a test delays reading by not calling it.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from netns.harness import IP, run
from pyvrrp.linux import setns
from vrrpcore import rawio
from vrrpcore.election import master_down_interval, skew_time
from vrrpcore.engine import EVENTS, STATES
from vrrpcore.packet import encode
from vrrpcore.reactor import Reactor
from vrrpcore.settings import Announce, VrSettings

pytestmark = pytest.mark.root

T = TypeVar("T")

MS = 1_000_000
S = 1_000_000_000
LATE_NS = 40 * MS                   # what a busy machine may add
GROUP = {4: bytes([224, 0, 0, 18]), 6: bytes.fromhex("ff020000000000000000000000000012")}
SOURCE = {(4, 1): bytes([192, 0, 2, 1]), (4, 2): bytes([192, 0, 2, 2])}
SOURCE |= {(6, n): bytes.fromhex("fe80") + bytes(13) + bytes([n]) for n in (1, 2)}
VIP = {4: bytes([192, 0, 2, 100]), 6: bytes.fromhex("fe80000000000000000000000000dead")}


def within(namespace: str, call: Callable[[], T]) -> T:
    """Call it in a network namespace, in a thread of its own: this one stays where it is."""
    results: list[T] = []
    errors: list[BaseException] = []

    def enter() -> None:
        fd = os.open(f"/run/netns/{namespace}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            setns(fd)
            results.append(call())
        except BaseException as error:
            errors.append(error)
        finally:
            os.close(fd)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


class Side:
    """One host: a namespace with eth0, and a Reactor in it."""

    def __init__(self, namespace: str, number: int) -> None:
        self.namespace, self.number = namespace, number
        self.reactor = within(namespace, self._open)
        self.engine = self.reactor.engine
        self.ifindex = within(namespace, lambda: socket.if_nametoindex("eth0"))

    def _open(self) -> Reactor:
        reactor = Reactor()
        assert reactor.open_namespace() == 0
        assert reactor.open_domain(0, 4) == 0
        assert reactor.open_domain(0, 6) == 1
        return reactor

    def settings(self, family: int = 4, **changes: Any) -> VrSettings:
        unicast = changes.pop("unicast", False)
        base: dict[str, Any] = {
            "domain": 0 if family == 4 else 1, "ifindex": self.ifindex, "vrid": 51, "version": 3, "priority": 100,
            "advertisement_interval_cs": 10, "source": SOURCE[family, self.number],
            "destinations": (SOURCE[family, 3 - self.number] if unicast else GROUP[family],),
            "is_unicast": unicast, "addresses": (VIP[family],),
        }
        return VrSettings(**(base | changes))

    def start(self, family: int = 4, **changes: Any) -> int:
        """Add a router and start it, its group joined."""
        settings = self.settings(family, **changes)
        vr = self.engine.add(settings)
        if not settings.is_unicast:
            self.reactor.join(settings.domain, self.ifindex, settings.destinations[0])
        self.engine.start(vr, self.reactor.now_ns())
        self.reactor.flush()
        return vr

    def state(self, vr: int = 0) -> int:
        return self.engine.status(vr).state


class Pair:
    def __init__(self, left: Side, right: Side) -> None:
        self.left, self.right = left, right

    def run(self, for_s: float, *sides: Side, until: Callable[[], bool] = lambda: False) -> bool:
        """Give sides (both if none is named) their turns for a while; whether `until` came true before."""
        poll = select.poll()
        reactors = {side.reactor.fileno(): side.reactor for side in sides or (self.left, self.right)}
        for fd in reactors:
            poll.register(fd, select.POLLIN)
        end_s = time.monotonic() + for_s
        while not until():
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                return False
            for fd, _ in poll.poll(left_s * 1000):
                reactors[fd].run()
        return True


@pytest.fixture
def pair() -> Iterator[Pair]:
    names = [f"en-{os.getpid()}-{side}" for side in "lr"]
    with contextlib.ExitStack() as stack:
        for name in names:
            run(IP, "netns", "add", name)
            stack.callback(run, IP, "netns", "del", name, check=False)
        run(IP, "-n", names[0], "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", names[1])
        for number, name in enumerate(names, start=1):
            lines = [
                "link set lo up", "link set eth0 addrgenmode none", "link set eth0 up",
                f"address add 192.0.2.{number}/24 dev eth0", f"address add fe80::{number}/64 dev eth0 nodad",
            ]
            run(IP, "-n", name, "-batch", "-", text="\n".join(lines) + "\n")
        sides = [Side(name, number) for number, name in enumerate(names, start=1)]
        for side in sides:
            stack.callback(side.reactor.close)
        yield Pair(*sides)


KINDS = [
    pytest.param(version, family, unicast, id=f"v{version}-ipv{family}-{'unicast' if unicast else 'multicast'}")
    for version in (2, 3)
    for family in (4, 6)
    for unicast in (False, True)
]


@pytest.mark.rule("T1")
@pytest.mark.rule("T2")
@pytest.mark.parametrize(("version", "family", "unicast"), KINDS)
def test_an_election(pair: Pair, version: int, family: int, unicast: bool) -> None:
    interval_cs = 100 if version == 2 else 10
    kind = {"version": version, "unicast": unicast, "advertisement_interval_cs": interval_cs}
    pair.left.start(family, priority=100, **kind)
    pair.right.start(family, priority=254, **kind)
    down_ns = master_down_interval(version, 254, interval_cs)
    assert pair.run(down_ns / S + 1, until=lambda: pair.right.state() == STATES["MASTER"])
    pair.run(2.5 * interval_cs / 100)
    assert (pair.left.state(), pair.right.state()) == (STATES["BACKUP"], STATES["MASTER"])
    sent = pair.right.engine.counters(0)["advert_sent"]
    heard = pair.left.engine.counters(0)
    assert sent >= 3
    assert sent - 1 <= heard["advert_rcvd"] <= sent
    assert {name for name, count in heard.items() if count} == {"advert_rcvd"}
    assert pair.left.engine.status(0).master_address[:len(SOURCE[family, 2])] == SOURCE[family, 2]
    assert pair.right.engine.counters(0)["advert_rcvd"] == 0, "it does not hear itself"
    assert pair.right.engine.totals()["send_errors"] == 0
    now_ns = pair.right.reactor.now_ns()
    pair.right.engine.stop(0, now_ns)
    pair.right.reactor.flush()
    assert pair.run(skew_time(version, 100, interval_cs) / S + 0.5, until=lambda: pair.left.state() == STATES["MASTER"])
    assert pair.left.engine.status(0).since_ns - now_ns < skew_time(version, 100, interval_cs) + LATE_NS


@pytest.mark.rule("M2")
def test_the_deadline_counts_from_the_arrival_not_from_the_reading(pair: Pair) -> None:
    pair.left.start(priority=100, advertisement_interval_cs=100)
    pair.right.start(priority=255, starts_as_owner=True, advertisement_interval_cs=100)
    sent_ns = pair.right.reactor.now_ns()
    time.sleep(0.3)
    pair.left.reactor.run()
    assert pair.left.engine.counters(0)["advert_rcvd"] == 1
    status = pair.left.engine.status(0)
    assert 0 <= sent_ns - status.peer_heard_ns + MS < 20 * MS
    assert status.deadline_ns == status.peer_heard_ns + master_down_interval(3, 100, 100)


def test_after_a_stall_it_hears_before_it_judges(pair: Pair) -> None:
    """Its timer ran out while it slept, but the master's adverts wait in its queue."""
    pair.left.start()
    pair.right.start(priority=255, starts_as_owner=True)
    pair.run(0.5)
    pair.run(1.5, pair.right)
    assert pair.left.engine.status(0).deadline_ns < pair.left.reactor.now_ns() - 1 * S
    pair.run(0.3)
    assert pair.left.state() == STATES["BACKUP"]
    assert [e.state for e in pair.left.engine.take_events() if e.kind == EVENTS["state"]] == [STATES["BACKUP"]]
    assert pair.left.engine.totals()["stalls"] >= 1
    assert pair.left.engine.totals()["stall_longest_ns"] > S
    assert pair.left.engine.totals()["turn_late_longest_ns"] == pair.left.engine.totals()["stall_longest_ns"]
    assert sum(pair.left.engine.totals()[f"turn_late_us_under_{bound}"] for bound in (1 << 21, 1 << 22, "inf")) >= 1


def test_a_stall_is_not_silence(pair: Pair) -> None:
    """Nothing waits in the queue either: it listens again before it takes over."""
    pair.left.start()
    pair.right.start(priority=255, starts_as_owner=True)
    pair.run(0.5)
    pair.right.engine.set_fault(0, 1, pair.right.reactor.now_ns())
    pair.right.engine.take_transmits()      # the priority 0 is lost
    time.sleep(1.0)
    woke_ns = pair.left.reactor.now_ns()
    assert pair.run(2, pair.left, until=lambda: pair.left.state() == STATES["MASTER"])
    waited_ns = pair.left.engine.status(0).since_ns - woke_ns
    listens_ns = 100 * MS + skew_time(3, 100, 10)
    assert listens_ns <= waited_ns < listens_ns + LATE_NS


def test_a_full_receive_buffer_is_not_silence(pair: Pair) -> None:
    """The queue keeps the oldest: the adverts of the master that took over are the ones that were lost."""
    left, right = pair.left, pair.right
    left.start(priority=100)
    sock = within(right.namespace, lambda: rawio.open_sender(4))
    within(right.namespace, lambda: sock.setsockopt(
        socket.IPPROTO_IP, socket.IP_MULTICAST_IF, bytes(4) + SOURCE[4, 2] + right.ifindex.to_bytes(4, "little")
    ))
    advert = encode(
        version=3, family=4, vrid=51, priority=200, interval_cs=10, addresses=(VIP[4],), src=SOURCE[4, 2], dst=GROUP[4]
    )
    with sock:
        for _ in range(3000):
            sock.sendto(advert, ("224.0.0.18", 0))
    time.sleep(0.35)                # no stall of 3 intervals, were it not for the lost ones
    before_ns = left.reactor.now_ns()
    left.reactor.run()
    assert left.engine.totals()["receive_drops"] > 0
    assert left.state() == STATES["BACKUP"]
    assert left.engine.counters(0)["advert_rcvd"] + left.engine.totals()["receive_drops"] == 3000
    assert left.engine.status(0).deadline_ns >= before_ns + 100 * MS + skew_time(3, 100, 10)
    drops = left.engine.totals()["receive_drops"]
    pair.run(0.05, left)
    assert left.engine.totals()["receive_drops"] == drops, "each is counted once"


def test_a_flood_neither_triggers_nor_starves_the_takeover(pair: Pair) -> None:
    left, right = pair.left, pair.right
    left.start(priority=100, advertisement_interval_cs=20)
    right.start(priority=255, starts_as_owner=True, advertisement_interval_cs=20)
    left.reactor.expect_adverts(0, 1000)
    noise = within(right.namespace, lambda: rawio.open_sender(4))
    within(right.namespace, lambda: noise.setsockopt(
        socket.IPPROTO_IP, socket.IP_MULTICAST_IF, bytes(4) + SOURCE[4, 2] + right.ifindex.to_bytes(4, "little")
    ))
    junk = encode(
        version=3, family=4, vrid=99, priority=200, interval_cs=20, addresses=(VIP[4],), src=SOURCE[4, 2], dst=GROUP[4]
    )
    stop = threading.Event()

    def flood() -> None:
        while not stop.is_set():
            for _ in range(20):
                noise.sendto(junk, ("224.0.0.18", 0))
            time.sleep(0.001)

    thread = threading.Thread(target=flood)
    with noise:
        thread.start()
        try:
            pair.run(1.5)
            assert left.state() == STATES["BACKUP"]
            assert left.engine.domain_drops(0)["vrid_err"] > 5000
            silent_ns = left.engine.status(0).peer_heard_ns
            assert pair.run(2, left, until=lambda: left.state() == STATES["MASTER"])
        finally:
            stop.set()
            thread.join()
    took_ns = left.engine.status(0).since_ns - silent_ns
    down_ns = master_down_interval(3, 100, 20)
    assert down_ns <= took_ns < down_ns + LATE_NS


def test_a_socket_rests_after_a_read(pair: Pair) -> None:
    """What arrives while it rests wakes nobody, and is read when it has rested."""
    left, right = pair.left, pair.right
    left.start(priority=100, advertisement_interval_cs=100)
    right.start(priority=255, starts_as_owner=True, advertisement_interval_cs=100)

    def count() -> int:
        return left.engine.counters(0)["advert_rcvd"]

    heard = 0
    for _ in range(50):
        assert pair.run(2, left, until=lambda before=heard: count() > before)
        read_ns = left.reactor.now_ns()
        heard = count()
        right.engine.stop(0, right.reactor.now_ns())
        right.engine.start(0, right.reactor.now_ns())       # an owner's first advert goes at once
        right.reactor.flush()
        waits = bool(select.select([left.reactor], [], [], 0)[0])
        left.reactor.run()
        was_read = count() > heard
        if left.reactor.now_ns() - read_ns < 400_000:
            break                   # fast enough to have met it resting
    else:
        pytest.skip("this machine is too busy to look within 400 us")
    assert not waits
    assert not was_read
    assert pair.run(0.2, left, until=lambda: count() > heard)


def test_it_sleeps_until_its_deadline(pair: Pair) -> None:
    """The timer is set to the Master_Down_Timer itself: nothing else wakes an idle backup."""
    pair.left.start(priority=100, advertisement_interval_cs=20)
    pair.run(0.01, pair.left)
    turns = pair.left.engine.totals()["turns"]
    assert pair.run(2, pair.left, until=lambda: pair.left.state() == STATES["MASTER"])
    assert pair.left.engine.totals()["turns"] - turns == 1


def test_three_hundred_pairs_between_two_hosts(pair: Pair) -> None:
    """More than there are VRIDs: 150 of them, at each of two addresses of each host."""
    for side in (pair.left, pair.right):
        run(IP, "-n", side.namespace, "address", "add", f"192.0.2.{10 + side.number}/24", "dev", "eth0")
    pair.left.reactor.expect_adverts(0, 600)            # the first ones all come before it reads any
    ends = [((192, 0, 2, 1), (192, 0, 2, 2)), ((192, 0, 2, 11), (192, 0, 2, 12))]
    for vrid in range(1, 151):
        for left, right in ends:
            kind: dict[str, Any] = {"unicast": True, "vrid": vrid, "advertisement_interval_cs": 50}
            pair.left.start(priority=100, source=bytes(left), destinations=(bytes(right),), **kind)
            pair.right.start(priority=255, source=bytes(right), destinations=(bytes(left),), starts_as_owner=True,
                             **kind)
    pair.run(2.5)
    # What the right sent in its last turns still waits: the left reads when its moderation lets it.
    sent = pair.right.engine.totals()["datagrams_sent"]
    pair.run(1, pair.left, until=lambda: pair.left.engine.totals()["datagrams_received"] == sent)
    assert not any(pair.left.engine.domain_drops(0).values())
    assert [pair.left.state(vr) for vr in range(300)] == [STATES["BACKUP"]] * 300
    for vr in range(300):
        heard, count_sent = pair.left.engine.counters(vr), pair.right.engine.counters(vr)["advert_sent"]
        assert {name for name, count in heard.items() if count} == {"advert_rcvd"}
        assert heard["advert_rcvd"] == count_sent >= 3
    # Every batch is in its histogram, and every datagram in a batch.
    for side, way, done in ((pair.left, "receive", "received"), (pair.right, "send", "sent")):
        totals = side.engine.totals()
        sizes = {name: count for name, count in totals.items() if name.startswith(f"{way}_batch_under_") and count}
        assert sum(sizes.values()) == totals[f"{way}_batches"]
        assert totals[f"{way}_batches"] < totals[f"datagrams_{done}"], "some travelled together"
        assert f"{way}_batch_under_1" not in sizes
    assert totals["datagrams_sent"] == sum(pair.right.engine.counters(vr)["advert_sent"] for vr in range(300))


def test_what_the_kernel_refuses_is_counted_and_told(pair: Pair) -> None:
    left = pair.left
    left.start(priority=255, starts_as_owner=True, unicast=True, destinations=(bytes([203, 0, 113, 1]),), ifindex=0)
    assert left.engine.counters(0)["send_err"] == 1
    assert left.engine.counters(0)["advert_sent"] == 0
    pair.run(0.35, left)
    assert left.engine.counters(0)["send_err"] >= 3
    assert left.engine.totals()["send_errors"] == left.engine.counters(0)["send_err"]
    assert left.state() == STATES["MASTER"]
    told = [event for event in left.engine.take_events() if event.kind == EVENTS["send_err"]]
    assert [event.value for event in told] == [101], "ENETUNREACH, once"


def test_one_that_is_refused_does_not_stop_the_others(pair: Pair) -> None:
    left, right = pair.left, pair.right
    for vrid in range(1, 100):
        peer = bytes([203, 0, 113, 1]) if vrid % 3 == 0 else SOURCE[4, 2]
        vr = left.engine.add(left.settings(
            vrid=vrid, unicast=True, destinations=(peer,), ifindex=0, priority=255, starts_as_owner=True
        ))
        left.engine.start(vr, left.reactor.now_ns())
        right.start(vrid=vrid, unicast=True)
    left.reactor.flush()
    pair.run(0.05, right)
    for vr, vrid in enumerate(range(1, 100)):
        refused = vrid % 3 == 0
        assert left.engine.counters(vr)["send_err"] == refused
        assert left.engine.counters(vr)["advert_sent"] == (not refused)
        assert right.engine.counters(vr)["advert_rcvd"] == (not refused)


@pytest.mark.rule("R12")
def test_memberships_are_counted(pair: Pair) -> None:
    left, right = pair.left, pair.right

    def groups() -> list[str]:
        shown = run(IP, "-n", left.namespace, "maddress", "show", "dev", "eth0")
        return [line.split()[1] for line in shown.splitlines() if line.split()[0] in ("inet", "inet6")]

    assert "224.0.0.18" not in groups()
    for _ in range(2):
        left.reactor.join(0, left.ifindex, GROUP[4])
        left.reactor.join(1, left.ifindex, GROUP[6])
    left.reactor.leave(0, left.ifindex, GROUP[4])
    left.reactor.leave(1, left.ifindex, GROUP[6])
    assert {"224.0.0.18", "ff02::12"} <= set(groups())
    left.reactor.leave(0, left.ifindex, GROUP[4])
    left.reactor.leave(1, left.ifindex, GROUP[6])
    assert not {"224.0.0.18", "ff02::12"} & set(groups())
    left.reactor.leave(0, left.ifindex, GROUP[4])           # one too many does nothing
    vr = left.engine.add(left.settings())
    left.engine.start(vr, left.reactor.now_ns())
    right.start(priority=255, starts_as_owner=True)
    pair.run(0.25)
    assert left.engine.counters(vr)["advert_rcvd"] == 0, "not joined, not heard"
    left.reactor.join(0, left.ifindex, GROUP[4])
    pair.run(0.25)
    assert left.engine.counters(vr)["advert_rcvd"] >= 1


def test_memberships_end_with_their_interface(pair: Pair) -> None:
    left = pair.left
    left.reactor.join(0, left.ifindex, GROUP[4])
    run(IP, "-n", left.namespace, "link", "del", "eth0")
    with pytest.raises(OSError, match="No such device"):
        left.reactor.join(0, left.ifindex, bytes([224, 0, 0, 99]))
    left.reactor.forget_interface(left.ifindex)
    left.reactor.leave(0, left.ifindex, GROUP[4])
    with pytest.raises(OSError, match="No such device"):
        left.reactor.join(0, left.ifindex, GROUP[4])


def test_an_interface_of_another_namespace_keeps_its_memberships(pair: Pair) -> None:
    """One reactor in two namespaces; an index means an interface in one of them."""
    left = pair.left

    def second() -> int:
        assert left.reactor.open_namespace() == 1
        return left.reactor.open_domain(1, 4)

    domain = within(pair.right.namespace, second)
    assert domain == 2
    left.reactor.join(0, left.ifindex, GROUP[4])
    left.reactor.join(domain, pair.right.ifindex, GROUP[4])
    left.reactor.join(domain, pair.right.ifindex, GROUP[4])
    left.reactor.forget_interface(left.ifindex, namespace=0)
    left.reactor.leave(domain, pair.right.ifindex, GROUP[4])
    shown = run(IP, "-n", pair.right.namespace, "maddress", "show", "dev", "eth0")
    assert "224.0.0.18" in shown


def test_a_domain_outlives_its_namespace(pair: Pair) -> None:
    """Its sockets are closed and opened again; its router waits in FAULT meanwhile and hears nothing."""
    left, right = pair.left, pair.right
    vr = left.start()
    right.start(priority=255, starts_as_owner=True)
    pair.run(0.35)
    assert left.engine.counters(vr)["advert_rcvd"] >= 2
    before = descriptors()
    left.engine.set_fault(vr, 1, left.reactor.now_ns())
    left.reactor.flush()
    left.reactor.close_namespace(0)
    assert descriptors() == before - 5
    with pytest.raises(ValueError, match="no sockets"):
        left.reactor.join(0, left.ifindex, GROUP[4])
    heard = left.engine.counters(vr)["advert_rcvd"]
    pair.run(0.35)
    assert left.engine.counters(vr)["advert_rcvd"] == heard

    def reopen() -> None:
        assert left.reactor.open_namespace() == 1
        left.reactor.reopen_domain(0, 1)

    within(left.namespace, reopen)
    with pytest.raises(ValueError, match="has its sockets"):
        left.reactor.reopen_domain(0, 1)
    left.reactor.join(0, left.ifindex, GROUP[4])
    left.engine.set_fault(vr, 0, left.reactor.now_ns())
    pair.run(0.35)
    assert left.engine.counters(vr)["advert_rcvd"] > heard
    assert left.engine.status(vr).state == STATES["BACKUP"]


def test_a_domain_without_sockets_sends_nothing(pair: Pair) -> None:
    """What is sent there is counted as refused, and harms no other domain."""
    left = pair.left
    domain = left.reactor.open_domain(None, 4)
    assert domain == 2
    vr = left.engine.add(left.settings(domain=domain, priority=255, starts_as_owner=True))
    left.engine.start(vr, left.reactor.now_ns())
    left.reactor.flush()
    assert left.engine.counters(vr)["send_err"] == 1
    assert left.engine.counters(vr)["advert_sent"] == 0
    assert left.engine.totals()["send_errors"] == 1


def test_domains_are_added_while_others_rest(pair: Pair) -> None:
    """The ring of resting sockets grows under way; every socket is still read."""
    left, right = pair.left, pair.right
    left.start()
    left.start(6)
    right.start(priority=255, starts_as_owner=True)
    right.start(6, priority=255, starts_as_owner=True)
    for _ in range(6):
        pair.run(0.105, until=lambda: False)
        right.reactor.flush()
        left.reactor.run()
        within(left.namespace, lambda: left.reactor.open_domain(0, 4))
    before = [left.engine.counters(vr)["advert_rcvd"] for vr in (0, 1)]
    pair.run(0.5)
    after = [left.engine.counters(vr)["advert_rcvd"] for vr in (0, 1)]
    assert all(b - a >= 4 for a, b in zip(before, after, strict=True))


@pytest.mark.rule("T8")
def test_announcements_reach_the_wire(pair: Pair) -> None:
    left, right = pair.left, pair.right
    listener = within(right.namespace, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806)))
    with listener:
        listener.settimeout(2)
        mac = bytes([2, 0, 0, 0, 0, 9])
        left.start(priority=255, starts_as_owner=True, announces=(Announce(left.ifindex, mac, VIP[4]),))
        left.engine.announce(0, left.reactor.now_ns())
        left.reactor.flush()
        frames = [listener.recv(100) for _ in range(5)]
    assert {frame[6:12] for frame in frames} == {mac}
    assert {frame[28:32] for frame in frames} == {VIP[4]}
    assert left.engine.counters(0)["announce_sent"] == 5


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_closed_reactor_says_so(pair: Pair) -> None:
    reactor = pair.left.reactor
    pair.left.start()
    before = descriptors()
    reactor.close()
    assert descriptors() == before - 8
    reactor.close()
    for call in (reactor.run, reactor.flush, reactor.open_namespace):
        with pytest.raises(ValueError, match="closed"):
            call()
    with pytest.raises(IndexError):
        reactor.open_domain(0, 4)
    for domain in (-1, 0, 2):
        with pytest.raises(IndexError):
            reactor.join(domain, 1, GROUP[4])
    assert pair.left.engine.status(0).state == STATES["BACKUP"]


def test_a_failed_domain_leaves_no_trace(pair: Pair) -> None:
    left = pair.left
    for namespace, family, error in ((0, 5, ValueError), (7, 4, IndexError), (-1, 4, IndexError)):
        with pytest.raises(error):
            left.reactor.open_domain(namespace, family)
    assert within(left.namespace, lambda: left.reactor.open_domain(0, 6)) == 2


def test_a_dropped_reactor_closes_its_descriptors() -> None:
    before = descriptors()
    reactor = Reactor()
    assert descriptors() == before + 3
    del reactor
    assert descriptors() == before


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("ttl", [255, 7, 1])
def test_unicast_adverts_have_the_ttl_that_is_set(pair: Pair, family: int, ttl: int) -> None:
    left, right = pair.left, pair.right
    proto = 0x0800 if family == 4 else 0x86DD
    listener = within(right.namespace, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(proto)))
    with listener:
        listener.settimeout(5)
        left.start(family, priority=255, starts_as_owner=True, unicast=True, ttl=ttl)
        protocol_at, ttl_at = (9, 8) if family == 4 else (6, 7)
        while (packet := listener.recv(2000))[protocol_at] != 112:
            pass
    assert packet[ttl_at] == ttl
    assert left.engine.totals()["send_errors"] == 0
