"""The one template of configuration files: the same file for both hosts but for priority and addresses."""

from __future__ import annotations

from dataclasses import dataclass

from netns.harness import Node, master_down_interval_s, skew_time_s

HIGH, LOW = 200, 100            # priorities of the two hosts
VIPS = {4: ("192.0.2.100/24", "198.51.100.100/32"), 6: ("fe80::100/64", "2001:db8::100/64")}


@dataclass(frozen=True, slots=True)
class Shape:
    """What both files of a pair say."""

    version: int
    unicast: bool
    family: int
    interval_s: float = 1.0
    excluded_only: bool = False     # the VIPs are virtual_ipaddress_excluded: its adverts carry no address
    password: str = ""
    vrid: int = 51

    def __str__(self) -> str:
        cast = "unicast" if self.unicast else "multicast"
        kind = "-excluded" if self.excluded_only else "-password" if self.password else ""
        return f"v{self.version}-{cast}-ipv{self.family}{kind}"

    @property
    def vips(self) -> tuple[str, ...]:
        """The virtual addresses, without their prefix length."""
        return tuple(vip.partition("/")[0] for vip in VIPS[self.family])

    @property
    def last_vip(self) -> str:
        """The one that is added last: when it is there, all are."""
        return self.vips[-1]

    @property
    def destination(self) -> str | None:
        return None if self.unicast else {4: "224.0.0.18", 6: "ff02::12"}[self.family]

    def master_down_interval_s(self, priority: int) -> float:
        return master_down_interval_s(self.version, priority, self.interval_s)

    def skew_time_s(self, priority: int) -> float:
        return skew_time_s(self.version, priority, self.interval_s)

    def text(self, node: Node, peer: Node, priority: int, *lines: str, top: str = "") -> str:
        """The file of `node`. `lines` are added to the instance, `top` stands before it."""
        block = "virtual_ipaddress_excluded" if self.excluded_only else "virtual_ipaddress"
        cast = []
        if self.unicast:
            cast = [
                f"    unicast_src_ip {node.source(self.family, True)}",
                f"    unicast_peer {{\n        {peer.source(self.family, True)}\n    }}",
            ]
        if self.password:
            secret = f"        auth_type PASS\n        auth_pass {self.password}\n"
            cast.append(f"    authentication {{\n{secret}    }}")
        return "\n".join([
            top,
            "vrrp_instance VI_1 {",
            "    state BACKUP",
            "    interface eth0",
            f"    virtual_router_id {self.vrid}",
            f"    priority {priority}",
            f"    version {self.version}",
            f"    advert_int {self.interval_s:g}",
            *cast,
            *(f"    {line}" for line in lines),
            f"    {block} {{",
            *(f"        {vip}" for vip in VIPS[self.family]),
            "    }",
            "}",
            "",
        ])
