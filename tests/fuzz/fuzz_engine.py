"""Fuzz target: the engine's receive path. Routers of every kind, and whatever may arrive for them.

An input is a row of steps, each of five bytes and what the fifth says:

    operation, router, TTL, flags, length, then so many bytes of message (with LONG: 8 and four times as many)

An operation of 0..5 is a datagram, 6 lets time pass, 7 is something that the layer above does. The flags choose the
addresses, and let the message have the router's VRID, its version and a right checksum, without which few would come
far.

It holds when each datagram is either dropped - counted once, and nothing else happened: no state, no timer, nothing to
send - or obeyed by one router, for which the reader of fuzz_reader.py finds nothing wrong with it; and when all that is
sent in the end passes the decoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fuzz_reader import Asked, read, seal

from vrrpcore import packet
from vrrpcore.counters import COUNTER_NAMES, DROP_COUNTER_NAMES
from vrrpcore.engine import Engine
from vrrpcore.settings import Announce, VrSettings

START_NS = 5_000_000_000_000
MS = 1_000_000
IFINDEX = 2
STEPS_MAX = 40

FIT, SEAL, LONG, UNLISTED, OTHER_CAST, OTHER_IF, FOREIGN, OWN = (1 << bit for bit in range(8))
GROUP = {4: bytes([224, 0, 0, 18]), 6: bytes.fromhex("ff020000000000000000000000000012")}
MAC = bytes([2, 0, 0, 0, 0, 1])


def address(family: int, number: int) -> bytes:
    """10.0.0.number or fe80::number."""
    return bytes([10, 0, 0, number]) if family == 4 else bytes.fromhex("fe80") + bytes(13) + bytes([number])


def settings(vrid: int, family: int = 4, peers: tuple[int, ...] = (), **changes: Any) -> VrSettings:
    """Settings of a router here, host 1."""
    base: dict[str, Any] = {
        "domain": 0 if family == 4 else 1, "ifindex": IFINDEX, "vrid": vrid, "version": 3, "priority": 100,
        "advertisement_interval_cs": 100, "source": address(family, 1), "is_unicast": bool(peers),
        "destinations": tuple(address(family, peer) for peer in peers) or (GROUP[family],),
        "addresses": (address(family, 100),), "announces": (Announce(IFINDEX, MAC, address(family, 100)),),
    }
    return VrSettings(**(base | changes))


FAST = {"advertisement_interval_cs": 1}             # MASTER before the first datagram
ROUTERS = (
    settings(51),
    settings(52, version=2),
    settings(53, version=2, auth_pass=b"secret"),
    settings(51, family=6),
    settings(52, family=6, version=2),
    settings(54, strict=True, checksum_of_message=True),
    settings(55, priority=255, starts_as_owner=True, advertisement_interval_cs=10),
    settings(56, **FAST),
    settings(57, preempt=False),
    settings(51, peers=(2, 3), check_source=True),
    settings(60, peers=(2,), ifindex=0),
    settings(61, peers=(2, 3), peer_ttls=((255, 255), (1, 64))),
    settings(62, family=6, peers=(2, 3)),
    settings(63),                                   # FAULT
    settings(64),                                   # INIT
    settings(65), settings(66, family=6),           # a sync group of backups
    settings(67, version=2, addresses=()),
    settings(68, addresses=tuple(address(4, k) for k in range(255))),
    settings(69, source=bytes(4)),                  # FAULT: no source address yet
    settings(70, **FAST), settings(71, family=6, **FAST),   # a sync group of masters
    settings(72, peers=(2, 3), version=2, checksum_of_message=True),
    settings(73, priority=255, owner_ignore_adverts=True, starts_as_owner=True),
    settings(74, family=6, peers=(2, 3), strict=True),
    settings(75, preempt_delay_s=1.0, lower_prio_no_advert=True),
    settings(76, higher_prio_send_advert=True, min_interval_cs=20, **FAST),
)
FAULT, INIT, NO_SOURCE = 13, 14, 19
GROUPS = ((15, 16), (20, 21))
TOGETHER = {router: set(group) for group in GROUPS for router in group}
# Reasons that decode() alone cannot know of.
NOT_IN_BYTES = (
    "mode_err", "unknown_source_err", "own_address_err", "owner_ignored", "first_addr_dropped", "addr_list_dropped",
    "unlisted_dropped",
)
REASONS = {name: packet.drop_name(code) for code, name in enumerate(DROP_COUNTER_NAMES) if name}


@dataclass(slots=True)
class Host:
    """An Engine with all the routers, and its time."""

    engine: Engine
    now_ns: int = START_NS


def host() -> Host:
    """Make the engine that every input meets."""
    made = Host(Engine())
    made.engine.add_domain(4)
    made.engine.add_domain(6)
    for router, wanted in enumerate(ROUTERS):
        assert made.engine.add(wanted) == router
    for first, second in GROUPS:
        made.engine.join_group(second, first)
    for router in range(len(ROUTERS)):
        if router in (FAULT, NO_SOURCE):
            made.engine.set_fault(router, 1, START_NS)
        if router != INIT:
            made.engine.start(router, START_NS)
    made.now_ns += 100 * MS
    made.engine.advance(made.now_ns)
    drain(made)
    return made


def asked(wanted: VrSettings, source: bytes) -> Asked:
    """What a router asks of an advert from `source`."""
    ttl_min, ttl_max = (0, 0) if wanted.is_unicast and not wanted.strict else (255, 255)
    if wanted.peer_ttls and source in wanted.destinations:
        ttl_min, ttl_max = wanted.peer_ttls[wanted.destinations.index(source)]
    return Asked(
        version=wanted.version, password=wanted.auth_pass, ttl_min=ttl_min, ttl_max=ttl_max,
        adver_int_s=wanted.advertisement_interval_cs // 100, strict=wanted.strict,
        checksum="message" if wanted.checksum_of_message else "pseudo",
    )


def look(engine: Engine) -> list[Any]:
    """All that a caller can see, one part per router, then the domains and the time of the next timer."""
    routers = [(engine.status(i), engine.counters(i)) for i in range(len(ROUTERS))]
    return [*routers, engine.domain_drops(0), engine.domain_drops(1), engine.next_deadline()]


def raised(before: dict[str, int], after: dict[str, int]) -> list[str]:
    """The counters that differ; each has to have gone up by one."""
    names = [name for name in before if before[name] != after[name]]
    assert all(after[name] == before[name] + 1 for name in names), names
    return names


def hear(made: Host, router: int, ttl: int, flags: int, message: bytes) -> object:
    """Let one datagram arrive and hold what happened against what may."""
    wanted = ROUTERS[router]
    family = 4 if wanted.domain == 0 else 6
    local = address(family, 1)
    source = address(family, 1 if flags & OWN else 9 if flags & UNLISTED else 2 + (ttl & 1))
    to_group = wanted.is_unicast == bool(flags & OTHER_CAST)
    destination = GROUP[family] if to_group else local
    ifindex = 9 if flags & OTHER_IF else IFINDEX
    if flags & FIT and len(message) >= 8:
        message = bytes([wanted.version << 4 | 1, wanted.vrid]) + message[2:]
    if flags & SEAL:
        form = "message" if wanted.checksum_of_message != bool(flags & FOREIGN) else "pseudo"
        message = seal(message, form, source, destination)
    engine = made.engine
    before = look(engine)
    events = engine.events_waiting()
    engine.receive_datagram(
        message, domain=wanted.domain, ifindex=ifindex, source=source, destination=destination, ttl=ttl,
        now_ns=made.now_ns,
    )
    after = look(engine)
    sent = engine.take_transmits()

    counted = [(i, raised(before[i][1], after[i][1])) for i in range(len(ROUTERS)) if before[i][1] != after[i][1]]
    drops = [name for d in range(2) for name in raised(before[-3 + d], after[-3 + d])]
    obeyed = [i for i, names in counted if "advert_rcvd" in names]
    states = [i for i in range(len(ROUTERS)) if before[i][0] != after[i][0]]
    if not obeyed:
        assert len(drops) + len(counted) == 1, f"counted {counted} and {drops}"
        assert not states, f"a dropped datagram changed routers {states}"
        assert before[-1] == after[-1], "a dropped datagram moved a timer"
        assert not sent, "a dropped datagram was answered"
        assert engine.events_waiting() <= events + 1
        if drops:
            assert drops[0] in ("packet_short_err", "version_err", "invalid_type_rcvd", "vrid_err"), drops
            return drops[0]
        (i, names), = counted
        assert len(names) == 1, names
        assert names[0] in REASONS, names
        if names[0] not in NOT_IN_BYTES:
            why, _ = read(message, asked(ROUTERS[i], source), src=source, dst=destination, ttl=ttl)
            assert why == REASONS[names[0]], f"router {i} counted {names[0]}, should be {why}"
        return names[0], before[i][0].state

    (i,) = obeyed
    assert not drops, f"obeyed and dropped: {drops}"
    why, foreign = read(message, asked(ROUTERS[i], source), src=source, dst=destination, ttl=ttl)
    assert why == "none", f"router {i} obeyed what should be dropped: {why}"
    assert source != local
    assert (ROUTERS[i].domain, ROUTERS[i].vrid, ROUTERS[i].is_unicast) == (wanted.domain, message[1], not to_group)
    assert ROUTERS[i].ifindex in (0, ifindex)
    assert source in ROUTERS[i].destinations or not (
        ROUTERS[i].check_source or (ROUTERS[i].strict and ROUTERS[i].is_unicast)
    )
    assert set(states) <= TOGETHER.get(i, set()) | {i}, f"router {i} heard it, but {states} changed"
    names = next(names for k, names in counted if k == i)
    assert ("checksum_foreign" in names) == foreign
    assert all(k == i or k in TOGETHER.get(i, ()) for k, _ in counted)
    assert set(names) <= set(COUNTER_NAMES) - set(DROP_COUNTER_NAMES), names
    return tuple(names), before[i][0].state, after[i][0].state, len(sent)


def drain(made: Host) -> int:
    """Take what there is to send and to tell; return how many datagrams. Each has to be one that we would accept."""
    batch = made.engine.take_transmits()
    for sent in batch:
        if sent.is_frame:
            assert len(sent.data) == (42 if len(sent.source) == 4 else 86)
            continue
        wanted = ROUTERS[sent.vr]
        packet.decode(
            sent.data, family=4 if wanted.domain == 0 else 6, src=sent.source, dst=sent.destination,
            version=wanted.version, auth_pass=wanted.auth_pass, strict=True,
            checksum="message" if wanted.checksum_of_message else "pseudo",
        )
    while made.engine.events_waiting():
        made.engine.take_events()
    return len(batch)


def act(made: Host, router: int, what: int) -> object:
    """Something that the layer above does, between datagrams."""
    engine, now_ns = made.engine, made.now_ns
    has_source = router != NO_SOURCE
    match what % 11:
        case 0:
            engine.set_fault(router, 1, now_ns)
        case 1 if has_source:
            engine.set_fault(router, 0, now_ns)
        case 2:
            engine.vip_lost(router, now_ns)
        case 3:
            engine.announce(router, now_ns)
        case 4:
            engine.stop(router, now_ns)
        case 5 if has_source and engine.status(router).state == 0:
            engine.start(router, now_ns)
        case 6:
            engine.stalled(what * 100 * MS, now_ns)
        case 7:
            engine.deaf(what & 1, what * 100 * MS, now_ns)
        case 8:
            engine.set_priority(router, 1 + what, now_ns)
        case 9:
            engine.configure(router, ROUTERS[router], now_ns)
        case _ if router not in TOGETHER and has_source and engine.status(router).state == 0:
            engine.remove(router)
            assert engine.add(ROUTERS[router]) == router
    return what % 11


def fuzz(data: bytes) -> object:
    """Run one input; return what happened, so that inputs which make new things happen can be kept."""
    made = host()
    outcomes: list[object] = []
    at = 0
    while len(data) - at >= 5 and len(outcomes) < STEPS_MAX:
        operation, router, ttl, flags, length = data[at : at + 5]
        at += 5
        router %= len(ROUTERS)
        if operation % 8 == 6:
            made.now_ns += length * 10 * MS
            made.engine.advance(made.now_ns)
            drain(made)
        elif operation % 8 == 7:
            outcomes.append(act(made, router, flags))
            drain(made)
        else:
            length = 8 + length * 4 if flags & LONG else length
            outcomes.append(hear(made, router, ttl, flags, data[at : at + length]))
            at += length
    made.now_ns += 1000 * MS
    made.engine.advance(made.now_ns)
    drain(made)
    return tuple(outcomes[-2:])
