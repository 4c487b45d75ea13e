"""Transactions on files: what is put is judged in its place, and told in the words of the text that was given."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from pyvrrp import limits
from pyvrrp.config import load
from pyvrrp.config.outline import Key
from pyvrrp.config.process import transact_in_worker, write_in_worker
from pyvrrp.config.transaction import Outcome, Reading, transact
from pyvrrp.config.writer import write

FILE = """\
# of two hosts
vrrp_script check {
    script "/bin/true"
}

vrrp_instance web {
    interface lo    # any
    virtual_router_id 51
    virtual_ipaddress {
        192.0.2.100/24
    }
    track_script {
        check
    }
}
"""


def instance(name: str = "new", vrid: str = "60", more: str = "") -> str:
    inside = f" interface lo\n virtual_router_id {vrid}\n virtual_ipaddress {{\n  192.0.2.60\n }}\n{more}"
    return f"vrrp_instance {name} {{\n{inside}}}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "k.conf"
    path.write_text(FILE)
    return path


def ask(
    file: Path, *put: str, remove: tuple[Key, ...] = (), overlay: dict[str, bytes] | None = None, digest: bytes = b""
) -> Outcome:
    digest = digest or load(str(file), config_id="left", interfaces=None).digest
    return transact(
        Reading(path=str(file), config_id="left", interfaces=None, overlay=overlay or {}), digest, put, remove
    )


def told(outcome: Outcome) -> list[str]:
    return [f"{found.where.file}:{found.where.line}:{found.where.column} {found.code}" for found in outcome.diagnostics]


@pytest.mark.parametrize(
    ("put", "expected"),
    [
        (instance(vrid="51"), ["put[0]:1:1 vrid-clash"]),
        (instance(vrid="6x"), ["put[0]:3:20 not-a-number"]),
        (instance(more=" track_script {\n  absent\n }\n"), ["put[0]:8:3 unknown-tracker"]),
        (instance(vrid="6x").replace("\n virtual_router_id", " virtual_router_id "), ["put[0]:1:1 vrid-missing"]),
        ("vrrp_instance new {\n", ["put[0]:1:1 block-open"]),
        ("vrrp_instance new {\n}}\n", ["put[0]:2:2 brace-closes-nothing"]),
        ("# nothing\n", ["put[0]:0:0 transaction-empty"]),
        ("", ["put[0]:0:0 transaction-empty"]),
        ("vrrp_version 3\n", ["put[0]:1:1 transaction-loose"]),
        ("global_defs {\n}\n", ["put[0]:1:1 transaction-unnamed"]),
        ("vrrp_instence new {\n}\n", ["put[0]:1:1 transaction-unnamed"]),
        ("\n@left vrrp_instance new {\n}\n", ["put[0]:2:1 transaction-language"]),
        ("include /etc/passwd\n", ["put[0]:1:1 transaction-language"]),
        ("$X=1\n", ["put[0]:1:1 transaction-language"]),
        (instance() + instance(), ["put[0]:8:1 transaction-twice"]),
        (instance() + "vrrp_script a {\n} vrrp_script b {\n}", [
            "put[0]:8:1 transaction-not-plain", "put[0]:9:3 transaction-not-plain",
        ]),
    ],
)
def test_what_is_wrong_is_told_in_its_place(file: Path, put: str, expected: list[str]) -> None:
    outcome = ask(file, put)
    assert outcome.loaded is None
    assert outcome.files == {}
    assert [line for line in told(outcome) if "unknown-word" not in line][: len(expected)] == expected


def test_every_mistake_of_every_text_is_told(file: Path) -> None:
    assert told(ask(file, instance("a", "6x"), instance("b"), instance("c", "7x", " priorty 3\n"))) == [
        "put[0]:3:20 not-a-number", "put[2]:3:20 not-a-number", "put[2]:7:2 unknown-word",
    ]


def test_a_warning_refuses_nothing(file: Path) -> None:
    outcome = ask(file, instance(more=" priorty 3\n"))
    assert told(outcome) == ["put[0]:7:2 unknown-word"]
    assert outcome.loaded is not None


def test_what_it_would_spoil_elsewhere_refuses_it(file: Path) -> None:
    """The place is that of the file as it is, not as it would be."""
    outcome = ask(file, remove=(Key("vrrp_script", "check"),))
    assert outcome.loaded is None
    assert told(outcome) == [f"{file}:13:9 unknown-tracker"]


def test_what_was_wrong_before_refuses_nothing(file: Path) -> None:
    file.write_text(FILE + instance("bad", "9x"))
    outcome = ask(file, instance())
    assert outcome.loaded is not None
    assert outcome.diagnostics == ()
    mended = ask(file, instance("bad", "9"))
    assert mended.loaded is not None
    assert mended.loaded.configuration is not None
    assert mended.loaded.configuration.refused == ()


@pytest.mark.parametrize(
    ("more", "key", "why"),
    [
        ("", Key("vrrp_instance", "nobody"), "there is no vrrp_instance nobody in"),
        ("$V=7\nvrrp_script x {\ninterval $V\n}\n", Key("vrrp_script", "x"),
         "k.conf:17: vrrp_script x cannot be changed by a transaction: it is made by a definition"),
        ("@left vrrp_script x {\n}\n", Key("vrrp_script", "x"),
         "k.conf:16: vrrp_script x cannot be changed by a transaction: @ makes a part of it; edit the file"),
        ("vrrp_script x {\n}\nvrrp_script x {\n}\n", Key("vrrp_script", "x"),
         "vrrp_script x is defined more than once, at "),
    ],
)
def test_a_block_that_cannot_be_edited_is_named_with_its_place(file: Path, more: str, key: Key, why: str) -> None:
    file.write_text(FILE + more)
    outcome = ask(file, instance(), remove=(key,))
    assert why in outcome.refusal
    assert outcome.loaded is None


def test_a_kind_that_has_no_name_is_not_removed(file: Path) -> None:
    assert told(ask(file, remove=(Key("global_defs", "x"),))) == ["remove:0:0 transaction-kind"]
    assert told(ask(file, instance(), remove=(Key("vrrp_instance", "new"),))) == ["put[0]:1:1 transaction-both"]


def test_an_included_file_is_edited_and_no_other(file: Path) -> None:
    more = file.with_name("more.inc")
    more.write_text(instance("one", "61") + "# between\n" + instance("two", "62"))
    file.write_text(FILE + "include *.inc\n")
    outcome = ask(file, instance("one", "63"), remove=(Key("vrrp_instance", "two"),))
    assert list(outcome.files) == [str(more)]
    held, shall = outcome.files[str(more)]
    assert held == more.read_bytes()
    assert b"virtual_router_id 63\n" in shall
    assert shall.endswith(b"}\n# between\n")


def test_a_file_that_was_changed_is_not_gone_by(file: Path) -> None:
    digest = load(str(file), config_id="left", interfaces=None).digest
    file.write_text(FILE.replace("51", "52"))
    assert "was changed since the daemon read it; reload first" in ask(file, instance(), digest=digest).refusal


def test_what_is_not_written_is_gone_by(file: Path) -> None:
    """The overlay is the text; what the file holds is looked at for changes only."""
    first = ask(file, instance("one", "61"))
    overlay = {path: shall for path, (_, shall) in first.files.items()}
    second = ask(file, instance("two", "62"), overlay=overlay)
    assert second.loaded is not None
    assert second.loaded.configuration is not None
    assert [each.name for each in second.loaded.configuration.instances] == ["web", "one", "two"]
    third = ask(file, remove=(Key("vrrp_instance", "one"),), overlay=overlay)
    assert third.files == {}, "it is again what the file holds"


def test_text_that_reads_otherwise_in_its_place_is_refused(file: Path) -> None:
    """$X is a word in the text that is put, and a definition where it would stand."""
    file.write_text("$X=61\n" + FILE)
    outcome = ask(file, instance(vrid="$X"))
    assert outcome.loaded is None
    assert "would read as something else" in outcome.refusal or told(outcome)


def test_there_are_bounds(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TRANSACTION_BLOCKS_MAX", 2)
    three = [instance(str(number), f"6{number}") for number in range(3)]
    assert told(ask(file, *three)) == ["put:0:0 transaction-many"]


def test_in_another_process_it_is_the_same(file: Path) -> None:
    digest = load(str(file), config_id="left", interfaces=None).digest
    reading = Reading(path=str(file), config_id="left", interfaces=None)

    async def both() -> tuple[Outcome, Outcome]:
        return (
            await transact_in_worker(reading, digest, [instance()], []),
            await transact_in_worker(reading, digest, [instance(vrid="x")], []),
        )

    good, bad = asyncio.run(both())
    assert good == transact(reading, digest, [instance()], [])
    assert bad == transact(reading, digest, [instance(vrid="x")], [])


# ---- writing

def test_a_file_is_written_with_its_owner_and_mode(file: Path) -> None:
    file.chmod(0o604)
    link = file.with_name("link.conf")
    link.symlink_to(file.name)
    before = file.stat()
    assert asyncio.run(write_in_worker({str(link): (FILE.encode(), b"new\n")})) == ([str(link)], "")
    after = file.stat()
    assert (file.read_bytes(), link.is_symlink()) == (b"new\n", True)
    assert (after.st_uid, after.st_gid, stat.S_IMODE(after.st_mode)) == (before.st_uid, before.st_gid, 0o604)
    assert sorted(path.name for path in file.parent.iterdir()) == ["k.conf", "link.conf"]


def test_a_file_that_holds_something_else_is_not_written(file: Path) -> None:
    other = file.with_name("other.conf")
    other.write_text("x\n")
    written, problem = write([(str(other), b"x\n", b"y\n"), (str(file), b"else\n", b"new\n")])
    assert written == []
    assert problem == f"{file}: it was changed on disk, so it is left as it is; reload first"
    assert (other.read_text(), file.read_text()) == ("x\n", FILE)
    assert sorted(path.name for path in file.parent.iterdir()) == ["k.conf", "other.conf"]


def test_a_file_that_cannot_be_written_is_told_of(file: Path) -> None:
    written, problem = write([(str(file / "no"), b"", b"")])
    assert written == []
    assert problem.startswith(f"{file}/no: it cannot be written: Not a directory; let the daemon write there")
