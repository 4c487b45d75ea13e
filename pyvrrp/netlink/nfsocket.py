"""The way to nf_tables: one NETLINK_NETFILTER socket, one question at a time.

Sending is the shared thread's, as in transport.py: a batch of thousands of elements takes the kernel milliseconds, and
its commit waits for readers of the old rules. Answers are read in the loop.

The port of the socket is a random number, not the kernel's choice, which is the process's pid where that is free: a
table says in its comment which port its daemon has, and the next daemon in a container may well have the same pid.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import select
import socket
from collections.abc import Sequence
from errno import EADDRINUSE, EAGAIN, EBADF, ETIMEDOUT
from struct import Struct

from pyroute2.netlink import NETLINK_EXT_ACK, NETLINK_NETFILTER, NLMSG_DONE, NLMSG_ERROR

from pyvrrp.errors import NetlinkError
from pyvrrp.limits import NETLINK_ACK_TIMEOUT_S, NETLINK_RCVBUF
from pyvrrp.netlink import nft
from pyvrrp.netlink.sender import Sender
from pyvrrp.netlink.transport import reason_of

_CODE = Struct("=i")
_SOL_NETLINK = 270
_NETLINK_CAP_ACK = 10
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
_PORTS = range(1 << 24, 1 << 31)        # above every pid


class NfSocket:
    """A socket for nf_tables in the network namespace that the calling thread is in.

    Make it in the thread of a running event loop.
    """

    def __init__(self, sender: Sender) -> None:
        self._loop = asyncio.get_running_loop()
        self._sender = sender
        self._seq = 0
        self._until = 0                                     # the number whose answer ends the question
        self._first = 0
        self._errors: list[tuple[int, str]] = []            # errno and words
        self._tables: list[nft.Table] = []
        self._answer: asyncio.Future[None] | None = None
        self._asking = asyncio.Lock()
        self._epoll = select.epoll()
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
        try:
            self._socket.setblocking(False)
            self.port = _bind(self._socket)
            for option in (NETLINK_EXT_ACK, _NETLINK_CAP_ACK):
                with contextlib.suppress(OSError):
                    self._socket.setsockopt(_SOL_NETLINK, option, 1)
            for option in (_SO_SNDBUFFORCE, _SO_RCVBUFFORCE):
                with contextlib.suppress(PermissionError):  # in a user namespace: net.core.wmem_max counts
                    self._socket.setsockopt(socket.SOL_SOCKET, option, NETLINK_RCVBUF)
        except BaseException:
            self._socket.close()
            self._epoll.close()
            raise
        # As in transport.py: uvloop gives up a descriptor that reports an error.
        self._epoll.register(self._socket.fileno(), select.EPOLLIN)
        self._loop.add_reader(self._epoll.fileno(), self._read)

    def close(self) -> None:
        """Close it when all that was sent is done."""
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        self._end()
        self._sender.close_socket(self._socket)

    async def change(self, messages: Sequence[bytes]) -> None:
        """Have the kernel do all of it, or nothing. Raises NetlinkError, with its first reason."""
        async with self._asking:
            data, last = nft.batch(messages, self._seq + 1)
            await self._ask(data, self._seq + 1, last)

    async def tables(self) -> list[nft.Table]:
        """Every table of our family. Raises NetlinkError."""
        async with self._asking:
            await self._ask(nft.tables_request(self._seq + 1), self._seq + 1, self._seq + 1)
            return self._tables

    async def _ask(self, data: bytes, first: int, last: int) -> None:
        self._first, self._until, self._seq = first, last, last + 1
        self._errors, self._tables = [], []
        self._answer = self._loop.create_future()
        self._sender.send(self._socket, data, self._on_send_error)
        try:
            async with asyncio.timeout(NETLINK_ACK_TIMEOUT_S):
                await self._answer
        except TimeoutError:
            raise NetlinkError("nf_tables does not answer", ETIMEDOUT) from None
        finally:
            self._answer = None
        for code, words in self._errors:
            raise NetlinkError(words, code)

    def _end(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(None)

    def _on_send_error(self, error: OSError) -> None:
        with contextlib.suppress(RuntimeError):             # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(self._not_sent, error.errno or 0)

    def _not_sent(self, code: int) -> None:
        self._errors.append((code, os.strerror(code)))
        self._end()

    def _read(self) -> None:
        buffer = self._sender.buffer
        while True:
            try:
                size, (port, _groups) = self._socket.recvfrom_into(buffer)
            except OSError as error:
                if error.errno == EAGAIN:
                    return
                if error.errno == EBADF:
                    raise
                # An answer was lost (ENOBUFS), or a dump failed on its way: told here, once.
                self._errors.append((error.errno or 0, f"no whole answer: {error.strerror}"))
                self._end()
                continue
            if port == 0:                                   # only the kernel is believed
                self._take(bytes(buffer[:size]))

    def _take(self, data: bytes) -> None:
        while len(data) >= nft.HEADER.size:
            length, kind, _, seq, _ = nft.HEADER.unpack_from(data)
            if not nft.HEADER.size <= length <= len(data):
                return
            message, data = data[:length], data[length + 3 & ~3 :]
            if not self._first <= seq <= self._until:
                continue                                    # an answer that came after its time
            if kind == NLMSG_ERROR:
                (code,) = _CODE.unpack_from(message, nft.HEADER.size)
                if code:
                    self._errors.append((-code, reason_of(message)))
                if seq in (self._first, self._until):
                    self._end()
            elif kind == NLMSG_DONE:
                self._end()
            elif (table := nft.table_of(message)) is not None:
                self._tables.append(table)


def is_alive(port: int) -> bool:
    """Whether a socket of the network namespace that the calling thread is in has that port."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER) as probe:
        try:
            probe.bind((port, 0))
        except OSError as error:
            return error.errno == EADDRINUSE
        return False


def _bind(sock: socket.socket) -> int:
    while True:
        port = _PORTS.start + secrets.randbelow(len(_PORTS))
        try:
            sock.bind((port, 0))
        except OSError as error:
            if error.errno != EADDRINUSE:
                raise
        else:
            return port
