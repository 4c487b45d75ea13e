"""The settings of one instance: values, defaults, what is refused, unicast."""

import pytest
from config_texts import instance, messages, one

from pyvrrp.model import State


def test_a_clean_file_says_nothing(read) -> None:
    loaded = read(instance())
    assert loaded.exit_status == 0
    got = one(loaded)
    assert (got.name, got.family, got.interface, got.vrid, got.priority, got.version) == (
        "A",
        4,
        "eth0",
        5,
        100,
        2,
    )
    assert got.start_state is State.BACKUP
    assert got.advertisement_interval_cs == 100
    assert got.preempt
    assert not got.is_unicast
    assert got.group == bytes((224, 0, 0, 18))
    assert [str(vip) for vip in got.vips] == ["192.0.2.5/32 dev eth0"]
    assert got.where.line == 1


PEERS = "unicast_src_ip 192.0.2.1\nunicast_peer {{\n192.0.2.2 {}\n192.0.2.3\n}}"


@pytest.mark.parametrize(
    ("words", "ttls"),
    [
        ("min_ttl 254", ((254, 255), (0, 255))),
        ("max_ttl 64 min_ttl 60", ((60, 64), (0, 255))),
        ("min_ttl 0 max_ttl 255", ()),
    ],
)
def test_ttl_limits_of_a_peer_switch_the_source_check_on(read, words, ttls) -> None:
    loaded = read(instance(PEERS.format(words)))
    assert messages(loaded) == []
    assert (one(loaded).peer_ttls, one(loaded).check_unicast_src) == (ttls, bool(ttls))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("min_ttl", "min_ttl lacks its value"),
        ("min_ttl 256", "min_ttl 256 is not in 0..255"),
        ("min_ttl 9 max_ttl 8", "min_ttl 9 is above max_ttl 8"),
        ("my peer's IP", "my peer's IP: not known"),
    ],
)
def test_bad_ttl_limits_are_told_and_the_peer_is_used(read, words, message) -> None:
    loaded = read(instance(PEERS.format(words)))
    (told,) = messages(loaded)
    assert told.startswith("6:")
    assert message in told
    assert len(one(loaded).peers) == 2
    assert one(loaded).peer_ttls == ()


# Values


@pytest.mark.parametrize(
    ("lines", "priority", "state"),
    [
        ([], 100, State.BACKUP),
        (["state MASTER"], 255, State.MASTER),
        (["priority 255"], 255, State.MASTER),
        (["priority 255", "state BACKUP"], 255, State.BACKUP),
        (["state MASTER", "priority 7"], 7, State.MASTER),
    ],
)
def test_state_and_priority_default_to_each_other(read, lines, priority, state) -> None:
    got = one(read(instance(*lines)))
    assert (got.priority, got.start_state) == (priority, state)


@pytest.mark.parametrize(
    ("word", "version", "cs", "clean"),
    [
        ("1", 2, 100, True),
        ("0.5", 2, 100, False),
        ("0.3", 2, 100, False),
        ("1.5", 2, 200, False),
        ("255", 2, 25500, True),
        ("0.01", 3, 1, True),
        (".25", 3, 25, True),
        ("1.", 3, 100, True),
        ("0.015", 3, 2, False),
        ("40.95", 3, 4095, True),
        ("41", 3, 4095, False),
        ("0.005", 3, 100, False),
        ("256", 2, 100, False),
        ("1e1", 2, 100, False),
        ("nan", 3, 100, False),
        ("inf", 3, 100, False),
        ("1_0", 2, 100, False),
        ("+5", 2, 100, False),
        ("-1", 2, 100, False),
        ("1.0000001", 3, 100, False),
        ("\u0663", 2, 100, False),
        ("9" * 5000, 3, 100, False),
        (".", 3, 100, False),
    ],
)
def test_advert_int(read, word, version, cs, clean) -> None:
    loaded = read(instance(f"version {version}", f"advert_int {word}"))
    assert one(loaded).advertisement_interval_cs == cs
    assert (not loaded.diagnostics) == clean
    assert all(message.startswith("5: advert_int") for message in messages(loaded))


@pytest.mark.parametrize("word", ["0", "256", "-1", "1,", "+5", "1_0", "5.0", "0x5", "\u0665", "one", "9" * 5000])
def test_a_bad_vrid_is_refused(read, word) -> None:
    loaded = read(instance(head=f"interface eth0\nvirtual_router_id {word}\n"))
    assert loaded.configuration is not None
    assert not loaded.configuration.instances
    (refused,) = loaded.configuration.refused
    assert (refused.name, refused.where.line) == ("A", 3)
    (message,) = messages(loaded)
    assert message == f"3: {refused.reason}; vrrp_instance A is not run"


def test_vrid_messages(read) -> None:
    text = instance(head="interface eth0\nvirtual_router_id 300\n")
    assert messages(read(text)) == [
        "3: virtual_router_id 300 is not in 1..255; pick a free id in that range; vrrp_instance A is not run"
    ]
    text = instance(head="interface eth0\nvirtual_router_id 1,\n")
    assert messages(read(text)) == [
        "3: virtual_router_id 1, is not a number; remove the comma; vrrp_instance A is not run"
    ]


def test_priority_out_of_range_is_100(read) -> None:
    loaded = read(instance("priority 300"))
    assert one(loaded).priority == 100
    assert messages(loaded) == ["4: priority 300 is not in 1..255; write a number in that range; 100 is used"]


def test_nopreempt(read) -> None:
    assert not one(read(instance("nopreempt"))).preempt
    assert one(read(instance("nopreempt", "preempt"))).preempt
    loaded = read(instance("state MASTER", "priority 200", "nopreempt"))
    assert one(loaded).preempt
    (message,) = messages(loaded)
    assert message.startswith("6: nopreempt does nothing with state MASTER and is ignored; write state BACKUP")
    assert one(read(instance("nopreempt", "priority 255", "state BACKUP"))).preempt


def test_nopreempt_with_a_weight_is_told(read) -> None:
    script = "vrrp_script s {\nscript /bin/true\n}\n"
    assert not read(script + instance("nopreempt", "track_script {\ns\n}")).diagnostics
    (message,) = messages(read(script + instance("nopreempt", "track_script {\ns weight -20\n}")))
    assert message.startswith("7: warning: with nopreempt a BACKUP leaves every MASTER alone, so the weight of s ")


def test_a_source_among_the_peers(read) -> None:
    loaded = read(instance("unicast_src_ip 192.0.2.1", "unicast_peer {\n192.0.2.1\n192.0.2.2\n}"))
    assert messages(loaded) == ["4: warning: 192.0.2.1 is in unicast_peer too, which has other hosts; remove it there"]


def test_a_state_that_is_none(read) -> None:
    loaded = read(instance("state SLAVE"))
    assert one(loaded).start_state is State.BACKUP
    assert messages(loaded) == ["4: state SLAVE is not MASTER or BACKUP; BACKUP is used, write that"]


def test_version_and_family(read) -> None:
    assert one(read("global_defs {\nvrrp_version 3\n}\n" + instance())).version == 3
    assert one(read(instance() + "global_defs {\nvrrp_version 3\n}\n")).version == 3  # order never matters
    six = one(read(instance(vip="virtual_ipaddress {\nfe80::5\n2001:db8::5/64\n}\n")))
    assert (six.version, six.family, six.group[0]) == (3, 6, 0xFF)
    assert one(read(instance("version 2", vip="virtual_ipaddress {\nfe80::5\n}\n"))).version == 2


def test_family_of_a_source_that_comes_first(read) -> None:
    loaded = read(instance("unicast_src_ip 2001:db8::1", "unicast_peer {\n2001:db8::2\n192.0.2.1\n}"))
    got = loaded.configuration.refused
    assert [entry.reason for entry in got] == [
        "version 3 needs an address; add one to virtual_ipaddress (RFC 5798 s5.2.5)"
    ]
    text = messages(loaded)
    assert "7: peer 192.0.2.1 is IPv4 in an IPv6 instance and is left out" in text[1]
    assert "10: address 192.0.2.5 is IPv4 in an IPv6 instance and is left out" in text[2]


def test_unicast(read) -> None:
    text = "global_defs {\nvrrp_check_unicast_src\n}\n" + instance(
        "unicast_src_ip 192.0.2.1", "unicast_peer {\n192.0.2.2\n192.0.2.3\n192.0.2.2\n}"
    )
    loaded = read(text)
    got = one(loaded)
    assert got.source == bytes((192, 0, 2, 1))
    assert got.peers == (bytes((192, 0, 2, 2)), bytes((192, 0, 2, 3)))
    assert got.check_unicast_src
    assert got.group == b""
    assert messages(loaded) == ["11: warning: peer 192.0.2.2 is listed twice; remove one"]


def test_prefix_length_of_a_peer_is_ignored(read) -> None:
    loaded = read(instance("unicast_src_ip 192.0.2.1/24", "unicast_peer {\n192.0.2.2/24\n}"))
    got = one(loaded)
    assert (got.source, got.peers) == (bytes((192, 0, 2, 1)), (bytes((192, 0, 2, 2)),))
    assert [message.split(" ")[:2] for message in messages(loaded)] == [["4:", "warning:"], ["6:", "warning:"]]


def test_unicast_without_a_peer_is_told(read) -> None:
    for lines in (
        ["unicast_src_ip 192.0.2.1"],
        ["unicast_peer {\n}"],
        ["unicast_src_ip 192.0.2.1", "mcast_src_ip 192.0.2.1"],
    ):
        loaded = read(instance(*lines))
        assert not one(loaded).is_unicast
        (message,) = messages(loaded)
        assert message.startswith("4: warning: unicast_")
        assert "adverts go by multicast" in message


def test_first_version_counts(read) -> None:
    loaded = read(instance("version 3", "version 2"))
    assert one(loaded).version == 3
    assert messages(loaded)[0].startswith("5: warning: version was given before")


def test_zero_seconds_become_one(read) -> None:
    loaded = read("vrrp_script s {\nscript /bin/true\ninterval 0\ntimeout 0\n}\n")
    (script,) = loaded.configuration.scripts
    assert (script.interval_s, script.timeout_s) == (1, 1)
    assert [message.split(":")[0] for message in messages(loaded)] == ["3", "4"]


def test_unicast_needs_no_interface_if_it_has_a_source(read) -> None:
    body = "unicast_peer {\n192.0.2.2\n}"
    head = "virtual_router_id 5\n"
    vip = "virtual_ipaddress {\n192.0.2.5 dev eth1\n}\n"
    got = one(read(instance("unicast_src_ip 192.0.2.1", body, head=head, vip=vip)))
    assert got.interface == ""
    loaded = read(instance(body, head=head, vip=vip))
    assert "has no interface" in loaded.configuration.refused[0].reason
