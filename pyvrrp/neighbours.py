"""Whether the kernel's neighbour table has room for the unicast peers of what runs.

The table is one for the whole machine, of all network namespaces together, and small: above gc_thresh2 (512) the
kernel forgets neighbours after 5 s, so that it asks for their MACs again and again; above gc_thresh3 (1024) it refuses
to send. Peers behind a router need no entry of their own, which cannot be told from here: hence a warning.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pyvrrp.model import Configuration

_ROOT = Path("/proc/sys/net")
_NAMES = {4: "ipv4", 6: "ipv6"}


class Room(NamedTuple):
    """What the kernel's table for one address family has room for."""

    kept: int = 512                 # gc_thresh2
    held: int = 1024                # gc_thresh3
    is_known: bool = False          # no: as the kernel has it unless somebody changed it


def read_room(family: int, root: Path = _ROOT) -> Room:
    """The bounds of this machine. They are seen in its first network namespace only."""
    directory = root / _NAMES[family] / "neigh" / "default"
    try:
        kept, held = (int((directory / name).read_text()) for name in ("gc_thresh2", "gc_thresh3"))
    except (OSError, ValueError):
        return Room()
    return Room(kept, held, is_known=True)


def peers_of(configurations: Iterable[Configuration]) -> dict[int, int]:
    """How many unicast peers there are by address family; one in two namespaces is two."""
    found: dict[int, set[tuple[str, bytes]]] = {4: set(), 6: set()}
    for configuration in configurations:
        # Most instances have the same peers as others, so they are looked at once.
        for family, namespace, peers in {(i.family, i.net_namespace, i.peers) for i in configuration.instances}:
            found[family].update((namespace, peer) for peer in peers)
    return {family: len(those) for family, those in found.items()}


def crowding(family: int, peers: int, room: Room) -> str:
    """What is wrong with so many peers, and what to do; empty: nothing is."""
    if peers <= room.kept:
        return ""
    setting = f"net.{_NAMES[family]}.neigh.default.gc_thresh"
    what = (
        f"refuses to send to some of them beyond {room.held}" if peers > room.held
        else f"asks for their MACs again and again beyond {room.kept}"
    )
    unseen = "" if room.is_known else ", unless it was raised, which cannot be seen in this network namespace"
    return (
        f"there are {peers} unicast peers over IPv{family}, and the kernel's neighbour table {what}{unseen}; "
        f"set {setting}2 to {2 * peers} and {setting}3 to {4 * peers}"
    )


def warnings(configurations: Iterable[Configuration]) -> list[str]:
    """What to say of the peers of configurations on this machine."""
    counts = peers_of(configurations)
    told = (crowding(family, peers, read_room(family)) for family, peers in counts.items())
    return [sentence for sentence in told if sentence]
