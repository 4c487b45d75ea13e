"""Network namespaces by name: where they are, and going into one for good, as `-s NAME` does."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pyvrrp import linux
from pyvrrp.errors import PyvrrpError

DIRECTORY = Path("/run/netns")

_NAME = re.compile(r"[^/\0]{1,255}")


def path_of(name: str) -> Path:
    """Where a namespace is found: a name as `ip netns` has them, or an absolute path. Raises ValueError."""
    if name.startswith("/"):
        return Path(name)
    if not _NAME.fullmatch(name) or name in (".", ".."):
        raise ValueError(f"{name!r} is neither the name of a network namespace nor an absolute path")
    return DIRECTORY / name


def here() -> int:
    """A descriptor that is open on the network namespace of the calling thread. Raises OSError."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def enter(name: str) -> None:
    """Enter a named network namespace, as `ip netns exec` does. A missing one is never created.

    Raises PyvrrpError.
    """
    try:
        path = path_of(name)
    except ValueError as error:
        raise PyvrrpError(f"-s {error}; `ip netns list` shows the names") from None
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)     # a FIFO would wait
    except FileNotFoundError:
        raise PyvrrpError(
            f"there is no network namespace {name!r}; `ip netns add {name}` makes it, `ip netns list` shows all"
        ) from None
    except OSError as error:
        raise PyvrrpError(f"-s {name}: {error.strerror}; run this as root") from error
    try:
        linux.setns(fd)
    except OSError as error:
        raise PyvrrpError(f"-s {name}: the namespace cannot be entered: {error.strerror}; run this as root") from error
    finally:
        os.close(fd)
