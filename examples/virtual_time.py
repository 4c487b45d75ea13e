"""Two routers elect a master, lose it and get it back: an hour of VRRP, in a moment, without a socket or a clock.

    python examples/virtual_time.py

The Engine is the protocol alone. Here time is a number that we choose, and the network is a loop: what one engine has
to send is given to the other. The same Engine, with the same code, runs in pyvrrpd.
"""

from vrrpcore.engine import EVENTS, STATES, Engine
from vrrpcore.settings import VrSettings

S = 1_000_000_000
WIRE_NS = 100_000                       # what a datagram takes
GROUP = bytes([224, 0, 0, 18])
STATE_NAMES = {number: name for name, number in STATES.items()}


def router(number: int, priority: int) -> Engine:
    """An Engine with one router, VRID 51, at 192.0.2.`number`."""
    engine = Engine()
    domain = engine.add_domain(4)
    engine.add(VrSettings(
        domain=domain, ifindex=1, vrid=51, version=3, priority=priority, advertisement_interval_cs=100,
        source=bytes([192, 0, 2, number]), destinations=(GROUP,), is_unicast=False,
        addresses=(bytes([192, 0, 2, 100]),),
    ))
    return engine


class Network:
    """Engines on one wire, and the time."""

    def __init__(self, **engines: Engine) -> None:
        self.engines = engines
        self.now_ns = 0
        for engine in engines.values():
            engine.start(0, self.now_ns)

    def carry(self) -> None:
        """Give everything that is to be sent to everybody else, and print who changed its state."""
        for name, engine in self.engines.items():
            for sent in engine.take_transmits():
                for other in self.engines.values():
                    if other is not engine:
                        other.receive_datagram(
                            sent.data, domain=0, ifindex=1, source=sent.source, destination=sent.destination,
                            ttl=255, now_ns=self.now_ns + WIRE_NS,
                        )
            for event in engine.take_events():
                if event.kind == EVENTS["state"]:
                    old, new = STATE_NAMES[event.old_state], STATE_NAMES[event.state]
                    print(f"{event.at_ns / S:11.6f} s  {name:5}  {old} -> {new}")

    def run(self, until_ns: int) -> None:
        """Go from deadline to deadline: nothing happens in between."""
        self.carry()
        while True:
            due_ns = min((d for d in (e.next_deadline() for e in self.engines.values()) if d >= 0), default=until_ns)
            if due_ns >= until_ns:
                break
            self.now_ns = max(self.now_ns, due_ns)
            for engine in self.engines.values():
                engine.advance(self.now_ns)
            self.carry()
        self.now_ns = until_ns


def main() -> None:
    """See the top of this file."""
    network = Network(left=router(1, 100), right=router(2, 150))
    network.run(600 * S)
    print("right loses its link")
    network.engines["right"].set_fault(0, 1, network.now_ns)
    network.run(1800 * S)
    print("right has it again")
    network.engines["right"].set_fault(0, 0, network.now_ns)
    network.run(3600 * S)
    for name, engine in network.engines.items():
        counters = engine.counters(0)
        print(f"{name}: {counters['advert_sent']} adverts sent, {counters['advert_rcvd']} heard")


if __name__ == "__main__":
    main()
