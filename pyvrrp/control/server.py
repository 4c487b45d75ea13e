"""The server of the control API: HTTP/1.1 (h11) with JSON bodies (msgspec) on the daemon's own event loop.

Adverts come first. So:
- in each turn of the loop one thing is done for one client, however many there are: a connection is accepted, what it
  sent is parsed, or a slice of CONTROL_SLICE_S of a reply is built, and all that takes half of the time at most
  (`turns`). The loop's own servers would accept, and start, whoever is there all at once;
- a client is heard and answered within CONTROL_IDLE_S each, or cut off, and there are at most
  CONTROL_CLIENTS_MAX: one more takes the place of whoever has been idle for longest;
- at most CONTROL_STREAMS_MAX of them are streams of events.

A fault while answering costs that connection, never the daemon. Who may read is a matter of the socket's permissions.
Who may change something is root, or the user that the daemon runs as, by the kernel's word (SO_PEERCRED).

The TCP listener, which is off unless it is asked for, answers what only reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import socket
import struct
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

import h11
import msgspec

from pyvrrp import limits, linux
from pyvrrp.control.answers import Answer, Call, Caller, Handler, Lines, Refusal, Sliced, Text, WithStatus
from pyvrrp.control.endpoints import DESCRIPTION, ENDPOINTS, Endpoint, Kind, find
from pyvrrp.control.exchange import READ_BYTES, Exchange, Request
from pyvrrp.control.listen import BACKLOG, Listener
from pyvrrp.control.turns import Turns
from pyvrrp.errors import ControlError

log = logging.getLogger(__name__)

_CREDENTIALS = struct.Struct("3i")          # of SO_PEERCRED: pid, uid, gid


class ControlServer:
    """Answers on one Unix socket, and maybe one TCP port, from start() to close()."""

    def __init__(
        self,
        path: str | None,
        handlers: Mapping[str, Handler],
        *,
        mode: int = 0o660,
        group: int | None = None,
        http: tuple[str, int] | None = None,
    ) -> None:
        """Answer at `path`; `mode` and `group` are those of the socket file (None: the group of the process).

        handlers: by the names of endpoints. What they return in slices is read with turns of the loop in between: a
        generator spreads its own cost too, but instances may come and go meanwhile.
        http: address and port of a TCP listener for what only reads; None: there is none.
        """
        self._path, self._mode, self._group, self._http = path, mode, group, http
        self._handlers: dict[str, Handler] = {"openapi": _openapi, **handlers}
        self._turn = Turns()
        self._clients: set[asyncio.Task[None]] = set()
        self._idle: dict[asyncio.Task[None], None] = {}     # those that owe a request, the longest first
        self._stream_count = 0
        self._listener: Listener | None = None
        self._sockets: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._may_change = {0, os.geteuid()}

    async def start(self) -> bool:
        """Listen. False, after one warning each, if neither can be had: the daemon runs without."""
        if self._path is not None:
            try:
                self._listener = Listener(self._path, mode=self._mode, group=self._group)
                self._sockets.append(self._listener.sock)
            except ControlError as error:
                log.warning("%s (running without a control socket: pyvrrp status cannot ask this daemon)", error)
        if self._http is not None:
            try:
                self._sockets.append(_listening(*self._http))
            except OSError as error:
                shown = f"pyvrrp_http {self._http[0]} {self._http[1]}"
                log.warning("%s: cannot listen: %s (running without it)", shown, error.strerror or error)
        loop = asyncio.get_running_loop()
        self._accepting = [loop.create_task(self._accept(sock), name="control") for sock in self._sockets]
        return bool(self._sockets)

    @property
    def ports(self) -> list[int]:
        """The TCP ports that are listened on."""
        return [sock.getsockname()[1] for sock in self._sockets if sock.family != socket.AF_UNIX]

    async def close(self) -> None:
        """Stop listening, cut off who is connected, remove the socket file. Without start(): nothing."""
        for task in [*self._accepting, *self._clients]:
            task.cancel()
        await asyncio.gather(*self._accepting, *self._clients, return_exceptions=True)
        self._accepting = []
        sockets, self._sockets = self._sockets, []
        for sock in sockets:
            sock.close()
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    # ---- clients

    async def _accept(self, listening: socket.socket) -> None:
        """Take one client after the other. Those who wait are in the kernel's queue, and cost nothing there."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, _ = await loop.sock_accept(listening)
            except OSError as error:        # no descriptor is left, or the client has gone already
                log.warning("%s: a client could not be accepted: %s", self._path, error.strerror)
                await asyncio.sleep(limits.CONTROL_PAUSE_S)
                continue
            async with self._turn:
                self._clients.add(loop.create_task(self._client(sock)))

    async def _client(self, sock: socket.socket) -> None:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=READ_BYTES, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport: asyncio.Transport | None = None
        http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.CONTROL_HEADER_BYTES_MAX)
        try:
            caller = _caller(sock)
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock)
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
            transport.set_write_buffer_limits(high=0)       # drain() then means: the kernel has it
            exchange = Exchange(
                http, reader, writer, self._turn, caller, may_change=caller.uid is not None,
                body_bytes_max=functools.partial(self._body_bytes_max, caller),
            )
            await self._serve(exchange, task)
        except asyncio.CancelledError:
            pass                            # by close(), or to make room; the connection ends below
        except (TimeoutError, OSError):
            pass                            # too slow, or gone: nobody is left to be told
        except Exception:
            log.exception("%s: a request was not answered; please report this fault", self._path)
        finally:
            self._clients.discard(task)
            self._idle.pop(task, None)
            if transport is not None:
                transport.abort()           # nothing that matters is buffered
            else:
                sock.close()

    def _body_bytes_max(self, caller: Caller, method: str, target: str) -> int:
        """How much a caller may send: a long body costs memory, so it is for those who may have it carried out."""
        endpoint = find(target.partition("?")[0])[0].get(method)
        if endpoint is None or caller.uid not in self._may_change:
            return limits.CONTROL_REQUEST_BYTES_MAX
        return endpoint.body_bytes_max

    def _make_room(self) -> bool:
        """Cut off who has been idle for longest, if there are too many clients. False: all are being answered."""
        if len(self._clients) <= limits.CONTROL_CLIENTS_MAX:
            return True
        longest = next(iter(self._idle), None)
        if longest is None:
            return False
        del self._idle[longest]
        self._clients.discard(longest)
        longest.cancel()
        return True

    async def _serve(self, exchange: Exchange, task: asyncio.Task[None]) -> None:
        """Answer request after request, until the client is done or refused."""
        try:
            if not self._make_room():
                full = f"{limits.CONTROL_CLIENTS_MAX} clients are connected already; try again later"
                raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, full)
            while True:
                self._idle[task] = None
                async with asyncio.timeout(limits.CONTROL_IDLE_S):
                    request = await exchange.next_request()
                self._idle.pop(task, None)
                if request is None:
                    return
                await self._answer(exchange, request)
                if exchange.is_done:
                    return
                exchange.http.start_next_cycle()
        except Refusal as refusal:
            async with asyncio.timeout(limits.CONTROL_IDLE_S):
                await exchange.refuse(refusal.status, str(refusal), (("Connection", "close"),))

    # ---- requests

    async def _answer(self, exchange: Exchange, request: Request) -> None:
        endpoint = None
        try:
            endpoint, call = self._check(exchange, request)
            # A handler waits for what it was asked to wait for, and bounds that itself.
            answer = await self._handlers[endpoint.name](call)
        except _NotAllowed as refusal:
            allow = (("Allow", refusal.allowed),)
            async with asyncio.timeout(limits.CONTROL_IDLE_S):
                await exchange.refuse(refusal.status, str(refusal), allow)
            return
        except Refusal as refusal:
            async with asyncio.timeout(limits.CONTROL_IDLE_S):
                await exchange.refuse(refusal.status, str(refusal))
            return
        if isinstance(answer, Lines):
            await self._stream(exchange, answer)
            return
        async with asyncio.timeout(limits.CONTROL_IDLE_S):
            await self._send(exchange, endpoint, answer)

    def _check(self, exchange: Exchange, request: Request) -> tuple[Endpoint, Call]:
        """Find the endpoint of a request, and check all that can be checked here. Raises Refusal."""
        path, _, query = request.target.partition("?")
        by_method, name = find(path)
        by_method = {method: each for method, each in by_method.items() if each.name in self._handlers}
        if not by_method:
            there = ", ".join(dict.fromkeys(each.path for each in ENDPOINTS if each.name in self._handlers))
            raise Refusal(HTTPStatus.NOT_FOUND, f"{unquote(path)}: no such path; there is {there}")
        endpoint = by_method.get(request.method)
        if endpoint is None:
            raise _NotAllowed(path, request.method, ", ".join(by_method))
        if endpoint.changes:
            if not exchange.may_change:
                raise Refusal(HTTPStatus.FORBIDDEN, f"{path}: nothing is changed over TCP; use the Unix socket")
            if exchange.caller.uid not in self._may_change:
                raise Refusal(
                    HTTPStatus.FORBIDDEN, f"{path}: root alone may change something, this is user {exchange.caller.uid}"
                )
        body = None
        if endpoint.request is not None:
            try:
                body = msgspec.json.decode(request.body or b"{}", type=endpoint.request)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise Refusal(HTTPStatus.BAD_REQUEST, f"{path}: {error}") from error
        known = {each.name for each in endpoint.query}
        pairs = {key: value for key, value in parse_qsl(query, keep_blank_values=True) if key in known}
        return endpoint, Call(exchange.caller, name, pairs, body)

    # ---- answers

    async def _send(self, exchange: Exchange, endpoint: Endpoint, answer: Answer) -> None:
        status = HTTPStatus.OK
        if isinstance(answer, WithStatus):
            status, answer = answer.status, answer.message
        if not isinstance(answer, Sliced | Text):
            await exchange.whole(status, Kind.JSON.value, msgspec.json.encode(answer) + b"\n")
            return
        await exchange.begin(status, endpoint.kind.value)
        pieces = self._in_slices(answer) if isinstance(answer, Sliced) else self._one_a_turn(answer.pieces)
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                await exchange.piece(piece)
        await exchange.end()

    async def _in_slices(self, answer: Sliced) -> AsyncGenerator[bytes, None]:
        """A reply in slices. Its last field is the list of the items, so that its end is known beforehand."""
        empty = msgspec.json.encode(answer.head)
        assert empty.endswith(b"[]}")
        encoder = msgspec.json.Encoder()
        source = iter(answer.items)
        chunk = bytearray(empty[:-2])
        is_first = True
        more = True
        while more:
            async with self._turn:
                until_s = time.monotonic() + limits.CONTROL_SLICE_S
                while time.monotonic() < until_s:
                    item = next(source, None)
                    if item is None:
                        chunk += b"]}\n"
                        more = False
                        break
                    if not is_first:
                        chunk += b","
                    is_first = False
                    encoder.encode_into(item, chunk, -1)
            yield bytes(chunk)
            chunk.clear()

    async def _one_a_turn(self, pieces: Iterable[bytes]) -> AsyncGenerator[bytes, None]:
        source = iter(pieces)
        while True:
            async with self._turn:
                piece = next(source, None)
            if piece is None:
                return
            yield piece

    async def _stream(self, exchange: Exchange, answer: Lines) -> None:
        """Send lines until the client has gone. One that takes none for CONTROL_IDLE_S is cut off."""
        try:
            if self._stream_count >= limits.CONTROL_STREAMS_MAX:
                most = limits.CONTROL_STREAMS_MAX
                async with asyncio.timeout(limits.CONTROL_IDLE_S):
                    await exchange.refuse(HTTPStatus.SERVICE_UNAVAILABLE, f"{most} clients follow events already")
                return
            self._stream_count += 1
            try:
                async with asyncio.timeout(limits.CONTROL_IDLE_S):
                    await exchange.begin(HTTPStatus.OK, Kind.LINES.value)
                async for line in answer.lines:
                    async with asyncio.timeout(limits.CONTROL_IDLE_S):
                        await exchange.piece(line)
            finally:
                self._stream_count -= 1
        finally:
            await _close(answer.lines)


class _NotAllowed(Refusal):
    """The path is right, the method is not."""

    def __init__(self, path: str, method: str, allowed: str) -> None:
        message = f"{path}: {method} is not possible here; use {allowed}"
        super().__init__(HTTPStatus.METHOD_NOT_ALLOWED, message)
        self.allowed = allowed


async def _openapi(_: Call) -> Answer:
    return Text([DESCRIPTION])


async def _close(lines: AsyncIterator[bytes]) -> None:
    if isinstance(lines, AsyncGenerator):
        await lines.aclose()


def _caller(sock: socket.socket) -> Caller:
    """Who is at the other end. Raises OSError when it has gone."""
    if sock.family != socket.AF_UNIX:
        return Caller(None, None)
    pid, uid, _ = _CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return Caller(uid, pid)


def _listening(address: str, port: int) -> socket.socket:
    """A TCP socket that listens. Raises OSError."""
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with linux.raised(linux.CAP_NET_BIND_SERVICE):
            sock.bind((address, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
