"""One network namespace as the daemon uses it: its sockets in the reactor, its links, its virtual addresses.

Everything is opened in the network namespace of the calling thread, and belongs to it for good.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pyvrrp.netlink.links import Links
from pyvrrp.netlink.transport import Netlink
from pyvrrp.netlink.vips import VipApplier

if TYPE_CHECKING:
    from collections.abc import Hashable

    from pyvrrp.model import Vip
    from vrrpcore.reactor import Reactor

log = logging.getLogger("pyvrrp.network")


class Network:
    """A namespace's sockets, links and addresses."""

    def __init__(
        self,
        reactor: Reactor,
        *,
        on_applied: Callable[[Hashable, bool, tuple[Vip, ...]], None],
        on_lost: Callable[[Hashable, Vip], None],
        describe: Callable[[Hashable], str],
    ) -> None:
        """Callbacks as for VipApplier. Raises OSError when the kernel refuses a socket."""
        self._reactor = reactor
        self._namespace = reactor.open_namespace()
        self._domains: dict[int, int] = {}
        self._adverts_per_s: dict[int, float] = {}
        self.netlink = Netlink()
        self.links = Links(self.netlink)
        self.vips = VipApplier(
            self.netlink, self.links, on_applied=on_applied, on_lost=on_lost, describe=describe
        )
        self._applying: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the links and begin to carry wishes out. Raises NetlinkError."""
        await self.links.start()
        self._applying = asyncio.get_running_loop().create_task(self.vips.run(), name="vips")

    async def close(self) -> None:
        """Let go of links and addresses, as they are. The reactor's sockets are the reactor's."""
        self.vips.close()
        await self.links.close()
        if self._applying is not None:
            self._applying.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._applying
        self.netlink.close()

    @property
    def domains(self) -> dict[int, int]:
        """The engine's domain of each address family that is in use."""
        return self._domains

    def domain(self, family: int) -> int:
        """Return the engine's domain of a family, opened at first use. Raises OSError.

        To be called in the namespace's own thread of opening: later namespaces come with their own Network.
        """
        if family not in self._domains:
            self._domains[family] = self._reactor.open_domain(self._namespace, family)
        return self._domains[family]

    def expect_adverts(self, family: int, per_s: float) -> None:
        """Size the receive buffer of a family for that many adverts a second."""
        if per_s <= self._adverts_per_s.get(family, 0.0):
            return
        self._adverts_per_s[family] = per_s
        if not self._reactor.expect_adverts(self.domain(family), per_s):
            log.warning(
                "the receive buffer for IPv%d is smaller than %.0f adverts a second need; "
                "raise net.core.rmem_max, or give the daemon CAP_NET_ADMIN",
                family,
                per_s,
            )

    def join(self, family: int, ifindex: int, group: bytes) -> str | None:
        """Hear a group on an interface. Returns why not, as a sentence."""
        for raised in (False, True):
            try:
                self._reactor.join(self.domain(family), ifindex, group)
            except OSError as error:
                if error.errno == errno.ENOBUFS and not raised and _raise_membership_limit(family):
                    continue
                hint = "; raise net.ipv4.igmp_max_memberships" if error.errno == errno.ENOBUFS else ""
                return f"its multicast group cannot be joined: {error.strerror}{hint}"
            return None
        return None

    def leave(self, family: int, ifindex: int, group: bytes) -> None:
        """Undo one join()."""
        self._reactor.leave(self._domains[family], ifindex, group)

    @staticmethod
    def forwards_ipv6(name: str) -> bool:
        """Whether an interface forwards IPv6, and so is a router's."""
        path = Path("/proc/sys/net/ipv6/conf") / name / "forwarding"
        try:
            return path.read_text().strip() == "1"
        except OSError:
            return False


def _raise_membership_limit(family: int) -> bool:
    """Memberships of one socket are bounded (20 for IPv4); say whether the bound could be doubled."""
    if family != 4:
        return False
    path = Path("/proc/sys/net/ipv4/igmp_max_memberships")
    try:
        path.write_text(str(int(path.read_text()) * 2))
    except (OSError, ValueError):
        return False
    return True
