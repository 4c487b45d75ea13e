"""Item 15 of docs/users.md: in a container the number in a stale pid file is that of somebody else, or of the daemon.

A lock decides whether a daemon runs. What else containers need is in tests/netns/test_lifecycle.py.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from faults.files import instance
from netns.harness import IP, START_S, Lab, until

NICE = ["nice", "-n", "-10"]        # as the bench starts daemons
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare(1) not found"),
]


def test_a_stale_pid_file_with_the_number_of_init_which_is_the_daemon(lab: Lab) -> None:
    """The daemon is pid 1 of its own pid namespace, as in a container, and so was the one that was killed."""
    node, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", node)
    daemon.configure(instance())
    argv = [*NICE, IP, "netns", "exec", node.namespace, "unshare", "--pid", "--fork", "--mount-proc", *daemon.argv]
    for stale in ("1\n", "7\n"):
        for file in (daemon.pid_file, daemon.vrrp_pid_file):
            file.write_text(stale)
        with daemon.log_file.open("ab") as log:
            outer = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=daemon.directory)
        since_s = time.monotonic()
        try:
            node.record.wait_address("192.0.2.100", True, since_s=since_s, timeout_s=2 * START_S)
            assert daemon.pid_file.read_text() == "1\n", "what it is in there"
            inner = int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text())
            if stale == "7\n":
                second(daemon.argv, daemon.directory, node.namespace)
            # As pid 1 it has no default action for a signal: it acts on SIGTERM because it wants to. Once it is killed.
            signalled = signal.SIGKILL if stale == "1\n" else signal.SIGTERM
            os.kill(inner, signalled)
            outer.wait(10)
        finally:
            outer.kill()
            outer.wait()
        if signalled is signal.SIGTERM:
            until(lambda: not node.has("192.0.2.100"), 5, "its address is gone")
            assert not daemon.pid_file.exists()
    assert "holds this pid file" not in daemon.log()


def second(argv: list[str], directory: Path, namespace: str) -> None:
    """Another daemon on the same pid files, in a pid namespace of its own where the first is not to be seen."""
    assert argv[0] == sys.executable
    words = [*NICE, IP, "netns", "exec", namespace, "unshare", "--pid", "--fork", "--mount-proc", *argv]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, cwd=directory, check=False)
    assert done.returncode == 2, done
    assert "a daemon that is running holds this pid file" in done.stderr
