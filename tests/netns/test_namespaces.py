"""Network namespaces behind names: one daemon, instances in several, and names that come and go."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from netns.harness import IP, START_S, Daemon, Lab, children_of, run, until
from pyvrrp.errors import NetlinkError
from pyvrrp.netlink.processes import ProcessEvents

pytestmark = [pytest.mark.root]

MASTER_S = START_S + 1.0


def instance(name: str, vrid: int, *words: str) -> str:
    lines = "\n".join(f"    {word}" for word in words)
    return f"""
vrrp_instance {name} {{
    interface eth0
    virtual_router_id {vrid}
    priority 200
    version 3
    advert_int 0.1
{lines}
    virtual_ipaddress {{
        192.0.2.{100 + vrid}/24
    }}
}}
"""


def test_one_daemon_in_two_namespaces(lab: Lab) -> None:
    """The same VRID and name of interface in each: nothing of one is heard in the other."""
    left, right = lab.pair()
    other_left, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(instance("HERE", 1) + instance("THERE", 1, f"net_namespace {other_left.namespace}"))
    daemon.start()
    for node in (left, other_left):
        node.record.wait_address("192.0.2.101", True, timeout_s=MASTER_S)
        node.record.wait_adverts(3, sent=True, vrid=1, timeout_s=5)
    assert not right.has("192.0.2.101")
    assert daemon.instance("HERE")["net_namespace"] is None
    assert daemon.instance("THERE")["net_namespace"] == other_left.namespace
    assert all(count == 0 for name, count in daemon.counters("THERE").items() if name.endswith("_err"))
    daemon.terminate()
    assert not left.has("192.0.2.101")
    assert not other_left.has("192.0.2.101")


def test_the_file_says_the_namespace_of_all(lab: Lab) -> None:
    left, _ = lab.pair()
    other, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(f"net_namespace {other.namespace}\n" + instance("VI_1", 1))
    daemon.start()
    other.record.wait_address("192.0.2.101", True, timeout_s=MASTER_S)
    assert not left.has("192.0.2.101")


@pytest.fixture
def coming(lab: Lab) -> tuple[Daemon, str]:
    """A daemon with one instance at home and one in a namespace that is not there yet."""
    left, _ = lab.pair()
    name = f"{left.namespace}-late"
    lab.own_namespace(name)
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(instance("HERE", 1) + instance("LATE", 2, f"net_namespace {name}"))
    daemon.start()
    left.record.wait_address("192.0.2.101", True, timeout_s=MASTER_S)
    return daemon, name


def make(name: str) -> None:
    """A namespace with an interface that is up; its other end is in it too."""
    run(IP, "netns", "add", name)
    lines = "link set lo up\nlink set eth0 up\nlink set eth1 up\naddress add 192.0.2.9/24 dev eth0\n"
    run(IP, "-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
    run(IP, "-n", name, "-batch", "-", text=lines)


def has(name: str, address: str) -> bool:
    return f"inet {address}/" in run(IP, "-n", name, "address", "show", "dev", "eth0", check=False)


def sockets_in(daemon: Daemon, namespace: int) -> int:
    """How many descriptors of the daemon hold a namespace, by inode."""
    found = 0
    for entry in Path(f"/proc/{daemon.pid}/fd").iterdir():
        try:
            found += entry.stat().st_ino == namespace
        except OSError:
            continue
    return found


def test_a_namespace_that_is_missing_is_waited_for_and_given_up(coming: tuple[Daemon, str]) -> None:
    daemon, name = coming
    path = Path("/run/netns") / name
    assert daemon.instance("LATE")["state"] == "FAULT"
    assert daemon.instance("LATE")["faults"] == [f"there is no network namespace {name}"]
    assert not path.exists(), "nothing makes one by mistake"
    before = len(list(Path(f"/proc/{daemon.pid}/fd").iterdir()))

    make(name)
    inode = path.stat().st_ino
    until(lambda: has(name, "192.0.2.102"), 5, "the address in the namespace that came")
    assert sockets_in(daemon, inode) == 1
    assert daemon.instance("LATE")["state"] == "MASTER"

    run(IP, "netns", "del", name)
    daemon.wait_log(rf"network namespace {name} is gone", 5)
    until(lambda: daemon.instance("LATE")["state"] == "FAULT", 5, "FAULT once the name is gone")
    until(lambda: sockets_in(daemon, inode) == 0, 5, "nothing held of it")
    held = Path(f"/proc/{daemon.pid}/fd")
    until(lambda: len(list(held.iterdir())) <= before, 5, "every descriptor in it is closed")

    mark = len(daemon.log())
    make(name)
    until(lambda: has(name, "192.0.2.102"), 5, "the address in the namespace that came back")
    daemon.wait_log(r"\(LATE\) Entering MASTER STATE", 5, skip=mark)
    assert daemon.transitions("HERE") == ["BACKUP", "MASTER"], "the others never noticed"
    daemon.terminate()
    assert not has(name, "192.0.2.102")


def test_a_name_that_means_another_namespace_now(coming: tuple[Daemon, str]) -> None:
    """Deleted and made again between two looks."""
    daemon, name = coming
    make(name)
    until(lambda: has(name, "192.0.2.102"), 5, "the address")
    run(IP, "netns", "del", name)
    make(name)
    until(lambda: has(name, "192.0.2.102"), 8, "the address in the new one")
    assert daemon.instance("LATE")["state"] == "MASTER"


def test_the_daemons_own_namespace_by_its_name(lab: Lab) -> None:
    """As with -s NAME and a file that says the same: one namespace, not two."""
    left, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(instance("A", 1) + instance("B", 2, f"net_namespace {left.namespace}"))
    daemon.start()
    for number in (1, 2):
        left.record.wait_address(f"192.0.2.{100 + number}", True, timeout_s=MASTER_S)
    assert daemon.drops() == {}
    assert daemon.transitions("B") == ["BACKUP", "MASTER"]


def test_what_is_no_namespace_is_waited_for(lab: Lab, tmp_path: Path) -> None:
    left, _ = lab.pair()
    plain = tmp_path / "plain"
    plain.touch()
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(instance("A", 1) + instance("B", 2, f"net_namespace {plain}"))
    daemon.start()
    left.record.wait_address("192.0.2.101", True, timeout_s=MASTER_S)
    assert daemon.instance("B")["faults"] == [f"{plain} is no network namespace yet"]


def test_by_path_and_static_blocks_of_another_namespace(lab: Lab, tmp_path: Path) -> None:
    """A namespace that somebody binds to a path of his own: waited for, used, given up; also for static blocks."""
    left, _ = lab.pair()
    name = f"{left.namespace}-bound"
    lab.own_namespace(name)
    make(name)
    path = tmp_path / "its net"
    daemon = lab.daemon("pyvrrpd", left, options=("-s", left.namespace))
    daemon.enter = False                # ip netns exec would give it mounts of its own
    daemon.configure(f"""
net_namespace "{path}"
static_ipaddress {{
    203.0.113.5/24 dev eth0
}}
static_routes {{
    198.51.100.0/24 via 203.0.113.9 dev eth0
}}
static_rules {{
    from 203.0.113.0/24 table 77 priority 900
}}
""" + instance("BOUND", 3))
    daemon.start()
    until(daemon.socket.exists, START_S, "it answers")
    until(lambda: daemon.instance("BOUND")["state"] == "FAULT", 5, "it waits")
    assert daemon.instance("BOUND")["faults"] == [f"there is no network namespace {path}"]
    assert daemon.get("/v1/instances")["problems"] == [
        f"static blocks of keepalived: there is no network namespace {path}"]

    def static() -> tuple[bool, bool, bool]:
        route = run(IP, "-n", name, "route", "show", "198.51.100.0/24", check=False)
        rule = run(IP, "-n", name, "rule", "show", "priority", "900", check=False)
        return has(name, "203.0.113.5"), "via 203.0.113.9" in route, "from 203.0.113.0/24 lookup 77" in rule

    for _ in range(2):
        path.touch()
        run("mount", "--bind", f"/run/netns/{name}", str(path))
        try:
            until(lambda: has(name, "192.0.2.103"), START_S, "the address in the namespace behind the path")
            until(lambda: static() == (True, True, True), 5, "and what is static")
            assert daemon.get("/v1/instances")["problems"] == []
        finally:
            run("umount", str(path))
        path.unlink()
        until(lambda: daemon.instance("BOUND")["state"] == "FAULT", 5, "FAULT once the path is gone")
        until(lambda: not has(name, "192.0.2.103"), 5, "its address went before")
    assert not (Path("/run/netns") / path.name).exists()
    daemon.terminate()


def test_whatever_a_path_is(lab: Lab, tmp_path: Path) -> None:
    """Anything that is no namespace is said to be none, waited for and left as it is; a link to one is one."""
    left, _ = lab.pair()
    other, _ = lab.pair()
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "fifo")            # which nobody writes to: opening it must not wait
    os.mknod(tmp_path / "device", 0o20666, os.makedev(1, 3))
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "link").symlink_to(f"/run/netns/{other.namespace}")
    (tmp_path / "pid").symlink_to("/proc/self/ns/pid")      # a namespace of another kind
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "socket"))

    def snapshot() -> dict[str, tuple[int, int]]:
        found = [*tmp_path.iterdir(), *Path("/run/netns").glob(f"{left.namespace.rpartition('-')[0]}-*")]
        return {str(path): (path.lstat().st_ino, path.lstat().st_mode) for path in found}

    with listening:
        before = snapshot()
        why = {
            "missing": "there is no network namespace {}",
            "missing/below": "there is no network namespace {}",
            "directory": "{} is no network namespace yet",
            "fifo": "{} is no network namespace yet",
            "device": "{} is no network namespace yet",
            "dangling": "there is no network namespace {}",
            "loop": "network namespace {} cannot be opened: Too many levels of symbolic links",
            "pid": "{} is no network namespace yet",
            "socket": "network namespace {} cannot be opened: No such device or address",
        }
        daemon = lab.daemon("pyvrrpd", left)
        daemon.configure(instance("HERE", 1) + instance("LINK", 2, f"net_namespace {tmp_path}/link") + "".join(
            instance(f"N{number}", 10 + number, f"net_namespace {tmp_path}/{name}") for number, name in enumerate(why)
        ))
        daemon.start()
        left.record.wait_address("192.0.2.101", True, timeout_s=MASTER_S)
        other.record.wait_address("192.0.2.102", True, timeout_s=MASTER_S)
        until(lambda: all(one["state"] == "FAULT" for one in daemon.get("/v1/instances")["instances"]
                          if one["name"].startswith("N")), 8, "all others wait")
        for number, (name, sentence) in enumerate(why.items()):
            assert daemon.instance(f"N{number}")["faults"] == [sentence.format(tmp_path / name)]
        daemon.terminate()
        assert snapshot() == before, "nothing was made, mounted or removed"


def test_opening_a_namespace_forks_nothing(coming: tuple[Daemon, str]) -> None:
    """By the kernel's word on every process of this host."""
    daemon, name = coming
    forked: list[tuple[int, int]] = []

    class Heard:
        def forked(self, parent: int, child: int) -> None:
            forked.append((parent, child))

        def executed(self, _pid: int) -> None: ...
        def renamed(self, _pid: int, _name: bytes) -> None: ...
        def ended(self, _pid: int) -> None: ...
        def done(self) -> None: ...

        def lost(self) -> None:
            raise AssertionError("news of processes were lost")

    def ours() -> int:
        return sum(parent == os.getpid() for parent, _ in forked)

    async def watch() -> None:
        try:
            events = ProcessEvents(Heard())
        except NetlinkError as error:
            pytest.skip(str(error))
        try:
            for _ in range(2):
                await asyncio.to_thread(make, name)
                await asyncio.to_thread(until, lambda: has(name, "192.0.2.102"), 8, "the address")
                run(IP, "netns", "del", name)
                await asyncio.to_thread(until, lambda: daemon.instance("LATE")["state"] == "FAULT", 8, "FAULT")
            # The news of a fork of our own say that all before have come.
            before = ours()
            await asyncio.to_thread(run, "true")
            await asyncio.to_thread(until, lambda: ours() > before, 8, "the newest of the news")
        finally:
            events.close()

    family = {daemon.pid, *children_of(daemon.pid)}
    asyncio.run(watch())
    assert forked, "it does hear of forks"
    assert not [(parent, child) for parent, child in forked if parent in family]


def test_nothing_is_left_to_whoever_lives_on_in_a_namespace(coming: tuple[Daemon, str]) -> None:
    """Its name is gone while a process is still in it: addresses, interfaces, rules and settings go all the same."""
    daemon, name = coming
    daemon.configure(
        f"net_namespace {name}\nstatic_ipaddress {{\n203.0.113.5/24 dev eth0\n}}\n"
        f"static_rules {{\nfrom 203.0.113.0/24 table 77 priority 900\n}}\n"
        + instance("LATE", 2, "use_vmac", "no_accept") + instance("MORE", 3, "promote_secondaries")
    )
    daemon.signal(signal.SIGHUP)
    make(name)
    process = subprocess.Popen([IP, "netns", "exec", name, "sleep", "120"])
    try:
        inside = ("nsenter", f"--net=/proc/{process.pid}/ns/net")

        def seen() -> tuple[str, ...]:
            found = []
            for command in ("ip -o -4 address", "ip rule", "ip -br link show type macvlan", "nft list ruleset",
                            "sysctl net.ipv4.conf.eth0"):
                found.append(run(*inside, *command.split()).replace("scope global secondary", "scope global"))
            return tuple(found)

        until(lambda: "192.0.2.103" in run(*inside, "ip", "address"), START_S, "its addresses")
        until(lambda: "192.0.2.102" in run(*inside, "ip", "address"), 5, "and that on the virtual MAC")
        there = seen()
        assert "203.0.113.5" in there[0]
        assert "lookup 77" in there[1]
        assert "vrrp.2" in there[2]
        assert "192.0.2.102" in there[3]
        assert "arp_ignore = 1" in there[4]
        run(IP, "netns", "del", name)
        until(lambda: daemon.get("/v1/instances")["problems"], 8, "the name is missed")
        until(lambda: "203.0.113.5" not in seen()[0] and not seen()[3], 8, "all is gone")
        gone = seen()
        assert "192.0.2.10" not in gone[0]
        assert "lookup 77" not in gone[1]
        assert not gone[2]
        for setting in ("arp_ignore = 0", "arp_filter = 0", "arp_announce = 0", "promote_secondaries = 0"):
            assert setting in gone[4]
    finally:
        process.kill()
        process.wait()


def test_settings_that_cannot_be_written_stand_in_the_status(lab: Lab) -> None:
    """As in a container with a /proc/sys for reading only: all else runs."""
    left, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    # ip netns exec has given it mounts of its own.
    daemon.before = """
import subprocess
for words in ("--bind /proc/sys /proc/sys", "-o remount,ro,bind /proc/sys"):
    subprocess.run(["mount", *words.split()], check=True)
"""
    daemon.configure(instance("VMAC", 1, "use_vmac") + instance("MORE", 2, "promote_secondaries"))
    daemon.start()
    for number in (1, 2):
        left.record.wait_address(f"192.0.2.{100 + number}", True, timeout_s=MASTER_S)
    promote, vmac = sorted(daemon.get("/v1/instances")["problems"], reverse=True)
    assert promote.startswith("the daemon's network namespace: promote_secondaries cannot be set on eth0: Read-only")
    assert vmac.startswith("the daemon's network namespace: /proc/sys/net/")
    assert "Read-only file system; set it, and those like it, beforehand" in vmac
    daemon.terminate()
