"""Settings below /proc/sys/net of one namespace: changed, and put back.

What is put back is only what still has the value that was written: what somebody changed meanwhile is theirs. The first
setting that cannot be written is told, and stands for all; nothing depends on it that an operator could not set.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

log = logging.getLogger(__name__)

_ROOT = Path("/proc/sys/net")


class Sysctls:
    """The settings of a namespace. Names are below /proc/sys/net, as ipv4/conf/eth0/arp_ignore."""

    def __init__(self, inside: Callable[[], AbstractContextManager[object]]) -> None:
        """`inside`: has the calling thread in the namespace."""
        self._inside = inside
        self._before: dict[str, tuple[str, str]] = {}   # of what is put back: the value before, and ours
        self.problem = ""           # why the first that could not be written could not; empty: all could

    def read(self, name: str) -> str | None:
        """Return a value, None where there is no such setting."""
        try:
            with self._inside():
                return (_ROOT / name).read_text().strip()
        except OSError:
            return None

    def set(self, values: dict[str, str]) -> None:
        """Set values for good, as of an interface that is ours. Names that this kernel lacks are left out."""
        with self._inside():
            for name, value in values.items():
                self._write(name, value)

    def borrow(self, name: str, value: str) -> None:
        """Set a value until give_back()."""
        before = self.read(name)
        if before is None or before == value:
            return
        with self._inside():
            if self._write(name, value):
                self._before.setdefault(name, (before, value))

    def give_back(self, below: str = "") -> None:
        """Put back what was borrowed, of the names that begin with `below`."""
        names = [name for name in self._before if name.startswith(below)]
        for name in names:
            before, ours = self._before.pop(name)
            if self.read(name) == ours:
                with self._inside():
                    self._write(name, before)

    def interfaces(self) -> list[str]:
        """The names of the interfaces that have IPv4 settings, without `all` and `default`."""
        with self._inside():
            return sorted(path.name for path in (_ROOT / "ipv4/conf").iterdir() if path.name not in ("all", "default"))

    def _write(self, name: str, value: str) -> bool:
        """Write one value, in the namespace; say whether that was possible."""
        try:
            (_ROOT / name).write_text(value)
        except FileNotFoundError:
            return False
        except OSError as error:
            if not self.problem:
                self.problem = (f"/proc/sys/net/{name} cannot be set to {value}: {error.strerror}; "
                                "set it, and those like it, beforehand")
                log.warning("%s", self.problem)
            return False
        return True
