"""How a process that works for the daemon begins: see pyvrrp/errand.py."""

from __future__ import annotations

import contextlib
import gc
import os
from typing import TypeVar

import msgspec

from pyvrrp import privileges

T = TypeVar("T")

_NICE = 5


def begin(kind: type[T], *kept: int) -> T:
    """Give up all capabilities but those `kept`, stand behind the daemon, and read the request from standard input."""
    privileges.confine(*kept)
    gc.disable()  # nothing here lives in cycles, and the process ends soon
    with contextlib.suppress(OSError):
        # The daemon may be a real-time process. This one must not take its processor.
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    with open(0, "rb", closefd=False) as stdin:
        return msgspec.msgpack.decode(stdin.read(), type=kind)


def be_nice() -> None:
    """Leave the processor to the daemon: it runs, and nobody waits for this process."""
    with contextlib.suppress(OSError):
        os.nice(_NICE)
