"""stand_aside(): a MASTER yields on demand, stays out as long as it is asked to, then its settings count again.

The promise: one MASTER at most because of it, and none for no longer than the peer's Skew_Time.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as run_settings
from hypothesis import strategies as st
from network import MS, TICK_NS, WIRE_NS, S, Wire, advert, settings

from vrrpcore.election import master_down_interval, skew_time

DOWN_NS = master_down_interval(3, 100, 100)


def pair(first: dict[str, Any], second: dict[str, Any]) -> Wire:
    """Two hosts; the first one is MASTER when this returns."""
    wire = Wire(2)
    wire.hosts[0].run(**first)
    wire.run(5 * S)
    wire.hosts[1].run(**second)
    wire.run(10 * S)
    assert wire.masters() == [1]
    return wire


def aside(wire: Wire, wanted: bool, vr: int = 0, host: int = 0) -> None:
    wire.hosts[host].engine.stand_aside(vr, wanted, wire.now_ns)
    wire.collect()


def masters_over_time(wire: Wire, for_ns: int, step_ns: int = MS) -> tuple[int, int]:
    """The most masters at once, and for how long in one piece there was none."""
    most = gap = longest = 0
    for _ in range(for_ns // step_ns):
        wire.run(step_ns)
        count = len(wire.masters())
        most = max(most, count)
        gap = 0 if count else gap + step_ns
        longest = max(longest, gap)
    return most, longest


def test_a_master_says_so_and_the_peer_has_it_within_its_skew() -> None:
    wire = pair({"priority": 150}, {"priority": 100})
    at_ns = wire.now_ns
    aside(wire, True)
    (zero,) = wire.adverts(1, at_ns)
    assert zero.priority == 0
    assert wire.hosts[0].state() == "BACKUP"
    assert wire.hosts[0].transitions()[-1] == ("MASTER", "BACKUP", "yield")
    wire.run(WIRE_NS + skew_time(3, 100, 100) + TICK_NS)
    assert wire.masters() == [2]


def test_it_obeys_a_lower_master_while_it_stands_aside() -> None:
    wire = pair({"priority": 150}, {"priority": 100})
    aside(wire, True)
    wire.run(100 * S)
    assert wire.masters() == [2]
    assert wire.hosts[0].status().master_priority == 100
    aside(wire, False)                  # and then its settings count: it preempts
    wire.run(DOWN_NS)
    assert wire.masters() == [1]


def test_with_nopreempt_it_stays_where_it_is_afterwards() -> None:
    wire = pair({"priority": 150, "preempt": False}, {"priority": 100})
    aside(wire, True)
    wire.run(2 * S)
    aside(wire, False)
    wire.run(100 * S)
    assert wire.masters() == [2]


def test_preempt_delay_counts_from_the_end() -> None:
    wire = pair({"priority": 150, "preempt_delay_s": 20.0}, {"priority": 100})
    aside(wire, True)
    wire.run(60 * S)
    aside(wire, False)
    wire.run(20 * S)
    assert wire.masters() == [2]
    wire.run(5 * S)
    assert wire.masters() == [1]


@pytest.mark.parametrize("second", [{"preempt": False}, {"preempt_delay_s": 100.0}])
def test_a_peer_that_never_preempts_takes_over_all_the_same(second: dict[str, Any]) -> None:
    wire = pair({"priority": 150}, {"priority": 100, **second})
    aside(wire, True)
    assert masters_over_time(wire, 3 * S)[1] <= skew_time(3, 100, 100) + 2 * MS
    assert wire.masters() == [2]


def test_where_nobody_takes_over_it_waits_and_costs_nothing() -> None:
    wire = Wire(1)
    wire.hosts[0].run()
    wire.run(5 * S)
    aside(wire, True)
    wire.run(1000 * S)
    assert wire.masters() == []
    assert wire.hosts[0].engine.next_deadline() == -1
    at_ns = wire.now_ns
    aside(wire, False)
    assert wire.hosts[0].status().deadline_ns == at_ns + skew_time(3, 100, 100)
    wire.run(S)
    assert wire.masters() == [1]


def test_an_advert_while_it_waits_starts_its_timer_again() -> None:
    wire = Wire(1)
    host = wire.hosts[0]
    host.run()
    aside(wire, True)
    wire.run(20 * S)
    host.engine.receive_datagram(**advert(priority=50), now_ns=wire.now_ns)
    assert host.status().deadline_ns == wire.now_ns + DOWN_NS
    aside(wire, False)                  # it counts from that advert, not from now
    wire.run(DOWN_NS - MS)
    assert host.state() == "BACKUP"
    wire.run(2 * MS)
    assert host.state() == "MASTER"


def test_settings_and_faults_do_not_end_it() -> None:
    wire = pair({"priority": 150}, {"priority": 100})
    host = wire.hosts[0]
    aside(wire, True)
    wire.run(S)
    host.engine.set_priority(0, 200, wire.now_ns)
    host.engine.configure(0, settings(1, priority=250), wire.now_ns)
    host.engine.set_fault(0, 1, wire.now_ns)
    wire.run(S)
    host.engine.set_fault(0, 0, wire.now_ns)
    wire.run(20 * S)
    assert wire.masters() == [2]


def test_an_owner_that_starts_aside_starts_as_backup() -> None:
    wire = Wire(1)
    host = wire.hosts[0]
    vr = host.add(priority=255, starts_as_owner=True)
    host.engine.stand_aside(vr, True, wire.now_ns)
    host.engine.start(vr, wire.now_ns)
    wire.run(10 * S)
    assert host.state() == "BACKUP"


def test_a_sync_group_yields_together_and_all_say_so() -> None:
    wire = Wire(2)
    for host, priority in zip(wire.hosts, (150, 100), strict=True):
        for vrid in (1, 2, 3):
            vr = host.add(vrid=vrid, priority=priority)
            if vr:
                host.engine.join_group(vr, 0)
        for vr in range(3):
            host.engine.start(vr, wire.now_ns)
    wire.run(10 * S)
    assert [host.state(2) for host in wire.hosts] == ["MASTER", "BACKUP"]
    at_ns = wire.now_ns
    aside(wire, True, vr=1)
    assert sorted(sent.datagram.data[1] for sent in wire.adverts(1, at_ns) if sent.priority == 0) == [1, 2, 3]
    wire.run(20 * S)
    assert [[host.state(vr) for vr in range(3)] for host in wire.hosts] == [["BACKUP"] * 3, ["MASTER"] * 3]
    for vr in range(3):                 # the others are gone: still none of them
        wire.hosts[1].engine.stop(vr, wire.now_ns)
    wire.run(20 * S)
    assert [wire.hosts[0].state(vr) for vr in range(3)] == ["BACKUP"] * 3
    assert wire.hosts[0].engine.next_deadline() == -1, "nothing is tried again and again"
    aside(wire, False, vr=1)
    wire.run(S)
    assert [wire.hosts[0].state(vr) for vr in range(3)] == ["MASTER"] * 3


def test_no_such_router() -> None:
    with pytest.raises(IndexError):
        Wire(1).hosts[0].engine.stand_aside(3, True, 0)


FORMS = st.fixed_dictionaries({
    "priority": st.integers(1, 254),
    "preempt": st.booleans(),
    "preempt_delay_s": st.sampled_from([0.0, 0.5, 30.0]),
})


@given(version=st.sampled_from([2, 3]), first=FORMS, second=FORMS, phase_ms=st.integers(0, 999))
@run_settings(max_examples=60, deadline=None)
def test_never_two_and_never_none_for_longer_than_the_peers_skew(
    version: int, first: dict[str, Any], second: dict[str, Any], phase_ms: int
) -> None:
    wire = Wire(2)
    for host, form in zip(wire.hosts, (first, second), strict=True):
        host.run(version=version, **form)
    wire.run(60 * S + phase_ms * MS)
    (owner,) = wire.masters()
    peer = (second, first)[owner - 1]
    other = 3 - owner
    aside(wire, True, host=owner - 1)
    most, none_ns = masters_over_time(wire, 2 * S, 5 * MS)
    assert most <= 1
    assert none_ns <= skew_time(version, peer["priority"], 100) + WIRE_NS + TICK_NS + 5 * MS
    wire.run(20 * S)
    assert wire.masters() == [other]
