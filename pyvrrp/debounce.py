"""Links that flap: an interface counts as down, or up, only when it has been so for as long as the file says.

interface_up_down_delays gives the times. A flap that is shorter is not seen at all. An interface that is deleted is
gone at once, and one that appears counts as it is, whatever the delays: as with keepalived.

It holds no clock of its own: whoever judges a router asks, and asking is what starts, ends or keeps a delay.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass

from pyvrrp.model import Instance, InterfaceDelays
from pyvrrp.netlink.links import Link

log = logging.getLogger("pyvrrp.network")

_JUST_BELOW_S = 0.001           # by how much less than its bound a delay is


@dataclass(slots=True)
class _Held:
    """What counts of one interface, and the delay after which that may change."""

    index: int
    is_up: bool
    timer: asyncio.TimerHandle | None = None


class Debounce:
    """Which links count as up for one scope."""

    def __init__(
        self,
        call_later: Callable[[float, Callable[[], None]], asyncio.TimerHandle],
        on_settled: Callable[[Hashable, str], None],
    ) -> None:
        """on_settled(network, name): after a delay another state counts; ask again."""
        self._call_later, self._on_settled = call_later, on_settled
        self._delays: dict[str, InterfaceDelays] = {}
        self._held: dict[tuple[Hashable, str], _Held] = {}

    def adopt(self, delays: Iterable[InterfaceDelays]) -> None:
        """Go by other delays. What counts now goes on to count."""
        self._delays = {delay.name: delay for delay in delays}
        for key in [key for key in self._held if key[1] not in self._delays]:
            self._drop(key)

    def close(self) -> None:
        """Wait for nothing any more."""
        self.adopt(())

    def is_up(self, network: Hashable, name: str, link: Link | None) -> bool:
        """Whether an interface counts as up. link: as it is now; None: it does not exist."""
        delay = self._delays.get(name)
        key = network, name
        if delay is None or link is None:
            self._drop(key)
            return link is not None and link.is_up
        held = self._held.get(key)
        if held is None or held.index != link.index:
            self._drop(key)
            self._held[key] = held = _Held(link.index, link.is_up)
        if held.is_up == link.is_up:
            if held.timer is not None:
                held.timer.cancel()
                held.timer = None
            return held.is_up
        delay_s = delay.up_s if link.is_up else delay.down_s
        if not delay_s:
            held.is_up = link.is_up
        elif held.timer is None:
            held.timer = self._call_later(delay_s, lambda: self._settle(network, name))
        return held.is_up

    def _settle(self, network: Hashable, name: str) -> None:
        held = self._held[network, name]
        held.is_up, held.timer = not held.is_up, None
        self._on_settled(network, name)

    def _drop(self, key: tuple[Hashable, str]) -> None:
        held = self._held.pop(key, None)
        if held is not None and held.timer is not None:
            held.timer.cancel()


def bounded(delays: Collection[InterfaceDelays], instances: Iterable[Instance]) -> list[InterfaceDelays]:
    """Delays with which every instance still says FAULT in time, as keepalived bounds them.

    A MASTER whose link is down must know before its peers have lost it and come back: `down` is less than all but one
    of the advertisement intervals after which it is lost, of each instance on the interface.
    """
    bounds: dict[str, tuple[float, str]] = {}
    for instance in instances if delays else ():        # there may be 10,000
        bound_s = (instance.down_timer_adverts - 1) * instance.advertisement_interval_cs / 100
        bounds[instance.interface] = min(bounds.get(instance.interface, (bound_s, instance.name)),
                                         (bound_s, instance.name))
    found = []
    for delay in delays:
        bound_s, name = bounds.get(delay.name, (delay.down_s + 1, ""))
        if delay.down_s >= bound_s:
            down_s = max(0.0, bound_s - _JUST_BELOW_S)
            log.warning("interface_up_down_delays: instance %s cannot wait %g s for %s to be down; %g s is used",
                        name, delay.down_s, delay.name, down_s)
            delay = delay._replace(down_s=down_s)
        found.append(delay)
    return found
