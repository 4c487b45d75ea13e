"""F26: 64 interfaces in one namespace, all heard. A socket may join 20 groups over IPv4 unless the limit is raised."""

from __future__ import annotations

import pytest
from netns.harness import IP, START_S, Lab, Node, run, until

from faults.files import instance

pytestmark = [pytest.mark.root]

INTERFACES = 64


def wire(left: Node, right: Node) -> None:
    """64 more wires, m0 to m63, addressed 198.18.N.1 and fe80::1 on the left, .2 on the right."""
    run(IP, "-n", left.namespace, "-batch", "-", text="".join(
        f"link add m{n} type veth peer name m{n} netns {right.namespace}\n" for n in range(INTERFACES)))
    for host, node in enumerate((left, right), 1):
        run(IP, "-n", node.namespace, "-batch", "-", text="".join(
            f"link set m{n} addrgenmode none\nlink set m{n} up\naddress add 198.18.{n}.{host}/24 dev m{n}\n"
            f"address add fe80::{host}/64 dev m{n} nodad\n" for n in range(INTERFACES)))


def test_all_are_heard(lab: Lab) -> None:
    left, right = lab.pair()
    wire(left, right)
    daemons = lab.daemon("pyvrrpd", left), lab.daemon("pyvrrpd", right)
    for daemon, priority in zip(daemons, (200, 100), strict=True):
        daemon.configure("".join(
            instance(f"R4_{n}", interface=f"m{n}", priority=priority, interval_s=0.5, vips=[f"198.18.{n}.100/32"])
            + instance(f"R6_{n}", interface=f"m{n}", priority=priority, interval_s=0.5, vips=["fe80::100/128"])
            for n in range(INTERFACES)
        ))
    daemons[1].start()
    daemons[0].start()

    def all_heard() -> bool:
        found = daemons[1].get("/v1/instances")["instances"] if daemons[1].socket.exists() else []
        return len(found) == 2 * INTERFACES and all(
            entry["state"] == "BACKUP" and entry["peer_last_heard"] and entry["peer_last_heard"]["ago_s"] < 1
            for entry in found
        )

    until(all_heard, START_S + 5, "every one of them hears its MASTER")
    limit = run(IP, "netns", "exec", right.namespace, "sysctl", "-n", "net.ipv4.igmp_max_memberships")
    assert int(limit) >= INTERFACES, "which is more than the kernel's own limit"
    assert "cannot be joined" not in daemons[1].log()
