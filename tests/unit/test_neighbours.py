"""More unicast peers than the kernel's neighbour table has room for."""

from __future__ import annotations

from pathlib import Path

from pyvrrp.model import Configuration, GlobalDefs, Instance
from pyvrrp.neighbours import Room, crowding, peers_of, read_room, warnings


def configuration(*peers: bytes, namespace: str = "", vrid: int = 1) -> Configuration:
    instance = Instance(
        name="A", family=4 if len(peers[0]) == 4 else 6, interface="eth0", vrid=vrid, peers=peers,
        net_namespace=namespace,
    )
    return Configuration(global_defs=GlobalDefs(router_id="x"), instances=(instance,))


def many(count: int) -> Configuration:
    return configuration(*((0x0A000000 + number).to_bytes(4, "big") for number in range(count)))


def test_a_peer_counts_once_in_a_namespace() -> None:
    one, two = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
    found = peers_of([
        configuration(one, two), configuration(two, vrid=2), configuration(two, namespace="blue"),
        configuration(bytes(15) + b"\1"),
    ])
    assert found == {4: 3, 6: 1}


def test_what_is_said_of_how_many() -> None:
    room = Room(512, 1024, is_known=True)
    assert crowding(4, 512, room) == ""
    assert crowding(4, 513, room) == (
        "there are 513 unicast peers over IPv4, and the kernel's neighbour table asks for their MACs again and again "
        "beyond 512; set net.ipv4.neigh.default.gc_thresh2 to 1026 and net.ipv4.neigh.default.gc_thresh3 to 2052"
    )
    assert crowding(6, 1025, room).startswith(
        "there are 1025 unicast peers over IPv6, and the kernel's neighbour table refuses to send to some of them "
        "beyond 1024; set net.ipv6.neigh.default.gc_thresh2 to 2050"
    )
    assert crowding(4, 1500, Room(3000, 6000, is_known=True)) == ""
    assert "unless it was raised" in crowding(4, 1500, Room())


def test_the_bounds_are_read_where_they_can_be_seen(tmp_path: Path) -> None:
    assert read_room(6, tmp_path) == Room(512, 1024, is_known=False)
    directory = tmp_path / "ipv6" / "neigh" / "default"
    directory.mkdir(parents=True)
    (directory / "gc_thresh2").write_text("2048\n")
    (directory / "gc_thresh3").write_text("4096\n")
    assert read_room(6, tmp_path) == Room(2048, 4096, is_known=True)


def test_few_peers_are_not_mentioned() -> None:
    assert warnings([many(3)]) == []
