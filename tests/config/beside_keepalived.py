"""keepalived and pyvrrp beside one another, on many files: the config test, and a start.

Both are done in network namespaces that have the interfaces of INTERFACES, and nothing else; they go with the processes
in them. What a daemon makes in /run is made in a /run of its own.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONFIG_ID = "left"
INTERFACES = frozenset(("lo", "eth0", "eth1", "ha-0f1e2d3c-4b", "qr-11223344-55", "qg-66778899-aa", "qx-66778899-aa"))
NAMESPACE = """
ip -batch - <<END
link set lo up
link add eth0 type veth peer name eth1
link add ha-0f1e2d3c-4b type veth peer name qr-11223344-55
link add qg-66778899-aa type veth peer name qx-66778899-aa
address add 192.0.2.11/24 dev eth0
address add 198.51.100.11/24 dev eth1
address add 169.254.192.5/18 dev ha-0f1e2d3c-4b
link set eth0 up
link set eth1 up
link set ha-0f1e2d3c-4b up
link set qr-11223344-55 up
link set qg-66778899-aa up
link set qx-66778899-aa up
END
"""
OWN_RUN = "mount -t tmpfs -o size=1M none /run\n"
AT_ONCE = 4
START_S = 20.0      # a daemon is up within this on a busy machine
CRASHED = "died: Respawning"
IDLE = "no configuration to run"
STARTED = re.compile(f"Startup complete|{CRASHED}|{IDLE}")
DUMP_S = 5.0        # it writes no JSON at all where there is no instance
JSON_DUMP = 36      # SIGRTMIN + 2, as keepalived --signum=JSON says

# The output of each config test goes to a file of its number; its last line is the status.
CONFIG_TESTS = """
n=0
for file; do
    n=$((n + 1))
    printf '%s\\0%s\\0' "$file" "$OUT/$n"
done | xargs -0 -n 2 -P 4 sh -c '
    timeout -s KILL 10 keepalived --vrrp --config-test --config-id left --use-file "$1" > "$2" 2>&1; echo $? >> "$2"' sh
"""
SECURITY = "SECURITY VIOLATION - scripts are being executed but script_security not enabled."


@dataclass(frozen=True, slots=True)
class Verdict:
    """What keepalived's config test says of a file."""

    status: int
    messages: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Leaving aside what it says of scripts without enable_script_security; that makes the status 6."""
        return self.status == 0 or (self.status == 6 and set(self.messages) == {SECURITY})


def config_tests(paths: Sequence[Path], directory: Path) -> list[Verdict]:
    """keepalived's config test of each file. The directory is for what it prints."""
    subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-ec", OWN_RUN + NAMESPACE + CONFIG_TESTS, "sh", *map(str, paths)],
        env={**os.environ, "OUT": str(directory)},
        check=True,
        timeout=60,
    )
    tested = []
    for number in range(1, len(paths) + 1):
        *messages, status = (directory / str(number)).read_text(errors="replace").splitlines()
        tested.append(Verdict(int(status), tuple(line for line in messages if line)))
    return tested


@dataclass(frozen=True, slots=True, order=True)
class Running:
    """An instance that runs."""

    name: str
    vrid: int
    priority: int                       # without what trackers make of it
    vips: tuple[str, ...]               # ADDRESS/LENGTH, sorted
    excluded: tuple[str, ...]


def both_started(paths: Sequence[Path], directory: Path) -> list[tuple[set[Running], set[Running]]]:
    """What runs when keepalived, and when pyvrrpd, is started with each file. Nothing: it does not start."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        theirs = [pool.submit(_keepalived, path, _made(directory / f"k{n}")) for n, path in enumerate(paths)]
        ours = [pool.submit(_pyvrrpd, path, _made(directory / f"p{n}")) for n, path in enumerate(paths)]
        return [(one.result(), other.result()) for one, other in zip(theirs, ours, strict=True)]


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def _keepalived(path: Path, directory: Path) -> set[Running]:
    dump = directory / "keepalived.json"
    argv = ["keepalived", "-n", "-l", "-D", "-P", "-i", CONFIG_ID, "-f", str(path)]
    argv += ["-p", str(directory / "pid"), "-r", str(directory / "vrrp.pid")]
    with _started(argv, directory) as daemon:
        # 2.2.7 crashes on some files, and starts its child again and again.
        started = _until(daemon, lambda: STARTED.search(_log(directory)), START_S)
        assert started or daemon.poll() is not None, f"keepalived neither starts nor ends: {_log(directory)}"
        if started is None or started[0] in {CRASHED, IDLE}:
            return set()
        os.kill(daemon.pid, JSON_DUMP)
        entries = _until(daemon, lambda: _json(dump), DUMP_S)
    return {
        Running(
            entry["data"]["iname"],
            entry["data"]["vrid"],
            entry["data"]["base_priority"],
            _addresses(entry["data"].get("vips", ())),
            _addresses(entry["data"].get("evips", ())),
        )
        for entry in entries or ()
    }


def _pyvrrpd(path: Path, directory: Path) -> set[Running]:
    control = directory / "control"
    argv = [sys.executable, "-m", "pyvrrp.daemon", "-n", "-l", "-P", "-i", CONFIG_ID, "-f", str(path)]
    with _started([*argv, "--socket", str(control)], directory) as daemon:
        answer = _until(daemon, lambda: _asked(control), START_S)
        assert answer or daemon.poll() is not None, f"pyvrrpd neither starts nor ends: {_log(directory)}"
    assert "Traceback" not in _log(directory), _log(directory)
    return {
        Running(
            entry["name"],
            entry["vrid"],
            entry["base_priority"],
            _addresses(entry["vips"]),
            _addresses(entry["excluded"]),
        )
        for entry in (answer or {"instances": ()})["instances"]
        if entry["state"] != "REFUSED"
    }


@contextlib.contextmanager
def _started(argv: Sequence[str], directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon in namespaces of its own; at the end it is killed, with its children."""
    with (directory / "log").open("wb") as log:
        daemon = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-ec", OWN_RUN + NAMESPACE + 'exec "$@"', "sh", *argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(directory)},       # keepalived dumps there
        )
    try:
        yield daemon
    finally:
        children = _children(daemon.pid)
        for pid in (daemon.pid, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        daemon.wait()


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _until(daemon: subprocess.Popen[bytes], found: Callable[[], Any], within_s: float) -> Any:
    """What `found` returns once that is true; None if the daemon ends before, or has no answer in time."""
    deadline_s = time.monotonic() + within_s
    while True:
        ended = daemon.poll() is not None
        if result := found():
            return result
        if ended or time.monotonic() > deadline_s:
            return None
        time.sleep(0.02)


def _log(directory: Path) -> str:
    return (directory / "log").read_text(errors="replace")


def _json(path: Path) -> Any:
    """What a file holds; None while it is not whole."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def _asked(control: Path) -> Any:
    """What pyvrrpd says of its instances; None while it does not listen."""
    connection = http.client.HTTPConnection("localhost", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.settimeout(5)
        connection.sock.connect(str(control))
        connection.request("GET", "/v1/instances")
        return json.loads(connection.getresponse().read())
    except OSError:
        return None
    finally:
        connection.close()


def _addresses(entries: Sequence[str]) -> tuple[str, ...]:
    """keepalived leaves out the length of a single host's address."""
    words = [entry.split()[0] for entry in entries]
    return tuple(sorted(word if "/" in word else word + ("/128" if ":" in word else "/32") for word in words))
