"""The addresses and the password of an instance."""

import pytest
from config_texts import instance, messages, one


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
