"""CPU time per advert of whole daemons: 1,000 routers at 1 s, pyvrrpd on both sides, and keepalived on both sides.

Both pairs run at the same time, each on wires of its own, so that what else the machine does meets both. Four wires
with 250 VRIDs, since keepalived has no more on one; VRRPv2 and unicast, each router with one address. CPU time is that
of a daemon with all its threads and processes: pyvrrpd has a sending thread and a script spawner, keepalived a parent
and a VRRP process. The kernel's clock for it (schedstat) has nanoseconds, where utime + stime have 10 ms.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from network import Host, pair

from pyvrrp import linux
from pyvrrp.netlink import lab

LINKS, VRIDS = 4, 250
ROUTERS = LINKS * VRIDS
SETTLE_S = 12.0                 # takeover, addresses, and the second set of gratuitous ARP five seconds later
MEASURE_S = 20.0
START_S = 60.0
KEEPALIVED = shutil.which("keepalived") or "/usr/sbin/keepalived"

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not Path(KEEPALIVED).exists(), reason="keepalived is not installed"),
]


def configuration(host: Host, priority: int) -> str:
    blocks = ["global_defs {\n    router_id bench\n}"]
    for k in range(LINKS):
        for vrid in range(1, VRIDS + 1):
            blocks.append(f"""vrrp_instance V{k}_{vrid} {{
    state BACKUP
    interface eth{k}
    virtual_router_id {vrid}
    priority {priority}
    advert_int 1
    unicast_src_ip 10.{k}.0.{host.side}
    unicast_peer {{
        10.{k}.0.{3 - host.side}
    }}
    virtual_ipaddress {{
        198.{18 + k}.{vrid}.1/32
    }}
}}""")
    return "\n".join(blocks) + "\n"


class Daemon:
    """pyvrrpd or keepalived in a host's namespace."""

    def __init__(self, kind: str, host: Host, priority: int, directory: Path) -> None:
        directory.mkdir()
        self.kind, self.host = kind, host
        self._log = directory / "log"
        conf = directory / "keepalived.conf"
        conf.write_text(configuration(host, priority))
        command = [KEEPALIVED] if kind == "keepalived" else [
            sys.executable, "-m", "pyvrrp.daemon", "--socket", str(directory / "control")]
        with lab.inside(host.namespace), self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "-n", "-l", "-D", "-P", "-f", str(conf), "-p", str(directory / "pid"),
                 "-r", str(directory / "vrrp.pid")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory,
                env=os.environ | {"TMPDIR": str(directory)},
                # Nothing outlives a run that is killed.
                preexec_fn=lambda: linux.prctl(linux.PR_SET_PDEATHSIG, 15),
            )

    def wait(self, state: str) -> None:
        """Wait until every router has entered a state, by the log."""
        deadline_s = time.monotonic() + START_S
        while True:
            text = self._log.read_text(errors="replace")
            found = text.count(f"Entering {state} STATE")
            if found >= ROUTERS:
                return
            assert self.process.poll() is None, f"{self.kind} ended:\n{text[-3000:]}"
            assert time.monotonic() < deadline_s, f"{self.kind}: {found} {state} in {START_S} s:\n{text[-3000:]}"
            time.sleep(0.1)

    def cpu_ns(self) -> int:
        """What all its threads and processes have used so far; none of them ends while it is measured."""
        total = 0
        for pid in family(self.process.pid):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                total += int((thread / "schedstat").read_text().split()[0])
        return total

    def stop(self) -> None:
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
            return
        for pid in family(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        self.process.wait()


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


@contextlib.contextmanager
def pairs(tmp_path: Path) -> Iterator[dict[str, tuple[Daemon, Daemon]]]:
    """For each kind of daemon, one that is BACKUP and one that is MASTER of all routers."""
    with contextlib.ExitStack() as stack:
        found = {}
        for kind in ("pyvrrpd", "keepalived"):
            left, right = stack.enter_context(pair(LINKS, 1))
            # One after the other, so that nobody is MASTER for a while.
            master = Daemon(kind, left, 200, tmp_path / f"{kind}-master")
            stack.callback(master.stop)
            master.wait("MASTER")
            backup = Daemon(kind, right, 100, tmp_path / f"{kind}-backup")
            stack.callback(backup.stop)
            backup.wait("BACKUP")
            found[kind] = (backup, master)
        yield found


def test_cpu_per_advert(tmp_path: Path, figure: Callable[..., Any]) -> None:
    costs: dict[str, tuple[float, float]] = {}      # microseconds per advert: heard, sent
    with pairs(tmp_path) as made:
        time.sleep(SETTLE_S)
        daemons = [(kind, each) for kind, both in made.items() for each in both]
        before = [(each.cpu_ns(), each.host.sent_packets()) for _, each in daemons]
        time.sleep(MEASURE_S)
        used = [(each.cpu_ns() - cpu, each.host.sent_packets() - sent)
                for (_, each), (cpu, sent) in zip(daemons, before, strict=True)]
        for k, kind in enumerate(made):
            (backup_ns, backup_sent), (master_ns, master_sent) = used[2 * k:2 * k + 2]
            expected = MEASURE_S * ROUTERS
            assert abs(master_sent - expected) < expected / 20, f"{kind}: {master_sent} adverts in {MEASURE_S} s"
            assert backup_sent < expected / 20, f"{kind}: the backup sent {backup_sent}"
            costs[kind] = (backup_ns / 1e3 / master_sent, master_ns / 1e3 / master_sent)

    for which, what, goal in ((1, "sent", 0.33), (0, "heard", 0.45)):
        figure(key=f"daemon-{what}", what=f"CPU per advert {what}, 1,000 routers at 1 s, the whole daemon",
               value=costs["pyvrrpd"][which], unit="us", yardstick="keepalived",
               yardstick_value=costs["keepalived"][which], goal=goal)
