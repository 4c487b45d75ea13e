"""F22: a machine is suspended, or a guest migrated. Its CLOCK_MONOTONIC stands still meanwhile, and nothing arrives.

When it wakes, none of its timers is late; CLOCK_BOOTTIME alone shows that others had time to act. A machine that runs
tests cannot be suspended, so it is the daemon's own clock that is set back, by as long as it was stopped and its wire
was parted.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable

import pytest
from netns.harness import START_S, Daemon, Lab, Segment, until

from faults.conftest import Clock
from faults.files import instance, state

pytestmark = pytest.mark.root

INTERVAL_S = 0.5
PAUSE_S = 4                     # longer than a Master_Down_Interval and what a busy machine adds


def pair(lab: Lab, clocks: Callable[[], Clock], *lines: str) -> tuple[Segment, Daemon, Daemon, Clock]:
    """A MASTER whose clock is our own to set, and its BACKUP, on one switch."""
    segment = lab.segment(2)
    others, sleeper = lab.daemon("pyvrrpd", segment.nodes[1]), lab.daemon("pyvrrpd", segment.nodes[0])
    others.configure(instance("VI_1", priority=50, interval_s=INTERVAL_S))
    sleeper.configure(instance("VI_1", *lines, priority=100, interval_s=INTERVAL_S))
    # Parted at first: under nopreempt the one that starts sooner would stay MASTER.
    segment.part(0)
    others.start()              # before there is a clock of our own
    clock = clocks()
    sleeper.start()
    until(lambda: state(sleeper) == state(others) == "MASTER", 2 * START_S, "two MASTERs")
    segment.heal()
    until(lambda: state(sleeper) == "MASTER" and state(others) == "BACKUP", 2 * START_S, "a MASTER and a BACKUP")
    return segment, sleeper, others, clock


def suspend(segment: Segment, sleeper: Daemon, others: Daemon, clock: Clock) -> None:
    """Have the MASTER's machine sleep until the other one has taken over, and PAUSE_S at least."""
    segment.part(0)
    began_s = sleeper.signal(signal.SIGSTOP)
    until(lambda: state(others) == "MASTER", PAUSE_S + START_S, "the other one is MASTER")
    time.sleep(max(0.0, began_s + PAUSE_S - time.monotonic()))
    # Whole seconds: it sleeps on until one is full, so that no lateness of its own is left.
    asleep_s = math.ceil(time.monotonic() - began_s)
    time.sleep(began_s + asleep_s - time.monotonic())
    clock.suspended(asleep_s)
    segment.heal()


def test_a_nopreempt_master_finds_itself_replaced(lab: Lab, clocks: Callable[[], Clock]) -> None:
    segment, sleeper, others, clock = pair(lab, clocks, "nopreempt")
    suspend(segment, sleeper, others, clock)
    before = others.transitions()
    woke_s = sleeper.signal(signal.SIGCONT)
    until(lambda: state(sleeper) == "BACKUP", START_S, "it gives way")
    assert segment.nodes[0].record.select(sent=True, since_s=woke_s) == [], "it spoke before it heard"
    sleeper.wait_log(r"the machine stood still for [4-9]\.\d s", START_S)
    engine = sleeper.get("/v1/instances")["counters"]["engine"]
    assert engine["pauses"] == 1
    assert engine["pause_longest_us"] > (PAUSE_S - 1) * 1e6
    segment.nodes[1].record.wait_adverts(4, sent=True, since_s=woke_s, timeout_s=START_S)
    assert (state(others), others.transitions()) == ("MASTER", before)


def test_a_preempting_master_takes_its_addresses_back(lab: Lab, clocks: Callable[[], Clock]) -> None:
    segment, sleeper, others, clock = pair(lab, clocks)
    suspend(segment, sleeper, others, clock)
    before = sleeper.transitions()
    woke_s = sleeper.signal(signal.SIGCONT)
    until(lambda: state(others) == "BACKUP", START_S, "the lower one gives way")
    segment.nodes[0].record.wait_adverts(4, sent=True, since_s=woke_s, timeout_s=START_S)
    assert (state(sleeper), sleeper.transitions()) == ("MASTER", before)
    record = segment.nodes[0].record
    record.wait(lambda: record.announced("192.0.2.100", woke_s), START_S, "they are announced: another host had them")
