"""track_file as an operator's switch, on both kinds: what is written there changes the priority, or means FAULT."""

from __future__ import annotations

import pytest

from netns.harness import START_S, Daemon, Kind, Lab, until

pytestmark = [pytest.mark.root]

MASTER_S = START_S + 1.0
BOTH = pytest.mark.parametrize("kind", ["pyvrrpd", "keepalived"])
VIP = "192.0.2.101"


def text(daemon: Daemon, weight: int) -> str:
    return f"""
track_file drain {{
    file {daemon.directory}/drain
    weight {weight}
}}
vrrp_instance VI_1 {{
    interface eth0
    virtual_router_id 1
    priority 200
    version 3
    advert_int 0.1
    track_file {{
        drain
    }}
    virtual_ipaddress {{
        {VIP}/24
    }}
}}
"""


@BOTH
@pytest.mark.keepalived("K8")
def test_a_number_is_added_to_the_priority(lab: Lab, kind: Kind) -> None:
    left, right = lab.pair()
    daemon, peer = lab.daemon(kind, left), lab.daemon("pyvrrpd", right)
    daemon.configure(text(daemon, 1))
    peer.configure(text(peer, 1).replace("priority 200", "priority 150"))
    daemon.start()
    left.record.wait_address(VIP, True, timeout_s=MASTER_S)
    peer.start()
    until(peer.socket.exists, START_S, "the peer's socket")
    (daemon.directory / "drain").write_text("-100\n")
    right.record.wait_address(VIP, True, timeout_s=5)
    left.record.wait_address(VIP, False, timeout_s=5)
    (daemon.directory / "drain").unlink()
    until(lambda: left.has(VIP) and not right.has(VIP), 5, "the address back where it was")


@BOTH
@pytest.mark.keepalived("K8")
def test_with_weight_0_any_number_is_fault(lab: Lab, kind: Kind) -> None:
    left, _ = lab.pair()
    daemon = lab.daemon(kind, left)
    daemon.configure(text(daemon, 0))
    (daemon.directory / "drain").write_text("0\n")
    daemon.start()
    left.record.wait_address(VIP, True, timeout_s=MASTER_S)
    (daemon.directory / "drain").write_text("1\n")
    left.record.wait_address(VIP, False, timeout_s=5)
    until(lambda: daemon.transitions()[-1] == "FAULT", 5, "FAULT")
    if kind == "pyvrrpd":
        assert daemon.instance()["faults"] == ["track_file drain holds 1"]
    (daemon.directory / "drain").write_text("0\n")
    until(lambda: left.has(VIP), 5, "the address back")
