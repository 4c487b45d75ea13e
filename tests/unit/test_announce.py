"""Gratuitous ARP and unsolicited NA, byte for byte against frames written down from RFC 826 and RFC 4861."""

from __future__ import annotations

import struct

import pytest

from vrrpcore.announce import gratuitous_arp, unsolicited_na

MAC = bytes.fromhex("00005e000133")
VIP4 = bytes([10, 0, 0, 100])
VIP6 = bytes.fromhex("20010db8000000000000000000000064")


@pytest.mark.rule("T8")
def test_gratuitous_arp() -> None:
    assert gratuitous_arp(MAC, VIP4) == bytes.fromhex(
        "ffffffffffff 00005e000133 0806"
        "0001 0800 06 04 0001"
        "00005e000133 0a000064"
        "ffffffffffff 0a000064"
    )


@pytest.mark.rule("T8")
@pytest.mark.parametrize(("router", "flags"), [(False, "20000000"), (True, "a0000000")])
def test_unsolicited_na(router: bool, flags: str) -> None:
    frame = unsolicited_na(MAC, VIP6, router)
    assert len(frame) == 86
    checksum = frame[56:58].hex()
    assert frame == bytes.fromhex(
        "333300000001 00005e000133 86dd"
        "60000000 0020 3a ff 20010db8000000000000000000000064 ff020000000000000000000000000001"
        f"88 00 {checksum} {flags} 20010db8000000000000000000000064"
        "02 01 00005e000133"
    )


@pytest.mark.parametrize("router", [False, True])
def test_icmpv6_checksum(router: bool) -> None:
    frame = unsolicited_na(MAC, VIP6, router)
    message = frame[54:]
    data = frame[22:54] + struct.pack("!II", len(message), 58) + message
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    assert total == 0xFFFF


@pytest.mark.parametrize(("mac", "address"), [(MAC[:5], VIP4), (MAC, VIP6), (MAC + b"\0", VIP4), (MAC, b"")])
def test_wrong_lengths_ipv4(mac: bytes, address: bytes) -> None:
    with pytest.raises(ValueError, match="bytes"):
        gratuitous_arp(mac, address)


@pytest.mark.parametrize(("mac", "address"), [(MAC[:5], VIP6), (MAC, VIP4), (b"", VIP6)])
def test_wrong_lengths_ipv6(mac: bytes, address: bytes) -> None:
    with pytest.raises(ValueError, match="bytes"):
        unsolicited_na(mac, address)


def test_text_is_refused() -> None:
    with pytest.raises(TypeError):
        gratuitous_arp("00:00:5e:00:01:33", VIP4)  # type: ignore[arg-type]
