"""What a new user gets to see: typical mistakes in `mistakes/`, each with the whole output of `pyvrrp check`.

PYVRRP_WRITE_EXPECTED=1 writes the output of today; read every line of it as somebody without a manual before it is
committed.
"""

import os
from pathlib import Path

import pytest

from pyvrrp.config.check import check, exit_status, report, summary
from pyvrrp.config.codes import KIND_OF, KINDS

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


# One mistake or more for each kind; the codes of a file in the order of its messages.
CODES = {
    "address-ipv6-in-ipv4": ["family-mixed"],
    "address-twice": ["address-twice"],
    "auth-ah": ["auth-ah"],
    "auth-pass-outside": ["misplaced-word"],
    "brace-surplus": ["brace-closes-nothing"],
    "condition-not": ["condition-bang"],
    "equals-sign": ["words-surplus", "not-a-number"],
    "group-unknown-member": ["group-of-one", "unknown-instance"],
    "include-missing": ["not-included"],
    "interface-missing": ["interface-missing"],
    "interface-unknown": ["interface-absent"],
    "latin-1": ["not-utf-8"],
    "misspelt-keyword": ["unknown-word"],
    "name-missing": ["argument-missing"],
    "name-used-twice": ["instance-name-twice"],
    "peer-without-source": ["block-missing", "unicast-without-peer"],
    "quote-not-closed": ["quote-open", "argument-missing"],
    "rounds-without-end": ["repeat-rounds"],
    "script-interval-zero": ["script-time-zero"],
    "script-not-executable": ["program-not-executable"],
    "script-unknown": ["unknown-tracker"],
    "mcast-beside-unicast": ["mcast-dst-ip-unicast"],
    "utf-16": ["file-utf-16"],
    "vrid-256": ["number-range"],
    "vrid-missing": ["vrid-missing"],
    "vrid-used-twice": ["vrid-clash"],
}


@pytest.mark.parametrize("name", CODES)
def test_code(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(MISTAKES)
    (one,) = check([f"{name}.conf"], config_id="left", interfaces=frozenset(("lo", "eth0", "eth1")))
    assert [found.code for found in one.loaded.diagnostics] == CODES[name]


def test_every_kind() -> None:
    """No file makes those of a transaction: tests/unit/test_config_transaction.py does."""
    assert {KIND_OF[code] for codes in CODES.values() for code in codes} == set(KINDS) - {"transaction"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_can_be_acted_on(path: Path) -> None:
    """Every message says where, and what to do: a verb after a semicolon, or a question that answers itself."""
    for line in path.with_suffix(".expected").read_text().splitlines():
        if line.startswith(f"{path.name}:") and (": error: " in line or ": warning: " in line):
            sentence = line.split(": ", 2)[2]
            assert ";" in sentence, line
