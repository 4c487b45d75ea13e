"""What the daemon and its spawner say to each other: one msgpack message per SOCK_SEQPACKET packet.

The daemon sends Start; closing its end of the socket is the order to end. The spawner sends Ready once,
then for every Start exactly one Result and, after it or in its place, exactly one Ended: a run that timed
out has its Result at once and its Ended when the process is gone. A run that holds its slot for long is
told by Slow in between. A Ping is answered by a Pong, unless the start of a script hangs. Both ends are the
same installation, so there is no version in it. Words of a command are bytes: a file name need not be UTF-8.
"""

from __future__ import annotations

import msgspec


class Ready(msgspec.Struct, array_like=True, tag=0, frozen=True, gc=False):
    """The spawner works and can be asked."""

    pid: int


class Start(msgspec.Struct, array_like=True, tag=1, frozen=True):
    """Run a command.

    `user` and `group` are those of the command, `default_user` and `default_group` those of `script_user`.
    `netns` is the path of a network namespace. `timeout_ns` 0 is none. `examine`: only say whether it could
    be run; the Result has status 0 or an error.
    """

    run: int
    argv: list[bytes]
    timeout_ns: int = 0
    user: str | None = None
    group: str | None = None
    default_user: str | None = None
    default_group: str | None = None
    security: bool = False
    netns: str | None = None
    examine: bool = False


class Result(msgspec.Struct, array_like=True, tag=2, frozen=True, gc=False):
    """How a run went. Without `error`, it has an exit `status`, died by `signal`, or `timed_out` and may
    still run.

    `started_ns` is CLOCK_MONOTONIC, which all processes share. `output` is the beginning of what it wrote so
    far, and `output_cut` says that there was more. `refused`: the error is one of enable_script_security.
    """

    run: int
    status: int | None = None
    signal: int | None = None
    timed_out: bool = False
    error: str | None = None
    started_ns: int = 0
    duration_ns: int = 0
    ended: bool = True          # False: an Ended follows
    output: bytes = b""
    output_cut: bool = False
    refused: bool = False


class Slow(msgspec.Struct, array_like=True, tag=3, frozen=True, gc=False):
    """A run still goes on after SCRIPT_SLOT_S."""

    run: int


class Ended(msgspec.Struct, array_like=True, tag=4, frozen=True, gc=False):
    """The process of a run that had its Result before is gone; `killed`: it took SIGKILL."""

    run: int
    killed: bool = False


class Kill(msgspec.Struct, array_like=True, tag=5, frozen=True, gc=False):
    """From the daemon: time is up for this run, as if it had reached its timeout. A run that has ended is
    no error.
    """

    run: int


class Ping(msgspec.Struct, array_like=True, tag=6, frozen=True, gc=False):
    """From the daemon: is somebody there?"""


class Pong(msgspec.Struct, array_like=True, tag=7, frozen=True, gc=False):
    """To each Ping, at once."""


FromSpawner = Ready | Result | Slow | Ended | Pong
FromDaemon = Start | Kill | Ping
