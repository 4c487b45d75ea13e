"""pyvrrp doctor beside real daemons: a host in good order, then one whose links, peers and passwords are not."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from netns.harness import IP, START_S, Daemon, Lab, until

pytestmark = pytest.mark.root

TEXT = """
vrrp_instance web {{
    interface eth0
    virtual_router_id 51
    priority {priority}
    version 2
    advert_int 1
    authentication {{
        auth_type PASS
        auth_pass {password}
    }}
    virtual_ipaddress {{
        192.0.2.100/24
    }}
}}
vrrp_instance pair {{
    interface eth0
    virtual_router_id {vrid}
    version 3
    advert_int 0.2
    unicast_peer {{
        {peer}
    }}
    virtual_ipaddress {{
        192.0.2.110/24
    }}
}}
"""


def ask(daemon: Daemon) -> tuple[int, list[dict[str, Any]]]:
    """Its exit status and findings. It is asked in the daemon's namespace, but for other daemons of this machine."""
    command = [sys.executable, "-m", "pyvrrp.cli.main", "--socket", str(daemon.socket), "doctor", "--json"]
    done = subprocess.run([IP, "netns", "exec", daemon.node.namespace, *command], capture_output=True, text=True,
                          timeout=30)
    assert done.returncode in (0, 1), done.stderr
    answer = json.loads(done.stdout)
    assert answer["not_seen"] == []
    found = [each for each in answer["findings"] if "keepalived runs as well" not in each["what"]
             and "stood still" not in each["what"]]         # of a busy machine
    return done.returncode, found


def about(daemon: Daemon, name: str) -> list[tuple[str, str]]:
    return [(each["what"], each["command"]) for each in ask(daemon)[1] if each["about"] == name]


def test_what_a_doctor_finds(lab: Lab) -> None:
    left, right = lab.pair()
    daemon, other = lab.daemon("pyvrrpd", left), lab.daemon("pyvrrpd", right)
    daemon.configure(TEXT.format(priority=100, password="one", peer="192.0.2.2", vrid=52))
    daemon.start()
    for name in ("web", "pair"):
        daemon.wait_log(rf"\({name}\) Entering MASTER STATE", START_S)
    assert about(daemon, "web") == about(daemon, "pair") == []

    other.configure(TEXT.format(priority=90, password="two", peer="192.0.2.77", vrid=53))
    other.start()
    other.wait_log(r"\(web\) Entering MASTER STATE", START_S)
    until(lambda: about(daemon, "web"), 10, "the other's adverts are dropped")
    (what, command), = about(daemon, "web")
    assert what.startswith("another password than the sender: auth_pass differs (auth_failure: ")
    assert command == "pyvrrp show web"
    # Nobody has the peer's address, which the kernel finds out by asking.
    until(lambda: about(other, "pair"), 10, "a peer that does not answer")
    assert about(other, "pair") == [("its peer 192.0.2.77 does not answer on the link", "ip neighbour show 192.0.2.77")]

    left.ip("link", "set", "eth0", "down")
    daemon.wait_log(r"\(pair\) Entering FAULT STATE", 5)
    status, found = ask(daemon)
    assert status == 1
    assert {
        "is_error": True, "about": "pair", "what": "it is in FAULT: interface eth0 is down",
        "command": "ip link set eth0 up",
    } in found
