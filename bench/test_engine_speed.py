"""What an advert costs an engine with 10,000 BACKUPs: finding its router, judging it, counting it, moving its timer.

Adverts come in random order, each for another router, so that nothing of a router is in the nearest cache. The
yardstick decodes the same adverts in the same order, and does nothing else.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import inner

from vrrpcore.engine import STATES, Engine
from vrrpcore.packet import encode
from vrrpcore.settings import VrSettings

ROUTERS = 10_000
PER_LINK = 250
INTERVAL_NS = 10**9
OURS, THEIRS, GROUP = bytes((192, 0, 2, 2)), bytes((192, 0, 2, 1)), bytes((224, 0, 0, 18))


def test_received_advert(figure: Callable[..., Any], benchmark: Any) -> None:
    engine = Engine()
    domain = engine.add_domain(4)
    now_ns = 1_000 * INTERVAL_NS
    engine.advance(now_ns)
    adverts = []
    for number in range(ROUTERS):
        ifindex, vrid = 2 + number // PER_LINK, 1 + number % PER_LINK
        address = bytes((10, ifindex, vrid, 1))
        index = engine.add(VrSettings(
            domain=domain, ifindex=ifindex, vrid=vrid, version=3, priority=100, advertisement_interval_cs=100,
            source=OURS, destinations=(GROUP,), is_unicast=False, addresses=(address,),
        ))
        engine.start(index, now_ns)
        message = encode(version=3, family=4, vrid=vrid, priority=200, interval_cs=100, addresses=[address],
                         src=THEIRS, dst=GROUP)
        adverts.append((ifindex, THEIRS, GROUP, message))
    random.Random(1).shuffle(adverts)
    heard = inner.Adverts(adverts, 3)
    step, decode = [], []

    def once() -> None:
        nonlocal now_ns
        now_ns += INTERVAL_NS
        step.append(heard.receive(engine, now_ns) / ROUTERS)
        decode.append(heard.decode(1) / ROUTERS)
        engine.advance(now_ns)      # files again the timers that were moved: not counted here

    once()
    benchmark.pedantic(once, rounds=41, iterations=1)
    while engine.events_waiting():
        engine.take_events()
    assert all(engine.status(i).state == STATES["BACKUP"] for i in range(ROUTERS))
    assert all(engine.counters(i)["advert_rcvd"] == len(step) for i in range(ROUTERS))
    scrape(figure, engine)
    figure(key="engine-step", what="engine step per received advert, 10,000 BACKUPs", value=statistics.median(step),
           unit="ns", yardstick="decode alone", yardstick_value=statistics.median(decode), goal=4)


def scrape(figure: Callable[..., Any], engine: Engine) -> None:
    """What reading all counters and states at once costs."""
    for key, what, read in (
        ("scrape-counters", "counters of 10,000 routers, as one array", engine.counters_array),
        ("scrape-status", "states of 10,000 routers, as arrays", engine.status_arrays),
        ("scrape-totals", "totals and histograms of an engine", engine.totals_array),
    ):
        taken = []
        for _ in range(41):
            start_ns = time.thread_time_ns()
            read()
            taken.append(time.thread_time_ns() - start_ns)
        figure(key=key, what=what, value=statistics.median(taken) / 1000, unit="us")
