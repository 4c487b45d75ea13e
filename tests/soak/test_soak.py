"""A pair of daemons under everything that operators and networks do to them, for as long as there is time.

Steps are drawn from a seeded generator, so a run can be had again: reloads that add, remove and change instances, a
file that is broken, links that go down, a namespace that comes and goes, a daemon that is stopped or killed. At the
end, with everything back as it was at first, the election has its first result again, nothing of ours has complained of
a fault of its own, and the daemon that lived through all of it has not grown.

`make test` runs it for SOAK_S; `make soak` for PYVRRP_SOAK_S seconds, an hour if that is not set.
"""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from netns.harness import IP, START_S, Daemon, Lab, Node, lab, run, until

pytestmark = [pytest.mark.root]

SOAK_S = float(os.environ.get("PYVRRP_SOAK_S", "12"))
SEED = int(os.environ.get("PYVRRP_SOAK_SEED", "1"))
ROUTERS = 40
CONVERGED_S = 10.0
RSS_KIB_MAX = 8 * 1024          # more than after the first tenth of the time: fragments, logs, caches
OURS = re.compile(r"bug in pyvrrp|Traceback|report this fault|cannot run:")


def instance(number: int, priority: int, words: str = "") -> str:
    return f"""
vrrp_instance R{number} {{
    interface eth0
    virtual_router_id {number}
    priority {priority}
    version 3
    advert_int 0.1
    {words}
    virtual_ipaddress {{
        192.0.2.{100 + number}/24
    }}
}}
"""


def vip(number: int) -> str:
    return f"192.0.2.{100 + number}"


@dataclass
class Soak:
    left: Node
    right: Node
    survivor: Daemon            # lives through all of it; first MASTER of everything
    other: Daemon
    dice: random.Random
    late: str                   # a namespace that is made and removed
    steps: list[str] = field(default_factory=list)

    def text(self, *, leave_out: frozenset[int] = frozenset(), low: frozenset[int] = frozenset()) -> str:
        """The survivor's file: some instances left out, some with a priority below the other's."""
        kept = (n for n in range(1, ROUTERS + 1) if n not in leave_out)
        return "".join(instance(n, 50 if n in low else 150) for n in kept) + instance(
            99, 150, f"net_namespace {self.late}"
        )

    def reload(self, text: str) -> None:
        self.survivor.configure(text)
        self.survivor.signal(signal.SIGHUP)

    def some(self) -> frozenset[int]:
        return frozenset(self.dice.sample(range(1, ROUTERS + 1), self.dice.randint(1, ROUTERS // 2)))

    # The steps

    def leave_out(self) -> None:
        self.reload(self.text(leave_out=self.some()))

    def lower(self) -> None:
        self.reload(self.text(low=self.some()))

    def break_file(self) -> None:
        self.reload(self.text()[: self.dice.randint(1, 4000)])

    def restore(self) -> None:
        self.reload(self.text())

    def flap(self) -> None:
        node = self.dice.choice((self.left, self.right))
        node.ip("link", "set", "eth0", "down")
        time.sleep(self.dice.uniform(0.0, 0.3))
        node.ip("link", "set", "eth0", "up")

    def stop_other(self) -> None:
        self.other.terminate()
        time.sleep(self.dice.uniform(0.0, 0.3))
        self.other.start()

    def kill_other(self) -> None:
        self.other.kill()
        time.sleep(self.dice.uniform(0.0, 0.6))
        self.other.start()

    def make_late(self) -> None:
        if not (Path("/run/netns") / self.late).exists():
            run(IP, "netns", "add", self.late)
            run(IP, "-n", self.late, "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
            for words in ("link set eth1 up", "link set eth0 up", "address add 192.0.2.9/24 dev eth0"):
                run(IP, "-n", self.late, *words.split())

    def remove_late(self) -> None:
        if (Path("/run/netns") / self.late).exists():
            run(IP, "netns", "del", self.late)

    def take_vip_away(self) -> None:
        address = f"{vip(self.dice.randint(1, ROUTERS))}/24"
        self.left.ip("address", "del", address, "dev", "eth0", check=False)

    # What must be so

    def amiss(self) -> list[str]:
        """What is not as it was at first: the survivor MASTER of all, with its addresses, and the other without."""
        states = {entry["name"]: entry for entry in self.survivor.get("/v1/instances")["instances"]}
        found = []
        for n in range(1, ROUTERS + 1):
            entry = states.get(f"R{n}", {"state": "not there", "faults": []})
            if entry["state"] != "MASTER":
                found.append(f"R{n} is {entry['state']} {entry['faults']}")
            if not self.left.has(vip(n)):
                found.append(f"the survivor lacks {vip(n)}")
            if self.right.has(vip(n)):
                found.append(f"the other has {vip(n)}")
        return found

    def converge(self, after: str) -> None:
        deadline_s = time.monotonic() + CONVERGED_S
        while found := self.amiss():
            assert time.monotonic() < deadline_s, (
                f"{after}: {'; '.join(found)}\n{self.survivor.log()[-3000:]}"
            )
            time.sleep(0.05)

    def size(self) -> tuple[int, int]:
        """The survivor's resident memory in KiB, and how many descriptors it has."""
        status = Path(f"/proc/{self.survivor.pid}/status").read_text()
        rss_kib = int(status.partition("VmRSS:")[2].split()[0])
        return rss_kib, len(list(Path(f"/proc/{self.survivor.pid}/fd").iterdir()))


@pytest.fixture
def soak() -> Iterator[Soak]:
    with lab(adverts=False) as made:
        yield begin(made)


def begin(made: Lab) -> Soak:
    left, right = made.pair()
    late = f"{left.namespace}-late"
    made.own_namespace(late)
    survivor, other = made.daemon("pyvrrpd", left), made.daemon("pyvrrpd", right)
    soak = Soak(left, right, survivor, other, random.Random(SEED), late)
    survivor.configure(soak.text())
    other.configure("".join(instance(n, 100) for n in range(1, ROUTERS + 1)))
    survivor.start()
    other.start()
    for daemon in (survivor, other):
        until(daemon.socket.exists, START_S, f"the control socket of {daemon!r}")
    soak.converge("the first election")
    return soak


def test_everything_comes_back(soak: Soak) -> None:
    steps: list[Callable[[], None]] = [
        soak.leave_out, soak.lower, soak.break_file, soak.restore, soak.flap, soak.stop_other, soak.kill_other,
        soak.make_late, soak.remove_late, soak.take_vip_away,
    ]
    began_s = time.monotonic()
    first: tuple[int, int] | None = None
    while (elapsed_s := time.monotonic() - began_s) < SOAK_S:
        if first is None and elapsed_s > SOAK_S / 10:
            first = soak.size()
        step = soak.dice.choice(steps)
        soak.steps.append(step.__name__)
        step()
        soak.survivor.check()
        time.sleep(soak.dice.uniform(0.0, 0.5))
    soak.remove_late()
    soak.restore()
    told = f"{len(soak.steps)} steps from seed {SEED}, the last of them {soak.steps[-8:]}"
    soak.converge(told)
    for daemon in (soak.survivor, soak.other):
        found = OURS.search(log := daemon.log())
        assert found is None, f"{daemon!r} after {told}: {log[max(0, found.start() - 500) : found.start() + 3000]}"
    assert first is not None
    until(lambda: soak.size()[1] <= first[1] + 2, 5.0, f"no more descriptors than {first[1]}, after {told}")
    assert soak.size()[0] - first[0] < RSS_KIB_MAX, f"it grew from {first[0]} to {soak.size()[0]} KiB, after {told}"
    assert soak.survivor.get("/v1/instances")["counters"]["engine"]["events_dropped"] == 0
