"""Which processes a vrrp_track_process means."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyvrrp.model import Match, TrackProcess
from pyvrrp.track.matching import Finder, Pattern
from pyvrrp.track.proc import look, pids


def pattern(process: str, *parameters: str, match: Match | None = None, full_command: bool = False) -> Pattern:
    return Pattern.of(TrackProcess(
        name="p", process=process, parameters=parameters, match=match, full_command=full_command
    ))


def line(*words: str) -> bytes:
    return b"".join(word.encode() + b"\0" for word in words)


# The name of each process, its command line, and whether it is meant. keepalived 2.2.7 agrees with every one.
@pytest.mark.parametrize(
    ("meant", "name", "command", "is_meant"),
    [
        (pattern("proxy"), b"proxy", line("/usr/sbin/other"), True),
        (pattern("proxy"), b"proxy2", line("proxy"), False),
        (pattern("proxy", full_command=True), b"x", line("proxy", "-a"), True),
        (pattern("proxy", full_command=True), b"proxy", line("/usr/sbin/proxy"), False),
        (pattern("proxy", full_command=True), b"proxy", b"", False),
        (pattern("proxy", "-a", match=Match.EXACT), b"x", line("proxy", "-a"), True),
        (pattern("proxy", "-a", match=Match.EXACT), b"x", line("proxy", "-a", "-b"), False),
        (pattern("proxy", "-a", match=Match.EXACT), b"x", line("proxy", "-ab"), False),
        (pattern("proxy", "-a", match=Match.EXACT), b"x", line("proxy"), False),
        (pattern("proxy", match=Match.EXACT), b"x", line("proxy"), True),
        (pattern("proxy", match=Match.EXACT), b"x", line("proxy", "-a"), False),
        (pattern("proxy", "-a", match=Match.PARTIAL), b"x", line("proxy", "-a", "-b"), True),
        (pattern("proxy", "-a", match=Match.PARTIAL), b"x", line("proxy", "-a"), True),
        (pattern("proxy", "-a", match=Match.PARTIAL), b"x", line("proxy", "-ab"), False),
        (pattern("proxy", "-a", match=Match.INITIAL), b"x", line("proxy", "-ab"), True),
        (pattern("proxy", "-a", match=Match.INITIAL), b"x", line("proxy", "-a", "-b"), True),
        (pattern("proxy", "-a", match=Match.INITIAL), b"x", line("proxy", "-b"), False),
        (pattern("proxy", "-a", match=Match.INITIAL), b"x", line("proxy"), False),
        (pattern("proxy", "-a", "-b", match=Match.INITIAL), b"x", line("proxy", "-ax", "-b"), False),
        (pattern("proxy", match=Match.PARTIAL), b"x", line("proxy", "-a"), True),
        (pattern("proxy", match=Match.INITIAL), b"x", line("proxy"), True),
        (pattern("a b", "", match=Match.EXACT), b"x", line("a b", ""), True),
    ],
)
@pytest.mark.keepalived("K9")
def test_what_is_meant(meant: Pattern, name: bytes, command: bytes, is_meant: bool, tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_bytes(b"7 (" + name + b") S 1 7 7 0 -1 4194560")
    (tmp_path / "7" / "cmdline").write_bytes(command)
    assert look(7, Finder([meant]), str(tmp_path)) == ((meant,) if is_meant else ())


@pytest.mark.parametrize(
    ("stat", "is_meant"),
    [
        (b"7 (a) b) S 1 7", True),              # a name may hold anything
        (b"7 (a) b) R 1 7", True),
        (b"7 (a) b) Z 1 7", False),             # nobody has waited for it yet, but it runs no more
        (b"7 (a) b) X 1 7", False),
        (b"7 (a b) S 1 7", False),
        (b"7 (a) b", False),
        (b"", False),
    ],
)
def test_the_name_of_a_process(stat: bytes, is_meant: bool, tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_bytes(stat)
    meant = pattern("a) b")
    assert look(7, Finder([meant]), str(tmp_path)) == ((meant,) if is_meant else ())


def test_only_what_is_needed_is_read(tmp_path: Path) -> None:
    """A command line lies in the memory of its process, which may be swapped out."""
    (tmp_path / "7").mkdir()
    name, command = pattern("a"), pattern("b", "-x", match=Match.EXACT)
    (tmp_path / "7" / "cmdline").write_bytes(line("b", "-x"))
    assert look(7, Finder([name]), str(tmp_path)) == ()
    assert look(7, Finder([command]), str(tmp_path)) == (command,)
    (tmp_path / "7" / "stat").write_bytes(b"7 (a) S 1")
    assert look(7, Finder([name, command, name]), str(tmp_path)) == (name, command), "each once"
    assert look(8, Finder([name, command]), str(tmp_path)) == (), "it is gone"
    assert Finder([name]).command_bytes == 0
    assert not Finder([command]).needs_name


def test_which_processes_there_are(tmp_path: Path) -> None:
    for name in ("1", "23", "self", "4x"):
        (tmp_path / name).mkdir()
    assert sorted(pids(str(tmp_path))) == [1, 23]
