"""Hints: what `pyvrrp check` tells of though nothing is wrong. No exit status counts them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyvrrp.config import load
from pyvrrp.config.check import as_json, check, exit_status, report, summary
from pyvrrp.config.hints import process_looked_for


@pytest.mark.parametrize(
    ("command", "process"),
    [
        ("/usr/bin/killall -0 haproxy", "haproxy"),
        ("killall -s 0 haproxy", "haproxy"),
        ("killall -q --signal=0 haproxy", "haproxy"),
        ("/bin/pidof haproxy", "haproxy"),
        ("pidof -s /usr/sbin/named", "named"),
        ("/usr/bin/pgrep -x nginx", "nginx"),
        ("pgrep nginx", "nginx"),
        ("pidof a-name-of-twenty-bytes", "a-name-of-twent"),
        ("killall haproxy", None),              # this one ends it
        ("killall -9 haproxy", None),
        ("killall -0", None),
        ("killall -0 haproxy nginx", None),
        ("killall -0 -u www haproxy", None),
        ("pidof -x script.sh", None),           # a script, by its command line
        ("pgrep -f haproxy", None),
        ("pgrep ^ng.*x", None),                 # a pattern
        ("pgrep -c nginx", None),
        ("/usr/sbin/pidofx haproxy", None),
        ("/etc/check haproxy", None),
    ],
)
def test_which_commands_only_look_for_a_process(command: str, process: str | None) -> None:
    assert process_looked_for(command.split()) == process


TEXT = """
vrrp_script chk {{
    script "{program} -x haproxy"
    interval 0.5
}}
vrrp_instance A {{
    interface eth0
    virtual_router_id 1
    {line}
    virtual_ipaddress {{
        192.0.2.1/24
    }}
    track_script {{
        chk
    }}
}}
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that is there, so that nothing else is told."""
    path = tmp_path / "pgrep"
    path.write_text("")
    path.chmod(0o755)
    return path


def test_a_hint_is_told_and_not_counted(tmp_path: Path, program: Path) -> None:
    file = tmp_path / "k.conf"
    file.write_text(TEXT.format(program=program, line="priority 100"))
    loaded = load(str(file), config_id="", interfaces=None)
    assert loaded.diagnostics == ()
    assert loaded.exit_status == 0
    checked = check([str(file)], config_id="", interfaces=None)
    assert exit_status(checked) == 0
    told, shown, mark = report(checked)
    assert told.startswith(f"{file}:3:13: hint: script: this looks through all processes every 0.5 s; ")
    assert "`process haproxy`" in told
    assert "script" in shown
    assert "^" in mark
    assert summary(checked) == [f"{file}: 1 instance, nothing to report, 1 hint"]


def test_a_hint_among_mistakes(tmp_path: Path, program: Path) -> None:
    file = tmp_path / "k.conf"
    file.write_text(TEXT.format(program=program, line="prioity 100"))
    checked = check([str(file)], config_id="", interfaces=None)
    assert exit_status(checked) == 5
    assert [line.split(": ")[1] for line in report(checked) if line.startswith(str(file))] == ["hint", "warning"]
    assert summary(checked) == [f"{file}: 0 errors, 1 warning, 1 hint; 1 instance"]
    (one,) = json.loads(json.dumps(as_json(checked)))["files"]
    assert [each["severity"] for each in one["diagnostics"]] == ["warning"]
    (hint,) = one["hints"]
    assert (hint["severity"], hint["code"], hint["kind"], hint["line"]) == ("hint", "script-for-process", "advice", 3)
