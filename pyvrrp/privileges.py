"""What the daemon and its helpers may do, of what they were started with.

The daemon is root as a rule, and needs little of that. After set-up its threads have effective what adverts and
addresses need. What it will need again now and then is permitted, and effective only for the length of the calls that
need it (linux.raised): entering a namespace, files of other users, ending scripts of other users. All else is gone.

Scripts are another matter: root's scripts have root's rights, as under keepalived. So the process that runs them is
started before anything is dropped. If it dies the daemon starts it anew; execve() gives root's program the whole
bounding set, so that stays whole. A daemon of another user has what it was given as ambient capabilities, and they
stay permitted, since its scripts inherit them. So what was dropped guards against mistakes, not against somebody who
can have this process do what he likes: for that there are `User=` and a bounding set in the unit.

Helpers that end after one errand confine themselves for good, with whatever they execute.
"""

from __future__ import annotations

import contextlib
import os
from errno import EINVAL
from pathlib import Path

from pyvrrp import linux

# Bit by bit, linux/capability.h
_NAMES = (
    "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
    "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
    "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
    "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
    "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
    "checkpoint_restore",
)
# Addresses, routes, rules, nftables, sysctls of interfaces, buffers; adverts, ARP and ND.
ALWAYS = (linux.CAP_NET_ADMIN, linux.CAP_NET_RAW)
# For single calls, each measured to fail without (tests/netns/test_privileges.py): setns(), and namespaces that a file
# names as /proc/PID/ns/net; FIFOs, track files, pid files and dumps in directories of other users; scripts of other
# users that a dead spawner left.
AT_TIMES = (
    linux.CAP_SYS_ADMIN, linux.CAP_SYS_PTRACE, linux.CAP_DAC_OVERRIDE, linux.CAP_CHOWN, linux.CAP_FOWNER,
    linux.CAP_KILL,
)
_LAST = 63                      # the highest bit that a set could have


def drop(*, locks_memory: bool, sets_up: bool = False) -> str:
    """Leave the calling thread, and those that it starts, what it needs from now on; return that in words.

    locks_memory: memory that is had later is locked as well (vrrp_no_swap), which fails without IPC_LOCK. sets_up: the
    HTTP port is yet to be bound, which may be below 1024. Raises OSError.
    """
    effective = (*ALWAYS, linux.CAP_IPC_LOCK) if locks_memory else ALWAYS
    if os.geteuid():
        had = linux.get_capabilities()
        linux.set_capabilities(had._replace(effective=had.permitted & linux.bits(*effective)))
    else:
        linux.narrow(*effective, permitted=(*AT_TIMES, linux.CAP_NET_BIND_SERVICE) if sets_up else AT_TIMES)
    return described(linux.get_capabilities())


def described(sets: linux.Capabilities) -> str:
    """`net_admin, net_raw; for single calls sys_admin`."""
    at_times = names(sets.permitted & ~sets.effective)
    text = ", ".join(names(sets.effective)) or "none"
    return f"{text}; for single calls {', '.join(at_times)}" if at_times else text


def names(capabilities: int) -> list[str]:
    """The names of a set, as capabilities(7) has them, in small letters and without CAP_."""
    return [
        _NAMES[bit] if bit < len(_NAMES) else str(bit) for bit in range(_LAST + 1) if capabilities >> bit & 1
    ]


def of_process(pid: int) -> dict[str, linux.Capabilities]:
    """What each thread of a process may do, by its number. Raises OSError, ValueError: it is gone."""
    found = {}
    for path in Path(f"/proc/{pid}/task").iterdir():
        status = (path / "status").read_text()
        words = (status.partition(f"{name}:")[2].split(maxsplit=1)[0] for name in ("CapEff", "CapPrm", "CapInh"))
        found[path.name] = linux.Capabilities(*(int(word, 16) for word in words))
    return found


def confine(*kept: int) -> None:
    """Have this process, and whatever it executes, do no more than these CAP_* allow; for good.

    Where that is refused the process goes on as it is: it was trusted with as much before.
    """
    with contextlib.suppress(OSError):
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    with contextlib.suppress(OSError), linux.raised(*range(len(_NAMES))):
        for bit in range(_LAST + 1):
            if bit not in kept:
                try:
                    linux.prctl(linux.PR_CAPBSET_DROP, bit)
                except OSError as error:
                    if error.errno == EINVAL:           # there are no more
                        break
                    raise
    with contextlib.suppress(OSError):
        linux.prctl(linux.PR_CAP_AMBIENT, linux.PR_CAP_AMBIENT_CLEAR_ALL)
        linux.narrow(*kept)
        linux.set_capabilities(linux.get_capabilities()._replace(inheritable=0))
