"""How a router reacts to the adverts of others: S9, S10, S13, and the shortest interval that it learns (M3)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from network import MS, START_NS, S, Wire, advert, announces, lone_engine, settings

from vrrpcore.election import master_down_interval
from vrrpcore.engine import EVENTS, STATES

NOW_NS = START_NS + 10 * S
TICK_NS = 1 << 16


def master(**changes: Any) -> Any:
    """An Engine whose one router is MASTER at NOW_NS and has said all it had to say."""
    engine = lone_engine()
    engine.start(engine.add(settings(announce_delay_s=0, **changes)), START_NS)
    engine.advance(NOW_NS)
    engine.take_transmits()
    engine.take_events()
    assert engine.status(0).state == STATES["MASTER"]
    return engine


def sent(engine: Any) -> tuple[list[int], int]:
    """The priorities of the adverts, and how many frames."""
    batch = engine.take_transmits()
    return [one.data[2] for one in batch if not one.is_frame], sum(one.is_frame for one in batch)


class TestLower:
    """S10: a MASTER hears a lower advert."""

    @pytest.mark.rule("S10")
    @pytest.mark.parametrize(("silent", "adverts"), [(False, [100]), (True, [])])
    def test_lower_prio_no_advert(self, silent: bool, adverts: list[int]) -> None:
        engine = master(lower_prio_no_advert=silent, announces=announces(1))
        engine.receive_datagram(**advert(priority=99), now_ns=NOW_NS)
        assert sent(engine) == (adverts, 5), "the announcements do not depend on it"
        assert engine.status(0).state == STATES["MASTER"]
        assert engine.counters(0)["other_master"] == 1

    @pytest.mark.rule("S10")
    @pytest.mark.parametrize(("tells", "events"), [(False, 1), (True, 3)])
    def test_each_is_told_where_it_is_wanted(self, tells: bool, events: int) -> None:
        engine = master(tells_lower=tells)
        engine.take_events()
        for _ in range(3):
            engine.receive_datagram(**advert(priority=99), now_ns=NOW_NS)
        assert [event.kind for event in engine.take_events()] == [EVENTS["other_master"]] * events

    @pytest.mark.rule("S10", breaks=True)
    def test_priority_0_is_answered_all_the_same(self) -> None:
        engine = master(lower_prio_no_advert=True, announces=announces(1))
        engine.receive_datagram(**advert(priority=0), now_ns=NOW_NS)
        assert sent(engine) == ([100], 0)

    @pytest.mark.rule("S10")
    @pytest.mark.parametrize(("repeat", "delay_s", "at_once", "later"), [
        (5, 5, 10, 10), (1, 3, 2, 2), (2, 0, 4, 0), (0, 5, 0, 0), (0, 0, 0, 0),
    ])
    def test_one_lower_advert_is_two_sets(self, repeat: int, delay_s: int, at_once: int, later: int) -> None:
        engine = master(announces=announces(2), garp_lower_prio_repeat=repeat, garp_lower_prio_delay_s=delay_s)
        engine.receive_datagram(**advert(priority=99), now_ns=NOW_NS)
        assert sent(engine)[1] == at_once
        delay_ns = (delay_s or 5) * S
        engine.advance(NOW_NS + delay_ns - 1)
        assert sent(engine)[1] == 0
        engine.advance(NOW_NS + delay_ns + TICK_NS)
        assert sent(engine)[1] == later
        engine.advance(NOW_NS + 100 * S)
        assert sent(engine)[1] == 0, "and no third"

    @pytest.mark.rule("S10", breaks=True)
    @pytest.mark.parametrize(("delay_s", "rest_s"), [(5, 5), (1, 1), (0, 1)])
    @pytest.mark.parametrize("every_ns", [MS, 700 * MS])
    def test_a_stream_of_lower_adverts_makes_no_storm(self, delay_s: int, rest_s: int, every_ns: int) -> None:
        engine = master(announces=announces(1), garp_lower_prio_repeat=1, garp_lower_prio_delay_s=delay_s)
        sets = []
        last_ns = 0
        for now_ns in range(NOW_NS, NOW_NS + 12 * S, every_ns):
            engine.receive_datagram(**advert(priority=99), now_ns=now_ns)
            last_ns = now_ns
            engine.advance(now_ns)
            adverts, frames = sent(engine)
            assert adverts
            sets += [now_ns] * frames
        assert sets[0] == NOW_NS
        assert min(later - sooner for sooner, later in pairwise(sets)) >= rest_s * S, "one set in each delay"
        assert len(sets) >= 12 // (rest_s + 1), "it does not fall silent"
        engine.advance(last_ns + rest_s * S + TICK_NS)
        assert sent(engine)[1] == 1, "one after the last of them"

    def test_a_single_advert_after_the_second_set_waits_its_turn(self) -> None:
        engine = master(announces=announces(1), garp_lower_prio_repeat=1, garp_lower_prio_delay_s=2)
        times = []
        for at_ms in range(0, 12_000, 100):
            now_ns = NOW_NS + at_ms * MS
            if at_ms in (0, 2100):
                engine.receive_datagram(**advert(priority=99), now_ns=now_ns)
            engine.advance(now_ns + TICK_NS)
            times += [at_ms] * sent(engine)[1]
        assert times == [0, 2000, 4000, 6000]

    def test_who_is_not_master_any_more_announces_nothing(self) -> None:
        engine = master(announces=announces(1))
        engine.receive_datagram(**advert(priority=99), now_ns=NOW_NS)
        assert sent(engine)[1] == 5
        engine.receive_datagram(**advert(priority=99), now_ns=NOW_NS)
        engine.receive_datagram(**advert(priority=200), now_ns=NOW_NS)
        engine.advance(NOW_NS + 3 * S)
        assert engine.status(0).state == STATES["BACKUP"]
        engine.advance(NOW_NS + 6 * S)
        assert engine.status(0).state == STATES["MASTER"]
        assert sent(engine)[1] == 0
        engine.receive_datagram(**advert(priority=99), now_ns=NOW_NS + 6 * S)
        assert sent(engine)[1] == 5, "its time of rest ended with its state"

    @pytest.mark.keepalived("M2")
    def test_the_others_of_its_sync_group_announce_too(self) -> None:
        wire = Wire(1)
        host = wire.hosts[0]
        changes: dict[str, Any] = {"announces": announces(1), "garp_lower_prio_repeat": 1, "announce_delay_s": 0}
        for vrid in (1, 2, 3):
            host.add(vrid=vrid, **changes)
        host.engine.join_group(1, 0)
        host.engine.join_group(2, 0)
        for vr in range(3):
            host.engine.start(vr, wire.now_ns)
        wire.run(5 * S)
        heard_ns = wire.now_ns
        for _ in range(50):
            host.engine.receive_datagram(**advert(vrid=2, priority=50), now_ns=wire.now_ns)
            wire.run(100 * MS)
        wire.run(20 * S)
        frames = [(frame.datagram.vr, round((frame.at_ns - heard_ns) / S)) for frame in wire.frames(1)]
        assert sorted(frames) == [(vr, at) for vr in range(3) for at in (0, 5, 10)]


class TestHigher:
    """S9: a MASTER hears a higher advert."""

    @pytest.mark.rule("S9")
    @pytest.mark.parametrize("said", [{"priority": 101}, {"priority": 100, "number": 2}])
    @pytest.mark.parametrize(("wanted", "adverts"), [(False, []), (True, [100])])
    def test_higher_prio_send_advert(self, said: dict[str, Any], wanted: bool, adverts: list[int]) -> None:
        engine = master(higher_prio_send_advert=wanted, announces=announces(1))
        engine.receive_datagram(**advert(**said), now_ns=NOW_NS)
        assert engine.status(0).state == STATES["BACKUP"]
        assert sent(engine) == (adverts, 0)
        engine.receive_datagram(**advert(**said), now_ns=NOW_NS + 1)
        assert sent(engine) == ([], 0), "one, before it yields"

    @pytest.mark.rule("S9", breaks=True)
    def test_a_master_that_slept_under_nopreempt_yields_to_a_lower_one_in_silence(self) -> None:
        """Its advert would have the other one yield in turn."""
        engine = master(higher_prio_send_advert=True, preempt=False)
        engine.stalled(50 * S, NOW_NS)
        engine.receive_datagram(**advert(priority=50), now_ns=NOW_NS)
        assert engine.status(0).state == STATES["BACKUP"]
        assert sent(engine) == ([], 0)


class TestPreemptDelay:
    """S13: a BACKUP with preempt_delay hears lower adverts (keepalived's E3 and E4)."""

    def backup(self, **changes: Any) -> Any:
        engine = lone_engine()
        engine.start(engine.add(settings(**{"preempt_delay_s": 3.0} | changes)), START_NS)
        return engine

    def hear(self, engine: Any, until_ns: int, *, since_ns: int = START_NS + S // 2, priority: int = 50) -> None:
        """A lower master, once a second, half a second after START_NS."""
        for now_ns in range(since_ns, until_ns, S):
            engine.advance(now_ns)
            engine.receive_datagram(**advert(priority=priority), now_ns=now_ns)

    @pytest.mark.rule("S13")
    @pytest.mark.keepalived("E3")
    @pytest.mark.parametrize("delay_s", [0.001, 0.5, 3.0, 7.25, 1000.0])
    def test_lower_adverts_are_obeyed_until_the_delay_is_over(self, delay_s: float) -> None:
        engine = self.backup(preempt_delay_s=delay_s)
        first_ns = START_NS + S
        over_ns = first_ns + int(delay_s * 1000) * MS
        down_ns = master_down_interval(3, 100, 100)
        engine.receive_datagram(**advert(priority=50), now_ns=first_ns)
        assert engine.status(0).deadline_ns == first_ns + down_ns
        engine.receive_datagram(**advert(priority=50), now_ns=over_ns - 1)
        assert engine.status(0).deadline_ns == over_ns - 1 + down_ns
        for late_ns in (0, 1, S, 3 * S):
            engine.receive_datagram(**advert(priority=50), now_ns=over_ns + late_ns)
        assert engine.status(0).deadline_ns == over_ns - 1 + down_ns, "the clock does not start again"
        engine.advance(over_ns - 1 + down_ns)
        assert engine.status(0).state == STATES["MASTER"]

    def test_a_reload_does_not_start_the_clock_again(self) -> None:
        engine = self.backup(preempt_delay_s=3.0)
        self.hear(engine, START_NS + 3 * S)
        engine.configure(0, settings(preempt_delay_s=3.0, announce_repeat=1), START_NS + 3 * S)
        self.hear(engine, START_NS + 5 * S, since_ns=START_NS + 3 * S + S // 2)
        last_ns = START_NS + 2 * S + S // 2
        assert engine.status(0).deadline_ns == last_ns + master_down_interval(3, 100, 100)

    @pytest.mark.rule("S13", breaks=True)
    def test_without_it_a_lower_advert_is_nothing(self) -> None:
        engine = self.backup(preempt_delay_s=0.0)
        self.hear(engine, START_NS + 3 * S)
        assert engine.status(0).deadline_ns == START_NS + master_down_interval(3, 100, 100)

    @pytest.mark.rule("S13", breaks=True)
    @pytest.mark.keepalived("E4")
    def test_nobody_is_waited_for_when_nobody_is_master(self) -> None:
        engine = self.backup(preempt_delay_s=1000.0)
        engine.advance(START_NS + master_down_interval(3, 100, 100))
        assert engine.status(0).state == STATES["MASTER"]
        engine = self.backup(preempt_delay_s=1000.0)
        engine.receive_datagram(**advert(priority=50), now_ns=START_NS + S)
        engine.receive_datagram(**advert(priority=0), now_ns=START_NS + 2 * S)
        engine.advance(START_NS + 3 * S)
        assert engine.status(0).state == STATES["MASTER"]

    @pytest.mark.rule("S13")
    @pytest.mark.parametrize("priority", [100, 200])
    def test_an_equal_or_higher_advert_stops_the_clock(self, priority: int) -> None:
        engine = self.backup()
        self.hear(engine, START_NS + 3 * S)
        engine.receive_datagram(**advert(priority=priority), now_ns=START_NS + 3 * S)
        again_ns = START_NS + 5 * S
        engine.receive_datagram(**advert(priority=50), now_ns=again_ns)
        engine.receive_datagram(**advert(priority=50), now_ns=again_ns + 3 * S - 1)
        assert engine.status(0).deadline_ns == again_ns + 3 * S - 1 + master_down_interval(3, 100, 100)
        engine.receive_datagram(**advert(priority=50), now_ns=again_ns + 3 * S)
        assert engine.status(0).deadline_ns == again_ns + 3 * S - 1 + master_down_interval(3, 100, 100)

    @pytest.mark.rule("S13")
    def test_a_change_of_state_stops_the_clock(self) -> None:
        engine = self.backup()
        self.hear(engine, START_NS + 3 * S)
        engine.set_fault(0, 1, START_NS + 3 * S)
        engine.receive_datagram(**advert(priority=50), now_ns=START_NS + 3 * S)
        up_ns = START_NS + 9 * S
        engine.set_fault(0, 0, up_ns)
        for now_ns in (up_ns + S, up_ns + 4 * S - 1, up_ns + 4 * S):
            engine.receive_datagram(**advert(priority=50), now_ns=now_ns)
        assert engine.status(0).deadline_ns == up_ns + 4 * S - 1 + master_down_interval(3, 100, 100)

    @pytest.mark.rule("S13", breaks=True)
    @pytest.mark.parametrize("wrong", [{"ttl": 1}, {"version": 2}, {"number": 1}])
    def test_a_dropped_advert_does_not_start_the_clock(self, wrong: dict[str, Any]) -> None:
        engine = self.backup()
        engine.receive_datagram(**advert(priority=50, **wrong), now_ns=START_NS + S)
        engine.receive_datagram(**advert(priority=50), now_ns=START_NS + 2 * S)
        engine.receive_datagram(**advert(priority=50), now_ns=START_NS + 5 * S - 1)
        assert engine.status(0).deadline_ns == START_NS + 5 * S - 1 + master_down_interval(3, 100, 100)

    def test_nopreempt_needs_no_clock(self) -> None:
        engine = self.backup(preempt=False)
        self.hear(engine, START_NS + 60 * S)
        assert engine.status(0).state == STATES["BACKUP"]

    def test_keepaliveds_example(self) -> None:
        """Measured with keepalived: delay 3 s, priority 200 against 100: MASTER 5.36 s after its start."""
        wire = Wire(2)
        wire.hosts[1].run(priority=100)
        wire.run(10 * S)
        wire.hosts[0].run(priority=200, preempt_delay_s=3.0)
        started_ns = wire.now_ns
        wire.run(10 * S)
        assert wire.masters() == [1]
        took_ns = wire.hosts[0].status().since_ns - started_ns
        skew_ns = master_down_interval(3, 200, 100)
        assert 2 * S + skew_ns < took_ns <= 4 * S + skew_ns, "the last advert obeyed, and Master_Down_Interval"


class TestShortInterval:
    """M3: an interval is learned, but none that is too short for a router that does not ask for it."""

    def learned(self, heard_cs: int, **changes: Any) -> tuple[int, dict[str, int], list[int]]:
        engine = lone_engine()
        engine.start(engine.add(settings(**changes)), START_NS)
        engine.take_events()
        for k in range(2):
            engine.receive_datagram(**advert(priority=200, interval_cs=heard_cs), now_ns=START_NS + k)
        status = engine.status(0)
        assert status.deadline_ns == START_NS + 1 + master_down_interval(3, 100, status.master_adver_interval_cs)
        told = [event.value for event in engine.take_events() if event.kind == EVENTS["interval_short"]]
        return status.master_adver_interval_cs, engine.counters(0), told

    @pytest.mark.rule("M3", breaks=True)
    @pytest.mark.parametrize(("heard_cs", "own_cs", "floor_cs", "learned_cs"), [
        (1, 100, None, 10), (9, 100, None, 10), (1, 100, 25, 25), (1, 4095, 4095, 4095), (99, 100, 4095, 100),
        (1, 5, None, 5), (3, 5, 4, 4),
    ])
    def test_too_short(self, heard_cs: int, own_cs: int, floor_cs: int | None, learned_cs: int) -> None:
        got, counters, told = self.learned(heard_cs, advertisement_interval_cs=own_cs, min_interval_cs=floor_cs)
        assert got == learned_cs
        assert (counters["interval_short"], counters["interval_differs"], counters["advert_rcvd"]) == (2, 2, 2)
        assert told == [learned_cs], "told once"

    @pytest.mark.rule("M3")
    @pytest.mark.parametrize(("heard_cs", "own_cs", "floor_cs"), [
        (10, 100, None), (11, 100, None), (4095, 100, None), (1, 1, None), (2, 1, None), (1, 100, 1), (5, 5, None),
        (4, 5, 4),
    ])
    def test_long_enough(self, heard_cs: int, own_cs: int, floor_cs: int | None) -> None:
        got, counters, told = self.learned(heard_cs, advertisement_interval_cs=own_cs, min_interval_cs=floor_cs)
        assert (got, counters["interval_short"], told) == (heard_cs, 0, [])

    def test_a_lower_master_is_not_learned_from(self) -> None:
        engine = lone_engine()
        engine.start(engine.add(settings()), START_NS)
        engine.receive_datagram(**advert(priority=50, interval_cs=1), now_ns=START_NS + 1)
        assert engine.status(0).master_adver_interval_cs == 100
        assert engine.counters(0)["interval_short"] == 0

    def test_a_pair_of_1_cs_takes_over_as_fast_as_it_ever_did(self) -> None:
        wire = Wire(2)
        wire.hosts[0].run(priority=200, advertisement_interval_cs=1)
        wire.hosts[1].run(priority=100, advertisement_interval_cs=1)
        wire.run(S)
        wire.hosts[0].is_heard = False
        cut_ns = wire.now_ns
        wire.run(S)
        assert wire.hosts[1].state() == "MASTER"
        assert wire.hosts[1].status().since_ns - cut_ns <= master_down_interval(3, 100, 1) + TICK_NS
