"""The client of the control socket, for command lines: synchronous, one request per connection.

Whatever goes wrong is a ControlError with a sentence for the operator.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

import h11
import msgspec

from pyvrrp import __version__, limits
from pyvrrp.control import DEFAULT_SOCKET
from pyvrrp.control.actions import EventLine
from pyvrrp.control.protocol import (
    CONFIGURATION_PATH,
    EVENTS_PATH,
    INSTANCES_PATH,
    ConfigurationReply,
    ErrorReply,
    InstanceDetails,
    InstancesReply,
    Source,
)
from pyvrrp.control.transaction import TRANSACTION_PATH, TransactionReply, TransactionRequest
from pyvrrp.errors import ControlError, RefusedError
from pyvrrp.model import Configuration

T = TypeVar("T")

READ_BYTES = 65536
# The daemon could be asked, and its answer is no. All else is a matter of the asking.
_NOES = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


class ControlClient:
    """Asks the daemon whose control socket is at `path`. Holds nothing open between two calls."""

    def __init__(self, path: str = DEFAULT_SOCKET, *, timeout_s: float = 10.0) -> None:
        """`timeout_s` bounds each wait for the daemon."""
        self._path, self._timeout_s = path, timeout_s

    def instances(self) -> InstancesReply:
        """What the daemon runs, and in which state.

        Raises ControlError.
        """
        return self._ask(INSTANCES_PATH, InstancesReply)

    def configurations(self) -> tuple[Source, dict[str, Configuration]]:
        """What the daemon reads, and what it runs, by path; passwords are digests, see without_secrets().

        Raises ControlError.
        """
        reply = self._ask(CONFIGURATION_PATH, ConfigurationReply)
        whole: dict[str, Configuration] = {}
        lists: dict[str, dict[str, Any]] = {}
        for part in reply.parts:
            whole.setdefault(part.path, part.configuration)
            of_path = lists.setdefault(part.path, {})
            for field in dataclasses.fields(Configuration):
                things = getattr(part.configuration, field.name)
                if isinstance(things, tuple):
                    of_path.setdefault(field.name, []).extend(things)
        return reply.source, {
            path: dataclasses.replace(bare, **_tuples(lists[path])) for path, bare in whole.items()
        }

    def instance(self, name: str) -> InstanceDetails:
        """All that is known of one instance.

        Raises ControlError; RefusedError: there is none.
        """
        return self._ask(f"{INSTANCES_PATH}/{quote(name)}", InstanceDetails)

    def get(self, path: str, kind: type[T]) -> T:
        """Whatever else there is to be read. Raises ControlError, RefusedError."""
        return self._ask(path, kind)

    def order(self, path: str, request: msgspec.Struct, kind: type[T]) -> T:
        """Have something done, and what came of it. Raises ControlError, RefusedError."""
        return self._ask(path, kind, msgspec.json.encode(request))

    def transact(self, request: TransactionRequest) -> TransactionReply:
        """Change what a scope runs, all or nothing. A transaction that is refused is an answer too: `accepted` says it.

        Raises ControlError, and RefusedError if it was not judged: there is no such scope, or this is not root.
        """
        try:
            return self.order(TRANSACTION_PATH, request, TransactionReply)
        except RefusedError as refused:
            if refused.status != HTTPStatus.CONFLICT:
                raise
            try:
                return msgspec.json.decode(refused.body, type=TransactionReply)
            except (msgspec.DecodeError, UnicodeDecodeError):
                raise refused from None

    def events(self, instance: str | None = None) -> Iterator[EventLine]:
        """What happens from now on, without an end. Raises ControlError, RefusedError."""
        query = "" if instance is None else f"?instance={quote(instance, safe='')}"
        decoder = msgspec.json.Decoder(EventLine)
        left = b""
        for piece in self._exchange(f"{EVENTS_PATH}{query}", None, limits.CONTROL_BEAT_S + self._timeout_s):
            *lines, left = (left + piece).split(b"\n")
            for line in lines:
                if line:
                    yield decoder.decode(line)

    def _ask(self, target: str, kind: type[T], body: bytes | None = None) -> T:
        answer = bytearray()
        for piece in self._exchange(target, body, self._timeout_s):
            answer += piece
            if len(answer) > limits.CONTROL_REPLY_BYTES_MAX:
                raise ControlError(f"{self._path}: the answer is larger than any daemon's")
        try:
            return msgspec.json.decode(bytes(answer), type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ControlError(
                f"{self._path}: the answer cannot be understood ({error}); use the daemon's own pyvrrp"
            ) from error

    def _exchange(self, target: str, body: bytes | None, timeout_s: float) -> Iterator[bytes]:
        """Ask, and yield the parts of the answer's body. `body`: of a POST; None: it is a GET."""
        http = h11.Connection(h11.CLIENT)
        headers = [("Host", "localhost"), ("User-Agent", f"pyvrrp/{__version__}"), ("Connection", "close")]
        if body is not None:
            headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        request = http.send(h11.Request(method="GET" if body is None else "POST", target=target, headers=headers))
        said = [request, http.send(h11.Data(data=body)) if body else b"", http.send(h11.EndOfMessage())]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.settimeout(timeout_s)
                sock.connect(self._path)
                with contextlib.suppress(BrokenPipeError):
                    sock.sendall(b"".join(part or b"" for part in said))      # refused at once: the answer says why
                yield from self._answer(http, sock)
        except OSError as error:
            raise ControlError(self._sentence(error, timeout_s)) from error
        except h11.RemoteProtocolError as error:
            if target.startswith(EVENTS_PATH) and http.their_state is h11.ERROR and http.our_state is h11.DONE:
                raise ControlError(f"{self._path}: the daemon has ended, or cut this reader off") from error
            raise ControlError(
                f"{self._path}: the answer ended early or is no HTTP ({error}); is that pyvrrpd's socket?"
            ) from error

    def _answer(self, http: h11.Connection, sock: socket.socket) -> Iterator[bytes]:
        """The parts of the answer's body. Raises RefusedError, ControlError, OSError and h11.RemoteProtocolError."""
        status = 0
        error = bytearray()
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                http.receive_data(sock.recv(READ_BYTES))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                if status == HTTPStatus.OK:
                    yield bytes(event.data)
                elif len(error) < limits.TRANSACTION_BYTES_MAX:      # the longest one names what is wrong in a text
                    error += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
            elif isinstance(event, h11.ConnectionClosed):
                raise h11.RemoteProtocolError("connection closed without an answer")
        if status in _NOES:
            raise RefusedError(_error_text(status, bytes(error)), status, bytes(error))
        if status != HTTPStatus.OK:
            raise ControlError(f"{self._path}: {_error_text(status, bytes(error))}")

    def _sentence(self, error: OSError, timeout_s: float) -> str:
        if isinstance(error, FileNotFoundError):
            return f"{self._path}: there is no control socket here; start pyvrrpd, or give --socket PATH"
        if isinstance(error, ConnectionRefusedError):
            return f"{self._path}: the daemon that had this control socket is gone; start pyvrrpd again"
        if isinstance(error, PermissionError):
            return f"{self._path}: permission denied; run this as root or as a member of the socket's group"
        if isinstance(error, TimeoutError):
            return f"{self._path}: no answer within {timeout_s:g} s; the daemon hangs or is stopped"
        return f"{self._path}: {error.strerror or error}; is that pyvrrpd's control socket?"


def _tuples(lists: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(things) for name, things in lists.items()}


def _error_text(status: int, body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=ErrorReply).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return f"status {status} without a reason; is that pyvrrpd's control socket?"
