"""Pid files: a lock decides who runs, not the number."""

from __future__ import annotations

import fcntl
import os

import pytest

from pyvrrp import pidfile
from pyvrrp.errors import PyvrrpError
from pyvrrp.pidfile import pid_files


def test_both_pid_files_hold_the_pid_and_go_at_the_end(tmp_path):
    first, second = tmp_path / "a.pid", tmp_path / "b.pid"
    with pid_files(str(first), str(second)):
        assert first.read_text() == second.read_text() == f"{os.getpid()}\n"
    assert not first.exists()
    assert not second.exists()


def test_one_name_for_both_pid_files_is_one_file(tmp_path):
    path = tmp_path / "a.pid"
    with pid_files(str(path), str(path)):
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_stale_pid_file_is_taken_over(tmp_path):
    path = tmp_path / "a.pid"
    path.write_text("1\nmore than a number\n")
    with pid_files(str(path), None):
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_held_pid_file_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "a.pid"
    path.write_text("4711\n")
    with path.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError, match="a daemon that is running holds this pid file"), pid_files(
            str(path), None
        ):
            pass
    assert path.read_text() == "4711\n"


def test_a_pid_file_is_not_written_through_a_link(tmp_path):
    target = tmp_path / "target"
    target.write_text("keep")
    (tmp_path / "a.pid").symlink_to(target)
    with pytest.raises(PyvrrpError, match="symbolic links"), pid_files(str(tmp_path / "a.pid"), None):
        pass
    assert target.read_text() == "keep"


def test_a_pid_file_that_goes_while_it_is_opened_is_made_again(tmp_path, monkeypatch):
    """Its last owner removes it after we opened it and before we lock it."""
    path = tmp_path / "a.pid"
    path.write_text("4711\n")
    lock, removed = fcntl.flock, []

    def flock(fd, how):
        if not removed:
            removed.append(path.unlink())
        lock(fd, how)

    monkeypatch.setattr(pidfile.fcntl, "flock", flock)
    with pid_files(str(path)):
        assert path.read_text() == f"{os.getpid()}\n"
