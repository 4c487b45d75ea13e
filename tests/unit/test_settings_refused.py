"""What no router can have is refused with a sentence, and nothing is left of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from network import GROUP, MAC, START_NS, address, announces, lone_engine, settings

from vrrpcore.settings import Announce

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"domain": 2}, "no domain 2"),
    ({"domain": -1}, "no domain -1"),
    ({"ifindex": -1}, "ifindex"),
    ({"ifindex": 1 << 31}, "ifindex"),
    ({"vrid": 0}, "VRID 0 is not in 1..255"),
    ({"vrid": 256}, "VRID 256"),
    ({"version": 1}, "neither 2 nor 3"),
    ({"version": 4}, "neither 2 nor 3"),
    ({"priority": 0}, "priority 0"),
    ({"priority": 256}, "priority 256"),
    ({"advertisement_interval_cs": 0}, "interval 0 cs"),
    ({"advertisement_interval_cs": 4096}, "interval 4096 cs"),
    ({"version": 2, "advertisement_interval_cs": 150}, "whole number of seconds"),
    ({"version": 2, "advertisement_interval_cs": 0}, "whole number of seconds"),
    ({"version": 2, "advertisement_interval_cs": 25600}, "whole number of seconds"),
    ({"down_timer_adverts": 0}, "down_timer_adverts 0"),
    ({"down_timer_adverts": 101}, "down_timer_adverts 101"),
    ({"destinations": ()}, "destinations"),
    ({"destinations": (GROUP[4], address(4, 2))}, "one group"),
    ({"peers": (2, 2)}, "different addresses"),
    ({"destinations": tuple(bytes([10, 1, k // 256, k % 256]) for k in range(256)), "is_unicast": True}, "1..255"),
    ({"ifindex": 0}, "multicast needs an interface"),
    ({"addresses": ()}, "0 addresses do not make an advert"),
    ({"addresses": tuple(bytes([10, 1, k // 256, k % 256]) for k in range(256))}, "256 addresses"),
    ({"source": address(6, 1)}, "not one of IPv4"),
    ({"source": b"\x0a"}, "not one of IPv4"),
    ({"destinations": (GROUP[6],)}, "not one of IPv4"),
    ({"addresses": (address(6, 9),)}, "not one of IPv4"),
    ({"family": 6, "addresses": (address(4, 9),)}, "not one of IPv6"),
    ({"auth_pass": b"secret"}, "VRRPv2"),
    ({"version": 2, "auth_pass": b"123456789"}, "at most 8 bytes"),
    ({"peer_ttls": ((1, 255),)}, "TTL limits are for unicast"),
    ({"peers": (2, 3), "peer_ttls": ((1, 255),)}, "one pair for each destination"),
    ({"peers": (2,), "peer_ttls": ((-1, 255),)}, "lowest <= highest <= 255"),
    ({"peers": (2,), "peer_ttls": ((9, 8),)}, "lowest <= highest <= 255"),
    ({"peers": (2,), "peer_ttls": ((0, 256),)}, "lowest <= highest <= 255"),
    ({"announces": announces(1) * 4097}, "4097"),
    ({"announces": (Announce(2, MAC[:5], address(4, 9)),)}, "6 byte MAC"),
    ({"announces": (Announce(2, MAC, b"\x0a"),)}, "6 byte MAC"),
    ({"announces": (Announce(-1, MAC, address(4, 9)),)}, "ifindex"),
    ({"announce_repeat": 0}, "announce_repeat 0"),
    ({"announce_repeat": 256}, "announce_repeat 256"),
    ({"announce_delay_s": -1}, "announce_delay_s -1"),
    ({"announce_delay_s": 1000001}, "announce_delay_s 1000001"),
    ({"announce_refresh_s": -1}, "announce_refresh_s -1"),
    ({"announce_refresh_s": 1 << 40}, "announce_refresh_s"),
    ({"garp_lower_prio_repeat": -1}, "garp_lower_prio_repeat -1"),
    ({"garp_lower_prio_repeat": 256}, "garp_lower_prio_repeat 256"),
    ({"garp_lower_prio_delay_s": -1}, "garp_lower_prio_delay_s -1"),
    ({"garp_lower_prio_delay_s": 1000001}, "garp_lower_prio_delay_s 1000001"),
    ({"preempt_delay_s": -0.1}, "preempt_delay_s -0.1"),
    ({"preempt_delay_s": 1000.1}, "preempt_delay_s 1000.1"),
    ({"preempt_delay_s": float("nan")}, "preempt_delay_s nan"),
    ({"min_interval_cs": 0}, "min_interval_cs 0"),
    ({"min_interval_cs": 4096}, "min_interval_cs 4096"),
]
IDS = ["-".join(f"{name}={value!r}"[:40] for name, value in changes.items()) for changes, _ in REFUSED]


@pytest.mark.rule("T7", breaks=True)
@pytest.mark.rule("T9", breaks=True)
@pytest.mark.rule("M5", breaks=True)
@pytest.mark.parametrize(("changes", "says"), REFUSED, ids=IDS)
def test_refused_by_add(changes: dict[str, Any], says: str) -> None:
    engine = lone_engine()
    with pytest.raises(ValueError, match=says):
        engine.add(settings(**changes))
    assert len(engine) == 0
    assert engine.add(settings()) == 0


@pytest.mark.parametrize(("changes", "says"), REFUSED, ids=IDS)
def test_refused_by_configure_which_changes_nothing(changes: dict[str, Any], says: str) -> None:
    engine = lone_engine()
    vr = engine.add(settings(priority=77))
    engine.start(vr, START_NS)
    before = engine.status(vr)
    with pytest.raises(ValueError, match=says):
        engine.configure(vr, settings(**changes), START_NS + 1)
    assert engine.status(vr) == before
    engine.configure(vr, settings(priority=78), START_NS + 1)
    assert engine.status(vr).priority == 78


@pytest.mark.parametrize("family", [-4, 0, 5, 10])
def test_a_domain_is_of_ipv4_or_ipv6(family: int) -> None:
    with pytest.raises(ValueError, match="neither 4 nor 6"):
        lone_engine().add_domain(family)


@pytest.mark.parametrize("index", [-1, 0, 1, 16, 1 << 40])
def test_no_such_router(index: int) -> None:
    engine = lone_engine()
    other = settings(vrid=9)
    for call in (
        lambda: engine.configure(index, other, START_NS), lambda: engine.set_priority(index, 1, START_NS),
        lambda: engine.start(index, START_NS), lambda: engine.stop(index, START_NS), lambda: engine.remove(index),
        lambda: engine.set_fault(index, 1, START_NS), lambda: engine.vip_lost(index, START_NS),
        lambda: engine.announce(index, START_NS), lambda: engine.status(index), lambda: engine.counters(index),
        lambda: engine.leave_group(index), lambda: engine.join_group(index, index),
    ):
        with pytest.raises(IndexError, match="no router"):
            call()


def test_no_such_domain() -> None:
    engine = lone_engine()
    for domain in (-1, 2):
        with pytest.raises(IndexError, match="no domain"):
            engine.domain_drops(domain)


@pytest.mark.parametrize("priority", [-1, 0, 256])
def test_no_such_priority(priority: int) -> None:
    engine = lone_engine()
    vr = engine.add(settings())
    with pytest.raises(ValueError, match=r"not in 1\.\.255"):
        engine.set_priority(vr, priority, START_NS)
    assert engine.status(vr).priority == 100


@pytest.mark.parametrize("reasons", [-1, 1 << 31, 1 << 40])
def test_reasons_are_bits_0_to_30(reasons: int) -> None:
    engine = lone_engine()
    vr = engine.add(settings())
    with pytest.raises(ValueError, match="bits 0 to 30"):
        engine.set_fault(vr, reasons, START_NS)


def test_without_a_source_address_it_runs_only_in_fault() -> None:
    engine = lone_engine()
    vr = engine.add(settings(source=bytes(4)))
    with pytest.raises(ValueError, match="no source address"):
        engine.start(vr, START_NS)
    engine.set_fault(vr, 1, START_NS)
    engine.start(vr, START_NS)
    with pytest.raises(ValueError, match="no source address"):
        engine.set_fault(vr, 0, START_NS)
    engine.configure(vr, settings(), START_NS)
    engine.set_fault(vr, 0, START_NS)
    with pytest.raises(ValueError, match="no source address"):
        engine.configure(vr, replace(settings(), source=bytes(4)), START_NS)


def test_a_router_that_runs_is_not_removed() -> None:
    engine = lone_engine()
    vr = engine.add(settings())
    engine.start(vr, START_NS)
    with pytest.raises(ValueError, match="stop it first"):
        engine.remove(vr)
    engine.stop(vr, START_NS)
    engine.remove(vr)
    assert len(engine) == 0
