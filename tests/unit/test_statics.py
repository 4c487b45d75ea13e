"""Which instances are tied to which static things."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from pyvrrp.model import Configuration, GlobalDefs, TrackGroup, Vip, VipOptions
from pyvrrp.netlink.applier import ApplierStatus
from pyvrrp.network import Network
from pyvrrp.statics import Statics, ties_of


def vip(last: int, group: str | None = None, *, dev: str = "eth1", is_tracked: bool = True) -> Vip:
    return Vip(address=bytes((192, 0, 2, last)), prefix_len=24, dev=dev,
               rare=VipOptions(track_group=group, is_tracked=is_tracked))


def configuration(*vips: Vip) -> Configuration:
    groups = TrackGroup(name="g", members=("A", "B")), TrackGroup(name="h", members=("B",)), TrackGroup(
        name="empty", members=("C",))
    return Configuration(global_defs=GlobalDefs(router_id=""), static_addresses=vips, track_groups=groups)


def test_ties() -> None:
    one, two, three = vip(1, "g"), vip(2, "h"), vip(3, "g", dev="eth2")
    got = ties_of(configuration(one, vip(4), two, vip(5, "unknown"), vip(6, "g", is_tracked=False), three))
    assert got == {"A": (one, three), "B": (one, three, two)}


def statics(vips: tuple[Vip, ...], missing: tuple[Vip, ...], attempts: int, names: tuple[str, ...]) -> Statics:
    status = ApplierStatus(True, not attempts, missing, (), "refused" if attempts else "", attempts)
    network = SimpleNamespace(
        usable_links=SimpleNamespace(by_name=dict.fromkeys(names)), applier=SimpleNamespace(state=lambda _: status),
        why_closed="it is closed",
    )
    return Statics(1, "static blocks", cast(Network, network), vips, ties_of(configuration(*vips)))


def is_in(*names: str) -> Callable[[str], bool]:
    return lambda name: name in names


def test_what_is_lost() -> None:
    vips = vip(1, "g"), vip(2, "g", dev="eth2")
    line = "192.0.2.1/24 dev eth1 track_group g"

    def against(missing: tuple[Vip, ...] = (), attempts: int = 0, *, there: Any = ("eth1", "eth2"), up: Any = None,
                name: str = "A") -> tuple[str, ...]:
        return statics(vips, missing, attempts, there).against(name, is_in(*(there if up is None else up)))

    assert against() == ()
    assert against(vips[:1]) == (), "it is just being put back"
    assert against(vips[:1], 1) == (f"static {line} is not set",)
    assert against(vips[:1], 1, name="C") == ()
    assert against(up=("eth2",)) == ("interface eth1 of track_group g is down",)
    assert against(vips, 1, there=("eth2",)) == (
        "interface eth1 of track_group g does not exist", "static 192.0.2.2/24 dev eth2 track_group g is not set")


def test_a_namespace_that_is_closed() -> None:
    one = statics((vip(1, "g"),), (), 0, ())
    one.network = cast(Network, SimpleNamespace(usable_links=None, applier=None, why_closed="it is closed"))
    assert one.against("A", is_in("eth1")) == ("it is closed",)
    assert one.against("C", is_in("eth1")) == ()
    assert one.links_of("A") == {"eth1"}
