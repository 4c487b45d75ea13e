"""The generator: adverts as fast as the bare engine sends them, and hears and judges them, over a veth wire.

One process on one core: all routers send an advert, all that waits on the other side is read, and so on. Both are timed
by CPU time, the kernel's work included, so the figures are per second of one core, for each of the two. Beside each
round stands one of the yardstick on a wire of its own: the same datagrams through the same calls, with headers that
were written once, and nothing looked at. A ratio is the median of the ratios of neighbours, so that what else the
machine does meets both.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from dataclasses import dataclass

from pyvrrp.errors import MeterError
from pyvrrp.meter.arithmetic import delivered
from pyvrrp.meter.course import Course
from pyvrrp.meter.loops import BATCH, PlainReceiver, PlainSender, advert_turns, read_domain
from pyvrrp.meter.network import Host, pair
from pyvrrp.netlink import lab
from vrrpcore import rawio
from vrrpcore.engine import STATES
from vrrpcore.packet import encode
from vrrpcore.reactor import Reactor
from vrrpcore.settings import VrSettings

VRIDS = 250                     # to a pair of addresses
INTERVAL_CS = 100               # in virtual time: no round waits
RCVBUF_SECONDS = 10             # a reactor's buffer is for adverts of so many seconds
DATAGRAM_BYTES = 832            # as the kernel counts one in a receive buffer
LATE_S = 0.05                   # for what the kernel has not delivered yet, at the end


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Datagrams per second of one core, medians of all rounds."""

    sent_per_s: float
    heard_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """What the bare engine did, and the yardstick beside it."""

    routers: int
    rounds: int
    for_s: float
    sent: int
    heard: int
    lost: int
    delivered: float
    judged: int                     # adverts that passed all checks, by the engine's count
    pyvrrp: Rates
    plain: Rates                    # a loop around sendmmsg, a loop around recvmmsg
    sent_ratio: float               # pyvrrp to plain
    heard_ratio: float


def measure(routers: int, for_s: float, course: Course) -> Flood:
    """Measure for so long. Raises MeterError, NetlinkError, OSError, StoppedError; nothing is left."""
    course.begin("making two wires")
    pairs = -(-routers // VRIDS)
    with contextlib.ExitStack() as stack:
        left, right = stack.enter_context(pair(1, pairs))
        other_left, other_right = stack.enter_context(pair(1, pairs))
        master, _ = _reactor(left, routers, priority=255)
        stack.callback(master.close)
        backup, to_domain = _reactor(right, routers, priority=100)
        stack.callback(backup.close)
        plain = stack.enter_context(contextlib.closing(_Plain(other_left, other_right, routers)))
        states = {master.engine.status(index).state for index in range(routers)}
        if states != {STATES["MASTER"]}:
            raise MeterError("bench: the engine's routers did not become MASTER; that is a fault of pyvrrp")
        course.begin(f"measuring for {for_s:g} s")
        _round(master, backup, to_domain, plain)        # warm: neighbours are known, memory is there
        time.sleep(LATE_S)
        read_domain(backup, to_domain)
        was_sent, was_heard, was_judged = _counted(master, backup)
        rounds = []
        begun_s = time.monotonic()
        while (passed_s := time.monotonic() - begun_s) < for_s:
            course.check()
            course.tell(f"{passed_s:.0f} of {for_s:.0f} s")
            found = _round(master, backup, to_domain, plain)
            if all(found):              # one whose datagrams the kernel has kept for the next has no figures
                rounds.append(found)
        took_s = time.monotonic() - begun_s
        time.sleep(LATE_S)
        read_domain(backup, to_domain)
        now_sent, now_heard, now_judged = _counted(master, backup)
    if not rounds:
        raise MeterError("bench: no datagram arrived at all; look at the firewall of new network namespaces")
    sent, heard = now_sent - was_sent, now_heard - was_heard
    lost = max(0, sent - heard)
    ours_sent, ours_heard, plain_sent, plain_heard = map(statistics.median, zip(*rounds, strict=True))
    return Flood(
        routers=routers, rounds=len(rounds), for_s=took_s, sent=sent, heard=heard, lost=lost,
        delivered=delivered(sent, lost), judged=now_judged - was_judged,
        pyvrrp=Rates(sent_per_s=ours_sent, heard_per_s=ours_heard),
        plain=Rates(sent_per_s=plain_sent, heard_per_s=plain_heard),
        sent_ratio=statistics.median(each[0] / each[2] for each in rounds),
        heard_ratio=statistics.median(each[1] / each[3] for each in rounds),
    )


def _address(side: int, n: int) -> bytes:
    return bytes((10, 0, n, side))


def _reactor(host: Host, routers: int, *, priority: int) -> tuple[Reactor, int]:
    """A Reactor with all routers on eth0 of a host, started; and its domain. With priority 255 they are MASTER."""
    reactor = Reactor()
    ifindex = host.ifindex("eth0")
    with lab.inside(host.namespace):
        domain = reactor.open_domain(reactor.open_namespace(), 4)
    if not reactor.expect_adverts(domain, 2 * routers / RCVBUF_SECONDS):
        reactor.close()
        raise MeterError("bench: the kernel gives no such receive buffer; run it as root, or with fewer routers")
    now_ns = reactor.now_ns()
    for number in range(routers):
        n, vrid = number // VRIDS, number % VRIDS + 1
        index = reactor.engine.add(VrSettings(
            domain=domain, ifindex=ifindex, vrid=vrid, version=3, priority=priority,
            advertisement_interval_cs=INTERVAL_CS, source=_address(host.side, n),
            destinations=(_address(3 - host.side, n),), is_unicast=True, addresses=(bytes((198, 51, n, vrid)),),
            starts_as_owner=priority == 255,
        ))
        reactor.engine.start(index, now_ns)
    reactor.flush()
    while reactor.engine.events_waiting():
        reactor.engine.take_events()
    return reactor, domain


class _Plain:
    """The yardstick's sockets, with the options that a reactor's have, and the adverts that the reactor sends."""

    def __init__(self, sender: Host, receiver: Host, routers: int) -> None:
        with lab.inside(sender.namespace):
            self._sender = rawio.open_sender(4)
        with lab.inside(receiver.namespace):
            self._receiver = rawio.open_receiver(4)
        rawio.size_receive_buffer(self._receiver, 2 * routers * DATAGRAM_BYTES)
        ifindex = sender.ifindex("eth0")
        datagrams = []
        for number in range(routers):
            n, vrid = number // VRIDS, number % VRIDS + 1
            source, destination = _address(sender.side, n), _address(receiver.side, n)
            datagrams.append((source, destination, encode(
                version=3, family=4, vrid=vrid, priority=255, interval_cs=INTERVAL_CS,
                addresses=[bytes((198, 51, n, vrid))], src=source, dst=destination)))
        self._out = [PlainSender(ifindex, datagrams[first:first + BATCH]) for first in range(0, routers, BATCH)]
        self._in = PlainReceiver()

    def close(self) -> None:
        self._sender.close()
        self._receiver.close()

    def round(self) -> tuple[float, float]:
        """Datagrams per second, sent and received."""
        each = [batch.send(self._sender.fileno(), 1) for batch in self._out]
        send_ns, sent = sum(ns for ns, _ in each), sum(count for _, count in each)
        read_ns, read = self._in.drain(self._receiver.fileno())
        return sent / send_ns * 1e9, read / max(1, read_ns) * 1e9


def _round(master: Reactor, backup: Reactor, domain: int, plain: _Plain) -> tuple[float, float, float, float]:
    """Datagrams per second of CPU time: ours sent and heard, plain sent and received."""
    send_ns, sent = advert_turns(master, 1, INTERVAL_CS * 10**7)
    read_ns, heard = read_domain(backup, domain)
    plain_sent, plain_heard = plain.round()
    return sent / send_ns * 1e9, heard / read_ns * 1e9, plain_sent, plain_heard


def _counted(master: Reactor, backup: Reactor) -> tuple[int, int, int]:
    """Datagrams that one has sent and the other received, and those that were judged to be adverts, so far."""
    judged = sum(backup.engine.counters(index)["advert_rcvd"] for index in range(len(backup.engine)))
    return master.engine.totals()["datagrams_sent"], backup.engine.totals()["datagrams_received"], judged
