"""Instances that come, change and go over the control socket: what a transaction does not name is not touched.

The daemon is MASTER of three routers; a transaction is one call of the client. What is judged is the wire and the
kernel, as for a reload, and the file.
"""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from netns.harness import Lab, Node, until
from netns.test_reload import FIRST, MASTER_S, Router, Running, file_of
from pyvrrp.control.client import ControlClient
from pyvrrp.control.transaction import Removal, TransactionReply, TransactionRequest
from pyvrrp.errors import RefusedError

pytestmark = [pytest.mark.root]


@pytest.fixture
def running(lab: Lab) -> Iterator[Running]:
    left, right = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(f"# three routers\n{file_of(*FIRST)}")
    daemon.start()
    for router in FIRST:
        left.record.wait_address(router.address, True, timeout_s=MASTER_S)
        right.record.wait_adverts(5, sent=False, vrid=router.number, timeout_s=5)
    yield Running(daemon, left, right)
    daemon.discard()


def ask(
    running: Running, *put: str, remove: tuple[str, ...] = (), write: bool = False, dry_run: bool = False
) -> TransactionReply:
    running.delays.append((time.monotonic(), running.daemon.host_delay_s()))
    return ControlClient(str(running.daemon.socket), timeout_s=60).transact(TransactionRequest(
        put=list(put), remove=[Removal(name=name) for name in remove], write=write, dry_run=dry_run,
    ))


def assert_untouched(running: Running, router: Router, since_s: float) -> None:
    """Up to now: it goes on sending, always the same; no address of it was touched, and it made no transition.

    When each advert came is not looked at: tests/netns/test_reload.py does that for what both go by.
    """
    running.wait_adverts_after(8, since_s, router.number)
    adverts = running.right.record.select(sent=False, vrid=router.number, since_s=since_s)
    assert {(advert.priority, advert.addresses) for advert in adverts} == {(router.priority, (router.address,))}
    moved = [event for event in running.left.record.addresses if event.at_s >= since_s]
    assert router.address not in {event.address for event in moved}
    assert running.daemon.transitions(f"VI_{router.number}") == ["BACKUP", "MASTER"]


def states(running: Running) -> dict[str, str]:
    return {each["name"]: each["state"] for each in running.daemon.get("/v1/instances")["instances"]}


def test_an_instance_comes_and_goes_and_no_other_is_touched(running: Running) -> None:
    new = Router(4)
    since_s = time.monotonic()
    reply = ask(running, new.text())
    assert (reply.accepted, reply.added, reply.untouched) == (True, ["VI_4"], 3)
    running.left.record.wait_address(new.address, True, since_s=since_s, timeout_s=10)
    running.wait_adverts_after(5, since_s, new.number)
    reply = ask(running, remove=("VI_4",))
    assert (reply.accepted, reply.removed, reply.untouched) == (True, ["VI_4"], 3)
    running.left.record.wait_address(new.address, False, since_s=since_s, timeout_s=10)
    for router in FIRST:
        assert_untouched(running, router, since_s)
    assert running.right.record.select(sent=False, since_s=since_s, vrid=new.number)[-1].priority == 0
    assert sorted(states(running)) == ["VI_1", "VI_2", "VI_3"]


def test_a_priority_and_an_address_change_in_place(running: Running) -> None:
    """The instance stays MASTER: its adverts have the new priority, and of its addresses only the new one comes."""
    since_s = time.monotonic()
    text = Router(2, priority=190).text().replace("192.0.2.102/24", "192.0.2.102/24\n        192.0.2.222/24")
    reply = ask(running, text)
    assert reply.changed[0].name == "VI_2"
    assert reply.changed[0].settings == ["priority 200 -> 190", "virtual_ipaddress +192.0.2.222/24 dev eth0"]
    running.left.record.wait_address("192.0.2.222", True, since_s=since_s, timeout_s=10)
    until(
        lambda: running.right.record.select(sent=False, vrid=2)[-1].priority == 190, 10, "adverts with the new priority"
    )
    assert running.daemon.transitions("VI_2") == ["BACKUP", "MASTER"]
    moved = [event for event in running.left.record.addresses if event.at_s >= since_s]
    assert [event.address for event in moved] == ["192.0.2.222"], "no other address was touched"
    for router in (FIRST[0], FIRST[2]):
        assert_untouched(running, router, since_s)


def test_one_bad_block_among_good_ones_changes_nothing(running: Running) -> None:
    before = running.daemon.file.read_bytes()
    since_s = time.monotonic()
    good, clash = Router(5).text(), Router(1, name="other", vip="192.0.2.150").text()
    bad = Router(6).text().replace("virtual_router_id 6", "virtual_router_id 6,")
    reply = ask(running, good, clash, bad, remove=("VI_3",), write=True)
    assert not reply.accepted
    assert reply.status == 409
    found = {(each.file, each.line, each.code) for each in reply.findings if each.severity == "error"}
    assert found == {("put[1]", 2, "vrid-clash"), ("put[2]", 4, "not-a-number")}
    for router in FIRST:
        assert_untouched(running, router, since_s)
    assert sorted(states(running)) == ["VI_1", "VI_2", "VI_3"]
    assert running.daemon.file.read_bytes() == before
    assert [path.name for path in running.daemon.directory.iterdir() if path.name.startswith(".")] == []


def test_a_dry_run_says_the_same_and_changes_nothing(running: Running) -> None:
    before = running.daemon.file.read_bytes()
    reply = ask(running, Router(4).text(), remove=("VI_1",), write=True, dry_run=True)
    assert (reply.accepted, reply.added, reply.removed, reply.untouched) == (True, ["VI_4"], ["VI_1"], 2)
    assert reply.written == []
    assert sorted(states(running)) == ["VI_1", "VI_2", "VI_3"]
    assert running.daemon.file.read_bytes() == before


def test_what_is_written_is_what_a_reload_finds(running: Running) -> None:
    """Owner, mode and all else of the file stay, and SIGHUP finds nothing to do."""
    file = running.daemon.file
    os.chown(file, 12345, 23456)
    file.chmod(0o640)
    before = file.read_text()
    since_s = time.monotonic()
    reply = ask(running, Router(4).text(), write=True)
    assert reply.written == [str(file)]
    assert not reply.is_unwritten
    after = file.read_text()
    assert after.startswith(before), "every byte of it stays"
    assert "vrrp_instance VI_4 {\n    interface eth0\n" in after.removeprefix(before)
    status = file.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (12345, 23456, 0o640)
    skip = len(running.daemon.log())
    running.daemon.signal(signal.SIGHUP)
    running.daemon.wait_log(r"reload: 0 added, 0 removed, 0 changed, 4 untouched$", 20, skip=skip)
    running.wait_adverts_after(5, since_s, 4)
    for router in FIRST:
        assert_untouched(running, router, since_s)
    reply = ask(running, remove=("VI_4",), write=True)
    assert reply.accepted
    assert file.read_text() == before


def test_what_is_not_written_is_dropped_by_a_reload_that_says_so(running: Running) -> None:
    file = running.daemon.file
    before = file.read_bytes()
    assert ask(running, Router(4).text()).is_unwritten
    assert ask(running, Router(5).text()).is_unwritten, "it goes by what runs, not by what the file says"
    assert file.read_bytes() == before
    assert running.daemon.get("/v1/scopes")["scopes"][0]["unwritten_since"]
    assert running.daemon.get("/v1/instances")["unwritten"] == [str(file)]
    assert running.daemon.get("/v1/plan")["scopes"][0]["drops_unwritten"] is True
    skip = len(running.daemon.log())
    running.daemon.signal(signal.SIGHUP)
    running.daemon.wait_log(r"changes that were not written to it are dropped by the reload", 20, skip=skip)
    running.daemon.wait_log(r"reload: 0 added, 2 removed, 0 changed, 3 untouched$", 20, skip=skip)
    assert sorted(states(running)) == ["VI_1", "VI_2", "VI_3"]
    assert running.daemon.get("/v1/instances")["unwritten"] == []


def test_what_was_not_written_can_be_written_later(running: Running) -> None:
    ask(running, Router(4).text())
    reply = ask(running, write=True)
    assert reply.accepted
    assert reply.untouched == 4
    assert not reply.is_unwritten
    assert "vrrp_instance VI_4 {" in running.daemon.file.read_text()


def test_a_file_that_was_changed_meanwhile_is_left_alone(running: Running) -> None:
    """Somebody edits it and has not reloaded yet: neither what he wrote nor what runs is touched."""
    file = running.daemon.file
    edited = file.read_text().replace("priority 200", "priority 201")
    file.write_text(edited)
    reply = ask(running, Router(4).text(), write=True)
    assert not reply.accepted
    assert "was changed since the daemon read it; reload first" in reply.error
    assert file.read_text() == edited
    assert sorted(states(running)) == ["VI_1", "VI_2", "VI_3"]


def test_a_block_of_an_included_file_is_changed_there(running: Running) -> None:
    """And one that a repetition makes is refused with its place."""
    daemon = running.daemon
    included = daemon.directory / "more.inc"
    included.write_text(f"# more\n{Router(4).text()}")
    daemon.configure(f"{file_of(*FIRST)}include more.inc\n~SEQ(N, 7, 8) vrrp_instance VI_$N {{\n"
                     "    interface eth0\n    virtual_router_id 9\n    virtual_ipaddress {\n192.0.2.109\n}\n}\n")
    main = daemon.file.read_bytes()
    skip = len(daemon.log())
    daemon.signal(signal.SIGHUP)
    daemon.wait_log(r"reload refused", 20, skip=skip)       # of the repetition only one line is repeated
    daemon.configure(f"$ID=7\n{file_of(*FIRST)}include more.inc\n{Router(7).text().replace('_id 7', '_id $ID')}")
    main = daemon.file.read_bytes()
    skip = len(daemon.log())
    daemon.signal(signal.SIGHUP)
    daemon.wait_log(r"reload: 2 added", 20, skip=skip)
    reply = ask(running, Router(4, priority=90).text(), write=True)
    assert reply.written == [str(included)]
    assert daemon.file.read_bytes() == main
    assert included.read_text().startswith("# more\n")
    assert "priority 90\n" in included.read_text()
    reply = ask(running, remove=("VI_7",))
    assert not reply.accepted
    assert re.search(r"keepalived\.conf:\d+: vrrp_instance VI_7 cannot be changed by a transaction: it is made by a "
                     r"definition", reply.error)


def test_two_clients_at_once_are_one_after_the_other(running: Running) -> None:
    """Each goes by what the other left, and SIGHUPs in between break nothing."""
    replies: list[TransactionReply] = []

    def client(number: int) -> None:
        replies.append(ask(running, Router(number).text(), write=True))

    clients = [threading.Thread(target=client, args=(number,)) for number in range(10, 13)]
    for each in clients:
        each.start()
        running.daemon.signal(signal.SIGHUP)
    for each in clients:
        each.join(60)
    assert [reply.error for reply in replies] == [""] * 3
    assert sorted(states(running)) == sorted([*(f"VI_{number}" for number in range(10, 13)), "VI_1", "VI_2", "VI_3"])
    assert running.daemon.file.read_text().count("vrrp_instance") == 6
    for router in FIRST:
        assert running.daemon.transitions(f"VI_{router.number}") == ["BACKUP", "MASTER"]


def test_root_alone_may_do_it(running: Running) -> None:
    """A member of the socket's group may look, and is told that this is not for him."""
    running.daemon.socket.chmod(0o666)
    for each in (running.daemon.directory, *running.daemon.directory.parents):
        if each != Path("/tmp"):
            each.chmod(each.stat().st_mode | 0o001)
    body = json.dumps({"remove": [{"name": "VI_1"}]}).encode()
    code = (
        "import os, socket, sys\nos.setgid(65534); os.setuid(65534)\ns = socket.socket(socket.AF_UNIX)\n"
        f"s.connect({str(running.daemon.socket)!r})\n"
        f"s.sendall(b'POST /v1/transaction HTTP/1.0\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n' + {body!r})\n"
        "print(b''.join(iter(lambda: s.recv(4096), b'')).decode())"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True).stdout
    assert told.startswith("HTTP/1.1 403 ")
    assert "root alone may change something" in told
    assert len(states(running)) == 3


def test_a_thousand_instances_in_one_transaction(running: Running) -> None:
    """They are there soon, and whoever runs already misses no advert."""
    since_s = time.monotonic()
    text = "".join(
        f"vrrp_instance T{number} {{\n    interface eth0\n    virtual_router_id {number % 250 + 4}\n    priority 100\n"
        f"    advert_int 10\n    unicast_src_ip 192.0.2.1\n    unicast_peer {{\n        198.51.{number // 250}.2\n"
        "    }\n"
        f"    virtual_ipaddress {{\n        10.{number // 250}.{number % 250}.1/32\n    }}\n}}\n"
        for number in range(1000)
    )
    reply = ask(running, text, write=True)
    assert reply.error == ""
    assert (len(reply.added), reply.untouched) == (1000, 3)
    assert len(states(running)) == 1003
    for router in FIRST:
        assert_untouched(running, router, since_s)
    assert running.daemon.file.read_text().count("vrrp_instance") == 1003


def test_with_several_files_it_concerns_the_one_that_is_named(lab: Lab) -> None:
    """The same name may be in another file; that one is not touched, on disk neither."""
    left, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    files = daemon.directory / "conf.d"
    files.mkdir()
    daemon.file = files
    (files / "red.conf").write_text(Router(1, name="web").text())
    (files / "blue.conf").write_text(Router(2, name="web").text())
    daemon.start()
    for number in (1, 2):
        left.record.wait_address(f"192.0.2.{100 + number}", True, timeout_s=MASTER_S)
    client = ControlClient(str(daemon.socket), timeout_s=60)
    changed = Router(2, name="web", priority=190).text()
    refused = client.transact(TransactionRequest(put=[changed]))
    assert refused.error.endswith("2 files are run; name the scope: blue, red")
    with pytest.raises(RefusedError, match="green"):
        client.transact(TransactionRequest(put=[changed], scope="green"))
    reply = client.transact(TransactionRequest(put=[changed], scope="blue", write=True))
    assert [each.settings for each in reply.changed] == [["priority 200 -> 190"]]
    assert {name: daemon.instance(name)["base_priority"] for name in ("blue/web", "red/web")} == {
        "blue/web": 190, "red/web": 200,
    }
    assert (files / "red.conf").read_text() == Router(1, name="web").text()
    assert "priority 190\n" in (files / "blue.conf").read_text()


def test_the_verb_prints_the_plan_and_the_place_of_a_mistake(running: Running) -> None:
    text = running.daemon.directory / "new.conf"
    text.write_text(Router(4).text())
    done = verb(running.left, running, "apply", str(text))
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 added, 3 untouched" in done.stdout
    assert "+ vrrp_instance VI_4: added" in done.stdout
    status = verb(running.left, running, "status").stdout
    assert "does not hold all that runs: the next reload drops it" in status
    assert verb(running.left, running, "reload").stderr.strip().endswith("are dropped by the reload")
    text.write_text(Router(4).text().replace("priority 200", "priority 2000\n    nosuch word"))
    done = verb(running.left, running, "apply", str(text))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{text}:5:14: error: priority 2000 is not in 1..255" in done.stderr
    assert "    5 |     priority 2000" in done.stderr
    assert done.stderr.endswith("pyvrrp: nothing was changed: 1 error\n")


def verb(node: Node, running: Running, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pyvrrp.cli.main", "--socket", str(running.daemon.socket), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
