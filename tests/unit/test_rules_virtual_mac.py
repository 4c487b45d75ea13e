"""T4 in the engine: adverts leave by the interface with the virtual MAC, and arrive at the one below it."""

from __future__ import annotations

import pytest
from network import START_NS, VIP, S, advert, lone_engine, settings

from vrrpcore.engine import STATES
from vrrpcore.settings import Announce

BASE, VMAC = 2, 77
VIRTUAL_MAC = bytes.fromhex("00005e000133")


@pytest.mark.rule("T4")
def test_adverts_and_announcements_leave_by_the_virtual_mac() -> None:
    told = (Announce(VMAC, VIRTUAL_MAC, VIP[4]),)
    engine = lone_engine()
    vr = engine.add(settings(ifindex=BASE, transmit_ifindex=VMAC, announces=told, announce_repeat=1))
    engine.start(vr, START_NS)
    engine.advance(START_NS + 4 * S)
    engine.announce(vr, START_NS + 4 * S)
    engine.stop(vr, START_NS + 4 * S)
    first, announced, last = engine.take_transmits()
    assert [first.ifindex, announced.ifindex, last.ifindex] == [VMAC] * 3
    assert announced.data[6:12] == VIRTUAL_MAC              # the sender of the frame
    assert announced.data[22:28] == VIRTUAL_MAC             # and who has the address


@pytest.mark.rule("T4", breaks=True)
def test_adverts_that_arrive_at_the_virtual_mac_are_not_for_the_router() -> None:
    """They arrive at the base as well, and would count twice."""
    engine = lone_engine()
    vr = engine.add(settings(ifindex=BASE, transmit_ifindex=VMAC))
    engine.start(vr, START_NS)
    engine.receive_datagram(**advert(ifindex=VMAC, priority=200), now_ns=START_NS + S)
    assert engine.counters(vr)["advert_rcvd"] == 0
    engine.receive_datagram(**advert(ifindex=BASE, priority=200), now_ns=START_NS + S)
    assert engine.counters(vr)["advert_rcvd"] == 1
    assert engine.status(vr).state == STATES["BACKUP"]


def test_a_changed_way_out_counts_from_the_next_advert_on() -> None:
    engine = lone_engine()
    vr = engine.add(settings(ifindex=BASE))
    engine.start(vr, START_NS)
    engine.advance(START_NS + 4 * S)
    engine.configure(vr, settings(ifindex=BASE, transmit_ifindex=VMAC), START_NS + 4 * S)
    engine.advance(START_NS + 5 * S)
    assert [datagram.ifindex for datagram in engine.take_transmits()] == [BASE, VMAC]


def test_an_interface_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="ifindex"):
        lone_engine().add(settings(transmit_ifindex=-1))
