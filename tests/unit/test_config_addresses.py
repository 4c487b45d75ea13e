"""Lines of virtual_ipaddress: every option, and that an address as a text reads back as the same address."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from config_lines import address, reads_as
from hypothesis import given, settings
from hypothesis import strategies as st

from pyvrrp.model import FOREVER_S, Vip, VipOptions

GOOD = {
    "192.0.2.6": "192.0.2.6/32 dev eth0",
    "192.0.2.6/24 dev eth1": "192.0.2.6/24 dev eth1",
    "192.0.2.6/24 brd +": "192.0.2.6/24 dev eth0 brd 192.0.2.255",
    "192.0.2.6/24 broadcast 192.0.2.254": "192.0.2.6/24 dev eth0 brd 192.0.2.254",
    "192.0.2.6/24 brd -": "192.0.2.6/24 dev eth0 brd 192.0.2.0",
    "192.0.2.6 peer 192.0.2.7": "192.0.2.6 dev eth0 peer 192.0.2.7/32",
    "192.0.2.6 peer 192.0.2.7/30 dev eth1": "192.0.2.6 dev eth1 peer 192.0.2.7/30",
    "192.0.2.6 scope link label eth0:x": "192.0.2.6/32 dev eth0 label eth0:x scope 253",
    "192.0.2.6 scope 77": "192.0.2.6/32 dev eth0 scope 77",
    "192.0.2.6 scope 0x10": "192.0.2.6/32 dev eth0 scope 16",
    "192.0.2.6 scope global": "192.0.2.6/32 dev eth0",
    "192.0.2.6 home noprefixroute mngtmpaddr": "192.0.2.6/32 dev eth0 home mngtmpaddr noprefixroute",
    "239.0.0.6 autojoin": "239.0.0.6/32 dev eth0 autojoin",
    "2001:db8::5/64 mngtmpaddr": "2001:db8::5/64 dev eth0 mngtmpaddr",
    "192.0.2.6 no_track": "192.0.2.6/32 dev eth0 no_track",
    "2001:db8::5/64 -nodad": "2001:db8::5/64 dev eth0 -nodad",
    "2001:db8::5 peer 2001:db8::6": "2001:db8::5 dev eth0 peer 2001:db8::6/128",
    "2001:db8::5/64 preferred_lft 0": "2001:db8::5/64 dev eth0 preferred_lft 0",
    "2001:db8::5/64 preferred_lft 10": "2001:db8::5/64 dev eth0 preferred_lft 10",
    "2001:db8::5/64 preferred_lft forever": "2001:db8::5/64 dev eth0 preferred_lft forever",
    "2001:db8::5/64 preferred_lft 4294967295": "2001:db8::5/64 dev eth0 preferred_lft forever",
}


@pytest.mark.parametrize("line", GOOD)
def test_an_option(line: str) -> None:
    reads_as(address, line, GOOD[line])


LEFT_OUT = "; the address is left out"
FAULTY = {
    # line: is it used, and what is said
    "192.0.2.6/24 peer 192.0.2.7": (
        True,
        "1: the prefix length of 192.0.2.6/24 means nothing beside a peer and is ignored; write it behind the peer",
    ),
    "192.0.2.6 peer": (False, f"11: peer lacks its value; write it after peer{LEFT_OUT}"),
    "192.0.2.6 peer x": (
        False,
        "16: peer x is not an IP address; write an IPv4 or IPv6 address (names are not looked up); "
        "the address is left out",
    ),
    "192.0.2.6 peer fd00::1": (
        False,
        f"16: peer fd00::1 is IPv6 and the address is not; write one of its family{LEFT_OUT}",
    ),
    "192.0.2.6 brd + peer 192.0.2.7/24": (
        True,
        "15: a point-to-point address (peer) has no broadcast address; remove one of them; "
        "the address is used without it",
    ),
    "192.0.2.6 preferred_lft x": (
        False,
        f"25: preferred_lft x is not a number; write decimal digits only{LEFT_OUT}",
    ),
    "192.0.2.6 preferred_lft 4294967296": (
        False,
        f"25: preferred_lft 4294967296 is not in 0..4294967295; write a number in that range{LEFT_OUT}",
    ),
    "192.0.2.6 scope hots": (False, f"17: scope hots is not known; did you mean host?{LEFT_OUT}"),
    "192.0.2.6 scope 256": (False, f"17: scope 256 is not in 0..255; write a number in that range{LEFT_OUT}"),
    "192.0.2.6 dev a-very-long-name": (
        False,
        "15: dev a-very-long-name is too long for an interface; names have at most 15 characters, and no /"
        "; the address is left out",
    ),
    "192.0.2.6 lable x": (True, "11: lable x: not known as options of an address; ignored, the address 192.0.2.6 is "
                                "used; remove it, or make it a comment with #"),
    "192.0.2.6 notrack": (
        True,
        "11: notrack: not known as an option of an address; ignored, the address 192.0.2.6 is used; "
        "did you mean no_track?",
    ),
    "192.0.2.6 track_group g": (True, "1: track_group is for static addresses only and is ignored; remove it"),
    "192.0.2.6 autojoin": (
        True,
        "1: the kernel takes autojoin for multicast addresses only; ignored, remove it",
    ),
    "fd00::1/65 mngtmpaddr": (True, "1: the kernel takes mngtmpaddr with a /64 only; ignored, write one"),
    "fd00::1 label x": (True, "15: an IPv6 address has no label; the label is ignored, remove it"),
    "fd00::1 scope link": (True, "15: an IPv6 address has no scope to set; the scope is ignored, remove it"),
}


@pytest.mark.parametrize("line", FAULTY)
def test_a_faulty_option(line: str) -> None:
    vip, said = address(line)
    is_used, message = FAULTY[line]
    assert (vip is not None, said) == (is_used, [message])


def test_a_static_address() -> None:
    vip, said = address("192.0.2.6/24 dev eth1 track_group g", is_static=True)
    assert not said
    assert str(vip) == "192.0.2.6/24 dev eth1 track_group g"
    vip, said = address("192.0.2.6/24 use_vmac", is_static=True)
    assert said == ["1: use_vmac is for virtual addresses only and is ignored; remove it"]
    assert str(vip) == "192.0.2.6/24 dev eth0"


def test_scopes_of_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyvrrp.config.names.DIRECTORIES", (tmp_path,))
    (tmp_path / "rt_scopes").write_text("# names\n0x12 mine\n300 large\nword\n")
    vip, said = address("192.0.2.6 scope mine")
    assert (vip.scope, said) == (18, [])
    assert "scope large is not known" in address("192.0.2.6 scope large")[1][0]
    (tmp_path / "rt_scopes").write_text("19 mine # changed\n")
    assert address("192.0.2.6 scope mine")[0].scope == 19


addresses = st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16))
names = st.text(alphabet="abcxyz0189:.-", min_size=1, max_size=15)


@st.composite
def vips(draw: st.DrawFn) -> Vip:
    address = draw(addresses)
    is_ipv4 = len(address) == 4
    peer = draw(st.none() | st.binary(min_size=len(address), max_size=len(address)))
    prefix_len = draw(st.integers(0, len(address) * 8))
    rare = VipOptions(
        **{name: draw(st.booleans()) for name in ("home", "noprefixroute", "is_tracked")},
        mngtmpaddr=draw(st.booleans()) and (is_ipv4 or prefix_len == 64),
        autojoin=draw(st.booleans()) and ipaddress.ip_address(address).is_multicast,
        detects_duplicates=draw(st.booleans()),
        peer=peer,
        preferred_s=draw(st.none() | st.integers(0, FOREVER_S)),
        track_group=draw(st.none() | names),
    )
    return Vip(
        address=address,
        prefix_len=prefix_len,
        dev=draw(names),
        label=draw(st.none() | names) if is_ipv4 else None,
        scope=draw(st.integers(0, 255)) if is_ipv4 else 0,
        broadcast=draw(st.none() | st.binary(min_size=4, max_size=4)) if is_ipv4 and peer is None else None,
        rare=None if rare == VipOptions() else rare,
    )


@settings(max_examples=100, deadline=None)
@given(vips())
def test_any_address_reads_back(vip: Vip) -> None:
    assert address(str(vip), is_static=True) == (vip, [])
    assert ipaddress.ip_address(vip.address) == ipaddress.ip_address(str(vip).split(maxsplit=1)[0].partition("/")[0])
