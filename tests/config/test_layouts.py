"""One meaning, many layouts: however a file is laid out, it loads as the same configuration, without a message."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyvrrp.config import load
from pyvrrp.model import Configuration, Where

Block = tuple[str, list["Block | str"]]

FILE: list[Block | str] = [
    ("global_defs", ["router_id node1", "vrrp_version 3", "enable_script_security", "script_user root"]),
    (
        "vrrp_script check",
        ["script \"/bin/sh -c 'exit 0 # not { a } comment !'\"", "interval 0.5", "weight -20", "rise 2"],
    ),
    (
        "vrrp_sync_group G",
        [("group", ["A", "B"]), ("track_interface", ["eth1"]), "notify_master /bin/true root"],
    ),
    (
        "vrrp_instance A",
        [
            "state BACKUP",
            "interface eth0",
            "virtual_router_id 51",
            "priority 150",
            "advert_int 0.25",
            "nopreempt",
            ("virtual_ipaddress", ["192.0.2.5/24 dev eth1 label eth1:a scope link", "192.0.2.6"]),
            ("virtual_ipaddress_excluded", ["2001:db8::1/64"]),
            'notify "/bin/true a b"',
        ],
    ),
    (
        "vrrp_instance B",
        [
            "interface eth0",
            "virtual_router_id 52",
            "version 2",
            "mcast_src_ip 192.0.2.9",
            ("authentication", ["auth_type PASS", 'auth_pass "a b"']),
            ("virtual_ipaddress", ["192.0.2.7/24 brd +"]),
        ],
    ),
    (
        "vrrp_instance C",
        [
            "interface eth1",
            "virtual_router_id 51",
            "unicast_src_ip 192.0.2.9",
            ("unicast_peer", ["192.0.2.10", "192.0.2.11"]),
            ("virtual_ipaddress", ["192.0.2.8"]),
            ("track_script", ["check weight 5"]),
        ],
    ),
]


def lay_out(items: list[Block | str], rng: random.Random) -> str:
    """Text of a file, or of the inside of a block, laid out by chance."""
    text = ""
    for item in items:
        text += rng.choice(["", "", "\n", "# { whole line\n", '  ! " too\n', "\t"])
        if isinstance(item, str):
            text += (
                item.replace(" ", rng.choice([" ", "   ", "\t"]), 1)
                + rng.choice(["", " ", "  # } end", "\t! { x"])
                + "\n"
            )
        else:
            head, inside = item
            text += head + rng.choice([" {", "{", "\n{", " # first\n\n  {", " { # {"])
            # A comment runs to the end of its line.
            text += "\n" if text.endswith("# {") else rng.choice(["\n", " "])
            text += lay_out(inside, rng)
            text += rng.choice(["}\n", "} ", "}", "  } # end\n"])
    return text


def without_places(configuration: Configuration) -> Configuration:
    nowhere = Where("")
    return replace(
        configuration,
        scripts=tuple(replace(script, where=nowhere) for script in configuration.scripts),
        groups=tuple(replace(group, where=nowhere) for group in configuration.groups),
        instances=tuple(replace(instance, where=nowhere) for instance in configuration.instances),
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("layouts") / "k.conf"


@settings(max_examples=200, deadline=None)
@given(rng=st.randoms(use_true_random=False), newline=st.sampled_from(["\n", "\r\n"]))
def test_layout_does_not_matter(path, rng, newline) -> None:
    loaded = _load(path, lay_out(FILE, random.Random(0)))
    again = _load(path, lay_out(FILE, rng).replace("\n", newline))
    assert without_places(again) == without_places(loaded)


@settings(max_examples=50, deadline=None)
@given(order=st.permutations(FILE))
def test_order_of_blocks_does_not_matter(path, order) -> None:
    expected = without_places(_load(path, lay_out(FILE, random.Random(0))))
    got = without_places(_load(path, lay_out(list(order), random.Random(0))))
    assert {instance.name: instance for instance in got.instances} == {
        instance.name: instance for instance in expected.instances
    }
    assert replace(got, instances=()) == replace(expected, instances=())


def _load(path, text: str) -> Configuration:
    path.write_bytes(text.encode())
    loaded = load(str(path), config_id="x", interfaces=frozenset(("eth0", "eth1")))
    assert [str(diagnostic) for diagnostic in loaded.diagnostics] == []
    assert sorted(instance.name for instance in loaded.configuration.instances) == ["A", "B", "C"]
    return loaded.configuration
