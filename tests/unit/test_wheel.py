"""The wheel's edges, one by one: the slots' borders, the past, the far future, bounds and backward clocks."""

from __future__ import annotations

import pytest

from vrrpcore.wheel import TimerWheel

TICK_NS = 1 << 16
RANGE_NS = TICK_NS * 64**5
NOW = 123_456_789_012_345


def wheel_of(count: int, now_ns: int = NOW) -> TimerWheel:
    wheel = TimerWheel()
    wheel.reserve(count)
    assert wheel.advance_to(now_ns) == []
    return wheel


def test_an_empty_wheel() -> None:
    wheel = TimerWheel()
    assert len(wheel) == 0
    assert wheel.next_deadline() is None
    assert wheel.advance_to(NOW) == []


@pytest.mark.parametrize("level", range(6))
@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_never_early_and_on_time_at_every_border(level: int, offset: int) -> None:
    wheel = wheel_of(1)
    deadline_ns = NOW + TICK_NS * 64**level + offset
    wheel.arm_timer(0, deadline_ns)
    assert wheel.advance_to(deadline_ns - 1) == []
    assert wheel.timer_deadline(0) == deadline_ns == wheel.next_deadline()
    assert wheel.advance_to(deadline_ns) == [0]
    assert wheel.timer_deadline(0) is None
    assert wheel.advance_to(deadline_ns + RANGE_NS) == [], "fired once"


def test_two_deadlines_in_one_tick() -> None:
    wheel = wheel_of(2, 0)
    wheel.arm_timer(0, 5 * TICK_NS + 10)
    wheel.arm_timer(1, 5 * TICK_NS + 20)
    assert wheel.next_deadline() == 5 * TICK_NS + 10
    assert wheel.advance_to(5 * TICK_NS + 10) == [0]
    assert wheel.next_deadline() == 5 * TICK_NS + 20, "what stays in the tick is known exactly"
    assert wheel.advance_to(5 * TICK_NS + 19) == []
    assert wheel.advance_to(5 * TICK_NS + 20) == [1]


@pytest.mark.parametrize("late_ns", [0, 1, TICK_NS, RANGE_NS, NOW, NOW + 1])
def test_a_past_deadline_fires_at_once(late_ns: int) -> None:
    wheel = wheel_of(1)
    wheel.arm_timer(0, NOW - late_ns)
    assert wheel.next_deadline() == max(0, NOW - late_ns)
    assert wheel.advance_to(NOW) == [0]


def test_the_far_future_is_parked_and_filed_again() -> None:
    wheel = wheel_of(2)
    far_ns, near_ns = NOW + 400 * RANGE_NS, NOW + RANGE_NS - TICK_NS
    wheel.arm_timer(0, far_ns)
    assert NOW < (wheel.next_deadline() or 0) < NOW + RANGE_NS
    assert wheel.advance_to(NOW + RANGE_NS // 2) == []
    wheel.arm_timer(1, NOW + RANGE_NS * 5 // 4)
    assert (wheel.next_deadline() or 0) <= near_ns, "a parked timer must not hide a nearer one"
    assert wheel.advance_to(NOW + RANGE_NS * 5 // 4) == [1]
    assert wheel.advance_to(far_ns - 1) == []
    assert wheel.advance_to(far_ns) == [0]


def test_a_later_deadline_takes_effect() -> None:
    wheel = wheel_of(1)
    wheel.arm_timer(0, NOW + 1000 * TICK_NS)
    wheel.arm_timer(0, NOW + 5000 * TICK_NS)
    assert wheel.next_deadline() == NOW + 1000 * TICK_NS, "the one early wake that laziness costs"
    assert wheel.advance_to(NOW + 1000 * TICK_NS) == []
    assert wheel.next_deadline() == NOW + 5000 * TICK_NS, "and only one"
    assert wheel.advance_to(NOW + 5000 * TICK_NS - 1) == []
    assert wheel.advance_to(NOW + 5000 * TICK_NS) == [0]


def test_an_earlier_deadline_takes_effect() -> None:
    wheel = wheel_of(1)
    wheel.arm_timer(0, NOW + RANGE_NS)
    wheel.arm_timer(0, NOW + 5)
    assert wheel.next_deadline() == NOW + 5
    assert len(wheel) == 1
    assert wheel.advance_to(NOW + 5) == [0]
    assert len(wheel) == 0


def test_disarm() -> None:
    wheel = wheel_of(3)
    for i in range(3):
        wheel.arm_timer(i, NOW + 10)
    wheel.disarm_timer(1)
    wheel.disarm_timer(1)
    assert len(wheel) == 2
    assert sorted(wheel.advance_to(NOW + 10)) == [0, 2]
    wheel.disarm_timer(0)
    assert wheel.next_deadline() is None


@pytest.mark.parametrize("limit", [1, 3, 64, 1000])
def test_a_bounded_advance_loses_nothing(limit: int) -> None:
    wheel = wheel_of(1000)
    for i in range(1000):
        wheel.arm_timer(i, NOW + i * TICK_NS // 7)
    end_ns = NOW + 200 * TICK_NS
    fired: list[int] = []
    while due := wheel.advance_to(end_ns, limit):
        assert len(due) <= limit
        fired += due
        assert len(wheel) == 1000 - len(fired)
        if len(wheel):
            assert (wheel.next_deadline() or 0) <= end_ns, "the rest is due, and says so"
    ticks = [(NOW + i * TICK_NS // 7) // TICK_NS for i in fired]
    assert ticks == sorted(ticks)
    assert sorted(fired) == list(range(1000))


@pytest.mark.parametrize("level", range(5))
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 100, 101])
def test_a_slot_of_any_level_fires_each_of_its_timers_once(level: int, count: int) -> None:
    """All are due at one moment, and time comes there in one step. Some were taken out of both ends and the middle."""
    wheel = wheel_of(count)
    deadline_ns = NOW + TICK_NS * 64**level * 3 // 2
    for i in range(count):
        wheel.arm_timer(i, deadline_ns)
    gone = {0, count // 2, count - 1} if count > 3 else set()
    for i in gone:
        wheel.disarm_timer(i)
    fired: list[int] = []
    while len(wheel):
        some = wheel.advance_to(deadline_ns, 2)
        assert len(some) == min(2, count - len(gone) - len(fired)), "as many as there is room for, and no more"
        fired += some
    assert sorted(fired) == [i for i in range(count) if i not in gone]
    assert wheel.advance_to(deadline_ns + RANGE_NS) == []


def test_nothing_fires_at_limit_zero() -> None:
    wheel = wheel_of(1)
    wheel.arm_timer(0, NOW)
    assert wheel.advance_to(NOW + 1, 0) == []
    assert wheel.advance_to(NOW + 1) == [0]


@pytest.mark.parametrize("back_ns", [1, TICK_NS, RANGE_NS, NOW, NOW + 10])
def test_a_clock_that_goes_backwards(back_ns: int) -> None:
    wheel = wheel_of(2)
    wheel.arm_timer(0, NOW + 10)
    assert wheel.advance_to(NOW - back_ns) == []
    wheel.arm_timer(1, max(0, NOW - back_ns) + 5)
    assert wheel.advance_to(NOW - back_ns + 4) == []
    assert set(wheel.advance_to(NOW + 9)) | set(wheel.advance_to(NOW + 10)) == {0, 1}


def test_growing_keeps_armed_timers() -> None:
    wheel = wheel_of(2)
    wheel.arm_timer(1, NOW + 10)
    wheel.reserve(100_000)
    wheel.reserve(1)
    assert wheel.timer_deadline(1) == NOW + 10
    assert all(wheel.timer_deadline(i) is None for i in (0, 2, 99_999))
    wheel.arm_timer(99_999, NOW + 5)
    assert sorted(wheel.advance_to(NOW + 10)) == [1, 99_999]


def test_bounds() -> None:
    wheel = wheel_of(2)
    for wrong in (-1, 2, 1 << 32, 1 << 80):
        with pytest.raises(IndexError):
            wheel.arm_timer(wrong, NOW)
        with pytest.raises(IndexError):
            wheel.disarm_timer(wrong)
        with pytest.raises(IndexError):
            wheel.timer_deadline(wrong)
    with pytest.raises(TypeError):
        wheel.arm_timer("0", NOW)  # type: ignore[arg-type]
    for call in (lambda: wheel.arm_timer(0, 1 << 63), lambda: wheel.advance_to(1 << 63),
                 lambda: wheel.reserve(1 << 32), lambda: wheel.reserve(-1)):
        with pytest.raises(OverflowError):
            call()
    with pytest.raises(ValueError):
        wheel.advance_to(NOW, -1)
    assert len(wheel) == 0


def test_the_last_moment_of_the_clock() -> None:
    wheel = wheel_of(1, 0)
    wheel.arm_timer(0, (1 << 63) - 1)
    assert wheel.timer_deadline(0) == (1 << 63) - 1
    assert (wheel.next_deadline() or 0) < RANGE_NS
