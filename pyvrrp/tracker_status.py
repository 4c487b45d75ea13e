"""How the trackers of a scope stand, as people and programs are told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from pyvrrp.control.trackers import FileStatus, ProcessNews, ProcessStatus, ScriptStatus, TrackedBy
from pyvrrp.track.processes import ProcessWatch
from pyvrrp.track.quorum import ProcessTracker
from pyvrrp.track.scripts import ScriptTracker
from pyvrrp.tracking import Tracking


def tracker_statuses(
    tracking: Tracking, title_of: Callable[[str], str]
) -> Iterator[ScriptStatus | FileStatus | ProcessStatus]:
    """Scripts, then files, then processes, each in the order of the file. title_of: how a name is shown."""

    def shared(kind: str, name: str) -> dict[str, Any]:
        users = tracking.users(kind, name)
        return {
            "name": title_of(name),
            "users": users.count,
            "tracked_by": [
                TrackedBy(name=title_of(user.name), is_group=user.is_group, weight=user.weight, reverse=user.reverse)
                for user in users.first
            ],
        }

    for script in list(tracking.scripts.values()):
        yield _script(script, shared("script", script.script.name))
    for file in list(tracking.files.values()):
        yield FileStatus(path=file.file.path, number=file.number, **shared("file", file.file.name))
    for process in list(tracking.processes.values()):
        yield _process(process, shared("process", process.process.name))


def process_news(watch: ProcessWatch, why_untold: str) -> ProcessNews:
    """How processes are counted."""
    counters = watch.counters
    return ProcessNews(
        is_told=watch.is_told, why_untold=why_untold, problem=watch.problem,
        looks=counters.looks, executed=counters.executed, lost=counters.lost,
    )


def _script(tracker: ScriptTracker, shared: dict[str, Any]) -> ScriptStatus:
    script, last, counters = tracker.script, tracker.last, tracker.counters
    ago_s = None
    if last is not None and last.started_ns:
        ago_s = max(0.0, round((time.monotonic_ns() - last.started_ns) / 1e9 - last.duration_s, 3))
    return ScriptStatus(
        command=[_printable(word) for word in script.command.argv] if script.command is not None else [],
        ok=tracker.up,
        interval_s=script.interval_s,
        timeout_s=script.timeout_s,
        rise=script.rise,
        fall=script.fall,
        is_running=tracker.is_running,
        next_s=tracker.next_s,
        last=str(last) if last is not None else "",
        last_ok=last.ok if last is not None else None,
        last_status=last.status if last is not None else None,
        last_duration_s=round(last.duration_s, 6) if last is not None and last.started_ns else None,
        last_ago_s=ago_s,
        runs=counters.runs,
        failures=counters.failures,
        timeouts=counters.timeouts,
        skipped=counters.skipped,
        **shared,
    )


def _process(tracker: ProcessTracker, shared: dict[str, Any]) -> ProcessStatus:
    process = tracker.process
    return ProcessStatus(
        process=[_printable(word) for word in (process.process, *process.parameters)],
        ok=tracker.up,
        count=tracker.count,
        quorum=process.quorum,
        quorum_max=process.quorum_max,
        is_waiting=tracker.is_waiting,
        changes=tracker.changes,
        **shared,
    )


def _printable(word: str) -> str:
    return word.encode("utf-8", "backslashreplace").decode()
