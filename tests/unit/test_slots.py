"""Slots: adverts travel together, at most 64 to one host in a millisecond, each router exactly once an interval."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from network import MS, START_NS, S, lone_engine, settings

from vrrpcore.election import master_down_interval
from vrrpcore.engine import Engine
from vrrpcore.settings import VrSettings

HOST_BURST_MAX = 64
SLOT_BURST_MAX = 192
PEER = bytes([10, 9, 0, 1])


def unicast(k: int, *, peers: Iterable[bytes] = (PEER,), interval_cs: int = 100, **changes: Any) -> VrSettings:
    """Router number k of a host with many: no two have VRID and source in common."""
    return replace(
        settings(peers=(2,), vrid=1 + k % 250, advertisement_interval_cs=interval_cs),
        source=bytes([10, 8, k // 250 >> 8, k // 250 & 255]), destinations=tuple(peers), **changes)


def owner(k: int, **changes: Any) -> VrSettings:
    """One that is MASTER as soon as it starts."""
    return unicast(k, priority=255, starts_as_owner=True, **changes)


def masters(all_settings: Sequence[VrSettings]) -> Engine:
    """An Engine whose routers have all become MASTER, one after the other; what they sent at once is taken."""
    engine = lone_engine()
    for each in all_settings:
        engine.start(engine.add(each), START_NS)
    engine.take_transmits()
    return engine


def run(engine: Engine, until_ns: int) -> list[tuple[int, int, bytes]]:
    """Let time pass; return when, by whom and to whom something was sent."""
    sent = []
    while 0 <= (now_ns := engine.next_deadline()) <= until_ns:
        engine.advance(now_ns)
        sent += [(now_ns, t.vr, t.destination) for t in engine.take_transmits()]
        engine.take_events()
    return sorted(sent)


def worst_burst(sent: Iterable[tuple[int, int, bytes]]) -> int:
    """The most datagrams to one host in any millisecond, wherever it begins."""
    times = defaultdict(list)
    for at_ns, _, host in sent:
        times[host].append(at_ns)
    return max(bisect_left(at, first_ns + MS) - k for at in times.values() for k, first_ns in enumerate(at))


@pytest.mark.rule("S7")
@pytest.mark.parametrize(("count", "interval_cs"), [
    (1000, 100), (3000, 100), (10000, 100), (10000, 4095), (640, 1), (6400, 10), (300, 1), (20, 100)])
def test_no_host_gets_more_than_64_in_a_millisecond(count: int, interval_cs: int) -> None:
    interval_ns = interval_cs * 10 * MS
    engine = masters([owner(k, interval_cs=interval_cs) for k in range(count)])
    first = run(engine, START_NS + interval_ns)
    assert Counter(vr for _, vr, _ in first) == dict.fromkeys(range(count), 1), "early and never late"
    second = run(engine, START_NS + 2 * interval_ns)
    assert second == [(at_ns + interval_ns, vr, host) for at_ns, vr, host in first], "exactly periodic"
    assert worst_burst(first + second) <= HOST_BURST_MAX
    wakes = len({at_ns for at_ns, _, _ in first})
    assert wakes <= max(8, -(-count // HOST_BURST_MAX) + 1)


def test_the_cap_is_on_groups_too() -> None:
    """Multicast: each interface's group is a host of its own; a slot still has a bound in all."""
    engine = masters([
        settings(vrid=1 + k % 250, ifindex=2 + k // 250, priority=255, starts_as_owner=True)
        for k in range(1000)])
    sent = run(engine, START_NS + S)
    in_slot = Counter(at_ns for at_ns, _, _ in sent)
    assert len(sent) == 1000
    assert len(in_slot) == 8, "four groups share the slots"
    assert HOST_BURST_MAX < max(in_slot.values()) <= SLOT_BURST_MAX


def test_many_hosts_share_a_slot_up_to_its_bound() -> None:
    engine = masters([owner(k, peers=[bytes([10, 9, k >> 8, k & 255])]) for k in range(10000)])
    in_slot = Counter(at_ns for at_ns, _, _ in run(engine, START_NS + S))
    assert sum(in_slot.values()) == 10000
    assert max(in_slot.values()) <= SLOT_BURST_MAX
    assert len(in_slot) <= 10000 // SLOT_BURST_MAX + 2


def test_a_router_with_255_peers() -> None:
    """More datagrams than a slot has room for: a slot of its own, which others then leave alone."""
    crowd = [bytes([10, 9, 0, k]) for k in range(1, 256)]
    engine = masters([owner(0, peers=crowd), *(owner(k) for k in range(1, 500)), owner(500, peers=crowd)])
    sent = run(engine, START_NS + S)
    assert len(sent) == 255 + 499 + 255
    assert worst_burst(sent) <= HOST_BURST_MAX
    of_large = {vr: {at_ns for at_ns, by, _ in sent if by == vr} for vr in (0, 500)}
    assert len(of_large[0]) == len(of_large[500]) == 1
    assert of_large[0] != of_large[500]
    assert max(Counter(at_ns for at_ns, _, _ in sent).values()) == 255


def test_255_peers_in_the_shortest_interval() -> None:
    """Forty such routers cannot keep to the bound of a slot; each host's cap holds all the same."""
    crowd = [bytes([10, 9, 0, k]) for k in range(1, 256)]
    engine = masters([owner(k, peers=crowd, interval_cs=1) for k in range(40)])
    sent = run(engine, START_NS + 10 * MS)
    assert len(sent) == 40 * 255
    assert worst_burst(sent) <= HOST_BURST_MAX


@pytest.mark.parametrize("intervals_cs", [(100, 10), (10, 100), (100, 300), (100, 101), (30, 20), (1, 100)])
def test_two_intervals_to_one_host(intervals_cs: tuple[int, int]) -> None:
    """Their slots meet again and again; the cap is on what the host gets in all."""
    count = 1000
    engine = masters([owner(k, interval_cs=intervals_cs[k % 2]) for k in range(count)])
    longest_ns = max(intervals_cs) * 10 * MS
    sent = run(engine, START_NS + longest_ns)
    assert {vr for _, vr, _ in sent} == set(range(count))
    sent = run(engine, START_NS + min(20 * longest_ns, longest_ns + 3 * S))
    assert worst_burst(sent) <= HOST_BURST_MAX


def test_a_fast_interval_leaves_room_for_slow_ones() -> None:
    """560 routers of 10 ms take nearly nine of ten milliseconds; 6,400 of 1 s fit into the tenth, in any order."""
    chance = random.Random(9)
    intervals_cs = [1] * 560 + [100] * 5000
    chance.shuffle(intervals_cs)
    engine = masters([owner(k, interval_cs=interval_cs) for k, interval_cs in enumerate(intervals_cs)])
    run(engine, START_NS + S)
    assert worst_burst(run(engine, START_NS + 2 * S)) <= HOST_BURST_MAX


def test_beyond_what_fits_everybody_still_sends() -> None:
    """Ten milliseconds hold 640 datagrams: the 641st has to go over the cap, by as little as can be."""
    engine = masters([owner(k, interval_cs=1) for k in range(700)])
    sent = run(engine, START_NS + 10 * MS)
    assert Counter(vr for _, vr, _ in sent) == dict.fromkeys(range(700), 1)
    assert worst_burst(sent) == 70


def test_one_by_one_and_back_again() -> None:
    """Routers stop and start in any order for a long time: the cap holds, and slots do not fray."""
    count = 1500
    chance = random.Random(3)
    engine = masters([owner(k) for k in range(count)])
    now_ns = START_NS
    for _ in range(20):
        few = chance.sample(range(count), 300)
        for vr in few:
            engine.stop(vr, now_ns)
        chance.shuffle(few)
        for vr in few:
            engine.start(vr, now_ns)
        engine.take_transmits()
        now_ns += S
        sent = run(engine, now_ns)
        assert Counter(vr for _, vr, _ in sent) == dict.fromkeys(range(count), 1)
        assert worst_burst(sent) <= HOST_BURST_MAX
    assert len({at_ns for at_ns, _, _ in sent}) <= count / HOST_BURST_MAX * 1.25


def test_what_is_given_back_can_be_booked_again() -> None:
    """With every place taken, one that leaves makes room for one that comes."""
    engine = masters([owner(k, interval_cs=1) for k in range(640)])
    spare = [engine.add(owner(640 + k, interval_cs=1)) for k in range(64)]
    now_ns = START_NS
    for k, vr in enumerate(spare):
        engine.stop(10 * k, now_ns)
        engine.start(vr, now_ns)
        engine.take_transmits()
        now_ns += 20 * MS
        assert worst_burst(run(engine, now_ns)) <= HOST_BURST_MAX
    for vr in (*range(640), *spare):
        engine.stop(vr, now_ns)
        engine.remove(vr)
    assert len(engine) == 0
    engine.take_transmits()
    again = [engine.add(owner(k, interval_cs=1)) for k in range(640)]
    for vr in again:
        engine.start(vr, now_ns)
    engine.take_transmits()
    assert worst_burst(run(engine, now_ns + 20 * MS)) == HOST_BURST_MAX, "every place was given back"


def test_an_empty_book_is_as_a_new_one() -> None:
    """4,000 bookings for 4,000 hosts, given back in another order, leave no trace."""
    engine = masters([owner(k, peers=[bytes([10, 9, k >> 8, k & 255])]) for k in range(4000)])
    before = run(engine, START_NS + S)
    order = list(range(4000))
    random.Random(5).shuffle(order)
    for vr in order:
        engine.stop(vr, START_NS + S)
    for vr in range(4000):
        engine.start(vr, START_NS + S)
    engine.take_transmits()
    assert run(engine, START_NS + 2 * S) == [(at_ns + S, vr, host) for at_ns, vr, host in before]


def test_a_reload_moves_nobody_who_may_stay() -> None:
    engine = masters([owner(k) for k in range(200)])
    before = {vr: at_ns % S for at_ns, vr, _ in run(engine, START_NS + S)}
    now_ns = START_NS + S + 1
    other = bytes([10, 9, 0, 2])
    for k in range(200):
        engine.configure(k, owner(k, peers=(PEER, other), addresses=(bytes([192, 0, 2, 7]),)), now_ns)
    assert {vr: at_ns % S for at_ns, vr, _ in run(engine, now_ns + S)} == before


def test_a_new_peer_without_room_moves_a_router() -> None:
    """One slot is full for a host; a router of that slot that gets it as a peer goes elsewhere, and is never late."""
    other = bytes([10, 9, 0, 2])
    engine = masters([*(owner(k) for k in range(64 * 8)), *(owner(512 + k, peers=(other,)) for k in range(100))])
    run(engine, START_NS + S)
    now_ns = START_NS + S + 1
    for k in range(512, 612):
        engine.configure(k, owner(k, peers=(other, PEER)), now_ns)
    moved = {t.vr for t in engine.take_transmits()}
    sent = run(engine, now_ns + S)
    assert {vr for _, vr, _ in sent} == set(range(612))
    assert moved, "one that comes later in the interval than before says so at once"
    sent = run(engine, now_ns + 2 * S)
    assert worst_burst(sent) <= HOST_BURST_MAX
    assert max(Counter((vr, host) for _, vr, host in sent).values()) == 1


def test_another_interval_is_booked_anew() -> None:
    engine = masters([owner(k) for k in range(128)])
    run(engine, START_NS + S)
    now_ns = START_NS + S + 1
    for k in range(128):
        engine.configure(k, owner(k, interval_cs=1), now_ns)
    engine.take_transmits()             # of those that were due sooner than that
    sent = run(engine, now_ns + 10 * MS)
    assert Counter(vr for _, vr, _ in sent) == dict.fromkeys(range(128), 1)
    assert worst_burst(sent) <= HOST_BURST_MAX
    fresh = [engine.add(owner(500 + k)) for k in range(512)]
    for vr in fresh:
        engine.start(vr, now_ns)
    engine.take_transmits()
    run(engine, now_ns + S)
    assert len({at_ns for at_ns, vr, _ in run(engine, now_ns + 2 * S) if vr in set(fresh)}) >= 8


def test_a_refused_change_gives_the_booking_back() -> None:
    engine = masters([owner(k, interval_cs=1) for k in range(640)])
    with pytest.raises(ValueError, match="in use"):
        engine.configure(1, replace(owner(0, interval_cs=1)), START_NS)
    sent = run(engine, START_NS + 20 * MS)
    assert Counter(vr for _, vr, _ in sent) == dict.fromkeys(range(640), 2)
    assert worst_burst(sent) == HOST_BURST_MAX


def test_after_a_stall_nobody_changes_slots() -> None:
    engine = masters([owner(k) for k in range(1000)])
    before = {vr: at_ns % S for at_ns, vr, _ in run(engine, START_NS + S)}
    late_ns = START_NS + 7 * S + 123 * MS + 1
    engine.advance(late_ns)
    assert len(engine.take_transmits()) == 1000, "one each for all that were missed"
    assert {vr: at_ns % S for at_ns, vr, _ in run(engine, late_ns + S)} == before


def test_a_takeover_goes_at_once() -> None:
    """First adverts may exceed the cap; what follows does not."""
    engine = lone_engine()
    for k in range(1000):
        engine.start(engine.add(unicast(k)), START_NS)
    now_ns = START_NS + master_down_interval(3, 100, 100)
    engine.advance(now_ns)
    assert len(engine.take_transmits()) == 1000
    assert worst_burst(run(engine, now_ns + 3 * S)) <= HOST_BURST_MAX


@pytest.mark.rule("S7")
@pytest.mark.parametrize(("before_cs", "after_cs"), [(100, 1000), (100, 110), (10, 100), (100, 99), (1000, 10)])
def test_another_interval_is_never_late(before_cs: int, after_cs: int) -> None:
    """Whoever hears a MASTER waits by the interval of its last advert: the next one keeps to that, and tells the new
    one.
    """
    for k in range(40):
        engine = masters([owner(k, interval_cs=before_cs)])
        now_ns = START_NS + before_cs * 10 * MS + k * 7 * MS
        sent = run(engine, now_ns)
        engine.configure(0, owner(k, interval_cs=after_cs), now_ns)
        sent += [(now_ns, t.vr, t.destination) for t in engine.take_transmits()]
        sent += run(engine, now_ns + 3 * after_cs * 10 * MS)
        times = [at_ns for at_ns, _, _ in sent]
        gaps = [(b - a, a) for a, b in pairwise(times)]
        assert all(gap <= (before_cs if at_ns < now_ns else after_cs) * 10 * MS for gap, at_ns in gaps), gaps
