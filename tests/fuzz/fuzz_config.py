"""Fuzz target: the configuration reader. An input is a file.

It holds when load() returns: nothing in a file raises, each message names the file and has a code that is documented,
and a second reading gives the same.
`include` is made harmless first, so that a file can name no other, and `_RANDOM`, so that a second reading can be the
same. The bounds are lowered, so that an input which makes much is refused soon.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from unittest import mock

from pyvrrp import limits
from pyvrrp.config import load
from pyvrrp.config.codes import KIND_OF

_INTERFACES = frozenset(("eth0", "eth1"))
_INCLUDE = re.compile(rb"(?i)inc\w*|_RANDOM")
_BOUNDS = {"MADE_CHARS_MAX": 1 << 16, "CONFIG_PIECES_MAX": 20_000}
_DIGITS = re.compile(r"\d+|'[^']*'|\"[^\"]*\"|/\S+")


def fuzz(data: bytes) -> object:
    """Run one input; return what happened, so that inputs which make new things happen can be kept."""
    with tempfile.NamedTemporaryFile(suffix=".conf") as file, mock.patch.multiple(limits, **_BOUNDS):
        path = Path(file.name)
        path.write_bytes(_INCLUDE.sub(b"outc", data))
        loaded = load(str(path), config_id="left", interfaces=_INTERFACES)
        assert load(str(path), config_id="left", interfaces=_INTERFACES) == loaded, "read twice, not the same"
    messages = [str(diagnostic) for diagnostic in loaded.diagnostics]
    assert all(message.startswith(f"{path}:") for message in messages), messages
    assert all(diagnostic.code in KIND_OF for diagnostic in loaded.diagnostics), loaded.diagnostics
    if loaded.configuration is None:
        return "unreadable"
    # The kind of the first few messages, without names and numbers.
    return tuple(_DIGITS.sub("", message.removeprefix(f"{path}:"))[:40] for message in messages[:3])
