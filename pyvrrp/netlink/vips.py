"""The virtual addresses: the kernel is brought to the newest wanted state.

A key is one Virtual Router. want() records a wish and returns; only the newest wish per key counts, so a
flap that is over before its turn costs nothing. A key has at most one program under way. What a program has
to do is computed when its turn comes, from what is wanted and what is known to be there: a wish that
changed while it waited needs no undoing.

What is known of an address is `present`: True, False, or None. None is at the beginning and after an answer
was lost. Nothing is assumed then: the addresses are read back with a dump; and a wish that cannot wait for
that adds or deletes once more, which harms nothing and is answered.

Turns: keys that give addresses up come first (the new master elsewhere is waiting for that), then keys with
few addresses before keys with many, so that one large router does not delay a hundred small ones.

An address that disappears without a request of ours:
- its interface is down or gone: it is added again when the interface is back, if it is wanted then;
- it was a secondary address, and the kernel took it away together with a primary one that we removed: added
  again;
- anything else: somebody removed it. on_lost() is called, and the address is left alone until the next
  want().

run() chooses and hands over programs in slices of NETLINK_APPLY_SLICE_S. Cancelling it leaves the kernel as
the programs already handed over make it.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from errno import EADDRNOTAVAIL, EEXIST, ENODEV
from functools import partial

from pyvrrp.limits import (
    LEFTOVERS_S,
    NETLINK_APPLY_SLICE_S,
    NETLINK_FAILURE_LOGS_PER_S,
    NETLINK_SLICE,
    RETRY_FIRST_S,
    RETRY_MAX_S,
)
from pyvrrp.model import Vip
from pyvrrp.netlink.links import Link, Links
from pyvrrp.netlink.programs import AddressKey, add_message, address_key, delete_message
from pyvrrp.netlink.transport import Answer, Netlink, Refusal, guarded

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VipStatus:
    """How one key stands."""

    wanted: bool | None                 # None: nothing was asked for yet
    is_settled: bool                    # nothing is queued or under way, and nothing failed
    missing: tuple[Vip, ...]            # wanted, but not on the interface as far as is known
    error: str = ""                     # why the last attempt failed
    attempts: int = 0                   # failed ones in a row


_ACCEPTED = Refusal(0, 0, "")


class _Pending(Enum):
    ADD = 1
    DELETE = 2


class _Address:
    """One address of one key on the interface that its name means now."""

    __slots__ = ("add", "delete", "is_lost", "key", "pending", "present", "vip")

    def __init__(self, vip: Vip, index: int) -> None:
        self.vip = vip
        self.key = address_key(index, vip.prefix_len, vip.address)
        self.add = add_message(vip, index) if index else b""
        self.delete = delete_message(vip, index) if index else b""
        self.present: bool | None = None if index else False
        self.pending: _Pending | None = None
        self.is_lost = False            # somebody removed it; or, while pending, it may be gone again


_Step = tuple[_Address, _Pending]


class _Entry:
    """What is wanted and known of one key."""

    __slots__ = (
        "addresses",
        "attempts",
        "changed",
        "error",
        "is_forgotten",
        "is_fresh",
        "key",
        "leaving",
        "problem",
        "queued",
        "retry",
        "under_way",
        "wanted",
    )

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.wanted: bool | None = None
        self.addresses: list[_Address] = []
        self.leaving: list[_Address] = []           # no longer configured there; to be deleted
        self.is_fresh = False                       # a wish that on_applied has not answered
        self.changed: list[Vip] = []                # done since the last on_applied
        self.queued: int | None = None              # the best rank under which it waits
        self.under_way = 0                          # programs
        self.problem = ""                           # what went wrong in one of them
        self.retry: asyncio.TimerHandle | None = None
        self.attempts = 0                           # failed ones in a row
        self.error = ""
        self.is_forgotten = False


class VipApplier:
    """Brings the addresses of any number of keys, in one network namespace, to the newest wanted state.

    on_applied(key, present, vips): a wish was carried out, as acknowledged by the kernel. After want(),
        `vips` are all that are there now (or that are gone); after configure(), a retry or the return of an
        interface, those that were added then. Not called for a key that was forgotten, or for leftovers
    on_lost(key, vip): somebody else removed an address of a key that is wanted present. The applier does
        nothing until the next want(): True puts it back, False removes the others
    describe: how a key is called in log messages

    Callbacks are called from the event loop, never inside want() or configure().
    """

    def __init__(
        self,
        netlink: Netlink,
        links: Links,
        *,
        on_applied: Callable[[Hashable, bool, tuple[Vip, ...]], None],
        on_lost: Callable[[Hashable, Vip], None],
        describe: Callable[[Hashable], str] = str,
    ) -> None:
        self._netlink, self._links = netlink, links
        self._on_applied, self._on_lost, self._describe = on_applied, on_lost, describe
        self._entries: dict[Hashable, _Entry] = {}
        self._claims: dict[AddressKey, list[tuple[_Entry, _Address]]] = {}
        self._by_dev: dict[str, dict[Hashable, _Entry]] = {}
        self._queue: list[tuple[int, int, _Entry]] = []         # a heap: rank, order of arrival
        self._order = itertools.count()
        self._rescans: deque[Iterator[_Entry]] = deque()        # keys whose interface changed
        self._busy = 0                                          # programs under way
        self._unknown: set[_Entry] = set()                      # an answer was lost; they wait for a dump
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._known = asyncio.Event()
        self._log_since, self._log_count = 0.0, 0
        self._closed = False
        links.watch(self._on_link)
        links.watch_claimed(on_removed=self._on_removed, on_known=self._on_known)
        netlink.watch_room(self._wake.set)

    # Wishes

    def configure(self, key: Hashable, vips: Sequence[Vip]) -> None:
        """Set the addresses of `key`. Of a key that is present, only the difference is programmed."""
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry(key)
        entry.is_forgotten = False
        old = {address.vip: address for address in entry.addresses}
        entry.addresses = []
        for vip in dict.fromkeys(vips):
            address = old.pop(vip, None) or _Address(vip, self._index_of(vip.dev))
            entry.addresses.append(address)
        self._let_go(entry, old.values())
        for address in entry.addresses:
            self._claim(entry, address)
        if entry.wanted is not None or entry.leaving:
            self._enqueue(entry)

    def forget(self, key: Hashable) -> None:
        """Remove the addresses of `key`, then everything about it."""
        entry = self._entries.get(key)
        if entry is None:
            return
        entry.is_forgotten, entry.wanted, entry.is_fresh = True, False, False
        addresses, entry.addresses = entry.addresses, []
        self._let_go(entry, addresses)
        self._cancel_retry(entry)
        self._enqueue(entry)

    def want(self, key: Hashable, present: bool) -> None:
        """Have the addresses of `key` there, or gone. Never waits; on_applied follows. KeyError: unknown."""
        entry = self._entries[key]
        entry.wanted, entry.is_fresh = present, True
        for address in entry.addresses:
            if address.pending is None:
                address.is_lost = False
        self._cancel_retry(entry)
        self._enqueue(entry)

    def state(self, key: Hashable) -> VipStatus:
        """Return how `key` stands. KeyError: no such key."""
        entry = self._entries[key]
        missing = tuple(a.vip for a in entry.addresses if entry.wanted and a.present is not True)
        settled = entry.queued is None and not entry.under_way and not entry.error
        return VipStatus(entry.wanted, settled, missing, entry.error, entry.attempts)

    def failures(self) -> list[tuple[Hashable, str, int]]:
        """Return (key, why, attempts) of every key whose last attempt failed."""
        return [(e.key, e.error, e.attempts) for e in self._entries.values() if e.error]

    async def remove_leftovers(self) -> None:
        """Remove every configured address that is on its interface and not wanted, as after a crash.

        One dump tells which there are. Needs run() to be running. After LEFTOVERS_S it is logged that some may be
        there still, and they are removed as soon as the kernel can do it. An address counts with its prefix length,
        so that the interface's own 192.0.2.1/24 stays where 192.0.2.1/32 is configured.
        """
        for entry in self._entries.values():
            entry.wanted = bool(entry.wanted)
            for address in entry.addresses:
                if not entry.wanted and address.pending is None and address.key.ifindex:
                    address.present = None
        self._known.clear()
        self._links.resync()
        try:
            async with asyncio.timeout(LEFTOVERS_S):
                await self._known.wait()
                for entry in list(self._entries.values()):
                    if not entry.wanted and any(address.present for address in entry.addresses):
                        self._enqueue(entry)
                await self.drain()
        except TimeoutError:
            log.error("addresses of an earlier run may be left: they could not be removed within %g s", LEFTOVERS_S)
            for entry in self._entries.values():
                if not entry.wanted:
                    self._enqueue(entry)

    async def drain(self) -> None:
        """Wait until everything wanted now has been applied or has failed. Needs run() to be running."""
        while self._queue or self._rescans or self._busy or self._unknown:
            self._settled.clear()
            await self._settled.wait()

    async def run(self) -> None:
        """Carry wishes out until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                is_more = self._work()
            except Exception:                   # one router's trouble is not everybody's
                log.exception("virtual addresses: a turn failed; this is a bug in pyvrrp")
                is_more = True
            if is_more:
                self._wake.set()
                await asyncio.sleep(0)          # packets and timers first

    def close(self) -> None:
        """Stop retrying. Answers that still come are ignored."""
        self._closed = True
        for entry in self._entries.values():
            self._cancel_retry(entry)
        self._queue.clear()
        self._rescans.clear()
        self._unknown.clear()
        self._busy = 0
        self._settled.set()

    # Turns

    def _enqueue(self, entry: _Entry) -> None:
        """Let `entry` have a turn. It may wait under more than one rank; the best one counts."""
        rank = 1 + len(entry.addresses) if entry.wanted and not entry.leaving else 0
        if entry.queued is None or rank < entry.queued:
            entry.queued = rank
            heapq.heappush(self._queue, (rank, next(self._order), entry))
            self._wake.set()

    def _work(self) -> bool:
        """Hand programs over for one slice of time; True: there is more to do at once."""
        until = time.monotonic() + NETLINK_APPLY_SLICE_S
        while self._rescans and time.monotonic() < until:
            entry = next(self._rescans[0], None)
            if entry is None:
                self._rescans.popleft()
            elif not entry.is_forgotten:
                self._resolve(entry)
        while self._queue and self._netlink.room and time.monotonic() < until:
            rank, _, entry = heapq.heappop(self._queue)
            if entry.queued == rank:            # else it had its turn under a better one
                entry.queued = None
                if not entry.under_way:         # else the answer gives it another turn
                    self._turn(entry)
        self._netlink.flush()
        if not (self._queue or self._rescans or self._busy or self._unknown):
            self._settled.set()
        return bool(self._rescans or (self._queue and self._netlink.room))

    def _turn(self, entry: _Entry) -> None:
        """Start what `entry` needs; if that is nothing, say so."""
        steps = self._steps(entry)
        if not steps:
            self._report(entry)
            return
        for address, pending in steps:
            address.pending = pending
        for at in range(0, len(steps), NETLINK_SLICE):
            chunk = steps[at : at + NETLINK_SLICE]
            messages = [a.add if pending is _Pending.ADD else a.delete for a, pending in chunk]
            entry.under_way += 1
            self._busy += 1
            self._netlink.submit(messages, partial(self._on_answer, entry, chunk))

    def _steps(self, entry: _Entry) -> list[_Step]:
        """Return what brings the kernel from what is known to what is wanted: deletions first.

        What another key has and wants is not deleted: it is that key's now.
        """
        for address in entry.leaving if entry.wanted else (*entry.leaving, *entry.addresses):
            if address.present is not False and address.pending is None and self._is_held(address):
                address.present = False
        entry.leaving = [a for a in entry.leaving if a.present is not False]
        steps = [(a, _Pending.DELETE) for a in entry.leaving]
        if entry.wanted is None:
            return steps
        kind = _Pending.ADD if entry.wanted else _Pending.DELETE
        for address in entry.addresses:
            if address.key.ifindex and address.present is not entry.wanted and not address.is_lost:
                steps.append((address, kind))
        return steps

    def _on_answer(self, entry: _Entry, chunk: list[_Step], answer: Answer) -> None:
        if self._closed:
            return
        is_lost_answer = False
        refusals = {refusal.place: refusal for refusal in answer.refusals}
        for i, (address, pending) in enumerate(chunk):
            address.pending = None
            if not answer.known:
                address.present = None
                is_lost_answer = True
                continue
            _, code, reason = refusals.get(i, _ACCEPTED)
            is_link_gone = address.key.ifindex not in self._links.by_index
            if pending is _Pending.ADD:
                if code in (0, EEXIST):
                    address.present = None if address.is_lost else True
                    entry.changed.append(address.vip)
                else:
                    address.present = False
                    if not is_link_gone:
                        entry.problem = f"{address.vip} cannot be added: {reason}"
                address.is_lost = False
            elif code in (0, EADDRNOTAVAIL, ENODEV) or is_link_gone:
                address.present = False
                if not entry.wanted:
                    entry.changed.append(address.vip)
            else:
                address.present = None
                entry.problem = f"{address.vip} cannot be removed: {reason}"
        entry.under_way -= 1
        self._busy -= 1
        if is_lost_answer:
            self._unknown.add(entry)
            self._links.resync()
        if entry.under_way:
            return
        problem, entry.problem = entry.problem, ""
        if problem:
            self._failed(entry, problem)
            self._report(entry)
        elif entry in self._unknown:
            entry.error = "the kernel's answer was lost; reading the addresses again"
        else:
            entry.error, entry.attempts = "", 0
            if self._steps(entry):              # the wish changed on the way
                self._enqueue(entry)
            else:
                self._report(entry)
        if not self._busy:
            self._wake.set()                    # for drain()

    def _report(self, entry: _Entry) -> None:
        """Tell what was done, if it is what is wanted now."""
        changed, entry.changed = entry.changed, []
        if entry.is_forgotten:
            if not entry.leaving and self._entries.get(entry.key) is entry:
                del self._entries[entry.key]
            return
        if entry.wanted is None:
            return
        if entry.is_fresh:
            done = [a.vip for a in entry.addresses if a.present is entry.wanted]
            whole = len(done) == len(entry.addresses)
            if not whole and not (entry.wanted and done):
                return                          # nothing to announce yet; or not all of them are gone yet
            entry.is_fresh = False
        else:
            done = [a.vip for a in entry.addresses if a.present and a.vip in changed]
            if not entry.wanted or not done:
                return
        guarded(self._on_applied, entry.key, entry.wanted, tuple(done))

    # Failures

    def _failed(self, entry: _Entry, why: str) -> None:
        entry.error = why
        entry.attempts += 1
        delay_s = min(RETRY_FIRST_S * 2 ** min(entry.attempts - 1, 30), RETRY_MAX_S)
        self._cancel_retry(entry)
        entry.retry = asyncio.get_running_loop().call_later(delay_s, self._enqueue, entry)
        now = time.monotonic()
        if now - self._log_since >= 1:
            if self._log_count > NETLINK_FAILURE_LOGS_PER_S:
                more = self._log_count - NETLINK_FAILURE_LOGS_PER_S
                log.error("%d more virtual routers failed in that second", more)
            self._log_since, self._log_count = now, 0
        self._log_count += 1
        if self._log_count <= NETLINK_FAILURE_LOGS_PER_S:
            log.error("%s: %s; trying again in %g s", self._describe(entry.key), why, delay_s)

    def _cancel_retry(self, entry: _Entry) -> None:
        if entry.retry is not None:
            entry.retry.cancel()
            entry.retry = None

    # Interfaces and addresses

    def _index_of(self, dev: str) -> int:
        link = self._links.by_name.get(dev)
        return link.index if link else 0

    def _claim(self, entry: _Entry, address: _Address) -> None:
        self._by_dev.setdefault(address.vip.dev, {})[entry.key] = entry
        if address.key.ifindex:
            holders = self._claims.setdefault(address.key, [])
            if all(held is not address for _, held in holders):
                holders.append((entry, address))
            self._links.claimed.add(address.key)

    def _unclaim(self, address: _Address) -> None:
        holders = [holder for holder in self._claims.get(address.key, ()) if holder[1] is not address]
        if holders:
            self._claims[address.key] = holders
        elif self._claims.pop(address.key, None) is not None:
            self._links.claimed.discard(address.key)

    def _is_held(self, address: _Address) -> bool:
        """Whether another address is the same to the kernel, and wanted there: it must not be deleted."""
        holders = self._claims.get(address.key, ())
        return any(
            held is not address and held in entry.addresses and entry.wanted for entry, held in holders
        )

    def _let_go(self, entry: _Entry, addresses: Iterable[_Address]) -> None:
        """Have `addresses`, which are no longer among those of `entry`, deleted."""
        devs = {address.vip.dev for address in entry.addresses}
        for address in addresses:
            self._unclaim(address)
            if address.vip.dev not in devs and address.vip.dev in self._by_dev:
                self._by_dev[address.vip.dev].pop(entry.key, None)
            if address.key.ifindex in self._links.by_index:
                entry.leaving.append(address)

    def _resolve(self, entry: _Entry) -> None:
        """Find out anew which interfaces the names of `entry` mean, and let it have a turn."""
        for i, address in enumerate(entry.addresses):
            index = self._index_of(address.vip.dev)
            if index == address.key.ifindex:
                continue
            entry.addresses[i] = new = _Address(address.vip, index)
            if new.present is None:
                new.present = False             # we never added it there
            self._let_go(entry, (address,))     # if that interface still exists, it has another name now
            self._claim(entry, new)
        if entry.wanted is not None or entry.leaving:
            self._enqueue(entry)

    def _on_link(self, old: Link | None, new: Link | None) -> None:
        if old and new and old.name == new.name and (old.is_up or not new.is_up):
            return
        for name in {link.name for link in (old, new) if link}:
            if entries := self._by_dev.get(name):
                self._rescans.append(iter(list(entries.values())))
                self._wake.set()

    def _on_removed(self, key: AddressKey, by_us: bool) -> None:
        for entry, address in tuple(self._claims.get(key, ())):
            if address.pending is _Pending.DELETE:
                continue
            if address.pending is _Pending.ADD:
                # Before or after our addition? Our own requests are carried out in order, so not by them.
                address.is_lost = address.is_lost or not by_us
            elif address.present:
                self._gone(entry, address, by_us)

    def _gone(self, entry: _Entry, address: _Address, by_us: bool) -> None:
        """Note that an address which we knew to be there is not."""
        address.present = False
        link = self._links.by_index.get(address.key.ifindex)
        if not entry.wanted or link is None or not link.is_up:
            return
        if by_us:
            self._enqueue(entry)
        else:
            address.is_lost = True
            guarded(self._on_lost, entry.key, address.vip)

    def _on_known(self, found: set[AddressKey]) -> None:
        claims = [(key, *holder) for key, holders in self._claims.items() for holder in holders]
        for key, entry, address in claims:
            if address.pending is not None:
                continue                        # its answer is still to come
            if address.present is None:
                address.present = key in found
            elif address.present and key not in found:
                self._gone(entry, address, by_us=False)
        unknown, self._unknown = self._unknown, set()
        for entry in unknown:
            entry.error = ""
            self._enqueue(entry)
        self._known.set()
