"""What lies between instances: names, VRIDs, sync groups, and global_defs."""

import pytest
from config_texts import HEAD, instance, messages, one

from pyvrrp.model import Command, Tracked


def test_unknown_interface_is_a_warning(read) -> None:
    text = instance(head="interface nosuch0\nvirtual_router_id 5\n")
    loaded = read(text)
    assert one(loaded).interface == "nosuch0"
    said = "interface nosuch0 does not exist; the instance is FAULT until it does, or correct the name"
    assert messages(loaded) == [f"2: warning: {said}"]
    assert not read(text, interfaces=None).diagnostics


def test_more_than_255_by_multicast(read) -> None:
    """Nothing is free then: the message says what else there is."""
    *_, last = messages(read("".join(
        f"vrrp_instance V{n} {{\ninterface eth0\nvirtual_router_id {n % 255 + 1}\n"
        f"virtual_ipaddress {{\n10.0.{n // 250}.{n % 250 + 1}/32\n}}\n}}\n" for n in range(256))))
    assert "all of 1..255 are used there; with unicast_peer one may be used for each pair of addresses" in last


def test_duplicate_name(read) -> None:
    loaded = read(instance() + instance(head="interface eth1\nvirtual_router_id 6\n"))
    assert one(loaded).vrid == 5
    (refused,) = loaded.configuration.refused
    assert (refused.where.line, refused.where.column) == (8, 15)
    assert "the name A is taken by the instance in " in refused.reason


PEER = "unicast_src_ip {}\nunicast_peer {{\n{}\n}}\n"


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        (HEAD, HEAD, True),
        (HEAD, "interface eth1\nvirtual_router_id 5\n", False),
        (HEAD, "interface eth0\nvirtual_router_id 6\n", False),
        (HEAD, HEAD + PEER.format("192.0.2.1", "192.0.2.2"), False),
        (HEAD + PEER.format("192.0.2.1", "192.0.2.2"), HEAD + PEER.format("192.0.2.9", "192.0.2.2"), False),
        (HEAD + PEER.format("192.0.2.1", "192.0.2.2"), HEAD + PEER.format("192.0.2.1", "192.0.2.3"), False),
        (
            HEAD + PEER.format("192.0.2.1", "192.0.2.2\n192.0.2.3"),
            HEAD + PEER.format("192.0.2.1", "192.0.2.3"),
            True,
        ),
        (
            HEAD + PEER.format("192.0.2.1", "192.0.2.2"),
            HEAD[15:] + PEER.format("192.0.2.1", "192.0.2.2"),
            True,
        ),
        (
            HEAD[15:] + PEER.format("192.0.2.1", "192.0.2.2"),
            HEAD + PEER.format("192.0.2.1", "192.0.2.2"),
            True,
        ),
    ],
)
def test_same_vrid(read, first, second, clash) -> None:
    """Which combinations of one VRID may stand beside one another (as keepalived has it)."""
    vip = "virtual_ipaddress {\n192.0.2.5 dev eth0\n}\n"
    loaded = read(instance(head=first, vip=vip) + instance(head=second, vip=vip, name="B"))
    assert [i.name for i in loaded.configuration.instances] == (["A"] if clash else ["A", "B"])
    if clash:
        (refused,) = loaded.configuration.refused
        assert refused.name == "B"
        assert "by vrrp_instance A (" in refused.reason


def test_ipv4_and_ipv6_are_separate_spaces(read) -> None:
    loaded = read(instance() + instance(vip="virtual_ipaddress {\nfe80::5\n}\n", name="B"))
    assert len(loaded.configuration.instances) == 2


def test_sync_group(read) -> None:
    text = (
        "vrrp_script s {\nscript /bin/true\n}\n"
        "vrrp_sync_group G {\ngroup {\nA\nB nowhere\n}\n"
        'track_script {\ns weight 5\n}\nnotify "/bin/true"\n}\n'
        "vrrp_sync_group H {\ngroup {\nA\n}\n}\n"
        + instance("track_interface {\neth1 weight 3\n}")
        + instance("track_script {\ns weight 4\n}", head="interface eth1\nvirtual_router_id 5\n", name="B")
    )
    loaded = read(text)
    (group,) = loaded.configuration.groups
    assert group.members == ("A", "B")
    assert group.track_scripts == (Tracked("s", 5),)
    assert group.notify.any == Command(("/bin/true",))
    first, second = loaded.configuration.instances
    assert first.track_interfaces == (Tracked("eth1", 0),)
    assert second.track_scripts == ()
    said = "\n".join(messages(loaded))
    assert "7: there is no vrrp_instance nowhere" in said
    assert "16: vrrp_instance A is already in vrrp_sync_group G" in said
    assert "14: vrrp_sync_group H has no member that runs" in said
    assert "tracks eth1 with a weight inside vrrp_sync_group G; it is tracked without" in said


@pytest.mark.parametrize("word", ["sync_group_tracking_weight", "global_tracking"])
def test_members_may_keep_their_weights(read, word: str) -> None:
    text = (
        "vrrp_script s {\nscript /bin/true\n}\n"
        f"vrrp_sync_group G {{\ngroup {{\nA\nB\n}}\n{word}\n}}\n"
        + instance("track_interface {\neth1 weight 3\n}")
        + instance("track_script {\ns weight 4\n}", head="interface eth1\nvirtual_router_id 5\n", name="B")
    )
    loaded = read(text)
    old = ["9: warning: global_tracking is an old word; write sync_group_tracking_weight"]
    assert messages(loaded) == (old if word == "global_tracking" else [])
    first, second = loaded.configuration.instances
    assert first.track_interfaces == (Tracked("eth1", 3),)
    assert second.track_scripts == (Tracked("s", 4),)


def test_group_without_a_member_that_is_refused(read) -> None:
    text = "vrrp_sync_group G {\ngroup {\nA\nB\n}\n}\n" + instance() + instance(head="interface eth0\n", name="B")
    loaded = read(text)
    assert loaded.configuration.groups[0].members == ("A",)
    said = "\n".join(messages(loaded))
    assert "4: vrrp_instance B is not run, so the group goes without it" in said
    assert "1: warning: vrrp_sync_group G has one member only" in said


def test_global_defs(read) -> None:
    loaded = read("global_defs {\nrouter_id node1\nscript_user root root\nenable_script_security\n}\n")
    got = loaded.configuration.global_defs
    assert (got.router_id, got.script_user, got.script_group, got.enable_script_security) == (
        "node1",
        "root",
        "root",
        True,
    )


def test_unknown_user_fails_instead_of_running_as_another(read) -> None:
    loaded = read("global_defs {\nscript_user nosuchuser\n}\n")
    assert loaded.configuration.global_defs.script_user == "nosuchuser"
    assert messages(loaded) == [
        "2: script_user: the user nosuchuser does not exist; "
        "scripts that do not name their own fail until it does, create it first"
    ]
    loaded = read("vrrp_script s {\nscript /bin/true\nuser nosuchuser\n}\n")
    assert loaded.configuration.scripts[0].command == Command(("/bin/true",), "nosuchuser")
    assert len(loaded.diagnostics) == 1


def test_script_security_need_not_be_enabled(read) -> None:
    """keepalived's config test ends with 6 for that alone."""
    assert read("vrrp_script s {\nscript /bin/true\n}\n").exit_status == 0


# Files
