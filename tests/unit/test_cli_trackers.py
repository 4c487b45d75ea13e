"""`pyvrrp status --scripts`: text made from the daemon's answer."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pyvrrp.cli import trackers
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

WEB = TrackedBy(name="web", weight=-20)
SITE = TrackedBy(name="site", is_group=True, reverse=True)
CHECK = ScriptStatus(
    name="check", command=["/etc/check it", "-x"], ok=False, interval_s=0.5, timeout_s=2, rise=1, fall=3, next_s=0.25,
    last="exited with status 1", last_ok=False, last_status=1, last_duration_s=0.004, last_ago_s=0.246, runs=12,
    failures=4, timeouts=1, skipped=2, users=2, tracked_by=[WEB, SITE],
)
FRESH = ScriptStatus(
    name="fresh", command=["/bin/true"], interval_s=1, timeout_s=1, rise=1, fall=1, is_running=True, users=1,
    tracked_by=[WEB],
)
DRAIN = FileStatus(name="drain", path="/run/drain", number=-100, users=300, tracked_by=[WEB] * 100)
PROXY = ProcessStatus(
    name="proxy", process=["haproxy", "-W"], ok=True, count=0, quorum=1, is_waiting=True, changes=3, users=1,
    tracked_by=[SITE],
)
OLD = ProcessStatus(name="old", process=["old"], quorum=0, quorum_max=0, users=1, tracked_by=[WEB])
TOLD = ProcessNews(is_told=True, looks=1, executed=4, lost=0)


def reply(*found: trackers.Tracker, news: ProcessNews | None = None) -> TrackersReply:
    return TrackersReply(version="1", pid=7, process_news=news, trackers=list(found))


def test_a_table_for_each_kind() -> None:
    assert trackers.report(reply(CHECK, FRESH, DRAIN, PROXY, OLD, news=TOLD)) == [
        "SCRIPT  STATE          LAST RESULT           TOOK  NEXT     RUNS  FAILED  TIMEOUTS  SKIPPED  TRACKED BY",
        "check   FAILED         exited with status 1  4ms   in 0.2s  12    4       1         2        web,group site",
        "fresh   no result yet  -                     -     running  0     0       0         0        web",
        "",
        "FILE   NUMBER  PATH        TRACKED BY",
        "drain  -100    /run/drain  300 instances and groups",
        "",
        "PROCESS  STATE             RUNNING  QUORUM     TRACKED BY",
        "proxy    OK, not for long  0        1 or more  group site",
        "old      no result yet     -        none       web",
    ]


def test_only_what_there_is() -> None:
    assert trackers.report(reply(DRAIN))[0].startswith("FILE")
    assert trackers.report(reply()) == ["nothing is tracked but interfaces"]


def test_what_is_to_be_said_of_counting() -> None:
    news = ProcessNews(is_told=False, why_untold="not here", problem="not all", looks=9, executed=0, lost=2)
    assert trackers.report(reply(OLD, news=news))[2:] == [
        "not here; processes are counted once a second",
        "not all",
        "news of processes were lost 2 times, and all were looked at again",
    ]


def test_all_of_one() -> None:
    assert trackers.details(CHECK) == [
        "name        check",
        "command     '/etc/check it' -x",
        "state       FAILED",
        "last run    exited with status 1, took 4ms, 0.2s ago",
        "next run    in 0.2s",
        "interval    0.5 s, timeout 2 s, rise 1, fall 3",
        "runs        12, 4 failed, of these 1 timed out; 2 skipped",
        "tracked by  web, weight -20",
        "            group site, reverse",
    ]
    assert trackers.details(DRAIN)[1:4] == [
        "path        /run/drain", "number      -100", "tracked by  web, weight -20"
    ]
    assert trackers.details(DRAIN)[-1] == "            and 200 more"
    assert trackers.details(PROXY)[1:5] == [
        "process     haproxy -W", "state       OK, not for long", "running     0, quorum 1 or more", "changes     3"
    ]


@pytest.mark.parametrize(
    ("low", "high", "text"), [(1, None, "1 or more"), (0, 0, "none"), (2, 4, "2 to 4"), (3, 3, "3")]
)
def test_quorums(low: int, high: int | None, text: str) -> None:
    assert trackers.quorum(msgspec.structs.replace(PROXY, quorum=low, quorum_max=high)) == text


class Client(ControlClient):
    """One that has its answer already, as it comes from the socket."""

    def get(self, path: str, kind: Any) -> Any:
        assert path == TRACKERS_PATH
        return msgspec.json.decode(msgspec.json.encode(reply(CHECK, DRAIN, PROXY, news=TOLD)), type=kind)


def test_one_by_its_name_and_as_json() -> None:
    assert trackers.asked(Client(), "proxy", as_json=False) == (0, trackers.details(PROXY))
    assert trackers.asked(Client(), None, as_json=False) == (0, trackers.report(reply(CHECK, DRAIN, PROXY)))
    assert trackers.asked(Client(), "prxy", as_json=False) == (
        1, ["pyvrrp: prxy: no script, file or process of this name is tracked; did you mean proxy?"]
    )
    status, lines = trackers.asked(Client(), "check", as_json=True)
    assert status == 0
    (only,) = msgspec.json.decode("\n".join(lines))["trackers"]
    assert (only["kind"], only["timeouts"], only["tracked_by"][1]["name"]) == ("script", 1, "site")
