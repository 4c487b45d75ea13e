"""Words to values. Each function takes one word and returns its value, or raises BadValue with what is wrong.

Numbers are what keepalived takes: ASCII digits, an optional minus where negative values exist, an optional
decimal fraction where seconds are meant. Python's own int() and float() would also take `1_0`, `+5`, `nan`
and Arabic digits. Times are whole microseconds, so that nothing is lost to a float.
"""

from __future__ import annotations

import re
import socket

from pyvrrp.config.report import shown

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_MANY_DIGITS = re.compile(r"-?[0-9]+")
_DECIMAL = re.compile(r"([0-9]{0,9})(?:\.([0-9]{0,18}))?")
_US = 1_000_000

SCOPES = {"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}


class BadValue(ValueError):
    """A word is not what its keyword takes. The text says what is wrong, without the place."""


def _not_a_number(word: str) -> BadValue:
    if word[-1:] in {",", ";"} and _MANY_DIGITS.fullmatch(word[:-1]):
        mark = "comma" if word[-1] == "," else "semicolon"
        return BadValue(f"{shown(word)} is not a number; remove the {mark}")
    return BadValue(f"{shown(word)} is not a number; write decimal digits only")


def integer(word: str, low: int, high: int) -> int:
    """A whole number in low..high."""
    if _INTEGER.fullmatch(word):
        value = int(word)
        if low <= value <= high:
            return value
    elif not _MANY_DIGITS.fullmatch(word):
        raise _not_a_number(word)
    raise BadValue(f"{shown(word)} is not in {low}..{high}; write a number in that range")


def seconds_us(word: str, low_us: int, high_us: int) -> int:
    """Seconds with an optional decimal fraction, as whole microseconds in low_us..high_us."""
    found = _DECIMAL.fullmatch(word)
    if not found or not (found[1] or found[2]):
        if _MANY_DIGITS.fullmatch(word):
            raise BadValue(f"{shown(word)} is not in {_range(low_us, high_us)}; write a number in that range")
        raise _not_a_number(word)
    if len(found[2] or "") > 6:
        raise BadValue(f"{shown(word)} has more than 6 decimal places; write fewer")
    value = int(found[1] or "0") * _US + int((found[2] or "").ljust(6, "0"))
    if not low_us <= value <= high_us:
        raise BadValue(f"{shown(word)} is not in {_range(low_us, high_us)}; write a number in that range")
    return value


def _range(low_us: int, high_us: int) -> str:
    return f"{low_us / _US:g}..{high_us / _US:g} seconds"


def address(word: str) -> bytes:
    """An IPv4 or IPv6 address, in network order."""
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in word else socket.AF_INET, word)
    except (OSError, ValueError):  # ValueError: a NUL, or what cannot be encoded
        raise BadValue(_bad_address(word)) from None


def _bad_address(word: str) -> str:
    if word[-1:] in {",", ";"}:
        mark = "comma" if word[-1] == "," else "semicolon"
        return f"{shown(word)} is not an IP address; remove the {mark}"
    if re.fullmatch(r"[0-9.]+", word):
        return f"{shown(word)} is not an IP address; write four numbers of 0..255 with dots between"
    return f"{shown(word)} is not an IP address; write an IPv4 or IPv6 address (names are not looked up)"


def broadcast(word: str, own: bytes, prefix_len: int) -> bytes:
    """The broadcast address of own/prefix_len: an address, `+` for host bits set, `-` for host bits clear."""
    if len(own) != 4:
        raise BadValue("an IPv6 address has no broadcast address; remove it")
    if word in {"+", "-"}:
        if prefix_len > 30:
            raise BadValue(f"a /{prefix_len} has no broadcast address; remove it or write a prefix up to /30")
        host_bits = (1 << (32 - prefix_len)) - 1
        number = int.from_bytes(own, "big")
        return (number | host_bits if word == "+" else number & ~host_bits).to_bytes(4, "big")
    value = address(word)
    if len(value) != 4:
        raise BadValue(f"broadcast {shown(word)} is not an IPv4 address; write one, or +")
    return value
