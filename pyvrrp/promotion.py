"""The kernel's promote_secondaries, for the interfaces whose instances ask for it.

Without it, the kernel removes all other IPv4 addresses of a subnet together with the first one. The setting belongs to
the interface: it is made when the interface appears, for the first who asks, and what was there before comes back when
the last one has done (keepalived's rule V4). After a crash it is left at 1, and taken for the host's own then.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from pathlib import Path

log = logging.getLogger("pyvrrp.network")

_DIRECTORY = Path("/proc/sys/net/ipv4/conf")


class Promotion:
    """The settings of one network namespace; `inside` is a context in which the thread is there."""

    def __init__(self, inside: Callable[[], AbstractContextManager[None]]) -> None:
        self._inside = inside
        self._is_open = False
        self._who: dict[str, set[Hashable]] = {}    # by interface
        self._before: dict[str, str] = {}           # what was there, where we have changed it
        self._refused: dict[str, str] = {}          # why it could not be set

    def want(self, who: Hashable, interface: str | None) -> None:
        """Have the setting on an interface, or on none, for as long as `who` does not say otherwise."""
        for name, those in list(self._who.items()):
            if who in those and name != interface:
                those.discard(who)
                if not those:
                    del self._who[name]
                    self._refused.pop(name, None)
                    self._restore(name)
        if interface is not None:
            self._who.setdefault(interface, set()).add(who)
            self._set(interface)

    def appeared(self, interface: str) -> None:
        """An interface is new, or has a new name: what was set on another of that name went with it."""
        self._before.pop(interface, None)
        if interface in self._who:
            self._set(interface)

    def opened(self) -> None:
        """The namespace is there, maybe another than before."""
        self._is_open = True
        for interface in self._who:
            self._set(interface)

    def closed(self) -> None:
        """It is not there any more."""
        self._is_open = False
        self._before.clear()
        self._refused.clear()

    def problems(self) -> list[str]:
        """Where it could not be set, and why, as sentences."""
        return list(self._refused.values())

    def restore(self) -> None:
        """Put everything back."""
        for interface in list(self._before):
            self._restore(interface)

    def _set(self, interface: str) -> None:
        if not self._is_open or interface in self._before:
            return
        path = _DIRECTORY / interface / "promote_secondaries"
        was_refused = self._refused.pop(interface, None)
        try:
            with self._inside():
                before = path.read_text().strip()
                if before != "1":
                    path.write_text("1")
                    self._before[interface] = before
        except FileNotFoundError:
            pass                                    # it will appear
        except OSError as error:
            problem = (f"promote_secondaries cannot be set on {interface}: {error.strerror}; set it beforehand, or "
                       "with its first address of a subnet the kernel removes the others")
            self._refused[interface] = problem
            if problem != was_refused:
                log.warning("%s", problem)

    def _restore(self, interface: str) -> None:
        before = self._before.pop(interface, None)
        if before is None:
            return
        try:
            with self._inside():
                (_DIRECTORY / interface / "promote_secondaries").write_text(before)
        except OSError:
            log.debug("promote_secondaries of %s is not put back: the interface is gone", interface)
