"""The table of keywords as a whole: its blocks joined, the ways to look a word up, and what to suggest for a wrong one.

The entries are in `pyvrrp/config/table`, one module for each family of blocks.
"""

from __future__ import annotations

import difflib

from pyvrrp.config.table import foreign, globals, groups, instance, scripts, static
from pyvrrp.config.table.keyword import BLOCKS, MANY, TOP, Keyword, Kind

__all__ = ["BLOCKS", "INDEX", "MANY", "TABLE", "TOP", "TOP_BLOCKS", "Keyword", "Kind", "home_of", "suggestion"]

TABLE: dict[str, tuple[Keyword, ...]] = {
    TOP: (
        *globals.TOP_LEVEL,
        *globals.INCLUDES,
        *instance.BLOCKS_AT_TOP,
        *groups.BLOCKS_AT_TOP,
        *scripts.BLOCKS_AT_TOP,
        *static.BLOCKS_AT_TOP,
        *foreign.TOP_LEVEL,
    ),
    "global_defs": (*globals.GLOBAL_DEFS, *foreign.GLOBAL_DEFS),
    "vrrp_script": scripts.SCRIPT,
    "track_file": scripts.TRACK_FILE,
    "vrrp_track_file": scripts.TRACK_FILE,
    "vrrp_track_process": scripts.TRACK_PROCESS,
    "track_group": static.TRACK_GROUP,
    "garp_group": static.GARP_GROUP,
    "vrrp_sync_group": groups.GROUP,
    "vrrp_instance": instance.INSTANCE,
    "authentication": instance.AUTHENTICATION,
    "auth_hmac": instance.AUTH_HMAC,
}

INDEX: dict[str, dict[str, Keyword]] = {
    block: {keyword.name: keyword for keyword in keywords} for block, keywords in TABLE.items()
}

# These start a block at the top level and nowhere else: met inside another block, that one was not closed.
_FOREIGN_AT_TOP = frozenset(
    (
        "bfd_instance",
        "garp_group",
        "track_group",
        "virtual_server",
        "virtual_server_group",
        "vrrp_track_file",
        "vrrp_track_process",
    )
)
TOP_BLOCKS = _FOREIGN_AT_TOP | {keyword.name for keyword in TABLE[TOP] if keyword.is_block}


_STEM = 5  # letters that a keyword begins with, and that are enough to know it


def suggestion(word: str, block: str) -> str:
    """The keyword of a block that someone may have meant by a word, or "" if none is near."""
    word = word[:64].lower()
    near = difflib.get_close_matches(word, INDEX[block], n=1, cutoff=0.75)
    if near:
        return near[0]
    longer = [known for known in INDEX[block] if known.startswith(word)] if len(word) >= _STEM else []
    return min(longer, key=len, default="")


def home_of(word: str) -> str | None:
    """The block in which a word is a keyword, None if nowhere."""
    return next((block for block in INDEX if word in INDEX[block]), None)
