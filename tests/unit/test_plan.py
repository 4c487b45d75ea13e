"""Two configurations to a plan: what is the same instance, and what counts as a change."""

import asyncio
from dataclasses import fields, replace

from pyvrrp.config.plan import LISTS, Change, plan, plan_in_turns
from pyvrrp.model import Configuration, GlobalDefs, Instance, SyncGroup, TrackFile, TrackScript, Vip, Where


def configuration(*instances: Instance, **other) -> Configuration:
    return Configuration(global_defs=other.pop("global_defs", GlobalDefs(router_id="n")), instances=instances, **other)


def router(name: str, vrid: int = 1, **settings) -> Instance:
    group = b"" if "peers" in settings else b"\xe0\x00\x00\x12"
    return Instance(name=name, family=4, interface="eth0", vrid=vrid, group=group, **settings)


def test_nothing_changes() -> None:
    got = plan(configuration(router("A")), configuration(router("A")))
    assert got.is_empty
    assert [i.name for i in got.untouched] == ["A"]


def test_a_moved_line_is_no_change() -> None:
    new = router("A", where=Where("k.conf", 9))
    got = plan(configuration(router("A", where=Where("k.conf", 1))), configuration(new))
    assert got.is_empty
    assert got.untouched == (new,)


def test_added_removed_changed() -> None:
    a, b, c = router("A", 1), router("B", 2), router("C", 3)
    louder = replace(b, priority=200, vips=(Vip(address=b"\x01\x02\x03\x04", prefix_len=32, dev="eth0"),))
    got = plan(configuration(a, b), configuration(louder, c))
    assert got.added == (c,)
    assert got.removed == (a,)
    assert got.changed == (Change(b, louder, ("priority", "vips")),)
    assert got.untouched == ()


def test_renamed_is_the_same_instance() -> None:
    old, new = router("A"), router("B")
    assert plan(configuration(old), configuration(new)).changed == (Change(old, new, ("name",)),)


def test_other_vrid_is_another_instance() -> None:
    got = plan(configuration(router("A", 1)), configuration(router("A", 2)))
    assert (len(got.added), len(got.removed), len(got.changed)) == (1, 1, 0)


def test_multicast_to_unicast_is_another_instance() -> None:
    got = plan(configuration(router("A")), configuration(router("A", peers=(b"\x0a\0\0\x02",))))
    assert (len(got.added), len(got.removed)) == (1, 1)


def test_shared_identity_matches_by_peers_then_name() -> None:
    one, two, three = (b"\x0a\0\0\x01",), (b"\x0a\0\0\x02",), (b"\x0a\0\0\x03",)
    old = router("A", peers=one), router("B", peers=two)
    new = router("X", peers=two), router("A", peers=three)
    got = plan(configuration(*old), configuration(*new))
    assert got.changed == (Change(old[1], new[0], ("name",)), Change(old[0], new[1], ("peers",)))
    got = plan(configuration(*old), configuration(router("X", peers=three), router("B", peers=two)))
    assert ([i.name for i in got.added], [i.name for i in got.removed]) == (["X"], ["A"])
    assert [i.name for i in got.untouched] == ["B"]


def test_single_instance_with_other_peers_is_the_same() -> None:
    old, new = router("A", peers=(b"\x0a\0\0\x01",)), router("B", peers=(b"\x0a\0\0\x02",))
    assert plan(configuration(old), configuration(new)).changed == (Change(old, new, ("name", "peers")),)


def test_order_of_peers_matters_to_sending_only() -> None:
    one, two = b"\x0a\0\0\x01", b"\x0a\0\0\x02"
    other = router("O", peers=(b"\x0a\0\0\x09",))
    old, new = router("A", peers=(one, two)), router("A", peers=(two, one))
    assert plan(configuration(old, other), configuration(new, other)).changed == (Change(old, new, ("peers",)),)


def test_scripts_groups_and_globals() -> None:
    slow, fast = TrackScript(name="s", command=None, interval_s=2), TrackScript(name="s", command=None)
    moved = replace(fast, where=Where("k.conf", 7))
    group = SyncGroup(name="G", members=("A",))
    old = configuration(scripts=(slow,))
    new = configuration(scripts=(fast,), groups=(group,), global_defs=GlobalDefs(router_id="m"))
    got = plan(old, new)
    assert got.scripts.changed == (Change(slow, fast, ("interval_s",)),)
    assert got.groups.added == (group,)
    assert got.global_fields == ("router_id",)
    assert got.beside == ("global_defs", "vrrp_script", "vrrp_sync_group")
    assert not got.is_empty
    assert plan(configuration(scripts=(fast,)), configuration(scripts=(moved,))).is_empty


def test_other_lists() -> None:
    one = TrackFile(name="f", path="/run/f", where=Where("k.conf", 1))
    moved, other = replace(one, where=Where("k.conf", 7)), replace(one, path="/run/g")
    old = configuration(track_files=(one,))
    assert plan(old, configuration(track_files=(moved,))).is_empty
    got = plan(old, configuration(track_files=(other,)))
    assert (got.lists, got.beside, got.is_empty) == (("track_files",), ("track_file",), False)


def test_every_list_is_compared() -> None:
    known = {"global_defs", "scripts", "groups", "instances", "refused"}  # what is refused does not run
    assert {field.name for field in fields(Configuration)} == known | set(LISTS)


def test_in_turns_is_the_same_plan() -> None:
    old = configuration(*(router(f"V{i}", i) for i in range(1, 1000)))
    new = configuration(*(router(f"V{i}", i, priority=100 + (i == 500)) for i in range(2, 1001)))
    turns = 0

    async def counted():
        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counter = asyncio.create_task(count())
        try:
            return await plan_in_turns(old, new)
        finally:
            counter.cancel()

    got = asyncio.run(counted())
    assert got == plan(old, new)
    assert (len(got.added), len(got.removed), len(got.changed), len(got.untouched)) == (1, 1, 1, 997)
    assert turns > 10
