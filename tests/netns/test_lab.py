"""pyvrrp.netlink.lab: namespaces, wires and addresses without iproute2, on the real kernel."""

import os
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyvrrp.errors import NetlinkError
from pyvrrp.netlink import lab

pytestmark = pytest.mark.root


def here() -> Path:
    return Path("/proc/thread-self/ns/net").readlink()


@pytest.fixture
def namespaces() -> Iterator[tuple[int, int]]:
    made = lab.make_namespace(), lab.make_namespace()
    yield made
    for namespace in made:
        os.close(namespace)


def test_making_and_visiting_a_namespace_changes_nothing_here(namespaces: tuple[int, int]) -> None:
    before = here()
    with lab.inside(namespaces[0]):
        assert here() != before
    with pytest.raises(ZeroDivisionError), lab.inside(namespaces[0]):
        _ = 1 // 0
    assert here() == before


def test_two_namespaces_talk_over_a_wire_and_a_watch_hears_addresses(namespaces: tuple[int, int]) -> None:
    near, far = namespaces
    with lab.inside(near):
        watch = lab.AddressWatch()
        with lab.Lab() as links:
            links.add_bridge("ct-switch")
            links.up("ct-switch")
            links.add_veth("ct-port", "eth0", peer_namespace=far, peer_mac="02:00:00:00:00:07")
            links.attach("ct-port", "ct-switch")
            links.up("ct-port")
            links.add_address("ct-switch", "192.0.2.1/24")
            assert "192.0.2.1/24" in links.addresses("ct-switch")
            with lab.inside(far):
                with lab.Lab() as there:
                    there.up("eth0")
                    there.add_address("eth0", "192.0.2.2/24")
                    assert "192.0.2.2/24" in there.addresses("eth0")
                receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                receiver.bind(("192.0.2.2", 9))
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with receiver, sender:
                receiver.settimeout(5)
                sender.sendto(b"hello", ("192.0.2.2", 9))
                assert receiver.recv(100) == b"hello"
            links.remove("ct-switch")
    assert select.select([watch], [], [], 5)[0]
    heard = [(event.address, event.is_added) for event in watch.read() if ":" not in event.address]
    watch.close()
    assert heard == [("192.0.2.1", True), ("192.0.2.1", False)]     # and not the other namespace's


def test_move_rename_and_down(namespaces: tuple[int, int]) -> None:
    near, far = namespaces
    with lab.inside(near), lab.Lab() as links:
        links.add_veth("ct-a", "ct-b")
        links.rename("ct-b", "ct-c")
        links.move("ct-c", far)
        with pytest.raises(NetlinkError, match="ct-c: there is no such interface"):
            links.up("ct-c")
        links.up("ct-a")
        links.down("ct-a")
        with lab.inside(far), lab.Lab() as there:
            there.up("ct-c")
            there.remove("ct-c")
        with pytest.raises(NetlinkError, match="ct-a"):
            links.down("ct-a")


def test_the_kernel_s_refusal_is_a_netlink_error(namespaces: tuple[int, int]) -> None:
    with lab.inside(namespaces[0]), lab.Lab() as links:
        links.add_bridge("ct-switch")
        with pytest.raises(NetlinkError, match="bridge ct-switch: File exists"):
            links.add_bridge("ct-switch")
