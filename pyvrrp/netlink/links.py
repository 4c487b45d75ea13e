"""What interfaces there are, kept up to date.

One subscription to links, IPv4 and IPv6 addresses; a full dump before anything else. When the receive
buffer overflowed, everything is read again into a second set of tables, and only the differences are
reported: what was lost never looks like an interface that went down.

While a dump runs, notifications go into both sets of tables: what they say is reported at once, as ever. In
the second set a notification beats the dump, because the kernel queues a part of a dump some time after it
has looked. So an interrupted dump can have left something out, but what is in the second set is right, and
the next dump adds to it. Only when notifications were lost meanwhile, it starts from nothing.

An exception in a callback is logged, and stops nothing else.

Addresses that the Applier has *claimed* are the virtual ones. They are not listed on a `Link`, however
many there are: a message about one is recognised before it is decoded. Those that it *observes* are static ones:
listed as any other, and it is told when one is removed.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import socket
import time
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from struct import Struct
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
from pyroute2.netlink.rtnl.ifaddrmsg import IFA_F_DADFAILED, IFA_F_OPTIMISTIC, IFA_F_SECONDARY, IFA_F_TENTATIVE
from pyroute2.netlink.rtnl.ifinfmsg import IFF_RUNNING, IFF_UP

from pyvrrp.errors import NetlinkError
from pyvrrp.limits import RETRY_FIRST_S, SLICE_S
from pyvrrp.netlink.decoding import read_address, read_link
from pyvrrp.netlink.programs import AddressKey, address_dump, link_dump, peek_address
from pyvrrp.netlink.transport import HEADER, Message, Netlink, guarded

log = logging.getLogger(__name__)

_SCOPE_LINK = 253
_LINK_INDEX = Struct("=i")      # in struct ifinfomsg: family, padding, type, index
_LINK_INDEX_AT = HEADER.size + 4


class LinkAddress(NamedTuple):
    """An address of an interface."""

    address: bytes          # 4 or 16, network order
    prefix_len: int
    scope: int              # RT_SCOPE_*
    flags: int              # IFA_F_*


class Macvlan(NamedTuple):
    """What is special of an interface that has a MAC of its own above another one."""

    base: int               # the index of that one
    mode: str               # private, vepa, bridge, ...
    alias: str              # what somebody wrote on it; empty: nothing


@dataclass(frozen=True, slots=True)
class Link:
    """An interface as it is now."""

    index: int
    name: str
    is_up: bool                                 # IFF_UP and IFF_RUNNING
    mac: bytes                                  # empty where it has none
    mtu: int
    addresses: tuple[LinkAddress, ...] = ()     # in the kernel's order, without claimed virtual ones
    vrf_table: int = 0                          # of a VRF: where its routes are; 0: it is none
    macvlan: Macvlan | None = None              # None: it is none


class _Tables:
    """Links and addresses by index."""

    __slots__ = ("addresses", "claimed", "links", "told")

    def __init__(self) -> None:
        self.links: dict[int, Link] = {}        # their `addresses` are left empty here
        self.addresses: dict[int, dict[AddressKey, LinkAddress]] = {}
        self.claimed: set[AddressKey] = set()   # claimed addresses that were seen; right after a dump
        self.told: set[int | AddressKey] = set()    # what there were notifications about during the dump


class LinkTable:
    """Interfaces as they are, with their addresses. For reading, but for whoever fills it."""

    def __init__(self) -> None:
        self.by_name: dict[str, Link] = {}
        self.by_index: dict[int, Link] = {}
        self._holders: dict[bytes, int] = {}    # address -> how many interfaces have it

    def put(self, old: Link | None, new: Link | None) -> None:
        """Have `new` take the place of `old`; None is no interface."""
        if old is not None and self.by_name.get(old.name) is old:
            del self.by_name[old.name]
        if new is not None:
            self.by_index[new.index] = new
            self.by_name[new.name] = new
        elif old is not None:
            self.by_index.pop(old.index, None)
        for address in () if old is None else old.addresses:
            self._holders[address.address] -= 1
            if not self._holders[address.address]:
                del self._holders[address.address]
        for address in () if new is None else new.addresses:
            self._holders[address.address] = self._holders.get(address.address, 0) + 1

    def has_address(self, address: bytes) -> bool:
        """Whether any interface has this address, a claimed virtual one apart."""
        return address in self._holders

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


class Links(LinkTable):
    """The interfaces of one network namespace."""

    def __init__(self, netlink: Netlink) -> None:
        super().__init__()
        self.claimed: set[AddressKey] = set()   # the Applier adds and removes
        self.observed: set[AddressKey] = set()  # the same; an address may be in both
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
        """For the Applier.

        on_removed(key, by_us): a claimed or observed address is gone; by_us: a request from our socket did it (IPv4
            only; the kernel does not say so of IPv6)
        on_known(keys): after a full dump, the claimed and observed addresses that exist
        """
        self._claimed_removed, self._claimed_known = on_removed, on_known

    async def start(self) -> None:
        """Subscribe, and read everything once. Raises NetlinkError."""
        self._netlink.listen(
            (RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR),
            dict.fromkeys((RTM_NEWADDR, RTM_DELADDR, RTM_NEWLINK, RTM_DELLINK), self._on_message),
            on_pause=self._publish_addresses,
            on_overrun=self._on_overrun,
        )
        await self._read_all()

    def added(self, keys: Iterable[AddressKey]) -> None:
        """Claimed addresses were added by quiet requests of ours: of these the kernel does not tell."""
        claimed = self.claimed.intersection(keys)
        if self._fresh is not None:
            self._fresh.told |= claimed
        for tables in self._both_tables():
            tables.claimed |= claimed

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

    # Reading everything

    async def _resync(self) -> None:
        while True:
            self.resyncs += 1
            try:
                if await self._read_all():
                    if not self._stale:
                        break
                    continue
                log.info("the interfaces change while they are listed; listing them again in %g s", RETRY_FIRST_S)
            except NetlinkError as error:
                log.warning("%s; the interfaces will be read again in %g s", error, RETRY_FIRST_S)
            except Exception:
                log.exception("the interfaces could not be read; trying again in %g s", RETRY_FIRST_S)
            await asyncio.sleep(RETRY_FIRST_S)
        self._resync_task = None

    async def _read_all(self) -> bool:
        """Dump links and addresses while no notification is lost, then report what is different.

        False: every dump was interrupted, and something may have been left out. Raises NetlinkError.
        """
        while True:
            self._fresh = _Tables()
            try:
                await self._netlink.emptied()
                # What was told up to now may be from before an overrun, and what came after it is lost.
                self._stale = False
                self._fresh = fresh = _Tables()
                whole = await self._netlink.dump(link_dump(), self._on_dumped)
                whole = await self._netlink.dump(address_dump(), self._on_dumped) and whole
            finally:
                self._fresh = None
            if not self._stale:
                break
            await asyncio.sleep(0)
        fresh.told.clear()
        for index, addresses in fresh.addresses.items():    # claimed since
            for key in self.claimed & addresses.keys():
                del addresses[key]
                fresh.claimed.add(key)
            self._dirty.discard(index)
        self._tables = fresh
        until = time.monotonic() + SLICE_S
        for index in [*(self.by_index.keys() - fresh.links.keys()), *fresh.links]:
            self._publish(index)
            if time.monotonic() >= until:
                await asyncio.sleep(0)
                until = time.monotonic() + SLICE_S
        if self._claimed_known is not None and not self._stale:
            seen = {key for key in self.observed if key in fresh.addresses.get(key.ifindex, ())}
            guarded(self._claimed_known, fresh.claimed | seen)
        return whole

    def _on_overrun(self) -> None:
        if self._fresh is not None and self._resync_task is None:
            self._stale = True              # start() is reading, and will begin again
        else:
            if self._resync_task is None:
                log.info("news of interfaces and addresses was lost; all are read again")
            self.resync()

    # Messages

    def _on_message(self, message: Message) -> None:
        """Take in a notification."""
        kind = message.type
        if kind in (RTM_NEWADDR, RTM_DELADDR):
            self._on_address(kind == RTM_NEWADDR, message)
        elif kind in (RTM_NEWLINK, RTM_DELLINK) and message.data[HEADER.size] == socket.AF_UNSPEC:
            # Any other family is news of a bridge's port, sent with the same type: no link was deleted.
            self._on_link(kind == RTM_NEWLINK, message)

    def _on_link(self, is_new: bool, message: Message) -> None:
        link = _decoded_link(message)
        for tables in self._both_tables():
            if is_new:
                tables.links[link.index] = link
            else:
                tables.links.pop(link.index, None)
                tables.addresses.pop(link.index, None)
        if self._fresh is not None:
            self._fresh.told.add(link.index)
        self._publish_addresses()           # what came before comes before
        self._publish(link.index)

    def _on_address(self, is_new: bool, message: Message) -> None:
        key = peek_address(message.data)
        if key is None:
            return
        if self._fresh is not None:
            self._fresh.told.add(key)
        if not is_new:
            for tables in self._both_tables():
                tables.claimed.discard(key)
                if tables.addresses.get(key.ifindex, {}).pop(key, None) is not None:
                    self._dirty.add(key.ifindex)
            if (key in self.claimed or key in self.observed) and self._claimed_removed is not None:
                guarded(self._claimed_removed, key, message.portid == self._netlink.portid)
        elif key in self.claimed:
            for tables in self._both_tables():
                tables.claimed.add(key)
        else:
            address = _decoded_address(key, message)
            for tables in self._both_tables():
                tables.addresses.setdefault(key.ifindex, {})[key] = address
            self._dirty.add(key.ifindex)

    def _both_tables(self) -> tuple[_Tables, ...]:
        return (self._tables,) if self._fresh is None else (self._tables, self._fresh)

    def _on_dumped(self, message: Message) -> None:
        """Take in a part of a dump."""
        fresh = self._fresh
        if fresh is None:
            return
        if message.type == RTM_NEWLINK:
            (index,) = _LINK_INDEX.unpack_from(message.data, _LINK_INDEX_AT)
            if index not in fresh.told:
                fresh.links[index] = _decoded_link(message)
        elif message.type == RTM_NEWADDR and (key := peek_address(message.data)) is not None:
            if key in self.claimed:
                if key not in fresh.told:
                    fresh.claimed.add(key)
                return
            addresses = fresh.addresses.setdefault(key.ifindex, {})
            known = addresses.pop(key, None)        # the dump's order is the kernel's
            if key not in fresh.told:
                addresses[key] = _decoded_address(key, message)
            elif known is not None:
                addresses[key] = known

    # Telling

    def _publish_addresses(self) -> None:
        if self._dirty:
            dirty, self._dirty = self._dirty, set()
            for index in dirty:
                self._publish(index)

    def _publish(self, index: int) -> None:
        """Make by_name and by_index what the tables say of one interface, and tell if that is a change."""
        old, bare = self.by_index.get(index), self._tables.links.get(index)
        new = None
        if bare is not None:
            addresses = tuple(self._tables.addresses.get(index, {}).values())
            new = dataclasses.replace(bare, addresses=addresses)
        if new == old:
            return
        self.put(old, new)
        for callback in self._link_callbacks:
            guarded(callback, old, new)


def _decoded_link(message: Message) -> Link:
    read = read_link(message.data)
    return Link(
        index=read.ifindex,
        name=read.name,
        is_up=read.flags & (IFF_UP | IFF_RUNNING) == IFF_UP | IFF_RUNNING,
        mac=read.mac,
        mtu=read.mtu,
        vrf_table=read.vrf_table,
        macvlan=Macvlan(read.below, read.macvlan_mode, read.alias) if read.kind == "macvlan" else None,
    )


def _decoded_address(key: AddressKey, message: Message) -> LinkAddress:
    return LinkAddress(key.address, *read_address(message.data))
