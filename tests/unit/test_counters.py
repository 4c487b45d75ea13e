"""What is counted, and how it is read in bulk: the arrays say what the names say, and are the caller's."""

from __future__ import annotations

import pytest
from network import MS, START_NS, S, advert, lone_engine, settings

from vrrpcore.counters import COUNTER_NAMES, DROP_COUNTER_NAMES, HISTOGRAMS, NO_ROUTER, TOTAL_NAMES
from vrrpcore.engine import STATES, Engine

COLUMNS = len(COUNTER_NAMES)


def several() -> Engine:
    """Five routers on interfaces 1 to 5; each hears one advert more than the one before; number 3 is gone."""
    engine = lone_engine()
    for i in range(5):
        engine.add(settings(1, ifindex=1 + i, priority=100 + i))
        engine.start(i, START_NS + i)
        for k in range(i):
            engine.receive_datagram(**advert(priority=200, ifindex=1 + i), now_ns=START_NS + MS * (1 + k))
    engine.stop(3, START_NS + 10 * MS)
    engine.remove(3)
    return engine


def backup() -> tuple[Engine, int]:
    """An engine with one router that has just begun as BACKUP, and its index."""
    engine = lone_engine()
    vr = engine.add(settings())
    engine.start(vr, START_NS)
    return engine, vr


class TestArrays:
    def test_a_row_for_each_router(self) -> None:
        engine = several()
        found = engine.counters_array()
        assert (found.typecode, len(found)) == ("Q", 5 * COLUMNS)
        rows = memoryview(found).cast("B").cast("Q", (5, COLUMNS)).tolist()
        for i in (0, 1, 2, 4):
            assert dict(zip(COUNTER_NAMES, rows[i], strict=True)) == engine.counters(i)
            assert rows[i][COUNTER_NAMES.index("advert_rcvd")] == i
        assert rows[3] == [0] * COLUMNS, "nobody has index 3"

    def test_it_is_a_copy(self) -> None:
        engine = several()
        before = engine.counters_array()
        engine.receive_datagram(**advert(priority=200, ifindex=1), now_ns=START_NS + 20 * MS)
        assert before[COUNTER_NAMES.index("advert_rcvd")] == 0
        assert engine.counters_array()[COUNTER_NAMES.index("advert_rcvd")] == 1
        before[0] = 99
        assert engine.counters(0)["advert_rcvd"] == 1

    def test_how_all_stand(self) -> None:
        engine = several()
        engine.set_fault(0, 5, START_NS + 30 * MS)
        found = engine.status_arrays()
        assert [column.typecode for column in found] == ["B", "B", "I", "q", "q"]
        assert {len(column) for column in found} == {5}
        assert found.state[3] == NO_ROUTER
        for i in (0, 1, 2, 4):
            seen = engine.status(i)
            assert seen[:1] + seen[1:4] == (
                found.state[i], found.priority[i], found.since_ns[i], found.fault_reasons[i],
            )
            assert found.peer_heard_ns[i] == seen.peer_heard_ns
        assert found.state.tolist() == [STATES["FAULT"], 1, 1, NO_ROUTER, 1]
        assert found.fault_reasons[0] == 5
        assert found.since_ns[4] == START_NS + 4

    def test_of_nobody(self) -> None:
        engine = Engine()
        assert len(engine.counters_array()) == 0
        assert [len(column) for column in engine.status_arrays()] == [0] * 5

    def test_the_last_ones_are_not_shown_when_they_are_gone(self) -> None:
        engine = several()
        engine.stop(4, START_NS + 10 * MS)
        engine.remove(4)
        assert len(engine.counters_array()) == 3 * COLUMNS
        assert len(engine.status_arrays().state) == 3


def test_names_are_unambiguous() -> None:
    assert len(set(COUNTER_NAMES)) == COLUMNS
    assert DROP_COUNTER_NAMES[1:] == COUNTER_NAMES[-len(DROP_COUNTER_NAMES) + 1 :]
    assert len(set(TOTAL_NAMES)) == len(TOTAL_NAMES) == len(Engine().totals_array())
    assert TOTAL_NAMES[HISTOGRAMS["adver_late_us"][0]] == "adver_late_us_under_1"
    assert TOTAL_NAMES[HISTOGRAMS["down_late_us"][-1]] == "down_late_us_under_inf"


def histogram(engine: Engine, name: str) -> dict[str, int]:
    """The columns of a histogram that are not 0, by their bounds."""
    found, prefix = engine.totals(), f"{name}_under_"
    return {name.removeprefix(prefix): count for name, count in found.items() if name.startswith(prefix) and count}


class TestLateness:
    """How late a timer fired, from its own deadline."""

    @pytest.mark.parametrize(("late_ns", "bound"), [
        (0, "1"), (999, "1"), (1_000, "2"), (1_999, "2"), (2_000, "4"), (1_023_999, "1024"), (1_024_000, "2048"),
        (4 * S, "4194304"), (5 * S, "inf"), (3600 * S, "inf"),
    ])
    def test_master_down_timer(self, late_ns: int, bound: str) -> None:
        engine, vr = backup()
        engine.advance(engine.next_deadline() + late_ns)
        assert engine.status(vr).state == STATES["MASTER"]
        assert histogram(engine, "down_late_us") == {bound: 1}
        assert engine.totals()["down_late_longest_ns"] == late_ns
        assert histogram(engine, "adver_late_us") == {}

    def test_adver_timer(self) -> None:
        engine, _ = backup()
        engine.advance(engine.next_deadline())
        for late_ns in (0, 70_000, 3_000_000, 500):
            engine.advance(engine.next_deadline() + late_ns)
        assert histogram(engine, "adver_late_us") == {"1": 2, "128": 1, "4096": 1}
        assert engine.totals()["adver_late_longest_ns"] == 3_000_000
        assert histogram(engine, "down_late_us") == {"1": 1}

    def test_a_held_timer_is_late_from_its_own_deadline(self) -> None:
        engine, vr = backup()
        deadline_ns = engine.next_deadline()
        for late_ms in (1, 2, 3):
            engine.advance(deadline_ns + late_ms * MS, unread={0: deadline_ns - 1})
        assert histogram(engine, "down_late_us") == {}
        assert engine.totals()["down_timers_held"] == 3
        engine.advance(deadline_ns + 9 * MS)
        assert engine.status(vr).state == STATES["MASTER"]
        assert engine.totals()["down_late_longest_ns"] == 9 * MS

    def test_each_is_counted_once(self) -> None:
        engine, _ = backup()
        for _ in range(50):
            engine.advance(engine.next_deadline())
        fired = engine.totals()["timers_fired"]
        assert fired == sum(histogram(engine, "adver_late_us").values()) + 1 == 50


def test_bookings_of_the_wheel() -> None:
    """A timer that is moved to later stays in its slot: that costs no booking until time reaches the slot."""
    engine, _ = backup()
    booked = engine.totals()["wheel_bookings"]
    assert booked == 1
    for k in range(10):
        engine.receive_datagram(**advert(priority=200), now_ns=START_NS + k * MS)
    assert engine.totals()["wheel_bookings"] == booked
    engine.set_priority(0, 250, START_NS + 10 * MS)         # an earlier deadline
    assert engine.totals()["wheel_bookings"] == booked + 1
