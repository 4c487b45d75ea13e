"""Addresses, routes and rules: the kernel is brought to the newest wanted state.

A key is one Virtual Router, or what a file sets whatever its routers do.

want() records a wish and returns; only the newest wish per key counts, so a
flap that is over before its turn costs nothing. What a key needs is computed when its turn comes, from what
is wanted and what is known to be there: a wish that changed while it waited needs no undoing. A key that waits
for answers gets its next turn with them. Keys whose turns come together share a program, and an answer: of 64
takeovers that all succeed, one look tells all.

What is known of an address is `present`: True, False, or None. None is at the beginning and after an answer
was lost. Nothing is assumed then: the addresses are read back with a dump; and a wish that cannot wait for
that adds or deletes once more, which harms nothing and is answered. Routes and rules are not read back for
that: to delete one that is not there harms nothing either.

Things of a key are added in the order addresses, routes, rules, and deleted in the opposite one: a route by way of a
virtual address needs that first.

Turns: keys that give addresses up come first (the new master elsewhere is waiting for that), then keys with
few addresses before keys with many, so that one large router does not delay a hundred small ones.

An address that disappears without a request of ours:
- its interface is down or gone: it is added again when the interface is back, if it is wanted then;
- it was a secondary address, and the kernel took it away together with a primary one that we removed: added
  again;
- anything else: somebody removed it. on_lost() is called, and the address is left alone until the next
  want().

A route goes with its interface or its source address, and of IPv4 the kernel does not tell. So when an
interface comes up, the routes that it may carry are no longer known to be there. When the kernel tells that
it took a route away by itself, the route is added again. One that somebody deleted is lost, as an address.

run() chooses and hands over programs in slices of NETLINK_APPLY_SLICE_S. Cancelling it leaves the kernel as
the programs already handed over make it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Container, Hashable, Iterable, Iterator
from dataclasses import dataclass
from errno import EEXIST
from functools import partial

from pyvrrp.limits import (
    LEFTOVERS_S,
    NETLINK_APPLY_SLICE_S,
    NETLINK_FAILURE_LOGS_PER_S,
    NETLINK_READ_SLICE_S,
    NETLINK_SLICE,
    PUT_BACK_PACE_S,
    RETRY_FIRST_S,
    RETRY_MAX_S,
)
from pyvrrp.model import Vip
from pyvrrp.netlink.links import Link, Links
from pyvrrp.netlink.objects import ANY_DEV, Item, Key, Pending, Thing, make_item
from pyvrrp.netlink.programs import AddressKey
from pyvrrp.netlink.routes import RouteKey, RuleKey
from pyvrrp.netlink.tables import RoutingTables
from pyvrrp.netlink.transport import Answer, Netlink, Refusal, guarded

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ApplierStatus:
    """How one key stands."""

    wanted: bool | None                 # None: nothing was asked for yet
    is_settled: bool                    # nothing is queued or under way, and nothing failed
    missing: tuple[Thing, ...]          # wanted, but not there as far as is known
    waiting: tuple[Thing, ...] = ()     # those of them that lack an interface
    error: str = ""                     # why the last attempt failed
    attempts: int = 0                   # failed ones in a row


_ACCEPTED = Refusal(0, 0, "")


_Step = tuple[Item, Pending]


class _Entry:
    """What is wanted and known of one key."""

    __slots__ = (
        "attempts",
        "changed",
        "error",
        "is_forgotten",
        "is_fresh",
        "is_static",
        "items",
        "key",
        "leaving",
        "problem",
        "put_back",
        "queued",
        "retry",
        "under_way",
        "wanted",
    )

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.wanted: bool | None = None
        self.items: list[Item] = []
        self.leaving: tuple[Item, ...] = ()     # no longer configured there; to be deleted
        self.is_fresh = False                       # a wish that on_applied has not answered
        self.is_static = False                      # its addresses are the host's own, not those of a router
        self.changed: list[Thing] = []              # done since the last on_applied
        self.queued: int | None = None              # the best rank under which it waits
        self.under_way = 0                          # programs that it has a part in
        self.problem = ""                           # what went wrong in one of them
        self.retry: asyncio.TimerHandle | None = None
        self.attempts = 0                           # failed ones in a row
        self.error = ""
        self.put_back = (0.0, 0)                    # since when, by the loop's clock, and how often within that pace
        self.is_forgotten = False

    @property
    def is_done(self) -> bool:
        """Everything is as it is wanted; no: that takes a closer look."""
        for item in self.items:             # a loop: a generator would take three times as long, for one item
            if item.present is not self.wanted:
                return False
        return not self.leaving


class _Program:
    """What several keys need of the kernel, in order, and is answered together."""

    __slots__ = ("entries", "messages", "quiet", "steps")

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet                          # the kernel need not tell of its addresses
        self.messages: list[bytes] = []
        self.steps: list[tuple[_Entry, Item, Pending]] = []
        self.entries: list[_Entry] = []             # each once


class Applier:
    """Brings the things of any number of keys, in one network namespace, to the newest wanted state.

    on_applied(key, present, vips): a wish was carried out, as acknowledged by the kernel. After want(),
        `vips` are all addresses that are there now (or that are gone); after configure(), a retry or the return
        of an interface, those that were added then. Not called for a key that was forgotten, or for leftovers
    on_lost(key, thing): somebody else removed a thing of a key that is wanted present. The applier does
        nothing until put_back(), or the next want(): True puts it back, False removes the others
    on_problem(key): an attempt failed, the first in a row, or the first has succeeded again
    describe: how a key is called in log messages

    Callbacks are called from the event loop, never inside want() or configure().
    """

    def __init__(
        self,
        netlink: Netlink,
        links: Links,
        *,
        on_applied: Callable[[Hashable, bool, tuple[Vip, ...]], None],
        on_lost: Callable[[Hashable, Thing], None],
        on_problem: Callable[[Hashable], None] = lambda _: None,
        describe: Callable[[Hashable], str] = str,
    ) -> None:
        self._netlink, self._links = netlink, links
        self._on_applied, self._on_lost, self._on_problem = on_applied, on_lost, on_problem
        self._describe = describe
        self._entries: dict[Hashable, _Entry] = {}
        self._claims: dict[Key, tuple[tuple[_Entry, Item], ...]] = {}
        self._by_dev: dict[str, dict[Hashable, _Entry]] = {}
        self._queue: dict[int, deque[_Entry]] = {}              # by rank, in order of arrival; none is empty
        self._program = _Program(quiet=True)                    # being filled
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
        self._tables = RoutingTables(netlink, on_removed=self._on_removed, on_known=self._on_routing_known)
        netlink.watch_room(self._wake.set)

    # Wishes

    def configure(self, key: Hashable, things: Iterable[Thing], *, is_static: bool = False) -> None:
        """Set the things of `key`: addresses, then routes, then rules. Of a key that is present, only the difference is
        programmed.

        is_static: the addresses stay listed on their interfaces, as others that the host has.
        """
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry(key)
        entry.is_forgotten, entry.is_static = False, is_static
        old = {item.thing: item for item in entry.items}
        entry.items = []
        for thing in dict.fromkeys(things):
            item = old.pop(thing) if thing in old else make_item(thing, self._links.by_name)
            entry.items.append(item)
        self._let_go(entry, old.values())
        for item in entry.items:
            self._claim(entry, item)
        if entry.wanted is not None or entry.leaving:
            self._enqueue(entry)

    def forget(self, key: Hashable) -> None:
        """Remove the things of `key`, then everything about it."""
        entry = self._entries.get(key)
        if entry is None:
            return
        entry.is_forgotten, entry.wanted, entry.is_fresh = True, False, False
        items, entry.items = entry.items, []
        self._let_go(entry, items)
        self._cancel_retry(entry)
        self._enqueue(entry)

    def want(self, key: Hashable, present: bool) -> None:
        """Have the things of `key` there, or gone. Never waits; on_applied follows. KeyError: unknown."""
        entry = self._entries[key]
        entry.wanted, entry.is_fresh = present, True
        for item in entry.items:
            if item.pending is None:
                item.is_lost = False
        self._cancel_retry(entry)
        self._enqueue(entry)

    @property
    def is_pressed(self) -> bool:
        """Wishes wait that were not handed over to the kernel yet."""
        return bool(self._queue)

    def put_back(self, key: Hashable) -> None:
        """Have what somebody else removed from `key` added again; on_applied follows. KeyError: unknown.

        Each thing once in PUT_BACK_PACE_S: whoever removes it again at once is not raced.
        """
        entry = self._entries[key]
        for item in entry.items:
            if item.pending is None:
                item.is_lost = False
        loop = asyncio.get_running_loop()
        since_s, count = entry.put_back
        if loop.time() - since_s >= PUT_BACK_PACE_S:
            since_s, count = loop.time(), 0
        entry.put_back = since_s, count + 1
        self._cancel_retry(entry)
        if count < len(entry.items):
            self._enqueue(entry)
        else:
            entry.retry = loop.call_at(since_s + PUT_BACK_PACE_S, self._enqueue, entry)

    def state(self, key: Hashable) -> ApplierStatus:
        """Return how `key` stands. KeyError: no such key."""
        entry = self._entries[key]
        missing = tuple(item.thing for item in entry.items if entry.wanted and item.present is not True)
        waiting = tuple(item.thing for item in entry.items if entry.wanted and not item.add)
        settled = entry.queued is None and not entry.under_way and not entry.error
        return ApplierStatus(entry.wanted, settled, missing, waiting, entry.error, entry.attempts)

    def failures(self) -> list[tuple[Hashable, str, int]]:
        """Return (key, why, attempts) of every key whose last attempt failed."""
        return [(e.key, e.error, e.attempts) for e in self._entries.values() if e.error]

    async def remove_leftovers(self) -> None:
        """Remove every configured thing that is there and not wanted, as after a crash.

        One dump tells which addresses there are; routes and rules are deleted unseen. Needs run() to be running.
        After LEFTOVERS_S it is logged that some may be there still, and they are removed as soon as the kernel can
        do it. An address counts with its prefix length,
        so that the interface's own 192.0.2.1/24 stays where 192.0.2.1/32 is configured.
        """
        for entry in self._entries.values():
            entry.wanted = bool(entry.wanted)
            for item in entry.items:
                if not entry.wanted and item.pending is None and item.add:
                    item.present = None
        self._known.clear()
        self._links.resync()
        try:
            async with asyncio.timeout(LEFTOVERS_S):
                await self._known.wait()
                for entry in list(self._entries.values()):
                    if not entry.wanted and any(
                        item.present or (item.present is None and not item.is_listed) for item in entry.items
                    ):
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
                log.exception("addresses and routes: a turn failed; this is a bug in pyvrrp")
                is_more = True
            if is_more:
                self._wake.set()
                await asyncio.sleep(0)          # packets and timers first

    def close(self) -> None:
        """Stop retrying. Answers that still come are ignored."""
        self._closed = True
        self._tables.close()
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
        rank = 1 + len(entry.items) if entry.wanted and not entry.leaving else 0
        if entry.queued is None or rank < entry.queued:
            entry.queued = rank
            self._queue.setdefault(rank, deque()).append(entry)
            self._wake.set()

    def _next(self) -> _Entry | None:
        """Take the next entry from the queue; None: it had its turn under a better rank."""
        rank = min(self._queue)
        entries = self._queue[rank]
        entry = entries.popleft()
        if not entries:
            del self._queue[rank]
        if entry.queued != rank:
            return None
        entry.queued = None
        return entry

    def _work(self) -> bool:
        """Hand programs over for one slice of time; True: there is more to do at once."""
        self._netlink.give_way()
        until = time.monotonic() + NETLINK_APPLY_SLICE_S
        while self._rescans and time.monotonic() < until:
            entry = next(self._rescans[0], None)
            if entry is None:
                self._rescans.popleft()
            elif not entry.is_forgotten:
                self._resolve(entry)
        while self._queue and self._netlink.room > len(self._program.messages) and time.monotonic() < until:
            entry = self._next()
            if entry is not None and not entry.under_way:       # else the answer gives it another turn
                self._turn(entry)
        self._submit(quiet=True)
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
        observed = self._links.observed
        quiet = not entry.is_static and (not observed or observed.isdisjoint(item.key for item, _ in steps))
        if quiet is not self._program.quiet:
            self._submit(quiet=quiet)
        program = None
        for item, pending in steps:
            item.pending = pending
            if len(self._program.messages) == NETLINK_SLICE:
                self._submit(quiet=quiet)
            if program is not self._program:
                program = self._program
                program.entries.append(entry)
                entry.under_way += 1
            program.messages.append(item.add if pending is Pending.ADD else item.delete)
            program.steps.append((entry, item, pending))

    def _submit(self, *, quiet: bool) -> None:
        """Hand the program over that was filled, and begin another one."""
        program = self._program
        if program.messages:
            self._busy += 1
            self._netlink.submit(program.messages, partial(self._on_answer, program), quiet=program.quiet)
        if program.messages or program.quiet is not quiet:
            self._program = _Program(quiet=quiet)

    def _steps(self, entry: _Entry) -> list[_Step]:
        """Return what brings the kernel from what is known to what is wanted: deletions first, backwards."""
        steps = self._deletions(entry) if entry.leaving or entry.wanted is False else []
        if entry.wanted:
            steps += [
                (item, Pending.ADD) for item in entry.items if not (item.present or item.is_lost) and item.add
            ]
        return steps

    def _deletions(self, entry: _Entry) -> list[_Step]:
        """Return what has to go. What another key has and wants is not deleted: it is that key's now."""
        going = (*entry.leaving, *entry.items) if entry.wanted is False else entry.leaving
        for item in going:
            if item.present is not False and item.pending is None and self._is_held(entry, item):
                item.present = False
        entry.leaving = tuple(item for item in entry.leaving if item.present is not False)
        steps = [(item, Pending.DELETE) for item in going if item.present is not False and item.add]
        steps.sort(key=_backwards)
        return steps

    def _on_answer(self, program: _Program, answer: Answer) -> None:
        if self._closed:
            return
        if answer.known and not answer.refusals:
            self._accepted(program)
        elif answer.known:
            refusals = {refusal.place: refusal for refusal in answer.refusals}
            for place, (entry, item, pending) in enumerate(program.steps):
                self._done(entry, item, pending, refusals.get(place, _ACCEPTED))
        else:
            for _, item, _ in program.steps:
                item.pending = item.present = None
            self._unknown.update(program.entries)
            self._links.resync()
        self._busy -= 1
        until = time.monotonic() + NETLINK_READ_SLICE_S
        for entry in program.entries:
            if time.monotonic() >= until:
                self._netlink.give_way()
                until = time.monotonic() + NETLINK_READ_SLICE_S
            entry.under_way -= 1
            if not entry.under_way:
                self._answered(entry)
        if not self._busy:
            self._wake.set()                    # for drain()

    def _accepted(self, program: _Program) -> None:
        """Take in that the kernel has refused nothing."""
        added: list[AddressKey] = []
        for entry, item, pending in program.steps:
            if pending is Pending.ADD and not item.is_lost:
                item.pending, item.present = None, True
                entry.changed.append(item.thing)
                if item.rank == 0:
                    added.append(item.key)      # type: ignore[arg-type]    # an address
            else:
                self._done(entry, item, pending, _ACCEPTED)
        self._links.added(added)

    def _done(self, entry: _Entry, item: Item, pending: Pending, answer: Refusal) -> None:
        """Take in what the kernel said to one addition or deletion."""
        item.pending = None
        _, code, reason = answer
        if pending is Pending.ADD:
            is_lost, item.is_lost = item.is_lost, False
            if item.is_there_after(code) or (code == EEXIST and self._is_held(entry, item)):
                item.present = None if is_lost else True
                if not is_lost and item.rank == 0:
                    self._links.added((item.key,))      # type: ignore[arg-type]    # an address
                entry.changed.append(item.thing)
            else:
                item.present = False
                if item.can_exist(self._links.by_index):
                    entry.problem = f"{item.what}{item.thing} cannot be added: {reason}"
        elif code in item.gone or not item.can_exist(self._links.by_index):
            item.present = False
            if not entry.wanted:
                entry.changed.append(item.thing)
        else:
            item.present = None
            entry.problem = f"{item.what}{item.thing} cannot be removed: {reason}"

    def _answered(self, entry: _Entry) -> None:
        """All that a key has asked for was answered: go on, try again, or say that it is done."""
        problem, entry.problem = entry.problem, ""
        if problem:
            self._failed(entry, problem)
            self._report(entry)
        elif entry in self._unknown:
            entry.error = "the kernel's answer was lost; reading the addresses again"
        else:
            had_failed, entry.error, entry.attempts = entry.attempts, "", 0
            if had_failed:
                guarded(self._on_problem, entry.key)
            if not entry.is_done and self._steps(entry):    # the wish changed on the way
                self._enqueue(entry)
            else:
                self._report(entry)

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
            done = [item for item in entry.items if item.present is entry.wanted]
            whole = len(done) == len(entry.items)
            # Where there are addresses, they count: a route that is refused keeps nobody waiting.
            if not whole and not (entry.wanted and done and done[0].rank == entry.items[0].rank):
                return                          # nothing to announce yet; or not all of them are gone yet
            entry.is_fresh = False
        else:
            done = [item for item in entry.items if item.present and item.thing in changed]
            if not entry.wanted or not done:
                return
        vips = tuple([item.thing for item in done if isinstance(item.thing, Vip)])
        guarded(self._on_applied, entry.key, entry.wanted, vips)

    # Failures

    def _failed(self, entry: _Entry, why: str) -> None:
        entry.error = why
        entry.attempts += 1
        if entry.attempts == 1:
            guarded(self._on_problem, entry.key)
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

    # Interfaces, and what is on them

    def _claim(self, entry: _Entry, item: Item) -> None:
        for name in item.names:
            self._by_dev.setdefault(name, {})[entry.key] = entry
        if not item.add:
            return
        holders = self._claims.get(item.key, ())
        if all(held is not item for _, held in holders):
            self._claims[item.key] = (*holders, (entry, item))
        if not isinstance(item.key, AddressKey):
            if item.thing.is_tracked:
                self._tables.claimed.add(item.key)
                self._tables.listen()
        elif entry.is_static:
            self._links.observed.add(item.key)
        else:
            self._links.claimed.add(item.key)

    def _unclaim(self, item: Item) -> None:
        holders = tuple(holder for holder in self._claims.get(item.key, ()) if holder[1] is not item)
        if holders:
            self._claims[item.key] = holders
        elif self._claims.pop(item.key, None) is None:
            return
        if not isinstance(item.key, AddressKey):
            if not any(held.thing.is_tracked for _, held in holders):
                self._tables.claimed.discard(item.key)
            return
        if not any(entry.is_static for entry, _ in holders):
            self._links.observed.discard(item.key)
        if all(entry.is_static for entry, _ in holders):
            self._links.claimed.discard(item.key)

    def _is_held(self, entry: _Entry, item: Item) -> bool:
        """Whether what another key has, and wants, is the same to the kernel: it must not be deleted.

        Nor what the key itself wants there instead, if adding that is enough.
        """
        return any(
            held is not item and held in holder.items and holder.wanted and held.is_same(item)
            and (holder is not entry or held.changes(item))
            for holder, held in self._claims.get(item.key, ())
        )

    def _let_go(self, entry: _Entry, items: Iterable[Item]) -> None:
        """Have `items`, which are no longer among those of `entry`, deleted."""
        devs = {name for item in entry.items for name in item.names}
        for item in items:
            self._unclaim(item)
            for name in item.names:
                if name not in devs and name in self._by_dev:
                    self._by_dev[name].pop(entry.key, None)
            if item.can_exist(self._links.by_index):
                entry.leaving += (item,)

    def _resolve(self, entry: _Entry) -> None:
        """Find out anew which interfaces the names of `entry` mean, and let it have a turn."""
        for i, item in enumerate(entry.items):
            if item.is_current(self._links.by_name):
                if item.is_flushed and item.present and item.pending is None:
                    item.present = None
                continue
            entry.items[i] = new = make_item(item.thing, self._links.by_name)
            if new.present is None:
                new.present = False             # we never added it there
            self._let_go(entry, (item,))        # if that interface still exists, it has another name now
            self._claim(entry, new)
        if entry.wanted is not None or entry.leaving:
            self._enqueue(entry)

    def _on_link(self, old: Link | None, new: Link | None) -> None:
        if old and new and old.name == new.name and (old.is_up or not new.is_up):
            return
        names = {link.name for link in (old, new) if link}
        if new is not None:
            names.add(ANY_DEV)
        for name in names:
            if entries := self._by_dev.get(name):
                self._rescans.append(iter(list(entries.values())))
                self._wake.set()

    def _is_up(self, item: Item) -> bool:
        links = (self._links.by_index.get(index) for index in item.indexes)
        return all(link is not None and link.is_up for link in links)

    def _on_removed(self, key: Key, by_us: bool) -> None:
        for entry, item in tuple(self._claims.get(key, ())):
            if item.pending is Pending.DELETE:
                continue
            if item.pending is Pending.ADD:
                # Before or after our addition? Our own requests are carried out in order, so not by them.
                item.is_lost = item.is_lost or not by_us
            elif item.present:
                self._gone(entry, item, by_us)

    def _gone(self, entry: _Entry, item: Item, by_us: bool) -> None:
        """Note that a thing which we knew to be there is not."""
        item.present = False
        if not entry.wanted or not self._is_up(item):
            return
        if by_us:
            self._enqueue(entry)
        else:
            item.is_lost = True
            guarded(self._on_lost, entry.key, item.thing)

    def _on_known(self, found: set[AddressKey]) -> None:
        self._settle(found, is_listed=True)
        unknown, self._unknown = self._unknown, set()
        for entry in unknown:
            entry.error = ""
            self._enqueue(entry)
        self._known.set()

    def _on_routing_known(self, found: set[RouteKey | RuleKey]) -> None:
        self._settle(found, is_listed=False)

    def _settle(self, found: Container[Key], *, is_listed: bool) -> None:
        """Take in what a dump has found of the claimed things that it is about."""
        claims = [(key, *holder) for key, holders in self._claims.items() for holder in holders]
        for key, entry, item in claims:
            if item.is_listed is not is_listed or item.pending is not None or not (is_listed or item.thing.is_tracked):
                continue                        # its answer is still to come, or nobody looks at it
            if item.present is None:
                item.present = key in found
            elif item.present and key not in found:
                self._gone(entry, item, by_us=False)


def _backwards(step: _Step) -> int:
    return -step[0].rank
