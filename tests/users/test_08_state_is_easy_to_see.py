"""Item 8 of docs/users.md: the state is read without a signal, a file or root, at any rate; Prometheus gets a number.

Files in keepalived's shape are in tests/netns/test_dumps.py; what a scrape of 1,000 instances costs is measured in
bench/test_control_speed.py.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.files import instance, state
from netns.harness import START_S, Lab, until

pytestmark = [pytest.mark.root]

NOBODY, READS = 65534, 200

# Becomes a user who may do nothing, but whose group may read.
READER = """
import http.client, json, os, re, socket, sys
os.setgroups([])
os.setgid(int(sys.argv[3]))
os.setuid(int(sys.argv[3]))
def ask(method, path):
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(sys.argv[1])
    connection.request(method, path, b"{}" if method == "POST" else None)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()
states = {json.loads(ask("GET", "/v1/instances/web")[1])["state"] for _ in range(int(sys.argv[2]))}
metrics = ask("GET", "/metrics")[1]
print(json.dumps({
    "states": sorted(states),
    "metric": re.findall(r'^pyvrrp_instance_state{[^}]*} .*$', metrics, re.M),
    "forbidden": ask("POST", "/v1/drain")[0],
}))
"""


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that anybody may enter."""
    path = Path(tempfile.mkdtemp(prefix="vt-users-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_a_user_without_rights_reads_the_state_as_often_as_he_likes(lab: Lab, open_directory: Path) -> None:
    node, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", node)
    daemon.socket = open_directory / "control"
    daemon.configure("global_defs {\n    pyvrrp_socket_group nogroup\n}\n" + instance("web"))
    daemon.start()
    until(lambda: state(daemon, "web") == "MASTER", START_S, "MASTER")
    done = subprocess.run(
        [sys.executable, "-I", "-c", READER, str(daemon.socket), str(READS), str(NOBODY)], capture_output=True,
        text=True, timeout=60, check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["states"] == ["MASTER"]
    assert found["forbidden"] == 403
    (series,) = found["metric"]
    labels, _, value = series.rpartition(" ")
    assert (float(value), "MASTER" in labels) == (2, False), "the state is the value and no label"
    assert daemon.transitions("web") == ["BACKUP", "MASTER"]
