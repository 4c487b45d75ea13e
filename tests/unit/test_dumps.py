"""Files of dumps: replaced whole, by none but their owner readable, through no link."""

from __future__ import annotations

import pytest

from pyvrrp.dumps import Dump, replace
from pyvrrp.model import GlobalDefs

DEFS = GlobalDefs(router_id="x")


def test_a_link_is_replaced_and_not_followed(tmp_path):
    target, path = tmp_path / "target", tmp_path / "keepalived.data"
    target.write_text("keep")
    path.symlink_to(target)
    replace(str(path), ["one\n", "two\n"])
    assert target.read_text() == "keep"
    assert not path.is_symlink()
    assert path.read_text() == "one\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_whoever_has_the_old_file_open_reads_nothing_new(tmp_path):
    path = tmp_path / "keepalived.data"
    path.write_text("prepared")
    with path.open() as held:
        replace(str(path), ["secret"])
        assert held.read() == "prepared"


def test_a_file_that_cannot_be_made_whole_leaves_the_old_one_and_no_other(tmp_path):
    path = tmp_path / "keepalived.data"
    path.write_text("old")

    def parts():
        yield "new"
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        replace(str(path), parts())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("dump", "name"),
    [
        (Dump.DATA, "keepalived.data"), (Dump.STATS, "keepalived.stats"),
        (Dump.STATS_CLEAR, "keepalived.stats"), (Dump.JSON, "keepalived.json"),
    ],
)
def test_names_are_those_of_keepalived_in_the_directory(dump, name):
    assert dump.file(DEFS, "/var/tmp") == f"/var/tmp/{name}"


def test_names_can_be_configured():
    defs = GlobalDefs(router_id="x", state_dump_file="/a", stats_dump_file="/b", json_dump_file="/c")
    assert [dump.file(defs, "/tmp") for dump in Dump] == ["/a", "/b", "/b", "/c"]
