"""What the Engine tells: each thing once, in order, and of a flood the newest state of each router."""

from __future__ import annotations

from network import GROUP, START_NS, S, advert, lone_engine, settings

from vrrpcore.engine import EVENTS, STATES, Engine

RING = 16384                # events that it holds
SENTENCES = RING // 4 * 3   # of which are not changes of state, at most


def toggled(times: int) -> tuple[Engine, int]:
    """An Engine whose only router has gone in and out of FAULT, `times` changes, each a nanosecond after the last."""
    engine = lone_engine()
    vr = engine.add(settings())
    engine.start(vr, START_NS)
    engine.take_events()
    for k in range(1, times + 1):
        engine.set_fault(vr, k % 2, START_NS + k)
    return engine, vr


def test_they_come_in_order_however_they_are_taken() -> None:
    engine, vr = toggled(RING - 10)
    told = engine.take_events(RING // 2)
    for k in range(RING - 9, RING * 3 // 2 - 10):
        engine.set_fault(vr, k % 2, START_NS + k)
    while engine.events_waiting():
        told += engine.take_events(999)
    assert [event.at_ns - START_NS for event in told] == list(range(1, RING * 3 // 2 - 10))
    assert engine.totals()["events_coalesced"] == 0


def test_the_ring_holds_what_it_holds_and_the_newest_state_follows() -> None:
    engine, vr = toggled(RING)
    assert engine.events_waiting() == RING
    assert engine.totals()["events_coalesced"] == 0
    engine.set_fault(vr, 1, START_NS + RING + 1)
    engine.set_fault(vr, 0, START_NS + RING + 2)
    engine.set_fault(vr, 1, START_NS + RING + 3)
    assert engine.events_waiting() == RING + 1
    assert engine.totals()["events_coalesced"] == 3
    told = engine.take_events(RING)
    assert [event.at_ns - START_NS for event in told] == list(range(1, RING + 1))
    assert engine.events_waiting() == 1
    assert engine.take_events(0) == []
    (last,) = engine.take_events()
    assert (last.vr, last.at_ns - START_NS, last.state) == (vr, RING + 3, STATES["FAULT"])
    assert engine.events_waiting() == 0


def test_a_removed_routers_newest_state_is_nobodys_business() -> None:
    engine, vr = toggled(RING + 1)
    engine.stop(vr, START_NS + RING + 2)
    engine.remove(vr)
    assert len(engine.take_events(RING)) == RING
    assert engine.take_events() == []
    assert engine.events_waiting() == 0


def test_a_full_ring_keeps_the_newest_state_of_each() -> None:
    engine = lone_engine()
    routers = [engine.add(settings(vrid=1 + k % 250, ifindex=2 + k // 250)) for k in range(1000)]
    for vr in routers:
        engine.start(vr, START_NS)
    for k in range(40):
        for vr in routers:
            engine.set_fault(vr, k % 2, START_NS + k)
    for vr in routers[::2]:
        engine.set_fault(vr, 1, START_NS + 50)
    assert engine.totals()["events_coalesced"] > 0
    newest: dict[int, int] = {}
    count = 0
    while engine.events_waiting():
        events = engine.take_events(100)
        assert len(events) <= 100
        count += len(events)
        newest.update((event.vr, event.state) for event in events)
    assert newest == {vr: engine.status(vr).state for vr in routers}
    assert count < 20_000
    assert engine.take_events() == []
    engine.stop(routers[0], START_NS + 60)
    assert [event.vr for event in engine.take_events()] == [routers[0]]


def test_what_is_only_worth_a_sentence_leaves_room_for_states() -> None:
    engine = lone_engine()
    routers = [engine.add(settings(vrid=1 + k % 250, ifindex=2 + k // 250)) for k in range(1000)]
    for vr in routers:
        engine.start(vr, START_NS)
    for k in range(20):
        for number, vr in enumerate(routers):
            engine.configure(vr, settings(vrid=1 + number % 250, ifindex=2 + number // 250), START_NS)
            engine.receive_datagram(
                **advert(vrid=1 + number % 250, ifindex=2 + number // 250, ttl=1), now_ns=START_NS + k
            )
    assert engine.events_waiting() == SENTENCES
    assert engine.totals()["events_dropped"] == 20 * 1000 - (SENTENCES - 1000)
    assert engine.totals()["events_coalesced"] == 0
    for vr in routers:
        engine.stop(vr, START_NS + S)
    assert engine.totals()["events_coalesced"] == 0


def test_vrids_that_nobody_has_are_told_once_where_that_is_wanted() -> None:
    engine = lone_engine()
    engine.add(settings(vrid=51))
    heard = {"domain": 0, "ifindex": 2, "source": bytes([192, 0, 2, 9]), "destination": GROUP[4], "ttl": 255}
    message = bytes([0x31, 52, 100, 1, 0, 100, 0, 0, 192, 0, 2, 52])
    for now_ns in (S, 2 * S):
        engine.receive_datagram(message, now_ns=now_ns, **heard)
    assert engine.take_events() == []
    engine.tell_unknown(0, True)
    for vrid in (52, 52, 255, 1, 52):
        engine.receive_datagram(message[:1] + bytes([vrid]) + message[2:], now_ns=3 * S, **heard)
    events = engine.take_events()
    assert [(event.kind, event.vr, event.value & 255, event.source[:4]) for event in events] == [
        (EVENTS["unknown_vrid"], -1, vrid, bytes([192, 0, 2, 9])) for vrid in (52, 255, 1)
    ]
    assert engine.domain_drops(0)["vrid_err"] == 7
    engine.tell_unknown(0, True)
    engine.receive_datagram(message, now_ns=4 * S, **heard)
    assert len(engine.take_events()) == 1, "said anew, told anew"
    engine.tell_unknown(0, False)
    engine.receive_datagram(message, now_ns=5 * S, **heard)
    assert engine.take_events() == []
