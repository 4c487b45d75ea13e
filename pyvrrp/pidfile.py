"""Pid files: they say who runs, and a lock on them that it does."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from pyvrrp import linux
from pyvrrp.errors import PyvrrpError


@contextlib.contextmanager
def pid_files(*paths: str | None) -> Iterator[None]:
    """Hold the pid files: both have this process's pid, and a lock says that it lives.

    The lock decides, not the number: in a container a stale file often names a living process. Raises
    BlockingIOError when another process holds one.
    """
    held: list[tuple[str, int]] = []
    try:
        for path in dict.fromkeys(path for path in paths if path is not None):
            fd = _open_locked(path)
            held.append((path, fd))
            os.ftruncate(fd, 0)
            os.write(fd, f"{os.getpid()}\n".encode())
        yield
    finally:
        for path, fd in held:
            # Its directory may belong to another user, as those of OpenStack's agents do.
            with contextlib.suppress(OSError), linux.files_of_others():
                Path(path).unlink()
            os.close(fd)


def _open_locked(path: str) -> int:
    """Open a pid file and take its lock. Raises BlockingIOError when it is held, PyvrrpError when it cannot be had."""
    while True:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise PyvrrpError(
                f"{path}: the pid file cannot be written: {error.strerror}; give -p and -r names that can be"
            ) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A daemon that ended meanwhile has removed the file that was opened: then it has no name any more.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(fd), os.lstat(path)):
                    return fd
        except BlockingIOError:
            os.close(fd)
            raise BlockingIOError(
                f"{path}: a daemon that is running holds this pid file; "
                "stop it, or give -p and -r other names"
            ) from None
        os.close(fd)
