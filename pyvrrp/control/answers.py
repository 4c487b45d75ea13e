"""What passes between the server of the control API and who answers for the daemon: calls, answers, refusals.

A handler gets a Call that was checked against its endpoint, and returns what its endpoint promises: a message, Sliced,
Lines or Text. It raises Refusal for whatever the caller has to be told instead.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec

from pyvrrp import limits
from pyvrrp.control.protocol import ConfigurationPart, without_secrets
from pyvrrp.model import Configuration


class Refusal(Exception):
    """The caller gets this status and sentence; nothing was changed."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Caller(NamedTuple):
    """Who asks: as the kernel says of the other end of a Unix socket (SO_PEERCRED); over TCP nobody knows."""

    uid: int | None
    pid: int | None

    def __str__(self) -> str:
        return "somebody over TCP" if self.uid is None else f"user {self.uid} (pid {self.pid})"


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was checked against its endpoint."""

    caller: Caller
    name: str | None = None             # what stood for {name}
    query: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: Any = None                    # an instance of the endpoint's `request`


class Sliced(NamedTuple):
    """A long message: `head` ends with an empty list, which `items` fill. They are taken in slices of time."""

    head: msgspec.Struct
    items: Iterable[msgspec.Struct]


class Lines(NamedTuple):
    """JSON lines without an end. `lines` is closed when the client has gone."""

    lines: AsyncIterator[bytes]


class Text(NamedTuple):
    """Text in pieces, each made in one turn of the loop."""

    pieces: Iterable[bytes]


class WithStatus(NamedTuple):
    """A message with another status than 200."""

    status: HTTPStatus
    message: msgspec.Struct


Answer = msgspec.Struct | dict[str, Any] | Sliced | Lines | Text | WithStatus
Handler = Callable[[Call], Awaitable[Answer]]


def parts_of(configurations: Mapping[str, Configuration], key: str) -> Iterator[ConfigurationPart]:
    """Configurations in parts that are small enough to be encoded in one turn of the loop. key: see without_secrets."""
    for path, configuration in configurations.items():
        shown = path.encode("utf-8", "replace").decode()
        bare = Configuration(global_defs=configuration.global_defs)
        yield ConfigurationPart(path=shown, configuration=bare)
        for field in dataclasses.fields(configuration):
            things = getattr(configuration, field.name)
            if isinstance(things, tuple):
                for at in range(0, len(things), limits.CONTROL_PART):
                    some: dict[str, Any] = {field.name: without_secrets(things[at : at + limits.CONTROL_PART], key)}
                    yield ConfigurationPart(path=shown, configuration=dataclasses.replace(bare, **some))
