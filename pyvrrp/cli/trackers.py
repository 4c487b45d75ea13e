"""`pyvrrp status --scripts`: what is tracked: scripts, files, processes; how each stands, and who tracks it.

The functions that make text are pure.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterable, Sequence

import msgspec

from pyvrrp.cli.status import NEAR_MATCHES, aligned, duration
from pyvrrp.control.client import ControlClient
from pyvrrp.control.trackers import (
    TRACKERS_PATH,
    FileStatus,
    ProcessNews,
    ProcessStatus,
    ScriptStatus,
    TrackedBy,
    TrackersReply,
)

Tracker = ScriptStatus | FileStatus | ProcessStatus
SHOWN_USERS = 2         # who tracks it, by name; of more the number

_SCRIPT_TITLES = ("SCRIPT", "STATE", "LAST RESULT", "TOOK", "NEXT", "RUNS", "FAILED", "TIMEOUTS", "SKIPPED",
                  "TRACKED BY")
_FILE_TITLES = ("FILE", "NUMBER", "PATH", "TRACKED BY")
_PROCESS_TITLES = ("PROCESS", "STATE", "RUNNING", "QUORUM", "TRACKED BY")


def asked(client: ControlClient, name: str | None, *, as_json: bool) -> tuple[int, list[str]]:
    """The exit status, and what is to be printed: of all, or of the one of a name. Raises ControlError."""
    reply = client.get(TRACKERS_PATH, TrackersReply)
    if name is not None:
        chosen = [tracker for tracker in reply.trackers if tracker.name == name]
        if not chosen:
            return 1, [f"pyvrrp: {unknown(name, reply.trackers)}"]
        reply = msgspec.structs.replace(reply, trackers=chosen)
    if as_json:
        return 0, [msgspec.json.format(msgspec.json.encode(reply)).decode()]
    if name is None:
        return 0, report(reply)
    # A script and a file may have one name.
    parts = [details(tracker) for tracker in reply.trackers]
    return 0, [line for i, part in enumerate(parts) for line in ([""] if i else []) + part]


def report(reply: TrackersReply) -> list[str]:
    """A table for each kind that there is, and what is to be said of counting processes."""
    tables = [
        _table(_SCRIPT_TITLES, [_script_row(one) for one in reply.trackers if isinstance(one, ScriptStatus)]),
        _table(_FILE_TITLES, [_file_row(one) for one in reply.trackers if isinstance(one, FileStatus)]),
        _table(_PROCESS_TITLES, [_process_row(one) for one in reply.trackers if isinstance(one, ProcessStatus)]),
    ]
    lines: list[str] = []
    for table in tables:
        if table:
            lines += ["", *table] if lines else table
    if reply.process_news is not None:
        lines += news(reply.process_news)
    return lines or ["nothing is tracked but interfaces"]


def details(tracker: Tracker) -> list[str]:
    """Everything known of one, a line each; what is empty is left out."""
    pairs: list[tuple[str, str]] = [("name", tracker.name)]
    if isinstance(tracker, ScriptStatus):
        ago = f", {duration(tracker.last_ago_s)} ago" if tracker.last_ago_s is not None else ""
        took = f", took {short(tracker.last_duration_s)}" if tracker.last_duration_s is not None else ""
        pairs += [
            ("command", shlex.join(tracker.command)),
            ("state", state(tracker)),
            ("last run", f"{tracker.last}{took}{ago}" if tracker.last else ""),
            ("next run", next_run(tracker)),
            ("interval", f"{tracker.interval_s:g} s, timeout {tracker.timeout_s:g} s, "
                         f"rise {tracker.rise}, fall {tracker.fall}"),
            ("runs", f"{tracker.runs}, {tracker.failures} failed, of these {tracker.timeouts} timed out; "
                     f"{tracker.skipped} skipped"),
        ]
    elif isinstance(tracker, FileStatus):
        pairs += [("path", tracker.path), ("number", str(tracker.number))]
    else:
        pairs += [
            ("process", shlex.join(tracker.process)),
            ("state", state(tracker)),
            ("running", f"{running(tracker)}, quorum {quorum(tracker)}"),
            ("changes", str(tracker.changes)),
        ]
    pairs += [("tracked by" if not i else "", user(one)) for i, one in enumerate(tracker.tracked_by)]
    if (more := tracker.users - len(tracker.tracked_by)) > 0:
        pairs.append(("", f"and {more} more"))
    return [f"{name:<11} {value}" for name, value in pairs if value]


def news(news: ProcessNews) -> list[str]:
    """What is to be said of counting processes: nothing, where all is as it should be."""
    lines = []
    if not news.is_told:
        lines.append(f"{news.why_untold}; processes are counted once a second")
    if news.problem:
        lines.append(news.problem)
    if news.lost:
        times = "once" if news.lost == 1 else f"{news.lost} times"
        lines.append(f"news of processes were lost {times}, and all were looked at again")
    return lines


def unknown(name: str, trackers: Iterable[Tracker]) -> str:
    """The sentence for a name that nothing has."""
    near = difflib.get_close_matches(name, [one.name for one in trackers], NEAR_MATCHES)
    hint = f"did you mean {' or '.join(near)}?" if near else "pyvrrp status --scripts lists all that are"
    return f"{name}: no script, file or process of this name is tracked; {hint}"


def state(tracker: ScriptStatus | ProcessStatus) -> str:
    """`OK`, `FAILED`, or why it is not known."""
    if tracker.ok is None:
        return "no result yet"
    if isinstance(tracker, ProcessStatus) and tracker.is_waiting:
        return f"{'OK' if tracker.ok else 'FAILED'}, not for long"
    return "OK" if tracker.ok else "FAILED"


def next_run(tracker: ScriptStatus) -> str:
    """`in 0.4s`; `running`, when it runs now."""
    if tracker.is_running:
        return "running"
    return f"in {duration(tracker.next_s)}" if tracker.next_s is not None else ""


def short(seconds: float) -> str:
    """How long a script ran: 4ms, 0.3s, 12s."""
    return f"{seconds * 1000:.0f}ms" if seconds < 0.1 else duration(seconds)


def quorum(tracker: ProcessStatus) -> str:
    """`1 or more`, `2 to 4`, `none`."""
    if tracker.quorum_max is None:
        return f"{tracker.quorum} or more"
    if tracker.quorum_max == 0:
        return "none"
    return str(tracker.quorum) if tracker.quorum == tracker.quorum_max else f"{tracker.quorum} to {tracker.quorum_max}"


def running(tracker: ProcessStatus) -> str:
    """How many there are."""
    return "-" if tracker.count is None else str(tracker.count)


def user(one: TrackedBy) -> str:
    """`web, weight -20`; `group site`."""
    weight = f", weight {one.weight}" if one.weight else ""
    return f"{'group ' if one.is_group else ''}{one.name}{weight}{', reverse' if one.reverse else ''}"


def users(tracker: Tracker) -> str:
    """`web,db`; `300 instances and groups`."""
    if tracker.users > SHOWN_USERS:
        return f"{tracker.users} instances and groups"
    return ",".join(f"{'group ' if one.is_group else ''}{one.name}" for one in tracker.tracked_by) or "-"


def _script_row(tracker: ScriptStatus) -> tuple[str, ...]:
    took = short(tracker.last_duration_s) if tracker.last_duration_s is not None else "-"
    counts = (str(count) for count in (tracker.runs, tracker.failures, tracker.timeouts, tracker.skipped))
    return (tracker.name, state(tracker), tracker.last or "-", took, next_run(tracker) or "-", *counts, users(tracker))


def _file_row(tracker: FileStatus) -> tuple[str, ...]:
    return tracker.name, str(tracker.number), tracker.path, users(tracker)


def _process_row(tracker: ProcessStatus) -> tuple[str, ...]:
    return tracker.name, state(tracker), running(tracker), quorum(tracker), users(tracker)


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return aligned([titles, *rows]) if rows else []
