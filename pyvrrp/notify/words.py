"""What is told of an event, in keepalived's words: the script, the arguments of `notify`, the line of a FIFO. Pure."""

from __future__ import annotations

from typing import NamedTuple

from pyvrrp.model import Command, Notify

INSTANCE = "INSTANCE"
GROUP = "GROUP"

# What happened, beside the names of the states (N3, N4).
STOP = "STOP"
DELETED = "DELETED"
RX_LOWER_PRI = "MASTER_RX_LOWER_PRI"
PRIORITY_OF = {"MASTER": "MASTER_PRIORITY", "BACKUP": "BACKUP_PRIORITY"}    # a change of priority, by the state


class Call(NamedTuple):
    """One script to run: the keyword that names it, the command, what is appended to its arguments."""

    keyword: str
    command: Command
    extra_args: tuple[str, ...]


def calls(kind: str, name: str, notify: Notify, what: str, priority: int) -> tuple[Call, ...]:
    """Return what to run for an event, in order (N1, N3). `kind` is INSTANCE or GROUP."""
    own = {
        "MASTER": ("notify_master", notify.master),
        "BACKUP": ("notify_backup", notify.backup),
        "FAULT": ("notify_fault", notify.fault),
        STOP: ("notify_stop", notify.stop),
        DELETED: ("notify_deleted", notify.deleted),
        RX_LOWER_PRI: ("notify_master_rx_lower_pri", notify.master_rx_lower_pri),
    }.get(what)
    found = []
    if own is not None and own[1] is not None:
        found.append(Call(own[0], own[1], ()))
    if notify.any is not None and what != RX_LOWER_PRI and what not in PRIORITY_OF.values():
        found.append(Call("notify", notify.any, (kind, name, what, str(priority))))
    return tuple(found)


def fifo_line(kind: str, name: str, what: str, priority: int) -> bytes:
    """Return the line of an event (N4). The priority of a group is 0."""
    return f'{kind} "{name}" {what} {priority}\n'.encode("utf-8", "surrogateescape")
