"""One network namespace as the daemon uses it: its sockets in the reactor, its links, what is set there.

A Network is a *name*: the namespace behind it may be missing, appear, vanish and come back as another one. Its domains
in the engine stay for its whole life, so that its routers need not be told; they are in FAULT while it is not open.
Nothing here ever makes a namespace.

The calling thread goes into a namespace for the few calls that need it and comes back before anything waits: that
costs some 10 us and no fork.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pyvrrp import limits, linux
from pyvrrp.errors import NetlinkError
from pyvrrp.netlink.applier import Applier
from pyvrrp.netlink.filters import Filters
from pyvrrp.netlink.links import Links
from pyvrrp.netlink.transport import Netlink
from pyvrrp.netlink.vmacs import Vmacs
from pyvrrp.netns import path_of
from pyvrrp.placing import Placed, place
from pyvrrp.promotion import Promotion

if TYPE_CHECKING:
    from collections.abc import Hashable

    from pyvrrp.model import FilterTable, Instance, Vip
    from pyvrrp.netlink.objects import Thing
    from pyvrrp.netlink.sender import Sender
    from vrrpcore.reactor import Reactor

log = logging.getLogger("pyvrrp.network")

_HOME = Path("/proc/thread-self/ns/net")


class Network:
    """A namespace's sockets, links and addresses, for as long as somebody may want them."""

    def __init__(
        self,
        name: str | None,
        reactor: Reactor,
        sender: Sender,
        *,
        on_applied: Callable[[Hashable, bool, tuple[Vip, ...]], None],
        on_lost: Callable[[Hashable, Thing], None],
        on_problem: Callable[[Hashable], None],
        on_vmacs: Callable[[Hashable], None],
        on_filter: Callable[[set[Hashable]], None],
        describe: Callable[[Hashable], str],
        give_way: Callable[[], None],
    ) -> None:
        """`name`: as in the configuration; None is the daemon's own namespace.

        Callbacks: see Applier, Filters, Netlink; on_vmacs as on_change of Vmacs.
        """
        self.name = name
        self.why_closed = "it is not open yet"
        self.is_vanishing = False                           # its name is gone; its routers are leaving
        self.links: Links | None = None                     # None while it is closed
        self.applier: Applier | None = None
        self.vmacs: Vmacs | None = None
        self.promotion = Promotion(self._inside)
        self.filters: Filters | None = None
        self._on_filter = on_filter
        self._reactor, self._sender = reactor, sender
        self._make_netlink = partial(Netlink, sender=sender, give_way=give_way)
        self._make_applier = partial(
            Applier, on_applied=on_applied, on_lost=on_lost, on_problem=on_problem, describe=describe
        )
        self._make_vmacs = partial(Vmacs, sender=sender, inside=self._inside, on_change=on_vmacs, describe=describe)
        self._namespace: int | None = None                  # the reactor's number
        self._identity: tuple[int, int] | None = None
        self._fd = self._home_fd = -1
        self._domains: dict[int, int] = {}
        self._adverts_per_s: dict[int, float] = {}
        self._sized: dict[int, float] = {}
        self._netlink: Netlink | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def title(self) -> str:
        """How messages call it."""
        return "the daemon's network namespace" if self.name is None else f"network namespace {self.name}"

    @property
    def is_open(self) -> bool:
        """Its links and addresses are known, and wishes are carried out."""
        return self.links is not None

    @property
    def usable_links(self) -> Links | None:
        """Its links; None while no router can run there."""
        return None if self.is_vanishing else self.links

    @property
    def identity(self) -> tuple[int, int] | None:
        """Device and inode of the namespace that is open; None while none is."""
        return self._identity

    def look(self) -> tuple[int, int] | None:
        """Return device and inode of the namespace that its name means now; None: there is none."""
        path = _HOME if self.name is None else path_of(self.name)
        try:
            with linux.raised(linux.CAP_DAC_OVERRIDE, linux.CAP_SYS_PTRACE):
                found = path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    async def open(self) -> bool:
        """Open what there is behind the name; False, with `why_closed`, when there is nothing.

        Reads the links, and begins to carry wishes out. Raises NetlinkError, OSError; it is closed then.
        """
        path = _HOME if self.name is None else path_of(self.name)
        try:
            with linux.raised(linux.CAP_DAC_OVERRIDE, linux.CAP_SYS_PTRACE):       # it may be /proc/PID/ns/net
                # Whatever there is: a FIFO must not keep the daemon until somebody opens its other end.
                self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError as error:
            self.why_closed = f"there is no {self.title}" if error.errno == errno.ENOENT else (
                f"{self.title} cannot be opened: {error.strerror}"
            )
            return False
        if not linux.is_network_namespace(self._fd):
            self._close_fd()
            self.why_closed = f"{path} is no network namespace yet"
            return False
        try:
            with self._inside():
                # Not by way of its name: that would keep a mount busy, which its owner may want to undo.
                direct = os.open(_HOME, os.O_RDONLY | os.O_CLOEXEC)
            self._close_fd()
            self._fd = direct
            found = os.fstat(self._fd)
            self._identity = found.st_dev, found.st_ino
            with self._inside():
                self._open_sockets()
            assert self._netlink is not None
            links = Links(self._netlink)
            applier = self._make_applier(self._netlink, links)
            vmacs = self._make_vmacs(self._netlink, links)
            await links.start()
        except (OSError, NetlinkError):
            await self.close()
            raise
        self.links, self.applier, self.vmacs = links, applier, vmacs
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(applier.run(), name="applier"), loop.create_task(vmacs.run(), name="vmacs")]
        self.promotion.opened()
        self.filters = Filters(
            self._sender, inside=self._inside, addresses_left=self.drain, on_change=self._on_filter
        )
        self.why_closed = ""
        return True

    def _open_sockets(self) -> None:
        self._namespace = self._reactor.open_namespace()
        for domain in self._domains.values():
            self._reactor.reopen_domain(domain, self._namespace)
        self._sized.clear()
        for family in self._domains:
            self._size(family)
        self._netlink = self._make_netlink()

    async def close(self, *, keep_filters: bool = False) -> None:
        """Let go of everything in the namespace, addresses as they are. Its domains stay."""
        filters, self.filters = self.filters, None
        if filters is not None:
            await filters.close(keep=keep_filters)
        links, self.links = self.links, None
        applier, self.applier = self.applier, None
        if applier is not None:
            applier.close()
        vmacs, self.vmacs = self.vmacs, None
        if vmacs is not None:
            vmacs.close()
        if links is not None:
            await links.close()
        self.promotion.closed()
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks = []
        if self._netlink is not None:
            self._netlink.close()
            self._netlink = None
        if self._namespace is not None:
            self._reactor.close_namespace(self._namespace)
            self._namespace = None
        self._close_fd()
        self._identity = None
        self.why_closed = self.why_closed or f"{self.title} was closed"

    def _close_fd(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def inside(self) -> contextlib.AbstractContextManager[None]:
        """Have the calling thread in this namespace, which is open."""
        return self._inside()

    @contextlib.contextmanager
    def _inside(self) -> Iterator[None]:
        """Have the calling thread in this namespace."""
        if self.name is None:
            yield
            return
        home_fd = os.open(_HOME, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with linux.inside(self._fd, home_fd):
                yield
        finally:
            os.close(home_fd)

    # ---- adverts

    @property
    def domains(self) -> dict[int, int]:
        """The engine's domain of each address family that is in use."""
        return self._domains

    def domain(self, family: int) -> int:
        """Return the engine's domain of a family, made at first use. Raises OSError."""
        if family not in self._domains:
            if self._namespace is None:
                self._domains[family] = self._reactor.open_domain(None, family)
            else:
                with self._inside():
                    self._domains[family] = self._reactor.open_domain(self._namespace, family)
        return self._domains[family]

    def expect_adverts(self, family: int, per_s: float) -> None:
        """Size the receive buffer of a family for that many adverts a second, now or when it is open."""
        self._adverts_per_s[family] = per_s
        self.domain(family)
        if self._namespace is not None:
            self._size(family)

    def _size(self, family: int) -> None:
        per_s = self._adverts_per_s.get(family, 0.0)
        if per_s <= self._sized.get(family, 0.0):
            return
        self._sized[family] = per_s
        if not self._reactor.expect_adverts(self._domains[family], per_s):
            log.warning(
                "the receive buffer for IPv%d in %s is smaller than %.0f adverts a second need; "
                "raise net.core.rmem_max, or give the daemon CAP_NET_ADMIN",
                family,
                self.title,
                per_s,
            )

    def join(self, family: int, ifindex: int, group: bytes) -> str | None:
        """Hear a group on an interface. Returns why not, as a sentence."""
        for raised in (False, True):
            try:
                self._reactor.join(self.domain(family), ifindex, group)
            except OSError as error:
                if error.errno == errno.ENOBUFS and not raised and self._raise_membership_limit(family):
                    continue
                hint = "; raise net.ipv4.igmp_max_memberships" if error.errno == errno.ENOBUFS else ""
                return f"its multicast group cannot be joined: {error.strerror}{hint}"
            return None
        return None

    def leave(self, family: int, ifindex: int, group: bytes) -> None:
        """Undo one join()."""
        if self._namespace is not None:
            self._reactor.leave(self._domains[family], ifindex, group)

    def forget_interface(self, ifindex: int) -> None:
        """An interface is gone, and its memberships with it."""
        if self._namespace is not None:
            self._reactor.forget_interface(ifindex, namespace=self._namespace)

    # ---- settings of the namespace

    def forwards_ipv6(self, name: str) -> bool:
        """Whether an interface forwards IPv6, and so is a router's."""
        path = Path("/proc/sys/net/ipv6/conf") / name / "forwarding"
        try:
            with self._inside():
                return path.read_text().strip() == "1"
        except OSError:
            return False

    def _raise_membership_limit(self, family: int) -> bool:
        """Memberships of one socket are bounded (20 for IPv4); say whether the bound could be doubled."""
        if family != 4:
            return False
        path = Path("/proc/sys/net/ipv4/igmp_max_memberships")
        try:
            with self._inside():
                path.write_text(str(int(path.read_text()) * 2))
        except (OSError, ValueError):
            return False
        return True

    # ---- wishes: while it is closed they are kept by whoever has them

    def want(self, number: int, *, present: bool) -> bool:
        """Have what a router wants of the kernel there or gone; False: it is closed, and nothing will follow."""
        if self.applier is None:
            return False
        self.applier.want(number, present)
        return True

    def problem(self, number: int) -> str:
        """Why the last attempt with a router's addresses or routes failed; empty: it did not."""
        return "" if self.applier is None else self.applier.state(number).error

    def problems(self) -> list[str]:
        """What the kernel refuses that is no single router's."""
        return [*self.promotion.problems(), *([] if self.vmacs is None else self.vmacs.problems())]

    def filter(self, number: int, vips: tuple[Vip, ...], table: FilterTable) -> None:
        """Have packets to these addresses of a router dropped, and to no others of it."""
        if self.filters is None:
            return
        if vips:
            self.filters.want(number, vips, table)
        else:
            self.filters.forget(number)

    def filter_problem(self, number: int) -> str:
        """Why packets to a router's addresses may not be dropped as wanted; empty: they are."""
        return "" if self.filters is None else self.filters.problem(number)

    async def settle_filters(self) -> None:
        """Wait until the filters that are wanted are there, or have failed."""
        if self.filters is not None:
            await self.filters.settle()

    def vmac_problem(self, number: int) -> str:
        """Why an interface with a virtual MAC of a router is not there; empty: they are, or will be soon."""
        return "" if self.vmacs is None else self.vmacs.problem(number)

    def place(self, number: int, instance: Instance) -> Placed:
        """Say where the addresses of a router's instance go here. Names are good while the namespace is open."""
        vmacs = self.vmacs
        return place(instance, lambda base, mac, family, prefix, vrid, taken: (
            f"{prefix}.{vrid}" if vmacs is None else vmacs.name_for(number, base, mac, family, prefix, vrid, taken)
        ))

    async def settle_vmacs(self, within_s: float = limits.VMACS_S) -> bool:
        """Wait until the interfaces with virtual MACs are as configured, or cannot be; False: not in that time."""
        if self.vmacs is None:
            return True
        try:
            async with asyncio.timeout(within_s):
                await self.vmacs.settle()
        except TimeoutError:
            return False
        return True

    async def remove_vmacs(self, within_s: float = limits.VMACS_S) -> bool:
        """Remove all interfaces with virtual MACs; False: not in that time."""
        if self.vmacs is None:
            return True
        try:
            async with asyncio.timeout(within_s):
                await self.vmacs.remove_all()
        except TimeoutError:
            return False
        return True

    async def drain(self, within_s: float = limits.STOP_ADDRESSES_S) -> bool:
        """Wait until every wish was carried out or has failed; False: not in that time."""
        if self.applier is None:
            return True
        try:
            async with asyncio.timeout(within_s):
                await self.applier.drain()
        except TimeoutError:
            return False
        return True
