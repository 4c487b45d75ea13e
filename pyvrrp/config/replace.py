"""Files of a configuration are replaced in one step: a new file beside the old one, then rename.

What a link points at is replaced, not the link. Owner, mode and attributes stay as they are. A file that somebody has
changed meanwhile is left as it is.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from pyvrrp.errors import ConfigError


class Replacement:
    """A new file that waits beside the old one, until it is put in its place or given up."""

    def __init__(self, path: Path, data: bytes, seen: os.stat_result) -> None:
        """seen: what the file was when it was read. Raises OSError."""
        self._shown, self._seen = path, seen
        self._real = Path(os.path.realpath(path))
        # O_EXCL and O_NOFOLLOW, with mode 600: nobody else can have it, or a link of its name.
        fd, name = tempfile.mkstemp(prefix=f".{self._real.name}.", dir=self._real.parent)
        self._new = Path(name)
        try:
            with os.fdopen(fd, "wb") as stream:
                stream.write(data)
                stream.flush()
                # The mode first: a file that is given away may not be ours to change any more.
                os.fchmod(fd, stat.S_IMODE(seen.st_mode))
                try:
                    os.fchown(fd, seen.st_uid, seen.st_gid)
                except PermissionError:
                    if os.geteuid() == 0:       # else it is ours already
                        raise
                _copy_attributes(self._real, self._new)
                os.fsync(fd)
        except BaseException:
            self.give_up()
            raise

    def put(self) -> None:
        """Put it in the place of the old one. Raises OSError, and ConfigError if that was changed meanwhile."""
        seen, now = self._seen, self._real.stat()
        if (now.st_ino, now.st_mtime_ns, now.st_size) != (seen.st_ino, seen.st_mtime_ns, seen.st_size):
            raise ConfigError(f"{self._shown}: it was changed meanwhile and is left as it is; do it again")
        self._new.replace(self._real)
        with contextlib.suppress(OSError):      # the name lasts too, where the file system can say so
            directory = os.open(self._real.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)

    def give_up(self) -> None:
        """Remove it, if it still waits."""
        self._new.unlink(missing_ok=True)


def replace_file(path: Path, data: bytes, seen: os.stat_result) -> None:
    """Write a file in one step. seen: what it was when it was read.

    Raises OSError, and ConfigError if it was changed meanwhile.
    """
    replacement = Replacement(path, data, seen)
    try:
        replacement.put()
    finally:
        replacement.give_up()


def _copy_attributes(source: Path, target: Path) -> None:
    """SELinux labels and the like, where there are any."""
    with contextlib.suppress(OSError):
        for name in os.listxattr(source):
            os.setxattr(target, name, os.getxattr(source, name))
