"""global_defs, and the words that stand outside all blocks: settings of a whole file."""

from __future__ import annotations

from pyvrrp.config.table import events, host, protocol
from pyvrrp.config.table.common import min_interval
from pyvrrp.config.table.keyword import INT_MAX, Keyword, Kind

TOP_LEVEL = (
    Keyword("global_defs", Kind.BLOCK, "Settings of the whole file and defaults of its instances."),
    Keyword(
        "net_namespace",
        Kind.TEXT,
        "The network namespace that the instances and the scripts of this file run in.",
        takes="NAME",
        default="the daemon's",
        good="blue",
        bad="a/b",
    ),
    Keyword(
        "instance",
        Kind.TEXT,
        "A name of this daemon, for its pid files.",
        field="instance_name",
        takes="NAME",
        without="pid files have the names that the command line gives",
    ),
    Keyword(
        "use_pid_dir",
        Kind.FLAG,
        "Put pid files in keepalived's directory.",
        without="pid files are where the command line says",
    ),
    Keyword(
        "linkbeat_use_polling",
        Kind.FLAG,
        "Poll the link of all interfaces.",
        without="the kernel's word on a link is taken",
    ),
    Keyword(
        "child_wait_time",
        Kind.INTEGER,
        "How long keepalived's parent process waits for its children at the end.",
        low=0,
        high=INT_MAX,
        unit="s",
        default="5",
        without="there are no such processes; stopping takes as long as it must, with bounds",
    ),
)

_INCLUDES = tuple(
    Keyword(name, Kind.TEXT, meaning, takes="PATTERN")
    for name, meaning in (
        ("include", "Read these files here; what is missing is told."),
        ("includer", "The same; a file that cannot be read is an error."),
        ("includem", "The same; a file that is missing is an error too."),
        ("includew", "The same; a wildcard that finds nothing is an error too."),
        ("includeb", "As includer; an alternative in braces that is missing is an error too."),
        ("includea", "The same; anything missing is an error."),
    )
)

_FILES = (
    Keyword(
        "reload_check_config",
        Kind.PATH,
        "Keep what runs if the new file is bad. Here that is always so.",
        least=0,
        takes="[LOGFILE]",
    ),
    Keyword(
        "reload_time_file",
        Kind.PATH,
        "A file that says when to reload.",
        without="nothing is reloaded by the clock; use a timer of systemd",
    ),
    Keyword(
        "reload_repeat",
        Kind.FLAG,
        "Do so every day.",
        without="nothing is reloaded by the clock; use a timer of systemd",
    ),
    Keyword(
        "reload_file",
        Kind.PATH,
        "A file that exists while the configuration is read.",
        least=0,
        takes="[PATH]",
        without="no such file is made; pyvrrp reload waits for the end",
    ),
    Keyword(
        "include_check",
        Kind.TEXTS,
        "What is an error in the include lines below it.",
        takes="[+|-]read|match|wildcard_match|brace_match ...",
        least=0,
    ),
    Keyword(
        "random_seed",
        Kind.INTEGER,
        "Makes ${_RANDOM} repeat itself.",
        low=0,
        high=0xFFFFFFFF,
    ),
    Keyword(
        "data_use_instance",
        Kind.BOOLEAN,
        "Put instance and namespace into the names of dumps.",
        default="off",
        without="dumps have keepalived's usual names, one for each daemon",
    ),
    Keyword(
        "json_version",
        Kind.INTEGER,
        "The layout of the JSON dump.",
        low=1,
        high=2,
        default="1",
        since="2.4",
        field="json_version",
    ),
    Keyword("state_dump_file", Kind.PATH, "Where SIGUSR1 writes.", since="2.4", field="state_dump_file"),
    Keyword("stats_dump_file", Kind.PATH, "Where SIGUSR2 writes.", since="2.4", field="stats_dump_file"),
    Keyword(
        "json_dump_file", Kind.PATH, "Where the JSON dump goes.", since="2.4", field="json_dump_file"
    ),
)

_OWN = (
    min_interval("0.1"),
    Keyword(
        "pyvrrp_max_scripts",
        Kind.INTEGER,
        "How many notify scripts run at once, of all files together.",
        low=1,
        high=10_000,
        default="32",
        since="pyvrrp",
        field="max_scripts",
    ),
    Keyword(
        "pyvrrp_detect_duplicates",
        Kind.FLAG,
        "A MASTER asks, 2 s after it has its addresses, whether another host has them; who answers is told.",
        since="pyvrrp",
        field="detects_duplicates",
    ),
    Keyword(
        "pyvrrp_vip_restore",
        Kind.FLAG,
        "An address, a route or a rule of a MASTER that somebody removes is put back, and no election is held.",
        since="pyvrrp",
        field="restores_things",
    ),
    Keyword(
        "pyvrrp_socket_group",
        Kind.TEXT,
        "The group of users that may read the control socket; only root may change anything. From a start on.",
        takes="GROUP",
        default="the daemon's own",
        since="pyvrrp",
        field="socket_group",
        good="adm",
    ),
    Keyword(
        "pyvrrp_http",
        Kind.ADDRESS,
        "Answer over TCP too whatever of the control API only reads, to anybody who can connect. From a start on.",
        takes="ADDRESS PORT",
        least=2,
        most=2,
        default="no",
        since="pyvrrp",
        good="127.0.0.1 9650",
        bad="127.0.0.1 0",
    ),
)

GLOBAL_DEFS = (
    *_OWN,
    *events.MAIL,
    *protocol.PROTOCOL,
    *protocol.GARP,
    *events.SCRIPTS,
    *host.INTERFACES,
    *host.TUNING,
    *_FILES,
)
INCLUDES = _INCLUDES
