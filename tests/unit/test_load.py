"""Files that cannot be read, or hold anything at all: there is a message, and never an exception."""

import os
import tempfile

import pytest
from config_texts import INTERFACES, instance, messages
from hypothesis import given, settings
from hypothesis import strategies as st

from pyvrrp.config import load


def test_files_that_cannot_be_read(tmp_path) -> None:
    wide = tmp_path / "wide.conf"
    wide.write_text(instance(), encoding="utf-16")
    for path, said in (
        (tmp_path / "none.conf", "there is no such file"),
        (tmp_path, "it is a directory"),
        (tmp_path / "wide.conf" / "x", "Not a directory"),
        (wide, "UTF-16"),
        (tmp_path / "a\0b", "null"),
    ):
        loaded = load(str(path), config_id="x", interfaces=None)
        assert loaded.exit_status == 4
        (diagnostic,) = loaded.diagnostics
        assert str(diagnostic).startswith(f"{path}: ")
        assert said in diagnostic.message


@pytest.mark.root
def test_file_without_permission() -> None:
    with tempfile.NamedTemporaryFile() as stream:  # root owns it, mode 0600
        os.seteuid(65534)
        try:
            loaded = load(stream.name, config_id="x", interfaces=None)
        finally:
            os.seteuid(0)
    assert loaded.exit_status == 4
    assert str(loaded.diagnostics[0]).endswith("it cannot be read by uid 65534; change its permissions")


def test_all_faults_in_one_run(read) -> None:
    text = (
        "vrrp_instance A {\ninterface nosuch0\nvirtual_router_id 0\npriorty 5\n"
        "authentication {\nauth_type AH\n}\n"
        "virtual_ipaddress {\n192.0.2.300\n}\n}\n}\nvrrp_instance B {\nadvert_int\n"
    )
    lines = [int(message.split(":")[0]) for message in messages(read(text))]
    assert lines == [1, 2, 3, 4, 6, 9, 12, 13, 13, 13, 13, 14]


def test_messages_are_bounded_and_clean(read) -> None:
    loaded = read("x\x1b[31m" + "y" * 10_000 + " z\n")
    (message,) = messages(loaded)
    assert "\x1b" not in message
    assert len(message) < 300
    loaded = read("x\n" * 20_000)
    assert len(loaded.diagnostics) == 10_001
    assert loaded.diagnostics[-1].message.startswith("10000 more messages are left out")


# Nothing raises


WORDS = st.sampled_from(
    [
        "vrrp_instance",
        "vrrp_script",
        "vrrp_sync_group",
        "global_defs",
        "virtual_server",
        "A",
        "B",
        "{",
        "}",
        "{",
        "}",
        "{",
        "}",
        '"',
        "'",
        "\\",
        "#",
        "!",
        "state",
        "interface",
        "virtual_router_id",
        "priority",
        "version",
        "advert_int",
        "nopreempt",
        "unicast_src_ip",
        "unicast_peer",
        "authentication",
        "auth_type",
        "auth_pass",
        "PASS",
        "AH",
        "virtual_ipaddress",
        "virtual_ipaddress_excluded",
        "192.0.2.1/24",
        "track_interface",
        "track_script",
        "weight",
        "reverse",
        "group",
        "notify",
        "notify_master",
        "script",
        "interval",
        "timeout",
        "user",
        "MASTER",
        "BACKUP",
        "eth0",
        "1",
        "255",
        "0",
        "-1",
        "0.5",
        "1e9",
        "fe80::1",
        "dev",
        "label",
        "scope",
        "brd",
        "+",
        "-",
        "root",
        "",
    ]
    + ["\n"] * 20
)


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS | st.text(max_size=5), max_size=60).map(" ".join) | st.text())
def test_any_text_loads(tmp_path_factory, text) -> None:
    _loads(tmp_path_factory, text.encode("utf-8", "surrogatepass"))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_load(tmp_path_factory, data) -> None:
    _loads(tmp_path_factory, data)


def _loads(tmp_path_factory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.conf"
    path.write_bytes(data)
    loaded = load(str(path), config_id="x", interfaces=INTERFACES)
    for diagnostic in loaded.diagnostics:
        str(diagnostic).encode()
