"""The control socket, server and client together, on real Unix sockets in a temporary directory."""

import itertools
import json
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Daemon, Source

from pyvrrp import limits
from pyvrrp.control.client import ControlClient
from pyvrrp.control.listen import Listener
from pyvrrp.control.protocol import InstancesReply, InstanceStatus, PeerHeard, rfc3339
from pyvrrp.errors import ControlError

WEB = InstanceStatus(
    name="web",
    state="MASTER",
    since="2026-11-20T21:49:02.125Z",
    since_s=12.5,
    priority=150,
    base_priority=150,
    vrid=51,
    interface="eth0",
    version=3,
    vips=["192.0.2.100/24"],
    peers=["192.0.2.2"],
    peer_last_heard=PeerHeard(address="192.0.2.2", priority=100, ago_s=0.25),
    master_address="192.0.2.1",
)
BAD = InstanceStatus(name="bad", state="REFUSED", reason="keepalived.conf:41: virtual_router_id is missing")


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path / "s", lambda: [WEB, BAD]) as running:
        assert running.has_started
        yield running


def get(path: str, *headers: str, method: str = "GET") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode()


def status_and_body(answer: bytes) -> tuple[int, bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def test_client_gets_what_the_server_was_given(daemon: Daemon) -> None:
    reply = ControlClient(daemon.path).instances()
    assert reply.instances == [WEB, BAD]
    assert reply.pid == os.getpid()
    assert reply.version


def test_reply_is_the_documented_json(daemon: Daemon) -> None:
    answer = daemon.raw(b"GET /v1/instances HTTP/1.0\r\n\r\n")    # HTTP/1.0: no chunks
    status, body = status_and_body(answer)
    document = json.loads(body)
    assert status == 200
    assert b"application/json" in answer
    assert list(document) == ["version", "pid", "counters", "unwritten", "problems", "instances"]
    assert document["instances"][0]["peer_last_heard"]["ago_s"] == 0.25
    assert document["instances"][1]["peer_last_heard"] is None


def test_no_instances_is_valid_json(tmp_path: Path) -> None:
    with Daemon(tmp_path / "s", list) as daemon:
        assert ControlClient(daemon.path).instances().instances == []


@pytest.mark.parametrize(
    ("request_bytes", "status", "words"),
    [
        (get("/v1/nothing"), 404, "/v1/nothing"),
        (get("/"), 404, "/v1/instances"),
        (get("/v1/instances", method="DELETE"), 405, "use GET"),
        (b"what is this\r\n\r\n", 400, "HTTP/1.1"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "HTTP/1.1"),     # no Host
        (get("/v1/instances", f"Content-Length: {limits.CONTROL_REQUEST_BYTES_MAX + 1}"), 413, "send less"),
        (get("/v1/instances", "X: " + "x" * (3 * limits.CONTROL_HEADER_BYTES_MAX)), 431, "HTTP/1.1"),
    ],
)
def test_refusals_are_json(daemon: Daemon, request_bytes: bytes, status: int, words: str) -> None:
    got, body = status_and_body(daemon.raw(request_bytes))
    assert got == status
    assert words in json.loads(body)["error"]


def test_chunked_body_is_bounded_too(daemon: Daemon) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(daemon.path)
        sock.sendall(get("/v1/instances", "Transfer-Encoding: chunked"))
        piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            sock.sendall(piece * 100)


def test_405_names_what_is_allowed_and_head_has_no_body(daemon: Daemon) -> None:
    answer = daemon.raw(get("/v1/instances", method="HEAD"))
    status, body = status_and_body(answer)
    assert (status, body) == (405, b"")
    assert b"allow: get\r\n" in answer.lower()


def test_keep_alive_answers_request_after_request(daemon: Daemon) -> None:
    one = b"GET /v1/instances?x=1 HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = daemon.raw(one + one + get("/v1/nothing"))
    assert answer.count(b"HTTP/1.1 200") == 2
    assert answer.count(b"HTTP/1.1 404") == 1


def test_ten_thousand_instances_leave_the_loop_free(tmp_path: Path) -> None:
    """Four clients at once; the loop is measured by a callback that runs every turn."""
    many = [InstanceStatus(name=f"vr{i}", state="BACKUP", vips=["192.0.2.1/32"] * 4) for i in range(10_000)]

    def slowly() -> Iterator[InstanceStatus]:
        for status in many:
            until_s = time.perf_counter() + 10e-6       # what a status costs the runtime
            while time.perf_counter() < until_s:
                pass
            yield status

    with Daemon(tmp_path / "s", slowly) as daemon:
        turns: list[float] = []

        def turn() -> None:
            turns.append(time.thread_time())    # CPU of the loop's thread: other processes do not count
            daemon._loop.call_soon(turn)

        daemon.run(turn)
        replies: list[InstancesReply] = []
        client = ControlClient(daemon.path)
        threads = [threading.Thread(target=lambda: replies.append(client.instances())) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [len(reply.instances) for reply in replies] == [10_000] * 4
    gaps = sorted(after - before for before, after in itertools.pairwise(turns))
    assert sum(gaps) > 0.4      # the work was really done in that thread
    # One slice and what surrounds it. Four slices in one turn, or one reply at once, would be far longer.
    busy = [gap for gap in gaps if gap > limits.CONTROL_SLICE_S / 2]
    assert busy[len(busy) // 2] < 2.5 * limits.CONTROL_SLICE_S


def test_stuck_client_is_cut_off_and_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONTROL_IDLE_S", 0.2)
    many = [InstanceStatus(name="x" * 1000, state="BACKUP")] * 5000     # far more than a socket holds
    with Daemon(tmp_path / "s", lambda: many) as daemon, socket.socket(socket.AF_UNIX) as idle:
        idle.settimeout(10)
        idle.connect(daemon.path)
        with socket.socket(socket.AF_UNIX) as stuck:
            stuck.settimeout(10)
            stuck.connect(daemon.path)
            stuck.sendall(get("/v1/instances"))
            assert len(ControlClient(daemon.path).instances().instances) == 5000
            assert idle.recv(1) == b""          # it asked nothing, and was closed
            answer = b""
            while piece := stuck.recv(65536):
                answer += piece
            assert not answer.endswith(b"0\r\n\r\n")    # cut off in the middle


def test_clients_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONTROL_CLIENTS_MAX", 2)
    with (
        Daemon(tmp_path / "s", lambda: [WEB]) as daemon,
        socket.socket(socket.AF_UNIX) as first,
        socket.socket(socket.AF_UNIX) as second,
    ):
        for sock in (first, second):
            sock.settimeout(10)
            sock.connect(daemon.path)
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"404" in sock.recv(65536)
        # The one that has been idle for longest makes room.
        assert ControlClient(daemon.path).instances().instances == [WEB]
        assert first.recv(1) == b""
        second.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"404" in second.recv(65536)


def test_clients_that_take_their_answers_are_not_cut_off_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CONTROL_CLIENTS_MAX", 1)
    with Daemon(tmp_path / "s", lambda: [WEB] * 5000) as daemon, socket.socket(socket.AF_UNIX) as slow:
        slow.settimeout(10)
        slow.connect(daemon.path)
        slow.sendall(get("/v1/instances"))
        assert slow.recv(1) == b"H"
        with pytest.raises(ControlError, match="1 clients are connected"):
            ControlClient(daemon.path).instances()


def test_fault_of_ours_costs_one_connection(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    answers: list[Source] = [lambda: 1 // 0, lambda: [WEB]]    # type: ignore[list-item, return-value]
    with Daemon(tmp_path / "s", lambda: answers.pop(0)()) as daemon:
        with pytest.raises(ControlError, match="ended early"):
            ControlClient(daemon.path).instances()
        assert ControlClient(daemon.path).instances().instances == [WEB]
    assert "was not answered" in caplog.text


def test_socket_is_for_owner_and_group_and_goes_away(tmp_path: Path) -> None:
    path = tmp_path / "run" / "pyvrrp.sock"
    old_umask = os.umask(0o077)
    try:
        with Daemon(path, lambda: [WEB]):
            assert stat.S_IMODE(path.lstat().st_mode) == 0o660
            assert stat.S_IMODE(path.parent.lstat().st_mode) == 0o755
    finally:
        os.umask(old_umask)
    assert list(path.parent.iterdir()) == []


def test_live_daemon_keeps_its_socket(daemon: Daemon, caplog: pytest.LogCaptureFixture) -> None:
    with Daemon(Path(daemon.path), lambda: [BAD]) as second:
        assert not second.has_started
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "another pyvrrpd has it" in warnings[0].getMessage()
    assert ControlClient(daemon.path).instances().instances == [WEB, BAD]


def test_socket_of_a_crashed_daemon_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as crashed:
        crashed.bind(str(path))
    (tmp_path / "s.lock").touch()
    with pytest.raises(ControlError, match="is gone"):
        ControlClient(str(path)).instances()
    with Daemon(path, lambda: [WEB]) as daemon:
        assert daemon.has_started
        assert ControlClient(str(path)).instances().instances == [WEB]


def test_other_programs_and_files_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(ControlError, match="another program"):
            Listener(str(path))
    path.unlink()
    path.write_text("precious")
    with pytest.raises(ControlError, match="no socket"):
        Listener(str(path))
    assert path.read_text() == "precious"


def test_symbolic_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "s").symlink_to(tmp_path / "target")
    with pytest.raises(ControlError, match="no socket"):
        Listener(str(tmp_path / "s"))
    (tmp_path / "t.lock").symlink_to(tmp_path / "target")
    with pytest.raises(ControlError):
        Listener(str(tmp_path / "t"))
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(ControlError, match="symbolic links"):
        Listener(str(tmp_path / "link" / "s"))
    assert not (tmp_path / "target").exists()


def test_directory_open_to_anyone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(ControlError, match="chmod o-w"):
        Listener(str(tmp_path / "open" / "s"))
    with pytest.raises(ControlError, match="make its parent"):
        Listener(str(tmp_path / "no" / "such" / "s"))
    with pytest.raises(ControlError, match="shorten"):
        Listener(str(tmp_path / ("x" * 120)))


def test_close_leaves_a_foreign_file_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "s"
    listener = Listener(str(path))
    path.unlink()
    path.write_text("someone else's")
    listener.close()
    assert path.exists()


def test_client_says_what_to_do_without_a_daemon(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="start pyvrrpd"):
        ControlClient(str(tmp_path / "none")).instances()


def test_client_bounds_its_wait(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        with pytest.raises(ControlError, match=r"no answer within 0\.1 s"):
            ControlClient(str(tmp_path / "s"), timeout_s=0.1).instances()


def test_rfc3339() -> None:
    assert rfc3339(0.25) == "1970-01-01T00:00:00.250Z"
