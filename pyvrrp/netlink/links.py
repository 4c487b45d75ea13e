"""What interfaces there are, kept up to date.

One subscription to links, IPv4 and IPv6 addresses; a full dump before anything else. When the receive
buffer overflowed, everything is read again into a second set of tables, and only the differences are
reported: what was lost never looks like an interface that went down.

Notifications and dumps come through one socket, in order. While a dump runs, both go into the second set of
tables, so that it is right at the end of the dump whichever came first.

Addresses that the VipApplier has *claimed* are the virtual ones. They are not listed on a `Link`, however
many there are: a message about one is recognised before it is decoded.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import NamedTuple

from pyroute2.netlink.rtnl import (
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTNLGRP_IPV4_IFADDR,
    RTNLGRP_IPV6_IFADDR,
    RTNLGRP_LINK,
)
from pyroute2.netlink.rtnl.ifaddrmsg import (
    IFA_F_DADFAILED,
    IFA_F_OPTIMISTIC,
    IFA_F_SECONDARY,
    IFA_F_TENTATIVE,
    ifaddrmsg,
)
from pyroute2.netlink.rtnl.ifinfmsg import IFF_RUNNING, IFF_UP, ifinfmsg

from pyvrrp.errors import NetlinkError
from pyvrrp.limits import RETRY_FIRST_S
from pyvrrp.netlink.programs import AddressKey, address_dump, link_dump, peek_address
from pyvrrp.netlink.transport import HEADER, Message, Netlink

log = logging.getLogger(__name__)

_SCOPE_LINK = 253


class LinkAddress(NamedTuple):
    """An address of an interface."""

    address: bytes          # 4 or 16, network order
    prefix_len: int
    scope: int              # RT_SCOPE_*
    flags: int              # IFA_F_*


@dataclass(frozen=True, slots=True)
class Link:
    """An interface as it is now."""

    index: int
    name: str
    is_up: bool                                 # IFF_UP and IFF_RUNNING
    mac: bytes                                  # empty where it has none
    mtu: int
    addresses: tuple[LinkAddress, ...] = ()     # in the kernel's order, without claimed virtual ones


class _Tables:
    """Links and addresses by index."""

    __slots__ = ("addresses", "claimed", "links")

    def __init__(self) -> None:
        self.links: dict[int, Link] = {}        # their `addresses` are left empty here
        self.addresses: dict[int, dict[AddressKey, LinkAddress]] = {}
        self.claimed: set[AddressKey] = set()   # claimed addresses that were seen; kept only during a dump


class Links:
    """The interfaces of one network namespace."""

    def __init__(self, netlink: Netlink) -> None:
        self.by_name: dict[str, Link] = {}      # for reading only
        self.by_index: dict[int, Link] = {}
        self.claimed: set[AddressKey] = set()   # the VipApplier adds and removes
        self._netlink = netlink
        self._tables = _Tables()
        self._fresh: _Tables | None = None
        self._stale = False                     # notifications were lost since the dump began
        self._dirty: set[int] = set()           # indexes whose addresses changed in this batch
        self._link_callbacks: list[Callable[[Link | None, Link | None], None]] = []
        self._claimed_removed: Callable[[AddressKey, bool], None] | None = None
        self._claimed_known: Callable[[set[AddressKey]], None] | None = None
        self._resync_task: asyncio.Task[None] | None = None
        self.resyncs = 0                        # full dumps after the first

    def watch(self, on_link: Callable[[Link | None, Link | None], None]) -> None:
        """Have `on_link(old, new)` called for every change; None is no interface.

        A renamed interface is one change, with another name in `new`. One that was deleted and made again
        is two.
        """
        self._link_callbacks.append(on_link)

    def watch_claimed(
        self, *, on_removed: Callable[[AddressKey, bool], None], on_known: Callable[[set[AddressKey]], None]
    ) -> None:
        """For the VipApplier.

        on_removed(key, by_us): a claimed address is gone; by_us: a request from our socket did it (IPv4
            only; the kernel does not say so of IPv6)
        on_known(keys): after a full dump, the claimed addresses that exist
        """
        self._claimed_removed, self._claimed_known = on_removed, on_known

    async def start(self) -> None:
        """Subscribe, and read everything once. Raises NetlinkError."""
        self._netlink.listen(
            (RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR),
            on_message=self._on_message,
            on_pause=self._publish_addresses,
            on_overrun=self._on_overrun,
        )
        await self._read_all()

    def resync(self) -> None:
        """Read everything again; returns at once. Changes are reported as ever, then on_known is called."""
        self._stale = True
        if self._resync_task is None:
            self._resync_task = asyncio.get_running_loop().create_task(self._resync())

    async def close(self) -> None:
        """Stop a dump under way. The Netlink is the caller's."""
        task, self._resync_task = self._resync_task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def primary_ipv4(self, name: str, *, leave_out: Container[bytes] = ()) -> bytes | None:
        """Return the interface's own IPv4 address for adverts: the first primary one not in `leave_out`.

        A secondary address is better than none: it is one because somebody added a virtual address of the
        same subnet before it.
        """
        link = self.by_name.get(name)
        addresses = link.addresses if link else ()
        own = [a for a in addresses if len(a.address) == 4 and a.address not in leave_out]
        primary = [a for a in own if not a.flags & IFA_F_SECONDARY]
        return next((a.address for a in (*primary, *own)), None)

    def link_local_ipv6(self, name: str, *, leave_out: Container[bytes] = ()) -> bytes | None:
        """Return the interface's first link-local address that is usable now and not in `leave_out`."""
        link = self.by_name.get(name)
        for a in link.addresses if link else ():
            if len(a.address) != 16 or a.scope != _SCOPE_LINK or a.address in leave_out:
                continue
            tentative = a.flags & IFA_F_TENTATIVE and not a.flags & IFA_F_OPTIMISTIC
            if not tentative and not a.flags & IFA_F_DADFAILED:
                return a.address
        return None

    # Reading everything

    async def _resync(self) -> None:
        delay_s = RETRY_FIRST_S
        while True:
            self.resyncs += 1
            try:
                await self._read_all()
            except NetlinkError as error:
                log.warning("%s; the interfaces will be read again in %g s", error, delay_s)
                await asyncio.sleep(delay_s)
                continue
            if not self._stale:
                break
        self._resync_task = None

    async def _read_all(self) -> None:
        """Dump links and addresses until a dump was whole, then report what is different."""
        while True:
            self._stale = False
            self._fresh = fresh = _Tables()
            try:
                whole = await self._netlink.dump(link_dump(), self._on_message)
                whole = await self._netlink.dump(address_dump(), self._on_message) and whole
            except NetlinkError:
                self._fresh = None
                raise
            if whole and not self._stale:
                break
            await asyncio.sleep(0)
        self._fresh = None
        self._tables = fresh
        self._dirty.clear()
        for index in [i for i in self.by_index if i not in fresh.links]:
            self._publish(index)
        for index in fresh.links:
            self._publish(index)
        if self._claimed_known is not None:
            self._claimed_known(fresh.claimed)
        fresh.claimed = set()

    def _on_overrun(self) -> None:
        if self._fresh is not None and self._resync_task is None:
            self._stale = True              # start() is reading, and will begin again
        else:
            self.resync()

    # Messages

    def _on_message(self, message: Message) -> None:
        kind = message.type
        if kind in (RTM_NEWADDR, RTM_DELADDR):
            self._on_address(kind == RTM_NEWADDR, message)
        elif kind in (RTM_NEWLINK, RTM_DELLINK) and message.data[HEADER.size] == socket.AF_UNSPEC:
            # Any other family is news of a bridge's port, sent with the same type: no link was deleted.
            self._on_link(kind == RTM_NEWLINK, message)

    def _on_link(self, is_new: bool, message: Message) -> None:
        tables = self._fresh or self._tables
        decoded = ifinfmsg(message.data)
        decoded.decode()
        index = decoded["index"]
        if is_new:
            tables.links[index] = Link(
                index=index,
                name=decoded.get_attr("IFLA_IFNAME"),
                is_up=decoded["flags"] & (IFF_UP | IFF_RUNNING) == IFF_UP | IFF_RUNNING,
                mac=bytes.fromhex((decoded.get_attr("IFLA_ADDRESS") or "").replace(":", "")),
                mtu=decoded.get_attr("IFLA_MTU") or 0,
            )
        else:
            tables.links.pop(index, None)
            tables.addresses.pop(index, None)
        if self._fresh is None:
            self._publish_addresses()       # what came before comes before
            self._publish(index)

    def _on_address(self, is_new: bool, message: Message) -> None:
        key = peek_address(message.data)
        if key is None:
            return
        tables = self._fresh or self._tables
        if key in self.claimed:
            if self._fresh is not None:
                if is_new:
                    self._fresh.claimed.add(key)
                else:
                    self._fresh.claimed.discard(key)
            if not is_new and self._claimed_removed is not None:
                self._claimed_removed(key, message.portid == self._netlink.portid)
            if is_new:
                return
        addresses = tables.addresses.setdefault(key.ifindex, {})
        if is_new:
            decoded = ifaddrmsg(message.data)
            decoded.decode()
            flags = decoded.get_attr("IFA_FLAGS") or decoded["flags"]
            addresses[key] = LinkAddress(key.address, key.prefix_len, decoded["scope"], flags)
        elif addresses.pop(key, None) is None:
            return
        if self._fresh is None:
            self._dirty.add(key.ifindex)

    # Telling

    def _publish_addresses(self) -> None:
        if self._dirty and self._fresh is None:
            dirty, self._dirty = self._dirty, set()
            for index in dirty:
                self._publish(index)

    def _publish(self, index: int) -> None:
        """Make by_name and by_index what the tables say of one interface, and tell if that is a change."""
        old, bare = self.by_index.get(index), self._tables.links.get(index)
        new = None
        if bare is not None:
            addresses = tuple(self._tables.addresses.get(index, {}).values())
            new = Link(bare.index, bare.name, bare.is_up, bare.mac, bare.mtu, addresses)
        if new == old:
            return
        if old is not None and self.by_name.get(old.name) is old:
            del self.by_name[old.name]
        if new is None:
            self.by_index.pop(index, None)
        else:
            self.by_index[index] = new
            self.by_name[new.name] = new
        for callback in self._link_callbacks:
            callback(old, new)
