"""Route lines: `[TYPE] [to] DEST [via A] [dev IF] [OPTION ...] [nexthop ...]` to a Route, in the words of ip(8).

A line in which anything is wrong is left out as a whole, as by keepalived: half a route sends packets the wrong way.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any

from pyvrrp.config import names
from pyvrrp.config.addresses import interface_name
from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Report, shown
from pyvrrp.config.routing_line import RoutingLine
from pyvrrp.config.values import BadValue, address, integer
from pyvrrp.config.words import LineFault, Words, c_integer, nearest
from pyvrrp.routing import Metric, NextHop, Prefix, Route

_U32 = 0xFFFFFFFF
_KINDS = frozenset(
    (
        "unicast",
        "local",
        "broadcast",
        "anycast",
        "multicast",
        "nat",
        "xresolve",
        "blackhole",
        "unreachable",
        "prohibit",
        "throw",
    )
)
_ANYWHERE = {"default": bytes(4), "any": bytes(4), "all": bytes(4), "default6": bytes(16)}
_LOCKABLE = {"mtu": _U32, "advmss": _U32, "rtt": _U32, "rttvar": _U32, "rto_min": _U32, "cwnd": _U32,
             "ssthresh": _U32, "reordering": _U32}  # fmt: skip
_PLAIN = {"hoplimit": 255, "window": _U32, "initcwnd": _U32, "initrwnd": _U32, "quickack": 1, "fastopen_no_cookie": 1}
_TIME = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,3}))?(s|sec|secs|ms|msec|msecs)?")
_WEIGHT_MAX = 256
_KERNELS_UNITS = {"rtt": 8, "rttvar": 4}  # of a bare number, to the millisecond, as ip(8) has it


def read_prefix(word: str, family: int = 0) -> Prefix:
    """A network: `ADDR[/LEN]`, or default, any, all. family: 4, 6, or 0 for either. Raises BadValue."""
    if word in _ANYWHERE:
        return Prefix(bytes(16) if family == 6 else _ANYWHERE[word], 0)
    text, slash, length = word.partition("/")
    found = address(text)
    widest = len(found) * 8
    if family and widest != (32 if family == 4 else 128):
        raise BadValue(f"{shown(word)} is not IPv{family}; write an address of that family", "prefix-family")
    try:
        return Prefix(found, integer(length, 0, widest) if slash else widest)
    except BadValue as problem:
        raise BadValue(f"{shown(word)}: the prefix length {problem}", problem.code) from None


def read_route(statement: Statement, report: Report, *, is_static: bool = False) -> Route | None:
    """The route of a line; None if it cannot be used, which is reported. is_static: of static_routes."""
    try:
        return _Reader(statement, report, is_static=is_static).read()
    except LineFault as fault:
        report.error(statement.where(fault.at), f"{fault}; the route is left out", fault.code)
        return None


class _Reader(RoutingLine):
    """The words of one line, in their order; then what depends on several of them."""

    what = "route"

    def __init__(self, statement: Statement, report: Report, *, is_static: bool) -> None:
        super().__init__(statement, report, is_static=is_static)
        self._destination: Prefix | None = None
        self._is_default = False  # the destination is everything
        self._metrics: dict[str, Metric] = {}
        self._next_hops: list[NextHop] = []
        self._or: bytes | None = None

    def read(self) -> Route:
        """Raises LineFault."""
        words = self._words
        while (word := words.next()) is not None:
            if option := _OPTIONS.get(word):
                option(self, word)
            elif word in _LOCKABLE or word in _PLAIN:
                self._metric(word)
            elif word in _KINDS:
                self._fields["kind"] = word
            else:
                self._on_destination(word)
        return self._finish()

    def _finish(self) -> Route:
        fields = self._fields
        if "kind" in fields:
            fields.setdefault("order", "add")
        destination = self._destination
        if self._is_default:
            destination = Prefix(bytes(16 if self._family == 6 else 4), 0)
        if destination is None:
            raise LineFault(
                0, "the route has no destination; write an address, ADDR/LEN or default", "route-destination"
            )
        for name in ("preference", "expires_s", "source_prefix"):
            if name in fields and self._family != 6:
                raise LineFault(0, f"{_SIX_ONLY[name]} is for IPv6 routes only; remove it", "ipv6-only-option")
        if self._or is not None:
            self._next_hops = [NextHop(via=fields.pop("via", None)), NextHop(via=self._or)]
        self._check_protocol()
        return Route(
            destination=destination,
            metrics=tuple(sorted(self._metrics.values())),
            next_hops=tuple(self._next_hops),
            **fields,
        )

    def _address(self, word: str) -> bytes:
        """The value of a word that takes an address, which settles the family."""
        found = self._words.read(word, address)
        self._settle(4 if len(found) == 4 else 6)
        return found

    # Words

    def _on_destination(self, word: str) -> None:
        if self._destination is not None or self._is_default:
            with contextlib.suppress(BadValue):
                read_prefix(word)
                raise LineFault(
                    self._words.at,
                    f"{shown(word)} is a second destination; make a line of it",
                    "route-destination-twice",
                )
            raise LineFault(
                self._words.at, f"{shown(word)} is not known in a route; {nearest(word, _KNOWN)}", "route-word"
            )
        if word in {"default", "any", "all"}:
            self._is_default = True  # of the family that the other words have
            return
        try:
            self._destination = read_prefix(word)
        except BadValue as problem:
            looks_like_one = re.match(r"[0-9a-fA-F]*[.:/]", word)
            text = str(problem) if looks_like_one else f"{shown(word)} is not known in a route; {nearest(word, _KNOWN)}"
            raise LineFault(self._words.at, text, problem.code if looks_like_one else "route-word") from None
        self._settle(self._destination.family)

    def _on_to(self, word: str) -> None:
        self._on_family_word()
        self._on_destination(self._words.value(word))

    def _on_via(self, word: str) -> None:
        if word == "gw":
            self._deprecated(word, "via")
        self._on_family_word()
        self._fields["via"] = self._address(word)

    def _on_or(self, word: str) -> None:
        self._deprecated(word, "nexthop")
        self._or = self._address(word)

    def _deprecated(self, word: str, instead: str) -> None:
        self._report.warning(
            self._statement.where(self._words.at), f"{word} is an old word; write {instead}", "old-word"
        )

    def _on_dev(self, word: str) -> None:
        self._fields["dev"] = self._words.read(word, interface_name)

    def _on_src(self, word: str) -> None:
        self._fields["source"] = self._address(word)

    def _on_from(self, word: str) -> None:
        prefix = self._words.read(word, lambda text: read_prefix(text, self._family))
        self._settle(prefix.family)
        self._fields["source_prefix"] = prefix

    def _on_table(self, word: str) -> None:
        self._fields["table"] = self._words.read(word, names.table)

    def _on_vrf(self, word: str) -> None:
        self._fields["vrf"] = self._words.read(word, interface_name)

    def _on_metric(self, word: str) -> None:
        self._fields["metric"] = self._words.number(word, 0, _U32)

    def _on_scope(self, word: str) -> None:
        self._fields["scope"] = self._words.read(word, names.scope)

    def _on_on_link(self, _word: str) -> None:
        self._fields["is_on_link"] = True

    def _metric(self, word: str) -> None:
        is_locked = word in _LOCKABLE and self._words.skip("lock")
        if word in {"rtt", "rttvar", "rto_min"}:
            value = self._words.read(word, lambda text: _milliseconds(text, _KERNELS_UNITS.get(word, 1)))
        else:
            value = self._words.number(word, 0, _LOCKABLE.get(word) or _PLAIN[word])
        self._metrics[word] = Metric(word, value, is_locked)

    def _on_congestion(self, word: str) -> None:
        self._fields["congestion_is_locked"] = self._words.skip("lock")
        self._fields["congestion"] = self._words.value(word)

    def _on_features(self, word: str) -> None:
        while self._words.skip("ecn"):
            self._fields["has_ecn"] = True
        if not self._fields.get("has_ecn"):
            feature = self._words.value(word)
            raise LineFault(
                self._words.at, f"the feature {shown(feature)} is not known; ecn is the only one", "route-feature"
            )

    def _on_pref(self, word: str) -> None:
        preference = self._words.value(word)
        if preference not in {"low", "medium", "high"}:
            raise LineFault(
                self._words.at, f"pref {shown(preference)} is not known; write low, medium or high", "route-pref"
            )
        self._fields["preference"] = preference

    def _on_expires(self, word: str) -> None:
        self._fields["expires_s"] = self._words.number(word, 0, _U32)

    def _on_ttl_propagate(self, word: str) -> None:
        text = self._words.value(word)
        if text not in {"enabled", "disabled"}:
            raise LineFault(
                self._words.at, f"ttl-propagate {shown(text)} is not known; write enabled or disabled", "ttl-propagate"
            )
        self._fields["propagates_ttl"] = text == "enabled"

    def _on_encap(self, _word: str) -> None:
        self._fields["encap"] = read_encap(self._words)

    def _on_order(self, word: str) -> None:
        self._fields["order"] = word

    def _on_as(self, word: str) -> None:
        self._words.value(word)
        raise LineFault(
            self._words.at, "as is for MPLS routes, which keepalived does not do either; remove it", "route-as"
        )

    def _on_next_hop(self, _word: str) -> None:
        """All that follows: the next hops are last in a line."""
        words = self._words
        if "via" in self._fields:
            raise LineFault(
                words.at, "a route with next hops has no via of its own; make a nexthop of it", "route-via-and-hops"
            )
        hop: dict[str, Any] = {}
        while (word := words.next()) is not None:
            if word == "nexthop":
                self._next_hop_ends(hop)
                hop = {}
            elif word == "via":
                self._on_family_word()
                hop["via"] = self._address(word)
            elif word in {"dev", "oif"}:
                hop["dev"] = words.read(word, interface_name)
            elif word == "weight":
                hop["weight"] = words.number(word, 1, _WEIGHT_MAX)
            elif word == "onlink":
                hop["is_on_link"] = True
            elif word == "realms":
                hop["realms"] = words.read(word, names.realms)
            elif word == "encap":
                hop["encap"] = read_encap(words)
            elif word in _OPTIONS or word in _LOCKABLE or word in _PLAIN:
                raise LineFault(
                    words.at,
                    f"{word} stands behind nexthop, which must be last; move it to the front",
                    "nexthop-not-last",
                )
            else:
                known = ("nexthop", "via", "dev", "weight", "onlink", "realms", "encap")
                raise LineFault(
                    words.at, f"{shown(word)} is not known in a nexthop; {nearest(word, known)}", "nexthop-word"
                )
        self._next_hop_ends(hop)

    def _next_hop_ends(self, hop: dict[str, Any]) -> None:
        if "via" not in hop and "dev" not in hop:
            raise LineFault(
                self._words.at, "a nexthop leads nowhere; write via ADDR or dev IF after it", "nexthop-nowhere"
            )
        self._next_hops.append(NextHop(**hop))


_SIX_ONLY = {"preference": "pref", "expires_s": "expires", "source_prefix": "from"}

_OPTIONS: dict[str, Callable[[_Reader, str], None]] = {
    "to": _Reader._on_to,
    "inet": _Reader._on_family,
    "inet6": _Reader._on_family,
    "via": _Reader._on_via,
    "gw": _Reader._on_via,
    "or": _Reader._on_or,
    "dev": _Reader._on_dev,
    "oif": _Reader._on_dev,
    "src": _Reader._on_src,
    "from": _Reader._on_from,
    "table": _Reader._on_table,
    "vrf": _Reader._on_vrf,
    "metric": _Reader._on_metric,
    "priority": _Reader._on_metric,
    "preference": _Reader._on_metric,
    "scope": _Reader._on_scope,
    "tos": _Reader._on_tos,
    "dsfield": _Reader._on_tos,
    "protocol": _Reader._on_protocol,
    "onlink": _Reader._on_on_link,
    "congctl": _Reader._on_congestion,
    "features": _Reader._on_features,
    "realms": _Reader._on_realms,
    "pref": _Reader._on_pref,
    "expires": _Reader._on_expires,
    "ttl-propagate": _Reader._on_ttl_propagate,
    "encap": _Reader._on_encap,
    "add": _Reader._on_order,
    "prepend": _Reader._on_order,
    "append": _Reader._on_order,
    "no_track": _Reader._on_no_track,
    "track_group": _Reader._on_track_group,
    "as": _Reader._on_as,
    "nexthop": _Reader._on_next_hop,
}
_KNOWN = (*_OPTIONS, *_LOCKABLE, *_PLAIN, *_KINDS, *_ANYWHERE)


def _milliseconds(word: str, per_ms: int) -> int:
    """`200ms`, `1.5s`, or a number of the kernel's units, of which a millisecond has `per_ms`. Raises BadValue."""
    found = _TIME.fullmatch(word)
    if not found:
        raise BadValue(f"{shown(word)} is not a time; write milliseconds, or seconds with s behind", "time")
    whole, fraction, unit = found.groups()
    thousandths = int(whole) * 1000 + int((fraction or "").ljust(3, "0"))
    value = thousandths if (unit or "ms").startswith("s") else thousandths // 1000
    if unit is None:
        value //= per_ms
    if value > _U32 // 8:  # the kernel counts some in eighths
        raise BadValue(f"{shown(word)} is too long; write a time of hours at most", "too-long")
    return value


def read_encap(words: Words) -> tuple[str, ...]:
    """Type and options of an encapsulation, in their written order. Raises LineFault."""
    kind = words.value("encap")
    if kind == "mpls":
        return kind, words.read("encap mpls", _labels)
    if kind == "ila":
        return kind, words.read("encap ila", _locator)
    options = _ENCAPS.get(kind)
    if options is None:
        raise LineFault(words.at, f"encap {shown(kind)} is not known; write one of ip, ip6, mpls or ila", "encap-type")
    found = [kind]
    while (word := words.peek()) in options:
        assert word is not None
        words.next()
        found += [word, words.read(word, options[word])]
    return tuple(found)


def _labels(word: str) -> str:
    return "/".join(str(c_integer(label, 0, (1 << 20) - 1)) for label in word.split("/"))


def _locator(word: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4}){3}", word):
        raise BadValue(
            f"{shown(word)} is not a locator; write four hexadecimal numbers with colons between", "ila-locator"
        )
    return word


def _in_range(high: int) -> Callable[[str], str]:
    def check(word: str) -> str:
        return str(c_integer(word, 0, high))

    return check


def _of_family(size: int) -> Callable[[str], str]:
    def check(word: str) -> str:
        if len(address(word)) != size:
            raise BadValue(f"{shown(word)} is of the wrong family; write IPv{4 if size == 4 else 6}", "encap-family")
        return word

    return check


def _ds_field(word: str) -> str:
    return str(names.ds_field(word))


_ENCAPS: dict[str, dict[str | None, Callable[[str], str]]] = {
    "ip": {
        "id": _in_range((1 << 64) - 1),
        "dst": _of_family(4),
        "src": _of_family(4),
        "tos": _ds_field,
        "dsfield": _ds_field,
        "ttl": _in_range(255),
        "flags": _in_range(0xFFFF),
    },
    "ip6": {
        "id": _in_range((1 << 64) - 1),
        "dst": _of_family(16),
        "src": _of_family(16),
        "tc": _ds_field,
        "hoplimit": _in_range(255),
        "flags": _in_range(0xFFFF),
    },
}
