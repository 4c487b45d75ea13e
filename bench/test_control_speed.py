"""What the control API costs adverts: 1,000 masters at 1 s, alone and with 64 stuck, slow and hostile clients.

Lateness is the daemon's own: from an advert's deadline to the turn that sent it. The clients are a process on the same
machine; the daemon is real-time, so that it does not compete with them.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyvrrp.control.client import ControlClient
from pyvrrp.meter.daemons import Daemon
from pyvrrp.meter.network import Host, pair

ROUTERS = 1000
LINKS = 4
MEASURE_S = 20.0
GOAL_US = 5000.0

pytestmark = pytest.mark.root


def configuration(host: Host) -> str:
    # Real-time, so that what is measured is the daemon and not what else the machine does.
    return "global_defs {\n vrrp_rt_priority 50\n}\n" + "".join(
        f"vrrp_instance V{k}_{vrid} {{\n interface eth{k}\n virtual_router_id {vrid}\n priority 200\n advert_int 1\n"
        f" unicast_src_ip 10.{k}.0.{host.side}\n unicast_peer {{\n 10.{k}.0.{3 - host.side}\n }}\n"
        f" virtual_ipaddress {{\n 198.{18 + k}.{vrid}.1/32\n }}\n}}\n"
        for k in range(LINKS) for vrid in range(1, ROUTERS // LINKS + 1)
    )


def late(client: ControlClient) -> dict[float, int]:
    """How many adverts were sent how late, by the bound of the column in microseconds."""
    counted = client.instances().counters["adver_late_us"]
    return {float(bound): count for bound, count in counted.items()}


def measured(client: ControlClient) -> tuple[float, float, int]:
    """The bounds below which 99.9 % and all adverts of MEASURE_S were late, and how many they were."""
    before = late(client)
    time.sleep(MEASURE_S)
    found = {bound: count - before.get(bound, 0) for bound, count in late(client).items()}
    found = {bound: count for bound, count in found.items() if count}
    total, seen, most = sum(found.values()), 0, 0.0
    for bound in sorted(found):
        seen += found[bound]
        if not most and seen >= 0.999 * total:
            most = bound
    return most, max(found), total


def test_adverts_are_not_late_for_64_hostile_clients(tmp_path: Path, figure: Callable[..., Any]) -> None:
    with pair(LINKS, 1) as (left, _):
        daemon = Daemon("pyvrrpd", left, configuration(left), tmp_path / "daemon")
        try:
            daemon.wait("MASTER", ROUTERS)
            time.sleep(10)
            client = ControlClient(str(daemon.socket), timeout_s=60)
            alone = measured(client)
            script = Path(__file__).with_name("hostile.py")
            hostile = subprocess.Popen([sys.executable, str(script), str(daemon.socket)])
            try:
                time.sleep(1)
                beside = measured(client)
                assert hostile.poll() is None
            finally:
                hostile.kill()
                hostile.wait()
        finally:
            daemon.stop()
    expected = MEASURE_S * ROUTERS
    for _, _, total in (alone, beside):
        assert abs(total - expected) < expected / 10, f"{total} adverts in {MEASURE_S} s"
    for which, name in ((0, "99.9 %"), (1, "all")):
        figure(key=f"control-late-{which}", what=f"lateness of {name} of adverts under 64 hostile clients, less than",
               value=beside[which], unit="us", yardstick="no client", yardstick_value=alone[which], goal=GOAL_US,
               judged="value")
