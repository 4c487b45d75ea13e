"""track_process on both kinds: one file, the same things done to processes, the same states and priorities.

Then ours alone: the kernel's news as they come, and a kernel that has none.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from netns.harness import START_S, Daemon, Kind, Lab, Node, until
from pyvrrp.errors import NetlinkError
from pyvrrp.netlink.processes import ProcessEvents

pytestmark = [pytest.mark.root]

BOTH = pytest.mark.parametrize("kind", ["pyvrrpd", "keepalived"])
WAIT_S = 15.0           # for what takes an instant on an idle machine
NUMBERS = itertools.count()
BASE = 100
NO_CONNECTOR = "import pyvrrp.netlink.processes as processes\nprocesses._NETLINK_CONNECTOR = 31"


class Heard:
    """Notes all that the kernel tells."""

    def __init__(self) -> None:
        self.news: list[tuple[str, int, int | bytes]] = []
        self.changed = asyncio.Event()

    def forked(self, parent: int, child: int) -> None:
        self.news.append(("forked", parent, child))

    def executed(self, pid: int) -> None:
        self.news.append(("executed", pid, 0))

    def renamed(self, pid: int, name: bytes) -> None:
        self.news.append(("renamed", pid, name))

    def ended(self, pid: int) -> None:
        self.news.append(("ended", pid, 0))

    def lost(self) -> None:
        self.news.append(("lost", 0, 0))

    def done(self) -> None:
        self.changed.set()

    def of(self, pid: int) -> list[tuple[str, int | bytes]]:
        return [(what, more) for what, one, more in self.news if one == pid]

    async def until(self, pid: int, what: str, more: int | bytes = 0) -> None:
        """Wait until that was told of a process."""
        async with asyncio.timeout(WAIT_S):
            while (what, more) not in self.of(pid):
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
def told() -> None:
    """Skip where the kernel tells nobody of processes: there is nothing to compare then."""

    async def ask() -> None:
        ProcessEvents(Heard()).close()

    try:
        asyncio.run(ask())
    except NetlinkError as error:
        pytest.skip(str(error))


class Processes:
    """Processes that do nothing, of a program with a name that nobody else has."""

    def __init__(self, directory: Path) -> None:
        self.name = f"vt{os.getpid()}x{next(NUMBERS)}"
        self.path = directory / self.name
        shutil.copy("/bin/sleep", self.path)
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, *parameters: str) -> subprocess.Popen[bytes]:
        self.running.append(subprocess.Popen([str(self.path), "300", *parameters]))
        return self.running[-1]

    def end(self, process: subprocess.Popen[bytes], *, wait: bool = True) -> None:
        process.kill()
        if wait:
            process.wait()

    def close(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(tmp_path)
    yield made
    made.close()


def instance(name: str, vrid: int, tracked: str = "") -> str:
    return f"""
vrrp_instance {name} {{
    state BACKUP
    interface eth0
    virtual_router_id {vrid}
    priority {BASE}
    version 3
    advert_int 0.1
    virtual_ipaddress {{
        192.0.2.{100 + vrid}/24
    }}
    {tracked}
}}
"""


def process(name: str, *lines: str) -> str:
    return "\n".join([f"vrrp_track_process {name} {{", *(f"    {line}" for line in lines), "}", ""])


def started(lab: Lab, kind: Kind, text: str) -> tuple[Daemon, Node]:
    """A daemon that enters its namespace itself, as it is told of processes only outside; and who hears it."""
    left, right = lab.pair()
    daemon = lab.daemon(kind, left, options=("-s", left.namespace))
    daemon.enter = False
    daemon.configure(text)
    daemon.start()
    return daemon, right


def wait_states(daemon: Daemon, *states: str, name: str = "VI_1") -> None:
    """Wait for all states so far, the first FAULT left out: keepalived does not tell of that."""

    def so_far() -> list[str]:
        found = daemon.transitions(name)
        return found[1:] if found[:1] == ["FAULT"] else found

    until(lambda: so_far() == list(states), WAIT_S, f"the states {states} of {name} in the log of {daemon!r}")


def wait_priority(peer: Node, priority: int, vrid: int = 1) -> None:
    peer.record.wait(
        lambda: (heard := peer.record.select(sent=False, vrid=vrid)) and heard[-1].priority == priority, WAIT_S,
        f"an advert of VRID {vrid} with priority {priority}",
    )


@BOTH
@pytest.mark.keepalived("K9")
@pytest.mark.usefixtures("told")
def test_the_same_processes_come_to_the_same(lab: Lab, kind: Kind, processes: Processes) -> None:
    """Names, command lines, quorums, weights, each way in which a process ends; also what must change nothing."""
    weighted = {
        "some": ["quorum 2", "weight 3"],
        "initial": ["weight 10", "param_match initial"],
        "partial": ["weight 20", "param_match partial"],
        "exact": ["weight -40"],
        "inverse": ["weight 5 reverse"],
    }
    command = f"process {processes.path} 300 1"
    text = process("needed", f"process {processes.name}")
    for name, lines in weighted.items():
        text += process(name, f"process {processes.name}" if name in ("some", "inverse") else command, *lines)
    text += process("none", f"process {processes.name}", "quorum_max 3")
    tracked = "\n".join(["track_process {", "needed", "none", *weighted, "}"])
    daemon, peer = started(lab, kind, text + instance("VI_1", 1, tracked))

    # Nothing runs: FAULT, for as long as a MASTER would need to begin and longer.
    if kind == "pyvrrpd":
        until(lambda: daemon.socket.exists() and daemon.instance()["state"] == "FAULT", START_S, "FAULT")
        assert daemon.instance()["faults"] == [
            "track_process needed has no quorum", "track_process none has no quorum"
        ]
    else:
        daemon.wait_log("quorum not achieved", START_S)
    first = processes.start()
    wait_states(daemon, "BACKUP", "MASTER")
    wait_priority(peer, BASE - 40 - 5)
    exact = processes.start("1")
    wait_priority(peer, BASE - 5 + 3 + 10 + 20)
    longer = processes.start("12")
    wait_states(daemon, "BACKUP", "MASTER")
    # It stands still and then ends, and nobody waits for it: a zombie does not run.
    exact.send_signal(signal.SIGSTOP)
    processes.end(exact, wait=False)
    wait_priority(peer, BASE - 40 - 5 + 3 + 10)
    more = processes.start("1", "2")
    wait_priority(peer, BASE - 40 - 5 + 3 + 10 + 20)
    fourth = processes.start()
    wait_states(daemon, "BACKUP", "MASTER", "FAULT")
    processes.end(fourth)
    wait_states(daemon, "BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER")
    for each in (longer, more):
        processes.end(each)
    wait_priority(peer, BASE - 40 - 5)
    processes.end(first)
    wait_states(daemon, "BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER", "FAULT")


def check_status(daemon: Daemon, processes: Processes) -> None:
    """What is said of the script, the file and the process of the group."""
    answer = daemon.get("/v1/trackers")
    assert answer["process_news"]["is_told"]
    script, file, needed = answer["trackers"]
    group = {"name": "G", "is_group": True, "weight": 0, "reverse": False}
    assert script["tracked_by"] == [group | {"weight": 10}]
    assert (script["kind"], script["name"], script["ok"], script["last_status"]) == ("script", "check", True, 0)
    assert script["runs"] >= 1
    assert 0 < script["last_duration_s"] < WAIT_S
    assert script["next_s"] <= script["interval_s"] == 1
    assert (file["kind"], file["number"], file["users"]) == ("file", 0, 2)
    assert file["tracked_by"] == [group | {"name": "VI_1", "is_group": False, "weight": 1}, group | {"weight": 2}]
    assert needed == {
        "kind": "process", "name": "needed", "process": [processes.name], "ok": True, "count": 1, "quorum": 1,
        "quorum_max": None, "is_waiting": False, "changes": 0, "users": 1, "tracked_by": [group],
    }


@BOTH
@pytest.mark.keepalived("K9", "K10")
@pytest.mark.usefixtures("told")
def test_what_a_group_tracks_counts_for_its_members(lab: Lab, kind: Kind, processes: Processes) -> None:
    """A process, a file and a script of a group; one member tracks the file too, which counts once."""
    directory = processes.path.parent
    switch, number, check = (directory / name for name in ("switch", "number", "check"))
    check.write_text(f"#!/bin/sh\ntest -e {switch}\n")
    check.chmod(0o755)
    switch.touch()
    text = process("needed", f"process {processes.name}") + f"""
global_defs {{
    script_user root
}}
track_file number {{
    file {number}
}}
vrrp_script check {{
    script {check}
    interval 1
    weight 10
}}
vrrp_sync_group G {{
    group {{
        VI_1
        VI_2
    }}
    track_process {{
        needed
    }}
    track_file {{
        number weight 2
    }}
    track_script {{
        check
    }}
    sync_group_tracking_weight
}}
""" + instance("VI_1", 1, "track_file {\nnumber weight 1\n}") + instance("VI_2", 2)
    first = processes.start()
    daemon, peer = started(lab, kind, text)
    for name, vrid in (("VI_1", 1), ("VI_2", 2)):
        wait_states(daemon, "BACKUP", "MASTER", name=name)
        wait_priority(peer, BASE + 10, vrid)
    if kind == "pyvrrpd":
        check_status(daemon, processes)
    number.write_text("7\n")
    for vrid in (1, 2):
        wait_priority(peer, BASE + 10 + 14, vrid)
    switch.unlink()
    for vrid in (1, 2):
        wait_priority(peer, BASE + 14, vrid)
    number.write_text("-60\n")
    for vrid in (1, 2):
        wait_priority(peer, 1, vrid)
    number.unlink()
    for vrid in (1, 2):
        wait_priority(peer, BASE, vrid)
    processes.end(first)
    for name in ("VI_1", "VI_2"):
        wait_states(daemon, "BACKUP", "MASTER", "FAULT", name=name)
    processes.start()
    for name in ("VI_1", "VI_2"):
        wait_states(daemon, "BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER", name=name)


def test_without_news_proc_is_read(lab: Lab, processes: Processes) -> None:
    """As in a container: there is no connector for this daemon."""
    left, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    daemon.before = NO_CONNECTOR
    text = process("needed", f"process {processes.name}") + instance("VI_1", 1, "track_process {\nneeded\n}")
    daemon.configure(text)
    daemon.start()
    daemon.wait_log("track_process: the kernel does not tell of processes: .*; all of /proc is read", START_S)
    first = processes.start()
    wait_states(daemon, "BACKUP", "MASTER")
    processes.end(first, wait=False)
    wait_states(daemon, "BACKUP", "MASTER", "FAULT")


def storm() -> None:
    """Hundreds of processes, and nobody reads meanwhile."""
    subprocess.run(["/bin/sh", "-c", "i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i + 1)); done"], check=True)


def in_loop(test: Callable[[Heard, ProcessEvents], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        heard = Heard()
        events = ProcessEvents(heard)
        try:
            await test(heard, events)
        finally:
            events.close()

    asyncio.Runner(loop_factory=uvloop.new_event_loop).run(main())


@pytest.mark.usefixtures("told")
def test_what_the_kernel_tells() -> None:
    """Of processes and not of threads, in order."""

    async def test(heard: Heard, events: ProcessEvents) -> None:
        events.resize(1_000_000, may_exceed=True)
        thread = threading.Thread(target=time.sleep, args=(0,))
        thread.start()
        thread.join()
        child = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", "printf new > /proc/$$/comm; read line", stdin=asyncio.subprocess.PIPE
        )
        await heard.until(child.pid, "renamed", b"new")
        child.stdin.close()
        await child.wait()
        await heard.until(child.pid, "ended")
        assert ("forked", child.pid) in heard.of(os.getpid())
        assert heard.of(child.pid) == [("executed", 0), ("renamed", b"new"), ("ended", 0)]
        assert thread.native_id not in {pid for _, pid, _ in heard.news}
        assert ("forked", thread.native_id) not in heard.of(os.getpid())

    in_loop(test)


@pytest.mark.usefixtures("told")
def test_lost_news_are_noticed_and_others_follow() -> None:
    async def test(heard: Heard, events: ProcessEvents) -> None:
        events.resize(1)        # the kernel's least: a few of them
        storm()
        await heard.until(0, "lost")
        events.resize(1_000_000, may_exceed=True)
        child = await asyncio.create_subprocess_exec("/bin/true")
        await child.wait()
        await heard.until(child.pid, "ended")

    in_loop(test)
