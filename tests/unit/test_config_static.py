"""What stands outside instances: track_file, vrrp_track_process, static blocks, settings of interfaces."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyvrrp.config import Loaded, load
from pyvrrp.model import (
    Command,
    GarpGroup,
    Instance,
    InterfaceDelays,
    Linkbeat,
    Match,
    Tracked,
    TrackFile,
    TrackGroup,
    TrackProcess,
    Where,
)

INTERFACES = frozenset(("eth0", "eth1"))
NOWHERE = Where("")
HEAD = "interface eth0\nvirtual_router_id 5\nvirtual_ipaddress {\n192.0.2.5\n}\n"


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str) -> Loaded:
        path = tmp_path / "k.conf"
        path.write_text(text)
        return load(str(path), config_id="x", interfaces=INTERFACES)

    return read


def instance(*lines: str, name: str = "A", head: str = HEAD) -> str:
    return f"vrrp_instance {name} {{\n{head}" + "".join(f"{line}\n" for line in lines) + "}\n"


def one(loaded: Loaded) -> Instance:
    (instance,) = loaded.configuration.instances
    return instance


def messages(loaded: Loaded) -> list[str]:
    """What is said, but of what is not done."""
    return [
        str(d).removeprefix(f"{d.where.file}:") for d in loaded.diagnostics if "pyvrrp does not do" not in d.message
    ]


FILES = {
    "file /run/x": {},
    'file "/run/x"': {},
    "file /run/x\nweight 254": {"weight": 254},
    "file /run/x\nweight -7 reverse": {"weight": -7, "reverse": True},
    "file /run/x\ninit_file": {"initial": 0},
    "file /run/x\ninit_file 5": {"initial": 5},
    "file /run/x\ninit_file overwrite": {"initial": 0, "overwrite": True},
    "file /run/x\ninit_file -5 overwrite": {"initial": -5, "overwrite": True},
    "file /run/x\ninit_file overwrite 5": {"initial": 5, "overwrite": True},
}


@pytest.mark.parametrize("keyword", ["track_file", "vrrp_track_file"])
@pytest.mark.parametrize("body", FILES)
def test_a_track_file(read, body: str, keyword: str) -> None:
    loaded = read(f"{keyword} f {{\n{body}\n}}\n" + instance("track_file {\nf\n}"))
    assert not messages(loaded)
    (got,) = loaded.configuration.track_files
    expected = {"weight": 1, "reverse": False, "initial": None, "overwrite": False, **FILES[body]}
    assert got == TrackFile(name="f", path="/run/x", where=got.where, **expected)
    assert got.where.line == 1
    assert one(loaded).track_files == (Tracked("f", got.weight, got.reverse),)


BAD_FILES = {
    "weight 5": ("1: track_file f names no file, so nothing can track it; add file PATH", None),
    "file /run/x\nfile /run/y": ("3: file was given before, and the first counts; remove this one", "/run/x"),
    "file /run/x\nweight 255": (
        "3: weight 255 is not in -254..254; write a number in that range; it is ignored",
        "/run/x",
    ),
    "file /run/x\nweight 5 foo": ("3: warning: foo: not known after a weight and ignored; remove it", "/run/x"),
    "file /run/x\ninit_file foo": (
        "3: init_file foo is not a number; write decimal digits only, or overwrite; 0 is used",
        "/run/x",
    ),
    "file x": ("1: warning: track_file f: x is a relative path; write the full path, it begins with /", "x"),
}


@pytest.mark.parametrize("body", BAD_FILES)
def test_a_faulty_track_file(read, body: str) -> None:
    loaded = read(f"track_file f {{\n{body}\n}}\n" + instance())
    said, path = BAD_FILES[body]
    assert messages(loaded) == [said]
    assert [file.path for file in loaded.configuration.track_files] == ([] if path is None else [path])


PROCESSES = {
    "process foo": {"process": "foo"},
    "process foo a b": {
        "process": "foo",
        "parameters": ("a", "b"),
        "match": Match.EXACT,
        "full_command": True,
    },
    "process 'my app' \"b c\"": {
        "process": "my app",
        "parameters": ("b c",),
        "match": Match.EXACT,
        "full_command": True,
    },
    "process foo\nparam_match": {"process": "foo", "match": Match.EXACT, "full_command": True},
    "process foo a\nparam_match initial": {
        "process": "foo",
        "parameters": ("a",),
        "match": Match.INITIAL,
        "full_command": True,
    },
    "process foo a\nparam_match partial": {
        "process": "foo",
        "parameters": ("a",),
        "match": Match.PARTIAL,
        "full_command": True,
    },
    "process averyveryverylongname\nfull_command": {"process": "averyveryverylongname", "full_command": True},
    "process foo\nweight 254 reverse": {"process": "foo", "weight": 254, "reverse": True},
    "process foo\nquorum 2\nquorum_max 3": {"process": "foo", "quorum": 2, "quorum_max": 3},
    "process foo\nquorum_max 0": {"process": "foo", "quorum": 0, "quorum_max": 0},
    "process foo\ndelay 2.5": {"process": "foo", "fork_delay_s": 2.5, "terminate_delay_s": 2.5},
    "process foo\nfork_delay 0.000001\nterminate_delay 3600": {
        "process": "foo",
        "fork_delay_s": 0.000001,
        "terminate_delay_s": 3600,
    },
}


@pytest.mark.parametrize("body", PROCESSES)
def test_a_track_process(read, body: str) -> None:
    loaded = read(f"vrrp_track_process p {{\n{body}\n}}\n" + instance("track_process {\np\n}"))
    assert not messages(loaded)
    (got,) = loaded.configuration.track_processes
    assert got == TrackProcess(name="p", where=got.where, **PROCESSES[body])
    assert one(loaded).track_processes == (Tracked("p", got.weight, got.reverse),)


BAD_PROCESSES = {
    "quorum 2": "1: vrrp_track_process p names no process, so nothing can track it; add process NAME",
    "process foo\nprocess bar": "3: process was given before, and the first counts; remove this one",
    "process foo\nquorum 0": "3: quorum 0 is not in 1..65535; write a number in that range; it is ignored",
    "process foo\nquorum_max 65536": (
        "3: quorum_max 65536 is not in 0..65535; write a number in that range; it is ignored"
    ),
    "process foo\nquorum 5\nquorum_max 3": (
        "1: vrrp_track_process p: quorum_max 3 is below quorum 5, which no count meets; "
        "quorum_max is ignored, write a larger one"
    ),
    "process foo\ndelay 0": (
        "3: delay 0 is not in 0.000001..3600 seconds; write a number in that range; it is ignored"
    ),
    "process foo\nparam_match all": (
        "3: param_match all is not known; write initial, partial, or nothing for exact"
    ),
    "process averyveryverylongname": (
        "1: warning: vrrp_track_process p: the kernel keeps 15 bytes of a name, so averyveryverylongname is never "
        "found; add full_command, or write its first 15"
    ),
    "process 'foo": (
        "2: process: the quote ' is not closed, so it is not counted; close it",
        "1: vrrp_track_process p names no process, so nothing can track it; add process NAME",
    ),
}


@pytest.mark.parametrize("body", BAD_PROCESSES)
def test_a_faulty_track_process(read, body: str) -> None:
    said = BAD_PROCESSES[body]
    loaded = read(f"vrrp_track_process p {{\n{body}\n}}\n" + instance())
    assert sorted(messages(loaded)) == sorted([said] if isinstance(said, str) else said)


def test_definitions_after_their_users(read) -> None:
    """keepalived does not find them then, and 2.2.7 even crashes on a track_file that it does not know."""
    loaded = read(
        instance("track_file {\nf weight 5 reverse\n}", "track_process {\np weight -254\n}")
        + "track_file f {\nfile /run/x\n}\nvrrp_track_process p {\nprocess foo\n}\n"
    )
    assert not messages(loaded)
    assert one(loaded).track_files == (Tracked("f", 5, True),)
    assert one(loaded).track_processes == (Tracked("p", -254),)


def test_what_cannot_be_tracked(read) -> None:
    loaded = read(
        "track_file bare {\n}\ntrack_file f {\nfile /run/x\n}\ntrack_file f {\nfile /run/y\n}\n"
        + instance("track_file {\nbare\nnosuch\nf\nf\nf reverse\n}", "track_process {\nnosuch\n}")
    )
    assert messages(loaded) == [
        "1: track_file bare names no file, so nothing can track it; add file PATH",
        "6: track_file f is defined twice and the first counts; rename this one",
        "16: track_file bare names no file, so it is not tracked here",
        "17: there is no track_file nosuch, so it is not tracked and its number changes nothing; "
        "add one, or correct the name",
        "19: track_file f is tracked twice; remove one",
        "20: track_file f is tracked twice; remove one",
        "23: there is no vrrp_track_process nosuch, so it is not tracked and its absence changes nothing; "
        "add one, or correct the name",
    ]
    assert one(loaded).track_files == (Tracked("f", 1),)
    assert [file.path for file in loaded.configuration.track_files] == ["/run/x"]


def test_an_owner_tracks_no_numbers(read) -> None:
    loaded = read("track_file f {\nfile /run/x\n}\n" + instance("priority 255", "track_file {\nf\n}"))
    assert messages(loaded) == ["12: priority 255 is not changed by weights, so f is not tracked; remove it"]
    loaded = read("track_file f {\nfile /run/x\n}\n" + instance("priority 255", "track_file {\nf weight 0\n}"))
    assert one(loaded).track_files == (Tracked("f", 0),)


def test_weights_inside_a_group(read) -> None:
    """A track_file's weight that nobody wrote becomes 0; others go, as under keepalived."""
    head = "track_file f {\nfile /run/x\n}\ntrack_file g {\nfile /run/y\n}\nvrrp_track_process p {\nprocess x\n}\n"
    two = instance(name="B", head=HEAD.replace("_id 5", "_id 6").replace("2.5", "2.6"))
    group = "vrrp_sync_group G {\ngroup {\nA B\n}\ntrack_file {\ng weight 9\n}\ntrack_process {\np weight 8\n}\n}\n"
    first = instance("track_file {\nf\ng weight 7\n}", "track_process {\np weight 3\n}")
    loaded = read(head + group + first + two)
    assert loaded.configuration.instances[0].track_files == (Tracked("f", 0),)
    assert loaded.configuration.instances[0].track_processes == ()
    assert loaded.configuration.groups[0].track_files == (Tracked("g", 9),)
    assert loaded.configuration.groups[0].track_processes == (Tracked("p", 8),)
    assert len(messages(loaded)) == 5


# Routes and rules of instances


def test_routes_and_rules_of_an_instance(read) -> None:
    loaded = read(
        instance(
            "virtual_routes {\n10.9.0.0/16 dev eth1\nfd00::/8 dev eth0\n10.9.0.0/16 dev eth1\n10.9.0.0/16 dve eth1\n}",
            "virtual_rules {\nfrom 10.9.0.0/16 table 9\nto 10.9.0.0/16 oif eth9 table 9\n}",
        )
    )
    assert [str(route) for route in one(loaded).routes] == ["10.9.0.0/16 dev eth1", "fd00::/8 dev eth0"]
    assert [rule.priority for rule in one(loaded).rules] == [16384, 16383]
    assert messages(loaded) == [
        "10: warning: this route is listed twice; remove one",
        "11: dve is not known in a route; did you mean dev?; the route is left out",
        "14: the rule has no priority, so 16384 is used; write priority N, since rules are asked in the order of "
        "their priorities",
        "15: the rule has no priority, so 16383 is used; write priority N, since rules are asked in the order of "
        "their priorities",
        "15: warning: interface eth9 does not exist; the rule waits for it",
    ]


# Static blocks


def test_static_blocks(read) -> None:
    loaded = read(
        "track_group g {\ngroup {\nA B\n}\n}\n"
        "static_ipaddress {\n192.0.2.77\n192.0.2.78/24 dev eth1 track_group g\n192.0.2.77 dev eth0\n}\n"
        "static_routes {\n10.9.0.0/16 dev eth1 track_group h\n}\n"
        "static_rules {\niif eth0 table 7 priority 9 track_group g\n}\n" + instance()
    )
    got = loaded.configuration
    assert [str(vip) for vip in got.static_addresses] == [
        "192.0.2.77/32 dev eth0",
        "192.0.2.78/24 dev eth1 track_group g",
    ]
    assert [str(route) for route in got.static_routes] == ["10.9.0.0/16 dev eth1 track_group h"]
    assert [str(rule) for rule in got.static_rules] == ["iif eth0 priority 9 table 7 track_group g"]
    assert got.track_groups == (TrackGroup(name="g", members=("A",), where=got.track_groups[0].where),)
    assert messages(loaded) == [
        "3: there is no vrrp_instance B, it is left out; add it, or correct the name",
        "9: warning: this address is listed twice; remove one",
        "12: there is no track_group h, so losing this changes no instance; add it, or correct the name",
    ]


def test_track_groups_of_one_name(read) -> None:
    loaded = read("track_group g {\ngroup {\nA\n}\n}\ntrack_group g {\n}\n" + instance())
    assert messages(loaded) == ["6: track_group g is defined twice and the first counts; rename this one"]
    assert loaded.configuration.track_groups[0].members == ("A",)


# Settings of interfaces


def test_interface_delays(read) -> None:
    loaded = read("interface_up_down_delays {\neth0 1.5\neth1 0.05 0.2\n}\n" + instance())
    assert not messages(loaded)
    assert loaded.configuration.interface_delays == (InterfaceDelays("eth0", 1.5), InterfaceDelays("eth1", 0.05, 0.2))


BAD_DELAYS = {
    "eth1": "2: eth1 has no delay and is left out; write IF DOWN_S [UP_S]",
    "eth1 256": "2: the delay of eth1 256 is not in 0..255 seconds; write a number in that range; the line is left out",
    "eth1 -1": "2: the delay of eth1 -1 is not in 0..255 seconds; write a number in that range; the line is left out",
    "eth1 1 x": (
        "2: the delay of eth1 x is not a number; write seconds, as 1 or 0.5, without a unit; the line is left out"
    ),
    "eth1 1 2 3": "2: warning: 3: not known here and ignored; make it a comment with #",
    "eth9 1": "2: warning: interface eth9 does not exist; the delay waits for it",
    "eth0 2\neth0 1": "3: warning: interface eth0 has delays twice, and the last count; remove one",
}


@pytest.mark.parametrize("lines", BAD_DELAYS)
def test_faulty_interface_delays(read, lines: str) -> None:
    loaded = read(f"interface_up_down_delays {{\n{lines}\n}}\n" + instance())
    assert messages(loaded) == [BAD_DELAYS[lines]]
    assert len(loaded.configuration.interface_delays) == ("left out" not in BAD_DELAYS[lines])
    assert all(delays.down_s == 1 for delays in loaded.configuration.interface_delays)


def test_linkbeats(read) -> None:
    loaded = read("linkbeat_interfaces {\neth0\neth1 ETHTOOL\neth0 mii\n}\n" + instance())
    assert loaded.configuration.linkbeats == (Linkbeat("eth0"), Linkbeat("eth1", "ETHTOOL"))
    assert messages(loaded) == [
        "4: mii is not known after an interface and is ignored; write MII, ETHTOOL or IOCTL"
    ]


def test_garp_groups(read) -> None:
    loaded = read(
        "garp_group {\ngarp_interval 0.002\ninterface eth1\n}\n"
        "garp_group {\ngna_interval 1\ninterfaces {\neth0 eth1\n}\n}\n" + instance()
    )
    assert messages(loaded) == ["8: interface eth1 is in a garp_group already; it stays there"]
    first, second = loaded.configuration.garp_groups
    assert first == GarpGroup(interfaces=("eth1",), garp_interval_s=0.002, where=first.where)
    assert second == GarpGroup(interfaces=("eth0",), gna_interval_s=1.0, where=second.where)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("interface eth1", ["1: garp_group has no interval; add garp_interval or gna_interval; the group is left out"]),
        ("garp_interval 1", ["1: garp_group has no interface; add interface IF; the group is left out"]),
        (
            "garp_interval 4294\ninterface eth1",
            [
                "1: garp_group has no interval; add garp_interval or gna_interval; the group is left out",
                "2: garp_interval 4294 is not in 0..2147.483647 seconds; write a number in that range; it is ignored",
            ],
        ),
    ],
)
def test_a_faulty_garp_group(read, body: str, said: list[str]) -> None:
    loaded = read(f"garp_group {{\n{body}\n}}\n" + instance())
    assert messages(loaded) == said
    assert loaded.configuration.garp_groups == ()


# Notify


def test_notify_deleted(read) -> None:
    loaded = read(instance("notify_deleted"))
    assert not loaded.diagnostics
    assert (one(loaded).notify.tells_deleted, one(loaded).notify.deleted) == (True, None)
    loaded = read(instance('notify_deleted "/bin/true x" root'))
    assert one(loaded).notify.deleted == Command(("/bin/true", "x"), "root")
    assert not one(read(instance())).notify.tells_deleted


def test_notify_master_rx_lower_pri(read) -> None:
    loaded = read(instance("notify_master_rx_lower_pri /bin/true"))
    assert not messages(loaded)
    assert one(loaded).notify.master_rx_lower_pri == Command(("/bin/true",))
