"""The life of a daemon: what it clears at start, how it becomes master, link trouble, VIPs that others take
away, its pid files, its control socket, its end.

Where keepalived does the same, the test runs on both kinds: it shows that the test asks what keepalived
does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from netns.files import HIGH, LOW, Shape
from netns.harness import ROUGHLY_S, START_S, Daemon, Kind, Lab, Node, children_of, until

pytestmark = [pytest.mark.root]

SHAPE = Shape(3, False, 4, interval_s=0.1)
VIP = SHAPE.last_vip
BOTH = pytest.mark.parametrize("kind", ["pyvrrpd", "keepalived"])


@pytest.fixture
def pair(lab: Lab) -> tuple[Node, Node]:
    return lab.pair()


def start_master(daemon: Daemon, node: Node, peer: Node, shape: Shape = SHAPE, priority: int = HIGH) -> float:
    """Start it and wait until it is master; when its VIP came."""
    daemon.configure(shape.text(node, peer, priority))
    started_s = daemon.start()
    came = node.record.wait_address(shape.last_vip, True, since_s=started_s, timeout_s=START_S)
    daemon.wait_log(r"\(VI_1\) Entering MASTER STATE", START_S)
    return came.at_s


@pytest.fixture
def daemon(lab: Lab, pair: tuple[Node, Node], kind: Kind) -> Iterator[Daemon]:
    """A daemon of the kind, not started, on the left."""
    made = lab.daemon(kind, pair[0])
    yield made
    made.discard()


@BOTH
@pytest.mark.rule("S4")
@pytest.mark.rule("T8")
def test_becoming_master_is_advert_then_addresses_then_announcement(
    daemon: Daemon, pair: tuple[Node, Node]
) -> None:
    left, right = pair
    start_master(daemon, left, right)
    for vip in SHAPE.vips:
        seen = left.record.wait(
            lambda vip=vip: [a for a in left.record.announcements if a.sent and a.address == vip],  # type: ignore[misc]
            ROUGHLY_S + 1, f"a gratuitous ARP for {vip}",
        )
        came = left.record.address_event(vip, True)
        first = left.record.select(sent=True)[0]
        assert came is not None
        # The address event is stamped when it is read; the kernel stamps the packets.
        assert first.at_s <= came.at_s
        assert first.at_s <= seen[0].at_s
    heard = right.record.announcements
    right.record.wait(lambda: [a for a in heard if a.address == VIP], 1, "the announcement on the other host")


@BOTH
def test_what_a_crash_left_is_removed_before_anything_is_sent(
    daemon: Daemon, pair: tuple[Node, Node]
) -> None:
    left, right = pair
    for vip in ("192.0.2.100/24", "198.51.100.100/32"):
        left.ip("address", "add", vip, "dev", "eth0")
    left.record.wait_address(VIP, True, timeout_s=1)
    since_s = time.monotonic()
    start_master(daemon, left, right)
    for vip in SHAPE.vips:
        gone = left.record.address_event(vip, False, since_s)
        assert gone is not None, f"{vip} was not removed at start"
        assert gone.at_s <= left.record.select(sent=True)[0].read_s, "by when the witness read of it"


@BOTH
@pytest.mark.rule("S6")
def test_sigterm_sends_priority_0_removes_the_vips_and_ends_with_0(
    daemon: Daemon, pair: tuple[Node, Node]
) -> None:
    left, right = pair
    start_master(daemon, left, right)
    stopped_s = daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0
    assert any(a.priority == 0 for a in right.record.select(sent=False, since_s=stopped_s))
    for vip in SHAPE.vips:
        left.record.wait_address(vip, False, since_s=stopped_s, timeout_s=1)


@pytest.mark.parametrize("kind", ["pyvrrpd"])
def test_sigint_is_sigterm(daemon: Daemon, pair: tuple[Node, Node]) -> None:
    left, right = pair
    start_master(daemon, left, right)
    stopped_s = daemon.signal(signal.SIGINT)
    assert daemon.wait() == 0
    left.record.wait_address(VIP, False, since_s=stopped_s, timeout_s=1)


@BOTH
def test_a_vip_that_somebody_removes_costs_a_moment_of_mastership(
    daemon: Daemon, pair: tuple[Node, Node]
) -> None:
    """As keepalived: priority 0, every address removed, BACKUP; with no better candidate MASTER again after
    Skew_Time, the address restored."""
    left, right = pair
    shape = Shape(3, False, 4, interval_s=0.5)
    start_master(daemon, left, right, shape, LOW)
    left.record.wait_adverts(2, sent=True, timeout_s=5)     # it is settled
    first_vip, last_vip = shape.vips
    since_s = time.monotonic()
    left.ip("address", "delete", f"{first_vip}/24", "dev", "eth0")
    also_gone = left.record.wait_address(last_vip, False, since_s=since_s, timeout_s=2)
    back = left.record.wait_address(last_vip, True, since_s=also_gone.at_s, timeout_s=5)
    assert left.record.address_event(first_vip, True, since_s), "the one that was removed is back too"
    sent = left.record.select(sent=True, since_s=since_s)
    assert sent[0].priority == 0, "it did not say that it lets go"
    took_s, skew_s = back.at_s - sent[0].at_s, shape.skew_time_s(LOW)
    slack_s = ROUGHLY_S if daemon.kind == "pyvrrpd" else 2.0      # what load does to keepalived is not ours
    assert skew_s - 0.02 <= took_s <= skew_s + slack_s, f"after {took_s:.3f} s, not {skew_s:.3f} s"
    until(lambda: daemon.transitions()[-2:] == ["BACKUP", "MASTER"], 2, f"the log: {daemon.transitions()}")


@BOTH
@pytest.mark.parametrize("trouble", ["down", "carrier"])
@pytest.mark.rule("S14")
def test_link_down_is_fault_and_link_up_is_backup(
    daemon: Daemon, pair: tuple[Node, Node], trouble: str
) -> None:
    left, right = pair
    start_master(daemon, left, right)
    cut = left if trouble == "down" else right
    since_s = time.monotonic()
    cut.ip("link", "set", "eth0", "down")
    for vip in SHAPE.vips:
        left.record.wait_address(vip, False, since_s=since_s, timeout_s=3)
    daemon.wait_log(r"\(VI_1\) Entering FAULT STATE", 3)
    assert not left.has(VIP)
    up_s = time.monotonic()
    cut.ip("link", "set", "eth0", "up")
    came = left.record.wait_address(VIP, True, since_s=up_s, timeout_s=5)
    down_s = SHAPE.master_down_interval_s(HIGH)
    assert came.at_s - up_s >= down_s - 0.02, "from FAULT it goes to BACKUP first"
    until(lambda: daemon.transitions()[-3:] == ["FAULT", "BACKUP", "MASTER"], 2, f"{daemon.transitions()}")


@BOTH
def test_the_namespace_option(daemon: Daemon, pair: tuple[Node, Node]) -> None:
    """`-s NAME` runs it in the named namespace, from outside."""
    left, right = pair
    daemon.enter = False
    daemon.options = ("-s", left.namespace)
    start_master(daemon, left, right)
    right.record.wait_adverts(2, sent=False, timeout_s=5)
    stopped_s = daemon.terminate()
    left.record.wait_address(VIP, False, since_s=stopped_s, timeout_s=2)


@pytest.mark.parametrize("kind", ["pyvrrpd"])
def test_both_pid_files_hold_the_pid_and_go_with_it(daemon: Daemon, pair: tuple[Node, Node]) -> None:
    left, right = pair
    start_master(daemon, left, right)
    for file in (daemon.pid_file, daemon.vrrp_pid_file):
        assert int(file.read_text()) == daemon.pid
        assert file.stat().st_mode & 0o022 == 0, "nobody else may write it"
    daemon.terminate()
    assert not daemon.pid_file.exists()
    assert not daemon.vrrp_pid_file.exists()


@pytest.mark.parametrize("kind", ["pyvrrpd"])
def test_a_killed_daemon_leaves_no_process(daemon: Daemon, pair: tuple[Node, Node]) -> None:
    left, right = pair
    start_master(daemon, left, right)
    family = children_of(daemon.pid)
    daemon.kill()
    until(lambda: not any(is_running(pid) for pid in family), 3, f"the end of its children {family}")


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("kind", ["pyvrrpd"])
def test_a_second_daemon_on_the_same_socket_warns_and_runs(
    lab: Lab, daemon: Daemon, pair: tuple[Node, Node]
) -> None:
    left, right = pair
    start_master(daemon, left, right)
    second = lab.daemon("pyvrrpd", right, options=("--socket", str(daemon.socket)))
    second.configure(SHAPE.text(right, left, LOW))
    second.start()
    second.wait_log(r"\(VI_1\) Entering BACKUP STATE", START_S)
    second.wait_log(str(daemon.socket), 5)
    assert daemon.get("/v1/instances")["pid"] == daemon.pid, "the first still answers"
    stopped_s = daemon.terminate()
    right.record.wait_address(VIP, True, since_s=stopped_s, timeout_s=5)
    second.terminate()


@pytest.mark.parametrize("kind", ["pyvrrpd"])
def test_a_stale_socket_is_taken_over(daemon: Daemon, pair: tuple[Node, Node]) -> None:
    """A killed daemon leaves its socket file; the next one answers there."""
    left, right = pair
    start_master(daemon, left, right)
    daemon.kill()
    assert daemon.socket.exists()
    start_master(daemon, left, right)
    assert daemon.instance()["state"] == "MASTER"


@pytest.mark.parametrize("kind", ["pyvrrpd"])
def test_status_says_what_is_so(daemon: Daemon, pair: tuple[Node, Node]) -> None:
    left, right = pair
    start_master(daemon, left, right)
    status = until(lambda: (s := daemon.instance())["state"] == "MASTER" and s, 2, "status MASTER")
    assert (status["priority"], status["vrid"], status["interface"]) == (HIGH, SHAPE.vrid, "eth0")
    assert [vip.partition("/")[0] for vip in status["vips"]] == list(SHAPE.vips)
    assert daemon.socket.stat().st_mode & 0o007 == 0, "not for everybody"


@pytest.mark.parametrize("kind", ["pyvrrpd"])
def test_an_instance_without_its_interface_waits_for_it(daemon: Daemon, pair: tuple[Node, Node]) -> None:
    """A missing interface is FAULT and a warning; when it appears, the instance runs."""
    left, right = pair
    daemon.configure(SHAPE.text(left, right, HIGH).replace("eth0", "late0"))
    daemon.start()
    daemon.wait_log(r"late0", START_S)
    until(lambda: daemon.socket.exists() and daemon.instance()["state"] == "FAULT", START_S, "FAULT")
    left.ip("link", "add", "late0", "type", "veth", "peer", "name", "late1")
    left.ip("address", "add", "203.0.113.1/24", "dev", "late0")
    left.ip("link", "set", "late1", "up")
    left.ip("link", "set", "late0", "up")
    left.record.wait_address(VIP, True, timeout_s=5)


@pytest.mark.parametrize("kind", ["pyvrrpd"])
def test_status_names_an_address_that_the_kernel_refuses(daemon: Daemon, pair: tuple[Node, Node]) -> None:
    """The kernel wants one scope for all addresses of a subnet."""
    left, right = pair
    vip = SHAPE.vips[0]
    daemon.configure(SHAPE.text(left, right, HIGH).replace(f"{vip}/24", f"{vip}/24 scope link"))
    daemon.start()
    daemon.wait_log(r"\(VI_1\) Entering MASTER STATE", START_S)
    (fault,) = until(lambda: daemon.instance()["faults"], 2, "the refusal in the status")
    assert vip in fault
    assert "cannot be added" in fault


@pytest.mark.parametrize("kind", ["pyvrrpd"])
def test_sigterm_does_not_wait_for_a_file_that_is_read(daemon: Daemon, pair: tuple[Node, Node]) -> None:
    left, right = pair
    text = SHAPE.text(left, right, HIGH)
    daemon.configure("".join(text.replace("VI_1", f"VI_{number}") for number in range(20_000)))     # some seconds
    daemon.start()
    until(lambda: children_of(daemon.pid), START_S, "the process that reads the file")
    daemon.signal(signal.SIGTERM)
    assert daemon.wait(10) == 0
    assert "Entering" not in daemon.log(), "it had read the whole file"
    assert not daemon.pid_file.exists()


@pytest.mark.parametrize("kind", ["pyvrrpd"])
@pytest.mark.parametrize("capability", ["net_admin", "net_raw"])
def test_without_a_capability_it_says_which(daemon: Daemon, pair: tuple[Node, Node], capability: str) -> None:
    left, right = pair
    daemon.configure(SHAPE.text(left, right, HIGH))
    drop = ["setpriv", "--inh-caps=-all", f"--bounding-set=-{capability}"]
    ended = subprocess.run([*drop, *daemon.argv], check=False, capture_output=True, text=True, timeout=10)
    assert ended.returncode == 1
    assert f"CAP_{capability.upper()} missing; run pyvrrpd as root" in ended.stderr


@pytest.mark.parametrize("kind", ["pyvrrpd"])
def test_in_the_background_relative_names_mean_what_they_meant(
    daemon: Daemon, pair: tuple[Node, Node]
) -> None:
    """Without -n its working directory is /, and nobody sees its stderr."""
    left, right = pair
    daemon.configure(SHAPE.text(left, right, HIGH))
    files = ["-f", daemon.file.name, "-p", "pid", "-r", "vrrp.pid", "-glog", "--socket", "control"]
    command = [sys.executable, "-m", "pyvrrp.daemon", *files]
    subprocess.run(["ip", "netns", "exec", left.namespace, *command], cwd=daemon.directory, check=True, timeout=10)
    until(daemon.pid_file.exists, START_S, "the pid file")
    pid = int(daemon.pid_file.read_text())
    try:
        left.record.wait_address(VIP, True, timeout_s=START_S)
        assert daemon.instance()["state"] == "MASTER"
        assert daemon.transitions() == ["BACKUP", "MASTER"]
    finally:
        os.kill(pid, signal.SIGTERM)
        until(lambda: not is_running(pid), 5, "its end")
    assert not daemon.pid_file.exists()
    assert not daemon.socket.exists()
