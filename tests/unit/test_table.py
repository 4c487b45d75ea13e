"""How an advert finds its router: keys, unlisted sources, wildcards, and the index behind them, through the Engine."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from network import GROUP, START_NS, address, advert, lone_engine, settings

from vrrpcore.engine import Engine
from vrrpcore.settings import VrSettings


def hears(engine: Engine, *routers: int, **arrival: Any) -> list[int]:
    """Which of the routers counted one advert more."""
    before = [engine.counters(vr)["advert_rcvd"] for vr in routers]
    engine.receive_datagram(**advert(**arrival), now_ns=START_NS)
    return [
        vr for vr, count in zip(routers, before, strict=True) if engine.counters(vr)["advert_rcvd"] == count + 1
    ]


def pair(peer: int, **changes: Any) -> VrSettings:
    """A unicast router of host 1 with one peer."""
    return settings(1, peers=(peer,), **changes)


@pytest.mark.rule("R3")
@pytest.mark.parametrize("family", [4, 6])
def test_two_hundred_pairs_share_one_vrid(family: Any) -> None:
    engine = lone_engine()
    routers = [engine.add(pair(peer, family=family)) for peer in range(2, 202)]
    for peer, vr in enumerate(routers, start=2):
        assert hears(engine, *routers, number=peer, family=family, to=address(family, 1)) == [vr]


def test_one_vrid_on_many_interfaces_families_and_groups() -> None:
    engine = lone_engine()
    other_group = bytes([224, 0, 0, 77])
    routers = {
        (4, 2, GROUP[4]): engine.add(settings()),
        (4, 3, GROUP[4]): engine.add(settings(ifindex=3)),
        (4, 2, other_group): engine.add(settings(destinations=(other_group,))),
        (6, 2, GROUP[6]): engine.add(settings(family=6)),
        (4, 2, address(4, 1)): engine.add(pair(2)),
        (4, 2, address(4, 9)): engine.add(pair(2, source=address(4, 9))),
    }
    for (family, ifindex, to), vr in routers.items():
        assert hears(engine, *routers.values(), family=family, ifindex=ifindex, to=to) == [vr]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (settings(1), settings(1, priority=5)),
        (settings(1), settings(7)),                             # the source is no part of a multicast key
        (pair(2), pair(2)),
        (pair(2), settings(1, peers=(3, 2))),                   # a common peer
        (pair(2), pair(2, ifindex=0)),                          # one with an interface, one without
        (pair(2, ifindex=0), pair(2)),
        (pair(2, ifindex=0), pair(2, ifindex=0)),
    ],
)
def test_two_that_would_hear_the_same_are_refused(first: VrSettings, second: VrSettings) -> None:
    engine = lone_engine()
    vr = engine.add(first)
    with pytest.raises(ValueError, match="VRID 51 is in use here"):
        engine.add(second)
    assert len(engine) == 1
    to = address(4, 1) if first.is_unicast else GROUP[4]
    assert hears(engine, vr, to=to) == [vr]


def test_a_refused_change_leaves_the_old_one_working() -> None:
    engine = lone_engine()
    one, two = engine.add(pair(2)), engine.add(pair(3))
    with pytest.raises(ValueError, match="in use here"):
        engine.configure(two, settings(1, peers=(4, 2)), START_NS)
    assert hears(engine, one, two, number=2, to=address(4, 1)) == [one]
    assert hears(engine, one, two, number=3, to=address(4, 1)) == [two]
    engine.configure(two, settings(1, peers=(4, 3)), START_NS)
    assert hears(engine, one, two, number=4, to=address(4, 1)) == [two]


def test_255_peers_find_their_router() -> None:
    """One router may need more keys than the index has room for at first."""
    engine = lone_engine()
    peers = tuple(bytes([10, 9, 0, k]) for k in range(255))
    vr = engine.add(settings(1, destinations=peers, is_unicast=True))
    for peer in peers:
        assert hears(engine, vr, source=peer, to=address(4, 1)) == [vr]
    assert hears(engine, vr, source=bytes([10, 9, 0, 255]), to=address(4, 1)) == [vr]       # unlisted
    assert engine.counters(vr)["unlisted_source"] == 1


@pytest.mark.rule("R12")
class TestUnlistedSource:
    """A source that nobody lists reaches the one router that the rest of the key names, or none."""

    def test_it_is_obeyed_and_counted(self) -> None:
        engine = lone_engine()
        vr = engine.add(pair(2))
        assert hears(engine, vr, number=3, to=address(4, 1)) == [vr]
        assert hears(engine, vr, number=2, to=address(4, 1)) == [vr]
        assert engine.counters(vr)["unlisted_source"] == 1

    @pytest.mark.rule("R12", breaks=True)
    def test_not_under_check_source(self) -> None:
        engine = lone_engine()
        vr = engine.add(pair(2, check_source=True))
        assert hears(engine, vr, number=3, to=address(4, 1)) == []
        assert engine.counters(vr)["unknown_source_err"] == 1
        assert hears(engine, vr, number=2, to=address(4, 1)) == [vr]

    def test_not_where_two_could_be_meant(self) -> None:
        engine = lone_engine()
        one, two = engine.add(pair(2)), engine.add(pair(3))
        assert hears(engine, one, two, number=4, to=address(4, 1)) == []
        assert engine.domain_drops(0)["vrid_err"] == 1
        engine.remove(one)
        assert hears(engine, two, number=4, to=address(4, 1)) == [two]

    def test_not_where_a_wildcard_could_be_meant_too(self) -> None:
        engine = lone_engine()
        routers = [engine.add(pair(2)), engine.add(pair(3, ifindex=0))]
        assert hears(engine, *routers, number=4, to=address(4, 1)) == []
        assert hears(engine, *routers, number=4, to=address(4, 1), ifindex=9) == [routers[1]]
        routers.append(engine.add(pair(5)))
        assert hears(engine, *routers, number=4, to=address(4, 1)) == []

    def test_not_on_another_interface(self) -> None:
        engine = lone_engine()
        vr = engine.add(pair(2))
        assert hears(engine, vr, number=3, to=address(4, 1), ifindex=9) == []
        assert hears(engine, vr, number=2, to=address(4, 1), ifindex=9) == []


def test_without_an_interface_it_hears_on_all() -> None:
    engine = lone_engine()
    any_link, link3 = engine.add(pair(2, ifindex=0)), engine.add(pair(3, ifindex=3))
    for ifindex in (1, 2, 3, 400):
        assert hears(engine, any_link, link3, number=2, to=address(4, 1), ifindex=ifindex) == [any_link]
    assert hears(engine, any_link, link3, number=3, to=address(4, 1), ifindex=3) == [link3]


@pytest.mark.rule("R12")
def test_the_wrong_cast_is_counted_at_its_router() -> None:
    engine = lone_engine()
    multicast = engine.add(settings())
    assert hears(engine, multicast, to=address(4, 1)) == []
    assert engine.counters(multicast)["mode_err"] == 1
    engine.remove(multicast)
    unicast = engine.add(pair(2))
    assert hears(engine, unicast) == []
    assert engine.counters(unicast)["mode_err"] == 1
    assert engine.domain_drops(0)["vrid_err"] == 0


def test_an_index_is_used_again_with_fresh_counters() -> None:
    engine = lone_engine()
    vr = engine.add(settings())
    assert hears(engine, vr) == [vr]
    engine.remove(vr)
    assert engine.add(settings(vrid=9)) == vr
    assert engine.counters(vr)["advert_rcvd"] == 0
    assert hears(engine, vr) == []
    assert hears(engine, vr, vrid=9) == [vr]


def test_without_a_source_address_it_hears_nothing() -> None:
    engine = lone_engine()
    vr = engine.add(settings(source=bytes(4)))
    other = engine.add(settings(source=bytes(4)))
    assert hears(engine, vr, other) == []
    engine.configure(vr, settings(), START_NS)
    assert hears(engine, vr, other) == [vr]


# A step is one of few keys, so that they meet: (what, VRID, interface, source, peers).
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "add", "remove", "change"]),
        st.integers(1, 3), st.integers(0, 2), st.integers(1, 3),
        st.lists(st.integers(4, 8), min_size=1, max_size=3, unique=True),
    ),
    max_size=60,
)


class Model:
    """What test_the_index_agrees_with_a_list compares with: all routers, looked through one by one."""

    def __init__(self) -> None:
        self.routers: dict[int, VrSettings] = {}

    def clashes(self, new: VrSettings, but: int | None = None) -> bool:
        return any(
            (old.vrid, old.source) == (new.vrid, new.source)
            and set(old.destinations) & set(new.destinations)
            and (old.ifindex == new.ifindex or 0 in (old.ifindex, new.ifindex))
            for vr, old in self.routers.items()
            if vr != but
        )

    def finds(self, vrid: int, ifindex: int, local: bytes, peer: bytes) -> int | None:
        near = {
            vr: s for vr, s in self.routers.items()
            if (s.vrid, s.source) == (vrid, local) and s.ifindex in (0, ifindex)
        }
        listed = [vr for vr, s in near.items() if peer in s.destinations]
        if listed:
            return listed[0]
        return next(iter(near)) if len(near) == 1 else None


@given(STEPS)
def test_the_index_agrees_with_a_list(steps: list[tuple[str, int, int, int, list[int]]]) -> None:
    engine, model = lone_engine(), Model()
    for what, vrid, ifindex, source, peers in steps:
        new = settings(source, vrid=vrid, ifindex=ifindex, peers=peers)
        oldest = next(iter(model.routers), None)
        if what == "add":
            if model.clashes(new):
                with pytest.raises(ValueError, match="in use here"):
                    engine.add(new)
            else:
                model.routers[engine.add(new)] = new
        elif oldest is not None and what == "remove":
            engine.remove(oldest)
            del model.routers[oldest]
        elif oldest is not None:
            kept = model.routers.pop(oldest)
            if model.clashes(new):
                with pytest.raises(ValueError, match="in use here"):
                    engine.configure(oldest, new, START_NS)
                model.routers[oldest] = kept
            else:
                engine.configure(oldest, new, START_NS)
                model.routers[oldest] = new
    assert len(engine) == len(model.routers)
    for vrid in (1, 2, 3):
        for ifindex in (1, 2):
            for source in (1, 2, 3):
                for peer in (4, 6, 9):
                    found = model.finds(vrid, ifindex, address(4, source), address(4, peer))
                    heard = hears(
                        engine, *model.routers, number=peer, to=address(4, source), vrid=vrid, ifindex=ifindex
                    )
                    assert heard == ([] if found is None else [found])
