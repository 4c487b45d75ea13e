"""Going into a named network namespace for good: what `-s NAME` does."""

from __future__ import annotations

import os
from pathlib import Path

from pyvrrp import linux
from pyvrrp.errors import PyvrrpError

DIRECTORY = Path("/run/netns")


def enter(name: str) -> None:
    """Enter a named network namespace, as `ip netns exec` does. A missing one is never created.

    Raises PyvrrpError.
    """
    if "/" in name or name in ("", ".", ".."):
        raise PyvrrpError(f"-s {name!r} is not the name of a network namespace; `ip netns list` shows them")
    try:
        fd = os.open(DIRECTORY / name, os.O_RDONLY | os.O_CLOEXEC)
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
