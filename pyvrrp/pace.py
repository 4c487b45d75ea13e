"""Who keeps the gaps between the announcements of one scope: a pacer of the engine for each interface, or for each
garp_group of them (keepalived's rule G6).

The engine never forgets a pacer, so one that is not needed any more gets a gap of 0 and stays.
"""

from __future__ import annotations

from collections.abc import Iterable

from pyvrrp.model import GarpGroup, GlobalDefs
from vrrpcore.engine import Engine

_Gaps = tuple[int, int]         # between GARPs and between NAs, in ns


class Paces:
    """The pacers of a scope."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._default: _Gaps = (0, 0)
        self._group_of: dict[str, tuple[str, ...]] = {}
        self._gaps: dict[tuple[str, ...], _Gaps] = {}                           # of each group
        self._pacers: dict[tuple[str | None, tuple[str, ...]], int] = {}        # by network and interfaces

    def adopt(self, defs: GlobalDefs, groups: Iterable[GarpGroup]) -> None:
        """Go by another configuration, from the next frame on. An interface in two groups is in the first."""
        self._default = _ns(defs.garp_interval_s), _ns(defs.gna_interval_s)
        self._group_of, self._gaps = {}, {}
        for group in groups:
            garp, na = self._default
            self._gaps[group.interfaces] = (
                garp if group.garp_interval_s is None else _ns(group.garp_interval_s),
                na if group.gna_interval_s is None else _ns(group.gna_interval_s),
            )
            for interface in group.interfaces:
                self._group_of.setdefault(interface, group.interfaces)
        for (_, interfaces), pacer in self._pacers.items():
            self._engine.set_pacer(pacer, *self._gaps_of(interfaces))

    def of(self, network: str | None, interface: str) -> int | None:
        """The engine's pacer for an interface; None: there is no gap to keep."""
        interfaces = self._group_of.get(interface, (interface,))
        gaps = self._gaps_of(interfaces)
        if not any(gaps):
            return None
        key = network, interfaces
        if key not in self._pacers:
            self._pacers[key] = self._engine.add_pacer(*gaps)
        return self._pacers[key]

    def _gaps_of(self, interfaces: tuple[str, ...]) -> _Gaps:
        return self._gaps.get(interfaces, self._default)


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
