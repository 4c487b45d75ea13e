"""What links and configuration come to for the engine: settings and reasons for FAULT."""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import Any, cast

import pytest

from pyvrrp.model import Instance, State, Tracked, Vip, VipOptions
from pyvrrp.netlink.links import Link, LinkAddress, Links
from pyvrrp.router import Fault, link_faults, settings_of, source_of


def ip(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


MAC = bytes.fromhex("020000000001")
OWN = (LinkAddress(ip("192.0.2.1"), 24, 0, 0), LinkAddress(ip("fe80::1"), 64, 253, 0))
ETH0 = Link(2, "eth0", True, MAC, 1500, OWN)
VIP = Vip(address=ip("192.0.2.100"), prefix_len=24, dev="eth0")
PAIR = Instance(
    name="VI_1", family=4, interface="eth0", vrid=51, source=ip("192.0.2.1"), peers=(ip("192.0.2.2"),), vips=(VIP,)
)


class FakeNetlink:
    """Links asks nothing of it here: its tables are filled by hand."""


def links(*found: Link) -> Links:
    made = Links(cast(Any, FakeNetlink()))
    made.by_name.update({link.name: link for link in found})
    made.by_index.update({link.index: link for link in found})
    made._holders.update({a.address: 1 for link in found for a in link.addresses})
    return made


def settings(instance: Instance, seen: Links) -> Any:
    return settings_of(instance, seen, domain=0, priority=instance.priority, forwards=lambda _: False)


def test_a_pair_on_a_link_that_is_up_has_no_fault():
    assert link_faults(PAIR, (), links(ETH0)) == (Fault(0), ())
    made = settings(PAIR, links(ETH0))
    assert (made.ifindex, made.source, made.destinations, made.is_unicast) == (2, ip("192.0.2.1"), PAIR.peers, True)
    assert [(a.ifindex, a.mac, a.address) for a in made.announces] == [(2, MAC, ip("192.0.2.100"))]


def test_announcements_follow_the_instance_and_the_pacer_of_their_interface():
    instance = dataclasses.replace(PAIR, garp_master_repeat=2, garp_master_delay_s=3, garp_master_refresh_s=4,
                                   garp_master_refresh_repeat=6)
    made = settings_of(instance, links(ETH0), domain=0, priority=1, forwards=lambda _: False, pacer={"eth0": 7}.get)
    assert [a.pacer for a in made.announces] == [7]
    assert (made.announce_repeat, made.announce_delay_s, made.announce_refresh_s, made.announce_refresh_repeat) == (
        2, 3, 4, 6)
    assert [a.pacer for a in settings(PAIR, links(ETH0)).announces] == [None]


def test_multicast_goes_to_the_group_of_the_family():
    assert settings(dataclasses.replace(PAIR, peers=(), source=None), links(ETH0)).destinations == (ip("224.0.0.18"),)


@pytest.mark.parametrize(
    ("seen", "fault", "words"),
    [
        ((), Fault.NO_INTERFACE, "interface eth0 does not exist"),
        ((dataclasses.replace(ETH0, is_up=False),), Fault.LINK_DOWN, "interface eth0 is down"),
        ((dataclasses.replace(ETH0, addresses=()),), Fault.NO_SOURCE, "source address 192.0.2.1 is on no interface"),
    ],
)
def test_each_fault_has_its_sentence(seen, fault, words):
    assert link_faults(PAIR, (), links(*seen)) == (fault, (words,))


@pytest.mark.rule("T3", breaks=True)
def test_without_a_source_the_router_hears_nothing():
    made = settings(PAIR, links(dataclasses.replace(ETH0, addresses=())))
    assert made.source == bytes(4)


@pytest.mark.rule("T3")
def test_a_virtual_address_is_never_the_source():
    vip = dataclasses.replace(VIP, address=ip("192.0.2.1"))
    own = Instance(name="M", family=4, interface="eth0", vrid=1, vips=(vip,))
    assert source_of(own, links(ETH0)) is None


@pytest.mark.rule("T3")
def test_ipv6_multicast_comes_from_the_link_local_address():
    vip = Vip(address=ip("2001:db8::1"), prefix_len=64, dev="eth0")
    six = Instance(name="S", family=6, interface="eth0", vrid=1, version=3, vips=(vip,))
    made = settings(six, links(ETH0))
    assert (made.source, made.destinations) == (ip("fe80::1"), (ip("ff02::12"),))


def test_a_tracked_interface_without_weight_is_a_fault_and_with_one_is_not():
    eth1 = Link(3, "eth1", False, MAC, 1500)
    plain, weighted = (Tracked("eth1"),), (Tracked("eth1", 20),)
    assert link_faults(PAIR, plain, links(ETH0, eth1)) == (Fault.TRACK_INTERFACE, ("tracked interface eth1 is down",))
    assert link_faults(PAIR, weighted, links(ETH0, eth1)) == (Fault(0), ())
    assert link_faults(PAIR, weighted, links(ETH0)) == (Fault(0), ())
    assert link_faults(PAIR, plain, links(ETH0))[0] == Fault.NO_INTERFACE


def test_an_interface_tracked_with_reverse_is_a_fault_while_it_is_up():
    eth1 = Link(3, "eth1", False, MAC, 1500)
    reverse = (Tracked("eth1", 0, True),)
    assert link_faults(PAIR, reverse, links(ETH0, eth1)) == (Fault(0), ())
    assert link_faults(PAIR, reverse, links(ETH0)) == (Fault(0), ())
    faults, why = link_faults(PAIR, reverse, links(ETH0, dataclasses.replace(eth1, is_up=True)))
    assert (faults, why) == (Fault.TRACK_INTERFACE, ("interface eth1, tracked with reverse, is up",))


def test_the_interface_of_an_address_does_not_matter_if_all_on_it_say_no_track():
    eth1 = Link(3, "eth1", False, MAC, 1500)
    free = Vip(address=ip("198.51.100.1"), prefix_len=24, dev="eth1", rare=VipOptions(is_tracked=False))
    bound = Vip(address=ip("198.51.100.2"), prefix_len=24, dev="eth1")
    one = dataclasses.replace(PAIR, excluded=(free,))
    assert link_faults(one, (), links(ETH0, eth1)) == (Fault(0), ())
    assert link_faults(one, (Tracked("eth1"),), links(ETH0, eth1))[0] == Fault.TRACK_INTERFACE
    two = dataclasses.replace(PAIR, excluded=(free, bound))
    assert link_faults(two, (), links(ETH0, eth1))[0] == Fault.TRACK_INTERFACE
    own = dataclasses.replace(PAIR, vips=(dataclasses.replace(free, dev="eth0"),))
    assert link_faults(own, (), links(dataclasses.replace(ETH0, is_up=False)))[0] == Fault.LINK_DOWN


def test_the_owner_starts_as_master_only_when_it_says_so():
    owner = dataclasses.replace(PAIR, priority=255)
    assert not settings(owner, links(ETH0)).starts_as_owner
    assert settings(dataclasses.replace(owner, start_state=State.MASTER), links(ETH0)).starts_as_owner


def test_every_setting_of_an_instance_that_the_engine_knows_goes_to_it():
    given = {
        "down_timer_adverts": 5, "preempt_delay_s": 2.5, "strict": True, "owner_ignore_adverts": True,
        "lower_prio_no_advert": True, "higher_prio_send_advert": True, "min_interval_cs": 3,
        "garp_lower_prio_repeat": 2, "garp_lower_prio_delay_s": 9,
    }
    renamed = {
        "v3_checksum_as_v2": ("checksum_of_message", True), "garp_master_repeat": ("announce_repeat", 4),
        "garp_master_delay_s": ("announce_delay_s", 8), "garp_master_refresh_s": ("announce_refresh_s", 60),
    }
    instance = dataclasses.replace(PAIR, **given, **{ours: value for ours, (_, value) in renamed.items()})
    made = settings(instance, links(ETH0))
    assert {name: getattr(made, name) for name in given} == given
    assert [getattr(made, name) for name, _ in renamed.values()] == [value for _, value in renamed.values()]


def test_an_interface_that_is_down_may_not_matter():
    down = links(dataclasses.replace(ETH0, is_up=False))
    assert link_faults(PAIR, (), down)[0] == Fault.LINK_DOWN
    assert link_faults(dataclasses.replace(PAIR, dont_track_primary=True), (), down) == (Fault(0), ())
    assert link_faults(dataclasses.replace(PAIR, dont_track_primary=True), (), links())[0] == Fault.NO_INTERFACE


def test_unicast_without_a_peer_may_be_a_fault():
    lonely = dataclasses.replace(PAIR, peers=(), unicast_fault_no_peer=True)
    assert link_faults(lonely, (), links(ETH0)) == (Fault.NO_PEER, ("it is unicast and has no peer",))


def test_a_link_that_is_down_but_does_not_count_as_down_is_no_fault():
    seen = links(dataclasses.replace(ETH0, is_up=False))
    assert link_faults(PAIR, (), seen, is_up=lambda name: True) == (Fault(0), ())
    assert link_faults(PAIR, (), links(ETH0), is_up=lambda name: False)[0] == Fault.LINK_DOWN


@pytest.mark.parametrize(
    ("family", "version", "mtu", "listed"),
    [(4, 2, 1500, 100), (4, 2, 36 + 4 * 99, 99), (4, 3, 28 + 4 * 99 + 3, 99), (6, 3, 48 + 16 * 77, 77),
     (6, 3, 1500, 90), (6, 3, 9000, 100), (6, 3, 0, 100)],
)
def test_an_advert_lists_what_fits_into_one_packet(family, version, mtu, listed):
    start = int.from_bytes(ip("192.0.2.100") if family == 4 else ip("2001:db8::1"))
    vips = tuple(Vip(address=(start + i).to_bytes(4 if family == 4 else 16), prefix_len=32, dev="eth0")
                 for i in range(100))
    instance = Instance(name="VI_1", family=family, version=version, interface="eth0", vrid=51, vips=vips)
    made = settings(instance, links(dataclasses.replace(ETH0, mtu=mtu)))
    assert made.addresses == tuple(vip.address for vip in vips[:listed])
    assert len(made.announces) == 100, "and all are announced"


def test_without_an_interface_the_mtu_is_that_of_the_source():
    vips = tuple(Vip(address=bytes((192, 0, 2, i)), prefix_len=32, dev="eth0") for i in range(200))
    instance = dataclasses.replace(PAIR, interface="", vips=vips, version=3)
    seen = links(Link(1, "lo", True, b"", 65536), dataclasses.replace(ETH0, mtu=28 + 4 * 150))
    seen.by_index[2] = seen.by_name["eth0"]
    assert len(settings(instance, seen).addresses) == 200, "it fits into 1280 bytes"
    more = tuple(Vip(address=bytes((198, 51, 100 + i // 200, i % 200)), prefix_len=32, dev="eth0") for i in range(400))
    assert len(settings(dataclasses.replace(instance, vips=more), seen).addresses) == 150
