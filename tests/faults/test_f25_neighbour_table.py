"""F25: more unicast peers than the kernel's neighbour table has room for (net.ipv4.neigh.default.gc_thresh3).

What cannot be sent is counted and told once for each instance, and the others go on. The table is one for the whole
machine, whatever the namespace, so this runs at night only. What is said at the start: tests/unit/test_neighbours.py.
"""

from __future__ import annotations

import os

import pytest
from netns.harness import START_S, Lab, until

from faults.files import instance

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif("PYVRRP_NIGHTLY" not in os.environ, reason="fills a table of the whole machine; make nightly"),
]

PEERS = 1500


def test_what_cannot_be_sent_is_counted(lab: Lab) -> None:
    left, right = lab.pair()
    left.ip("address", "add", "198.18.0.1/16", "dev", "eth0")
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(instance("GOOD", "unicast_peer {\n192.0.2.2\n}", "unicast_src_ip 192.0.2.1", vrid=255) + "".join(
        instance(f"R{n}", f"unicast_peer {{\n198.18.{1 + n // 250}.{n % 250 + 1}\n}}", "unicast_src_ip 198.18.0.1",
                 vrid=n % 250 + 1, interval_s=1, vips=[f"203.0.113.{n % 250 + 1}/32"] if n < 250 else
                 [f"198.51.{n // 250}.{n % 250 + 1}/32"])
        for n in range(PEERS)
    ))
    daemon.start()
    left.record.wait_address("192.0.2.100", True, timeout_s=START_S)

    def refused() -> int:
        return sum(entry["counters"].get("send_err", 0) for entry in daemon.get("/v1/instances")["instances"])

    until(refused, 10, "adverts that the kernel refused are counted")
    daemon.wait_log(r"the kernel refuses its adverts: ", 2)
    daemon.wait_log(rf"there are {PEERS + 1} unicast peers over IPv4, and .* set net.ipv4.neigh.default.gc_thresh2", 2)
    sent = right.record.wait_adverts(20, sent=False, vrid=255, timeout_s=5)
    assert {advert.priority for advert in sent} == {200}
