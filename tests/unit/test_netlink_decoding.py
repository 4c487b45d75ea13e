"""What is read of links and addresses is what pyroute2 reads of the same bytes."""

from __future__ import annotations

from typing import Any

import pytest
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from pyvrrp.netlink.decoding import attributes, read_address, read_link


def encoded(kind: type, fields: dict[str, Any], attrs: list[Any]) -> bytes:
    message = kind()
    for name, value in fields.items():
        message[name] = value
    message["attrs"] = attrs
    message.encode()
    return bytes(message.data)


def link(kind: str | None = None, data: list[Any] | None = None, **more: Any) -> bytes:
    attrs = [["IFLA_IFNAME", "eth0"], ["IFLA_ADDRESS", "02:00:00:00:00:07"], ["IFLA_MTU", 1400]]
    attrs += [[f"IFLA_{name.upper()}", value] for name, value in more.items()]
    if kind is not None:
        info = [["IFLA_INFO_KIND", kind]]
        if data is not None:
            info.append(["IFLA_INFO_DATA", {"attrs": data}])
        attrs.append(["IFLA_LINKINFO", {"attrs": info}])
    return encoded(ifinfmsg, {"index": 7, "flags": 0x11043}, attrs)


@pytest.mark.parametrize(
    ("data", "kind", "below", "alias", "mode", "table"),
    [
        (link(), "", 0, "", "", 0),
        (link("veth", link=3), "veth", 3, "", "", 0),
        (link("macvlan", [["IFLA_MACVLAN_MODE", "private"]], link=2, ifalias="pyvrrp"), "macvlan", 2, "pyvrrp",
         "private", 0),
        (link("macvlan", [["IFLA_MACVLAN_MODE", "vepa"]], link=2), "macvlan", 2, "", "vepa", 0),
        (link("macvlan", [["IFLA_MACVLAN_MODE", "bridge"]]), "macvlan", 0, "", "bridge", 0),
        (link("macvlan"), "macvlan", 0, "", "", 0),
        (link("vrf", [["IFLA_VRF_TABLE", 1042]]), "vrf", 0, "", "", 1042),
        (link("vrf"), "vrf", 0, "", "", 0),
    ],
)
def test_link(data: bytes, kind: str, below: int, alias: str, mode: str, table: int) -> None:
    read = read_link(data)
    assert (read.ifindex, read.flags, read.name, read.mac, read.mtu) == (
        7, 0x11043, "eth0", bytes.fromhex("020000000007"), 1400,
    )
    assert (read.kind, read.below, read.alias, read.macvlan_mode, read.vrf_table) == (kind, below, alias, mode, table)
    theirs = ifinfmsg(data)
    theirs.decode()
    assert (theirs["index"], theirs.get_attr("IFLA_IFNAME"), theirs.get_attr("IFLA_MTU")) == (7, "eth0", 1400)
    assert theirs.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") in (kind, None)


def test_link_without_anything() -> None:
    read = read_link(encoded(ifinfmsg, {"index": 1}, []))
    assert (read.name, read.mac, read.mtu, read.kind) == ("", b"", 0, "")


@pytest.mark.parametrize("cut", range(32, 80, 3))
def test_what_is_cut_off_is_left_out(cut: int) -> None:
    data = link("macvlan", [["IFLA_MACVLAN_MODE", "vepa"]])
    assert read_link(data[:cut]).ifindex == 7
    assert set(attributes(data[32:cut])) <= set(attributes(data[32:]))


@pytest.mark.parametrize(
    ("attrs", "flags"),
    [
        ([["IFA_ADDRESS", "192.0.2.1"]], 0x80),
        ([["IFA_ADDRESS", "192.0.2.1"], ["IFA_FLAGS", 0x281]], 0x281),
        ([["IFA_ADDRESS", "192.0.2.1"], ["IFA_FLAGS", 0]], 0x80),
    ],
)
def test_address(attrs: list[Any], flags: int) -> None:
    data = encoded(ifaddrmsg, {"family": 2, "prefixlen": 24, "scope": 253, "flags": 0x80, "index": 7}, attrs)
    assert read_address(data) == (24, 253, flags)
