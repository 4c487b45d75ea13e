"""Routes and rules as values: what a line of virtual_routes or virtual_rules means. No file, no socket.

As a text each is a line that the configuration reads back as the same value. Numbers stand where ip(8) has names:
the names are the host's. Addresses are bytes in network order.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import NamedTuple

PROTOCOL_KEEPALIVED = 18                # RTPROT_KEEPALIVED
TABLE_MAIN = 254                        # RT_TABLE_MAIN


class Prefix(NamedTuple):
    """A network, or a host with the whole length."""

    address: bytes
    length: int

    @property
    def family(self) -> int:
        return 4 if len(self.address) == 4 else 6

    def __str__(self) -> str:
        return f"{_text(self.address)}/{self.length}"


class Metric(NamedTuple):
    """One of the settings that a route hands to connections: `mtu`, `advmss` and so on (ip-route(8))."""

    name: str
    value: int                          # times (rtt, rttvar, rto_min) are in milliseconds
    is_locked: bool = False             # the kernel does not change it by what it measures

    def __str__(self) -> str:
        return f"{self.name} {'lock ' if self.is_locked else ''}{self.value}{'ms' if self.name in TIMES else ''}"


TIMES = frozenset(("rtt", "rttvar", "rto_min"))


@dataclass(frozen=True, slots=True, kw_only=True)
class NextHop:
    """One of several ways that a route shares its packets among."""

    via: bytes | None = None
    dev: str | None = None
    weight: int = 1
    is_on_link: bool = False
    realms: tuple[int, int] | None = None
    encap: tuple[str, ...] = ()         # as Route

    def __str__(self) -> str:
        words = ["nexthop", *_way(self.via, self.dev)]
        if self.weight != 1:
            words += ["weight", str(self.weight)]
        if self.is_on_link:
            words.append("onlink")
        words += _realms(self.realms)
        if self.encap:
            words += ["encap", *self.encap]
        return " ".join(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route of a MASTER, or a static one."""

    destination: Prefix                 # length 0: the default route
    kind: str = "unicast"               # or blackhole, unreachable, prohibit, throw, local, ...
    via: bytes | None = None
    dev: str | None = None
    table: int = TABLE_MAIN
    vrf: str | None = None              # the table of this VRF instead
    metric: int | None = None           # None: the kernel's default
    scope: int = 0                      # RT_SCOPE_*; 0 is global
    source: bytes | None = None         # `src`: the source address of packets that the host itself sends there
    source_prefix: Prefix | None = None     # `from`: IPv6 only, packets from there
    tos: int = 0
    protocol: int = PROTOCOL_KEEPALIVED
    is_on_link: bool = False
    metrics: tuple[Metric, ...] = ()    # by name: their order in the line means nothing
    congestion: str | None = None       # `congctl`: the algorithm
    congestion_is_locked: bool = False
    has_ecn: bool = False               # `features ecn`
    realms: tuple[int, int] | None = None   # from, to
    preference: str | None = None       # `pref`: low, medium or high (RFC 4191)
    expires_s: int | None = None
    propagates_ttl: bool | None = None  # out of an MPLS network; None: as the kernel is set
    encap: tuple[str, ...] = ()         # type and options, checked; numbers are decimal
    next_hops: tuple[NextHop, ...] = ()
    order: str = "prepend"              # or append, add: beside routes that are equal; add where a line names a kind
    is_tracked: bool = True             # losing it, or the link of its dev, counts as losing an address
    track_group: str | None = None      # of a static route

    @property
    def family(self) -> int:
        return self.destination.family

    @property
    def devs(self) -> tuple[str, ...]:
        """The interfaces that it names."""
        names = (self.dev, self.vrf, *(hop.dev for hop in self.next_hops))
        return tuple(dict.fromkeys(name for name in names if name is not None))

    def __str__(self) -> str:
        words = [] if self.kind == "unicast" else [self.kind]
        words.append(str(self.destination))
        if self.source_prefix is not None:
            words += ["from", str(self.source_prefix)]
        if self.encap:
            words += ["encap", *self.encap]
        words += _way(self.via, self.dev)
        if self.source is not None:
            words += ["src", _text(self.source)]
        if self.vrf is not None:
            words += ["vrf", self.vrf]
        elif self.table != TABLE_MAIN:
            words += ["table", str(self.table)]
        if self.metric is not None:
            words += ["metric", str(self.metric)]
        if self.scope:
            words += ["scope", str(self.scope)]
        if self.tos:
            words += ["tos", str(self.tos)]
        if self.protocol != PROTOCOL_KEEPALIVED:
            words += ["protocol", str(self.protocol)]
        if self.is_on_link:
            words.append("onlink")
        words += [str(metric) for metric in self.metrics]
        if self.congestion is not None:
            words += ["congctl", *(["lock"] if self.congestion_is_locked else []), self.congestion]
        if self.has_ecn:
            words += ["features", "ecn"]
        words += _realms(self.realms)
        if self.preference is not None:
            words += ["pref", self.preference]
        if self.expires_s is not None:
            words += ["expires", str(self.expires_s)]
        if self.propagates_ttl is not None:
            words += ["ttl-propagate", "enabled" if self.propagates_ttl else "disabled"]
        if self.order != ("prepend" if self.kind == "unicast" else "add"):
            words.append(self.order)
        if not self.is_tracked:
            words.append("no_track")
        if self.track_group is not None:
            words += ["track_group", self.track_group]
        words += [str(hop) for hop in self.next_hops]
        return " ".join(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a MASTER, or a static one: which packets, and what becomes of them."""

    family: int
    priority: int                       # the rule with the lowest is asked first
    action: str                         # lookup, goto, nop, blackhole, prohibit, unreachable
    target: int | None = None           # of lookup: the table (None: that of the VRF, l3mdev); of goto: the priority
    is_inverted: bool = False           # `not`
    source: Prefix | None = None
    destination: Prefix | None = None
    iif: str | None = None
    oif: str | None = None
    tos: int = 0
    fwmark: tuple[int, int] | None = None   # mark and mask
    uid_range: tuple[int, int] | None = None
    ip_protocol: int | None = None
    source_ports: tuple[int, int] | None = None
    destination_ports: tuple[int, int] | None = None
    tunnel_id: int | None = None
    realms: tuple[int, int] | None = None
    suppress_prefix_length: int | None = None
    suppress_group: int | None = None
    protocol: int = PROTOCOL_KEEPALIVED
    is_tracked: bool = True
    track_group: str | None = None

    @property
    def devs(self) -> tuple[str, ...]:
        """The interfaces that it names."""
        return tuple(name for name in (self.iif, self.oif) if name is not None)

    def __str__(self) -> str:
        words = ["not"] if self.is_inverted else []
        if self.family == 6 and self.source is None and self.destination is None:
            words.append("inet6")
        for name, prefix in (("from", self.source), ("to", self.destination)):
            if prefix is not None:
                words += [name, str(prefix)]
        for name, text in (("iif", self.iif), ("oif", self.oif)):
            if text is not None:
                words += [name, text]
        if self.tos:
            words += ["tos", str(self.tos)]
        if self.fwmark is not None:
            words += ["fwmark", f"{self.fwmark[0]:#x}/{self.fwmark[1]:#x}"]
        for name, pair in (("uidrange", self.uid_range), ("sport", self.source_ports)):
            if pair is not None:
                words += [name, f"{pair[0]}-{pair[1]}"]
        if self.destination_ports is not None:
            words += ["dport", f"{self.destination_ports[0]}-{self.destination_ports[1]}"]
        for name, number in (
            ("ipproto", self.ip_protocol),
            ("tunnel-id", self.tunnel_id),
            ("suppress_prefixlength", self.suppress_prefix_length),
            ("suppress_ifgroup", self.suppress_group),
        ):
            if number is not None:
                words += [name, str(number)]
        words += _realms(self.realms)
        if self.protocol != PROTOCOL_KEEPALIVED:
            words += ["protocol", str(self.protocol)]
        words += ["priority", str(self.priority)]
        if self.action == "lookup":
            words += ["l3mdev"] if self.target is None else ["table", str(self.target)]
        elif self.action == "goto":
            words += ["goto", str(self.target)]
        else:
            words.append(self.action)
        if not self.is_tracked:
            words.append("no_track")
        if self.track_group is not None:
            words += ["track_group", self.track_group]
        return " ".join(words)


def _text(address: bytes) -> str:
    return str(ipaddress.ip_address(address))


def _way(via: bytes | None, dev: str | None) -> list[str]:
    return [*(["via", _text(via)] if via is not None else []), *(["dev", dev] if dev is not None else [])]


def _realms(realms: tuple[int, int] | None) -> list[str]:
    return [] if realms is None else ["realms", f"{realms[0]}/{realms[1]}"]
