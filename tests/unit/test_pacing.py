"""The gap between gratuitous ARPs, and between NAs, of one interface or of a group of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from network import MAC, MS, START_NS, S, advert, lone_engine, settings

from vrrpcore.engine import Engine
from vrrpcore.settings import Announce, VrSettings

Frame = tuple[int, int, bytes]          # when, by whom, which address


def paced(pacer: int | None, *numbers: int, ifindex: int = 2, family: int = 4) -> tuple[Announce, ...]:
    start = bytes([10, 7]) if family == 4 else bytes([0xFD] * 14)
    return tuple(Announce(ifindex, MAC, start + k.to_bytes(2, "big"), pacer=pacer) for k in numbers)


def owner(k: int, announces: Sequence[Announce], **changes: Any) -> VrSettings:
    """Router number k, which is MASTER as soon as it starts and has one set of announcements."""
    return replace(settings(vrid=1 + k % 250, ifindex=2 + k // 250, priority=255, starts_as_owner=True),
                   announces=tuple(announces), **{"announce_delay_s": 0} | changes)


def begin(engine: Engine, routers: Sequence[VrSettings], now_ns: int = START_NS) -> list[Frame]:
    """Make them MASTER and say that the kernel has their addresses; return what is announced at once."""
    for each in routers:
        engine.start(engine.add(each), now_ns)
    engine.take_transmits()
    for vr in range(len(routers)):
        engine.announce(vr, now_ns)
    return frames(engine, now_ns)


def frames(engine: Engine, now_ns: int) -> list[Frame]:
    return [(now_ns, t.vr, t.source) for t in engine.take_transmits() if t.is_frame]


def run(engine: Engine, until_ns: int) -> list[Frame]:
    sent = []
    while 0 <= (now_ns := engine.next_deadline()) <= until_ns:
        engine.advance(now_ns)
        sent += frames(engine, now_ns)
        engine.take_events()
    return sent


def test_ten_thousand_masters_at_once() -> None:
    """One frame a millisecond, exactly; those that wait take turns."""
    engine = lone_engine()
    pacer = engine.add_pacer(MS, 0)
    sent = begin(engine, [owner(k, paced(pacer, k), announce_repeat=2) for k in range(10000)])
    sent += run(engine, START_NS + 30 * S)
    assert [at_ns for at_ns, _, _ in sent] == [START_NS + k * MS for k in range(20000)]
    assert [vr for _, vr, _ in sent] == [0, 0, *range(1, 10000), *range(1, 10000)]


def test_one_frame_beside_the_sets_keeps_the_gap_too() -> None:
    """It goes when the pacer is free, and takes its turn; it never waits in the queue, nor passes who does."""
    engine = lone_engine()
    pacer = engine.add_pacer(10 * MS, 0)
    begin(engine, [owner(0, paced(pacer, 1, 2), announce_repeat=1)])
    assert not engine.announce_one(0, 1, START_NS + 5 * MS), "the second address of the set waits"
    assert len(run(engine, START_NS + 10 * MS)) == 1
    assert not engine.announce_one(0, 1, START_NS + 19 * MS), "nobody waits, but the gap is not over"
    assert engine.announce_one(0, 1, START_NS + 20 * MS)
    assert frames(engine, 0) == [(0, 0, paced(pacer, 2)[0].address)]
    assert not engine.announce_one(0, 0, START_NS + 29 * MS)


def test_one_frame_is_for_a_master_and_for_an_address_that_it_has() -> None:
    engine = lone_engine()
    begin(engine, [owner(0, paced(None, 1), announce_repeat=1)])
    assert engine.announce_one(0, 1, START_NS)
    engine.set_fault(0, 1, START_NS)
    engine.take_transmits()
    assert engine.announce_one(0, 0, START_NS)
    assert frames(engine, 0) == []
    engine.set_fault(0, 0, START_NS)


def test_who_comes_when_the_gap_is_over_waits_behind_who_is_there() -> None:
    """A turn may come late: the head of the queue is due then, and its timer has not fired yet."""
    engine = lone_engine()
    pacer = engine.add_pacer(MS, 0)
    sent = begin(engine, [owner(0, paced(pacer, 1), announce_repeat=3)])
    engine.start(engine.add(owner(1, paced(pacer, 2), announce_repeat=2)), START_NS)
    engine.take_transmits()
    late_ns = START_NS + 5 * MS
    engine.announce(1, late_ns)
    assert frames(engine, late_ns) == []
    engine.advance(late_ns)
    sent += frames(engine, late_ns) + run(engine, START_NS + S)
    assert [(at_ns - late_ns, vr) for at_ns, vr, _ in sent[1:]] == [(0, 0), (MS, 1), (2 * MS, 0), (3 * MS, 1)]


def test_without_a_gap_all_go_at_once() -> None:
    engine = lone_engine()
    pacer = engine.add_pacer(0, 0)
    sent = begin(engine, [owner(0, paced(pacer, 1, 2)), owner(1, paced(None, 3))])
    assert Counter(address[3] for _, _, address in sent) == {1: 5, 2: 5, 3: 5}
    assert run(engine, START_NS + 10 * S) == []


def test_rounds_over_all_addresses() -> None:
    engine = lone_engine()
    pacer = engine.add_pacer(10 * MS, 0)
    sent = begin(engine, [owner(0, paced(pacer, 1, 2, 3), announce_repeat=2)]) + run(engine, START_NS + S)
    assert [(at_ns - START_NS, address[3]) for at_ns, _, address in sent] == [
        (10 * k * MS, number) for k, number in enumerate((1, 2, 3, 1, 2, 3))]


def test_garp_and_na_have_gaps_of_their_own() -> None:
    engine = lone_engine()
    pacer = engine.add_pacer(10 * MS, 25 * MS)
    sent = begin(engine, [owner(0, paced(pacer, *range(5)), announce_repeat=1),
                          owner(1, paced(pacer, *range(5), family=6), announce_repeat=1)]) + run(engine, START_NS + S)
    times = defaultdict(list)
    for at_ns, vr, _ in sent:
        times[vr].append(at_ns - START_NS)
    assert times == {0: [10 * k * MS for k in range(5)], 1: [25 * k * MS for k in range(5)]}


def test_a_group_of_interfaces_shares_one_pacer() -> None:
    engine = lone_engine()
    shared, other = engine.add_pacer(MS, 0), engine.add_pacer(MS, 0)
    sent = begin(engine, [
        owner(k, paced((shared, shared, other)[k], k, ifindex=2 + k), announce_repeat=4) for k in range(3)])
    sent += run(engine, START_NS + S)
    both = [at_ns for at_ns, vr, _ in sent if vr < 2]
    alone = [at_ns for at_ns, vr, _ in sent if vr == 2]
    assert both == [START_NS + k * MS for k in range(8)]
    assert alone == [START_NS + k * MS for k in range(4)]


def test_addresses_without_a_pacer_do_not_wait() -> None:
    engine = lone_engine()
    pacer = engine.add_pacer(MS, 0)
    sent = begin(engine, [owner(0, (*paced(pacer, 1), *paced(None, 2), *paced(pacer, 3)), announce_repeat=2)])
    assert [address[3] for _, _, address in sent] == [2, 2, 1]
    assert [address[3] for _, _, address in run(engine, START_NS + S)] == [3, 1, 3]


@pytest.mark.parametrize("leaves", [0, 1, 2])
def test_who_is_no_longer_master_leaves_the_queue(leaves: int) -> None:
    """The head, one in the middle, or the last: the others go on without a hole."""
    engine = lone_engine()
    pacer = engine.add_pacer(MS, 0)
    begin(engine, [owner(k, paced(pacer, k), announce_repeat=3) for k in range(4)])
    engine.stop((1, 2, 0)[leaves], START_NS + MS // 2)
    gone = (1, 2, 0)[leaves]
    sent = run(engine, START_NS + S)
    assert gone not in {vr for _, vr, _ in sent}
    assert [at_ns for at_ns, _, _ in sent] == [START_NS + (k + 1) * MS for k in range(len(sent))]
    assert Counter(vr for _, vr, _ in sent) == {vr: 3 - (vr == 0) for vr in range(4) if vr != gone}
    engine.remove(gone)
    assert engine.add(owner(gone, ())) == gone


def test_the_gap_holds_after_a_stall() -> None:
    """What should have gone meanwhile does not go in a burst."""
    engine = lone_engine()
    pacer = engine.add_pacer(MS, 0)
    begin(engine, [owner(k, paced(pacer, k), announce_repeat=5) for k in range(20)])
    late_ns = START_NS + 300 * MS
    engine.advance(late_ns)
    sent = frames(engine, late_ns) + run(engine, late_ns + S)
    assert [at_ns for at_ns, _, _ in sent] == [late_ns + k * MS for k in range(99)]


def test_sets_and_refreshes_keep_their_times() -> None:
    """keepalived's schedule: a set, another after the delay, refreshes with a count of their own; each paced."""
    engine = lone_engine()
    pacer = engine.add_pacer(100 * MS, 0)
    sent = begin(engine, [owner(0, paced(pacer, 1), announce_repeat=3, announce_delay_s=5, announce_refresh_s=10,
                                announce_refresh_repeat=2)])
    sent += run(engine, START_NS + 30 * S)
    assert [(at_ns - START_NS) // MS for at_ns, _, _ in sent] == [
        0, 100, 200, 5000, 5100, 5200, 15000, 15100, 25000, 25100]


def test_refreshes_have_a_count_of_their_own() -> None:
    engine = lone_engine()
    sent = begin(engine, [owner(0, paced(None, 1, 2), announce_repeat=1, announce_refresh_s=7,
                                announce_refresh_repeat=3)])
    sent += run(engine, START_NS + 15 * S)
    assert [(at_ns - START_NS) // S for at_ns, _, _ in sent] == [0] * 2 + [7] * 6 + [14] * 6


def test_a_set_that_is_due_does_not_wait_behind_the_one_before() -> None:
    """A pace that is too slow for the schedule: what waits does not grow."""
    engine = lone_engine()
    pacer = engine.add_pacer(S, 0)
    begin(engine, [owner(0, paced(pacer, 1), announce_repeat=2, announce_refresh_s=1, announce_refresh_repeat=5)])
    sent = run(engine, START_NS + 100 * S)
    assert len(sent) == 100
    engine.configure(0, owner(0, paced(pacer, 1), announce_repeat=2), START_NS + 100 * S)
    assert len(run(engine, START_NS + 200 * S)) <= 6, "one more refresh, and no more"


def test_a_set_takes_the_place_of_what_is_left() -> None:
    """The second set is due when the first has one round left: four follow, neither one nor five."""
    engine = lone_engine()
    pacer = engine.add_pacer(S, 0)
    sent = begin(engine, [owner(0, paced(pacer, 1), announce_repeat=4, announce_delay_s=2)])
    sent += run(engine, START_NS + 60 * S)
    assert [(at_ns - START_NS) // S for at_ns, _, _ in sent] == [*range(7)]


def test_after_a_lower_advert_too() -> None:
    """garp_lower_prio_repeat: the same gap."""
    engine = lone_engine()
    pacer = engine.add_pacer(10 * MS, 0)
    vr = engine.add(owner(0, paced(pacer, 1), garp_lower_prio_repeat=3, garp_lower_prio_delay_s=0))
    engine.start(vr, START_NS)
    engine.receive_datagram(**advert(vrid=1, priority=1), now_ns=START_NS)
    sent = frames(engine, START_NS) + run(engine, START_NS + S)
    assert [at_ns - START_NS for at_ns, _, _ in sent] == [0, 10 * MS, 20 * MS]


def test_a_change_of_addresses_amid_a_set() -> None:
    engine = lone_engine()
    pacer, other = engine.add_pacer(MS, 0), engine.add_pacer(10 * MS, 0)
    begin(engine, [owner(0, paced(pacer, 1, 2, 3, 4), announce_repeat=2),
                   owner(1, paced(pacer, 9), announce_repeat=2)])
    now_ns = START_NS + 3 * MS
    run(engine, now_ns)
    engine.configure(0, owner(0, paced(other, 5), announce_repeat=2), now_ns)
    sent = frames(engine, now_ns) + run(engine, START_NS + S)
    assert [(at_ns, vr, address[3]) for at_ns, vr, address in sent] == [(now_ns, 0, 5), (now_ns + MS, 1, 9)]
    assert engine.counters(1)["announce_sent"] == 2


def test_gaps_can_be_changed() -> None:
    engine = lone_engine()
    pacer = engine.add_pacer(S, 0)
    begin(engine, [owner(0, paced(pacer, 1), announce_repeat=10)])
    engine.set_pacer(pacer, 10 * MS, 0)
    sent = run(engine, START_NS + 10 * S)
    assert [at_ns - START_NS for at_ns, _, _ in sent] == [S + 10 * k * MS for k in range(9)]
    engine.set_pacer(pacer, 0, 0)
    engine.announce(0, START_NS + 20 * S)
    assert len(frames(engine, START_NS)) == 10


def test_what_is_refused() -> None:
    engine = lone_engine()
    pacer = engine.add_pacer(1, 4294 * S)
    for gaps in ((-1, 0), (0, -1), (4294 * S + 1, 0)):
        with pytest.raises(ValueError, match="gap"):
            engine.add_pacer(*gaps)
        with pytest.raises(ValueError, match="gap"):
            engine.set_pacer(pacer, *gaps)
    with pytest.raises(IndexError, match="no pacer 1"):
        engine.set_pacer(pacer + 1, 0, 0)
    for unknown in (pacer + 1, -1):
        with pytest.raises(ValueError, match="no pacer"):
            engine.add(owner(0, paced(unknown, 1)))
    assert len(engine) == 0
    for repeat in (0, 256):
        with pytest.raises(ValueError, match="announce_refresh_repeat"):
            engine.add(owner(0, (), announce_refresh_repeat=repeat))


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["announce", "stop", "start", "configure", "wait"]),
                          st.integers(0, 3)), max_size=60))
def test_the_gap_holds_whatever_happens(steps: list[tuple[int, str, int]]) -> None:
    """Six routers and two pacers, in any order of events: never two frames within a gap, and nobody is forgotten."""
    engine = lone_engine()
    gaps_ns = (MS, 7 * MS)
    for gap_ns in gaps_ns:
        engine.add_pacer(gap_ns, gap_ns)
    now_ns = START_NS
    for k in range(6):
        engine.start(engine.add(owner(k, paced(k % 2, k), announce_repeat=3)), now_ns)
    sent: list[tuple[int, int, int]] = []               # when, by whom, which pacer

    def take() -> None:
        sent.extend((now_ns, vr, address[2]) for _, vr, address in frames(engine, now_ns))

    def shown(vr: int, pacer: int) -> VrSettings:
        made = paced(pacer, 256 * pacer + vr, 256 * pacer + vr + 6)
        return owner(vr, made, announce_repeat=3)

    for k in range(6):
        engine.configure(k, shown(k, k % 2), now_ns)
    for vr, what, amount in steps:
        if what == "announce":
            engine.announce(vr, now_ns)
        elif what == "stop":
            engine.stop(vr, now_ns)
        elif what == "start":
            engine.start(vr, now_ns)
        elif what == "configure":
            engine.configure(vr, shown(vr, amount % 2), now_ns)
        else:
            now_ns += amount * 3 * MS + 1
            engine.advance(now_ns)
        take()
    def drain() -> None:
        nonlocal now_ns
        while 0 <= engine.next_deadline() <= now_ns + S // 2:
            now_ns = max(now_ns, engine.next_deadline())
            engine.advance(now_ns)
            take()

    for k in range(6):
        engine.stop(k, now_ns)
    drain()
    old = len(sent)
    for k in range(6):
        engine.start(k, now_ns)
        engine.announce(k, now_ns)
        take()
    for _ in range(3):
        drain()
    for pacer, gap_ns in enumerate(gaps_ns):
        times = [at_ns for at_ns, _, of in sent if of == pacer]
        assert all(later - sooner >= gap_ns for sooner, later in pairwise(times))
    assert Counter(vr for _, vr, _ in sent[old:]) == dict.fromkeys(range(6), 6), "two addresses, three times"


class TestCrowd:
    """Many sets at once that nothing paces: the first frame of each address goes at once, what repeats it by and by."""

    def crowd(self, count: int, **changes: Any) -> tuple[Engine, list[Frame]]:
        engine = lone_engine()
        return engine, begin(engine, [owner(k, paced(None, k), **changes) for k in range(count)])

    def test_few_repeat_at_once(self) -> None:
        engine, sent = self.crowd(12, announce_repeat=5)
        assert Counter(vr for _, vr, _ in sent) == dict.fromkeys(range(12), 5)
        assert run(engine, START_NS + S // 2) == []

    def test_first_ones_first_and_then_in_turns(self) -> None:
        engine, sent = self.crowd(1000, announce_repeat=5)
        assert {vr for _, vr, _ in sent} == set(range(1000))
        assert len(sent) == 1000 + 4 * 13           # those before the batch had 64
        later = run(engine, START_NS + S)
        assert Counter(vr for _, vr, _ in sent + later) == dict.fromkeys(range(1000), 5)
        waiting = range(13, 1000)
        assert [vr for _, vr, _ in later] == [vr for _ in range(4) for vr in waiting]
        times = [at_ns for at_ns, _, _ in later]
        assert all(at_ns % (2 * MS) == 0 for at_ns in times)
        assert max(Counter(times).values()) <= 33       # 2 ms / 62.5 us, and one that overlaps
        assert times[0] - START_NS == 20 * MS, "none came after those of the beginning"
        assert times[-1] - times[0] < len(later) * 62_500 + 5 * MS

    def test_first_ones_put_repeats_off_for_a_second_at_most(self) -> None:
        """2,000 routers follow one another every ms; repeats begin after a second, and none is left out."""
        engine, sent = self.crowd(100, announce_repeat=5)
        for k in range(100, 2100):
            now_ns = START_NS + (k - 99) * MS
            engine.start(engine.add(owner(k, paced(None, k), announce_repeat=5)), now_ns)
            engine.announce(k, now_ns)
            sent += frames(engine, now_ns) + run(engine, now_ns)
        sent += run(engine, START_NS + 5 * S)
        assert Counter(vr for _, vr, _ in sent) == dict.fromkeys(range(2100), 5)
        repeated = [at_ns for at_ns, vr, _ in sent if vr == 99]
        assert repeated[0] == START_NS
        assert 980 * MS < repeated[1] - START_NS < 1030 * MS

    def test_who_stops_being_master_is_not_repeated(self) -> None:
        engine, _ = self.crowd(100, announce_repeat=3)
        engine.set_fault(50, 1, START_NS)
        later = run(engine, START_NS + S // 2)
        assert Counter(vr for _, vr, _ in later) == {vr: 2 for vr in range(22, 100) if vr != 50}

    def test_pacers_keep_their_gaps_beside_it(self) -> None:
        engine = lone_engine()
        pacer = engine.add_pacer(10 * MS, 0)
        routers = [owner(k, paced(None, k), announce_repeat=3) for k in range(100)]
        routers += [owner(k, paced(pacer, k), announce_repeat=3) for k in range(100, 103)]
        sent = begin(engine, routers) + run(engine, START_NS + S // 2)
        assert Counter(vr for _, vr, _ in sent) == dict.fromkeys(range(103), 3)
        gaps = [later - earlier for earlier, later in pairwise(at_ns for at_ns, vr, _ in sent if vr >= 100)]
        assert gaps == [10 * MS] * 8

    def test_a_set_that_comes_meanwhile_is_whole(self) -> None:
        """The second set, a second later, finds the repeats of the first one done; each has its five frames."""
        engine, sent = self.crowd(300, announce_repeat=5, announce_delay_s=1)
        sent += run(engine, START_NS + 3 * S)
        assert Counter(vr for _, vr, _ in sent) == dict.fromkeys(range(300), 10)

    def test_other_addresses_meanwhile(self) -> None:
        """Repeats are of the addresses that a router has when they are sent; with a pacer now, by that."""
        engine, _ = self.crowd(100, announce_repeat=3)
        pacer = engine.add_pacer(MS, 0)
        engine.configure(60, owner(60, paced(None, 7060), announce_repeat=3), START_NS)
        engine.configure(61, owner(61, paced(pacer, 61), announce_repeat=3), START_NS)
        later = run(engine, START_NS + S // 2)
        assert {address[2:] for _, vr, address in later if vr == 60} == {(7060).to_bytes(2, "big")}
        assert all(vr != 61 for _, vr, _ in later)
        engine.announce(61, START_NS + S // 2)
        sent = frames(engine, START_NS + S // 2) + run(engine, START_NS + S)
        assert [vr for _, vr, _ in sent] == [61] * 3
