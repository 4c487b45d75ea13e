"""What a new user gets to see: typical mistakes in `mistakes/`, each with the whole output of `pyvrrp check`.

PYVRRP_WRITE_EXPECTED=1 writes the output of today; read every line of it as somebody without a manual before it is
committed.
"""

import os
from pathlib import Path
from typing import get_args

import pytest

from pyvrrp.config.check import check, exit_status, report, summary
from pyvrrp.config.report import Code

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


# One mistake or more for each code; the codes of a file in the order of its messages.
CODES = {
    "address-ipv6-in-ipv4": ["conflict"],
    "address-twice": ["duplicate"],
    "auth-ah": ["not-done"],
    "auth-pass-outside": ["misplaced-word"],
    "brace-surplus": ["braces"],
    "condition-not": ["definition"],
    "group-unknown-member": ["advice", "unknown-name"],
    "include-missing": ["include"],
    "interface-missing": ["missing-keyword"],
    "interface-unknown": ["no-interface"],
    "latin-1": ["encoding"],
    "misspelt-keyword": ["unknown-word"],
    "name-missing": ["missing-argument"],
    "name-used-twice": ["duplicate"],
    "peer-without-source": ["surplus-words", "braces", "missing-argument"],
    "quote-not-closed": ["quotes", "missing-argument"],
    "rounds-without-end": ["limit"],
    "script-interval-zero": ["bad-value"],
    "script-not-executable": ["script"],
    "script-unknown": ["unknown-name"],
    "mcast-beside-unicast": ["no-effect"],
    "utf-16": ["unreadable"],
    "vrid-256": ["bad-value"],
    "vrid-missing": ["missing-keyword"],
    "vrid-used-twice": ["vrid-clash"],
}


@pytest.mark.parametrize("name", CODES)
def test_code(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(MISTAKES)
    (one,) = check([f"{name}.conf"], config_id="left", interfaces=frozenset(("lo", "eth0", "eth1")))
    assert [found.code for found in one.loaded.diagnostics] == CODES[name]


def test_every_code() -> None:
    assert {code for codes in CODES.values() for code in codes} == set(get_args(Code))


def test_every_code_is_in_the_manual() -> None:
    text = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()
    assert not [code for code in get_args(Code) if f"`{code}`" not in text]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_can_be_acted_on(path: Path) -> None:
    """Every message says where, and what to do: a verb after a semicolon, or a question that answers itself."""
    for line in path.with_suffix(".expected").read_text().splitlines():
        if line.startswith(f"{path.name}:") and (": error: " in line or ": warning: " in line):
            sentence = line.split(": ", 2)[2]
            assert ";" in sentence, line
