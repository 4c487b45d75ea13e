"""Lines of virtual_routes and virtual_rules: every word of ip(8) that keepalived takes, and what is refused.

What is accepted here was given to keepalived 2.2.7, which accepted it too, unless a comment says otherwise.
"""

from __future__ import annotations

import pytest
from config_lines import reads_as, route, rule, statement
from hypothesis import given, settings
from hypothesis import strategies as st

from pyvrrp.config.report import Report
from pyvrrp.config.rules import RuleReader
from pyvrrp.routing import Metric, NextHop, Prefix, Route, Rule

# A line without its destination, and what it reads back as.
OPTIONS = {
    "dev eth0": "dev eth0",
    "oif eth0": "dev eth0",
    "via 192.0.2.1": "via 192.0.2.1",
    "via inet 192.0.2.1": "via 192.0.2.1",
    "src 192.0.2.11": "src 192.0.2.11",
    "table 100": "table 100",
    "table 0x64": "table 100",
    "table main": "",
    "table local": "table 255",
    "table default": "table 253",
    "vrf red": "vrf red",
    "metric 5": "metric 5",
    "priority 5": "metric 5",
    "preference 5": "metric 5",
    "metric 0": "metric 0",
    "metric 4294967295": "metric 4294967295",
    "scope link": "scope 253",
    "scope global": "",
    "scope 100": "scope 100",
    "tos 0x10": "tos 16",
    "tos 020": "tos 16",
    "dsfield AF11": "tos 40",
    "protocol static no_track": "protocol 4 no_track",
    "protocol 5 no_track": "protocol 5 no_track",
    "onlink": "onlink",
    "mtu 1400": "mtu 1400",
    "mtu lock 1400": "mtu lock 1400",
    "advmss lock 1400": "advmss lock 1400",
    "hoplimit 255": "hoplimit 255",
    "rtt 2400": "rtt 300ms",  # in eighths of a millisecond, as ip(8) and keepalived have it
    "rttvar 2400": "rttvar 600ms",
    "rto_min 2400": "rto_min 2400ms",
    "rtt 1.5s": "rtt 1500ms",
    "rtt lock 1s": "rtt lock 1000ms",
    "rttvar 2secs": "rttvar 2000ms",
    "rto_min 200msec": "rto_min 200ms",
    "window 1000": "window 1000",
    "cwnd lock 10": "cwnd lock 10",
    "ssthresh 10": "ssthresh 10",
    "initcwnd 10": "initcwnd 10",
    "initrwnd 10": "initrwnd 10",
    "reordering lock 3": "reordering lock 3",
    "quickack 1": "quickack 1",
    "fastopen_no_cookie 1": "fastopen_no_cookie 1",
    "features ecn": "features ecn",
    "congctl reno": "congctl reno",
    "congctl lock reno": "congctl lock reno",
    "realms 1": "realms 0/1",
    "realms cosmos/2": "realms 0/2",
    "ttl-propagate enabled": "ttl-propagate enabled",
    "ttl-propagate disabled": "ttl-propagate disabled",
    "encap mpls 100/200": "encap mpls 100/200",
    "encap ila 1:2:3:4": "encap ila 1:2:3:4",
    "encap ip id 5 dst 10.0.0.1 tos 5 ttl 64 dev eth0": "encap ip id 5 dst 10.0.0.1 tos 5 ttl 64 dev eth0",
    "encap ip6 id 5 src fd00::2 tc 5 hoplimit 9 flags 1": "encap ip6 id 5 src fd00::2 tc 5 hoplimit 9 flags 1",
    "append": "append",
    "add": "add",
    "prepend": "",
    "no_track": "no_track",
    "nexthop via 192.0.2.1 dev eth0 weight 2 nexthop dev eth1 onlink realms 1/2": (
        "nexthop via 192.0.2.1 dev eth0 weight 2 nexthop dev eth1 onlink realms 1/2"
    ),
    "nexthop via 192.0.2.1 weight 256 nexthop via 192.0.2.2 encap mpls 7": (
        "nexthop via 192.0.2.1 weight 256 nexthop via 192.0.2.2 encap mpls 7"
    ),
}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_of_a_route(option: str) -> None:
    reads_as(route, f"10.9.0.0/16 {option}", f"10.9.0.0/16 {OPTIONS[option]}".rstrip())


DESTINATIONS = {
    "10.9.0.1": "10.9.0.1/32",
    "to 10.9.0.0/16": "10.9.0.0/16",
    "to inet 10.9.0.0/16": "10.9.0.0/16",
    "default": "0.0.0.0/0",
    "any": "0.0.0.0/0",
    "default via fd00::1": "::/0 via fd00::1",
    "default6 dev eth0": "::/0 dev eth0",
    "inet6 default dev eth0": "::/0 dev eth0",  # not in 2.2.7
    "blackhole 10.9.0.0/16": "blackhole 10.9.0.0/16",
    "unicast 10.9.0.0/16": "10.9.0.0/16 add",
    "src 192.0.2.1 10.9.0.0/16 via 192.0.2.2": "10.9.0.0/16 via 192.0.2.2 src 192.0.2.1",
    "fd00:9::/32 from fd00:8::/32 pref high expires 100": "fd00:9::/32 from fd00:8::/32 pref high expires 100",
}


@pytest.mark.parametrize("line", DESTINATIONS)
def test_a_destination(line: str) -> None:
    reads_as(route, line, DESTINATIONS[line])


@pytest.mark.parametrize("kind", ["unreachable", "prohibit", "throw", "local", "broadcast", "anycast", "multicast"])
def test_a_kind(kind: str) -> None:
    found, _ = route(f"{kind} 10.9.0.0/16")
    assert (found.kind, found.order) == (kind, "add")


BAD = {
    "dev eth0": "1: the route has no destination; write an address, ADDR/LEN or default",
    "10.9/16": "1: 10.9 is not an IP address; write four numbers of 0..255 with dots between",
    "10.9.0.0/33": "1: 10.9.0.0/33: the prefix length 33 is not in 0..32; write a number in that range",
    "10.9.0.0/16 10.8.0.0/16": "13: 10.8.0.0/16 is a second destination; make a line of it",
    "10.9.0.0/16 proto static": "13: proto is not known in a route; did you mean protocol?",
    "10.9.0.0/16 nhid 5": "13: nhid is not known in a route; remove it, or make it a comment with #",
    "10.9.0.0/16 via": "13: via lacks its value; write it after via",
    "10.9.0.0/16 via fd00::1": "17: fd00::1 is IPv6 in an IPv4 route; write addresses of one family",
    "fd00::/8 src 192.0.2.1": "14: 192.0.2.1 is IPv4 in an IPv6 route; write addresses of one family",
    "10.9.0.0/16 table defualt": "19: table defualt is not known; did you mean default?",
    "10.9.0.0/16 table 0": "19: table 0 is not in 1..4294967295; write a number in that range",
    "10.9.0.0/16 table 08": "19: table 08 is not a number; an octal one has digits of 0 to 7",
    "10.9.0.0/16 metric 4294967296": "20: metric 4294967296 is not in 0..4294967295; write a number in that range",
    "10.9.0.0/16 hoplimit lock 5": (
        "22: hoplimit lock is not a number; write decimal digits, or 0x and hexadecimal ones"
    ),
    "10.9.0.0/16 quickack 2": "22: quickack 2 is not in 0..1; write a number in that range",
    "10.9.0.0/16 rtt soon": "17: rtt soon is not a time; write milliseconds, or seconds with s behind",
    "10.9.0.0/16 features foo": "22: the feature foo is not known; ecn is the only one",
    "10.9.0.0/16 pref low": "1: pref is for IPv6 routes only; remove it",
    "10.9.0.0/16 expires 5": "1: expires is for IPv6 routes only; remove it",
    "10.9.0.0/16 from 10.0.0.0/8": "1: from is for IPv6 routes only; remove it",
    "fd00::/8 pref best": "15: pref best is not known; write low, medium or high",
    "10.9.0.0/16 realms 1/": "20: realms 1/ is not a pair of realms; write TO or FROM/TO",
    "10.9.0.0/16 ttl-propagate on": "27: ttl-propagate on is not known; write enabled or disabled",
    "10.9.0.0/16 encap seg6 x": "19: encap seg6 is not known; write one of ip, ip6, mpls or ila",
    "10.9.0.0/16 encap mpls 1048576": "24: encap mpls 1048576 is not in 0..1048575; write a number in that range",
    "10.9.0.0/16 encap ip dst fd00::1": "26: dst fd00::1 is of the wrong family; write IPv4",
    "10.9.0.0/16 nexthop": "13: a nexthop leads nowhere; write via ADDR or dev IF after it",
    "10.9.0.0/16 nexthop dev a weight 257": "34: weight 257 is not in 1..256; write a number in that range",
    "10.9.0.0/16 nexthop dev a no_track": (
        "27: no_track stands behind nexthop, which must be last; move it to the front"
    ),
    "10.9.0.0/16 via 192.0.2.1 nexthop dev a": (
        "27: a route with next hops has no via of its own; make a nexthop of it"
    ),
    "10.9.0.0/16 track_group g": "13: track_group is for static routes only; remove it",
    "10.9.0.0/16 dev averyverylongname": (
        "17: dev averyverylongname is too long for an interface; names have at most 15 characters, and no /"
    ),
}


@pytest.mark.parametrize("line", BAD)
def test_a_route_that_is_left_out(line: str) -> None:
    assert route(line) == (None, [f"{BAD[line]}; the route is left out"])


def test_old_words_are_done_and_told() -> None:
    found, messages = route("10.9.0.0/16 gw 192.0.2.1")
    assert (found, messages) == (route("10.9.0.0/16 via 192.0.2.1")[0], ["13: gw is an old word; write via"])
    found, messages = route("10.9.0.0/16 via 192.0.2.1 or 192.0.2.2 dev eth0")
    assert found.next_hops == (NextHop(via=bytes((192, 0, 2, 1))), NextHop(via=bytes((192, 0, 2, 2))))
    assert (found.via, found.dev) == (None, "eth0")
    assert messages == ["27: or is an old word; write nexthop"]


def test_a_tracked_route_has_the_protocol_of_keepalived() -> None:
    found, (message,) = route("10.9.0.0/16 dev eth0 protocol static")
    assert found.protocol == 18
    assert "add no_track to keep yours" in message


def test_a_static_route_may_name_its_group() -> None:
    found, messages = route("10.9.0.0/16 dev eth0 track_group g", is_static=True)
    assert (found.track_group, messages) == ("g", [])
    assert route(str(found), is_static=True) == (found, [])


RULES = {
    "from 10.0.0.0/8 table 7 priority 9": "from 10.0.0.0/8 priority 9 table 7",
    "from 10.0.0.0/8 lookup 7 preference 9": "from 10.0.0.0/8 priority 9 table 7",
    "to 10.0.0.1 table 7 order 9": "to 10.0.0.1/32 priority 9 table 7",
    "not from 10.0.0.0/8 to 10.1.0.0/16 table 7 priority 9": (
        "not from 10.0.0.0/8 to 10.1.0.0/16 priority 9 table 7"
    ),
    "from all table main priority 0": "from 0.0.0.0/0 priority 0 table 254",
    "from fd00::/8 to all table 7 priority 9": "from fd00::/8 to ::/0 priority 9 table 7",
    "table 7 priority 9": "priority 9 table 7",
    "inet6 table 7 priority 9": "inet6 priority 9 table 7",  # not in 2.2.7
    "iif eth0 table 7 priority 9": "iif eth0 priority 9 table 7",
    "dev eth0 oif eth1 table 7 priority 9": "iif eth0 oif eth1 priority 9 table 7",
    "tos 0x10 table 7 priority 9": "tos 16 priority 9 table 7",
    "fwmark 5 table 7 priority 9": "fwmark 0x5/0xffffffff priority 9 table 7",
    "fwmark 0x5/0xff table 7 priority 9": "fwmark 0x5/0xff priority 9 table 7",
    "uidrange 5-10 table 7 priority 9": "uidrange 5-10 priority 9 table 7",
    "ipproto tcp dport 80-90 table 7 priority 9": "dport 80-90 ipproto 6 priority 9 table 7",
    "ipproto 17 sport 53 table 7 priority 9": "sport 53-53 ipproto 17 priority 9 table 7",  # 2.2.7: a range only
    "tunnel-id 5 table 7 priority 9": "tunnel-id 5 priority 9 table 7",
    "l3mdev priority 9": "priority 9 l3mdev",
    "realms 1/2 table 7 priority 9": "realms 1/2 priority 9 table 7",
    "suppress_prefixlength 0 table main priority 9": "suppress_prefixlength 0 priority 9 table 254",
    "sup_group default table 7 priority 9": "suppress_ifgroup 0 priority 9 table 7",
    "from 10.0.0.0/8 goto 200 priority 9": "from 10.0.0.0/8 priority 9 goto 200",
    "from 10.0.0.0/8 nop priority 9": "from 10.0.0.0/8 priority 9 nop",
    "from 10.0.0.0/8 type blackhole priority 9": "from 10.0.0.0/8 priority 9 blackhole",
    "prohibit priority 9 no_track protocol 5": "protocol 5 priority 9 prohibit no_track",
    "unreachable priority 4294967295": "priority 4294967295 unreachable",
}


@pytest.mark.parametrize("line", RULES)
def test_a_rule(line: str) -> None:
    reads_as(rule, line, RULES[line])


BAD_RULES = {
    "from 10.0.0.0/8 priority 9": (
        "1: the rule has no action; write table T, goto N, nop, blackhole, prohibit or unreachable"
    ),
    "from 10.0.0.0/8 blackhole table 7 priority 9": (
        "33: the rule has two actions; keep one of table, goto, nop, blackhole, prohibit, l3mdev"
    ),
    "from 10.0.0.0/8 goto 200": "1: a rule with goto needs a priority; write priority N, below its target",
    "from 10.0.0.0/8 goto 9 priority 9": "1: goto 9 leads back: the priority 9 is not below it; change one",
    "from 10.0.0.0/8 tabel 7 priority 9": "17: tabel is not known in a rule; did you mean table?",
    "from 10.0.0.0/8 to fd00::/8 table 7 priority 9": (
        "20: fd00::/8 is IPv6 in an IPv4 rule; write addresses of one family"
    ),
    "from 10.0.0.0/8 table 0 priority 9": "23: table 0 is not in 1..4294967295; write a number in that range",
    "uidrange 5 table 7 priority 9": "10: uidrange 5 is not a range; write FIRST-LAST",
    "uidrange 9-5 table 7 priority 9": "10: uidrange 9-5 is empty; write the smaller number first",
    "dport 65536 table 7 priority 9": "7: dport 65536 is not in 0..65535; write a number in that range",
    "ipproto foo table 7 priority 9": "9: ipproto foo is not known; write a number of 0..255, or a name as tcp or udp",
    "fwmark x table 7 priority 9": (
        "8: fwmark x is not a number; write decimal digits, or 0x and hexadecimal ones"
    ),
    "suppress_prefixlength 0 blackhole priority 9": (
        "1: suppress_prefixlength means nothing without a table; write table T, or remove suppress_prefixlength"
    ),
    "table 7 priority 9 track_group g": "20: track_group is for static rules only; remove it",
    "from 10.0.0.0/8 table": "17: table lacks its value; write it after table",
}


@pytest.mark.parametrize("line", BAD_RULES)
def test_a_rule_that_is_left_out(line: str) -> None:
    assert rule(line) == (None, [f"{BAD_RULES[line]}; the rule is left out"])


def test_rules_without_priority_count_down() -> None:
    report = Report()
    reader = RuleReader(report)
    found = [reader.read(statement(f"from 10.{i}.0.0/16 table 7")) for i in range(3)]
    assert [one.priority for one in found] == [16384, 16383, 16382]
    assert len(report.finish()) == 3


def test_a_static_rule_needs_an_interface_for_its_group() -> None:
    assert rule("from 10.0.0.0/8 table 7 priority 9 track_group g", is_static=True) == (
        None,
        ["1: track_group needs an interface to look at; add iif IF or oif IF; the rule is left out"],
    )
    found, messages = rule("iif eth0 table 7 priority 9 track_group g", is_static=True)
    assert (found.track_group, messages) == ("g", [])


u8, u32 = st.integers(0, 255), st.integers(0, 0xFFFFFFFF)
names = st.text(alphabet="abcxyz0189.-", min_size=1, max_size=15)
pairs = st.tuples(st.integers(0, 65535), st.integers(0, 65535))
ranges = pairs.map(lambda pair: (min(pair), max(pair)))
metrics = st.sampled_from(["mtu", "advmss", "rtt", "rto_min", "cwnd"]).flatmap(
    lambda name: st.builds(Metric, st.just(name), st.integers(0, 100_000), st.booleans())
)


@st.composite
def prefixes(draw: st.DrawFn, size: int) -> Prefix:
    return Prefix(draw(st.binary(min_size=size, max_size=size)), draw(st.integers(0, size * 8)))


@st.composite
def routes(draw: st.DrawFn) -> Route:
    size = draw(st.sampled_from([4, 16]))
    address = st.none() | st.binary(min_size=size, max_size=size)
    hops = draw(
        st.lists(
            st.builds(
                NextHop,
                via=st.binary(min_size=size, max_size=size),
                dev=st.none() | names,
                weight=st.integers(1, 256),
                is_on_link=st.booleans(),
                realms=st.none() | pairs,
            ),
            max_size=3,
        )
    )
    is_tracked = draw(st.booleans())
    return Route(
        destination=draw(prefixes(size)),
        kind=draw(st.sampled_from(["unicast", "blackhole", "local"])),
        via=None if hops else draw(address),
        dev=draw(st.none() | names),
        table=draw(st.integers(1, 0xFFFFFFFF)),
        metric=draw(st.none() | u32),
        scope=draw(u8),
        source=draw(address),
        source_prefix=draw(st.none() | prefixes(16)) if size == 16 else None,
        tos=draw(u8),
        protocol=18 if is_tracked else draw(u8),
        is_on_link=draw(st.booleans()),
        metrics=tuple(sorted(draw(st.lists(metrics, max_size=4, unique_by=lambda metric: metric.name)))),
        realms=draw(st.none() | pairs),
        preference=draw(st.sampled_from([None, "low", "high"])) if size == 16 else None,
        propagates_ttl=draw(st.none() | st.booleans()),
        next_hops=tuple(hops),
        order=draw(st.sampled_from(["prepend", "append", "add"])),
        is_tracked=is_tracked,
    )


@settings(max_examples=100, deadline=None)
@given(routes())
def test_any_route_reads_back(one: Route) -> None:
    assert route(str(one)) == (one, [])


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    size = draw(st.sampled_from([4, 16]))
    action = draw(st.sampled_from(["lookup", "nop", "blackhole"]))
    return Rule(
        family=4 if size == 4 else 6,
        priority=draw(u32),
        action=action,
        target=draw(st.none() | st.integers(1, 0xFFFFFFFF)) if action == "lookup" else None,
        is_inverted=draw(st.booleans()),
        source=draw(st.none() | prefixes(size)),
        destination=draw(st.none() | prefixes(size)),
        iif=draw(st.none() | names),
        oif=draw(st.none() | names),
        tos=draw(u8),
        fwmark=draw(st.none() | st.tuples(u32, u32)),
        uid_range=draw(st.none() | ranges),
        ip_protocol=draw(st.none() | u8),
        source_ports=draw(st.none() | ranges),
        destination_ports=draw(st.none() | ranges),
        tunnel_id=draw(st.none() | u32),
        suppress_prefix_length=draw(st.none() | st.integers(0, 128)) if action == "lookup" else None,
        is_tracked=draw(st.booleans()),
    )


@settings(max_examples=100, deadline=None)
@given(rules())
def test_any_rule_reads_back(one: Rule) -> None:
    assert rule(str(one)) == (one, [])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([*OPTIONS, *DESTINATIONS, "table", "nexthop", "lock", "5", "x", "/"]), min_size=1))
def test_any_words_give_a_value_or_a_message(words: list[str]) -> None:
    found, messages = route(" ".join(words))
    assert found is not None or messages
    found, messages = rule(" ".join(words))
    assert found is not None or messages
