"""What daemon and configuration worker say to each other: one request, and a row of frames for each file as the answer.

Each frame is its length (4 bytes, network order) and a msgpack part of a Loaded, small enough that decoding it takes
less than 2 ms: the daemon decodes one in each turn of its loop.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from pyvrrp import limits
from pyvrrp.config.load import Loaded
from pyvrrp.model import (
    Configuration,
    Diagnostic,
    GarpGroup,
    GlobalDefs,
    Instance,
    InterfaceDelays,
    Linkbeat,
    Refused,
    SyncGroup,
    TrackFile,
    TrackGroup,
    TrackProcess,
    TrackScript,
    Vip,
)
from pyvrrp.routing import Route, Rule

T = TypeVar("T")

LENGTH = struct.Struct("!I")


class Request(msgspec.Struct, array_like=True):
    paths: list[bytes]
    config_id: str
    interfaces: list[str] | None
    all_config: bool = False
    is_start: bool = False  # nothing runs yet


class Transaction(msgspec.Struct, array_like=True):
    """What the editor is asked for; see transaction.py. Paths are bytes, as the kernel has them."""

    path: bytes
    config_id: str
    interfaces: list[str] | None
    all_config: bool
    overlay: dict[bytes, bytes]
    digest: bytes
    put: list[str]
    remove: list[tuple[str, str]]


class Verdict(msgspec.Struct, array_like=True):
    """What the editor answers first: an Outcome without what was loaded, whose frames follow if there is any."""

    is_refused: bool
    refusal: str
    diagnostics: list[Diagnostic]
    digest: bytes
    files: list[tuple[bytes, bytes, bytes]]     # path, what it holds, and shall


class Writing(msgspec.Struct, array_like=True):
    """What the writer is asked for; it answers with the paths that it wrote and a sentence if it did not write all."""

    files: list[tuple[bytes, bytes, bytes]]     # path, what it holds, and shall


class Frame(msgspec.Struct, array_like=True, omit_defaults=True):
    """A part of a Loaded. The last frame has `is_last`."""

    is_last: bool = False
    digest: bytes = b""  # of the files, in the last frame
    diagnostics: list[Diagnostic] = []
    global_defs: GlobalDefs | None = None  # None in all frames: the file could not be read
    scripts: list[TrackScript] = []
    groups: list[SyncGroup] = []
    refused: list[Refused] = []
    instances: list[Instance] = []
    track_files: list[TrackFile] = []
    track_processes: list[TrackProcess] = []
    static_addresses: list[Vip] = []
    static_routes: list[Route] = []
    static_rules: list[Rule] = []
    track_groups: list[TrackGroup] = []
    interface_delays: list[InterfaceDelays] = []
    linkbeats: list[Linkbeat] = []
    garp_groups: list[GarpGroup] = []


# The lists of a configuration, as it names them too; in the order of the frames.
LISTS = tuple(field.name for field in dataclasses.fields(Configuration) if field.name != "global_defs")
assert set(LISTS) < set(Frame.__struct_fields__), "a frame carries all of a configuration"


def frames(loaded: Loaded) -> Iterator[Frame]:
    """The parts of a Loaded, of at most CONFIG_FRAME_ITEMS things or one instance."""
    for diagnostics in _slices(loaded.diagnostics):
        yield Frame(diagnostics=diagnostics)
    configuration = loaded.configuration
    if configuration is not None:
        yield Frame(global_defs=configuration.global_defs)
        for name in LISTS:
            for part in _slices(getattr(configuration, name)):
                frame = Frame()
                setattr(frame, name, part)
                yield frame
    yield Frame(is_last=True, digest=loaded.digest)


def _slices(things: tuple[T, ...]) -> Iterator[list[T]]:
    part: list[T] = []
    items = 0
    for thing in things:
        items += _items(thing)
        if part and items > limits.CONFIG_FRAME_ITEMS:
            yield part
            part, items = [], _items(thing)
        part.append(thing)
    if part:
        yield part


def _items(thing: object) -> int:
    """How much it costs to decode, in addresses: an instance by itself costs as much as four."""
    if isinstance(thing, Instance):
        routing = 4 * (len(thing.routes) + len(thing.rules))
        return 4 + len(thing.vips) + len(thing.excluded) + len(thing.peers) + len(thing.track_scripts) + routing
    if isinstance(thing, SyncGroup):
        return 4 + len(thing.members)
    if isinstance(thing, (Route, Rule)):
        return 4
    return 1
