"""The trackers of a scope as they are told: each field from where it is known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from pyvrrp import limits
from pyvrrp.control.trackers import ProcessStatus, ScriptStatus, TrackedBy
from pyvrrp.model import (
    Command,
    Configuration,
    GlobalDefs,
    Instance,
    SyncGroup,
    Tracked,
    TrackFile,
    TrackProcess,
    TrackScript,
)
from pyvrrp.scripts.result import ScriptResult
from pyvrrp.track.processes import ProcessWatch
from pyvrrp.tracker_status import process_news, tracker_statuses
from pyvrrp.tracking import Tracking


class Runner:
    """Runs nothing; a result is what the test says."""

    def __init__(self) -> None:
        self.done: list[Callable[[ScriptResult], None]] = []

    def submit(self, command: Command, on_done: Callable[[ScriptResult], None], **_: Any) -> int:
        self.done.append(on_done)
        return len(self.done)

    def withdraw(self, run: int) -> bool:
        return True

    def kill(self, run: int) -> None: ...


class Watches:
    def __init__(self, directory: str) -> None:
        self.processes = ProcessWatch(directory)

    @property
    def files(self) -> Any:
        raise OSError(24, "none is left")


def configuration(count: int) -> Configuration:
    tracked = (Tracked("check", -5, reverse=True),)
    return Configuration(
        global_defs=GlobalDefs(router_id=""),
        scripts=(
            TrackScript(
                name="check", command=Command(("/check", "a\udcff")), interval_s=4, timeout_s=2, rise=3, fall=2
            ),
            TrackScript(name="nothing", command=None),
            TrackScript(name="unused", command=Command(("/unused",))),
        ),
        track_files=(TrackFile(name="drain", path="/run/drain"),),
        track_processes=(TrackProcess(name="proxy", process="haproxy", parameters=("-W",), quorum=2, quorum_max=3),),
        instances=tuple(
            Instance(name=f"i{number}", family=4, interface="eth0", vrid=1, track_scripts=tracked)
            for number in range(count)
        ),
        groups=(SyncGroup(
            name="site", members=("i0",), track_scripts=(Tracked("nothing"),), track_files=(Tracked("drain"),),
            track_processes=(Tracked("proxy", 7),),
        ),),
    )


def test_what_is_told_of_each(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TRACKED_BY_SHOWN", 2)

    async def main() -> None:
        runner, watches = Runner(), Watches(str(tmp_path))
        tracking = Tracking(runner, watches, on_change=lambda kind, name: None)
        tracking.adopt(configuration(3), is_start=True)
        fresh, none, _ = tracker_statuses(tracking, lambda name: f"a/{name}")
        assert isinstance(fresh, ScriptStatus)
        assert (fresh.ok, fresh.last, fresh.last_ok, fresh.is_running) == (None, "", None, True)
        assert isinstance(none, ScriptStatus)
        assert (none.command, none.next_s) == ([], None)
        now_ns = time.monotonic_ns()
        runner.done[0](ScriptResult(1, None, False, None, 0.25, now_ns - 1_250_000_000))
        check, none, proxy = tracker_statuses(tracking, lambda name: f"a/{name}")
        assert isinstance(check, ScriptStatus)
        assert check.last_ago_s is not None
        assert check.last_ago_s >= 1
        assert check.next_s is not None
        assert 0 < check.next_s <= 4
        assert (check.name, check.users, check.command) == ("a/check", 3, ["/check", "a\\udcff"])
        assert check.tracked_by == [TrackedBy(name=f"a/i{i}", weight=-5, reverse=True) for i in (0, 1)]
        assert (check.ok, check.last, check.last_ok, check.last_status) == (False, "exited with status 1", False, 1)
        assert (check.runs, check.failures, check.timeouts, check.skipped) == (1, 1, 0, 0)
        assert (check.interval_s, check.timeout_s, check.rise, check.fall) == (4, 2, 3, 2)
        assert (check.is_running, check.last_duration_s) == (False, 0.25)
        assert isinstance(proxy, ProcessStatus)
        assert proxy.process == ["haproxy", "-W"]
        assert (proxy.ok, proxy.count, proxy.quorum, proxy.quorum_max) == (None, None, 2, 3)
        assert proxy.tracked_by == [TrackedBy(name="a/site", is_group=True, weight=7)]
        news = process_news(watches.processes, "because")
        assert (news.is_told, news.why_untold, news.lost) == (False, "because", 0)

        # A reload may come while an answer is made.
        under_way = tracker_statuses(tracking, str)
        next(under_way)
        tracking.adopt(Configuration(global_defs=GlobalDefs(router_id="")), is_start=False)
        assert [one.users for one in under_way] == [0]
        assert list(tracker_statuses(tracking, str)) == []
        tracking.stop()
        watches.processes.close()

    asyncio.run(main())
