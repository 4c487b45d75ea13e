"""Loading in a process of its own, so that adverts go on meanwhile and the memory of it does not count.

The worker is started with posix_spawn, never by forking a copy of the daemon. Request, answer and error text are three
anonymous files (memfd) that it gets as its standard input, output and error: nothing blocks, and no pipe has to be
drained. The end of the worker makes its pidfd readable, which any event loop can watch.

A worker that dies, hangs or writes nonsense is a diagnostic, never an exception.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterable

import msgspec

from pyvrrp import limits
from pyvrrp.config.frames import LENGTH, LISTS, Frame, Request
from pyvrrp.config.lexer import clean
from pyvrrp.config.load import Loaded
from pyvrrp.model import Configuration, Diagnostic, Where

_WORKER = "pyvrrp.config.worker"
_STDERR_SHOWN = 2000  # bytes of a dead worker's last words: the end of a traceback


async def load_in_worker(
    path: str,
    *,
    config_id: str,
    interfaces: frozenset[str] | None,
    all_config: bool = False,
    timeout_s: float = limits.CONFIG_WORKER_S,
) -> Loaded:
    """As load(), in another process. Cancellation kills the worker."""
    loaded = await load_all_in_worker(
        (path,), config_id=config_id, interfaces=interfaces, all_config=all_config, timeout_s=timeout_s
    )
    return loaded[path]


async def load_all_in_worker(
    paths: Iterable[str],
    *,
    config_id: str,
    interfaces: frozenset[str] | None,
    all_config: bool = False,
    timeout_s: float = limits.CONFIG_WORKER_S,
) -> dict[str, Loaded]:
    """As load(), for many files in one other process; by path. Cancellation kills the worker.

    A file that ends the worker, or that takes longer than timeout_s together with those before it, is the one that
    is blamed; the files behind it get another worker.
    """
    loaded: dict[str, Loaded] = {}
    left = list(dict.fromkeys(paths))
    while left:
        names = None if interfaces is None else sorted(interfaces)
        request = Request([os.fsencode(path) for path in left], clean(config_id), names, all_config)
        found, problem = await _load_some(request, timeout_s)
        loaded.update(zip(left, found, strict=False))
        left = left[len(found) :]
        if left:
            culprit = left.pop(0)
            loaded[culprit] = Loaded(None, (Diagnostic(Where(clean(culprit)), problem),))
    return loaded


async def _load_some(request: Request, timeout_s: float) -> tuple[list[Loaded], str]:
    """Run one worker. Returns what it made of the first of the files, and why it did not come to the next."""
    with contextlib.ExitStack() as stack:
        try:
            stdin, stdout, stderr = (_memfd(stack, name) for name in ("request", "answer", "errors"))
            os.pwrite(stdin, msgspec.msgpack.encode(request), 0)
            pidfd = _spawn(stdin, stdout, stderr)
        except OSError as error:
            return [], f"the process that reads it cannot be started: {error.strerror}; try again"
        status = await _end_of(pidfd, timeout_s)
        found: list[Loaded] = []
        try:
            await _collect(stdout, len(request.paths), found)
        except (msgspec.DecodeError, EOFError) as error:
            if status is None:
                return found, f"reading it took longer than {timeout_s:g} s and was given up; is its disk there?"
            if status != 0:
                return found, f"the process that read it {_died(status)}; {_last_words(stderr)}"
            return found, f"the process that read it answered nonsense ({error}); {_last_words(stderr)}"
        return found, ""


def _memfd(stack: contextlib.ExitStack, name: str) -> int:
    fd = os.memfd_create(f"pyvrrp-config-{name}", os.MFD_CLOEXEC)
    stack.callback(os.close, fd)
    return fd


def _spawn(stdin: int, stdout: int, stderr: int) -> int:
    """Start the worker; returns its pidfd. All other descriptors of ours close on exec."""
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-P", "-m", _WORKER],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate((stdin, stdout, stderr))],
        setpgroup=0,  # a ctrl-C at the terminal is for the daemon
        setsigmask=[],
        setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE],
    )
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


def _last_words(stderr: int) -> str:
    size = os.fstat(stderr).st_size
    data = os.pread(stderr, _STDERR_SHOWN, max(0, size - _STDERR_SHOWN))
    text = " | ".join(line.strip() for line in data.decode("utf-8", "replace").splitlines() if line.strip())
    return f"it said: {text}" if text else "it said nothing"


async def _collect(answer: int, count: int, found: list[Loaded]) -> None:
    """Read the frames of `count` files, one in each turn of the loop; each whole file is appended to `found`.

    Raises msgspec.DecodeError, EOFError.
    """
    decoder = msgspec.msgpack.Decoder(Frame)
    offset = 0
    while len(found) < count:
        whole = Frame()
        while not whole.is_last:
            data = _read(answer, LENGTH.unpack(_read(answer, LENGTH.size, offset))[0], offset + LENGTH.size)
            offset += LENGTH.size + len(data)
            frame = decoder.decode(data)
            whole.is_last = frame.is_last
            whole.global_defs = whole.global_defs or frame.global_defs
            whole.diagnostics += frame.diagnostics
            for name in LISTS:
                getattr(whole, name).extend(getattr(frame, name))
            await asyncio.sleep(0)
        found.append(_loaded(whole))


def _loaded(whole: Frame) -> Loaded:
    configuration = None
    if whole.global_defs is not None:
        configuration = Configuration(
            global_defs=whole.global_defs, **{name: tuple(getattr(whole, name)) for name in LISTS}
        )
    return Loaded(configuration, tuple(whole.diagnostics))


def _read(fd: int, size: int, offset: int) -> bytes:
    data = os.pread(fd, size, offset)
    if len(data) != size:
        raise EOFError("it ends too early")
    return data
