"""Several files in one daemon: each is a scope, and has a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePath

from pyvrrp.config.lexer import clean


def scope_names(paths: Iterable[str]) -> dict[str, str]:
    """Return how each path is called: its last part without .conf, or more of it where that is not enough.

    Names can be printed and encoded, whatever is in a path.
    """
    parts = {
        path: tuple(map(clean, (*PurePath(path).parent.parts, PurePath(path).name.removesuffix(".conf"))))
        for path in paths
    }
    names: dict[str, str] = {}
    for depth in range(1, max(map(len, parts.values()), default=0) + 1):
        users = Counter(part[-depth:] for part in parts.values())
        for path, part in parts.items():
            if path not in names and users[part[-depth:]] == 1:
                names[path] = "/".join(word.strip("/") for word in part[-depth:])
    return {path: names.get(path, clean(path)) for path in parts}
