"""Adverts of sources that are no configured peers: obeyed, but not at any rate (R12, F33)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from network import MS, START_NS, S, address, advert, lone_engine, settings

from vrrpcore.election import master_down_interval
from vrrpcore.engine import EVENTS, STATES, Engine

PEER, STRANGER = 2, 9
FLOOD_NS = 20_000                   # 50,000 a second
BURST = 16


def pair(**changes: Any) -> Engine:
    """A BACKUP with one unicast peer, host 2."""
    engine = lone_engine()
    engine.start(engine.add(settings(peers=(PEER,), **changes)), START_NS)
    engine.take_events()
    return engine


def say(engine: Engine, number: int, now_ns: int, priority: int = 200, source: bytes | None = None) -> None:
    changes: dict[str, Any] = {} if source is None else {"source": source}
    engine.receive_datagram(**advert(number, to=address(4, 1), priority=priority, **changes), now_ns=now_ns)


def turns(start_ns: int, end_ns: int, step_ns: int) -> Iterator[int]:
    return iter(range(start_ns, end_ns, step_ns))


def count(engine: Engine, name: str) -> int:
    return engine.counters(0)[name]


@pytest.mark.rule("R12")
def test_a_stranger_that_keeps_to_the_interval_is_obeyed_for_ever() -> None:
    engine = pair()
    for now_ns in turns(START_NS, START_NS + 1000 * S, S):
        say(engine, STRANGER, now_ns)
        engine.advance(now_ns)
    assert engine.status(0).state == STATES["BACKUP"]
    assert count(engine, "unlisted_source") == 1000
    assert count(engine, "unlisted_dropped") == 0


@pytest.mark.rule("R12", breaks=True)
def test_a_flood_does_not_keep_the_addresses() -> None:
    """50,000 adverts a second with a better priority: MASTER after one Master_Down_Interval, and it stays so."""
    engine = pair()
    end_ns = START_NS + 5 * S
    for now_ns in turns(START_NS, end_ns, FLOOD_NS):
        say(engine, STRANGER, now_ns, priority=254)
        engine.advance(now_ns)
    since_ns = engine.status(0).since_ns
    assert engine.status(0).state == STATES["MASTER"]
    heard = count(engine, "unlisted_source")
    assert heard <= BURST + 1
    assert since_ns <= START_NS + (BURST + 1) * FLOOD_NS + master_down_interval(3, 100, 100) + FLOOD_NS
    assert heard + count(engine, "unlisted_dropped") == 5 * S // FLOOD_NS
    told = [e for e in engine.take_events() if e.kind in (EVENTS["unlisted"], EVENTS["drop"])]
    assert len(told) == 3, "obeyed once as BACKUP; dropped once as that and once as MASTER"
    # Silence for a while brings it back.
    say(engine, STRANGER, end_ns + S, priority=254)
    assert engine.status(0).state == STATES["BACKUP"]


@pytest.mark.parametrize("is_spoofed", [False, True])
def test_the_configured_peer_is_never_affected(is_spoofed: bool) -> None:
    """From one source or from thousands: each of the peer's adverts is heard, and it stays the master."""
    engine = pair()
    peers = 0
    for k, now_ns in enumerate(turns(START_NS, START_NS + 5 * S, FLOOD_NS)):
        say(engine, STRANGER, now_ns, priority=150,
            source=bytes([10, 66, k >> 8 & 255, k & 255]) if is_spoofed else address(4, STRANGER))
        if k % 50_000 == 25_000:
            say(engine, PEER, now_ns)
            peers += 1
            assert engine.status(0).master_address[:4] == address(4, PEER)
        engine.advance(now_ns)
    assert peers == 5
    assert count(engine, "advert_rcvd") - count(engine, "unlisted_source") == peers
    assert count(engine, "unlisted_source") <= 4 * (BURST + 1)
    assert engine.status(0).state == STATES["BACKUP"]


def test_one_that_is_known_keeps_its_place_in_a_flood_of_others() -> None:
    engine = pair()
    say(engine, STRANGER, START_NS)
    mine = 1
    for k, now_ns in enumerate(turns(START_NS + 1, START_NS + 10 * S, 100_000)):
        say(engine, STRANGER, now_ns, priority=150, source=bytes([10, 66, k >> 8 & 255, k & 255]))
        if k % 10_000 == 9_999:
            before = count(engine, "unlisted_source")
            say(engine, STRANGER, now_ns)
            mine += count(engine, "unlisted_source") - before
        engine.advance(now_ns)
    assert mine == 11
    assert engine.status(0).state == STATES["BACKUP"]


def test_a_place_is_free_after_a_silence() -> None:
    engine = pair()
    for k in range(4):
        say(engine, 20 + k, START_NS)
    say(engine, 30, START_NS + 2 * S)
    assert count(engine, "unlisted_dropped") == 1
    say(engine, 30, START_NS + 6 * S)
    assert count(engine, "unlisted_dropped") == 1
    assert count(engine, "unlisted_source") == 5


@pytest.mark.parametrize(("interval_cs", "step_ns"), [(1, 10 * MS), (10, 50 * MS), (4095, 100 * MS)])
def test_the_budget_follows_the_interval(interval_cs: int, step_ns: int) -> None:
    """A master of our own interval, or of 100 ms, is within it whatever ours is; ten times as much is not."""
    engine = pair(advertisement_interval_cs=interval_cs)
    for now_ns in turns(START_NS, START_NS + 200 * step_ns, step_ns):
        say(engine, STRANGER, now_ns)
    assert count(engine, "unlisted_dropped") == 0
    for now_ns in turns(START_NS + 200 * step_ns, START_NS + 300 * step_ns, step_ns // 10):
        say(engine, STRANGER, now_ns)
    assert count(engine, "unlisted_dropped") > 900


def test_what_fails_another_check_costs_nothing() -> None:
    """Somebody who lacks the password cannot use up the budget of the one who has it."""
    engine = lone_engine()
    engine.start(engine.add(settings(peers=(PEER,), version=2, auth_pass=b"secret")), START_NS)
    for k in range(1000):
        forged = advert(STRANGER, to=address(4, 1), version=2, priority=200, auth_pass=b"wrong")
        engine.receive_datagram(**forged, now_ns=START_NS + k)
    engine.receive_datagram(**advert(STRANGER, to=address(4, 1), version=2, priority=200, auth_pass=b"secret"),
                            now_ns=START_NS + 1000)
    assert count(engine, "unlisted_source") == 1


def test_multicast_and_a_new_router_know_nothing_of_it() -> None:
    engine = lone_engine()
    engine.start(engine.add(settings()), START_NS)
    for k in range(100):
        engine.receive_datagram(**advert(STRANGER, priority=200), now_ns=START_NS + k)
    assert count(engine, "advert_rcvd") == 100
    engine = pair()
    for k in range(100):
        say(engine, STRANGER, START_NS + k)
    assert count(engine, "unlisted_dropped") == 100 - BURST
    engine.stop(0, START_NS + S)
    engine.remove(0)
    engine.start(engine.add(settings(peers=(PEER,))), START_NS + S)
    say(engine, STRANGER, START_NS + S)
    assert count(engine, "unlisted_source") == 1
