"""Rows of `pyvrrp top`: one for each instance, with rates; sorted, filtered, counted. Pure.

A row is made once for each answer of the daemon and never changed. What is shown of it as text is in `columns`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from pyvrrp.control.protocol import REFUSED, InstancesReply, InstanceStatus
from pyvrrp.statistics import DROP_COUNTERS, quantile

_DROPS = tuple(counter.name for counter in DROP_COUNTERS)
LOOK = "look"                           # in place of a state: all that need a look
_DIGITS = re.compile(r"(\d+)")


class Need(IntEnum):
    """How much an instance needs a look; the lowest comes first."""

    SPLIT_BRAIN = 0
    FAULT = 1
    NOT_RUN = 2                         # REFUSED
    PROBLEM = 3                         # MASTER or BACKUP, and something is wrong all the same
    INIT = 4
    MASTER = 5
    BACKUP = 6


class Rates(NamedTuple):
    """Per second, between two answers."""

    heard: float
    sent: float
    dropped: float


@dataclass(frozen=True, slots=True)
class Row:
    """One instance. Everything that rows are sorted and filtered by is worked out here, once."""

    status: InstanceStatus
    need: Need
    drops: int                          # all adverts that were dropped
    rates: Rates | None                 # None: there is no earlier answer that can be compared
    text: str                           # what is searched, in lower case
    order: tuple[str | int, ...]        # of names: natural()

    @property
    def name(self) -> str:
        return self.status.name


@dataclass(frozen=True, slots=True)
class Totals:
    """What the screen says above the rows."""

    states: Mapping[str, int]           # how many are in each state
    split_brains: int
    heard: float | None                 # per second, of all instances; None: not known yet
    sent: float | None
    dropped: float | None               # with the datagrams of no instance
    lost: int                           # in receive buffers, since the daemon started
    lost_lately: int | None             # since the answer before
    stalls: int
    stalls_lately: int | None
    late_99: str | None                 # bound in us of 99 % of the turns since the answer before; None: none was due
    late_longest_us: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One answer of the daemon."""

    at_s: float                         # monotonic: when it was there
    took_s: float                       # from the question until then
    reply: InstancesReply
    rows: Sequence[Row]
    totals: Totals
    by_name: Mapping[str, Row] = field(repr=False)


def snapshot(reply: InstancesReply, at_s: float, took_s: float, before: Snapshot | None) -> Snapshot:
    """An answer as rows. before: the one whose counters the rates count from; None: there are no rates."""
    if before is not None and (before.reply.pid != reply.pid or at_s <= before.at_s):
        before = None                   # another daemon, which counts from 0
    span_s = at_s - before.at_s if before is not None else 0.0
    known = before.by_name if before is not None else {}
    rows = [row(status, known.get(status.name), span_s) for status in reply.instances]
    return Snapshot(at_s, took_s, reply, rows, _totals(reply, rows, before, span_s), {each.name: each for each in rows})


def row(status: InstanceStatus, before: Row | None, span_s: float) -> Row:
    """One row. before: of the earlier answer, span_s ago; None: there is none."""
    drops = sum(status.counters.get(name, 0) for name in _DROPS)
    # One that a reload made anew begins at 0.
    if before is not None and before.status.counted_since == status.counted_since:
        rates = Rates(
            _gain(before.status.counters, status.counters, "advert_rcvd") / span_s,
            _gain(before.status.counters, status.counters, "advert_sent") / span_s,
            max(0, drops - before.drops) / span_s,
        )
    else:
        rates = None
    return Row(status, need(status), drops, rates, _searched(status), before.order if before else natural(status.name))


def need(status: InstanceStatus) -> Need:
    """How much it needs a look."""
    if status.other_master is not None:
        return Need.SPLIT_BRAIN
    if status.state == REFUSED:
        return Need.NOT_RUN
    if status.state in {"FAULT", "INIT"}:
        return Need[status.state]
    if status.faults:
        return Need.PROBLEM
    return Need.MASTER if status.state == "MASTER" else Need.BACKUP


def matching(rows: Iterable[Row], words: Sequence[str], state: str | None) -> list[Row]:
    """The rows that have all words (lower case) and are in the state. LOOK: all that need a look; None: any."""
    return [
        each for each in rows
        if (state is None or (each.need <= Need.INIT if state == LOOK else each.status.state == state))
        and all(word in each.text for word in words)
    ]


def natural(name: str) -> tuple[str | int, ...]:
    """A key that sorts web2 before web10."""
    return tuple(int(part) if part.isdecimal() else part for part in _DIGITS.split(name))


def _gain(before: Mapping[str, int], now: Mapping[str, int], name: str) -> int:
    return max(0, now.get(name, 0) - before.get(name, 0))


def _searched(status: InstanceStatus) -> str:
    heard = status.peer_last_heard
    words = (
        status.name, status.interface, status.group or "", status.net_namespace or "", *status.vips, *status.excluded,
        *status.peers, heard.address if heard is not None else "", status.master_address or "", status.aside,
    )
    return " ".join(words).lower()


def _totals(reply: InstancesReply, rows: Sequence[Row], before: Snapshot | None, span_s: float) -> Totals:
    engine = reply.counters.get("engine", {})
    earlier = before.reply.counters if before is not None else {}
    engine_before = earlier.get("engine", {})
    heard = sent = dropped = None
    if before is not None:
        rated = [each.rates for each in rows if each.rates is not None]
        heard = sum(rates.heard for rates in rated)
        sent = sum(rates.sent for rates in rated)
        dropped = sum(rates.dropped for rates in rated)
        for family in ("ipv4", "ipv6"):
            now = sum(reply.counters.get(family, {}).values())
            dropped += max(0, now - sum(earlier.get(family, {}).values())) / span_s
    columns, columns_before = reply.counters.get("turn_late_us", {}), earlier.get("turn_late_us", {})
    return Totals(
        states=Counter(each.status.state for each in rows),
        split_brains=sum(each.need is Need.SPLIT_BRAIN for each in rows),
        heard=heard,
        sent=sent,
        dropped=dropped,
        lost=engine.get("receive_drops", 0),
        lost_lately=_gain(engine_before, engine, "receive_drops") if before is not None else None,
        stalls=engine.get("stalls", 0),
        stalls_lately=_gain(engine_before, engine, "stalls") if before is not None else None,
        late_99=quantile({bound: count - columns_before.get(bound, 0) for bound, count in columns.items()}, 0.99),
        late_longest_us=engine.get("turn_late_longest_us", 0),
    )
