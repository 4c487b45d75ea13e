"""Hosts on a switch, for what needs a third party: whose MAC answers, and on which port it is."""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netns.harness import IP, PREFIX, Lab, Node, run
from netns.witness import entered

ETH_P_ALL, SO_RCVBUFFORCE = 3, 33


@dataclass(frozen=True, slots=True)
class Frame:
    """What a host saw of one frame."""

    mac: str                # of the sender
    kind: str               # advert, arp, na, igmp, mld, other
    vrid: int = 0
    priority: int = 0
    source: str = ""


class Tap:
    """Reads all frames that a host sends or hears, from the moment it is made. Closed with the segment."""

    def __init__(self, node: Node) -> None:
        with entered(node.namespace):
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
            self._socket.bind(("eth0", ETH_P_ALL))
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def close(self) -> None:
        self._socket.close()

    def frames(self, for_s: float = 0.0) -> list[Frame]:
        """What came since the last call, and within `for_s` from now."""
        deadline_s = time.monotonic() + for_s
        found = []
        while self._poll.poll(max(0.0, deadline_s - time.monotonic()) * 1000):
            found.append(decoded(self._socket.recv(2048)))
        return found


def decoded(data: bytes) -> Frame:
    mac = data[6:12].hex(":")
    (kind,) = struct.unpack_from("!H", data, 12)
    if kind == 0x0806:
        return Frame(mac, "arp")
    if kind == 0x0800:
        header = (data[14] & 15) * 4
        message, protocol = data[14 + header :], data[23]
        source = socket.inet_ntop(socket.AF_INET, data[26:30])
        if protocol == 112:
            return Frame(mac, "advert", message[1], message[2], source)
        return Frame(mac, "igmp" if protocol == 2 else "other", source=source)
    if kind == 0x86DD:
        source = socket.inet_ntop(socket.AF_INET6, data[22:38])
        if data[20] == 112:
            return Frame(mac, "advert", data[55], data[56], source)
        if data[20] == 0 and data[62] == 143:           # hop-by-hop options before an MLDv2 report
            return Frame(mac, "mld", source=source)
        return Frame(mac, "na" if data[20] == 58 and data[54] == 136 else "other", source=source)
    return Frame(mac, "other")


class Segment:
    """Hosts 1 to `count` with eth0 on one switch: 192.0.2.N, fd00:2::N, fe80::N. Its namespaces are the lab's."""

    def __init__(self, lab: Lab, name: str, count: int = 3) -> None:
        mine = f"{PREFIX}-{os.getpid()}-{lab.directory.name.removeprefix(f'{PREFIX}-')}-{name}"
        self.switch = f"{mine}-sw"
        self.taps: list[Tap] = []
        self.hosts: list[Node] = []
        lab.own_namespace(self.switch)
        run(IP, "netns", "add", self.switch)
        run(IP, "-n", self.switch, "link", "add", "name", "br0", "type", "bridge", "mcast_snooping", "0")
        run(IP, "-n", self.switch, "link", "set", "br0", "up")
        for number in range(1, count + 1):
            namespace = f"{mine}-{number}"
            lab.own_namespace(namespace)
            run(IP, "netns", "add", namespace)
            node = Node(namespace, f"192.0.2.{number}", f"fd00:2::{number}", f"fe80::{number}",
                        lab.witness.watch(namespace, adverts=False))
            run(IP, "-n", namespace, "link", "add", "eth0", "type", "veth", "peer", "name", f"p{number}",
                "netns", self.switch)
            run(IP, "-n", self.switch, "link", "set", f"p{number}", "master", "br0", "up")
            lines = (
                "link set lo up",
                "link set eth0 addrgenmode none",
                "link set eth0 up",
                f"address add {node.ip4}/24 dev eth0",
                f"address add {node.ip6}/64 dev eth0 nodad",
                f"address add {node.link_local}/64 dev eth0 nodad",
            )
            run(IP, "-n", namespace, "-batch", "-", text="\n".join(lines) + "\n")
            self.hosts.append(node)

    def tap(self, node: Node) -> Tap:
        self.taps.append(Tap(node))
        return self.taps[-1]

    def close(self) -> None:
        for tap in self.taps:
            tap.close()

    def port_of(self, mac: str) -> str:
        """The port behind which the switch has last seen a MAC; empty: it has not."""
        found = run("/sbin/bridge", "-n", self.switch, "-j", "fdb", "show", "br", "br0")
        return next((e["ifname"] for e in json.loads(found) if e["mac"] == mac and "permanent" not in e.values()), "")


def link(node: Node, name: str) -> dict[str, Any] | None:
    """What ip(8) says of an interface; None: there is none."""
    found = json.loads(node.ip("-j", "-d", "link", "show"))
    return next((entry for entry in found if entry["ifname"] == name), None)


def addresses(node: Node, name: str) -> set[str]:
    """The addresses of an interface, without link-local ones."""
    found = json.loads(node.ip("-j", "addr", "show", "dev", name))
    return {a["local"] for entry in found for a in entry["addr_info"] if not a["local"].startswith("fe80")}


def neighbour(node: Node, address: str) -> str:
    """The MAC that a host has for an address; empty: none."""
    found = json.loads(node.ip("-j", "neigh", "show", "to", address))
    return next((entry["lladdr"] for entry in found if "lladdr" in entry), "")


def sysctls(node: Node, *below: str) -> dict[str, str]:
    """All settings in directories below /proc/sys/net."""
    with entered(node.namespace):
        paths = [path for name in below for path in sorted(Path("/proc/sys/net", name).iterdir()) if path.is_file()]
        found = {}
        for path in paths:
            try:
                found[f"{path.parent.parent.parent.name}.{path.name}"] = path.read_text().strip()
            except OSError:                     # stable_secret, where there is none
                continue
    return found


def sysctl(node: Node, name: str, value: str | None = None) -> str:
    """Read a setting below /proc/sys/net, or write it."""
    path = Path("/proc/sys/net", name)
    with entered(node.namespace):
        if value is not None:
            path.write_text(value)
        return path.read_text().strip()
