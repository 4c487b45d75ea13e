"""garp_extra_if: which addresses are announced where no advert passes, and when."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from network import MAC, settings

from pyvrrp import limits
from pyvrrp.elsewhere import Elsewhere, places_elsewhere
from pyvrrp.model import Instance, State
from vrrpcore.settings import Announce

HERE, VMAC, OTHER = 2, 7, 3


def told(*ifindexes: int) -> tuple[Announce, ...]:
    return tuple(Announce(ifindex, MAC, bytes((10, 0, 0, k))) for k, ifindex in enumerate(ifindexes))


class Bench:
    """A loop with one clock and one timer, an engine whose pacers are free or not, and a router."""

    def __init__(self, **changes: Any) -> None:
        self.now_s = 100.0
        self.timer: Any = None
        self.busy: set[int] = set()             # places that cannot be sent now
        self.sent: list[tuple[float, int]] = []
        self.flushes = 0
        self.elsewhere = Elsewhere(cast(Any, self), cast(Any, self), sent=self._flush)
        self.router: Any = SimpleNamespace(
            number=1, index=0, state=State.MASTER, placed=SimpleNamespace(vmacs=()),
            instance=Instance(name="VI_1", family=4, interface="eth0", vrid=51, garp_extra_if_all=True, **changes),
            settings=replace(settings(), transmit_ifindex=HERE, announces=told(HERE, OTHER, OTHER, VMAC)),
            network=SimpleNamespace(usable_links=None),
        )

    def time(self) -> float:
        return self.now_s

    def call_at(self, at_s: float, callback: Any) -> Any:
        self.timer = SimpleNamespace(at_s=at_s, callback=callback, cancel=lambda: setattr(self, "timer", None))
        return self.timer

    def announce_one(self, index: int, place: int, now_ns: int) -> bool:
        if place in self.busy:
            return False
        self.sent.append((self.now_s, place))
        return True

    def _flush(self) -> None:
        self.flushes += 1

    def run(self, until_s: float) -> list[tuple[float, int]]:
        """What is sent until then."""
        self.sent.clear()
        while self.timer is not None and self.timer.at_s <= until_s:
            self.now_s, ring = self.timer.at_s, self.timer.callback
            ring()
        self.now_s = until_s
        return list(self.sent)


def test_one_address_of_each_other_interface() -> None:
    one = replace(settings(), transmit_ifindex=HERE, announces=told(HERE, OTHER, OTHER, VMAC, HERE))
    assert list(places_elsewhere(one, None)) == [1, 3]
    assert list(places_elsewhere(one, {VMAC})) == [3], "without `all`: virtual MACs only"
    assert list(places_elsewhere(one, None, {OTHER})) == [3]
    # Adverts that leave by the interface below leave the virtual MAC untold (vmac_xmit_base).
    assert list(places_elsewhere(replace(one, transmit_ifindex=OTHER), {VMAC, HERE})) == [0, 3]


def test_a_master_announces_at_each_interval_from_the_time_that_it_is_one() -> None:
    bench = Bench(garp_extra_if_s=10)
    bench.elsewhere.follow(bench.router)
    bench.now_s = 103.0
    bench.elsewhere.follow(bench.router)
    assert bench.run(125.0) == [(110.0, 1), (110.0, 3), (120.0, 1), (120.0, 3)]
    assert bench.flushes == 2
    bench.router.state = State.BACKUP
    bench.elsewhere.follow(bench.router)
    assert bench.run(200.0) == []
    bench.router.state = State.MASTER
    bench.elsewhere.follow(bench.router)
    assert bench.run(215.0) == [(210.0, 1), (210.0, 3)], "and not at 200, from before"


def test_another_interval_counts_at_once_and_none_ends_it() -> None:
    bench = Bench(garp_extra_if_s=10)
    bench.elsewhere.follow(bench.router)
    bench.router.instance = replace(bench.router.instance, garp_extra_if_s=3)
    bench.elsewhere.follow(bench.router)
    assert [at_s for at_s, _ in bench.run(107.0)] == [103.0, 103.0, 106.0, 106.0]
    bench.router.instance = replace(bench.router.instance, garp_extra_if_s=0)
    bench.elsewhere.follow(bench.router)
    assert bench.run(200.0) == []


def test_where_the_gap_is_not_over_it_comes_a_moment_later_and_nowhere_twice() -> None:
    bench = Bench(garp_extra_if_s=10)
    bench.elsewhere.follow(bench.router)
    bench.busy = {1}
    assert bench.run(110.0) == [(110.0, 3)]
    bench.busy = set()
    later_s = 110.0 + limits.PACER_BUSY_S
    assert bench.run(121.0) == [(later_s, 1), (later_s + 10, 1), (later_s + 10, 3)]


def test_without_the_keyword_there_is_no_timer_and_stop_ends_all() -> None:
    bench = Bench()
    bench.elsewhere.follow(bench.router)
    assert bench.timer is None
    bench.router.instance = replace(bench.router.instance, garp_extra_if_s=1)
    bench.elsewhere.follow(bench.router)
    assert bench.timer is not None
    bench.elsewhere.stop()
    assert bench.timer is None


def test_virtual_macs_are_those_that_the_router_has() -> None:
    bench = Bench(garp_extra_if_s=10)
    bench.router.instance = replace(bench.router.instance, garp_extra_if_all=False)
    bench.router.placed = SimpleNamespace(vmacs=(SimpleNamespace(name="vrrp.51"), SimpleNamespace(name="gone")))
    bench.router.network.usable_links = SimpleNamespace(by_name={"vrrp.51": SimpleNamespace(index=VMAC)})
    bench.elsewhere.follow(bench.router)
    assert bench.run(110.0) == [(110.0, 3)]
