"""Whether another host has an address of a MASTER (pyvrrp_detect_duplicates): it is asked for, and who answers has it.

A while after a router has become MASTER, when the one before has had time to give the addresses up, each address is
asked for once. For IPv4 that is an ARP probe (RFC 5227 s1.1), whose sender is nobody; for IPv6 a Neighbor Solicitation
from the link-local address of the interface. Both are answered to this host alone, so no other learns a MAC by it. The
taking over waits for none of it, and an answer changes no state: it is told, and asked again after a minute.

Sockets are open only while answers are awaited.
"""

from __future__ import annotations

import array
import asyncio
import ipaddress
import logging
import socket
import time
from collections.abc import Iterable, Iterator
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from pyvrrp import limits
from pyvrrp.chronicle import Chronicle
from pyvrrp.model import State, Vip
from pyvrrp.router import addresses_of

if TYPE_CHECKING:
    from pyvrrp.netlink.links import Link, Links
    from pyvrrp.network import Network
    from pyvrrp.router import Router

log = logging.getLogger("pyvrrp")

_ETH_P_ARP, _ETH_P_IPV6 = 0x0806, 0x86DD
_SO_ATTACH_FILTER = 26
_FRAME_MAX = 128
_PACKET_OUTGOING = 4
_BROADCAST = b"\xff" * 6
_ARP_REQUEST = bytes.fromhex("0001 0800 06 04 0001")        # Ethernet, IPv4, lengths, operation (RFC 826)
_ICMPV6, _SOLICIT, _ADVERT = 58, 135, 136
_PROGRAM = Struct("HP")                                     # struct sock_fprog
# Classic BPF (struct sock_filter), on a whole frame. ARP replies whose target is nobody: the answers to probes.
_ARP_ANSWERS = (
    (0x28, 0, 0, 20), (0x15, 0, 3, 2),
    (0x20, 0, 0, 38), (0x15, 0, 1, 0),
    (0x06, 0, 0, _FRAME_MAX), (0x06, 0, 0, 0),
)
# Neighbor Advertisements without extension headers.
_ND_ANSWERS = (
    (0x30, 0, 0, 20), (0x15, 0, 3, _ICMPV6),
    (0x30, 0, 0, 54), (0x15, 0, 1, _ADVERT),
    (0x06, 0, 0, _FRAME_MAX), (0x06, 0, 0, 0),
)


class Question(NamedTuple):
    """What is sent for one address."""

    dev: str
    frame: bytes


def question(vip: Vip, link: Link) -> Question | None:
    """Ask who else has an address of an interface; None: there is nobody to ask as."""
    if len(link.mac) != 6:
        return None
    if vip.family == 4:
        message = _ARP_REQUEST + link.mac + bytes(4) + bytes(6) + vip.address
        return Question(vip.dev, _BROADCAST + link.mac + _ETH_P_ARP.to_bytes(2, "big") + message)
    own = next((a.address for a in link.addresses if a.address[:2] == b"\xfe\x80"), None)
    if own is None:
        return None
    group = bytes.fromhex("ff0200000000000000000001ff") + vip.address[13:]          # RFC 4291 s2.7.1
    body = bytes((_SOLICIT, 0, 0, 0)) + bytes(4) + vip.address + b"\1\1" + link.mac     # RFC 4861 s4.3
    checksum = _checksum(own + group + len(body).to_bytes(4, "big") + bytes((0, 0, 0, _ICMPV6)) + body)
    body = body[:2] + checksum.to_bytes(2, "big") + body[4:]
    header = b"\x60\0\0\0" + len(body).to_bytes(2, "big") + bytes((_ICMPV6, 255)) + own + group
    return Question(vip.dev, b"\x33\x33" + group[12:] + link.mac + _ETH_P_IPV6.to_bytes(2, "big") + header + body)


def answer(frame: bytes) -> tuple[bytes, bytes] | None:
    """The address that somebody says he has, and his MAC; None: the frame is no answer."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind == _ETH_P_ARP and frame[20:22] == b"\0\2" and frame[38:42] == bytes(4):
        return frame[28:32], frame[22:28]
    if kind == _ETH_P_IPV6 and len(frame) >= 78 and (frame[20], frame[54]) == (_ICMPV6, _ADVERT):
        return frame[62:78], frame[6:12]
    return None


def _checksum(data: bytes) -> int:
    """Of the Internet (RFC 1071); `data` has an even length."""
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Duplicates:
    """Asks for the addresses of the routers of a host."""

    def __init__(self, loop: asyncio.AbstractEventLoop, chronicle: Chronicle) -> None:
        self._loop, self._chronicle = loop, chronicle
        self._waiting: dict[int, Router] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def look(self, router: Router, after_s: float = limits.DUPLICATES_AFTER_S) -> None:
        """Ask for a router's addresses in a while, if it is MASTER then; those who come meanwhile join in."""
        self._waiting[router.number] = router
        if self._timer is None:
            self._timer = self._loop.call_later(after_s, self._begin)

    async def close(self) -> None:
        """Ask nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self) -> None:
        self._timer = None
        waiting, self._waiting = self._waiting, {}
        by_network: dict[Network, list[Router]] = {}
        for router in waiting.values():
            if router.state is State.MASTER:
                by_network.setdefault(router.network, []).append(router)
            else:
                router.duplicates = ()
        for network, routers in by_network.items():
            task = self._loop.create_task(self._ask(network, routers), name="duplicates")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _ask(self, network: Network, routers: list[Router]) -> None:
        links = network.usable_links
        if links is None:
            return
        asked: dict[bytes, Router] = {}
        found: dict[int, dict[str, None]] = {}
        # Another interface of this host may answer as well. Virtual MACs are excepted: the other host has the same.
        own = {link.mac for link in links.by_index.values() if link.macvlan is None}
        try:
            with network.inside():
                socks = [_listener(_ETH_P_ARP, _ARP_ANSWERS), _listener(_ETH_P_IPV6, _ND_ANSWERS)]
        except OSError as error:
            log.warning("%s: duplicate addresses are not looked for: %s", network.title, error)
            return

        def heard(sock: socket.socket) -> None:
            for frame in _frames(sock):
                said = answer(frame)
                if said is None or said[1] in own or (router := asked.get(said[0])) is None:
                    continue
                sentence = f"{ipaddress.ip_address(said[0])} is on another host too, at {said[1].hex(':')}"
                found.setdefault(router.number, {})[sentence] = None

        for sock in socks:
            self._loop.add_reader(sock.fileno(), heard, sock)
        try:
            until_s = time.monotonic() + limits.SLICE_S
            for router, vip, one in _questions(routers, links):
                asked[vip.address] = router
                try:
                    socks[0].sendto(one.frame, (one.dev, 0))
                except OSError as error:
                    log.debug("(%s) %s is not asked for: %s", router.title, vip, error)
                if time.monotonic() >= until_s:
                    await asyncio.sleep(limits.DUPLICATES_PAUSE_S)
                    until_s = time.monotonic() + limits.SLICE_S
            await asyncio.sleep(limits.DUPLICATES_ANSWER_S)
        finally:
            for sock in socks:
                self._loop.remove_reader(sock.fileno())
                sock.close()
        for router in routers:
            self._tell(router, tuple(found.get(router.number, ())))

    def _tell(self, router: Router, sentences: tuple[str, ...]) -> None:
        if router.state is not State.MASTER:
            sentences = ()
        for sentence in sentences:
            if sentence not in router.duplicates:
                log.warning("(%s) %s; take it away there", router.title, sentence)
                self._chronicle.tell("duplicate_address", router.title, reason=sentence)
        router.duplicates = sentences
        if sentences:
            self._loop.call_later(limits.DUPLICATES_AGAIN_S, self.look, router)


def _questions(routers: Iterable[Router], links: Links) -> Iterator[tuple[Router, Vip, Question]]:
    for router in routers:
        for vip in addresses_of(router.placed.instance):
            link = links.by_name.get(vip.dev)
            asked = None
            if link is not None:
                # A macvlan has no link-local address of its own: it asks as the interface below.
                below = links.by_index.get(link.macvlan.base) if link.macvlan is not None else None
                asked = question(vip, link) or (question(vip, below) if below is not None else None)
            if asked is not None:
                yield router, vip, asked


def _listener(protocol: int, program: Iterable[tuple[int, int, int, int]]) -> socket.socket:
    """A socket that hears what a filter lets through; before it has that, it may have heard more. Raises OSError."""
    code = array.array("B", b"".join(Struct("HBBI").pack(*step) for step in program))
    kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    sock = socket.socket(socket.AF_PACKET, kind, socket.htons(protocol))
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, _PROGRAM.pack(len(code) // 8, code.buffer_info()[0]))
    except BaseException:
        sock.close()
        raise
    return sock


def _frames(sock: socket.socket) -> Iterator[bytes]:
    """What has arrived from other hosts."""
    for _ in range(64):
        try:
            frame, sender = sock.recvfrom(_FRAME_MAX)
        except OSError:
            return
        if sender[2] != _PACKET_OUTGOING:
            yield frame
