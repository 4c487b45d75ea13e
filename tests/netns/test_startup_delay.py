"""vrrp_startup_delay on both kinds: nothing is said before, and the timers count from its end."""

from __future__ import annotations

import pytest

from netns.harness import START_S, Kind, Lab, master_down_interval_s, until

pytestmark = [pytest.mark.root]

DELAY_S = 1.5
INTERVAL_S = 0.1


@pytest.mark.keepalived("S14")
@pytest.mark.parametrize("kind", ["pyvrrpd", "keepalived"])
def test_nobody_is_master_before(lab: Lab, kind: Kind) -> None:
    left, _ = lab.pair()
    daemon = lab.daemon(kind, left)
    daemon.configure(f"""
global_defs {{
    vrrp_startup_delay {DELAY_S}
}}
vrrp_instance VI_1 {{
    interface eth0
    virtual_router_id 1
    priority 200
    version 3
    advert_int {INTERVAL_S}
    virtual_ipaddress {{
        192.0.2.101/24
    }}
}}
""")
    started_s = daemon.start()
    if kind == "pyvrrpd":
        until(daemon.socket.exists, START_S, "the control socket")
        assert daemon.instance()["state"] == "INIT"
        assert "vrrp_startup_delay" in daemon.instance()["faults"][0]
    came = left.record.wait_address("192.0.2.101", True, timeout_s=START_S + DELAY_S)
    assert came.at_s - started_s >= DELAY_S + master_down_interval_s(3, 200, INTERVAL_S)
