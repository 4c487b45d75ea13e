"""Who tells of changes of files and of processes, for all scopes; each made at first use."""

from __future__ import annotations

import logging
from collections.abc import Hashable

from pyvrrp.errors import NetlinkError
from pyvrrp.model import GlobalDefs
from pyvrrp.netlink.processes import ProcessEvents
from pyvrrp.track.files import FileWatch
from pyvrrp.track.processes import ProcessWatch

log = logging.getLogger("pyvrrp.track")


class Watches:
    """A FileWatch and a ProcessWatch."""

    def __init__(self, outer_fd: int | None = None) -> None:
        """outer_fd: open on the network namespace in which the daemon was started, if it has left that."""
        self._outer_fd = outer_fd
        self._files: FileWatch | None = None
        self._processes: ProcessWatch | None = None
        self._events: ProcessEvents | None = None
        self._buffers: dict[Hashable, tuple[int, bool]] = {}    # by scope: bytes, and whether they may exceed the bound
        self.why_untold = ""                    # why the kernel does not tell of processes; empty: it does

    @property
    def files(self) -> FileWatch:
        """Raises OSError: there are too many inotify instances."""
        if self._files is None:
            self._files = FileWatch()
        return self._files

    @property
    def processes(self) -> ProcessWatch:
        """With the kernel's news, or without them, which is said once."""
        if self._processes is None:
            self._processes = watch = ProcessWatch()
            try:
                self._events = ProcessEvents(watch, outer_fd=self._outer_fd)
            except NetlinkError as error:
                self.why_untold = str(error)
                log.warning("track_process: %s; all of /proc is read every second in place of that", error)
            self._resize()
            watch.follow(is_told=self._events is not None)
        return self._processes

    @property
    def counts_processes(self) -> bool:
        """Whether anybody ever asked for processes."""
        return self._processes is not None

    def adopt(self, scope: Hashable, defs: GlobalDefs | None) -> None:
        """Go by the process_monitor_rcv_bufs of a scope, None when it is gone; of several the largest counts."""
        self._buffers.pop(scope, None)
        if defs is not None and defs.process_monitor_rcv_bytes:
            self._buffers[scope] = defs.process_monitor_rcv_bytes, defs.process_monitor_rcv_force
        self._resize()

    def _resize(self) -> None:
        if self._events is not None:
            size, may_exceed = max(self._buffers.values(), default=(None, False))
            self._events.resize(size, may_exceed=may_exceed)

    def close(self) -> None:
        """Watch nothing more."""
        if self._files is not None:
            self._files.close()
        if self._events is not None:
            self._events.close()
        if self._processes is not None:
            self._processes.close()
