"""enable_script_security: may root run this file? (keepalived's rule X5)

What root runs must not be changeable by anybody else: the file and every directory on the way to it belong
to root and cannot be written by another group or by others. A directory with the sticky bit may be
writable, since there nobody can replace what belongs to root. Symbolic links are followed and checked as
parts of the way, so that /bin -> usr/bin is fine (as in keepalived 2.2.7; 2.4 refuses it). With every part
safe, nobody can change the file between this check and execve().
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

LINKS_MAX = 40          # the kernel's own limit (path_resolution(7))
_WHOLE_UID_RANGE = "4294967295"


def root_uids() -> frozenset[int]:
    """Return the owners that count as root: 0, and in a user namespace also the one that unmapped owners
    show as.

    There the host's root, who installed /bin, is not mapped and shows as the overflow uid.
    """
    try:
        uid_map = Path("/proc/self/uid_map").read_text().split()
        overflow = int(Path("/proc/sys/kernel/overflowuid").read_text())
    except (OSError, ValueError):
        return frozenset({0})
    if uid_map == ["0", "0", _WHOLE_UID_RANGE]:
        return frozenset({0})
    return frozenset({0, overflow})


def why_insecure(
    path: str,
    *,
    runs_as_root: bool,
    root: frozenset[int] = frozenset({0}),
    lstat: Callable[[str], os.stat_result] = os.lstat,
    readlink: Callable[[str], str] = os.readlink,
) -> str | None:
    """Return why root must not run the file at `path` (absolute), or None if it may.

    `runs_as_root`: uid or gid is 0. Without it only a set-id-root file is of interest. Raises OSError if
    the path cannot be looked at.
    """
    parts = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    trail: list[tuple[str, os.stat_result]] = [("/", lstat("/"))]
    links = 0
    # The way is walked as the kernel walks it, one part at a time; `found` is what was met, links included.
    found = [trail[0]]
    while parts:
        part = parts.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if len(trail) > 1:
                trail.pop()
            continue
        here = os.path.join(trail[-1][0], part)  # noqa: PTH118  pathlib would normalize
        info = lstat(here)
        found.append((here, info))
        if stat.S_ISLNK(info.st_mode):
            links += 1
            if links > LINKS_MAX:
                return f"{path} goes through more than {LINKS_MAX} symbolic links"
            target = readlink(here)
            if target.startswith("/"):
                del trail[1:]
            parts.extend(reversed(target.split("/")))
            continue
        trail.append((here, info))

    mode = trail[-1][1].st_mode
    if not stat.S_ISREG(mode):
        return f"{path} is not a file"
    set_id_root = (mode & stat.S_ISUID and trail[-1][1].st_uid in root) or (
        mode & stat.S_ISGID and trail[-1][1].st_gid in root
    )
    if not (runs_as_root or set_id_root):
        return None
    for where, info in found:
        reason = _why_changeable(info, root)
        if reason:
            return f"{where} {reason}"
    return None


def _why_changeable(info: os.stat_result, root: frozenset[int]) -> str | None:
    if info.st_uid not in root:
        return f"belongs to uid {info.st_uid}, not to root"
    if stat.S_ISLNK(info.st_mode):
        return None                 # a link's own mode means nothing
    if stat.S_ISDIR(info.st_mode) and info.st_mode & stat.S_ISVTX:
        return None
    if info.st_mode & stat.S_IWGRP and info.st_gid not in root:
        return f"can be written by gid {info.st_gid}"
    if info.st_mode & stat.S_IWOTH:
        return "can be written by anybody"
    return None
