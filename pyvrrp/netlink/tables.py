"""The routes and rules that the Applier has claimed: told when one disappears, and read again when news were lost.

Nothing is heard of routes before there is one to watch: every address brings the kernel's own routes with it, and at a
takeover nobody wants to hear of those. From then on a message is looked at for one byte, its protocol, before anything
else is done with it. Rules are few.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from pyroute2.netlink.rtnl import (
    RTM_DELROUTE,
    RTM_DELRULE,
    RTM_NEWROUTE,
    RTM_NEWRULE,
    RTNLGRP_IPV4_ROUTE,
    RTNLGRP_IPV4_RULE,
    RTNLGRP_IPV6_ROUTE,
    RTNLGRP_IPV6_RULE,
)

from pyvrrp.errors import NetlinkError
from pyvrrp.limits import RETRY_FIRST_S
from pyvrrp.netlink.routes import (
    RouteKey,
    RuleKey,
    any_interface,
    is_keepalived_route,
    route_key,
    routing_dumps,
    rule_key,
)
from pyvrrp.netlink.transport import Message, Netlink, guarded

log = logging.getLogger(__name__)

_GROUPS = RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE


class RoutingTables:
    """Watches the claimed routes and rules of one network namespace.

    on_removed(key, by_us): one is gone; by_us: it was a request of ours, or the kernel by itself, as when an interface
        goes down or a lifetime ends. Of IPv4 routes that go with an interface or an address it says nothing
    on_known(keys): after news were lost, which of the claimed ones exist
    """

    def __init__(
        self,
        netlink: Netlink,
        *,
        on_removed: Callable[[RouteKey | RuleKey, bool], None],
        on_known: Callable[[set[RouteKey | RuleKey]], None],
    ) -> None:
        self.claimed: set[RouteKey | RuleKey] = set()       # the Applier adds and removes
        self._netlink = netlink
        self._on_removed, self._on_known = on_removed, on_known
        self._is_listening = False
        self._stale = False                                 # news were lost since the dump began
        self._found: set[RouteKey | RuleKey] | None = None  # while one runs
        self._task: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Begin to hear; again is nothing."""
        if not self._is_listening:
            self._is_listening = True
            kinds = dict.fromkeys((RTM_NEWROUTE, RTM_DELROUTE, RTM_NEWRULE, RTM_DELRULE), self._on_message)
            self._netlink.listen(_GROUPS, kinds, on_overrun=self.resync)

    def resync(self) -> None:
        """Read everything again; returns at once."""
        self._stale = True
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._resync(), name="routes")

    def close(self) -> None:
        """Stop reading. The Netlink is the caller's."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _resync(self) -> None:
        while self._stale:
            await self._netlink.emptied()
            self._stale = False
            found: set[RouteKey | RuleKey] = set()
            self._found = found
            try:
                whole = True
                for request in routing_dumps():
                    whole = await self._netlink.dump(request, self._on_dumped) and whole
                if not whole:
                    raise NetlinkError("the routing tables change while they are listed")
            except NetlinkError as error:
                log.warning("%s; the routes will be read again in %g s", error, RETRY_FIRST_S)
                self._stale = True
                await asyncio.sleep(RETRY_FIRST_S)
                continue
            finally:
                self._found = None
            if not self._stale:
                guarded(self._on_known, found)
        self._task = None

    def _on_dumped(self, message: Message) -> None:
        if self._found is not None and (key := self._claimed_by(message)) is not None:
            self._found.add(key)

    def _on_message(self, message: Message) -> None:
        key = self._claimed_by(message)
        if key is None:
            return
        is_new = message.type in (RTM_NEWROUTE, RTM_NEWRULE)
        if self._found is not None:
            (self._found.add if is_new else self._found.discard)(key)
        if not is_new:
            guarded(self._on_removed, key, message.portid in (0, self._netlink.portid))

    def _claimed_by(self, message: Message) -> RouteKey | RuleKey | None:
        """The key under which what a message is about was claimed."""
        if message.type in (RTM_NEWRULE, RTM_DELRULE):
            rule = rule_key(message.data)
            return rule if rule in self.claimed else None
        if not is_keepalived_route(message.data):
            return None
        route = route_key(message.data)
        if route is None or route in self.claimed:
            return route
        route = any_interface(route)
        return route if route in self.claimed else None
