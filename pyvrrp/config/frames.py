"""What daemon and configuration worker say to each other: one request, and a row of frames for each file as the answer.

Each frame is its length (4 bytes, network order) and a msgpack part of a Loaded, small enough that decoding it takes
less than 2 ms: the daemon decodes one in each turn of its loop.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from pyvrrp import limits
from pyvrrp.config.load import Loaded
from pyvrrp.model import Diagnostic, GlobalDefs, Instance, Refused, SyncGroup, TrackScript

T = TypeVar("T")

LENGTH = struct.Struct("!I")


class Request(msgspec.Struct, array_like=True):
    paths: list[bytes]
    config_id: str
    interfaces: list[str] | None
    all_config: bool = False


class Frame(msgspec.Struct, array_like=True, omit_defaults=True):
    """A part of a Loaded. The last frame has `is_last`."""

    is_last: bool = False
    diagnostics: list[Diagnostic] = []
    global_defs: GlobalDefs | None = None  # None in all frames: the file could not be read
    scripts: list[TrackScript] = []
    groups: list[SyncGroup] = []
    refused: list[Refused] = []
    instances: list[Instance] = []


def frames(loaded: Loaded) -> Iterator[Frame]:
    """The parts of a Loaded, of at most CONFIG_FRAME_ITEMS things or one instance."""
    for diagnostics in _slices(loaded.diagnostics):
        yield Frame(diagnostics=diagnostics)
    configuration = loaded.configuration
    if configuration is not None:
        yield Frame(global_defs=configuration.global_defs)
        for scripts in _slices(configuration.scripts):
            yield Frame(scripts=scripts)
        for groups in _slices(configuration.groups):
            yield Frame(groups=groups)
        for refused in _slices(configuration.refused):
            yield Frame(refused=refused)
        for instances in _slices(configuration.instances):
            yield Frame(instances=instances)
    yield Frame(is_last=True)


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
        return 4 + len(thing.vips) + len(thing.excluded) + len(thing.peers) + len(thing.track_scripts)
    if isinstance(thing, SyncGroup):
        return 4 + len(thing.members)
    return 1
