"""Moving addresses by hand: routers that yield, and whether another host takes over within a time.

Those of one sync group move together, as one *unit*. It is decided when each router of it that was MASTER has heard an
advert of another host; or when its time is over and nobody spoke: then, unless the operator insists, it goes on as
before, so that a mistake costs the limit and not the service. Looking is cheap and runs only while something moves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pyvrrp import limits
from pyvrrp.control.actions import Move
from pyvrrp.host import Host, in_slices
from pyvrrp.journal import text
from pyvrrp.model import State
from pyvrrp.router import Router

log = logging.getLogger("pyvrrp")

MOVING, MOVED, NOT_MASTER, NOBODY, ENDED = "MOVING", "MOVED", "NOT_MASTER", "NOBODY", "ENDED"


@dataclass(slots=True, eq=False)
class Unit:
    """Routers that move together. `stays_out`: also when nobody takes over."""

    routers: Sequence[Router]
    is_switchover: bool             # its routers are free again as soon as it is decided
    stays_out: bool
    decided: Callable[[Unit, bool], None]       # called once, with whether another host took over
    limit_s: float
    began_ns: int = 0
    found: dict[Router, Move] = field(default_factory=dict)
    end: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def moves(self) -> list[Move]:
        """What is known by now, in the order of the routers."""
        return [self.found[router] for router in self.routers]


def usual_limit_s(routers: Sequence[Router]) -> float:
    """How long another host may take: its Skew_Time is below one interval, or with VRRPv2 below a second."""
    longest_cs = max(router.instance.advertisement_interval_cs for router in routers)
    return limits.MOVE_INTERVALS * longest_cs / 100 + 1.0


class Moves:
    """Everything that moves now."""

    def __init__(self, host: Host) -> None:
        self._host, self._engine = host, host.engine
        self._units: dict[Unit, None] = {}
        self._task: asyncio.Task[None] | None = None

    def begin(self, unit: Unit) -> None:
        """Note who is MASTER. The caller has them yield right afterwards, in the same turn of the loop."""
        unit.began_ns = self._host.reactor.now_ns()
        for router in unit.routers:
            is_master = router.state is State.MASTER
            unit.found[router] = Move(instance=router.title, outcome=MOVING if is_master else NOT_MASTER)
        if all(move.outcome == NOT_MASTER for move in unit.found.values()):
            self._decide(unit, took_over=True)
            return
        self._units[unit] = None
        if self._task is None:
            self._task = self._host.loop.create_task(self._run(), name="moves")

    def close(self) -> None:
        """Look no more: the daemon stops, or nobody runs."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        for unit in self._units:
            self._end(unit, "the daemon stops")
            unit.end.set()
        self._units.clear()

    def give_up(self, routers: Sequence[Router], why: str) -> None:
        """Another order ends what is under way of these."""
        for unit in [unit for unit in self._units if any(router in unit.found for router in routers)]:
            del self._units[unit]
            self._end(unit, why)
            unit.end.set()

    async def _run(self) -> None:
        try:
            while self._units:
                await asyncio.sleep(limits.MOVE_LOOK_S)
                now_ns = self._host.reactor.now_ns()
                async for unit in in_slices(list(self._units)):
                    if unit in self._units:
                        self._look(unit, now_ns)
        finally:
            self._task = None

    def _look(self, unit: Unit, now_ns: int) -> None:
        for router, move in unit.found.items():
            if move.outcome == MOVING:
                unit.found[router] = self._seen(router, move, unit)
        outcomes = {move.outcome for move in unit.found.values()}
        if MOVING not in outcomes:
            self._decide(unit, took_over=True)
        elif now_ns - unit.began_ns >= unit.limit_s * 1e9:
            for router, move in unit.found.items():
                if move.outcome == MOVING:
                    unit.found[router] = self._nobody(move, unit)
            self._decide(unit, took_over=False)

    def _seen(self, router: Router, move: Move, unit: Unit) -> Move:
        if not self._host.runs(router):
            return Move(instance=move.instance, outcome=ENDED, detail="a reload removed it")
        seen = self._engine.status(router.index)
        if seen.peer_heard_ns <= unit.began_ns or not seen.peer_priority:
            return move
        to = text(seen.peer_address, router.instance.family)
        after_s = round((seen.peer_heard_ns - unit.began_ns) / 1e9, 3)
        log.info("(%s) %s has taken over, %.3f s after it was asked to", router.title, to, after_s)
        returns = unit.is_switchover and router.instance.preempt and seen.peer_priority < router.priority
        return Move(instance=move.instance, outcome=MOVED, to=to, after_s=after_s, returns=returns)

    def _nobody(self, move: Move, unit: Unit) -> Move:
        then = "it stays out, as was insisted on" if unit.stays_out else "it goes on as before"
        detail = f"no other host took over within {unit.limit_s:g} s; {then}"
        log.warning("(%s) %s", move.instance, detail)
        return Move(instance=move.instance, outcome=NOBODY, detail=detail)

    def _decide(self, unit: Unit, *, took_over: bool) -> None:
        self._units.pop(unit, None)
        unit.decided(unit, took_over)
        unit.end.set()

    def _end(self, unit: Unit, why: str) -> None:
        for router, move in unit.found.items():
            if move.outcome == MOVING:
                unit.found[router] = Move(instance=move.instance, outcome=ENDED, detail=why)
