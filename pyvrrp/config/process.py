"""Loading in a process of its own, so that adverts go on meanwhile and the memory of it does not count.

A worker that dies, hangs or writes nonsense is a diagnostic, never an exception.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable

import msgspec

from pyvrrp import limits
from pyvrrp.config.frames import LENGTH, LISTS, Frame, Request
from pyvrrp.config.lexer import clean
from pyvrrp.config.load import Loaded
from pyvrrp.config.report import Fault
from pyvrrp.config.sharing import Sharing
from pyvrrp.errand import errand
from pyvrrp.model import Configuration, Diagnostic, Where

_WORKER = "pyvrrp.config.worker"


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
    is_start: bool = False,
    timeout_s: float = limits.CONFIG_WORKER_S,
) -> dict[str, Loaded]:
    """As load(), for many files in one other process; by path. Cancellation kills the worker.

    is_start: nothing runs yet, so it need not be nice.

    A file that ends the worker, or that takes longer than timeout_s together with those before it, is the one that
    is blamed; the files behind it get another worker.
    """
    loaded: dict[str, Loaded] = {}
    left = list(dict.fromkeys(paths))
    while left:
        names = None if interfaces is None else sorted(interfaces)
        request = Request([os.fsencode(path) for path in left], clean(config_id), names, all_config, is_start)
        found, problem = await _load_some(request, timeout_s)
        loaded.update(zip(left, found, strict=False))
        left = left[len(found) :]
        if left:
            culprit = left.pop(0)
            assert problem is not None
            unread = Diagnostic(Where(clean(culprit)), str(problem), problem.code)
            loaded[culprit] = Loaded(None, (unread,))
    return loaded


async def _load_some(request: Request, timeout_s: float) -> tuple[list[Loaded], Fault | None]:
    """Run one worker. Returns what it made of the first of the files, and why it did not come to the next."""
    try:
        async with errand(_WORKER, msgspec.msgpack.encode(request), timeout_s=timeout_s) as done:
            found: list[Loaded] = []
            try:
                await _collect(done.answer, len(request.paths), found)
            except (msgspec.DecodeError, EOFError) as error:
                if done.status is None:
                    text = f"reading it took longer than {timeout_s:g} s and was given up; is its disk there?"
                    return found, Fault(text, "reader-slow")
                if done.status != 0:
                    return found, Fault(f"the process that read it {done.failure()}", "reader-died")
                text = f"the process that read it answered nonsense ({error}); {done.last_words()}"
                return found, Fault(text, "reader-nonsense")
            return found, None
    except OSError as error:
        text = f"the process that reads it cannot be started: {error.strerror}; try again"
        return [], Fault(text, "reader-not-started")


async def _collect(answer: int, count: int, found: list[Loaded]) -> None:
    """Read the frames of `count` files, one in each turn of the loop; each whole file is appended to `found`.

    Raises msgspec.DecodeError, EOFError.
    """
    decoder = msgspec.msgpack.Decoder(Frame)
    offset = 0
    while len(found) < count:
        whole, sharing = Frame(), Sharing()
        while not whole.is_last:
            data = _read(answer, LENGTH.unpack(_read(answer, LENGTH.size, offset))[0], offset + LENGTH.size)
            offset += LENGTH.size + len(data)
            frame = decoder.decode(data)
            sharing.share(frame.instances)
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
