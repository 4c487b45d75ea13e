"""Links and addresses from the kernel's messages: the few attributes that matter here, read by hand. Pure.

pyroute2's decoder makes an object of every attribute, 0.5 ms for a link. A daemon with 500 namespaces reads some 3,000
links at its start, so that was most of the time it took. A test compares the two.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from pyvrrp.netlink.transport import HEADER

_IFINFOMSG = Struct("=BBHiII")          # struct ifinfomsg: family, padding, type, index, flags, change
_IFADDRMSG = Struct("=BBBBI")           # struct ifaddrmsg: family, prefix length, flags, scope, index
_ATTRIBUTE = Struct("=HH")              # length with this header, type
_ATTRIBUTE_TYPE_MASK = 0x3FFF           # without the nested and byte-order flags
_NUMBER = Struct("=I")

# linux/if_link.h, linux/if_addr.h
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK, _IFLA_LINKINFO, _IFLA_IFALIAS = 1, 3, 4, 5, 18, 20
_IFLA_INFO_KIND, _IFLA_INFO_DATA = 1, 2
_IFLA_VRF_TABLE = 1
_IFLA_MACVLAN_MODE = 1
_MACVLAN_MODES = {1: "private", 2: "vepa", 4: "bridge", 8: "passthru", 16: "source"}
_IFA_FLAGS = 8


class LinkMessage(NamedTuple):
    """What a message about a link says."""

    ifindex: int
    flags: int                      # IFF_*
    name: str
    mac: bytes
    mtu: int
    below: int                      # the index of the interface that it is on; 0: none
    alias: str
    kind: str                       # macvlan, vrf, ...; empty: of no kind
    vrf_table: int                  # of a VRF
    macvlan_mode: str               # of a macvlan; empty: unknown


def read_link(data: bytes) -> LinkMessage:
    """Read an RTM_NEWLINK or RTM_DELLINK. data: the whole message, of the kernel's, at least its fixed part."""
    _family, _padding, _type, index, flags, _change = _IFINFOMSG.unpack_from(data, HEADER.size)
    found = attributes(data[HEADER.size + _IFINFOMSG.size :])
    info = attributes(found.get(_IFLA_LINKINFO, b""))
    kind = _text(info.get(_IFLA_INFO_KIND, b""))
    of_kind = attributes(info.get(_IFLA_INFO_DATA, b"")) if kind in ("vrf", "macvlan") else {}
    return LinkMessage(
        ifindex=index,
        flags=flags,
        name=_text(found.get(_IFLA_IFNAME, b"")),
        mac=found.get(_IFLA_ADDRESS, b""),
        mtu=_number(found.get(_IFLA_MTU, b"")),
        below=_number(found.get(_IFLA_LINK, b"")),
        alias=_text(found.get(_IFLA_IFALIAS, b"")),
        kind=kind,
        vrf_table=_number(of_kind.get(_IFLA_VRF_TABLE, b"")) if kind == "vrf" else 0,
        macvlan_mode=(
            _MACVLAN_MODES.get(_number(of_kind.get(_IFLA_MACVLAN_MODE, b"")), "") if kind == "macvlan" else ""
        ),
    )


def read_address(data: bytes) -> tuple[int, int, int]:
    """Read prefix length, scope and flags (IFA_F_*) of an RTM_NEWADDR or RTM_DELADDR, as read_link()."""
    _family, prefix_len, flags, scope, _index = _IFADDRMSG.unpack_from(data, HEADER.size)
    found = attributes(data[HEADER.size + _IFADDRMSG.size :])
    return prefix_len, scope, _number(found.get(_IFA_FLAGS, b"")) or flags


def attributes(data: bytes) -> dict[int, bytes]:
    """Attributes by type; of a type that occurs twice the first. What is cut off is left out."""
    found: dict[int, bytes] = {}
    at, end = 0, len(data)
    while at + _ATTRIBUTE.size <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size or at + length > end:
            break
        found.setdefault(kind & _ATTRIBUTE_TYPE_MASK, data[at + _ATTRIBUTE.size : at + length])
        at += length + 3 & ~3
    return found


def _text(value: bytes) -> str:
    return value.partition(b"\0")[0].decode(errors="replace")


def _number(value: bytes) -> int:
    number: int = _NUMBER.unpack_from(value)[0] if len(value) >= _NUMBER.size else 0
    return number
