"""What Prometheus is told, read back by its own client library."""

from __future__ import annotations

import json
import re
from array import array
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pyvrrp.control.trackers import FileStatus, ProcessStatus, ScriptStatus
from pyvrrp.metrics import compat
from pyvrrp.metrics.columns import NOTHING, Things, ages_ms, lines, occupied, picked
from pyvrrp.metrics.exposition import LINES_PER_PIECE, Family, column, escaped, histogram, labels, line, pieces, render
from pyvrrp.metrics.families import METRICS, Counters, Snapshot, families
from pyvrrp.model import State
from pyvrrp.scrape import tracked
from pyvrrp.statistics import COUNTERS, Durations
from vrrpcore.counters import COUNTER_NAMES, HISTOGRAMS

TRACKERS = [
    ScriptStatus(name="check", ok=True, interval_s=2, timeout_s=2, rise=1, fall=1, next_s=0.5, last_ok=False,
                 last_duration_s=0.25, last_ago_s=1.5, runs=9, failures=3, timeouts=2, skipped=1),
    ScriptStatus(name="new", interval_s=2, timeout_s=2, rise=1, fall=1),
    FileStatus(name="weight", path="/x", number=-7),
    ProcessStatus(name="proxy", process=["haproxy"], ok=False, count=0, quorum=1, changes=4),
]


def snapshot(**changes):
    """Two instances, web and a strange one, with counters that are all different."""
    rows = array("Q", range(1, 2 * len(COUNTER_NAMES) + 1))
    takeovers = Durations()
    for ns in (1_500, 3_000_000):
        takeovers.add(ns)
    base = {
        "version": "1.2",
        "names": Things([labels(name="web", vrid=51), labels(name='a "b"\\c\n', vrid=52)]),
        "states": array("Q", [State.MASTER, State.FAULT]),
        "priorities": array("Q", [150, 100]),
        "since_ms": array("Q", [1_795_233_862_250, 0]),
        "heard_ago_ms": array("Q", [NOTHING, 500]),
        "faults": [(1, ("link_down", "group"))],
        "counters": Counters(COUNTER_NAMES, rows, array("I", [1, 0])),
        "totals": {"turns": 7, "stall_longest_ns": 12_000_000},
        "histograms": {name: [1] * len(columns) for name, columns in HISTOGRAMS.items()},
        "drops": {(4, "vrid_err"): 3, (6, "vrid_err"): 0},
        "vips": [(labels(name="web", address="192.0.2.1/24"), True)],
        "vip_count": 9,
        "takeovers": takeovers,
        "netlink_batches": takeovers,
        "parts": {
            "notify": {"fifo_dropped": 5}, "netlink": {"lost": 3}, "scripts": {"running": 2},
            "log": {"lines_dropped": 4},
        },
        "trackers": tracked(TRACKERS),
    }
    return Snapshot(**(base | changes))


def read(told):
    """Families as prometheus_client reads them: {name: {labels: value}}."""
    found = {}
    for family in text_string_to_metric_families(b"".join(render(told)).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


WEB, STRANGE = (("name", "web"), ("vrid", "51")), (("name", 'a "b"\\c\n'), ("vrid", "52"))


def test_every_family_is_in_the_table_and_read_back():
    told = list(families(snapshot()))
    assert {family.name for family in told} == set(METRICS)
    found = read(told)
    assert found["pyvrrp_build_info"] == {(("version", "1.2"),): 1}
    assert found["pyvrrp_instance_state"] == {WEB: 2, STRANGE: 3}
    assert found["pyvrrp_instance_priority"] == {WEB: 150, STRANGE: 100}
    assert found["pyvrrp_instances"] == {
        (("state", name),): count for name, count in (("MASTER", 1), ("BACKUP", 0), ("FAULT", 1), ("INIT", 0))
    }
    assert found["pyvrrp_instance_last_transition_timestamp_seconds"] == {WEB: 1_795_233_862.25}
    assert found["pyvrrp_instance_advert_age_seconds"] == {STRANGE: 0.5}
    assert found["pyvrrp_instance_fault"] == {
        tuple(sorted((*STRANGE, ("reason", reason)))): 1 for reason in ("link_down", "group")
    }
    assert found["pyvrrp_vip_set"] == {(("address", "192.0.2.1/24"), ("name", "web")): 1}
    assert found["pyvrrp_vips"] == {(): 9}
    assert found["pyvrrp_reactor_turns_total"] == {(): 7}
    assert found["pyvrrp_stall_longest_seconds"] == {(): 0.012}
    assert (found["pyvrrp_fifo_dropped_total"], found["pyvrrp_scripts_running"]) == ({(): 5}, {(): 2})
    assert found["pyvrrp_log_lines_dropped_total"] == {(): 4}
    assert found["pyvrrp_mails_sent_total"] == {(): 0}


def test_what_is_tracked():
    found = read(families(snapshot()))
    check, new = (("name", "check"),), (("name", "new"),)
    assert {name.removeprefix("pyvrrp_script_"): values for name, values in found.items()
            if name.startswith("pyvrrp_script_")} == {
        "ok": {check: 1}, "last_ok": {check: 0}, "last_duration_seconds": {check: 0.25},
        "last_age_seconds": {check: 1.5}, "next_seconds": {check: 0.5}, "runs_total": {check: 9, new: 0},
        "failures_total": {check: 3, new: 0}, "timeouts_total": {check: 2, new: 0}, "skipped_total": {check: 1, new: 0},
    }
    assert found["pyvrrp_track_file_value"] == {(("name", "weight"),): -7}
    proxy = (("name", "proxy"),)
    assert [found[f"pyvrrp_track_process_{name}"] for name in ("ok", "count", "changes_total")] == [
        {proxy: 0}, {proxy: 0}, {proxy: 4},
    ]


def test_every_counter_of_an_instance_is_told_once():
    found = read(families(snapshot()))
    width = len(COUNTER_NAMES)
    values = {
        (name, thing): place + 1 + width * (1 - number)
        for place, name in enumerate(COUNTER_NAMES) for number, thing in enumerate((WEB, STRANGE))
    }
    told = [value for name in found if name.endswith("_total") for value in found[name].values()]
    assert set(values.values()) <= set(told)
    assert found["pyvrrp_adverts_received_total"] == {WEB: values["advert_rcvd", WEB],
                                                      STRANGE: values["advert_rcvd", STRANGE]}
    by_reason = {dict(key)["reason"]: value for key, value in found["pyvrrp_adverts_dropped_total"].items()
                 if dict(key)["name"] == "web"}
    assert by_reason == {counter.name: values[counter.name, WEB] for counter in COUNTERS if counter.name in by_reason}
    assert {"checksum_err", "ip_ttl_err", "auth_failure", "unlisted_dropped"} <= set(by_reason)
    kinds = {dict(key)["kind"] for key in found["pyvrrp_adverts_differing_total"]}
    assert "addr_list_err" in kinds
    assert not kinds & set(by_reason)
    nobody = [value for key, value in found["pyvrrp_adverts_dropped_total"].items() if dict(key)["name"] == ""]
    assert nobody == [3]


def test_what_is_0_is_left_out_but_for_what_a_rate_needs():
    zero = Counters(COUNTER_NAMES, array("Q", bytes(8 * 2 * len(COUNTER_NAMES))), array("I", [0, 1]))
    found = read(families(snapshot(counters=zero, drops={})))
    assert found["pyvrrp_adverts_sent_total"] == {WEB: 0, STRANGE: 0}
    assert "pyvrrp_adverts_dropped_total" not in found
    assert "pyvrrp_send_errors_total" not in found


def test_a_histogram_is_cumulative_and_ends_with_all():
    lines = list(histogram("x_seconds", [1, 0, 2, 4], 1e-6, 0.5))
    assert lines == [
        'x_seconds_bucket{le="1e-06"} 1\n', 'x_seconds_bucket{le="2e-06"} 1\n', 'x_seconds_bucket{le="4e-06"} 3\n',
        'x_seconds_bucket{le="+Inf"} 7\n', "x_seconds_sum 0.5\n", "x_seconds_count 7\n",
    ]
    found = read(families(snapshot()))
    buckets = found["pyvrrp_takeover_seconds_bucket"]
    assert buckets[(("le", "2e-06"),)] == 1
    assert buckets[(("le", "0.002048"),)] == 1
    assert buckets[(("le", "0.004096"),)] == buckets[(("le", "+Inf"),)] == 2
    assert found["pyvrrp_takeover_seconds_sum"][()] == pytest.approx(0.0030015)
    assert found["pyvrrp_netlink_batch_seconds_count"][()] == 2


@pytest.mark.parametrize(("ns", "place"), [(-5, 0), (0, 0), (999, 0), (1_000, 1), (2_000, 2), (3_999, 2), (10**15, 25)])
def test_a_duration_is_counted_in_its_column(ns, place):
    durations = Durations()
    durations.add(ns)
    assert durations.columns.index(1) == place
    assert sum(durations.columns) == 1


def test_pieces_are_bounded_and_lose_nothing():
    things = Things([labels(name=f"vi{number}") for number in range(2 * LINES_PER_PIECE + 5)])
    numbers, indexes = array("Q", range(len(things))), array("I", range(len(things)))
    made = list(render([
        Family("empty", "gauge", "nothing", pieces([])),
        Family("many", "gauge", "many", column("many", things, numbers, indexes)),
        Family("one", "gauge", "one", pieces([line("one", "", 1)])),
    ]))
    assert [piece.count(b"\n") for piece in made] == [LINES_PER_PIECE + 2, LINES_PER_PIECE, 5, 3]
    assert b"empty" not in b"".join(made)
    found = read([Family("many", "gauge", "many", column("many", things, numbers, indexes))])
    assert found["many"][(("name", "vi2004"),)] == 2004


@pytest.mark.parametrize(("value", "plain", "milli"), [
    (0, "0", "0.000"), (7, "7", "0.007"), (60, "60", "0.060"), (999, "999", "0.999"), (1000, "1000", "1.000"),
    (1_795_233_862_250, "1795233862250", "1795233862.250"),
    (2**64 - 2, "18446744073709551614", "18446744073709551.614"),
])
def test_a_number_of_a_column(value, plain, milli):
    things, values, indexes = Things(['n="x"']), array("Q", [5, value]), array("I", [1])
    assert lines("m", things, values, indexes, 0, 1) == f'm{{n="x"}} {plain}\n'.encode()
    assert lines("m", things, values, indexes, 0, 1, is_milli=True) == f'm{{n="x"}} {milli}\n'.encode()


def test_what_a_column_leaves_out():
    things, indexes = Things(['n="a"', 'n="\N{SNOWMAN}"', 'n="c"']), array("I", range(3))
    values = array("Q", [0, 3, NOTHING])
    assert lines("m", things, values, indexes, 0, 3) == 'm{n="a"} 0\nm{n="\N{SNOWMAN}"} 3\n'.encode()
    told = lines("m", things, values, indexes, 0, 3, more='k="v"', skip_zero=True)
    assert told == 'm{n="\N{SNOWMAN}",k="v"} 3\n'.encode()
    assert lines("m", things, values, indexes, 2, 3) == lines("m", Things([]), values, array("I"), 0, 0) == b""


@pytest.mark.parametrize(("indexes", "first", "last"), [([0, 2], 0, 2), ([0, 1], 0, 3), ([0], 0, 2), ([0, 1], 1, 0)])
def test_a_column_of_what_is_not_there(indexes, first, last):
    with pytest.raises(IndexError, match="there"):
        lines("m", Things(["a", "b"]), array("Q", [1, 2]), array("I", indexes), first, last)


def test_things_are_what_they_were_made_of():
    names = ["", 'n="\N{SNOWMAN}"', "b" * 300]
    things = Things(names)
    assert [things[place] for place in range(len(things))] == names
    for place in (-1, 3):
        with pytest.raises(IndexError, match="there"):
            things[place]


def test_what_is_taken_from_the_engine():
    indexes = array("I", [2, 0])
    assert picked(array("B", [7, 8, 255]), indexes) == array("Q", [255, 7])
    now_ns = 5_000_000_000
    assert ages_ms(array("q", [0, 1, now_ns - 1_999_999]), indexes, now_ns) == array("Q", [1, NOTHING])
    assert ages_ms(array("q", [now_ns + 9]), array("I", [0]), now_ns) == array("Q", [0])
    for take in (lambda: picked(array("B", [1]), indexes), lambda: ages_ms(array("q", [1]), indexes, now_ns)):
        with pytest.raises(IndexError, match="there"):
            take()


def test_which_columns_are_not_empty():
    assert occupied(array("Q", [0, 1, 0, 0, 1 << 63, 2]), 3) == [False, True, True]
    assert occupied(array("Q"), 2) == [False, False]


def test_labels_are_escaped():
    assert escaped('a"b\\c\nd') == r'a\"b\\c\nd'


def test_the_names_of_the_exporters():
    names = Things([compat.of_instance("web", "eth0", 51), compat.of_instance("db", "eth1", 52)])
    addresses = [
        compat.Address("web", "eth0", 51, "192.0.2.1/24", False, 2), compat.Address("db", "eth1", 52, "::1", True, 3),
    ]
    found = read(compat.families(snapshot(), names, addresses))
    web = (("iname", "web"), ("intf", "eth0"), ("vrid", "51"))
    assert found["keepalived_up"] == {(): 1}
    assert found["keepalived_vrrp_state"] == {tuple(sorted((*web, ("ip_address", "192.0.2.1/24")))): 2}
    assert list(found["keepalived_vrrp_excluded_state"].values()) == [3]
    assert found["keepalived_advertisements_received_total"][web] == len(COUNTER_NAMES) + 1
    assert {
        "keepalived_become_master_total", "keepalived_release_master_total", "keepalived_packet_length_errors_total",
        "keepalived_advertisements_interval_errors_total", "keepalived_ip_ttl_errors_total",
        "keepalived_invalid_type_received_total", "keepalived_address_list_errors_total",
        "keepalived_authentication_mismatch_total", "keepalived_authentication_failure_total",
        "keepalived_priority_zero_received_total", "keepalived_priority_zero_sent_total",
        "keepalived_advertisements_sent_total",
    } <= set(found)


CONTRIB = Path(__file__).parents[2] / "contrib"


@pytest.mark.parametrize("path", ["grafana/pyvrrp.json", "grafana/keepalived-names.json", "prometheus/alerts.yml"])
def test_what_dashboards_and_alerts_ask_for_is_told(path):
    text = (CONTRIB / path).read_text()
    if path.endswith(".json"):
        text = " ".join(target["expr"] for panel in json.loads(text)["panels"] for target in panel["targets"])
    asked = set(re.findall(r"\b(?:pyvrrp|keepalived)_\w+", text))
    names = Things([compat.of_instance("web", "eth0", 51), compat.of_instance("db", "eth1", 52)])
    told = set(read(families(snapshot()))) | set(read(compat.families(snapshot(), names, [
        compat.Address("web", "eth0", 51, "192.0.2.1/24", False, 2),
    ])))
    assert len(asked) > 5
    assert asked <= told
