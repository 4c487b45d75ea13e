"""Announcements where a MASTER's adverts do not pass (garp_extra_if): on the other interfaces of its addresses.

A switch learns from adverts on which port a virtual MAC is. Where none pass it forgets that after some minutes, and
floods all ports with what is for the address. So the first address of each such interface is announced once in each
interval, as with keepalived.

All times are in one heap with one timer, and the work goes in slices. A frame whose gap is not over
(vrrp_garp_interval) comes a moment later.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, NamedTuple

from pyvrrp import limits
from pyvrrp.model import State

if TYPE_CHECKING:
    from pyvrrp.router import Router
    from vrrpcore.engine import Engine
    from vrrpcore.settings import VrSettings


class _Turn(NamedTuple):
    due_s: float
    number: int                             # of the router
    told: frozenset[int] = frozenset()      # interfaces, by index, where it was announced in this turn already


class Elsewhere:
    """The routers of a scope that announce elsewhere, each at its interval while it is MASTER."""

    def __init__(self, loop: asyncio.AbstractEventLoop, engine: Engine, *, sent: Callable[[], None]) -> None:
        """sent: has sent what the engine has queued."""
        self._loop, self._engine, self._sent = loop, engine, sent
        self._routers: dict[int, tuple[Router, int, _Turn]] = {}    # with its interval in s, and its turn in the heap
        self._turns: list[_Turn] = []           # those of nobody included
        self._timer: asyncio.TimerHandle | None = None

    def follow(self, router: Router) -> None:
        """A router may have another state, or other settings."""
        interval_s = router.instance.garp_extra_if_s if router.state is State.MASTER else 0
        known = self._routers.get(router.number)
        if (known[1] if known is not None else 0) == interval_s:
            return
        if interval_s:
            self._plan(router, interval_s, self._loop.time() + interval_s)
            self._arm()
        else:
            del self._routers[router.number]

    def stop(self) -> None:
        """Announce nothing more."""
        self._routers.clear()
        self._turns.clear()
        self._arm()

    def _plan(self, router: Router, interval_s: int, due_s: float, told: frozenset[int] = frozenset()) -> None:
        turn = _Turn(due_s, router.number, told)
        self._routers[router.number] = router, interval_s, turn
        heapq.heappush(self._turns, turn)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._turns[0].due_s, self._fire) if self._turns else None

    def _fire(self) -> None:
        now_s, until_s = self._loop.time(), time.monotonic() + limits.SLICE_S
        while self._turns and self._turns[0].due_s <= now_s and time.monotonic() < until_s:
            turn = heapq.heappop(self._turns)
            router, interval_s, current = self._routers.get(turn.number, (None, 0, None))
            if router is None or current is not turn:
                continue
            told = self._announce(router, turn.told)
            if told is None:
                self._plan(router, interval_s, now_s + interval_s)
            else:
                self._plan(router, interval_s, now_s + limits.PACER_BUSY_S, told)
        self._sent()
        self._arm()

    def _announce(self, router: Router, told: frozenset[int]) -> frozenset[int] | None:
        """Announce a router where it was not yet; return where it was now, None: everywhere."""
        settings = router.settings
        if settings is None:
            return None
        links = router.network.usable_links
        by_name = links.by_name if links is not None else {}
        vmacs = {by_name[vmac.name].index for vmac in router.placed.vmacs if vmac.name in by_name}
        now_ns = time.monotonic_ns()
        is_through = True
        for place in places_elsewhere(settings, None if router.instance.garp_extra_if_all else vmacs, told):
            if self._engine.announce_one(router.index, place, now_ns):
                told |= {settings.announces[place].ifindex}
            else:
                is_through = False
        return None if is_through else told


def places_elsewhere(
    settings: VrSettings, among: Collection[int] | None, told: Collection[int] = ()
) -> Iterator[int]:
    """The place in `announces` of the first address of each interface where adverts do not leave.

    among: the indexes of the interfaces that count; None: all do.
    told: the indexes of those that do not.
    """
    seen = {settings.transmit_ifindex, *told}
    for place, announce in enumerate(settings.announces):
        if announce.ifindex not in seen and (among is None or announce.ifindex in among):
            seen.add(announce.ifindex)
            yield place
