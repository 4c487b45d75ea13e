"""A running Applier on a namespace, with a record of what it told; and the values that it is given."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Coroutine, Hashable, Iterable, Mapping, Sequence
from typing import Any

from netns.kernel import Namespace
from pyvrrp.model import Vip
from pyvrrp.netlink import Applier, Links, Netlink
from pyvrrp.netlink.transport import Answer, Message
from pyvrrp.routing import Prefix, Route

Run = Callable[[Coroutine[Any, Any, None]], None]


def vip(text: str, dev: str = "va", **more: Any) -> Vip:
    interface = ipaddress.ip_interface(text)
    return Vip(address=interface.ip.packed, prefix_len=interface.network.prefixlen, dev=dev, **more)


def texts(vips: Sequence[Vip]) -> list[str]:
    return [f"{ipaddress.ip_address(v.address)}/{v.prefix_len}" for v in vips]


def route(text: str, **more: Any) -> Route:
    network = ipaddress.ip_network(text)
    return Route(destination=Prefix(network.network_address.packed, network.prefixlen), **more)


class CountingNetlink(Netlink):
    """A Netlink that notes the size of each program, and what news it heard."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.programs: list[int] = []
        self.sent: list[bytes] = []             # the messages of all of them
        self.heard: list[Message] = []

    def listen(
        self, groups: Iterable[int], listeners: Mapping[int, Callable[[Message], None]], **more: Any
    ) -> None:
        def noting(take: Callable[[Message], None]) -> Callable[[Message], None]:
            def heard(message: Message) -> None:
                self.heard.append(message)
                take(message)
            return heard

        super().listen(groups, {kind: noting(take) for kind, take in listeners.items()}, **more)

    def submit(self, messages: Sequence[bytes], on_done: Callable[[Answer], None], *, quiet: bool = False) -> None:
        self.programs.append(len(messages))
        self.sent += messages
        super().submit(messages, on_done, quiet=quiet)


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
