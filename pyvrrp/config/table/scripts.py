"""vrrp_script, track_file, vrrp_track_process: what can be tracked."""

from __future__ import annotations

from pyvrrp.config.table.keyword import INT_MAX, Keyword, Kind

BLOCKS_AT_TOP = (
    Keyword("vrrp_script", Kind.BLOCK, "A command run at an interval, to be tracked.", named=True),
    Keyword(
        "track_file",
        Kind.BLOCK,
        "A file with a number that counts in priorities, to be tracked.",
        named=True,
    ),
    Keyword(
        "vrrp_track_file",
        Kind.BLOCK,
        "The old name of track_file.",
        named=True,
        alias="track_file",
    ),
    Keyword(
        "vrrp_track_process",
        Kind.BLOCK,
        "Processes that must run, to be tracked.",
        named=True,
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
    Keyword("rise", Kind.INTEGER, "Successes in a row to count as up.", low=1, high=INT_MAX, default="1"),
    Keyword("fall", Kind.INTEGER, "Failures in a row to count as failed.", low=1, high=INT_MAX, default="1"),
    Keyword("user", Kind.USER, "The user, and group, it runs as.", default="script_user", takes="USER [GROUP]"),
    Keyword(
        "init_fail",
        Kind.FLAG,
        "Count as failed from the start, without waiting for a result, until it has succeeded `rise` times.",
    ),
)

TRACK_FILE = (
    Keyword("file", Kind.PATH, "The file; the number at its start counts, 0 if there is none.", good="/run/drain"),
    Keyword(
        "weight",
        Kind.WEIGHT,
        "What the number is multiplied with before it is added; 0: any number but 0 means FAULT.",
        low=-254,
        high=254,
        default="1",
    ),
    Keyword(
        "init_file",
        Kind.TEXTS,
        "Make the file at start, with this number, if it is not there; overwrite: even if it is.",
        takes="[NUMBER] [overwrite]",
        least=0,
        most=2,
        default="0",
        good="5 overwrite",
        bad="five",
    ),
)


def _delay(name: str, meaning: str, default: str) -> Keyword:
    return Keyword(name, Kind.SECONDS, meaning, low=0.000001, high=3600, unit="s", default=default)


TRACK_PROCESS = (
    Keyword(
        "process",
        Kind.TEXTS,
        "The name of the process, as in /proc/PID/comm; with parameters, its command line.",
        takes="NAME [PARAMETER ...]",
        least=1,
        good="haproxy",
    ),
    Keyword(
        "param_match",
        Kind.CHOICE,
        "How parameters are compared: partial: the first ones; initial: and the last may be longer; nothing: all.",
        choices=("initial", "partial"),
        least=0,
        most=1,
        default="exact, if parameters are given",
    ),
    Keyword("full_command", Kind.FLAG, "Compare the name with the command line of the process, whatever its length."),
    Keyword(
        "weight",
        Kind.WEIGHT,
        "What is added to the priority while enough run, or if negative taken from it while not.",
        low=-254,
        high=254,
        default="0",
    ),
    Keyword("quorum", Kind.INTEGER, "How many must run.", low=1, high=65535, default="1"),
    Keyword("quorum_max", Kind.INTEGER, "How many may run; 0: none.", low=0, high=65535, default="any number"),
    _delay("delay", "The same as fork_delay and terminate_delay of this length.", "0"),
    _delay("fork_delay", "How long a quorum that was gained is not believed.", "0"),
    _delay("terminate_delay", "How long a quorum that was lost is not believed.", "0"),
)
