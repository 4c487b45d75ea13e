"""`pyvrrp` and `pyvrrp status`: text made from messages, and a real socket behind the command."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pyvrrp.cli import status
from pyvrrp.cli.main import EXIT_FAILED, EXIT_NO_DAEMON, VERBS, main, parse
from pyvrrp.control import DEFAULT_SOCKET
from pyvrrp.control.protocol import InstancesReply, InstanceStatus, PeerHeard
from pyvrrp.errors import ControlError

WEB = InstanceStatus(
    name="web",
    state="MASTER",
    since="2026-11-20T21:49:02.125Z",
    since_s=185.5,
    priority=90,
    base_priority=150,
    vrid=51,
    interface="eth0",
    version=3,
    vips=["192.0.2.100/24", "192.0.2.101/24", "192.0.2.102/24", "192.0.2.103/24"],
    peers=["192.0.2.2"],
    peer_last_heard=PeerHeard(address="192.0.2.2", priority=100, ago_s=0.25),
    master_address="192.0.2.1",
    group="site",
    counters={"advert_sent": 17, "advert_rcvd": 0},
)
DB = InstanceStatus(
    name="db",
    state="FAULT",
    since="x",
    interface="eth1",
    vrid=52,
    faults=["interface eth1 is down", "check failed"],
)
BAD = InstanceStatus(name="bad", state="REFUSED", reason="keepalived.conf:41: virtual_router_id is missing")
ALL = [WEB, DB, BAD]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[str]:
    """A socket that gives one fixed answer to each request: what a server of any version might send."""
    body = msgspec.json.encode(InstancesReply(version="9", pid=1, counters={"ipv4": {"version_err": 3}}, instances=ALL))
    body = body[:-1] + b',"a_later_field":1}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                if not connection.recv(65536):
                    return
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    yield str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as last:
        last.connect(str(tmp_path / "s"))
    thread.join()
    listener.close()


def test_table_without_bound_shows_all(daemon: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--socket", daemon, "status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    titles = "INSTANCE STATE SINCE PRIORITY VRID INTERFACE VIPS PEER LAST HEARD"
    assert lines[0].split() == titles.split()
    assert lines[1].split()[:2] == ["web", "MASTER"]
    assert "3m05s ago" in lines[1]
    assert "90 of 150" in lines[1]
    assert ",".join(WEB.vips) in lines[1]
    assert lines[1].endswith("192.0.2.2  priority 100, 0.2s ago")
    assert "db is in FAULT: interface eth1 is down; check failed" in lines
    assert "bad is not run: keepalived.conf:41: virtual_router_id is missing" in lines
    assert lines[-1] == "3 instances: 1 MASTER, 1 FAULT, 1 REFUSED"


@pytest.mark.parametrize("width", [10, 30, 40, 60, 80, 100, 120, 200])
def test_table_fits_the_terminal(width: int) -> None:
    lines = status.table(ALL, width)
    rows = [line for line in lines if not line.startswith("(no room")]
    assert len(rows) == 4
    assert max(map(len, rows)) <= width
    titles = [column.title for column in status.COLUMNS]
    left_out = [title for title in titles if title not in rows[0]]
    if width >= 40:
        assert "MASTER" in rows[1]
        assert (", ".join(left_out) in lines[-1]) == bool(left_out) or not left_out
    if width == 120:
        assert "192.0.2.100/24 +3" in rows[1]
        assert not left_out
    if width == 200:
        assert WEB.vips[-1] in rows[1]


def test_one_instance_is_shown_whole(daemon: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "web", "--socket", daemon]) == 0
    text = capsys.readouterr().out
    for words in [WEB.since, "90 of 150", "192.0.2.103/24", "VRID 51, VRRPv3, IPv4", "site"]:
        assert words in text
    assert "192.0.2.2, priority 100, 0.2s ago" in text
    assert text.endswith("counters    advert_sent 17\n")
    assert main(["status", "bad", "--socket", daemon]) == 0
    text = capsys.readouterr().out
    assert "keepalived.conf:41" in text
    assert "VRID" not in text


def test_json_is_the_reply(daemon: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["--socket", daemon, "status", "--json"]) == 0
    reply = msgspec.json.decode(capsysbinary.readouterr().out, type=InstancesReply)
    assert reply.instances == ALL
    assert main(["--socket", daemon, "status", "--json", "db"]) == 0
    document = json.loads(capsysbinary.readouterr().out)
    assert [item["name"] for item in document["instances"]] == ["db"]
    assert document["counters"] == {"ipv4": {"version_err": 3}}


def test_unknown_name_has_near_matches(daemon: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--socket", daemon, "status", "wbe"]) == EXIT_FAILED
    assert capsys.readouterr().err == "pyvrrp: wbe: there is no such instance; did you mean web?\n"
    assert "lists them all" in status.unknown("zzzz", ALL)
    scoped = [InstanceStatus(name=name, state="MASTER") for name in ("red/VI_1", "blue/VI_1")]
    assert status.unknown("VI_1", scoped).endswith("did you mean red/VI_1 or blue/VI_1?")


def test_no_daemon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--socket", str(tmp_path / "none")]) == EXIT_NO_DAEMON
    assert "start pyvrrpd" in capsys.readouterr().err


def test_counts() -> None:
    assert status.counts([]) == "0 instances"
    assert status.counts([WEB]) == "1 instance: 1 MASTER"
    assert status.report([], 80) == ["0 instances"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0.0s"), (0.25, "0.2s"), (42.9, "42s"), (185, "3m05s"), (7620, "2h07m"), (345600, "4d00h")],
)
def test_duration(seconds: float, text: str) -> None:
    assert status.duration(seconds) == text


def test_socket_before_and_after_the_verb() -> None:
    assert parse(["status"]).socket == DEFAULT_SOCKET
    assert parse(["--socket", "/a", "status"]).socket == "/a"
    assert parse(["status", "--socket", "/a"]).socket == "/a"
    assert parse(["--socket", "/a", "status", "--socket", "/b"]).socket == "/b"


@pytest.mark.parametrize("argv", [["--help"], ["status", "--help"]])
def test_help_documents_exit_statuses(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(argv)
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "exit status:" in text
    assert "3  the daemon could not be asked" in text


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    text = capsys.readouterr().out
    assert all(verb in text for verb in VERBS)


@pytest.mark.parametrize("argv", [[], ["nothing"], ["status", "a", "b"]])
def test_wrong_command_lines(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(argv)
    assert stop.value.code == 2


def test_an_excluded_address_is_an_address() -> None:
    """Adverts leave it out; its MASTER has it all the same."""
    only = InstanceStatus(name="cluster", state="MASTER", excluded=["10.201.36.14/32"])
    assert "10.201.36.14/32" in status.report([only], None)[1]


def test_sentences_are_broken_where_the_terminal_ends() -> None:
    lines = status.report(ALL, 60)
    assert "bad is not run: keepalived.conf:41: virtual_router_id is" in lines
    assert "missing" in lines
    assert max(map(len, lines)) <= 80           # the line that names the columns left out is told whole
    assert "bad is not run: keepalived.conf:41: virtual_router_id is missing" in status.report(ALL, None)


def test_watching_as_json_is_an_object_on_each_line(
    daemon: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(status.time, "sleep", wait)
    assert main(["--socket", daemon, "status", "--watch", "0.5", "--json"]) == 130
    assert waited == [0.5, 0.5, 0.5]
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines() if not line.startswith("{\"error")]
    assert [len(answer["instances"]) for answer in answers] == [3, 3, 3]


def test_watching_outlives_the_daemon(
    daemon: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As over a restart; but a daemon that was never there ends it."""
    asked: list[str] = []
    answer = status.ControlClient.instances

    def instances(self: status.ControlClient) -> InstancesReply:
        asked.append("")
        if len(asked) == 2:
            raise ControlError("the daemon is gone")
        return answer(self)

    def wait(_: float) -> None:
        if len(asked) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(status.ControlClient, "instances", instances)
    monkeypatch.setattr(status.time, "sleep", wait)
    assert main(["--socket", daemon, "status", "--watch"]) == 130
    shown = capsys.readouterr().out.split("every 2 s; ctrl-C ends")[1:]
    assert [("NO ANSWER, this is the last one: the daemon is gone" in each) for each in shown] == [False, True, False]
    assert all("web" in each for each in shown)
    assert main(["--socket", f"{daemon}-none", "status", "--watch"]) == EXIT_NO_DAEMON
