"""`pyvrrp plan`: two files, or a file and a daemon behind a real socket, and what is said of the difference."""

import dataclasses
import json
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

import pytest
from serving import Daemon

from pyvrrp import limits
from pyvrrp.cli import plan as verb
from pyvrrp.cli.main import main
from pyvrrp.config import load
from pyvrrp.config.difference import settings
from pyvrrp.control.answers import Answer, Call, Sliced, parts_of
from pyvrrp.control.client import ControlClient
from pyvrrp.control.protocol import ConfigurationReply, InstanceStatus, Source
from pyvrrp.errors import UsageError
from pyvrrp.model import Command, Configuration, GlobalDefs, Instance, Notify

OLD = """global_defs {
    router_id a
}
vrrp_script check {
    script "/bin/true"
}
vrrp_instance web {
    interface lo
    virtual_router_id 51
    priority 150
    authentication {
        auth_type PASS
        auth_pass secret
    }
    virtual_ipaddress {
        192.0.2.1/24
        192.0.2.2/24
    }
    track_script {
        check
    }
    notify "/bin/true a"
}
vrrp_instance db {
    interface lo
    virtual_router_id 52
    virtual_ipaddress {
        192.0.2.7/24
    }
}
vrrp_instance mail {
    interface lo
    virtual_router_id 53
    virtual_ipaddress {
        192.0.2.8/24
    }
}
"""
NEW = (
    OLD.replace("router_id a", "router_id b")
    .replace("priority 150", "priority 90\n    nopreempt\n    advert_int 2")
    .replace("auth_pass secret", "auth_pass other")
    .replace("192.0.2.2/24", "192.0.2.3/24")
    .replace("true a", "true b")
    .replace("check\n    }", "check weight -5\n    }")
    .replace("virtual_router_id 52", "virtual_router_id 55")
    .replace("instance mail", "instance smtp")
    .replace('/bin/true"', '/bin/true"\n    interval 3')
)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.conf"
    path.write_text(OLD)
    return path


@pytest.fixture
def new(tmp_path: Path) -> Path:
    path = tmp_path / "new.conf"
    path.write_text(NEW)
    return path


def planned(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, list[str]]:
    status = main(["plan", *argv])
    return status, capsys.readouterr().out.splitlines()


def test_two_files(old: Path, new: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = planned(capsys, str(new), "--against", str(old))
    assert status == 1
    assert lines == [
        f"{old}: 1 anew, 2 changed, 0 untouched",
        "    global_defs: router_id a -> b",
        "  ! vrrp_instance db: stops and starts as another virtual router: virtual_router_id 52 -> 55",
        "  ~ vrrp_instance web: changed: priority 150 -> 90; advert_int 1 -> 2; nopreempt no -> yes; "
        "auth_pass differs; virtual_ipaddress -192.0.2.2/24 dev lo +192.0.2.3/24 dev lo; "
        'track_script -check +check weight -5; notify "/bin/true a" -> "/bin/true b"',
        "  ~ vrrp_instance smtp (was mail): changed",
        "  ~ vrrp_script check: changed: interval 1 -> 3; timeout 1 -> 3",
    ]


def test_nothing_to_do(old: Path, new: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new.write_text("# moved\n\n" + OLD)
    assert planned(capsys, str(new), "--against", str(old)) == (0, [f"{old}: nothing to do, 3 untouched"])


def test_added_and_removed(old: Path, new: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new.write_text(OLD[: OLD.index("vrrp_instance mail")])
    assert planned(capsys, str(new), "--against", str(old)) == (
        1,
        [f"{old}: 1 removed, 0 changed, 2 untouched", "  - vrrp_instance mail: removed"],
    )
    assert planned(capsys, str(old), "--against", str(new))[1][1] == "  + vrrp_instance mail: added"


def test_what_would_be_refused(old: Path, new: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new.write_text(OLD.replace("virtual_router_id 53", "virtual_router_id 256"))
    status, lines = planned(capsys, str(new), "--against", str(old))
    assert status == 5
    assert f"  the reload would be refused: {new}:33: instance mail would not run: virtual_router_id 256" in lines[1]


def test_unreadable(old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    none = str(tmp_path / "none.conf")
    assert planned(capsys, none, "--against", str(old))[0] == 4
    assert planned(capsys, str(old), "--against", none) == (
        4,
        [f"{none}: there is no such file; create it, or name another with -f"],
    )


def test_what_is_no_instance_counts_too(old: Path, new: Path, capsys: pytest.CaptureFixture[str]) -> None:
    static = "static_ipaddress {\n192.0.2.50/24 dev lo\n}\ntrack_file f {\nfile /run/x\nweight 2\n}\n"
    old.write_text(static + OLD)
    new.write_text("\n" + static.replace(".50/", ".51/").replace("weight 2", "weight 3") + OLD)
    status, lines = planned(capsys, str(new), "--against", str(old))
    assert status == 1
    assert "    static_ipaddress -192.0.2.50/24 dev lo +192.0.2.51/24 dev lo" in lines
    assert any(line.startswith("    track_file -(name f, ") and "weight 3" in line for line in lines)
    new.write_text("\n" + static + OLD)
    assert planned(capsys, str(new), "--against", str(old))[0] == 0


def test_json(old: Path, new: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--json", str(new), "--against", str(old)]) == 1
    (scope,) = json.loads(capsys.readouterr().out)["scopes"]
    assert scope["global_defs"] == [{"keyword": "router_id", "old": "a", "new": "b"}]
    instances = scope["vrrp_instance"]
    assert [entry["name"] for entry in instances["anew"]] == ["db"]
    web, smtp = instances["changed"]
    assert {"keyword": "virtual_ipaddress", "comes": ["192.0.2.3/24 dev lo"], "goes": ["192.0.2.2/24 dev lo"]} in web[
        "settings"
    ]
    assert (smtp["was"], smtp["name"], smtp["settings"]) == ("mail", "smtp", [])
    assert scope["vrrp_script"]["changed"][0]["name"] == "check"
    assert "secret" not in json.dumps(scope)


def test_a_large_plan_is_bounded(tmp_path: Path, old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    many = tmp_path / "many.conf"
    one = "vrrp_instance v{0} {{\ninterface lo\nvirtual_router_id {0}\nvirtual_ipaddress {{\n192.0.2.{0}\n}}\n}}\n"
    many.write_text("".join(one.format(i) for i in range(100, 200)))
    _, lines = planned(capsys, str(many), "--against", str(old))
    assert f"  + and {100 - limits.PLAN_SHOWN} more are added; --all names them" in lines
    assert sum("+ vrrp_instance" in line for line in lines) == limits.PLAN_SHOWN
    _, lines = planned(capsys, str(many), "--against", str(old), "--all")
    assert sum("+ vrrp_instance" in line for line in lines) == 100


# ---- against a daemon


def runs(
    path: Path, configurations: dict[str, Configuration], states: dict[str, str], *names: str, directory: str = "/",
    refused: tuple[str, ...] = (),
) -> Daemon:
    """A daemon that says that it runs these files. names: what it reads, else just those."""
    source = Source(names=list(names or configurations), directory=directory, config_id="left")

    async def configuration(_: Call) -> Answer:
        head = ConfigurationReply(version="0", pid=1, source=source, parts=[])
        return Sliced(head, parts_of(configurations, source.key))

    return Daemon(
        path,
        lambda: [
            InstanceStatus(name=name, state=state)
            for name, state in (*states.items(), *((name, "REFUSED") for name in refused))
        ],
        {"configuration": configuration},
    )


def configuration(path: Path) -> Configuration:
    loaded = load(str(path), config_id="left", interfaces=None)
    assert loaded.configuration is not None
    return loaded.configuration


@pytest.fixture
def daemon(tmp_path: Path, old: Path) -> Iterator[Daemon]:
    states = {"web": "MASTER", "db": "MASTER", "mail": "BACKUP"}
    with runs(tmp_path / "s", {str(old): configuration(old)}, states) as daemon:
        yield daemon


def test_the_daemon_says_what_it_runs(daemon: Daemon, old: Path) -> None:
    source, running = ControlClient(daemon.path).configurations()
    assert source == Source(names=[str(old)], config_id="left")
    told, whole = running[str(old)], configuration(old)
    assert told.instances[1:] == whole.instances[1:]
    assert (told.scripts, told.global_defs) == (whole.scripts, whole.global_defs)
    web = told.instances[0]
    assert web.auth_pass != whole.instances[0].auth_pass
    assert dataclasses.replace(web, auth_pass=whole.instances[0].auth_pass) == whole.instances[0]


def test_many_instances_come_in_parts_and_whole(tmp_path: Path) -> None:
    instances = tuple(Instance(name=f"v{i}", family=4, interface="lo", vrid=i % 255 + 1) for i in range(1000))
    whole = Configuration(global_defs=GlobalDefs(router_id="a"), instances=instances)
    empty = Configuration(global_defs=GlobalDefs(router_id="b"))
    with runs(tmp_path / "s", {"a.conf": whole, "b.conf": empty}, {}) as daemon:
        assert ControlClient(daemon.path).configurations()[1] == {"a.conf": whole, "b.conf": empty}


def test_against_what_runs(daemon: Daemon, new: Path, old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = planned(capsys, "--socket", daemon.path, str(new))
    assert status == 1
    assert lines[2].startswith(
        "  ! vrrp_instance db: stops and starts as another virtual router [MASTER now]: virtual_router_id 52 -> 55"
    )
    assert lines[3].startswith("  ~ vrrp_instance web: changed [MASTER now]: priority 150 -> 90")
    assert lines[4] == "  ~ vrrp_instance smtp (was mail): changed [BACKUP now]"
    assert lines[-1] == "  a failover: 1 of these is MASTER and gives its addresses up"


def test_states_are_those_of_the_scope(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two files with the same names: each has its own states, also when only one of them is asked for."""
    paths = [tmp_path / "a.conf", tmp_path / "b.conf"]
    for path in paths:
        path.write_text(OLD)
    running = {str(path): configuration(path) for path in paths}
    for path in paths:
        path.write_text(OLD.replace("virtual_router_id 51", "virtual_router_id 61"))
    with runs(tmp_path / "s", running, {"a/web": "BACKUP", "b/web": "MASTER"}) as daemon:
        lines = [planned(capsys, "--socket", daemon.path, *map(str, files))[1] for files in ((), paths[:1], paths[1:])]
    assert [sum("a failover" in line for line in each) for each in lines] == [1, 0, 1]
    assert "[BACKUP now]" in lines[1][1]
    assert "[MASTER now]" in lines[2][1]


def test_a_refused_one_of_the_same_name_hides_nothing(
    tmp_path: Path, old: Path, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with runs(tmp_path / "s", {str(old): configuration(old)}, {"web": "MASTER"}, refused=("web", "db")) as daemon:
        _, lines = planned(capsys, "--socket", daemon.path, str(new))
    assert any("vrrp_instance web: changed [MASTER now]" in line for line in lines)
    assert any("vrrp_instance db" in line and "[REFUSED now]" in line for line in lines)


def test_without_a_file_it_is_what_a_signal_would_do(
    daemon: Daemon, old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert planned(capsys, "--socket", daemon.path) == (0, [f"{old}: nothing to do, 3 untouched"])
    old.write_text(NEW)
    assert planned(capsys, "--socket", daemon.path)[0] == 1


def test_no_daemon(tmp_path: Path, new: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--socket", str(tmp_path / "none"), str(new)]) == 3
    assert capsys.readouterr().err.endswith(" or compare with a file: --against FILE\n")


def test_which_of_several_files_is_meant(tmp_path: Path, old: Path) -> None:
    running = [str(old), str(tmp_path / "other.conf")]
    source = Source(names=running)
    link = tmp_path / "link.conf"
    link.symlink_to(old)
    assert verb.matched([], source, running) == [(path, path) for path in running]
    assert verb.matched([str(link)], source, running) == [(str(link), str(old))]
    assert verb.matched(["x.conf"], source, running[:1]) == [("x.conf", str(old))]
    with pytest.raises(UsageError, match=r"^x\.conf: the daemon runs 2 files, and this is none of them; .*other\.conf"):
        verb.matched(["x.conf"], source, running)


def test_names_are_from_where_the_daemon_stands(tmp_path: Path, old: Path) -> None:
    (tmp_path / "b.conf").write_text("")
    source = Source(names=["*.conf"], directory=str(tmp_path))
    both = [(str(tmp_path / "b.conf"), None), (str(old), "old.conf")]
    assert verb.matched([], source, ["old.conf"]) == both
    assert verb.matched([str(tmp_path)], source, ["old.conf"]) == both


ONE = "vrrp_instance {0} {{\ninterface lo\nvirtual_router_id 9\nvirtual_ipaddress {{\n192.0.2.9\n}}\n}}\n"


@pytest.fixture
def scopes(tmp_path: Path) -> Path:
    """A directory with two files, of which one runs and one is new; a third runs that is not there any more."""
    directory = tmp_path / "vrrp.d"
    directory.mkdir()
    (directory / "a.conf").write_text(ONE.format("a"))
    (directory / "b.conf").write_text(ONE.format("b"))
    return directory


def test_files_that_come_and_go(scopes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new, kept, gone = (str(scopes / name) for name in ("a.conf", "b.conf", "c.conf"))
    running = {kept: configuration(Path(kept)), gone: configuration(Path(new))}
    with runs(tmp_path / "s", running, {"b/b": "BACKUP", "c/a": "MASTER"}, str(scopes)) as daemon:
        for named in ((), ("--against", "running")):
            status, lines = planned(capsys, "--socket", daemon.path, *named)
            assert status == 1
            assert lines == [
                f"{new}: a new file, 1 added",
                "  + vrrp_instance a: added",
                f"{kept}: nothing to do, 1 untouched",
                f"{gone}: the file is gone, 1 removed",
                "  - vrrp_instance a: removed [MASTER now]",
                "  a failover: 1 of these is MASTER and gives its addresses up",
            ]
        assert planned(capsys, "--socket", daemon.path, new)[1][0] == f"{new}: a new file, 1 added"
        (scopes / "a.conf").unlink()
        (scopes / "b.conf").unlink()
        status, lines = planned(capsys, "--socket", daemon.path)
    assert status == 5
    assert lines[1] == "  the reload would be refused: no file is left to run; to run none, stop the daemon"


def test_a_file_that_cannot_be_read_goes_on(scopes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(scopes / name) for name in ("a.conf", "b.conf")]
    with runs(tmp_path / "s", {path: configuration(Path(path)) for path in paths}, {}) as daemon:
        Path(paths[0]).unlink()
        status, lines = planned(capsys, "--socket", daemon.path)
        assert (status, lines) == (4, [
            f"{paths[0]}: there is no such file; create it, or name another with -f",
            f"{paths[1]}: nothing to do, 1 untouched",
        ])
        status, lines = planned(capsys, "--socket", daemon.path, "--json")
    gone, kept = json.loads("\n".join(lines))["scopes"]
    assert (status, gone["is_read"], kept["is_read"]) == (4, False, True)
    assert gone["refusals"] == [f"{paths[0]}: there is no such file; create it, or name another with -f"]


def test_two_directories(scopes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.d"
    other.mkdir()
    (other / "b.conf").write_text(ONE.format("b"))
    (other / "c.conf").write_text(ONE.format("c"))
    status, lines = planned(capsys, str(other), "--against", str(scopes))
    assert (status, [line for line in lines if not line.startswith(" ")]) == (1, [
        f"{scopes}/a.conf: the file is gone, 1 removed",
        f"{scopes}/b.conf: nothing to do, 1 untouched",
        f"{other}/c.conf: a new file, 1 added",
    ])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--against", "{old}"], "name one NEW"),
        (["{old}", "{old}", "--against", "{old}"], "name one NEW"),
        (["{old}", "--against", "{directory}"], "name two files, or two directories"),
    ],
)
def test_against_takes_one_of_a_kind(
    old: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", *(word.format(old=old, directory=old.parent) for word in words)]) == 2
    assert said in capsys.readouterr().err


def test_an_error_is_json_too(tmp_path: Path, old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, status in ((["--socket", str(tmp_path / "none"), str(old)], 3), (["--against", str(old)], 2)):
        assert main(["plan", "--json", *words]) == status
        out, err = capsys.readouterr()
        assert f"pyvrrp: {json.loads(out)['error']}\n" == err


def other(value: object) -> object:
    """Another value of the same type."""
    match value:
        case bool():
            return not value
        case IntEnum():
            return next(each for each in type(value) if each is not value)
        case int() | float():
            return value + 1
        case str() | None:
            return "x"
        case bytes():
            return b"\xe0\0\0\x55"
        case tuple():
            return (*value, b"\xc0\0\2\1")
        case Notify():
            return Notify(master=Command(("/bin/true",), "root"))
    raise AssertionError(f"{value!r}: say here what another value is")


FIELDS = [field.name for field in dataclasses.fields(Instance) if field.name not in ("name", "where")]


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_of_an_instance_can_be_told(field: str) -> None:
    one = Instance(name="a", family=4, interface="eth0", vrid=1, source=bytes(4))
    changed = dataclasses.replace(one, **{field: other(getattr(one, field))})
    (setting,) = settings(one, changed)
    assert str(setting).startswith(f"{setting.keyword} ")
    assert setting.old != setting.new or setting.comes or field == "auth_pass"
