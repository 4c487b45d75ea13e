"""What is right as it is, and could be had cheaper: scripts that only look whether a process runs. Pure.

Each run of such a program reads all of /proc. A vrrp_track_process is told when the process ends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")     # and no pattern, as pgrep would take it
_COMM_MAX = 15                                          # bytes of a name that the kernel keeps

# By program: words that may come before the name and change nothing of the question.
_HARMLESS = {"killall": {"-e", "--exact", "-q", "--quiet"}, "pidof": {"-s", "-q"}, "pgrep": {"-x", "--exact", "-q"}}
_SIGNAL_0 = (("-0",), ("-s", "0"), ("-s0",), ("--signal", "0"), ("--signal=0",))


def process_looked_for(argv: Sequence[str]) -> str | None:
    """The process whose running is all that a command asks, as `process` of a vrrp_track_process names it; or None."""
    program = argv[0].rpartition("/")[2]
    if program not in _HARMLESS:
        return None
    words = [word for word in argv[1:] if word not in _HARMLESS[program]]
    if program == "killall":
        asks = next((words[len(option):] for option in _SIGNAL_0 if tuple(words[:len(option)]) == option), None)
        if asks is None:
            return None                 # it sends a signal
        words = asks
    if len(words) != 1:
        return None
    name = words[0].rpartition("/")[2] if program == "pidof" else words[0]
    return name[:_COMM_MAX] if _NAME.fullmatch(name) else None
