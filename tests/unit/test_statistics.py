"""The names of what is counted, and the histograms, as pyvrrp status shows them."""

from __future__ import annotations

import pytest

from pyvrrp.cli.totals import summary, with_statistics
from pyvrrp.control.protocol import InstancesReply, InstanceStatus
from pyvrrp.statistics import (
    COUNTERS,
    GLOBAL_LEAVES,
    HISTOGRAMS,
    INSTANCE_LEAVES,
    TOTALS,
    global_statistics,
    instance_statistics,
    quantile,
    readings,
)
from vrrpcore import counters
from vrrpcore.engine import Engine


def test_the_table_has_every_counter_in_the_order_of_the_core() -> None:
    assert tuple(counter.name for counter in COUNTERS) == counters.COUNTER_NAMES
    assert tuple(HISTOGRAMS) == tuple(counters.HISTOGRAMS)
    assert [name for name in counters.TOTAL_NAMES if "_under_" not in name] == list(TOTALS)


def test_every_leaf_of_the_rfc_is_counted_by_something() -> None:
    counted = {counter.leaf for counter in COUNTERS} - {""}
    assert counted | {"discontinuity-datetime"} == {*INSTANCE_LEAVES, *GLOBAL_LEAVES}


def test_statistics_of_an_instance() -> None:
    counts = {counter.name: 10**k for k, counter in enumerate(COUNTERS)}
    found = instance_statistics(counts, "2026-11-21T00:00:00.000Z")
    assert tuple(found) == INSTANCE_LEAVES
    assert found["discontinuity-datetime"] == "2026-11-21T00:00:00.000Z"
    for leaf, names in {
        "advertisement-rcvd": ["advert_rcvd"],
        "master-transitions": ["become_master"],
        "interval-errors": ["interval_differs", "advert_interval_err"],
        "packet-length-errors": ["packet_short_err", "ip_length_err", "packet_len_err", "no_address_err"],
        "priority-zero-pkts-sent": ["pri_zero_sent"],
    }.items():
        assert found[leaf] == sum(counts[name] for name in names)


def test_global_statistics_are_of_all() -> None:
    found = global_statistics([{"ip_ttl_err": 1, "vrid_err": 5}, {"ip_ttl_err": 20}, {}], "x")
    assert found == {
        "discontinuity-datetime": "x", "checksum-errors": 0, "version-errors": 0, "vrid-errors": 5, "ip-ttl-errors": 21,
    }


def test_json_of_one_instance_keeps_the_sums_of_all() -> None:
    one = InstanceStatus(name="a", state="BACKUP", counters={"advert_rcvd": 7, "checksum_err": 1}, counted_since="then")
    other = InstanceStatus(name="b", state="BACKUP", counters={"checksum_err": 2})
    refused = InstanceStatus(name="c", state="REFUSED")
    every = InstancesReply(version="1", pid=1, instances=[one, other, refused], counters={
        "ipv6": {"checksum_err": 40}, "engine": {"counted_since_s": 1_800_000_000},
    })
    document = with_statistics(InstancesReply(version="1", pid=1, instances=[one, refused]), every)
    assert document["statistics"]["checksum-errors"] == 43
    assert document["statistics"]["discontinuity-datetime"] == "2027-01-15T08:00:00.000Z"
    assert [i["name"] for i in document["instances"]] == ["a", "c"]
    assert document["instances"][0]["statistics"]["advertisement-rcvd"] == 7
    assert document["instances"][0]["statistics"]["discontinuity-datetime"] == "then"
    assert "statistics" not in document["instances"][1]
    assert list(document)[-1] == "instances"


@pytest.mark.parametrize(("columns", "part", "bound"), [
    ({}, 0.5, None),
    ({"1": 0}, 0.5, None),
    ({"64": 1}, 0.5, "64"),
    ({"128": 98, "64": 1, "inf": 1}, 0.5, "128"),
    ({"128": 98, "64": 1, "inf": 1}, 0.99, "128"),
    ({"128": 97, "64": 1, "inf": 2}, 0.99, "inf"),
    ({"2": 50, "1024": 50}, 0.5, "2"),
])
def test_quantile(columns: dict[str, int], part: float, bound: str | None) -> None:
    assert quantile(columns, part) == bound


def test_readings_of_an_engine() -> None:
    totals = dict.fromkeys(Engine().totals(), 0)
    totals |= {"stall_longest_ns": 12_345_678, "adver_late_us_under_64": 3, "send_batch_under_inf": 2, "turns": 9}
    found = readings(totals)
    assert set(found) == {"engine", *HISTOGRAMS}
    assert (found["engine"]["stall_longest_us"], found["engine"]["turns"]) == (12_345, 9)
    assert not any(name.endswith("_ns") for name in found["engine"])
    assert (found["adver_late_us"], found["send_batch"], found["down_late_us"]) == ({"64": 3}, {"inf": 2}, {})


def test_summary() -> None:
    assert summary({}) == []
    assert summary({
        "engine": {"adver_late_longest_us": 3200, "stalls": 1, "stall_longest_us": 12_000, "datagrams_received": 100,
                   "turn_late_longest_us": 410,
                   "receive_batches": 8, "receive_drops": 4, "events_coalesced": 5},
        "adver_late_us": {"128": 99, "4096": 1},
        "down_late_us": {},
        "turn_late_us": {"64": 97, "512": 3},
    }) == [
        "adverts sent late by: half under 128 us, 99 % under 128 us, at most 3.2 ms",
        "turns late by: half under 64 us, 99 % under 512 us, at most 410 us",
        "1 stall, the longest 12.0 ms; 12.5 datagrams read at a time; 4 lost in the receive buffer; 5 events coalesced",
    ]
