"""Typed access to the Linux calls of pyvrrp._linux; a failure is an OSError, as in the standard library."""

from __future__ import annotations

import os

from pyvrrp._linux import lib

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000


def _checked(result: int, what: str) -> None:
    if result < 0:
        raise OSError(-result, f"{what}: {os.strerror(-result)}")


def setns(fd: int, nstype: int = CLONE_NEWNET) -> None:
    """Move the calling thread into the namespace that `fd` is open on.

    Raises OSError.
    """
    _checked(lib.pyvrrp_setns(fd, nstype), "setns")


def unshare(flags: int) -> None:
    """Give the calling process (for CLONE_NEWNET: thread) namespaces of its own.

    Raises OSError.
    """
    _checked(lib.pyvrrp_unshare(flags), "unshare")
