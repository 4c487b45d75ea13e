"""Applier against the kernel: the newest wish, in the right order, whatever others do to the addresses."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import time
from collections.abc import Callable, Coroutine, Hashable, Iterator, Sequence
from typing import Any

import pytest
import uvloop

from pyvrrp.model import Vip
from pyvrrp.netlink import Applier, Links, Netlink, Sender
from pyvrrp.netlink.transport import Answer
from pyvrrp.routing import Prefix, Route, Rule
from tests.netns.kernel import BlockMeter, Namespace, until

pytestmark = pytest.mark.root

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture
def ns() -> Iterator[Namespace]:
    namespace = Namespace()
    namespace.ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
    namespace.ip("link", "set", "va", "up")
    namespace.ip("link", "set", "vb", "up")
    yield namespace
    namespace.close()


@pytest.fixture(params=["uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Run:
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def runner(test: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=factory) as loop:
            loop.run(test)

    return runner


def vip(text: str, dev: str = "va", **more: Any) -> Vip:
    interface = ipaddress.ip_interface(text)
    return Vip(address=interface.ip.packed, prefix_len=interface.network.prefixlen, dev=dev, **more)


def texts(vips: Sequence[Vip]) -> list[str]:
    return [f"{ipaddress.ip_address(v.address)}/{v.prefix_len}" for v in vips]


class CountingNetlink(Netlink):
    """A Netlink that notes the size of each program."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.programs: list[int] = []

    def submit(self, messages: Sequence[bytes], on_done: Callable[[Answer], None]) -> None:
        self.programs.append(len(messages))
        super().submit(messages, on_done)


class Applying:
    """A running applier with a record of what it told."""

    def __init__(self, ns: Namespace, **options: Any) -> None:
        with ns.inside():
            self.netlink = CountingNetlink(**options)
        self.links = Links(self.netlink)
        self.applied: list[tuple[Hashable, bool, list[str]]] = []
        self.lost: list[tuple[Hashable, str]] = []
        self.applier = Applier(
            self.netlink,
            self.links,
            on_applied=lambda key, present, vips: self.applied.append((key, present, texts(vips))),
            on_lost=lambda key, vip: self.lost.append((key, texts([vip])[0])),
            describe=lambda key: f"VI_{key}",
        )

    async def __aenter__(self) -> Applying:
        await self.links.start()
        self._task = asyncio.create_task(self.applier.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        self.applier.close()
        await self.links.close()
        self.netlink.close()

    async def have(self, key: Hashable, present: bool) -> None:
        self.applier.want(key, present)
        await self.applier.drain()


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
            it.applier.want("large", True)
            it.applier.want("small", True)
            it.applier.want("leaves", False)
            await it.applier.drain()
            assert it.netlink.programs == [2, 1, 64, 64, 22]
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


def route(text: str, **more: Any) -> Route:
    network = ipaddress.ip_network(text)
    return Route(destination=Prefix(network.network_address.packed, network.prefixlen), **more)


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
