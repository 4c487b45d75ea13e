"""Whether two texts mean the same configuration: what `pyvrrp format` promises, and looks at before it writes."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections import Counter
from pathlib import Path

from pyvrrp.config.load import Loaded, load
from pyvrrp.model import Where

_IDS = re.compile(rb"^[ \t]*@\^?([^\s^]+)", re.MULTILINE)
_IDS_MAX = 8            # a file with more kinds of nodes is compared for the first of them


def same_meaning(before: bytes, after: bytes) -> bool:
    """Whether both load as the same configuration, wherever its lines stand, for every node that they name.

    Files that they include are not read: a text is compared as if they were missing.
    """
    with tempfile.TemporaryDirectory(prefix="pyvrrp-format-") as directory:
        path = Path(directory) / "keepalived.conf"
        for config_id in ("", *config_ids(before)):
            meanings = []
            for data in (before, after):
                path.write_bytes(data)
                meanings.append(meaning(load(str(path), config_id=config_id, interfaces=None)))
            if meanings[0] != meanings[1]:
                return False
    return True


def config_ids(data: bytes) -> list[str]:
    """The words of its `@word` lines, in the order of the text, as many as are looked at."""
    found = dict.fromkeys(word.decode("utf-8", "surrogateescape") for word in _IDS.findall(data))
    return list(found)[:_IDS_MAX]


def meaning(loaded: Loaded) -> object:
    """What came of a file without the places where it stands, for comparing."""
    codes = Counter((found.code, found.is_error, found.is_structural) for found in loaded.diagnostics)
    configuration = loaded.configuration
    if configuration is None:
        return codes
    refused = tuple(entry.name for entry in configuration.refused)
    return codes, refused, without_places(dataclasses.replace(configuration, refused=()))


def without_places(value: object) -> object:
    """A value of the model in which every Where is None."""
    if isinstance(value, Where):
        return None
    if isinstance(value, tuple):
        return tuple(without_places(part) for part in value)
    if dataclasses.is_dataclass(value):
        parts = (without_places(getattr(value, field.name)) for field in dataclasses.fields(value))
        return (type(value).__name__, *parts)
    return value
