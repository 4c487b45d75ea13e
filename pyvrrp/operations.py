"""What the control API does with a running daemon: a handler for each endpoint of pyvrrp/control/endpoints.py.

Names are those that `status` shows. The members of a sync group move together, so an order for one is an order for all.
Whatever is refused is refused before anything is changed.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from pyvrrp import __version__
from pyvrrp.control.actions import (
    DrainRequest,
    GarpReply,
    GarpRequest,
    HealthReply,
    HoldRequest,
    MovesReply,
    PriorityReply,
    PriorityRequest,
    ReloadReply,
    ResumeReply,
    ResumeRequest,
    SwitchoverRequest,
)
from pyvrrp.control.answers import Answer, Call, Handler, Lines, Refusal, Sliced, Text, WithStatus, parts_of
from pyvrrp.control.protocol import ConfigurationReply, InstancesReply, Source, rfc3339
from pyvrrp.control.trackers import TrackersReply
from pyvrrp.control.transaction import TransactionReply, TransactionRequest
from pyvrrp.host import in_slices
from pyvrrp.model import State
from pyvrrp.moving import Unit, usual_limit_s
from pyvrrp.orders import Order
from pyvrrp.router import Router
from pyvrrp.runtime import Runtime
from pyvrrp.scope import Scope
from pyvrrp.scrape import Scraper

log = logging.getLogger("pyvrrp")

_SHOWN = 5              # names in a sentence
_OWNER = 255


class Operations:
    """Answers for one Runtime."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        source: Source,
        counters: Callable[[], dict[str, dict[str, int]]],
        reload: Callable[[], Awaitable[ReloadReply]],
        plan: Callable[[], Awaitable[dict[str, Any]]],
        transact: Callable[[TransactionRequest], Awaitable[TransactionReply]],
        scraper: Scraper,
    ) -> None:
        """`source`, `reload`, `plan` and `transact` are the daemon's; `counters` is what belongs to no instance."""
        self._runtime, self._source, self._counters = runtime, source, counters
        self._reload, self._plan, self._transact, self._scraper = reload, plan, transact, scraper

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """By the names of the endpoints."""
        return {
            "instances": self._instances,
            "instance": self._instance,
            "scopes": self._scopes,
            "trackers": self._trackers,
            "events": self._events,
            "configuration": self._configuration,
            "healthz": self._health,
            "metrics": self._metrics,
            "plan": self._planned,
            "reload": self._reloaded,
            "transaction": self._transaction,
            "switchover": self._switchover,
            "hold": self._hold,
            "drain": self._drain,
            "resume": self._resume,
            "priority": self._priority,
            "garp": self._garp,
        }

    # ---- looking

    async def _instances(self, _: Call) -> Answer:
        head = InstancesReply(
            version=__version__, pid=os.getpid(), counters=self._counters(), problems=self._runtime.problems(),
            unwritten=self._unwritten, instances=[],
        )
        return Sliced(head, self._runtime.instances())

    async def _instance(self, call: Call) -> Answer:
        assert call.name is not None
        found = self._runtime.details(call.name)
        if found is None:
            raise _unknown("instance", call.name, self._titles())
        return found

    async def _scopes(self, _: Call) -> Answer:
        return self._runtime.scope_statuses()

    async def _trackers(self, _: Call) -> Answer:
        head = TrackersReply(
            version=__version__, pid=os.getpid(), process_news=self._runtime.process_news(), trackers=[]
        )
        return Sliced(head, self._runtime.trackers())

    async def _events(self, call: Call) -> Answer:
        name = call.query.get("instance")
        if name is not None and self._runtime.details(name) is None:
            raise _unknown("instance", name, self._titles())
        return Lines(self._runtime.chronicle.follow(name))

    async def _configuration(self, call: Call) -> Answer:
        key = secrets.token_hex(16) if call.caller.uid in (0, os.geteuid()) else ""
        source = msgspec.structs.replace(self._source, key=key, unwritten=self._unwritten)
        head = ConfigurationReply(version=__version__, pid=os.getpid(), source=source, parts=[])
        return Sliced(head, parts_of(self._runtime.configurations, key))

    async def _health(self, _: Call) -> Answer:
        is_ok = not self._runtime.is_stopping
        reply = HealthReply(
            status="ok" if is_ok else "stopping", version=__version__, pid=os.getpid(),
            instances=self._runtime.state_counts(), problems=self._runtime.problems(),
        )
        return reply if is_ok else WithStatus(HTTPStatus.SERVICE_UNAVAILABLE, reply)

    async def _metrics(self, _: Call) -> Answer:
        return Text(await self._scraper.look())

    async def _planned(self, _: Call) -> Answer:
        return await self._plan()

    async def _reloaded(self, call: Call) -> Answer:
        log.info("reload asked for by %s", call.caller)
        reply = await self._reload()
        return reply if reply.accepted else WithStatus(HTTPStatus.CONFLICT, reply)

    async def _transaction(self, call: Call) -> Answer:
        request: TransactionRequest = call.body
        if request.scope is not None:
            self._scope(request.scope)
        if not request.dry_run:
            log.info("transaction asked for by %s", call.caller)
        reply = await self._transact(request)
        if not (reply.accepted or request.dry_run):
            log.warning("transaction refused: %s", reply.error)
        return reply if reply.accepted else WithStatus(HTTPStatus.CONFLICT, reply)

    @property
    def _unwritten(self) -> list[str]:
        return [
            path.encode("utf-8", "replace").decode()
            for path, scope in self._runtime.scopes_by_path.items()
            if scope.unwritten_since_s is not None
        ]

    # ---- moving

    async def _switchover(self, call: Call) -> Answer:
        body: SwitchoverRequest = call.body
        routers = self._target(body.instance, body.group, body.scope)
        units = await _units(routers, self._runtime)
        if not any(router.state is State.MASTER for router in routers):
            raise _conflict(f"{_named(routers)}: not MASTER on this host; switch over on the host that is")
        if (aside := next((router for router in routers if router.aside), None)) is not None:
            raise _conflict(f"{aside.title} is out already ({aside.aside}); resume it first")
        if not body.force:
            await self._refuse_without_peer(units, "it takes the addresses back if nobody has taken over in time")

        def order(router: Router) -> None:
            _order_of(router).is_moving = True

        return await self._move(call, units, order, self._after_switchover, body.limit_s, body.wait, stays_out=False)

    async def _hold(self, call: Call) -> Answer:
        body: HoldRequest = call.body
        routers = self._target(body.instance, body.group, body.scope)
        units = await _units(routers, self._runtime)
        if not body.force:
            await self._refuse_without_peer(units, "the addresses may then be nowhere")

        def order(router: Router) -> None:
            mine = _order_of(router)
            mine.is_held, mine.is_exempt, mine.is_moving = True, False, False
            if body.for_s is None:
                mine.never("hold")
            else:
                mine.later("hold", body.for_s, lambda: self._hold_is_over(mine))

        after = self._stay_out if body.force else self._after_hold
        return await self._move(call, units, order, after, body.limit_s, body.wait, stays_out=body.force)

    async def _drain(self, call: Call) -> Answer:
        body: DrainRequest = call.body
        scope = None if body.scope is None else self._scope(body.scope)
        routers = self._runtime.routers() if scope is None else scope.routers
        units = await _units(routers, self._runtime)
        if not body.force:
            await self._refuse_without_peer(units, "the addresses may then be nowhere")
        # None yields before its move has begun, whatever has it judged meanwhile.
        async for router in in_slices(routers):
            _order_of(router).is_exempt = True
        if scope is None:
            self._runtime.drain(True)
        else:
            scope.is_drained = True

        def order(router: Router) -> None:
            mine = _order_of(router)
            mine.is_exempt = mine.is_moving = False

        after = self._stay_out if body.force else self._after_drain
        return await self._move(call, units, order, after, body.limit_s, body.wait, stays_out=body.force)

    async def _move(
        self,
        call: Call,
        units: Sequence[Sequence[Router]],
        order: Callable[[Router], None],
        after: Callable[[Unit, bool], None],
        limit_s: float | None,
        waits: bool,
        *,
        stays_out: bool,
    ) -> MovesReply:
        moves = self._runtime.moves
        made: list[Unit] = []
        log.info("%s: asked to yield by %s", _named([router for routers in units for router in routers]), call.caller)
        async for routers in in_slices(units):
            moves.give_up(routers, "another order came")
            limit = usual_limit_s(routers) if limit_s is None else limit_s
            unit = Unit(routers, after == self._after_switchover, stays_out, after, limit)
            for router in routers:
                order(router)
            moves.begin(unit)               # where nothing has to move, this ends the order at once
            self._runtime.judge_now(routers)
            made.append(unit)
        if waits:
            for unit in made:
                await unit.end.wait()
        return MovesReply(moves=[move for unit in made for move in unit.moves])

    def _after_switchover(self, unit: Unit, _: bool) -> None:
        for router in unit.routers:
            if router.order is not None:
                router.order.is_moving = False
        self._runtime.judge_soon(unit.routers)

    def _after_hold(self, unit: Unit, took_over: bool) -> None:
        for router in unit.routers if not took_over else ():
            if router.order is not None:
                router.order.is_held = False
                router.order.never("hold")
        self._runtime.judge_soon(unit.routers)

    def _after_drain(self, unit: Unit, took_over: bool) -> None:
        for router in unit.routers if not took_over else ():
            _order_of(router).is_exempt = True
        self._runtime.judge_soon(unit.routers)

    def _stay_out(self, unit: Unit, _: bool) -> None:
        pass

    def _hold_is_over(self, order: Order) -> None:
        order.is_held = False
        for router in self._runtime.routers():
            if router.order is order:
                log.info("(%s) is not held any longer: its time is over", router.title)
                self._runtime.judge_soon([router])

    async def _refuse_without_peer(self, units: Iterable[Sequence[Router]], risk: str) -> None:
        """Refuse where nobody is known who could take over. A BACKUP is silent: one that came later was not heard."""
        alone = []
        async for routers in in_slices(units):
            is_master = any(router.state is State.MASTER for router in routers)
            if is_master and not any(self._runtime.has_heard_peer(router) for router in routers):
                alone.append(routers[0])
        if alone:
            raise _conflict(
                f"{_named(alone)}: no advert of another host was heard since this daemon started, so it is not known "
                f"whether one could take over (a BACKUP is silent); look there, or insist with force: {risk}"
            )

    async def _resume(self, call: Call) -> Answer:
        body: ResumeRequest = call.body
        if body.instance is None and body.group is None and body.scope is None:
            routers = self._runtime.routers()
            self._runtime.drain(False)
            for scope in self._runtime.scopes:
                scope.is_drained = False
        else:
            routers = self._target(body.instance, body.group, body.scope)
            if body.scope is not None:
                self._scope(body.scope).is_drained = False
        log.info("resume asked for by %s", call.caller)
        was_out = [router for router in routers if router.aside]
        self._runtime.moves.give_up(routers, "it was resumed")
        async for router in in_slices(routers):
            if router.order is not None:
                router.order.is_held = router.order.is_moving = router.order.is_exempt = False
                router.order.never("hold")
            self._runtime.judge_now([router])
        return ResumeReply(
            resumed=[router.title for router in was_out if not router.aside],
            still_out=[f"{router.title} ({router.aside})" for router in was_out if router.aside],
        )

    # ---- other orders

    async def _priority(self, call: Call) -> Answer:
        body: PriorityRequest = call.body
        (router, *_) = self._target(body.instance, None, None, alone=True)
        if body.priority is not None and body.for_s is None:
            raise Refusal(HTTPStatus.BAD_REQUEST, "for_s is missing: a priority of an operator ends by itself")
        if router.instance.priority == _OWNER:
            raise _conflict(f"{router.title} owns its addresses (priority 255), which nothing changes; hold it instead")
        order = _order_of(router)
        order.priority = None if body.priority is None else int(body.priority)
        order.never("priority")
        if body.priority is not None and body.for_s is not None:
            order.priority_until_s = time.time() + body.for_s
            order.later("priority", body.for_s, lambda: self._priority_is_over(order))
        log.info("(%s) priority %s asked for by %s", router.title, order.priority or "as configured", call.caller)
        self._runtime.judge_now([router])
        return PriorityReply(
            instance=router.title,
            priority=router.priority,
            base_priority=router.instance.priority,
            until=rfc3339(order.priority_until_s) if order.priority is not None else "",
        )

    def _priority_is_over(self, order: Order) -> None:
        order.priority = None
        for router in self._runtime.routers():
            if router.order is order:
                log.info("(%s) its configured priority counts again", router.title)
                self._runtime.judge_soon([router])

    async def _garp(self, call: Call) -> Answer:
        body: GarpRequest = call.body
        everything = body.instance is None and body.group is None and body.scope is None
        routers = self._runtime.routers() if everything else self._target(body.instance, body.group, body.scope)
        masters = [router for router in routers if router.state is State.MASTER]
        if not masters and not everything:
            raise _conflict(f"{_named(routers)}: not MASTER on this host; only a MASTER announces addresses")
        async for router in in_slices(masters):
            self._runtime.announce(router)
        return GarpReply(announced=[router.title for router in masters])

    # ---- names

    def _target(
        self, instance: str | None, group: str | None, scope: str | None, *, alone: bool = False
    ) -> list[Router]:
        """The routers that are meant, whole sync groups unless `alone`. Raises Refusal."""
        given = [name for name in (instance, group, scope) if name is not None]
        if len(given) != 1:
            raise Refusal(HTTPStatus.BAD_REQUEST, "name one of instance, group and scope")
        if instance is not None:
            router = self._runtime.find(instance)
            if router is None:
                raise _unknown("instance", instance, self._titles())
            return [router] if alone else self._runtime.together(router)
        if group is not None:
            members = self._runtime.members(group)
            if members is None:
                raise _unknown("sync group", group, self._group_titles())
            return members
        assert scope is not None
        return self._scope(scope).routers

    def _titles(self) -> Iterable[str]:
        return (router.title for router in self._runtime.routers())

    def _group_titles(self) -> Iterable[str]:
        """The names of sync groups as `--group` takes them: with the scope, where instances have it."""
        for router in self._runtime.routers():
            if router.group is not None:
                yield f"{router.title.removesuffix(router.instance.name)}{router.group}"

    def _scope(self, name: str) -> Scope:
        found = self._runtime.scope(name)
        if found is None:
            known = ", ".join(scope.name for scope in self._runtime.scopes[:_SHOWN])
            raise Refusal(HTTPStatus.NOT_FOUND, f"{name}: there is no such scope; there is {known}")
        return found


def _order_of(router: Router) -> Order:
    if router.order is None:
        router.order = Order()
    return router.order


async def _units(routers: Sequence[Router], runtime: Runtime) -> list[list[Router]]:
    """Those that move together, each router once."""
    seen: set[Router] = set()
    units = []
    async for router in in_slices(routers):
        if router not in seen:
            unit = runtime.together(router)
            seen.update(unit)
            units.append(unit)
    return units


def _named(routers: Sequence[Router]) -> str:
    names = [router.title for router in routers[:_SHOWN]]
    if len(routers) > _SHOWN:
        names.append(f"{len(routers) - _SHOWN} more")
    return ", ".join(names)


def _conflict(message: str) -> Refusal:
    return Refusal(HTTPStatus.CONFLICT, message)


def _unknown(kind: str, name: str, known: Iterable[str]) -> Refusal:
    return Refusal(HTTPStatus.NOT_FOUND, f"{name}: there is no such {kind}; {meant(name, known)}")


def meant(name: str, known: Iterable[str]) -> str:
    """What to do about a name that nothing has: where there are several scopes, the scope may have been left out."""
    near = sorted({title for title in known if title.endswith(f"/{name}")})[:_SHOWN]
    return f"did you mean {' or '.join(near)}?" if near else "pyvrrp status lists the instances"
