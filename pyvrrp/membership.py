"""The multicast group of each router, on the interface that its name means now.

A join that the kernel refuses is FAULT, and is tried again: what stood in its way (a limit, memory) may pass, and
nothing tells of that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from pyvrrp import limits
from pyvrrp.router import Router

log = logging.getLogger("pyvrrp")


class Memberships:
    """Joins and leaves for the routers of a host."""

    def __init__(
        self,
        call_later: Callable[[float, Callable[[], None]], asyncio.TimerHandle],
        judge_soon: Callable[[Iterable[Router]], None],
    ) -> None:
        """judge_soon: judging a router is what brings it here again."""
        self._call_later, self._judge_soon = call_later, judge_soon

    def follow(self, router: Router, domain: int, ifindex: int, group: bytes) -> None:
        """Have the group of a router heard on its interface, and no other; `group_error` says why it is not.

        ifindex: 0 where there is no interface.
        """
        if router.group_retry is not None:
            router.group_retry.cancel()
            router.group_retry = None
        wanted = None if router.instance.is_unicast or not ifindex else (domain, ifindex, group)
        if wanted == router.joined and router.group_error is None:
            return
        family = router.instance.family
        if router.joined is not None:
            router.network.leave(family, *router.joined[1:])
            router.joined = None
        router.group_error = None
        if wanted is not None:
            router.group_error = router.network.join(family, ifindex, group)
        if router.group_error is not None:
            self._try_again(router, router.group_error)
            return
        router.joined, router.group_attempts = wanted, 0

    def _try_again(self, router: Router, why: str) -> None:
        delay_s = min(limits.RETRY_FIRST_S * 2 ** min(router.group_attempts, 30), limits.RETRY_MAX_S)
        router.group_attempts += 1
        log.error("(%s) %s; trying again in %g s", router.title, why, delay_s)
        router.group_retry = self._call_later(delay_s, lambda: self._judge_soon([router]))
