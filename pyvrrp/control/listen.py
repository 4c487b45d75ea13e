"""A listening Unix socket that belongs to one process and to no file name that someone else prepared.

- Who owns a path is decided by a lock (flock on PATH.lock, mode 0600), never by a pid or by the socket file:
  the kernel drops the lock with the process, so what a crash left behind is replaced, and two daemons
  starting at once cannot both win.
- The socket is never open to more people than at the end: its mode is set on the descriptor, before bind()
  makes the file, and widened afterwards. The umask of the process, which is shared with other threads, is not
  touched.
- Symbolic links are not followed at the last two components, and a directory in which anyone could put
  another file in the socket's place is refused.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
from pathlib import Path

from pyvrrp import linux
from pyvrrp.errors import ControlError

PATH_BYTES_MAX = 107    # sun_path of unix(7), less its NUL
BACKLOG = 64


class Listener:
    """The socket and the claim on its path. close() gives both up; the files are removed."""

    def __init__(self, path: str, *, mode: int = 0o660, group: int | None = None) -> None:
        """Listen on `path`, with permission `mode`, for the group with the id `group` (None: that of the
        process).

        Raises ControlError: what is wrong, and what to do.
        """
        self.path = Path(path).absolute()
        if len(os.fsencode(self.path)) > PATH_BYTES_MAX:
            raise ControlError(f"{path}: a socket's path has at most {PATH_BYTES_MAX} bytes; shorten it")
        self._lock_path = self.path.with_name(self.path.name + ".lock")
        try:
            with linux.files_of_others():
                _check_directory(self.path.parent)
                self._lock_fd = _lock(self._lock_path)
        except OSError as error:
            raise _failure(self.path, error) from error
        try:
            with linux.files_of_others():
                self.sock = self._bind(mode, group)
        except OSError as error:
            self._unlock()
            raise _failure(self.path, error) from error
        except ControlError:
            self._unlock()
            raise

    def _bind(self, mode: int, group: int | None) -> socket.socket:
        _remove_stale(self.path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            os.fchmod(sock.fileno(), 0o600)     # Linux gives the new file this mode, less the umask
            sock.bind(str(self.path))
            if group is not None:
                os.chown(self.path, -1, group, follow_symlinks=False)
            self.path.chmod(mode)
            sock.listen(BACKLOG)
            sock.setblocking(False)
        except OSError:
            sock.close()
            raise
        status = self.path.lstat()
        self._identity = status.st_dev, status.st_ino
        return sock

    def close(self) -> None:
        """Close the socket and remove its file, unless someone has put another in its place."""
        self.sock.close()
        with contextlib.suppress(OSError), linux.files_of_others():
            status = self.path.lstat()
            if (status.st_dev, status.st_ino) == self._identity:
                self.path.unlink()
        self._unlock()

    def _unlock(self) -> None:
        with contextlib.suppress(OSError), linux.files_of_others():
            self._lock_path.unlink()        # while it is locked: see _lock()
        os.close(self._lock_fd)


def _check_directory(directory: Path) -> None:
    """Make the directory if its parent is there, and see that only its owner can replace a file in it."""
    with contextlib.suppress(FileExistsError):
        directory.mkdir(0o755)
        directory.chmod(0o755)              # whatever the umask is
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise ControlError(f"{directory}: not a directory (symbolic links are not followed); name that")
    if status.st_uid not in (0, os.geteuid()):
        raise ControlError(f"{directory}: belongs to another user; choose one of root's or your own")
    if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
        raise ControlError(f"{directory}: anyone may replace files there; chmod o-w it, or choose another")


def _lock(path: Path) -> int:
    """Take the lock, and return its descriptor.

    Its last owner removes the file while holding the lock, so that one who opened it before may lock a file
    that has no name any more: then the name is looked up again.
    """
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(fd), path.lstat()):
                    return fd
        except BlockingIOError:
            os.close(fd)
            taken = str(path).removesuffix(".lock")
            raise ControlError(f"{taken}: another pyvrrpd has it; give another --socket PATH") from None
        except OSError:
            os.close(fd)
            raise
        os.close(fd)


def _remove_stale(path: Path) -> None:
    """Remove the socket that a crashed daemon left. Called with the lock held."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise ControlError(f"{path}: exists and is no socket; remove it, or give another --socket PATH")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:
            pass                            # its backlog is full: alive
    raise ControlError(f"{path}: another program listens there; give another --socket PATH")


def _failure(path: Path, error: OSError) -> ControlError:
    if isinstance(error, FileNotFoundError):
        return ControlError(f"{path}: {path.parent} cannot be made; make its parent directory first")
    if isinstance(error, PermissionError):
        return ControlError(f"{path}: permission denied; run as root, or give another --socket PATH")
    return ControlError(f"{path}: {error.strerror}; give another --socket PATH")
