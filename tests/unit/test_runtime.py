"""What names scopes."""

from __future__ import annotations

import pytest

from pyvrrp.config.scopes import scope_names


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/etc/keepalived/keepalived.conf"], ["keepalived"]),
        (["/etc/a.conf", "/etc/b.conf"], ["a", "b"]),
        (["/etc/red/keepalived.conf", "/etc/blue/keepalived.conf"], ["red/keepalived", "blue/keepalived"]),
        (["/x/red/k.conf", "/y/red/k.conf", "/z/k.conf"], ["x/red/k", "y/red/k", "z/k"]),
        (["k.conf", "/a/k.conf"], ["k", "a/k"]),
        (["/k", "/k.conf", "/x/k"], ["/k", "/k.conf", "x/k"]),
        (["/etc/b\udcff.conf"], ["b\ufffd"]),         # bytes that are not UTF-8
        ([], []),
    ],
)
def test_a_scope_is_named_by_as_much_of_its_path_as_tells_it_apart(paths, names):
    assert scope_names(paths) == dict(zip(paths, names, strict=True))
