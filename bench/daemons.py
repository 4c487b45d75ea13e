"""A daemon for the benchmarks, pyvrrpd or keepalived, in a host's namespace, and what it uses.

CPU time is that of a daemon with all its threads and processes: pyvrrpd has a sending thread and a script spawner,
keepalived a parent and a VRRP process. The kernel's clock for it (schedstat) has nanoseconds, where utime + stime have
10 ms.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from network import Host

from pyvrrp import linux
from pyvrrp.netlink import lab

START_S = 120.0
KEEPALIVED = shutil.which("keepalived") or "/usr/sbin/keepalived"


class Daemon:
    """pyvrrpd or keepalived in a host's namespace."""

    def __init__(self, kind: str, host: Host, text: str, directory: Path) -> None:
        """`text`: of its configuration file. `directory` is made, for all its files."""
        directory.mkdir()
        self.kind, self.host = kind, host
        self.socket = directory / "control"     # pyvrrpd's
        self._log, self._read_to = directory / "log", 0
        self._entered = {"MASTER": 0, "BACKUP": 0}
        conf = directory / "keepalived.conf"
        conf.write_text(text)
        command = [KEEPALIVED] if kind == "keepalived" else [
            sys.executable, "-m", "pyvrrp.daemon", "--socket", str(self.socket)]
        with lab.inside(host.namespace), self._log.open("wb") as log:
            self.started_ns = time.time_ns()
            self.process = subprocess.Popen(
                [*command, "-n", "-l", "-D", "-P", "-f", str(conf), "-p", str(directory / "pid"),
                 "-r", str(directory / "vrrp.pid")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory,
                env=os.environ | {"TMPDIR": str(directory)},
                # Nothing outlives a run that is killed.
                preexec_fn=lambda: linux.prctl(linux.PR_SET_PDEATHSIG, 15),
            )

    def entered(self, state: str) -> int:
        """How many routers have entered a state so far, by the log."""
        with self._log.open("rb") as log:
            log.seek(self._read_to)
            text = log.read()
        text = text[: text.rfind(b"\n") + 1]
        self._read_to += len(text)
        for each in self._entered:
            self._entered[each] += text.count(f"Entering {each} STATE".encode())
        return self._entered[state]

    def wait(self, state: str, count: int) -> None:
        """Wait until so many routers have entered a state."""
        deadline_s = time.monotonic() + START_S
        while (found := self.entered(state)) < count:
            assert self.process.poll() is None, f"{self.kind} ended:\n{self._last_lines()}"
            assert time.monotonic() < deadline_s, f"{self.kind}: {found} {state} in {START_S} s:\n{self._last_lines()}"
            time.sleep(0.1)

    def _last_lines(self) -> str:
        return self._log.read_text(errors="replace")[-3000:]

    def cpu_ns(self) -> int:
        """What all its threads and processes have used so far; children that it reaped are in it."""
        total = 0
        for pid in family(self.process.pid):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):      # a script that has just ended
                for thread in Path(f"/proc/{pid}/task").iterdir():
                    total += int((thread / "schedstat").read_text().split()[0])
                ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[13:15]     # cutime, cstime
                total += sum(map(int, ticks)) * (1_000_000_000 // os.sysconf("SC_CLK_TCK"))
        return total

    def memory_bytes(self) -> int:
        """What all its processes hold of memory, shared pages by their share (PSS)."""
        total = 0
        for pid in family(self.process.pid):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        return total

    def kill(self) -> None:
        """End it as a power failure would: no last word, and its addresses stay."""
        for pid in family(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
            return
        self.kill()


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
