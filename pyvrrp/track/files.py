"""track_file: the number in a file counts in priorities (keepalived's rule K8).

Directories are watched, not files, so that a file may be written in place, moved there, or deleted. One FileWatch
serves all files of the daemon; a FileTracker is one track_file of a scope.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

from pyvrrp import limits, linux
from pyvrrp.model import TrackFile

log = logging.getLogger("pyvrrp.track")

_CHANGES = linux.IN_CLOSE_WRITE | linux.IN_MOVED_TO | linux.IN_MOVED_FROM | linux.IN_DELETE
# As strtol() reads it: blanks, a sign, then hexadecimal, octal or decimal digits; what follows is ignored.
_NUMBER = re.compile(rb"[ \t\n\v\f\r]*([+-]?)(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))")
_NUMBER_MAX = 2**31 - 1


def number_in(data: bytes) -> int:
    """Return the number at the start of a file; 0 where there is none."""
    found = _NUMBER.match(data)
    if found is None:
        return 0
    sign, hexadecimal, octal, decimal = found.groups()
    base, digits = (16, hexadecimal) if hexadecimal else (8, octal) if octal else (10, decimal)
    number = min(int(digits[:12], base), _NUMBER_MAX)
    return -number if sign == b"-" else number


def read_number(path: str) -> int:
    """Return the number in a file; 0 if it is missing, unreadable, or no regular file."""
    try:
        with linux.files_of_others():
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return 0
    try:
        return number_in(os.read(fd, limits.TRACK_FILE_BYTES)) if stat.S_ISREG(os.fstat(fd).st_mode) else 0
    except OSError:
        return 0
    finally:
        os.close(fd)


def initialise(file: TrackFile) -> None:
    """Make the file with its first number, as init_file asks; never through a link. Raises OSError."""
    if file.initial is None:
        return
    how = os.O_TRUNC if file.overwrite else os.O_EXCL
    with contextlib.suppress(FileExistsError), linux.files_of_others():
        fd = os.open(file.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | how, 0o644)
        try:
            os.write(fd, f"{file.initial}\n".encode())
        finally:
            os.close(fd)


class FileWatch:
    """Tells of changes of any number of files. A directory that is not there is looked for again."""

    def __init__(self) -> None:
        """Raises OSError: EMFILE beyond fs.inotify.max_user_instances."""
        self._loop = asyncio.get_running_loop()
        self._inotify = linux.Inotify()
        self._loop.add_reader(self._inotify.fileno(), self._read)
        self._directories: dict[str, int] = {}                  # -1: not watched now
        self._callbacks: dict[str, dict[str, list[Callable[[], None]]]] = {}     # by directory, then name
        self._retry: asyncio.TimerHandle | None = None

    def add(self, path: str, callback: Callable[[], None]) -> None:
        """Have `callback` called whenever the file may have changed."""
        directory, name = os.path.split(path)
        self._callbacks.setdefault(directory, {}).setdefault(name, []).append(callback)
        if directory not in self._directories:
            self._directories[directory] = -1
            self._watch(directory)

    def remove(self, path: str, callback: Callable[[], None]) -> None:
        """Undo one add()."""
        directory, name = os.path.split(path)
        self._callbacks[directory][name].remove(callback)
        if not self._callbacks[directory][name]:
            del self._callbacks[directory][name]
        if not self._callbacks[directory]:
            del self._callbacks[directory]
            number = self._directories.pop(directory)
            if number >= 0:
                self._inotify.forget(number)

    def close(self) -> None:
        """Watch nothing more."""
        self._loop.remove_reader(self._inotify.fileno())
        self._inotify.close()
        if self._retry is not None:
            self._retry.cancel()

    def _watch(self, directory: str) -> None:
        try:
            self._directories[directory] = self._inotify.watch(directory, _CHANGES | linux.IN_DELETE_SELF)
        except OSError as error:
            log.warning("%s cannot be watched: %s; its files count as 0, looking again every %g s",
                        directory, error.strerror, limits.TRACK_FILE_LOOK_S)
        self._look_again()

    def _look_again(self) -> None:
        if self._retry is None and -1 in self._directories.values():
            self._retry = self._loop.call_later(limits.TRACK_FILE_LOOK_S, self._look)

    def _look(self) -> None:
        self._retry = None
        for directory in [directory for directory, number in self._directories.items() if number < 0]:
            with contextlib.suppress(OSError):
                self._directories[directory] = self._inotify.watch(directory, _CHANGES | linux.IN_DELETE_SELF)
                self._tell(directory)
        self._look_again()

    def _read(self) -> None:
        by_number = {number: directory for directory, number in self._directories.items()}
        for notice in self._inotify.read():
            if notice.mask & linux.IN_Q_OVERFLOW:
                for directory in list(self._directories):
                    self._tell(directory)
                continue
            directory = by_number.get(notice.watch, "")
            if directory not in self._directories:
                continue
            if notice.mask & linux.IN_IGNORED:      # the directory is gone
                self._directories[directory] = -1
                self._tell(directory)
                self._look_again()
            else:
                self._tell(directory, notice.name)

    def _tell(self, directory: str, name: str | None = None) -> None:
        files = self._callbacks[directory]
        for callbacks in list(files.values()) if name is None else [files.get(name, [])]:
            for callback in list(callbacks):
                callback()


class FileTracker:
    """Keeps the number of one track_file until stopped. `on_number(name)` is called when it changes."""

    def __init__(self, file: TrackFile, watch: FileWatch, *, on_number: Callable[[str], None]) -> None:
        self.file = file
        self._watch, self._on_number = watch, on_number
        self._path = str(Path(file.path).absolute())
        watch.add(self._path, self._changed)
        self.number = read_number(self._path)

    def stop(self) -> None:
        """Follow the file no more."""
        self._watch.remove(self._path, self._changed)

    def _changed(self) -> None:
        number = read_number(self._path)
        if number != self.number:
            log.info("track_file %s: %d, was %d", self.file.name, number, self.number)
            self.number = number
            self._on_number(self.file.name)
