"""Typed access to the Linux calls of pyvrrp._linux; a failure is an OSError, as in the standard library.

`spawn` is used by the script spawner alone; the rest by the daemon.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from struct import Struct
from typing import NamedTuple

from pyvrrp._linux import ffi, lib

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

# linux/capability.h; a set of them is an int with these bits
CAP_NET_BROADCAST = 11
CAP_NET_ADMIN = 12
CAP_NET_RAW = 13
CAP_SYS_ADMIN = 21
CAP_SYS_NICE = 23

# linux/prctl.h
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_TIMERSLACK = 29
PR_SET_NO_NEW_PRIVS = 38

# sys/mman.h
MCL_CURRENT = 1
MCL_FUTURE = 2
MCL_ONFAULT = 4

# sys/inotify.h
IN_MODIFY = 0x2
IN_CLOSE_WRITE = 0x8
IN_MOVED_FROM = 0x40
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_DELETE = 0x200
IN_DELETE_SELF = 0x400
IN_MOVE_SELF = 0x800
IN_Q_OVERFLOW = 0x4000
IN_IGNORED = 0x8000
_INOTIFY_EVENT = Struct("=iIII")        # watch, mask, cookie, length of the name
_INOTIFY_READ = 65_536

_NS_GET_NSTYPE = 0xB703                 # linux/nsfs.h

# What `spawn` was doing when it failed; the same order as STEP_* in linux_build.py.
_STEPS = ("fork", "prepare the process", "enter its network namespace", "become its user", "execute it")
STEP_EXECUTE = 4


def _checked(result: int, what: str) -> None:
    if result < 0:
        raise OSError(-result, f"{what}: {os.strerror(-result)}")


def setns(fd: int, nstype: int = CLONE_NEWNET) -> None:
    """Move the calling thread into the namespace that `fd` is open on.

    Raises OSError.
    """
    _checked(lib.pyvrrp_setns(fd, nstype), "setns")


@contextlib.contextmanager
def inside(fd: int, home_fd: int) -> Iterator[None]:
    """Have the calling thread in the network namespace of `fd`, then again in that of `home_fd`.

    Costs no fork and some 10 us. Raises OSError.
    """
    setns(fd)
    try:
        yield
    finally:
        setns(home_fd)


def is_network_namespace(fd: int) -> bool:
    """Whether `fd` is open on a network namespace, and not on what will be mounted over by one soon."""
    try:
        return fcntl.ioctl(fd, _NS_GET_NSTYPE) == CLONE_NEWNET
    except OSError:
        return False


class Notice(NamedTuple):
    """Something happened in a watched directory, or to a watched file."""

    watch: int          # what watch() returned; -1 with IN_Q_OVERFLOW: notices were lost
    mask: int           # IN_*
    name: str           # of the entry in the directory; "" for the watched file itself


class Inotify:
    """Watches on files and directories behind one descriptor (inotify(7))."""

    def __init__(self) -> None:
        """Raises OSError: EMFILE beyond fs.inotify.max_user_instances."""
        fd = lib.pyvrrp_inotify_open()
        _checked(fd, "inotify")
        self._fd: int = fd

    def fileno(self) -> int:
        """Return the descriptor, which is readable when there are notices."""
        return self._fd

    def watch(self, path: str, mask: int) -> int:
        """Watch a path; a path that is watched already keeps its number. Raises OSError."""
        number: int = lib.pyvrrp_inotify_watch(self._fd, os.fsencode(path), mask)
        _checked(number, path)
        return number

    def forget(self, watch: int) -> None:
        """Undo one watch(); one that the kernel has ended already is nothing to do."""
        lib.pyvrrp_inotify_forget(self._fd, watch)

    def read(self) -> list[Notice]:
        """Return what has happened since; never waits."""
        try:
            data = os.read(self._fd, _INOTIFY_READ)
        except BlockingIOError:
            return []
        notices = []
        at = 0
        while at < len(data):
            watch, mask, _, length = _INOTIFY_EVENT.unpack_from(data, at)
            at += _INOTIFY_EVENT.size
            notices.append(Notice(watch, mask, os.fsdecode(data[at : at + length].rstrip(b"\0"))))
            at += length
        return notices

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._fd)


def unshare(flags: int) -> None:
    """Give the calling process (for CLONE_NEWNET: thread) namespaces of its own.

    Raises OSError.
    """
    _checked(lib.pyvrrp_unshare(flags), "unshare")


class Capabilities(NamedTuple):
    """The capability sets of a thread, each an int with bit CAP_* set."""

    effective: int
    permitted: int
    inheritable: int


def get_capabilities() -> Capabilities:
    """Return the capability sets of the calling thread.

    Raises OSError.
    """
    sets = [ffi.new("uint64_t *") for _ in range(3)]
    _checked(lib.pyvrrp_capget(*sets), "capget")
    return Capabilities(*(int(each[0]) for each in sets))


def set_capabilities(wanted: Capabilities) -> None:
    """Set the capability sets of the calling thread; other threads keep theirs.

    Raises OSError: EPERM if more is wanted than is permitted.
    """
    _checked(lib.pyvrrp_capset(*wanted), "capset")


def prctl(option: int, argument: int = 0) -> None:
    """Call prctl(2) with one of PR_*.

    Raises OSError.
    """
    _checked(lib.pyvrrp_prctl(option, argument), f"prctl {option}")


def mlockall(flags: int = MCL_CURRENT | MCL_FUTURE) -> None:
    """Keep this process's memory from being swapped out.

    Raises OSError: EPERM or ENOMEM without CAP_IPC_LOCK beyond RLIMIT_MEMLOCK.
    """
    _checked(lib.pyvrrp_mlockall(flags), "mlockall")


class Identity(NamedTuple):
    """Whom a program runs as: numbers, already looked up. `groups` are the supplementary ones."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


class SpawnError(OSError):
    """A program was not started. `step` is the index of what failed; STEP_EXECUTE is the execve() itself."""

    def __init__(self, errno: int, step: int) -> None:
        super().__init__(errno, f"cannot {_STEPS[step]}: {os.strerror(errno)}")
        self.step = step


def spawn(
    path: bytes,
    argv: Sequence[bytes],
    *,
    environment: Mapping[bytes, bytes],
    null_fd: int,
    netns_fd: int = -1,
    identity: Identity | None = None,
) -> int:
    """Start a program in a process group of its own and return its pid, once it is executing.

    `path` is executed as it is, no PATH search; `argv` has the program's name as its first element.
    Standard input, output and error are `null_fd` (3 or above); every other descriptor is closed. Handlers
    and masks of signals are reset, the working directory and umask are the caller's. When the calling
    *thread* ends the program gets SIGTERM. `identity` None leaves user and groups as they are. Raises
    SpawnError, and ValueError for a NUL byte.
    """
    if any(b"\0" in word for word in (path, *argv)):
        raise ValueError("a NUL byte in a command")
    words = [ffi.new("char[]", word) for word in argv]
    variables = [ffi.new("char[]", b"%b=%b" % item) for item in environment.items()]
    # A cffi struct does not keep what its pointers point at: these names do, until the call has returned.
    path_c = ffi.new("char[]", path)
    argv_c = ffi.new("char *[]", [*words, ffi.NULL])
    envp_c = ffi.new("char *[]", [*variables, ffi.NULL])
    groups = identity.groups if identity else ()
    groups_c = ffi.new("uint32_t[]", groups or (0,))
    request = ffi.new(
        "pyvrrp_spawn_t *",
        {
            "path": path_c,
            "argv": argv_c,
            "envp": envp_c,
            "null_fd": null_fd,
            "netns_fd": netns_fd,
            "change_user": identity is not None,
            "uid": identity.uid if identity else 0,
            "gid": identity.gid if identity else 0,
            "groups": groups_c,
            "group_count": len(groups),
        },
    )
    pid: int = lib.pyvrrp_spawn(request)
    if pid < 0:
        raise SpawnError(-pid, request.step)
    return pid
