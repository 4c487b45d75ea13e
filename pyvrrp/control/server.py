"""The server of the control socket: HTTP/1.1 (h11) with JSON bodies (msgspec) on the daemon's own event loop.

Adverts come first. So:
- a reply is built in slices of CONTROL_SLICE_S, and one slice per turn of the loop however many clients ask:
  whoever builds one holds `_turn` until the loop has gone round;
- a client is heard and answered within CONTROL_IDLE_S each, or cut off, and there are at most
  CONTROL_CLIENTS_MAX: one more takes the place of whoever has been idle for longest;
- what is sent waits in the kernel or not at all: a transport's buffer never holds more than one slice.

A fault while answering costs that connection, never the daemon. Reading is a matter of the socket's
permissions.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import h11
import msgspec

from pyvrrp import __version__, limits
from pyvrrp.control.listen import Listener
from pyvrrp.control.protocol import (
    CONFIGURATION_PATH,
    INSTANCES_PATH,
    ConfigurationPart,
    ConfigurationReply,
    ErrorReply,
    InstancesReply,
    InstanceStatus,
    Source,
    without_secrets,
)
from pyvrrp.errors import ControlError
from pyvrrp.model import Configuration

log = logging.getLogger(__name__)

READ_BYTES = 16384


class _Refusal(Exception):
    """The request gets this answer, and the connection is closed after it."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class _Client:
    http: h11.Connection
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    is_head: bool = False                   # the request in hand is a HEAD, whose answer has no body

    async def send(self, event: h11.Event) -> None:
        """Write, and wait until the kernel has taken all of it."""
        data = self.http.send(event)
        if data:
            self.writer.write(data)
            await self.writer.drain()


class ControlServer:
    """Answers on one Unix socket from start() to close()."""

    def __init__(
        self,
        path: str,
        *,
        instances: Callable[[], Iterable[InstanceStatus]],
        counters: Callable[[], dict[str, dict[str, int]]] = dict,
        problems: Callable[[], list[str]] = list,
        configurations: Callable[[], Mapping[str, Configuration]] = dict,
        source: Source | None = None,
        mode: int = 0o660,
        group: int | None = None,
    ) -> None:
        """Answer at `path`; `mode` and `group` are those of the socket file (None: the group of the process).

        `instances` is called once per request and its result is read in slices, with turns of the loop
        between them. A generator spreads its own cost too, but instances may come and go meanwhile.
        `configurations` is what runs, by path; `source` what it is read from.
        """
        self._path, self._mode, self._group = path, mode, group
        self._instances, self._counters, self._problems = instances, counters, problems
        self._configurations, self._source = configurations, source or Source()
        self._turn = asyncio.Lock()
        self._clients: set[asyncio.Task[None]] = set()
        self._idle: dict[asyncio.Task[None], None] = {}     # those that owe a request, the longest first
        self._listener: Listener | None = None
        self._server: asyncio.Server | None = None
        self._routes: dict[str, dict[str, Callable[[], AsyncGenerator[bytes, None]]]] = {
            INSTANCES_PATH: {"GET": self._instances_body},
            CONFIGURATION_PATH: {"GET": self._configuration_body},
        }

    async def start(self) -> bool:
        """Listen. False, after one warning, if the path cannot be had: the daemon runs without it."""
        try:
            self._listener = Listener(self._path, mode=self._mode, group=self._group)
        except ControlError as error:
            log.warning("%s (running without a control socket: pyvrrp status cannot ask this daemon)", error)
            return False
        self._server = await asyncio.start_unix_server(self._accept, sock=self._listener.sock)
        return True

    async def close(self) -> None:
        """Stop listening, cut off who is connected, remove the socket file. Without start(): nothing."""
        if self._listener is None or self._server is None:
            return
        listener, self._listener = self._listener, None
        self._server.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        await self._server.wait_closed()
        listener.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        writer.transport.set_write_buffer_limits(high=0)    # drain() then means: the kernel has it
        http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.CONTROL_HEADER_BYTES_MAX)
        try:
            await self._serve(_Client(http, reader, writer), task)
        except asyncio.CancelledError:
            pass                            # by close(), or to make room; the connection ends below
        except (TimeoutError, ConnectionError):
            pass                            # too slow, or gone: nobody is left to be told
        except Exception:
            log.exception("%s: a request was not answered; please report this fault", self._path)
        finally:
            self._clients.discard(task)
            self._idle.pop(task, None)
            writer.transport.abort()        # nothing that matters is buffered

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

    async def _serve(self, client: _Client, task: asyncio.Task[None]) -> None:
        """Answer request after request, until the client is done or refused."""
        try:
            if not self._make_room():
                full = f"{limits.CONTROL_CLIENTS_MAX} clients are connected already; try again later"
                raise _Refusal(HTTPStatus.SERVICE_UNAVAILABLE, full)
            while True:
                self._idle[task] = None
                async with asyncio.timeout(limits.CONTROL_IDLE_S):
                    request = await _next_request(client)
                self._idle.pop(task, None)
                if request is None:
                    return
                async with asyncio.timeout(limits.CONTROL_IDLE_S):
                    await self._answer(client, request)
                if client.http.our_state is not h11.DONE or client.http.their_state is not h11.DONE:
                    return
                client.http.start_next_cycle()
        except _Refusal as refusal:
            async with asyncio.timeout(limits.CONTROL_IDLE_S):
                await _send_error(client, refusal.status, str(refusal), (("Connection", "close"),))

    async def _answer(self, client: _Client, request: h11.Request) -> None:
        method = request.method.decode("ascii")
        path = request.target.decode("ascii").partition("?")[0]
        verbs = self._routes.get(path)
        if verbs is None:
            known = ", ".join(self._routes)
            await _send_error(client, HTTPStatus.NOT_FOUND, f"{path}: no such path; there is {known}")
            return
        body = verbs.get(method)
        if body is None:
            allowed = ", ".join(verbs)
            message = f"{path}: {method} is not possible here; use {allowed}"
            await _send_error(client, HTTPStatus.METHOD_NOT_ALLOWED, message, (("Allow", allowed),))
            return
        # Without a length h11 sends it in chunks, or to HTTP/1.0 until the connection is closed.
        await client.send(_response(HTTPStatus.OK))
        async with contextlib.aclosing(body()) as chunks:
            async for chunk in chunks:
                await client.send(h11.Data(data=chunk))
        await client.send(h11.EndOfMessage())

    def _instances_body(self) -> AsyncGenerator[bytes, None]:
        head = InstancesReply(
            version=__version__, pid=os.getpid(), counters=self._counters(), problems=self._problems(), instances=[]
        )
        return self._in_slices(head, self._instances())

    def _configuration_body(self) -> AsyncGenerator[bytes, None]:
        head = ConfigurationReply(version=__version__, pid=os.getpid(), source=self._source, parts=[])
        return self._in_slices(head, _parts(self._configurations()))

    async def _in_slices(self, head: msgspec.Struct, items: Iterable[msgspec.Struct]) -> AsyncGenerator[bytes, None]:
        """A reply in slices. Its last field is the list of the items, so that its end is known beforehand."""
        empty = msgspec.json.encode(head)
        assert empty.endswith(b"[]}")
        encoder = msgspec.json.Encoder()
        source = iter(items)
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
                await asyncio.sleep(0)
            yield bytes(chunk)
            chunk.clear()


def _parts(configurations: Mapping[str, Configuration]) -> Iterator[ConfigurationPart]:
    """Configurations in parts that are small enough to be encoded in one turn of the loop."""
    for path, configuration in configurations.items():
        shown = path.encode("utf-8", "replace").decode()
        bare = Configuration(global_defs=configuration.global_defs)
        yield ConfigurationPart(path=shown, configuration=bare)
        for field in dataclasses.fields(configuration):
            things = getattr(configuration, field.name)
            if isinstance(things, tuple):
                for at in range(0, len(things), limits.CONTROL_PART):
                    some: dict[str, Any] = {field.name: without_secrets(things[at : at + limits.CONTROL_PART])}
                    yield ConfigurationPart(path=shown, configuration=dataclasses.replace(bare, **some))


async def _next_request(client: _Client) -> h11.Request | None:
    """The next request, its body read and thrown away (none that is answered takes one); None at the end.

    Raises _Refusal for what is no HTTP, or too large.
    """
    http = client.http
    request: h11.Request | None = None
    body_bytes = 0
    try:
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                if http.they_are_waiting_for_100_continue:
                    await client.send(h11.InformationalResponse(status_code=100, headers=[]))
                http.receive_data(await client.reader.read(READ_BYTES))
            elif isinstance(event, h11.Request):
                request = event
                client.is_head = event.method == b"HEAD"
                body_bytes = 0
                for name, value in event.headers:
                    if name == b"content-length":
                        _check_size(int(value))         # h11 has seen that it is a number
            elif isinstance(event, h11.Data):
                body_bytes += len(event.data)
                _check_size(body_bytes)
            elif isinstance(event, h11.EndOfMessage):
                return request
            else:
                return None
    except h11.RemoteProtocolError as error:
        raise _Refusal(HTTPStatus(error.error_status_hint), f"not a request of HTTP/1.1: {error}") from error


def _check_size(body_bytes: int) -> None:
    if body_bytes > limits.CONTROL_REQUEST_BYTES_MAX:
        most = limits.CONTROL_REQUEST_BYTES_MAX
        raise _Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request may have {most} bytes; send less")


def _response(status: HTTPStatus, headers: Iterable[tuple[str, str]] = ()) -> h11.Response:
    common = (("Content-Type", "application/json"), ("Server", f"pyvrrp/{__version__}"))
    return h11.Response(status_code=status, reason=status.phrase.encode(), headers=[*common, *headers])


async def _send_error(
    client: _Client, status: HTTPStatus, message: str, headers: Iterable[tuple[str, str]] = ()
) -> None:
    if client.http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
        return                              # an answer is under way: cutting it off is all that can be done
    body = msgspec.json.encode(ErrorReply(error=message)) + b"\n"
    await client.send(_response(status, (("Content-Length", str(len(body))), *headers)))
    if not client.is_head:
        await client.send(h11.Data(data=body))
    await client.send(h11.EndOfMessage())
