"""Runs notify scripts: one at a time and in order for each router, routers in parallel.

For a change of state the state's own script runs first and then `notify` (keepalived's rules N1 to N7); the
next change of the same router waits for both. keepalived starts all of them at once, so that their effects
may come out of order; users have asked for the order for years. A script that hangs holds up only its own
router, whose changes then wait, at most NOTIFY_PENDING_MAX: beyond that the oldest are dropped and said so,
since the newest state is what counts.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from pyvrrp import limits
from pyvrrp.model import Notify
from pyvrrp.notify.words import GROUP, INSTANCE, Call, calls
from pyvrrp.scripts.result import Lane, ScriptResult, ScriptRunner, shown

log = logging.getLogger("pyvrrp.notify")

class Stopping(NamedTuple):
    """A router that is stopped: its name, scripts and effective priority (0 for a group)."""

    name: str
    notify: Notify
    priority: int = 0


@dataclass(slots=True)
class NotifyCounters:
    """Totals for status and metrics."""

    runs: int = 0           # results, of whatever kind
    failures: int = 0
    dropped: int = 0        # events whose scripts were never run
    lower_dropped: int = 0  # adverts of lower priority that were too many to tell


class _Router:
    """What waits for one router: the rest of the change whose scripts run now, and the changes after it."""

    __slots__ = ("changes", "idle", "rest", "run")

    def __init__(self) -> None:
        self.run: int | None = None                         # of the script that runs or waits for a slot
        self.idle: asyncio.Future[None] | None = None       # for stopped(), when nothing is left
        self.rest: deque[Call] = deque()
        self.changes: deque[tuple[Call, ...]] = deque()


class Notifier:
    """Tells scripts of changes of state; one per scope. Nothing here waits but `stopped`."""

    def __init__(self, pool: ScriptRunner, counters: NotifyCounters | None = None) -> None:
        """`counters`: where to count, if others count there too."""
        self.counters = NotifyCounters() if counters is None else counters
        self._pool = pool
        self._routers: dict[tuple[str, str], _Router] = {}      # only those with something to run

    @property
    def pending(self) -> int:
        """How many changes wait for their scripts, those that run included."""
        return sum(len(router.changes) + 1 for router in self._routers.values())

    def instance_changed(self, name: str, notify: Notify, what: str, priority: int) -> None:
        """An instance is now MASTER, BACKUP or FAULT, or another event of words.py. `priority` is its effective one."""
        self._changed(INSTANCE, name, calls(INSTANCE, name, notify, what, priority))

    def group_changed(self, name: str, notify: Notify, state: str) -> None:
        """A sync group is now MASTER, BACKUP or FAULT. Its scripts get priority 0 (N3)."""
        self._changed(GROUP, name, calls(GROUP, name, notify, state, 0))

    async def stopped(
        self,
        instances: Iterable[Stopping],
        groups: Iterable[Stopping] = (),
        *,
        script_s: float = limits.NOTIFY_STOP_S,
        all_s: float = limits.NOTIFY_STOP_ALL_S,
    ) -> None:
        """Run the STOP scripts of every router, instances before groups (N7); return when they have ended.

        Changes that still wait are dropped: STOP replaces them. A script that is running for a router has
        `script_s` to end, and is then left alone while the STOP scripts run. Each of those is killed after
        `script_s`; after `all_s` none is started any more. To be called once the addresses are gone;
        cancelling it kills nothing.
        """
        deadline_s = asyncio.get_running_loop().time() + all_s
        for key, router in list(self._routers.items()):
            self.counters.dropped += len(router.changes)
            router.changes.clear()
            if router.run is not None and self._pool.withdraw(router.run):
                router.rest.clear()
                self.counters.dropped += 1
                self._next(key, router)
        first = [self._stop_one(INSTANCE, each, script_s, deadline_s) for each in instances]
        await asyncio.gather(*first)
        await asyncio.gather(*(self._stop_one(GROUP, each, script_s, deadline_s) for each in groups))

    async def _stop_one(self, kind: str, router: Stopping, script_s: float, deadline_s: float) -> None:
        wanted = calls(kind, router.name, router.notify, "STOP", router.priority)
        if not wanted:
            return
        key = (kind, router.name)
        busy = self._routers.get(key)
        if busy is not None:
            busy.idle = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(script_s):
                    await busy.idle
            except TimeoutError:
                busy.rest.clear()
        for call in wanted:
            ended = asyncio.Event()
            run = self._run(key, call, ended.set, timeout_s=script_s, is_stop=True)
            try:
                async with asyncio.timeout_at(deadline_s):
                    await ended.wait()
            except TimeoutError:
                self._pool.kill(run)
                await ended.wait()

    def _changed(self, kind: str, name: str, wanted: tuple[Call, ...]) -> None:
        if not wanted:
            return
        key = (kind, name)
        router = self._routers.setdefault(key, _Router())
        router.changes.append(wanted)
        if len(router.changes) > limits.NOTIFY_PENDING_MAX:
            self._drop_oldest(key, router)
        if router.run is None:
            self._next(key, router)

    def _drop_oldest(self, key: tuple[str, str], router: _Router) -> None:
        router.changes.popleft()
        if not self.counters.dropped:
            log.warning(
                "(%s) its notify scripts are slower than its changes of state, so the oldest changes are not "
                "told to them. This is said once; the counter goes on",
                key[1],
            )
        self.counters.dropped += 1

    def _next(self, key: tuple[str, str], router: _Router) -> None:
        """Start the router's next script, or forget the router if there is none."""
        if not router.rest:
            if not router.changes:
                del self._routers[key]
                if router.idle is not None and not router.idle.done():
                    router.idle.set_result(None)
                return
            router.rest.extend(router.changes.popleft())
        call = router.rest.popleft()
        router.run = self._run(key, call, lambda: self._next(key, router), timeout_s=None, is_stop=False)

    def _run(
        self,
        key: tuple[str, str],
        call: Call,
        then: Callable[[], object],
        *,
        timeout_s: float | None,
        is_stop: bool,
    ) -> int:
        def done(result: ScriptResult) -> None:
            self.counters.runs += 1
            if not result.ok:
                self.counters.failures += 1
                log.warning(
                    "(%s) %s script %s failed after %.3f s: %s",
                    key[1],
                    call.keyword,
                    shown(call.command.argv),
                    result.duration_s,
                    result,
                )
            then()

        return self._pool.submit(
            call.command,
            done,
            timeout_s=timeout_s,
            extra_args=call.extra_args,
            # A STOP script waits neither for its router's hanging one nor for other routers' notifications:
            # the checks have ended by then, so their lane is free.
            key=None if is_stop else (id(self), key),
            lane=Lane.CHECK if is_stop else Lane.NOTIFY,
        )
