"""Keeps packets to the addresses of routers without accept mode away from the host (RFC 9568 s8.2.4, s8.3.1).

Filters holds the wanted elements of each router and brings nf_tables to their union: a failover changes nothing here,
so a filter is there long before the address and costs no time when it matters.

- A table is ours alone: it is made by one transaction that fails if the name is taken, and then under the next name.
  It says in its comment whose it is. Where the kernel can (Linux 6.9), only our socket may change it, so that a
  `flush ruleset` of the host's own rules leaves it; and it outlives a crash, as the addresses do.
- The next daemon removes what a crash has left: tables with our comment whose socket is gone.
- What is to go, goes only after the addresses that it was for have gone.
- A refusal puts all in doubt: the next attempt makes the table anew, in one transaction. Attempts come after a growing
  delay; meanwhile problem() says why.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from errno import EEXIST, EINVAL, EOPNOTSUPP
from itertools import islice

from pyvrrp.errors import NetlinkError
from pyvrrp.limits import (
    FILTER_BATCH,
    FILTER_NAMES_MAX,
    RETRY_FIRST_S,
    RETRY_MAX_S,
)
from pyvrrp.model import FilterTable, Vip
from pyvrrp.netlink import nft
from pyvrrp.netlink.nfsocket import NfSocket, is_alive
from pyvrrp.netlink.sender import Sender

log = logging.getLogger(__name__)

_MARK = "pyvrrp "           # what the comment of a table of ours begins with; the port of its socket follows


@dataclass(slots=True, eq=False)
class _Table:
    """One table, as it is wanted and as it is."""

    wish: FilterTable
    wanted: Counter[nft.Element] = field(default_factory=Counter)   # by how many routers
    present: set[nft.Element] = field(default_factory=set)
    name: str = ""              # in the kernel; "": it is not there
    is_sure: bool = True        # no: `present` may be wrong
    problem: str = ""

    @property
    def missing(self) -> list[nft.Element]:
        return list(self.wanted) if not self.is_sure else [each for each in self.wanted if each not in self.present]

    @property
    def surplus(self) -> list[nft.Element]:
        return [each for each in self.present if each not in self.wanted]


class Filters:
    """The filters of one network namespace. want() and forget() never wait; run() carries out."""

    def __init__(
        self,
        sender: Sender,
        *,
        inside: Callable[[], AbstractContextManager[None]],
        addresses_left: Callable[[], Awaitable[object]],
        on_change: Callable[[set[Hashable]], None],
        table_flags: int = nft.OWNER | nft.PERSIST,
    ) -> None:
        """Nothing is opened before there is something to do.

        inside: has the calling thread in the namespace
        addresses_left: waits until addresses that are to go have gone
        on_change: whose problem() is another one now
        table_flags: asked for; a kernel that does not know them makes the table without
        """
        self._sender, self._inside = sender, inside
        self._addresses_left, self._on_change = addresses_left, on_change
        self._flags = table_flags
        self._socket: NfSocket | None = None
        self._wishes: dict[Hashable, tuple[_Table, frozenset[nft.Element]]] = {}
        self._tables: dict[FilterTable, _Table] = {}
        self._changed = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._delay_s = RETRY_FIRST_S
        self._retry: asyncio.TimerHandle | None = None
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Remove the tables of daemons that are gone, then begin to carry wishes out."""
        await self._remove_leftovers()
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._run(), name="filters")

    async def close(self, *, keep: bool = False) -> None:
        """Carry nothing out any more, and remove our tables; `keep`: leave them, for addresses that are left."""
        if self._retry is not None:
            self._retry.cancel()
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
        self._settled.set()
        if self._socket is None:
            return
        try:
            for name in () if keep else await self._ours(self._socket):
                await self._socket.change([nft.table_deletion(name)])
        except NetlinkError as error:
            log.error("nftables: a table may be left behind: %s", error)
        self._socket.close()
        self._socket = None

    # ---- wishes

    def want(self, key: Hashable, vips: Iterable[Vip], table: FilterTable) -> None:
        """Have packets to these addresses, and no others of `key`, dropped, in that table."""
        elements = nft.elements_of(vips)
        old = self._wishes.get(key)
        if old is not None and old[0].wish == table and old[1] == elements:
            return
        new = self._tables.setdefault(table, _Table(table))
        new.wanted.update(elements)
        self._wishes[key] = new, elements
        self._let_go(old)
        self._wake()

    def forget(self, key: Hashable) -> None:
        """Have nothing dropped for `key`."""
        if (old := self._wishes.pop(key, None)) is not None:
            self._let_go(old)
            self._wake()

    def problem(self, key: Hashable) -> str:
        """Why packets to the addresses of `key` may not be dropped; empty: they are."""
        wish = self._wishes.get(key)
        return wish[0].problem if wish is not None else ""

    async def settle(self) -> None:
        """Wait until what is wanted is there, or has failed. What is to go may still be there."""
        await self._settled.wait()

    def _let_go(self, wish: tuple[_Table, frozenset[nft.Element]] | None) -> None:
        if wish is None:
            return
        table, elements = wish
        for element in elements:
            table.wanted[element] -= 1
            if not table.wanted[element]:
                del table.wanted[element]

    def _wake(self) -> None:
        if any(table.missing for table in self._tables.values()):
            self._settled.clear()
        self._changed.set()

    # ---- carrying out

    async def _remove_leftovers(self) -> None:
        """A table whose socket is gone is nobody's. A namespace without nf_tables has none."""
        is_first = self._socket is None
        try:
            nf = self._open()
            for table in await nf.tables():
                port = _port_of(table)
                if port is None or port == nf.port or table.flags & nft.OWNER:
                    continue
                with self._inside():
                    if is_alive(port):
                        continue
                log.info("nftables: table inet %s of a daemon that is gone is removed", table.name)
                await nf.change([nft.table_deletion(table.name)])
        except (OSError, NetlinkError) as error:
            log.debug("nftables: leftovers were not looked for: %s", error)
        if is_first and self._socket is not None and not self._wishes:
            self._socket.close()
            self._socket = None

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            is_well = True
            for table in list(self._tables.values()):
                is_well &= await self._guarded(table, self._fill)
            if self._changed.is_set():
                continue
            self._settled.set()
            if any(table.surplus for table in self._tables.values()):
                await self._addresses_left()
                for table in list(self._tables.values()):
                    is_well &= await self._guarded(table, self._empty)
            self._delay_s = RETRY_FIRST_S if is_well else min(2 * self._delay_s, RETRY_MAX_S)
            if self._retry is not None:
                self._retry.cancel()
            self._retry = None if is_well else asyncio.get_running_loop().call_later(
                self._delay_s / 2, self._changed.set
            )

    async def _guarded(self, table: _Table, step: Callable[[_Table], Awaitable[None]]) -> bool:
        """Whether a step went well; `problem` says so."""
        try:
            await step(table)
        except Exception as error:
            if not isinstance(error, (OSError, NetlinkError)):
                log.exception("nftables: please report this fault")     # whoever waits must not wait for ever
            table.is_sure = False
            problem = f"packets to its addresses cannot be dropped: nftables: {error}; load nf_tables, or write accept"
        else:
            problem = ""
        if problem != table.problem:
            table.problem = problem
            if problem:
                log.error("nftables: table inet %s: %s", table.name or table.wish.name, problem)
            self._on_change({key for key, (its, _) in self._wishes.items() if its is table})
        return not problem

    async def _fill(self, table: _Table) -> None:
        """Have everything there that is wanted. Raises OSError, NetlinkError."""
        while missing := table.missing:
            nf = self._open()
            part = missing[:FILTER_BATCH]
            if table.is_sure and table.name:
                await nf.change(list(nft.element_messages(table.name, part, present=True)))
                table.present.update(part)
            else:
                await self._make(nf, table, missing)

    async def _make(self, nf: NfSocket, table: _Table, elements: list[nft.Element]) -> None:
        """Make a table with its elements, under a name that is free or ours."""
        taken = {other.name: _port_of(other) == nf.port for other in await nf.tables()}
        others = {other.name for other in self._tables.values() if other is not table}
        for number in range(1, FILTER_NAMES_MAX + 1):
            name = table.wish.name if number == 1 else f"{table.wish.name}-{number}"
            if name in others or not taken.get(name, True):
                continue
            # A table that is there is replaced whole; a new one is begun with a part.
            part = elements if name in taken else elements[:FILTER_BATCH]
            filling = list(nft.element_messages(name, part, present=True))
            comment = f"{_MARK}{nf.port}"
            try:
                made = nft.table_batch(table.wish, name, comment, flags=self._flags, replace=name in taken)
                try:
                    await nf.change([*made, *filling])
                except NetlinkError as error:
                    if not self._flags or error.errno not in {EINVAL, EOPNOTSUPP}:
                        raise
                    made = nft.table_batch(table.wish, name, comment, flags=0, replace=name in taken)
                    await nf.change([*made, *filling])
                    self._flags = 0
            except NetlinkError as error:
                if error.errno == EEXIST:
                    continue                                # somebody was quicker
                raise
            table.name, table.is_sure, table.present = name, True, set(part)
            log.info("nftables: table inet %s drops packets to addresses without accept", name)
            if name != table.wish.name:
                log.warning("nftables: there is another table inet %s, which is left alone; inet %s is used",
                            table.wish.name, name)
            return
        raise NetlinkError(f"tables {table.wish.name} to {table.wish.name}-{FILTER_NAMES_MAX} are taken", EEXIST)

    async def _empty(self, table: _Table) -> None:
        """Have nothing there that is not wanted; a table of which nothing is wanted goes."""
        if not table.name:
            return
        nf = self._open()
        if not table.wanted:
            if table.name in await self._ours(nf):
                await nf.change([nft.table_deletion(table.name)])
            table.name, table.is_sure = "", True
            table.present.clear()
            if not table.wanted and not any(its is table for its, _ in self._wishes.values()):
                self._tables.pop(table.wish, None)
            return
        surplus = iter(table.surplus)
        while part := list(islice(surplus, FILTER_BATCH)):
            part = [each for each in part if each not in table.wanted]     # it may have come back meanwhile
            if part:
                await nf.change(list(nft.element_messages(table.name, part, present=False)))
                table.present.difference_update(part)

    async def _ours(self, nf: NfSocket) -> list[str]:
        return [table.name for table in await nf.tables() if _port_of(table) == nf.port]

    def _open(self) -> NfSocket:
        if self._socket is None:
            with self._inside():
                self._socket = NfSocket(self._sender)
        return self._socket


def _port_of(table: nft.Table) -> int | None:
    """The port of the socket of the daemon whose table it is; None: it is not one of ours."""
    mark, _, port = table.comment.partition(" ")
    return int(port) if f"{mark} " == _MARK and port.isascii() and port.isdigit() else None
