"""The control API as a protocol: who may do what, which requests are refused and how, what is bounded."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
import uvloop

from pyvrrp import limits
from pyvrrp.chronicle import Chronicle
from pyvrrp.control import server as server_module
from pyvrrp.control.actions import Move, MovesReply, ReloadReply, SwitchoverRequest
from pyvrrp.control.answers import Answer, Call, Handler, Lines, Refusal, Text, WithStatus
from pyvrrp.control.client import ControlClient
from pyvrrp.control.endpoints import ENDPOINTS, find, openapi
from pyvrrp.control.server import ControlServer
from pyvrrp.errors import ControlError, RefusedError


class Daemon:
    """A ControlServer with handlers of a test's own, on a loop in a thread."""

    def __init__(self, path: Path, handlers: dict[str, Handler], *, tcp: bool = False) -> None:
        self.path = str(path)
        self.calls: list[Call] = []
        noted = {name: self._noting(handler) for name, handler in handlers.items()}
        self.server = ControlServer(self.path, noted, http=("127.0.0.1", 0) if tcp else None)
        self.port = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _noting(self, handler: Handler) -> Handler:
        async def noting(call: Call) -> Answer:
            self.calls.append(call)
            return await handler(call)

        return noting

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        self.loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        assert await self.server.start()
        self.port = next(iter(self.server.ports), 0)
        self._ready.set()
        await self._stop.wait()
        await self.server.close()

    def __enter__(self) -> Daemon:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def connect(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(10)
        sock.connect(self.path)
        return sock

    def ask(self, method: str, target: str, body: bytes = b"", *, tcp: bool = False) -> tuple[int, dict[str, object]]:
        """Status and decoded body of one request."""
        head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self.port), 10) if tcp else self.connect() as sock:
            sock.sendall(head.encode() + body)
            answer = b""
            while piece := sock.recv(65536):
                answer += piece
        lines, _, rest = answer.partition(b"\r\n\r\n")
        return int(lines.split()[1]), json.loads(rest)


async def moved(call: Call) -> Answer:
    return MovesReply(moves=[Move(instance=call.body.instance or "all", outcome="MOVED")])


async def health(_: Call) -> Answer:
    return ReloadReply(accepted=True)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path / "s", {"switchover": moved, "drain": moved, "healthz": health}, tcp=True) as running:
        yield running


def test_a_request_reaches_its_handler_with_its_body_and_its_caller(daemon: Daemon) -> None:
    status, reply = daemon.ask("POST", "/v1/switchover", b'{"instance": "web", "limit_s": 2.5}')
    assert (status, reply) == (200, {"moves": [{
        "instance": "web", "outcome": "MOVED", "to": "", "after_s": 0.0, "returns": False, "detail": "",
    }]})
    (call,) = daemon.calls
    assert call.body == SwitchoverRequest(instance="web", limit_s=2.5)
    assert call.caller.uid is not None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "truncated"),
        (b"[]", "Expected `object`"),
        (b'{"instance": "web", "forse": true}', "forse"),
        (b'{"instance": 7}', "$.instance"),
        (b'{"instance": ""}', "$.instance"),
        (b'{"limit_s": 0}', "$.limit_s"),
        (b'{"limit_s": 1e9}', "$.limit_s"),
        (b'{"instance": "\xff"}', "utf-8"),
        (b"{" + b'"a":{' * 3000, "/v1/switchover"),
    ],
)
def test_a_body_that_is_wrong_is_refused_with_its_place(daemon: Daemon, body: bytes, words: str) -> None:
    status, reply = daemon.ask("POST", "/v1/switchover", body)
    assert (status, reply["status"]) == (400, 400)
    assert words.lower() in str(reply["error"]).lower()
    assert daemon.calls == []


def test_no_body_is_as_good_as_an_empty_object(daemon: Daemon) -> None:
    daemon.ask("POST", "/v1/switchover", b"")
    assert daemon.calls[0].body == SwitchoverRequest()


def test_who_is_not_root_reads_and_changes_nothing(daemon: Daemon) -> None:
    daemon.server._may_change = {12345}
    status, reply = daemon.ask("POST", "/v1/switchover", b"{}")
    assert status == 403
    assert "root alone" in str(reply["error"])
    assert daemon.ask("GET", "/healthz")[0] == 200
    assert len(daemon.calls) == 1
    with pytest.raises(RefusedError, match="root alone"):
        ControlClient(daemon.path).order("/v1/switchover", SwitchoverRequest(instance="web"), MovesReply)


def test_the_kernel_says_who_asks(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's word is the kernel's, never the client's."""
    monkeypatch.setattr(server_module, "_CREDENTIALS", FakeCredentials(uid=65534))
    assert daemon.ask("POST", "/v1/switchover", b'{"instance": "web"}')[0] == 403


class FakeCredentials:
    size = server_module._CREDENTIALS.size

    def __init__(self, uid: int) -> None:
        self.uid = uid

    def unpack(self, _: bytes) -> tuple[int, int, int]:
        return 1, self.uid, self.uid


def test_over_tcp_there_is_nothing_that_changes(daemon: Daemon) -> None:
    assert daemon.ask("GET", "/healthz", tcp=True)[0] == 200
    status, reply = daemon.ask("POST", "/v1/switchover", b'{"instance": "web"}', tcp=True)
    assert status == 403
    assert "over TCP" in str(reply["error"])
    assert daemon.calls[0].caller.uid is None
    assert len(daemon.calls) == 1


def test_a_port_that_is_taken_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async def try_it() -> bool:
            server = ControlServer(None, {}, http=("127.0.0.1", taken.getsockname()[1]))
            try:
                return await server.start()
            finally:
                await server.close()

        assert not asyncio.run(try_it())
    assert "running without it" in caplog.text


@pytest.mark.parametrize("endpoint", [each for each in ENDPOINTS if each.changes], ids=lambda each: each.name)
def test_whatever_changes_something_is_a_post_of_a_checked_body(endpoint) -> None:
    assert endpoint.method == "POST"
    assert endpoint.request is not None
    assert endpoint.request.__struct_config__.forbid_unknown_fields


def test_a_name_may_hold_slashes_and_be_quoted() -> None:
    for path in ("/v1/instances/tenants/web", "/v1/instances/tenants%2Fweb"):
        found, name = find(path)
        assert (found["GET"].name, name) == ("instance", "tenants/web")
    assert find("/v1/instances/")[0] == {}
    assert find("/v1/instances/%ff")[1] == "\ufffd"


def test_each_path_and_name_is_there_once() -> None:
    assert len({each.name for each in ENDPOINTS}) == len(ENDPOINTS)
    assert len({(each.path, each.method) for each in ENDPOINTS}) == len(ENDPOINTS)


def test_the_description_refers_to_nothing_that_it_lacks() -> None:
    text = json.dumps(openapi())
    schemas = openapi()["components"]["schemas"]
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named == schemas.keys()
    assert set(openapi()["paths"]["/v1/switchover"]["post"]["responses"]) == {"200", "400", "403", "404", "409", "413"}


def test_a_handlers_refusal_and_its_other_status(tmp_path: Path) -> None:
    async def refuses(_: Call) -> Answer:
        raise Refusal(server_module.HTTPStatus.CONFLICT, "web: not MASTER on this host")

    async def partly(_: Call) -> Answer:
        return WithStatus(server_module.HTTPStatus.CONFLICT, ReloadReply(accepted=False, error="no", status=409))

    with Daemon(tmp_path / "s", {"switchover": refuses, "reload": partly}) as daemon:
        assert daemon.ask("POST", "/v1/switchover") == (409, {"error": "web: not MASTER on this host", "status": 409})
        status, reply = daemon.ask("POST", "/v1/reload")
        assert (status, reply["accepted"]) == (409, False)
        with pytest.raises(RefusedError, match="not MASTER"):
            ControlClient(daemon.path).order("/v1/switchover", SwitchoverRequest(instance="web"), MovesReply)


def test_text_is_sent_in_pieces(tmp_path: Path) -> None:
    async def pieces(_: Call) -> Answer:
        return Text([b"[1", b",2", b"]"])

    with Daemon(tmp_path / "s", {"healthz": pieces}) as daemon, daemon.connect() as sock:
        sock.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
        assert answer.endswith(b"\r\n\r\n[1,2]")


# ---- events


def following(chronicle: Chronicle) -> dict[str, Handler]:
    async def follow(call: Call) -> Answer:
        return Lines(chronicle.follow(call.query.get("instance")))

    return {"events": follow, "healthz": health}


def test_events_come_as_they_happen_and_end_with_the_client(tmp_path: Path) -> None:
    chronicle = Chronicle()
    with Daemon(tmp_path / "s", following(chronicle)) as daemon:
        events = ControlClient(daemon.path).events("web")
        got = []
        reader = threading.Thread(target=lambda: got.append(next(events)))
        reader.start()
        until(daemon, lambda: chronicle.is_heard)
        daemon.loop.call_soon_threadsafe(lambda: chronicle.tell("state", "db", old="BACKUP", new="MASTER"))
        daemon.loop.call_soon_threadsafe(
            lambda: chronicle.tell("state", "web", old="BACKUP", new="MASTER", reason="Receive advertisement timeout")
        )
        reader.join(10)
        (event,) = got
        assert (event.instance, event.old, event.new) == ("web", "BACKUP", "MASTER")
        assert event.reason == "Receive advertisement timeout"
        events.close()      # type: ignore[attr-defined]
        # The next line finds nobody there.

        def nobody() -> bool:
            daemon.loop.call_soon_threadsafe(chronicle.tell, "state", "web")
            return not chronicle.is_heard

        until(daemon, nobody)
        assert daemon.calls[0].query == {"instance": "web"}


def until(daemon: Daemon, condition) -> None:
    """Wait until something is so, in turns of the daemon's loop."""
    for _ in range(2000):
        if condition():
            return
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.005), daemon.loop).result(10)
    raise AssertionError("it did not come to be")


def test_streams_are_bounded_and_leave_room_for_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONTROL_STREAMS_MAX", 2)
    chronicle = Chronicle()
    with Daemon(tmp_path / "s", following(chronicle)) as daemon:
        streams = [daemon.connect() for _ in range(2)]
        for sock in streams:
            sock.sendall(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200" in sock.recv(100)
        with pytest.raises(ControlError, match="2 clients follow events already"):
            next(ControlClient(daemon.path).events())
        assert daemon.ask("GET", "/healthz")[0] == 200
        for sock in streams:
            sock.close()


def test_a_follower_that_is_stuck_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONTROL_IDLE_S", 0.2)
    chronicle = Chronicle()
    with Daemon(tmp_path / "s", following(chronicle)) as daemon, daemon.connect() as stuck:
        stuck.sendall(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
        until(daemon, lambda: chronicle.is_heard)
        reason = "x" * 1000

        def flood() -> bool:
            daemon.loop.call_soon_threadsafe(lambda: [chronicle.tell("drop", "web", reason=reason) for _ in range(200)])
            return not chronicle.is_heard

        until(daemon, flood)


def test_a_slow_follower_is_told_how_much_it_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONTROL_EVENTS_MAX", 3)

    async def follow() -> list[bytes]:
        chronicle = Chronicle()
        lines: AsyncGenerator[bytes, None] = chronicle.follow(None)
        assert await anext(lines) == b"\n"
        for number in range(5):
            chronicle.tell("state", f"vr{number}")
        got = (await anext(lines)).splitlines()
        await lines.aclose()
        assert not chronicle.is_heard
        return got

    got = [json.loads(line) for line in asyncio.run(follow())]
    assert [line.get("instance", line["kind"]) for line in got] == ["vr0", "vr1", "vr2", "lost"]
    assert got[-1]["lost"] == 2


def test_a_quiet_stream_shows_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONTROL_BEAT_S", 0.001)

    async def beat() -> bytes:
        lines = Chronicle().follow(None)
        await anext(lines)
        line = await anext(lines)
        await lines.aclose()
        return line

    assert asyncio.run(beat()) == b"\n"


