"""The messages of what can be asked of a running daemon, beside looking: requests, and what came of them.

A request with a word that is not known is refused: a misspelt `force` must not pass for none.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from pyvrrp import limits

Seconds = Annotated[float, msgspec.Meta(gt=0, le=limits.ORDER_S_MAX)]
Limit = Annotated[float, msgspec.Meta(gt=0, le=limits.MOVE_S_MAX)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=limits.NAME_CHARS_MAX)]


class _Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose it is: an instance, a sync group or a scope, as `status` shows their names. One of them."""

    instance: Name | None = None
    group: Name | None = None
    scope: Name | None = None


class SwitchoverRequest(_Target, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/switchover."""

    limit_s: Limit | None = None        # nobody took over by then: it goes on as before. None: see docs/operating.md
    force: bool = False                 # also if no other host was ever heard
    wait: bool = False                  # answer when it is decided


class HoldRequest(_Target, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/hold."""

    for_s: Seconds | None = None        # None: until it is resumed
    limit_s: Limit | None = None
    force: bool = False                 # also if no other host takes over
    wait: bool = False


class DrainRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/drain."""

    scope: Name | None = None           # None: the whole host
    limit_s: Limit | None = None
    force: bool = False                 # also if no other host takes over
    wait: bool = False


class ResumeRequest(_Target, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/resume. Without a target: the whole host."""


class PriorityRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/priority."""

    instance: Name
    # A whole number, which JSON may write as 50.0. None: the configured one again.
    priority: Annotated[float, msgspec.Meta(ge=1, le=254, multiple_of=1)] | None = None
    for_s: Seconds | None = None        # needed with a priority


class ReloadRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/reload. There is nothing to say yet."""


class GarpRequest(_Target, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/garp. Without a target: every MASTER."""


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one instance.

    outcome: MOVING (not decided yet), MOVED (another host has its addresses), NOT_MASTER (it was not MASTER, so nothing
    had to move), NOBODY (no other host took over), ENDED (something else came between; `detail` says what).
    """

    instance: str
    outcome: str
    to: str = ""                        # the address of who took over
    after_s: float = 0.0                # from priority 0 to the first advert of that host
    returns: bool = False               # it comes back by its own priority: only a hold keeps it away
    detail: str = ""


class MovesReply(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each instance; those of a sync group move together."""

    moves: list[Move]


class ResumeReply(msgspec.Struct, frozen=True, kw_only=True):
    """The instances whose configuration counts again."""

    resumed: list[str]
    still_out: list[str] = []           # by another order, which `pyvrrp status` names


class PriorityReply(msgspec.Struct, frozen=True, kw_only=True):
    """The priority that counts now: trackers may have changed what was given."""

    instance: str
    priority: int
    base_priority: int
    until: str = ""                     # RFC 3339; empty: no override


class GarpReply(msgspec.Struct, frozen=True, kw_only=True):
    """The instances that announced their addresses."""

    announced: list[str]


class FileReload(msgspec.Struct, frozen=True, kw_only=True):
    """What a reload did with one file."""

    file: str
    accepted: bool                      # no: its instances run as they did
    refusals: list[str] = []            # why not
    messages: list[str] = []            # all that is wrong with it, with file and line
    added: int = 0
    removed: int = 0
    changed: int = 0
    untouched: int = 0


class ReloadReply(msgspec.Struct, frozen=True, kw_only=True):
    """What a reload did. With status 409 where a file was refused; the others are reloaded all the same."""

    accepted: bool                      # every file
    error: str = ""                     # a sentence, if not
    status: int = 200
    files: list[FileReload] = []


class HealthReply(msgspec.Struct, frozen=True, kw_only=True):
    """GET /healthz."""

    status: str                         # ok, or stopping with status 503
    version: str
    pid: int
    instances: dict[str, int]           # how many are in each state
    problems: list[str] = []


class EventLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of GET /v1/events.

    kind: state; or another thing that is logged of an instance (drop, other_master, split_brain ...); or lost, when
    this client took its lines too slowly and some are missing.
    """

    at: str                             # RFC 3339, UTC
    kind: str
    instance: str = ""
    old: str = ""                       # of a change of state
    new: str = ""
    reason: str = ""                    # as the log has it
    lost: int = 0                       # how many lines
