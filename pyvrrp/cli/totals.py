"""What `pyvrrp status` adds to what the daemon has counted. Pure.

Below the table: how late the engine as a whole was, and how it worked. With `--json`: the same counters by the names of
ietf-vrrp (RFC 8347).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pyvrrp.control.protocol import InstancesReply, rfc3339
from pyvrrp.statistics import UNBOUNDED, global_statistics, instance_statistics, quantile


def with_statistics(reply: InstancesReply, everything: InstancesReply) -> dict[str, Any]:
    """A reply as plain data, with `statistics` of each instance, and of all.

    reply: what is shown of `everything`, which is the daemon's whole answer.
    """
    document: dict[str, Any] = msgspec.to_builtins(reply)
    counters = everything.counters
    document["statistics"] = global_statistics(
        [*(counters[family] for family in ("ipv4", "ipv6") if family in counters),
         *(status.counters for status in everything.instances)],
        rfc3339(counters.get("engine", {}).get("counted_since_s", 0)),
    )
    for status, shown in zip(reply.instances, document["instances"], strict=True):
        if status.counters:
            shown["statistics"] = instance_statistics(status.counters, status.counted_since)
    # The long list goes last.
    document["instances"] = document.pop("instances")
    return document


def summary(counters: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Two or three lines, or none where the daemon sent no totals. `counters`: of InstancesReply."""
    engine = counters.get("engine", {})
    if not engine:
        return []
    lines = []
    for name, what in (("adver", "adverts sent"), ("down", "takeovers"), ("turn", "turns")):
        columns = counters.get(f"{name}_late_us", {})
        half, most = quantile(columns, 0.5), quantile(columns, 0.99)
        if half is not None and most is not None:
            longest = duration(engine.get(f"{name}_late_longest_us", 0))
            lines.append(f"{what} late by: half {bound(half)}, 99 % {bound(most)}, at most {longest}")
    stalls = engine.get("stalls", 0)
    told = [f"{stalls} stall{'' if stalls == 1 else 's'}"]
    if stalls:
        told[0] += f", the longest {duration(engine.get('stall_longest_us', 0))}"
    if pauses := engine.get("pauses", 0):
        told.append(f"{pauses} pause{'' if pauses == 1 else 's'} of the machine, "
                    f"the longest {duration(engine.get('pause_longest_us', 0))}")
    for way, verb in (("receive", "read"), ("send", "written")):
        done, batches = engine.get("datagrams_received" if way == "receive" else "datagrams_sent", 0), engine.get(
            f"{way}_batches", 0)
        if batches:
            told.append(f"{done / batches:.1f} datagrams {verb} at a time")
    told.append(f"{engine.get('receive_drops', 0)} lost in the receive buffer")
    told.append(f"{engine.get('events_coalesced', 0)} events coalesced")
    if lost := counters.get("log", {}).get("lines_dropped", 0):
        told.append(f"{lost} log lines dropped")
    return [*lines, "; ".join(told)]


def bound(text: str) -> str:
    """`under 128 us`."""
    return "beyond measure" if text == UNBOUNDED else f"under {duration(int(text))}"


def duration(us: int) -> str:
    """`870 us`, `12.5 ms`, `3.0 s`."""
    if us < 1000:
        return f"{us} us"
    return f"{us / 1000:.1f} ms" if us < 1_000_000 else f"{us / 1_000_000:.1f} s"
