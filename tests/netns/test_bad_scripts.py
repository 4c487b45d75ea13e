"""Scripts as they are found in the field and as nobody wants them, beside keepalived.

Each script of the first test has a weight of its own, so the priority in the adverts says which of them count as
passed, and one start of a daemon is enough for all.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
from pathlib import Path

import pytest

from netns.files import LOW, Shape
from netns.harness import START_S, Daemon, Kind, Lab, until

pytestmark = [pytest.mark.root]

BOTH = pytest.mark.parametrize("kind", ["pyvrrpd", "keepalived"])
SHAPE = Shape(3, False, 4, interval_s=0.1)
VIP = SHAPE.last_vip
NOBODY = pwd.getpwnam("nobody")

# The body, the weight, the options.
DAEMONIZES = ("sleep 30 & echo $! > $0.child; (setsid sleep 30 & echo $! > $0.daemon); exit 0", 1, "interval 30")
WRITES = ("head -c 100000000 /dev/zero; head -c 1000 /dev/zero >&2", 2, "interval 30\n    timeout 20")
STUBBORN = ('trap "" TERM; echo $$ > $0.pid; sleep 30 & while :; do sleep 0.1; done', 4, "interval 1")
OF_ANOTHER = ('[ "$(id -un)" = nobody ]', 8, "interval 1\n    user nobody")
REPLACED = ("touch $0.runs; sleep 0.3; exit 0", 16, "interval 1")
LOST_INTERPRETER = ("", 32, "interval 1")
SCRIPTS = {
    "daemonizes": DAEMONIZES, "writes": WRITES, "stubborn": STUBBORN, "of_another": OF_ANOTHER, "replaced": REPLACED,
    "lost_interpreter": LOST_INTERPRETER,
}


def write(path: Path, body: str, interpreter: str = "/bin/sh") -> None:
    """Write a script in one step, as an editor or a package manager does."""
    new = path.with_suffix(".new")
    new.write_text(f"#!{interpreter}\n{body}\n")
    new.chmod(0o755)
    new.rename(path)


def reachable(daemon: Daemon) -> None:
    """Let others than root into the daemon's directory."""
    for directory in (daemon.directory, daemon.directory.parent):
        directory.chmod(0o755)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def noted(path: Path) -> int:
    """The number that a script writes there."""
    return int(until(lambda: path.exists() and path.read_text().strip(), 10, f"a number in {path.name}"))


@BOTH
@pytest.mark.keepalived("T7")
def test_the_priority_says_which_scripts_pass(lab: Lab, kind: Kind) -> None:
    left, right = lab.pair()
    daemon = lab.daemon(kind, left)
    reachable(daemon)
    blocks, names = ["global_defs {\n    script_user root\n}"], []
    for name, (body, weight, options) in SCRIPTS.items():
        path = daemon.directory / name
        write(path, body, "/no/such/interpreter" if name == "lost_interpreter" else "/bin/sh")
        blocks.append(f'vrrp_script {name} {{\n    script "{path}"\n    weight {weight}\n    {options}\n}}')
        names.append(f"        {name}")
    os.chown(daemon.directory / "of_another", NOBODY.pw_uid, NOBODY.pw_gid)
    daemon.configure(SHAPE.text(left, right, LOW, "track_script {", *names, "    }", top="\n".join(blocks)))
    daemon.start()
    left.record.wait_address(VIP, True, timeout_s=START_S)

    # keepalived takes what it cannot execute for a success, which is recorded in docs/differences.md.
    lost = 0 if kind == "pyvrrpd" else LOST_INTERPRETER[1]
    passing = LOW + DAEMONIZES[1] + WRITES[1] + OF_ANOTHER[1] + lost

    def wait_priority(priority: int) -> None:
        right.record.wait(
            lambda: right.record.select(sent=False)[-1].priority == priority, 15, f"an advert of priority {priority}"
        )

    wait_priority(passing + REPLACED[1])
    # Replaced while it runs: that run ends as it would have, and the next one is the new file.
    runs = daemon.directory / "replaced.runs"
    runs.unlink(missing_ok=True)
    until(runs.exists, 5, "another run")
    write(daemon.directory / "replaced", "exit 1")
    wait_priority(passing)

    # What a script has left behind is its own affair; what was stopped at its time-out is gone, whole.
    left_behind = [noted(daemon.directory / f"daemonizes.{which}") for which in ("child", "daemon")]
    assert all(map(is_alive, left_behind))
    first = noted(daemon.directory / "stubborn.pid")
    until(lambda: noted(daemon.directory / "stubborn.pid") != first, 10, "it is run again, so the first is gone")
    until(lambda: not is_alive(first), 10, "the script that ignores SIGTERM is killed")
    daemon.terminate()
    last = noted(daemon.directory / "stubborn.pid")
    if kind == "pyvrrpd":
        until(lambda: not is_alive(last), 10, "the daemon leaves none of them behind; keepalived may")
    with contextlib.suppress(ProcessLookupError):
        os.killpg(last, signal.SIGKILL)
    assert all(map(is_alive, left_behind))
    for pid in left_behind:
        os.kill(pid, signal.SIGKILL)


@BOTH
@pytest.mark.keepalived("X5")
def test_security_looks_at_the_owner_when_the_file_is_read(lab: Lab, kind: Kind) -> None:
    """root is to run somebody else's script. keepalived goes on without it, and so is MASTER; for us it has failed."""
    left, right = lab.pair()
    daemon = lab.daemon(kind, left)
    reachable(daemon)
    path = daemon.directory / "theirs"
    write(path, f"touch {daemon.directory}/ran")
    os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
    top = "\n".join([
        "global_defs {\n    script_user root\n    enable_script_security\n}",
        f'vrrp_script theirs {{\n    script "{path}"\n    interval 1\n}}',
    ])
    daemon.configure(SHAPE.text(left, right, LOW, "track_script {\n        theirs\n    }", top=top))
    daemon.start()
    if kind == "keepalived":
        left.record.wait_address(VIP, True, timeout_s=START_S)
        daemon.wait_log(r"Unsafe permissions found for script '.*/theirs'.* - disabling", 1)
    else:
        uid = NOBODY.pw_uid
        daemon.wait_log(rf"theirs: not run, because .*theirs belongs to uid {uid}, not to root and", START_S)
        until(lambda: daemon.transitions() == ["FAULT"], START_S, "FAULT")
        assert not left.has(VIP)
    daemon.terminate()
    assert not (daemon.directory / "ran").exists()


SEEDS_NOTIFY = """\
TYPE=$1
NAME=$2
STATE=$3
case $STATE in
    "MASTER") echo "$TYPE $NAME up" >> {told} ;;
    "BACKUP") echo "$TYPE $NAME down" >> {told} ;;
    "FAULT")  echo "$TYPE $NAME broken" >> {told}
              exit 0 ;;
    *)        echo "$TYPE $NAME unknown $STATE" >> {told}
              exit 1 ;;
esac
"""


@BOTH
def test_interval_2_fall_2_rise_2(lab: Lab, kind: Kind) -> None:
    """FAULT after two failures in a row: the address goes and adverts stop; two successes end it.

    The notify script has a `case $STATE`, and `notify_stop` has arguments of its own.
    """
    left, right = lab.pair()
    daemon = lab.daemon(kind, left)
    check, tell, told = (daemon.directory / name for name in ("check", "tell", "told"))
    runs = daemon.directory / "runs"
    fails = daemon.directory / "fails"
    write(check, f"if [ -e {fails} ]; then echo 1 >> {runs}; exit 1; fi; echo 0 >> {runs}")
    write(tell, SEEDS_NOTIFY.format(told=told))
    top = "\n".join([
        "global_defs {\n    script_user root\n}",
        f'vrrp_script check {{\n    script "{check}"\n    interval 2\n    fall 2\n    rise 2\n}}',
    ])
    daemon.configure(SHAPE.text(
        left, right, LOW, "track_script {\n        check\n    }", f'notify "{tell}"',
        f'notify_stop "{tell} unknown_type unknown_name STOPPED"', top=top,
    ))
    daemon.start()
    left.record.wait_address(VIP, True, timeout_s=START_S)
    until(lambda: told.exists() and len(told.read_text().splitlines()) == 2, 5, "MASTER told")

    before = len(runs.read_text().split())
    fails.touch()
    left.record.wait_address(VIP, False, timeout_s=12)
    until(lambda: daemon.transitions()[-1] == "FAULT", 5, "FAULT")
    failures = runs.read_text().split()[before:].count("1")
    assert failures == 2, f"FAULT after `fall` failures: {runs.read_text().split()}"
    heard = right.record.select(sent=False)
    assert heard[-1].priority == 0, "the last one lets go"
    until(lambda: runs.read_text().split()[before:].count("1") == 3, 6, "another run")
    assert len(right.record.select(sent=False)) == len(heard), "no advert in FAULT"

    fails.unlink()
    left.record.wait_address(VIP, True, since_s=heard[-1].at_s, timeout_s=12)
    assert runs.read_text().split()[-2:] == ["0", "0"]
    until(lambda: len(told.read_text().splitlines()) == 5, 5, "MASTER told again")
    daemon.terminate()
    until(lambda: len(told.read_text().splitlines()) == 7, 5, "STOP told")
    lines = told.read_text().splitlines()
    for first, last in ((0, 2), (3, 5), (5, 7)):        # keepalived starts them at once, so in any order
        lines[first:last] = sorted(lines[first:last])
    assert lines == [
        "INSTANCE VI_1 down", "INSTANCE VI_1 up", "INSTANCE VI_1 broken", "INSTANCE VI_1 down", "INSTANCE VI_1 up",
        "INSTANCE VI_1 unknown STOP", "unknown_type unknown_name unknown STOPPED",
    ]  # fmt: skip
