"""A short errand for another process: it gets a request, answers, and ends.

Long work must not be done in the daemon, whose loop has adverts to send. The worker is started with posix_spawn, never
by forking a copy of the daemon. Request, answer and error text are three anonymous files (memfd) that it gets as its
standard input, output and error: nothing blocks, and no pipe has to be drained. The end of the worker makes its pidfd
readable, which any event loop can watch.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

from pyvrrp import linux

_STDERR_SHOWN = 2000  # bytes of a dead worker's last words: the end of a traceback


@dataclass(frozen=True, slots=True)
class Errand:
    """One that is over; its descriptors are closed at the end of the block that ran it."""

    status: int | None          # as subprocess has it; None: it took too long and was killed
    answer: int                 # a file: what the worker wrote to its standard output
    errors: int                 # the same of its standard error

    def failure(self) -> str:
        """How it ended and what it said then, for a sentence that begins with the process."""
        how = "was given up" if self.status is None else _died(self.status)
        return f"{how}; {self.last_words()}"

    def last_words(self) -> str:
        """The end of what it wrote to its standard error."""
        size = os.fstat(self.errors).st_size
        data = os.pread(self.errors, _STDERR_SHOWN, max(0, size - _STDERR_SHOWN))
        text = " | ".join(line.strip() for line in data.decode("utf-8", "replace").splitlines() if line.strip())
        return f"it said: {text}" if text else "it said nothing"


@contextlib.asynccontextmanager
async def errand(module: str, request: bytes, *, timeout_s: float) -> AsyncIterator[Errand]:
    """Have the module's main() do a request. Cancellation kills the worker. Raises OSError: it cannot be started."""
    with contextlib.ExitStack() as stack:
        stdin, stdout, stderr = (_memfd(stack, name) for name in ("request", "answer", "errors"))
        os.pwrite(stdin, request, 0)
        pidfd = _spawn(module, stdin, stdout, stderr)
        yield Errand(await _end_of(pidfd, timeout_s), stdout, stderr)


def _memfd(stack: contextlib.ExitStack, name: str) -> int:
    fd = os.memfd_create(f"pyvrrp-{name}", os.MFD_CLOEXEC)
    stack.callback(os.close, fd)
    return fd


def _spawn(module: str, stdin: int, stdout: int, stderr: int) -> int:
    """Start the worker; returns its pidfd. All other descriptors of ours close on exec."""
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-P", "-m", module],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate((stdin, stdout, stderr))],
        setpgroup=0,  # a ctrl-C at the terminal is for the daemon
        setsigmask=[],
        setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE],
    )
    # When memory is short it is the first to be ended, however small: the errand fails, and the daemon goes on.
    linux.raise_oom_score(linux.OOM_SCORE_MAX, pid)
    try:
        return os.pidfd_open(pid)
    except OSError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


async def _end_of(pidfd: int, timeout_s: float) -> int | None:
    """Wait for the process to end, for timeout_s at most; its wait status as subprocess has it, or None.

    Closes the pidfd. A process that cannot die (its disk hangs) is reaped when it does; nobody waits for
    that.
    """
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    loop.add_reader(pidfd, _set, ended)
    is_over = False
    try:
        async with asyncio.timeout(timeout_s):
            await ended
        is_over = True
    except TimeoutError:
        return None
    finally:
        loop.remove_reader(pidfd)
        if not is_over:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            loop.add_reader(pidfd, _reap, loop, pidfd)
    # It has ended, so this does not wait.
    result = os.waitid(os.P_PIDFD, pidfd, os.WEXITED)  # noqa: ASYNC222
    os.close(pidfd)
    assert result is not None
    return result.si_status if result.si_code == os.CLD_EXITED else -result.si_status


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _reap(loop: asyncio.AbstractEventLoop, pidfd: int) -> None:
    loop.remove_reader(pidfd)
    os.waitid(os.P_PIDFD, pidfd, os.WEXITED)
    os.close(pidfd)


def _died(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    return f"was ended by signal {-status} ({signal.Signals(-status).name})"
