"""What strict drops and others obey: R4, R9, R10, R12; and the owner that ignores adverts, R11."""

from __future__ import annotations

from typing import Any

import pytest
from network import START_NS, VIP, S, address, advert, lone_engine, settings

from vrrpcore.engine import EVENTS, STATES

KINDS = {number: name for name, number in EVENTS.items()}
GLOBAL6 = bytes.fromhex("20010db8") + bytes(11) + b"\x64"
OTHER4 = bytes([10, 0, 0, 101])
TO_US = {"to": address(4, 1)}


def heard(changes: dict[str, Any], datagram: dict[str, Any]) -> tuple[dict[str, int], list[str], bool]:
    """What a BACKUP counts and tells of an advert that comes twice, and whether it obeyed it."""
    engine = lone_engine()
    vr = engine.add(settings(**changes))
    engine.start(vr, START_NS)
    engine.take_events()
    before = engine.status(vr)
    for k in range(2):
        engine.receive_datagram(**datagram, now_ns=START_NS + S + k)
    counters = {name: count for name, count in engine.counters(vr).items() if count}
    obeyed = engine.status(vr).deadline_ns == before.deadline_ns + S + 1
    assert obeyed or engine.status(vr) == before, "half a change"
    assert engine.take_transmits() == []
    return counters, [KINDS[event.kind] for event in engine.take_events()], obeyed


def list6(*addresses: bytes, **changes: Any) -> dict[str, Any]:
    return {"family": 6, "addresses": addresses} | changes


NOT_LINK_LOCAL = (GLOBAL6, bytes.fromhex("fec0") + bytes(14), bytes.fromhex("fe7f") + bytes(14), bytes(16))


@pytest.mark.rule("R9")
@pytest.mark.parametrize("first", NOT_LINK_LOCAL)
def test_another_first_address_is_obeyed_counted_and_told_once(first: bytes) -> None:
    same = list6(first, VIP[6])
    assert heard(same, advert(**same)) == ({"advert_rcvd": 2, "first_addr_err": 2}, ["first_address"], True)


@pytest.mark.rule("R9", breaks=True)
@pytest.mark.parametrize("first", NOT_LINK_LOCAL)
def test_another_first_address_is_dropped_under_strict(first: bytes) -> None:
    same = list6(first, VIP[6])
    assert heard(same | {"strict": True}, advert(**same)) == ({"first_addr_dropped": 2}, ["drop"], False)
    unicast = {"to": address(6, 1)}
    assert heard(same | {"strict": True, "peers": (2,)}, advert(**same, **unicast))[0] == {"first_addr_dropped": 2}


@pytest.mark.rule("R9")
@pytest.mark.parametrize("first", [VIP[6], bytes.fromhex("febf") + bytes(13) + b"\x01"])
@pytest.mark.parametrize("strict", [False, True])
def test_a_link_local_first_address_is_nothing_to_tell(first: bytes, strict: bool) -> None:
    same = list6(first, GLOBAL6)
    assert heard(same | {"strict": strict}, advert(**same)) == ({"advert_rcvd": 2}, [], True)


def test_vrrpv2_has_no_rule_for_the_first_address() -> None:
    same = list6(GLOBAL6, version=2)
    assert heard(same | {"strict": True}, advert(**same)) == ({"advert_rcvd": 2}, [], True)


@pytest.mark.rule("R10", breaks=True)
@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("addresses", [(OTHER4,), (VIP[4], OTHER4)])
def test_other_addresses_are_dropped_under_strict(version: int, addresses: tuple[bytes, ...]) -> None:
    said = advert(version=version, addresses=addresses)
    assert heard({"version": version, "strict": True}, said) == ({"addr_list_dropped": 2}, ["drop"], False)
    assert heard({"version": version}, said) == ({"advert_rcvd": 2, "addr_list_err": 2}, ["address_list"], True)


@pytest.mark.rule("R10")
def test_of_an_owner_strict_takes_other_addresses_in_v2() -> None:
    """RFC 3768 s7.1 has its adverts pass; RFC 9568 makes no difference."""
    obeyed = ({"advert_rcvd": 2, "addr_list_err": 2}, ["address_list"], True)
    said: dict[str, Any] = {"addresses": (OTHER4,), "priority": 255}
    assert heard({"version": 2, "strict": True}, advert(version=2, **said)) == obeyed
    assert heard({"strict": True}, advert(**said))[0] == {"addr_list_dropped": 2}


@pytest.mark.rule("R12", breaks=True)
def test_strict_unicast_hears_its_peers_only() -> None:
    assert heard({"peers": (9,), "strict": True}, advert(**TO_US)) == ({"unknown_source_err": 2}, ["drop"], False)
    assert heard({"peers": (2,), "strict": True}, advert(**TO_US)) == ({"advert_rcvd": 2}, [], True)


@pytest.mark.rule("R4", breaks=True)
@pytest.mark.parametrize("peer_ttls", [(), ((1, 254),)])
def test_strict_unicast_wants_a_ttl_of_255(peer_ttls: tuple[tuple[int, int], ...]) -> None:
    strict = {"peers": (2,), "strict": True, "peer_ttls": peer_ttls}
    assert heard(strict, advert(ttl=254, **TO_US)) == ({"ip_ttl_err": 2}, ["drop"], False)
    assert heard(strict, advert(ttl=255, **TO_US)) == ({"advert_rcvd": 2}, [], True)


@pytest.mark.rule("S12")
def test_our_own_address_comes_before_what_its_advert_says() -> None:
    said = advert(1, addresses=(OTHER4,), priority=200)
    assert heard({"strict": True}, said)[0] == {"own_address_err": 2}


OWNER = {"priority": 255, "starts_as_owner": True, "owner_ignore_adverts": True}


@pytest.mark.rule("R11")
def test_an_owner_that_ignores_adverts_stays_whatever_comes() -> None:
    engine = lone_engine()
    vr = engine.add(settings(**OWNER))
    engine.start(vr, START_NS)
    engine.take_transmits()
    engine.take_events()
    before = engine.status(vr)
    for k, said in enumerate([{"priority": 255, "source": bytes([250, 0, 0, 1])}, {"priority": 0}, {"priority": 1}]):
        engine.receive_datagram(**advert(**said), now_ns=START_NS + k)
    assert engine.status(vr) == before
    assert engine.take_transmits() == [], "it answers nobody"
    assert engine.counters(vr)["owner_ignored"] == 3
    assert [event.kind for event in engine.take_events()] == [EVENTS["drop"]]


@pytest.mark.rule("R11", breaks=True)
def test_it_hears_again_when_its_priority_is_not_255() -> None:
    """keepalived asks for the effective priority."""
    engine = lone_engine()
    vr = engine.add(settings(**OWNER))
    engine.start(vr, START_NS)
    engine.configure(vr, settings(**OWNER | {"priority": 254}), START_NS)
    engine.receive_datagram(**advert(priority=255), now_ns=START_NS + 1)
    assert engine.status(vr).state == STATES["BACKUP"]
    assert engine.counters(vr)["owner_ignored"] == 0
