"""A process that sees when addresses, gratuitous ARP and adverts come: one of its own, so that nothing else delays it.

`Witness` starts it; run as a program it is the process. Its loops are C (`bench/c/witness.c`) and it runs in a
real-time class, before everything that it watches: what the kernel does not stamp is stamped within microseconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyvrrp.netlink import lab

BUILT = Path(__file__).parents[1] / "build" / "bench"

ROOM = 400_000                  # sightings of a kind: 40 for each of 10,000 addresses
INTERFACES = 4096
RCVBUF = 256 * 1024 * 1024
LOOKS_NS = 2_000_000             # between two looks of an idle witness: WITNESS_MS
PRIORITY = 50                   # of SCHED_FIFO
SO_RCVBUFFORCE, SO_TIMESTAMPNS, IP_PKTINFO = 33, 35, 8
ETH_P_ARP = 0x0806
RTMGRP_ADDRESSES = 0x10 | 0x100


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen, in nanoseconds of CLOCK_REALTIME."""

    late_ns: int                        # by so much times of addresses may be too late
    addresses: dict[str, int]           # when each address came first, in this order
    announced: dict[str, int]           # when its first gratuitous ARP arrived at the other host
    adverts: dict[tuple[int, int], int]     # when the last advert arrived, by interface index and VRID


class Witness:
    """Watches one host: its addresses and what it hears; and its announcements, as the other host hears them."""

    def __init__(self, namespace: int, other_namespace: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(namespace), str(other_namespace)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(namespace, other_namespace), text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line == "ready\n", f"the witness did not start: {line!r}"

    def close(self) -> Seen:
        """End it, and return what it saw."""
        output, _ = self._process.communicate("stop\n", timeout=60)
        found: dict[str, Any] = json.loads(output)
        return Seen(
            found["late_ns"], found["addresses"], found["announced"],
            {(int(key) // 256, int(key) % 256): at_ns for key, at_ns in found["adverts"].items()},
        )


def _stamped(sock: socket.socket) -> socket.socket:
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RCVBUF)
    if sock.family != socket.AF_NETLINK:
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return sock


def _first(sightings: Any, count: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for k in range(count):
        one = sightings[k]
        address = bytes(one.address)[: one.length]
        family = socket.AF_INET if one.length == 4 else socket.AF_INET6
        found.setdefault(socket.inet_ntop(family, address), one.at_ns)
    return found


def main(namespace: int, other_namespace: int) -> None:
    sys.path.insert(0, str(BUILT))
    import yardstick

    ffi, lib = yardstick.ffi, yardstick.lib
    with lab.inside(namespace):
        news = _stamped(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE))
        news.bind((0, RTMGRP_ADDRESSES))
        adverts = _stamped(socket.socket(socket.AF_INET, socket.SOCK_RAW, 112))
        adverts.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    with lab.inside(other_namespace):
        frames = _stamped(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP)))
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))

    stop = ffi.new("int *")
    added, announced = ffi.new("struct sighting[]", ROOM), ffi.new("struct sighting[]", ROOM)
    longest_ns = ffi.new("int64_t *")
    last_ns = ffi.new("int64_t[]", INTERFACES * 256)
    counts: dict[str, int] = {}
    watches = {
        "addresses": lambda: lib.watch_addresses(news.fileno(), added, ROOM, stop, longest_ns),
        "arp": lambda: lib.watch_arp(frames.fileno(), announced, ROOM, stop),
        "adverts": lambda: lib.watch_adverts(adverts.fileno(), last_ns, INTERFACES, stop),
    }
    threads = [threading.Thread(target=lambda name=name, watch=watch: counts.update({name: watch()}))
               for name, watch in watches.items()]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    sys.stdin.readline()
    stop[0] = 1
    for thread in threads:
        thread.join()
    for name, count in counts.items():
        if count < 0:
            sys.exit(f"witness: {name}: {os.strerror(-count)}")
    print(json.dumps({
        "late_ns": max(0, longest_ns[0] - LOOKS_NS),
        "addresses": _first(added, counts["addresses"]),
        "announced": _first(announced, counts["arp"]),
        "adverts": {k: last_ns[k] for k in range(INTERFACES * 256) if last_ns[k]},
    }))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
