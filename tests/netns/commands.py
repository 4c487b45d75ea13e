"""Commands of ours as people run them, with a directory of their own by which all their processes are known."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path


def processes_in(place: Path) -> list[int]:
    """The processes whose TMPDIR is `place`, or below it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if os.fsencode(f"TMPDIR={place}") in path.read_bytes() and int(path.parent.name) != os.getpid():
                found.append(int(path.parent.name))
    return found


def until(condition: Callable[[], object], timeout_s: float, what: str) -> None:
    """Wait for it."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {timeout_s} s: {what}"
        time.sleep(0.02)
