"""Repetitions and definitions against a naive model; the work they cost; the witness."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_language import CASES

from pyvrrp.config.report import Report
from pyvrrp.config.source import TooMuch
from pyvrrp.config.text import Text
from pyvrrp.model import Where

NAMES = ["A", "B", "C", "D"]
ANY_TMP = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def words(path: Path, text: str) -> tuple[list[list[str]], list[str]]:
    path.write_text(text)
    report = Report()
    pieces = [piece.words for piece in Text(report, config_id="left").pieces(str(path))]
    return pieces, [str(diagnostic) for diagnostic in report.finish()]


def naive_numbers(start: int, step: int, end: int) -> list[int]:
    """By counting, one at a time."""
    values = []
    while (step > 0 and start <= end) or (step < 0 and start >= end):
        values.append(start)
        start += step
    return values


@ANY_TMP
@given(st.integers(-300, 300), st.integers(-40, 40).filter(bool), st.integers(-300, 300), st.booleans())
def test_sequences(tmp_path: Path, start: int, step: int, end: int, is_hex: bool) -> None:
    expected = naive_numbers(start, step, end)
    kind = "SEQx" if is_hex else "SEQ"
    got, messages = words(tmp_path / "k.conf", f"~{kind}(i, {start}, {step}, {end}) x${{i}}y")
    if not expected or (is_hex and min(start, end) < 0):
        assert got == []
        assert len(messages) == 1
    else:
        assert messages == []
        assert got == [[f"x{value:x}y" if is_hex else f"x{value}y"] for value in expected]


parts = st.lists(st.sampled_from(["a", "b.c", "$", ":", *(f"${{{name}}}" for name in NAMES)]), max_size=4).map("".join)


def naive_expansion(text: str, table: dict[str, str]) -> str | None:
    """By replacing the first name, again and again; None: it has no end."""
    for _ in range(2000):
        found = next((m for m in re.finditer(r"\$\{([A-D])\}", text) if m[1] in table), None)
        if found is None:
            return text
        text = text[: found.start()] + table[found[1]] + text[found.end() :]
        if len(text) > 20_000:
            return None
    return None


@ANY_TMP
@given(st.dictionaries(st.sampled_from(NAMES), parts), parts)
def test_definitions(tmp_path: Path, table: dict[str, str], text: str) -> None:
    """Quotes around the use keep what is not defined in one word, and off the start of its line."""
    expected = naive_expansion(text, table)
    source = "".join(f"${name}={value}\n" for name, value in table.items()) + f'x "{text}."\n'
    got, messages = words(tmp_path / "k.conf", source)
    if expected is None:
        assert got == []
        assert len(messages) == 1
        assert "uses itself" in messages[0]
    else:
        assert messages == []
        assert got == [["x", f"{expected}."]]


@ANY_TMP
@given(st.lists(st.lists(st.sampled_from(["a", "b", "1"]), min_size=1, max_size=3), min_size=1, max_size=4))
def test_nested_lists(tmp_path: Path, lists: list[list[str]]) -> None:
    head = " ".join(f"~LST({NAMES[i]}, {', '.join(values)})" for i, values in enumerate(lists))
    uses = "_".join(f"${{{NAMES[i]}}}" for i in range(len(lists)))
    got, _ = words(tmp_path / "k.conf", f"{head} {uses}")
    assert got == [["_".join(round_)] for round_ in itertools.product(*lists)]


def work(path: Path, text: str) -> int:
    """Characters made, as the budget counts them."""
    path.write_text(text)
    layer = Text(Report(), config_id="left")
    before = layer.budget.made_left
    for _ in layer.pieces(str(path)):
        pass
    return before - layer.budget.made_left


@pytest.mark.parametrize(
    "form",
    [
        lambda n: "$A=5\n" + "x $A\n" * n,
        lambda n: "$M= \\\n" + "a \\\n" * n + "b\n$M",
        lambda n: f"~SEQ(i, {n}) x $i",
        lambda n: f"~LST(i{', a' * n}) x $i",
        lambda n: "@left a\n" * n,
        lambda n: "$A=1\n" + "x" + " ${A}" * n,
    ],
)
def test_work_is_linear(tmp_path: Path, form) -> None:
    small, large = (work(tmp_path / "k.conf", form(n)) for n in (1000, 4000))
    assert 0 < large < 4.1 * small + 1000


def test_braces_that_begin_lines_are_bounded(tmp_path: Path) -> None:
    """Each of them copies what follows; the budget counts that, and ends it."""
    with pytest.raises(TooMuch) as caught:
        work(tmp_path / "k.conf", "a { @left " * 50_000)
    assert caught.value.where == Where(str(tmp_path / "k.conf"), 1, caught.value.where.column)


# What differs, as docs/differences.md says.
DIFFERENT = {
    "L23 undefined",
    "L26 unset",
    "L27 zero",
    "L9 long line",
    "L22 no digit first",
    "L22 no blank before =",
    "L27 not from the start",
    "L28 a value in braces",
    "L11 backslash",
    "L26 random",
    "L1 CRLF",
}


@pytest.mark.root
@pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed")
@pytest.mark.parametrize(
    ("text", "expected"),
    [case[1:] for case in CASES if case[0] not in DIFFERENT],
    ids=[case[0] for case in CASES if case[0] not in DIFFERENT],
)
def test_keepalived_reads_the_same(tmp_path: Path, text: str, expected: list[str]) -> None:
    """It names the first word of every line that it does not know; quoted ones it cuts differently."""
    path = tmp_path / "k.conf"
    path.write_text(text + "\n")
    done = subprocess.run(
        ["unshare", "--net", "keepalived", "--vrrp", "--config-test", "--config-id", "left", "--use-file", str(path)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    named: list[str] = []
    for found in re.finditer(r"^\((.*: )?Line \d+\) Unknown keyword '(.*)'$", done.stderr + done.stdout, re.MULTILINE):
        if found[1]:
            break  # the second of its processes reads the file
        named.append(found[2])
    known = {"{", "}", "router_id", "global_defs"}
    assert [word for word in named if word not in known] == [
        line.split(" ")[0] for line in expected if line.split(" ")[0] not in known
    ]
