"""What the Engine hears: each reason to drop under its own name, and what it makes of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from network import GROUP, START_NS, VIP, S, address, advert, lone_engine, settings

from vrrpcore.counters import DROP_COUNTER_NAMES
from vrrpcore.election import master_down_interval
from vrrpcore.engine import EVENTS

BACKUP, MASTER = 1, 2


def v2(**changes: Any) -> dict[str, Any]:
    return {"version": 2} | changes


def bent(at: int, value: int, **changes: Any) -> dict[str, Any]:
    """An advert with one byte changed after its checksum was made."""
    made = advert(**changes)
    message = bytearray(made["message"])
    message[at] = value
    return made | {"message": bytes(message)}


def cut(length: int, **changes: Any) -> dict[str, Any]:
    made = advert(**changes)
    return made | {"message": (made["message"] + bytes(64))[:length]}


def without_addresses() -> dict[str, Any]:
    """A right v3 advert but for its count: 0. The checksum fits (pseudo-header and eight bytes)."""
    source, group = address(4, 2), GROUP[4]
    words = [0x3133, 0x6400, 0x0064, 0, 112, 8]
    words += [int.from_bytes((source + group)[k:k + 2]) for k in range(0, 8, 2)]
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    message = bytes.fromhex("313364000064") + (total ^ 0xFFFF).to_bytes(2)
    return advert() | {"message": message}


UNICAST = {"peers": (2,), "check_source": True}
TO_US = {"to": address(4, 1)}

# (name, rule, settings of the router, the datagram)
DROPS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("version_err", "R2", {}, advert(version=2)),
    ("version_err", "R2", v2(), advert()),
    ("ip_ttl_err", "R4", {}, advert(ttl=254, priority=200)),
    ("ip_ttl_err", "R4", {"peers": (2,), "peer_ttls": ((250, 254),)}, advert(ttl=255, **TO_US)),
    ("ip_ttl_err", "R4", {"peers": (2,), "peer_ttls": ((250, 254),)}, advert(ttl=249, **TO_US)),
    ("packet_len_err", "R5", {}, cut(13)),
    ("packet_len_err", "R5", {}, cut(11)),
    ("packet_len_err", "R5", v2(), cut(12, version=2)),
    ("no_address_err", "R5", {}, without_addresses()),
    ("checksum_err", "R6", {}, bent(2, 200)),
    ("checksum_err", "R6", v2(), bent(2, 200, version=2)),
    ("checksum_err", "R6", {"family": 6}, bent(2, 200, family=6)),
    ("checksum_err", "K4", {"strict": True}, advert(checksum="message")),
    ("authtype_mismatch", "R7", v2(auth_pass=b"secret"), advert(version=2)),
    ("authtype_mismatch", "R7", v2(), advert(version=2, auth_pass=b"secret")),
    ("auth_failure", "R7", v2(auth_pass=b"secret"), advert(version=2, auth_pass=b"secreT")),
    ("advert_interval_err", "R8", v2(), advert(version=2, interval_cs=200)),
    ("mode_err", "R12", {}, advert(**TO_US)),
    ("mode_err", "R12", UNICAST, advert()),
    ("unknown_source_err", "R12", UNICAST, advert(3, **TO_US)),
    ("own_address_err", "S12", {}, advert(1, priority=200)),
]


@pytest.mark.parametrize("state", [BACKUP, MASTER])
@pytest.mark.parametrize(
    ("name", "changes", "datagram"),
    [
        pytest.param(name, changes, datagram, marks=pytest.mark.rule(rule), id=f"{rule}-{name}-{k}")
        for k, (name, rule, changes, datagram) in enumerate(DROPS)
    ],
)
def test_a_dropped_advert_is_counted_and_moves_nothing(
    name: str, changes: dict[str, Any], datagram: dict[str, Any], state: int
) -> None:
    engine = lone_engine()
    vr = engine.add(settings(**changes))
    engine.start(vr, START_NS)
    now_ns = START_NS + S
    if state == MASTER:
        now_ns = START_NS + 4 * S
        engine.advance(now_ns)
    engine.take_transmits()
    engine.take_events()
    before, counted = engine.status(vr), engine.counters(vr)
    for _ in range(3):
        engine.receive_datagram(**datagram, now_ns=now_ns)
    assert engine.status(vr) == before
    assert engine.status(vr).state == state
    assert engine.take_transmits() == []
    assert engine.counters(vr) == counted | {name: 3}
    assert sum(engine.domain_drops(0).values()) == 0
    told = engine.take_events()
    assert [(e.kind, DROP_COUNTER_NAMES[e.reason]) for e in told] == [(EVENTS["drop"], name)], "said once"


@pytest.mark.parametrize(
    ("name", "datagram"),
    [
        pytest.param("packet_short_err", cut(7), marks=pytest.mark.rule("R1", breaks=True)),
        pytest.param("packet_short_err", cut(0), marks=pytest.mark.rule("R1", breaks=True)),
        pytest.param("version_err", bent(0, 0x41), marks=pytest.mark.rule("R2", breaks=True)),
        pytest.param("version_err", bent(0, 0x01), marks=pytest.mark.rule("R2", breaks=True)),
        pytest.param("invalid_type_rcvd", bent(0, 0x32), marks=pytest.mark.rule("R2", breaks=True)),
        pytest.param("vrid_err", advert(vrid=52), marks=pytest.mark.rule("R3", breaks=True)),
        pytest.param("vrid_err", advert(ifindex=3), marks=pytest.mark.rule("R3", breaks=True)),
        pytest.param("vrid_err", bent(1, 0), marks=pytest.mark.rule("R3", breaks=True)),
    ],
)
def test_what_belongs_to_no_router_is_counted_by_domain(name: str, datagram: dict[str, Any]) -> None:
    engine = lone_engine()
    vr = engine.add(settings())
    engine.start(vr, START_NS)
    before = engine.status(vr)
    engine.receive_datagram(**datagram, now_ns=START_NS + S)
    assert {k: n for k, n in engine.domain_drops(0).items() if n} == {name: 1}
    assert engine.status(vr) == before
    assert not any(engine.counters(vr).values())


def test_the_first_check_that_fails_names_the_reason() -> None:
    """Everything is wrong with it; each thing put right shows the next."""
    engine = lone_engine()
    vr = engine.add(settings(version=2, auth_pass=b"secret", peers=(2,), peer_ttls=((255, 255),), check_source=True))
    engine.start(vr, START_NS)
    right = {"version": 2, "auth_pass": b"secret"} | TO_US

    def counts(datagram: dict[str, Any]) -> str:
        before = engine.counters(vr)
        engine.receive_datagram(**datagram, now_ns=START_NS + 1)
        return next(name for name, count in engine.counters(vr).items() if count != before[name])

    long = advert(version=2, auth_pass=b"other", interval_cs=300, ttl=1, **TO_US)
    long["message"] = long["message"][:3] + b"\x02" + long["message"][4:]
    assert counts(advert(ttl=1, **TO_US)) == "version_err"
    assert counts(long) == "ip_ttl_err"
    assert counts(long | {"ttl": 255}) == "packet_len_err"
    assert counts(bent(2, 1, **right | {"auth_pass": b"other"})) == "checksum_err"
    assert counts(advert(**right | {"auth_pass": None, "interval_cs": 300})) == "authtype_mismatch"
    assert counts(advert(**right | {"auth_pass": b"other", "interval_cs": 300})) == "auth_failure"
    assert counts(advert(**right | {"interval_cs": 300})) == "advert_interval_err"
    assert counts(advert(3, **right)) == "unknown_source_err"
    assert counts(advert(**right)) == "advert_rcvd"


@pytest.mark.rule("R8", breaks=True)
def test_interval_0_is_no_interval() -> None:
    engine = lone_engine()
    vr = engine.add(settings())
    engine.start(vr, START_NS)
    made = advert(priority=200)
    message = bytearray(made["message"])
    total = int.from_bytes(message[6:8]) + int.from_bytes(message[4:6])     # take the interval out of the sum as well
    message[4:8] = b"\0\0" + ((total & 0xFFFF) + (total >> 16)).to_bytes(2)
    engine.receive_datagram(**made | {"message": bytes(message)}, now_ns=START_NS + S)
    assert engine.counters(vr)["advert_interval_err"] == 1


class TestObeyedAllTheSame:
    """What is counted or told of an advert that is obeyed."""

    def heard(self, changes: dict[str, Any], datagram: dict[str, Any]) -> tuple[dict[str, int], list[str]]:
        engine = lone_engine()
        vr = engine.add(settings(**changes))
        engine.start(vr, START_NS)
        engine.take_events()
        for k in range(2):
            engine.receive_datagram(**datagram, now_ns=START_NS + S + k)
        assert engine.status(vr).deadline_ns == START_NS + S + 1 + master_down_interval(
            datagram["message"][0] >> 4, 100, 100
        )
        names = {number: name for name, number in EVENTS.items()}
        counters = {name: count for name, count in engine.counters(vr).items() if count}
        return counters, [names[event.kind] for event in engine.take_events()]

    @pytest.mark.rule("K4")
    def test_the_other_checksum(self) -> None:
        foreign = {"advert_rcvd": 2, "checksum_foreign": 2}
        assert self.heard({}, advert(checksum="message")) == (foreign, [])
        assert self.heard({"checksum_of_message": True}, advert()) == (foreign, [])

    @pytest.mark.rule("R10", breaks=True)
    @pytest.mark.parametrize("addresses", [(bytes([10, 0, 0, 101]),), (VIP[4], bytes([10, 0, 0, 101]))])
    def test_other_addresses(self, addresses: tuple[bytes, ...]) -> None:
        assert self.heard({}, advert(addresses=addresses)) == (
            {"advert_rcvd": 2, "addr_list_err": 2}, ["address_list"]
        )

    @pytest.mark.rule("R10")
    def test_the_order_of_addresses_is_nothing(self) -> None:
        listed = tuple(bytes([10, 0, 0, k]) for k in range(1, 30))
        assert self.heard({"addresses": listed}, advert(addresses=listed[::-1])) == ({"advert_rcvd": 2}, [])
        twice = (*listed[:-1], listed[0])
        assert self.heard({"addresses": listed}, advert(addresses=twice))[0]["addr_list_err"] == 2

    @pytest.mark.rule("R12")
    def test_an_unlisted_source(self) -> None:
        assert self.heard({"peers": (9,)}, advert(**TO_US)) == ({"advert_rcvd": 2, "unlisted_source": 2}, ["unlisted"])

    @pytest.mark.rule("R5")
    def test_v2_without_addresses(self) -> None:
        plain = {"version": 2, "addresses": ()}
        assert self.heard(plain, advert(**plain)) == ({"advert_rcvd": 2}, [])

    @pytest.mark.rule("R4")
    @pytest.mark.parametrize("ttl", [0, 1, 64, 255])
    def test_any_ttl_in_unicast(self, ttl: int) -> None:
        assert self.heard({"peers": (2,)}, advert(ttl=ttl, **TO_US)) == ({"advert_rcvd": 2}, [])

    @pytest.mark.rule("R13")
    def test_the_reserved_bits(self) -> None:
        made = advert()
        message = bytearray(made["message"])
        message[4] |= 0xF0
        total = int.from_bytes(message[6:8]) + 0xFFFF - 0xF000
        message[6:8] = ((total & 0xFFFF) + (total >> 16)).to_bytes(2)
        assert self.heard({}, made | {"message": bytes(message)}) == ({"advert_rcvd": 2}, [])


@pytest.mark.rule("R13", breaks=True)
def test_no_dropped_packet_makes_it_talk_again() -> None:
    engine = lone_engine()
    vr = engine.add(settings())
    engine.start(vr, START_NS)
    engine.take_events()
    for k in range(1000):
        engine.receive_datagram(**advert(ttl=1 + k % 250), now_ns=START_NS + k)
        engine.receive_datagram(**bent(2, k % 250), now_ns=START_NS + k)
    assert engine.events_waiting() == 2
    engine.take_events()
    engine.set_fault(vr, 1, START_NS + S)
    engine.receive_datagram(**advert(ttl=1), now_ns=START_NS + S)
    assert [event.kind for event in engine.take_events()] == [EVENTS["state"], EVENTS["drop"]]


@pytest.mark.rule("S1")
def test_a_state_runs_its_timer_in_full_whatever_was_read_late() -> None:
    """An advert that arrived before the router entered BACKUP, and is read afterwards, counts from there."""
    engine = lone_engine()
    vr = engine.add(settings())
    engine.start(vr, START_NS)
    engine.receive_datagram(**advert(priority=200), now_ns=START_NS - 10 * S)
    status = engine.status(vr)
    assert status.deadline_ns == START_NS + master_down_interval(3, 100, 100)
    assert status.master_priority == 200


def test_the_first_deadline_is_everybodys() -> None:
    engine = lone_engine()
    assert engine.next_deadline() == -1
    for vrid in range(1, 200):
        engine.start(engine.add(settings(vrid=vrid, priority=vrid)), START_NS)
    assert engine.next_deadline() == START_NS + master_down_interval(3, 199, 100)


def test_a_removed_routers_timers_are_gone() -> None:
    engine = lone_engine()
    vr = engine.add(settings(priority=255, starts_as_owner=True, announces=()))
    engine.start(vr, START_NS)
    engine.stop(vr, START_NS)
    engine.remove(vr)
    assert engine.next_deadline() == -1
    assert engine.add(settings()) == vr
    engine.advance(START_NS + 100 * S)
    assert engine.status(vr).state == 0
