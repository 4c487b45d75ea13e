"""Equal values of instances become one object."""

from __future__ import annotations

import msgspec

from pyvrrp.config.sharing import Sharing
from pyvrrp.model import Command, Instance, Notify, Tracked, Vip, Where


def instance(number: int) -> Instance:
    """One as it comes from the configuration worker: every value is an object of its own."""
    made = Instance(
        name=f"V{number}", family=4, interface="eth0", vrid=number, source=bytes((10, 0, 0, 1)),
        peers=(bytes((10, 0, 0, 2)),), preempt_delay_s=1.5, vips=(Vip(address=bytes((10, 1, 0, number)), prefix_len=32,
                                                                        dev="eth1"),),
        track_scripts=(Tracked("check", 5),), notify=Notify(master=Command(("/bin/true",))),
        where=Where("/etc/keepalived/keepalived.conf", number, 1),
    )
    return msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=Instance)


def test_what_is_equal_is_one_object_and_the_instances_are_equal_to_before() -> None:
    first, second = instance(1), instance(2)
    assert first.interface is not second.interface
    Sharing().share([first, second])
    assert (first, second) == (instance(1), instance(2))
    for name in ("interface", "source", "peers", "preempt_delay_s", "vmac_prefix", "track_scripts", "notify"):
        assert getattr(first, name) is getattr(second, name), name
    assert first.where.file is second.where.file
    assert first.vips[0].dev is second.vips[0].dev


def test_defaults_are_the_model_s_own() -> None:
    bare = Instance(name="V", family=4, interface="eth0", vrid=1)
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(bare), type=Instance)
    Sharing().share([read])
    assert read == bare
    assert read.notify is bare.notify
    assert read.vmac_prefix is bare.vmac_prefix
