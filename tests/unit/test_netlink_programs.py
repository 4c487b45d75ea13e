"""Programs: what the patched bytes mean to pyroute2's decoder, and that the quick look agrees with it."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink import NLM_F_DUMP, NLM_F_REQUEST
from pyroute2.netlink.rtnl import RTM_DELADDR, RTM_GETADDR, RTM_GETLINK, RTM_NEWADDR
from pyroute2.netlink.rtnl.ifaddrmsg import IFA_F_NODAD, ifaddrmsg

from pyvrrp.model import FOREVER_S, Vip, VipOptions
from pyvrrp.netlink.programs import (
    AddressKey,
    add_message,
    address_dump,
    address_key,
    delete_message,
    link_dump,
    peek_address,
)

labels = st.text(alphabet="abcxyz0189:.-", min_size=1, max_size=15)
indexes = st.integers(1, 2**31 - 1)
ipv4 = st.binary(min_size=4, max_size=4)


def vip(address: str, prefix_len: int, **more: object) -> Vip:
    return Vip(address=ipaddress.ip_address(address).packed, prefix_len=prefix_len, dev="eth0", **more)


def decoded(data: bytes) -> ifaddrmsg:
    message = ifaddrmsg(data)
    message.decode()
    assert message["header"]["length"] == len(data)
    assert message["header"]["sequence_number"] == 0
    return message


def attributes(message: ifaddrmsg) -> dict[str, object]:
    return {name: message.get_attr(name) for name, _ in message["attrs"]}


def test_ipv4_without_anything() -> None:
    message = decoded(add_message(vip("192.0.2.1", 32), 7))
    assert message["header"]["type"] == RTM_NEWADDR
    assert (message["family"], message["prefixlen"], message["index"], message["scope"]) == (2, 32, 7, 0)
    assert attributes(message) == {"IFA_LOCAL": "192.0.2.1", "IFA_ADDRESS": "192.0.2.1", "IFA_PROTO": 18}


def test_ipv4_with_everything() -> None:
    broadcast = bytes((192, 0, 2, 255))
    message = decoded(add_message(vip("192.0.2.1", 24, label="eth0:vip", scope=253, broadcast=broadcast), 7))
    assert (message["prefixlen"], message["scope"]) == (24, 253)
    assert message.get_attr("IFA_BROADCAST") == "192.0.2.255"
    assert message.get_attr("IFA_LABEL").rstrip("\0") == "eth0:vip"


def test_ipv6_is_added_without_duplicate_address_detection() -> None:
    message = decoded(add_message(vip("2001:db8::1", 64), 7))
    assert (message["family"], message["prefixlen"], message["flags"]) == (10, 64, IFA_F_NODAD)
    assert attributes(message) == {"IFA_ADDRESS": "2001:db8::1", "IFA_PROTO": 18}


def test_ipv6_of_one_host_is_deprecated() -> None:
    message = decoded(add_message(vip("2001:db8::1", 128), 7))
    lifetimes = message.get_attr("IFA_CACHEINFO")
    assert (lifetimes["ifa_preferred"], lifetimes["ifa_valid"]) == (0, 0xFFFFFFFF)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_flags(address: str) -> None:
    every = VipOptions(home=True, mngtmpaddr=True, noprefixroute=True, autojoin=True, detects_duplicates=True)
    message = decoded(add_message(vip(address, 24, rare=every), 7))
    assert message.get_attr("IFA_FLAGS") == 0x10 | 0x100 | 0x200 | 0x400
    assert message["flags"] == 0x10
    assert set(attributes(decoded(delete_message(vip(address, 24, rare=every), 7))).values()) == {address}
    asked = decoded(add_message(vip(address, 24, rare=VipOptions(home=True)), 7))
    assert asked["flags"] == 0x10 | (IFA_F_NODAD if ":" in address else 0)
    assert asked.get_attr("IFA_FLAGS") is None


@pytest.mark.parametrize(("preferred_s", "prefix_len"), [(0, 64), (300, 128), (FOREVER_S, 128)])
def test_lifetimes(preferred_s: int, prefix_len: int) -> None:
    one = vip("2001:db8::1", prefix_len, rare=VipOptions(preferred_s=preferred_s))
    lifetimes = decoded(add_message(one, 7)).get_attr("IFA_CACHEINFO")
    assert (lifetimes["ifa_preferred"], lifetimes["ifa_valid"]) == (preferred_s, 0xFFFFFFFF)


@pytest.mark.parametrize(("own", "peer", "prefix_len"), [("192.0.2.1", "192.0.2.9", 30), ("fd00::1", "fd00::9", 127)])
def test_the_far_end_of_a_link(own: str, peer: str, prefix_len: int) -> None:
    one = vip(own, prefix_len, rare=VipOptions(peer=ipaddress.ip_address(peer).packed))
    for data in (add_message(one, 7), delete_message(one, 7)):
        message = decoded(data)
        assert (message.get_attr("IFA_LOCAL"), message.get_attr("IFA_ADDRESS")) == (own, peer)
        assert message["prefixlen"] == prefix_len
        assert peek_address(data) == address_key(7, prefix_len, one.address)


def test_labels_and_broadcasts_of_ipv6_are_left_out() -> None:
    assert add_message(vip("2001:db8::1", 64, label="x", broadcast=b"\xff" * 16), 7) == add_message(
        vip("2001:db8::1", 64), 7
    )


@pytest.mark.parametrize(("address", "prefix_len"), [("192.0.2.1", 24), ("2001:db8::1", 128)])
def test_deletion_names_the_address_only(address: str, prefix_len: int) -> None:
    message = decoded(delete_message(vip(address, prefix_len, label="eth0:vip"), 7))
    assert message["header"]["type"] == RTM_DELADDR
    assert (message["prefixlen"], message["index"], message["flags"]) == (prefix_len, 7, 0)
    assert set(attributes(message).values()) == {address}


@given(ipv4, st.integers(0, 32), indexes, st.none() | labels, st.integers(0, 255), st.none() | ipv4)
def test_any_ipv4_address_arrives(
    address: bytes, prefix_len: int, index: int, label: str | None, scope: int, broadcast: bytes | None
) -> None:
    one = Vip(address=address, prefix_len=prefix_len, dev="x", label=label, scope=scope, broadcast=broadcast)
    message = decoded(add_message(one, index))
    assert (message["prefixlen"], message["index"], message["scope"]) == (prefix_len, index, scope)
    assert (
        message.get_attr("IFA_LOCAL") == message.get_attr("IFA_ADDRESS") == str(ipaddress.ip_address(address))
    )
    assert message.get_attr("IFA_BROADCAST") == (str(ipaddress.ip_address(broadcast)) if broadcast else None)
    assert (message.get_attr("IFA_LABEL") or "").rstrip("\0") == (label or "")
    for data in (add_message(one, index), delete_message(one, index)):
        assert peek_address(data) == AddressKey(index, prefix_len, address)


@given(st.binary(min_size=16, max_size=16), st.integers(0, 128), indexes)
def test_any_ipv6_address_arrives(address: bytes, prefix_len: int, index: int) -> None:
    one = Vip(address=address, prefix_len=prefix_len, dev="x")
    message = decoded(add_message(one, index))
    assert ipaddress.ip_address(message.get_attr("IFA_ADDRESS")).packed == address
    for data in (add_message(one, index), delete_message(one, index)):
        assert peek_address(data) == AddressKey(index, 128, address)


def test_quick_look_takes_our_end_of_a_point_to_point_address() -> None:
    message = ifaddrmsg()
    message.update(family=2, prefixlen=30, index=3)
    message["attrs"] = [("IFA_ADDRESS", "192.0.2.2"), ("IFA_LOCAL", "192.0.2.1"), ("IFA_LABEL", "eth0")]
    message.encode()
    assert peek_address(bytes(message.data)) == AddressKey(3, 30, bytes((192, 0, 2, 1)))


@given(st.binary(max_size=80))
def test_quick_look_never_fails(data: bytes) -> None:
    peek_address(data)
    header = struct.pack("=IHHIIBBBBI", 0, RTM_NEWADDR, 0, 0, 0, 2, 24, 0, 0, 1)
    key = peek_address(header + data)
    assert key is None or len(key.address) == 4


def test_dump_requests() -> None:
    for data, kind in ((link_dump(), RTM_GETLINK), (address_dump(), RTM_GETADDR)):
        length, type_, flags, seq, portid = struct.unpack_from("=IHHII", data)
        assert (length, type_, flags, seq, portid) == (len(data), kind, NLM_F_REQUEST | NLM_F_DUMP, 0, 0)
