"""The same text to keepalived's config test and to ours: what it complains of, we complain of, in that line.

keepalived runs in a network namespace of its own that has eth0 and eth1. Of its messages only the numbers of
the lines are read.
"""

import re
import subprocess
from pathlib import Path

import pytest
from two_interfaces import NAMESPACE, NEEDS_KEEPALIVED

from pyvrrp.config import load

SEEDS = sorted((Path(__file__).parent / "seeds").glob("*.conf"))

pytestmark = NEEDS_KEEPALIVED

RUN = NAMESPACE + """\
exec keepalived --vrrp --config-test --use-file "$1"
"""


def keepalived(path: Path) -> tuple[int, set[int]]:
    """Exit status, and the lines that it names."""
    done = subprocess.run(
        ["unshare", "--net", "sh", "-ec", RUN, "sh", str(path)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.returncode, {int(line) for line in re.findall(r"Line (\d+)\)", done.stderr + done.stdout)}


def ours(path: Path) -> tuple[int, set[int]]:
    loaded = load(str(path), config_id="x", interfaces=frozenset(("lo", "eth0", "eth1")))
    return loaded.exit_status, {diagnostic.where.line for diagnostic in loaded.diagnostics}


def instance(*lines: str, vip: str = "192.0.2.5", head: str = "interface eth0\nvirtual_router_id 5") -> str:
    return "\n".join(["vrrp_instance A {", head, *lines, "virtual_ipaddress {", vip, "}", "}", ""])


CLEAN = {
    "least": instance(),
    "crlf": instance("state BACKUP", "priority 200").replace("\n", "\r\n"),
    "braces": "vrrp_instance A\n{ interface eth0\nvirtual_router_id 5 virtual_ipaddress\n".replace(
        " virtual_ip", "\nvirtual_ip"
    )
    + "{ 192.0.2.5 } }\n",
    "comments": instance("! all\n# of it", "priority 200 # some\nstate BACKUP ! more"),
    "quoted": instance('state "BACKUP"').replace("vrrp_instance A", 'vrrp_instance "A # B"'),
    # with its brace on a line of its own: 2.2.7 loses one that shares the line with an escape
    "escaped": instance().replace("vrrp_instance A {", "vrrp_instance A\\#B\\!C\n{"),
    "unicast": instance("unicast_src_ip 192.0.2.11", "unicast_peer {", "192.0.2.12", "}", "check_unicast_src"),
    "password": instance("authentication {", "auth_type PASS", "auth_pass 12345678", "}"),
    "version 3": instance("version 3", "advert_int 0.25"),
    "fractions": instance("version 3", "advert_int .25") + "",
    "options": instance(vip="192.0.2.5/24 dev eth1 label eth1:v scope link brd +\n192.0.2.6/24 broadcast 192.0.2.255"),
    "excluded": instance("virtual_ipaddress_excluded {", "192.0.2.5 dev eth1", "2001:db8::1/64", "}"),
    "ipv6": instance(vip="fe80::5\n2001:db8::5/64"),
    "trackers": "global_defs {\nenable_script_security\nscript_user root\n}\n"
    'vrrp_script s {\nscript "/usr/bin/true a b"\ninterval 2\ntimeout 3\nweight -5\nrise 2\nfall 3\n'
    "user root\n}\n" + instance("track_script {", "s weight 7", "}", "track_interface {", "eth1 weight 5", "}"),
    "notify": "global_defs {\nenable_script_security\nscript_user root\n}\n"
    + instance('notify "/usr/bin/true x"', "notify_master /usr/bin/true", "notify_stop '/usr/bin/true' root root"),
    "two": instance() + instance(head="interface eth0\nvirtual_router_id 6").replace(" A ", " B "),
    "sync": "vrrp_sync_group G {\ngroup {\nA B\n}\n}\n"
    + instance()
    + instance(head="interface eth1\nvirtual_router_id 5").replace(" A ", " B "),
}


@pytest.mark.parametrize("name", CLEAN)
def test_what_keepalived_takes_we_take(name: str, tmp_path: Path) -> None:
    path = tmp_path / "k.conf"
    path.write_text(CLEAN[name])
    assert keepalived(path) == (0, set())
    assert ours(path) == (0, set())


FAULTY = {
    "unknown word": instance("priorty 5"),
    "misplaced word": instance("router_id x"),
    "vrid 0": instance(head="interface eth0\nvirtual_router_id 0"),
    "vrid 256": instance(head="interface eth0\nvirtual_router_id 256"),
    "vrid comma": instance(head="interface eth0\nvirtual_router_id 1,"),
    "priority": instance("priority 300"),
    "state": instance("state SLAVE"),
    "interval": instance("advert_int 0"),
    "interval letters": instance("advert_int 1e1"),
    "interval range": instance("advert_int 256"),
    "version": instance("version 4"),
    "bad address": instance(vip="192.0.2.300"),
    "bad prefix": instance(vip="192.0.2.3/33"),
    "bad scope": instance(vip="192.0.2.3 scope wrong"),
    "bad option": instance(vip="192.0.2.3 wrong"),
    "dev without value": instance(vip="192.0.2.3 dev"),
    "broadcast": instance(vip="192.0.2.3/31 brd +"),
    "long label": instance(vip="192.0.2.3 label 0123456789abcdef"),
    "family": instance(vip="192.0.2.3\nfe80::1"),
    "peer family": instance("unicast_src_ip 192.0.2.11", "unicast_peer {", "fe80::1", "192.0.2.9", "}"),
    "ipv6 label": instance(vip="fe80::1 label x"),
    "quote": instance('router_id "x'),
    "stray brace": instance() + "}\n",
    "second notify": instance("notify /usr/bin/true", "notify /usr/bin/true"),
    "long password": instance("authentication {", "auth_type PASS", "auth_pass 123456789", "}"),
    "unknown script": instance("track_script {", "none", "}"),
    "script twice": 'vrrp_script s {\nscript "/usr/bin/true"\n}\n' + instance("track_script {", "s", "s", "}"),
    "weight": 'vrrp_script s {\nscript "/usr/bin/true"\nweight 300\n}\n' + instance("track_script {", "s", "}"),
    "interface twice": instance("track_interface {", "eth1", "eth1", "}"),
    "interface weight": instance("track_interface {", "eth1 weight 254", "}"),
    "missing argument": instance("priority"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_what_keepalived_reports_we_report(name: str, tmp_path: Path) -> None:
    path = tmp_path / "k.conf"
    path.write_text(FAULTY[name])
    status, lines = keepalived(path)
    assert status, "the case holds no fault"
    assert lines, "keepalived names no line"
    our_status, our_lines = ours(path)
    assert our_status == 5
    assert lines <= our_lines


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.name)
def test_seeds(path: Path) -> None:
    status, lines = keepalived(path)
    our_status, our_lines = ours(path)
    assert (status, our_status) == (5, 5)
    assert lines <= our_lines
