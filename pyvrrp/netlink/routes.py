"""Routes and rules as bytes for the kernel, and what it tells them apart by. Pure: no socket, no state.

Written attribute by attribute, not by pyroute2: it takes 0.3 ms a message, which ten thousand routers with a few
routes each would notice, and it has no names for half of what a line may say (encapsulations, ttl-propagate, expires,
fastopen_no_cookie). Its decoder reads these messages in the tests, and the kernel has the last word there.

A route is removed by the message that added it, with another type: it removes exactly that one, of our protocol, and
not another to the same place. How routes are added follows keepalived: in front of routes that are equal, unless the
line says otherwise; a rule only if there is none like it, since the kernel would take it twice.

Keys are read from messages, from ours and the kernel's alike, so that the two cannot differ in spelling.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator
from functools import cache
from struct import Struct
from typing import NamedTuple

from pyroute2.netlink import NLM_F_APPEND, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST
from pyroute2.netlink.rtnl import (
    RTM_DELROUTE,
    RTM_DELRULE,
    RTM_GETROUTE,
    RTM_GETRULE,
    RTM_NEWROUTE,
    RTM_NEWRULE,
)

from pyvrrp.netlink.transport import HEADER
from pyvrrp.routing import PROTOCOL_KEEPALIVED, NextHop, Prefix, Route, Rule

_ATTRIBUTE = Struct("=HH")              # length with this header, type
_TYPE_MASK = 0x3FFF                     # without the nested and byte-order flags
_NESTED = 0x8000
_U8, _U16, _U32 = Struct("=B"), Struct("=H"), Struct("=I")
_BE16, _BE32, _BE64 = Struct(">H"), Struct(">I"), Struct(">Q")

# struct rtmsg: family, length of destination and of source, TOS, table, protocol, scope, type, flags
_RTMSG = Struct("=8BI")
_PROTOCOL_AT = HEADER.size + 5
# struct rtnexthop: length, flags, weight - 1, interface
_RTNEXTHOP = Struct("=HBBi")
_RTNH_F_ONLINK = 4
# struct fib_rule_hdr: family, length of destination and of source, TOS, table, two unused, action, flags
_FIB_RULE = Struct("=8BI")
_FIB_RULE_INVERT = 2

# linux/rtnetlink.h
_RTA_DST, _RTA_SRC, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_PREFSRC = 1, 2, 4, 5, 6, 7
_RTA_METRICS, _RTA_MULTIPATH, _RTA_FLOW, _RTA_TABLE, _RTA_PREF = 8, 9, 11, 15, 20
_RTA_ENCAP_TYPE, _RTA_ENCAP, _RTA_EXPIRES, _RTA_TTL_PROPAGATE = 21, 22, 23, 26
_RTAX = {
    "mtu": 2, "window": 3, "rtt": 4, "rttvar": 5, "ssthresh": 6, "cwnd": 7, "advmss": 8, "reordering": 9,
    "hoplimit": 10, "initcwnd": 11, "rto_min": 13, "initrwnd": 14, "quickack": 15, "fastopen_no_cookie": 17,
}  # fmt: skip
_RTAX_LOCK, _RTAX_FEATURES, _RTAX_CC_ALGO = 1, 12, 16
_RTAX_FEATURE_ECN = 1
_IN_EIGHTHS = {"rtt": 8, "rttvar": 4}   # of a millisecond, and in quarters: as the kernel measures them
_KINDS = {
    "unicast": 1, "local": 2, "broadcast": 3, "anycast": 4, "multicast": 5, "blackhole": 6, "unreachable": 7,
    "prohibit": 8, "throw": 9, "nat": 10, "xresolve": 11,
}  # fmt: skip
_LEAST_SCOPES = {"local": 254, "nat": 254, "broadcast": 253, "anycast": 253, "multicast": 253}
_PREFERENCES = {"low": 3, "medium": 0, "high": 1}       # RFC 4191 s2.1
_ORDERS = {"prepend": 0, "append": NLM_F_APPEND, "add": NLM_F_EXCL}
_IP6_RT_PRIO_USER = 1024                # the metric of an IPv6 route that names none

# linux/lwtunnel.h, linux/mpls_iptunnel.h, linux/ila.h
_ENCAP_TYPES = {"mpls": 1, "ip": 2, "ila": 3, "ip6": 4}
_ENCAP_OPTIONS = {
    "id": (1, 8), "dst": (2, 0), "src": (3, 0), "ttl": (4, 1), "hoplimit": (4, 1), "tos": (5, 1), "dsfield": (5, 1),
    "tc": (5, 1), "flags": (6, 2),
}  # fmt: skip
_MPLS_LABEL_SHIFT, _MPLS_BOTTOM = 12, 0x100

# linux/fib_rules.h
_FRA_DST, _FRA_SRC, _FRA_IIFNAME, _FRA_GOTO, _FRA_PRIORITY, _FRA_FWMARK = 1, 2, 3, 4, 6, 10
_FRA_FLOW, _FRA_TUN_ID, _FRA_SUPPRESS_IFGROUP, _FRA_SUPPRESS_PREFIXLEN = 11, 12, 13, 14
_FRA_TABLE, _FRA_FWMASK, _FRA_OIFNAME, _FRA_L3MDEV, _FRA_UID_RANGE = 15, 16, 17, 19, 20
_FRA_PROTOCOL, _FRA_IP_PROTO, _FRA_SPORT_RANGE, _FRA_DPORT_RANGE = 21, 22, 23, 24
_FRA_OF_KEY = frozenset((
    _FRA_DST, _FRA_SRC, _FRA_IIFNAME, _FRA_GOTO, _FRA_FWMARK, _FRA_TUN_ID, _FRA_TABLE, _FRA_FWMASK, _FRA_OIFNAME,
    _FRA_L3MDEV, _FRA_UID_RANGE, _FRA_IP_PROTO, _FRA_SPORT_RANGE, _FRA_DPORT_RANGE,
))  # fmt: skip
_ACTIONS = {"lookup": 1, "goto": 2, "nop": 3, "blackhole": 6, "unreachable": 7, "prohibit": 8}


class RouteKey(NamedTuple):
    """What tells a route of ours from others; `ifindex` 0 is any interface."""

    family: int                 # AF_INET, AF_INET6
    table: int
    destination: bytes          # empty: everything
    prefix_len: int
    tos: int
    metric: int
    kind: int
    gateway: bytes              # empty: none, or several next hops
    ifindex: int


class RuleKey(NamedTuple):
    """What tells rules apart."""

    family: int
    lengths: tuple[int, int]    # of destination and source
    tos: int
    action: int
    is_inverted: bool
    priority: int
    attributes: tuple[tuple[int, bytes], ...]


def route_messages(route: Route, index_of: Callable[[str], int], table: int) -> tuple[bytes, bytes]:
    """Return the RTM_NEWROUTE and the RTM_DELROUTE of `route`; sequence numbers are 0.

    index_of: the interface index of a name. table: where it goes, which a VRF may decide.
    """
    family = _family(route.family)
    source_len = route.source_prefix.length if route.source_prefix is not None else 0
    body = bytearray(
        _RTMSG.pack(
            family,
            route.destination.length,
            source_len,
            route.tos,
            table if table < 256 else 0,
            route.protocol,
            route.scope or _LEAST_SCOPES.get(route.kind, 0),
            _KINDS[route.kind],
            _RTNH_F_ONLINK if route.is_on_link else 0,
        )
    )
    if route.destination.length:
        body += _attribute(_RTA_DST, _network(route.destination))
    if route.source_prefix is not None and source_len:
        body += _attribute(_RTA_SRC, _network(route.source_prefix))
    body += _attribute(_RTA_TABLE, _U32.pack(table))
    body += _way(route.via, route.encap, route.realms)
    if route.dev is not None:
        body += _attribute(_RTA_OIF, _U32.pack(index_of(route.dev)))
    if route.source is not None:
        body += _attribute(_RTA_PREFSRC, route.source)
    if metric := _metric(route):
        body += _attribute(_RTA_PRIORITY, _U32.pack(metric))
    if metrics := _metrics(route):
        body += _attribute(_RTA_METRICS | _NESTED, metrics)
    if route.preference is not None:
        body += _attribute(_RTA_PREF, _U8.pack(_PREFERENCES[route.preference]))
    if route.expires_s is not None:
        body += _attribute(_RTA_EXPIRES, _U32.pack(route.expires_s))
    if route.propagates_ttl is not None:
        body += _attribute(_RTA_TTL_PROPAGATE, _U8.pack(route.propagates_ttl))
    if route.next_hops:
        body += _attribute(_RTA_MULTIPATH, b"".join(_next_hop(hop, index_of) for hop in route.next_hops))
    return (
        _message(RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_CREATE | _ORDERS[route.order], body),
        _message(RTM_DELROUTE, NLM_F_REQUEST, body),
    )


def rule_messages(rule: Rule) -> tuple[bytes, bytes]:
    """Return the RTM_NEWRULE and the RTM_DELRULE of `rule`; sequence numbers are 0."""
    table = rule.target if rule.action == "lookup" and rule.target is not None else 0
    source, destination = rule.source, rule.destination
    body = bytearray(
        _FIB_RULE.pack(
            _family(rule.family),
            destination.length if destination is not None else 0,
            source.length if source is not None else 0,
            rule.tos,
            table if table < 256 else 0,
            0,
            0,
            _ACTIONS[rule.action],
            _FIB_RULE_INVERT if rule.is_inverted else 0,
        )
    )
    for kind, prefix in ((_FRA_DST, destination), (_FRA_SRC, source)):
        if prefix is not None and prefix.length:
            body += _attribute(kind, prefix.address)
    for kind, name in ((_FRA_IIFNAME, rule.iif), (_FRA_OIFNAME, rule.oif)):
        if name is not None:
            body += _attribute(kind, name.encode() + b"\0")
    body += _attribute(_FRA_PRIORITY, _U32.pack(rule.priority))
    if rule.fwmark is not None:
        body += _attribute(_FRA_FWMARK, _U32.pack(rule.fwmark[0])) + _attribute(_FRA_FWMASK, _U32.pack(rule.fwmark[1]))
    if rule.realms is not None:
        body += _attribute(_FRA_FLOW, _U32.pack(rule.realms[0] << 16 | rule.realms[1]))
    if rule.tunnel_id is not None:
        body += _attribute(_FRA_TUN_ID, _BE64.pack(rule.tunnel_id))
    for kind, number in (
        (_FRA_SUPPRESS_IFGROUP, rule.suppress_group),
        (_FRA_SUPPRESS_PREFIXLEN, rule.suppress_prefix_length),
    ):
        if number is not None:
            body += _attribute(kind, _U32.pack(number))
    if rule.action == "goto":
        body += _attribute(_FRA_GOTO, _U32.pack(rule.target or 0))
    elif table:
        body += _attribute(_FRA_TABLE, _U32.pack(table))
    elif rule.action == "lookup":
        body += _attribute(_FRA_L3MDEV, _U8.pack(1))
    if rule.uid_range is not None:
        body += _attribute(_FRA_UID_RANGE, b"".join(map(_U32.pack, rule.uid_range)))
    body += _attribute(_FRA_PROTOCOL, _U8.pack(rule.protocol))
    if rule.ip_protocol is not None:
        body += _attribute(_FRA_IP_PROTO, _U8.pack(rule.ip_protocol))
    for kind, ports in ((_FRA_SPORT_RANGE, rule.source_ports), (_FRA_DPORT_RANGE, rule.destination_ports)):
        if ports is not None:
            body += _attribute(kind, b"".join(map(_U16.pack, ports)))
    return (
        _message(RTM_NEWRULE, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL, body),
        _message(RTM_DELRULE, NLM_F_REQUEST, body),
    )


def _message(kind: int, flags: int, body: bytes | bytearray) -> bytes:
    return HEADER.pack(HEADER.size + len(body), kind, flags, 0, 0) + body


def _attribute(kind: int, value: bytes) -> bytes:
    data = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value
    return data + bytes(-len(data) % 4)


def _family(number: int) -> int:
    return socket.AF_INET if number == 4 else socket.AF_INET6


def _network(prefix: Prefix) -> bytes:
    """The address without its host bits: with them the kernel refuses a route."""
    host_bits = len(prefix.address) * 8 - prefix.length
    return (int.from_bytes(prefix.address) >> host_bits << host_bits).to_bytes(len(prefix.address))


def _metric(route: Route) -> int:
    return route.metric or (_IP6_RT_PRIO_USER if route.family == 6 else 0)


def _way(via: bytes | None, encap: tuple[str, ...], realms: tuple[int, int] | None) -> bytes:
    data = b"" if via is None else _attribute(_RTA_GATEWAY, via)
    if realms is not None:
        data += _attribute(_RTA_FLOW, _U32.pack(realms[0] << 16 | realms[1]))
    if encap:
        data += _attribute(_RTA_ENCAP_TYPE, _U16.pack(_ENCAP_TYPES[encap[0]]))
        data += _attribute(_RTA_ENCAP | _NESTED, _encap(*encap))
    return data


def _next_hop(hop: NextHop, index_of: Callable[[str], int]) -> bytes:
    attributes = _way(hop.via, hop.encap, hop.realms)
    index = index_of(hop.dev) if hop.dev is not None else 0
    flags = _RTNH_F_ONLINK if hop.is_on_link else 0
    return _RTNEXTHOP.pack(_RTNEXTHOP.size + len(attributes), flags, hop.weight - 1, index) + attributes


def _metrics(route: Route) -> bytes:
    data, locked = b"", 0
    for metric in route.metrics:
        number = _RTAX[metric.name]
        data += _attribute(number, _U32.pack(metric.value * _IN_EIGHTHS.get(metric.name, 1)))
        locked |= metric.is_locked << number
    if route.has_ecn:
        data += _attribute(_RTAX_FEATURES, _U32.pack(_RTAX_FEATURE_ECN))
    if route.congestion is not None:
        data += _attribute(_RTAX_CC_ALGO, route.congestion.encode() + b"\0")
        locked |= route.congestion_is_locked << _RTAX_CC_ALGO
    return (_attribute(_RTAX_LOCK, _U32.pack(locked)) if locked else b"") + data


def _encap(kind: str, *options: str) -> bytes:
    if kind == "mpls":
        labels = [int(label, 0) << _MPLS_LABEL_SHIFT for label in options[0].split("/")]
        labels[-1] |= _MPLS_BOTTOM
        return _attribute(1, b"".join(map(_BE32.pack, labels)))
    if kind == "ila":
        return _attribute(1, b"".join(_BE16.pack(int(part, 16)) for part in options[0].split(":")))
    data = b""
    for name, text in zip(options[::2], options[1::2], strict=True):
        number, size = _ENCAP_OPTIONS[name]
        value = int(text, 0).to_bytes(size, "big") if size else ipaddress.ip_address(text).packed
        data += _attribute(number, value)
    return data


# Keys


def _attributes(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size or at + length > len(data):
            return
        yield kind & _TYPE_MASK, data[at + _ATTRIBUTE.size : at + length]
        at += length + 3 & ~3


def is_keepalived_route(data: bytes) -> bool:
    """Whether a message is about a route of keepalived's protocol. Every address brings routes of the kernel's own."""
    return len(data) > _PROTOCOL_AT and data[_PROTOCOL_AT] == PROTOCOL_KEEPALIVED


def route_key(data: bytes) -> RouteKey | None:
    """Return the key of the route that a whole message is about. None: it is not about IPv4 or IPv6."""
    if len(data) < HEADER.size + _RTMSG.size:
        return None
    family, prefix_len, _, tos, table, _, _, kind, _ = _RTMSG.unpack_from(data, HEADER.size)
    if family not in (socket.AF_INET, socket.AF_INET6):
        return None
    destination, gateway, metric, ifindex = b"", b"", 0, 0
    for number, value in _attributes(data, HEADER.size + _RTMSG.size):
        if number == _RTA_DST:
            destination = value
        elif number == _RTA_GATEWAY:
            gateway = value
        elif number == _RTA_TABLE:
            (table,) = _U32.unpack(value)
        elif number == _RTA_PRIORITY:
            (metric,) = _U32.unpack(value)
        elif number == _RTA_OIF:
            (ifindex,) = _U32.unpack(value)
    return RouteKey(family, table, destination, prefix_len, tos, metric, kind, gateway, ifindex)


def rule_key(data: bytes) -> RuleKey | None:
    """Return the key of the rule that a whole message is about. None: it is not about IPv4 or IPv6."""
    if len(data) < HEADER.size + _FIB_RULE.size:
        return None
    family, to_len, from_len, tos, _, _, _, action, flags = _FIB_RULE.unpack_from(data, HEADER.size)
    if family not in (socket.AF_INET, socket.AF_INET6):
        return None
    priority, kept = 0, []
    for number, value in _attributes(data, HEADER.size + _FIB_RULE.size):
        if number == _FRA_PRIORITY:
            (priority,) = _U32.unpack(value)
        elif number in _FRA_OF_KEY and any(value):      # the kernel leaves zeros out, or not
            kept.append((number, value))
    is_inverted = bool(flags & _FIB_RULE_INVERT)
    return RuleKey(family, (to_len, from_len), tos, action, is_inverted, priority, tuple(sorted(kept)))


def any_interface(key: RouteKey) -> RouteKey:
    """The key of a route whose line names no interface: the kernel has chosen that of `key`."""
    return key._replace(ifindex=0)


@cache
def routing_dumps() -> tuple[bytes, ...]:
    """Return the requests for all routes of keepalived's protocol, and for all rules.

    A kernel before 4.20 does not know the filter and lists all routes; those of others are left out as they come.
    """
    families = socket.AF_INET, socket.AF_INET6
    flags = NLM_F_REQUEST | NLM_F_DUMP
    routes = [_RTMSG.pack(family, 0, 0, 0, 0, PROTOCOL_KEEPALIVED, 0, 0, 0) for family in families]
    rules = [_FIB_RULE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0) for family in families]
    return (
        *(_message(RTM_GETROUTE, flags, body) for body in routes),
        *(_message(RTM_GETRULE, flags, body) for body in rules),
    )

