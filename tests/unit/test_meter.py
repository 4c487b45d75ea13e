"""The parts of the meter that need no network: what is measured, and what comes of numbers."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from pyvrrp.config.load import load
from pyvrrp.errors import MeterError
from pyvrrp.meter import arithmetic, machine, processes
from pyvrrp.meter.arithmetic import Spread
from pyvrrp.meter.case import HIGH, LOW, Case
from pyvrrp.meter.course import Course, StoppedError
from pyvrrp.meter.failover import judge
from pyvrrp.meter.loops import BATCH, LastAdverts, PlainSender

DUMP = """VRRP Instance: V0_1
  Advertisements:
    Received: 300
    Sent: 7
  Became master: 1
  Packet Errors:
    Length: 5
  Priority Zero:
    Received: 2
    Sent: 1
VRRP Instance: V0_2
  Advertisements:
    Received: 40
    Sent: 9
  Priority Zero:
    Received: 0
    Sent: 1
"""


@pytest.mark.parametrize(("routers", "links"), [(1, 1), (250, 1), (251, 2), (1000, 4), (10_000, 40)])
def test_a_wire_has_250_routers(routers: int, links: int) -> None:
    case = Case(routers=routers)
    places = list(case.places())
    assert case.links == links
    assert len(set(places)) == routers
    assert {link for link, _ in places} == set(range(links))
    assert all(1 <= vrid <= 250 for _, vrid in places)
    assert len({case.vip(*place) for place in places}) == routers


def test_the_two_files_are_a_pair() -> None:
    case = Case(routers=251, interval_cs=10)
    assert case.adverts_per_s == 2510
    sides = []
    for side, priority in ((1, LOW), (2, HIGH)):
        text = case.configuration(side, priority).encode()
        loaded = load("pair.conf", config_id="", interfaces=frozenset({"eth0", "eth1"}), data=text)
        assert loaded.configuration is not None
        assert not loaded.diagnostics
        sides.append(loaded.configuration.instances)
    backup, master = sides
    assert len(backup) == len(master) == 251
    for low, high in zip(backup, master, strict=True):
        assert (low.name, low.vrid, low.interface, low.advertisement_interval_cs) == (
            high.name, high.vrid, high.interface, 10)
        assert low.priority < high.priority


def test_spread_has_the_nearest_ranks() -> None:
    assert arithmetic.spread(range(1, 101)) == Spread(50, 99, 100)
    assert arithmetic.spread([3.0, 1.0, 2.0]) == Spread(2.0, 3.0, 3.0)
    assert arithmetic.spread([7.0]) == Spread(7.0, 7.0, 7.0)


def test_a_histogram_counts_from_the_first_look() -> None:
    before = {"64": 10, "4096": 1}
    after = {"64": 10, "128": 99, "4096": 2}
    assert arithmetic.histogram_spread(before, after, 9000) == Spread(128.0, 128.0, 4096.0)
    assert arithmetic.histogram_spread({}, {"64": 98, "inf": 2}, 70_000) == Spread(64.0, 70_000.0, 70_000.0)
    assert arithmetic.histogram_spread({}, {"64": 100}, 40) == Spread(40.0, 40.0, 40.0)
    assert arithmetic.histogram_spread(after, after, 9000) is None
    assert arithmetic.histogram_spread({}, {}, 0) is None


@pytest.mark.parametrize(("sent", "lost", "part"), [(100, 0, 1.0), (100, 25, 0.75), (100, 100, 0.0), (0, 0, 1.0)])
def test_delivered(sent: int, lost: int, part: float) -> None:
    assert arithmetic.delivered(sent, lost) == part


def test_ratio() -> None:
    assert arithmetic.ratio(1.0, 4.0) == 0.25
    assert arithmetic.ratio(1.0, 0.0) is None


def test_keepaliveds_counters_are_read() -> None:
    assert arithmetic.heard_in(DUMP) == 300 + 40 - 2
    assert arithmetic.heard_in("") == 0


def test_an_address_is_late_from_its_own_deadline() -> None:
    case = Case(routers=3)
    ms = 1_000_000
    heard = {"a": 1_000 * ms, "b": 1_500 * ms, "c": 1_900 * ms}
    late = {"a": 1, "b": 5, "c": 2}
    came = {vip: at_ns + case.deadline_ns + late[vip] * ms for vip, at_ns in heard.items()}
    found = judge(case, "pyvrrpd", heard, came | {"10.0.0.1": 7}, -0.5)
    assert found.master_down_interval_s == 3.609375
    assert found.late_ms == Spread(2.0, 5.0, 5.0)
    assert (found.earliest_ms, found.deadlines_ms, found.addresses_ms, found.reader_late_ms) == (1.0, 900.0, 901.0, 0.0)


def test_what_did_not_come_is_said() -> None:
    case = Case(routers=2)
    with pytest.raises(MeterError, match=r"keepalived: 1 of 2 addresses did not come within 60 s"):
        judge(case, "keepalived", {"a": 1, "b": 1}, {"a": 2}, 0.0)
    with pytest.raises(MeterError, match=r"of some routers no advert was heard"):
        judge(case, "pyvrrpd", {"a": 1, "b": 0}, {"a": 2, "b": 2}, 0.0)


def test_a_course_waits_and_says_how_far_it_is() -> None:
    said: list[str] = []
    counts = iter([1, 2, 3])
    course = Course(said.append, said.append)
    course.begin("starting")
    course.until(lambda: next(counts), 3, 10.0, "MASTER")
    assert said == ["starting", "1 of 3 MASTER", "2 of 3 MASTER"]


def test_a_course_ends_when_it_takes_too_long() -> None:
    with pytest.raises(MeterError, match=r"only 1 of 3 MASTER of pyvrrpd after 0 s; .*take fewer routers"):
        Course().until(lambda: 1, 3, 0.0, "MASTER of pyvrrpd")


def test_a_signal_ends_a_course() -> None:
    received: list[int] = []
    course = Course(received=received)
    course.rest(0.0)
    received.append(15)
    for step in (lambda: course.begin("x"), lambda: course.rest(60.0), lambda: course.until(lambda: 0, 1, 60.0, "x")):
        with pytest.raises(StoppedError) as stopped:
            step()
        assert stopped.value.number == 15


@pytest.mark.parametrize(("load", "is_busy"), [(0.0, False), (1.2, False), (1.3, True), (8.0, True)])
def test_a_machine_is_busy_by_its_cores(load: float, is_busy: bool) -> None:
    assert machine.Machine("", 4, "", "", (load, 0.0, 0.0)).is_busy is is_busy


def test_this_machine() -> None:
    found = machine.look()
    assert found.cpu
    assert 1 <= found.cores <= (os.cpu_count() or 1)
    assert len(found.load_text().split()) == 3


def test_descendants_are_found_over_two_generations() -> None:
    program = "import os; os.fork(); os.fork(); os.write(1, b'.'); os.read(0, 1)"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        for _ in range(4):
            assert first.stdout.read(1) == b"."
        found = processes.family(first.pid)
        memory = processes.memory_bytes(first.pid)
        first.stdin.write(b"....")
    assert len(set(found)) == len(found) == 4
    assert found[0] == first.pid
    assert memory > 1024 * 1024


def test_cpu_time_grows_by_what_is_used() -> None:
    before_ns, used_ns = processes.cpu_ns(os.getpid()), time.thread_time_ns()
    while time.thread_time_ns() - used_ns < 50_000_000:
        pass
    assert processes.cpu_ns(os.getpid()) - before_ns >= 40_000_000


def test_plain_sender_refuses_what_is_no_batch() -> None:
    datagram = bytes(4), bytes(4), b"x"
    for wrong in ([], [datagram] * (BATCH + 1), [(bytes(16), bytes(4), b"x")]):
        with pytest.raises(ValueError, match=r"batch|4 bytes"):
            PlainSender(1, wrong)


def test_last_adverts_are_of_its_interfaces_only() -> None:
    last = LastAdverts(4)
    assert last.at_ns(3, 255) == 0
    for wrong in ((4, 1), (-1, 1), (0, 256), (0, -1)):
        with pytest.raises(IndexError):
            last.at_ns(*wrong)
