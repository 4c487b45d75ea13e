"""What is wrong on the wire is dropped, and counted under its own name.

One pyvrrpd is master of all its instances. Each bad advert claims priority 254: were it obeyed, the
instance would step down. The same advert without its fault does make it step down, which the first test
shows for every instance.
"""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from netns.harness import START_S, Daemon, Lab, Node, until
from netns.packets import Forged, send

pytestmark = [pytest.mark.root]

V3, V2, CHECKED, OPEN, V6 = 51, 52, 53, 54, 55      # the VRIDs, by what they are for
STRANGER4, STRANGER6 = "192.0.2.77", "fe80::77"     # nobody's peer
PASSWORD = b"secret"

FILE = f"""
vrrp_instance V3 {{
    interface eth0
    virtual_router_id {V3}
    version 3
    advert_int 0.1
    virtual_ipaddress {{
        192.0.2.151/24
    }}
}}
vrrp_instance V2 {{
    interface eth0
    virtual_router_id {V2}
    version 2
    advert_int 1
    authentication {{
        auth_type PASS
        auth_pass {PASSWORD.decode()}
    }}
    virtual_ipaddress {{
        192.0.2.152/24
    }}
}}
vrrp_instance CHECKED {{
    interface eth0
    virtual_router_id {CHECKED}
    version 3
    advert_int 0.1
    unicast_src_ip 192.0.2.1
    check_unicast_src
    unicast_peer {{
        192.0.2.2 min_ttl 254
    }}
    virtual_ipaddress {{
        192.0.2.153/24
    }}
}}
vrrp_instance OPEN {{
    interface eth0
    virtual_router_id {OPEN}
    version 3
    advert_int 0.1
    unicast_src_ip 192.0.2.1
    unicast_peer {{
        192.0.2.2
    }}
    virtual_ipaddress {{
        192.0.2.154/24
    }}
}}
vrrp_instance V6 {{
    interface eth0
    virtual_router_id {V6}
    version 3
    advert_int 0.1
    virtual_ipaddress {{
        fe80::155/64
    }}
}}
"""
NAMES = {V3: "V3", V2: "V2", CHECKED: "CHECKED", OPEN: "OPEN", V6: "V6"}
VIPS = {vrid: f"192.0.2.{100 + vrid}" for vrid in NAMES} | {V6: "fe80::155"}

GOOD = {
    V3: Forged(source="192.0.2.2", vrid=V3, addresses=(VIPS[V3],), interval=10),
    V2: Forged(
        source="192.0.2.2", vrid=V2, version=2, addresses=(VIPS[V2],),
        auth_type=1, auth_data=PASSWORD.ljust(8, b"\0"),
    ),
    CHECKED: Forged(
        source="192.0.2.2", vrid=CHECKED, destination="192.0.2.1", addresses=(VIPS[CHECKED],), interval=10
    ),
    OPEN: Forged(
        source="192.0.2.2", vrid=OPEN, destination="192.0.2.1", addresses=(VIPS[OPEN],), interval=10
    ),
    V6: Forged(source="fe80::2", vrid=V6, addresses=(VIPS[V6],), interval=10),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One fault: what is changed in the good advert, and the counter's name."""

    vrid: int
    counter: str
    changes: dict[str, object]

    def __str__(self) -> str:
        return f"{NAMES[self.vrid]}-{self.counter}-{'-'.join(self.changes)}"


CASES = [
    Case(V3, "ip_ttl_err", {"ttl": 254}),
    Case(V3, "version_err", {"version": 2}),
    Case(V3, "invalid_type_rcvd", {"type": 2}),
    Case(V3, "checksum_err", {"wrong_checksum": True}),
    Case(V3, "packet_len_err", {"length": 8}),
    Case(V3, "packet_len_err", {"length": 10}),
    Case(V3, "packet_short_err", {"length": 7}),
    Case(V3, "no_address_err", {"addresses": ()}),
    Case(V3, "advert_interval_err", {"interval": 0}),
    Case(V3, "vrid_err", {"vrid": 99}),
    Case(V2, "ip_ttl_err", {"ttl": 1}),
    Case(V2, "version_err", {"version": 3}),
    Case(V2, "checksum_err", {"wrong_checksum": True}),
    Case(V2, "packet_len_err", {"length": 12}),
    Case(V2, "authtype_mismatch", {"auth_type": 0}),
    Case(V2, "auth_failure", {"auth_data": b"wrong\0\0\0"}),
    Case(V2, "advert_interval_err", {"interval": 2}),
    Case(CHECKED, "unknown_source_err", {"source": STRANGER4}),
    Case(CHECKED, "checksum_err", {"wrong_checksum": True}),
    Case(CHECKED, "mode_err", {"destination": "224.0.0.18"}),
    Case(V3, "mode_err", {"destination": "192.0.2.1"}),
    Case(V6, "ip_ttl_err", {"ttl": 64}),
    Case(CHECKED, "ip_ttl_err", {"ttl": 253}),
    Case(V6, "checksum_err", {"wrong_checksum": True}),
    Case(V6, "packet_len_err", {"length": 23}),
]


@dataclass
class Target:
    daemon: Daemon
    left: Node
    right: Node

    def settle(self) -> None:
        """Wait until it is master of everything again."""
        for vip in VIPS.values():
            self.left.record.wait(lambda vip=vip: self.left.has(vip), START_S, f"{vip} on the master")  # type: ignore[misc]


@pytest.fixture(scope="module")
def target(lab: Lab) -> Iterator[Target]:
    left, right = lab.pair()
    right.ip("address", "add", f"{STRANGER4}/24", "dev", "eth0")
    right.ip("address", "add", f"{STRANGER6}/64", "dev", "eth0", "nodad")
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(FILE)
    daemon.start()
    made = Target(daemon, left, right)
    made.settle()
    yield made
    daemon.discard()


@pytest.mark.parametrize("vrid", GOOD, ids=NAMES.get)
def test_the_advert_without_a_fault_is_obeyed(target: Target, vrid: int) -> None:
    target.settle()
    before = target.daemon.drops()
    sent_s = time.monotonic()
    send(target.right.namespace, GOOD[vrid])
    target.left.record.wait_address(VIPS[vrid], False, since_s=sent_s, timeout_s=2)
    assert target.daemon.drops() == before
    target.left.record.wait_address(VIPS[vrid], True, since_s=sent_s, timeout_s=6)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_fault_is_dropped_and_counted_under_its_name(target: Target, case: Case) -> None:
    target.settle()
    before = target.daemon.drops()
    sent_s = time.monotonic()
    send(target.right.namespace, dataclasses.replace(GOOD[case.vrid], **case.changes))  # type: ignore[arg-type]
    after = until(lambda: (now := target.daemon.drops()) != before and now, 3, f"a drop for {case.counter}")
    changed = {name: n - before.get(name, 0) for name, n in after.items() if n != before.get(name, 0)}
    assert changed == {case.counter: 1}
    # It is master as before: it goes on sending, its address stays.
    target.left.record.wait_adverts(2, sent=True, since_s=sent_s, vrid=case.vrid, timeout_s=5)
    assert target.left.has(VIPS[case.vrid])
    assert not target.left.record.address_event(VIPS[case.vrid], False, sent_s)


@pytest.mark.rule("R12")
@pytest.mark.rule("R4")
def test_an_unlisted_source_is_obeyed_where_sources_are_not_checked(target: Target) -> None:
    """As keepalived: any source, and any TTL, reaches a unicast instance without vrrp_check_unicast_src."""
    target.settle()
    before = target.daemon.drops()
    unlisted = target.daemon.counters("OPEN").get("unlisted_source", 0)
    sent_s = time.monotonic()
    send(target.right.namespace, dataclasses.replace(GOOD[OPEN], source=STRANGER4, ttl=64))
    target.left.record.wait_address(VIPS[OPEN], False, since_s=sent_s, timeout_s=2)
    assert target.daemon.drops() == before
    assert target.daemon.counters("OPEN")["unlisted_source"] == unlisted + 1
    target.left.record.wait_address(VIPS[OPEN], True, since_s=sent_s, timeout_s=5)


@pytest.mark.rule("R10")
def test_another_address_list_is_obeyed(target: Target) -> None:
    """A list that differs is worth a word, not a second master."""
    target.settle()
    sent_s = time.monotonic()
    send(target.right.namespace, dataclasses.replace(GOOD[V3], addresses=("192.0.2.200", "192.0.2.201")))
    target.left.record.wait_address(VIPS[V3], False, since_s=sent_s, timeout_s=2)
    target.left.record.wait_address(VIPS[V3], True, since_s=sent_s, timeout_s=5)


def test_a_flood_of_bad_adverts_neither_delays_nor_moves_the_master(target: Target) -> None:
    """A rejected advert never moves a timer: the master's own adverts stay on time beneath 2,000 bad ones."""
    target.settle()
    since_s = time.monotonic()
    before, delayed_s = target.daemon.drops().get("checksum_err", 0), target.daemon.host_delay_s()
    bad = dataclasses.replace(GOOD[V3], wrong_checksum=True)
    for _ in range(2000):
        send(target.right.namespace, bad)
    until(lambda: target.daemon.drops().get("checksum_err", 0) >= before + 2000, 5, "2,000 drops counted")
    adverts = target.left.record.wait_adverts(10, sent=True, since_s=since_s, vrid=V3, timeout_s=5)
    gaps_s = [b.at_s - a.at_s for a, b in itertools.pairwise(adverts)]
    host_s = target.daemon.host_delay_s() - delayed_s
    assert max(gaps_s) < 0.2 + host_s, f"the longest gap is {max(gaps_s):.3f} s, the host's share {host_s:.3f} s"
    assert target.left.has(VIPS[V3])
