"""pyvrrp/scripts/security.py: what root must not run (rule X5). The file system is a table, so no root is
needed.
"""

import os
import stat

import pytest

from pyvrrp.scripts.security import why_insecure

DIR = stat.S_IFDIR
FILE = stat.S_IFREG
LINK = stat.S_IFLNK


def entry(mode: int, uid: int = 0, gid: int = 0) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 1, uid, gid, 0, 0, 0, 0))


TREE = {
    "/": entry(DIR | 0o755),
    "/usr": entry(DIR | 0o755),
    "/usr/bin": entry(DIR | 0o755),
    "/usr/bin/true": entry(FILE | 0o755),
    "/usr/bin/suid": entry(FILE | 0o4777),
    "/usr/bin/sgid": entry(FILE | 0o2775, gid=0),
    "/bin": entry(LINK | 0o777),
    "/opt": entry(DIR | 0o775, gid=50),
    "/opt/a": entry(FILE | 0o755),
    "/srv": entry(DIR | 0o775, gid=0),
    "/srv/a": entry(FILE | 0o775, gid=0),
    "/srv/mine": entry(FILE | 0o755, uid=1000),
    "/srv/open": entry(FILE | 0o757),
    "/srv/group": entry(FILE | 0o775, gid=50),
    "/tmp": entry(DIR | 0o1777),
    "/tmp/a": entry(FILE | 0o755),
    "/tmp/link": entry(LINK | 0o777, uid=1000),
    "/tmp/rootlink": entry(LINK | 0o777),
    "/loop": entry(LINK | 0o777),
    "/nobody": entry(FILE | 0o755, uid=65534),
}
LINKS = {
    "/bin": "usr/bin",
    "/tmp/link": "/usr/bin/true",
    "/tmp/rootlink": "../usr/./bin/true",
    "/loop": "loop",
}


def check(path: str, *, runs_as_root: bool = True, root: frozenset[int] = frozenset({0})) -> str | None:
    def lstat(where: str) -> os.stat_result:
        if where not in TREE:
            raise FileNotFoundError(where)
        return TREE[where]

    return why_insecure(path, runs_as_root=runs_as_root, root=root, lstat=lstat, readlink=LINKS.__getitem__)


@pytest.mark.keepalived("X5")
@pytest.mark.parametrize(
    "path",
    [
        "/usr/bin/true",
        "/bin/true",
        "/usr//bin/./true",
        "/usr/bin/../bin/true",
        "/srv/a",
        "/tmp/a",
        "/tmp/rootlink",
    ],
)
def test_accepted(path: str) -> None:
    assert check(path) is None


@pytest.mark.keepalived("X5")
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/opt/a", "/opt can be written by gid 50"),
        ("/srv/mine", "/srv/mine belongs to uid 1000, not to root"),
        ("/srv/open", "/srv/open can be written by anybody"),
        ("/srv/group", "/srv/group can be written by gid 50"),
        ("/tmp/link", "/tmp/link belongs to uid 1000, not to root"),
        ("/opt/../usr/bin/true", "/opt can be written by gid 50"),
        ("/usr/bin", "/usr/bin is not a file"),
        ("/loop", "/loop goes through more than 40 symbolic links"),
    ],
)
def test_refused(path: str, reason: str) -> None:
    assert check(path) == reason


@pytest.mark.keepalived("X5")
def test_another_user_may_run_what_root_may_not() -> None:
    assert check("/srv/open", runs_as_root=False) is None
    assert check("/usr/bin/suid", runs_as_root=False) == "/usr/bin/suid can be written by anybody"
    assert check("/usr/bin/sgid", runs_as_root=False) is None


def test_the_overflow_uid_counts_as_root_in_a_user_namespace_only() -> None:
    assert check("/nobody") == "/nobody belongs to uid 65534, not to root"
    assert check("/nobody", root=frozenset({0, 65534})) is None


def test_a_missing_file_is_the_callers_to_report() -> None:
    with pytest.raises(FileNotFoundError):
        check("/usr/bin/nothing")
