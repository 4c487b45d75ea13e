"""Split brain: an instance that is MASTER and goes on hearing another MASTER.

The engine tells of the first advert only. That may be the last one of a host that is about to yield, so it counts once
another has come; from then on status, log and events say so, until none has come for SPLIT_ADVERTS intervals or this
host is not MASTER any more. A timer runs only while there is somebody to look at.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass

from pyvrrp import limits
from pyvrrp.chronicle import Chronicle
from pyvrrp.control.protocol import OtherMaster, rfc3339
from pyvrrp.journal import text
from pyvrrp.model import State
from pyvrrp.router import Router
from vrrpcore.reactor import Reactor
from vrrpcore.settings import Event

log = logging.getLogger("pyvrrp")


@dataclass(slots=True)
class _Rival:
    first_ns: int
    first_s: float                      # the same, since the epoch
    address: str
    priority: int
    heard_ns: int
    is_sure: bool = False


class Rivals:
    """Who hears another MASTER, and for how long."""

    def __init__(self, reactor: Reactor, chronicle: Chronicle) -> None:
        self._reactor, self._chronicle = reactor, chronicle
        self._rivals: dict[Router, _Rival] = {}
        self._timer: asyncio.TimerHandle | None = None

    def heard(self, router: Router, event: Event) -> None:
        """The engine heard another MASTER, for the first time in this state or since over() was told."""
        first_s = time.time() - (self._reactor.now_ns() - event.at_ns) / 1e9
        source = text(event.source, router.instance.family)
        self._rivals[router] = _Rival(event.at_ns, first_s, source, event.priority, event.at_ns)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(limits.SPLIT_LOOK_S, self._look)

    def of(self, router: Router) -> OtherMaster | None:
        """What is to be said of a router; None: no other MASTER is heard, as far as is certain."""
        rival = self._rivals.get(router)
        if rival is None or not rival.is_sure or router.settings is None:
            return None
        return OtherMaster(
            address=rival.address,
            priority=rival.priority,
            own_address=text(router.settings.source, router.instance.family),
            own_priority=router.priority,
            since=rfc3339(rival.first_s),
            since_s=round((self._reactor.now_ns() - rival.first_ns) / 1e9, 3),
        )

    def close(self) -> None:
        """Look at nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._rivals.clear()

    def forget(self, router: Router) -> None:
        """It is gone."""
        self._rivals.pop(router, None)

    def _look(self) -> None:
        now_ns = self._reactor.now_ns()
        for router, rival in list(self._rivals.items()):
            if not self._is_on(router, rival, now_ns):
                del self._rivals[router]
                self._over(router, rival)
        self._timer = None
        if self._rivals:
            self._timer = asyncio.get_running_loop().call_later(limits.SPLIT_LOOK_S, self._look)

    def _is_on(self, router: Router, rival: _Rival, now_ns: int) -> bool:
        """Whether the other one is still MASTER, as far as is known; notes what was heard of it since."""
        if router.state is not State.MASTER or router.index < 0:
            return False
        seen = self._reactor.engine.status(router.index)
        if seen.peer_heard_ns > rival.heard_ns:
            rival.heard_ns, rival.priority = seen.peer_heard_ns, seen.peer_priority
            rival.address = text(seen.peer_address, router.instance.family)
            if not rival.is_sure:
                rival.is_sure = True
                self._sure(router, rival)
        silence_ns = limits.SPLIT_ADVERTS * router.instance.advertisement_interval_cs * 10_000_000
        return now_ns - rival.heard_ns < silence_ns and seen.peer_priority > 0

    def _sure(self, router: Router, rival: _Rival) -> None:
        assert router.settings is not None
        own = text(router.settings.source, router.instance.family)
        sentence = (
            f"two hosts are MASTER: {rival.address} with priority {rival.priority}, and this one, {own}, with priority "
            f"{router.priority}; that host does not hear this one: look for a firewall or a password there"
        )
        log.error("(%s) %s", router.title, sentence)
        self._chronicle.tell("split_brain", router.title, reason=sentence)

    def _over(self, router: Router, rival: _Rival) -> None:
        router.has_other_master = False
        if router.index >= 0:
            self._reactor.engine.tell_again(router.index)
        if not rival.is_sure:
            return
        lasted_s = (rival.heard_ns - rival.first_ns) / 1e9
        sentence = f"{rival.address} and this host were both MASTER for {lasted_s:.1f} s; now they are not"
        log.warning("(%s) %s", router.title, sentence)
        self._chronicle.tell("split_brain_over", router.title, reason=sentence)
