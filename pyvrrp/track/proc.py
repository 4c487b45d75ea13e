"""What /proc says of processes: which there are, their names, their command lines."""

from __future__ import annotations

import os

from pyvrrp.track.matching import Finder, Pattern

PROC = "/proc"
_STAT_BYTES = 256               # the number, the name in brackets, the state; a kernel thread's name has up to 64 bytes


def pids(proc: str = PROC) -> list[int]:
    """All processes of this process's namespace."""
    return [int(name) for name in os.listdir(proc) if name.isdigit()]     # noqa: PTH208 (a Path for each costs more)


def look(pid: int, finder: Finder, proc: str = PROC) -> tuple[Pattern, ...]:
    """The patterns that a process is meant by; none for one that is gone, or that has ended and was not waited for."""
    found: tuple[Pattern, ...] = ()
    if finder.needs_name:
        name = _name(_read(f"{proc}/{pid}/stat", _STAT_BYTES))
        found = finder.by_name(name) if name is not None else ()
    if finder.command_bytes and (line := _read(f"{proc}/{pid}/cmdline", finder.command_bytes)):
        found += finder.by_command(line)
    return found


def _name(stat: bytes) -> bytes | None:
    """The name in /proc/PID/stat, which may hold anything, brackets too; None: it runs no more."""
    head, _, rest = stat.rpartition(b") ")
    if rest[:1] in (b"", b"Z", b"X"):
        return None
    return head.partition(b"(")[2]


def _read(path: str, size: int) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, size)
    except OSError:
        return b""
    finally:
        os.close(fd)
