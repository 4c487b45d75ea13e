"""global_defs: who is told of events, mail, FIFOs and scripts, and how scripts are run."""

from __future__ import annotations

from pyvrrp.config.table.keyword import INT_MAX, Keyword, Kind

MAIL = (
    Keyword(
        "notification_email",
        Kind.WORDS,
        "Who gets mails; each word is an address, a display name needs quotes.",
        takes="ADDR ...",
        good='admin@example.org "On Call <call@example.org>"',
    ),
    Keyword(
        "notification_email_from",
        Kind.TEXT,
        "The sender of mails.",
        takes="ADDR",
        default="the daemon's user at this host",
        good="vrrp@example.org",
    ),
    Keyword(
        "smtp_server",
        Kind.TEXTS,
        "The mail server. Without it no mail is sent.",
        takes="HOST [PORT]",
        most=2,
    ),
    Keyword(
        "smtp_helo_name",
        Kind.TEXT,
        "How this host names itself to it.",
        default="the host name",
        field="smtp_helo_name",
    ),
    Keyword(
        "smtp_connect_timeout",
        Kind.INTEGER,
        "How long to wait for its answers; 0 counts as 1.",
        low=0,
        high=INT_MAX,
        unit="s",
        default="30",
        field="smtp_connect_timeout_s",
    ),
    Keyword("smtp_alert", Kind.BOOLEAN, "Mails for everything.", default="off"),
    Keyword("smtp_alert_vrrp", Kind.BOOLEAN, "Mails for changes of instances and groups.", default="smtp_alert"),
    Keyword("no_email_faults", Kind.FLAG, "No mails for FAULT.", field="no_email_faults"),
)

SCRIPTS = (
    *(
        Keyword(
            name,
            Kind.USER,
            "A named pipe that gets a line for each event of instances and groups; it is made if it is not there.",
            takes="PATH [USER [GROUP]]",
            most=3,
        )
        for name in ("notify_fifo", "vrrp_notify_fifo")
    ),
    *(
        Keyword(
            f"{name}_script",
            Kind.COMMAND,
            f"A command that reads {name}, whose path is appended to its arguments; a reload starts it again.",
            takes='"COMMAND" [USER [GROUP]]',
        )
        for name in ("notify_fifo", "vrrp_notify_fifo")
    ),
    Keyword(
        "vrrp_notify_priority_changes",
        Kind.BOOLEAN,
        "Write changes of priority to the FIFOs too.",
        default="off",
        field="notify_priority_changes",
    ),
    Keyword(
        "fifo_write_vrrp_states_on_reload",
        Kind.FLAG,
        "Write all states to the FIFOs after a reload.",
        field="fifo_write_vrrp_states_on_reload",
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
        "Run once before any instance, and waited for.",
        takes='"COMMAND" [USER [GROUP]]',
    ),
    Keyword(
        "shutdown_script",
        Kind.COMMAND,
        "Run once after everything else has ended.",
        takes='"COMMAND" [USER [GROUP]]',
    ),
    Keyword(
        "startup_script_timeout",
        Kind.INTEGER,
        "How long startup_script may run.",
        low=1,
        high=1000,
        unit="s",
        default="10",
        field="startup_script_timeout_s",
    ),
    Keyword(
        "shutdown_script_timeout",
        Kind.INTEGER,
        "How long shutdown_script may run.",
        low=1,
        high=1000,
        unit="s",
        default="10",
        field="shutdown_script_timeout_s",
    ),
)
