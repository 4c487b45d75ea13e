"""Addresses moved by hand, with a keepalived and with a pyvrrpd as the other host.

What moved is judged by the witness: by addresses, and by what is on the wire. The bounds are the limits that were asked
for, not the machine's.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from netns.harness import IP, START_S, Kind, Lab, Node, run, until

pytestmark = [pytest.mark.root]

INTERVAL_S = 0.2
LIMIT_S = 10.0              # for what must come about; nothing waits for it when all is well
SOON_S = 15.0

GROUP = """
vrrp_sync_group pair {
    group {
        VI_2
        VI_3
    }
}
"""


def vip(number: int) -> str:
    return f"192.0.2.{100 + number}"


def instance(number: int, priority: int) -> str:
    return f"""
vrrp_instance VI_{number} {{
    interface eth0
    virtual_router_id {number}
    priority {priority}
    version 3
    advert_int {INTERVAL_S}
    virtual_ipaddress {{
        {vip(number)}/24
    }}
}}
"""


def file_of(priority: int, *numbers: int) -> str:
    return "".join(instance(number, priority) for number in numbers) + GROUP


class Pair:
    """Our host with the higher priority, on the left, MASTER of three instances; the other one has been heard."""

    def __init__(self, lab: Lab, kind: Kind, *, lower: int | None = None) -> None:
        """lower: the number of another instance, of which the other host is MASTER."""
        self.left, self.right = lab.pair()
        self.ours, self.other = lab.daemon("pyvrrpd", self.left), lab.daemon(kind, self.right)
        own, its = ("" if lower is None else instance(lower, priority) for priority in (50, 100))
        self.ours.configure(file_of(150, 1, 2, 3) + own)
        self.other.configure(file_of(100, 1, 2, 3) + its)
        self.other.start()
        self.here(self.right, 1, 2, 3)
        self.ours.start()
        self.here(self.left, 1, 2, 3)

    def here(self, node: Node, *numbers: int) -> None:
        """Wait until a host has these addresses."""
        node.record.wait(lambda: all(node.has(vip(number)) for number in numbers), START_S + SOON_S, f"{numbers}")

    def order(self, path: str, **body: Any) -> Any:
        status, answer = self.ours.ask("POST", path, body)
        assert status == 200, answer
        return answer

    def move(self, path: str, **body: Any) -> dict[str, tuple[str, bool]]:
        """Have something moved; by instance what became of it, and whether it comes back."""
        moves = self.order(path, wait=True, limit_s=LIMIT_S, **body)["moves"]
        assert all(move["to"] == self.right.ip4 for move in moves if move["outcome"] == "MOVED"), moves
        return {move["instance"]: (move["outcome"], move["returns"]) for move in moves}

    def stays_out(self, number: int) -> bool:
        """It is BACKUP though nobody else is MASTER: its Master_Down_Timer has run out, and nothing followed."""
        found = self.ours.get(f"/v1/instances/VI_{number}")
        return found["state"] == "BACKUP" and found["timer"] == ""


@pytest.mark.parametrize("kind", ["keepalived", "pyvrrpd"])
def test_addresses_move_and_come_back_as_they_are_told_to(lab: Lab, kind: Kind) -> None:
    pair = Pair(lab, kind)
    left, right = pair.left, pair.right

    # One instance is held: it goes, says so once, and stays away; the others are not touched.
    at_s = time.monotonic()
    assert pair.move("/v1/hold", instance="VI_1") == {"VI_1": ("MOVED", False)}
    pair.here(right, 1)
    right.record.wait_adverts(10, sent=True, since_s=at_s, vrid=1, timeout_s=SOON_S)     # it goes on for a while
    said = [advert.priority for advert in left.record.select(sent=True, vrid=1)]
    assert said.index(0) == len(said) - 1
    assert not left.has(vip(1))
    assert [left.has(vip(2)), left.has(vip(3))] == [True, True]
    assert pair.ours.instance("VI_1")["aside"] == "hold"

    # A reload changes nothing of that; resume does, as it has the higher priority.
    assert pair.order("/v1/reload")["accepted"]
    assert pair.ours.instance("VI_1")["aside"] == "hold"
    assert pair.order("/v1/resume", instance="VI_1")["resumed"] == ["VI_1"]
    pair.here(left, 1)

    # A sync group moves together, and a switchover is over when it has moved.
    at_s = time.monotonic()
    assert pair.move("/v1/switchover", instance="VI_3") == {"VI_2": ("MOVED", True), "VI_3": ("MOVED", True)}
    for node in (right, left):
        for number in (2, 3):
            node.record.wait_address(vip(number), True, since_s=at_s, timeout_s=SOON_S)

    # The host is drained, and so is what a reload adds.
    assert set(pair.move("/v1/drain").values()) == {("MOVED", False)}
    pair.here(right, 1, 2, 3)
    pair.ours.configure(file_of(150, 1, 2, 3, 4))
    assert pair.order("/v1/reload")["files"][0]["added"] == 1
    until(lambda: pair.stays_out(4), SOON_S, "VI_4 stays out")
    assert pair.ours.instance("VI_4")["aside"] == "drain"
    status, answer = pair.ours.ask("POST", "/v1/switchover", {"instance": "VI_4"})
    assert (status, "not MASTER" in answer["error"]) == (409, True)

    # Even when the other host dies it stays out; then it is told otherwise.
    pair.other.kill()
    until(lambda: all(pair.stays_out(number) for number in (1, 2, 3)), SOON_S, "all stay out")
    assert sorted(pair.order("/v1/resume")["resumed"]) == ["VI_1", "VI_2", "VI_3", "VI_4"]
    pair.here(left, 1, 2, 3, 4)

    # Nobody takes over: the addresses come back by themselves, and whoever waits is told.
    moves = pair.order("/v1/switchover", instance="VI_1", wait=True)["moves"]
    assert [move["outcome"] for move in moves] == ["NOBODY"]
    pair.here(left, 1)
    assert pair.ours.instance("VI_1")["aside"] == ""
    # And of VI_4 nobody was ever heard: nothing is tried.
    status, answer = pair.ours.ask("POST", "/v1/hold", {"instance": "VI_4"})
    assert (status, "no advert of another host was heard" in answer["error"]) == (409, True)
    assert left.has(vip(4))


def test_two_masters_are_told_by_the_one_that_hears_the_other(lab: Lab) -> None:
    pair = Pair(lab, "pyvrrpd", lower=5)
    # Before that: all of a file at once. What is not MASTER has nothing to do, and no order stays.
    moves = pair.move("/v1/switchover", scope="keepalived")
    assert moves == {"VI_5": ("NOT_MASTER", False)} | {f"VI_{number}": ("MOVED", True) for number in (1, 2, 3)}
    instances = "/v1/instances"
    until(lambda: not any(each["aside"] for each in pair.ours.get(instances)["instances"]), SOON_S, "all are free")
    pair.here(pair.left, 1, 2, 3)

    filtering(pair.right, f"ip saddr {pair.left.ip4} ip protocol 112 drop;")
    pair.here(pair.right, 1)
    rival = until(lambda: pair.ours.instance("VI_1")["other_master"], SOON_S, "it is told")
    assert (rival["address"], rival["priority"]) == (pair.right.ip4, 100)
    assert (rival["own_address"], rival["own_priority"]) == (pair.left.ip4, 150)
    assert pair.other.instance("VI_1")["other_master"] is None
    run(IP, "netns", "exec", pair.right.namespace, "nft", "flush", "ruleset")
    until(lambda: pair.ours.instance("VI_1")["other_master"] is None, SOON_S, "it is over")
    pair.ours.wait_log(r"\(VI_1\) 192.0.2.2 and this host were both MASTER for \d", SOON_S)
    # It is told again when it happens again, in the same state.
    filtering(pair.right, f"ip saddr {pair.left.ip4} ip protocol 112 drop;")
    until(lambda: pair.ours.instance("VI_1")["other_master"], SOON_S, "it is told again")


def filtering(node: Node, rule: str) -> None:
    text = f"table ip t {{\nchain c {{\ntype filter hook prerouting priority -400;\n{rule}\n}}\n}}\n"
    run(IP, "netns", "exec", node.namespace, "nft", "-f", "-", text=text)
