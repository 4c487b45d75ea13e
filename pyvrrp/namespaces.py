"""Notices that a network namespace may have appeared or vanished: its name, since the kernel tells nobody.

A namespace lives as long as anything holds it, and our own sockets do. So its *name* decides: the entry that `ip netns`
makes in /run/netns and removes. That directory is watched. A new entry becomes a namespace only a moment after it was
made, by a mount that nobody is told of: so one notice means looking again, a little later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from pyvrrp import limits, linux
from pyvrrp.netns import DIRECTORY

log = logging.getLogger("pyvrrp.network")

_LOOK_AGAIN_S = (0.02, 0.2)
_CHANGES = linux.IN_CREATE | linux.IN_DELETE | linux.IN_MOVED_FROM | linux.IN_MOVED_TO
_PARENT = DIRECTORY.parent


class NamespaceWatch:
    """Calls back when namespaces should be looked at."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._timers: list[asyncio.TimerHandle] = []
        self._rest: asyncio.TimerHandle | None = None
        self._inotify: linux.Inotify | None = None
        try:
            self._inotify = linux.Inotify()
        except OSError as error:
            log.warning("network namespaces are looked for every %g s: %s; raise fs.inotify.max_user_instances",
                        limits.NAMESPACE_LOOK_S, error.strerror)
            return
        self._loop.add_reader(self._inotify.fileno(), self._on_notices)
        self._is_watched = False
        self._watch()

    def close(self) -> None:
        """Watch no more."""
        for timer in (*self._timers, *([self._rest] if self._rest else [])):
            timer.cancel()
        if self._inotify is not None:
            self._loop.remove_reader(self._inotify.fileno())
            self._inotify.close()
            self._inotify = None

    def rest(self, *, is_waiting: bool) -> None:
        """All names were looked at. `is_waiting`: some of them need another look without a notice."""
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        if is_waiting or self._inotify is None or not self._is_watched:
            self._rest = self._loop.call_later(limits.NAMESPACE_LOOK_S, self._look)

    def _look(self) -> None:
        self._watch()
        self._on_change()

    def _watch(self) -> None:
        """Watch the directory, or while there is none, the one that it will be in."""
        if self._inotify is None:
            return
        self._is_watched = False
        for path in (DIRECTORY, _PARENT):
            try:
                self._inotify.watch(str(path), _CHANGES | linux.IN_DELETE_SELF)
            except OSError:
                continue
            self._is_watched = path == DIRECTORY
            break

    def _on_notices(self) -> None:
        assert self._inotify is not None
        self._inotify.read()
        self._watch()
        for timer in self._timers:
            timer.cancel()
        self._timers = [self._loop.call_later(delay_s, self._on_change) for delay_s in _LOOK_AGAIN_S]
        self._on_change()
