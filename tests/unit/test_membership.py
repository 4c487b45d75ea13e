"""The group of a router follows its interface; a join that the kernel refuses is tried again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from pyvrrp import limits
from pyvrrp.membership import Memberships
from pyvrrp.model import Instance
from pyvrrp.router import Router

GROUP = bytes((224, 0, 0, 18))


class Kernel:
    """A network that joins, or not, and a clock that is told when to ring."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.refusal: str | None = None
        self.timers: list[Any] = []
        self.judged: list[Router] = []

    def join(self, family: int, ifindex: int, group: bytes) -> str | None:
        self.calls.append(("join", ifindex))
        return self.refusal

    def leave(self, family: int, ifindex: int, group: bytes) -> None:
        self.calls.append(("leave", ifindex))

    def call_later(self, delay_s: float, callback: Any) -> Any:
        timer = SimpleNamespace(delay_s=delay_s, callback=callback)
        timer.cancel = lambda: self.timers.remove(timer)
        self.timers.append(timer)
        return timer


def made(**changes: Any) -> tuple[Kernel, Memberships, Router]:
    kernel = Kernel()
    keeper = SimpleNamespace(title_of=lambda instance: instance.name)
    instance = Instance(name="VI_1", family=4, interface="eth0", vrid=51, **changes)
    router = Router(1, instance, cast(Any, keeper), cast(Any, kernel))
    return kernel, Memberships(cast(Any, kernel.call_later), kernel.judged.extend), router


def test_it_is_joined_once_and_follows_the_interface() -> None:
    kernel, memberships, router = made()
    for ifindex in (2, 2, 3, 0):
        memberships.follow(router, 0, ifindex, GROUP)
    assert kernel.calls == [("join", 2), ("leave", 2), ("join", 3), ("leave", 3)]
    assert router.joined is None


def test_unicast_joins_nothing() -> None:
    kernel, memberships, router = made(peers=(bytes(4),))
    memberships.follow(router, 0, 2, GROUP)
    assert kernel.calls == []


def test_a_refusal_is_tried_again_later_and_later() -> None:
    kernel, memberships, router = made()
    kernel.refusal = "no buffer space"
    delays_s = []
    for _ in range(8):
        memberships.follow(router, 0, 2, GROUP)
        assert router.group_error == "no buffer space"
        (timer,) = kernel.timers
        delays_s.append(timer.delay_s)
        timer.callback()
    assert delays_s == [1, 2, 4, 8, 16, 32, limits.RETRY_MAX_S, limits.RETRY_MAX_S]
    assert kernel.judged == [router] * 8
    kernel.refusal = None
    memberships.follow(router, 0, 2, GROUP)
    assert (router.group_error, router.joined, kernel.timers) == (None, (0, 2, GROUP), [])
    kernel.refusal = "no buffer space"
    memberships.follow(router, 0, 3, GROUP)
    assert kernel.timers[0].delay_s == 1, "it begins anew"


def test_one_that_is_wanted_no_more_is_not_tried_again() -> None:
    kernel, memberships, router = made()
    kernel.refusal = "no buffer space"
    memberships.follow(router, 0, 2, GROUP)
    memberships.follow(router, 0, 0, b"")
    assert (kernel.timers, router.group_error) == ([], None)
