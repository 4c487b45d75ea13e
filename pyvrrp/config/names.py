"""Names that iproute2 knows for numbers: routing tables, protocols, scopes, and so on.

As ip(8) reads them: `NUMBER NAME` lines of files in /usr/share/iproute2 and /etc/iproute2, where the later directory
and the files of a `.d` directory add to the first. What the kernel itself has names for is known without any file. A
number is always taken, in C notation.
"""

from __future__ import annotations

import difflib
import functools
from pathlib import Path

from pyvrrp.config.report import shown
from pyvrrp.config.values import SCOPES, BadValue
from pyvrrp.config.words import c_integer

DIRECTORIES = (Path("/usr/share/iproute2"), Path("/etc/iproute2"))

_U32 = 0xFFFFFFFF
_TABLES = {"default": 253, "main": 254, "local": 255}
_PROTOCOLS = {
    "redirect": 1,
    "kernel": 2,
    "boot": 3,
    "static": 4,
    "gated": 8,
    "ra": 9,
    "mrt": 10,
    "zebra": 11,
    "bird": 12,
    "dnrouted": 13,
    "xorp": 14,
    "ntk": 15,
    "dhcp": 16,
    "keepalived": 18,
    "babel": 42,
    "bgp": 186,
    "isis": 187,
    "ospf": 188,
    "rip": 189,
    "eigrp": 192,
}
_DS_FIELDS = {  # RFC 2474, 2597, 3246: the code point in the upper six bits
    "default": 0x00,
    **{f"CS{number}": number << 5 for number in range(1, 8)},
    **{f"AF{klass}{drop}": klass << 5 | drop << 3 for klass in range(1, 5) for drop in range(1, 4)},
    "EF": 0xB8,
}


def table(word: str) -> int:
    """A routing table. Raises BadValue, as all of these."""
    return _number(word, "rt_tables", _TABLES, 1, _U32)


def protocol(word: str) -> int:
    """The origin of a route or rule."""
    return _number(word, "rt_protos", _PROTOCOLS, 0, 255)


def scope(word: str) -> int:
    """The scope of a route or an address."""
    return _number(word, "rt_scopes", SCOPES, 0, 255)


def ds_field(word: str) -> int:
    """The type of service, or differentiated services field, of packets."""
    return _number(word, "rt_dsfield", _DS_FIELDS, 0, 255)


def group(word: str) -> int:
    """A group of interfaces."""
    return _number(word, "group", {"default": 0}, 0, _U32)


def realms(word: str) -> tuple[int, int]:
    """`[FROM/]TO`: the realms of a route or rule."""
    source, slash, destination = word.rpartition("/")
    found = [_number(part, "rt_realms", {"cosmos": 0}, 0, 0xFFFF) for part in (source, destination) if part]
    if len(found) != 1 + len(slash):
        raise BadValue(f"{shown(word)} is not a pair of realms; write TO or FROM/TO", "realms")
    return (found[0], found[1]) if slash else (0, found[0])


def _number(word: str, file: str, known: dict[str, int], low: int, high: int) -> int:
    if word in known:
        return known[word]
    if word[:1].isdigit():
        return c_integer(word, low, high)
    files = {name: number for path in _files(file) for name, number in _entries(*path).items() if low <= number <= high}
    if word in files:
        return files[word]
    near = difflib.get_close_matches(word[:64], [*known, *files], n=1)
    advice = f"did you mean {near[0]}?" if near else f"write a number of {low}..{high} or a name of {file}"
    raise BadValue(f"{shown(word)} is not known; {advice}", "name-unknown")


def _files(name: str) -> list[tuple[str, int, int]]:
    """Path, time and size of the files that hold names of one kind, in the order in which they count."""
    found = []
    for directory in DIRECTORIES:
        for path in (directory / name, *sorted(directory.glob(f"{name}.d/*.conf"))):
            try:
                status = path.stat()
            except OSError:
                continue
            found.append((str(path), status.st_mtime_ns, status.st_size))
    return found


@functools.lru_cache(maxsize=64)
def _entries(path: str, _mtime_ns: int, _size: int) -> dict[str, int]:
    """The names of one file; time and size are there so that a changed file is read again."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    entries = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if len(words) >= 2:
            try:
                entries[words[1]] = c_integer(words[0], 0, _U32)
            except BadValue:
                continue
    return entries
