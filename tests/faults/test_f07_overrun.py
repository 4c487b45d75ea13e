"""F7: more netlink messages than the receive buffer holds. What the daemon knows afterwards is what the kernel has, and
no instance was in FAULT meanwhile.

The buffer is 4 KiB here: a few messages. What Links do then, message by message, is in tests/netns/test_links.py.
"""

from __future__ import annotations

import os
import signal

import pytest
from netns.harness import IP, START_S, Lab, run, until

from faults.files import instance, state

pytestmark = [pytest.mark.root]

ROUTERS = 40
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


def test_a_burst_while_addresses_are_taken_over(lab: Lab) -> None:
    """The kernel's answers are lost too, at the moment that counts: every address comes, and nobody is in FAULT."""
    left, right = lab.pair()
    daemons = []
    for node, priority in ((left, 100), (right, 200)):
        daemon = lab.daemon("pyvrrpd", node)
        daemon.configure("".join(
            instance(f"R{n}", priority=priority, vrid=n, vips=[f"198.51.100.{n}/24", f"203.0.113.{n}/32"])
            for n in range(1, ROUTERS + 1)
        ))
        daemons.append(daemon)
    loser, winner = daemons
    loser.before = "from pyvrrp import limits\nlimits.NETLINK_RCVBUF = 4096"
    for daemon in daemons:
        daemon.start()
    right.record.wait_address(f"203.0.113.{ROUTERS}", True, timeout_s=START_S)
    until(lambda: all(state(loser, f"R{n}") == "BACKUP" for n in range(1, ROUTERS + 1)), START_S, "all are BACKUP")
    skip = len(loser.log())
    begin = "".join(f"link add t{n} type veth peer name u{n}\naddress add 192.0.9.{n}/32 dev t{n}\n" for n in range(90))
    end = "".join(f"link del t{n}\n" for n in range(90))
    winner.kill()
    loser.signal(signal.SIGSTOP)                        # it does not read for a moment: that much is certainly lost
    run(IP, "-n", left.namespace, "-batch", "-", text=begin)
    loser.signal(signal.SIGCONT)
    for text in (end, begin, end):
        run(IP, "-n", left.namespace, "-batch", "-", text=text)
    loser.wait_log("news of interfaces and addresses was lost|the kernel's answer was lost", 10, skip=skip)

    def missing() -> set[str]:
        there = left.ip("-o", "-4", "address", "show", "dev", "eth0")
        wanted = {f"inet {net}.{n}/" for net in ("198.51.100", "203.0.113") for n in range(1, ROUTERS + 1)}
        return {each for each in wanted if each not in there}

    until(lambda: not missing(), START_S, "all addresses")
    assert all(loser.transitions(f"R{n}")[-1] == "MASTER" for n in range(1, ROUTERS + 1))
    assert "FAULT" not in loser.log()[skip:]
    until(lambda: not any(one["faults"] for one in loser.get("/v1/instances")["instances"]), 5, "and nothing to say")
