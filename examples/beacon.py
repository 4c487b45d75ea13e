"""Take part in the election of one VRID, without any address: a beacon that hears adverts and answers them.

    python examples/beacon.py INTERFACE VRID ADDRESS [--priority 1] [--interval 1] [--seconds 10]

Needs root. The Reactor puts an Engine on real sockets; this loop waits for its one descriptor and prints what happens.
With priority 1 it becomes master only where nobody else is, and says so to whoever comes with less. ADDRESS is what its
adverts list; nothing is put on the interface, and nobody's neighbour table is touched.
"""

import argparse
import fcntl
import ipaddress
import select
import socket
import struct
import time

from vrrpcore.engine import EVENTS, STATES
from vrrpcore.reactor import Reactor
from vrrpcore.settings import VrSettings

GROUP = bytes([224, 0, 0, 18])
SIOCGIFADDR = 0x8915                    # linux/sockios.h
STATE_NAMES = {number: name for name, number in STATES.items()}
EVENT_NAMES = {number: name for name, number in EVENTS.items()}


def address_of(interface: str) -> bytes:
    """The primary IPv4 address of an interface. Raises OSError when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        answer = fcntl.ioctl(sock.fileno(), SIOCGIFADDR, struct.pack("256s", interface.encode()[:15]))
    return answer[20:24]


def say(reactor: Reactor) -> None:
    """Print every event that waits."""
    for event in reactor.engine.take_events():
        source = ipaddress.ip_address(event.source[:4])
        if event.kind == EVENTS["state"]:
            print(f"{STATE_NAMES[event.old_state]} -> {STATE_NAMES[event.state]}", flush=True)
        else:
            print(f"{EVENT_NAMES[event.kind]}: {source}, priority {event.priority}", flush=True)


def main() -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(description="Take part in the election of one VRID, without any address.")
    parser.add_argument("interface")
    parser.add_argument("vrid", type=int)
    parser.add_argument("address", type=ipaddress.IPv4Address)
    parser.add_argument("--priority", type=int, default=1)
    parser.add_argument("--interval", type=float, default=1.0, help="between adverts, in seconds")
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()

    reactor = Reactor()
    try:
        ifindex = socket.if_nametoindex(given.interface)
        domain = reactor.open_domain(reactor.open_namespace(), 4)
        vr = reactor.engine.add(VrSettings(
            domain=domain, ifindex=ifindex, vrid=given.vrid, version=3, priority=given.priority,
            advertisement_interval_cs=round(given.interval * 100), source=address_of(given.interface),
            destinations=(GROUP,), is_unicast=False, addresses=(given.address.packed,),
        ))
        reactor.join(domain, ifindex, GROUP)
        reactor.engine.start(vr, reactor.now_ns())
        end_s = time.monotonic() + given.seconds
        while (left_s := end_s - time.monotonic()) > 0:
            select.select([reactor], [], [], left_s)
            reactor.run()
            say(reactor)
        reactor.engine.stop(vr, reactor.now_ns())       # a master says that it stops
        reactor.flush()
        say(reactor)
        counters = reactor.engine.counters(vr)
        print(f"{counters['advert_sent']} adverts sent, {counters['advert_rcvd']} heard")
    except (OSError, ValueError) as error:
        raise SystemExit(f"{given.interface}: {error}") from None
    finally:
        reactor.close()


if __name__ == "__main__":
    main()
