"""What is measured: so many unicast routers at an interval, between two hosts. Pure.

Side 1 is BACKUP of all of them, side 2 MASTER. A wire has 250 routers, since keepalived tells routers of one interface
apart by the VRID alone; each router has one address. The files are the same for pyvrrpd and keepalived.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vrrpcore.election import master_down_interval

VRIDS = 250                     # on one wire: keepalived takes 255
LOW, HIGH = 100, 200            # priorities of BACKUP and MASTER
GARP_DELAY_S = 1                # until a MASTER announces its addresses once more; 5 s unless one says so


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`routers` pairs, VRRPv3 over IPv4."""

    routers: int
    interval_cs: int = 100

    @property
    def links(self) -> int:
        """How many wires it takes."""
        return -(-self.routers // VRIDS)

    @property
    def adverts_per_s(self) -> float:
        """What all MASTERs together send."""
        return self.routers * 100 / self.interval_cs

    @property
    def deadline_ns(self) -> int:
        """From the last advert to the takeover."""
        return master_down_interval(3, LOW, self.interval_cs)

    def places(self) -> Iterator[tuple[int, int]]:
        """Wire and VRID of each router."""
        for number in range(self.routers):
            yield number // VRIDS, number % VRIDS + 1

    def vip(self, link: int, vrid: int) -> str:
        """The address of a router."""
        return f"{100 + link}.18.{vrid}.1"

    def dev(self, link: int) -> str:
        """The interface that gets the addresses of a wire's routers."""
        return f"eth{link}"

    def defs(self) -> list[str]:
        """The lines of global_defs."""
        return ["router_id bench", "vrrp_version 3", f"vrrp_garp_master_delay {GARP_DELAY_S}"]

    def configuration(self, side: int, priority: int) -> str:
        """The file of one side."""
        blocks = ["global_defs {\n" + "".join(f"    {line}\n" for line in self.defs()) + "}"]
        for link, vrid in self.places():
            blocks.append(f"""vrrp_instance V{link}_{vrid} {{
    state BACKUP
    interface eth{link}
    virtual_router_id {vrid}
    priority {priority}
    advert_int {self.interval_cs / 100:g}
    unicast_src_ip 10.{link}.0.{side}
    unicast_peer {{
        10.{link}.0.{3 - side}
    }}
    virtual_ipaddress {{
        {self.vip(link, vrid)}/32 dev {self.dev(link)}
    }}
}}""")
        return "\n".join(blocks) + "\n"
