"""Being deaf is not hearing silence: a stall, a buffer that overflowed, a queue that was not read to its end."""

from __future__ import annotations

from typing import Any

import pytest
from network import START_NS, S, advert, announces, lone_engine, settings

from vrrpcore.election import master_down_interval, skew_time
from vrrpcore.engine import EVENTS

BACKUP, MASTER = 1, 2


class TestDeafness:
    """A stall or an overflow is not silence, and what was not read yet may be an advert."""

    def backup(self, **changes: Any) -> tuple[Any, int, int]:
        """A BACKUP that has heard a master at START_NS; the Engine, the router, its deadline."""
        engine = lone_engine()
        vr = engine.add(settings(**changes))
        engine.start(vr, START_NS)
        engine.receive_datagram(**advert(priority=200), now_ns=START_NS)
        return engine, vr, engine.status(vr).deadline_ns

    def test_after_a_stall_it_listens_for_an_interval_and_skew(self) -> None:
        engine, vr, deadline_ns = self.backup()
        now_ns = deadline_ns + 2 * S
        engine.stalled(2 * S, now_ns)
        engine.advance(now_ns)
        listening_ns = now_ns + S + skew_time(3, 100, 100)
        assert engine.status(vr).deadline_ns == listening_ns
        engine.advance(listening_ns - 1)
        assert engine.status(vr).state == BACKUP
        engine.advance(listening_ns)
        assert engine.status(vr).state == MASTER
        assert (engine.totals()["stalls"], engine.totals()["stall_longest_ns"]) == (1, 2 * S)
        assert [e.value for e in engine.take_events() if e.kind == EVENTS["stall"]] == [2_000_000]

    def test_an_advert_from_before_the_stall_does_not_shorten_that(self) -> None:
        engine, vr, deadline_ns = self.backup()
        now_ns = deadline_ns + 10 * S
        engine.stalled(10 * S, now_ns)
        engine.receive_datagram(**advert(priority=200), now_ns=START_NS + S)
        engine.receive_datagram(**advert(priority=0), now_ns=START_NS + S)
        engine.advance(now_ns)
        assert engine.status(vr).state == BACKUP
        assert engine.status(vr).deadline_ns == now_ns + S + skew_time(3, 100, 100)

    def test_a_stall_shorter_than_the_masters_interval_is_none_to_it(self) -> None:
        engine, vr, deadline_ns = self.backup()
        engine.stalled(S - 1, deadline_ns + S)
        engine.advance(deadline_ns + S)
        assert engine.status(vr).state == MASTER
        assert engine.totals()["stalls"] == 1
        assert all(e.kind == EVENTS["state"] for e in engine.take_events()), "nobody minds it, nobody is told"

    def test_a_turn_a_little_late_is_no_stall(self) -> None:
        engine, _, deadline_ns = self.backup()
        engine.stalled(9_999_999, deadline_ns)
        assert engine.totals()["stalls"] == 0

    def test_a_longer_deadline_stays(self) -> None:
        engine, vr, deadline_ns = self.backup(down_timer_adverts=50)
        engine.stalled(2 * S, START_NS + 3 * S)
        assert engine.status(vr).deadline_ns == deadline_ns

    def test_an_overflow_concerns_its_domain(self) -> None:
        engine, vr, deadline_ns = self.backup()
        other = engine.add(settings(family=6))
        engine.start(other, START_NS)
        engine.deaf(0, 3600 * S, deadline_ns)
        engine.advance(deadline_ns)
        assert engine.status(vr).state == BACKUP
        assert engine.status(other).state == MASTER

    def test_a_flood_that_overflows_for_ever_does_not_starve_it(self) -> None:
        engine, vr, deadline_ns = self.backup()
        down_ns = deadline_ns - START_NS
        now_ns = START_NS
        while engine.status(vr).state == BACKUP:
            now_ns += S // 4
            engine.deaf(0, 3600 * S, now_ns)
            engine.advance(now_ns)
            assert now_ns < START_NS + 6 * down_ns
        assert engine.status(vr).since_ns > START_NS + 4 * down_ns, "it waited first"

    @pytest.mark.rule("S9")
    def test_a_stalled_nopreempt_master_yields_to_whoever_took_over(self) -> None:
        for preempt, wanted in ((True, MASTER), (False, BACKUP)):
            engine = lone_engine()
            vr = engine.add(settings(preempt=preempt, announces=announces(1)))
            engine.start(vr, START_NS)
            engine.advance(START_NS + 4 * S)
            engine.take_transmits()
            now_ns = START_NS + 60 * S
            engine.stalled(50 * S, now_ns)
            engine.receive_datagram(**advert(priority=50), now_ns=now_ns)
            assert engine.status(vr).state == wanted
            frames = [t for t in engine.take_transmits() if t.is_frame]
            assert len(frames) == (5 if preempt else 0), "one that stays tells its segment"

    def test_a_stalled_master_that_hears_nobody_goes_on(self) -> None:
        engine = lone_engine()
        vr = engine.add(settings(preempt=False, announces=announces(1)))
        engine.start(vr, START_NS)
        engine.advance(START_NS + 4 * S)
        engine.take_transmits()
        now_ns = START_NS + 60 * S
        engine.stalled(50 * S, now_ns)
        engine.advance(now_ns)
        assert [t.is_frame for t in engine.take_transmits()] == [False, *[True] * 5]
        engine.receive_datagram(**advert(priority=50), now_ns=now_ns)
        assert engine.status(vr).state == MASTER, "only once: it has spoken"

    def test_a_pause_counts_though_no_time_passed(self) -> None:
        """CLOCK_MONOTONIC stood still: nothing is late, and the master may have been replaced all the same."""
        engine, vr, deadline_ns = self.backup()
        now_ns = deadline_ns - 1
        engine.stalled(0, now_ns, pause_ns=60 * S)
        listening_ns = now_ns + S + skew_time(3, 100, 100)
        assert engine.status(vr).deadline_ns == listening_ns
        engine.advance(listening_ns - 1)
        assert engine.status(vr).state == BACKUP
        engine.advance(listening_ns)
        assert engine.status(vr).state == MASTER
        totals = engine.totals()
        assert (totals["pauses"], totals["pause_longest_ns"], totals["stalls"]) == (1, 60 * S, 0)
        told = [(e.kind, e.value) for e in engine.take_events() if e.vr < 0]
        assert told == [(EVENTS["pause"], 60_000_000)]

    def test_lateness_and_a_pause_add_up(self) -> None:
        engine, vr, deadline_ns = self.backup()
        engine.stalled(S // 2, deadline_ns, pause_ns=S // 2 - 1)
        engine.advance(deadline_ns)
        assert engine.status(vr).state == MASTER, "together they are shorter than an interval"
        engine, vr, deadline_ns = self.backup()
        engine.stalled(S // 2, deadline_ns, pause_ns=S // 2)
        engine.advance(deadline_ns)
        assert engine.status(vr).state == BACKUP
        assert (engine.totals()["pauses"], engine.totals()["stalls"]) == (1, 1)

    def test_what_could_be_an_interruption_is_no_pause(self) -> None:
        engine, _, deadline_ns = self.backup()
        engine.stalled(0, deadline_ns, pause_ns=9_999_999)
        assert engine.totals()["pauses"] == 0
        assert [e for e in engine.take_events() if e.vr < 0] == []

    @pytest.mark.rule("S9")
    def test_after_a_pause_a_nopreempt_master_listens_before_it_speaks(self) -> None:
        """Nothing waits in its queue, as nothing could arrive: whoever took over is heard within an interval."""
        for preempt in (True, False):
            for heard in (True, False):
                engine = lone_engine()
                vr = engine.add(settings(preempt=preempt, announces=announces(1)))
                engine.start(vr, START_NS)
                engine.advance(START_NS + 10 * S)
                engine.take_transmits()
                now_ns = START_NS + 10 * S + 1
                engine.stalled(0, now_ns, pause_ns=60 * S)
                until_ns = now_ns + S + skew_time(3, 100, 100)
                engine.advance(now_ns + S - 1)
                assert (engine.take_transmits() == []) == (not preempt)
                if heard:
                    engine.receive_datagram(**advert(priority=50), now_ns=now_ns + S - 1)
                engine.advance(until_ns)
                assert engine.status(vr).state == (BACKUP if heard and not preempt else MASTER)
                if heard or preempt:
                    continue
                assert [t.is_frame for t in engine.take_transmits()] == [False, *[True] * 5]
                phase_ns = (engine.status(vr).deadline_ns - START_NS) % S
                for step in range(1, 31):
                    engine.advance(until_ns + step * S // 10)
                assert len([t for t in engine.take_transmits() if not t.is_frame]) == 3
                assert (engine.status(vr).deadline_ns - START_NS) % S == phase_ns

    def test_a_short_pause_is_none_to_a_master(self) -> None:
        engine = lone_engine()
        vr = engine.add(settings(preempt=False, announces=announces(1)))
        engine.start(vr, START_NS)
        engine.advance(START_NS + 10 * S)
        engine.take_transmits()
        deadline_ns = engine.status(vr).deadline_ns
        engine.stalled(0, START_NS + 10 * S, pause_ns=master_down_interval(3, 100, 100))
        assert engine.status(vr).deadline_ns == deadline_ns
        engine.receive_datagram(**advert(priority=50), now_ns=START_NS + 10 * S)
        assert engine.status(vr).state == MASTER

    @pytest.mark.rule("S4", breaks=True)
    def test_the_down_timer_waits_for_its_queue(self) -> None:
        engine, vr, deadline_ns = self.backup()
        for late_ns in (0, 1, S, 5 * S):
            engine.advance(deadline_ns + late_ns, unread={0: deadline_ns - 1})
            assert engine.status(vr).state == BACKUP
            assert engine.status(vr).deadline_ns == deadline_ns
        assert engine.totals()["down_timers_held"] == 4
        engine.advance(deadline_ns + 6 * S)
        assert engine.status(vr).state == MASTER

    def test_new_settings_leave_a_timer_that_waits_as_it_is(self) -> None:
        engine, vr, deadline_ns = self.backup()
        engine.advance(deadline_ns + S, unread={0: deadline_ns - 1})
        engine.configure(vr, settings(), deadline_ns + S)
        assert engine.status(vr).deadline_ns == deadline_ns
        engine.advance(deadline_ns + 2 * S, unread={0: deadline_ns})
        assert engine.status(vr).state == MASTER, "all that arrived before its deadline has been heard"

    def test_a_flood_that_never_ends_does_not_starve_it(self) -> None:
        """The queue is never seen empty, but what was read arrived after the deadline: it holds no older advert."""
        engine, vr, deadline_ns = self.backup()
        for late_ns in range(0, 10 * S, S // 2):
            engine.advance(deadline_ns + late_ns, unread={0: START_NS + late_ns})
        assert START_NS + late_ns > deadline_ns
        assert engine.status(vr).state == MASTER
        assert engine.status(vr).since_ns - START_NS >= deadline_ns - START_NS

    def test_an_advert_read_in_time_takes_the_waiting_timer_back(self) -> None:
        engine, vr, deadline_ns = self.backup()
        engine.advance(deadline_ns + S, unread={0: deadline_ns - S})
        engine.receive_datagram(**advert(priority=200), now_ns=deadline_ns - S // 2)
        engine.advance(deadline_ns + S)
        assert engine.status(vr).state == BACKUP
        assert engine.status(vr).deadline_ns == deadline_ns - S // 2 + master_down_interval(3, 100, 100)

    def test_other_domains_do_not_wait(self) -> None:
        engine, vr, deadline_ns = self.backup()
        engine.advance(deadline_ns, unread={1: 0})
        assert engine.status(vr).state == MASTER

    def test_no_such_domain_to_be_unread(self) -> None:
        engine, _, deadline_ns = self.backup()
        for domain in (-1, 2):
            with pytest.raises(IndexError, match="no domain"):
                engine.advance(deadline_ns, unread={domain: 0})
            with pytest.raises(IndexError, match="no domain"):
                engine.deaf(domain, S, deadline_ns)
