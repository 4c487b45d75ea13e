"""Routes and rules as bytes: what pyroute2's decoder and the kernel's headers make of them."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from pyroute2.netlink.rtnl import RTM_DELROUTE, RTM_DELRULE, RTM_NEWROUTE, RTM_NEWRULE
from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from pyvrrp.netlink.links import Link
from pyvrrp.netlink.objects import make_item
from pyvrrp.netlink.routes import (
    any_interface,
    is_keepalived_route,
    route_key,
    route_messages,
    routing_dumps,
    rule_key,
    rule_messages,
)
from pyvrrp.routing import Metric, NextHop, Prefix, Route, Rule

INDEXES = {"eth0": 7, "eth1": 8}
REQUEST, CREATE, EXCL, APPEND = 0x1, 0x400, 0x200, 0x800


def packed(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def prefix(text: str) -> Prefix:
    network = ipaddress.ip_interface(text)
    return Prefix(network.ip.packed, network.network.prefixlen)


def encoded(route: Route, table: int = 254) -> tuple[bytes, bytes]:
    return route_messages(route, INDEXES.__getitem__, table)


def read_route(data: bytes) -> rtmsg:
    message = rtmsg(data)
    message.decode()
    assert message["header"]["length"] == len(data)
    assert message["header"]["sequence_number"] == 0
    return message


def read_rule(data: bytes) -> fibmsg:
    message = fibmsg(data)
    message.decode()
    assert message["header"]["length"] == len(data)
    return message


def attributes(message: rtmsg | fibmsg) -> dict[str, object]:
    return {name: message.get_attr(name) for name, _ in message["attrs"]}


def test_a_route_with_a_gateway() -> None:
    route = Route(destination=prefix("10.1.0.0/16"), via=packed("192.0.2.9"), dev="eth0", source=packed("192.0.2.1"))
    add, delete = encoded(route)
    message = read_route(add)
    assert message["header"]["type"] == RTM_NEWROUTE
    assert message["header"]["flags"] == REQUEST | CREATE
    header = [message[name] for name in ("family", "dst_len", "src_len", "tos", "table", "proto", "scope", "type")]
    assert header == [2, 16, 0, 0, 254, 18, 0, 1]
    assert attributes(message) == {
        "RTA_DST": "10.1.0.0",
        "RTA_TABLE": 254,
        "RTA_GATEWAY": "192.0.2.9",
        "RTA_OIF": 7,
        "RTA_PREFSRC": "192.0.2.1",
    }
    gone = read_route(delete)
    assert (gone["header"]["type"], gone["header"]["flags"]) == (RTM_DELROUTE, REQUEST)
    assert attributes(gone) == attributes(message)


@pytest.mark.parametrize(
    ("order", "flags"), [("prepend", CREATE), ("append", CREATE | APPEND), ("add", CREATE | EXCL)]
)
def test_where_among_equals(order: str, flags: int) -> None:
    add, _ = encoded(Route(destination=prefix("10.1.0.0/16"), dev="eth0", order=order))
    assert read_route(add)["header"]["flags"] == REQUEST | flags


def test_a_large_table_does_not_fit_its_byte() -> None:
    message = read_route(encoded(Route(destination=prefix("0.0.0.0/0"), dev="eth0"), 1000)[0])
    assert message["table"] == 0
    assert attributes(message) == {"RTA_TABLE": 1000, "RTA_OIF": 7}       # a default route has no destination


@pytest.mark.parametrize(
    ("kind", "number", "scope"), [("blackhole", 6, 0), ("unreachable", 7, 0), ("prohibit", 8, 0), ("throw", 9, 0),
                                  ("local", 2, 254), ("broadcast", 3, 253)]
)
def test_kinds(kind: str, number: int, scope: int) -> None:
    message = read_route(encoded(Route(destination=prefix("10.1.0.0/16"), kind=kind))[0])
    assert (message["type"], message["scope"]) == (number, scope)


def test_host_bits_are_cleared() -> None:
    message = read_route(encoded(Route(destination=prefix("2001:db8:1:2::5/33")))[0])
    assert attributes(message)["RTA_DST"] == "2001:db8::"
    message = read_route(encoded(Route(destination=prefix("10.1.2.3/15")))[0])
    assert attributes(message)["RTA_DST"] == "10.0.0.0"


def test_ipv6_has_the_metric_that_the_kernel_would_give() -> None:
    for metric, number in ((None, 1024), (0, 1024), (5, 5)):
        route = Route(destination=prefix("2001:db8::/32"), metric=metric)
        assert attributes(read_route(encoded(route)[0]))["RTA_PRIORITY"] == number
    route = Route(destination=prefix("2001:db8::/32"), preference="low", expires_s=60, source_prefix=prefix("fd00::/8"))
    data = encoded(route)[0]
    assert read_route(data)["src_len"] == 8
    found = attributes(read_route(data))
    assert (found["RTA_PREF"], found["RTA_SRC"]) == (3, "fd00::")
    assert struct.pack("=HHI", 8, 23, 60) in data                            # RTA_EXPIRES


def test_metrics() -> None:
    metrics = (
        Metric("advmss", 1300),
        Metric("mtu", 1400, is_locked=True),
        Metric("rto_min", 100),
        Metric("rtt", 200),
        Metric("rttvar", 80, is_locked=True),
    )
    route = Route(
        destination=prefix("10.1.0.0/16"), metrics=metrics, congestion="cubic", has_ecn=True, propagates_ttl=False
    )
    data = encoded(route)[0]
    found = dict(read_route(data).get_attr("RTA_METRICS")["attrs"])
    assert found == {
        "RTAX_LOCK": 1 << 2 | 1 << 5,
        "RTAX_ADVMSS": 1300,
        "RTAX_MTU": 1400,
        "RTAX_RTO_MIN": 100,
        "RTAX_RTT": 1600,           # in eighths of a millisecond
        "RTAX_RTTVAR": 320,         # in quarters
        "RTAX_FEATURES": 1,
        "RTAX_CC_ALGO": "cubic",
    }
    assert struct.pack("=HHB3x", 5, 26, 0) in data                           # RTA_TTL_PROPAGATE
    data = encoded(Route(destination=prefix("10.1.0.0/16"), metrics=(Metric("fastopen_no_cookie", 1),)))[0]
    assert struct.pack("=HHHHI", 12, 0x8008, 8, 17, 1) in data


def test_next_hops() -> None:
    hops = (
        NextHop(via=packed("192.0.2.9"), dev="eth0", weight=2),
        NextHop(dev="eth1", is_on_link=True, realms=(1, 2)),
    )
    found = attributes(read_route(encoded(Route(destination=prefix("10.1.0.0/16"), next_hops=hops))[0]))
    first, second = found["RTA_MULTIPATH"]
    assert (first["oif"], first["hops"], first["flags"], first.get_attr("RTA_GATEWAY")) == (7, 1, 0, "192.0.2.9")
    assert (second["oif"], second["hops"], second["flags"], second.get_attr("RTA_FLOW")) == (8, 0, 4, 0x10002)


@pytest.mark.parametrize(
    ("encap", "kind", "nest"),
    [
        # linux/mpls_iptunnel.h: labels in the upper 20 bits, the last one marked
        (("mpls", "100/200"), 1, "0c000100" "00064000" "000c8100"),
        # linux/lwtunnel.h: id 5, dst, ttl; numbers of more than one byte in network order
        (
            ("ip", "id", "5", "dst", "192.0.2.7", "ttl", "64"),
            2,
            "0c000100" "0000000000000005" "08000200" "c0000207" "05000400" "40000000",
        ),
        (("ila", "1:2:3:4"), 3, "0c000100" "0001000200030004"),
        (("ip6", "tc", "184", "flags", "1"), 4, "05000500" "b8000000" "06000600" "00010000"),
    ],
)
def test_encapsulations(encap: tuple[str, ...], kind: int, nest: str) -> None:
    data = encoded(Route(destination=prefix("10.1.0.0/16"), dev="eth0", encap=encap))[0]
    inner = bytes.fromhex(nest)
    assert struct.pack("=HHH2x", 6, 21, kind) + struct.pack("=HH", 4 + len(inner), 0x8016) + inner in data


def test_a_rule_with_everything() -> None:
    rule = Rule(
        family=4, priority=1000, action="lookup", target=1000, is_inverted=True, source=prefix("192.0.2.0/24"),
        destination=prefix("10.0.0.0/8"), iif="eth0", oif="eth1", tos=16, fwmark=(5, 7), uid_range=(10, 20),
        ip_protocol=6, source_ports=(1, 2), destination_ports=(80, 443), tunnel_id=9, realms=(1, 2),
        suppress_prefix_length=0, suppress_group=3,
    )  # fmt: skip
    add, delete = rule_messages(rule)
    message = read_rule(add)
    assert message["header"]["type"] == RTM_NEWRULE
    assert message["header"]["flags"] == REQUEST | CREATE | EXCL        # else the kernel would take it twice
    header = [message[name] for name in ("family", "dst_len", "src_len", "tos", "table", "action", "flags")]
    assert header == [2, 8, 24, 16, 0, 1, 2]
    assert attributes(message) == {
        "FRA_DST": "10.0.0.0", "FRA_SRC": "192.0.2.0", "FRA_IIFNAME": "eth0", "FRA_OIFNAME": "eth1",
        "FRA_PRIORITY": 1000, "FRA_FWMARK": 5, "FRA_FWMASK": 7, "FRA_FLOW": 0x10002, "FRA_TUN_ID": 9,
        "FRA_SUPPRESS_IFGROUP": 3, "FRA_SUPPRESS_PREFIXLEN": 0, "FRA_TABLE": 1000, "FRA_UID_RANGE": "10:20",
        "FRA_PROTOCOL": 18, "FRA_IP_PROTO": 6, "FRA_SPORT_RANGE": "1:2", "FRA_DPORT_RANGE": "80:443",
    }  # fmt: skip
    assert read_rule(delete)["header"]["type"] == RTM_DELRULE
    assert attributes(read_rule(delete)) == attributes(message)


@pytest.mark.parametrize(
    ("action", "target", "number", "found"),
    [
        ("goto", 2000, 2, {"FRA_GOTO": 2000}),
        ("nop", None, 3, {}),
        ("prohibit", None, 8, {}),
        ("lookup", None, 1, {"FRA_L3MDEV": 1}),
        ("lookup", 100, 1, {"FRA_TABLE": 100}),
    ],
)
def test_actions(action: str, target: int | None, number: int, found: dict[str, int]) -> None:
    message = read_rule(rule_messages(Rule(family=6, priority=1, action=action, target=target))[0])
    assert (message["family"], message["action"]) == (10, number)
    assert attributes(message) == {"FRA_PRIORITY": 1, "FRA_PROTOCOL": 18} | found


def test_keys_tell_apart_what_the_kernel_tells_apart() -> None:
    def key(**more: object) -> object:
        return route_key(encoded(Route(destination=prefix("10.1.0.0/16"), **more))[1])

    plain = key()
    assert plain == key(metrics=(Metric("mtu", 1400),))
    others = [key(metric=5), key(via=packed("192.0.2.9")), key(dev="eth0"), key(tos=16), key(kind="blackhole")]
    assert len({plain, *others}) == 6
    on_eth0 = key(dev="eth0")
    assert any_interface(on_eth0) == plain
    assert route_key(encoded(Route(destination=prefix("10.1.0.0/16")), 100)[1]) != plain
    assert route_key(b"\0" * 20) is None


def test_only_routes_of_keepalived_are_looked_at() -> None:
    ours = Route(destination=prefix("10.1.0.0/16"))
    foreign = Route(destination=prefix("10.1.0.0/16"), protocol=4, is_tracked=False)
    assert is_keepalived_route(encoded(ours)[0])
    assert not is_keepalived_route(encoded(foreign)[0])
    assert not is_keepalived_route(b"")
    for request in routing_dumps()[:2]:
        assert is_keepalived_route(request)


def test_rule_keys() -> None:
    def key(**more: object) -> object:
        return rule_key(rule_messages(Rule(family=4, priority=1000, action="lookup", target=100, **more))[1])

    assert key() == key(suppress_prefix_length=0) == key(protocol=4, is_tracked=False)
    others = [key(iif="eth0"), key(oif="eth0"), key(source=prefix("10.0.0.0/8")), key(source=prefix("10.0.0.0/9")),
              key(is_inverted=True), key(fwmark=(1, 1)), key(fwmark=(1, 3)), key(ip_protocol=6)]
    assert len({key(), *others}) == 9
    assert rule_key(b"\0" * 40) is None


def test_a_route_waits_for_its_interfaces() -> None:
    def link(index: int, name: str, table: int = 0) -> Link:
        return Link(index, name, True, b"", 1500, (), table)

    hops = (NextHop(dev="eth0"), NextHop(dev="eth1"))
    route = Route(destination=prefix("10.1.0.0/16"), next_hops=hops)
    item = make_item(route, {"eth0": link(7, "eth0")})
    assert (item.add, item.present, item.names) == (b"", False, ("eth0", "eth1", ""))
    links = {"eth0": link(7, "eth0"), "eth1": link(8, "eth1")}
    assert not item.is_current(links)
    item = make_item(route, links)
    assert item.is_current(links)
    assert item.present is None
    assert item.indexes == (7, 8)
    assert item.can_exist({7, 8})
    assert not item.can_exist({7})
    in_vrf = Route(destination=prefix("10.1.0.0/16"), vrf="red")
    assert not make_item(in_vrf, {"red": link(9, "red")}).add            # an interface, but no VRF
    assert route_key(make_item(in_vrf, {"red": link(9, "red", 1001)}).add).table == 1001


def test_what_counts_as_there() -> None:
    exists = 17
    prepended, added = (
        make_item(Route(destination=prefix("10.1.0.0/16"), order=order), {}) for order in ("prepend", "add")
    )
    assert prepended.is_there_after(exists)
    assert added.is_there_after(exists)
    prepended.present = added.present = False
    assert prepended.is_there_after(exists)
    assert not added.is_there_after(exists)
    assert added.is_there_after(0)
    assert not added.is_there_after(101)
