"""What a daemon with all its threads and processes uses, from /proc.

pyvrrpd has a sending thread and a script spawner, keepalived a parent and a VRRP process. The kernel's clock for CPU
time (schedstat) has nanoseconds, where utime and stime have 10 ms.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

NS_PER_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and its descendants, parents first."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The second field is a name, which may hold blanks and parentheses.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def cpu_ns(pid: int) -> int:
    """The CPU time of a process and its descendants so far, with that of the children that they have reaped."""
    total = 0
    for each in family(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):      # a script that has just ended
            for thread in Path(f"/proc/{each}/task").iterdir():
                total += int((thread / "schedstat").read_text().split()[0])
            ticks = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[13:15]    # cutime, cstime
            total += sum(map(int, ticks)) * NS_PER_TICK
    return total


def memory_bytes(pid: int) -> int:
    """What a process and its descendants hold of memory, shared pages by their share (PSS)."""
    total = 0
    for each in family(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for line in Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total
