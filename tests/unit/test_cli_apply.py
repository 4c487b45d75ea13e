"""`pyvrrp apply`: what it sends, what it prints, how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from serving import Daemon

from pyvrrp import limits
from pyvrrp.cli.main import main
from pyvrrp.control.answers import Answer, Call, Refusal, WithStatus
from pyvrrp.control.client import ControlClient
from pyvrrp.control.transaction import Changed, Finding, Removal, TransactionReply, TransactionRequest
from pyvrrp.errors import ControlError

Run = Callable[..., tuple[int, str, str]]
DONE = TransactionReply(
    accepted=True, scope="web", file="/etc/web.conf", added=["a"], removed=["b"], anew=[Changed(name="c")],
    changed=[Changed(name="d", was="e", settings=["priority 100 -> 150", "nopreempt no -> yes"])], untouched=7,
    beside=["vrrp_script"], is_unwritten=True,
)


class Asked:
    """A daemon that answers with what the test set, and notes what it was sent."""

    def __init__(self) -> None:
        self.answer: Answer = DONE
        self.refusal: Refusal | None = None
        self.bodies: list[TransactionRequest] = []

    async def transaction(self, call: Call) -> Answer:
        self.bodies.append(call.body)
        if self.refusal is not None:
            raise self.refusal
        return self.answer


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def socket(asked: Asked, tmp_path: Path) -> Iterator[str]:
    with Daemon(tmp_path / "s", list, {"transaction": asked.transaction}) as daemon:
        yield daemon.path


@pytest.fixture
def run(socket: str, capfd: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str) -> tuple[int, str, str]:
        status = main(["--socket", socket, "apply", *words])
        out, err = capfd.readouterr()
        return status, out, err

    return run


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "new.conf"
    path.write_text("vrrp_instance a {\n    priority 1000\n}\n")
    return path


def test_it_sends_texts_and_names(asked: Asked, run: Run, text: Path) -> None:
    removed = [word for name in ("b", "vrrp_script:c", "x:y") for word in ("--remove", name)]
    assert run(str(text), *removed, "--write", "--scope", "s")[0] == 0
    assert asked.bodies == [TransactionRequest(
        scope="s", put=[text.read_text()], write=True,
        remove=[Removal(name="b"), Removal(kind="vrrp_script", name="c"), Removal(name="x:y")],
    )]


def test_it_prints_the_plan(run: Run, text: Path) -> None:
    status, out, err = run(str(text))
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "/etc/web.conf: 1 added, 1 removed, 1 anew, 1 changed, 7 untouched",
        "  - vrrp_instance b: removed",
        "  ! vrrp_instance c: stops and starts as another virtual router",
        "  ~ vrrp_instance d (was e): changed: priority 100 -> 150; nopreempt no -> yes",
        "  + vrrp_instance a: added",
        "  also changed: vrrp_script",
        "/etc/web.conf does not hold all of this: the next reload drops it, pyvrrp apply --write writes it",
    ]
    assert json.loads(run(str(text), "--json")[1])["changed"][0]["was"] == "e"


def test_many_are_counted(asked: Asked, run: Run, text: Path) -> None:
    asked.answer = TransactionReply(
        accepted=True, scope="web", file="f", added=[f"n{number}" for number in range(limits.PLAN_SHOWN + 3)]
    )
    assert "  + and 3 more are added; --json names them" in run(str(text))[1].splitlines()


def test_a_refusal_is_told_as_check_tells_it(asked: Asked, run: Run, text: Path) -> None:
    finding = Finding(
        severity="error", file="put[0]", line=2, column=14, code="number-range",
        message="priority 1000 is not in 1..255; write a number in 1..255",
    )
    asked.answer = WithStatus(HTTPStatus.CONFLICT, TransactionReply(
        accepted=False, error="nothing was changed: x", status=409, scope="web", file="f", findings=[finding] * 3
    ))
    status, out, err = run(str(text))
    assert (status, out) == (1, "")
    assert err.splitlines()[:3] == [
        f"{text}:2:14: error: priority 1000 is not in 1..255; write a number in 1..255",
        "    2 |     priority 1000",
        "      |              ^~~~",
    ]
    assert err.splitlines()[-1] == "pyvrrp: nothing was changed: 3 errors"
    status, out, _ = run(str(text), "--json")
    assert (status, json.loads(out)["accepted"]) == (1, False)


def test_a_refusal_of_any_length_is_understood(asked: Asked, socket: str) -> None:
    findings = [Finding(severity="error", file="f", code="x", message="m" * 100)] * 2000
    asked.answer = WithStatus(HTTPStatus.CONFLICT, TransactionReply(
        accepted=False, error="no", status=409, scope="web", file="f", findings=findings
    ))
    reply = ControlClient(socket).transact(TransactionRequest(write=True))
    assert (reply.accepted, len(reply.findings)) == (False, 2000)


def test_a_request_may_be_long(asked: Asked, run: Run, text: Path, socket: str) -> None:
    """Longer than any other, and still it has an end."""
    text.write_text("#" * (limits.CONTROL_REQUEST_BYTES_MAX + 1))
    assert run(str(text))[0] == 0
    assert len(asked.bodies[0].put[0]) > limits.CONTROL_REQUEST_BYTES_MAX
    with pytest.raises(ControlError, match="send less"):
        ControlClient(socket).transact(TransactionRequest(put=["#" * limits.TRANSACTION_BYTES_MAX]))


def test_what_is_no_transaction(asked: Asked, run: Run, text: Path) -> None:
    assert run()[0] == 2
    assert run(f"{text}.no")[0] == 2
    assert run("--remove", "vrrp_script:")[0] == 2
    text.write_bytes(b"\xff")
    assert "no UTF-8" in run(str(text))[2]
    assert asked.bodies == []
    asked.refusal = Refusal(HTTPStatus.NOT_FOUND, "there is no scope x")
    assert run("--remove", "x") == (1, "", "pyvrrp: there is no scope x\n")
