"""Small networks of network namespaces, made to be looked at and thrown away: by the demo, by the doctor.

Synchronous, and without iproute2 or /run/netns: a namespace is a descriptor, and the kernel removes it when
the last descriptor and the last process in it are gone. Nothing here is for the daemon, which has a transport
of its own. setns() moves the calling thread alone, so a process that uses this keeps to one thread.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from pyroute2.iproute.linux import IPRoute
from pyroute2.netlink.exceptions import NetlinkError as KernelError
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg

from pyvrrp import linux
from pyvrrp.errors import NetlinkError

RTM_NEWADDR, RTM_DELADDR = 20, 21
RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR = 0x10, 0x100
NLMSG_HEADER = struct.Struct("=IHHII")      # length, type, flags, sequence, port
READ_BYTES = 65536
SO_RCVBUFFORCE = 33


def make_namespace() -> int:
    """Make a network namespace and return a descriptor of it; the calling thread stays where it is.

    Raises OSError: EPERM without CAP_SYS_ADMIN.
    """
    with _here() as here:
        linux.unshare(linux.CLONE_NEWNET)
        try:
            return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            linux.setns(here)


@contextlib.contextmanager
def inside(namespace: int) -> Iterator[None]:
    """Sockets opened and processes started in this context belong to the namespace of the descriptor."""
    with _here() as here:
        linux.setns(namespace)
        try:
            yield
        finally:
            linux.setns(here)


@contextlib.contextmanager
def _here() -> Iterator[int]:
    fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


class Lab:
    """The interfaces of the namespace in which it was opened. A context manager.

    Every method raises NetlinkError if the kernel refuses.
    """

    def __init__(self) -> None:
        make: Any = IPRoute             # untyped
        self._ipr: Any = make()

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket; what was made stays."""
        self._ipr.close()

    def add_bridge(self, name: str) -> None:
        """A switch: what is attached to it hears each other."""
        self._ask(f"bridge {name}", self._ipr.link, "add", ifname=name, kind="bridge")

    def add_veth(
        self, name: str, peer: str, *, peer_namespace: int | None = None, peer_mac: str | None = None
    ) -> None:
        """A wire with an end `name` here and an end `peer` here, or in the namespace of a descriptor.

        `peer_mac` is the address of its card, written 02:00:00:00:00:01; None lets the kernel choose.
        """
        far: dict[str, Any] = {"ifname": peer}
        if peer_mac is not None:
            far["address"] = peer_mac
        if peer_namespace is not None:
            far["net_ns_fd"] = peer_namespace
        self._ask(f"veth {name}", self._ipr.link, "add", ifname=name, kind="veth", peer=far)

    def move(self, name: str, namespace: int) -> None:
        """Move an interface into the namespace of a descriptor; it loses its addresses and is down."""
        self._set(name, net_ns_fd=namespace)

    def attach(self, name: str, bridge: str) -> None:
        """Make an interface a port of a bridge."""
        self._set(name, master=self._index(bridge))

    def rename(self, name: str, new: str) -> None:
        """Give an interface that is down another name."""
        self._set(name, ifname=new)

    def up(self, name: str) -> None:
        """Switch an interface on."""
        self._set(name, state="up")

    def down(self, name: str) -> None:
        """Switch an interface off: the other end of a veth pair loses its carrier."""
        self._set(name, state="down")

    def remove(self, name: str) -> None:
        """Remove an interface, and with it the other end of its wire."""
        self._ask(name, self._ipr.link, "del", index=self._index(name))

    def add_address(self, name: str, address: str) -> None:
        """Give an interface an address, written 192.0.2.1/24."""
        interface = ipaddress.ip_interface(address)
        self._ask(
            f"{name} {address}",
            self._ipr.addr,
            "add",
            index=self._index(name),
            address=str(interface.ip),
            prefixlen=interface.network.prefixlen,
        )

    def addresses(self, name: str) -> list[str]:
        """The addresses of an interface, written 192.0.2.1/24."""
        found = self._ask(name, lambda: list(self._ipr.get_addr(index=self._index(name))))
        return [f"{message.get('address')}/{message['prefixlen']}" for message in found]

    def _set(self, name: str, **attributes: Any) -> None:
        self._ask(name, self._ipr.link, "set", index=self._index(name), **attributes)

    def _index(self, name: str) -> int:
        found = self._ipr.link_lookup(ifname=name)
        if not found:
            raise NetlinkError(f"{name}: there is no such interface", errno.ENODEV)
        return int(found[0])

    def _ask(self, what: str, function: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except KernelError as error:
            raise NetlinkError(f"{what}: {os.strerror(error.code)}", error.code) from error


class AddressEvent(NamedTuple):
    """An address came to, or left, an interface of the namespace; `at_s` is when that was read, monotonic."""

    address: str
    is_added: bool
    at_s: float


class AddressWatch:
    """Hears every change of an address in the namespace in which it was opened."""

    def __init__(self, rcvbuf_bytes: int = 0) -> None:
        """rcvbuf_bytes: room for what was not read yet, as root; 0: the kernel's own."""
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._sock = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
        self._noted: list[tuple[float, bytes]] = []
        try:
            if rcvbuf_bytes:
                self._sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, rcvbuf_bytes)
            self._sock.bind((0, RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR))
        except OSError:
            self._sock.close()
            raise

    def fileno(self) -> int:
        """For select()."""
        return self._sock.fileno()

    def close(self) -> None:
        """Stop hearing."""
        self._sock.close()

    def note(self) -> int:
        """Take what has happened, and when, without a look at it; returns how much waits for read(), in datagrams.

        Decoding takes 0.15 ms each, by which the next one would be read too late for its time to be right. Raises
        OSError: ENOBUFS, some were lost.
        """
        while True:
            try:
                data = self._sock.recv(READ_BYTES)
            except BlockingIOError:
                return len(self._noted)
            self._noted.append((time.monotonic(), data))

    def read(self) -> list[AddressEvent]:
        """What happened since the last call; does not wait. Raises OSError: ENOBUFS, some were lost."""
        self.note()
        noted, self._noted = self._noted, []
        return [event for at_s, data in noted for event in _decoded(data, at_s)]


def _decoded(data: bytes, at_s: float) -> Iterator[AddressEvent]:
    offset = 0
    while offset + NLMSG_HEADER.size <= len(data):
        length, kind, *_ = NLMSG_HEADER.unpack_from(data, offset)
        if kind in (RTM_NEWADDR, RTM_DELADDR):
            decoder: Any = ifaddrmsg
            message = decoder(data, offset=offset)
            message.decode()
            address = message.get("local") or message.get("address")
            yield AddressEvent(str(address), kind == RTM_NEWADDR, at_s)
        offset += max(length + 3 & ~3, NLMSG_HEADER.size)
