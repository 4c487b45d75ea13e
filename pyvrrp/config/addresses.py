"""Address lines: `ADDR[/LEN] [dev IF] [label L] [scope S] [brd A|+|-]` to a Vip."""

from __future__ import annotations

import socket

from pyvrrp.config.keywords import ADDRESS_OPTIONS_NOT_DONE
from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Report, shown
from pyvrrp.config.values import BadValue, broadcast, integer, scope
from pyvrrp.config.values import address as parse_address
from pyvrrp.model import Vip

PEER_TTL_LIMITS = {"min_ttl": 0, "max_ttl": 255}
_TAKES_VALUE = frozenset(("dev", "label", "scope", "brd", "broadcast"))
INTERFACE_NAME_MAX = 15  # IFNAMSIZ without its NUL; labels have the same bound


def read_vip(statement: Statement, interface: str, report: Report) -> Vip | None:
    """The address of a line; None if it cannot be used, which is reported.

    interface: where the address goes if the line names no `dev`; may be empty.
    """
    words = statement.words
    text, slash, length = words[0].partition("/")
    try:
        address = parse_address(text)
    except BadValue as problem:
        report.error(statement.where(), f"{problem}; the line is left out")
        return None
    widest = len(address) * 8
    prefix_len = widest
    if slash:
        try:
            prefix_len = integer(length, 0, widest)
        except BadValue as problem:
            report.error(statement.where(), f"prefix length of {shown(words[0])}: {problem}; /{widest} is used")
    if len(words) == 1:  # nearly all are
        if interface:
            return Vip(address=address, prefix_len=prefix_len, dev=interface)
        _without_dev(statement, report)
        return None
    return _with_options(statement, address, prefix_len, interface, report)


def _without_dev(statement: Statement, report: Report) -> None:
    report.error(
        statement.where(),
        f"{shown(statement.words[0])} has no interface to go to and is left out; add dev IF, "
        "or interface to the instance",
    )


def _with_options(statement: Statement, address: bytes, prefix_len: int, interface: str, report: Report) -> Vip | None:
    words = statement.words
    options: dict[str, tuple[int, str]] = {}  # name -> position and text of its value
    not_done: list[int] = []
    unknown: list[int] = []
    i = 1
    while i < len(words):
        word = words[i]
        if word in _TAKES_VALUE:
            if i + 1 == len(words):
                report.error(
                    statement.where(i),
                    f"{word} lacks its value, so the address is left out; write it after {word}",
                )
                return None
            if word == "dev" and word in options:
                report.error(statement.where(i), "dev is given twice, so the address is left out; remove one")
                return None
            options["brd" if word == "broadcast" else word] = i + 1, words[i + 1]
            i += 2
        elif word in ADDRESS_OPTIONS_NOT_DONE:
            not_done.append(i)
            i += 1 + ADDRESS_OPTIONS_NOT_DONE[word]
        else:
            unknown.append(i)
            i += 1
    if not_done or unknown:
        _surplus(statement, not_done, unknown, report)

    dev = options["dev"][1] if "dev" in options else interface
    if not dev:
        _without_dev(statement, report)
        return None
    if len(dev) > INTERFACE_NAME_MAX:
        report.error(
            statement.where(options["dev"][0] if "dev" in options else 0),
            f"{shown(dev)} is too long for an interface, so the address is left out; names have at most 15 characters",
        )
        return None
    label, scope_number, broadcast_address = None, 0, None
    if "label" in options:
        at, label = options["label"]
        if len(address) != 4:
            report.error(statement.where(at), "an IPv6 address has no label; the label is ignored, remove it")
            label = None
        elif len(label.encode()) > INTERFACE_NAME_MAX:
            report.error(
                statement.where(at),
                f"label {shown(label)} is too long, so the address is left out; use at most 15 characters",
            )
            return None
    if "scope" in options:
        at, text = options["scope"]
        if len(address) != 4:
            report.error(statement.where(at), "an IPv6 address has no scope to set; the scope is ignored, remove it")
        else:
            try:
                scope_number = scope(text)
            except BadValue as problem:
                report.error(statement.where(at), f"{problem}; the address is left out")
                return None
    if "brd" in options:
        at, text = options["brd"]
        try:
            broadcast_address = broadcast(text, address, prefix_len)
        except BadValue as problem:
            report.error(statement.where(at), f"{problem}; the address is used without it")
    return Vip(
        address=address,
        prefix_len=prefix_len,
        dev=dev,
        label=label,
        scope=scope_number,
        broadcast=broadcast_address,
    )


def _surplus(statement: Statement, not_done: list[int], unknown: list[int], report: Report) -> None:
    """One message for all words of a line that do nothing."""
    words = statement.words
    parts = []
    if unknown:
        known = "not known" if len(unknown) == 1 else "not known as options of an address"
        parts.append(f"{' '.join(shown(words[i]) for i in unknown[:8])}: {known}")
    if not_done:
        parts.append(f"pyvrrp does not do {', '.join(shown(words[i]) for i in not_done[:8])}")
    advice = "remove it, or make it a comment with #" if unknown else "remove it if it is not needed"
    report.warning(
        statement.where(min(unknown + not_done)),
        f"{'; '.join(parts)}; ignored, the address {shown(words[0])} is used; {advice}",
    )


def read_peer(statement: Statement, report: Report) -> tuple[bytes, tuple[int, int]] | None:
    """The address of a line of unicast_peer with its lowest and highest TTL; None if it cannot be used (reported)."""
    words = statement.words
    try:
        address = read_host(statement, 0, report)
    except BadValue as problem:
        report.error(statement.where(), f"{problem}; the peer is left out")
        return None
    ttl = dict(PEER_TTL_LIMITS)
    i = 1
    while i < len(words):
        if words[i] not in ttl:
            rest = " ".join(shown(word) for word in words[i : i + 8])
            report.warning(
                statement.where(i),
                f"{rest}: not known; ignored, the peer {shown(words[0])} is used; make it a comment with #",
            )
            break
        if i + 1 == len(words):
            report.error(statement.where(i), f"{words[i]} lacks its value, so it is ignored; write 0 to 255 after it")
            break
        try:
            ttl[words[i]] = integer(words[i + 1], 0, 255)
        except BadValue as problem:
            report.error(statement.where(i + 1), f"{words[i]} {problem}; it is ignored")
        i += 2
    if ttl["min_ttl"] > ttl["max_ttl"]:
        report.error(
            statement.where(),
            f"min_ttl {ttl['min_ttl']} is above max_ttl {ttl['max_ttl']}, which no advert meets; both are ignored",
        )
        ttl = dict(PEER_TTL_LIMITS)
    return address, (ttl["min_ttl"], ttl["max_ttl"])


def read_host(statement: Statement, at: int, report: Report) -> bytes:
    """The address of a node, in a word of a line. A prefix length means nothing here and is ignored.

    Raises BadValue.
    """
    text, slash, _length = statement.words[at].partition("/")
    address = parse_address(text)
    if slash:
        report.warning(
            statement.where(at), f"{shown(statement.words[at])} is a node, the prefix length is ignored; remove it"
        )
    return address


def show(address: bytes) -> str:
    """An address as people write it."""
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)
