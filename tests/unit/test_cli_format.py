"""`pyvrrp format`: what it prints, what it writes and how, and what it refuses."""

import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pyvrrp.cli import format as verb
from pyvrrp.cli.main import main
from pyvrrp.config.format import formatted
from pyvrrp.errors import ConfigError

ROUGH = """

! what it is for
global_defs
{
\trouter_id   node    # first
\tscript_user root    # second
}
# the web
vrrp_instance web { interface lo
  virtual_router_id 51   # free


  virtual_ipaddress { 192.0.2.1/24 dev   eth0
192.0.2.2 } } # end
vrrp_instance db
# why
{ state "A  B"
  notify '/bin/echo  a'  root


}
"""
SMOOTH = """! what it is for
global_defs {
    router_id node      # first
    script_user root    # second
}

# the web
vrrp_instance web {
    interface lo
    virtual_router_id 51   # free

    virtual_ipaddress {
        192.0.2.1/24 dev eth0
        192.0.2.2
    }
} # end

vrrp_instance db {
    # why
    state "A  B"
    notify '/bin/echo  a'  root
}
"""


@pytest.fixture
def rough(tmp_path: Path) -> Path:
    path = tmp_path / "k.conf"
    path.write_text(ROUGH)
    path.chmod(0o640)
    return path


def test_the_layout() -> None:
    assert formatted(ROUGH) == SMOOTH
    assert formatted(SMOOTH) == SMOOTH


@pytest.mark.parametrize("text", ["", "\n \n", "\ufeff"])
def test_nothing_stays_nothing(text: str) -> None:
    assert formatted(text) == ""


def test_what_is_read_later_is_left_as_it_is() -> None:
    text = """$VIP=192.0.2.1
$TWO= \\
   192.0.2.1  \\
      192.0.2.2

vrrp_instance A {
    @left   priority   200
    ${VIP}  dev  eth0
    ~SEQ(i, 1, 3)   192.0.2.$i
    include  conf.d/{a,b}*.conf
}

@left vrrp_instance B {
@right vrrp_instance C {
    nopreempt
}
"""
    assert formatted(text) == text
    assert formatted(text.replace("\n    ", "\n")) == text.replace("\n      192", "\n  192")


def test_printed(rough: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["format", str(rough)]) == 0
    assert capsys.readouterr().out == SMOOTH
    assert rough.read_text() == ROUGH


def test_check(rough: Path, capsys: pytest.CaptureFixture[str]) -> None:
    smooth = rough.with_name("s.conf")
    smooth.write_text(SMOOTH)
    assert main(["format", "--check", str(smooth)]) == 0
    assert capsys.readouterr().out == ""
    assert main(["format", "--check", str(smooth), str(rough)]) == 1
    assert capsys.readouterr().out == f"{rough}\n"
    assert rough.read_text() == ROUGH


def test_write_keeps_mode_owner_and_link(rough: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if os.geteuid() == 0:
        os.chown(rough, 1, 2)
    link = rough.with_name("link.conf")
    link.symlink_to("k.conf")
    before = rough.stat()
    assert main(["format", "--write", str(link)]) == 0
    assert capsys.readouterr().out == f"{link}\n"
    assert link.is_symlink()
    assert rough.read_text() == SMOOTH
    after = rough.stat()
    assert (stat.S_IMODE(after.st_mode), after.st_uid, after.st_gid) == (0o640, before.st_uid, before.st_gid)
    assert sorted(path.name for path in rough.parent.iterdir()) == ["k.conf", "link.conf"]
    assert main(["format", "--write", str(link)]) == 0
    assert capsys.readouterr().out == ""
    assert rough.stat().st_ino == after.st_ino


def test_a_file_with_a_missing_brace_is_left_as_it_is(rough: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rough.write_text(ROUGH[:-3])
    assert main(["format", "--write", str(rough)]) == 5
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "the block of vrrp_instance db that opens here is not closed" in captured.err
    assert f"{rough}: left as it is; mend that first" in captured.err
    assert rough.read_text() == ROUGH[:-3]


def test_a_file_that_is_missing(tmp_path: Path, rough: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["format", "--write", str(tmp_path / "none.conf"), str(rough)]) == 4
    assert "none.conf: error: there is no such file" in capsys.readouterr().err
    assert rough.read_text() == SMOOTH


def test_another_meaning_is_never_written(
    rough: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verb, "formatted", lambda text: formatted(text).replace("51", "52"))
    assert main(["format", "--write", str(rough)]) == 5
    assert "it would mean something else" in capsys.readouterr().err
    assert rough.read_text() == ROUGH


def test_a_file_that_was_changed_meanwhile_is_left_as_it_is(rough: Path) -> None:
    seen = rough.stat()
    rough.write_text("# newer\n")
    with pytest.raises(ConfigError, match="changed meanwhile"):
        verb.replace_file(rough, b"old", seen)
    assert rough.read_text() == "# newer\n"
    assert list(rough.parent.iterdir()) == [rough]


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    data = b"a  {\nb \xff  c\n}\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert main(["format", "-"]) == 0
    assert capsysbinary.readouterr().out == b"a {\n    b \xff c\n}\n"


def test_standard_input_has_a_name_in_messages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\nvrrp_instance a {\n")))
    assert main(["format", "-"]) == 5
    assert capsys.readouterr() == ("", (
        "<stdin>:2:1: error: the block of vrrp_instance a that opens here is not closed; "
        "what it holds so far is used, add the missing }\n"
        "    2 | vrrp_instance a {\n"
        "      | ^~~~~~~~~~~~~\n"
        "<stdin>: left as it is; mend that first\n"
    ))


def test_includes_of_standard_input_begin_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.conf").write_text("")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"includea   there.conf\n")))
    assert main(["format", "-"]) == 0
    assert capsys.readouterr() == ("includea   there.conf\n", "")


def test_a_reader_that_goes_away_is_nothing_to_tell(rough: Path) -> None:
    """`pyvrrp format a b | head -1`: no word of the second file."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "pyvrrp.cli.main", "format", str(rough), str(rough)],
        stdout=write, stderr=subprocess.PIPE, text=True, timeout=25, check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")
