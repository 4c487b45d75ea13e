"""A daemon to be measured, pyvrrpd or keepalived, in a host's namespace; all its files are in one directory."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pyvrrp import __version__, linux
from pyvrrp.control.client import ControlClient
from pyvrrp.control.protocol import InstancesReply
from pyvrrp.errors import MeterError
from pyvrrp.meter import processes
from pyvrrp.meter.arithmetic import heard_in
from pyvrrp.meter.case import GARP_DELAY_S
from pyvrrp.meter.course import Course
from pyvrrp.meter.network import Host
from pyvrrp.netlink import lab

START_S = 300.0                 # for all routers to enter a state: keepalived takes minutes on a busy machine
STOP_S = 20.0                   # for a daemon to end in good order
ASK_S = 60.0                    # for the answer about 10,000 instances
KEEPALIVED = shutil.which("keepalived") or "/usr/sbin/keepalived"
PYVRRPD_NAME, KEEPALIVED_NAME = "pyvrrpd", "keepalived"


REST_S = 2.0 + GARP_DELAY_S     # without a line in any log: all is announced, the second time too
REST_S_MAX = 120.0              # then it goes on: logs that are never still are those of a busy machine
REST_LOOK_S = 0.25


def version_of(kind: str) -> str:
    """`2.2.7`; empty: it does not say. Raises OSError: it is not there."""
    if kind == PYVRRPD_NAME:
        return __version__
    with contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run([KEEPALIVED, "--version"], capture_output=True, text=True, timeout=STOP_S)
        if found := re.search(r"v(\d[\w.]*)", done.stderr + done.stdout):
            return found[1]
    return ""


def await_rest(daemons: Sequence[Daemon], course: Course) -> None:
    """Wait until daemons have done all that their changes of state made them do. Raises StoppedError."""
    course.begin("waiting until all is announced")
    begun_s = still_s = time.monotonic()
    sizes: list[int] = []
    while (now_s := time.monotonic()) - still_s < REST_S and now_s - begun_s < REST_S_MAX:
        if sizes != (found := [daemon.log_bytes() for daemon in daemons]):
            sizes, still_s = found, now_s
        course.check()
        time.sleep(REST_LOOK_S)


class Daemon:
    """pyvrrpd or keepalived in a host's namespace. Nothing of it outlives the process that made it."""

    def __init__(self, kind: str, host: Host, text: str, directory: Path) -> None:
        """`text`: of its configuration file. `directory` is made, for all its files. Raises OSError."""
        directory.mkdir(0o700)
        self.kind, self.host = kind, host
        self.socket = directory / "control"     # pyvrrpd's
        self._dump = directory / "keepalived.stats"
        self._log, self._read_to = directory / "log", 0
        self._entered = {"MASTER": 0, "BACKUP": 0, "FAULT": 0}
        conf = directory / "keepalived.conf"
        conf.write_text(text)
        command = [KEEPALIVED] if kind == KEEPALIVED_NAME else [
            sys.executable, "-m", "pyvrrp.daemon", "--socket", str(self.socket)]
        with lab.inside(host.namespace), self._log.open("wb") as log:
            self.started_ns = time.time_ns()
            self.process = subprocess.Popen(
                [*command, "-n", "-l", "-D", "-P", "-f", str(conf), "-p", str(directory / "pid"),
                 "-r", str(directory / "vrrp.pid")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory,
                env=os.environ | {"TMPDIR": str(directory)},
                start_new_session=True,     # Ctrl-C is for whoever measures, who then ends the daemons
                # Nothing outlives a run that is killed. There is one thread, so this is safe.
                preexec_fn=lambda: linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL),
            )

    def entered(self, state: str) -> int:
        """How many times a router has entered a state so far, by the log. Raises MeterError if the daemon has ended."""
        if self.process.poll() is not None:
            raise MeterError(f"bench: {self.kind} ended with status {self.process.returncode}; the end of its log:\n"
                             + self._last_lines())
        with self._log.open("rb") as log:
            log.seek(self._read_to)
            text = log.read()
        text = text[: text.rfind(b"\n") + 1]
        self._read_to += len(text)
        for each in self._entered:
            self._entered[each] += text.count(f"Entering {each} STATE".encode())
        return self._entered[state]

    def changes(self) -> int:
        """How many changes of state there were so far, of all routers."""
        return self.entered("MASTER") + self._entered["BACKUP"] + self._entered["FAULT"]

    def wait(self, state: str, count: int, course: Course | None = None) -> None:
        """Wait until so many routers have entered a state. Raises MeterError, StoppedError."""
        (course or Course()).until(lambda: self.entered(state), count, START_S, f"{state} of {self.kind}")

    def log_bytes(self) -> int:
        """How long its log is: one that grows tells of work."""
        return self._log.stat().st_size

    def _last_lines(self) -> str:
        return self._log.read_text(errors="replace")[-3000:]

    def cpu_ns(self) -> int:
        """What all its threads and processes have used so far; children that it reaped are in it."""
        return processes.cpu_ns(self.process.pid)

    def memory_bytes(self) -> int:
        """What all its processes hold of memory, shared pages by their share (PSS)."""
        return processes.memory_bytes(self.process.pid)

    def status(self) -> InstancesReply:
        """What pyvrrpd says of itself. Raises ControlError."""
        return ControlClient(str(self.socket), timeout_s=ASK_S).instances()

    def adverts_heard(self, course: Course) -> int:
        """What it has heard so far by its own count, but for adverts of priority 0.

        Raises ControlError, MeterError, StoppedError.
        """
        if self.kind != KEEPALIVED_NAME:
            counters = [instance.counters for instance in self.status().instances]
            return sum(each["advert_rcvd"] - each["pri_zero_rcvd"] for each in counters)
        self._dump.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR2)
        course.until(self._dumped, 1, ASK_S, "dumps of keepalived's counters")
        return heard_in(self._dump.read_text(errors="replace"))

    def _dumped(self) -> int:
        """1 when the dump is whole: it is there, and has not grown since it was looked at before."""
        size = self._size()
        time.sleep(0.2)
        return int(0 < size == self._size())

    def _size(self) -> int:
        return self._dump.stat().st_size if self._dump.exists() else 0

    def kill(self) -> None:
        """End it as a power failure would: no last word, and its addresses stay. Nothing happens a second time."""
        if self.process.returncode is not None:
            return
        for pid in processes.family(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it in good order; one that does not is killed."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_S)
            return
        self.kill()


