"""Transactions on any file: what is put and removed again leaves it as it was, and nothing else ever moves."""

from pathlib import Path

import pytest
from configurations import files, laid_out
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pyvrrp.config import load
from pyvrrp.config.meaning import meaning
from pyvrrp.config.outline import Key
from pyvrrp.config.transaction import Outcome, Reading, transact

NEW = (
    "vrrp_instance {name} {{ interface  eth7\n virtual_router_id {vrid} # c\n"
    "virtual_ipaddress {{ 203.0.113.{vrid}\n }} }}"
)
KIND = "vrrp_instance"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("edit") / "k.conf"


def new(name: str, vrid: int) -> str:
    return NEW.format(name=name, vrid=vrid)


def ask(path: Path, put: list[str], *remove: str) -> Outcome:
    digest = load(str(path), config_id="left", interfaces=None).digest
    reading = Reading(path=str(path), config_id="left", interfaces=None)
    return transact(reading, digest, put, [Key(KIND, name) for name in remove])


def write(path: Path, outcome: Outcome) -> bytes:
    """Take it over. Returns what the file holds then."""
    assert outcome.refusal == ""
    assert outcome.loaded is not None, outcome.diagnostics
    for name, (held, shall) in outcome.files.items():
        assert name == str(path)
        assert path.read_bytes() == held
        path.write_bytes(shall)
    return path.read_bytes()


@settings(max_examples=60, deadline=None)
@given(
    items=files(), chance=st.randoms(use_true_random=False), newline=st.sampled_from(["\n", "\r\n"]),
    bom=st.sampled_from([b"", b"\xef\xbb\xbf"]),
)
def test_put_then_remove_gives_the_text_back(path: Path, items, chance, newline, bom) -> None:
    text = bom + laid_out(items, chance).replace("\n", newline).encode()
    path.write_bytes(text)
    assume(not any(found.is_structural for found in load(str(path), config_id="left", interfaces=None).diagnostics))
    outcome = ask(path, [new("new-1", 251), new("new-2", 252)])
    assert outcome.loaded is not None, (outcome.refusal, outcome.diagnostics)
    there = write(path, outcome)
    assert there.startswith(text)
    assert outcome.digest == load(str(path), config_id="left", interfaces=None).digest
    # The same again, and laid out otherwise, changes nothing.
    assert ask(path, [new("new-2", 252).replace("  ", "\t"), new("new-1", 251)]).files == {}
    write(path, ask(path, [], "new-1"))
    back = write(path, ask(path, [], "new-2"))
    assert back == (text if text.endswith(b"\n") or text == bom else text + newline.encode())


@settings(max_examples=60, deadline=None)
@given(items=files(), chance=st.randoms(use_true_random=False))
def test_a_changed_block_changes_no_other_byte(path: Path, items, chance) -> None:
    """Where it can be replaced at all: what stands before and behind it is the same, and the rest means the same."""
    text = laid_out(items, chance).encode()
    path.write_bytes(text)
    before = load(str(path), config_id="left", interfaces=None)
    assert before.configuration is not None
    assume(before.configuration.instances)
    assume(not any(found.is_structural for found in before.diagnostics))
    name = before.configuration.instances[0].name
    outcome = ask(path, [new(name, 253)])
    assume(outcome.loaded is not None)
    after = write(path, outcome)
    (start,) = [at for at in range(len(after)) if after.startswith(f"vrrp_instance {name} {{\n".encode(), at)]
    end = after.index(b"\n}", start) + 2
    assert text.startswith(after[:start])
    assert text.endswith(after[end:])
    loaded = load(str(path), config_id="left", interfaces=None)
    assert outcome.loaded is not None
    assert meaning(loaded) == meaning(outcome.loaded)
