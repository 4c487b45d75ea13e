"""What belongs to a file as a whole and stands in blocks of its own: static addresses, interfaces, pacing."""

from __future__ import annotations

from pyvrrp.config.table.keyword import Keyword, Kind

BLOCKS_AT_TOP = (
    Keyword(
        "static_ipaddress",
        Kind.LINES,
        "Addresses that are set while the daemon runs, whatever the instances' states.",
        takes="ADDR[/LEN] [dev IF] ...",
    ),
    Keyword(
        "static_routes",
        Kind.LINES,
        "Routes that are set while the daemon runs.",
        takes="[to] DEST via ADDR [dev IF] ...",
    ),
    Keyword(
        "static_rules",
        Kind.LINES,
        "Routing rules that are set while the daemon runs.",
        takes="[from A] [to B] table T ...",
    ),
    Keyword(
        "track_group",
        Kind.BLOCK,
        "Instances that go down when a static address, route or rule of the group is lost for good.",
        named=True,
    ),
    Keyword(
        "linkbeat_interfaces",
        Kind.LINES,
        "Interfaces whose link is polled, for drivers that do not tell of changes.",
        takes="IF [MII|ETHTOOL|IOCTL]",
        without="the kernel's word on a link is taken for all interfaces",
    ),
    Keyword(
        "interface_up_down_delays",
        Kind.LINES,
        "How long an interface must be down, or up, before that counts.",
        takes="IF DOWN_S [UP_S]",
    ),
    Keyword(
        "garp_group",
        Kind.BLOCK,
        "Interfaces that share one pace of gratuitous ARPs and neighbour advertisements.",
    ),
)

TRACK_GROUP = (
    Keyword("group", Kind.WORDS, "The names of the instances.", takes="INSTANCE ...", good="A", bad="NOBODY"),
)

GARP_GROUP = (
    Keyword("interface", Kind.INTERFACE, "One interface of the group."),
    Keyword("interfaces", Kind.WORDS, "Several interfaces of the group.", takes="IF ...", good="eth0 eth1"),
    Keyword(
        "garp_interval",
        Kind.SECONDS,
        "The time between two gratuitous ARPs on any of the interfaces.",
        low=0,
        high=2147.483647,
        unit="s",
        default="vrrp_garp_interval",
    ),
    Keyword(
        "gna_interval",
        Kind.SECONDS,
        "The time between two neighbour advertisements on any of the interfaces.",
        low=0,
        high=2147.483647,
        unit="s",
        default="vrrp_gna_interval",
    ),
)
