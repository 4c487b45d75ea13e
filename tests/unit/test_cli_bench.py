"""`pyvrrp bench`: what its command line comes to, and how figures are told."""

from __future__ import annotations

import json
import os

import pytest

from pyvrrp.cli import bench, main
from pyvrrp.cli.bench_figures import as_object, interval, lines, report_of
from pyvrrp.errors import MeterError, UsageError
from pyvrrp.meter.arithmetic import Spread
from pyvrrp.meter.case import Case
from pyvrrp.meter.failover import Failover
from pyvrrp.meter.flood import Flood, Rates
from pyvrrp.meter.machine import Machine
from pyvrrp.meter.throughput import Throughput

IDLE = Machine("A Processor", 2, "6.1.0", "3.11.2", (0.1, 0.2, 0.3))
VERSIONS = {"pyvrrpd": "0.1.0", "keepalived": "2.2.7"}
BUSY = Machine("A Processor", 2, "6.1.0", "3.11.2", (5.0, 2.0, 1.0))


def asked(*line: str) -> bench.Asked:
    return bench.understand(main.parse(["bench", *line]))


def throughput(kind: str, **differing: object) -> Throughput:
    fields: dict[str, object] = {
        "kind": kind, "for_s": 10.0, "sent": 10_000, "sent_per_s": 1000.0, "cpu_us_per_sent": 8.0,
        "cpu_us_per_heard": 2.5, "cpu_percent_master": 0.8, "cpu_percent_backup": 0.25, "memory_mib_master": 60.0,
        "memory_mib_backup": 61.5, "changes": 0, "sent_ever": 20_000, "heard_ever": 19_999, "lost_ever": 1,
        "delivered": 0.99995, "late_us": Spread(64.0, 512.0, 700.0), "turn_late_us": None,
    }
    return Throughput(**(fields | differing))


def failover(kind: str, median: float) -> Failover:
    return Failover(kind=kind, routers=100, master_down_interval_s=3.609375, earliest_ms=0.5, deadlines_ms=900.0,
                    late_ms=Spread(median, 2 * median, 1500.0), addresses_ms=910.0, reader_late_ms=0.0)


def told(*arguments: object) -> list[str]:
    """The lines of a report, with single blanks."""
    return [" ".join(line.split()) for line in lines(report_of(*arguments))]


def test_what_it_is_without_options() -> None:
    assert asked("throughput") == ("throughput", Case(routers=1000), 10.0, ("pyvrrpd",))
    assert asked("failover") == ("failover", Case(routers=1000), 0.0, ("pyvrrpd",))
    assert asked("flood") == ("flood", Case(routers=1000), 5.0, ("pyvrrpd",))


@pytest.mark.parametrize(("text", "interval_cs"), [("10ms", 1), ("100ms", 10), ("1s", 100), ("1", 100), ("2.5s", 250)])
def test_intervals(text: str, interval_cs: int) -> None:
    assert asked("throughput", "--interval", text).case.interval_cs == interval_cs


def test_options() -> None:
    found = asked("throughput", "--routers", "20", "--for", "30s", "--against", "keepalived")
    assert found == ("throughput", Case(routers=20), 30.0, ("pyvrrpd", "keepalived"))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (["throughput", "--routers", "0"], "--routers 0 is not in 1..10000"),
        (["throughput", "--routers", "10001"], "--routers 10001 is not in 1..10000"),
        (["flood", "--routers", "4001"], "--routers 4001 is not in 1..4000"),
        (["throughput", "--interval", "5ms"], "--interval 0.005s is not in 10ms..40.95s"),
        (["throughput", "--interval", "15ms"], "in steps of 10ms"),
        (["failover", "--interval", "41s"], "is not in 10ms..40.95s"),
        (["throughput", "--for", "601"], "--for 601s is not in 0.1s..600s"),
        (["throughput", "--routers", "2000", "--interval", "10ms"], "200,000 adverts a second, more than 100,000"),
        (["failover", "--for", "5"], "it ends by itself"),
        (["flood", "--interval", "1s"], "there is no interval in it"),
        (["flood", "--against", "keepalived"], "no daemon is in it"),
    ],
)
def test_what_is_out_of_bounds(line: list[str], sentence: str) -> None:
    with pytest.raises(UsageError, match=rf"^bench {line[0]}: ") as error:
        asked(*line)
    assert sentence in str(error.value)


@pytest.mark.parametrize("line", [["nothing"], [], ["flood", "--for", "0"], ["throughput", "--against", "frr"]])
def test_what_the_parser_refuses(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        asked(*line)
    assert end.value.code == main.EXIT_USAGE
    assert "pyvrrp bench: error" in capsys.readouterr().err


def test_only_root_may(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main.main(["bench", "failover"]) == main.EXIT_FAILED
    assert capsys.readouterr().err.startswith("pyvrrp: bench: only root may make")
    with pytest.raises(MeterError, match=r"sudo pyvrrp bench failover$"):
        bench.run(main.parse(["bench", "failover"]))


def test_keepalived_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(bench, "KEEPALIVED", "/nonexistent/keepalived")
    with pytest.raises(MeterError, match="no keepalived on this host; install it, or leave --against out"):
        bench.run(main.parse(["bench", "throughput", "--against", "keepalived"]))


def test_figures_stand_beside_those_of_keepalived() -> None:
    both = [throughput("pyvrrpd"), throughput("keepalived", cpu_us_per_sent=32.0, memory_mib_master=6.0, late_us=None)]
    report = report_of("throughput", Case(routers=1000), both, VERSIONS, IDLE, IDLE)
    assert report.ratios == {"cpu_us_per_sent": 0.25, "cpu_us_per_heard": 1.0, "memory_mib_master": 10.0,
                             "memory_mib_backup": 1.0}
    assert report.warnings == []
    text = told("throughput", Case(routers=1000), both, VERSIONS, IDLE, IDLE)
    assert text[0] == "1,000 routers at 1 s, unicast, measured for 10.0 s"
    assert "lost, of all since the start 1 of 20,000 1 of 20,000" in text
    assert "CPU per advert sent 8 us 32 us 0.25" in text
    assert "adverts late: median / 99 % / longest, us, at most 64 / 512 / 700 -" in text
    assert "on: A Processor, 2 cores, Linux 6.1.0, Python 3.11.2; pyvrrpd 0.1.0, keepalived 2.2.7" in text


def test_without_keepalived_there_is_no_ratio() -> None:
    report = report_of("throughput", Case(routers=1000), [throughput("pyvrrpd")], VERSIONS, IDLE, IDLE)
    assert report.ratios == {}
    assert lines(report)[1].split() == ["pyvrrpd"]


def test_failovers() -> None:
    both = [failover("pyvrrpd", 5.0), failover("keepalived", 50.0)]
    report = report_of("failover", Case(routers=100, interval_cs=10), both, VERSIONS, IDLE, IDLE)
    assert report.ratios == {"late_ms.median": 0.1, "late_ms.p99": 0.1, "late_ms.longest": 1.0}
    text = told("failover", Case(routers=100, interval_cs=10), both, VERSIONS, IDLE, IDLE)
    assert text[0] == "100 routers at 100 ms: the MASTER was killed; Master_Down_Interval 3.61 s"
    assert text[2] == "address after its deadline: median 5 ms 50 ms 0.10"


def test_floods() -> None:
    flood = Flood(routers=1000, rounds=20, for_s=5.0, sent=20_000, heard=19_000, lost=1000, delivered=0.95,
                  judged=19_000, pyvrrp=Rates(sent_per_s=200_000.0, heard_per_s=900_000.0),
                  plain=Rates(sent_per_s=250_000.0, heard_per_s=1_000_000.0), sent_ratio=0.8, heard_ratio=0.9)
    report = report_of("flood", Case(routers=1000), [flood], VERSIONS, IDLE, IDLE)
    assert report.interval_s is None
    assert report.ratios == {}
    text = told("flood", Case(routers=1000), [flood], VERSIONS, IDLE, IDLE)
    assert text[2] == "sent 200,000 250,000 (sendmmsg) 0.80"
    assert text[4] == "lost 1,000 of 20,000"


def test_a_busy_machine_and_a_daemon_that_cannot_keep_up_are_told() -> None:
    figures = [throughput("pyvrrpd", sent_per_s=900.0, changes=12)]
    report = report_of("throughput", Case(routers=1000), figures, VERSIONS, BUSY, BUSY)
    assert [warning.split(":")[0] for warning in report.warnings] == [
        "the machine was busy before it began (load average 5.0 2.0 1.0)", "pyvrrpd", "pyvrrpd"]
    assert "states changed 12 times" in report.warnings[1]
    assert "900 adverts a second were sent, where 1,000 were due" in report.warnings[2]
    assert lines(report)[-3:] == [f"warning: {warning}" for warning in report.warnings]


def test_programs_get_names_for_all_of_it() -> None:
    report = report_of("throughput", Case(routers=1000, interval_cs=10), [throughput("pyvrrpd")], VERSIONS, IDLE, BUSY)
    found = json.loads(json.dumps(as_object(report)))
    assert found["interval_s"] == 0.1
    assert found["versions"] == VERSIONS
    assert found["figures"][0]["late_us"] == {"median": 64.0, "p99": 512.0, "longest": 700.0}
    assert found["figures"][0]["turn_late_us"] is None
    assert found["machine"]["is_busy"] is False
    assert found["load_after"] == [5.0, 2.0, 1.0]


@pytest.mark.parametrize(("cs", "text"), [(1, "10 ms"), (10, "100 ms"), (100, "1 s"), (250, "2.5 s")])
def test_interval_as_text(cs: int, text: str) -> None:
    report = report_of("failover", Case(routers=1, interval_cs=cs), [failover("pyvrrpd", 1.0)], VERSIONS, IDLE, IDLE)
    assert interval(report) == text
