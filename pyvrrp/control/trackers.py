"""The messages of what is tracked: GET /v1/trackers, version 1 as protocol.py has it.

Each script, file and group of processes that some instance or sync group tracks is one object; its `kind` says which
it is. The names of the counts are good for metrics too: those of ScriptStatus that are totals are `runs`, `failures`,
`timeouts` and `skipped`, those of ProcessStatus `changes`. They begin at 0 when the tracker does: at start, or at the
reload that gave the name another command, file or process.
"""

from __future__ import annotations

import msgspec

TRACKERS_PATH = "/v1/trackers"


class TrackedBy(msgspec.Struct, frozen=True, kw_only=True):
    """An instance or sync group that tracks it, and how it counts there."""

    name: str
    is_group: bool = False
    weight: int = 0                     # 0: failing means FAULT
    reverse: bool = False


class _Tracker(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    name: str                           # scope/name once there is more than one scope
    users: int = 0                      # how many instances and groups track it
    tracked_by: list[TrackedBy] = []    # the first of them, 100 at most


class ScriptStatus(_Tracker, frozen=True, kw_only=True, tag="script"):
    """A vrrp_script."""

    command: list[str] = []             # empty: it has none that could be run, and counts as failed
    ok: bool | None = None              # what counts, after rise and fall; None: there was no result yet
    interval_s: float
    timeout_s: float
    rise: int
    fall: int
    is_running: bool = False
    next_s: float | None = None         # until its next run is due
    last: str = ""                      # how the newest run went, in the words of the log; empty: none has ended
    last_ok: bool | None = None
    last_status: int | None = None      # its exit status; None: it had none, as it was ended, or never ran
    last_duration_s: float | None = None
    last_ago_s: float | None = None     # since its end
    runs: int = 0                       # results, of whatever kind
    failures: int = 0                   # timeouts included
    timeouts: int = 0
    skipped: int = 0                    # an interval passed while a run was still going on


class FileStatus(_Tracker, frozen=True, kw_only=True, tag="file"):
    """A track_file."""

    path: str
    number: int                         # that it holds; 0 where it holds none, or is not there


class ProcessStatus(_Tracker, frozen=True, kw_only=True, tag="process"):
    """A vrrp_track_process."""

    process: list[str]                  # its name, and the parameters that are looked for
    ok: bool | None = None              # what counts, after the delays; None: they were not counted yet
    count: int | None = None            # that run now
    quorum: int
    quorum_max: int | None = None       # None: any number
    is_waiting: bool = False            # it is about to change, after its delay
    changes: int = 0                    # of `ok`


class ProcessNews(msgspec.Struct, frozen=True, kw_only=True):
    """How processes are counted, for all of them."""

    is_told: bool                       # the kernel tells of processes; no: /proc is read again and again
    why_untold: str = ""
    problem: str = ""                   # why not every process may be seen
    looks: int                          # at all of /proc
    executed: int                       # processes that were looked at because they executed something
    lost: int                           # times that news were lost, and all was looked at again


class TrackersReply(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/trackers. `trackers` stays the last field: the server sends it in slices."""

    version: str                        # of pyvrrp
    pid: int
    process_news: ProcessNews | None = None     # None: no process is tracked
    trackers: list[ScriptStatus | FileStatus | ProcessStatus]
