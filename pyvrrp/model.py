"""A valid configuration: frozen values with every default applied. No file, no socket, no clock.

`pyvrrp/config` makes it from text; everything else reads it. Addresses are bytes in network order (4 or 16), so that
they go to the engine and to netlink as they are, and cross from the configuration worker without conversion.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

MULTICAST_GROUPS = {4: bytes((224, 0, 0, 18)), 6: ipaddress.IPv6Address("ff02::12").packed}


class State(IntEnum):
    """The states, with keepalived's numbers (RFC 5798 s6.4; FAULT is keepalived's)."""

    INIT = 0
    BACKUP = 1
    MASTER = 2
    FAULT = 3


class Where(NamedTuple):
    """A place in a configuration file. Line and column count from 1; 0 means the whole file."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing that is wrong in a file: what is wrong, then what to do."""

    where: Where
    message: str
    is_error: bool = True       # False: a warning, the file runs as it is meant
    is_structural: bool = False     # its blocks may not be what its author meant: no reload goes by it
    code: str = "unreadable"        # the kind of mistake, for programs: one of pyvrrp/config/report.py

    def __str__(self) -> str:
        return f"{self.where}: {'' if self.is_error else 'warning: '}{self.message}"


@dataclass(frozen=True, slots=True)
class Command:
    """A script with its arguments, and whom it runs as (None: the default user)."""

    argv: tuple[str, ...]
    user: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vip:
    """One virtual address."""

    address: bytes
    prefix_len: int
    dev: str                            # resolved: the instance's interface where the line names none
    label: str | None = None
    scope: int = 0                      # RT_SCOPE_*; 0 is global
    broadcast: bytes | None = None

    @property
    def family(self) -> int:
        return 4 if len(self.address) == 4 else 6

    def __str__(self) -> str:
        text = f"{ipaddress.ip_address(self.address)}/{self.prefix_len} dev {self.dev}"
        return f"{text} label {self.label}" if self.label else text


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackScript:
    """A vrrp_script: a command that is run at an interval, and how its results count."""

    name: str
    command: Command | None             # None: it names none, or one that cannot run; it counts as failed
    interval_s: float = 1.0
    timeout_s: float = 1.0
    weight: int = 0
    rise: int = 1
    fall: int = 1
    where: Where = Where("")


class Tracked(NamedTuple):
    """What an instance or group tracks: an interface or a vrrp_script, with the weight that counts there."""

    name: str
    weight: int = 0                     # 0: failing means FAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Who is told of a change of state."""

    master: Command | None = None
    backup: Command | None = None
    fault: Command | None = None
    stop: Command | None = None
    any: Command | None = None          # `notify`: gets type, name, state and priority


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One vrrp_instance."""

    name: str
    family: int                         # 4 or 6
    interface: str                      # "" is any, for unicast
    vrid: int
    priority: int = 100
    version: int = 2
    start_state: State = State.BACKUP   # `state`: MASTER or BACKUP
    advertisement_interval_cs: int = 100
    down_timer_adverts: int = 3
    preempt: bool = True
    source: bytes | None = None         # unicast_src_ip, mcast_src_ip; None: the interface's own
    peers: tuple[bytes, ...] = ()       # empty: multicast
    peer_ttls: tuple[tuple[int, int], ...] = ()     # min_ttl and max_ttl of each peer; empty: none is limited
    group: bytes = b""                  # where multicast adverts go
    check_unicast_src: bool = False
    auth_pass: bytes | None = None      # 8 bytes, zero padded
    vips: tuple[Vip, ...] = ()
    excluded: tuple[Vip, ...] = ()
    track_interfaces: tuple[Tracked, ...] = ()
    track_scripts: tuple[Tracked, ...] = ()
    notify: Notify = field(default_factory=Notify)
    where: Where = Where("")

    @property
    def is_unicast(self) -> bool:
        return bool(self.peers)

    @property
    def identity(self) -> tuple[int, int, str, bool, bytes]:
        """What makes it the same Virtual Router after a reload: not its name (keepalived does the same)."""
        cast = self.source or b"" if self.peers else self.group
        return self.vrid, self.family, self.interface, self.is_unicast, cast


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncGroup:
    """A vrrp_sync_group: instances that change state together."""

    name: str
    members: tuple[str, ...]            # names of instances
    track_interfaces: tuple[Tracked, ...] = ()
    track_scripts: tuple[Tracked, ...] = ()
    notify: Notify = field(default_factory=Notify)
    where: Where = Where("")


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalDefs:
    """What global_defs says of the whole scope; defaults for instances are already applied to them."""

    router_id: str
    script_user: str | None = None
    script_group: str | None = None
    enable_script_security: bool = False


class Refused(NamedTuple):
    """An instance that is not run, and why."""

    name: str
    where: Where
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """All that one scope runs."""

    global_defs: GlobalDefs
    scripts: tuple[TrackScript, ...] = ()
    groups: tuple[SyncGroup, ...] = ()
    instances: tuple[Instance, ...] = ()
    refused: tuple[Refused, ...] = ()
