"""Adverts written by hand, right or wrong on purpose, and sent from a raw socket in a namespace."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from netns.witness import IPPROTO_VRRP, entered

GROUPS = {4: "224.0.0.18", 6: "ff02::12"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forged:
    """An ADVERTISEMENT and how it travels. The defaults make one that an instance of `version` obeys.

    `length` cuts the message, or fills it with zeros, once its checksum is made; `wrong_checksum` spoils it.
    """

    source: str
    vrid: int
    destination: str = ""               # default: the group
    version: int = 3
    type: int = 1
    priority: int = 254
    interval: int | None = None         # as on the wire; default: 1 s
    addresses: tuple[str, ...] = ("192.0.2.200",)
    auth_type: int = 0                  # v2
    auth_data: bytes = bytes(8)         # v2 over IPv4
    ttl: int = 255
    wrong_checksum: bool = False
    length: int | None = None

    @property
    def family(self) -> int:
        return ipaddress.ip_address(self.source).version

    @property
    def target(self) -> str:
        return self.destination or GROUPS[self.family]

    def message(self) -> bytes:
        """The VRRP message (RFC 5798 s5.2, RFC 3768 s5.3), network order."""
        listed = b"".join(ipaddress.ip_address(address).packed for address in self.addresses)
        first = self.version << 4 | self.type
        head = struct.pack("!BBBB", first, self.vrid, self.priority, len(self.addresses))
        pseudo = b""
        if self.version == 2:
            middle = struct.pack("!BB", self.auth_type, 1 if self.interval is None else self.interval)
            listed += self.auth_data if self.family == 4 else b""
        else:
            middle = struct.pack("!H", 100 if self.interval is None else self.interval)
        if self.version != 2 or self.family == 6:
            ends = ipaddress.ip_address(self.source).packed + ipaddress.ip_address(self.target).packed
            size = len(listed) + 8
            if self.family == 4:
                pseudo = ends + struct.pack("!xBH", IPPROTO_VRRP, size)
            else:                       # RFC 8200 s8.1
                pseudo = ends + struct.pack("!I3xB", size, IPPROTO_VRRP)
        checksum = internet_checksum(pseudo + head + middle + b"\0\0" + listed)
        if self.wrong_checksum:
            checksum ^= 0x0100
        whole = head + middle + struct.pack("!H", checksum) + listed
        return whole if self.length is None else whole[: self.length].ljust(self.length, b"\0")


def internet_checksum(data: bytes) -> int:
    """RFC 1071."""
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@contextlib.contextmanager
def raw_socket(namespace: str, family: int) -> Iterator[socket.socket]:
    with entered(namespace):
        domain = socket.AF_INET if family == 4 else socket.AF_INET6
        sock = socket.socket(domain, socket.SOCK_RAW, IPPROTO_VRRP)
    with sock:
        yield sock


def send(namespace: str, forged: Forged) -> None:
    """Send it once from `namespace`, which must have the source address on its eth0."""
    with raw_socket(namespace, forged.family) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0\0")
        if forged.family == 4:
            sock.bind((forged.source, 0))
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, forged.ttl)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, forged.ttl)
            sock.setsockopt(
                socket.IPPROTO_IP, socket.IP_MULTICAST_IF, ipaddress.ip_address(forged.source).packed
            )
            sock.sendto(forged.message(), (forged.target, 0))
        else:
            with entered(namespace):
                index = socket.if_nametoindex("eth0")
            sock.bind((forged.source, 0, 0, index))
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, forged.ttl)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, forged.ttl)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            sock.sendto(forged.message(), (forged.target, 0, 0, index))
