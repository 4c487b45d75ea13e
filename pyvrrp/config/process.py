"""Loading in a process of its own, so that adverts go on meanwhile and the memory of it does not count.

A worker that dies, hangs or writes nonsense is a diagnostic, never an exception.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from pyvrrp import limits
from pyvrrp.config.frames import LENGTH, LISTS, Frame, Request, Transaction, Verdict, Writing
from pyvrrp.config.lexer import clean
from pyvrrp.config.load import Loaded
from pyvrrp.config.outline import Key
from pyvrrp.config.report import Fault
from pyvrrp.config.sharing import Sharing
from pyvrrp.config.transaction import Outcome, Reading
from pyvrrp.errand import errand
from pyvrrp.model import Configuration, Diagnostic, Where

_WORKER = "pyvrrp.config.worker"
_EDITOR = "pyvrrp.config.editor"
_WRITER = "pyvrrp.config.writer"


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


async def transact_in_worker(
    reading: Reading, digest: bytes, put: Sequence[str], remove: Iterable[Key],
    *, timeout_s: float = limits.CONFIG_WORKER_S,
) -> Outcome:
    """As transact(), in another process. Cancellation kills it."""
    request = Transaction(
        os.fsencode(reading.path),
        clean(reading.config_id),
        None if reading.interfaces is None else sorted(reading.interfaces),
        reading.all_config,
        {os.fsencode(path): data for path, data in reading.overlay.items()},
        digest,
        list(put),
        [(key.kind, key.name) for key in remove],
    )
    try:
        async with errand(_EDITOR, msgspec.msgpack.encode(request), timeout_s=timeout_s) as done:
            if done.status != 0:
                return Outcome(refusal=f"the process that edits the text {done.failure()}")
            try:
                data, offset = _frame(done.answer, 0)
                verdict = msgspec.msgpack.decode(data, type=Verdict)
                found: list[Loaded] = []
                if not verdict.is_refused:
                    await _collect(done.answer, 1, found, offset)
            except (msgspec.DecodeError, EOFError) as error:
                return Outcome(refusal=f"the process that edits the text answered nonsense ({error})")
    except OSError as error:
        return Outcome(refusal=f"the process that edits the text cannot be started: {error.strerror}; try again")
    return Outcome(
        refusal=verdict.refusal,
        diagnostics=tuple(verdict.diagnostics),
        loaded=found[0] if found else None,
        digest=verdict.digest,
        files={os.fsdecode(path): (held, shall) for path, held, shall in verdict.files},
    )


async def write_in_worker(
    files: Mapping[str, tuple[bytes, bytes]], *, timeout_s: float = limits.CONFIG_WRITE_S
) -> tuple[list[str], str]:
    """Write files, by path what they hold and what they shall hold. Returns those written, and why not all were.

    Another process does it, since a disk may be slow. Cancellation kills it.
    """
    request = Writing([(os.fsencode(path), held, shall) for path, (held, shall) in files.items()])
    try:
        async with errand(_WRITER, msgspec.msgpack.encode(request), timeout_s=timeout_s) as done:
            if done.status != 0:
                return [], f"the process that writes {done.failure()}; look at the files, and reload"
            answer = os.pread(done.answer, os.fstat(done.answer).st_size, 0)
            written, problem = msgspec.msgpack.decode(answer, type=tuple[list[bytes], str])
            return [os.fsdecode(path) for path in written], problem
    except OSError as error:
        return [], f"the process that writes cannot be started: {error.strerror}; try again"


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


async def _collect(answer: int, count: int, found: list[Loaded], offset: int = 0) -> None:
    """Read the frames of `count` files, one in each turn of the loop; each whole file is appended to `found`.

    offset: of the first of them in the answer.

    Raises msgspec.DecodeError, EOFError.
    """
    decoder = msgspec.msgpack.Decoder(Frame)
    while len(found) < count:
        whole, sharing = Frame(), Sharing()
        while not whole.is_last:
            data, offset = _frame(answer, offset)
            frame = decoder.decode(data)
            sharing.share(frame.instances)
            whole.is_last, whole.digest = frame.is_last, frame.digest
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
    return Loaded(configuration, tuple(whole.diagnostics), digest=whole.digest)


def _frame(answer: int, offset: int) -> tuple[bytes, int]:
    """A frame, and where the next one begins. Raises EOFError."""
    data = _read(answer, LENGTH.unpack(_read(answer, LENGTH.size, offset))[0], offset + LENGTH.size)
    return data, offset + LENGTH.size + len(data)


def _read(fd: int, size: int, offset: int) -> bytes:
    data = os.pread(fd, size, offset)
    if len(data) != size:
        raise EOFError("it ends too early")
    return data
