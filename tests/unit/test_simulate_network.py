"""What the wire of a simulation does to datagrams, and what a host does that stood still."""

from __future__ import annotations

from network import MS, START_NS, WIRE_NS, S, Wire

from pyvrrp.simulate.network import Arrival, Network, Weather


class Heard(Wire):
    """Notes who hears what, and when."""

    def __init__(self, weather: Weather, hosts: int = 2) -> None:
        super().__init__(hosts)
        self.weather = weather
        self.arrivals: list[tuple[int, int, bytes]] = []

    def hear(self, host, arrival: Arrival) -> None:
        self.arrivals.append((arrival.at_ns, host.number, arrival.datagram.data))
        super().hear(host, arrival)


def one_master(weather: Weather, for_s: int = 60, hosts: int = 2) -> Heard:
    wire = Heard(weather, hosts)
    for host, priority in zip(wire.hosts, (200, 100, 50), strict=False):
        host.run(priority=priority)
    wire.run(for_s * S)
    return wire


def test_a_good_wire_carries_each_advert_to_each_other_host() -> None:
    wire = one_master(Weather(WIRE_NS), hosts=3)
    sent = wire.adverts(1)
    assert len(sent) > 50
    assert wire.arrivals == [(one.at_ns + WIRE_NS, number, one.datagram.data) for one in sent for number in (2, 3)]


def test_adverts_are_lost_by_chance_from_one_seed() -> None:
    runs = [one_master(Weather(WIRE_NS, loss=0.3), 600).arrivals for _ in range(2)]
    assert runs[0] == runs[1]
    sent = len(one_master(Weather(WIRE_NS), 600).arrivals)
    assert 0.6 * sent < len(runs[0]) < 0.8 * sent


def test_adverts_are_doubled() -> None:
    plain, doubled = (len(one_master(Weather(WIRE_NS, duplicate=chance)).arrivals) for chance in (0.0, 1.0))
    assert doubled == 2 * plain


def test_delays_are_in_their_range_and_adverts_overtake_each_other() -> None:
    wire = one_master(Weather(10 * MS, 2500 * MS))
    sent = {one.at_ns for one in wire.adverts(1)}
    delays = [min(at_ns - ns for ns in sent if at_ns - ns >= 10 * MS) for at_ns, _, _ in wire.arrivals]
    assert all(10 * MS <= delay <= 2500 * MS for delay in delays)
    first, later = Weather(10 * MS, 2500 * MS), Weather(WIRE_NS)
    assert first.longest_ns == 2500 * MS
    assert later.longest_ns == WIRE_NS


def test_a_paused_host_hears_when_it_goes_on_and_its_queue_has_an_end() -> None:
    wire = one_master(Weather(WIRE_NS))
    backup = wire.hosts[1]
    heard = backup.counters()["advert_rcvd"]
    wire.pause(backup)
    backup.queue_max = 5
    wire.run(10 * S)
    assert backup.counters()["advert_rcvd"] == heard
    assert len(backup.queue) == 5
    assert backup.has_overflowed
    wire.wake(backup)
    assert backup.counters()["advert_rcvd"] == heard + 5
    assert not backup.queue
    assert not backup.has_overflowed
    wire.run(10 * S)
    assert backup.state() == "BACKUP"           # it had not lost its MASTER
    assert wire.masters() == [1]


def test_nothing_reaches_a_host_that_is_off() -> None:
    wire = one_master(Weather(WIRE_NS))
    wire.hosts[1].is_on = False
    before = len(wire.arrivals)
    wire.run(10 * S)
    assert len(wire.arrivals) == before


def test_what_is_planned_is_done_in_order_at_its_time() -> None:
    net: Network = Network()
    done = []
    for after in (3, 1, 2, 1):
        net.plan(START_NS + after, lambda after=after: done.append((after, net.now_ns - START_NS)))
    net.run(2)
    assert done == [(1, 1), (1, 1), (2, 2)]
    assert net.next_planned_ns == START_NS + 3
    net.run(1)
    assert net.next_planned_ns == -1
