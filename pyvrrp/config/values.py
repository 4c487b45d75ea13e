"""Words to values. Each function takes one word and returns its value, or raises BadValue with what is wrong.

Numbers are what keepalived takes: ASCII digits, an optional minus where negative values exist, an optional
decimal fraction where seconds are meant. Python's own int() and float() would also take `1_0`, `+5`, `nan`
and Arabic digits. Times are whole microseconds, so that nothing is lost to a float.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from typing import Any

from pyvrrp.config.report import Fault, shown
from pyvrrp.config.table.keyword import Keyword, Kind

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_MANY_DIGITS = re.compile(r"-?[0-9]+")
_DECIMAL = re.compile(r"([0-9]{0,9})(?:\.([0-9]{0,18}))?")
_US = 1_000_000

ON = frozenset(("on", "true", "yes"))
OFF = frozenset(("off", "false", "no"))
NAME_MAX = 255  # of a file in a directory, as a network namespace is

SCOPES = {"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}


class BadValue(Fault):
    """A word is not what its keyword takes. The text says what is wrong, without the place."""


def _not_a_number(word: str, advice: str = "write decimal digits only") -> BadValue:
    if word[-1:] in {",", ";"} and _MANY_DIGITS.fullmatch(word[:-1]):
        mark = "comma" if word[-1] == "," else "semicolon"
        return BadValue(f"{shown(word)} is not a number; remove the {mark}", "not-a-number")
    if word == "=":
        return BadValue(f"{word} is not a number; remove it, the value follows after a blank", "not-a-number")
    if word[:1] == "$":
        return BadValue(
            f"{shown(word)} is not defined above; define it before it is used, or write a number", "number-definition"
        )
    return BadValue(f"{shown(word)} is not a number; {advice}", "not-a-number")


def integer(word: str, low: int, high: int) -> int:
    """A whole number in low..high."""
    if _INTEGER.fullmatch(word):
        value = int(word)
        if low <= value <= high:
            return value
    elif not _MANY_DIGITS.fullmatch(word):
        raise _not_a_number(word)
    raise BadValue(f"{shown(word)} is not in {low}..{high}; write a number in that range", "number-range")


def clamped(keyword: Keyword, word: str) -> int | None:
    """The number in the keyword's range that is nearest to the one that is written; None if none is."""
    if not _MANY_DIGITS.fullmatch(word):
        return None
    value = int(word) if len(word) < 18 else -1 if word[0] == "-" else 1 << 63
    return int(min(max(value, keyword.low), keyword.high))


def seconds_us(word: str, low_us: int, high_us: int) -> int:
    """Seconds with an optional decimal fraction, as whole microseconds in low_us..high_us."""
    found = _DECIMAL.fullmatch(word)
    if not found or not (found[1] or found[2]):
        if _MANY_DIGITS.fullmatch(word):
            raise BadValue(
                f"{shown(word)} is not in {_range(low_us, high_us)}; write a number in that range", "seconds-range"
            )
        raise _not_a_number(word, "write seconds, as 1 or 0.5, without a unit")
    if len(found[2] or "") > 6:
        raise BadValue(f"{shown(word)} has more than 6 decimal places; write fewer", "decimals-many")
    value = int(found[1] or "0") * _US + int((found[2] or "").ljust(6, "0"))
    if not low_us <= value <= high_us:
        raise BadValue(
            f"{shown(word)} is not in {_range(low_us, high_us)}; write a number in that range", "seconds-range"
        )
    return value


def _range(low_us: int, high_us: int) -> str:
    return f"{_decimal(low_us)}..{_decimal(high_us)} seconds"


def _decimal(us: int) -> str:
    return f"{us / _US:.6f}".rstrip("0").rstrip(".")


def boolean(word: str) -> bool:
    """Yes or no, by keepalived's words for it; case counts."""
    if word in ON:
        return True
    if word in OFF:
        return False
    raise BadValue(f"{shown(word)} is not yes or no; write on, true or yes, or off, false or no", "not-a-boolean")


def choice(word: str, choices: Sequence[str]) -> str:
    """One of a few words; case counts."""
    if word in choices:
        return word
    wanted = " or ".join(choices)
    raise BadValue(f"{shown(word)} is not {wanted}; write {wanted}", "not-a-choice")


def group(word: str) -> bytes:
    """A multicast group, in network order."""
    value = address(word)
    if value[0] != 0xFF if len(value) == 16 else value[0] >> 4 != 14:
        raise BadValue(
            f"{shown(word)} is not a multicast address; write one of 224.0.0.0/24, or of ff02::/16", "not-multicast"
        )
    return value


def namespace(word: str) -> str:
    """A network namespace: a name as `ip netns` has them, or the absolute path of a file."""
    if word.startswith("/"):
        return word
    if "/" in word or word in {".", ".."} or len(word.encode("utf-8", "surrogateescape")) > NAME_MAX:
        raise BadValue(
            f"{shown(word)} cannot name a network namespace; write a name that ip netns shows, or an absolute path",
            "namespace-name"
        )
    return word


def setting(keyword: Keyword, words: Sequence[str]) -> Any:
    """What the words of a line, its keyword first, mean by the table alone. Raises BadValue."""
    read = _SETTINGS.get(keyword.kind)
    return None if read is None else read(keyword, words)


def _optional(read: Callable[[Keyword, str], Any], nothing: Any) -> Callable[[Keyword, Sequence[str]], Any]:
    """A reader of lines whose one argument may be left out if the table says so."""
    return lambda keyword, words: read(keyword, words[1]) if len(words) > 1 else nothing


_SETTINGS: dict[Kind, Callable[[Keyword, Sequence[str]], Any]] = {
    Kind.FLAG: lambda _keyword, _words: True,
    Kind.BOOLEAN: _optional(lambda _keyword, word: boolean(word), nothing=True),
    Kind.TEXT: _optional(lambda _keyword, word: word, nothing=""),
    Kind.PATH: _optional(lambda _keyword, word: word, nothing=""),
    Kind.TEXTS: lambda _keyword, words: tuple(words[1:]),
    Kind.CHOICE: _optional(lambda keyword, word: choice(word, keyword.choices), nothing=""),
    Kind.INTEGER: _optional(lambda keyword, word: integer(word, int(keyword.low), int(keyword.high)), nothing=0),
    Kind.SECONDS: _optional(lambda keyword, word: seconds_us(word, keyword.low_us, keyword.high_us) / _US, nothing=0.0),
    Kind.ADDRESS: _optional(lambda _keyword, word: address(word), nothing=b""),
    Kind.INTERFACE: _optional(lambda _keyword, word: word, nothing=""),
}


def address(word: str) -> bytes:
    """An IPv4 or IPv6 address, in network order."""
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in word else socket.AF_INET, word)
    except (OSError, ValueError):  # ValueError: a NUL, or what cannot be encoded
        raise BadValue(f"{shown(word)} is not an IP address; {_address_advice(word)}", "not-an-address") from None


def _address_advice(word: str) -> str:
    if word[-1:] in {",", ";"}:
        return f"remove the {'comma' if word[-1] == ',' else 'semicolon'}"
    if word[:1] == "$":
        return "define it above, with $NAME=ADDRESS"
    if re.fullmatch(r"[0-9.]+", word):
        return "write four numbers of 0..255 with dots between"
    return "write an IPv4 or IPv6 address (names are not looked up)"


def broadcast(word: str, own: bytes, prefix_len: int) -> bytes:
    """The broadcast address of own/prefix_len: an address, `+` for host bits set, `-` for host bits clear."""
    if len(own) != 4:
        raise BadValue("an IPv6 address has no broadcast address; remove it", "broadcast-ipv6")
    if word in {"+", "-"}:
        if prefix_len > 30:
            raise BadValue(
                f"a /{prefix_len} has no broadcast address; remove it or write a prefix up to /30", "broadcast-prefix"
            )
        host_bits = (1 << (32 - prefix_len)) - 1
        number = int.from_bytes(own, "big")
        return (number | host_bits if word == "+" else number & ~host_bits).to_bytes(4, "big")
    value = address(word)
    if len(value) != 4:
        raise BadValue(f"broadcast {shown(word)} is not an IPv4 address; write one, or +", "broadcast-family")
    return value
