"""Scripts that really run: track scripts that fail, hang, or are not there; rise and fall; what notify
scripts are told.

Each test runs on both kinds where they agree, so that keepalived itself says what is asked. Ours alone: a
script that is missing or cannot be executed counts as failed. (keepalived drops the one and calls the other
a success.)
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from netns.files import LOW, Shape
from netns.harness import START_S, Daemon, Kind, Lab, Node, until

pytestmark = [pytest.mark.root]

BOTH = pytest.mark.parametrize("kind", ["pyvrrpd", "keepalived"])
OURS = pytest.mark.parametrize("kind", ["pyvrrpd"])
SHAPE = Shape(3, False, 4, interval_s=0.1)
VIP = SHAPE.last_vip


@dataclass
class Host:
    """A daemon on the left; its scripts live in its directory and read there what they shall do."""

    daemon: Daemon
    left: Node
    right: Node
    directory: Path = field(init=False)

    def __post_init__(self) -> None:
        self.directory = self.daemon.directory

    def script(self, name: str, body: str) -> Path:
        path = self.directory / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    def checker(self) -> Path:
        """A check that notes each run and ends with the status in the file `status`; "hang" makes it hang."""
        self.answer("0")
        directory = self.directory
        return self.script("check", f"""\
status=$(cat {directory}/status)
echo "$status" >> {directory}/runs
[ "$status" = hang ] && exec sleep 100
exit "$status"\
""")

    def answer(self, status: str) -> None:
        """What the check says from its next run on."""
        new = self.directory / "status.new"
        new.write_text(status)
        new.rename(self.directory / "status")

    def runs(self) -> list[str]:
        file = self.directory / "runs"
        return file.read_text().split() if file.exists() else []

    def configure(
        self, script: Path, *options: str, lines: tuple[str, ...] = (), weight: str = ""
    ) -> None:
        """A vrrp_script with the options, tracked by VI_1."""
        top = "\n".join([
            "global_defs {\n    script_user root\n}",
            "vrrp_script chk {", f'    script "{script}"', *(f"    {option}" for option in options), "}",
        ])
        track = f"track_script {{\n        chk {weight}\n    }}"
        self.daemon.configure(SHAPE.text(self.left, self.right, LOW, track, *lines, top=top))

    def start(self) -> None:
        self.daemon.start()
        self.left.record.wait_address(VIP, True, timeout_s=START_S)

    def wait_states(self, *states: str, timeout_s: float = 8.0) -> None:
        """Wait until the log names these states last."""
        until(
            lambda: tuple(self.daemon.transitions()[-len(states) :]) == states, timeout_s,
            f"the states {states} in the log of {self.daemon!r}; it says {self.daemon.transitions()}",
        )

    def priority_sent(self) -> int:
        return self.right.record.select(sent=False)[-1].priority


@pytest.fixture
def host(lab: Lab, kind: Kind) -> Iterator[Host]:
    left, right = lab.pair()
    made = Host(lab.daemon(kind, left), left, right)
    yield made
    made.daemon.discard()


@BOTH
def test_a_failing_script_is_fault_and_a_passing_one_ends_it(host: Host) -> None:
    host.configure(host.checker(), "interval 1")
    host.start()
    since_s = time.monotonic()
    host.answer("1")
    host.left.record.wait_address(VIP, False, since_s=since_s, timeout_s=5)
    host.wait_states("FAULT")
    heard = host.right.record.select(sent=False, since_s=since_s)
    assert heard[-1].priority == 0, "it says that it lets go"
    host.answer("0")
    host.left.record.wait_address(VIP, True, since_s=heard[-1].at_s, timeout_s=5)
    host.wait_states("FAULT", "BACKUP", "MASTER")


@BOTH
def test_a_script_that_hangs_is_fault(host: Host) -> None:
    host.configure(host.checker(), "interval 1", "timeout 1")
    host.start()
    since_s = time.monotonic()
    host.answer("hang")
    host.left.record.wait_address(VIP, False, since_s=since_s, timeout_s=8)
    host.wait_states("FAULT")
    host.answer("0")
    host.wait_states("FAULT", "BACKUP", "MASTER")


@BOTH
@pytest.mark.parametrize(("weight", "passing", "failing"), [(30, LOW + 30, LOW), (-30, LOW, LOW - 30)])
def test_a_weighted_script_moves_the_priority(host: Host, weight: int, passing: int, failing: int) -> None:
    """W > 0 adds while it passes, W < 0 takes away while it fails; never FAULT; the next advert says so."""
    host.configure(host.checker(), "interval 1", f"weight {weight}")
    host.start()

    def wait_priority(priority: int) -> None:
        host.right.record.wait(
            lambda: host.priority_sent() == priority, 5, f"an advert of priority {priority}"
        )

    wait_priority(passing)
    host.answer("1")
    wait_priority(failing)
    host.answer("0")
    wait_priority(passing)
    assert host.daemon.transitions() == ["BACKUP", "MASTER"]


@BOTH
def test_the_weight_may_be_given_where_it_is_tracked(host: Host) -> None:
    host.configure(host.checker(), "interval 1", "weight 5", weight="weight 20")
    host.start()
    host.right.record.wait(lambda: host.priority_sent() == LOW + 20, 5, "the instance's own weight")


@BOTH
def test_rise_and_fall_are_counted_as_keepalived_counts(host: Host) -> None:
    """Down after `fall` failures in a row, up after `rise` successes; an opposite result starts again.

    At start one success is enough.
    """
    host.configure(host.checker(), "interval 1", "rise 3", "fall 2")
    host.start()
    assert host.runs()[0] == "0"
    assert len(host.runs()) <= 2, "one success is enough at start"

    # One failure is not enough, and the success after it takes it back.
    host.answer("1")
    until(lambda: "1" in host.runs(), 3, "a failing run")
    host.answer("0")
    until(lambda: host.runs()[-1] == "0", 3, "a passing run")
    assert host.daemon.transitions() == ["BACKUP", "MASTER"]

    before = len(host.runs())
    host.answer("1")
    host.wait_states("FAULT")
    assert host.runs()[before:].count("1") == 2, f"FAULT after `fall` failures: {host.runs()}"

    before = len(host.runs())
    host.answer("0")
    host.wait_states("FAULT", "BACKUP", "MASTER")
    assert host.runs()[before:].count("0") == 3, f"up after `rise` successes: {host.runs()}"


@BOTH
def test_a_script_that_fails_at_start_is_fault_from_the_start(host: Host) -> None:
    """The first result decides; until then nothing is sent and nothing is told."""
    host.configure(host.checker(), "interval 1", "fall 3")
    host.answer("1")
    started_s = host.daemon.start()
    until(lambda: len(host.runs()) == 2, START_S, "two runs")
    # One failure was enough: a second passed, three times Master_Down_Interval, and it is no master.
    assert not host.left.record.select(sent=True, since_s=started_s)
    assert not host.left.has(VIP)
    host.answer("0")
    host.left.record.wait_address(VIP, True, since_s=started_s, timeout_s=5)
    assert host.daemon.transitions()[-2:] == ["BACKUP", "MASTER"]


@OURS
@pytest.mark.parametrize("trouble", ["missing", "not executable", "a directory", "no interpreter"])
def test_a_script_that_cannot_run_counts_as_failed(host: Host, trouble: str) -> None:
    path = host.directory / "nothing"
    if trouble == "not executable":
        host.script("nothing", "exit 0").chmod(0o644)
    elif trouble == "a directory":
        path.mkdir()
    elif trouble == "no interpreter":
        path.write_text("#!/no/such/interpreter\nexit 0\n")
        path.chmod(0o755)
    host.configure(path, "interval 1")
    started_s = host.daemon.start()
    daemon = host.daemon
    until(lambda: daemon.socket.exists() and daemon.instance()["state"] == "FAULT", START_S, "FAULT")
    assert daemon.instance()["faults"], "it says why"
    assert str(path) in host.daemon.log(), "it says which script"
    assert not host.left.record.select(sent=True, since_s=started_s)
    assert not host.left.has(VIP)


@OURS
def test_a_script_that_vanishes_while_running_counts_as_failed(host: Host) -> None:
    path = host.checker()
    host.configure(path, "interval 1")
    host.start()
    since_s = time.monotonic()
    path.unlink()
    host.left.record.wait_address(VIP, False, since_s=since_s, timeout_s=5)
    host.wait_states("FAULT")


NOTIFIERS = ("notify_master", "notify_backup", "notify_fault", "notify_stop", "notify")
LIFE = {                # what each script is told in the life that the test below gives the instance
    "notify_master": ["[mine] [notify_master]"] * 2,
    "notify_backup": ["[mine] [notify_backup]"] * 2,
    "notify_fault": ["[mine] [notify_fault]"],
    "notify_stop": ["[mine] [notify_stop]"],
    "notify": [
        f"[mine] [notify] [INSTANCE] [VI_1] [{state}] [{LOW}]"
        for state in ("BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER", "STOP")
    ],
}


@BOTH
def test_notify_scripts_are_told_what_keepalived_tells_them(host: Host) -> None:
    """BACKUP, MASTER, FAULT, BACKUP, MASTER, STOP: each script's own arguments, and `notify` four more."""
    # One write a line: keepalived runs two scripts at a time.
    teller = host.script("tell", f"""\
out={host.directory}/told.$2
line=
for word in "$@"; do line="$line [$word]"; done
echo "${{line# }}" >> "$out"\
""")
    lines = tuple(f'{keyword} "{teller} mine {keyword}"' for keyword in NOTIFIERS)
    host.configure(host.checker(), "interval 1", lines=lines)

    def told(keyword: str) -> list[str]:
        file = host.directory / f"told.{keyword}"
        return file.read_text().splitlines() if file.exists() else []

    # Each is heard before the next change: keepalived waits for none and keeps no order.
    host.start()
    until(lambda: len(told("notify")) == 2 and told("notify_master"), 5, "MASTER told")
    host.answer("1")
    until(lambda: len(told("notify")) == 3 and told("notify_fault"), 5, "FAULT told")
    host.answer("0")
    until(lambda: len(told("notify")) == 5 and len(told("notify_master")) == 2, 5, "MASTER told again")
    host.daemon.terminate()
    until(lambda: len(told("notify")) == 6 and told("notify_stop"), 5, "STOP told")
    heard = {keyword: told(keyword) for keyword in NOTIFIERS}
    for pair in (slice(0, 2), slice(3, 5)):     # too fast after each other for keepalived's order
        heard["notify"][pair] = sorted(heard["notify"][pair])
    assert heard == LIFE


SEED = """\
global_defs {{
	vrrp_check_unicast_src
	}}

vrrp_script check_things {{
	script "{directory}/check"
	interval 2
	weight 2
	}}

vrrp_instance cluster {{
	interface eth0
	virtual_router_id 1
	unicast_src_ip {own}
	unicast_peer {{
		{peer}
		}}
	priority {priority}
	nopreempt
	virtual_ipaddress_excluded {{
		10.201.36.14
		}}
	track_script {{
		check_things
		}}

	notify "{directory}/tell"
	notify_stop "{directory}/tell unknown_type unknown_name STOPPED"
	}}
"""


def test_the_file_of_an_article_beside_keepalived(lab: Lab) -> None:
    """A file from the field, on both hosts.

    It has a tracked script that adds to the priority, one excluded address without its length, nopreempt, and
    unicast with checked sources.
    """
    left, right = lab.pair()
    sides: tuple[tuple[Kind, Node, Node, str, str, int], ...] = (
        ("pyvrrpd", left, right, "10.201.36.9", "10.201.36.8", 102),
        ("keepalived", right, left, "10.201.36.8", "10.201.36.9", 101),
    )
    hosts = []
    for kind, node, peer, own, other, priority in sides:
        node.ip("address", "add", f"{own}/24", "dev", "eth0")
        host = Host(lab.daemon(kind, node), node, peer)
        host.checker()
        host.script("tell", f'echo "$*" >> {host.directory}/told')
        host.daemon.configure(SEED.format(directory=host.directory, own=own, peer=other, priority=priority))
        hosts.append(host)
    ours, theirs = hosts
    vip = "10.201.36.14"
    ours.daemon.start()
    left.record.wait_address(vip, True, timeout_s=START_S)
    theirs.daemon.start()
    theirs.daemon.wait_log(r"\(cluster\) Entering BACKUP STATE", START_S)
    adverts = right.record.wait_adverts(5, sent=False, since_s=time.monotonic(), timeout_s=8)
    assert {advert.addresses for advert in adverts} == {()}
    assert {advert.priority for advert in adverts} == {104}, "102 and the weight 2"
    assert not right.has(vip)
    stopped_s = ours.daemon.terminate()
    right.record.wait_address(vip, True, since_s=stopped_s, timeout_s=2)
    told = (ours.directory / "told").read_text().splitlines()
    assert told[0] == "INSTANCE cluster BACKUP 102", "before the script's first result"
    assert told[1] == "INSTANCE cluster MASTER 104"
    assert sorted(told[2:]) == ["INSTANCE cluster STOP 104", "unknown_type unknown_name STOPPED"]
    theirs.daemon.terminate()
