"""The text format of Prometheus (version 0.0.4), made in pieces of bounded work.

A family's lines stand together, so rendering goes by columns: one counter of all instances, then the next. A column is
written in C (`columns`); what there are few of, line by line.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from pyvrrp.metrics import columns
from pyvrrp.metrics.columns import Things

LINES_PER_PIECE = 1000          # 0.1 ms in C, 0.3 ms line by line

Value = int | float


class Family(NamedTuple):
    """A metric with all its lines. They are made as they are read: there may be a hundred thousand."""

    name: str
    kind: str                   # counter, gauge or histogram
    help: str                   # one line
    pieces: Iterable[bytes]     # of at most LINES_PER_PIECE lines; some may be empty


def labels(**values: object) -> str:
    """`a="1",b="x"`: labels in the order given, values escaped."""
    return ",".join(f'{name}="{escaped(str(value))}"' for name, value in values.items())


def escaped(value: str) -> str:
    """A label's value as it stands between quotes."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def line(name: str, of: str, value: Value) -> str:
    """One sample. of: its labels; empty: none."""
    return f"{name}{{{of}}} {value}\n" if of else f"{name} {value}\n"


def pieces(lines: Iterable[str]) -> Iterator[bytes]:
    """Lines as the pieces of a family."""
    left = iter(lines)
    while piece := "".join(islice(left, LINES_PER_PIECE)):
        yield piece.encode()


def column(
    name: str, things: Things, values: array[int], indexes: array[int], *, more: str = "", is_milli: bool = False,
    skip_zero: bool = False,
) -> Iterator[bytes]:
    """The pieces of a family with a line for each of many things; the arguments are those of `columns.lines`."""
    for first in range(0, len(things), LINES_PER_PIECE):
        last = min(first + LINES_PER_PIECE, len(things))
        yield columns.lines(
            name, things, values, indexes, first, last, more=more, is_milli=is_milli, skip_zero=skip_zero)


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


def render(families: Iterable[Family]) -> Iterator[bytes]:
    """The text, in pieces of at most LINES_PER_PIECE lines; a family without lines is left out."""
    for family in families:
        head = f"# HELP {family.name} {family.help}\n# TYPE {family.name} {family.kind}\n".encode()
        for piece in family.pieces:
            if piece:
                yield head + piece
                head = b""
