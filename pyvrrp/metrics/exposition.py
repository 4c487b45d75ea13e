"""The text format of Prometheus (version 0.0.4), made in pieces of bounded work.

A family's lines stand together, so rendering goes by columns: one counter of all instances, then the next. A column is
a slice of the engine's array, and a line is one f-string.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LINES_PER_PIECE = 1000          # about 0.3 ms

Value = int | float


class Family(NamedTuple):
    """A metric with all its lines. Each is made as it is read: there may be a hundred thousand."""

    name: str
    kind: str                   # counter, gauge or histogram
    help: str                   # one line
    lines: Iterable[str]


def labels(**values: object) -> str:
    """`a="1",b="x"`: labels in the order given, values escaped."""
    return ",".join(f'{name}="{escaped(str(value))}"' for name, value in values.items())


def escaped(value: str) -> str:
    """A label's value as it stands between quotes."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def line(name: str, of: str, value: Value) -> str:
    """One sample. of: its labels; empty: none."""
    return f"{name}{{{of}}} {value}\n" if of else f"{name} {value}\n"


def column(name: str, things: Sequence[str], values: Iterable[Value], *, skip_zero: bool = False) -> Iterator[str]:
    """A line for each of many things. things: their labels, in the order of `values`."""
    pairs = zip(things, values, strict=True)
    if skip_zero:
        return (f"{name}{{{thing}}} {value}\n" for thing, value in pairs if value)
    return (f"{name}{{{thing}}} {value}\n" for thing, value in pairs)


def histogram(name: str, columns: Sequence[int], unit: float, total: float | None = None) -> Iterator[str]:
    """The lines of a histogram whose column k counts what is below 2**k units, the last one all that is larger too.

    total: the sum of all values; None: nobody has kept it, and there is no such line.
    """
    seen = 0
    for k, count in enumerate(columns[:-1]):
        seen += count
        yield f'{name}_bucket{{le="{unit * (1 << k):g}"}} {seen}\n'
    yield f'{name}_bucket{{le="+Inf"}} {seen + columns[-1]}\n'
    if total is not None:
        yield f"{name}_sum {total}\n"
    yield f"{name}_count {seen + columns[-1]}\n"


def render(families: Iterable[Family]) -> Iterator[str]:
    """The text, in pieces of at most LINES_PER_PIECE lines; a family without lines is left out."""
    for family in families:
        head = f"# HELP {family.name} {family.help}\n# TYPE {family.name} {family.kind}\n"
        lines = iter(family.lines)
        while piece := "".join(islice(lines, LINES_PER_PIECE)):
            yield head + piece
            head = ""
