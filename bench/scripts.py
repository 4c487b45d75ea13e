"""What the benchmarks of scripts share: programs whose runs are seen, and a record of adverts on a wire.

A program is a hard link to one copy of /bin/true, with a name of its own. inotify(7) on its directory tells when each
is opened to be executed and when the process is gone, with nothing added to the script or to the daemon that runs it.

    python bench/scripts.py             the benchmarks of scripts in full; `make bench` has their short form
"""

from __future__ import annotations

import itertools
import os
import select
import shutil
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

from pyvrrp import linux
from pyvrrp.meter.network import Host
from pyvrrp.netlink import lab

IN_CLOSE_NOWRITE = 0x10
IN_OPEN = 0x20
_PHASE_NS = 100_000
TCPDUMP = shutil.which("tcpdump") or "/usr/bin/tcpdump"


class Run(NamedTuple):
    """A program was started, or a process of it is gone."""

    name: str
    is_start: bool
    at_s: float         # monotonic, when it was read


class Programs:
    """Makes programs and notes their runs, in a thread."""

    def __init__(self, directory: Path, names: list[str]) -> None:
        directory.mkdir()
        self.directory = directory
        self.runs: list[Run] = []
        true = directory / "true"
        shutil.copy("/bin/true", true)
        for name in names:
            os.link(true, directory / name)
        self._inotify = linux.Inotify()
        self._inotify.watch(str(directory), IN_OPEN | IN_CLOSE_NOWRITE)
        self._end, end = os.pipe()
        self._thread = threading.Thread(target=self._follow, args=(end,))
        self._thread.start()

    def path(self, name: str) -> Path:
        return self.directory / name

    def _follow(self, end: int) -> None:
        with open(end, "rb"):
            while end not in (ready := select.select([self._inotify.fileno(), end], [], [])[0]):
                assert ready
                notices = self._inotify.read()
                now_s = time.monotonic()
                self.runs += [Run(each.name, bool(each.mask & IN_OPEN), now_s) for each in notices if each.name]

    def ended(self, since_s: float, count: int, timeout_s: float) -> float:
        """When the last of the first `count` processes since then was gone."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            ends = [run.at_s for run in self.runs if run.at_s >= since_s and not run.is_start]
            if len(ends) >= count:
                return ends[count - 1]
            assert time.monotonic() < deadline_s, f"{len(ends)} of {count} scripts ended within {timeout_s} s"
            time.sleep(0.05)

    def starts(self, since_s: float, until_s: float) -> dict[str, list[float]]:
        """When each program was started in that time."""
        found: dict[str, list[float]] = defaultdict(list)
        for run in list(self.runs):
            if run.is_start and since_s <= run.at_s < until_s:
                found[run.name].append(run.at_s)
        return found

    def close(self) -> None:
        os.close(self._end)
        self._thread.join()
        self._inotify.close()


class Adverts:
    """A record of the adverts that a host hears on an interface, with the kernel's time of each."""

    def __init__(self, host: Host, interface: str, file: Path) -> None:
        self._file = file
        with lab.inside(host.namespace):
            self._process = subprocess.Popen(
                [TCPDUMP, "-Z", "root", "-i", interface, "-Q", "in", "-s", "64", "-B", "65536", "-w", str(file),
                 "--time-stamp-precision=nano", "ip proto 112"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                preexec_fn=lambda: linux.prctl(linux.PR_SET_PDEATHSIG, 15),
            )
        assert self._process.stderr is not None
        assert b"listening" in self._process.stderr.readline(), "tcpdump does not listen"

    def stop(self) -> dict[int, list[int]]:
        """End it; the times in ns of the adverts of each VRID."""
        self._process.terminate()
        assert self._process.stderr is not None
        said = self._process.stderr.read().decode()
        self._process.stderr.close()
        self._process.wait(10)
        assert "\n0 packets dropped by kernel" in said, said
        found: dict[int, list[int]] = defaultdict(list)
        data = self._file.read_bytes()
        at = 24                                                     # after the header of the file
        while at < len(data):
            seconds, nanoseconds, size = struct.unpack_from("=III", data, at)
            vrid = data[at + 16 + 14 + 20 + 1]                      # after the Ethernet and the IPv4 header
            found[vrid].append(seconds * 1_000_000_000 + nanoseconds)
            at += 16 + size
        return found


def latest_ns(times: list[int], interval_ns: int) -> int:
    """How late the latest of a router's adverts came: against its usual phase, or against the advert before.

    The second tells of adverts that were left out, since what comes after them may well be in phase.
    """
    usual = Counter(at % interval_ns // _PHASE_NS for at in times).most_common(1)[0][0] * _PHASE_NS
    half_ns = interval_ns // 2
    phases = ((at - usual + half_ns) % interval_ns - half_ns for at in times)
    gaps = (later - sooner - interval_ns for sooner, later in itertools.pairwise(times))
    return max(*phases, *gaps)


def median(values: list[float]) -> float:
    return statistics.median(values)


if __name__ == "__main__":
    os.environ["PYVRRP_BENCH_FULL"] = "1"
    test = Path(__file__).with_name("test_script_cost.py")
    sys.exit(subprocess.run([sys.executable, "-m", "pytest", str(test)]).returncode)
