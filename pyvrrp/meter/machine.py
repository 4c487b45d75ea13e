"""What figures were measured on, and whether that machine had anything else to do."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

BUSY_PER_CORE = 0.3             # of load average: beyond it, figures are not worth much


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine as it was when it was looked at."""

    cpu: str
    cores: int                      # that this process may use
    kernel: str
    python: str
    load: tuple[float, float, float]    # average of the last 1, 5 and 15 minutes

    @property
    def is_busy(self) -> bool:
        """Whether others take so much of the processors that it shows."""
        return self.load[0] > BUSY_PER_CORE * self.cores

    def load_text(self) -> str:
        """As `uptime` has it."""
        return " ".join(f"{each:.1f}" for each in self.load)


def look() -> Machine:
    """The machine as it is now."""
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return Machine(
        cpu=model or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        kernel=platform.release(),
        python=platform.python_version(),
        load=os.getloadavg(),
    )
