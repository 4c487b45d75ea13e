from collections.abc import Iterable
from typing import Literal, NamedTuple

from typing_extensions import Buffer

DROP_SENTENCES: dict[int, str]

def drop_name(code: int) -> str: ...

class PacketDropped(ValueError):
    reason: int
    name: str
    def __init__(self, reason: int) -> None: ...

class Advert(NamedTuple):
    version: int
    vrid: int
    priority: int
    max_adver_int_cs: int
    auth_type: int
    addresses: tuple[bytes, ...]
    csum_foreign: bool

class Ipv4Datagram(NamedTuple):
    src: bytes
    dst: bytes
    ttl: int
    multicast: bool
    message: bytes

def peek(data: Buffer) -> int: ...
def unwrap_ipv4(data: Buffer) -> Ipv4Datagram: ...
def decode(
    data: Buffer,
    *,
    family: Literal[4, 6],
    src: Buffer,
    dst: Buffer,
    ttl: int = 255,
    version: Literal[2, 3] | None = None,
    auth_pass: Buffer | None = None,
    ttl_min: int = 255,
    ttl_max: int = 255,
    adver_int_s: int | None = None,
    checksum: Literal["pseudo", "message"] = "pseudo",
    strict: bool = False,
) -> Advert: ...
def encode(
    *,
    version: Literal[2, 3],
    family: Literal[4, 6],
    vrid: int,
    priority: int,
    interval_cs: int,
    addresses: Iterable[Buffer],
    src: Buffer,
    dst: Buffer,
    auth_pass: Buffer | None = None,
    checksum: Literal["pseudo", "message"] = "pseudo",
) -> bytes: ...
def encode_into(
    buffer: Buffer,
    *,
    version: Literal[2, 3],
    family: Literal[4, 6],
    vrid: int,
    priority: int,
    interval_cs: int,
    addresses: Iterable[Buffer],
    src: Buffer,
    dst: Buffer,
    auth_pass: Buffer | None = None,
    checksum: Literal["pseudo", "message"] = "pseudo",
) -> int: ...
