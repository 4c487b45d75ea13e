"""How many adverts reach a host, by a count that is neither daemon's.

A packet socket that is never read: its queue is full after the first adverts, and from then on the kernel only counts
what the filter lets through (PACKET_STATISTICS).
"""

from __future__ import annotations

import socket
import struct

from pyvrrp import linux
from pyvrrp.meter.network import Host
from pyvrrp.netlink import lab

ETH_P_IP = 0x0800
SOL_PACKET, PACKET_STATISTICS = 263, 6
_STATISTICS = struct.Struct("=II")      # struct tpacket_stats: packets, those that were dropped among them
ETH_HEADER_LEN, OFF_IP_PROTOCOL, VRRP_PROTOCOL, OFF_PRIORITY = 14, 9, 112, 2
_LDB_ABS, _LDB_IND, _LDX_MSH, _JEQ, _RET = 0x30, 0x50, 0xB1, 0x15, 0x06      # linux/bpf_common.h
# IPv4, VRRP, and a priority that is not 0.
_FILTER = (
    (_LDB_ABS, 0, 0, ETH_HEADER_LEN + OFF_IP_PROTOCOL),
    (_JEQ, 0, 4, VRRP_PROTOCOL),
    (_LDX_MSH, 0, 0, ETH_HEADER_LEN),
    (_LDB_IND, 0, 0, ETH_HEADER_LEN + OFF_PRIORITY),
    (_JEQ, 1, 0, 0),
    (_RET, 0, 0, 1),
    (_RET, 0, 0, 0),
)


class WireCount:
    """Counts the adverts that arrive at a host, on all its wires, but for those of priority 0. IPv4."""

    def __init__(self, host: Host) -> None:
        """Raises OSError: EPERM without CAP_NET_RAW."""
        with lab.inside(host.namespace):
            self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC,
                                       socket.htons(ETH_P_IP))
        try:
            linux.attach_filter(self._sock.fileno(), _FILTER)
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)       # the kernel makes it its minimum
            self._sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, _STATISTICS.size)      # what came before the filter
        except OSError:
            self._sock.close()
            raise
        self._total = 0

    def close(self) -> None:
        """Stop counting."""
        self._sock.close()

    def total(self) -> int:
        """How many have arrived since this was made."""
        # The kernel begins at 0 again with each look.
        self._total += _STATISTICS.unpack(self._sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, _STATISTICS.size))[0]
        return self._total
