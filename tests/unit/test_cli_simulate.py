"""`pyvrrp simulate`: its command line, what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from simulated import instance, unicast

from pyvrrp.cli.main import main


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "A.conf").write_text(unicast(1, 150, (2,)))
    (tmp_path / "B.conf").write_text(unicast(2, 100, (1,)))
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["simulate", *words])
    out, err = capsys.readouterr()
    return status, out, err


def test_without_steps_the_master_fails_and_comes_back(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "A.conf", "B.conf")
    assert status == 0
    assert out == """\
2 hosts, 2 instances, 51.000 s of virtual time; wires: A:eth0 B:eth0

TIME         HOST  INSTANCE  CHANGE            WHY
    0.000 s  A     web       INIT -> BACKUP    started
    0.000 s  B     web       INIT -> BACKUP    started
    3.414 s  A     web       BACKUP -> MASTER  Receive advertisement timeout
   17.000 s  ---   stop A
   19.836 s  B     web       BACKUP -> MASTER  Receive advertisement timeout
   34.000 s  ---   start A
   34.000 s  A     web       INIT -> BACKUP    started
   37.414 s  A     web       BACKUP -> MASTER  Receive advertisement timeout
   37.414 s  B     web       MASTER -> BACKUP  Master received advert from 192.0.2.1 with higher priority 150, ours 100

ADDRESS         OWNER  SINCE
192.0.2.100/24  A      37.414 s

ok    one MASTER at most among hosts that hear each other: looked 3 times
ok    a MASTER that is gone is replaced in time: 2 takeovers
      web: A at 3.414 s, after 3.414 s of 3.414 s at most (3 x 1 s + Skew_Time 0.414 s)
      web: B at 19.836 s, after 2.836 s of 3.609 s at most (3 x 1 s + Skew_Time 0.609 s)
ok    no address without a MASTER: looked 3 times
ok    no change of state without a cause: looked 3 times
"""


def test_a_check_that_fails_is_the_exit_status_and_names_the_seed(
        pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = ("--at", "10", "link A eth0 down", "--at", "10", "link B eth0 down")
    status, out, _ = run(capsys, "A.conf", "B.conf", *steps, "--seed", "5")
    assert status == 1
    assert "FAIL  no address without a MASTER: 1 failure\n" in out
    assert "192.0.2.100/24  nobody  -\n" in out
    assert out.endswith("seed 5: the same command with --seed 5 plays it again\n")


def test_a_scenario_from_a_file(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pair / "night").write_text("at 10s stop A\nat 20s start A\n")
    status, out, _ = run(capsys, "A.conf", "B.conf", "--scenario", "night", "--for", "30s")
    assert status == 0
    assert "30.000 s of virtual time" in out
    assert "not looked at 3 times" in out
    assert "no address without a MASTER: not looked at" in out


def test_as_json(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "A.conf", "B.conf", "--at", "20s", "stop A", "--json")
    found = json.loads(out)
    assert status == 0
    assert found["hosts"] == ["A", "B"]
    assert found["owners"] == [{"address": "192.0.2.100/24", "instance": "web", "hosts": ["B"]}]
    assert [check["holds"] for check in found["checks"]] == [True] * 4
    assert {"at_s": 20.0, "kind": "step", "step": "stop A"} in found["timeline"]
    assert found["takeovers"][1]["host"] == "B"
    assert found["takeovers"][1]["took_s"] <= found["takeovers"][1]["bound_s"]


def test_one_file_on_two_hosts_with_lines_of_each(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = "@left    priority 150\n@right   priority 90"
    (pair / "both.conf").write_text(instance(100).replace("    priority 100", lines))
    status, out, _ = run(capsys, "left=both.conf", "right=both.conf", "--for", "5s")
    assert status == 0
    assert "3.414 s  left   web       BACKUP -> MASTER" in out
    assert "5.000 s of virtual time" in out


def test_files_of_one_name_are_told_apart_by_their_directories(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in "AB":
        (pair / name).mkdir()
        (pair / f"{name}.conf").rename(pair / name / "keepalived.conf")
    status, out, _ = run(capsys, "A/keepalived.conf", "B/keepalived.conf", "--for", "5s")
    assert status == 0
    assert "wires: A:eth0 B:eth0" in out


def test_what_it_does_not_know_is_said(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = 'vrrp_script check {\nscript "/bin/true"\n}\n'
    (pair / "A.conf").write_text(script + unicast(1, 150, (2,), "track_script {\ncheck\n}") + "nonsense\n")
    (pair / "C.conf").write_text(instance(100) + instance(300).replace("web", "bad"))
    _, out, _ = run(capsys, "A.conf", "B.conf", "C.conf", "--for", "5s")
    assert "note: A.conf: 1 warning; pyvrrp check names them\n" in out
    assert "note: scripts are not run: 1 vrrp_script counts as succeeding unless a step says else\n" in out
    assert "note: C: instance bad would not run: " in out
    _, out, _ = run(capsys, "B.conf", "--for", "5s")
    assert "note: there is one host only" in out


def test_what_cannot_have_been_meant_is_said(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pair / "B.conf").write_text(unicast(2, 100, (1, 7), vrid=52, vip="192.0.2.101/24"))
    _, out, _ = run(capsys, "A.conf", "B.conf")
    assert "note: B: 192.0.2.7, a peer of instance web, is none of these hosts\n" in out
    assert ("note: A: no other host has instance web, VRID 51 on its wire or as a peer, "
            "so nobody can take over from it (and 1 more)\n") in out


def test_many_instances_that_do_the_same_are_one_line(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, number, priority, peer in (("A", 1, 150, 2), ("B", 2, 100, 1)):
        (pair / f"{name}.conf").write_text("".join(
            unicast(number, priority, (peer,), vrid=k, vip=f"10.0.0.{k}/24").replace("web", f"v{k}")
            for k in range(1, 31)
        ))
    status, out, _ = run(capsys, "A.conf", "B.conf")
    assert status == 0
    assert "A     30 instances  BACKUP -> MASTER" in out
    assert "\n30 addresses  A      -\n" in out
    assert out.count("\n") < 30
    _, out, _ = run(capsys, "A.conf", "B.conf", "--all")
    assert out.count("BACKUP -> MASTER") == 90


def test_flapping_is_one_line_and_counted(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "A.conf", "B.conf", "--at", "0", "loss 60%", "--for", "300s")
    assert status == 1
    assert "FAIL  no change of state without a cause: " in out
    (line,) = [line for line in out.splitlines() if "B     web       BACKUP -> MASTER" in line]
    assert " times, the last at " in line


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["A.conf", "none.conf"], 4, "none.conf: error: there is no such file"),
        (["A.conf", "A.conf"], 2, "give each a name: NAME=FILE"),
        (["a b=A.conf"], 2, "cannot be the name of a host"),
        (["to=A.conf"], 2, "cannot be the name of a host"),
        (["A=."], 2, "a host has one file here; name it"),
        (["A.conf", "--at", "1s", "stop C"], 2, "there is no host C; name one of A"),
        (["A.conf", "--at", "10s", "stop A", "--for", "5s"], 2, "the step stop A comes after the end, 5s"),
        (["A.conf", "--scenario", "none"], 2, "none: it cannot be read: No such file or directory"),
        (["A.conf", "--wire", "A:eth7"], 2, "no file names such an interface"),
        (["A.conf", "--address", "A:eth0=x"], 2, "write it as HOST:INTERFACE=ADDRESS"),
        (["A.conf", "--loss", "200%"], 2, "is not in 0%..100%"),
        (["empty.conf"], 2, "no instance would run"),
    ],
)
def test_what_is_wrong_is_told(
        pair: Path, capsys: pytest.CaptureFixture[str], words: list[str], status: int, said: str) -> None:
    (pair / "empty.conf").write_text("")
    got, _, err = run(capsys, *words)
    assert got == status
    assert said in err
