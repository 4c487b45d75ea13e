"""global_defs: who is told of events, mail, FIFOs and scripts, and how scripts are run."""

from __future__ import annotations

from pyvrrp.config.table.keyword import INT_MAX, Keyword, Kind

MAIL = tuple(
    Keyword(name, kind, meaning, without="no mail is sent; use a notify script", **more)
    for name, kind, meaning, more in (
        ("notification_email", Kind.LINES, "Who gets mails.", {"takes": "ADDR"}),
        ("notification_email_from", Kind.TEXTS, "The sender of mails.", {"takes": "ADDR"}),
        ("smtp_server", Kind.TEXTS, "The mail server.", {"takes": "HOST [PORT]", "most": 2}),
        ("smtp_helo_name", Kind.TEXT, "How this host names itself to it.", {"default": "the host name"}),
        (
            "smtp_connect_timeout",
            Kind.INTEGER,
            "How long to wait for it.",
            {"low": 0, "high": INT_MAX, "unit": "s", "default": "30"},
        ),
        ("smtp_alert", Kind.BOOLEAN, "Mails for everything.", {}),
        ("smtp_alert_vrrp", Kind.BOOLEAN, "Mails for changes of instances and groups.", {"default": "smtp_alert"}),
        ("no_email_faults", Kind.FLAG, "No mails for FAULT.", {}),
    )
)

_FIFO = "events go to notify scripts only"
SCRIPTS = (
    Keyword(
        "notify_fifo",
        Kind.USER,
        "A named pipe that gets every event.",
        takes="PATH [USER [GROUP]]",
        most=3,
        without=_FIFO,
    ),
    Keyword(
        "vrrp_notify_fifo",
        Kind.USER,
        "A named pipe that gets every event of instances and groups.",
        takes="PATH [USER [GROUP]]",
        most=3,
        without=_FIFO,
    ),
    Keyword(
        "notify_fifo_script",
        Kind.COMMAND,
        "A command that reads that pipe.",
        takes='"COMMAND" [USER [GROUP]]',
        without=_FIFO,
    ),
    Keyword(
        "vrrp_notify_fifo_script",
        Kind.COMMAND,
        "A command that reads that pipe.",
        takes='"COMMAND" [USER [GROUP]]',
        without=_FIFO,
    ),
    Keyword(
        "vrrp_notify_priority_changes",
        Kind.BOOLEAN,
        "Write changes of priority to the FIFOs too.",
        default="off",
        without="priorities that change are not written to FIFOs",
    ),
    Keyword(
        "fifo_write_vrrp_states_on_reload", Kind.FLAG, "Write all states to the FIFOs after a reload.", without=_FIFO
    ),
    Keyword(
        "script_user",
        Kind.USER,
        "The user, and group, that scripts run as unless they say.",
        takes="USER [GROUP]",
        default="keepalived_script if that user exists, else the daemon's",
    ),
    Keyword(
        "enable_script_security",
        Kind.FLAG,
        "Do not run a script as root that a user other than root could have changed.",
        field="enable_script_security",
    ),
    Keyword(
        "use_symlink_paths",
        Kind.BOOLEAN,
        "Keep symbolic links in the paths of scripts.",
        default="off",
        since="2.4",
        without="a script is run by the path that its file has at last",
    ),
    Keyword(
        "set_supplementary_groups",
        Kind.BOOLEAN,
        "Give scripts the supplementary groups of their user.",
        default="off",
        since="2.4",
        without="scripts have no supplementary groups",
    ),
    Keyword(
        "startup_script",
        Kind.COMMAND,
        "Run once before anything else.",
        takes='"COMMAND" [USER [GROUP]]',
        without="nothing is run then; use ExecStartPre= of systemd",
    ),
    Keyword(
        "shutdown_script",
        Kind.COMMAND,
        "Run once after everything else.",
        takes='"COMMAND" [USER [GROUP]]',
        without="nothing is run then; use ExecStopPost= of systemd",
    ),
    Keyword(
        "startup_script_timeout",
        Kind.INTEGER,
        "How long startup_script may run.",
        low=1,
        high=1000,
        unit="s",
        default="10",
        without="startup_script is not run",
    ),
    Keyword(
        "shutdown_script_timeout",
        Kind.INTEGER,
        "How long shutdown_script may run.",
        low=1,
        high=1000,
        unit="s",
        default="10",
        without="shutdown_script is not run",
    ),
)
