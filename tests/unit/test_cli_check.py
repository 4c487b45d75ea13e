"""`pyvrrp check`: which files are meant, what is printed, and the exit status."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from pyvrrp.cli import check as verb
from pyvrrp.cli.main import main
from pyvrrp.config.check import files

GOOD = """vrrp_instance web {
    interface lo
    virtual_router_id 51
    virtual_ipaddress {
        192.0.2.100/24
    }
}
"""
BAD = GOOD.replace("    interface", "    priorty 5\n    interface").replace("51", "256")


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "a-good.conf"
    path.write_text(GOOD)
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "b-bad.conf"
    path.write_text(BAD)
    return path


def test_nothing_to_report(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(good)]) == 0
    assert capsys.readouterr().out == f"{good}: 1 instance, nothing to report\n"


def test_messages_lines_and_summary(bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(bad)]) == 5
    assert capsys.readouterr().out.splitlines() == [
        f"{bad}:2:5: warning: keyword priorty is not known in vrrp_instance and is ignored; did you mean priority?",
        "    2 |     priorty 5",
        "      |     ^~~~~~~",
        f"{bad}:4:23: error: virtual_router_id 256 is not in 1..255; pick a free id in that range; "
        "vrrp_instance web is not run",
        "    4 |     virtual_router_id 256",
        "      |                       ^~~",
        f"{bad}: 1 error, 1 warning; 0 of 1 instance would run",
    ]


def test_several_files_are_each_a_scope_of_its_own(good: Path, bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(good), str(bad), str(good)]) == 5
    assert capsys.readouterr().out.splitlines()[-4:] == [
        f"{good}: 1 instance, nothing to report",
        f"{bad}: 1 error, 1 warning; 0 of 1 instance would run",
        f"{good}: 1 instance, nothing to report",
        "3 files: 1 error, 1 warning",
    ]


def test_a_file_that_is_missing_weighs_more_than_one_that_is_bad(
    bad: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(bad), "/no/such.conf"]) == 4
    out = capsys.readouterr().out
    assert "/no/such.conf: error: there is no such file" in out
    assert "/no/such.conf: not read\n" in out


def test_directories_and_patterns(good: Path, bad: Path, tmp_path: Path) -> None:
    (tmp_path / ".hidden.conf").write_text("")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "c.conf").mkdir()
    both = [str(good), str(bad)]
    assert files(str(tmp_path))[0][:2] == both
    assert files(str(tmp_path / "?-*.conf")) == (both, None)
    assert files(str(tmp_path / "*.conf")) == (both, None)
    odd = tmp_path / "[x].conf"
    odd.write_text("")
    assert files(str(odd)) == ([str(odd)], None)
    assert files("/no/such.conf") == (["/no/such.conf"], None)


def test_a_directory_or_pattern_without_files_is_unreadable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path)]) == 4
    assert f"{tmp_path}: error: there is no *.conf file in this directory" in capsys.readouterr().out
    assert main(["check", str(tmp_path / "*.conf")]) == 4
    assert "error: no file matches this pattern" in capsys.readouterr().out


def test_json(bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", str(bad)]) == 5
    (found,) = json.loads(capsys.readouterr().out)["files"]
    assert (found["file"], found["is_read"], found["errors"], found["warnings"]) == (str(bad), True, 1, 1)
    assert (found["instances"], [refused["name"] for refused in found["refused"]]) == (0, ["web"])
    word, vrid = found["diagnostics"]
    assert (word["severity"], word["line"], word["column"]) == ("warning", 2, 5)
    assert (vrid["severity"], vrid["code"], vrid["file"], vrid["line"]) == ("error", "number-range", str(bad), 4)
    assert vrid["message"].startswith("virtual_router_id 256 is not in 1..255")


def test_colour_only_on_a_terminal_that_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert verb.is_coloured(Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not verb.is_coloured(Terminal())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not verb.is_coloured(Terminal())
    monkeypatch.setenv("TERM", "xterm")
    assert not verb.is_coloured(sys.stdin)


def test_a_namespace_that_is_missing_is_told(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-s", "cl-none", str(good)]) == 1
    assert "there is no network namespace 'cl-none'" in capsys.readouterr().err


def test_interfaces_are_those_that_exist(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good.write_text(GOOD.replace("interface lo", "interface cl-none0"))
    assert main(["check", str(good)]) == 5
    assert "warning: interface cl-none0 does not exist" in capsys.readouterr().out


def test_a_mass_of_messages_is_bounded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "many.conf"
    path.write_text("x\n" * 12_000)
    assert main(["check", str(path)]) == 5
    out = capsys.readouterr().out
    assert "2000 more messages are left out" in out
    assert len(out.splitlines()) == 10_000 * 3 + 2




def test_it_imports_no_more_than_it_needs() -> None:
    """It runs in loops: what an event loop or netlink would cost to import is more than the check itself."""
    code = "import sys; from pyvrrp.cli.main import main; main(['check', '/dev/null']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    modules = set(done.stdout.split())
    assert "pyvrrp.cli.check" in modules
    assert not modules & {"asyncio", "uvloop", "pyroute2", "msgspec", "h11", "cffi", "json", "vrrpcore"}


def test_standard_input(
    good: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\tpriorty 5\n")))
    assert main(["check", "-", str(good)]) == 5
    assert capsys.readouterr().out.splitlines()[:3] == [
        "<stdin>:1:2: warning: keyword priorty is not known and is ignored; remove it",
        "    1 |         priorty 5",
        "      |         ^~~~~~~",
    ]


def test_a_script_that_others_could_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script, path = tmp_path / "check.sh", tmp_path / "k.conf"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o777)
    text = f"global_defs {{\nenable_script_security\nscript_user root\n}}\nvrrp_script c {{\nscript {script}\n}}\n"
    path.write_text(text)
    assert main(["check", str(path)]) == 5
    assert capsys.readouterr().out.startswith(f"{path}:6:8: error: script is not run under enable_script_security: ")
    path.write_text(text.replace("enable_script_security\n", ""))
    assert main(["check", str(path)]) == 0
