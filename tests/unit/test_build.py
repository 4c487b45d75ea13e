"""A tree to a Configuration: values, defaults, what is refused, and that every message has its line."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyvrrp.config import Loaded, load
from pyvrrp.model import Command, Instance, State, Tracked

INTERFACES = frozenset(("eth0", "eth1"))
HEAD = "interface eth0\nvirtual_router_id 5\n"
VIP = "virtual_ipaddress {\n192.0.2.5\n}\n"


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str | bytes, interfaces: frozenset[str] | None = INTERFACES) -> Loaded:
        path = tmp_path / "k.conf"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(str(path), config_id="x", interfaces=interfaces)

    return read


def one(loaded: Loaded) -> Instance:
    assert loaded.configuration is not None
    (instance,) = loaded.configuration.instances
    return instance


def messages(loaded: Loaded) -> list[str]:
    """As printed, without the path."""
    return [str(d).removeprefix(f"{d.where.file}:") for d in loaded.diagnostics]


def instance(*lines: str, head: str = HEAD, vip: str = VIP, name: str = "A") -> str:
    return f"vrrp_instance {name} {{\n{head}" + "".join(f"{line}\n" for line in lines) + vip + "}\n"


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


def test_no_address(read) -> None:
    loaded = read(instance(vip=""))
    assert one(loaded).vips == ()
    assert messages(loaded)[0].startswith("1: warning: vrrp_instance A has no virtual_ipaddress")
    loaded = read(instance("version 3", vip=""))
    assert loaded.configuration.refused[0].reason.startswith("version 3 needs an address")


# Addresses


def test_address_options(read) -> None:
    lines = "192.0.2.5/24 dev eth1 label eth1:5 scope link brd +\n192.0.2.6/24 broadcast -"
    loaded = read(instance(vip=f"virtual_ipaddress {{\n{lines}\n}}\n"))
    assert not loaded.diagnostics
    first, second = one(loaded).vips
    assert (first.dev, first.label, first.scope, first.prefix_len) == ("eth1", "eth1:5", 253, 24)
    assert first.broadcast == bytes((192, 0, 2, 255))
    assert (second.dev, second.broadcast) == ("eth0", bytes((192, 0, 2, 0)))


@pytest.mark.parametrize(
    ("line", "kept", "said"),
    [
        ("192.0.2.300", False, "192.0.2.300 is not an IP address"),
        ("192.0.2.7,", False, "remove the comma"),
        ("router.example", False, "names are not looked up"),
        ("192.0.2.7/33", True, "/32 is used"),
        ("192.0.2.7/x", True, "/32 is used"),
        ("192.0.2.7 dev", False, "dev lacks its value"),
        ("192.0.2.7 scope wrong", False, "scope wrong is not known"),
        ("192.0.2.7 dev eth0 dev eth1", False, "dev is given twice"),
        ("192.0.2.7 label 0123456789abcdef", False, "is too long"),
        ("192.0.2.7/31 brd +", True, "a /31 has no broadcast address"),
        ("192.0.2.7/24 brd ::1", True, "is not an IPv4 address"),
        ("192.0.2.7 the VIP we're sharing (details)", True, "the VIP we're sharing (details): not known"),
        ("192.0.2.7 dev nosuch0", True, "interface nosuch0 does not exist"),
        ("192.0.2.5", False, "192.0.2.5 is listed twice"),
        ("2001:db8::5", False, "IPv6 in an IPv4 instance"),
        ("192.0.2.7\x00", False, "NUL"),
    ],
)
def test_faulty_address_line(read, line, kept, said) -> None:
    """One message for the line, and the instance runs with its other address."""
    loaded = read(instance(vip=f"virtual_ipaddress {{\n192.0.2.5\n{line}\n}}\n"))
    assert len(one(loaded).vips) == 1 + kept
    (message,) = messages(loaded)
    assert message.startswith("6: ")
    assert said in message


def test_ipv6_takes_no_label_and_no_scope(read) -> None:
    loaded = read(instance(vip="virtual_ipaddress {\nfe80::5 label x scope link\n}\n"))
    (vip,) = one(loaded).vips
    assert (vip.label, vip.scope) == (None, 0)
    assert len(loaded.diagnostics) == 2


def test_first_ipv6_address_should_be_link_local(read) -> None:
    vip = "virtual_ipaddress {\nnonsense\n2001:db8::5\n}\n"
    loaded = read(instance(vip=vip))
    assert messages(loaded)[1].startswith("6: warning: the first IPv6 address should be link-local")
    unicast = "unicast_peer {\n2001:db8::2\n}"
    assert not read(instance(unicast, vip="virtual_ipaddress {\n2001:db8::5\n}\n")).diagnostics


def test_excluded_may_be_of_any_family_and_equal_on_another_interface(read) -> None:
    lines = "virtual_ipaddress_excluded {\n192.0.2.5 dev eth1\n2001:db8::5\n192.0.2.5\n}"
    loaded = read(instance(lines))
    assert [str(vip) for vip in one(loaded).excluded] == ["192.0.2.5/32 dev eth1", "2001:db8::5/128 dev eth0"]
    assert messages(loaded) == ["7: warning: address 192.0.2.5 is listed twice; remove one"]


def test_more_addresses_than_an_advert_holds(read) -> None:
    many = "".join(f"10.0.{i // 250}.{i % 250}\n" for i in range(300))
    loaded = read(instance(vip=f"virtual_ipaddress {{\n{many}}}\n"))
    got = one(loaded)
    assert (len(got.vips), len(got.excluded)) == (255, 45)
    assert len(loaded.diagnostics) == 1


# Authentication


def auth(*lines: str) -> str:
    return "authentication {\n" + "".join(f"{line}\n" for line in lines) + "}"


def test_password(read) -> None:
    loaded = read(instance(auth("auth_type PASS", "auth_pass abc")))
    assert one(loaded).auth_pass == b"abc\0\0\0\0\0"
    assert not loaded.diagnostics
    loaded = read(instance(auth("auth_type PASS", "auth_pass 123456789")))
    assert one(loaded).auth_pass == b"12345678"
    assert "only the first 8 are used" in messages(loaded)[0]


def test_blocks_of_authentication_count_as_one(read) -> None:
    loaded = read(instance(auth("auth_type PASS", "auth_pass old"), auth("auth_pass new")))
    assert one(loaded).auth_pass == b"new\0\0\0\0\0"
    assert not loaded.diagnostics


def test_password_keeps_its_bytes(read) -> None:
    loaded = read(instance(auth("auth_type PASS", "auth_pass p@ss")).encode().replace(b"@", b"\xe9"))
    assert one(loaded).auth_pass == b"p\xe9ss\0\0\0\0"


def test_authentication_is_dropped_where_there_is_none(read) -> None:
    loaded = read(instance("version 3", auth("auth_type PASS", "auth_pass abc")))
    assert one(loaded).auth_pass is None
    assert messages(loaded)[0].startswith("5: version 3 has no authentication")
    loaded = read(instance(auth("auth_type PASS")))
    assert one(loaded).auth_pass is None
    assert "lacks auth_pass" in messages(loaded)[0]


def test_ah_is_refused(read) -> None:
    loaded = read(instance(auth("auth_type AH", "auth_pass abc")))
    (refused,) = loaded.configuration.refused
    assert refused.reason.startswith("auth_type AH is not done by pyvrrp")
    assert refused.where.line == 5


def test_password_without_its_argument_is_refused(read) -> None:
    loaded = read(instance(auth("auth_type PASS", "auth_pass")))
    assert loaded.configuration.refused[0].reason == "auth_pass lacks its argument"
    assert len(loaded.diagnostics) == 2  # once for the line, once for what follows: no password


# Scripts and trackers


def test_script(read) -> None:
    text = (
        "vrrp_script s "
        "{\nscript \"/bin/sh -c 'exit 0'\"\ninterval 0.5\ntimeout 3\nweight -20\nrise 2\nfall 3\n"
        "user root root\n}\n" + instance("track_script {\ns\n}")
    )
    loaded = read(text)
    assert not loaded.diagnostics
    (script,) = loaded.configuration.scripts
    assert script.command == Command(("/bin/sh", "-c", "exit 0"), "root", "root")
    assert (script.interval_s, script.timeout_s, script.weight, script.rise, script.fall) == (
        0.5,
        3,
        -20,
        2,
        3,
    )
    assert one(loaded).track_scripts == (Tracked("s", -20),)


def test_script_after_its_user_is_found(read) -> None:
    text = instance("track_script {\ns weight 7\n}") + "vrrp_script s {\nscript /bin/true\ninterval 2\n}\n"
    loaded = read(text)
    assert not loaded.diagnostics
    assert one(loaded).track_scripts == (Tracked("s", 7),)
    assert loaded.configuration.scripts[0].timeout_s == 2


@pytest.mark.parametrize(
    ("value", "argv"),
    [
        ('"/bin/x a b"', ["/bin/x", "a", "b"]),
        ("'/bin/x a b'", ["/bin/x", "a", "b"]),
        ("\"/bin/x 'a b' c\"", ["/bin/x", "a b", "c"]),
        ("'/bin/x \"a b\" c'", ["/bin/x", "a b", "c"]),
        (r'"/bin/x \"q q\""', ["/bin/x", '"q', 'q"']),
        (r'"/bin/x a\tb \x41 \101 \cA \q"', ["/bin/x", "a\tb", "A", "A", "\x01", "q"]),
        ('/bin/x" a b"', ["/bin/x", "a", "b"]),
        ('"/bin/x a # b {}"', ["/bin/x", "a", "#", "b", "{}"]),
        (r'"/bin/x \xc3\xa9"', ["/bin/x", "é"]),
        ('"</dev/null"', ["/bin/sh", "-c", "</dev/null"]),
    ],
)
def test_command_words(read, value, argv) -> None:
    loaded = read(f"vrrp_script s {{\nscript {value}\n}}\n")
    assert list(loaded.configuration.scripts[0].command.argv) == argv


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('"/bin/sh \'a"', "the quote ' in the command is not closed"),
        ("'/bin/sh", "the quote ' is not closed"),
        ('""', "names no command"),
        (r'"/bin/sh a\0b"', "NUL"),
    ],
)
def test_command_that_is_none(read, value, said) -> None:
    """The script stays and has no command, so that it counts as failed."""
    loaded = read(f"vrrp_script s {{\nscript {value}\n}}\n")
    assert loaded.configuration.scripts[0].command is None
    (message,) = messages(loaded)
    assert message.startswith("2: script")
    assert said in message


def test_program_that_cannot_run_is_told_and_stays_tracked(read, tmp_path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("")
    for program, said in (
        ("/nonexistent/x", "does not exist; it counts as failed until it can be run"),
        (str(plain), "is not executable"),
        (str(tmp_path), "is not a file"),
        ("no-such-program-anywhere", "is not found in PATH"),
    ):
        loaded = read(f'vrrp_script s {{\nscript "{program} -x"\n}}\n' + instance("track_script {\ns\n}"))
        (message,) = messages(loaded)
        assert message.startswith("2: warning: script ")
        assert said in message
        assert one(loaded).track_scripts == (Tracked("s", 0),)
        assert loaded.configuration.scripts[0].command.argv == (program, "-x")


def test_program_in_path_gets_its_path(read) -> None:
    loaded = read('vrrp_script s {\nscript "sh -c true"\n}\n')
    assert not loaded.diagnostics
    assert loaded.configuration.scripts[0].command.argv[0].startswith("/")


def test_relative_path(read) -> None:
    loaded = read('vrrp_script s {\nscript "path/to/script.sh"\n}\n')
    assert "is a relative path" in messages(loaded)[0]
    assert loaded.configuration.scripts[0].command.argv == ("path/to/script.sh",)


def test_command_without_quotes_is_told(read) -> None:
    loaded = read("vrrp_script s {\nscript /bin/sh -c true\n}\n")
    assert loaded.configuration.scripts[0].command.argv == ("/bin/sh",)
    assert "put the whole command in double quotes" in messages(loaded)[0]


def test_tracker_of_an_unknown_script(read) -> None:
    loaded = read("vrrp_script check_web {\nscript /bin/true\n}\n" + instance("track_script {\ncheck_wep\n}"))
    assert one(loaded).track_scripts == ()
    assert messages(loaded) == [
        "8: there is no vrrp_script check_wep, so it is not tracked and its failing changes nothing; "
        "did you mean check_web?"
    ]


def test_own_interface_is_not_tracked_twice(read) -> None:
    loaded = read(instance("track_interface {\neth0\neth1 weight 254\nnosuch0\neth1\n}"))
    assert one(loaded).track_interfaces == (Tracked("eth1", 253), Tracked("nosuch0", 0))
    assert [message.split(":")[0] for message in messages(loaded)] == ["5", "6", "7", "8"]


def test_reverse(read) -> None:
    """The definition says how a script counts, and the line of the tracker says otherwise."""
    head = "vrrp_script s {\nscript /bin/true\nweight 5 reverse\n}\nvrrp_script t {\nscript /bin/true\n}\n"
    lines = "track_interface {\neth1 weight 5 reverse\n}\ntrack_script {\n%s\nt weight 0 reverse\n}"
    loaded = read(head + instance(lines % "s"))
    assert not loaded.diagnostics
    assert one(loaded).track_interfaces == (Tracked("eth1", 5, True),)
    assert one(loaded).track_scripts == (Tracked("s", 5, True), Tracked("t", 0, True))
    assert [script.reverse for script in loaded.configuration.scripts] == [True, False]
    for own, expected in (
        ("weight -7", Tracked("s", -7, True)),
        ("weight -7 noreverse", Tracked("s", -7, False)),
        ("weight -7 reverse", Tracked("s", -7, True)),
    ):
        assert one(read(head + instance(lines % f"s {own}"))).track_scripts[0] == expected


def test_words_after_a_weight(read) -> None:
    (message,) = messages(read(instance("track_interface {\neth1 weight 5 reverse 7\n}")))
    assert message == "5: warning: 7: not known after a weight and ignored; remove it"


def test_init_fail(read) -> None:
    loaded = read("vrrp_script s {\nscript /bin/true\ninit_fail\n}\n" + instance("track_script {\ns\n}"))
    assert not loaded.diagnostics
    assert loaded.configuration.scripts[0].init_fail


def test_notify(read) -> None:
    lines = ['notify "/bin/true extra"', "notify_master /bin/true root", "notify_stop /bin/false root root"]
    got = one(read(instance(*lines))).notify
    assert got.any == Command(("/bin/true", "extra"))
    assert got.master == Command(("/bin/true",), "root")
    assert got.stop == Command(("/bin/false",), "root", "root")
    assert got.backup is None


def test_notify_whose_arguments_are_taken_for_a_user(read) -> None:
    loaded = read(instance("notify /bin/true MASTER"))
    assert one(loaded).notify.any is None
    assert messages(loaded) == [
        "4: notify: the user MASTER does not exist, so it is not run; put a command with its arguments in double quotes"
    ]


def test_second_notify_is_told(read) -> None:
    loaded = read(instance("notify /bin/true", "notify /bin/false"))
    assert one(loaded).notify.any == Command(("/bin/true",))
    assert messages(loaded)[0].startswith("5: notify was given before")


# Between instances


def test_unknown_interface_is_a_warning(read) -> None:
    text = instance(head="interface nosuch0\nvirtual_router_id 5\n")
    loaded = read(text)
    assert one(loaded).interface == "nosuch0"
    said = "interface nosuch0 does not exist; the instance is FAULT until it does, or correct the name"
    assert messages(loaded) == [f"2: warning: {said}"]
    assert not read(text, interfaces=None).diagnostics


def test_duplicate_name(read) -> None:
    loaded = read(instance() + instance(head="interface eth1\nvirtual_router_id 6\n"))
    assert one(loaded).vrid == 5
    (refused,) = loaded.configuration.refused
    assert (refused.where.line, refused.where.column) == (8, 15)
    assert "the name A is taken by the instance in " in refused.reason


PEER = "unicast_src_ip {}\nunicast_peer {{\n{}\n}}\n"


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        (HEAD, HEAD, True),
        (HEAD, "interface eth1\nvirtual_router_id 5\n", False),
        (HEAD, "interface eth0\nvirtual_router_id 6\n", False),
        (HEAD, HEAD + PEER.format("192.0.2.1", "192.0.2.2"), False),
        (HEAD + PEER.format("192.0.2.1", "192.0.2.2"), HEAD + PEER.format("192.0.2.9", "192.0.2.2"), False),
        (HEAD + PEER.format("192.0.2.1", "192.0.2.2"), HEAD + PEER.format("192.0.2.1", "192.0.2.3"), False),
        (
            HEAD + PEER.format("192.0.2.1", "192.0.2.2\n192.0.2.3"),
            HEAD + PEER.format("192.0.2.1", "192.0.2.3"),
            True,
        ),
        (
            HEAD + PEER.format("192.0.2.1", "192.0.2.2"),
            HEAD[15:] + PEER.format("192.0.2.1", "192.0.2.2"),
            True,
        ),
        (
            HEAD[15:] + PEER.format("192.0.2.1", "192.0.2.2"),
            HEAD + PEER.format("192.0.2.1", "192.0.2.2"),
            True,
        ),
    ],
)
def test_same_vrid(read, first, second, clash) -> None:
    """Which combinations of one VRID may stand beside one another (as keepalived has it)."""
    vip = "virtual_ipaddress {\n192.0.2.5 dev eth0\n}\n"
    loaded = read(instance(head=first, vip=vip) + instance(head=second, vip=vip, name="B"))
    assert [i.name for i in loaded.configuration.instances] == (["A"] if clash else ["A", "B"])
    if clash:
        (refused,) = loaded.configuration.refused
        assert refused.name == "B"
        assert "by vrrp_instance A (" in refused.reason


def test_ipv4_and_ipv6_are_separate_spaces(read) -> None:
    loaded = read(instance() + instance(vip="virtual_ipaddress {\nfe80::5\n}\n", name="B"))
    assert len(loaded.configuration.instances) == 2


def test_sync_group(read) -> None:
    text = (
        "vrrp_script s {\nscript /bin/true\n}\n"
        "vrrp_sync_group G {\ngroup {\nA\nB nowhere\n}\n"
        'track_script {\ns weight 5\n}\nnotify "/bin/true"\n}\n'
        "vrrp_sync_group H {\ngroup {\nA\n}\n}\n"
        + instance("track_interface {\neth1 weight 3\n}")
        + instance("track_script {\ns weight 4\n}", head="interface eth1\nvirtual_router_id 5\n", name="B")
    )
    loaded = read(text)
    (group,) = loaded.configuration.groups
    assert group.members == ("A", "B")
    assert group.track_scripts == (Tracked("s", 5),)
    assert group.notify.any == Command(("/bin/true",))
    first, second = loaded.configuration.instances
    assert first.track_interfaces == (Tracked("eth1", 0),)
    assert second.track_scripts == ()
    said = "\n".join(messages(loaded))
    assert "7: there is no vrrp_instance nowhere" in said
    assert "16: vrrp_instance A is already in vrrp_sync_group G" in said
    assert "14: vrrp_sync_group H has no member that runs" in said
    assert "tracks eth1 with a weight inside vrrp_sync_group G; it is tracked without" in said


@pytest.mark.parametrize("word", ["sync_group_tracking_weight", "global_tracking"])
def test_members_may_keep_their_weights(read, word: str) -> None:
    text = (
        "vrrp_script s {\nscript /bin/true\n}\n"
        f"vrrp_sync_group G {{\ngroup {{\nA\nB\n}}\n{word}\n}}\n"
        + instance("track_interface {\neth1 weight 3\n}")
        + instance("track_script {\ns weight 4\n}", head="interface eth1\nvirtual_router_id 5\n", name="B")
    )
    loaded = read(text)
    old = ["9: warning: global_tracking is an old word; write sync_group_tracking_weight"]
    assert messages(loaded) == (old if word == "global_tracking" else [])
    first, second = loaded.configuration.instances
    assert first.track_interfaces == (Tracked("eth1", 3),)
    assert second.track_scripts == (Tracked("s", 4),)


def test_group_without_a_member_that_is_refused(read) -> None:
    text = "vrrp_sync_group G {\ngroup {\nA\nB\n}\n}\n" + instance() + instance(head="interface eth0\n", name="B")
    loaded = read(text)
    assert loaded.configuration.groups[0].members == ("A",)
    said = "\n".join(messages(loaded))
    assert "4: vrrp_instance B is not run, so the group goes without it" in said
    assert "1: warning: vrrp_sync_group G has one member only" in said


def test_global_defs(read) -> None:
    loaded = read("global_defs {\nrouter_id node1\nscript_user root root\nenable_script_security\n}\n")
    got = loaded.configuration.global_defs
    assert (got.router_id, got.script_user, got.script_group, got.enable_script_security) == (
        "node1",
        "root",
        "root",
        True,
    )


def test_unknown_user_fails_instead_of_running_as_another(read) -> None:
    loaded = read("global_defs {\nscript_user nosuchuser\n}\n")
    assert loaded.configuration.global_defs.script_user == "nosuchuser"
    assert messages(loaded) == [
        "2: script_user: the user nosuchuser does not exist; "
        "scripts that do not name their own fail until it does, create it first"
    ]
    loaded = read("vrrp_script s {\nscript /bin/true\nuser nosuchuser\n}\n")
    assert loaded.configuration.scripts[0].command == Command(("/bin/true",), "nosuchuser")
    assert len(loaded.diagnostics) == 1


def test_script_security_need_not_be_enabled(read) -> None:
    """keepalived's config test ends with 6 for that alone."""
    assert read("vrrp_script s {\nscript /bin/true\n}\n").exit_status == 0


# Files


def test_files_that_cannot_be_read(tmp_path) -> None:
    wide = tmp_path / "wide.conf"
    wide.write_text(instance(), encoding="utf-16")
    for path, said in (
        (tmp_path / "none.conf", "there is no such file"),
        (tmp_path, "it is a directory"),
        (tmp_path / "wide.conf" / "x", "Not a directory"),
        (wide, "UTF-16"),
        (tmp_path / "a\0b", "null"),
    ):
        loaded = load(str(path), config_id="x", interfaces=None)
        assert loaded.exit_status == 4
        (diagnostic,) = loaded.diagnostics
        assert str(diagnostic).startswith(f"{path}: ")
        assert said in diagnostic.message


@pytest.mark.root
def test_file_without_permission() -> None:
    with tempfile.NamedTemporaryFile() as stream:  # root owns it, mode 0600
        os.seteuid(65534)
        try:
            loaded = load(stream.name, config_id="x", interfaces=None)
        finally:
            os.seteuid(0)
    assert loaded.exit_status == 4
    assert str(loaded.diagnostics[0]).endswith("it cannot be read by uid 65534; change its permissions")


def test_all_faults_in_one_run(read) -> None:
    text = (
        "vrrp_instance A {\ninterface nosuch0\nvirtual_router_id 0\npriorty 5\n"
        "authentication {\nauth_type AH\n}\n"
        "virtual_ipaddress {\n192.0.2.300\n}\n}\n}\nvrrp_instance B {\nadvert_int\n"
    )
    lines = [int(message.split(":")[0]) for message in messages(read(text))]
    assert lines == [1, 2, 3, 4, 6, 9, 12, 13, 13, 13, 13, 14]


def test_messages_are_bounded_and_clean(read) -> None:
    loaded = read("x\x1b[31m" + "y" * 10_000 + " z\n")
    (message,) = messages(loaded)
    assert "\x1b" not in message
    assert len(message) < 300
    loaded = read("x\n" * 20_000)
    assert len(loaded.diagnostics) == 10_001
    assert loaded.diagnostics[-1].message.startswith("10000 more messages are left out")


# Nothing raises

WORDS = st.sampled_from(
    [
        "vrrp_instance",
        "vrrp_script",
        "vrrp_sync_group",
        "global_defs",
        "virtual_server",
        "A",
        "B",
        "{",
        "}",
        "{",
        "}",
        "{",
        "}",
        '"',
        "'",
        "\\",
        "#",
        "!",
        "state",
        "interface",
        "virtual_router_id",
        "priority",
        "version",
        "advert_int",
        "nopreempt",
        "unicast_src_ip",
        "unicast_peer",
        "authentication",
        "auth_type",
        "auth_pass",
        "PASS",
        "AH",
        "virtual_ipaddress",
        "virtual_ipaddress_excluded",
        "192.0.2.1/24",
        "track_interface",
        "track_script",
        "weight",
        "reverse",
        "group",
        "notify",
        "notify_master",
        "script",
        "interval",
        "timeout",
        "user",
        "MASTER",
        "BACKUP",
        "eth0",
        "1",
        "255",
        "0",
        "-1",
        "0.5",
        "1e9",
        "fe80::1",
        "dev",
        "label",
        "scope",
        "brd",
        "+",
        "-",
        "root",
        "",
    ]
    + ["\n"] * 20
)


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS | st.text(max_size=5), max_size=60).map(" ".join) | st.text())
def test_any_text_loads(tmp_path_factory, text) -> None:
    _loads(tmp_path_factory, text.encode("utf-8", "surrogatepass"))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_load(tmp_path_factory, data) -> None:
    _loads(tmp_path_factory, data)


def _loads(tmp_path_factory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.conf"
    path.write_bytes(data)
    loaded = load(str(path), config_id="x", interfaces=INTERFACES)
    for diagnostic in loaded.diagnostics:
        str(diagnostic).encode()
