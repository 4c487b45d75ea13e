"""vrrp_sync_group where its members are of different minds (keepalived's Y1 to Y3, S9, S17), beyond test_engine.py."""

from __future__ import annotations

import random
from typing import Any

import pytest
from network import MS, START_NS, STATE_NAMES, S, Wire, advert, lone_engine, settings

from vrrpcore.election import master_down_interval
from vrrpcore.engine import FAULT_GROUP_BIT

DOWN_NS = master_down_interval(3, 100, 100)


def group(*changes: dict[str, Any], start: bool = True) -> Wire:
    """A host with a sync group, VRID 1, 2 and so on."""
    wire = Wire(1)
    host = wire.hosts[0]
    for vrid, change in enumerate(changes, 1):
        vr = host.add(vrid=vrid, **change)
        if vr:
            host.engine.join_group(vr, 0)
    for vr in range(len(changes) if start else 0):
        host.engine.start(vr, wire.now_ns)
    wire.collect()
    return wire


def states(wire: Wire) -> list[str]:
    return [wire.hosts[0].state(vr) for vr in range(len(wire.hosts[0].engine))]


def hear(wire: Wire, vrid: int, priority: int) -> None:
    wire.hosts[0].engine.receive_datagram(**advert(vrid=vrid, priority=priority), now_ns=wire.now_ns)
    wire.collect()


@pytest.mark.keepalived("Y2")
def test_who_has_to_wait_for_the_others_waits_for_its_timer_again() -> None:
    wire = group({}, {})
    wire.run(DOWN_NS - S)
    hear(wire, 2, 150)
    wire.run(S)
    assert states(wire) == ["BACKUP", "BACKUP"]
    assert wire.hosts[0].status(0).deadline_ns == pytest.approx(START_NS + 2 * DOWN_NS, abs=1 << 16)
    wire.run(DOWN_NS - S)
    assert states(wire) == ["MASTER", "MASTER"], "at the time of the last one"
    assert wire.hosts[0].status(0).since_ns == START_NS + DOWN_NS - S + DOWN_NS


@pytest.mark.keepalived("Y2")
def test_a_wish_ends_when_its_master_speaks_again() -> None:
    wire = group({}, {})
    wire.run(DOWN_NS - S)
    hear(wire, 2, 150)
    wire.run(2 * S)                         # the first wants to
    hear(wire, 1, 150)                      # and no longer
    wire.run(DOWN_NS - 2 * S + MS)
    assert states(wire) == ["BACKUP", "BACKUP"]
    wire.run(2 * S)
    assert states(wire) == ["MASTER", "MASTER"]


@pytest.mark.keepalived("Y2")
def test_a_wish_does_not_end_with_a_lower_advert() -> None:
    wire = group({}, {})
    wire.run(DOWN_NS - S)
    hear(wire, 2, 150)
    wire.run(2 * S)
    hear(wire, 1, 50)
    wire.run(DOWN_NS - 2 * S + MS)
    assert states(wire) == ["MASTER", "MASTER"]


@pytest.mark.keepalived("Y2")
def test_nobody_is_master_before_all_have_started() -> None:
    wire = group({}, {}, start=False)
    wire.hosts[0].engine.start(0, wire.now_ns)
    wire.run(20 * S)
    assert states(wire) == ["BACKUP", "INIT"], "a script has no result yet, say"
    wire.hosts[0].engine.start(1, wire.now_ns)
    wire.run(DOWN_NS + MS)
    assert states(wire) == ["MASTER", "MASTER"]


@pytest.mark.keepalived("S17")
def test_each_master_of_a_group_in_fault_says_so_once() -> None:
    wire = group({}, {}, {})
    wire.run(5 * S)
    fault_ns = wire.now_ns
    wire.hosts[0].engine.set_fault(1, 1, fault_ns)
    wire.hosts[0].engine.set_fault(2, 2, fault_ns)
    wire.collect()
    assert sorted((s.datagram.vr, s.priority) for s in wire.adverts(1, fault_ns)) == [(0, 0), (1, 0), (2, 0)]


@pytest.mark.keepalived("Y1")
@pytest.mark.parametrize("priority", [100, 255])
def test_out_of_fault_all_are_backup_with_the_whole_of_their_own_interval(priority: int) -> None:
    """Owners too (S9), and what was learned from a master before is forgotten (T-e)."""
    change = {"priority": priority, "starts_as_owner": priority == 255}
    wire = group(change, change)
    engine = wire.hosts[0].engine
    if priority != 255:
        engine.receive_datagram(**advert(vrid=2, priority=200, interval_cs=400), now_ns=wire.now_ns)
        assert wire.hosts[0].status(1).master_adver_interval_cs == 400
    for vr in (0, 1):
        engine.set_fault(vr, 1 << vr, wire.now_ns)
    engine.set_fault(1, 0, wire.now_ns)
    assert engine.status(1).fault_reasons == FAULT_GROUP_BIT
    wire.run(S)
    engine.set_fault(0, 0, wire.now_ns)
    assert states(wire) == ["BACKUP", "BACKUP"]
    down_ns = master_down_interval(3, priority, 100)
    assert [engine.status(vr).deadline_ns for vr in (0, 1)] == [wire.now_ns + down_ns] * 2


@pytest.mark.keepalived("Y3")
def test_one_that_yields_takes_the_others_who_keep_their_own_timers() -> None:
    """No priority 0; under higher_prio_send_advert only the one that heard it sends."""
    change = {"higher_prio_send_advert": True}
    wire = group(change, change)
    wire.run(5 * S)
    yields_ns = wire.now_ns
    hear(wire, 2, 200)
    assert states(wire) == ["BACKUP", "BACKUP"]
    assert [(s.datagram.vr, s.priority) for s in wire.adverts(1, yields_ns)] == [(1, 100)]
    assert wire.hosts[0].status(0).deadline_ns == yields_ns + DOWN_NS
    wire.run(2 * DOWN_NS)
    assert states(wire) == ["MASTER", "MASTER"]


@pytest.mark.keepalived("E3")
def test_preempt_delay_holds_a_group_back_as_a_whole() -> None:
    wire = group({"preempt_delay_s": 5.0}, {})
    for _ in range(50):
        hear(wire, 1, 50)
        wire.run(100 * MS)
    assert states(wire) == ["BACKUP", "BACKUP"]
    for _ in range(50):
        hear(wire, 1, 50)
        wire.run(100 * MS)
    assert states(wire) == ["MASTER", "MASTER"]


def test_groups_that_change_agree_with_a_count_of_their_members() -> None:
    """Members come and go, with and without reasons, as the first, the last and in between."""
    rng = random.Random(1)
    engine = lone_engine()
    count = 8
    for vr in range(count):
        engine.start(engine.add(settings(vrid=1 + vr)), START_NS)
    groups = [{vr} for vr in range(count)]
    reasons = [0] * count
    states: set[tuple[str, bool]] = set()
    for step in range(3000):
        vr = rng.randrange(count)
        group = next(group for group in groups if vr in group)
        act = rng.randrange(4)
        if act == 0 and len(group) == 1:
            into = rng.choice([other for other in groups if other is not group])
            engine.join_group(vr, rng.choice(sorted(into)))
            groups.remove(group)
            into.add(vr)
        elif act == 1 and len(group) > 1:
            engine.leave_group(vr)
            group.remove(vr)
            groups.append({vr})
        elif act > 1:
            reasons[vr] = rng.choice((0, 0, 1, 2, 3))
            engine.set_fault(vr, reasons[vr], START_NS + step)
            has_fault = any(reasons[member] for member in group)
            found = {STATE_NAMES[engine.status(member).state] for member in group}
            assert found == {"FAULT" if has_fault else "BACKUP"}, "all of them, from one call on"
            states.add((found.pop(), len(group) > 1))
        seen = engine.status_arrays().fault_reasons
        for group in groups:
            for member in group:
                others = any(reasons[other] for other in group if other != member)
                expected = reasons[member] | (FAULT_GROUP_BIT if others else 0)
                assert seen[member] == engine.status(member).fault_reasons == expected
    assert len(states) == 4, "both states, alone and in a group"


def test_who_leaves_takes_the_fault_along() -> None:
    """Those that are left come out of FAULT together, at the next word about one of them."""
    engine = lone_engine()
    for vr in range(3):
        engine.start(engine.add(settings(vrid=1 + vr)), START_NS)
    engine.join_group(1, 0)
    engine.join_group(2, 0)
    engine.set_fault(2, 0, START_NS)
    engine.set_fault(2, 1, START_NS)
    engine.leave_group(2)
    engine.set_fault(0, 0, START_NS + 1)
    assert [STATE_NAMES[engine.status(vr).state] for vr in range(3)] == ["BACKUP", "BACKUP", "FAULT"]
