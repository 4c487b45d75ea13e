"""A network for the benchmarks: hosts that are network namespaces, joined by veth wires, gone when they are closed."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from pyvrrp.netlink import lab


class Host:
    """A network namespace with eth0, eth1, ...; its eth<k> has the addresses 10.<k>.<n>.<side>."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.namespace = lab.make_namespace()

    def close(self) -> None:
        os.close(self.namespace)

    def ifindex(self, name: str) -> int:
        with lab.inside(self.namespace):
            return socket.if_nametoindex(name)

    def sent_packets(self) -> int:
        """What its interfaces have sent so far, by the kernel's count."""
        with lab.inside(self.namespace):
            lines = Path("/proc/thread-self/net/dev").read_text().splitlines()
        return sum(int(line.split(":")[1].split()[9]) for line in lines if line.lstrip().startswith("eth"))


@contextlib.contextmanager
def pair(links: int, addresses: int) -> Iterator[tuple[Host, Host]]:
    """Two hosts, side 1 and 2, on `links` wires with so many addresses at each end."""
    left, right = Host(1), Host(2)
    try:
        with lab.inside(left.namespace), lab.Lab() as here:
            here.up("lo")
            for k in range(links):
                here.add_veth(f"eth{k}", f"eth{k}", peer_namespace=right.namespace)
        for host in (left, right):
            with lab.inside(host.namespace), lab.Lab() as here:
                here.up("lo")
                for k in range(links):
                    here.up(f"eth{k}")
                    for n in range(addresses):
                        here.add_address(f"eth{k}", f"10.{k}.{n}.{host.side}/24")
        yield left, right
    finally:
        left.close()
        right.close()
