"""One client's HTTP: requests read within bounds, answers written within bounds (h11 does the protocol).

What is sent waits in the kernel or not at all: the transport's buffer never holds more than one piece.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus

import h11
import msgspec

from pyvrrp import __version__
from pyvrrp.control.answers import Caller, Refusal
from pyvrrp.control.protocol import ErrorReply
from pyvrrp.control.turns import Turns

READ_BYTES = 16384


@dataclass(slots=True)
class Request:
    """A whole request."""

    method: str
    target: str
    body: bytes


@dataclass(slots=True)
class Exchange:
    """A connection.

    may_change: whether it is one over which something may be changed at all. body_bytes_max: of a request, by its
    method and target.
    """

    http: h11.Connection
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    turn: Turns
    caller: Caller
    may_change: bool
    body_bytes_max: Callable[[str, str], int]
    is_head: bool = False                   # the request in hand is a HEAD, whose answer has no body

    async def next_request(self) -> Request | None:
        """The next request; None at the end.

        Raises Refusal for what is no HTTP, or too large.
        """
        http = self.http
        request: h11.Request | None = None
        body = bytearray()
        most = 0
        try:
            event = http.next_event()
            while True:
                if event is h11.NEED_DATA:
                    if http.they_are_waiting_for_100_continue:
                        await self.send(h11.InformationalResponse(status_code=100, headers=[]))
                    data = await self.reader.read(READ_BYTES)
                    async with self.turn:           # others are parsed in other turns of the loop
                        http.receive_data(data)
                        event = http.next_event()
                    continue
                if isinstance(event, h11.Request):
                    request = event
                    self.is_head = event.method == b"HEAD"
                    most = self.body_bytes_max(event.method.decode("ascii"), event.target.decode("ascii"))
                    for name, value in event.headers:
                        if name == b"content-length":
                            _check_size(int(value), most)         # h11 has seen that it is a number
                elif isinstance(event, h11.Data):
                    body += event.data
                    _check_size(len(body), most)
                elif isinstance(event, h11.EndOfMessage):
                    assert request is not None
                    return Request(request.method.decode("ascii"), request.target.decode("ascii"), bytes(body))
                else:
                    return None
                event = http.next_event()
        except h11.RemoteProtocolError as error:
            message = f"not a request of HTTP/1.1: {error}"
            raise Refusal(HTTPStatus(error.error_status_hint), message) from error

    @property
    def is_done(self) -> bool:
        """The connection cannot serve another request."""
        return self.http.our_state is not h11.DONE or self.http.their_state is not h11.DONE

    async def begin(
        self, status: HTTPStatus, media: str, *, length: int | None = None, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Send the head of an answer. Without a length h11 sends it in chunks, or to HTTP/1.0 until the end."""
        common = [("Content-Type", media), ("Server", f"pyvrrp/{__version__}"), ("Cache-Control", "no-store")]
        if length is not None:
            common.append(("Content-Length", str(length)))
        everything = [*common, *headers]
        await self.send(h11.Response(status_code=status, reason=status.phrase.encode(), headers=everything))

    async def piece(self, data: bytes) -> None:
        """Send a part of the body."""
        if not self.is_head and data:
            await self.send(h11.Data(data=data))

    async def end(self) -> None:
        """Say that the answer is whole."""
        await self.send(h11.EndOfMessage())

    async def whole(
        self, status: HTTPStatus, media: str, body: bytes, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Send an answer at once."""
        await self.begin(status, media, length=len(body), headers=headers)
        await self.piece(body)
        await self.end()

    async def refuse(
        self, status: HTTPStatus, message: str, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Send an error; nothing if an answer is under way: cutting it off is all that can be done then."""
        if self.http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = msgspec.json.encode(ErrorReply(error=message, status=status.value)) + b"\n"
            await self.whole(status, "application/json", body, headers)

    async def send(self, event: h11.Event) -> None:
        """Write, and wait until the kernel has taken all of it."""
        data = self.http.send(event)
        if data:
            self.writer.write(data)
            await self.writer.drain()


def _check_size(body_bytes: int, most: int) -> None:
    if body_bytes > most:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request may have {most} bytes; send less")
