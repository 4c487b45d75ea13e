"""Keywords that instances and groups share: what they track, and whom they tell."""

from __future__ import annotations

from pyvrrp.config.table.keyword import Keyword, Kind

WEIGHED = "NAME [weight W [reverse|noreverse]]"


def trackers(subject: str) -> tuple[Keyword, ...]:
    return (
        Keyword(
            "track_interface",
            Kind.LINES,
            f"Interfaces the {subject} needs; with weight 0 or none, one that is down means FAULT.",
            takes="IF [weight -253..253 [reverse]]",
            good="eth1 weight 10",
            bad="eth1 weight x",
        ),
        Keyword(
            "track_script",
            Kind.LINES,
            f"Scripts the {subject} needs; with weight 0, one that fails means FAULT.",
            takes=WEIGHED,
            good="check weight 10",
            bad="nowhere",
        ),
        Keyword(
            "track_file",
            Kind.LINES,
            f"Files whose number counts in the priority of the {subject}.",
            takes=WEIGHED,
        ),
        Keyword(
            "track_process",
            Kind.LINES,
            f"Processes the {subject} needs; with weight 0, too few or too many of them mean FAULT.",
            takes=WEIGHED,
        ),
        Keyword(
            "track_bfd",
            Kind.LINES,
            f"BFD sessions the {subject} needs.",
            takes=WEIGHED,
            without="BFD is not spoken, so a session that fails changes no priority and causes no FAULT",
        ),
    )


def notify(subject: str) -> tuple[Keyword, ...]:
    return tuple(
        Keyword(name, Kind.COMMAND, meaning, takes='"COMMAND" [USER [GROUP]]', good='"/bin/true"')
        for name, meaning in (
            ("notify_master", f"Run when the {subject} becomes MASTER."),
            ("notify_backup", f"Run when the {subject} becomes BACKUP, at start too."),
            ("notify_fault", f"Run when the {subject} goes to FAULT."),
            ("notify_stop", f"Run when the {subject} is stopped."),
            ("notify", f"Run at every change of the {subject}; type, name, state and priority are appended."),
        )
    )


def told(subject: str, default: str) -> tuple[Keyword, ...]:
    return (
        Keyword(
            "notify_priority_changes",
            Kind.BOOLEAN,
            f"Write changes of priority of the {subject} to the FIFOs too.",
            default=default,
            field="notify_priority_changes",
        ),
        Keyword(
            "smtp_alert",
            Kind.BOOLEAN,
            f"Send a mail at every change of state of the {subject}.",
            default="smtp_alert of global_defs",
            field="smtp_alert",
        ),
    )


def min_interval(default: str) -> Keyword:
    return Keyword(
        "pyvrrp_min_interval",
        Kind.SECONDS,
        "Believe no MASTER that claims a shorter advert interval, so that it cannot make the others hasty.",
        low=0.01,
        high=40.95,
        unit="s",
        default=default,
        since="pyvrrp",
        good="0.05",
    )
