"""Which pacer keeps the gaps of an interface, seen by what an engine sends."""

from __future__ import annotations

from dataclasses import replace

from network import MAC, MS, START_NS, lone_engine, settings

from pyvrrp.model import GarpGroup, GlobalDefs
from pyvrrp.pace import Paces
from vrrpcore.engine import Engine
from vrrpcore.settings import Announce


def defs(garp_s: float = 0.0, na_s: float = 0.0) -> GlobalDefs:
    return GlobalDefs(router_id="x", garp_interval_s=garp_s, gna_interval_s=na_s)


def gaps_ms(engine: Engine, *pacers: int | None) -> list[float]:
    """How long after the first each later announcement of one router is sent, one for each pacer given, in ms."""
    announces = tuple(
        Announce(2, MAC, bytes([10, 7, 0, k]), pacer=pacer) for k, pacer in enumerate(pacers, start=1)
    )
    once = {"announce_repeat": 1, "announce_delay_s": 0}
    vr = engine.add(replace(settings(priority=255, starts_as_owner=True), announces=announces, **once))
    engine.start(vr, START_NS)
    engine.take_transmits()
    engine.announce(vr, START_NS)
    sent = [START_NS for each in engine.take_transmits() if each.is_frame]
    while len(sent) < len(announces):
        now_ns = engine.next_deadline()
        engine.advance(now_ns)
        sent += [now_ns for each in engine.take_transmits() if each.is_frame]
    return [round((at - START_NS) / MS, 1) for at in sent]


def test_without_a_gap_there_is_no_pacer() -> None:
    paces = Paces(lone_engine())
    paces.adopt(defs(), ())
    assert paces.of(None, "eth0") is None


def test_each_interface_of_each_namespace_has_a_pace_of_its_own() -> None:
    paces = Paces(lone_engine())
    paces.adopt(defs(0.01), ())
    first = paces.of(None, "eth0")
    assert paces.of(None, "eth0") == first
    assert len({first, paces.of(None, "eth1"), paces.of("blue", "eth0")}) == 3


def test_a_group_shares_one_pace() -> None:
    engine = lone_engine()
    paces = Paces(engine)
    paces.adopt(defs(0.01), [GarpGroup(interfaces=("eth0", "eth1"), garp_interval_s=0.05)])
    shared = paces.of(None, "eth0")
    assert paces.of(None, "eth1") == shared != paces.of(None, "eth2")
    assert gaps_ms(engine, shared, shared, shared) == [0.0, 50.0, 100.0]


def test_a_group_without_a_gap_of_its_own_has_that_of_global_defs() -> None:
    engine = lone_engine()
    paces = Paces(engine)
    paces.adopt(defs(0.02), [GarpGroup(interfaces=("eth0", "eth1"))])
    assert gaps_ms(engine, paces.of(None, "eth0"), paces.of(None, "eth1")) == [0.0, 20.0]


def test_another_configuration_changes_the_gaps_that_there_are() -> None:
    engine = lone_engine()
    paces = Paces(engine)
    paces.adopt(defs(0.02), ())
    pacer = paces.of(None, "eth0")
    paces.adopt(defs(0.03), ())
    assert paces.of(None, "eth0") == pacer
    assert gaps_ms(engine, pacer, pacer) == [0.0, 30.0]
    paces.adopt(defs(), ())
    assert paces.of(None, "eth0") is None
