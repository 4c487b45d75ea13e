"""Which files a running daemon does not go over to."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyvrrp.config import load
from pyvrrp.model import Configuration, GlobalDefs, Instance

GOOD = """vrrp_instance A {
    interface eth0
    virtual_router_id 5
    virtual_ipaddress {
        192.0.2.5
    }
}
"""
RUNNING = Configuration(global_defs=GlobalDefs(router_id="x"))


def why(tmp_path: Path, text: str, running: Configuration = RUNNING) -> tuple[str, ...]:
    path = tmp_path / "k.conf"
    path.write_text(text)
    loaded = load(str(path), config_id="x", interfaces=None)
    return tuple(reason.removeprefix(str(path)) for reason in loaded.why_not_reload(running))


def test_a_good_file_is_gone_over_to(tmp_path):
    assert why(tmp_path, GOOD) == ()


@pytest.mark.parametrize("line", ["no_such_word 1", "scope {\n x\n}", "advert_int 0.5"])
def test_what_is_only_left_out_forbids_nothing(tmp_path, line):
    assert why(tmp_path, GOOD.replace("interface eth0", f"interface eth0\n{line}")) == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD.removesuffix("}\n"), ":1: the block of vrrp_instance A that opens here is not closed"),
        (GOOD + "}\n", ":8: this } closes nothing"),
        (GOOD + "{\n}\n", ":8: this { belongs to nothing"),
        (GOOD.replace("eth0", '"eth0'), ":2: the double quote opened here is not closed"),
        (GOOD.replace("_id 5", "_id 256"), ":3: instance A would not run"),
        (GOOD + GOOD.replace("A {", "B {"), ":8: instance B would not run"),
    ],
)
def test_structure_and_refused_instances_forbid_it(tmp_path, text, reason):
    assert any(found.startswith(reason) for found in why(tmp_path, text)), why(tmp_path, text)


def test_an_instance_that_is_refused_already_forbids_nothing(tmp_path):
    text = GOOD + GOOD.replace("A {", "B {")
    path = tmp_path / "k.conf"
    path.write_text(text)
    running = load(str(path), config_id="x", interfaces=None).configuration
    assert running is not None
    assert why(tmp_path, text, running) == ()


@pytest.mark.parametrize("text", ["", "global_defs {\n    router_id x\n}\n"])
def test_a_file_without_an_instance_forbids_it_where_some_run(tmp_path, text):
    instance = Instance(name="A", family=4, interface="eth0", vrid=5)
    running = Configuration(global_defs=RUNNING.global_defs, instances=(instance,))
    assert why(tmp_path, text, running) == ("there is no vrrp_instance in it; to run none, stop the daemon",)
    assert why(tmp_path, text) == ()


def test_a_missing_file_forbids_it(tmp_path):
    loaded = load(str(tmp_path / "none"), config_id="x", interfaces=None)
    assert len(loaded.why_not_reload(RUNNING)) == 1
