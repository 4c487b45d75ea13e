"""The bench of the tests in network namespaces: namespaces, wires, daemons, and their files.

A Lab makes pairs of namespaces joined by a veth pair, called eth0 on both sides, with fixed addresses; it
removes all of it when it is closed, whatever happened, and at its start it removes what a killed run left.
Names contain this process's pid, so two runs do not meet. A Daemon is one pyvrrpd or one keepalived in a
namespace, with its file, log, pid files and control socket in a directory of its own. What a daemon did is
judged by the witness, not by its log.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from netns.witness import NS_DIRECTORY, Record, Witness

PREFIX = "vt"
SLACK_S = 0.100                 # what a takeover may take beyond the protocol's own time
ROUGHLY_S = 0.5                 # the same where its time is not what the test is about: a machine may be busy
EARLY_S = 0.020                 # what the witness's stamps may differ by: no timer may fire earlier
START_S = 30.0                  # a daemon starts within this: it took 14 s beside a spinner on 2 cores at a load of 12
NICE = -10                      # daemons of both kinds, so that what else the machine does is not measured
KEEPALIVED = shutil.which("keepalived") or "/usr/sbin/keepalived"
IP = shutil.which("ip") or "/sbin/ip"

# What pyvrrpd counts of adverts that it drops; where keepalived has a name for it, that is the name.
DROPS = frozenset((
    "packet_short_err", "ip_length_err", "version_err", "invalid_type_rcvd", "vrid_err", "ip_ttl_err",
    "packet_len_err", "no_address_err", "checksum_err", "authtype_mismatch", "auth_failure",
    "advert_interval_err", "mode_err", "unknown_source_err", "own_address_err", "owner_ignored",
    "first_addr_dropped", "addr_list_dropped",
))

Kind = Literal["pyvrrpd", "keepalived"]


def run(*argv: str, check: bool = True, text: str | None = None) -> str:
    """Run a command to its end; what it printed. Raises AssertionError, with its output, if it fails."""
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=20)
    if check:
        said = done.stderr or done.stdout
        assert done.returncode == 0, f"{' '.join(argv)}: status {done.returncode}: {said}"
    return done.stdout


LOGGED_S = 0.05         # from an address to the line of its state


def until(condition: Callable[[], Any], timeout_s: float, what: str) -> Any:
    """What `condition` returns once that is true; for what can only be asked, as files and processes."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline_s, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.01)


def skew_time_s(version: int, priority: int, interval_s: float) -> float:
    """Skew_Time (RFC 3768 s6.1: of a second; RFC 5798 s6.1: of the interval)."""
    return (256 - priority) / 256 * (1.0 if version == 2 else interval_s)


def master_down_interval_s(version: int, priority: int, interval_s: float) -> float:
    return 3 * interval_s + skew_time_s(version, priority, interval_s)


@dataclass
class Node:
    """One host: a namespace with eth0, its addresses, and its record."""

    namespace: str
    ip4: str
    ip6: str
    link_local: str
    record: Record

    def ip(self, *argv: str, check: bool = True, text: str | None = None) -> str:
        return run(IP, "-n", self.namespace, *argv, check=check, text=text)

    def set_up(self) -> None:
        """Bring eth0 up with its addresses; also when it was made again."""
        # Link-locals are fixed, and nothing waits for duplicate detection: it can speak at once.
        self.ip("-batch", "-", text="\n".join([
            "link set lo up",
            "link set eth0 addrgenmode none",
            "link set eth0 up",
            f"address add {self.ip4}/24 dev eth0",
            f"address add {self.ip6}/64 dev eth0 nodad",
            f"address add {self.link_local}/64 dev eth0 nodad",
        ]) + "\n")

    def has(self, address: str) -> bool:
        return self.record.has(address)

    def source(self, family: int, unicast: bool) -> str:
        """Where this host's adverts come from."""
        if family == 4:
            return self.ip4
        return self.ip6 if unicast else self.link_local


class Lab:
    """Makes pairs of hosts; close() removes them and everything in them.

    adverts: whether the witness reads the wire; thousands of adverts a second would be all that it does.
    """

    def __init__(self, *, adverts: bool = True) -> None:
        sweep()
        self.adverts = adverts
        self.witness = Witness()
        self.directory = Path(tempfile.mkdtemp(prefix=f"{PREFIX}-"))
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._namespaces: list[str] = []
        self._daemons: list[Daemon] = []

    def pair(self) -> tuple[Node, Node]:
        """Two hosts, left and right, on one wire: 192.0.2.1 and .2, fd00:2::1 and ::2, fe80::1 and ::2."""
        left, right = names = self._names("lr")
        records = [self._add(name, adverts=self.adverts) for name in names]
        run(IP, "-n", left, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", right)
        pairs = enumerate(zip(names, records, strict=True), 1)
        first, second = (_host(name, number, record) for number, (name, record) in pairs)
        return first, second

    def segment(self, count: int, *, seen: Collection[int] | None = None) -> Segment:
        """So many hosts on one switch, addressed as those of a pair.

        seen: the numbers, from 0, of those whose wire the witness reads; None: as the Lab says
        """
        switch, *names = self._names("s" + "".join(chr(ord("a") + number) for number in range(count)))
        self._add(switch, adverts=False)
        run(IP, "-n", switch, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        run(IP, "-n", switch, "link", "set", "br0", "up")
        segment = Segment(switch, [])
        for number, name in enumerate(names):
            record = self._add(name, adverts=self.adverts if seen is None else number in seen)
            segment.plug(number, name)
            segment.nodes.append(_host(name, number + 1, record))
        return segment

    def _names(self, sides: str) -> list[str]:
        number = next(self._numbers)
        # The process's pid tells sweep() whose it is; the directory's random name parts two labs of one process.
        mine = f"{PREFIX}-{os.getpid()}-{self.directory.name.removeprefix(f'{PREFIX}-')}"
        return [f"{mine}-{number}{side}" for side in sides]

    def _add(self, name: str, *, adverts: bool) -> Record:
        with self._lock:
            self._namespaces.append(name)
        run(IP, "netns", "add", name)
        return self.witness.watch(name, adverts=adverts)

    def own_namespace(self, name: str) -> None:
        """Have close() remove a namespace that a test makes itself. The name begins with that of another of ours."""
        with self._lock:
            self._namespaces.append(name)

    def daemon(self, kind: Kind, node: Node, name: str = "", *, options: tuple[str, ...] = ()) -> Daemon:
        """A daemon on `node`, not started, with a directory of its own."""
        host = node.namespace.rpartition("-")[2]
        directory = self.directory / f"{host}{name}-{kind[0]}{next(self._numbers)}"
        directory.mkdir()
        daemon = Daemon(kind, node, directory, options=options)
        with self._lock:
            self._daemons.append(daemon)
        return daemon

    def close(self) -> None:
        for daemon in self._daemons:
            daemon.discard()
        for name in self._namespaces:
            self.witness.forget(name)
        self.witness.close()
        for name in self._namespaces:
            remove_namespace(name)
        shutil.rmtree(self.directory, ignore_errors=True)


def _host(name: str, number: int, record: Record) -> Node:
    """Bring up host `number` in a namespace that has its eth0."""
    node = Node(name, f"192.0.2.{number}", f"fd00:2::{number}", f"fe80::{number}", record)
    node.set_up()
    return node


@dataclass
class Segment:
    """Hosts on one switch, a bridge in a namespace of its own: host n is on its port pn."""

    switch: str
    nodes: list[Node]

    def plug(self, number: int, namespace: str) -> None:
        """Make eth0 of a host, or make it again, and put its other end on the switch."""
        port = f"p{number}"
        run(IP, "-n", namespace, "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", self.switch)
        run(IP, "-n", self.switch, "link", "set", port, "master", "br0", "up")

    def part(self, *side: int) -> None:
        """Let nothing pass between the hosts of these numbers and the others."""
        here = ", ".join(f'"p{number}"' for number in side)
        there = ", ".join(f'"p{number}"' for number in range(len(self.nodes)) if number not in side)
        self._filter(
            f"table bridge parted {{\nchain ports {{\ntype filter hook forward priority 0;\n"
            f"iifname {{ {here} }} oifname {{ {there} }} drop\n"
            f"iifname {{ {there} }} oifname {{ {here} }} drop\n}}\n}}\n"
        )

    def heal(self) -> float:
        """End the parting; when that was."""
        at_s = time.monotonic()
        self._filter("delete table bridge parted\n")
        return at_s

    def _filter(self, text: str) -> None:
        run(IP, "netns", "exec", self.switch, "nft", "-f", "-", text=text)


def _waited_ns(pid: int) -> int:
    """For how long a process had to wait for a processor; one that has ended meanwhile is left out."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


class Daemon:
    """One pyvrrpd or keepalived. Its configuration is the text last given to configure()."""

    def __init__(self, kind: Kind, node: Node, directory: Path, *, options: tuple[str, ...] = ()) -> None:
        self.kind, self.node, self.directory, self.options = kind, node, directory, options
        self.file = directory / "keepalived.conf"
        self.log_file = directory / "log"
        self.pid_file, self.vrrp_pid_file = directory / "pid", directory / "vrrp.pid"
        self.socket = directory / "control"
        self.process: subprocess.Popen[bytes] | None = None
        self.stopping = False           # it was told to end
        node.record.checks.append(self.check)
        self.before = ""                # Python for pyvrrpd to run first: other limits
        self.wrapper: list[str] = []    # a command that becomes it, as setpriv does
        self.enter = True               # start it inside the namespace; otherwise its options say which

    def __repr__(self) -> str:
        return f"{self.kind} in {self.node.namespace}"

    def configure(self, text: str) -> None:
        self.file.write_text(text)

    @property
    def argv(self) -> list[str]:
        if self.kind == "keepalived":
            command, own = [KEEPALIVED], []
        else:
            command, own = [sys.executable, "-m", "pyvrrp.daemon"], ["--socket", str(self.socket)]
            if self.before:
                command[1:] = ["-c", f"{self.before}\nimport sys\nfrom pyvrrp.daemon import main\nsys.exit(main())"]
        files = ["-f", str(self.file), "-p", str(self.pid_file), "-r", str(self.vrrp_pid_file)]
        return [*command, "-n", "-l", "-D", "-P", *files, *own, *self.options]

    def start(self) -> float:
        """Start it; when that was. The log is appended to."""
        self.stopping = False
        inside = ["nice", "-n", str(NICE)]
        if self.enter:
            inside += [IP, "netns", "exec", self.node.namespace]
        with self.log_file.open("ab") as log:
            started_s = time.monotonic()
            self.process = subprocess.Popen(
                [*inside, *self.wrapper, *self.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env={**os.environ, "TMPDIR": str(self.directory)},      # keepalived dumps there
            )
        return started_s

    def host_delay_s(self) -> float:
        """For how long the host has kept this daemon from running so far: no processor was free, or none was there.

        The first is the scheduler's count for its processes; the second is what a hypervisor took from this machine.
        """
        waited_ns = sum(_waited_ns(pid) for pid in (self.pid, *children_of(self.pid)))
        stolen = int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[8])
        return waited_ns / 1e9 + stolen / os.sysconf("SC_CLK_TCK")

    @property
    def pid(self) -> int:
        assert self.process is not None, f"{self!r} was not started"
        return self.process.pid

    def signal(self, number: int) -> float:
        """Send it a signal; when that was."""
        self.stopping |= number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)
        at_s = time.monotonic()
        os.kill(self.pid, number)
        return at_s

    def kill(self) -> float:
        """SIGKILL: the daemon has no time to say anything; when that was.

        keepalived is killed whole, its parent held meanwhile: a parent restarts its child, and a child whose
        parent died first would stop in good order.
        """
        children = children_of(self.pid)
        self.stopping = True
        if self.kind == "keepalived":
            self.signal(signal.SIGSTOP)
            assert children, f"{self!r} has no child: {self.log()}"
        at_s = time.monotonic()
        if self.kind == "keepalived":
            for child in children:
                os.kill(child, signal.SIGKILL)
        self.signal(signal.SIGKILL)
        self.wait()
        if self.kind == "keepalived":
            # The child is a zombie until init gets to it, and its number would pass for a running daemon.
            self.pid_file.unlink(missing_ok=True)
            self.vrrp_pid_file.unlink(missing_ok=True)
        return at_s

    def terminate(self) -> float:
        """SIGTERM, and wait for the end; when it was sent."""
        at_s = self.signal(signal.SIGTERM)
        self.wait()
        return at_s

    def check(self) -> None:
        """Raise AssertionError, with the end of its log, if it ended by itself."""
        if self.process is not None and not self.stopping and self.process.poll() is not None:
            raise AssertionError(f"{self!r} ended with {self.process.returncode}:\n{self.log()[-3000:]}")

    def wait(self, timeout_s: float = 10.0) -> int:
        assert self.process is not None
        self.stopping = True
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self!r} did not end within {timeout_s:g} s:\n{self.log()}") from None

    def discard(self) -> None:
        """End it for good: for the end of a test."""
        self.stopping = True
        if self.process is None or self.process.poll() is not None:
            return
        family = [*children_of(self.pid), self.pid]
        if self.kind == "pyvrrpd":          # keepalived takes a second for it
            with contextlib.suppress(ProcessLookupError):
                self.signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(3)
        for pid in family if self.process.poll() is None else []:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        if self.kind == "keepalived":
            self.pid_file.unlink(missing_ok=True)
            self.vrrp_pid_file.unlink(missing_ok=True)

    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def wait_log(self, pattern: str, timeout_s: float, *, skip: int = 0) -> re.Match[str]:
        """Wait for a line that matches, in the log from its character `skip` on."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            ended = self.process is None or self.process.poll() is not None
            found = re.search(pattern, self.log()[skip:], re.MULTILINE)
            if found:
                return found
            assert not ended, f"{self!r} ended before {pattern!r} was in its log:\n{self.log()[-3000:]}"
            if time.monotonic() > deadline_s:
                tail = self.log()[-3000:]
                raise AssertionError(f"{self!r}: {pattern!r} not in its log in {timeout_s:g} s:\n{tail}")
            time.sleep(0.01)

    def transitions(self, instance: str = "VI_1") -> list[str]:
        """The states the log names for the instance, in order; the line comes a moment after the address."""
        time.sleep(LOGGED_S)
        return re.findall(rf"\({re.escape(instance)}\) Entering (\w+) STATE", self.log())

    # What a daemon says of itself: each kind is asked in its own way, here and nowhere else.

    def get(self, path: str) -> Any:
        """GET from pyvrrpd's control socket; the decoded JSON."""
        status, answer = self.ask("GET", path)
        assert status == 200, f"GET {path}: {status}: {answer!r}"
        return answer

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Ask pyvrrpd's control socket; the status and the decoded JSON."""
        status, answer = self.fetch(path, method, body)
        return status, json.loads(answer)

    def fetch(self, path: str, method: str = "GET", body: dict[str, Any] | None = None) -> tuple[int, bytes]:
        """Ask pyvrrpd's control socket; the status and the answer as it is."""
        connection = http.client.HTTPConnection("localhost", timeout=20)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.settimeout(20)
            connection.sock.connect(str(self.socket))
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def instance(self, name: str = "VI_1") -> dict[str, Any]:
        """What pyvrrpd's control API says of one instance."""
        answer = self.get("/v1/instances")
        for entry in answer["instances"]:
            if entry["name"] == name:
                return dict(entry)
        raise AssertionError(f"no instance {name} in {answer}")

    def counters(self, name: str = "VI_1") -> dict[str, int]:
        """pyvrrpd: the instance's counters by name."""
        return dict(self.instance(name)["counters"])

    def drops(self) -> dict[str, int]:
        """pyvrrpd: the adverts dropped, by reason, of all instances and of none; without the zeros."""
        answer = self.get("/v1/instances")
        total: dict[str, int] = {}
        of_none = answer["counters"].values()       # by address family
        for counters in (*of_none, *(entry["counters"] for entry in answer["instances"])):
            for name in DROPS & counters.keys():
                total[name] = total.get(name, 0) + counters[name]
        return {name: count for name, count in total.items() if count}

    def statistics(self) -> dict[str, int]:
        """keepalived: its statistics file as {"Advertisements.Received": n, ...}."""
        path = self.directory / "keepalived.stats"
        path.unlink(missing_ok=True)
        self.signal(signal.SIGUSR2)

        def whole() -> str | None:
            text = path.read_text() if path.exists() else ""
            return text if "Sent" in text.rpartition("Priority Zero")[2] else None

        text = until(whole, 5, f"statistics of {self!r}")
        result, heading = {}, ""
        for line in text.splitlines():
            name, _, value = line.strip().partition(":")
            if value.strip().isdigit():
                result[f"{heading}.{name}"] = int(value)
            else:
                heading = name
        return result


def children_of(pid: int) -> list[int]:
    """The processes whose parent is `pid`."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def remove_namespace(name: str) -> None:
    """End what still runs in the namespace, which is ours by its name, and remove it."""
    for pid in run(IP, "netns", "pids", name, check=False).split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    run(IP, "netns", "delete", name, check=False)


def sweep() -> None:
    """Remove the namespaces of runs that were killed: those whose process is gone."""
    for path in NS_DIRECTORY.glob(f"{PREFIX}-*-*"):
        owner = path.name.split("-")[1]
        if owner.isdigit() and not Path("/proc", owner).exists():
            remove_namespace(path.name)


@contextlib.contextmanager
def lab(*, adverts: bool = True) -> Iterator[Lab]:
    """A Lab that is closed at the end of the block."""
    made = Lab(adverts=adverts)
    try:
        yield made
    finally:
        made.close()
