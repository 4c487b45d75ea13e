"""The wheel agrees with a sorted list: whatever is armed, moved, cancelled, advanced; from ns to years."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from vrrpcore.wheel import TimerWheel

TIMERS = 12
TICK_NS = 1 << 16
YEAR_NS = 365 * 24 * 3600 * 10**9
EXACT_NS = TICK_NS * 64**4 * 62     # surely within the ring

# Every magnitude is as likely as any other; slots' edges are favoured.
spans = st.one_of(
    st.integers(0, 62).flatmap(lambda bits: st.integers(0, min(1 << bits, 3 * YEAR_NS))),
    st.builds(
        lambda level, slots, offset: max(0, TICK_NS * 64**level * slots + offset),
        st.integers(0, 5), st.integers(0, 130), st.integers(-2, 2),
    ),
)
timers = st.integers(0, TIMERS - 1)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("arm"), timers, spans),
        st.tuples(st.just("arm at"), timers, spans),
        st.tuples(st.just("disarm"), timers, st.just(0)),
        st.tuples(st.just("advance"), st.integers(0, TIMERS + 1), spans),
        st.tuples(st.just("back"), st.integers(1, TIMERS), spans),
    ),
    max_size=60,
)


class Model:
    """A dictionary of deadlines, and what may be asked of any correct wheel."""

    def __init__(self, start_ns: int) -> None:
        self.wheel = TimerWheel()
        self.wheel.reserve(TIMERS)
        self.deadlines: dict[int, int] = {}
        self.now_ns = start_ns
        self.wheel.advance_to(start_ns)

    def arm(self, i: int, deadline_ns: int) -> None:
        self.deadlines[i] = deadline_ns
        self.wheel.arm_timer(i, deadline_ns)

    def disarm(self, i: int) -> None:
        self.deadlines.pop(i, None)
        self.wheel.disarm_timer(i)

    def advance(self, now_ns: int, limit: int) -> list[int]:
        self.now_ns = max(self.now_ns, now_ns)
        late = {i for i, deadline_ns in self.deadlines.items() if deadline_ns <= now_ns}
        fired = self.wheel.advance_to(now_ns, limit)
        assert len(fired) == len(set(fired)) == min(limit, len(late)), "bounded, and no less than could be"
        assert set(fired) <= late, "never early, and only what is armed"
        ticks = [self.deadlines[i] // TICK_NS for i in fired]
        for i in fired:
            del self.deadlines[i]
        self.fired_ticks = ticks
        return fired

    def check(self) -> None:
        assert len(self.wheel) == len(self.deadlines)
        for i in range(TIMERS):
            assert self.wheel.timer_deadline(i) == self.deadlines.get(i)
        named = self.wheel.next_deadline()
        if self.deadlines:
            assert named is not None
            assert named <= min(self.deadlines.values()), "never later than the truth"
        else:
            assert named is None


@settings(max_examples=600, deadline=None)
@given(start_ns=spans, steps=steps)
def test_agrees_with_a_sorted_list(start_ns: int, steps: list[tuple[str, int, int]]) -> None:
    model = Model(start_ns)
    for what, which, span in steps:
        if what == "arm":
            model.arm(which, model.now_ns + span)
        elif what == "arm at":
            model.arm(which, span)
        elif what == "disarm":
            model.disarm(which)
        elif what == "advance":
            model.advance(model.now_ns + span, which)
        else:
            model.advance(max(0, model.now_ns - span), which)
        model.check()
    far = model.now_ns + 10 * YEAR_NS
    left = set(model.deadlines)
    assert set(model.advance(far, TIMERS)) == left
    model.check()


@settings(max_examples=300, deadline=None)
@given(start_ns=spans, deadlines=st.lists(spans, min_size=1, max_size=TIMERS), limit=st.integers(1, 3))
def test_fires_in_order_of_ticks(start_ns: int, deadlines: list[int], limit: int) -> None:
    model = Model(start_ns)
    for i, span in enumerate(deadlines):
        model.arm(i, start_ns + span)
    ticks: list[int] = []
    while model.deadlines:
        model.advance(start_ns + 10 * YEAR_NS, limit)
        ticks += model.fired_ticks
    assert ticks == sorted(ticks)


@settings(max_examples=300, deadline=None)
@given(start_ns=spans, rounds=st.lists(st.lists(st.integers(0, EXACT_NS), max_size=4), max_size=8))
def test_next_deadline_is_exact_for_fresh_timers(start_ns: int, rounds: list[list[int]]) -> None:
    """Sleeping until next_deadline() and advancing to it: with no timer moved, every wake fires one."""
    model = Model(start_ns)
    for spans_ns in rounds:
        free = [i for i in range(TIMERS) if i not in model.deadlines]
        for i, span in zip(free, spans_ns, strict=False):
            model.arm(i, model.now_ns + span)
        if model.deadlines:
            wake_ns = model.wheel.next_deadline()
            assert wake_ns == min(model.deadlines.values())
            assert model.advance(wake_ns, TIMERS)
        model.check()


@settings(max_examples=300, deadline=None)
@given(start_ns=spans, moves=st.lists(st.tuples(timers, spans), max_size=40))
def test_early_wakes_are_few(start_ns: int, moves: list[tuple[int, int]]) -> None:
    """Whoever sleeps until next_deadline() fires all on time, and wakes early once per slot."""
    model = Model(start_ns)
    for i, span in moves:
        model.arm(i, start_ns + span)
    early = 0
    while model.deadlines:
        wake_ns = model.wheel.next_deadline()
        assert wake_ns is not None
        assert wake_ns >= model.now_ns or wake_ns in model.deadlines.values()
        if not model.advance(wake_ns, TIMERS):
            early += 1
        model.check()
    # A timer stays in one slot after its last move; beyond the ring it is looked at every 63 top slots.
    parked = 3 * YEAR_NS // (63 * 64**4 * TICK_NS) + 1
    assert early <= TIMERS * (1 + parked)
