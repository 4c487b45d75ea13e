"""Links against the kernel: what it lists, what it tells, and that a lost notification is no change."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from netns.applying import Run
from netns.kernel import Namespace, until
from pyvrrp.errors import NetlinkError
from pyvrrp.model import Vip
from pyvrrp.netlink import Link, Links, Netlink
from pyvrrp.netlink.programs import AddressKey, add_message, address_key, delete_message
from pyvrrp.netlink.transport import Message

pytestmark = pytest.mark.root


@pytest.fixture
def ns() -> Iterator[Namespace]:
    namespace = Namespace()
    yield namespace
    namespace.close()


class Watched:
    """Links with a record of what it told."""

    def __init__(self, ns: Namespace, **options: int) -> None:
        with ns.inside():
            self.netlink = Netlink(**options)
        self.links = Links(self.netlink)
        self.changes: list[tuple[Link | None, Link | None]] = []
        self.links.watch(lambda old, new: self.changes.append((old, new)))

    async def __aenter__(self) -> Watched:
        await self.links.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.links.close()
        self.netlink.close()

    def names(self, name: str) -> list[tuple[str | None, str | None]]:
        """The changes that concern `name`, as names."""
        pairs = [(old and old.name, new and new.name) for old, new in self.changes]
        return [pair for pair in pairs if name in pair and pair[0] != pair[1]]


def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def test_first_dump(ns: Namespace, run: Run) -> None:
    ns.ip(
        "link",
        "add",
        "va",
        "mtu",
        "1400",
        "address",
        "02:00:00:00:00:0a",
        "type",
        "veth",
        "peer",
        "name",
        "vb",
    )
    ns.ip("addr", "add", "192.0.2.1/24", "dev", "va")

    async def test() -> None:
        async with Watched(ns) as watched:
            link = watched.links.by_name["va"]
            assert watched.links.by_index[link.index] is link
            assert (link.mac, link.mtu, link.is_up) == (bytes.fromhex("02000000000a"), 1400, False)
            assert [(a.address, a.prefix_len, a.scope) for a in link.addresses] == [
                (packed("192.0.2.1"), 24, 0)
            ]
            assert watched.links.by_name["lo"].is_up
            assert {new.name for _, new in watched.changes if new} == {"lo", "va", "vb"}

    run(test())


def test_up_means_carrier(ns: Namespace, run: Run) -> None:
    ns.ip("link", "add", "va", "type", "veth", "peer", "name", "vb")

    async def test() -> None:
        async with Watched(ns) as watched:
            ns.ip("link", "set", "va", "up")
            await asyncio.sleep(0.05)
            assert not watched.links.by_name["va"].is_up  # up, but its peer is not
            ns.ip("link", "set", "vb", "up")
            await until(lambda: watched.links.by_name["va"].is_up, "a is up")
            ns.ip("link", "set", "vb", "down")
            await until(lambda: not watched.links.by_name["va"].is_up, "a is down")

    run(test())


def test_deleted_made_again_and_renamed(ns: Namespace, run: Run) -> None:
    async def test() -> None:
        async with Watched(ns) as watched:
            links = watched.links
            ns.ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
            await until(lambda: "va" in links.by_name, "a is there")
            first = links.by_name["va"].index
            ns.ip("link", "del", "va")
            ns.ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
            await until(
                lambda: "va" in links.by_name and links.by_name["va"].index != first, "another a is there"
            )
            assert first not in links.by_index
            ns.ip("link", "set", "va", "name", "vc")
            await until(lambda: "vc" in links.by_name, "a is called c")
            assert "va" not in links.by_name
            ns.ip("link", "set", "vb", "name", "va")
            await until(lambda: "va" in links.by_name, "b is called a")
            assert links.by_name["vc"].index != links.by_name["va"].index
            assert watched.names("va") == [
                (None, "va"),
                ("va", None),
                (None, "va"),
                ("va", "vc"),
                ("vb", "va"),
            ]

    run(test())


def test_bridge_port_leaving_is_no_deletion(ns: Namespace, run: Run) -> None:
    ns.ip("link", "add", "vbr", "type", "bridge")
    ns.ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
    ns.ip("link", "set", "va", "master", "vbr")

    async def test() -> None:
        async with Watched(ns) as watched:
            watched.changes.clear()
            ns.ip("link", "set", "va", "nomaster")
            ns.ip("link", "set", "va", "mtu", "1300")
            await until(lambda: watched.links.by_name["va"].mtu == 1300, "the mtu is known")
            assert not watched.names("va")

    run(test())


def test_source_addresses(ns: Namespace, run: Run) -> None:
    ns.ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
    ns.ip("link", "set", "va", "up")
    ns.ip("link", "set", "vb", "up")

    async def test() -> None:
        async with Watched(ns) as watched:
            links = watched.links
            assert links.primary_ipv4("va") is None
            assert links.primary_ipv4("none") is None
            vip = packed("192.0.2.9")
            for address in ("192.0.2.9/24", "192.0.2.1/24", "198.51.100.1/24"):
                ns.ip("addr", "add", address, "dev", "va")
            await until(
                lambda: links.primary_ipv4("va", leave_out={vip}) == packed("198.51.100.1"), "primary first"
            )
            assert links.primary_ipv4("va") == vip
            ns.ip("addr", "del", "198.51.100.1/24", "dev", "va")
            await until(
                lambda: links.primary_ipv4("va", leave_out={vip}) == packed("192.0.2.1"), "secondary counts"
            )
            await until(
                lambda: links.link_local_ipv6("va") is not None, "duplicate address detection is over"
            )
            own = links.link_local_ipv6("va")
            assert own is not None
            assert own[:2] == b"\xfe\x80"
            assert links.link_local_ipv6("va", leave_out={own}) is None

    run(test())


def test_refusal_has_the_kernels_words(ns: Namespace, run: Run) -> None:
    async def test() -> None:
        async with Watched(ns) as watched:
            netlink = watched.netlink
            vip = Vip(address=packed("192.0.2.1"), prefix_len=32, dev="lo")
            await netlink.request(add_message(vip, 1))
            await netlink.request(delete_message(vip, 1))
            with pytest.raises(NetlinkError, match="Address not found") as caught:
                await netlink.request(delete_message(vip, 1))
            assert caught.value.errno == 99
            with pytest.raises(NetlinkError) as caught:
                await netlink.request(add_message(vip, 4711))
            assert caught.value.errno == 19

    run(test())


def test_overrun_is_no_change(ns: Namespace, run: Run) -> None:
    """F7: the receive buffer overflows in a burst; the state is the kernel's, nothing seemed down."""
    ns.ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
    ns.ip("link", "set", "va", "up")
    ns.ip("link", "set", "vb", "up")
    burst = "".join(
        f"link add t{i} type veth peer name u{i}\naddr add 198.51.100.{i}/32 dev va\n" for i in range(1, 200)
    )
    gone = "".join(f"link del t{i}\n" for i in range(1, 200, 2))

    async def test() -> None:
        async with Watched(ns, rcvbuf=4096) as watched:
            links = watched.links
            await until(lambda: links.by_name["va"].is_up, "a is up")
            for batch in (burst, gone):
                await asyncio.sleep(0)
                ns.ip("-batch", "-", batch=batch)  # the loop does not read meanwhile
            await until(lambda: watched.links.resyncs > 0, "everything is read again")
            await until(lambda: "t198" in links.by_name and "t199" not in links.by_name, "the state is right")
            expected = {"lo", "va", "vb", *(f"{x}{i}" for i in range(2, 200, 2) for x in "tu")}
            await until(lambda: set(links.by_name) == expected, "every interface is known")
            await until(
                lambda: sum(len(x.address) == 4 for x in links.by_name["va"].addresses) == 199,
                "all addresses",
            )
            assert watched.netlink.overruns > 0
            assert all(
                new and new.is_up for old, new in watched.changes if old and old.name == "va" and old.is_up
            )

    run(test())


def test_what_changes_while_it_is_read_again(
    ns: Namespace, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F7: after an overrun the kernel drops notifications in silence until the buffer is empty."""
    monkeypatch.setattr("pyvrrp.netlink.transport.NETLINK_READ_SLICE_S", 1e-4)      # one message in a turn
    ns.ip("-batch", "-", batch="".join(f"link add t{i} type veth peer name u{i}\n" for i in range(1, 101)))
    burst = "".join(f"link set t{i} mtu 1400\n" for i in range(1, 101))

    async def test() -> None:
        async with Watched(ns, rcvbuf=32768) as watched:
            ns.ip("-batch", "-", batch=burst)
            for i in range(1, 101, 2):
                for _ in range(4):
                    await asyncio.sleep(0)
                ns.ip("link", "del", f"t{i}")
            expected = {"lo", *(f"{x}{i}" for i in range(2, 101, 2) for x in "tu")}
            by_name = watched.links.by_name
            await until(lambda: set(by_name) == expected and all(
                by_name[f"t{i}"].mtu == 1400 for i in range(2, 101, 2)
            ), "the state is right")
            assert watched.netlink.overruns > 0

    run(test())


def test_what_was_added_quietly_while_it_is_read_again(ns: Namespace, run: Run) -> None:
    """The dump may have passed the place where the address is now, and of a quiet addition there is no news."""

    class Meanwhile(Netlink):
        async def dump(self, message: bytes, on_message: Callable[[Message], None]) -> bool:
            whole = await super().dump(message, on_message)
            links.added((key,))
            return whole

    async def test() -> None:
        nonlocal links
        with ns.inside():
            netlink = Meanwhile()
        links = Links(netlink)
        links.claimed.add(key)
        known: list[set[AddressKey]] = []
        links.watch_claimed(on_removed=lambda *_: None, on_known=known.append)
        await links.start()
        links.resync()
        await until(lambda: len(known) == 2, "it was read again")
        assert known == [{key}, {key}]
        await links.close()
        netlink.close()

    links: Links
    key = address_key(1, 32, packed("192.0.2.1"))
    run(test())


def test_dumps_that_are_interrupted_every_time(
    ns: Namespace, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interfaces that come and go all the time: what stays is known, what goes does not stay."""
    monkeypatch.setattr("pyvrrp.netlink.links.RETRY_FIRST_S", 0.05)
    ns.ip("-batch", "-", batch="".join(f"link add t{i} type veth peer name u{i}\n" for i in range(1, 101)))
    flap = "".join(f"link add x{i} type veth peer name y{i}\nlink del x{i}\n" for i in range(30))
    stay = {"lo", *(f"{x}{i}" for i in range(1, 101) for x in "tu")}

    async def test() -> None:
        async with Watched(ns) as watched:
            loop = asyncio.get_running_loop()
            flapping = loop.run_in_executor(None, lambda: ns.ip("-batch", "-", batch=flap))
            seen_all = []
            while not flapping.done():
                watched.links.resync()
                await asyncio.sleep(0.01)
                seen_all.append(stay <= set(watched.links.by_name))
            await flapping
            assert all(seen_all)
            await until(lambda: set(watched.links.by_name) == stay, "nothing else is left")
            assert watched.links.resyncs > 0

    run(test())


def test_callback_that_raises_stops_nothing(
    ns: Namespace, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        with ns.inside():
            netlink = Netlink()
        links = Links(netlink)
        told: list[str] = []

        def broken(_old: Link | None, _new: Link | None) -> None:
            raise LookupError("a bug")

        links.watch(broken)
        links.watch(lambda _old, new: told.append(new.name if new else ""))
        await links.start()
        assert told == ["lo"]
        ns.ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
        await until(lambda: {"va", "vb"} <= links.by_name.keys(), "both are there")
        links.resync()
        ns.ip("link", "del", "va")
        await until(lambda: set(links.by_name) == {"lo"}, "both are gone")
        assert {"va", "vb", ""} <= set(told)
        await links.close()
        netlink.close()

    run(test())
    assert caplog.records
    assert all(record.exc_info and record.exc_info[0] is LookupError for record in caplog.records)


def test_resync_that_raises_is_tried_again(
    ns: Namespace, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pyvrrp.netlink.links.RETRY_FIRST_S", 0.05)

    async def test() -> None:
        async with Watched(ns) as watched:
            known: list[int] = []
            watched.links.watch_claimed(on_removed=lambda *_: None, on_known=lambda _: known.append(1))
            with monkeypatch.context() as patch:
                patch.setattr("pyvrrp.netlink.links.address_dump", lambda: b"no message")
                watched.links.resync()
                await until(lambda: len(caplog.records) > 1, "it failed and was tried again")
                assert not known
            await until(lambda: len(known) == 1, "it succeeds")
            watched.links.resync()
            await until(lambda: len(known) == 2, "another one is possible")

    run(test())
    assert caplog.messages[0] == "the interfaces could not be read; trying again in 0.05 s"


class Failing(socket.socket):
    """A socket whose first read reports an error, as the kernel does after a dump that went wrong."""

    error: OSError | None = OSError(errno.EINVAL, "Invalid argument")

    def recvfrom_into(self, *args: Any, **kwargs: Any) -> Any:
        error, self.error = self.error, None
        if error is not None:
            raise error
        return super().recvfrom_into(*args, **kwargs)


def test_an_error_of_the_socket_is_answered_by_listing_again(ns: Namespace, run: Run) -> None:
    """Seen as EINVAL, in a namespace whose interfaces were made while they were listed."""

    async def test() -> None:
        async with Watched(ns) as watched:
            netlink: Any = watched.netlink
            netlink._socket = Failing(fileno=netlink._socket.detach())
            ns.ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
            await until(lambda: {"va", "vb"} <= watched.links.by_name.keys(), "both are known")
            assert watched.links.resyncs >= 1
            ns.ip("link", "del", "va")
            await until(lambda: "va" not in watched.links.by_name, "it is known to be gone")

    run(test())
