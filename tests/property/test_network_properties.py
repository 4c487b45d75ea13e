"""Networks of engines in virtual time: whatever happens to hosts and wire, one MASTER is left, and it is left alone.

Three to eight hosts have the same one or two Virtual Routers, with priorities, intervals and options of their own. For
a while datagrams are lost, late, doubled and overtaken, hosts sleep, stop, fail, are cut off and get other priorities.
Then the wire is good again, and what RFC 9568 promises is asked for.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from network import GROUP, IFINDEX, MS, STATE_NAMES, VIP, S, address, lone_engine, port_of
from network import settings as vr_settings

from pyvrrp.simulate import network
from pyvrrp.simulate.network import Arrival, Network, Weather
from vrrpcore.election import master_down_interval
from vrrpcore.engine import EVENTS
from vrrpcore.settings import Event, Transmit, VrStatus

WIRE_NS = 200_000
FAULT = 1


class Host(network.Host):
    """One machine: `island` says whom it can reach, `is_up` that its routers run."""

    def __init__(self, number: int, wanted: list[dict[str, Any]]) -> None:
        super().__init__(str(number), lone_engine(), [port_of(number)])
        self.number, self.wanted = number, wanted
        self.island = 0
        self.is_up = True


class Net(Network[Host]):
    def __init__(self, wanted: list[list[dict[str, Any]]], seed: int, is_group: bool) -> None:
        hosts = [Host(number, routers) for number, routers in enumerate(wanted, 1)]
        super().__init__(hosts, seed=seed, weather=Weather(WIRE_NS))
        self.routers = range(len(wanted[0]))
        self.is_group = is_group
        self.changes: list[tuple[int, int, int, str]] = []       # time, host, router, new state
        for host in self.hosts:
            for k, options in enumerate(host.wanted):
                assert host.engine.add(vr_settings(host.number, **options)) == k
            if is_group:
                host.engine.join_group(1, 0)
            self.start(host)

    def disturb(self, loss: float, delay_ns: int) -> None:
        """Datagrams are lost and doubled, and late."""
        self.weather = Weather(WIRE_NS, WIRE_NS + delay_ns, loss, loss)

    def reaches(self, sender: Host, receiver: Host) -> bool:
        return sender.island == receiver.island

    def on_event(self, host: Host, event: Event) -> None:
        if event.kind == EVENTS["state"]:
            self.changes.append((event.at_ns, host.number, event.vr, STATE_NAMES[event.state]))

    def hear(self, host: Host, arrival: Arrival) -> None:
        super().hear(host, arrival)
        if not host.queue and self.weather.loss and self.chance.random() < 0.1:
            self.collect_from(host)
            self.spoil(host, arrival.datagram)

    # ---- what happens to a host

    def start(self, host: Host) -> None:
        host.is_up = True
        for k in self.routers:
            host.engine.start(k, self.now_ns)
        self.collect()

    def stop(self, host: Host) -> None:
        host.is_up = False
        for k in self.routers:
            host.engine.stop(k, self.now_ns)
        self.collect()

    def spoil(self, host: Host, datagram: Transmit) -> None:
        """An advert with one bit wrong, or from too far away: nothing but a counter may change."""
        before = self.look(host)
        data = bytearray(datagram.data)
        ttl = 255
        if self.chance.random() < 0.3 and datagram.destination in GROUP.values():
            ttl = self.chance.randrange(255)
        elif self.chance.random() < 0.3:
            del data[self.chance.randrange(len(data)):]
        else:
            data[self.chance.randrange(len(data))] ^= 1 << self.chance.randrange(8)
        host.engine.receive_datagram(
            bytes(data), domain=datagram.domain, ifindex=IFINDEX, source=datagram.source,
            destination=datagram.destination, ttl=ttl, now_ns=self.now_ns)
        assert self.look(host) == before
        assert not host.engine.take_transmits()

    def look(self, host: Host) -> tuple[list[VrStatus], int]:
        return [host.engine.status(k) for k in self.routers], host.engine.next_deadline()

    # ---- what is asked

    def state(self, host: Host, k: int) -> str:
        return STATE_NAMES[host.engine.status(k).state]

    def down_ns(self, k: int) -> int:
        """The longest time that anybody may wait for an advert."""
        slowest_cs = max(host.wanted[k]["advertisement_interval_cs"] for host in self.hosts)
        return master_down_interval(3, 1, slowest_cs)

    def settle(self) -> None:
        """Long enough for the last preempt_delay, and for elections one after the other."""
        delay_ns = max(int(w["preempt_delay_s"] * S) for host in self.hosts for w in host.wanted)
        self.run(delay_ns + 8 * max(self.down_ns(k) for k in self.routers))

    def masters(self, k: int, island: int = 0) -> list[Host]:
        return [h for h in self.hosts if h.island == island and not h.is_paused and self.state(h, k) == "MASTER"]

    def check_settled(self) -> None:
        """One MASTER on each island where somebody can be, the best one if all preempt, and all others know it."""
        for island in {host.island for host in self.hosts}:
            there = [h for h in self.hosts if h.island == island and h.is_up and self.state(h, 0) != "FAULT"]
            for k in self.routers:
                masters = self.masters(k, island)
                assert len(masters) == bool(there), (island, k, [self.state(h, k) for h in there])
                for host in there:
                    status = host.engine.status(k)
                    if host not in masters:
                        assert self.state(host, k) == "BACKUP"
                        self.check_backup(status, masters[0], k)
            if there and len(self.routers) == 1 and all(h.wanted[0]["preempt"] for h in there):
                best = max(h.engine.status(0).priority for h in there)
                assert self.masters(0, island)[0].engine.status(0).priority == best
            if there and self.is_group:
                assert self.masters(0, island) == self.masters(1, island)

    def check_backup(self, status: VrStatus, master: Host, k: int) -> None:
        family = master.wanted[k]["family"]
        interval_cs = master.wanted[k]["advertisement_interval_cs"]
        assert status.master_address.startswith(address(family, master.number))
        assert status.master_adver_interval_cs == interval_cs
        assert status.deadline_ns == status.peer_heard_ns + master_down_interval(3, status.priority, interval_cs)
        assert self.now_ns - status.peer_heard_ns <= interval_cs * 10 * MS + WIRE_NS

    def check_quiet(self, for_ns: int) -> None:
        """Nothing changes any more."""
        changes = len(self.changes)
        self.run(for_ns)
        assert self.changes[changes:] == []


options = st.fixed_dictionaries({
    "priority": st.one_of(st.integers(1, 254), st.sampled_from([100, 101])),
    "advertisement_interval_cs": st.sampled_from([10, 11, 20, 50, 100]),
    "preempt": st.sampled_from([True, True, True, False]),
    "preempt_delay_s": st.sampled_from([0.0, 0.0, 0.5, 2.0]),
    "lower_prio_no_advert": st.booleans(),
    "higher_prio_send_advert": st.booleans(),
})
events = st.lists(
    st.tuples(
        st.sampled_from(["sleep", "wake", "stop", "start", "fault", "well", "priority", "cut", "join", "wait"]),
        st.integers(0, 7),
        st.integers(0, 3000),
    ),
    max_size=25,
)


def options_of(base: list[dict[str, Any]], *, router_count: int, is_strict: bool, is_unicast: bool) -> list[
        list[dict[str, Any]]]:
    """For each host, what its routers are to be.

    Not higher_prio_send_advert where intervals differ: keepalived's last word of a MASTER that yields then teaches
    others an interval that nobody keeps.
    """
    numbers = range(1, len(base) + 1)
    if len({one["advertisement_interval_cs"] for one in base}) > 1:
        base = [one | {"higher_prio_send_advert": False} for one in base]
    return [
        [
            one | {
                "vrid": 51 + k, "family": 6 if k else 4, "strict": is_strict, "addresses": (VIP[6 if k else 4],),
                "peers": [n for n in numbers if n != number] if is_unicast else None,
            }
            for k in range(router_count)
        ]
        for number, one in enumerate(base, 1)
    ]


def disturb(net: Net, what: str, which: int, amount: int) -> None:
    """One event, and some time after it."""
    host = net.hosts[which % len(net.hosts)]
    if what == "wake" and host.is_paused:
        net.wake(host)
    elif host.is_paused:
        pass
    elif what == "sleep":
        net.pause(host)
    elif what == "stop" and host.is_up:
        net.stop(host)
    elif what == "start" and not host.is_up:
        net.start(host)
    elif what in ("fault", "well"):
        for k in net.routers:
            host.engine.set_fault(k, FAULT if what == "fault" else 0, net.now_ns)
    elif what == "priority":
        for k in net.routers:
            host.engine.set_priority(k, 1 + amount % 254, net.now_ns)
    elif what in ("cut", "join"):
        host.island = amount % 3 if what == "cut" else 0
    net.run(amount * MS)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    base=st.lists(options, min_size=3, max_size=8), kind=st.sampled_from(["one", "two", "group"]),
    is_strict=st.booleans(), is_unicast=st.booleans(), seed=st.integers(0, 1 << 30),
    loss=st.sampled_from([0.0, 0.05, 0.3, 0.7]), delay_ms=st.sampled_from([0, 5, 40, 400]), happens=events,
    heals=st.booleans(),
)
def test_one_master_is_left(
        base: list[dict[str, Any]], kind: str, is_strict: bool, is_unicast: bool, seed: int, loss: float, delay_ms: int,
        happens: list[tuple[str, int, int]], heals: bool) -> None:
    router_count = 1 if kind == "one" else 2
    net = Net(options_of(base, router_count=router_count, is_strict=is_strict, is_unicast=is_unicast), seed,
              kind == "group")
    net.disturb(loss, delay_ms * MS)
    for what, which, amount in happens:
        disturb(net, what, which, amount)
    net.weather = Weather(WIRE_NS)
    for host in net.hosts:
        if host.is_paused:
            net.wake(host)
        if heals:
            host.island = 0
            for k in net.routers:
                host.engine.set_fault(k, 0, net.now_ns)
            if not host.is_up:
                net.start(host)
    net.settle()
    net.check_settled()
    net.check_quiet(3 * max(net.down_ns(k) for k in net.routers))
    net.check_settled()


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    base=st.lists(options, min_size=3, max_size=6), is_strict=st.booleans(), is_unicast=st.booleans(),
    seed=st.integers(0, 1 << 30), after_ms=st.integers(0, 2000), how=st.sampled_from(["stop", "cut", "sleep"]),
    naps=st.lists(st.tuples(st.integers(0, 7), st.integers(1, 30_000)), max_size=3),
)
def test_takeover_is_on_time(
        base: list[dict[str, Any]], is_strict: bool, is_unicast: bool, seed: int, after_ms: int, how: str,
        naps: list[tuple[int, int]]) -> None:
    """A good wire. A BACKUP that slept takes nothing over; when the MASTER goes, the first deadline is the takeover."""
    net = Net(options_of(base, router_count=1, is_strict=is_strict, is_unicast=is_unicast), seed, False)
    net.settle()
    net.check_settled()
    (master,) = net.masters(0)
    for which, nap_ms in naps:
        host = net.hosts[which % len(net.hosts)]
        if host is not master:
            net.pause(host)
            net.check_quiet(nap_ms * MS)
            net.wake(host)
            net.check_quiet(2 * net.down_ns(0))
    net.run(after_ms * MS)
    interval_cs = master.wanted[0]["advertisement_interval_cs"]
    changes = len(net.changes)
    gone_ns = net.now_ns
    if how == "stop":
        net.stop(master)
        net.run(WIRE_NS)
    elif how == "cut":
        master.island = 9
        net.run(WIRE_NS)                    # what is on its way arrives
    else:
        net.pause(master)
        net.run(WIRE_NS)
    statuses = [h.engine.status(0) for h in net.hosts if h is not master]
    first_ns = min(status.deadline_ns for status in statuses)
    best = max(status.priority for status in statuses)
    skew_ns = master_down_interval(3, best, interval_cs) - 3 * interval_cs * 10 * MS
    if how == "stop":
        assert first_ns == gone_ns + WIRE_NS + skew_ns
    else:
        assert first_ns <= gone_ns + WIRE_NS + 3 * interval_cs * 10 * MS + skew_ns
    net.run(4 * net.down_ns(0))
    promoted = [(at_ns, n) for at_ns, n, _, state in net.changes[changes:] if state == "MASTER" and n != master.number]
    assert promoted[0][0] == first_ns
    assert len([host for host in net.masters(0) if host is not master]) == 1
    if how == "sleep":
        net.wake(master)
        net.settle()
        net.check_settled()
