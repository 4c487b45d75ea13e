"""A figure is a number that was measured, beside its yardstick and its goal, and what it was when last accepted.

The accepted figures are in `bench/reference.json`; a run writes its own to `.benchmarks/figures.json`. Where there is a
yardstick, the ratio to it is what counts: it was measured in the same run, so it says more about the code than about
the machine or its load.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pyvrrp.meter.machine import look

HERE = Path(__file__).parent
REFERENCE = HERE / "reference.json"
LATEST = HERE.parent / ".benchmarks" / "figures.json"
REGRESSION = 0.20               # more than this worse than the reference is said loudly


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table."""

    key: str                    # stable: the reference is found by it
    what: str
    value: float
    unit: str
    yardstick: str = ""         # what the ratio is to; empty: nothing
    yardstick_value: float = 0.0
    goal: float | None = None   # of the ratio where there is a yardstick, or else of the value; None: reported only
    best: Literal["low", "high"] = "low"
    judged: Literal["ratio", "value"] | None = None     # None: the ratio where there is a yardstick

    @property
    def ratio(self) -> float | None:
        return self.value / self.yardstick_value if self.yardstick_value else None

    @property
    def score(self) -> float:
        """What is compared with the goal and with the reference."""
        if self.ratio is None or self.judged == "value":
            return self.value
        return self.ratio

    @property
    def is_met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.score <= self.goal if self.best == "low" else self.score >= self.goal

    def worse_by(self, reference: Figure) -> float:
        """By which part it is worse than it was: 0.2 is 20 %; negative: better."""
        if self.best == "low":
            return self.score / reference.score - 1
        return reference.score / self.score - 1

    def goal_text(self) -> str:
        if self.goal is None:
            return "reported"
        relation = "at most" if self.best == "low" else "at least"
        of_value = self.ratio is None or self.judged == "value"
        return f"{relation} {self.goal:g}{f' {self.unit}' if of_value else ''}"


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    found = look()
    return {
        "cpu": f"{found.cpu}, {found.cores} cores", "kernel": found.kernel, "python": found.python,
        "load": found.load_text(),
    }


def save(path: Path, figures: Iterable[Figure]) -> None:
    """Write figures and the machine; figures that were not measured now stay as they were."""
    kept = load(path) if path.exists() else {}
    kept.update({figure.key: figure for figure in figures})
    path.parent.mkdir(exist_ok=True)
    entries = {key: _rounded(dataclasses.asdict(figure)) for key, figure in kept.items()}
    path.write_text(json.dumps({"machine": machine(), "figures": entries}, indent=1) + "\n")


def _rounded(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in entry.items()}


def load(path: Path) -> dict[str, Figure]:
    """Figures by key, in the order in which they were written."""
    return {key: Figure(**entry) for key, entry in json.loads(path.read_text())["figures"].items()}


def number(value: float) -> str:
    """Three digits that count."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(figures: Iterable[Figure]) -> list[tuple[str, ...]]:
    """Rows of text: what, figure, yardstick, ratio, goal, reached."""
    rows = [("what", "figure", "yardstick", "ratio", "goal", "reached")]
    for figure in figures:
        yardstick = ""
        if figure.yardstick:
            yardstick = f"{figure.yardstick}: {number(figure.yardstick_value)} {figure.unit}"
        rows.append((
            figure.what,
            f"{number(figure.value)} {figure.unit}",
            yardstick,
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
            figure.goal_text(),
            {True: "yes", False: "NO", None: ""}[figure.is_met],
        ))
    return rows
