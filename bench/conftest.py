"""What every benchmark uses: the modules built for it, the table at the end, the comparison with the reference.

A benchmark fails only if it cannot measure. A goal that is missed, or a figure worse than it was, is said at the end.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from figures import LATEST, REFERENCE, REGRESSION, Figure, load, save, table

ROOT = Path(__file__).parents[1]
BUILT = ROOT / "build" / "bench"

FIGURES = pytest.StashKey[list[Figure]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = []
    if not config.option.collectonly:
        _build()


def _build() -> None:
    """Build inner and yardstick from the sources as they are now."""
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--build-lib", str(BUILT), "--build-temp", str(BUILT / "tmp")],
        cwd=ROOT,
        env=os.environ | {"PYVRRP_BUILD": "bench"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise pytest.UsageError(f"bench: the build failed:\n{done.stdout}{done.stderr}")
    sys.path.insert(0, str(BUILT))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.geteuid() != 0:
        for item in items:
            if item.get_closest_marker("root"):
                item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[..., Figure]:
    """Note a figure: figure(key=..., what=..., value=..., unit=..., ...) as in Figure."""

    def note(**fields: Any) -> Figure:
        made = Figure(**fields)
        request.config.stash[FIGURES].append(made)
        return made

    return note


@pytest.fixture
def each_ns(benchmark: Any) -> Callable[..., float]:
    """Nanoseconds per call of a loop that times itself: the median of the rounds.

    each_ns(loop, calls): `loop()` makes so many calls and returns nanoseconds. pytest-benchmark times the same rounds.
    """

    def measure(loop: Callable[[], int], calls: int, *, rounds: int = 41) -> float:
        found: list[float] = []
        loop()                  # warm
        benchmark.pedantic(lambda: found.append(loop() / calls), rounds=rounds, iterations=1)
        benchmark.extra_info["ns_per_call"] = statistics.median(found)
        return statistics.median(found)

    return measure


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    found = config.stash[FIGURES]
    if not found:
        return
    save(LATEST, found)
    rows = table(found)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    terminalreporter.section("figures")
    for row in rows:
        terminalreporter.line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    missed = [one for one in found if one.is_met is False]
    if missed:
        terminalreporter.line(f"{len(missed)} of {sum(one.goal is not None for one in found)} goals are not reached",
                              yellow=True)
    reference = load(REFERENCE) if REFERENCE.exists() else {}
    for one in found:
        was = reference.get(one.key)
        if was is not None and one.worse_by(was) > REGRESSION:
            terminalreporter.line(
                f"REGRESSION: {one.what}: {one.score:.3g}, was {was.score:.3g}: {one.worse_by(was):.0%} worse than the"
                " reference; measure again on an idle machine, and then look at what changed",
                red=True, bold=True,
            )
