"""F7: more netlink messages than the receive buffer holds. What the daemon knows afterwards is what the kernel has, and
no instance was in FAULT meanwhile.

The buffer is 4 KiB here: a few messages. What Links do then, message by message, is in tests/netns/test_links.py.
"""

from __future__ import annotations

import os

import pytest
from netns.harness import IP, START_S, Lab, run, until

from faults.files import instance, state

pytestmark = [pytest.mark.root]

LINKS = 5000 if "PYVRRP_NIGHTLY" in os.environ else 200


def test_a_burst_of_links_and_addresses(lab: Lab) -> None:
    left, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    daemon.before = "from pyvrrp import limits\nlimits.NETLINK_RCVBUF = 4096"
    tracked = "".join(
        instance(f"T{n}", f"track_interface {{\nt{n}\n}}", vrid=n, vips=[f"198.51.100.{n}/32"]) for n in (1, 2, 3)
    )
    daemon.configure(instance() + tracked)
    daemon.start()
    left.record.wait_address("192.0.2.100", True, timeout_s=START_S)
    until(lambda: state(daemon, "T3") == "FAULT", START_S, "it waits for t3")
    batch = "".join(
        f"link add t{n} type veth peer name u{n}\nlink set t{n} up\nlink set u{n} up\n"
        f"address add 203.0.{n // 250}.{n % 250}/32 dev t{n}\n" for n in range(1, LINKS + 1)
    )
    gone = "".join(f"link del t{n}\n" for n in range(4, LINKS + 1, 1 if LINKS > 1000 else 4))
    for text in (batch, gone):
        lines = text.splitlines(keepends=True)
        for at in range(0, len(lines), 200):
            run(IP, "-n", left.namespace, "-batch", "-", text="".join(lines[at : at + 200]))
    daemon.wait_log("news of interfaces and addresses was lost", 5)
    for n in (1, 2, 3):
        until(lambda n=n: state(daemon, f"T{n}") == "MASTER", 10, f"t{n} is known")
    run(IP, "-n", left.namespace, "-batch", "-", text="link set u1 down\nlink del t2\n" + "".join(
        f"link add x{n} type veth peer name y{n}\nlink del x{n}\n" for n in range(20)))
    until(lambda: daemon.instance("T1")["faults"] == ["tracked interface t1 is down"], 10, "t1 is down")
    until(lambda: daemon.instance("T2")["faults"] == ["interface t2 does not exist"], 10, "t2 is gone")
    assert daemon.transitions() == ["BACKUP", "MASTER"], "eth0 never went"
    assert daemon.transitions("T3")[-2:] == ["BACKUP", "MASTER"], "nor did t3 once it was there"
    assert daemon.transitions("T3").count("MASTER") == 1
