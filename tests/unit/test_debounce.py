"""interface_up_down_delays: what counts of a link that flaps. Time is a list of timers that the test runs."""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest

from pyvrrp.debounce import Debounce, bounded
from pyvrrp.model import Instance, InterfaceDelays
from pyvrrp.netlink.links import Link

UP = Link(2, "eth0", True, bytes(6), 1500)
DOWN = Link(2, "eth0", False, bytes(6), 1500)


class Timers:
    """call_later() by hand."""

    def __init__(self) -> None:
        self.waiting: list[Timer] = []

    def call_later(self, delay_s: float, callback: Any) -> Any:
        timer = Timer(self, delay_s, callback)
        self.waiting.append(timer)
        return timer

    def fire(self) -> None:
        (timer,) = self.waiting
        self.waiting.clear()
        timer.callback()


class Timer:
    def __init__(self, timers: Timers, delay_s: float, callback: Any) -> None:
        self.timers, self.delay_s, self.callback = timers, delay_s, callback

    def cancel(self) -> None:
        self.timers.waiting.remove(self)


class Bench:
    def __init__(self, *delays: InterfaceDelays) -> None:
        self.timers = Timers()
        self.settled: list[tuple[Any, str]] = []
        self.debounce = Debounce(cast(Any, self.timers.call_later), lambda *where: self.settled.append(where))
        self.debounce.adopt(delays)

    def is_up(self, link: Link | None, network: str = "here") -> bool:
        return self.debounce.is_up(network, "eth0", link)


def test_without_delays_the_link_counts_as_it_is() -> None:
    bench = Bench(InterfaceDelays("eth1", 1.0))
    assert [bench.is_up(link) for link in (UP, DOWN, UP, None)] == [True, False, True, False]
    assert not bench.timers.waiting


def test_a_flap_that_is_shorter_is_not_seen() -> None:
    bench = Bench(InterfaceDelays("eth0", 0.2))
    assert bench.is_up(UP)
    assert bench.is_up(DOWN)
    assert [timer.delay_s for timer in bench.timers.waiting] == [0.2]
    assert bench.is_up(DOWN), "asking again does not start it again"
    assert len(bench.timers.waiting) == 1
    assert bench.is_up(UP)
    assert not bench.timers.waiting
    assert not bench.settled


def test_after_the_delay_it_counts_and_is_asked_again() -> None:
    bench = Bench(InterfaceDelays("eth0", 0.2, 0.5))
    bench.is_up(UP)
    bench.is_up(DOWN)
    bench.timers.fire()
    assert bench.settled == [("here", "eth0")]
    assert not bench.is_up(DOWN)
    assert not bench.is_up(UP), "and up has a delay of its own"
    assert [timer.delay_s for timer in bench.timers.waiting] == [0.5]
    bench.timers.fire()
    assert bench.is_up(UP)


def test_without_a_delay_for_up_it_is_up_at_once() -> None:
    bench = Bench(InterfaceDelays("eth0", 0.2))
    bench.is_up(UP)
    bench.is_up(DOWN)
    bench.timers.fire()
    assert bench.is_up(UP)
    assert not bench.timers.waiting


def test_one_that_is_deleted_is_gone_at_once_and_comes_as_it_is() -> None:
    bench = Bench(InterfaceDelays("eth0", 0.2, 0.2))
    bench.is_up(UP)
    bench.is_up(DOWN)
    assert not bench.is_up(None)
    assert not bench.timers.waiting
    assert bench.is_up(UP)
    assert not bench.is_up(Link(3, "eth0", False, bytes(6), 1500)), "another one of that name"


def test_namespaces_have_their_own() -> None:
    bench = Bench(InterfaceDelays("eth0", 0.2))
    assert bench.is_up(UP, "here")
    assert not bench.is_up(DOWN, "there")
    assert not bench.timers.waiting


def test_a_delay_that_is_gone_waits_for_nothing() -> None:
    bench = Bench(InterfaceDelays("eth0", 0.2))
    bench.is_up(UP)
    bench.is_up(DOWN)
    bench.debounce.close()
    assert not bench.timers.waiting
    assert not bench.is_up(DOWN)


def test_down_is_shorter_than_what_any_instance_there_can_wait(caplog: pytest.LogCaptureFixture) -> None:
    instances = [
        Instance(name="slow", family=4, interface="eth0", vrid=1),
        Instance(name="fast", family=4, interface="eth0", vrid=2, advertisement_interval_cs=10),
        Instance(name="other", family=4, interface="eth1", vrid=1, down_timer_adverts=5),
    ]
    delays = [InterfaceDelays("eth0", 0.2, 3.0), InterfaceDelays("eth1", 3.9), InterfaceDelays("eth2", 200.0)]
    with caplog.at_level(logging.WARNING):
        found = bounded(delays, instances)
    assert found == [InterfaceDelays("eth0", 0.199, 3.0), *delays[1:]]
    assert caplog.messages == [
        "interface_up_down_delays: instance fast cannot wait 0.2 s for eth0 to be down; 0.199 s is used"
    ]
