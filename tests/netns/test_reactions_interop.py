"""What a daemon does when it hears a lower or a higher advert, or waits with preempt_delay: ours and keepalived, the
same file and the same adverts, counted on the wire.

The two differ in one thing, which test_a_stream_of_lower_adverts measures: how many gratuitous ARPs a stream of lower
adverts is worth.
"""

from __future__ import annotations

import time

import pytest

from netns.files import HIGH, LOW, Shape
from netns.harness import START_S, Daemon, Kind, Lab, Node
from netns.packets import Forged, send
from netns.witness import Advert

pytestmark = [pytest.mark.root]

SHAPE = Shape(3, False, 4)
FAST = Shape(3, False, 4, interval_s=0.1)
KINDS: tuple[Kind, Kind] = ("pyvrrpd", "keepalived")
REPEAT, DELAY_S = 3, 1
TUNING = (
    "garp_master_delay 1", "garp_master_repeat 1", f"garp_lower_prio_delay {DELAY_S}",
    f"garp_lower_prio_repeat {REPEAT}",
)
ANSWER_S = 0.3                      # at once, on a machine that does much else
SLACK_S = 0.5


def master(lab: Lab, kind: Kind, *lines: str) -> tuple[Daemon, Node, Node]:
    """A MASTER on the left that has just sent a regular advert, and announced all that it had to."""
    left, right = lab.pair()
    daemon = lab.daemon(kind, left)
    daemon.configure(SHAPE.text(left, right, HIGH, *TUNING, *lines))
    started_s = daemon.start()
    left.record.wait_address(SHAPE.last_vip, True, since_s=started_s, timeout_s=START_S + 5)
    left.record.wait_adverts(4, sent=True, since_s=started_s, timeout_s=10)
    return daemon, left, right


def heard(right: Node, **changes: object) -> float:
    """Send one advert from the right; when that was."""
    forged = Forged(source=right.ip4, vrid=SHAPE.vrid, addresses=SHAPE.vips, **changes)     # type: ignore[arg-type]
    at_s = time.monotonic()
    send(right.namespace, forged)
    return at_s


def adverts(node: Node, since_s: float, until_s: float) -> list[Advert]:
    return [advert for advert in node.record.select(sent=True, since_s=since_s) if advert.at_s < until_s]


def announcements(node: Node, since_s: float, until_s: float) -> int:
    """How many of one address."""
    return sum(
        told.sent and told.address == SHAPE.vips[0] and since_s <= told.at_s < until_s
        for told in node.record.announcements
    )


@pytest.mark.rule("S10")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("line", "answers"), [("", 1), ("lower_prio_no_advert", 0)])
def test_one_lower_advert(lab: Lab, kind: Kind, line: str, answers: int) -> None:
    daemon, left, right = master(lab, kind, line)
    try:
        at_s = heard(right, priority=50)
        time.sleep(DELAY_S + 1.5)
        assert len(adverts(left, at_s, at_s + ANSWER_S)) == answers
        assert announcements(left, at_s, at_s + ANSWER_S) == REPEAT
        assert announcements(left, at_s, at_s + DELAY_S - 0.05) == REPEAT
        assert announcements(left, at_s, at_s + DELAY_S + 1.5) == 2 * REPEAT, "the second set"
        assert left.has(SHAPE.last_vip)
    finally:
        daemon.discard()


@pytest.mark.keepalived("M2")
@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_of_lower_adverts(lab: Lab, kind: Kind) -> None:
    """Twenty in a second and a half: keepalived announces twice for each that it reads, we once in each delay."""
    daemon, left, right = master(lab, kind)
    try:
        since_s = time.monotonic()
        for _ in range(20):
            heard(right, priority=50)
            time.sleep(0.075)
        last_s = time.monotonic()
        time.sleep(2 * DELAY_S + 1.0)
        answers = len(adverts(left, since_s, last_s + ANSWER_S))
        sets = announcements(left, since_s, time.monotonic()) / REPEAT
        if kind == "pyvrrpd":
            assert answers >= 20, "each is answered"
            assert 3 <= sets <= (time.monotonic() - since_s) / DELAY_S + 1
        else:
            assert answers >= 15
            assert sets >= 30
        assert announcements(left, last_s, time.monotonic()), "there is a set after the last of them"
    finally:
        daemon.discard()


@pytest.mark.rule("S9")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("line", "before"), [("", []), ("higher_prio_send_advert", [HIGH])])
def test_one_higher_advert(lab: Lab, kind: Kind, line: str, before: list[int]) -> None:
    daemon, left, right = master(lab, kind, line)
    try:
        at_s = heard(right, priority=250)
        left.record.wait_address(SHAPE.last_vip, False, since_s=at_s, timeout_s=5)
        time.sleep(1.5)
        assert [advert.priority for advert in adverts(left, at_s, time.monotonic())] == before
        assert not announcements(left, at_s, time.monotonic())
    finally:
        daemon.discard()


@pytest.mark.rule("S13")
@pytest.mark.keepalived("E3")
@pytest.mark.parametrize("kinds", [KINDS, KINDS[::-1]], ids=["ours_waits", "theirs_waits"])
def test_preempt_delay(lab: Lab, kinds: tuple[Kind, Kind]) -> None:
    """The better one comes when the other is MASTER: it waits, and its Master_Down_Interval comes after that."""
    delay_s = 2.0
    left, right = lab.pair()
    better, lesser = (lab.daemon(kind, node) for kind, node in zip(kinds, (left, right), strict=True))
    better.configure(FAST.text(left, right, HIGH, f"preempt_delay {delay_s:g}"))
    lesser.configure(FAST.text(right, left, LOW))
    try:
        started_s = lesser.start()
        right.record.wait_address(FAST.last_vip, True, since_s=started_s, timeout_s=START_S + 5)
        skip = len(better.log())
        started_s = better.start()
        better.wait_log(r"\(VI_1\) Entering BACKUP STATE", START_S, skip=skip)
        ready_s = time.monotonic()
        came = left.record.wait_address(FAST.last_vip, True, since_s=started_s, timeout_s=delay_s + 5)
        waits_s = delay_s + FAST.master_down_interval_s(HIGH)
        # The first advert starts the clock; the last one obeyed is at most one interval before its end.
        assert waits_s - FAST.interval_s - 0.1 <= came.at_s - ready_s <= waits_s + FAST.interval_s + SLACK_S
        right.record.wait_address(FAST.last_vip, False, since_s=started_s, timeout_s=5)
        # Nobody to wait for when the MASTER goes.
        better.terminate()
        right.record.wait_address(FAST.last_vip, True, since_s=came.at_s, timeout_s=5)
        better.start()
        skip = len(better.log())
        better.wait_log(r"\(VI_1\) Entering BACKUP STATE", START_S, skip=skip)
        left_s = lesser.kill()
        came = left.record.wait_address(FAST.last_vip, True, since_s=left_s, timeout_s=5)
        assert came.at_s - left_s <= FAST.master_down_interval_s(HIGH) + SLACK_S
    finally:
        better.discard()
        lesser.discard()
