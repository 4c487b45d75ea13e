"""The witness: what happened in a namespace and when, taken from the kernel and from the wire.

It asks no daemon anything. One thread reads, for every namespace that is watched, a netlink socket
(addresses that came and went) and a packet socket (adverts, gratuitous ARPs and neighbour advertisements,
in and out), and appends what it read to that namespace's Record. A test waits for a condition on a record
with a deadline; it never sleeps for a result.

Times are seconds of time.monotonic(). A packet carries the kernel's own time stamp; an address event is
stamped when it is read, which on a busy machine is a few milliseconds after the fact.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pyvrrp.linux import setns

T = TypeVar("T")

IPPROTO_VRRP = 112
ETH_P_ALL, ETH_P_IP, ETH_P_ARP, ETH_P_IPV6 = 0x0003, 0x0800, 0x0806, 0x86DD
PACKET_OUTGOING = 4                     # linux/if_packet.h: sll_pkttype of what this host sent
SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33                     # a burst of announcements of 2,000 routers must fit
RTM_NEWADDR, RTM_DELADDR = 20, 21
RTMGRP_ADDRESSES = 0x10 | 0x100         # RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR
IFA_ADDRESS, IFA_LOCAL = 1, 2
CHECK_S = 0.25                          # how often a waiting test looks whether its daemons live
NS_DIRECTORY = Path("/run/netns")


@contextlib.contextmanager
def entered(namespace: str) -> Iterator[None]:
    """The calling thread is in `namespace` within the block. Sockets opened there stay there."""
    with Path("/proc/thread-self/ns/net").open("rb") as home, (NS_DIRECTORY / namespace).open("rb") as there:
        setns(there.fileno())
        try:
            yield
        finally:
            setns(home.fileno())


@dataclass(frozen=True, slots=True)
class Address:
    """An address came (`added`) or went."""

    at_s: float
    added: bool
    address: str
    prefix_len: int
    index: int                          # of the interface


@dataclass(frozen=True, slots=True)
class Advert:
    """One ADVERTISEMENT as it was on the wire (RFC 5798 s5, RFC 3768 s5)."""

    at_s: float
    sent: bool                          # by this namespace; otherwise it was heard here
    source: str
    destination: str
    ttl: int
    version: int
    vrid: int
    priority: int
    interval_cs: int
    addresses: tuple[str, ...]
    message: bytes                      # the VRRP message, network order
    read_s: float                       # when the witness came to read it

    @property
    def auth_type(self) -> int:
        return self.message[4]          # v2 only


@dataclass(frozen=True, slots=True)
class Announcement:
    """A gratuitous ARP, or an unsolicited neighbour advertisement."""

    at_s: float
    sent: bool
    address: str


@dataclass
class Record:
    """All that one namespace's sockets have told, in the order it was read."""

    namespace: str
    addresses: list[Address] = field(default_factory=list)
    adverts: list[Advert] = field(default_factory=list)
    announcements: list[Announcement] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    # Called while a test waits: each raises AssertionError when there is nothing to wait for any more.
    checks: list[Callable[[], None]] = field(default_factory=list)

    def wait(self, condition: Callable[[], T | None], timeout_s: float, what: str) -> T:
        """What `condition` returns once that is true. Raises AssertionError, which tells the last events."""
        deadline_s = time.monotonic() + timeout_s
        with self.changed:
            while True:
                found = condition()
                if found:
                    return found
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    raise AssertionError(
                        f"{self.namespace}: not within {timeout_s:g} s: {what}\n{self.tail()}"
                    )
                for check in self.checks:
                    check()
                self.changed.wait(min(left_s, CHECK_S))

    def has(self, address: str) -> bool:
        """Whether the address is on an interface here now, as far as the kernel has told."""
        for event in reversed(self.addresses):
            if event.address == address:
                return event.added
        return False

    def address_event(self, address: str, added: bool, since_s: float = 0.0) -> Address | None:
        """The first time the address came (`added`) or went, not before `since_s`."""
        for event in self.addresses:
            if event.address == address and event.added == added and event.at_s >= since_s:
                return event
        return None

    def wait_address(self, address: str, added: bool, *, since_s: float = 0.0, timeout_s: float) -> Address:
        verb = "comes" if added else "goes"
        return self.wait(lambda: self.address_event(address, added, since_s), timeout_s, f"{address} {verb}")

    def select(
        self, *, sent: bool, since_s: float = 0.0, vrid: int | None = None, source: str | None = None
    ) -> list[Advert]:
        """The adverts sent by (or heard in) this namespace from `since_s` on."""
        return [
            a for a in self.adverts
            if a.sent == sent and a.at_s >= since_s
            and (vrid is None or a.vrid == vrid) and (source is None or a.source == source)
        ]

    def wait_adverts(
        self, count: int, *, sent: bool, since_s: float = 0.0, vrid: int | None = None, timeout_s: float
    ) -> list[Advert]:
        def enough() -> list[Advert] | None:
            found = self.select(sent=sent, since_s=since_s, vrid=vrid)
            return found if len(found) >= count else None

        verb = "sent" if sent else "heard"
        return self.wait(enough, timeout_s, f"{count} adverts {verb} since {since_s:.3f}")

    def announced(self, address: str, since_s: float) -> Announcement | None:
        """The first announcement of the address that this namespace sent, not before `since_s`."""
        for announcement in self.announcements:
            if announcement.sent and announcement.address == address and announcement.at_s >= since_s:
                return announcement
        return None

    def lateness_s(self, at_s: float) -> float:
        """How late the witness was with what it read just before `at_s`, or at it."""
        near = (a for a in self.adverts if at_s - 0.05 <= a.read_s <= at_s)
        return max((advert.read_s - advert.at_s for advert in near), default=0.0)

    def tail(self, count: int = 12) -> str:
        """The last events of each kind, for a failed assertion."""
        now_s = time.monotonic()
        lines = [f"  now {now_s:.3f}"]
        for address in self.addresses[-count:]:
            lines.append(f"  {address.at_s:.3f} {'+' if address.added else '-'}{address.address}")
        for advert in self.adverts[-count:]:
            verb = "sent" if advert.sent else "heard"
            lines.append(
                f"  {advert.at_s:.3f} {verb} {advert.source} > {advert.destination} v{advert.version}"
                f" vrid {advert.vrid} prio {advert.priority} {advert.interval_cs} cs {list(advert.addresses)}"
            )
        return "\n".join(lines)


class Queue:
    """The IPv4 packets of a namespace, left with the kernel until they are asked for: who times others stays idle."""

    def __init__(self, namespace: str) -> None:
        self._record = Record(namespace)
        with entered(namespace):
            kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
            self._socket = socket.socket(socket.AF_PACKET, kind, 0)
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)
            self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            self._socket.bind(("eth0", ETH_P_IP))

    def adverts(self) -> list[Advert]:
        """What has come until now; it hears nothing more."""
        with self._socket, contextlib.suppress(BlockingIOError):
            while True:
                _read_packets(self._socket, self._record)
        return self._record.adverts


class Witness:
    """The thread that fills the records. close() ends it; a record outlives it."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._sockets: dict[str, list[socket.socket]] = {}
        self._wake_read, self._wake_write = socket.socketpair()
        self._closing = False
        self._selector.register(self._wake_read, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, name="witness", daemon=True)
        self._thread.start()

    def watch(self, namespace: str, *, adverts: bool = True) -> Record:
        """Watch a namespace from now on; its wire too, if `adverts`. What is there already is not known."""
        record = Record(namespace)
        with entered(namespace):
            raw = socket.SOCK_RAW | socket.SOCK_NONBLOCK
            routes = socket.socket(socket.AF_NETLINK, raw, socket.NETLINK_ROUTE)
            routes.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 25)
            routes.bind((0, RTMGRP_ADDRESSES))
            # A packet socket of protocol 0 hears nothing.
            wanted = socket.htons(ETH_P_ALL if adverts else 0)
            packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, wanted)
            packets.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 25)
            packets.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        with self._lock:
            self._sockets[namespace] = [routes, packets]
            self._selector.register(routes, selectors.EVENT_READ, (record, _read_addresses))
            self._selector.register(packets, selectors.EVENT_READ, (record, _read_packets))
        return record

    def forget(self, namespace: str) -> None:
        with self._lock:
            for sock in self._sockets.pop(namespace, []):
                self._selector.unregister(sock)
                sock.close()

    def close(self) -> None:
        self._closing = True
        self._wake_write.send(b"x")
        self._thread.join()
        for namespace in list(self._sockets):
            self.forget(namespace)
        self._selector.close()
        self._wake_read.close()
        self._wake_write.close()

    def _run(self) -> None:
        # A time stamp is worth what the thread's turn is worth: it comes before the daemons that it watches.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -11)
        while not self._closing:
            # Addresses first: they have no time but that of reading, and a daemon sets them before it says so.
            ready = sorted(self._selector.select(1.0), key=lambda each: _is_packets(each[0].data))
            with self._lock:
                for key, _ in ready:
                    if key.data is None or key.fd < 0 or key.fileobj.fileno() < 0:  # type: ignore[union-attr]
                        continue
                    record, read = key.data
                    with record.changed:
                        try:
                            read(key.fileobj, record)
                        except BlockingIOError:
                            pass                    # read empty
                        except OSError as error:
                            if error.errno != errno.ENETDOWN:       # told once when a link goes down
                                raise
                        record.changed.notify_all()


def _is_packets(data: Any) -> bool:
    return data is not None and data[1] is _read_packets


def _read_addresses(sock: socket.socket, record: Record) -> None:
    """Read one datagram of RTM_NEWADDR and RTM_DELADDR messages (rtnetlink(7))."""
    data = sock.recv(1 << 16)
    now_s = time.monotonic()
    while len(data) >= 16:
        length, kind = struct.unpack_from("=IH", data)
        if kind in (RTM_NEWADDR, RTM_DELADDR):
            _, prefix_len, _, _, index = struct.unpack_from("=BBBBI", data, 16)
            found: dict[int, bytes] = {}
            at = 24
            while at + 4 <= length:
                size, attribute = struct.unpack_from("=HH", data, at)
                found[attribute] = data[at + 4 : at + size]
                at += (size + 3) & ~3
            packed = found.get(IFA_LOCAL, found.get(IFA_ADDRESS, b""))
            address = str(ipaddress.ip_address(packed))
            record.addresses.append(Address(now_s, kind == RTM_NEWADDR, address, prefix_len, index))
        data = data[(length + 3) & ~3 :]


def _read_packets(sock: socket.socket, record: Record) -> None:
    """Read what is queued; keep adverts and announcements."""
    clocks_s = time.time() - time.monotonic()       # once per batch: the wall clock may be stepped
    for _ in range(64):
        data, ancillary, _, address = sock.recvmsg(2048, 64)
        at_s = time.monotonic()
        for level, kind, value in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
                seconds, nanoseconds = struct.unpack("=qq", value)
                at_s = seconds + nanoseconds / 1e9 - clocks_s
        sent = address[2] == PACKET_OUTGOING
        protocol = address[1]
        if protocol == ETH_P_IP and data[9] == IPPROTO_VRRP:
            header_len = (data[0] & 0x0F) * 4
            message = data[header_len : struct.unpack_from("!H", data, 2)[0]]
            ends = str(ipaddress.IPv4Address(data[12:16])), str(ipaddress.IPv4Address(data[16:20]))
            record.adverts.append(_advert(at_s, sent, ends, data[8], message, 4))
        elif protocol == ETH_P_IPV6 and data[6] == IPPROTO_VRRP:
            message = data[40 : 40 + struct.unpack_from("!H", data, 4)[0]]
            ends = str(ipaddress.IPv6Address(data[8:24])), str(ipaddress.IPv6Address(data[24:40]))
            record.adverts.append(_advert(at_s, sent, ends, data[7], message, 16))
        elif protocol == ETH_P_ARP and data[14:18] == data[24:28]:
            record.announcements.append(Announcement(at_s, sent, str(ipaddress.IPv4Address(data[14:18]))))
        elif protocol == ETH_P_IPV6 and data[6] == socket.IPPROTO_ICMPV6 and data[40] == 136:
            record.announcements.append(Announcement(at_s, sent, str(ipaddress.IPv6Address(data[48:64]))))


def _advert(at_s: float, sent: bool, ends: tuple[str, str], ttl: int, message: bytes, size: int) -> Advert:
    """Decode the message as far as its bytes go; a test may have sent it short on purpose."""
    padded = message.ljust(8, b"\0")
    version = padded[0] >> 4
    listed = [message[8 + size * i : 8 + size * (i + 1)] for i in range(padded[3])]
    return Advert(
        at_s=at_s,
        sent=sent,
        source=ends[0],
        destination=ends[1],
        ttl=ttl,
        version=version,
        vrid=padded[1],
        priority=padded[2],
        interval_cs=padded[5] * 100 if version == 2 else struct.unpack_from("!H", padded, 4)[0] & 0x0FFF,
        addresses=tuple(str(ipaddress.ip_address(a)) for a in listed if len(a) == size),
        message=message,
        read_s=time.monotonic(),
    )
