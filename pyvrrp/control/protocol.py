"""The messages of the control socket, version 1.

Every path begins with /v1. Within a version fields are only ever added, and a reader ignores what it does not
know (msgspec does), so that an older `pyvrrp` reads a newer daemon. Times are given twice: as a date, which
survives being copied into a report, and as seconds by the monotonic clock, which no step of the wall clock
can falsify.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from pyvrrp.model import Configuration, Instance

T = TypeVar("T")

INSTANCES_PATH = "/v1/instances"
CONFIGURATION_PATH = "/v1/configuration"
EVENTS_PATH = "/v1/events"
REFUSED = "REFUSED"     # the state shown for an instance that the configuration names but that is not run


class PeerHeard(msgspec.Struct, frozen=True, kw_only=True):
    """The newest advert that counted, from whom, and how long ago."""

    address: str
    priority: int
    ago_s: float


class OtherMaster(msgspec.Struct, frozen=True, kw_only=True):
    """Split brain: another host is MASTER while this one is, and both are heard here."""

    address: str
    priority: int
    own_address: str
    own_priority: int
    since: str                          # RFC 3339: when the first of its adverts was heard
    since_s: float


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """A priority that counts in place of the configured one."""

    priority: int
    until: str                          # RFC 3339
    left_s: float


class InstanceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator asks of one instance: who owns it, since when, why, and what the peer last said."""

    name: str                           # scope/instance once there is more than one scope
    state: str                          # MASTER, BACKUP, FAULT, INIT or REFUSED
    since: str = ""                     # when this state began: RFC 3339, UTC
    since_s: float = 0.0                # the same as seconds ago
    priority: int = 0                   # effective: after trackers
    base_priority: int = 0              # as configured
    vrid: int = 0
    interface: str = ""
    net_namespace: str | None = None    # None: the daemon's own
    family: int = 4                     # 4 or 6
    version: int = 2                    # of VRRP: 2 or 3
    vips: list[str] = []                # address/prefix, in the order of the configuration
    excluded: list[str] = []
    peers: list[str] = []               # unicast peers; empty is multicast
    peer_last_heard: PeerHeard | None = None
    master_address: str | None = None   # of the host that is MASTER, as far as known; our own while we are
    faults: list[str] = []              # why it is in FAULT
    group: str | None = None            # its vrrp_sync_group
    aside: str = ""                     # why it stays out of MASTER by order; empty: it does not
    override: Override | None = None    # of its priority
    other_master: OtherMaster | None = None
    accepts: bool = True                # no: this host drops packets to its addresses (no_accept, strict mode)
    put_back: int = 0                   # how often what somebody removed was put back (pyvrrp_vip_restore)
    reason: str | None = None           # why it is REFUSED, with file and line
    counters: dict[str, int] = {}       # by name; pyvrrp.statistics has what each means
    counted_since: str = ""             # when they began at 0: RFC 3339, UTC


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change of state."""

    at: str                             # RFC 3339, UTC
    ago_s: float
    old: str
    new: str
    reason: str                         # as the log has it


class InstanceDetails(InstanceStatus, frozen=True, kw_only=True):
    """GET /v1/instances/{name}: the status, and what only a closer look is worth."""

    why: str = ""                       # it is in this state, as a sentence
    timer: str = ""                     # which one runs: Adver_Timer or Master_Down_Timer
    timer_s: float | None = None        # until it fires
    advertisement_interval_s: float = 0.0
    master_adver_interval_s: float = 0.0    # learned from the MASTER
    skew_time_s: float = 0.0
    master_down_interval_s: float = 0.0
    preempt: bool = True
    preempt_delay_s: float = 0.0
    master_priority: int = 0            # of the last advert obeyed
    history: list[Change] = []          # the newest first


class InstancesReply(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/instances. `instances` stays the last field: the server sends it in slices."""

    version: str                        # of pyvrrp
    pid: int
    # Of no instance: dropped datagrams by family, the engine's totals, and its histograms by name.
    counters: dict[str, dict[str, int]] = {}
    unwritten: list[str] = []           # files that do not hold all that runs of them; the next reload drops it
    problems: list[str] = []            # of no instance: static addresses, routes and rules that are not set, and why
    instances: list[InstanceStatus]


class ScopeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One file with what it includes."""

    name: str
    file: str
    instances: dict[str, int]           # how many are in each state
    drained: bool                       # its instances stay out of MASTER by order
    unwritten_since: str = ""           # RFC 3339: it runs with changes that are in no file; empty: it does not


class ScopesReply(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/scopes."""

    drained: bool                       # the whole host
    scopes: list[ScopeStatus]


class ConfigurationPart(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the things of one scope; all parts with the same path together are its configuration."""

    path: str                           # of the file
    configuration: Configuration        # with some of its scripts, groups, instances ...; global_defs in each


_MASK = b"********"


def without_secrets(things: Iterable[T], key: str) -> tuple[T, ...]:
    """The same things; the password of an instance is a digest with this key, which tells only whether it is the same.

    Without a key ("") it does not tell that either. Who may read the state need not be who may read the file, and eight
    characters are soon guessed by whoever can compare.
    """

    def masked(password: bytes) -> bytes:
        return hashlib.blake2b(password, digest_size=8, key=key.encode()).digest() if key else _MASK

    return tuple(
        dataclasses.replace(thing, auth_pass=masked(thing.auth_pass))
        if isinstance(thing, Instance) and thing.auth_pass
        else thing
        for thing in things
    )


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What a daemon reads at each reload."""

    names: list[str] = []               # files, directories and patterns, as it was given them
    directory: str = "/"                # where relative ones begin
    config_id: str = ""                 # what @ID lines are compared with
    all_config: bool = False            # a missing include is always an error
    key: str = ""                       # of the digests that stand for passwords, for root alone; "": they are masked
    unwritten: list[str] = []           # paths of files that do not hold all that runs of them


class ConfigurationReply(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/configuration: what runs, as pyvrrp/model.py has it. For the same version of pyvrrp only.

    `parts` stays the last field: the server sends it in slices.
    """

    version: str                        # of pyvrrp
    pid: int
    source: Source
    parts: list[ConfigurationPart]


class ErrorReply(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every answer that is not a success."""

    error: str                          # a sentence: what is wrong, and what to do
    status: int = 0                     # of HTTP


def rfc3339(epoch_s: float) -> str:
    """A time of the wall clock as the messages give it, to the millisecond: 2026-11-20T21:49:02.125Z."""
    moment = datetime.datetime.fromtimestamp(epoch_s, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
