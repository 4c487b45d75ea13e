"""CPU time per advert of whole daemons: 1,000 routers at 1 s, pyvrrpd on both sides, and keepalived on both sides.

Both pairs run at the same time, each on wires of its own, so that what else the machine does meets both. Four wires
with 250 VRIDs, since keepalived has no more on one; VRRPv2 and unicast, each router with one address.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pyvrrp.meter.daemons import KEEPALIVED, Daemon
from pyvrrp.meter.network import Host, pair

LINKS, VRIDS = 4, 250
ROUTERS = LINKS * VRIDS
SETTLE_S = 12.0                 # takeover, addresses, and the second set of gratuitous ARP five seconds later
MEASURE_S = 20.0

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not Path(KEEPALIVED).exists(), reason="keepalived is not installed"),
]


def configuration(host: Host, priority: int) -> str:
    blocks = ["global_defs {\n    router_id bench\n}"]
    for k in range(LINKS):
        for vrid in range(1, VRIDS + 1):
            blocks.append(f"""vrrp_instance V{k}_{vrid} {{
    state BACKUP
    interface eth{k}
    virtual_router_id {vrid}
    priority {priority}
    advert_int 1
    unicast_src_ip 10.{k}.0.{host.side}
    unicast_peer {{
        10.{k}.0.{3 - host.side}
    }}
    virtual_ipaddress {{
        198.{18 + k}.{vrid}.1/32
    }}
}}""")
    return "\n".join(blocks) + "\n"


@contextlib.contextmanager
def pairs(tmp_path: Path) -> Iterator[dict[str, tuple[Daemon, Daemon]]]:
    """For each kind of daemon, one that is BACKUP and one that is MASTER of all routers."""
    with contextlib.ExitStack() as stack:
        found = {}
        for kind in ("pyvrrpd", "keepalived"):
            left, right = stack.enter_context(pair(LINKS, 1))
            # One after the other, so that nobody is MASTER for a while.
            master = Daemon(kind, left, configuration(left, 200), tmp_path / f"{kind}-master")
            stack.callback(master.stop)
            master.wait("MASTER", ROUTERS)
            backup = Daemon(kind, right, configuration(right, 100), tmp_path / f"{kind}-backup")
            stack.callback(backup.stop)
            backup.wait("BACKUP", ROUTERS)
            found[kind] = (backup, master)
        yield found


def test_cpu_per_advert(tmp_path: Path, figure: Callable[..., Any]) -> None:
    costs: dict[str, tuple[float, float]] = {}      # microseconds per advert: heard, sent
    with pairs(tmp_path) as made:
        time.sleep(SETTLE_S)
        daemons = [(kind, each) for kind, both in made.items() for each in both]
        before = [(each.cpu_ns(), each.host.sent_packets()) for _, each in daemons]
        time.sleep(MEASURE_S)
        used = [(each.cpu_ns() - cpu, each.host.sent_packets() - sent)
                for (_, each), (cpu, sent) in zip(daemons, before, strict=True)]
        for k, kind in enumerate(made):
            (backup_ns, backup_sent), (master_ns, master_sent) = used[2 * k:2 * k + 2]
            expected = MEASURE_S * ROUTERS
            assert abs(master_sent - expected) < expected / 20, f"{kind}: {master_sent} adverts in {MEASURE_S} s"
            assert backup_sent < expected / 20, f"{kind}: the backup sent {backup_sent}"
            costs[kind] = (backup_ns / 1e3 / master_sent, master_ns / 1e3 / master_sent)

    for which, what, goal in ((1, "sent", 0.33), (0, "heard", 0.45)):
        figure(key=f"daemon-{what}", what=f"CPU per advert {what}, 1,000 routers at 1 s, the whole daemon",
               value=costs["pyvrrpd"][which], unit="us", yardstick="keepalived",
               yardstick_value=costs["keepalived"][which], goal=goal)
