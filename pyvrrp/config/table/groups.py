"""vrrp_sync_group: instances that change state together."""

from __future__ import annotations

from pyvrrp.config.table.common import notify, told, trackers
from pyvrrp.config.table.keyword import Keyword, Kind

BLOCKS_AT_TOP = (Keyword("vrrp_sync_group", Kind.BLOCK, "Instances that change state together.", named=True),)

GROUP = (
    Keyword("group", Kind.WORDS, "The names of the member instances.", takes="INSTANCE ...", good="A B", bad="NOBODY"),
    *trackers("group"),
    *notify("group"),
    *told("group", "vrrp_notify_priority_changes"),
    Keyword(
        "sync_group_tracking_weight",
        Kind.FLAG,
        "Let members track with weights of their own. Priorities that part can keep a group from settling.",
        field="own_weights",
    ),
    Keyword(
        "global_tracking",
        Kind.FLAG,
        "The old name of sync_group_tracking_weight.",
        alias="sync_group_tracking_weight",
        field="own_weights",
    ),
)
