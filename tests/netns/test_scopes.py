"""Several files in one daemon: each is a scope with names, scripts and groups of its own.

One bad file harms no other; a file that comes or goes at a reload brings or takes its instances and nothing else.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from netns.harness import START_S, Daemon, Lab, Node

pytestmark = [pytest.mark.root]

MASTER_S = START_S + 1.0


def file_of(number: int, *, name: str = "VI_1", extra: str = "") -> str:
    return f"""
vrrp_instance {name} {{
    interface eth0
    virtual_router_id {number}
    priority 200
    version 3
    advert_int 0.1
    virtual_ipaddress {{
        192.0.2.{100 + number}/24
    }}
    {extra}
}}
"""


@pytest.fixture
def scoped(lab: Lab) -> tuple[Daemon, Node, Path]:
    """A daemon that is given a directory of files instead of one."""
    left, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    files = daemon.directory / "conf.d"
    files.mkdir()
    daemon.file = files
    return daemon, left, files


def test_every_file_of_a_directory_is_a_scope(scoped: tuple[Daemon, Node, Path]) -> None:
    """The same name in two files is two instances, each shown with its scope."""
    daemon, left, files = scoped
    (files / "red.conf").write_text(file_of(1))
    (files / "blue.conf").write_text(file_of(2))
    (files / "notes.txt").write_text("not a configuration")
    daemon.start()
    for number in (1, 2):
        left.record.wait_address(f"192.0.2.{100 + number}", True, timeout_s=MASTER_S)
    shown = {entry["name"]: entry["vrid"] for entry in daemon.get("/v1/instances")["instances"]}
    assert shown == {"blue/VI_1": 2, "red/VI_1": 1}
    assert "(red/VI_1) Entering MASTER STATE" in daemon.log()
    daemon.terminate()
    assert not left.has("192.0.2.101")
    assert not left.has("192.0.2.102")


def test_one_scope_alone_is_not_named(scoped: tuple[Daemon, Node, Path]) -> None:
    daemon, left, files = scoped
    (files / "red.conf").write_text(file_of(1))
    daemon.start()
    left.record.wait_address("192.0.2.101", True, timeout_s=MASTER_S)
    assert [entry["name"] for entry in daemon.get("/v1/instances")["instances"]] == ["VI_1"]


def test_files_come_go_and_break_without_harm_to_others(scoped: tuple[Daemon, Node, Path]) -> None:
    daemon, left, files = scoped
    (files / "a.conf").write_text(file_of(1))
    (files / "b.conf").write_text(file_of(2))
    daemon.start()
    for number in (1, 2):
        left.record.wait_address(f"192.0.2.{100 + number}", True, timeout_s=MASTER_S)
    became = daemon.instance("a/VI_1")["since"]

    mark = len(daemon.log())
    (files / "b.conf").write_text("vrrp_instance VI_1 {\n")
    (files / "c.conf").write_text(file_of(3))
    daemon.signal(signal.SIGHUP)
    left.record.wait_address("192.0.2.103", True, timeout_s=MASTER_S)
    assert left.has("192.0.2.102"), "a broken file leaves what it ran"
    daemon.wait_log(r"b\.conf goes on as it was", 5, skip=mark)

    mark = len(daemon.log())
    (files / "b.conf").unlink()
    daemon.signal(signal.SIGHUP)
    daemon.wait_log(r"\(b/VI_1\) removed", 5, skip=mark)
    left.record.wait_address("192.0.2.102", False, timeout_s=5)
    names = [entry["name"] for entry in daemon.get("/v1/instances")["instances"]]
    assert names == ["a/VI_1", "c/VI_1"]
    assert daemon.instance("a/VI_1")["since"] == became
    assert daemon.transitions("a/VI_1") == ["BACKUP", "MASTER"]

    mark = len(daemon.log())
    for path in files.iterdir():
        path.unlink()
    daemon.signal(signal.SIGHUP)
    daemon.wait_log("no file is left to run", 5, skip=mark)
    assert left.has("192.0.2.101")


def test_unknown_vrids_are_logged_once_where_a_file_asks_for_it(lab: Lab) -> None:
    left, right = lab.pair()
    daemon, other = lab.daemon("pyvrrpd", left), lab.daemon("pyvrrpd", right)
    daemon.configure("global_defs {\n    log_unknown_vrids\n}\n" + file_of(1))
    other.configure(file_of(77))
    daemon.start()
    other.start()
    said = r"the daemon's network namespace: advert from 192\.0\.2\.2 with VRID 77, which no IPv4 instance has"
    daemon.wait_log(said, 2 * MASTER_S)
    left.record.wait_adverts(5, sent=False, vrid=77, timeout_s=10)
    assert daemon.log().count("with VRID 77") == 1


def test_the_same_router_in_two_files_runs_once(scoped: tuple[Daemon, Node, Path]) -> None:
    """Nothing could tell their adverts apart. The second is in FAULT and says why."""
    daemon, left, files = scoped
    (files / "a.conf").write_text(file_of(1))
    (files / "b.conf").write_text(file_of(1, name="VI_2"))
    daemon.start()
    left.record.wait_address("192.0.2.101", True, timeout_s=MASTER_S)
    daemon.wait_log(r"\(b/VI_2\) cannot run: ", 5)
    entry = daemon.instance("b/VI_2")
    assert entry["state"] == "FAULT"
    assert entry["faults"] == ["virtual_router_id 1 on eth0 is already used by a/VI_1; pick a free id"]
