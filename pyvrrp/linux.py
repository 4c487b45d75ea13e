"""Typed access to the Linux calls of pyvrrp._linux; a failure is an OSError, as in the standard library.

`spawn` is used by the script spawner alone; the rest by the daemon.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from pyvrrp._linux import ffi, lib

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

# linux/capability.h; a set of them is an int with these bits
CAP_CHOWN = 0
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
CAP_FOWNER = 3
CAP_KILL = 5
CAP_NET_BIND_SERVICE = 10
CAP_NET_ADMIN = 12
CAP_NET_RAW = 13
CAP_IPC_LOCK = 14
CAP_SYS_PTRACE = 19
CAP_SYS_ADMIN = 21

# linux/prctl.h
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_TIMERSLACK = 29
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

OOM_SCORE_MAX = 1000                    # proc(5): ended first

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

_INSTRUCTION = Struct("=HBBI")           # struct sock_filter: code, jumps if true and if not, operand

# What `spawn` was doing when it failed; the same order as STEP_* in linux_build.py.
_STEPS = ("fork", "prepare the process", "enter its network namespace", "become its user", "execute it")
STEP_EXECUTE = 4


def _checked(result: int, what: str) -> None:
    if result < 0:
        raise OSError(-result, f"{what}: {os.strerror(-result)}")


def setns(fd: int, nstype: int = CLONE_NEWNET) -> None:
    """Move the calling thread into the namespace that `fd` is open on; CAP_SYS_ADMIN need only be permitted.

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
        with files_of_others():
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


def raise_oom_score(adjustment: int, pid: int | str = "self") -> None:
    """Have a process, and those that it starts, ended sooner when memory is short: oom_score_adj, -1000 to 1000.

    One that has as much keeps it: to lower it takes a right (SYS_RESOURCE).
    """
    with contextlib.suppress(OSError), Path(f"/proc/{pid}/oom_score_adj").open("r+b", buffering=0) as file:
        if int(file.read()) < adjustment:
            file.write(b"%d" % adjustment)


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
    sets = ffi.new("uint64_t[3]")
    _checked(lib.pyvrrp_capget(sets, sets + 1, sets + 2), "capget")
    return Capabilities(sets[0], sets[1], sets[2])


def set_capabilities(wanted: Capabilities) -> None:
    """Set the capability sets of the calling thread; other threads keep theirs.

    Raises OSError: EPERM if more is wanted than is permitted.
    """
    _checked(lib.pyvrrp_capset(*wanted), "capset")


@contextlib.contextmanager
def raised(*wanted: int) -> Iterator[None]:
    """Have CAP_* that this thread is permitted effective, for what is done in the block. Nothing in it may await.

    What is not permitted is left out: the call that needs it says so. Raises OSError.
    """
    before = get_capabilities()
    effective = before.effective | before.permitted & bits(*wanted)
    if effective == before.effective:
        yield
        return
    set_capabilities(before._replace(effective=effective))
    try:
        yield
    finally:
        set_capabilities(before)


def files_of_others() -> contextlib.AbstractContextManager[None]:
    """Do with files of other users what root may: a block as of raised()."""
    return raised(CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER)


def narrow(*effective: int, permitted: Iterable[int] = ()) -> None:
    """Take from the calling thread, for good, every capability but these CAP_*; of these it has what it had before.

    permitted: those that raised() may still have. What may be inherited stays as far as it is permitted still, and so
    does what is ambient. Raises OSError.
    """
    before = get_capabilities()
    kept = before.permitted & bits(*effective, *permitted)
    set_capabilities(Capabilities(kept & bits(*effective), kept, before.inheritable & kept))


def bits(*capabilities: int) -> int:
    """A set of CAP_*."""
    found = 0
    for each in capabilities:
        found |= 1 << each
    return found


def prctl(option: int, argument: int = 0, more: int = 0) -> int:
    """Call prctl(2) with one of PR_*; return what it answers.

    Raises OSError.
    """
    answer: int = lib.pyvrrp_prctl(option, argument, more)
    _checked(answer, f"prctl {option}")
    return answer


def mlockall(flags: int = MCL_CURRENT | MCL_FUTURE) -> None:
    """Keep this process's memory from being swapped out.

    Raises OSError: EPERM or ENOMEM without CAP_IPC_LOCK beyond RLIMIT_MEMLOCK.
    """
    _checked(lib.pyvrrp_mlockall(flags), "mlockall")


def short_slice(nice: int, slice_ns: int) -> None:
    """Have the calling thread, of no real-time class, run often and briefly: it gets a processor sooner when it wakes.

    nice: its nice value, which is set with it. slice_ns: how long it runs before others; the kernel takes 0.1 to
    100 ms, and before Linux 6.12 none. Children and threads do not inherit it. Raises OSError: EPERM.
    """
    _checked(lib.pyvrrp_short_slice(nice, slice_ns), "sched_setattr")


def give_memory_back() -> None:
    """Have the kernel take what malloc() holds and nobody uses, where the C library can do that."""
    lib.pyvrrp_give_memory_back()


def attach_filter(fd: int, instructions: Sequence[tuple[int, int, int, int]]) -> None:
    """Have a socket's messages judged by a classic BPF program: (code, jump if true, jump if not, operand) each.

    Raises OSError.
    """
    program = b"".join(_INSTRUCTION.pack(*each) for each in instructions)
    _checked(lib.pyvrrp_attach_filter(fd, ffi.from_buffer(program), len(instructions)), "SO_ATTACH_FILTER")


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


class Environment:
    """The variables of the programs that `spawn` starts, made once for all of them."""

    def __init__(self, variables: Mapping[bytes, bytes]) -> None:
        """Raises ValueError for a NUL byte."""
        words = [b"%b=%b" % item for item in variables.items()]
        _no_nul(words)
        # A cffi struct does not keep what its pointers point at.
        self._words = [ffi.new("char[]", word) for word in words]
        self.pointers = ffi.new("char *[]", [*self._words, ffi.NULL])


NOTES_RUN_MASK = 0x7FFFFFFF


class Notes:
    """Numbers of processes in memory that two processes share: `spawn` has the child write its own there.

    So whoever outlives the one that spawned knows what was running, to the last process; and which run was being
    started, if that hangs.
    """

    def __init__(self, fd: int, count: int = 0) -> None:
        """`fd`: of a file in memory; with a `count` it gets that many places, all 0. Raises OSError."""
        if count:
            os.ftruncate(fd, 4 * (count + 1))
        self._memory = mmap.mmap(fd, os.fstat(fd).st_size)
        self.places = ffi.from_buffer("int32_t[]", self._memory)     # and one more, for `starting`

    def __len__(self) -> int:
        return len(self.places) - 1

    @property
    def starting(self) -> int:
        """The run that is being started, its lower 31 bits; 0: none is."""
        return int(self.places[len(self)])

    @starting.setter
    def starting(self, run: int) -> None:
        self.places[len(self)] = run & NOTES_RUN_MASK

    def clear(self, place: int) -> None:
        """Forget the process of a place."""
        self.places[place] = 0

    def pids(self) -> list[int]:
        """The processes that are noted."""
        return [int(pid) for pid in self.places[0:len(self)] if pid]

    def close(self) -> None:
        """Let go of the memory."""
        ffi.release(self.places)
        self._memory.close()


def _no_nul(words: Iterable[bytes]) -> None:
    if any(b"\0" in word for word in words):
        raise ValueError("a NUL byte in a command")


def spawn(
    path: bytes,
    argv: Sequence[bytes],
    *,
    environment: Environment,
    null_fd: int,
    output_fd: int = -1,
    netns_fd: int = -1,
    identity: Identity | None = None,
    descriptors: int = 0,
    notes: Notes | None = None,
    place: int = 0,
) -> int:
    """Start a program in a process group of its own and return its pid, once it is executing.

    `path` is executed as it is, no PATH search; `argv` has the program's name as its first element.
    Standard input is `null_fd`, output and error are `output_fd` or else `null_fd` (3 or above); every other
    descriptor is closed, and `descriptors` is the soft limit of those that it may open (0: the caller's).
    Handlers and masks of signals are reset, the working directory and umask are the caller's. When the
    calling *thread* ends the program gets SIGTERM. `identity` None leaves user and groups as they are. The
    pid is written to `place` of `notes` before the program is executed, and removed again if that fails.
    Raises SpawnError, and ValueError for a NUL byte.
    """
    _no_nul((path, *argv))
    words = [ffi.new("char[]", word) for word in argv]
    # Names for what the struct points at, until the call has returned.
    path_c = ffi.new("char[]", path)
    argv_c = ffi.new("char *[]", [*words, ffi.NULL])
    groups = identity.groups if identity else ()
    groups_c = ffi.new("uint32_t[]", groups or (0,))
    request = ffi.new("pyvrrp_spawn_t *")
    request.path, request.argv, request.envp = path_c, argv_c, environment.pointers
    request.null_fd, request.output_fd, request.netns_fd = null_fd, output_fd, netns_fd
    if identity is not None:
        request.change_user, request.uid, request.gid = 1, identity.uid, identity.gid
        request.groups, request.group_count = groups_c, len(groups)
    request.descriptors = descriptors
    if notes is not None:
        request.note = notes.places + place
    pid: int = lib.pyvrrp_spawn(request)
    if pid < 0:
        if notes is not None:
            notes.clear(place)
        raise SpawnError(-pid, request.step)
    return pid
