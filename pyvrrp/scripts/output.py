"""What scripts write to standard output and error: one pipe for each run, read by the spawner.

The beginning of it is kept for the log, SCRIPT_OUTPUT_BYTES of each run; the rest is thrown away by the kernel
(splice(2) to /dev/null), so a script that writes without end neither waits nor costs memory. A process that outlives
its script may hold the pipe for as long as it likes: what it writes is thrown away too, also when the spawner ends
(`leave_a_drain`), because it would get SIGPIPE if nobody read. Beyond OUTPUTS_HELD_MAX of them the oldest loses its
reader.
"""

from __future__ import annotations

import os
import select
import signal

from pyvrrp import limits

_CHUNK = 1 << 20            # a pipe holds 64 KiB, or up to 1 MiB if a script has asked for that

_READS_AT_END = 4           # enough for what a pipe holds and its end; somebody may be writing still


class Output:
    """The reader's end of the pipe of one run. `kept` is the beginning of what came."""

    __slots__ = ("fd", "is_cut", "kept")

    def __init__(self, fd: int) -> None:
        self.fd = fd            # -1: no pipe, or at its end
        self.kept = b""
        self.is_cut = False


class Outputs:
    """The pipes of all runs, in the spawner's epoll."""

    def __init__(self, epoll: select.epoll, null_fd: int) -> None:
        self._epoll = epoll
        self._null_fd = null_fd
        self._open: dict[int, Output] = {}      # by descriptor
        self._held: dict[int, Output] = {}      # of those, the ones whose script has ended; the oldest first

    def make(self) -> tuple[Output, int]:
        """Return a new output and the writer's end, which is the caller's to close; -1 if there is no pipe."""
        try:
            fd, writer_fd = os.pipe2(os.O_CLOEXEC)
        except OSError:
            return Output(-1), -1       # out of descriptors: the script runs all the same
        os.set_blocking(fd, False)
        output = self._open[fd] = Output(fd)
        self._epoll.register(fd, select.EPOLLIN)
        return output, writer_fd

    def read(self, fd: int) -> bool:
        """Read once what is there, if `fd` is one of ours; return whether it is."""
        output = self._open.get(fd)
        if output is None:
            return False
        self._read(output)
        return True

    def drop(self, output: Output) -> None:
        """Forget an output whose script was not started."""
        if output.fd >= 0:
            self._close(output)

    def end(self, output: Output) -> None:
        """Its script has ended: read the rest. If another process has the pipe still, it stays open."""
        for _ in range(_READS_AT_END):
            if output.fd < 0 or not self._read(output):
                break
        if output.fd < 0:
            return
        self._held[output.fd] = output
        if len(self._held) > limits.OUTPUTS_HELD_MAX:
            self._close(next(iter(self._held.values())))

    def _read(self, output: Output) -> bool:
        """Return whether something came. At the end of the file the pipe is closed."""
        wanted = limits.SCRIPT_OUTPUT_BYTES - len(output.kept)
        try:
            if wanted > 0 and output.fd not in self._held:
                data = os.read(output.fd, wanted)
                output.kept += data
                size = len(data)
            else:
                size = os.splice(output.fd, self._null_fd, _CHUNK, flags=os.SPLICE_F_NONBLOCK)
                output.is_cut |= size > 0
        except BlockingIOError:
            return False
        if not size:
            self._close(output)
        return size > 0

    def _close(self, output: Output) -> None:
        self._epoll.unregister(output.fd)
        os.close(output.fd)
        del self._open[output.fd]
        self._held.pop(output.fd, None)
        output.fd = -1

    def leave_a_drain(self) -> None:
        """If processes that outlived their scripts have pipes, leave a process that reads until they end.

        It keeps nothing else open, and SIGTERM ends it.
        """
        if not self._open or os.fork():
            return
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        # Python's own wake-up pipe, the daemon's socket and its terminal are not for us.
        for fd in range(3):
            os.dup2(self._null_fd, fd)
        kept = {*self._open, self._null_fd, self._epoll.fileno(), 0, 1, 2}
        for fd in range(3, max(kept)):
            if fd not in kept:
                os.closerange(fd, fd + 1)
        os.closerange(max(kept) + 1, limits.SPAWNER_DESCRIPTORS)
        while self._open:
            for fd, _ in self._epoll.poll():
                self.read(fd)
        os._exit(0)
