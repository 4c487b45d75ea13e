"""Rules T1 to T9 where no other test has them: what the engine sends, and what it will not."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from network import GROUP, START_NS, VIP, S, Wire, address, advert, announces, lone_engine, settings

from vrrpcore.announce import gratuitous_arp
from vrrpcore.engine import STATES
from vrrpcore.packet import PacketDropped, decode

KINDS = [
    pytest.param({"version": version, "family": family}, id=f"v{version}-ipv{family}")
    for version in (2, 3) for family in (4, 6)
]


def master(**changes: Any) -> Any:
    """An Engine whose one router is MASTER, with what it had to say taken, at START_NS + 10 s."""
    engine = lone_engine()
    vr = engine.add(settings(**changes))
    engine.start(vr, START_NS)
    engine.advance(START_NS + 10 * S)
    assert engine.status(vr).state == STATES["MASTER"]
    engine.take_transmits()
    return engine


@pytest.mark.rule("T1", breaks=True)
@pytest.mark.parametrize("ttl", [0, 1, 254])
def test_a_group_advert_that_was_routed_is_not_heard(ttl: int) -> None:
    engine = lone_engine()
    engine.start(engine.add(settings()), START_NS)
    engine.receive_datagram(**advert(priority=200, ttl=ttl), now_ns=START_NS + S)
    assert (engine.counters(0)["ip_ttl_err"], engine.counters(0)["advert_rcvd"]) == (1, 0)


@pytest.mark.rule("T2")
@pytest.mark.parametrize("kind", KINDS)
def test_multicast_goes_to_the_group_and_unicast_to_each_peer(kind: dict[str, Any]) -> None:
    family = kind["family"]
    for peers, wanted in ((None, [GROUP[family]]), ((2, 3, 4), [address(family, k) for k in (2, 3, 4)])):
        engine = master(peers=peers, **kind)
        engine.advance(START_NS + 11 * S)
        sent = engine.take_transmits()
        assert [datagram.destination for datagram in sent] == wanted
        for datagram in sent:
            told = decode(datagram.data, family=family, src=datagram.source, dst=datagram.destination, strict=True)
            assert (told.vrid, told.priority, told.addresses) == (51, 100, (VIP[family],))


@pytest.mark.rule("T2", breaks=True)
def test_two_groups_are_refused_and_a_stray_copy_is_not_heard() -> None:
    engine = lone_engine()
    with pytest.raises(ValueError, match="one group"):
        engine.add(settings(destinations=(GROUP[4], bytes([224, 0, 0, 77]))))
    engine.start(engine.add(settings()), START_NS)
    engine.receive_datagram(**advert(priority=200, to=bytes([224, 0, 0, 77])), now_ns=START_NS + S)
    assert engine.domain_drops(0)["vrid_err"] == 1


@pytest.mark.rule("T3", breaks=True)
def test_without_a_source_address_nothing_starts() -> None:
    engine = lone_engine()
    vr = engine.add(settings(source=bytes(4)))
    with pytest.raises(ValueError, match="no source address"):
        engine.start(vr, START_NS)
    engine.set_fault(vr, 1, START_NS)
    engine.start(vr, START_NS)
    engine.advance(START_NS + 100 * S)
    assert engine.take_transmits() == []


@pytest.mark.rule("T5", breaks=True)
@pytest.mark.rule("R5", breaks=True)
def test_a_trailer_where_none_belongs_and_none_where_one_does() -> None:
    engine = lone_engine()
    engine.start(engine.add(settings(version=2)), START_NS)
    engine.start(engine.add(settings(version=3, vrid=52)), START_NS)
    whole = advert(version=2)
    engine.receive_datagram(**whole | {"message": whole["message"][:-8]}, now_ns=START_NS + S)
    whole = advert(vrid=52)
    engine.receive_datagram(**whole | {"message": whole["message"] + bytes(8)}, now_ns=START_NS + S)
    assert [engine.counters(vr)["packet_len_err"] for vr in (0, 1)] == [1, 1]


@pytest.mark.rule("T6")
@pytest.mark.parametrize("family", [4, 6])
def test_addresses_are_sent_in_the_configured_order(family: int) -> None:
    listed = tuple(address(family, k) for k in (100, 9, 200, 1, 50))
    engine = master(family=family, addresses=listed)
    engine.advance(START_NS + 11 * S)
    (sent,) = engine.take_transmits()
    assert decode(sent.data, family=family, src=sent.source, dst=sent.destination).addresses == listed


@pytest.mark.rule("T6", breaks=True)
def test_another_order_is_another_message_but_the_same_set() -> None:
    listed = tuple(address(6, k) for k in (100, 9, 200))
    engine = master(family=6, addresses=listed)
    engine.configure(0, settings(family=6, addresses=listed[::-1]), START_NS + 10 * S)
    engine.advance(START_NS + 11 * S)
    (sent,) = engine.take_transmits()
    assert sent.data[8:24] == listed[-1]
    engine.receive_datagram(**advert(family=6, priority=1, addresses=listed), now_ns=START_NS + 11 * S)
    assert engine.counters(0)["addr_list_err"] == 0


@pytest.mark.rule("T7")
@pytest.mark.rule("S6")
@pytest.mark.parametrize("end", ["stop", "fault", "vip_lost"])
def test_priority_0_is_a_masters_last_word(end: str) -> None:
    wire = Wire(1)
    host = wire.hosts[0]
    host.run(priority=150)
    wire.run(10 * S)
    assert {sent.priority for sent in wire.adverts(1)} == {150}
    ended_ns = wire.now_ns
    match end:
        case "stop":
            host.engine.stop(0, ended_ns)
        case "fault":
            host.engine.set_fault(0, 1, ended_ns)
        case _:
            host.engine.vip_lost(0, ended_ns)
    wire.collect()
    assert [sent.priority for sent in wire.adverts(1, ended_ns)] == [0]


@pytest.mark.rule("T7", breaks=True)
@pytest.mark.parametrize("priority", [0, -1, 256])
def test_priorities_that_no_router_may_have(priority: int) -> None:
    engine = lone_engine()
    vr = engine.add(settings())
    with pytest.raises((ValueError, OverflowError)):
        engine.set_priority(vr, priority, START_NS)
    with pytest.raises((ValueError, OverflowError)):
        engine.configure(vr, settings(priority=priority), START_NS)
    assert engine.status(vr).priority == 100


@pytest.mark.rule("T8")
@pytest.mark.parametrize("family", [4, 6])
def test_the_advert_is_first_and_then_every_address_is_announced(family: int) -> None:
    told = announces(3, family)
    engine = lone_engine()
    vr = engine.add(settings(family=family, announces=told, announce_repeat=2))
    engine.start(vr, START_NS)
    engine.advance(START_NS + 4 * S)
    engine.announce(vr, START_NS + 4 * S)               # the layer above has put the addresses on the interface
    sent = engine.take_transmits()
    assert [datagram.is_frame for datagram in sent] == [False, *[True] * 6]
    assert [datagram.source for datagram in sent[1:]] == [one.address for one in told] * 2
    if family == 4:
        assert sent[1].data == gratuitous_arp(told[0].mac, told[0].address)


@pytest.mark.rule("T8", breaks=True)
@pytest.mark.rule("S2", breaks=True)
@pytest.mark.parametrize("state", ["INIT", "BACKUP", "FAULT"])
def test_nobody_but_a_master_announces(state: str) -> None:
    engine = lone_engine()
    vr = engine.add(settings(announces=announces(3)))
    if state != "INIT":
        engine.start(vr, START_NS)
    if state == "FAULT":
        engine.set_fault(vr, 1, START_NS)
    assert engine.status(vr).state == STATES[state]
    engine.announce(vr, START_NS)
    assert engine.take_transmits() == []


@pytest.mark.rule("T9", breaks=True)
@pytest.mark.parametrize(("version", "interval_cs"), [(3, 0), (3, 4096), (2, 0), (2, 50), (2, 150), (2, 25600)])
def test_intervals_that_do_not_fit_the_message(version: int, interval_cs: int) -> None:
    engine = lone_engine()
    vr = engine.add(settings(version=version))
    changed = dataclasses.replace(settings(version=version), advertisement_interval_cs=interval_cs)
    with pytest.raises(ValueError, match="interval"):
        engine.configure(vr, changed, START_NS)
    with pytest.raises(ValueError, match="interval_cs"):
        advert(version=version, interval_cs=interval_cs)


@pytest.mark.rule("K1", breaks=True)
@pytest.mark.rule("K2", breaks=True)
@pytest.mark.parametrize("kind", KINDS)
def test_a_checksum_over_another_destination(kind: dict[str, Any]) -> None:
    """The pseudo-header belongs to all but VRRPv2 over IPv4, where the destination counts for nothing."""
    made = advert(**kind)
    family, src = kind["family"], made["source"]
    elsewhere = address(family, 77)
    if kind == {"version": 2, "family": 4}:
        assert decode(made["message"], family=4, src=elsewhere, dst=src).vrid == 51
        with pytest.raises(PacketDropped, match="checksum"):
            decode(made["message"][:7] + b"\xa5" + made["message"][8:], family=4, src=src, dst=elsewhere)
    else:
        with pytest.raises(PacketDropped, match="checksum"):
            decode(made["message"], family=6 if family == 6 else 4, src=src, dst=elsewhere, strict=True)
