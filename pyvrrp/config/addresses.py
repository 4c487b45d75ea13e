"""Address lines: `ADDR[/LEN] [dev IF] [label L] [scope S] [brd A|+|-] ...` to a Vip, and those of peers.

Nearly every line is an address and nothing else, of which a file may have tens of thousands: such a line is done
without the reader of options.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable
from typing import Any

from pyvrrp.config import names
from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Report, shown
from pyvrrp.config.values import BadValue, broadcast, integer
from pyvrrp.config.values import address as parse_address
from pyvrrp.config.words import LineFault, Words, nearest
from pyvrrp.model import FOREVER_S, Vip, VipOptions

PEER_TTL_LIMITS = {"min_ttl": 0, "max_ttl": 255}
INTERFACE_NAME_MAX = 15  # IFNAMSIZ without its NUL; labels have the same bound


def read_vip(statement: Statement, interface: str, report: Report, *, is_static: bool = False) -> Vip | None:
    """The address of a line; None if it cannot be used, which is reported.

    interface: where the address goes if the line names no `dev`; may be empty. is_static: of static_ipaddress.
    """
    words = statement.words
    text, slash, length = words[0].partition("/")
    try:
        address = parse_address(text)
    except BadValue as problem:
        report.error(statement.where(), f"{problem}; the line is left out", problem.code)
        return None
    widest = len(address) * 8
    prefix_len = widest
    if slash:
        try:
            prefix_len = integer(length, 0, widest)
        except BadValue as problem:
            report.error(
                statement.where(), f"prefix length of {shown(words[0])}: {problem}; /{widest} is used", problem.code
            )
    if len(words) == 1:  # nearly all are
        if interface:
            return Vip(address=address, prefix_len=prefix_len, dev=interface)
        _without_dev(statement, report)
        return None
    try:
        return _Reader(statement, address, prefix_len, report, is_static=is_static).read(interface)
    except LineFault as fault:
        report.error(statement.where(fault.at), f"{fault}; the address is left out", fault.code)
        return None


def _without_dev(statement: Statement, report: Report) -> None:
    report.error(
        statement.where(),
        f"{shown(statement.words[0])} has no interface to go to and is left out; add dev IF, "
        "or interface to the instance",
        "address-without-interface",
    )


_ADDRESS = re.compile(r"[0-9]+(\.[0-9]+){3}(/[0-9]+)?[,;]?|[0-9a-fA-F:]*::?[0-9a-fA-F:.]*(/[0-9]+)?[,;]?")
_INTERFACE = re.compile(r"[a-z][a-z-]*[0-9][a-z0-9.-]{0,12}")


class _Reader:
    """The options of one line. What is wrong with one that is not vital is reported, and the address used without."""

    def __init__(
        self, statement: Statement, address: bytes, prefix_len: int, report: Report, *, is_static: bool
    ) -> None:
        self._statement = statement
        self._words = Words(statement)
        self._words.next()
        self._address = address
        self._prefix_len = prefix_len
        self._report = report
        self._is_static = is_static
        self._dev: str | None = None
        self._label: str | None = None
        self._scope = 0
        self._broadcast: tuple[int, str] | None = None  # its place and text: what + means depends on the prefix
        self._rare: dict[str, Any] = {}
        self._unknown: list[int] = []

    def read(self, interface: str) -> Vip | None:
        """Raises LineFault."""
        words = self._words
        while (word := words.next()) is not None:
            if flag := _FLAGS.get(word):
                self._rare[flag[0]] = flag[1]
            elif option := _OPTIONS.get(word):
                option(self, word)
            else:
                self._unknown.append(words.at)
        if self._unknown:
            self._surplus()
        dev = self._dev or interface
        if not dev:
            _without_dev(self._statement, self._report)
            return None
        self._check_place()
        return Vip(
            address=self._address,
            prefix_len=self._prefix_len,
            dev=dev,
            label=self._label,
            scope=self._scope,
            broadcast=self._broadcast_address(),
            rare=VipOptions(**self._rare) if self._rare else None,
        )

    def _check_place(self) -> None:
        """Some options are for virtual addresses only, some for static ones; and the kernel refuses some."""
        rare, where = self._rare, self._statement.where()
        if "autojoin" in rare and not ipaddress.ip_address(self._address).is_multicast:
            del rare["autojoin"]
            self._report.warning(
                where, "the kernel takes autojoin for multicast addresses only; ignored, remove it", "autojoin-unicast"
            )
        if "mngtmpaddr" in rare and len(self._address) == 16 and self._prefix_len != 64:
            del rare["mngtmpaddr"]
            self._report.warning(
                where, "the kernel takes mngtmpaddr with a /64 only; ignored, write one", "mngtmpaddr-prefix"
            )
        if "use_vmac" in rare and self._is_static:
            del rare["use_vmac"]
            self._report.error(
                where, "use_vmac is for virtual addresses only and is ignored; remove it", "use-vmac-static"
            )
        if "track_group" in rare and not self._is_static:
            del rare["track_group"]
            self._report.error(
                where, "track_group is for static addresses only and is ignored; remove it", "track-group-address"
            )

    def _surplus(self) -> None:
        """One message for all words that are not known."""
        words = self._statement.words
        found = [words[i] for i in self._unknown]
        options = "an option" if len(found) == 1 else "options"
        advice = nearest(found[0], _KNOWN) if len(found) == 1 else "remove it, or make it a comment with #"
        if _ADDRESS.fullmatch(found[0]) and not found[0].startswith("255."):
            advice = "write each address on a line of its own"
        elif advice.startswith("remove") and _INTERFACE.fullmatch(found[0]):
            advice = f"write dev {found[0]} if that is an interface"
        elif found[0] in {"netmask", "mask"} or found[0].startswith("255."):
            advice = f"write the length of its prefix, as {shown(words[0].partition('/')[0])}/24 for 255.255.255.0"
        self._report.warning(
            self._statement.where(self._unknown[0]),
            f"{' '.join(shown(word) for word in found[:8])}: not known as {options} of an address; "
            f"ignored, the address {shown(words[0])} is used; "
            f"{advice}",
            "address-words",
        )

    def _ignored(self, message: str, code: str) -> None:
        self._report.error(self._statement.where(self._words.at), message, code)

    # One method for each option that takes a value

    def _on_dev(self, word: str) -> None:
        if self._dev is not None:
            raise LineFault(self._words.at, "dev is given twice; remove one", "dev-twice")
        self._dev = self._words.read(word, interface_name)

    def _on_label(self, word: str) -> None:
        label = self._words.value(word)
        if len(self._address) != 4:
            self._ignored("an IPv6 address has no label; the label is ignored, remove it", "label-ipv6")
        elif len(label.encode()) > INTERFACE_NAME_MAX:
            raise LineFault(
                self._words.at, f"label {shown(label)} is too long; use at most 15 characters", "label-long"
            )
        else:
            self._label = label

    def _on_scope(self, word: str) -> None:
        if len(self._address) != 4:
            self._words.value(word)
            self._ignored("an IPv6 address has no scope to set; the scope is ignored, remove it", "scope-ipv6")
        else:
            self._scope = self._words.read(word, names.scope)

    def _on_broadcast(self, word: str) -> None:
        self._broadcast = self._words.at + 1, self._words.value(word)

    def _broadcast_address(self) -> bytes | None:
        if self._broadcast is None:
            return None
        at, text = self._broadcast
        try:
            if "peer" in self._rare:
                raise BadValue(
                    "a point-to-point address (peer) has no broadcast address; remove one of them",
                    "broadcast-beside-peer",
                )
            return broadcast(text, self._address, self._prefix_len)
        except BadValue as problem:
            self._report.error(self._statement.where(at), f"{problem}; the address is used without it", problem.code)
            return None

    def _on_peer(self, word: str) -> None:
        text, slash, length = self._words.value(word).partition("/")
        try:
            peer = parse_address(text)
            if len(peer) != len(self._address):
                family = 4 if len(peer) == 4 else 6
                raise BadValue(
                    f"{shown(text)} is IPv{family} and the address is not; write one of its family", "peer-family"
                )
            widest = len(peer) * 8
            prefix_len = integer(length, 0, widest) if slash else widest
        except BadValue as problem:
            raise LineFault(self._words.at, f"peer {problem}", problem.code) from None
        if "/" in self._statement.words[0]:
            self._report.error(
                self._statement.where(),
                f"the prefix length of {shown(self._statement.words[0])} means nothing beside a peer and is ignored; "
                "write it behind the peer",
                "prefix-beside-peer",
            )
        self._prefix_len = prefix_len
        self._rare["peer"] = peer

    def _on_preferred_lft(self, word: str) -> None:
        if self._words.skip("forever"):
            self._rare["preferred_s"] = FOREVER_S
        else:
            self._rare["preferred_s"] = self._words.read(word, lambda text: integer(text, 0, FOREVER_S))

    def _on_track_group(self, word: str) -> None:
        self._rare["track_group"] = self._words.value(word)


def interface_name(word: str) -> str:
    """The name of an interface. Raises BadValue."""
    if len(word.encode()) > INTERFACE_NAME_MAX or "/" in word:
        raise BadValue(
            f"{shown(word)} is too long for an interface; names have at most 15 characters, and no /", "interface-name"
        )
    return word


_FLAGS = {
    "home": ("home", True),
    "mngtmpaddr": ("mngtmpaddr", True),
    "noprefixroute": ("noprefixroute", True),
    "autojoin": ("autojoin", True),
    "-nodad": ("detects_duplicates", True),
    "no_track": ("is_tracked", False),
    "use_vmac": ("use_vmac", True),
}
_OPTIONS: dict[str, Callable[[_Reader, str], None]] = {
    "dev": _Reader._on_dev,
    "label": _Reader._on_label,
    "scope": _Reader._on_scope,
    "brd": _Reader._on_broadcast,
    "broadcast": _Reader._on_broadcast,
    "peer": _Reader._on_peer,
    "preferred_lft": _Reader._on_preferred_lft,
    "track_group": _Reader._on_track_group,
}
_KNOWN = (*_FLAGS, *_OPTIONS)


def read_peer(statement: Statement, report: Report) -> tuple[bytes, tuple[int, int]] | None:
    """The address of a line of unicast_peer with its lowest and highest TTL; None if it cannot be used (reported)."""
    words = statement.words
    try:
        address = read_host(statement, 0, report)
    except BadValue as problem:
        report.error(statement.where(), f"{problem}; the peer is left out", problem.code)
        return None
    ttl = dict(PEER_TTL_LIMITS)
    i = 1
    while i < len(words):
        if words[i] not in ttl:
            rest = " ".join(shown(word) for word in words[i : i + 8])
            report.warning(
                statement.where(i),
                f"{rest}: not known; ignored, the peer {shown(words[0])} is used; make it a comment with #",
                "peer-words",
            )
            break
        if i + 1 == len(words):
            report.error(
                statement.where(i),
                f"{words[i]} lacks its value, so it is ignored; write 0 to 255 after it",
                "peer-option-value",
            )
            break
        try:
            ttl[words[i]] = integer(words[i + 1], 0, 255)
        except BadValue as problem:
            report.error(statement.where(i + 1), f"{words[i]} {problem}; it is ignored", problem.code)
        i += 2
    if ttl["min_ttl"] > ttl["max_ttl"]:
        report.error(
            statement.where(),
            f"min_ttl {ttl['min_ttl']} is above max_ttl {ttl['max_ttl']}, which no advert meets; both are ignored",
            "peer-ttl-order",
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
            statement.where(at), f"{shown(statement.words[at])} is a node, the prefix length is ignored; remove it",
            "prefix-of-node",
        )
    return address


def show(address: bytes) -> str:
    """An address as people write it."""
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)
