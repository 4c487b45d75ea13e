"""A network to measure in: hosts that are network namespaces, joined by veth wires, gone when they are closed.

The wires are made inside of the first of the two, so the network of the machine never has them.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from pyvrrp.errors import MeterError, NetlinkError
from pyvrrp.netlink import lab


class Host:
    """A network namespace with eth0, eth1, ...; its eth<k> has the addresses 10.<k>.<n>.<side>."""

    def __init__(self, side: int) -> None:
        """side: 1 or 2. Raises OSError: EPERM without CAP_SYS_ADMIN."""
        self.side = side
        self.namespace = lab.make_namespace()

    def close(self) -> None:
        """Give the namespace up: it goes with its last process."""
        os.close(self.namespace)

    def ifindex(self, name: str) -> int:
        """The number of one of its interfaces. Raises OSError."""
        with lab.inside(self.namespace):
            return socket.if_nametoindex(name)

    def sent_packets(self) -> int:
        """What its interfaces have sent so far, by the kernel's count."""
        return self._packets(9)

    def undelivered_packets(self) -> int:
        """What did not get over its wires so far: the queue of the other side's processor was full."""
        return self._packets(11)

    def _packets(self, column: int) -> int:
        with lab.inside(self.namespace):
            lines = Path("/proc/thread-self/net/dev").read_text().splitlines()
        return sum(int(line.split(":")[1].split()[column]) for line in lines if line.lstrip().startswith("eth"))


@contextlib.contextmanager
def pair(links: int, addresses: int) -> Iterator[tuple[Host, Host]]:
    """Two hosts, side 1 and 2, on `links` wires with so many addresses at each end. Raises MeterError."""
    with contextlib.ExitStack() as stack:
        try:
            left = Host(1)
            stack.callback(left.close)
            right = Host(2)
            stack.callback(right.close)
            _join(left, right, links, addresses)
        except (OSError, NetlinkError) as error:
            raise MeterError(
                f"bench: the hosts to measure on cannot be made ({error}); it takes root with CAP_SYS_ADMIN and "
                "CAP_NET_ADMIN, network namespaces (user.max_net_namespaces in sysctl), and veth in the kernel"
            ) from error
        yield left, right


def _join(left: Host, right: Host, links: int, addresses: int) -> None:
    with lab.inside(left.namespace), lab.Lab() as here:
        for k in range(links):
            here.add_veth(f"eth{k}", f"eth{k}", peer_namespace=right.namespace)
    for host in (left, right):
        with lab.inside(host.namespace), lab.Lab() as here:
            here.up("lo")
            for k in range(links):
                here.up(f"eth{k}")
                for n in range(addresses):
                    here.add_address(f"eth{k}", f"10.{k}.{n}.{host.side}/24")
