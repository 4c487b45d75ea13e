"""Interfaces with a virtual MAC: macvlans above the interfaces of instances, made, kept and removed.

A key is one Virtual Router. configure() says which interfaces it needs; run() makes them, one request at a time, since
none of this is on the way of a takeover: they are there, and up, as long as the instance is. One that somebody removes
is made again, as is one whose base interface went and came back.

Their mode is vepa, where keepalived's is private. Both keep them apart from each other. But a private macvlan takes
for itself every multicast frame that *arrives* with its own MAC as the sender, which is how the other router's adverts
arrive, and the base interface never sees it. In vepa mode the base interface hears them, so that the group need be
joined there only, and an advert is heard once however many virtual MACs there are.

Whose an interface is, its alias says: "pyvrrp" and the pid of the daemon. One of a process that is no more is left over
from a crash: it is used again where it fits, or else removed. An interface of somebody else is never touched.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from collections import deque
from collections.abc import Callable, Container, Hashable, Sequence
from contextlib import AbstractContextManager
from errno import EBUSY, EEXIST, ENODEV
from typing import Any

from pyroute2.netlink import NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST
from pyroute2.netlink.rtnl import RTM_DELLINK, RTM_NEWLINK
from pyroute2.netlink.rtnl.ifinfmsg import IFF_UP, ifinfmsg

from pyvrrp.errors import NetlinkError
from pyvrrp.limits import RETRY_FIRST_S, RETRY_MAX_S
from pyvrrp.model import Vmac
from pyvrrp.netlink.links import Link, Links
from pyvrrp.netlink.reports import Reports
from pyvrrp.netlink.sender import Sender
from pyvrrp.netlink.sysctls import Sysctls
from pyvrrp.netlink.transport import Netlink

log = logging.getLogger(__name__)

MODE = "vepa"
_ALIAS = "pyvrrp"
# keepalived's, for the same reasons: the interface answers for its own addresses only; packets that come to it from
# addresses of this host, or that would be answered by way of the base interface, are good.
_IPV4 = {"arp_ignore": "1", "accept_local": "1", "rp_filter": "0", "promote_secondaries": "1"}
_IPV6 = {"addr_gen_mode": "1", "accept_ra": "0", "autoconf": "0", "router_solicitations": "0"}
# The base leaves the addresses above it alone. The last is ours: packets of a virtual address leave by the base's
# route, and the question for the receiver's MAC would tell it that the address is at the base's own MAC.
_BASE = {"arp_ignore": "1", "arp_filter": "1", "arp_announce": "2"}


class _Entry:
    """One interface that is wanted."""

    __slots__ = ("attempts", "index", "key", "problem", "retry", "vmac")

    def __init__(self, key: Hashable, vmac: Vmac) -> None:
        self.key = key
        self.vmac = vmac
        self.index = 0                  # of the interface that was set up; 0: none yet
        self.problem = ""
        self.attempts = 0               # failed ones in a row
        self.retry: asyncio.TimerHandle | None = None


class Vmacs:
    """The interfaces with virtual MACs of one network namespace."""

    def __init__(
        self,
        netlink: Netlink,
        links: Links,
        *,
        sender: Sender,
        inside: Callable[[], AbstractContextManager[object]],
        on_change: Callable[[Hashable], None],
        describe: Callable[[Hashable], str] = str,
    ) -> None:
        """inside: has the calling thread in the namespace. on_change(key): problem(key) may be another now.

        `links` has been started. Callbacks are called from the event loop, never inside configure().
        """
        self._netlink, self._links = netlink, links
        self._on_change, self._describe = on_change, describe
        self._sysctls = Sysctls(inside)
        self._reports = Reports(sender, inside=inside)
        self._entries: dict[str, _Entry] = {}           # by name
        self._of: dict[Hashable, dict[str, _Entry]] = {}        # of a key, by name
        self._at: dict[tuple[str, bytes], _Entry] = {}          # by base and MAC, which the kernel has once
        self._above: dict[str, dict[str, _Entry]] = {}          # of a base, by name
        self._refused: dict[Hashable, list[Vmac]] = {}          # those that another key has already
        self._queue: deque[_Entry] = deque()
        self._queued: set[_Entry] = set()
        self._leaving: deque[int] = deque()             # indexes of interfaces to be removed
        self._is_busy = False
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._is_closed = False
        links.watch(self._on_link)

    # Wishes

    def name_for(
        self, key: Hashable, base: str, mac: bytes, family: int, prefix: str, vrid: int, taken: Container[str] = ()
    ) -> str:
        """Return a name that is free: keepalived's vrrp.VRID; for IPv6 vrrp6.VRID next; vrrp1.VRID and so on.

        The interface that `key` has there already keeps a name that was made like that.
        """
        entry = self._at.get((base, mac))
        if entry is not None and entry.key == key:
            name = entry.vmac.name
            if name.startswith(prefix) and name.endswith(f".{vrid}"):
                return name
        first = ("", "6") if family == 6 else ("",)
        later = (str(number) for number in itertools.count(1) if number != 6)
        names = (f"{prefix}{number}.{vrid}" for number in itertools.chain(first, later))
        return next(name for name in names if name not in taken and self._is_free(name, base, mac))

    def _is_free(self, name: str, base: str, mac: bytes) -> bool:
        link = self._links.by_name.get(name)
        under = self._links.by_name.get(base)
        if name in self._entries:
            return False
        return link is None or link.index in self._leaving or (
            link.macvlan is not None and self._is_leftover(link, name, mac) and under is not None
            and link.macvlan.base == under.index
        )

    def configure(self, key: Hashable, vmacs: Sequence[Vmac]) -> None:
        """Set the interfaces of `key`: what is missing is made, what it had besides is removed."""
        refused = []
        # The kernel has a MAC once on a base: of two the later counts, and an interface may only have another name.
        vmacs = list({(vmac.base, vmac.mac): vmac for vmac in vmacs}.values())
        for vmac in vmacs:
            self._rename(key, vmac)
        for entry in list(self._of.get(key, {}).values()):
            if entry.vmac not in vmacs:
                self._drop(entry)
        for vmac in vmacs:
            rival = self._rival(vmac)
            if rival is None:
                entry = self._entries[vmac.name] = self._at[vmac.base, vmac.mac] = _Entry(key, vmac)
                self._of.setdefault(key, {})[vmac.name] = entry
                self._above.setdefault(vmac.base, {})[vmac.name] = entry
                self._enqueue(entry)
            elif rival.vmac != vmac or rival.key != key:
                refused.append(vmac)
        self._refused.pop(key, None)
        if refused:
            self._refused[key] = refused

    def _rename(self, key: Hashable, vmac: Vmac) -> None:
        """Have an interface of `key` go on under another name, if it has the MAC and the name is free."""
        entry = self._at.get((vmac.base, vmac.mac))
        if entry is None or entry.key != key or entry.vmac.name == vmac.name or vmac.name in self._entries or (
            entry.vmac._replace(name=vmac.name) != vmac
        ):
            return
        for entries in (self._entries, self._of[key], self._above[vmac.base]):
            del entries[entry.vmac.name]
            entries[vmac.name] = entry
        entry.vmac = vmac
        self._enqueue(entry)

    def _rival(self, vmac: Vmac) -> _Entry | None:
        return self._entries.get(vmac.name) or self._at.get((vmac.base, vmac.mac))

    def forget(self, key: Hashable) -> None:
        """Remove the interfaces of `key`."""
        self.configure(key, ())

    def problem(self, key: Hashable) -> str:
        """Why an interface of `key` is not there; empty: all are, or will be in a moment."""
        for vmac in self._refused.get(key, ()):
            rival = self._rival(vmac)
            if rival is None:
                continue                            # it is about to be made
            who = self._describe(rival.key)
            if rival.vmac.name == vmac.name:
                return f"{who} has an interface {vmac.name} already; give one of them another name in use_vmac"
            return f"{who} has MAC {_text(vmac.mac)} on {vmac.base} already; give one of them another virtual_router_id"
        return next((entry.problem for entry in self._of.get(key, {}).values() if entry.problem), "")

    def problems(self) -> list[str]:
        """What the kernel refuses that is no single key's, as sentences."""
        return [each for each in (self._sysctls.problem, self._reports.problem) if each]

    # Work

    async def run(self) -> None:
        """Carry wishes out until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._is_busy = True
            while self._leaving or self._queue:
                if self._leaving:
                    await self._remove(self._leaving[0])
                    self._leaving.popleft()
                    continue
                entry = self._queue.popleft()
                self._queued.discard(entry)
                if self._entries.get(entry.vmac.name) is entry:
                    await self._try(entry)
            self._is_busy = False
            self._settled.set()

    async def settle(self) -> None:
        """Wait until every wish was carried out or has failed. Needs run() to be running."""
        while (self._queue or self._leaving or self._is_busy) and not self._is_closed:
            self._settled.clear()
            await self._settled.wait()

    def remove_leftovers(self) -> None:
        """Have removed what a crash has left and nobody wants now; those that are wanted are used again."""
        for link in self._links.by_index.values():
            if link.name not in self._entries and self._is_leftover(link, "", b""):
                log.info("removing %s, which an earlier run has left", link.name)
                self._remove_soon(link.index)

    async def remove_all(self) -> None:
        """Remove every interface that was made, and put back the settings of their bases. Needs run()."""
        self._refused.clear()
        for entry in list(self._entries.values()):
            self._drop(entry)
        await self.settle()
        self._sysctls.give_back()

    def close(self) -> None:
        """Stop. Interfaces stay as they are."""
        self._is_closed = True
        for entry in self._entries.values():
            _cancel(entry)
        self._entries.clear()
        self._queue.clear()
        self._leaving.clear()
        self._reports.close()
        self._settled.set()

    def _enqueue(self, entry: _Entry) -> None:
        if not self._is_closed and entry not in self._queued:
            self._queued.add(entry)
            self._queue.append(entry)
            self._wake.set()

    def _drop(self, entry: _Entry) -> None:
        """Nobody wants an interface any more."""
        vmac = entry.vmac
        _cancel(entry)
        del self._entries[vmac.name], self._at[vmac.base, vmac.mac]
        del self._of[entry.key][vmac.name], self._above[vmac.base][vmac.name]
        if not self._of[entry.key]:
            del self._of[entry.key]
        if not self._above[vmac.base]:
            del self._above[vmac.base]
        if vmac.base not in self._above:
            self._sysctls.give_back(f"ipv4/conf/{vmac.base}/arp_")
        if entry.index:
            self._remove_soon(entry.index)
        # Who was refused for it may have it now.
        for key, vmacs in list(self._refused.items()):
            if any(other.name == vmac.name or other[1:3] == vmac[1:3] for other in vmacs):
                asyncio.get_running_loop().call_soon(self._again, key)

    def _again(self, key: Hashable) -> None:
        if not self._is_closed and key in self._refused:
            vmacs = [entry.vmac for entry in self._of.get(key, {}).values()]
            self.configure(key, [*vmacs, *self._refused[key]])
            self._on_change(key)

    def _remove_soon(self, index: int) -> None:
        self._leaving.append(index)
        self._wake.set()

    async def _try(self, entry: _Entry) -> None:
        """Have one interface there, or say why not, and try again later."""
        before = entry.problem
        try:
            entry.problem = await self._step(entry)
        except NetlinkError as error:
            entry.problem = f"interface {entry.vmac.name} cannot be made on {entry.vmac.base}: {error}"
        except Exception as error:                  # one router's trouble is not everybody's
            log.exception("%s: this is a bug in pyvrrp", entry.vmac.name)
            entry.problem = f"interface {entry.vmac.name} cannot be made: {error}"
        if self._is_closed:
            return
        if self._entries.get(entry.vmac.name) is not entry:     # nobody wants it any more
            if entry.index:
                self._remove_soon(entry.index)
            return
        if entry.problem:
            delay_s = min(RETRY_FIRST_S * 2 ** min(entry.attempts, 30), RETRY_MAX_S)
            entry.attempts += 1
            _cancel(entry)
            entry.retry = asyncio.get_running_loop().call_later(delay_s, self._enqueue, entry)
        else:
            entry.attempts = 0
        if entry.problem != before:
            if entry.problem:
                log.error("(%s) %s", self._describe(entry.key), entry.problem)
            self._on_change(entry.key)

    async def _step(self, entry: _Entry) -> str:
        """Bring the kernel to what is wanted; return what stands in the way. Raises NetlinkError."""
        vmac = entry.vmac
        base = self._links.by_name.get(vmac.base)
        link = self._links.by_name.get(vmac.name)
        if base is not None and link is not None and link.index == entry.index:
            if link.mac != vmac.mac:
                log.warning("(%s) somebody gave %s MAC %s; it gets %s again", self._describe(entry.key), vmac.name,
                            _text(link.mac), _text(vmac.mac))
                await self._netlink.request(_with_mac(link.index, vmac.mac))
            return ""
        before, entry.index = entry.index, 0
        if link is None and (own := self._links.by_index.get(before)) is not None and base is not None and (
            own.macvlan is not None and (own.macvlan.base, own.mac) == (base.index, vmac.mac)
        ):
            try:
                await self._netlink.request(_named(before, vmac.name))
            except NetlinkError as error:
                if error.errno != EBUSY:            # before Linux 6.2 an interface that is up keeps its name
                    raise
            else:
                entry.index = before
                return ""
        if before:
            await self._reports.forget(before)
        if base is None:                            # its instance says so; it is made when that comes
            own = self._links.by_index.get(before)
            if own is not None and own.macvlan is not None and own.macvlan.alias == _mark():
                await self._remove(before)          # what was below it has another name now
            return ""
        for found in list(self._links.by_index.values()):
            if found.name != vmac.name and (
                found.macvlan is None or found.macvlan.base != base.index or found.mac != vmac.mac
            ):
                continue
            if not self._is_leftover(found, vmac.name, vmac.mac):
                return _refusal(vmac, found)
            if _fits(found, vmac, base):
                link = found
                log.info("(%s) %s is there already, and is used again", self._describe(entry.key), vmac.name)
            else:
                log.info("(%s) removing %s, which an earlier run has left", self._describe(entry.key), found.name)
                await self._remove(found.index)
                link = None
        if link is None:
            try:
                await self._netlink.request(_create(vmac, base.index))
            except NetlinkError as error:
                if error.errno in (EEXIST, EBUSY):
                    return f"interface {vmac.name} cannot be made on {vmac.base}: its name or MAC is in use there"
                raise
            link = self._links.by_name.get(vmac.name)
            if link is None:
                return f"interface {vmac.name} was made, and vanished"
        entry.index = link.index
        self._tune(vmac)
        if vmac.family == 6:
            await self._reports.redirect(link.index, base.index)
        await self._netlink.request(_up(link.index))
        log.info("(%s) %s has MAC %s on %s", self._describe(entry.key), vmac.name, _text(vmac.mac), vmac.base)
        return ""

    def _tune(self, vmac: Vmac) -> None:
        """Settings of a new interface, before it is up, and of what is under it."""
        values = {f"ipv6/conf/{vmac.name}/{name}": value for name, value in _IPV6.items()}
        if vmac.family == 4:
            values[f"ipv6/conf/{vmac.name}/disable_ipv6"] = "1"
            values |= {f"ipv4/conf/{vmac.name}/{name}": value for name, value in _IPV4.items()}
            self._free_rp_filter()
            for name, value in _BASE.items():
                if self._sysctls.read(f"ipv4/conf/{vmac.base}/{name}") == "0":
                    self._sysctls.borrow(f"ipv4/conf/{vmac.base}/{name}", value)
        self._sysctls.set(values)

    def _free_rp_filter(self) -> None:
        """The larger of `all` and the interface's own counts: move what `all` says to the interfaces themselves."""
        strictness = self._sysctls.read("ipv4/conf/all/rp_filter")
        if strictness in (None, "0"):
            return
        assert strictness is not None
        log.warning("net.ipv4.conf.all.rp_filter is set to 0, and to %s on each interface, so that those with virtual "
                    "MACs can do without", strictness)
        for name in ["default", *self._sysctls.interfaces()]:
            own = self._sysctls.read(f"ipv4/conf/{name}/rp_filter")
            if own is not None and int(own) < int(strictness):
                self._sysctls.borrow(f"ipv4/conf/{name}/rp_filter", strictness)
        self._sysctls.borrow("ipv4/conf/all/rp_filter", "0")

    async def _remove(self, index: int) -> None:
        try:
            await self._netlink.request(_delete(index))
        except NetlinkError as error:
            if error.errno != ENODEV:
                log.warning("interface %d with a virtual MAC cannot be removed: %s", index, error)
                return
        await self._reports.forget(index)

    # What happens

    def _on_link(self, old: Link | None, new: Link | None) -> None:
        if old and new and (old.name, old.index, old.mac) == (new.name, new.index, new.mac):
            return
        for link in (old, new):
            if link is None:
                continue
            if (entry := self._entries.get(link.name)) is not None:
                self._enqueue(entry)
            for entry in self._above.get(link.name, {}).values():
                self._enqueue(entry)

    def _is_leftover(self, link: Link, name: str, mac: bytes) -> bool:
        """Whether an interface is one of ours that nobody has now, or was left, by the name and MAC, by keepalived."""
        entry = self._entries.get(link.name)
        if link.macvlan is None or (entry is not None and entry.index == link.index):
            return False
        words = link.macvlan.alias.split()
        if words[:1] == [_ALIAS]:
            return not (len(words) == 2 and words[1].isdecimal() and _runs(int(words[1])))
        return link.name == name and link.mac == mac


def _runs(pid: int) -> bool:
    """Whether another process of this pid may be a daemon that runs."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _fits(link: Link, vmac: Vmac, base: Link) -> bool:
    made = link.macvlan
    return made is not None and link.name == vmac.name and link.mac == vmac.mac and (
        made.base == base.index and made.mode == MODE
    )


def _refusal(vmac: Vmac, found: Link) -> str:
    if found.macvlan is not None and found.macvlan.alias.startswith(f"{_ALIAS} "):
        return f"interface {found.name} belongs to the pyvrrpd with pid {found.macvlan.alias.split()[-1]}; stop that"
    if found.name == vmac.name:
        return f"there is an interface {vmac.name} that is not pyvrrp's; remove it, or give use_vmac another name"
    return f"interface {found.name} has MAC {_text(vmac.mac)} on {vmac.base} already; remove it"


def _cancel(entry: _Entry) -> None:
    if entry.retry is not None:
        entry.retry.cancel()
        entry.retry = None


def _mark() -> str:
    """The alias of an interface of this process."""
    return f"{_ALIAS} {os.getpid()}"


def _text(mac: bytes) -> str:
    return mac.hex(":")


def _message(kind: int, flags: int, *attributes: tuple[str, Any], index: int = 0, up: bool = False) -> bytes:
    message = ifinfmsg()
    message["index"] = index
    if up:
        message["flags"] = message["change"] = IFF_UP
    message["attrs"] = list(attributes)
    message["header"]["type"] = kind
    message["header"]["flags"] = NLM_F_REQUEST | flags
    message.encode()
    return bytes(message.data)


def _create(vmac: Vmac, base: int) -> bytes:
    mode = {"attrs": [("IFLA_MACVLAN_MODE", MODE)]}
    return _message(
        RTM_NEWLINK,
        NLM_F_CREATE | NLM_F_EXCL,
        ("IFLA_IFNAME", vmac.name),
        ("IFLA_LINK", base),
        ("IFLA_ADDRESS", _text(vmac.mac)),
        ("IFLA_GROUP", vmac.group),
        ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "macvlan"), ("IFLA_INFO_DATA", mode)]}),
    )


def _up(index: int) -> bytes:
    return _message(RTM_NEWLINK, 0, ("IFLA_IFALIAS", _mark()), index=index, up=True)


def _named(index: int, name: str) -> bytes:
    return _message(RTM_NEWLINK, 0, ("IFLA_IFNAME", name), index=index)


def _with_mac(index: int, mac: bytes) -> bytes:
    return _message(RTM_NEWLINK, 0, ("IFLA_ADDRESS", _text(mac)), index=index)


def _delete(index: int) -> bytes:
    return _message(RTM_DELLINK, 0, index=index)
