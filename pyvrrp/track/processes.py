"""How many processes there are of each kind that anybody tracks, for all scopes of the daemon.

Where the kernel tells of processes (`is_told`), its news are followed: a child of a process that counts is one like
it until it executes something else, which is then looked at; /proc is read as a whole only at start, when news were
lost, and now and then for what the kernel could not tell. Where it does not, all of /proc is read again and again, and
the end of a process that counts is noticed by its pidfd.

Whatever is looked at in /proc is read by a thread, some processes at a time. What the news say of a process meanwhile
counts more than what was found of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pyvrrp import limits
from pyvrrp.track.looker import Found, Looker
from pyvrrp.track.matching import Finder, Pattern
from pyvrrp.track.proc import PROC

log = logging.getLogger("pyvrrp.track")


@dataclass(slots=True)
class ProcessCounters:
    """Totals, for status and metrics."""

    looks: int = 0              # at all of /proc
    executed: int = 0           # processes that were looked at because they executed something
    lost: int = 0               # times that news were lost


@dataclass(slots=True)
class _Look:
    """A look at all of /proc that is under way."""

    started_s: float
    left: list[int] | None = None                   # None: which processes there are is not known yet
    found: dict[int, tuple[Pattern, ...]] = field(default_factory=dict)
    told: set[int] = field(default_factory=set)     # of which there were news meanwhile
    is_doubtful: bool = False                       # news were lost meanwhile


class ProcessWatch:
    """Counts processes. It is a listener of news (forked() to done()) and works without any."""

    def __init__(self, proc: str = PROC) -> None:
        """Make it in a running event loop."""
        self._loop = asyncio.get_running_loop()
        self._proc = proc
        self.counters = ProcessCounters()
        self.is_told = False                # by whoever has news
        self.problem = ""                   # why not every process may be seen
        self._callbacks: dict[Pattern, list[Callable[[], None]]] = {}
        self._counts: dict[Pattern, int] = {}       # those that are known
        self._finder = Finder(())
        self._pids: dict[int, tuple[Pattern, ...]] = {}     # those that count, and as what
        self._pidfds: dict[int, int] = {}           # of these, as far as they are needed
        self._executed: dict[int, None] = {}        # to be looked at
        self._changed: set[Pattern] = set()         # counts that nobody was told yet
        self._looking: _Look | None = None
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None     # of the next look
        self._looker = Looker(proc)
        self._is_asking = False                     # it has a question
        self._asked: set[int] = set()               # these have executed something; what is told of one undoes it
        self._lost_quiet_until_s = 0.0
        self._looked_at_s = 0.0

    # ---- who wants to know

    def add(self, pattern: Pattern, callback: Callable[[], None]) -> None:
        """Count what a pattern means, and call back whenever the count is another; also when it is known at first."""
        callbacks = self._callbacks.setdefault(pattern, [])
        callbacks.append(callback)
        if len(callbacks) == 1:
            self._patterns_changed()

    def remove(self, pattern: Pattern, callback: Callable[[], None]) -> None:
        """Undo one add()."""
        self._callbacks[pattern].remove(callback)
        if not self._callbacks[pattern]:
            del self._callbacks[pattern]
            self._counts.pop(pattern, None)
            self._changed.discard(pattern)
            self._pids = {
                pid: left for pid, found in self._pids.items() if (left := tuple(p for p in found if p != pattern))
            }
            self._finder = Finder(self._callbacks)
            if not self._callbacks:
                self._rest()
            elif self._looking is not None:
                self._look_soon()           # what it has found is partly what nobody wants

    def count(self, pattern: Pattern) -> int | None:
        """How many there are; None: not known yet."""
        return self._counts.get(pattern)

    def follow(self, *, is_told: bool) -> None:
        """From now on there are news, or there are none."""
        self.is_told = is_told
        self._look_soon()

    def close(self) -> None:
        """Count nothing more."""
        self._callbacks.clear()
        self._rest()
        self._looker.close()

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._looking = None
        self._asked.clear()
        self._executed.clear()
        self._counts.clear()
        self._pids.clear()
        self._follow_ends()

    def _patterns_changed(self) -> None:
        self._finder = Finder(self._callbacks)
        self._look_soon()

    # ---- news

    def forked(self, parent: int, child: int) -> None:
        """A process has a child, which is like it until it executes something."""
        if self._looking is not None:
            # The look may not have come to the parent yet.
            self._looking.told.add(child)
            self._executed[child] = None
        elif parent in self._executed or parent in self._asked:
            self._executed[child] = None        # nobody knows yet what its parent is
        elif parent in self._pids:
            self._set(child, self._pids[parent])

    def executed(self, pid: int) -> None:
        """A process has become another one."""
        if self._callbacks:
            self._executed[pid] = None
            self._asked.discard(pid)
            if self._looking is not None:
                self._looking.told.add(pid)

    def renamed(self, pid: int, name: bytes) -> None:
        """The kernel's name of a process is another one."""
        found = tuple(pattern for pattern in self._pids.get(pid, ()) if pattern.by_command)
        self._set(pid, self._finder.by_name(name) + found)
        if self._looking is not None or pid in self._asked:
            # What it is by its command line was not looked at.
            self.executed(pid)

    def ended(self, pid: int) -> None:
        """A process has ended."""
        self._executed.pop(pid, None)
        self._asked.discard(pid)
        if pid in self._pids:
            self._set(pid, ())
        if self._looking is not None:
            self._looking.told.add(pid)

    def lost(self) -> None:
        """News were lost: look at everything, but not without a pause."""
        if not self._callbacks:
            return
        self.counters.lost += 1
        now_s = self._loop.time()
        if now_s >= self._lost_quiet_until_s:
            log.warning("news of processes were lost; all of them are looked at again "
                        "(a larger process_monitor_rcv_bufs helps)")
        self._lost_quiet_until_s = now_s + limits.TRACK_SKIPS_QUIET_S
        if self._looking is not None:
            self._looking.is_doubtful = True        # but it ends, or a storm could put it off for ever
        else:
            self._look_soon(max(0.0, self._looked_at_s + limits.PROCESS_LOST_S - now_s))

    def done(self) -> None:
        """That was all for now."""
        if self._executed:
            self._ask()             # and then all are told
        else:
            self._tell()

    # ---- looking

    def _look_soon(self, delay_s: float = 0.0) -> None:
        """Begin a look at everything; one that is under way is begun anew."""
        if not self._callbacks:
            return
        self._looking = None
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(delay_s, self._look) if delay_s else self._loop.call_soon(self._look)

    def _look(self) -> None:
        self._timer = None
        self.counters.looks += 1
        self._looking = looking = _Look(time.monotonic())
        self._looker.everybody(lambda found: self._listed(looking, found))

    def _listed(self, looking: _Look, found: list[int] | OSError) -> None:
        if looking is not self._looking:
            return                      # another one was begun
        if isinstance(found, OSError):
            self._warn(f"{self._proc} cannot be read ({found.strerror}), so no process is found")
            found = []
        elif 1 not in found:
            self._warn(f"{self._proc} does not show every process (hidepid), so some that are tracked may not be found")
        looking.left = found
        self._ask()

    def _warn(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("track_process: %s", problem)
        self.problem = problem

    def _ask(self) -> None:
        """Have some processes looked at, those that have executed something first; one question at a time."""
        if self._is_asking:
            return
        executed = list(itertools.islice(self._executed, limits.PROCESS_LOOK_BATCH))
        for pid in executed:
            del self._executed[pid]
        self._asked = set(executed)
        self.counters.executed += len(executed)
        looking = self._looking
        some: list[int] = []
        if looking is not None and looking.left:
            some = looking.left[-limits.PROCESS_LOOK_BATCH :]
            del looking.left[-limits.PROCESS_LOOK_BATCH :]
        if executed or some:
            self._is_asking = True
            finder = self._finder
            self._looker.look([*executed, *some], finder, lambda found: self._seen(found, finder, looking))
        elif looking is not None and looking.left is not None:
            self._looked(looking)
            self._tell()

    def _seen(self, found: Found, finder: Finder, looking: _Look | None) -> None:
        self._is_asking = False
        asked, self._asked = self._asked, set()
        if not self._callbacks:
            return
        if finder is not self._finder:
            self._executed.update(dict.fromkeys(asked))     # it was not known what all to look for
        elif looking is not None and looking is self._looking:
            looking.found.update((pid, patterns) for pid, patterns in found if patterns and pid not in asked)
        for pid, patterns in found if finder is self._finder else ():
            if pid in asked:                                # and nothing was told of it meanwhile
                self._set(pid, patterns)
        if looking is not None and looking is self._looking and looking.left == []:
            self._looked(looking)                           # whatever is executed meanwhile
        self._tell()
        self._ask()

    def _looked(self, looking: _Look) -> None:
        """Go over to what a look has found."""
        told = {pid: self._pids[pid] for pid in looking.told if pid in self._pids}
        self._pids = {pid: found for pid, found in looking.found.items() if pid not in looking.told} | told
        counts = dict.fromkeys(self._callbacks, 0)
        for found in self._pids.values():
            for pattern in found:
                counts[pattern] += 1
        self._changed.update(pattern for pattern, count in counts.items() if self._counts.get(pattern) != count)
        self._counts = counts
        self._looking = None
        self._follow_ends()
        now_s = time.monotonic()
        self._looked_at_s = self._loop.time()
        pause_s = limits.PROCESS_RESCAN_S if self.is_told else limits.PROCESS_SCAN_S
        if looking.is_doubtful:
            pause_s = limits.PROCESS_LOST_S
        pause_s = max(pause_s, limits.PROCESS_SCAN_SHARE * (now_s - looking.started_s))
        if self._timer is None:
            self._timer = self._loop.call_later(pause_s, self._look)

    def _set(self, pid: int, found: tuple[Pattern, ...]) -> None:
        """A process counts as these and as nothing else."""
        old = self._pids.get(pid, ())
        if self._looking is not None:
            self._looking.told.add(pid)
        if old == found:
            return
        if found:
            self._pids[pid] = found
        else:
            del self._pids[pid]
        for patterns, change in ((old, -1), (found, 1)):
            for pattern in patterns:
                if pattern in self._counts:
                    self._counts[pattern] += change
                    self._changed.add(pattern)

    def _tell(self) -> None:
        """Tell those whose counts have changed."""
        changed, self._changed = self._changed, set()
        for pattern in changed:
            for callback in list(self._callbacks.get(pattern, ())):
                callback()

    # ---- ends without news

    def _follow_ends(self) -> None:
        """Have a pidfd of every process that counts, within bounds, if nobody tells of its end."""
        wanted = set() if self.is_told else set(self._pids)
        for pid in self._pidfds.keys() - wanted:
            self._forget_end(pid)
        for pid in wanted - self._pidfds.keys():
            if len(self._pidfds) >= limits.PROCESS_PIDFDS_MAX:
                break
            with contextlib.suppress(OSError):      # it has ended just now: the next look finds that
                self._pidfds[pid] = fd = os.pidfd_open(pid)
                self._loop.add_reader(fd, self._on_end, pid)

    def _on_end(self, pid: int) -> None:
        self._forget_end(pid)
        self.ended(pid)
        self.done()

    def _forget_end(self, pid: int) -> None:
        fd = self._pidfds.pop(pid)
        self._loop.remove_reader(fd)
        os.close(fd)
