"""What the Engine makes of time: when an advert arrived, what was not read yet, and how long it may sleep."""

from __future__ import annotations

from network import MS, START_NS, TICK_NS, S, address, advert, lone_engine, settings

from vrrpcore.election import master_down_interval
from vrrpcore.engine import STATES


def test_the_deadline_counts_from_the_arrival_and_not_from_the_reading() -> None:
    """Two adverts wait in the queue while the process is busy elsewhere; time has passed when they are read."""
    engine = lone_engine()
    vr = engine.add(settings())
    engine.start(vr, START_NS)
    engine.advance(START_NS + 3 * S, unread={0: START_NS})
    for arrival_ns in (START_NS + S, START_NS + 2 * S):
        engine.receive_datagram(**advert(priority=200), now_ns=arrival_ns)
    status = engine.status(vr)
    assert status.peer_heard_ns == START_NS + 2 * S
    assert status.deadline_ns == START_NS + 2 * S + master_down_interval(3, 100, 100)


def test_adverts_go_on_while_a_queue_was_not_read_to_its_end() -> None:
    """The bound of a turn was hit: a MASTER sends at its time; a BACKUP's timer, due as well, waits."""
    engine = lone_engine()
    master = engine.add(settings(vrid=1, advertisement_interval_cs=10))
    backup = engine.add(settings(vrid=2))
    engine.start(master, START_NS)
    engine.advance(engine.next_deadline())
    assert engine.status(master).state == STATES["MASTER"]
    started_ns = engine.status(master).since_ns
    engine.start(backup, started_ns)
    deadline_ns = engine.status(backup).deadline_ns
    sent = []
    now_ns = started_ns
    while now_ns < deadline_ns + S:
        now_ns += 100 * MS
        engine.advance(now_ns, unread={0: started_ns})
        sent.append(len(engine.take_transmits()))
    assert min(sent[1:]) == max(sent[1:]) == 1, "one advert each interval, the whole time"
    assert engine.status(backup).state == STATES["BACKUP"]
    assert engine.status(backup).deadline_ns == deadline_ns, "its own deadline is not forgotten"
    assert engine.totals()["down_timers_held"] >= 10
    engine.advance(now_ns + 1)
    assert engine.status(backup).state == STATES["MASTER"], "the queue was seen empty"


def test_it_may_sleep_until_the_next_deadline_and_no_shorter() -> None:
    """1,000 BACKUPs, and each step sleeps as long as it is told: every wake-up has a takeover to do."""
    engine = lone_engine()
    for number in range(1000):
        engine.add(settings(vrid=1 + number % 250, ifindex=1 + number // 250, priority=1 + number % 254))
        engine.start(number, START_NS + number * MS)
    deadlines = {engine.status(vr).deadline_ns for vr in range(1000)}
    wakes = 0
    while True:
        now_ns = engine.next_deadline()
        if now_ns > max(deadlines):
            break
        before = engine.totals()["timers_fired"]
        engine.advance(now_ns)
        wakes += 1
        assert engine.totals()["timers_fired"] > before, "woken for nothing"
    assert all(engine.status(vr).state == STATES["MASTER"] for vr in range(1000))
    late_ns = engine.totals()["down_late_longest_ns"]
    assert late_ns <= TICK_NS, "never later than the tick that a deadline lies in"
    assert wakes < 1000 + engine.totals()["timers_fired"]


def test_three_hundred_pairs_between_two_hosts() -> None:
    """More pairs than there are VRIDs: two addresses at each end, 150 VRIDs on each pair of addresses."""
    engine = lone_engine()
    routers = {
        (vrid, ours, theirs): engine.add(settings(1, vrid=vrid, source=address(4, ours), peers=(theirs,)))
        for vrid in range(1, 151) for ours, theirs in ((1, 2), (11, 12))
    }
    assert len(routers) == len(engine) == 300
    for count, ((vrid, ours, theirs), vr) in enumerate(routers.items(), start=1):
        engine.receive_datagram(**advert(theirs, vrid=vrid, to=address(4, ours)), now_ns=START_NS)
        assert engine.counters(vr)["advert_rcvd"] == 1
        assert sum(engine.counters_array()) == count, "nobody else heard it"
