"""Recorded and hand-made messages against their expected fields, both ways: what is decoded, and what we would send.

Each file names its source. A datagram is from the IP header on; a message is without it.
"""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Any

import pytest

from vrrpcore import packet
from vrrpcore.announce import gratuitous_arp, unsolicited_na

HERE = Path(__file__).parent
FILES = {path.stem: json.loads(path.read_text()) for path in sorted(HERE.glob("*.json"))}
ADVERTS = [
    pytest.param(advert, id=f"{name}: {advert['what'][:60]}")
    for name, file in FILES.items() for advert in file["adverts"]
]
ANNOUNCEMENTS = [
    pytest.param(frame, id=f"{name}: {frame['address']}")
    for name, file in FILES.items() for frame in file.get("announcements", [])
]


def fields(advert: dict[str, Any]) -> dict[str, Any]:
    return {
        "family": advert["family"],
        "src": bytes.fromhex(advert["src"]),
        "dst": bytes.fromhex(advert["dst"]),
        "checksum": advert["checksum"],
        "auth_pass": advert["auth_pass"].encode() if advert["auth_pass"] else None,
    }


def packed(advert: dict[str, Any]) -> tuple[bytes, ...]:
    return tuple(ipaddress.ip_address(address).packed for address in advert["addresses"])


@pytest.mark.rule("R6")
@pytest.mark.rule("K1")
@pytest.mark.rule("K2")
@pytest.mark.rule("K3")
@pytest.mark.parametrize("advert", ADVERTS)
def test_decode(advert: dict[str, Any]) -> None:
    decoded = packet.decode(
        bytes.fromhex(advert["message"]), **fields(advert), ttl=advert["ttl"], version=advert["version"], strict=True
    )
    assert decoded == (
        advert["version"], advert["vrid"], advert["priority"], advert["interval_cs"],
        1 if advert["auth_pass"] else 0, packed(advert), False,
    )


@pytest.mark.rule("T5")
@pytest.mark.rule("T6")
@pytest.mark.parametrize("advert", ADVERTS)
def test_we_send_the_same(advert: dict[str, Any]) -> None:
    names = ("version", "vrid", "priority", "interval_cs")
    message = packet.encode(
        **fields(advert), **{name: advert[name] for name in names}, addresses=packed(advert)
    )
    assert message.hex() == advert["message"]


@pytest.mark.rule("R1")
@pytest.mark.rule("T1")
@pytest.mark.parametrize("advert", [p for p in ADVERTS if "datagram" in p.values[0] and p.values[0]["family"] == 4])
def test_unwrap(advert: dict[str, Any]) -> None:
    datagram = packet.unwrap_ipv4(bytes.fromhex(advert["datagram"]))
    assert datagram.message.hex() == advert["message"]
    assert (datagram.src.hex(), datagram.dst.hex()) == (advert["src"], advert["dst"])
    assert datagram.ttl == 255
    assert datagram.multicast is ipaddress.ip_address(datagram.dst).is_multicast


@pytest.mark.rule("T8")
@pytest.mark.parametrize("announcement", ANNOUNCEMENTS)
def test_announcements_are_those_of_keepalived(announcement: dict[str, str]) -> None:
    mac, address = bytes.fromhex(announcement["mac"]), bytes.fromhex(announcement["address"])
    ours = gratuitous_arp(mac, address) if len(address) == 4 else unsolicited_na(mac, address)
    assert ours.hex() == announcement["frame"]
