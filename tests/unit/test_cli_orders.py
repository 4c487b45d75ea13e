"""The verbs that ask a daemon, and order something of it: what they send, what they print, how they end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import pytest
from serving import Daemon

from pyvrrp.chronicle import Chronicle
from pyvrrp.cli import orders, who_owns
from pyvrrp.cli.main import main
from pyvrrp.control.actions import (
    FileReload,
    GarpReply,
    HoldRequest,
    Move,
    MovesReply,
    PriorityReply,
    ReloadReply,
    ResumeReply,
    ResumeRequest,
    SwitchoverRequest,
)
from pyvrrp.control.answers import Answer, Call, Handler, Lines, Refusal, WithStatus
from pyvrrp.control.protocol import (
    Change,
    InstanceDetails,
    InstanceStatus,
    OtherMaster,
    PeerHeard,
    ScopesReply,
    ScopeStatus,
)
from pyvrrp.operations import meant

WEB = InstanceStatus(
    name="web", state="MASTER", priority=150, base_priority=150, vrid=51, interface="eth0", since_s=9.6,
    vips=["192.0.2.100/24"], excluded=["2001:db8::1/64"], master_address="192.0.2.1",
    counters={"advert_sent": 7, "send_err": 0},
)
DB = msgspec.structs.replace(
    WEB, name="db", state="BACKUP", vips=["192.0.2.200/24"], excluded=[], master_address="192.0.2.2",
    peer_last_heard=PeerHeard(address="192.0.2.2", priority=100, ago_s=0.1), counters={"advert_sent": 2},
)
LOST = msgspec.structs.replace(DB, name="lost", state="FAULT", vips=["192.0.2.201/24"], master_address="192.0.2.2")
RIVAL = OtherMaster(
    address="192.0.2.2", priority=100, own_address="192.0.2.1", own_priority=150, since="2026-11-21T04:40:41.486Z",
    since_s=5.2,
)

Run = Callable[..., tuple[int, str, str]]


class Asked:
    """A daemon that answers each endpoint with what the test set, and notes what it was sent."""

    def __init__(self) -> None:
        self.instances = [WEB, DB, LOST]
        self.answers: dict[str, Answer] = {}
        self.bodies: list[Any] = []
        self.refusal: Refusal | None = None

    def handlers(self) -> dict[str, Handler]:
        names = ("instance", "scopes", "switchover", "hold", "drain", "resume", "priority", "garp", "reload", "events")
        return {name: self._handler(name) for name in names}

    def _handler(self, name: str) -> Handler:
        async def answer(call: Call) -> Answer:
            self.bodies.append(call.body if call.body is not None else call.name)
            if self.refusal is not None:
                raise self.refusal
            return self.answers[name]

        return answer


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def run(asked: Asked, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    with Daemon(tmp_path / "s", lambda: asked.instances, asked.handlers()) as daemon:

        def verb(*argv: str) -> tuple[int, str, str]:
            status = main(["--socket", daemon.path, *argv])
            said = capfd.readouterr()
            return status, said.out, said.err

        yield verb


# ---- moving

MOVED = Move(instance="web", outcome="MOVED", to="192.0.2.2", after_s=0.61)


@pytest.mark.parametrize(
    ("move", "status", "words"),
    [
        (MOVED, 0, "web: 192.0.2.2 is MASTER now, 0.610 s after this host gave it up\n"),
        (msgspec.structs.replace(MOVED, returns=True), 0, "it comes back here by its priority"),
        (Move(instance="web", outcome="MOVING"), 0, "gave its addresses up"),
        (Move(instance="web", outcome="NOT_MASTER"), 0, "was not MASTER here"),
        (Move(instance="web", outcome="NOBODY", detail="no other host took over within 4 s; ..."), 1, "no other host"),
        (Move(instance="web", outcome="ENDED", detail="it was resumed"), 1, "it was resumed"),
    ],
    ids=lambda value: value.outcome if isinstance(value, Move) else None,
)
def test_a_move_is_told_and_its_end_is_the_status(
    asked: Asked, run: Run, move: Move, status: int, words: str
) -> None:
    asked.answers["switchover"] = MovesReply(moves=[move])
    got, out, _ = run("switchover", "web", "--wait")
    assert got == status
    assert words in out
    assert asked.bodies == [SwitchoverRequest(instance="web", wait=True)]


def test_whom_and_how(asked: Asked, run: Run) -> None:
    asked.answers |= {name: MovesReply(moves=[]) for name in ("switchover", "hold", "drain")}
    run("switchover", "--group", "pair", "--limit", "2.5s", "--force")
    run("hold", "--scope", "tenants", "--for", "2h")
    run("drain", "--scope", "tenants")
    assert asked.bodies[0] == SwitchoverRequest(group="pair", limit_s=2.5, force=True)
    assert asked.bodies[1] == HoldRequest(scope="tenants", for_s=7200.0)
    assert (asked.bodies[2].scope, asked.bodies[2].wait) == ("tenants", False)


def test_json_is_the_daemons_answer(asked: Asked, run: Run) -> None:
    asked.answers["hold"] = MovesReply(moves=[MOVED])
    _, out, _ = run("hold", "web", "--json")
    assert json.loads(out) == {"moves": [msgspec.to_builtins(MOVED)]}


def test_a_refusal_is_the_answer_no(asked: Asked, run: Run) -> None:
    asked.refusal = Refusal(HTTPStatus.CONFLICT, "web: not MASTER on this host")
    status, out, err = run("switchover", "web")
    assert (status, out, err) == (1, "", "pyvrrp: web: not MASTER on this host\n")


def test_without_a_daemon_it_could_not_be_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--socket", str(tmp_path / "none"), "drain"]) == 3
    assert "start pyvrrpd" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [
        ("switchover",), ("switchover", "web", "--group", "g"), ("hold", "web", "--for", "soon"),
        ("hold", "web", "--for", "0s"),
        ("priority", "web"), ("priority", "web", "50"), ("priority", "web", "0", "--for", "1h"),
        ("priority", "web", "255", "--for", "1h"), ("priority", "web", "50", "--for", "1h", "--clear"),
        ("who-owns", "nobody"),
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_asks_nothing(asked: Asked, run: Run, argv: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*argv)
    assert ended.value.code == 2
    assert asked.bodies == []


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90.0), ("100ms", 0.1), ("1.5s", 1.5), ("10m", 600.0), ("2h", 7200.0), ("1d", 86400.0)]
)
def test_times(text: str, seconds: float) -> None:
    assert orders.duration(text) == seconds


def test_resume(asked: Asked, run: Run) -> None:
    asked.answers["resume"] = ResumeReply(resumed=["web"], still_out=["db (drain)"])
    status, out, _ = run("resume", "web")
    assert status == 1
    assert out.splitlines()[0] == "web: its configuration counts again"
    assert "db (drain): stays out all the same" in out
    asked.answers["resume"] = ResumeReply(resumed=[])
    assert run("resume")[:2] == (0, "nothing was held or drained\n")
    assert asked.bodies == [ResumeRequest(instance="web"), ResumeRequest()]


def test_priority(asked: Asked, run: Run) -> None:
    asked.answers["priority"] = PriorityReply(
        instance="web", priority=50, base_priority=150, until="2026-11-21T06:35:13.002Z"
    )
    assert run("priority", "web", "50", "--for", "2h")[:2] == (
        0, "web: priority 50 until 2026-11-21T06:35:13.002Z, then 150 again\n"
    )
    asked.answers["priority"] = PriorityReply(instance="web", priority=150, base_priority=150)
    assert run("priority", "web", "--clear")[1] == "web: priority 150\n"
    assert [(body.priority, body.for_s) for body in asked.bodies] == [(50, 7200.0), (None, None)]


def test_garp(asked: Asked, run: Run) -> None:
    asked.answers["garp"] = GarpReply(announced=["web"])
    assert run("garp", "web")[1] == "web: its addresses are announced, by GARP and NA\n"


# ---- reload

def test_a_reload_says_what_it_did(asked: Asked, run: Run) -> None:
    messages = ["/etc/k.conf:3: warning: x"]
    report = FileReload(file="/etc/k.conf", accepted=True, changed=1, untouched=2, messages=messages)
    asked.answers["reload"] = ReloadReply(accepted=True, files=[report])
    assert run("reload") == (0, "/etc/k.conf: 1 changed, 2 untouched\n", "/etc/k.conf:3: warning: x\n")


def test_a_refused_reload_says_why(asked: Asked, run: Run) -> None:
    reply = ReloadReply(accepted=False, error="reload refused: k.conf:12: instance web would not run", status=409)
    asked.answers["reload"] = WithStatus(HTTPStatus.CONFLICT, reply)
    assert run("reload") == (1, "", "pyvrrp: reload refused: k.conf:12: instance web would not run\n")


# ---- looking

@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("192.0.2.100", 0, "192.0.2.100: this host, 192.0.2.1, since 9.6s (instance web)"),
        ("2001:db8:0::1", 0, "2001:db8::1: this host"),
        ("192.0.2.200", 0, "192.0.2.200: 192.0.2.2, heard 0.1s ago (instance db)"),
        ("192.0.2.201/24", 1, "192.0.2.201: nobody is known to have it; this host is in FAULT (instance lost)"),
    ],
)
def test_who_owns(run: Run, address: str, status: int, words: str) -> None:
    got, out, _ = run("who-owns", address)
    assert got == status
    assert words in out


def test_who_owns_an_address_of_nobody(run: Run) -> None:
    status, out, err = run("who-owns", "192.0.2.1")
    assert (status, out) == (1, "")
    assert "no instance here has this address" in err


def test_who_owns_tells_of_two_masters(asked: Asked, run: Run) -> None:
    asked.instances = [msgspec.structs.replace(WEB, other_master=RIVAL)]
    assert "192.0.2.2 says so too, since 5.2s, with priority 100" in run("who-owns", "192.0.2.100")[1]
    _, out, _ = run("who-owns", "192.0.2.100", "--json")
    assert json.loads(out) == [{"instance": "web", "state": "MASTER", "owner": "192.0.2.1", "this_host": True}]
    assert who_owns.owner(LOST) is None


def test_status_tells_of_two_masters_and_of_orders(asked: Asked, run: Run) -> None:
    out_of = [msgspec.structs.replace(DB, name=f"db{number}", aside="drain") for number in range(5)]
    held = msgspec.structs.replace(DB, aside="hold")
    asked.instances = [msgspec.structs.replace(WEB, other_master=RIVAL), held, *out_of]
    lines = run("status")[1].splitlines()
    assert (
        "web: two hosts are MASTER, for 5.2s: 192.0.2.2 with priority 100, and this one, 192.0.2.1, with priority 150; "
        "that host does not hear this one"
    ) in lines
    assert "db: kept out of MASTER by order (hold); pyvrrp resume NAME ends that" in lines
    assert "5 instances: kept out of MASTER by order (drain); pyvrrp resume ends that" in lines


def test_show_has_timers_reasons_and_changes(asked: Asked, run: Run) -> None:
    asked.answers["instance"] = InstanceDetails(
        **msgspec.structs.asdict(WEB), why="Receive advertisement timeout", timer="Adver_Timer", timer_s=0.125,
        advertisement_interval_s=1.0, master_adver_interval_s=1.0, skew_time_s=0.414062,
        master_down_interval_s=3.414062, preempt=False,
        history=[Change(at="2026-11-21T04:35:03.538Z", ago_s=2.2, old="BACKUP", new="MASTER",
                        reason="Receive advertisement timeout")],
    )
    status, out, _ = run("show", "tenants/web")
    assert status == 0
    assert asked.bodies == ["tenants/web"]
    assert out.splitlines()[-6:] == [
        "why         Receive advertisement timeout",
        "timer       Adver_Timer fires in 0.125 s",
        "intervals   own 1 s, the MASTER's 1 s",
        "takes over  after 3.414 s without an advert, 0.414 s after priority 0; nopreempt",
        "changes     the newest first",
        "  2026-11-21T04:35:03.538Z  BACKUP -> MASTER    2.2s ago  Receive advertisement timeout",
    ]


def test_stats_are_sums_with_their_meaning(run: Run) -> None:
    _, out, _ = run("stats")
    assert "  advert_sent  11  Adverts that the kernel took, one for each peer" in out.splitlines()
    assert "send_err" not in out
    assert "send_err" in run("stats", "--all")[1]
    assert json.loads(run("stats", "--json")[1])["instances"]["advert_sent"] == 11


def test_scopes(asked: Asked, run: Run) -> None:
    scope = ScopeStatus(name="tenants", file="/etc/t.conf", instances={"BACKUP": 1, "MASTER": 2}, drained=False)
    asked.answers["scopes"] = ScopesReply(drained=False, scopes=[scope])
    assert run("scope")[1].splitlines() == [
        "SCOPE    INSTANCES           DRAINED  WRITTEN  FILE",
        "tenants  2 MASTER, 1 BACKUP  no       yes      /etc/t.conf",
    ]
    assert run("scope", "nope") == (1, "", "pyvrrp: nope: there is no such scope; there is tenants\n")


def test_events_a_line_each(asked: Asked, run: Run) -> None:
    chronicle = Chronicle()

    async def told() -> Any:
        lines = chronicle.follow(None)
        yield await anext(lines)
        chronicle.tell("state", "web", at_s=1.0, old="BACKUP", new="MASTER", reason="Receive advertisement timeout")
        chronicle.tell("split_brain", "web", at_s=2.0, reason="two hosts are MASTER")
        yield await anext(lines)
        await lines.aclose()

    asked.answers["events"] = Lines(told())
    assert run("events", "-f", "--count", "2")[:2] == (0, (
        "1970-01-01T00:00:01.000Z  web  BACKUP -> MASTER  Receive advertisement timeout\n"
        "1970-01-01T00:00:02.000Z  web  split_brain  two hosts are MASTER\n"
    ))


# ---- what is asked wrongly


def test_a_name_without_its_scope_is_told_with_it() -> None:
    known = ["tenants/web", "site/web", "site/web-six"]
    assert meant("web", known) == "did you mean site/web or tenants/web?"
    assert meant("db", known) == "pyvrrp status lists the instances"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("priority", "web", "300", "--for", "1m"), "'300' is not in 1..254; 255 is for the owner"),
        (("priority", "web", "0", "--for", "1m"), "'0' is not in 1..254"),
        (("priority", "web", "x", "--for", "1m"), "'x' is not in 1..254"),
        (("who-owns", "foo"), "'foo' is no address; write one as pyvrrp status shows it"),
    ],
)
def test_an_argument_that_is_wrong_is_told_in_a_sentence(
    argv: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert words in told
    assert len(told) < 200


@pytest.mark.parametrize("verb", ["switchover", "hold", "drain", "top"])
def test_help_fits_a_terminal(verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "  2  the command line is wrong" in lines         # lists stay lists
