"""Ends the scripts of a spawner that was killed.

The kernel sends each of them SIGTERM, but not to what they have started, and a script may ignore it. Their process
groups are in the notes that the spawner kept; here each gets SIGTERM, and SIGKILL every SCRIPT_KILL_S until it is gone,
at most _KILLS times: what nobody reaps looks alive. Nobody holds those numbers for us any more, so a group counts as
the script's only while its first process is older than the spawner's death, or gone: a number is not given anew as long
as a group has it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from pyvrrp import limits, linux

CallLater = Callable[[float, Callable[[], object]], object]

_KILLS = 5
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def end_groups(groups: Iterable[int], call_later: CallLater) -> int:
    """Send SIGTERM to each of the process groups that exists, and see to it that it ends; return how many there were.

    `call_later` is the event loop's.
    """
    died_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    left = [group for group in groups if _signal(group, signal.SIGTERM, died_s)]
    if left:
        call_later(limits.SCRIPT_KILL_S, lambda: _kill(left, died_s, call_later, _KILLS))
    return len(left)


def _kill(groups: list[int], died_s: float, call_later: CallLater, times: int) -> None:
    left = [group for group in groups if _signal(group, signal.SIGKILL, died_s)]
    if left and times > 1:
        call_later(limits.SCRIPT_KILL_S, lambda: _kill(left, died_s, call_later, times - 1))


def _signal(group: int, number: signal.Signals, died_s: float) -> bool:
    """Signal a group if it is the script's still; return whether it is."""
    if _started_s(group) > died_s:
        return False
    with contextlib.suppress(ProcessLookupError, PermissionError), linux.raised(linux.CAP_KILL):
        os.killpg(group, number)
        return True
    return False


def _started_s(pid: int) -> float:
    """When a process was started, since the boot; 0 if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    return int(stat.rpartition(")")[2].split()[19]) * _TICK_S
