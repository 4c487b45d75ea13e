"""vrrp_script, track_file, vrrp_track_process: what can be tracked."""

from __future__ import annotations

from pyvrrp.config.table.keyword import Keyword, Kind

BLOCKS_AT_TOP = (
    Keyword("vrrp_script", Kind.BLOCK, "A command run at an interval, to be tracked.", named=True),
    Keyword(
        "track_file",
        Kind.FOREIGN,
        "A file with a number that counts in priorities, to be tracked.",
        takes="NAME { ... }",
        without="the file is not read",
    ),
    Keyword(
        "vrrp_track_file",
        Kind.FOREIGN,
        "The old name of track_file.",
        takes="NAME { ... }",
        alias="track_file",
        without="the file is not read",
    ),
    Keyword(
        "vrrp_track_process",
        Kind.FOREIGN,
        "Processes that must run, to be tracked.",
        takes="NAME { ... }",
        without="processes are not watched",
    ),
    Keyword(
        "bfd_instance",
        Kind.FOREIGN,
        "A BFD session with a neighbour, to be tracked.",
        takes="NAME { ... }",
        without="BFD is not spoken; track the neighbour with a vrrp_script",
    ),
)

SCRIPT = (
    Keyword(
        "script", Kind.COMMAND, "The command; exit status 0 is success.", takes='"COMMAND ARGS"', good='"/bin/true"'
    ),
    Keyword(
        "interval",
        Kind.SECONDS,
        "The time between two starts; 0 counts as 1.",
        low=0,
        high=4294,
        default="1",
        unit="s",
    ),
    Keyword(
        "timeout",
        Kind.SECONDS,
        "Running longer counts as failure.",
        low=0,
        high=4294,
        default="the interval",
        unit="s",
    ),
    Keyword(
        "weight",
        Kind.WEIGHT,
        "What is added to the priority on success, or if negative taken from it on failure.",
        low=-253,
        high=253,
        default="0",
    ),
    Keyword("rise", Kind.INTEGER, "Successes in a row to count as up.", low=1, high=0x7FFFFFFF, default="1"),
    Keyword("fall", Kind.INTEGER, "Failures in a row to count as failed.", low=1, high=0x7FFFFFFF, default="1"),
    Keyword("user", Kind.USER, "The user, and group, it runs as.", default="script_user", takes="USER [GROUP]"),
    Keyword(
        "init_fail",
        Kind.FLAG,
        "Count as failed from the start, without waiting for a result, until it has succeeded `rise` times.",
    ),
)
