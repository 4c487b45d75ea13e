"""What a new user gets to see: typical mistakes in `mistakes/`, each with the whole output of `pyvrrp check`.

PYVRRP_WRITE_EXPECTED=1 writes the output of today; read every line of it as somebody without a manual before it is
committed.
"""

import os
from pathlib import Path

import pytest

from pyvrrp.config.check import check, exit_status, report, summary

MISTAKES = Path(__file__).parent / "mistakes"
FILES = sorted(MISTAKES.glob("*.conf"))
# Not mistakes here, though they look like some. keepalived says nothing of the first two either.
IS_FINE = {"address-without-prefix", "state-master-without-priority", "script-used-before"}


def output(path: Path) -> tuple[int, str]:
    checked = check([path.name], config_id="left", interfaces=frozenset(("lo", "eth0", "eth1")))
    return exit_status(checked), "".join(f"{line}\n" for line in [*report(checked), *summary(checked)])


def test_there_are_many() -> None:
    assert len(FILES) >= 50


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_mistake(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(MISTAKES)
    status, text = output(path)
    expected = path.with_suffix(".expected")
    if os.environ.get("PYVRRP_WRITE_EXPECTED"):
        expected.write_text(text)
    assert text == expected.read_text()
    assert (status == 0) == (path.stem in IS_FINE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_can_be_acted_on(path: Path) -> None:
    """Every message says where, and what to do: a verb after a semicolon, or a question that answers itself."""
    for line in path.with_suffix(".expected").read_text().splitlines():
        if line.startswith(f"{path.name}:") and (": error: " in line or ": warning: " in line):
            sentence = line.split(": ", 2)[2]
            assert ";" in sentence, line
