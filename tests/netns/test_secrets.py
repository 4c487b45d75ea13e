"""Nothing that the daemon writes or says has a password in it; and what it writes is its owner's alone, or nobody's to
change. By trying: one daemon, everything that it can be asked, and every file that it makes.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pyvrrp.control.endpoints import ENDPOINTS
from pyvrrp.options import SIGNALS

from .harness import START_S, Daemon, Lab, run, until

pytestmark = pytest.mark.root

SECRET = "Xy7qPw3z"             # no other text has it
PATIENCE_S = 2 * START_S


def instance(name: str, vrid: int, *auth: str) -> str:
    return "\n".join([
        f"vrrp_instance {name} {{", "interface eth0", f"virtual_router_id {vrid}", "priority 200", "advert_int 1",
        "authentication {", *auth, "}", "virtual_ipaddress {", f"192.0.2.{vrid}/24", "}", "}", "",
    ])


# Right, and wrong in ways in which a message could quote it.
RIGHT = instance("VI_1", 101, "auth_type PASS", f"auth_pass {SECRET}")
WRONG = (
    instance("VI_2", 102, "auth_type PASS", f"auth_pass {SECRET}tail")
    + instance("VI_3", 103, "auth_type PASSS", f"auth_pass {SECRET}")
    + instance("VI_4", 104, "auth_type PASS", f"auth_pas {SECRET}")
    + instance("VI_5", 105, "auth_type PASS", f'auth_pass "{SECRET}')
)


@pytest.fixture
def daemon(lab: Lab) -> Daemon:
    node, _ = lab.pair()
    made = lab.daemon("pyvrrpd", node, options=("-D", "--umask", "0"))
    made.configure(f"global_defs {{\nvrrp_notify_fifo {made.directory}/fifo\njson_version 2\n}}\n" + RIGHT)
    # Nobody's umask helps: what counts is the mode that a file is made with.
    made.start()
    made.wait_log("Entering MASTER STATE", PATIENCE_S)
    return made


def answers(daemon: Daemon, *, user: str = "") -> dict[str, str]:
    """What every path says that can be read, to root or to another user."""
    as_user = ["setpriv", "--reuid", user, "--regid", "0", "--clear-groups"] if user else []
    found = {}
    for endpoint in ENDPOINTS:
        if endpoint.method == "GET" and endpoint.path != "/v1/events":
            path = endpoint.path.replace("{name}", "VI_1")
            found[path] = run(*as_user, "curl", "-sS", "-m", "20", "--unix-socket", str(daemon.socket),
                              f"http://localhost{path}")
    return found


def test_no_password_is_told(daemon: Daemon) -> None:
    daemon.directory.parent.chmod(0o711)
    told = answers(daemon)
    theirs = answers(daemon, user="nobody")
    assert '"auth_pass"' in told["/v1/configuration"]
    for word in ("DATA", "STATS", "JSON"):
        daemon.signal(SIGNALS[word])
    dumps = [daemon.directory / name for name in ("keepalived.data", "keepalived.stats", "keepalived.json")]
    until(lambda: all(dump.exists() for dump in dumps), PATIENCE_S, "the dumps")
    for verb in (["show", "VI_1"], ["plan"], ["doctor"]):
        done = subprocess.run([sys.executable, "-m", "pyvrrp.cli.main", "--socket", str(daemon.socket), *verb],
                              capture_output=True, text=True, timeout=25)
        told[" ".join(verb)] = done.stdout + done.stderr
    daemon.configure(RIGHT + WRONG)
    before = len(daemon.log())
    daemon.signal(signal.SIGHUP)
    daemon.wait_log("reload: ", PATIENCE_S, skip=before)
    told["log"] = daemon.log()
    assert "auth_pass is longer than 8 bytes" in told["log"][before:]
    told |= {dump.name: dump.read_text() for dump in dumps}
    told |= {f"to nobody: {path}": text for path, text in theirs.items()}
    empty = [what for what, text in told.items() if not text]
    assert not empty
    # As it is, as JSON or a dump may write bytes, and in hexadecimal.
    hexadecimal = SECRET.encode().hex()
    assert [what for what, text in told.items() if SECRET in text or hexadecimal in text.lower()] == []


def test_what_it_makes_is_not_for_others_to_change(daemon: Daemon) -> None:
    daemon.signal(signal.SIGUSR1)
    dump = daemon.directory / "keepalived.data"
    until(dump.exists, PATIENCE_S, "the dump")
    modes = {
        path.name: stat.S_IMODE(path.lstat().st_mode)
        for path in (daemon.pid_file, daemon.vrrp_pid_file, daemon.socket, dump, daemon.directory / "fifo",
                     Path(f"{daemon.socket}.lock"))
    }
    assert modes == {
        "pid": 0o644, "vrrp.pid": 0o644, "control": 0o660, "keepalived.data": 0o600, "fifo": modes["fifo"],
        "control.lock": 0o600,
    }
    assert modes["fifo"] & 0o022 == 0
    # The memory of scripts' numbers, and the errands' files, have no name.
    assert [path.name for path in daemon.directory.iterdir() if path.lstat().st_mode & 0o002
            and not path.is_symlink()] == []


def test_a_dump_is_not_written_through_what_somebody_put_there(daemon: Daemon) -> None:
    victim = daemon.directory / "victim"
    victim.write_text("kept\n")
    dump = daemon.directory / "keepalived.data"
    dump.symlink_to(victim)
    daemon.signal(signal.SIGUSR1)
    until(lambda: not dump.is_symlink(), PATIENCE_S, "the dump takes the link's place")
    assert victim.read_text() == "kept\n"
    with dump.open() as held:
        inode = os.fstat(held.fileno()).st_ino
        daemon.signal(signal.SIGUSR1)
        until(lambda: dump.stat().st_ino != inode, PATIENCE_S, "a new file, not the one that somebody has open")
