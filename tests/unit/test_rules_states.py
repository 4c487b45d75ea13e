"""Rules R10 to R13 and S1 to S14 held and broken where no other test does it (RFC 9568 s6.4)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from network import GROUP, MS, START_NS, S, Wire, address, advert, announces, lone_engine, settings

from vrrpcore.election import master_down_interval
from vrrpcore.engine import EVENTS, STATES


def router(state: str, **changes: Any) -> Any:
    """An Engine whose one router is in a state at START_NS + 10 s, with nothing left to say."""
    engine = lone_engine()
    vr = engine.add(settings(**changes))
    if state != "INIT":
        engine.start(vr, START_NS)
    if state == "MASTER":
        engine.advance(START_NS + 10 * S)
    if state == "BACKUP":
        engine.receive_datagram(**advert(priority=200), now_ns=START_NS + 10 * S)
    if state == "FAULT":
        engine.set_fault(vr, 1, START_NS)
    assert engine.status(vr).state == STATES[state]
    engine.take_transmits()
    engine.take_events()
    return engine


NOW_NS = START_NS + 10 * S


@pytest.mark.rule("R11")
@pytest.mark.parametrize(("other", "stays"), [(0, True), (2, False)])
def test_two_owners_are_told_apart_by_address(other: int, stays: bool) -> None:
    engine = router("MASTER", priority=255, starts_as_owner=True)
    engine.receive_datagram(**advert(priority=255, source=address(4, other)), now_ns=NOW_NS)
    assert engine.status(0).state == STATES["MASTER" if stays else "BACKUP"]
    assert engine.counters(0)["advert_rcvd"] == 1


@pytest.mark.rule("R11", breaks=True)
def test_a_lesser_master_beside_an_owner_is_answered_and_told() -> None:
    engine = router("MASTER", priority=255, starts_as_owner=True)
    engine.receive_datagram(**advert(priority=254, source=bytes([250, 0, 0, 1])), now_ns=NOW_NS)
    assert engine.status(0).state == STATES["MASTER"]
    assert [sent.data[2] for sent in engine.take_transmits()] == [255]
    assert [event.kind for event in engine.take_events()] == [EVENTS["other_master"]]


@pytest.mark.rule("R12", breaks=True)
@pytest.mark.parametrize("is_unicast", [False, True])
def test_the_wrong_cast_is_counted_and_not_heard(is_unicast: bool) -> None:
    engine = router("MASTER", **({"peers": (2,)} if is_unicast else {}))
    before = engine.status(0)
    wrong = GROUP[4] if is_unicast else address(4, 1)
    engine.receive_datagram(**advert(priority=200, to=wrong), now_ns=NOW_NS)
    assert engine.status(0) == before
    assert engine.counters(0)["mode_err"] == 1


@pytest.mark.rule("S1", breaks=True)
def test_only_an_owner_that_says_so_is_master_at_once() -> None:
    for changes in ({"priority": 254}, {"priority": 255}, {"priority": 100}):
        engine = lone_engine()
        engine.start(engine.add(settings(**changes)), START_NS)
        assert engine.status(0).state == STATES["BACKUP"]
        assert engine.take_transmits() == []
        assert engine.status(0).deadline_ns == START_NS + master_down_interval(3, changes["priority"], 100)
        engine.start(0, START_NS + S)                   # twice is once
        assert engine.status(0).since_ns == START_NS


@pytest.mark.rule("S2")
def test_a_backup_says_nothing_whatever_it_hears() -> None:
    engine = router("BACKUP", announces=announces(2))
    for k, said in enumerate([{"priority": p} for p in (1, 99, 100, 101, 255)] + [{"ttl": 3}, {"version": 2}] * 20):
        engine.receive_datagram(**advert(**said), now_ns=NOW_NS + k * MS)
        engine.advance(NOW_NS + k * MS)
    assert engine.status(0).state == STATES["BACKUP"]
    assert engine.take_transmits() == []


@pytest.mark.rule("S3", breaks=True)
@pytest.mark.parametrize("priority", [0, 1, 200])
def test_what_was_shut_down_is_not_woken_by_adverts(priority: int) -> None:
    engine = router("BACKUP")
    engine.stop(0, NOW_NS)
    engine.receive_datagram(**advert(priority=priority), now_ns=NOW_NS + S)
    engine.advance(NOW_NS + 100 * S)
    assert engine.status(0).state == STATES["INIT"]
    assert engine.next_deadline() == -1
    assert engine.take_transmits() == []


@pytest.mark.rule("S4", breaks=True)
def test_a_backup_is_not_master_while_it_hears_one() -> None:
    engine = router("BACKUP")
    down_ns = master_down_interval(3, 100, 100)
    for k in range(1, 20):
        heard_ns = NOW_NS + k * (down_ns - 1)
        engine.receive_datagram(**advert(priority=100), now_ns=heard_ns)
        engine.advance(heard_ns)
    assert engine.status(0).state == STATES["BACKUP"]
    engine.advance(heard_ns + down_ns)
    assert engine.status(0).state == STATES["MASTER"]


@pytest.mark.rule("S5")
@pytest.mark.parametrize(("priority", "preempt", "obeyed"), [
    (100, True, True), (101, True, True), (99, True, False), (99, False, True), (1, False, True),
])
def test_which_adverts_a_backup_obeys(priority: int, preempt: bool, obeyed: bool) -> None:
    engine = router("BACKUP", preempt=preempt)
    before_ns = engine.status(0).deadline_ns
    engine.receive_datagram(**advert(priority=priority), now_ns=NOW_NS + S)
    assert engine.status(0).deadline_ns - before_ns == (S if obeyed else 0)
    assert engine.status(0).master_priority == (priority if obeyed else 200)


@pytest.mark.rule("S5", breaks=True)
def test_a_lesser_master_does_not_keep_a_better_backup_down() -> None:
    engine = router("BACKUP")
    deadline_ns = engine.status(0).deadline_ns
    for heard_ns in range(NOW_NS, deadline_ns, S // 10):
        engine.receive_datagram(**advert(priority=99, source=bytes([250, 0, 0, 1])), now_ns=heard_ns)
        engine.advance(heard_ns)
    engine.advance(deadline_ns)
    assert engine.status(0).state == STATES["MASTER"]


@pytest.mark.rule("S6", breaks=True)
@pytest.mark.parametrize("state", ["INIT", "BACKUP", "FAULT"])
def test_only_a_master_says_that_it_stops(state: str) -> None:
    engine = router(state)
    engine.stop(0, NOW_NS)
    engine.vip_lost(0, NOW_NS)
    assert engine.take_transmits() == []


@pytest.mark.rule("S7")
@pytest.mark.parametrize("interval_cs", [1, 10, 100, 4095])
def test_a_master_sends_once_an_interval(interval_cs: int) -> None:
    wire = Wire(1)
    wire.hosts[0].run(priority=255, starts_as_owner=True, advertisement_interval_cs=interval_cs)
    interval_ns = interval_cs * 10 * MS
    wire.run(50 * interval_ns)
    times = [sent.at_ns for sent in wire.adverts(1)]
    assert times[0] == START_NS
    assert 0 < times[1] - times[0] <= interval_ns, "the first is early and never late: it finds its slot"
    apart = {later - sooner for sooner, later in pairwise(times[1:])}
    assert all(abs(one - interval_ns) < 1 << 16 for one in apart), "on the wheel's tick"
    assert times[-1] - times[1] == pytest.approx((len(times) - 2) * interval_ns, abs=1 << 16)


@pytest.mark.rule("S7", breaks=True)
def test_missed_adverts_are_not_made_up_for() -> None:
    engine = router("MASTER")
    due_ns = engine.status(0).deadline_ns
    late_ns = due_ns + 20 * S + 500 * MS
    engine.advance(late_ns)
    assert len(engine.take_transmits()) == 1
    next_ns = engine.status(0).deadline_ns
    assert late_ns < next_ns <= late_ns + S
    assert abs((next_ns - due_ns) % S) < 1 << 16 or S - (next_ns - due_ns) % S < 1 << 16, "in its own slot"


@pytest.mark.rule("S8")
def test_a_master_answers_priority_0() -> None:
    engine = router("MASTER")
    engine.receive_datagram(**advert(priority=0), now_ns=NOW_NS)
    assert [sent.data[2] for sent in engine.take_transmits()] == [100]
    assert engine.status(0).state == STATES["MASTER"]


@pytest.mark.rule("S9")
@pytest.mark.parametrize("said", [{"priority": 101}, {"priority": 255}, {"priority": 100, "number": 2}])
def test_a_master_yields(said: dict[str, Any]) -> None:
    engine = router("MASTER")
    engine.receive_datagram(**advert(**said), now_ns=NOW_NS)
    assert engine.status(0).state == STATES["BACKUP"]
    assert engine.take_transmits() == [], "no priority 0 to a better master"


@pytest.mark.rule("S9", breaks=True)
@pytest.mark.parametrize("said", [
    {"priority": 99, "source": bytes([250, 0, 0, 1])}, {"priority": 100, "source": address(4, 0)},
    {"priority": 100, "source": bytes([9, 255, 255, 255])}, {"priority": 200, "ttl": 254},
    {"priority": 200, "version": 2}, {"priority": 200, "vrid": 52}, {"priority": 255, "number": 1},
])
def test_to_nothing_else(said: dict[str, Any]) -> None:
    engine = router("MASTER")
    engine.receive_datagram(**advert(**said), now_ns=NOW_NS)
    assert engine.status(0).state == STATES["MASTER"]


@pytest.mark.rule("S10")
def test_a_master_answers_a_lower_advert_and_keeps_its_own_time() -> None:
    engine = router("MASTER")
    due_ns = engine.status(0).deadline_ns
    engine.receive_datagram(**advert(priority=99), now_ns=NOW_NS)
    assert [sent.data[2] for sent in engine.take_transmits()] == [100]
    assert engine.status(0).deadline_ns == due_ns


@pytest.mark.rule("S10", breaks=True)
@pytest.mark.parametrize("wrong", [{"ttl": 1}, {"version": 2}, {"vrid": 52}, {"number": 1}])
def test_a_dropped_advert_is_not_answered(wrong: dict[str, Any]) -> None:
    engine = router("MASTER")
    for _ in range(100):
        engine.receive_datagram(**advert(**{"priority": 99} | wrong), now_ns=NOW_NS)
    assert engine.take_transmits() == []


@pytest.mark.rule("S12")
@pytest.mark.parametrize("state", ["BACKUP", "MASTER", "FAULT"])
@pytest.mark.parametrize("priority", [0, 1, 100, 255])
def test_our_own_address_is_never_acted_upon(state: str, priority: int) -> None:
    engine = router(state)
    before = engine.status(0)
    for k in range(10):
        engine.receive_datagram(**advert(1, priority=priority), now_ns=NOW_NS + k)
    assert engine.status(0) == before
    assert engine.take_transmits() == []
    assert engine.counters(0)["own_address_err"] == 10
    assert [event.kind for event in engine.take_events()] == [EVENTS["drop"]], "told once"


@pytest.mark.rule("S12", breaks=True)
def test_one_bit_more_is_somebody_else() -> None:
    engine = router("MASTER")
    engine.receive_datagram(**advert(1, priority=100), now_ns=NOW_NS)
    assert engine.status(0).state == STATES["MASTER"]
    engine.receive_datagram(**advert(3, priority=100), now_ns=NOW_NS)
    assert engine.status(0).state == STATES["BACKUP"]


@pytest.mark.rule("S14")
def test_fault_lasts_until_its_last_reason_is_gone() -> None:
    engine = router("MASTER")
    engine.set_fault(0, 0b101, NOW_NS)
    assert [sent.data[2] for sent in engine.take_transmits()] == [0]
    engine.set_fault(0, 0b100, NOW_NS + S)
    assert engine.status(0).state == STATES["FAULT"]
    engine.set_fault(0, 0, NOW_NS + 2 * S)
    assert engine.status(0).state == STATES["BACKUP"]
    assert engine.status(0).deadline_ns == NOW_NS + 2 * S + master_down_interval(3, 100, 100)


@pytest.mark.rule("S14", breaks=True)
@pytest.mark.parametrize("priority", [0, 1, 255])
def test_nothing_from_outside_ends_fault(priority: int) -> None:
    engine = router("FAULT", priority=255, starts_as_owner=True)
    engine.receive_datagram(**advert(priority=priority), now_ns=NOW_NS)
    engine.start(0, NOW_NS)
    engine.advance(NOW_NS + 100 * S)
    assert engine.status(0).state == STATES["FAULT"]
    assert engine.next_deadline() == -1
    assert engine.take_transmits() == []
