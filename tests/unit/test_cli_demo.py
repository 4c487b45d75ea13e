"""The parts of `pyvrrp demo` that need no network: its screen, its files, and that it tells what they say."""

import io
import re
import subprocess
from pathlib import Path

import pytest

from pyvrrp.cli import demo, demo_hosts
from pyvrrp.cli.screen import CURSOR_OFF, CURSOR_ON, Screen


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines_on(terminal: str) -> list[str]:
    """What a terminal shows after these bytes: up, carriage return and clear below are all it must know."""
    lines: list[str] = [""]
    row = 0
    for token in re.findall(r"\x1b\[\??\d*[A-Za-z]|\r|\n|[^\x1b\r\n]+", terminal):
        if token == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif token == "\x1b[J":
            del lines[row:]
            lines.append("")
        elif match := re.fullmatch(r"\x1b\[(\d+)A", token):
            row -= int(match[1])
        elif not token.startswith("\x1b") and token != "\r":
            lines[row] += token
    return lines[:-1]


def test_terminal_keeps_sentences_above_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("LINES", "24")
    stream = Terminal()
    with Screen(stream) as screen:
        assert screen.is_live
        screen.show(["a 1", "b 1", "c 1"])
        screen.say("first")
        screen.show(["a 2", "b 2"])
        screen.say("second", "", "a sentence longer than the terminal")
        screen.show(["a 3", "x" * 50])
    stay = ["first", "second", "", "a sentence longer", "than the terminal"]
    assert lines_on(stream.getvalue()) == [*stay, "a 3", "x" * 19]
    assert stream.getvalue().startswith(CURSOR_OFF)
    assert stream.getvalue().endswith(CURSOR_ON)


def test_without_a_terminal_blocks_come_when_asked_for() -> None:
    stream = io.StringIO()
    with Screen(stream) as screen:
        screen.show(["a 1"])
        screen.say("first")
        screen.show(["a 2"])
        screen.keep()
        screen.say("second")
    assert stream.getvalue() == "first\n    a 2\nsecond\n"


def test_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert not Screen(Terminal()).is_live


def values(text: str, word: str) -> list[str]:
    return re.findall(rf"^\s*{word} (\S+)", text, re.MULTILINE)


def test_demo_says_what_its_configurations_say() -> None:
    directory = demo_hosts.conf_directory()
    for name, address in demo.ADDRESSES.items():
        text = (directory / f"{name}.conf").read_text()
        assert values(text, "unicast_src_ip") == [address] * 2
        assert {float(value) for value in values(text, "advert_int")} == {demo.ADVERTISEMENT_INTERVAL_S}
        assert values(text, "version") == ["3", "3"]
        assert sorted(values(text, "priority")) == [str(demo.BACKUP_PRIORITY), "150"]
        assert values(text, "interval") == [f"{demo.CHECK_INTERVAL_S:g}"]
        assert all(f"{vip}/24" in text for vip in (demo.WEB, demo.DB))
        scripts = re.findall(rf"{demo_hosts.PLACEHOLDER}/{name}/(\S+)\"", text)
        assert set(scripts) == set(demo_hosts.SCRIPTS)
    assert pytest.approx(0.721875) == demo.MASTER_DOWN_S


def test_scripts_do_what_the_story_tells(tmp_path: Path) -> None:
    for script in demo_hosts.SCRIPTS:
        path = tmp_path / script
        path.write_bytes((demo_hosts.conf_directory() / script).read_bytes())
        path.chmod(0o755)
    assert subprocess.run([tmp_path / "check.sh"]).returncode == 0
    (tmp_path / "broken").touch()
    assert subprocess.run([tmp_path / "check.sh"]).returncode == 1
    for state in ("BACKUP", "MASTER"):
        subprocess.run([tmp_path / "notify.sh", "INSTANCE", "web", state, "150"], check=True)
    assert (tmp_path / "notified").read_text() == "web BACKUP 150\nweb MASTER 150\n"
