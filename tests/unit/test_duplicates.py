"""Asking whether another host has an address: the questions, the answers, and who is told."""

from __future__ import annotations

import ipaddress
from types import SimpleNamespace
from typing import Any, cast

from pyvrrp import limits
from pyvrrp.chronicle import Chronicle
from pyvrrp.duplicates import Duplicates, answer, question
from pyvrrp.model import Instance, State, Vip
from pyvrrp.netlink.links import Link, LinkAddress

MAC, OTHER = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
OWN = ipaddress.ip_address("fe80::1").packed
VIP4 = Vip(address=bytes((192, 0, 2, 100)), prefix_len=24, dev="eth0")
VIP6 = Vip(address=ipaddress.ip_address("2001:db8::64:1").packed, prefix_len=64, dev="eth0")
LINK = Link(2, "eth0", True, MAC, 1500, (LinkAddress(OWN, 64, 253, 0),))


def test_ipv4_is_asked_for_by_nobody() -> None:
    """RFC 5227 s1.1: the sender's address is 0, so that no table of others changes."""
    asked = question(VIP4, LINK)
    assert asked is not None
    assert asked.dev == "eth0"
    assert asked.frame.hex() == (
        "ffffffffffff" "020000000001" "0806" "0001080006040001" "020000000001" "00000000" "000000000000" "c0000264"
    )


def test_ipv6_is_asked_for_by_the_host() -> None:
    """Not as in duplicate detection, whose answer goes to all nodes and changes what they know."""
    asked = question(VIP6, LINK)
    assert asked is not None
    frame = asked.frame
    assert frame[:14].hex() == "3333ff640001" "020000000001" "86dd"
    assert frame[14:22].hex() == "60000000" "0020" "3a" "ff"
    assert frame[22:38] == OWN
    assert str(ipaddress.ip_address(frame[38:54])) == "ff02::1:ff64:1"
    assert frame[54] == 135
    assert frame[62:78] == VIP6.address
    assert frame[78:].hex() == "0101" "020000000001"
    # RFC 4443 s2.3: over a pseudo-header, all ones with the checksum in place.
    data = frame[22:54] + (32).to_bytes(4, "big") + bytes((0, 0, 0, 58)) + frame[54:]
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF


def test_there_may_be_nobody_to_ask_as() -> None:
    assert question(VIP6, Link(2, "eth0", True, MAC, 1500)) is None
    assert question(VIP4, Link(1, "tun0", True, b"", 1500)) is None


def test_answers() -> None:
    arp = MAC + OTHER + bytes.fromhex("0806 0001080006040002") + OTHER + VIP4.address + MAC + bytes(4)
    assert answer(arp) == (VIP4.address, OTHER)
    assert answer(arp[:41]) is None
    assert answer(arp[:-4] + bytes((192, 0, 2, 1))) is None, "the answer to somebody's own question"
    assert answer(arp.replace(bytes.fromhex("040002"), bytes.fromhex("040001"))) is None, "a question"
    header = bytes(6) + bytes((58,)) + bytes(33)
    na = MAC + OTHER + bytes.fromhex("86dd") + header + bytes((136, 0, 0, 0)) + bytes(4) + VIP6.address
    assert answer(na) == (VIP6.address, OTHER)
    assert answer(na[:77]) is None
    assert answer(bytes(80)) is None


class Loop:
    """What Duplicates wants of a loop, without time."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, Any, tuple[Any, ...]]] = []

    def call_later(self, delay_s: float, callback: Any, *args: Any) -> Any:
        self.calls.append((delay_s, callback, args))
        return SimpleNamespace(cancel=lambda: None)


def test_what_is_found_is_told_once_and_asked_again(caplog: Any) -> None:
    loop, told = Loop(), []
    chronicle = Chronicle()
    chronicle.tell = lambda *words, **more: told.append((words, more["reason"]))  # type: ignore[method-assign]
    duplicates = Duplicates(cast(Any, loop), chronicle)
    instance = Instance(name="VI_1", family=4, interface="eth0", vrid=51, vips=(VIP4,))
    router: Any = SimpleNamespace(number=1, title="VI_1", state=State.MASTER, duplicates=(), instance=instance)
    for _ in range(2):
        duplicates._tell(router, ("192.0.2.100 is on another host too, at x",))
    assert told == [(("duplicate_address", "VI_1"), "192.0.2.100 is on another host too, at x")]
    assert [record.getMessage() for record in caplog.records] == [
        "(VI_1) 192.0.2.100 is on another host too, at x; take it away there"
    ]
    assert [delay_s for delay_s, _, _ in loop.calls] == [limits.DUPLICATES_AGAIN_S] * 2
    duplicates._tell(router, ())
    assert router.duplicates == ()
    assert len(loop.calls) == 2


def test_a_backup_is_not_asked_for() -> None:
    loop = Loop()
    duplicates = Duplicates(cast(Any, loop), Chronicle())
    router: Any = SimpleNamespace(number=1, state=State.BACKUP, duplicates=("old",))
    duplicates.look(router)
    duplicates.look(router)
    ((delay_s, begin, _),) = loop.calls
    assert delay_s == limits.DUPLICATES_AFTER_S
    begin()                                 # it would make a task, for which there is no loop
    assert router.duplicates == ()
