"""Fuzz target: the decoder and ipv4_unwrap(), against the reader of fuzz_reader.py.

An input is three bytes of context, then the message (or, with UNWRAP, an IPv4 datagram):

    flags, TTL, v2 interval asked for (0: any)

It holds when both readers say the same: the same fields, or the same reason to drop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

from fuzz_reader import Asked, read, seal, unwrap

from vrrpcore import packet

IPV6, UNWRAP, MESSAGE, STRICT, PASSWORD, FIXED, V2, SEAL = (1 << bit for bit in range(8))
SRC = {4: bytes([10, 0, 0, 1]), 6: bytes.fromhex("fe80000000000000 0000000000000001")}
DST = {4: bytes([224, 0, 0, 18]), 6: bytes.fromhex("ff02000000000000 0000000000000012")}
SECRET = b"secret"
T = TypeVar("T")


def attempt(decode: Callable[[], T]) -> tuple[str, T | None]:
    """("none", what was decoded), or why it was dropped. Any other exception is a find."""
    try:
        return "none", decode()
    except packet.PacketDropped as dropped:
        return dropped.name, None


def fuzz(data: bytes) -> object:
    """Run one input; return what happened, so that inputs which make new things happen can be kept."""
    if len(data) < 3:
        return "too little"
    flags, ttl, adver_int_s, message = data[0], data[1], data[2], data[3:]
    family: Literal[4, 6] = 6 if flags & IPV6 else 4
    src, dst = SRC[family], DST[family]
    if flags & UNWRAP and family == 4:
        why, inner = unwrap(message)
        ours, datagram = attempt(lambda: packet.unwrap_ipv4(message))
        assert ours == why, f"unwrapped: {ours}, should be {why}"
        if datagram is None:
            return "unwrap", why
        assert datagram.message == inner, "another message was unwrapped"
        assert (datagram.ttl, datagram.src, datagram.dst) == (message[8], message[12:16], message[16:20])
        assert datagram.multicast == (message[16] >> 4 == 14)
        message, src, dst, ttl = inner, datagram.src, datagram.dst, datagram.ttl
    version: Literal[2, 3] | None = (2 if flags & V2 else 3) if flags & FIXED else None
    form: Literal["pseudo", "message"] = "message" if flags & MESSAGE else "pseudo"
    strict = bool(flags & STRICT)
    password = SECRET if flags & PASSWORD else None
    if flags & SEAL:
        message = seal(message, form, src, dst)
    asked = Asked(version=version, password=password, adver_int_s=adver_int_s or None, checksum=form, strict=strict)
    why, foreign = read(message, asked, src=src, dst=dst, ttl=ttl)
    peeked, vrid = attempt(lambda: packet.peek(message))
    assert peeked in ("none", why), f"peeked: {peeked}, should be {why}"
    ours, advert = attempt(lambda: packet.decode(
        message, family=family, src=src, dst=dst, ttl=ttl, version=version, auth_pass=password,
        adver_int_s=adver_int_s or None, checksum=form, strict=strict,
    ))
    assert ours == why, f"decoded: {ours}, should be {why}"
    if advert is None:
        return family, why, version, form, strict, password
    assert vrid == advert.vrid == message[1]
    assert vrid != 0
    assert (advert.version, advert.priority, advert.csum_foreign) == (message[0] >> 4, message[2], foreign)
    length = 4 if family == 4 else 16
    assert b"".join(advert.addresses) == message[8 : 8 + length * message[3]]
    assert advert.max_adver_int_cs == (
        message[5] * 100 if advert.version == 2 else int.from_bytes(message[4:6], "big") & 0xFFF
    )
    return family, advert.version, advert.auth_type, foreign, min(message[3], 3)
