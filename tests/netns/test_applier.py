"""Applier against the kernel: the newest wish, in the right order, and what several wishes share."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from functools import partial
from typing import Any

import pytest
from pyroute2.netlink.rtnl import RTM_DELADDR, RTM_NEWADDR

from netns.applying import Applying, Run, route, texts, vip
from netns.kernel import BlockMeter, Namespace, until
from pyvrrp.model import VipOptions
from pyvrrp.netlink import Sender
from pyvrrp.netlink.programs import add_message, peek_address
from pyvrrp.netlink.transport import HEADER, Answer
from pyvrrp.routing import Rule

pytestmark = pytest.mark.root

FAR, FARTHER, FAR_6 = (
    VipOptions(peer=ipaddress.ip_address(peer).packed) for peer in ("198.51.100.1", "198.51.100.2", "2001:db8:1::1")
)


def test_added_and_removed(ns: Namespace, run: Run) -> None:
    async def test() -> None:
        async with Applying(ns) as it:
            it.applier.configure(1, [vip("192.0.2.1/32"), vip("192.0.2.2/24", label="va:vip")])
            it.applier.configure(2, [vip("2001:db8::1/128"), vip("2001:db8::2/64")])
            for key in (1, 2):
                await it.have(key, True)
            assert ns.addresses("va") == {"192.0.2.1/32", "192.0.2.2/24", "2001:db8::1/128", "2001:db8::2/64"}
            shown = ns.ip("addr", "show", "dev", "va")
            assert "192.0.2.2/24 scope global va:vip" in shown
            assert "2001:db8::1/128 scope global nodad deprecated" in shown
            assert "2001:db8::2/64 scope global nodad" in shown
            assert it.applier.state(1).is_settled
            for key in (1, 2):
                await it.have(key, False)
            assert ns.addresses("va") == set()
            both = ["192.0.2.1/32", "192.0.2.2/24"], ["2001:db8::1/128", "2001:db8::2/64"]
            assert it.applied == [
                (1, True, both[0]),
                (2, True, both[1]),
                (1, False, both[0]),
                (2, False, both[1]),
            ]
            assert not it.lost
            assert it.links.by_name["va"].addresses == tuple(
                a for a in it.links.by_name["va"].addresses if a.scope == 253
            )

    run(test())


def test_flap_costs_nothing(ns: Namespace, run: Run) -> None:
    async def test() -> None:
        async with Applying(ns) as it:
            it.applier.configure(1, [vip("192.0.2.1/32")])
            await it.have(1, True)
            for _ in range(100):
                it.applier.want(1, False)
                it.applier.want(1, True)
            await it.applier.drain()
            assert it.netlink.programs == [1]
            assert it.applied == [(1, True, ["192.0.2.1/32"])] * 2  # announced again: it became master again

    run(test())


def test_wish_that_changes_on_the_way(ns: Namespace, run: Run) -> None:
    async def test() -> None:
        async with Applying(ns) as it:
            it.applier.configure(1, [vip("192.0.2.1/32")])
            it.applier.want(1, True)
            await until(lambda: it.netlink.programs == [1], "it is under way")
            it.applier.want(1, False)
            await it.applier.drain()
            assert ns.addresses("va") == set()
            assert it.applied[-1] == (1, False, ["192.0.2.1/32"])

    run(test())


def test_only_the_difference_is_programmed(ns: Namespace, run: Run) -> None:
    async def test() -> None:
        async with Applying(ns) as it:
            it.applier.configure(1, [vip("192.0.2.1/32"), vip("192.0.2.2/32"), vip("192.0.2.3/32")])
            await it.have(1, True)
            it.applier.configure(1, [vip("192.0.2.2/32"), vip("192.0.2.3/32"), vip("192.0.2.4/32")])
            await it.applier.drain()
            assert ns.addresses("va") == {"192.0.2.2/32", "192.0.2.3/32", "192.0.2.4/32"}
            assert it.netlink.programs == [3, 2]
            assert it.applied[1:] == [(1, True, ["192.0.2.4/32"])]
            it.applier.forget(1)
            await it.applier.drain()
            assert ns.addresses("va") == set()
            assert len(it.applied) == 2
            with pytest.raises(KeyError):
                it.applier.state(1)

    run(test())


def test_removals_first_then_small_ones(ns: Namespace, run: Run) -> None:
    async def test() -> None:
        async with Applying(ns) as it:
            it.applier.configure("large", [vip(f"198.51.100.{i}/32") for i in range(1, 151)])
            it.applier.configure("small", [vip("192.0.2.1/32")])
            it.applier.configure("leaves", [vip("192.0.2.2/32"), vip("192.0.2.3/32")])
            await it.have("leaves", True)
            it.applied.clear()
            it.netlink.programs.clear()
            it.netlink.sent.clear()
            it.applier.want("large", True)
            it.applier.want("small", True)
            it.applier.want("leaves", False)
            await it.applier.drain()
            assert it.netlink.programs == [64, 64, 25], "they share programs"
            order = [(HEADER.unpack_from(each)[1], peek_address(each).address[:3]) for each in it.netlink.sent]
            leaves, small, large = (192, 0, 2), (192, 0, 2), (198, 51, 100)
            assert order == [
                *[(RTM_DELADDR, bytes(leaves))] * 2, (RTM_NEWADDR, bytes(small)), *[(RTM_NEWADDR, bytes(large))] * 150
            ]
            assert [key for key, _, _ in it.applied] == ["leaves", "small", "large"]
            assert len(ns.addresses("va")) == 151

    run(test())


def test_leftovers_are_removed(ns: Namespace, run: Run) -> None:
    """As keepalived does: what a crash left behind goes before anything is sent."""
    leftovers = ("192.0.2.1/32", "192.0.2.9/24", "2001:db8::1/128", "203.0.113.1/32")
    for address in leftovers:
        ns.ip("addr", "add", address, "dev", "va")
    ns.ip("addr", "add", "203.0.113.2/32", "dev", "vb")

    async def test() -> None:
        async with Applying(ns) as it:
            it.applier.configure(1, [vip("192.0.2.1/32"), vip("192.0.2.9/32"), vip("203.0.113.2/32")])
            it.applier.configure(2, [vip("2001:db8::1/128")])
            await it.applier.remove_leftovers()
            # another prefix length, another interface, not ours: they stay
            assert ns.addresses("va") == {"192.0.2.9/24", "203.0.113.1/32"}
            assert ns.addresses("vb") == {"203.0.113.2/32"}
            assert not it.applied

    run(test())


def test_address_that_is_there_already_is_success(ns: Namespace, run: Run) -> None:
    ns.ip("addr", "add", "192.0.2.1/32", "dev", "va")
    ns.ip("addr", "add", "2001:db8::1/64", "dev", "va")

    async def test() -> None:
        async with Applying(ns) as it:
            it.applier.configure(1, [vip("192.0.2.1/32"), vip("2001:db8::1/64"), vip("2001:db8::2/64")])
            await it.have(1, True)
            assert len(it.applied[0][2]) == 3
            assert not it.applier.failures()

    run(test())


def test_namespaces_share_a_sender(ns: Namespace, run: Run) -> None:
    other = Namespace()
    other.ip("link", "add", "va", "type", "veth", "peer", "name", "vb")

    async def test() -> None:
        sender = Sender()
        try:
            async with Applying(ns, sender=sender) as one, Applying(other, sender=sender) as two:
                for it, text in ((one, "192.0.2.1/32"), (two, "192.0.2.2/32")):
                    it.applier.configure(1, [vip(text)])
                    it.applier.want(1, True)
                await one.applier.drain()
                await two.applier.drain()
                assert ns.addresses("va") == {"192.0.2.1/32"}
                assert other.addresses("va") == {"192.0.2.2/32"}
                other.ip("addr", "del", "192.0.2.2/32", "dev", "va")
                await asyncio.sleep(0.05)
                assert not one.lost
        finally:
            sender.close()

    try:
        run(test())
    finally:
        other.close()


def test_a_thousand_at_once(ns: Namespace, run: Run) -> None:
    async def test() -> None:
        async with Applying(ns) as it:
            wanted = {f"10.0.{i // 250}.{i % 250 + 1}/32" for i in range(1000)}
            for key, text in enumerate(sorted(wanted)):
                it.applier.configure(key, [vip(text)])
                it.applier.want(key, True)
            async with BlockMeter() as meter:
                await it.applier.drain()
            assert ns.addresses("va") == wanted
            assert len(it.applied) == 1000
            assert meter.longest_s < 0.5  # the goal is 0.01; this is for a busy machine

    run(test())


@pytest.mark.parametrize("address", ["192.0.2.1/32", "2001:db8::1/64"])
@pytest.mark.parametrize("gives_first", [True, False])
@pytest.mark.parametrize("pause_s", [None, 0, 0.05])
def test_address_moves_to_another_instance(
    ns: Namespace, run: Run, address: str, gives_first: bool, pause_s: float | None
) -> None:
    """Q8: keepalived may need two reloads for that. Both are masters."""

    async def test() -> None:
        async with Applying(ns) as it:
            it.applier.configure(1, [vip(address), vip("192.0.2.11/32")])
            it.applier.configure(2, [vip("192.0.2.12/32")])
            for key in (1, 2):
                await it.have(key, True)
            changes = [(1, [vip("192.0.2.11/32")]), (2, [vip("192.0.2.12/32"), vip(address)])]
            for key, vips in changes if gives_first else reversed(changes):
                it.applier.configure(key, vips)
                if pause_s is not None:
                    await asyncio.sleep(pause_s)
            await it.applier.drain()
            await asyncio.sleep(0.05)
            await it.applier.drain()
            assert ns.addresses("va") == {address, "192.0.2.11/32", "192.0.2.12/32"}
            assert (2, True, [address]) in it.applied
            assert not it.lost
            it.links.resync()
            await asyncio.sleep(0.05)
            await it.have(1, False)
            assert ns.addresses("va") == {address, "192.0.2.12/32"}
            await it.have(2, False)
            assert ns.addresses("va") == set()
            assert not it.lost

    run(test())


def test_two_instances_have_the_same_address(ns: Namespace, run: Run) -> None:
    """It stays while one of them wants it."""

    async def test() -> None:
        async with Applying(ns) as it:
            same = [vip("192.0.2.1/32"), vip("2001:db8::1/64")]
            both = {"192.0.2.1/32", "2001:db8::1/64"}
            for key in (1, 2):
                it.applier.configure(key, same)
                await it.have(key, True)
            for first, second in ((1, 2), (2, 1)):
                await it.have(first, False)
                assert it.applied[-1] == (first, False, texts(same))
                assert ns.addresses("va") == both
                await it.have(second, False)
                assert ns.addresses("va") == set()
                for key in (1, 2):
                    await it.have(key, True)
            it.applier.forget(1)
            await it.applier.drain()
            assert ns.addresses("va") == both
            ns.ip("addr", "del", "192.0.2.1/32", "dev", "va")
            await until(lambda: it.lost == [(2, "192.0.2.1/32")], "the one that is left is told")

    run(test())


@pytest.mark.parametrize(("before", "after"), [
    (("192.0.2.1/24", {}), ("192.0.2.1/24", {"label": "va:x"})),
    (("192.0.2.1/24", {"label": "va:x"}), ("192.0.2.1/24", {"label": "va:y"})),
    (("192.0.2.1/32", {"scope": 253}), ("192.0.2.1/32", {})),
    (("192.0.2.1/24", {}), ("192.0.2.1/24", {"broadcast": bytes((192, 0, 2, 77))})),
    (("192.0.2.1/24", {"rare": FAR}), ("192.0.2.1/24", {"rare": FARTHER})),
    (("192.0.2.1/32", {"rare": FAR}), ("192.0.2.1/32", {})),
    (("2001:db8::1/64", {}), ("2001:db8::1/48", {})),
    (("2001:db8::1/128", {"rare": FAR_6}), ("2001:db8::1/128", {})),
])
def test_an_address_becomes_what_it_is_changed_to(
    ns: Namespace, run: Run, before: tuple[str, dict[str, Any]], after: tuple[str, dict[str, Any]]
) -> None:
    """What the kernel does not change by adding it again is removed first, and nothing of it is left."""
    old, new = (vip(text, **more) for text, more in (before, after))

    async def test() -> None:
        async with Applying(ns) as it:
            it.applier.configure(1, [new])
            await it.have(1, True)
            wanted = ns.ip("-o", "addr", "show", "dev", "va")
            await it.have(1, False)
            it.applier.configure(1, [old])
            await it.have(1, True)
            assert ns.ip("-o", "addr", "show", "dev", "va") != wanted
            it.applier.configure(1, [new])
            await it.applier.drain()
            await asyncio.sleep(0.05)           # what the kernel still tells
            await it.applier.drain()
            assert ns.ip("-o", "addr", "show", "dev", "va") == wanted
            await it.have(1, False)
            assert ns.addresses("va") == set()
            assert not it.lost

    run(test())


def test_two_instances_have_it_with_different_peers(ns: Namespace, run: Run) -> None:
    """To IPv4 these are two addresses: each goes with its own instance."""
    mine, other = (vip("192.0.2.1/32", rare=far) for far in (FAR, FARTHER))

    async def test() -> None:
        async with Applying(ns) as it:
            for key, one in ((1, mine), (2, other)):
                it.applier.configure(key, [one])
                await it.have(key, True)
            await it.have(1, False)
            await it.applier.drain()
            shown = ns.ip("-o", "addr", "show", "dev", "va")
            assert ("198.51.100.1/" in shown, "198.51.100.2/" in shown) == (False, True)
            await it.have(2, False)
            assert ns.addresses("va") == set()
            assert not it.lost

    run(test())


def test_foreign_address_with_another_prefix_length(
    ns: Namespace, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To IPv4 it is another address. IPv6 has only the one, whose prefix length stays."""
    ns.ip("addr", "add", "192.0.2.1/24", "dev", "va")
    ns.ip("addr", "add", "2001:db8::1/64", "dev", "va", "nodad")

    async def test() -> None:
        async with Applying(ns) as it:
            it.applier.configure(1, [vip("192.0.2.1/32"), vip("2001:db8::1/128")])
            await it.applier.remove_leftovers()
            own = {"192.0.2.1/24", "2001:db8::1/64"}
            assert ns.addresses("va") == own
            await it.have(1, True)
            assert ns.addresses("va") == {*own, "192.0.2.1/32"}
            before = it.links.resyncs
            it.links.resync()
            await until(lambda: it.links.resyncs > before, "everything is read again")
            await asyncio.sleep(0.05)
            assert not it.lost
            ns.ip("addr", "del", "2001:db8::1/64", "dev", "va")
            await until(lambda: it.lost == [(1, "2001:db8::1/128")], "the loss is told")
            await it.have(1, False)
            assert ns.addresses("va") == {"192.0.2.1/24"}

    run(test())


def test_one_program_in_order_and_backwards(ns: Namespace, run: Run) -> None:
    """A route from a virtual address needs that first, and a rule goes before both: one program each way."""

    async def test() -> None:
        async with Applying(ns) as it:
            address = ipaddress.ip_address("198.51.100.1").packed
            far = ipaddress.ip_address("192.0.2.9").packed
            rule = Rule(family=4, priority=1000, action="lookup", target=100)
            things = [vip("192.0.2.1/24"), vip("198.51.100.1/32"), route("10.1.0.0/16", via=far, source=address), rule]
            it.applier.configure(1, things)
            await it.have(1, True)
            assert it.netlink.programs == [4]
            assert "10.1.0.0/16 via 192.0.2.9 dev va proto keepalived src 198.51.100.1" in ns.ip("route")
            assert it.applied == [(1, True, ["192.0.2.1/24", "198.51.100.1/32"])]
            with ns.inside():
                told = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
            with told:
                # RTMGRP_IPV4_IFADDR, _ROUTE and _RULE
                told.bind((0, 0x10 | 0x40 | 0x80))
                await it.have(1, False)
                told.setblocking(False)
                kinds = []
                while True:
                    try:
                        data = told.recv(65536)
                    except BlockingIOError:
                        break
                    if int.from_bytes(data[4:6], "little") != 25 or data[21] == 18:      # RTM_DELROUTE of ours alone
                        kinds.append(int.from_bytes(data[4:6], "little"))
            assert kinds == [33, 25, 21, 21]        # RTM_DELRULE, RTM_DELROUTE, RTM_DELADDR
            assert it.netlink.programs == [4, 4]

    run(test())


def test_two_keys_with_one_route(ns: Namespace, run: Run) -> None:
    """The route stays until the second one lets it go; the same place by another way is another route."""

    async def test() -> None:
        async with Applying(ns) as it:
            near = vip("192.0.2.1/24")
            ways = [ipaddress.ip_address(text).packed for text in ("192.0.2.8", "192.0.2.9")]
            it.applier.configure("subnet", [near])
            it.applier.configure(1, [route("10.1.0.0/16", via=ways[0])])
            it.applier.configure(2, [route("10.1.0.0/16", via=ways[0])])
            it.applier.configure(3, [route("10.1.0.0/16", via=ways[1])])
            for key in ("subnet", 1, 2, 3):
                await it.have(key, True)
            assert not it.applier.failures()
            assert ns.ip("route", "show", "10.1.0.0/16").count("via") == 2
            await it.have(1, False)
            assert ns.ip("route", "show", "10.1.0.0/16").count("via 192.0.2.8") == 1
            await it.have(2, False)
            assert "192.0.2.8" not in ns.ip("route", "show", "10.1.0.0/16")
            assert ns.ip("route", "show", "10.1.0.0/16").count("via 192.0.2.9") == 1
            assert not it.lost

    run(test())


def test_no_news_of_what_was_added_quietly(ns: Namespace, run: Run) -> None:
    """Two acknowledgements for a hundred routers; the host's own static address is listed as others are."""

    async def test() -> None:
        async with Applying(ns) as it:
            keys = range(100)
            for key in keys:
                it.applier.configure(key, [vip(f"192.0.2.{key + 1}/32")])
            it.applier.configure("static", [vip("198.51.100.1/24")], is_static=True)
            it.netlink.heard.clear()
            for key in (*keys, "static"):
                it.applier.want(key, True)
            await it.applier.drain()
            await until(lambda: it.links.has_address(vip("198.51.100.1/24").address), "the static one is listed")
            added = [peek_address(m.data) for m in it.netlink.heard if m.type == RTM_NEWADDR]
            assert [key.address for key in added if key is not None and len(key.address) == 4] == [
                vip("198.51.100.1/24").address
            ]
            assert len(ns.addresses("va")) == 101
            ns.ip("addr", "del", "192.0.2.7/32", "dev", "va")      # of what others do it is told
            await until(lambda: bool(it.lost), "it is told")
            assert it.lost == [(6, "192.0.2.7/32")]
            for key in keys:
                it.applier.want(key, False)
            await it.applier.drain()
            assert ns.addresses("va") == {"198.51.100.1/24"}

    run(test())


def test_every_refusal_of_a_slice_finds_its_program(ns: Namespace, run: Run) -> None:
    """Forty programs with one acknowledgement: every third one is refused, the last one too."""

    async def test() -> None:
        async with Applying(ns) as it:
            answers: dict[int, Answer] = {}
            good = [add_message(vip(f"192.0.2.{n}/32"), it.links.by_name["va"].index) for n in range(1, 41)]
            for n, message in enumerate(good):
                bad = add_message(vip("192.0.2.99/32"), 999_999)
                pair = [message, bad] if n % 3 == 0 else [message]
                it.netlink.submit(pair, partial(answers.__setitem__, n), quiet=True)
            await until(lambda: len(answers) == 40, "all are answered")
            assert all(answer.known for answer in answers.values())
            refused = {n: [(r.place, r.errno) for r in answer.refusals] for n, answer in answers.items()}
            assert refused == {n: [(1, errno.ENODEV)] if n % 3 == 0 else [] for n in range(40)}
            assert len(ns.addresses("va")) == 40

    run(test())
