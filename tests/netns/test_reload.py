"""SIGHUP: what did not change is not touched; what is wrong changes nothing.

Where keepalived does the same, the test runs on both kinds. Where it ends on a bad file, and leaves its
addresses, ours goes on with what it had.
"""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from netns.harness import START_S, Daemon, Kind, Lab, Node, until

pytestmark = [pytest.mark.root]

BOTH = pytest.mark.parametrize("kind", ["pyvrrpd", "keepalived"])
OURS = pytest.mark.parametrize("kind", ["pyvrrpd"])
INTERVAL_S = 0.1
MASTER_S = START_S + 1.0


@dataclass(frozen=True, slots=True)
class Router:
    """One instance of the file; its VIP follows from its number unless it is given."""

    number: int
    vip: str = ""
    priority: int = 200
    name: str = ""

    @property
    def address(self) -> str:
        return self.vip or f"192.0.2.{100 + self.number}"

    def text(self) -> str:
        return f"""
vrrp_instance {self.name or f"VI_{self.number}"} {{
    interface eth0
    virtual_router_id {self.number}
    priority {self.priority}
    version 3
    advert_int {INTERVAL_S}
    virtual_ipaddress {{
        {self.address}/24
    }}
}}
"""


def file_of(*routers: Router) -> str:
    return "".join(router.text() for router in routers)


FIRST = (Router(1), Router(2), Router(3))


@dataclass
class Running:
    """A daemon that is MASTER of every router of FIRST, and what was so before the reload."""

    daemon: Daemon
    left: Node
    right: Node
    delays: list[tuple[float, float]] = field(default_factory=list)     # when, and what the host had delayed by then

    def __post_init__(self) -> None:
        self.delays.append((time.monotonic(), self.daemon.host_delay_s()))

    def reload(self, text: str) -> float:
        """Give it a new file and SIGHUP; when that was."""
        self.daemon.configure(text)
        self.delays.append((time.monotonic(), self.daemon.host_delay_s()))
        return self.daemon.signal(signal.SIGHUP)

    def assert_untouched(self, router: Router, since_s: float) -> None:
        """Up to now: no advert missed, none of another priority, no address event, no transition."""
        self.wait_adverts_after(8, since_s, router.number)
        adverts = self.right.record.select(sent=False, vrid=router.number)
        before = [advert for advert in adverts if advert.at_s < since_s][-1:]
        window = before + [advert for advert in adverts if advert.at_s >= since_s]
        assert len(window) > 5, "it goes on sending"
        gaps_s = [b.at_s - a.at_s for a, b in itertools.pairwise(window)]
        # What the host took from the daemon meanwhile is no fault of the reload.
        host_s = self.daemon.host_delay_s() - max(delay for at_s, delay in self.delays if at_s <= since_s)
        assert max(gaps_s) < 3 * INTERVAL_S + host_s, (
            f"VRID {router.number} missed an advert: {max(gaps_s):.3f} s, of which the host took at most {host_s:.3f} s"
        )
        assert {advert.priority for advert in window} == {router.priority}
        moved = [e for e in self.left.record.addresses if e.at_s >= since_s and e.address == router.address]
        assert not moved, f"its address was touched: {moved}"
        assert self.daemon.transitions(f"VI_{router.number}") == ["BACKUP", "MASTER"]

    def wait_adverts_after(self, count: int, since_s: float, vrid: int) -> None:
        self.right.record.wait_adverts(count, sent=False, since_s=since_s, vrid=vrid, timeout_s=10)


@pytest.fixture
def running(lab: Lab, kind: Kind) -> Iterator[Running]:
    left, right = lab.pair()
    daemon = lab.daemon(kind, left)
    daemon.configure(file_of(*FIRST))
    daemon.start()
    for router in FIRST:
        left.record.wait_address(router.address, True, timeout_s=MASTER_S)
        # The announcements of the take-over are over, and every router is heard.
        right.record.wait_adverts(5, sent=False, vrid=router.number, timeout_s=5)
    yield Running(daemon, left, right)
    daemon.discard()


@BOTH
def test_only_what_changed_is_touched(running: Running) -> None:
    """One router the same, one with another address, one gone, one new."""
    same, gone, new = FIRST[0], FIRST[2], Router(4)
    changed = Router(2, vip="192.0.2.222")
    left, right = running.left, running.right
    since_s = running.reload(file_of(same, changed, new))

    left.record.wait_address(changed.address, True, since_s=since_s, timeout_s=5)
    left.record.wait_address(FIRST[1].address, False, since_s=since_s, timeout_s=5)
    left.record.wait_address(gone.address, False, since_s=since_s, timeout_s=5)
    left.record.wait_address(new.address, True, since_s=since_s, timeout_s=5)
    running.wait_adverts_after(20, since_s, same.number)
    running.wait_adverts_after(5, since_s, new.number)

    running.assert_untouched(same, since_s)
    # The changed one stayed master: never priority 0, and its adverts name the new address.
    adverts = right.record.select(sent=False, since_s=since_s, vrid=changed.number)
    assert {advert.priority for advert in adverts} == {changed.priority}
    assert adverts[-1].addresses == (changed.address,)
    assert running.daemon.transitions("VI_2") == ["BACKUP", "MASTER"]
    # The one that is gone said so, and says nothing more.
    last = right.record.select(sent=False, since_s=since_s, vrid=gone.number)[-1]
    assert last.priority == 0
    # The new one began as BACKUP.
    assert running.daemon.transitions("VI_4") == ["BACKUP", "MASTER"]


@OURS
def test_an_untouched_router_announces_nothing(running: Running) -> None:
    """A reload without a change sends no gratuitous ARP and no advert out of its turn."""
    since_s = running.reload(file_of(*FIRST))
    running.wait_adverts_after(20, since_s, 1)
    for router in FIRST:
        running.assert_untouched(router, since_s)
        adverts = running.right.record.select(sent=False, since_s=since_s, vrid=router.number)
        gaps_s = [b.at_s - a.at_s for a, b in itertools.pairwise(adverts)]
        assert min(gaps_s) > 0.5 * INTERVAL_S, "an advert out of its turn"


@BOTH
def test_a_changed_priority_is_in_the_next_advert(running: Running) -> None:
    lower = Router(1, priority=150)
    since_s = running.reload(file_of(lower, *FIRST[1:]))
    record = running.right.record
    record.wait(
        lambda: 150 in {a.priority for a in record.select(sent=False, since_s=since_s, vrid=1)},
        5, "an advert of priority 150",
    )
    running.wait_adverts_after(20, since_s, 2)
    running.assert_untouched(FIRST[1], since_s)
    assert {a.priority for a in record.select(sent=False, since_s=since_s, vrid=1)} <= {200, 150}
    assert running.daemon.transitions("VI_1") == ["BACKUP", "MASTER"]


@BOTH
def test_a_router_is_its_vrid_not_its_name(running: Running) -> None:
    """A renamed instance is the same Virtual Router: it keeps its state and its address."""
    since_s = running.reload(file_of(Router(1, name="RENAMED"), *FIRST[1:]))
    running.wait_adverts_after(20, since_s, 1)
    adverts = running.right.record.select(sent=False, since_s=since_s, vrid=1)
    assert {advert.priority for advert in adverts} == {200}
    address = FIRST[0].address
    assert not [e for e in running.left.record.addresses if e.at_s >= since_s and e.address == address]
    assert "MASTER" not in running.daemon.transitions("RENAMED")


# Each would remove router 1, change router 2 and add router 4, were it not for its fault.
GOOD = (Router(2, vip="192.0.2.222"), Router(3), Router(4))
BAD = {
    "unclosed brace": file_of(*GOOD).rstrip().removesuffix("}"),
    "cut off": file_of(*GOOD)[: file_of(*GOOD).rindex("virtual_ipaddress")],
    "duplicate VRID": file_of(*GOOD, Router(3, name="AGAIN", vip="192.0.2.250")),
    "v3 without an address": file_of(*GOOD, Router(9)).replace("192.0.2.109/24", ""),
    "VRID 256": file_of(*GOOD, Router(256, vip="192.0.2.250")),
}


@OURS
@pytest.mark.parametrize("fault", BAD)
def test_a_bad_file_changes_nothing_and_is_reported(running: Running, fault: str) -> None:
    skip = len(running.daemon.log())
    since_s = running.reload(BAD[fault])
    running.daemon.wait_log(rf"{running.daemon.file}:\d+: .+", 5, skip=skip)
    assert_all_as_before(running, since_s)
    # The next good file is taken.
    since_s = running.reload(file_of(*FIRST, Router(4)))
    running.left.record.wait_address(Router(4).address, True, since_s=since_s, timeout_s=5)


@OURS
def test_a_file_that_is_gone_changes_nothing_and_is_reported(running: Running) -> None:
    skip = len(running.daemon.log())
    running.daemon.file.unlink()
    since_s = running.daemon.signal(signal.SIGHUP)
    running.daemon.wait_log(rf"{running.daemon.file}: .+", 5, skip=skip)
    assert_all_as_before(running, since_s)


def assert_all_as_before(running: Running, since_s: float) -> None:
    for router in FIRST:
        running.wait_adverts_after(10, since_s, router.number)
        running.assert_untouched(router, since_s)


@BOTH
def test_an_unknown_keyword_is_reported_and_the_rest_applies(running: Running) -> None:
    skip = len(running.daemon.log())
    since_s = running.reload(file_of(*FIRST, Router(4)) + "\nno_such_keyword 7\n")
    running.daemon.wait_log("no_such_keyword", 5, skip=skip)
    running.left.record.wait_address(Router(4).address, True, since_s=since_s, timeout_s=5)
    running.wait_adverts_after(10, since_s, 1)
    running.assert_untouched(FIRST[0], since_s)


@OURS
def test_many_reloads_at_once_lose_nothing(running: Running) -> None:
    """Twenty SIGHUPs while the file changes: at the end the last file holds, and the others never blinked."""
    since_s = time.monotonic()
    for turn in range(20):
        added = Router(4, vip=f"192.0.2.{210 + turn}")
        running.reload(file_of(*FIRST, added))
        running.right.record.wait_adverts(1, sent=False, since_s=time.monotonic(), vrid=1, timeout_s=5)
    running.left.record.wait(lambda: running.left.has("192.0.2.229"), 10, "the address of the last file")
    running.wait_adverts_after(20, since_s, 1)
    for router in FIRST:
        running.assert_untouched(router, since_s)
    leftover = [f"192.0.2.{210 + turn}" for turn in range(19) if running.left.has(f"192.0.2.{210 + turn}")]
    assert not leftover


DOWN = """
vrrp_script down {
    script "/bin/false"
    interval 1
}
"""
TRACKING = Router(1).text().replace("version 3", "version 3\n    track_script {\n        down\n    }")


def reload_done(running: Running, text: str) -> float:
    """Reload, and wait until it is carried out."""
    skip = len(running.daemon.log())
    since_s = running.reload(text)
    running.daemon.wait_log(r"reload: \d+ added", 5, skip=skip)
    return since_s


@OURS
def test_a_script_that_nothing_tracked_may_go(running: Running) -> None:
    reload_done(running, DOWN + file_of(*FIRST))
    since_s = reload_done(running, file_of(*FIRST, Router(4)))
    running.left.record.wait_address(Router(4).address, True, since_s=since_s, timeout_s=5)
    for router in FIRST:
        running.assert_untouched(router, since_s)


@OURS
def test_a_known_script_is_run_from_the_time_that_it_is_tracked(running: Running) -> None:
    """And no longer than that: the reload that leaves it out ends what it caused."""
    reload_done(running, DOWN + file_of(*FIRST))
    since_s = reload_done(running, DOWN + TRACKING + file_of(*FIRST[1:]))
    running.left.record.wait_address(Router(1).address, False, since_s=since_s, timeout_s=5)
    assert running.daemon.instance("VI_1")["faults"] == ["down failed"]
    since_s = reload_done(running, DOWN + file_of(*FIRST))
    running.left.record.wait_address(Router(1).address, True, since_s=since_s, timeout_s=5)
    running.assert_untouched(FIRST[1], since_s)


def test_whoever_asks_meanwhile_gets_a_whole_answer(lab: Lab) -> None:
    """An answer is made in slices, and a reload that removes instances may come between two."""
    daemon = lab.daemon("pyvrrpd", lab.pair()[0])

    def configure(count: int) -> None:
        daemon.configure("".join(
            f"vrrp_instance V{vrid} {{\n interface eth0\n virtual_router_id {vrid}\n priority 100\n"
            f" virtual_ipaddress {{\n 192.0.2.{vrid}/32 dev eth0\n }}\n}}\n"
            for vrid in range(10, 10 + count)
        ))

    configure(200)
    daemon.start()
    until(lambda: daemon.socket.exists(), 30, "the control socket")
    for count in (20, 200) * 3:
        configure(count)
        daemon.signal(signal.SIGHUP)
        until(lambda: len(daemon.get("/v1/instances")["instances"]) == count, 30, f"{count} instances")  # noqa: B023
    assert "please report" not in daemon.log()
