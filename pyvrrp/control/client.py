"""The client of the control socket, for command lines: synchronous, one request per connection.

Whatever goes wrong is a ControlError with a sentence for the operator.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket
from typing import Any, TypeVar

import h11
import msgspec

from pyvrrp import __version__, limits
from pyvrrp.control import DEFAULT_SOCKET
from pyvrrp.control.protocol import (
    CONFIGURATION_PATH,
    INSTANCES_PATH,
    ConfigurationReply,
    ErrorReply,
    InstancesReply,
    Source,
)
from pyvrrp.errors import ControlError
from pyvrrp.model import Configuration

T = TypeVar("T")

READ_BYTES = 65536


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

    def _ask(self, target: str, kind: type[T]) -> T:
        body = self._get(target)
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ControlError(
                f"{self._path}: the answer cannot be understood ({error}); use the daemon's own pyvrrp"
            ) from error

    def _get(self, target: str) -> bytes:
        http = h11.Connection(h11.CLIENT)
        headers = [("Host", "localhost"), ("User-Agent", f"pyvrrp/{__version__}"), ("Connection", "close")]
        request = http.send(h11.Request(method="GET", target=target, headers=headers))
        end = http.send(h11.EndOfMessage())
        assert request is not None
        assert end is not None
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.settimeout(self._timeout_s)
                sock.connect(self._path)
                with contextlib.suppress(BrokenPipeError):
                    sock.sendall(request + end)         # refused at once: the answer says why
                status, body = _receive(http, sock)
        except OSError as error:
            raise ControlError(self._sentence(error)) from error
        except h11.RemoteProtocolError as error:
            raise ControlError(
                f"{self._path}: the answer ended early or is no HTTP ({error}); is that pyvrrpd's socket?"
            ) from error
        if status != 200:
            raise ControlError(f"{self._path}: {_error_text(status, body)}")
        return body

    def _sentence(self, error: OSError) -> str:
        if isinstance(error, FileNotFoundError):
            return f"{self._path}: there is no control socket here; start pyvrrpd, or give --socket PATH"
        if isinstance(error, ConnectionRefusedError):
            return f"{self._path}: the daemon that had this control socket is gone; start pyvrrpd again"
        if isinstance(error, PermissionError):
            return f"{self._path}: permission denied; run this as root or as a member of the socket's group"
        if isinstance(error, TimeoutError):
            return f"{self._path}: no answer within {self._timeout_s:g} s; the daemon hangs or is stopped"
        return f"{self._path}: {error.strerror or error}; is that pyvrrpd's control socket?"


def _tuples(lists: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(things) for name, things in lists.items()}


def _receive(http: h11.Connection, sock: socket.socket) -> tuple[int, bytes]:
    """The status and the body of the answer. Raises OSError and h11.RemoteProtocolError."""
    status = 0
    body = bytearray()
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(sock.recv(READ_BYTES))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > limits.CONTROL_REPLY_BYTES_MAX:
                raise OSError("the answer is larger than any daemon's")
        elif isinstance(event, h11.EndOfMessage):
            return status, bytes(body)
        elif isinstance(event, h11.ConnectionClosed):
            raise h11.RemoteProtocolError("connection closed without an answer")


def _error_text(status: int, body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=ErrorReply).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return f"status {status} without a reason; is that pyvrrpd's control socket?"
