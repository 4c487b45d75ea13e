"""Equal values become one object, so that ten thousand instances hold the few interfaces, peers and scripts that they
have between them once. Pure.

Who decodes a text makes it anew each time. What is shared is immutable, so nobody can tell but by the memory: a third
of what an instance with one address takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import MISSING, fields
from operator import attrgetter
from typing import Any

from pyvrrp.model import Instance, Where

# The fields of an Instance whose values many others have too. What is left out is its own, or is one object anyway
# (small numbers, nothing at all).
_SHARED = (
    "interface", "source", "peers", "peer_ttls", "group", "vrf", "net_namespace", "preempt_delay_s", "vmac_prefix",
    "vmac_addr_prefix", "auth_pass", "track_interfaces", "track_scripts", "track_files", "track_processes", "notify",
)
_values = attrgetter(*_SHARED)
_DEFAULTS = {one.name: one.default for one in fields(Instance) if one.default is not MISSING}
_set = object.__setattr__   # frozen is for others: these instances are still being made


class Sharing:
    """The values that were seen, by field, for as long as one file is read."""

    def __init__(self) -> None:
        self._seen: list[tuple[str, dict[Any, Any]]] = [
            (name, {_DEFAULTS[name]: _DEFAULTS[name]} if name in _DEFAULTS else {}) for name in _SHARED
        ]
        self._texts: dict[str, str] = {}

    def share(self, instances: Iterable[Instance]) -> None:
        """Have instances that nobody else has yet hold the values that others before them hold."""
        texts = self._texts
        for instance in instances:
            for value, (name, seen) in zip(_values(instance), self._seen, strict=True):
                known = seen.setdefault(value, value)
                if known is not value:
                    _set(instance, name, known)
            file, line, column, origin = instance.where
            _set(instance, "where", Where(texts.setdefault(file, file), line, column, origin))
            for vip in (*instance.vips, *instance.excluded):
                _set(vip, "dev", texts.setdefault(vip.dev, vip.dev))
