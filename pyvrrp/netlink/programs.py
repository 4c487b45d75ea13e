"""Virtual addresses as bytes for the kernel. Pure: no socket, no state.

Building one message takes pyroute2 about 0.2 ms, so it builds one per *shape*: family, direction, and which
attributes there are. The template carries marks where the values go; each address is then a copy with its
values patched in. That happens when an address is configured. On the failover path only bytes are sent.

How addresses are added follows keepalived: IPv6 without duplicate address detection (at a takeover the old
master may still answer), /128 IPv6 as deprecated, so that the host does not use it as a source by itself;
no broadcast address unless one is asked for; and IFA_PROTO 18 ("keepalived" in iproute2), which kernels
before 5.18 ignore.
"""

from __future__ import annotations

import ipaddress
import socket
from functools import cache
from struct import Struct
from typing import NamedTuple

from pyroute2.netlink import NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, NLM_F_REQUEST
from pyroute2.netlink.rtnl import RTM_DELADDR, RTM_GETADDR, RTM_GETLINK, RTM_NEWADDR
from pyroute2.netlink.rtnl.ifaddrmsg import (
    IFA_F_HOMEADDRESS,
    IFA_F_MANAGETEMPADDR,
    IFA_F_NODAD,
    IFA_F_NOPREFIXROUTE,
    ifaddrmsg,
)
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from pyvrrp.model import FOREVER_S, Vip
from pyvrrp.netlink.transport import HEADER

IFA_PROTO_KEEPALIVED = 18
_IFA_F_MCAUTOJOIN = 0x400        # linux/if_addr.h; pyroute2 has no name for it
_RTEXT_FILTER_SKIP_STATS = 8    # a link without its statistics is half as long

# struct ifaddrmsg: family, prefix length, flags, scope, index
_IFADDRMSG = Struct("=BBBBI")
_PREFIX_LEN_AT = HEADER.size + 1
_SCOPE_AT = HEADER.size + 3
_INDEX_AT = HEADER.size + 4
_INDEX = Struct("=I")
_ATTRIBUTE = Struct("=HH")      # length with this header, type
_ATTRIBUTE_TYPE_MASK = 0x3FFF   # without the nested and byte-order flags
_IFA_ADDRESS = 1
_IFA_LOCAL = 2

# Marks in a template: values that occur nowhere else in it.
_ADDRESS_MARK = {4: bytes((203, 0, 113, 201)), 6: bytes.fromhex("20010db8c0dec0dec0dec0dec0dec0de")}
_PEER_MARK = {4: bytes((203, 0, 113, 203)), 6: bytes.fromhex("20010db8c0dfc0dfc0dfc0dfc0dfc0df")}
_BROADCAST_MARK = bytes((203, 0, 113, 202))
_LABEL_LEN = 15                 # IFNAMSIZ with the final zero is 16; shorter ones are padded with zeros
_LABEL_MARK = b"pyvrrp-the-mark"


class AddressKey(NamedTuple):
    """What the kernel tells addresses apart by; made by address_key()."""

    ifindex: int
    prefix_len: int             # of IPv6 always 128
    address: bytes


def address_key(ifindex: int, prefix_len: int, address: bytes) -> AddressKey:
    """Return the key of an address.

    With another prefix length, an IPv4 address is another one. An interface has an IPv6 address once: adding
    it with another prefix length changes the one that is there, and leaves its prefix length alone.
    """
    return AddressKey(ifindex, prefix_len if len(address) == 4 else 128, address)


class _Template(NamedTuple):
    """An encoded message, and where its values are."""

    message: bytes
    address_at: tuple[int, ...]
    peer_at: tuple[int, ...]    # empty: none
    label_at: int               # 0: none
    broadcast_at: int           # 0: none


@cache
def _template(
    family: int, add: bool, *, peer: bool, label: bool, broadcast: bool, preferred_s: int | None, flags: int
) -> _Template:
    """Encode the message of one shape. There are about ten shapes in most configurations."""
    mark, peer_mark = _ADDRESS_MARK[family], _PEER_MARK[family]
    attributes: list[tuple[str, object]] = [("IFA_ADDRESS", str(ipaddress.ip_address(peer_mark if peer else mark)))]
    if family == 4 or peer:
        attributes.insert(0, ("IFA_LOCAL", str(ipaddress.ip_address(mark))))
    if add:
        if broadcast:
            attributes.append(("IFA_BROADCAST", str(ipaddress.ip_address(_BROADCAST_MARK))))
        if label:
            attributes.append(("IFA_LABEL", _LABEL_MARK.decode()))
        if preferred_s is not None:
            attributes.append(("IFA_CACHEINFO", {"ifa_preferred": preferred_s, "ifa_valid": FOREVER_S}))
        if flags > 0xFF:        # the header has eight bits for them
            attributes.append(("IFA_FLAGS", flags))
        attributes.append(("IFA_PROTO", IFA_PROTO_KEEPALIVED))
    message = ifaddrmsg()
    message["family"] = socket.AF_INET if family == 4 else socket.AF_INET6
    message["flags"] = flags & 0xFF
    message["attrs"] = attributes
    message["header"]["type"] = RTM_NEWADDR if add else RTM_DELADDR
    message["header"]["flags"] = NLM_F_REQUEST | (NLM_F_CREATE | NLM_F_REPLACE if add else 0)
    message.encode()
    data = bytes(message.data)
    address_at = _places(data, mark)
    assert len(address_at) == (2 if family == 4 and not peer else 1)
    label_at = data.index(_LABEL_MARK) if add and label else 0
    broadcast_at = data.index(_BROADCAST_MARK) if add and broadcast else 0
    return _Template(data, address_at, _places(data, peer_mark), label_at, broadcast_at)


def _places(data: bytes, mark: bytes) -> tuple[int, ...]:
    places, at = [], data.find(mark)
    while at >= 0:
        places.append(at)
        at = data.find(mark, at + 1)
    return tuple(places)


def _patched(template: _Template, vip: Vip, index: int) -> bytearray:
    data = bytearray(template.message)
    data[_PREFIX_LEN_AT] = vip.prefix_len
    _INDEX.pack_into(data, _INDEX_AT, index)
    for at in template.address_at:
        data[at : at + len(vip.address)] = vip.address
    for at in template.peer_at:
        data[at : at + len(vip.address)] = vip.options.peer or b""
    return data


def _flags(vip: Vip) -> int:
    """The flags of the address; those that the kernel has for IPv6 alone it ignores for IPv4."""
    options = vip.options
    flags = IFA_F_NODAD if vip.family == 6 and not options.detects_duplicates else 0
    if options.home:
        flags |= IFA_F_HOMEADDRESS
    if options.mngtmpaddr:
        flags |= IFA_F_MANAGETEMPADDR
    if options.noprefixroute:
        flags |= IFA_F_NOPREFIXROUTE
    if options.autojoin:
        flags |= _IFA_F_MCAUTOJOIN
    return flags


def add_message(vip: Vip, index: int) -> bytes:
    """Return the RTM_NEWADDR of `vip` on the interface `index`; sequence number 0.

    An address that exists is replaced, so adding twice is no error.
    """
    label = vip.label if vip.family == 4 else None
    broadcast = vip.broadcast if vip.family == 4 else None
    preferred_s = vip.options.preferred_s
    if preferred_s is None and vip.family == 6 and vip.prefix_len == 128:
        preferred_s = 0
    template = _template(
        vip.family,
        True,
        peer=vip.options.peer is not None,
        label=label is not None,
        broadcast=broadcast is not None,
        preferred_s=preferred_s,
        flags=_flags(vip),
    )
    data = _patched(template, vip, index)
    data[_SCOPE_AT] = vip.scope
    if label is not None:
        padded = label.encode()[:_LABEL_LEN].ljust(_LABEL_LEN, b"\0")
        data[template.label_at : template.label_at + _LABEL_LEN] = padded
    if broadcast is not None:
        data[template.broadcast_at : template.broadcast_at + 4] = broadcast
    return bytes(data)


def delete_message(vip: Vip, index: int) -> bytes:
    """Return the RTM_DELADDR of `vip` on the interface `index`; sequence number 0.

    The label is left out: with it, the kernel would refuse to remove the address under another label.
    """
    peer = vip.options.peer is not None
    template = _template(vip.family, False, peer=peer, label=False, broadcast=False, preferred_s=None, flags=0)
    return bytes(_patched(template, vip, index))


@cache
def link_dump() -> bytes:
    """Return the request for all links, without statistics."""
    message = ifinfmsg()
    message["attrs"] = [("IFLA_EXT_MASK", _RTEXT_FILTER_SKIP_STATS)]
    message["header"]["type"] = RTM_GETLINK
    message["header"]["flags"] = NLM_F_REQUEST | NLM_F_DUMP
    message.encode()
    return bytes(message.data)


@cache
def address_dump() -> bytes:
    """Return the request for all addresses of every family."""
    message = ifaddrmsg()
    message["header"]["type"] = RTM_GETADDR
    message["header"]["flags"] = NLM_F_REQUEST | NLM_F_DUMP
    message.encode()
    return bytes(message.data)


def peek_address(data: bytes) -> AddressKey | None:
    """Read which address an RTM_NEWADDR or RTM_DELADDR is about, without decoding the rest of it.

    data: the whole message. Ten times as fast as pyroute2's decoder: at a takeover the kernel tells us of
    every address that we have just added. None: it is not about an IPv4 or IPv6 address.
    """
    if len(data) < HEADER.size + _IFADDRMSG.size:
        return None
    family, prefix_len, _flags, _scope, index = _IFADDRMSG.unpack_from(data, HEADER.size)
    if family not in (socket.AF_INET, socket.AF_INET6):
        return None
    address = None
    at = HEADER.size + _IFADDRMSG.size
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size or at + length > len(data):
            return None
        kind &= _ATTRIBUTE_TYPE_MASK
        if kind == _IFA_LOCAL:              # ours; IFA_ADDRESS is then the far end of a point-to-point link
            address = data[at + _ATTRIBUTE.size : at + length]
            break
        if kind == _IFA_ADDRESS:
            address = data[at + _ATTRIBUTE.size : at + length]
        at += length + 3 & ~3
    if address is None or len(address) != (4 if family == socket.AF_INET else 16):
        return None
    return address_key(index, prefix_len, address)
