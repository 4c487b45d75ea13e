"""F24: a host with two legs on one segment, each with a virtual MAC. For an address only its own MAC answers.

By itself Linux answers for any of its addresses on any interface, so that a client may learn either MAC.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest
from netns.harness import IP, START_S, Lab, Node, run, until
from netns.witness import entered

from faults.files import instance

pytestmark = [pytest.mark.root]

ETH_P_ARP = 0x0806
QUESTIONS = 10
VIPS = {"192.0.2.101": "00:00:5e:00:01:01", "192.0.2.102": "00:00:5e:00:01:02"}


@pytest.fixture
def legs(lab: Lab) -> tuple[Node, Node]:
    """A host with eth0 and eth1 on one switch, both addressed, and a client there."""
    segment = lab.segment(2)
    host, client = segment.nodes
    run(IP, "-n", host.namespace, "link", "add", "eth1", "type", "veth", "peer", "name", "second",
        "netns", segment.switch)
    run(IP, "-n", segment.switch, "link", "set", "second", "master", "br0", "up")
    host.ip("link", "set", "eth1", "up")
    host.ip("address", "add", "192.0.2.9/24", "dev", "eth1")
    return host, client


def mac(node: Node, name: str = "eth0") -> str:
    return node.ip("link", "show", name).partition("link/ether ")[2].split()[0]


def answers(client: Node, address: str, awaited: str) -> set[str]:
    """The MACs that answer for an address; each question waits for that of `awaited`."""
    own = bytes.fromhex(mac(client).replace(":", ""))
    question = b"\xff" * 6 + own + struct.pack("!HHHBBH", ETH_P_ARP, 1, 0x0800, 6, 4, 1)
    question += own + socket.inet_aton(client.ip4) + bytes(6) + socket.inet_aton(address)
    with entered(client.namespace):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP))
    with sock:
        sock.bind(("eth0", ETH_P_ARP))
        sock.settimeout(3)

        def replies() -> Iterator[str]:
            while True:
                frame = sock.recv(128)
                if frame[20:22] == b"\0\2" and frame[28:32] == socket.inet_aton(address):
                    yield frame[22:28].hex(":")

        found = set()
        for _ in range(QUESTIONS):
            sock.send(question)
            for one in replies():
                found.add(one)
                if one == awaited:
                    break
    return found


def test_only_the_right_mac_answers(lab: Lab, legs: tuple[Node, Node]) -> None:
    host, client = legs
    assert answers(client, "192.0.2.9", mac(host)) == {mac(host), mac(host, "eth1")}, "the rig shows what it is about"
    daemon = lab.daemon("pyvrrpd", host)
    daemon.configure("".join(
        instance(f"LEG{n}", "use_vmac", vrid=n + 1, interface=f"eth{n}", vips=[f"{vip}/24"])
        for n, vip in enumerate(VIPS)
    ))
    daemon.start()
    for vip, own in VIPS.items():
        host.record.wait_address(vip, True, timeout_s=START_S)
        assert answers(client, vip, own) == {own}
    # Nor does the host tell another MAC when it asks for the client's, as it does before it can answer from an address.
    for vip, own in VIPS.items():
        client.ip("neigh", "flush", "dev", "eth0")
        host.ip("neigh", "flush", "all")
        with entered(client.namespace):
            sock = socket.create_server((client.ip4, 0))
        with entered(host.namespace):
            from_vip = socket.create_connection(sock.getsockname(), 5, source_address=(vip, 0))
        with sock, from_vip:
            shown = until(lambda vip=vip: client.ip("neigh", "show", vip), 5, f"the client knows {vip}")
        assert f"lladdr {own} " in shown
