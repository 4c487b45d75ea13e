"""The writing end of a named pipe that gets a line for each event (notify_fifo, keepalived's rules N4, N5).

write() never waits. A pipe holds 64 KiB; what it does not take waits here, at most FIFO_LINES_MAX lines. Beyond that
the oldest that wait are dropped, which is counted and said: the newest state is what counts. Whole lines of up to 4096
bytes are written at once, so a reader never sees half of one (pipe(7), PIPE_BUF).

The pipe is opened for reading too, so that it may be opened before anybody reads it, and holds its lines while a
reader is started again. It is made with keepalived's mode, and removed at the end if it was made here.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import grp
import logging
import os
import pwd
import stat
import struct
import termios
from collections import deque
from dataclasses import dataclass

from pyvrrp import limits, linux
from pyvrrp.model import Fifo

log = logging.getLogger("pyvrrp.notify")

_MODE = 0o644               # before the umask, as keepalived makes it
_AT_ONCE = 4096             # PIPE_BUF: written whole or not at all


@dataclass(slots=True)
class FifoCounters:
    """Totals for status and metrics."""

    lines: int = 0          # that a pipe has taken
    dropped: int = 0        # that no pipe ever got


class FifoWriter:
    """One pipe; open() it first, close() it at the end. For the event loop's thread only."""

    def __init__(self, fifo: Fifo, counters: FifoCounters, *, umask: int) -> None:
        """`counters` are shared: the sums over all pipes. `umask` is that of a pipe which is made."""
        self.fifo = fifo
        self.lost = 0               # lines of this pipe that were dropped
        self._counters = counters
        self._mode = _MODE & ~umask
        self._loop = asyncio.get_running_loop()
        self._fd = -1
        self._made = False
        self._waiting: deque[bytes] = deque()
        self._is_watched = False
        self._is_torn = False       # of the first line that waits, the beginning is in the pipe
        self._episode = 0           # dropped since the pipe last took all that waited

    @property
    def is_open(self) -> bool:
        """Whether lines go anywhere."""
        return self._fd >= 0

    @property
    def waiting(self) -> int:
        """Lines that the pipe has not taken yet."""
        return len(self._waiting)

    @property
    def is_replaced(self) -> bool:
        """Somebody has removed the pipe, or put another in its place: no reader finds this one any more."""
        try:
            with linux.files_of_others():
                return self._fd >= 0 and not os.path.samestat(os.fstat(self._fd), os.lstat(self.fifo.path))
        except OSError:
            return True

    def open(self) -> None:
        """Make the pipe if there is none, and open it. Raises OSError, also for what is there and is no pipe."""
        with linux.files_of_others():
            self._open(self.fifo.path)

    def _open(self, path: str) -> None:
        try:
            os.mkfifo(path, self._mode)
            self._made = True
        except FileExistsError:
            self._made = False
        try:
            fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                if not stat.S_ISFIFO(os.fstat(fd).st_mode):
                    raise FileExistsError(errno.EEXIST, "it is there and is no FIFO", path)
                if self._made:
                    if self.fifo.user:
                        os.fchown(fd, *_owner(self.fifo))
                    os.fchmod(fd, self._mode)       # whatever the daemon's own umask is
            except BaseException:
                os.close(fd)
                raise
        except BaseException:
            self._remove()
            raise
        self._fd = fd

    def write(self, line: bytes) -> None:
        """Hand a line over; it is written at once if the pipe has room and nothing waits."""
        if self._fd < 0:
            self._drop(1)
            return
        self._waiting.append(line)
        if len(self._waiting) > limits.FIFO_LINES_MAX:
            del self._waiting[1 if self._is_torn else 0]
            self._drop(1)
        if not self._is_watched:
            self._flush()

    def is_empty(self) -> bool:
        """Whether readers have had everything."""
        return not self._waiting and (self._fd < 0 or _unread(self._fd) == 0)

    def close(self) -> None:
        """Let go of the pipe; readers see its end. What still waits is dropped, and counted."""
        if self._fd < 0:
            return
        if self._is_watched:
            self._loop.remove_writer(self._fd)
            self._is_watched = False
        if self._waiting:
            self._drop(len(self._waiting))
            self._waiting.clear()
        if not self.is_replaced:
            self._remove()
        os.close(self._fd)
        self._fd = -1

    def _flush(self) -> None:
        """Write what waits, as many whole lines at a time as fit."""
        try:
            while self._waiting:
                chunk, count = self._chunk()
                written = os.write(self._fd, chunk)
                if written < len(chunk):            # one line of more than _AT_ONCE
                    self._waiting[0] = chunk[written:]
                    self._is_torn = True
                    continue
                self._is_torn = False
                for _ in range(count):
                    self._waiting.popleft()
                self._counters.lines += count
        except BlockingIOError:
            if not self._is_watched:
                self._is_watched = True
                self._loop.add_writer(self._fd, self._flush)
            return
        except OSError as error:
            log.error("FIFO %s: %s; its lines are dropped until the next reload", self.fifo.path, error.strerror)
            self.close()
            return
        if self._is_watched:
            self._is_watched = False
            self._loop.remove_writer(self._fd)
        if self._episode:
            log.warning("FIFO %s: it is read again; %d lines were dropped meanwhile", self.fifo.path, self._episode)
            self._episode = 0

    def _chunk(self) -> tuple[bytes, int]:
        """The first lines that wait, and how many: at least one, more as long as they are written whole."""
        first = self._waiting[0]
        if len(self._waiting) == 1 or len(first) >= _AT_ONCE:
            return first, 1
        lines, size = [], 0
        for line in self._waiting:
            size += len(line)
            if size > _AT_ONCE:
                break
            lines.append(line)
        return b"".join(lines), len(lines)

    def _drop(self, count: int) -> None:
        if not self._episode:
            log.warning(
                "FIFO %s: %s, so lines are dropped, the oldest first; they are counted, and this is said once",
                self.fifo.path, "it is not open" if self._fd < 0 else "nobody reads it, or too slowly",
            )
        self._episode += count
        self.lost += count
        self._counters.dropped += count

    def _remove(self) -> None:
        if self._made:
            self._made = False
            with contextlib.suppress(OSError), linux.files_of_others():
                os.unlink(self.fifo.path)  # noqa: PTH108  a path of the file, as it is


def _owner(fifo: Fifo) -> tuple[int, int]:
    """Uid and gid of a pipe that is made. Raises OSError if there is no such user or group."""
    try:
        account = pwd.getpwnam(fifo.user)
        return account.pw_uid, grp.getgrnam(fifo.group).gr_gid if fifo.group else account.pw_gid
    except KeyError as error:
        raise OSError(errno.EINVAL, f"there is no such user or group: {error}", fifo.path) from None


def _unread(fd: int) -> int:
    """How many bytes a pipe holds (FIONREAD, pipe(7))."""
    size: int = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"))[0]
    return size
