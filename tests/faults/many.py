"""Two thousand unicast instances on two hosts, and a client on the same switch. VRIDs repeat: eight peers of 250."""

from __future__ import annotations

from netns.harness import START_S, Daemon, Lab, Node, until
from netns.witness import Advert

from faults.files import instance

COUNT = 2000
GROUPS = 8


class Many:
    """The left host has the higher priority. Only the client's wire is read; addresses are watched everywhere."""

    interval_s = 1.0

    def __init__(self, lab: Lab, top: str = "") -> None:
        self.vips = {f"198.18.{number // 250}.{number % 250 + 1}" for number in range(COUNT)}
        self.segment = lab.segment(3, seen=[2])
        left, right, client = self.segment.nodes
        client.ip("route", "add", "198.18.0.0/16", "dev", "eth0")
        for group in range(GROUPS):
            right.ip("address", "add", f"192.0.2.{10 + group}/24", "dev", "eth0")
        self.left, self.right = lab.daemon("pyvrrpd", left), lab.daemon("pyvrrpd", right)
        for daemon, priority in ((self.left, 200), (self.right, 100)):
            text = [top]
            for number in range(COUNT):
                group, host = divmod(number, COUNT // GROUPS)
                ends = [left.ip4, f"192.0.2.{10 + group}"]
                own, peer = ends if daemon is self.left else ends[::-1]
                text.append(instance(
                    f"R{number}", f"unicast_src_ip {own}", f"unicast_peer {{\n{peer}\n}}", vrid=host + 1,
                    priority=priority, interval_s=self.interval_s, vips=[f"198.18.{group}.{host + 1}/32"],
                ))
            daemon.configure("".join(text))

    def start(self) -> None:
        """The left is MASTER of all, then the right is BACKUP of all: nobody hears a lower advert."""
        left, _, _ = self.segment.nodes
        self.left.start()
        left.record.wait(lambda: self.vips <= here(left), START_S + 10, "all addresses on the left")
        self.right.start()
        until(lambda: self.all_in(self.right, "BACKUP"), START_S, "the right is BACKUP of all")

    def all_in(self, daemon: Daemon, wanted: str) -> bool:
        if not daemon.socket.exists():
            return False
        return [entry["state"] for entry in daemon.get("/v1/instances")["instances"]].count(wanted) == COUNT

    @staticmethod
    def vip_of(advert: Advert) -> str:
        """Whose address an advert to the right host is for."""
        return f"198.18.{int(advert.destination.rpartition('.')[2]) - 10}.{advert.vrid}"

    def host_delay_s(self) -> float:
        """For how long the host has kept the daemons that run from running."""
        return sum(daemon.host_delay_s() for daemon in (self.left, self.right) if not daemon.stopping)


def here(node: Node) -> set[str]:
    """The addresses that are on a node now."""
    present: set[str] = set()
    for event in node.record.addresses:
        (present.add if event.added else present.discard)(event.address)
    return present
