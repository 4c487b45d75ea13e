"""A second reader of adverts, in plain Python, for the fuzzers to compare the compiled one with.

Written from the pictures of RFC 3768 s5.1 and RFC 9568 s5.2 and the order of the receive checks, not from our decoder,
and with none of its code.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

PROTOCOL = 112


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an instance asks of an advert. None: anything."""

    version: int | None = None
    password: bytes | None = None
    ttl_min: int = 255
    ttl_max: int = 255                  # 0: no upper bound
    adver_int_s: int | None = None      # v2
    checksum: str = "pseudo"
    strict: bool = False


def ones_complement_sum(data: bytes) -> int:
    """The sum of RFC 1071 s1, not yet complemented; 0xFFFF for what carries its own checksum."""
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def pseudo_header(src: bytes, dst: bytes, length: int) -> bytes:
    """RFC 793 s3.1 or RFC 8200 s8.1, by the length of the addresses."""
    if len(src) == 4:
        return src + dst + struct.pack("!BBH", 0, PROTOCOL, length & 0xFFFF)
    return src + dst + struct.pack("!IHBB", length, 0, 0, PROTOCOL)


def covered(message: bytes, form: str, src: bytes, dst: bytes) -> bytes:
    """What stands before the message in its checksum: a pseudo-header or nothing."""
    is_v2_ipv4 = len(src) == 4 and message[:1] and message[0] >> 4 == 2
    if is_v2_ipv4 or (len(src) == 4 and form == "message"):
        return b""
    return pseudo_header(src, dst, len(message))


def seal(message: bytes, form: str, src: bytes, dst: bytes) -> bytes:
    """Put the right checksum into a message; one too short to have any is returned as it is."""
    if len(message) < 8:
        return message
    message = message[:6] + b"\0\0" + message[8:]
    total = ones_complement_sum(covered(message, form, src, dst) + message)
    return message[:6] + struct.pack("!H", total ^ 0xFFFF) + message[8:]


def unwrap(datagram: bytes) -> tuple[str, bytes]:
    """("none", the message) of an IPv4 datagram, or why there is none."""
    if len(datagram) < 20 or datagram[0] >> 4 != 4:
        return "short", b""
    header_len, total_len = (datagram[0] & 15) * 4, int.from_bytes(datagram[2:4], "big")
    if not 20 <= header_len <= total_len <= len(datagram):
        return "ip_length", b""
    return "none", datagram[header_len:total_len]


def read(message: bytes, asked: Asked, *, src: bytes, dst: bytes, ttl: int) -> tuple[str, bool]:
    """Why a message is dropped ("none": it is not), and whether its checksum has the other form."""
    is_ipv4 = len(src) == 4
    if len(message) < 8:
        return "short", False
    version, kind, vrid, count = message[0] >> 4, message[0] & 15, message[1], message[3]
    if version not in (2, 3):
        return "version", False
    if kind != 1:
        return "type", False
    if vrid == 0:
        return "vrid", False
    if asked.version not in (None, version):
        return "version", False
    if ttl < asked.ttl_min or (asked.ttl_max and ttl > asked.ttl_max):
        return "ttl", False
    auth_at = 8 + (4 if is_ipv4 else 16) * count
    if len(message) != auth_at + (8 if version == 2 and is_ipv4 else 0):
        return "length", False
    if version == 3 and not count:
        return "no_address", False
    forms = [asked.checksum]
    if version == 3 and is_ipv4 and not asked.strict:
        forms.append("message" if asked.checksum == "pseudo" else "pseudo")
    right = [form for form in forms if ones_complement_sum(covered(message, form, src, dst) + message) == 0xFFFF]
    if not right:
        return "checksum", False
    if version == 2 and is_ipv4:
        if message[4] != (0 if asked.password is None else 1):
            return "auth_type", False
        if asked.password is not None and message[auth_at:] != asked.password.ljust(8, b"\0"):
            return "auth", False
    interval = message[5] if version == 2 else int.from_bytes(message[4:6], "big") & 0xFFF
    if interval == 0 or (version == 2 and asked.adver_int_s not in (None, interval)):
        return "interval", False
    return "none", right[0] != asked.checksum
