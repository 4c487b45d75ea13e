"""Has the multicast listener reports of interfaces with virtual MACs leave by the interface below, with its MAC.

A switch believes whoever sent last. When a BACKUP has given an IPv6 address up, the kernel reports that the group of
the address is left; on a host that forwards, an interface is in the group of all routers even without an address, and
the kernel says so whenever a querier asks. From the virtual MAC each of these would draw the MASTER's frames to the
BACKUP, until the next advert. keepalived does the same, in the same way; for IPv4 nothing is joined up there.

One table of nf_tables for a network namespace, made with the first such interface. It belongs to its socket: the kernel
removes it when that is closed, so that there is nothing to be left over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager

from pyvrrp.errors import NetlinkError
from pyvrrp.netlink import nft
from pyvrrp.netlink.nfsocket import NfSocket
from pyvrrp.netlink.sender import Sender

log = logging.getLogger(__name__)


class Reports:
    """The reports of one network namespace. What cannot be done is said once, and hinders nothing."""

    def __init__(self, sender: Sender, *, inside: Callable[[], AbstractContextManager[object]]) -> None:
        """inside: has the calling thread in the namespace."""
        self._sender, self._inside = sender, inside
        self._socket: NfSocket | None = None
        self._name = ""                             # of the table; empty: there is none
        self._below: dict[int, int] = {}            # by the index of the interface above
        self.problem = ""                           # why they cannot be redirected; empty: they can

    async def redirect(self, index: int, base: int) -> None:
        """Have the reports of an interface leave by the one below. Before it is up, or a first one gets away."""
        if self.problem or self._below.get(index) == base:
            return
        try:
            if self._socket is None:
                with self._inside():
                    self._socket = NfSocket(self._sender)
            made = []
            name = self._name or f"pyvrrp-{self._socket.port}"
            if not self._name:
                made = nft.reports_batch(name)
            elif index in self._below:
                made = [nft.report_message(name, index, base, present=False)]
            await self._socket.change([*made, nft.report_message(name, index, base, present=True)])
        except (OSError, NetlinkError) as error:
            self.problem = (f"multicast listener reports leave with virtual MACs: nftables: {error}; switches may send "
                            "frames to a BACKUP for a moment; load nf_tables and nf_dup_ipv6")
            log.warning("%s", self.problem)
            return
        self._name, self._below[index] = name, base

    async def forget(self, index: int) -> None:
        """An interface is gone."""
        if self._below.pop(index, None) is None or self._socket is None:
            return
        if not self._below:
            self.close()
            return
        try:
            await self._socket.change([nft.report_message(self._name, index, 0, present=False)])
        except NetlinkError as error:
            log.debug("reports of interface %d: %s", index, error)

    def close(self) -> None:
        """Remove the table."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._name = None, ""
        self._below.clear()
