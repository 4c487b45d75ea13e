"""Starting the spawner, and the daemon's end of its socket.

The spawner is started with posix_spawn and without `site`: the daemon is never copied, and the new process
imports only what it is told where to find. It gets the socket as descriptor 3, a file in memory as descriptor 4 and
nothing else of ours.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
from pathlib import Path

import msgspec

import pyvrrp
from pyvrrp import _linux
from pyvrrp.errors import ScriptError
from pyvrrp.linux import Notes
from pyvrrp.scripts.spawner import NOTES_FD, SOCKET_FD

_CODE = (
    "import sys; sys.path += sys.argv[3:]; from pyvrrp.scripts.spawner import main; "
    "main(int(sys.argv[1]), int(sys.argv[2]))"
)


def _import_path() -> list[str]:
    """Return the directories that hold what the spawner imports from outside the standard library."""
    cffi_file = sys.modules["_cffi_backend"].__file__          # _linux has imported it
    assert cffi_file is not None
    files = (pyvrrp.__file__, msgspec.__file__, _linux.__file__, cffi_file)
    packages = [Path(file).resolve().parent for file in files]
    parents = [*(package.parent for package in packages[:3]), packages[3]]
    return list(dict.fromkeys(str(parent) for parent in parents))


def start_spawner(*, umask: int, slot_s: float, runs: int) -> tuple[int, socket.socket, Notes]:
    """Start a spawner for at most `runs` scripts at once; return its pid, our end of its socket, non-blocking,
    and where it notes what runs. All are the caller's to reap and close.

    It is ready when its Ready message has come. Raises ScriptError.
    """
    if not sys.executable:
        raise ScriptError("scripts: Python does not know its own path; start it by its full path")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # Above the places where they are to be, since dup2() of a descriptor to itself would leave it close-on-exec.
    high_fd = fcntl.fcntl(theirs.fileno(), fcntl.F_DUPFD_CLOEXEC, NOTES_FD + 1)
    memory_fd = os.memfd_create("pyvrrp-scripts", os.MFD_CLOEXEC)
    notes_fd = fcntl.fcntl(memory_fd, fcntl.F_DUPFD_CLOEXEC, NOTES_FD + 1)
    slot_ns = str(int(slot_s * 1e9))
    try:
        notes = Notes(memory_fd, runs)
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", "-B", "-c", _CODE, str(umask), slot_ns, *_import_path()],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, high_fd, SOCKET_FD),
                (os.POSIX_SPAWN_DUP2, notes_fd, NOTES_FD),
            ],
            setpgroup=0,            # a terminal's Ctrl-C is for the daemon
            setsigmask=[],
            setsigdef=[signal.SIGPIPE, signal.SIGCHLD],
        )
    except OSError as error:
        ours.close()
        raise ScriptError(f"scripts: the spawner cannot be started: {error}") from None
    finally:
        for fd in (high_fd, memory_fd, notes_fd):
            os.close(fd)
        theirs.close()
    ours.setblocking(False)
    return pid, ours, notes
