"""How the daemon's own process is scheduled: what global_defs asks of the kernel for it, at start.

Several files of one daemon may ask: the strongest wish counts, and CPUs of all are allowed. Children (scripts, the
worker that reads configurations) do not inherit a real-time class or a better nice value: a long parse in a real-time
class would stand in the way of adverts. What the kernel refuses is a warning; the daemon runs without.

Without a real-time class it has a short slice of the scheduler: its turns are short, and with the usual one it waits
longer for a processor when hundreds of scripts are started meanwhile.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Sequence

from pyvrrp import limits, linux
from pyvrrp.model import GlobalDefs

log = logging.getLogger(__name__)


def apply(asked: Sequence[GlobalDefs]) -> list[str]:
    """Bring the calling thread, the daemon's only busy one, to what is asked. Returns what was refused."""
    problems: list[str] = []
    cpus = {cpu for each in asked for cpu in each.cpu_affinity}
    if cpus and all(each.cpu_affinity for each in asked):
        try:
            os.sched_setaffinity(0, cpus)
        except OSError as error:
            problems.append(f"vrrp_cpu_affinity: {error.strerror}; it runs on any CPU, name CPUs that are there")
    nices = [each.nice for each in asked if each.nice is not None]
    if nices:
        try:
            os.setpriority(os.PRIO_PROCESS, 0, min(nices))
        except OSError as error:
            problems.append(f"vrrp_priority {min(nices)}: {error.strerror}; give the daemon CAP_SYS_NICE")
    real_time = max((each.rt_priority for each in asked if each.rt_priority is not None), default=None)
    try:
        if real_time is not None:
            os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(real_time))
    except OSError as error:
        problems.append(f"vrrp_rt_priority {real_time}: {error.strerror}; give the daemon CAP_SYS_NICE")
        real_time = None
    # A real-time class that whoever started the daemon has given it stays.
    if real_time is None and os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK == os.SCHED_OTHER:
        try:
            linux.short_slice(os.getpriority(os.PRIO_PROCESS, 0), limits.TURN_SLICE_NS)
        except OSError as error:
            log.debug("no short slice of the scheduler: %s", error.strerror)
            with contextlib.suppress(OSError):
                os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))
    if any(each.no_swap for each in asked):
        try:
            linux.mlockall()
        except OSError as error:
            problems.append(f"vrrp_no_swap: {error.strerror}; give the daemon CAP_IPC_LOCK, or raise LimitMEMLOCK=")
    return problems
