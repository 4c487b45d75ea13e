"""`pyvrrp top` without a screen: rows, rates, order, filters, columns, and who asks the daemon."""

from __future__ import annotations

import itertools
import queue
import sys
from pathlib import Path

import pytest
from serving import Daemon

from pyvrrp.cli import top
from pyvrrp.cli.main import main
from pyvrrp.cli.top.columns import (
    BY_STATE,
    COLUMNS,
    head,
    in_order,
    left_out,
    placed,
    printable,
    rate,
    wanted_widths,
)
from pyvrrp.cli.top.poller import Details, Lost, Poller
from pyvrrp.cli.top.rows import LOOK, Need, Rates, Snapshot, matching, natural, snapshot
from pyvrrp.control.client import ControlClient
from pyvrrp.control.protocol import InstancesReply, InstanceStatus, OtherMaster, PeerHeard

BY_NAME = next(i for i, column in enumerate(COLUMNS) if column.title == "INSTANCE")
BY_DROPS = next(i for i, column in enumerate(COLUMNS) if column.title == "DROP/s")
BY_HEARD = next(i for i, column in enumerate(COLUMNS) if column.title == "HEARD")
OTHER = OtherMaster(
    address="192.0.2.2", priority=90, own_address="192.0.2.1", own_priority=100, since="x", since_s=3.0
)


def instance(name: str, state: str = "BACKUP", **fields: object) -> InstanceStatus:
    return InstanceStatus(**{"name": name, "state": state, "counted_since": "2026", **fields})      # type: ignore[arg-type]


def reply(*instances: InstanceStatus, pid: int = 1, **counters: dict[str, int]) -> InstancesReply:
    return InstancesReply(version="9", pid=pid, counters=counters, instances=list(instances))


ALL = [
    instance("web10", "MASTER", priority=100),
    instance("web2", "MASTER"),
    instance("down", "FAULT", faults=["interface eth1 is down"], interface="eth1"),
    instance("both", "MASTER", other_master=OTHER),
    instance("bad", "REFUSED", reason="file:1: no"),
    instance("begins", "INIT"),
    instance("idle", peer_last_heard=PeerHeard(address="192.0.2.9", priority=1, ago_s=4.0)),
    instance("twice", "MASTER", faults=["192.0.2.7 has its address"]),
]


def seen(*instances: InstanceStatus, before: Snapshot | None = None, at_s: float = 100.0, **more: object) -> Snapshot:
    return snapshot(reply(*instances, **more), at_s, 0.1, before)       # type: ignore[arg-type]


def names(rows: object) -> list[str]:
    return [row.name for row in rows]       # type: ignore[attr-defined]


# ---- rows


def test_what_needs_a_look_comes_first_and_names_are_in_the_order_of_their_numbers() -> None:
    rows = in_order(seen(*ALL).rows, BY_STATE, False)
    assert names(rows) == ["both", "down", "bad", "twice", "begins", "web2", "web10", "idle"]
    assert [row.need for row in rows][:3] == [Need.SPLIT_BRAIN, Need.FAULT, Need.NOT_RUN]
    assert names(in_order(seen(*ALL).rows, BY_STATE, True))[:3] == ["idle", "web2", "web10"]


def test_rates_are_between_two_answers() -> None:
    first = seen(instance("web", counters={"advert_rcvd": 10, "advert_sent": 100, "checksum_err": 1}))
    assert first.rows[0].rates is None
    then = seen(
        instance("web", counters={"advert_rcvd": 20, "advert_sent": 101, "checksum_err": 2, "ip_ttl_err": 3}),
        instance("new", counters={"advert_rcvd": 500}),
        before=first, at_s=104.0,
    )
    assert then.rows[0].rates == Rates(2.5, 0.25, 1.0)
    assert then.rows[1].rates is None
    assert (then.totals.heard, then.totals.sent, then.totals.dropped) == (2.5, 0.25, 1.0)


@pytest.mark.parametrize("then", [{"pid": 2}, {"at_s": 100.0}])
def test_another_daemon_counts_from_nothing(then: dict[str, object]) -> None:
    first = seen(instance("web", counters={"advert_rcvd": 10}))
    later = seen(instance("web", counters={"advert_rcvd": 3}), before=first, **{"at_s": 102.0, **then})
    assert later.rows[0].rates is None
    assert later.totals.heard is None


def test_an_instance_made_anew_by_a_reload_has_no_rate_and_none_is_below_0() -> None:
    first = seen(instance("web", counters={"advert_rcvd": 10}), instance("db", counters={"advert_rcvd": 9}))
    then = seen(
        instance("web", counters={"advert_rcvd": 30}, counted_since="2027"),
        instance("db", counters={"advert_rcvd": 4}),
        before=first, at_s=101.0,
    )
    assert then.rows[0].rates is None
    assert then.rows[1].rates == Rates(0.0, 0.0, 0.0)


def test_totals_are_of_the_engine_and_of_what_belongs_to_no_instance() -> None:
    first = seen(engine={"stalls": 1, "receive_drops": 5}, ipv4={"vrid_err": 10}, turn_late_us={"64": 100, "4096": 1})
    then = seen(
        before=first, at_s=102.0, engine={"stalls": 3, "receive_drops": 5, "turn_late_longest_us": 2500},
        ipv4={"vrid_err": 14}, ipv6={"ip_ttl_err": 2}, turn_late_us={"64": 100, "4096": 1, "128": 7},
    )
    totals = then.totals
    assert (totals.dropped, totals.stalls, totals.stalls_lately, totals.lost_lately) == (3.0, 3, 2, 0)
    assert totals.late_99 == "128"          # of the turns since, not of all
    text = "\n".join(head(then))
    assert "3.0 dropped a second; 5 lost in the receive buffer\n" in text
    assert "99 % of turns under 128 us late, at most 2.5 ms; 3 stalls, 2 of them just now" in text


def test_the_head_counts_states_and_has_the_problems() -> None:
    answer = InstancesReply(version="9", pid=7, problems=["a route is not set"], instances=ALL)
    lines = head(snapshot(answer, 1.0, 0.1, None))
    states = "8 instances: 4 MASTER, 1 BACKUP, 1 FAULT, 1 INIT, 1 REFUSED"
    assert lines[0] == f"pyvrrpd 9, pid 7: {states}; 1 with two hosts that are MASTER"
    assert lines[1].startswith("adverts: - heard, - sent, - dropped a second")
    assert lines[3:] == ["a route is not set"]


# ---- filters


@pytest.mark.parametrize(
    ("words", "state", "found"),
    [
        ([], None, len(ALL)),
        (["eth1"], None, ["down"]),
        (["192.0.2.9"], None, ["idle"]),
        (["web", "1"], None, ["web10"]),
        ([], "MASTER", ["web10", "web2", "both", "twice"]),
        ([], LOOK, ["down", "both", "bad", "begins", "twice"]),
        (["web"], "FAULT", []),
    ],
)
def test_filters(words: list[str], state: str | None, found: list[str] | int) -> None:
    rows = matching(seen(*ALL).rows, words, state)
    assert (len(rows) if isinstance(found, int) else names(rows)) == found


def test_natural_order() -> None:
    assert sorted(["a10b", "a9b", "b", "10", "9"], key=natural) == ["9", "10", "a9b", "a10b", "b"]


# ---- columns


def test_numbers_begin_with_the_largest_and_what_has_no_value_is_last() -> None:
    first = seen(*(instance(name) for name in ("a", "b", "c")))
    then = seen(
        instance("a", counters={"checksum_err": 1}), instance("b", counters={"checksum_err": 9}), instance("c"),
        instance("new"), before=first, at_s=101.0,
    )
    assert names(in_order(then.rows, BY_DROPS, False)) == ["b", "a", "c", "new"]
    assert names(in_order(then.rows, BY_DROPS, True)) == ["c", "a", "b", "new"]
    assert names(in_order(seen(*ALL).rows, BY_HEARD, True))[0] == "idle"
    assert names(in_order(seen(*ALL).rows, BY_NAME, False))[-2:] == ["web2", "web10"]


@pytest.mark.parametrize("column", range(len(COLUMNS)))
def test_every_column_can_be_sorted_by_and_shown(column: int) -> None:
    for is_turned in (False, True):
        assert sorted(names(in_order(seen(*ALL).rows, column, is_turned))) == sorted(names(seen(*ALL).rows))
    for row in seen(*ALL).rows:
        assert len(COLUMNS[column].text(row)) <= COLUMNS[column].wide


def test_states_are_words() -> None:
    told = {row.name: COLUMNS[BY_STATE].text(row) for row in seen(*ALL).rows}
    assert (told["both"], told["twice"], told["web2"]) == ("2 MASTERS", "MASTER!", "MASTER")


@pytest.mark.parametrize("width", [10, 40, 60, 80, 120, 200])
def test_columns_fill_a_width(width: int) -> None:
    wanted = wanted_widths(seen(*ALL, instance("a-very-long-name-of-a-tenant/and-its-instance")).rows)
    columns = placed(wanted, width)
    titles = [COLUMNS[column.which].title for column in columns]
    assert titles[:2] == ["INSTANCE", "STATE"]
    assert sorted([*titles, *left_out(columns)]) == sorted(column.title for column in COLUMNS)
    if width >= 40:
        assert columns[-1].x + columns[-1].width <= width
    if width >= 60:
        assert "DROP/s" in titles
    if width == 200:
        assert len(titles) == len(COLUMNS)
    for one, following in itertools.pairwise(columns):
        assert one.x + one.width < following.x


def test_rates_and_names_as_text() -> None:
    assert [rate(each) for each in (None, 0.0, 0.04, 9.94, 9.96, 1234.5)] == ["-", "0", "<0.1", "9.9", "10", "1234"]
    assert printable("a\x1b[2Jb") == "a?[2Jb"


# ---- asking


def test_the_poller_asks_again_and_tells_when_the_daemon_is_gone_and_back(tmp_path: Path) -> None:
    told: queue.Queue[object] = queue.Queue()
    path = tmp_path / "s"
    with Daemon(path, lambda: ALL):
        poller = Poller(ControlClient(str(path)), interval_s=0.05)
        assert names(poller.ask().rows) == names(seen(*ALL).rows)
        poller.start(told.put)
        news = told.get(timeout=20)
        assert isinstance(news, Snapshot)
        assert news.rows[0].rates is not None
        poller.stop()
        poller.join()
    poller = Poller(ControlClient(str(path)), interval_s=0.05)
    poller.start(told.put)
    while not isinstance(news := told.get(timeout=20), Lost):
        pass
    assert str(path) in news.why
    with Daemon(path, lambda: ALL[:1]):
        while not isinstance(news := told.get(timeout=20), Snapshot):
            pass
        assert names(news.rows) == ["web10"]
        poller.choose("web10")              # this daemon answers nothing for one instance
        while not isinstance(news := told.get(timeout=20), Details):
            pass
        assert news.name == "web10"
        assert news.lines
        poller.stop()
        poller.join()


def test_a_stopped_poller_asks_only_when_it_goes_on(tmp_path: Path) -> None:
    told: queue.Queue[object] = queue.Queue()
    with Daemon(tmp_path / "s", lambda: ALL):
        poller = Poller(ControlClient(str(tmp_path / "s")), interval_s=0.01)
        poller.pace(interval_s=0.01, is_paused=True)
        poller.start(told.put)
        with pytest.raises(queue.Empty):
            told.get(timeout=0.2)
        poller.pace(interval_s=0.01, is_paused=False)
        assert isinstance(told.get(timeout=20), Snapshot)
        poller.stop()
        poller.join()


# ---- the verb


def test_without_textual_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "textual", None)
    assert main(["top"]) == 1
    told = capsys.readouterr().err
    assert "pip install 'pyvrrp[tui]'" in told
    assert "pyvrrp status --watch" in told


def test_without_a_terminal_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(top.importlib.util, "find_spec", lambda _: object())
    assert main(["top", "web"]) == 1
    assert "pyvrrp status prints the table" in capsys.readouterr().err
