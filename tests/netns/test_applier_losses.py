"""Applier against the kernel, when others meddle, the kernel refuses, or its answers do not come."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Hashable

import pytest

from netns.applying import Applying, Run, route, texts, vip
from netns.kernel import Namespace, until
from pyvrrp.netlink import Sender
from pyvrrp.routing import Rule

pytestmark = pytest.mark.root


def test_somebody_else_removes_it(ns: Namespace, run: Run) -> None:
    """F13: told once; put back by the next wish and not before."""

    async def test() -> None:
        async with Applying(ns) as it:
            it.applier.configure(1, [vip("192.0.2.1/32"), vip("2001:db8::1/64")])
            await it.have(1, True)
            for address in ("192.0.2.1/32", "2001:db8::1/64"):
                ns.ip("addr", "del", address, "dev", "va")
                await until(lambda address=address: (1, address) in it.lost, "the loss is told")
            await it.applier.drain()
            assert ns.addresses("va") == set()
            assert set(texts(it.applier.state(1).missing)) == {"192.0.2.1/32", "2001:db8::1/64"}
            await it.have(1, True)
            assert ns.addresses("va") == {"192.0.2.1/32", "2001:db8::1/64"}
            await it.have(1, False)
            assert len(it.lost) == 2

    run(test())


def test_secondary_that_went_with_its_primary_is_put_back(ns: Namespace, run: Run) -> None:
    async def test() -> None:
        async with Applying(ns) as it:
            it.applier.configure(1, [vip("192.0.2.1/24")])
            it.applier.configure(2, [vip("192.0.2.2/24")])
            await it.have(1, True)
            await it.have(2, True)
            await it.have(1, False)
            await until(lambda: len(it.applied) == 4, "it was put back")
            assert ns.addresses("va") == {"192.0.2.2/24"}
            assert it.applied[-1] == (2, True, ["192.0.2.2/24"])
            assert not it.lost

    run(test())


def test_interface_made_again_and_renamed(ns: Namespace, run: Run) -> None:
    """F9: the addresses follow the name."""

    async def test() -> None:
        async with Applying(ns) as it:
            it.applier.configure(1, [vip("192.0.2.1/32"), vip("2001:db8::1/64")])
            both = {"192.0.2.1/32", "2001:db8::1/64"}
            await it.have(1, True)
            ns.ip("link", "del", "va")
            await until(lambda: "va" not in it.links.by_name, "it is gone")
            await it.applier.drain()
            assert len(it.applier.state(1).missing) == 2
            ns.ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
            await until(lambda: ns.addresses("va") == both, "the addresses are on the new one")
            ns.ip("link", "set", "va", "name", "vx")
            await until(lambda: ns.addresses("vx") == set(), "they are not on the renamed one")
            ns.ip("link", "set", "vb", "name", "va")
            await until(lambda: ns.addresses("va") == both, "they are on the one that has the name now")
            assert not it.lost

    run(test())


def test_ipv6_addresses_come_back_with_the_link(ns: Namespace, run: Run) -> None:
    """The kernel removes IPv6 addresses when an interface goes down; nobody else did."""

    async def test() -> None:
        async with Applying(ns) as it:
            it.applier.configure(1, [vip("192.0.2.1/32"), vip("2001:db8::1/64")])
            await it.have(1, True)
            ns.ip("link", "set", "va", "down")
            await until(lambda: ns.addresses("va") == {"192.0.2.1/32"}, "the kernel removed it")
            ns.ip("link", "set", "va", "up")
            await until(lambda: ns.addresses("va") == {"192.0.2.1/32", "2001:db8::1/64"}, "it is back")
            assert not it.lost

    run(test())


def test_wanted_before_there_is_an_interface(ns: Namespace, run: Run) -> None:
    async def test() -> None:
        async with Applying(ns) as it:
            it.applier.configure(1, [vip("192.0.2.1/32", dev="later")])
            await it.have(1, True)
            assert not it.applied
            ns.ip("link", "add", "later", "type", "veth", "peer", "name", "latter")
            await until(lambda: it.applied == [(1, True, ["192.0.2.1/32"])], "it is added")
            assert ns.addresses("later") == {"192.0.2.1/32"}

    run(test())


def test_failure_is_told_and_tried_again(
    ns: Namespace, run: Run, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyvrrp.netlink.applier.RETRY_FIRST_S", 0.05)
    ns.set("ipv6/conf/va/disable_ipv6", "1")

    async def test() -> None:
        async with Applying(ns) as it:
            it.applier.configure(7, [vip("192.0.2.1/32"), vip("2001:db8::1/64")])
            await it.have(7, True)
            assert it.applied == [(7, True, ["192.0.2.1/32"])]  # what works is announced
            ((key, why, attempts),) = it.applier.failures()
            assert (key, attempts) == (7, 1)
            assert why.startswith("2001:db8::1/64 dev va cannot be added: ")
            await until(lambda: it.applier.state(7).attempts >= 2, "it is tried again")
            ns.set("ipv6/conf/va/disable_ipv6", "0")
            await until(lambda: not it.applier.failures(), "it succeeds")
            assert it.applied[-1] == (7, True, ["2001:db8::1/64"])

    with caplog.at_level(logging.ERROR):
        run(test())
    assert caplog.messages[0].startswith("VI_7: 2001:db8::1/64 dev va cannot be added: ")
    assert caplog.messages[0].endswith("; trying again in 0.05 s")
    assert caplog.messages[1].endswith("; trying again in 0.1 s")


def test_lost_answers_are_asked_for_again(ns: Namespace, run: Run) -> None:
    """A receive buffer of nearly nothing: answers are lost, and yet every wish is carried out."""

    async def test() -> None:
        async with Applying(ns, rcvbuf=2304) as it:
            for key in range(300):
                it.applier.configure(key, [vip(f"10.0.{key // 250}.{key % 250 + 1}/32")])
            for wanted in (True, False, True):
                for key in range(300):
                    it.applier.want(key, wanted)
                await asyncio.sleep(0.001)
                time.sleep(0.05)  # noqa: ASYNC251 - the loop is held; the kernel answers and has no room
                await until(
                    lambda wanted=wanted: (
                        all(it.applier.state(k).is_settled for k in range(300))
                        and {k for k, present, _ in it.applied if present is wanted} == set(range(300))
                    ),
                    "every wish is carried out",
                    timeout_s=15,
                )
                assert len(ns.addresses("va")) == (300 if wanted else 0)
                it.applied.clear()
            assert it.netlink.overruns > 0

    run(test())


class ForgetfulSender(Sender):
    """Loses what it is told to lose, as if the kernel had never answered."""

    def __init__(self) -> None:
        super().__init__()
        self.losing = False

    def send(self, sock: socket.socket, data: bytes, on_error: Callable[[OSError], None]) -> None:
        if not self.losing:
            super().send(sock, data, on_error)


def test_answer_that_never_comes(ns: Namespace, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyvrrp.netlink.transport.NETLINK_ACK_TIMEOUT_S", 0.5)

    async def test() -> None:
        sender = ForgetfulSender()
        try:
            async with Applying(ns, sender=sender) as it:
                it.applier.configure(1, [vip("192.0.2.1/32")])
                sender.losing = True
                it.applier.want(1, True)
                await until(lambda: it.netlink.programs == [1], "it is under way")
                await asyncio.sleep(0.01)
                sender.losing = False
                assert not it.applied
                await it.applier.drain()
                assert it.netlink.programs[:2] == [1, 1]  # read back, found missing, sent again
                assert it.applied == [(1, True, ["192.0.2.1/32"])]
                assert ns.addresses("va") == {"192.0.2.1/32"}
        finally:
            sender.close()

    run(test())


def test_interface_goes_while_addresses_are_added(
    ns: Namespace, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with Applying(ns) as it:
            wanted = {f"10.0.{i // 250}.{i % 250 + 1}/32" for i in range(2000)}
            for key, text in enumerate(sorted(wanted)):
                it.applier.configure(key, [vip(text)])
                it.applier.want(key, True)
            await until(lambda: len(it.applied) > 200, "some are added")
            ns.ip("link", "del", "va")
            await it.applier.drain()
            await until(lambda: "va" not in it.links.by_name, "it is gone")
            assert not it.applier.failures()
            it.applied.clear()
            ns.ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
            await until(lambda: len(it.applied) == 2000, "all are added to the new one")
            assert ns.addresses("va") == wanted
            assert not it.lost

    run(test())
    assert not caplog.messages


def test_leftovers_do_not_wait_for_ever(
    ns: Namespace, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pyvrrp.netlink.applier.LEFTOVERS_S", 0.2)
    monkeypatch.setattr("pyvrrp.netlink.links.RETRY_FIRST_S", 0.05)
    monkeypatch.setattr("pyvrrp.netlink.transport.NETLINK_ACK_TIMEOUT_S", 0.5)
    ns.ip("addr", "add", "192.0.2.1/32", "dev", "va")

    async def test() -> None:
        sender = ForgetfulSender()
        try:
            async with Applying(ns, sender=sender) as it:
                it.applier.configure(1, [vip("192.0.2.1/32")])
                sender.losing = True
                await it.applier.remove_leftovers()
                assert caplog.messages[0].endswith("they could not be removed within 0.2 s")
                sender.losing = False
                await until(lambda: ns.addresses("va") == set(), "it is removed later")
        finally:
            sender.close()

    run(test())


def test_callback_that_raises_stops_nothing(
    ns: Namespace, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with Applying(ns) as it:
            def broken(*_: object) -> None:
                raise LookupError("a bug")

            it.links.watch(broken)
            it.applier._on_applied = it.applier._on_lost = broken
            it.applier.configure(1, [vip("192.0.2.1/32")])
            await it.applier.remove_leftovers()
            await it.have(1, True)
            assert ns.addresses("va") == {"192.0.2.1/32"}
            ns.ip("addr", "del", "192.0.2.1/32", "dev", "va")
            await until(lambda: len(caplog.records) == 2, "applied and lost were told")
            await it.have(1, True)
            await it.have(1, False)
            assert ns.addresses("va") == set()

    run(test())
    assert all(record.exc_info and record.exc_info[0] is LookupError for record in caplog.records)


def test_no_news_of_routes_where_there_is_none(ns: Namespace, run: Run) -> None:
    """Each address brings routes of the kernel's own: nobody hears of them before there is a route to watch."""

    async def test() -> None:
        async with Applying(ns) as it:
            it.applier.configure(1, [vip("192.0.2.1/24")])
            await it.have(1, True)
            assert not it.applier._tables._is_listening
            it.applier.configure(1, [vip("192.0.2.1/24"), route("10.1.0.0/16", dev="va", is_tracked=False)])
            assert not it.applier._tables._is_listening
            it.applier.configure(1, [vip("192.0.2.1/24"), route("10.1.0.0/16", dev="va")])
            assert it.applier._tables._is_listening

    run(test())


def test_routes_are_read_again_after_lost_news(ns: Namespace, run: Run) -> None:
    """What went meanwhile is told, once; what is there still, or is somebody else's, is not."""

    async def test() -> None:
        async with Applying(ns) as it:
            rules = [Rule(family=6, priority=number, action="lookup", target=100) for number in (1000, 1001)]
            things = [vip("192.0.2.1/24"), *(route(f"10.{i}.0.0/16", dev="va") for i in range(3)),
                      route("2001:db8::/32", dev="va"), *rules,
                      route("10.9.0.0/16", dev="va", protocol=4, is_tracked=False)]
            it.applier.configure(1, things)
            await it.have(1, True)
            tables = it.applier._tables
            await until(lambda: it.links.by_name["va"].is_up, "its link is up: else nothing counts as lost")
            with pytest.MonkeyPatch.context() as patch:
                news: list[object] = []
                patch.setattr(tables, "_on_removed", lambda key, _: news.append(key))       # they are lost
                ns.ip("route", "del", "10.1.0.0/16")
                ns.ip("-6", "rule", "del", "priority", "1001")
                await until(lambda: len(news) == 2, "the kernel has told")
            lost: list[Hashable] = []
            it.applier._on_lost = lambda key, thing: lost.append(thing)
            for on_overrun in it.netlink._on_overruns:
                on_overrun()
            await until(lambda: len(lost) == 2, "both are missed")
            await until(lambda: tables._task is None, "it is over")
            assert lost == [things[2], rules[1]]
            it.applier.want(1, True)
            await it.applier.drain()
            assert "10.1.0.0/16" in ns.ip("route")
            assert it.applier.state(1).missing == ()

    run(test())
