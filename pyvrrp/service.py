"""What the daemon tells a service manager: sd_notify(3), as systemd and others read it from $NOTIFY_SOCKET.

Ready, reloading, stopping, a line of status, and life signs. Life signs are the point: they are sent only while the
daemon keeps its deadlines (pyvrrp/daemon.py asks), so that one that is stuck, or whose timers are not served, is
started again instead of holding addresses that it does not look after.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping

log = logging.getLogger("pyvrrp")


class ServiceManager:
    """The service manager that started this process, or none: then everything here does nothing."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        """environ: with NOTIFY_SOCKET, and WATCHDOG_USEC and WATCHDOG_PID if life signs are wanted."""
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._socket: socket.socket | None = None
        self._status = ""
        if self._address:
            # It never blocks: a service manager that is stuck must not make the daemon so.
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self.watchdog_s = _watchdog_s(environ) if self._address else None

    def ready(self, status: str) -> None:
        """It runs, or runs again after a reload; `status` is for people."""
        self._status = status
        # The process may have gone to the background, so it says which it is.
        self._say("READY=1", f"MAINPID={os.getpid()}", f"STATUS={status}")

    def reloading(self) -> None:
        """A reload begins; ready() ends it. The time lets systemd tell this reload from an earlier one."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=Reloading")

    def stopping(self) -> None:
        """It was asked to stop."""
        self._say("STOPPING=1", "STATUS=Stopping")

    def alive(self, status: str) -> None:
        """A life sign, with the status if that has changed."""
        said = ["WATCHDOG=1"] if self.watchdog_s is not None else []
        if status != self._status:
            self._status = status
            said.append(f"STATUS={status}")
        if said:
            self._say(*said)

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _say(self, *lines: str) -> None:
        if self._socket is None:
            return
        # A name that begins with @ is in the abstract namespace, which has no file.
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            self._socket.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            log.warning("the service manager at %s was not told %s: %s", self._address, lines[0], error.strerror)


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    """How long the service manager waits for a life sign; None: it wants none from this process."""
    pid, us = environ.get("WATCHDOG_PID", ""), environ.get("WATCHDOG_USEC", "")
    if not us.isdigit() or int(us) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(us) / 1e6
