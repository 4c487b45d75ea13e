"""Datagrams on real sockets: what fuzz_engine.py does one by one, through the kernel, the reactor and its batches.

    unshare -n python tests/fuzz/fuzz_wire.py SECONDS [SEED]

Runs as root in a network namespace of its own, on loopback. Bursts of datagrams, wrong in every way that the kernel
lets through, are sent to unicast routers. It holds when each is counted once, and when a burst without a right one has
changed no router and moved no timer. The routers stay BACKUP: they hear a better master all the time.
"""

from __future__ import annotations

import random
import select
import socket
import struct
import subprocess
import sys
import time

import fuzz_engine
from fuzz_reader import seal

from vrrpcore.engine import Engine
from vrrpcore.packet import encode
from vrrpcore.reactor import Reactor
from vrrpcore.settings import VrStatus

BURST = 100
LOOPBACK = 1                        # its index in every namespace
US, PEERS = fuzz_engine.address(4, 1), (2, 3, 9)
KINDS = (
    {}, {"check_source": True}, {"version": 2}, {"version": 2, "auth_pass": b"secret"},
    {"strict": True}, {"peer_ttls": ((255, 255), (1, 64))}, {"preempt": False}, {"ifindex": 0},
)
ROUTERS = tuple(
    fuzz_engine.settings(vrid, peers=(2, 3), **{"ifindex": LOOPBACK, "advertisement_interval_cs": 1000} | kind)
    for vrid, kind in enumerate(KINDS, start=1)
)


def look(engine: Engine) -> tuple[list[VrStatus], int, int]:
    """The routers, with their timers; how many datagrams were dropped, and how many obeyed."""
    counters = [engine.counters(vr) for vr in range(len(ROUTERS))]
    dropped = sum(engine.domain_drops(0).values())
    dropped += sum(count for found in counters for name, count in found.items() if name in fuzz_engine.REASONS)
    obeyed = sum(found["advert_rcvd"] for found in counters)
    return [engine.status(vr) for vr in range(len(ROUTERS))], dropped, obeyed


def datagram(chance: random.Random, is_wrong: bool) -> bytes:
    """An IPv4 datagram from one of the peers to us; its message is cut or random, or else right but for a byte."""
    wanted = chance.choice(ROUTERS)
    source = fuzz_engine.address(4, chance.choice(PEERS))
    message = bytearray(encode(
        version=3 if wanted.version == 3 else 2, family=4, vrid=wanted.vrid, priority=chance.randrange(100, 256),
        interval_cs=1000, addresses=wanted.addresses, src=source, dst=US, auth_pass=wanted.auth_pass,
    ))
    match chance.randrange(2 if is_wrong else 5):
        case 0:
            message = bytearray(chance.randbytes(chance.randrange(60)))
        case 1:
            del message[chance.randrange(len(message)) :]
        case 2 | 3:
            message[chance.randrange(len(message))] = chance.randrange(256)
            message = bytearray(seal(bytes(message), "pseudo", source, US)) if chance.randrange(2) else message
    options = bytes([1]) * chance.choice((0, 0, 0, 4, 40))
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45 + len(options) // 4, 0xC0, 0, 0, 0, chance.choice((1, 64, 255, 255)), 112, 0, source, US
    )
    return head + options + bytes(message)


def run(seconds: float, seed: int) -> tuple[int, int]:
    """Send bursts for that long; return how many datagrams were dropped and obeyed. Raises AssertionError."""
    chance = random.Random(seed)
    reactor = Reactor()
    engine = reactor.engine
    sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    try:
        assert reactor.open_domain(reactor.open_namespace(), 4) == 0
        for router in ROUTERS:
            engine.start(engine.add(router), reactor.now_ns())
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            before, dropped, obeyed = look(engine)
            is_wrong = chance.randrange(2) == 0
            for _ in range(BURST):
                sender.sendto(datagram(chance, is_wrong), ("10.0.0.1", 0))
            settled_s = time.monotonic() + 5
            while sum(look(engine)[1:]) < dropped + obeyed + BURST:
                assert time.monotonic() < settled_s, "datagrams were heard and not counted"
                select.select([reactor], [], [], 0.01)
                reactor.run()
                while engine.events_waiting():
                    engine.take_events()
            after, now_dropped, now_obeyed = look(engine)
            assert now_dropped + now_obeyed == dropped + obeyed + BURST, "counted twice"
            if is_wrong:
                assert now_obeyed == obeyed
                assert reactor.now_ns() < min(router.deadline_ns for router in before), "too slow for these routers"
                moved = [(was, now) for was, now in zip(before, after, strict=True) if was != now]
                assert not moved, f"dropped datagrams changed routers: {moved}"
        return look(engine)[1:]
    finally:
        sender.close()
        reactor.close()


def main(arguments: list[str]) -> None:
    """See the top of this file."""
    for words in ("link set lo up", *(f"address add 10.0.0.{number}/24 dev lo" for number in (1, *PEERS))):
        subprocess.run(["ip", *words.split()], check=True)
    dropped, obeyed = run(float(arguments[0]), int(arguments[1]) if arguments[1:] else 1)
    print(f"wire: {dropped} dropped, {obeyed} obeyed")
    assert dropped, "the wire was silent"
    assert obeyed, "nothing was right"


if __name__ == "__main__":
    main(sys.argv[1:])
