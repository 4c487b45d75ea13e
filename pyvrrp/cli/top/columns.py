"""Columns of `pyvrrp top`: a cell's text, the key that a column is sorted by, and how columns fill a width. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from pyvrrp.cli import status as told
from pyvrrp.cli.status import counts
from pyvrrp.cli.top.rows import Need, Row, Snapshot, natural
from pyvrrp.cli.totals import bound
from pyvrrp.cli.totals import duration as us
from pyvrrp.control.protocol import REFUSED

GAP = 2                                 # between two columns


class Column(NamedTuple):
    """One column. `wide` is how much it wants at most, `least` what it can do with; a fixed one has both the same."""

    title: str
    text: Callable[[Row], str]
    key: Callable[[Row], Any]           # None sorts last, whichever way
    wide: int
    least: int
    drop: int = 0                       # left out in this order where space is short; 0 never
    is_measured: bool = False           # narrower if no row needs as much
    is_number: bool = False             # at the right of its column, and the largest first


def state(row: Row) -> str:
    """The state as a word, so that no colour is needed: `2 MASTERS` is split brain, `MASTER!` has a fault."""
    if row.need is Need.SPLIT_BRAIN:
        return "2 MASTERS"
    if row.need is Need.PROBLEM:
        return f"{row.status.state}!"
    return row.status.state


def addresses(row: Row) -> str:
    """`192.0.2.1/24 +3`."""
    return told.shortened(told.addresses(row.status))


def heard_ago(row: Row) -> str:
    """`0.4s`."""
    heard = row.status.peer_last_heard
    return told.duration(heard.ago_s) if heard is not None else "-"


def rate(per_s: float | None) -> str:
    """`<0.1`, `0.5`, `12`; `-`: not known yet."""
    if per_s is None:
        return "-"
    if per_s < 0.05:
        return "<0.1" if per_s else "0"
    return f"{per_s:.1f}" if per_s < 9.95 else f"{per_s:.0f}"


def _since_s(row: Row) -> float | None:
    return None if row.status.state == REFUSED else row.status.since_s


def _of_rates(which: int) -> Callable[[Row], float | None]:
    return lambda row: row.rates[which] if row.rates is not None else None


_HEARD, _SENT, _DROPPED = (_of_rates(which) for which in range(3))

COLUMNS = (
    Column("INSTANCE", lambda row: row.name, lambda row: row.order, 48, 16, is_measured=True),
    Column("STATE", state, lambda row: row.need, 9, 9),
    Column("SINCE", lambda row: "-" if row.status.state == REFUSED else told.duration(row.status.since_s), _since_s,
           6, 6, drop=9, is_number=True),
    Column("PRIORITY", lambda row: told.priority(row.status),
           lambda row: None if row.status.state == REFUSED else row.status.priority, 10, 10, drop=5, is_number=True),
    Column("VRID", lambda row: str(row.status.vrid or "-"), lambda row: row.status.vrid or None, 4, 4, drop=1),
    Column("INTERFACE", lambda row: row.status.interface or "-", lambda row: natural(row.status.interface), 15, 9,
           drop=2, is_measured=True),
    Column("VIPS", addresses, lambda row: natural(addresses(row)), 47, 17, drop=7, is_measured=True),
    Column("PEER", lambda row: told.peer(row.status), lambda row: natural(told.peer(row.status)), 39, 11, drop=4,
           is_measured=True),
    Column("HEARD", heard_ago,
           lambda row: None if row.status.peer_last_heard is None else row.status.peer_last_heard.ago_s, 6, 6, drop=3,
           is_number=True),
    Column("IN/s", lambda row: rate(_HEARD(row)), _HEARD, 5, 5, drop=8, is_number=True),
    Column("OUT/s", lambda row: rate(_SENT(row)), _SENT, 5, 5, drop=6, is_number=True),
    Column("DROP/s", lambda row: rate(_DROPPED(row)), _DROPPED, 6, 6, drop=10, is_number=True),
)
BY_STATE = next(i for i, column in enumerate(COLUMNS) if column.title == "STATE")


class Placed(NamedTuple):
    """A column that is shown."""

    which: int                          # in COLUMNS
    x: int                              # where it begins
    width: int


def in_order(rows: Iterable[Row], column: int, is_turned: bool) -> list[Row]:
    """Sorted by a column, the largest number first; is_turned: the other way. Rows without a value are last, and equal
    ones in the order of their need, then of their names."""
    found = sorted(rows, key=lambda row: (row.need, row.order))
    keyed = [(COLUMNS[column].key(row), row) for row in found]
    there = [(key, row) for key, row in keyed if key is not None]
    is_downward = COLUMNS[column].is_number != is_turned
    there.sort(key=lambda pair: pair[0], reverse=is_downward)      # stable, downward too
    return [row for _, row in there] + [row for key, row in keyed if key is None]


def wanted_widths(rows: Sequence[Row]) -> list[int]:
    """How wide each column has to be for these rows, within its bounds."""
    return [
        min(column.wide, max([len(column.title), *(len(column.text(row)) for row in rows)]))
        if column.is_measured else max(column.wide, len(column.title))
        for column in COLUMNS
    ]


def placed(wanted: Sequence[int], width: int) -> list[Placed]:
    """The columns that fit `width`: first wide ones become narrower, then columns are left out, each in its turn."""
    chosen = list(range(len(COLUMNS)))
    while True:
        widths = {index: wanted[index] for index in chosen}
        over = sum(widths.values()) + GAP * (len(chosen) - 1) - width
        # The widest gives first, so that two wide columns share what is lacking.
        while over > 0:
            giver = max(chosen, key=lambda index: widths[index] - COLUMNS[index].least)
            if widths[giver] <= COLUMNS[giver].least:
                break               # none has more than it can do with
            widths[giver] -= 1
            over -= 1
        droppable = [index for index in chosen if COLUMNS[index].drop]
        if over <= 0 or not droppable:
            break
        chosen.remove(min(droppable, key=lambda index: COLUMNS[index].drop))
    found, x = [], 0
    for index in chosen:
        found.append(Placed(index, x, widths[index]))
        x += widths[index] + GAP
    return found


def left_out(columns: Sequence[Placed]) -> list[str]:
    """The titles of those that did not fit."""
    shown = {column.which for column in columns}
    return [column.title for index, column in enumerate(COLUMNS) if index not in shown]


def printable(text: str) -> str:
    """What a terminal may be given: names stand in files, and one could hold an escape sequence."""
    return text if text.isprintable() else "".join(each if each.isprintable() else "?" for each in text)


def head(seen: Snapshot) -> list[str]:
    """The lines above the table: who is asked, how many are in which state, and how the engine does."""
    totals = seen.totals
    states = counts([row.status for row in seen.rows])
    if totals.split_brains:
        states += f"; {totals.split_brains} with two hosts that are MASTER"
    late = "no turn was late" if totals.late_99 is None else f"99 % of turns {bound(totals.late_99)} late"
    drops = f"{rate(totals.dropped)} dropped a second"
    lines = [
        f"pyvrrpd {seen.reply.version}, pid {seen.reply.pid}: {states}",
        f"adverts: {rate(totals.heard)} heard, {rate(totals.sent)} sent, {drops}; "
        f"{totals.lost} lost in the receive buffer{_lately(totals.lost_lately)}",
        f"engine: {late}, at most {us(totals.late_longest_us)}; "
        f"{totals.stalls} stall{'' if totals.stalls == 1 else 's'}{_lately(totals.stalls_lately)}",
    ]
    return [*lines, *seen.reply.problems]


def _lately(lately: int | None) -> str:
    """`, 2 of them just now`."""
    return f", {lately} of them just now" if lately else ""
