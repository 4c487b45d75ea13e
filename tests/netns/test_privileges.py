"""What the daemon may do once it runs, and that this is enough; and that scripts have all that their user has."""

from __future__ import annotations

import os
import pwd
import signal
import sys
from pathlib import Path

import pytest

from pyvrrp import linux, privileges

from .harness import START_S, Daemon, Lab, Node, children_of, run, until

pytestmark = pytest.mark.root

VIP = "192.0.2.100"
PATIENCE_S = 2 * START_S         # no test here is about time
UNITS = Path(__file__).resolve().parents[2] / "contrib/systemd"
NOBODY = pwd.getpwnam("nobody")
ALWAYS = linux.bits(*privileges.ALWAYS)
AT_TIMES = linux.bits(*privileges.AT_TIMES)


def instance(*lines: str, name: str = "VI_1", vrid: int = 51, vip: str = VIP) -> str:
    return "\n".join([
        f"vrrp_instance {name} {{", "interface eth0", f"virtual_router_id {vrid}", "priority 200", "version 3",
        "advert_int 0.2", *lines, "virtual_ipaddress {", f"{vip}/24", "}", "}", "",
    ])


def sets_of(pid: int | str) -> dict[str, str]:
    """CapEff, CapBnd and the others, as /proc has them."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("Cap", "NoNewPrivs"))}


def teller(daemon: Daemon, name: str, *, mode: int = 0o755) -> tuple[Path, Path]:
    """A script that writes down what it may do, and where it does."""
    path, told = daemon.directory / name, daemon.directory / f"{name}.told"
    told.touch()
    os.chown(told, NOBODY.pw_uid, NOBODY.pw_gid)
    path.write_text(f"#!/bin/sh\ngrep -E '^(Cap|NoNew)' /proc/self/status > {told}\n")
    path.chmod(mode)
    return path, told


def told_by(told: Path) -> dict[str, str]:
    until(lambda: told.exists() and "NoNewPrivs" in told.read_text(), PATIENCE_S, f"{told.name} is written")
    return {line.split(":")[0]: line.split()[1] for line in told.read_text().splitlines()}


def spawner(daemon: Daemon) -> int:
    return next((pid for pid in children_of(daemon.pid)
                 if b"pyvrrp.scripts.spawner" in Path(f"/proc/{pid}/cmdline").read_bytes()), 0)


def open_to_all(daemon: Daemon) -> None:
    """Let other users reach the daemon's directory."""
    daemon.directory.parent.chmod(0o711)
    daemon.directory.chmod(0o755)


@pytest.fixture
def node(lab: Lab) -> Node:
    return lab.pair()[0]


def test_every_thread_keeps_little_and_scripts_keep_all(lab: Lab, node: Node) -> None:
    daemon = lab.daemon("pyvrrpd", node)
    open_to_all(daemon)
    as_root, root_told = teller(daemon, "as-root")
    as_nobody, nobody_told = teller(daemon, "as-nobody")
    daemon.configure(
        "global_defs {\nscript_user root\n}\nvrrp_track_process init {\nprocess no-such-process\nweight 1\n}\n"
        + instance(f'notify_backup "{as_nobody}" nobody', f'notify_master "{as_root}"', "track_process {\ninit\n}")
    )
    daemon.start()
    node.record.wait_address(VIP, True, timeout_s=PATIENCE_S)
    mine = sets_of("self")
    root, nobody = told_by(root_told), told_by(nobody_told)
    assert {name: root[name] for name in ("CapEff", "CapPrm", "CapBnd")} == {
        name: mine[name] for name in ("CapEff", "CapPrm", "CapBnd")
    }
    assert root["NoNewPrivs"] == nobody["NoNewPrivs"] == "0"
    assert int(nobody["CapEff"], 16) == int(nobody["CapPrm"], 16) == 0
    assert sets_of(spawner(daemon))["CapEff"] == mine["CapEff"]

    daemon.wait_log("Capabilities that are kept: net_admin, net_raw; for single calls ", PATIENCE_S)
    threads = privileges.of_process(daemon.pid)
    assert len(threads) >= 4, "the reactor, the log, netlink, /proc"
    have = int(mine["CapPrm"], 16)
    main = threads.pop(str(daemon.pid))
    assert main == linux.Capabilities(ALWAYS & have, (ALWAYS | AT_TIMES) & have, 0)
    for sets in threads.values():
        assert sets.effective & ~linux.bits(linux.CAP_NET_ADMIN, linux.CAP_SYS_PTRACE) == 0, sets
        assert sets.permitted & ~linux.bits(linux.CAP_NET_ADMIN, linux.CAP_SYS_PTRACE, linux.CAP_DAC_OVERRIDE) == 0

    # What runs scripts may die: the next one, and root's scripts, have everything again.
    os.kill(spawner(daemon), signal.SIGKILL)
    daemon.wait_log("starting another", PATIENCE_S)
    until(lambda: spawner(daemon), PATIENCE_S, "another spawner")
    root_told.write_text("")
    node.ip("link", "set", "eth0", "down")
    node.ip("link", "set", "eth0", "up")
    assert told_by(root_told)["CapEff"] == mine["CapEff"]


def test_scripts_of_other_users_that_a_dead_spawner_left_are_ended(lab: Lab, node: Node) -> None:
    daemon = lab.daemon("pyvrrpd", node)
    open_to_all(daemon)
    hangs, pids = daemon.directory / "hangs", daemon.directory / "pids"
    pids.touch()
    os.chown(pids, NOBODY.pw_uid, NOBODY.pw_gid)
    hangs.write_text(f'#!/bin/sh\ntrap "" TERM\necho $$ > {pids}\nsleep 60 & wait\nsleep 60\n')
    hangs.chmod(0o755)
    daemon.configure(instance(f'notify_master "{hangs}" nobody'))
    daemon.start()
    pid = int(until(lambda: pids.read_text().strip(), PATIENCE_S, "the script runs"))
    os.kill(spawner(daemon), signal.SIGKILL)

    def is_gone() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    until(is_gone, PATIENCE_S, "it ignores SIGTERM, and gets SIGKILL from a daemon of another user")


def test_namespaces_that_come_later(lab: Lab, node: Node) -> None:
    daemon = lab.daemon("pyvrrpd", node)
    daemon.configure(instance())
    daemon.start()
    node.record.wait_address(VIP, True, timeout_s=PATIENCE_S)
    later = f"{node.namespace}x"
    lab.own_namespace(later)
    daemon.configure(instance() + instance(f"net_namespace {later}", name="VI_2", vip="198.51.100.1"))
    daemon.signal(signal.SIGHUP)
    daemon.wait_log(r"there is no network namespace", PATIENCE_S)
    run("ip", "netns", "add", later)
    run("ip", "-n", later, "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
    for name in ("eth1", "eth0"):
        run("ip", "-n", later, "link", "set", name, "up")
    run("ip", "-n", later, "address", "add", "198.51.100.7/24", "dev", "eth0")
    until(lambda: "198.51.100.1/24" in run("ip", "-n", later, "address"), PATIENCE_S, "the address in the new one")
    # One that a file names by a process, which root may look into only with SYS_PTRACE.
    daemon.configure(instance() + instance(f"net_namespace /proc/{os.getpid()}/ns/net", name="VI_2"))
    daemon.signal(signal.SIGHUP)
    until(lambda: "198.51.100.1/24" not in run("ip", "-n", later, "address"), PATIENCE_S, "it goes from the old one")
    until(lambda: "VI_2" in str(daemon.get("/v1/instances")), PATIENCE_S, "it is there")
    assert "cannot be opened" not in daemon.log()


def test_files_in_directories_of_other_users(lab: Lab, node: Node) -> None:
    """As OpenStack's agents have them: theirs, and nobody else's to enter."""
    daemon = lab.daemon("pyvrrpd", node)
    theirs = daemon.directory / "theirs"
    theirs.mkdir(mode=0o700)
    os.chown(theirs, NOBODY.pw_uid, NOBODY.pw_gid)
    daemon.pid_file, daemon.vrrp_pid_file = theirs / "pid", theirs / "vrrp.pid"
    number, fifo = theirs / "number", theirs / "fifo"
    number.write_text("0\n")
    number.chmod(0o600)
    os.chown(number, NOBODY.pw_uid, NOBODY.pw_gid)
    late = (
        f'global_defs {{\nvrrp_notify_fifo {fifo} nobody\nstate_dump_file {theirs}/data\n}}\n'
        f'vrrp_track_file number {{\nfile {number}\nweight 1\n}}\n' + instance("track_file {\nnumber\n}")
    )
    daemon.configure(instance())
    daemon.start()
    node.record.wait_address(VIP, True, timeout_s=PATIENCE_S)
    daemon.configure(late)
    daemon.signal(signal.SIGHUP)
    until(fifo.exists, PATIENCE_S, "the FIFO")
    assert fifo.stat().st_uid == NOBODY.pw_uid
    number.write_text("-50\n")
    until(lambda: daemon.instance("VI_1")["priority"] == 150, PATIENCE_S, "the number counts")
    daemon.signal(signal.SIGUSR1)
    dump = theirs / "data"
    until(dump.exists, PATIENCE_S, "the dump")
    assert dump.stat().st_mode & 0o777 == 0o600
    daemon.terminate()
    assert sorted(path.name for path in theirs.iterdir()) == ["data", "number"], "pid files and FIFO are gone"


def as_other_user(*argv: str) -> list[str]:
    """A command that becomes `argv`, run where every user may enter the directory that Python is in."""
    prefix = Path(sys.base_prefix).resolve()
    shut = next((str(path) for path in reversed(prefix.parents) if not path.stat().st_mode & 0o001), "")
    if not shut:
        return list(argv)
    # In mounts of its own: the directory is covered by one that all may enter, with Python in it and nothing else.
    script = (
        'set -e; held=$(mktemp -d); mount --make-rprivate /; mount --bind "$1" "$held"; '
        'mount -t tmpfs -o mode=755 none "$2"; mkdir -p "$1"; mount --bind "$held" "$1"; '
        'umount "$held"; rmdir "$held"; shift 2; exec "$@"'
    )
    return ["unshare", "--mount", "sh", "-c", script, "sh", str(prefix), shut, *argv]


def test_as_another_user_with_two_capabilities(lab: Lab, node: Node) -> None:
    """As contrib/systemd/user.conf has it; its scripts get the same two."""
    caps = ",".join(f"+{name}" for name in bounding("user.conf"))
    daemon = lab.daemon("pyvrrpd", node)
    open_to_all(daemon)
    told = daemon.directory / "told"
    script = daemon.directory / "script"
    script.write_text(f"#!/bin/sh\ngrep -E '^(Cap|NoNew)' /proc/self/status > {told}\n")
    script.chmod(0o755)
    daemon.configure(instance(f'notify_master "{script}"'))
    for path in (daemon.directory, daemon.file):
        os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
    daemon.wrapper = as_other_user(
        "setpriv", "--reuid", "nobody", "--regid", str(NOBODY.pw_gid), "--clear-groups",
        "--inh-caps", caps, "--ambient-caps", caps, "--bounding-set", f"-all,{caps}", "--no-new-privs",
    )
    daemon.start()
    node.record.wait_address(VIP, True, timeout_s=PATIENCE_S)
    assert Path(f"/proc/{daemon.pid}").stat().st_uid == NOBODY.pw_uid
    assert privileges.of_process(daemon.pid)[str(daemon.pid)] == linux.Capabilities(ALWAYS, ALWAYS, ALWAYS)
    assert int(told_by(told)["CapEff"], 16) == ALWAYS
    node.record.wait_adverts(2, sent=True, timeout_s=PATIENCE_S)
    os.kill(spawner(daemon), signal.SIGKILL)
    daemon.wait_log("starting another", PATIENCE_S)
    until(lambda: spawner(daemon), PATIENCE_S, "another spawner")
    assert int(sets_of(spawner(daemon))["CapAmb"], 16) == ALWAYS, "and the next one has them too"
    daemon.configure(instance(f'notify_master "{script}"').replace(VIP, "192.0.2.101"))
    daemon.signal(signal.SIGHUP)
    node.record.wait_address("192.0.2.101", True, timeout_s=PATIENCE_S)
    daemon.terminate()
    assert not node.has("192.0.2.101")


def bounding(file: str) -> list[str]:
    """The capabilities that a drop-in leaves, as setpriv(1) names them."""
    text = (UNITS / file).read_text()
    (line,) = (line for line in text.splitlines() if line.startswith("CapabilityBoundingSet="))
    return [name.removeprefix("CAP_").lower() for name in line.partition("=")[2].split()]


@pytest.mark.parametrize("kept", [["net_admin", "net_raw"], bounding("hardening.conf")], ids=["container", "hardening"])
def test_root_with_fewer_capabilities(lab: Lab, node: Node, kept: list[str]) -> None:
    """In a container without SYS_ADMIN, and under contrib/systemd/hardening.conf."""
    daemon = lab.daemon("pyvrrpd", node)
    script, told = teller(daemon, "script")
    daemon.configure("global_defs {\nscript_user root\n}\n" + instance(f'notify_master "{script}"'))
    caps = "-all" + "".join(f",+{name}" for name in kept)
    daemon.wrapper = ["setpriv", "--bounding-set", caps, "--inh-caps", "-all", "--no-new-privs"]
    os.chown(told, 0, 0)
    daemon.start()
    node.record.wait_address(VIP, True, timeout_s=PATIENCE_S)
    assert sets_of(daemon.pid)["CapEff"] == f"{ALWAYS:016x}"
    assert told_by(told)["CapEff"] == sets_of(daemon.pid)["CapBnd"]
    daemon.signal(signal.SIGHUP)
    daemon.wait_log("Reloading", PATIENCE_S)
    node.record.wait_adverts(2, sent=True, timeout_s=PATIENCE_S)
    assert "Entering FAULT" not in daemon.log()


def test_the_reader_of_files_may_read_and_no_more() -> None:
    code = (
        "from pyvrrp import linux, privileges\n"
        "privileges.confine(linux.CAP_DAC_READ_SEARCH)\n"
        "import subprocess; print(open('/proc/self/status').read(), subprocess.run(['cat', '/proc/self/status'],"
        "capture_output=True, text=True).stdout)"
    )
    sets = [line.split()[1] for line in run(sys.executable, "-c", code).splitlines()
            if line.startswith(("CapPrm", "CapEff", "CapBnd", "NoNew"))]
    one = f"{linux.bits(linux.CAP_DAC_READ_SEARCH):016x}"
    assert sets == [one, one, one, "1"] * 2


def test_raised_and_narrow() -> None:
    """In a process of its own, which is left with two."""
    code = (
        "from pyvrrp import linux as l\n"
        "l.narrow(l.CAP_NET_RAW, permitted=(l.CAP_KILL,))\n"
        "def now(): s = l.get_capabilities(); return s.effective, s.permitted\n"
        "low = now()\n"
        "with l.raised(l.CAP_KILL, l.CAP_SYS_ADMIN): high = now()\n"
        "assert low == now() == (l.bits(l.CAP_NET_RAW), l.bits(l.CAP_NET_RAW, l.CAP_KILL)), low\n"
        "assert high == (l.bits(l.CAP_NET_RAW, l.CAP_KILL),) * 2, high\n"
    )
    run(sys.executable, "-c", code)


def test_words() -> None:
    sets = linux.Capabilities(ALWAYS, ALWAYS | linux.bits(linux.CAP_SYS_ADMIN, 62), 0)
    assert privileges.described(sets) == "net_admin, net_raw; for single calls sys_admin, 62"
    assert privileges.described(linux.Capabilities(0, 0, 0)) == "none"
