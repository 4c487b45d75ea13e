"""Rules M1 to M7 broken on purpose: what would be another deadline, and what must not move one."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from network import MS, START_NS, WIRE_NS, S, Wire, advert, lone_engine, settings

from vrrpcore.election import master_down_interval, skew_time
from vrrpcore.engine import STATES


def backup(**changes: Any) -> Any:
    """An Engine whose one router is BACKUP since START_NS."""
    engine = lone_engine()
    engine.start(engine.add(settings(**changes)), START_NS)
    return engine


@pytest.mark.rule("M1", breaks=True)
def test_a_v2_backup_does_not_scale_its_skew() -> None:
    engine = backup(version=2, advertisement_interval_cs=1000)
    scaled_ns = master_down_interval(3, 100, 1000)
    right_ns = master_down_interval(2, 100, 1000)
    assert right_ns == 30_609_375_000 != scaled_ns
    engine.advance(START_NS + right_ns - 1)
    assert engine.status(0).state == STATES["BACKUP"]
    engine.advance(START_NS + right_ns)
    assert engine.status(0).state == STATES["MASTER"]


@pytest.mark.rule("M2", breaks=True)
def test_a_v3_backup_does_not_wait_the_skew_of_v2() -> None:
    engine = backup(advertisement_interval_cs=10)
    right_ns = master_down_interval(3, 100, 10)
    assert right_ns == 360_937_500 < master_down_interval(2, 100, 10)
    engine.advance(START_NS + right_ns - 1)
    assert engine.status(0).state == STATES["BACKUP"]
    engine.advance(START_NS + right_ns)
    assert engine.status(0).state == STATES["MASTER"]


@pytest.mark.rule("M3", breaks=True)
@pytest.mark.parametrize("wrong", ["lower", "ttl", "checksum", "version", "own"])
def test_an_advert_that_is_not_obeyed_teaches_no_interval(wrong: str) -> None:
    engine = backup()
    before = engine.status(0)
    said: dict[str, Any] = {"priority": 200, "interval_cs": 4095}
    match wrong:
        case "lower":
            said["priority"] = 99
        case "ttl":
            said["ttl"] = 1
        case "version":
            said |= {"version": 2, "interval_cs": 400}
        case "own":
            said["number"] = 1
    made = advert(**said)
    if wrong == "checksum":
        made["message"] = made["message"][:-1] + b"\xa5"
    engine.receive_datagram(**made, now_ns=START_NS + S)
    after = engine.status(0)
    assert (after.deadline_ns, after.master_adver_interval_cs) == (before.deadline_ns, 100)
    engine.receive_datagram(**advert(priority=200, interval_cs=4095), now_ns=START_NS + S)
    assert engine.status(0).deadline_ns == START_NS + S + master_down_interval(3, 100, 4095)


@pytest.mark.rule("M4")
@pytest.mark.parametrize("version", [2, 3])
def test_priority_0_leaves_skew_time(version: int) -> None:
    engine = backup(version=version)
    engine.receive_datagram(**advert(version=version, priority=0), now_ns=START_NS + S)
    assert engine.status(0).deadline_ns == START_NS + S + skew_time(version, 100, 100)


@pytest.mark.rule("M4", breaks=True)
@pytest.mark.rule("S8", breaks=True)
@pytest.mark.parametrize("state", ["BACKUP", "MASTER"])
@pytest.mark.parametrize("wrong", [{"ttl": 254}, {"version": 2}, {"number": 1}, {"vrid": 52}])
def test_a_false_priority_0_hurries_nobody(state: str, wrong: dict[str, Any]) -> None:
    engine = backup()
    if state == "MASTER":
        engine.advance(START_NS + 10 * S)
        engine.take_transmits()
    before = engine.status(0)
    engine.receive_datagram(**advert(**{"priority": 0} | wrong), now_ns=START_NS + 10 * S)
    assert engine.status(0) == before
    assert engine.take_transmits() == []


@pytest.mark.rule("M5", breaks=True)
@pytest.mark.parametrize("adverts", [0, 101])
def test_how_many_adverts_may_be_missed_has_bounds(adverts: int) -> None:
    engine = backup()
    with pytest.raises(ValueError, match="down_timer_adverts"):
        engine.configure(0, settings(down_timer_adverts=adverts), START_NS)
    assert engine.status(0).deadline_ns == START_NS + master_down_interval(3, 100, 100)


@pytest.mark.rule("M6", breaks=True)
def test_whole_milliseconds_would_not_do() -> None:
    """At 1 cs 256 priorities share 10 ms: rounded to milliseconds most of them would meet."""
    exact = [skew_time(3, priority, 1) for priority in range(256)]
    assert len(set(exact)) == len({skew // 1000 for skew in exact}) == 256
    assert len({skew // MS for skew in exact}) == 11


@pytest.mark.rule("M7")
@given(
    version=st.sampled_from([2, 3]), interval=st.integers(1, 4095), adverts=st.integers(1, 100),
    pair=st.lists(st.integers(0, 255), min_size=2, max_size=2, unique=True).map(sorted),
)
def test_arithmetic_orders_priorities_at_every_interval(
    version: int, interval: int, adverts: int, pair: list[int]
) -> None:
    interval_cs = interval if version == 3 else (1 + interval % 255) * 100
    low, high = (master_down_interval(version, priority, interval_cs, adverts) for priority in pair)
    assert low > high
    share_ns = (S if version == 2 else interval_cs * 10 * MS) * (pair[1] - pair[0]) // 256
    assert low - high - share_ns in (0, 1), "the difference is in proportion, rounded once"


@pytest.mark.rule("M7")
def test_the_engine_promotes_in_that_order() -> None:
    for interval_cs in (1, 2, 10, 100, 4095):
        engine = lone_engine()
        for priority in range(1, 255):
            engine.start(engine.add(settings(vrid=priority, priority=priority, advertisement_interval_cs=interval_cs)),
                         START_NS)
        deadlines = [engine.status(vr).deadline_ns for vr in range(254)]
        assert all(lower > higher for lower, higher in pairwise(deadlines))


@pytest.mark.rule("M7", breaks=True)
def test_neighbours_at_1_cs_promote_together_and_one_yields() -> None:
    """39 us lie between them, and an advert takes longer to arrive: priorities alone do not keep two masters away."""
    wire = Wire(2)
    wire.hosts[0].run(priority=100, advertisement_interval_cs=1)
    wire.hosts[1].run(priority=101, advertisement_interval_cs=1)
    assert skew_time(3, 100, 1) - skew_time(3, 101, 1) < WIRE_NS
    wire.run(master_down_interval(3, 100, 1))
    assert wire.masters() == [1, 2]
    wire.run(2 * WIRE_NS)
    assert wire.masters() == [2]
    wire.run(10 * S)
    assert wire.masters() == [2]
