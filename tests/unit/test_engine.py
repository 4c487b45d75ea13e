"""Elections: two and three routers on one wire, in virtual time (RFC 9568 s6.4, RFC 3768 s6.4)."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from network import MAC, MS, START_NS, TICK_NS, VIP, WIRE_NS, S, Wire, address, advert, announces, lone_engine, settings

from vrrpcore.election import master_down_interval, skew_time
from vrrpcore.engine import FAULT_GROUP_BIT
from vrrpcore.packet import decode

KINDS = [
    pytest.param({"version": version, "family": family, "peers": peers}, id=f"v{version}-ipv{family}-{cast}")
    for version in (2, 3)
    for family in (4, 6)
    for cast, peers in (("multicast", False), ("unicast", True))
]


def two(kind: dict[str, Any], first: dict[str, Any], second: dict[str, Any]) -> Wire:
    """Two hosts with one router each, both started at once."""
    wire = Wire(2)
    for host, changes in zip(wire.hosts, (first, second), strict=True):
        peers = (3 - host.number,) if kind["peers"] else None
        host.run(**(kind | {"peers": peers} | changes))
    return wire


@pytest.mark.rule("S4")
@pytest.mark.parametrize("kind", KINDS)
def test_the_higher_priority_becomes_master_after_its_own_interval(kind: dict[str, Any]) -> None:
    wire = two(kind, {"priority": 100}, {"priority": 150})
    down_ns = master_down_interval(kind["version"], 150, 100)
    wire.run(down_ns - 1)
    assert wire.masters() == []
    wire.run(1)
    assert wire.masters() == [2]
    wire.run(10 * S)
    assert wire.masters() == [2]
    assert wire.hosts[0].transitions() == [("INIT", "BACKUP", "startup")]
    assert wire.hosts[0].counters() == {"advert_rcvd": len(wire.adverts(2))}
    assert wire.hosts[1].transitions() == [("INIT", "BACKUP", "startup"), ("BACKUP", "MASTER", "master_down_timer")]
    sent = wire.adverts(2)[0].datagram
    family = kind["family"]
    got = decode(
        sent.data, family=family, src=sent.source, dst=sent.destination, version=kind["version"], strict=True
    )
    assert (got.vrid, got.priority, got.addresses) == (51, 150, (VIP[family],))
    assert sent.source == address(family, 2)


@pytest.mark.rule("M2")
@pytest.mark.parametrize("kind", KINDS)
def test_a_dead_master_is_replaced_within_the_backups_interval(kind: dict[str, Any]) -> None:
    wire = two(kind, {"priority": 100}, {"priority": 150})
    wire.run(20 * S)
    wire.hosts[1].is_heard = False
    last_ns = wire.adverts(2)[-1].at_ns
    wire.run_until(last_ns + WIRE_NS + master_down_interval(kind["version"], 100, 100) - 1)
    assert wire.masters() == [2]
    wire.run(1)
    assert wire.masters() == [1, 2]


@pytest.mark.rule("S9")
@pytest.mark.parametrize("kind", KINDS)
def test_preemption(kind: dict[str, Any]) -> None:
    wire = two(kind, {"priority": 100}, {"priority": 150})
    wire.hosts[1].engine.set_fault(0, 1, wire.now_ns)
    wire.run(10 * S)
    assert wire.masters() == [1]
    wire.hosts[1].engine.set_fault(0, 0, wire.now_ns)
    wire.run(master_down_interval(kind["version"], 150, 100) + 2 * WIRE_NS)
    assert wire.masters() == [2]
    assert wire.hosts[0].transitions()[-1] == ("MASTER", "BACKUP", "advert_wins")
    assert wire.hosts[0].counters()["release_master"] == 1
    assert wire.hosts[0].status().master_priority == 150
    assert all(sent.priority for sent in wire.adverts(1)), "no priority 0 to a better master"


@pytest.mark.rule("S5")
def test_nopreempt_leaves_the_master_alone() -> None:
    wire = two({"peers": None}, {"priority": 100, "preempt": False}, {"priority": 150, "preempt": False})
    wire.hosts[1].engine.set_fault(0, 1, wire.now_ns)
    wire.run(10 * S)
    wire.hosts[1].engine.set_fault(0, 0, wire.now_ns)
    wire.run(20 * S)
    assert wire.masters() == [1]
    wire.hosts[0].is_heard = False                  # until it is gone
    wire.run(4 * S)
    assert 2 in wire.masters()


@pytest.mark.rule("S9")
def test_a_nopreempt_master_still_gives_way() -> None:
    engine = lone_engine()
    vr = engine.add(settings(preempt=False))
    engine.start(vr, START_NS)
    engine.advance(START_NS + 4 * S)
    engine.receive_datagram(**advert(priority=101), now_ns=START_NS + 5 * S)
    assert engine.status(vr).state == 1


@pytest.mark.rule("S6")
@pytest.mark.rule("M4")
@pytest.mark.parametrize("kind", KINDS)
def test_a_master_that_stops_is_replaced_after_skew(kind: dict[str, Any]) -> None:
    wire = two(kind, {"priority": 100}, {"priority": 150})
    wire.run(10 * S + 1)                # between two slots
    wire.hosts[1].engine.stop(0, wire.now_ns)
    stopped_ns = wire.now_ns
    wire.run(WIRE_NS + skew_time(kind["version"], 100, 100) - 1)
    assert [sent.priority for sent in wire.adverts(2, stopped_ns)] == [0]
    assert wire.masters() == []
    wire.run(1)
    assert wire.masters() == [1]
    assert wire.hosts[0].counters()["pri_zero_rcvd"] == 1
    assert wire.hosts[1].counters()["pri_zero_sent"] == 1


@pytest.mark.rule("S3")
@pytest.mark.parametrize("reasons", [0, 1])
def test_backup_and_fault_stop_in_silence(reasons: int) -> None:
    wire = Wire(1)
    host = wire.hosts[0]
    host.run()
    host.engine.set_fault(0, reasons, wire.now_ns)
    host.engine.stop(0, wire.now_ns)
    wire.run(100 * S)
    assert wire.sent == []
    assert host.state() == "INIT"
    assert host.engine.next_deadline() == -1


@pytest.mark.rule("S1")
def test_an_owner_is_master_at_once_and_after_fault_waits_in_full() -> None:
    wire = Wire(1)
    host = wire.hosts[0]
    host.run(priority=255, starts_as_owner=True)
    assert host.transitions() == [("INIT", "MASTER", "startup_owner")]
    assert [sent.priority for sent in wire.adverts(1)] == [255]
    host.engine.set_fault(0, 1, wire.now_ns)
    host.engine.set_fault(0, 0, wire.now_ns)
    assert host.state() == "BACKUP"
    wire.run(master_down_interval(3, 255, 100) - 1)
    assert host.state() == "BACKUP"
    wire.run(1)
    assert host.state() == "MASTER"


@pytest.mark.rule("S9")
@pytest.mark.parametrize("family", [4, 6])
def test_equal_priorities_are_decided_by_address(family: int) -> None:
    wire = two({"peers": None, "family": family}, {}, {})
    wire.run(20 * S)
    assert wire.masters() == [2]
    assert wire.hosts[0].transitions()[-1] == ("MASTER", "BACKUP", "advert_wins")
    # In BACKUP addresses do not count: the lower one, once MASTER, is left alone.
    wire = Wire(2)
    wire.hosts[0].run(family=family)
    wire.run(5 * S)
    wire.hosts[1].run(family=family)
    wire.run(20 * S)
    assert wire.masters() == [1]


@pytest.mark.rule("S9")
@pytest.mark.parametrize(("ours", "theirs"), [(b"\x0a\0\0\x7f", b"\x0a\0\0\x80"), (b"\x0a\0\0\xff", b"\x80\0\0\0")])
def test_addresses_compare_as_unsigned_numbers(ours: bytes, theirs: bytes) -> None:
    engine = lone_engine()
    vr = engine.add(settings(source=ours))
    engine.start(vr, START_NS)
    engine.advance(START_NS + 4 * S)
    engine.receive_datagram(**advert(source=theirs), now_ns=START_NS + 5 * S)
    assert engine.status(vr).state == 1


@pytest.mark.rule("S10")
def test_a_master_answers_a_lower_one_at_once() -> None:
    wire = Wire(1)
    host = wire.hosts[0]
    host.run()
    wire.run(10 * S)
    before = len(wire.adverts(1))
    for _ in range(3):
        host.engine.receive_datagram(**advert(priority=99), now_ns=wire.now_ns)
        wire.collect()
    assert len(wire.adverts(1)) == before + 3
    assert host.counters()["other_master"] == 3
    assert len(host.told("other_master")) == 1
    due_ns = host.status().deadline_ns
    wire.run_until(due_ns)
    assert len(wire.adverts(1)) == before + 4, "its own time is where it was"


@pytest.mark.rule("S8")
def test_a_master_answers_priority_zero_at_once() -> None:
    wire = Wire(1)
    host = wire.hosts[0]
    host.run()
    wire.run(10 * S)
    before = len(wire.adverts(1))
    host.engine.receive_datagram(**advert(priority=0), now_ns=wire.now_ns)
    wire.collect()
    assert len(wire.adverts(1)) == before + 1
    assert wire.now_ns < host.status().deadline_ns <= wire.now_ns + S
    assert host.state() == "MASTER"


@pytest.mark.rule("M3")
@pytest.mark.rule("R8")
def test_a_v3_backup_follows_the_masters_interval() -> None:
    wire = two({"peers": None}, {"priority": 100}, {"priority": 150, "advertisement_interval_cs": 300})
    wire.run(30 * S)
    assert wire.masters() == [2]
    assert wire.hosts[0].status().master_adver_interval_cs == 300
    told = wire.hosts[0].told("interval")
    assert [event.value for event in told] == [300] * len({event.state for event in told}), "once in each state"
    wire.hosts[1].is_heard = False
    last_ns = wire.adverts(2)[-1].at_ns
    wire.run_until(last_ns + WIRE_NS + master_down_interval(3, 100, 300) - 1)
    assert wire.masters() == [2]
    wire.run(1)
    assert wire.masters() == [1, 2]
    mine = [sent.at_ns for sent in wire.adverts(1)]
    wire.run(10 * S)
    assert len(wire.adverts(1)) - len(mine) == 10, "a master sends at its own interval"


@pytest.mark.rule("M3", breaks=True)
def test_a_discarded_lower_advert_teaches_nothing() -> None:
    engine = lone_engine()
    vr = engine.add(settings())
    engine.start(vr, START_NS)
    before = engine.status(vr)
    engine.receive_datagram(**advert(priority=99, interval_cs=1000), now_ns=START_NS + S)
    after = engine.status(vr)
    assert (after.deadline_ns, after.master_adver_interval_cs) == (before.deadline_ns, 100)
    assert after.peer_priority == 99


def test_leaving_fault_forgets_the_masters_interval() -> None:
    engine = lone_engine()
    vr = engine.add(settings())
    engine.start(vr, START_NS)
    engine.receive_datagram(**advert(priority=200, interval_cs=1000), now_ns=START_NS + S)
    engine.set_fault(vr, 4, START_NS + 2 * S)
    engine.set_fault(vr, 0, START_NS + 3 * S)
    status = engine.status(vr)
    assert status.master_adver_interval_cs == 100
    assert status.master_address == bytes(16)
    assert status.deadline_ns == START_NS + 3 * S + master_down_interval(3, 100, 100)


@pytest.mark.rule("S14")
def test_fault_ends_with_its_last_reason() -> None:
    wire = Wire(1)
    host = wire.hosts[0]
    host.run()
    wire.run(5 * S)
    host.engine.set_fault(0, 0b11, wire.now_ns)
    wire.collect()
    assert [sent.priority for sent in wire.adverts(1)[-1:]] == [0]
    host.engine.set_fault(0, 0b10, wire.now_ns)
    assert host.state() == "FAULT"
    host.engine.receive_datagram(**advert(priority=200), now_ns=wire.now_ns)
    assert host.state() == "FAULT"
    assert host.status().deadline_ns == -1
    wire.run(100 * S)
    assert host.state() == "FAULT"
    host.engine.set_fault(0, 0, wire.now_ns)
    wire.run(4 * S)
    assert [t[1] for t in host.transitions()] == ["BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER"]


class TestSyncGroup:
    """vrrp_sync_group: Y1 to Y3 of keepalived."""

    def members(self, wire: Wire, *priorities: int, **changes: Any) -> None:
        host = wire.hosts[0]
        for vrid, priority in enumerate(priorities, start=1):
            vr = host.add(vrid=vrid, priority=priority, **changes)
            if vr:
                host.engine.join_group(vr, 0)
        for vr in range(len(priorities)):
            host.engine.start(vr, wire.now_ns)

    def states(self, wire: Wire) -> list[str]:
        return [wire.hosts[0].state(vr) for vr in range(len(wire.hosts[0].engine))]

    @pytest.mark.keepalived("Y1")
    def test_the_first_fault_takes_all_and_the_last_one_lets_all_go(self) -> None:
        wire = Wire(1)
        self.members(wire, 100, 150, 200)
        wire.run(10 * S)
        assert self.states(wire) == ["MASTER"] * 3
        engine = wire.hosts[0].engine
        engine.set_fault(1, 1, wire.now_ns)
        assert self.states(wire) == ["FAULT"] * 3
        assert [engine.status(vr).fault_reasons for vr in range(3)] == [FAULT_GROUP_BIT, 1, FAULT_GROUP_BIT]
        engine.set_fault(2, 2, wire.now_ns)
        assert engine.status(1).fault_reasons == 1 | FAULT_GROUP_BIT
        engine.set_fault(1, 0, wire.now_ns)
        assert self.states(wire) == ["FAULT"] * 3
        engine.set_fault(2, 0, wire.now_ns)
        assert self.states(wire) == ["BACKUP"] * 3
        wire.collect()
        assert sorted(s.priority for s in wire.adverts(1)[-3:]) == [0, 0, 0]

    @pytest.mark.keepalived("Y2")
    def test_all_become_master_when_the_last_one_wants_to(self) -> None:
        wire = Wire(1)
        self.members(wire, 100, 150)
        down_ns = master_down_interval(3, 100, 100)
        wire.run(down_ns - 1)
        assert self.states(wire) == ["BACKUP", "BACKUP"]
        wire.run(1)
        assert self.states(wire) == ["MASTER", "MASTER"]
        assert [wire.hosts[0].status(vr).since_ns for vr in (0, 1)] == [START_NS + down_ns] * 2

    @pytest.mark.keepalived("Y2")
    def test_not_while_one_hears_a_better_master(self) -> None:
        wire = Wire(1)
        self.members(wire, 100, 150)
        for _ in range(10):
            wire.hosts[0].engine.receive_datagram(**advert(vrid=1, priority=120), now_ns=wire.now_ns)
            wire.run(S)
        assert self.states(wire) == ["BACKUP", "BACKUP"]

    @pytest.mark.keepalived("Y3")
    def test_one_that_steps_down_takes_all_in_silence(self) -> None:
        wire = Wire(1)
        self.members(wire, 100, 150, 200)
        wire.run(10 * S)
        stepped_ns = wire.now_ns
        wire.hosts[0].engine.receive_datagram(**advert(vrid=1, priority=120), now_ns=stepped_ns)
        wire.collect()
        assert self.states(wire) == ["BACKUP"] * 3
        assert wire.adverts(1, stepped_ns) == []
        assert wire.hosts[0].transitions(2)[-1] == ("MASTER", "BACKUP", "group_backup")

    @pytest.mark.keepalived("S18")
    def test_a_lost_address_sends_all_to_the_election(self) -> None:
        wire = Wire(1)
        self.members(wire, 100, 150)
        wire.run(10 * S)
        lost_ns = wire.now_ns
        wire.hosts[0].engine.vip_lost(0, lost_ns)
        wire.collect()
        assert [s.priority for s in wire.adverts(1, lost_ns)] == [0, 0]
        assert self.states(wire) == ["BACKUP"] * 2

    @pytest.mark.keepalived("Y3")
    def test_owners_start_as_master_if_all_are(self) -> None:
        wire = Wire(1)
        self.members(wire, 255, 255, starts_as_owner=True)
        assert self.states(wire) == ["MASTER"] * 2
        wire = Wire(1)
        wire.hosts[0].add(vrid=1, priority=255, starts_as_owner=True)
        wire.hosts[0].engine.join_group(wire.hosts[0].add(vrid=2), 0)
        for vr in (0, 1):
            wire.hosts[0].engine.start(vr, wire.now_ns)
        assert self.states(wire) == ["BACKUP"] * 2

    def test_who_starts_into_a_group_in_fault_starts_in_fault(self) -> None:
        wire = Wire(1)
        host = wire.hosts[0]
        host.add(vrid=1)
        host.engine.join_group(host.add(vrid=2), 0)
        host.engine.set_fault(0, 8, wire.now_ns)
        for vr in (0, 1):
            host.engine.start(vr, wire.now_ns)
        assert self.states(wire) == ["FAULT", "FAULT"]
        host.engine.set_fault(0, 0, wire.now_ns)
        assert self.states(wire) == ["BACKUP", "BACKUP"]

    def test_a_member_leaves_and_the_others_stay_together(self) -> None:
        wire = Wire(1)
        self.members(wire, 100, 110, 120)
        engine = wire.hosts[0].engine
        engine.leave_group(1)
        engine.stop(1, wire.now_ns)
        engine.remove(1)
        wire.run(5 * S)
        engine.set_fault(0, 1, wire.now_ns)
        assert (wire.hosts[0].state(0), wire.hosts[0].state(2)) == ("FAULT", "FAULT")
        assert wire.hosts[0].add(vrid=9) == 1
        engine.start(1, wire.now_ns)
        assert wire.hosts[0].state(1) == "BACKUP", "whoever gets the number is in no group"

    def test_nobody_is_in_two_groups(self) -> None:
        wire = Wire(1)
        self.members(wire, 100, 110)
        alone = wire.hosts[0].add(vrid=3)
        with pytest.raises(ValueError, match="in a group already"):
            wire.hosts[0].engine.join_group(1, alone)
        with pytest.raises(ValueError, match="in a group already"):
            wire.hosts[0].engine.join_group(alone, alone)


@pytest.mark.keepalived("S18")
def test_a_lost_address_is_an_election_after_skew() -> None:
    wire = Wire(1)
    host = wire.hosts[0]
    host.run()
    wire.run(10 * S)
    lost_ns = wire.now_ns
    host.engine.vip_lost(0, lost_ns)
    wire.collect()
    assert [s.priority for s in wire.adverts(1, lost_ns)] == [0]
    wire.run(skew_time(3, 100, 100) - 1)
    assert host.state() == "BACKUP"
    wire.run(1)
    assert host.state() == "MASTER"
    host.engine.vip_lost(0, wire.now_ns)
    host.engine.vip_lost(0, wire.now_ns)
    assert host.counters()["release_master"] == 2, "in BACKUP there is nothing to lose"


class TestPriority:
    """T-f: a priority that changes in BACKUP moves the deadline by the difference in skew."""

    @pytest.mark.parametrize("version", [2, 3])
    @pytest.mark.parametrize(("old", "new"), [(100, 150), (150, 100), (1, 254)])
    def test_the_deadline_moves_by_the_difference(self, version: int, old: int, new: int) -> None:
        engine = lone_engine()
        vr = engine.add(settings(version=version, priority=old))
        engine.start(vr, START_NS)
        engine.set_priority(vr, new, START_NS + S)
        assert engine.status(vr).deadline_ns == START_NS + master_down_interval(version, new, 100)
        engine.configure(vr, settings(version=version, priority=old), START_NS + S)
        assert engine.status(vr).deadline_ns == START_NS + master_down_interval(version, old, 100)

    def test_a_masters_next_advert_carries_it_at_its_time(self) -> None:
        wire = Wire(1)
        host = wire.hosts[0]
        host.run()
        wire.run(10 * S)
        due_ns, before = host.status().deadline_ns, len(wire.adverts(1))
        host.engine.set_priority(0, 90, wire.now_ns)
        assert host.status().deadline_ns == due_ns
        wire.run_until(due_ns)
        assert [s.priority for s in wire.adverts(1)[before:]] == [90]


class TestReconfigure:
    def test_state_and_timers_go_on(self) -> None:
        wire = Wire(1)
        host = wire.hosts[0]
        host.run()
        wire.run(10 * S)
        before = host.status()
        host.engine.configure(0, settings(addresses=(VIP[4], b"\x0a\0\0\x65")), wire.now_ns)
        assert host.status() == before
        wire.run_until(before.deadline_ns)
        got = decode(wire.adverts(1)[-1].datagram.data, family=4, src=address(4, 1), dst=b"\xe0\0\0\x12")
        assert len(got.addresses) == 2

    def test_a_batch_that_waits_is_sent_as_it_was(self) -> None:
        """Bytes that a waiting datagram points at outlive a change, a removal, and the next router."""
        engine = lone_engine()
        vr = engine.add(settings(announces=announces(3)))
        engine.start(vr, START_NS)
        engine.advance(START_NS + 4 * S)
        engine.announce(vr, START_NS + 4 * S)
        for k in range(50):
            engine.configure(vr, settings(priority=k + 1), START_NS + 4 * S)
        engine.stop(vr, START_NS + 4 * S)
        engine.remove(vr)
        for vrid in range(1, 40):
            engine.add(settings(vrid=vrid, addresses=tuple(bytes([10, 5, 5, k]) for k in range(100))))
        sent = engine.take_transmits()
        assert [t.data[2] for t in sent if not t.is_frame] == [100, 0]
        assert all(decode(t.data, family=4, src=t.source, dst=t.destination, strict=True).vrid == 51
                   for t in sent if not t.is_frame)
        assert [t.data[28:32] for t in sent if t.is_frame] == [a.address for a in announces(3)] * 5
        assert {t.vr for t in sent} == {-1}
        assert engine.counters(vr)["advert_sent"] == 0

    def test_a_masters_new_interval_counts_from_now(self) -> None:
        wire = Wire(1)
        host = wire.hosts[0]
        host.run(advertisement_interval_cs=4000)
        wire.run(200 * S)
        assert host.state() == "MASTER"
        host.engine.configure(0, settings(advertisement_interval_cs=10), wire.now_ns)
        changed_ns = wire.now_ns
        wire.run(S)
        assert len(wire.adverts(1, changed_ns)) >= 10

    def test_a_backup_that_heard_nobody_takes_its_own_new_interval(self) -> None:
        engine = lone_engine()
        vr = engine.add(settings())
        engine.start(vr, START_NS)
        engine.configure(vr, settings(advertisement_interval_cs=200), START_NS)
        assert engine.status(vr).master_adver_interval_cs == 200
        engine.receive_datagram(**advert(priority=200, interval_cs=300), now_ns=START_NS)
        engine.configure(vr, settings(advertisement_interval_cs=50), START_NS)
        assert engine.status(vr).master_adver_interval_cs == 300

    def test_what_was_told_is_told_again(self) -> None:
        wire = Wire(1)
        host = wire.hosts[0]
        host.run()
        for _ in range(3):
            host.engine.receive_datagram(**advert(ttl=64), now_ns=wire.now_ns)
        host.engine.configure(0, settings(), wire.now_ns)
        host.engine.receive_datagram(**advert(ttl=64), now_ns=wire.now_ns)
        wire.collect()
        assert len(host.told("drop")) == 2


class TestAnnounce:
    """GARP and NA: a set at once, one after the delay, then refreshes (G3, G5)."""

    @pytest.mark.rule("T8")
    @pytest.mark.parametrize("family", [4, 6])
    def test_schedule(self, family: int) -> None:
        wire = Wire(1)
        host = wire.hosts[0]
        told = announces(2, family)
        host.run(family=family, announces=told, announce_repeat=3, announce_delay_s=5, announce_refresh_s=10)
        wire.run(4 * S)
        assert wire.frames(1) == [], "not before the kernel has the addresses"
        host.engine.announce(0, wire.now_ns)
        start_ns = wire.now_ns
        wire.run(40 * S)
        frames = wire.frames(1)
        assert [f.datagram.source for f in frames[:6]] == [told[0].address, told[1].address] * 3
        assert all(f.datagram.data[6:12] == MAC for f in frames)
        late = [(f.at_ns - start_ns) // S for f in frames]
        assert late == [0] * 6 + [5] * 6 + [15] * 2 + [25] * 2 + [35] * 2
        assert host.counters()["announce_sent"] == len(frames)

    def test_without_a_second_set_or_refresh(self) -> None:
        wire = Wire(1)
        host = wire.hosts[0]
        host.run(announces=announces(1), announce_delay_s=0)
        wire.run(4 * S)
        host.engine.announce(0, wire.now_ns)
        wire.run(100 * S)
        assert len(wire.frames(1)) == 5

    def test_no_longer_master_no_longer_announced(self) -> None:
        wire = Wire(1)
        host = wire.hosts[0]
        host.run(announces=announces(1), announce_refresh_s=1)
        host.engine.announce(0, wire.now_ns)
        wire.run(4 * S)
        assert wire.frames(1) == []
        host.engine.announce(0, wire.now_ns)
        host.engine.receive_datagram(**advert(priority=200), now_ns=wire.now_ns)
        wire.collect()
        host.engine.set_fault(0, 1, wire.now_ns)
        wire.run(20 * S)
        assert len(wire.frames(1)) == 5


class TestSlots:
    """A router keeps its slot of the interval (which one it books is in test_slots)."""

    def test_a_stall_leaves_adverts_out_and_keeps_the_phase(self) -> None:
        wire = Wire(1)
        host = wire.hosts[0]
        host.run()
        wire.run(10 * S)
        due_ns = host.status().deadline_ns
        wire.now_ns = due_ns + 7 * S + 300 * MS
        before = len(wire.adverts(1))
        host.engine.advance(wire.now_ns)
        wire.collect()
        assert len(wire.adverts(1)) == before + 1, "one, not eight"
        assert abs(host.status().deadline_ns - (due_ns + 8 * S)) <= TICK_NS


def test_three_routers_always_agree() -> None:
    """Cut one after the other off and back on: within a few intervals there is one master, the best that is there."""
    wire = Wire(3)
    for host, priority in zip(wire.hosts, (100, 150, 200), strict=True):
        host.run(priority=priority)
    wire.run(5 * S)
    for gone, wanted in ((3, 2), (2, 1)):
        wire.hosts[gone - 1].heard = wire.hosts[gone - 1].is_heard = False
        wire.run(5 * S)
        assert [m for m in wire.masters() if wire.hosts[m - 1].heard] == [wanted]
    for back, wanted in ((2, 2), (3, 3)):
        wire.hosts[back - 1].heard = wire.hosts[back - 1].is_heard = True
        wire.run(5 * S)
        assert [m for m in wire.masters() if wire.hosts[m - 1].heard] == [wanted]


def test_a_machine_that_has_been_up_for_years() -> None:
    engine = lone_engine()
    vr = engine.add(settings())
    start_ns = 10 * 365 * 86400 * S
    engine.start(vr, start_ns)
    assert engine.next_deadline() == start_ns + master_down_interval(3, 100, 100)


def test_the_garbage_collector_may_free_an_engine() -> None:
    """As part of a cycle: in a process of its own, which would crash."""
    code = "import gc; from vrrpcore.engine import Engine; c = [Engine()]; c.append(c); del c; gc.collect()"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
