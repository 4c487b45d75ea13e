"""pyvrrp/linux.py: the calls that need no root, and spawn() with real programs."""

import errno
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyvrrp import linux

ENVIRONMENT = linux.Environment({b"PATH": b"/usr/bin:/bin", b"A": b"1"})


@pytest.fixture
def null_fd() -> Iterator[int]:
    fd = os.open("/dev/null", os.O_RDWR)
    yield fd
    os.close(fd)


def shell(script: str, null_fd: int, *args: bytes, **options: object) -> int:
    """Run a shell script and return its wait status."""
    pid = linux.spawn(
        b"/bin/sh",
        [b"sh", b"-c", script.encode(), b"sh", *args],
        environment=ENVIRONMENT,
        null_fd=null_fd,
        **options,  # type: ignore[arg-type]
    )
    return os.waitpid(pid, 0)[1]


def test_capabilities_are_read_and_set_back() -> None:
    before = linux.get_capabilities()
    linux.set_capabilities(before)
    assert linux.get_capabilities() == before
    assert before.effective & ~before.permitted == 0


def test_more_capabilities_than_permitted_are_refused() -> None:
    code = (
        "import errno; from pyvrrp import linux; linux.set_capabilities(linux.Capabilities(0, 0, 0))\n"
        "try: linux.set_capabilities(linux.Capabilities(0, 1 << linux.CAP_NET_RAW, 0))\n"
        "except OSError as error: assert error.errno == errno.EPERM and 'capset' in str(error)\n"
        "else: raise SystemExit('accepted')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_who_is_ended_first_is_raised_and_not_lowered() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        score = Path(f"/proc/{child.pid}/oom_score_adj")
        linux.raise_oom_score(900, child.pid)
        linux.raise_oom_score(100, child.pid)
        assert score.read_text() == "900\n"
        child.kill()
    linux.raise_oom_score(900, child.pid)       # it is gone: nothing to do


def test_a_bad_prctl_is_an_oserror() -> None:
    with pytest.raises(OSError, match="prctl 99999") as caught:
        linux.prctl(99999)
    assert caught.value.errno == errno.EINVAL


def test_arguments_and_environment_arrive(null_fd: int, tmp_path: Path) -> None:
    out = tmp_path / "out"
    status = shell('printf "%s|" "$#" "$1" "$2" "$A" >"$3"', null_fd, b"a b", b"\xff", os.fsencode(out))
    assert status == 0
    assert out.read_bytes() == b"3|a b|\xff|1|"


def test_descriptors_and_process_group(null_fd: int, tmp_path: Path) -> None:
    out = tmp_path / "out"
    leaked = os.open("/dev/zero", os.O_RDONLY)
    os.set_inheritable(leaked, True)
    try:
        shell(
            'exec >"$1"; for n in /proc/$$/fd/*; do readlink $n; done; cut -d" " -f1,5 /proc/$$/stat',
            null_fd,
            os.fsencode(out),
        )
    finally:
        os.close(leaked)
    *files, numbers = out.read_text().splitlines()
    assert files == ["/dev/null", str(out), "/dev/null"]
    pid, group = numbers.split()
    assert pid == group


def test_signals_are_reset(null_fd: int, tmp_path: Path) -> None:
    """Neither an ignored signal nor a blocked one is passed on."""
    out = tmp_path / "out"
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    try:
        shell('grep -E "^Sig(Blk|Ign)" /proc/self/status >"$1"', null_fd, os.fsencode(out))
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    # Signals 32 and 33 are the C library's own: no program can set them, and some parents leave 32 ignored.
    own = 0b11 << 31
    assert [int(line.split()[1], 16) & ~own for line in out.read_text().splitlines()] == [0, 0]


@pytest.mark.parametrize(
    ("path", "expected"), [("missing", errno.ENOENT), ("plain", errno.EACCES), ("text", errno.ENOEXEC)]
)
def test_a_failed_exec_is_told_faithfully(null_fd: int, tmp_path: Path, path: str, expected: int) -> None:
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    (tmp_path / "text").write_text("exit 0\n")
    (tmp_path / "text").chmod(0o755)
    with pytest.raises(linux.SpawnError) as caught:
        linux.spawn(os.fsencode(tmp_path / path), [b"x"], environment=linux.Environment({}), null_fd=null_fd)
    assert (caught.value.errno, caught.value.step) == (expected, linux.STEP_EXECUTE)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # it left no child behind


def test_nul_bytes_are_refused(null_fd: int) -> None:
    with pytest.raises(ValueError, match="NUL"):
        linux.spawn(b"/bin/true", [b"true", b"a\0b"], environment=linux.Environment({}), null_fd=null_fd)


def test_a_bad_namespace_is_told_as_such(null_fd: int) -> None:
    with pytest.raises(linux.SpawnError, match="enter its network namespace"):
        linux.spawn(b"/bin/true", [b"true"], environment=linux.Environment({}), null_fd=null_fd, netns_fd=null_fd)


def test_the_child_gets_sigterm_when_its_parent_dies(tmp_path: Path) -> None:
    """A process between us and the script is killed; the script must end too."""
    out = tmp_path / "pid"
    code = (
        "import os, sys, time; from pyvrrp.linux import Environment, spawn; fd = os.open('/dev/null', 2);"
        "pid = spawn(b'/bin/sleep', [b'sleep', b'30'], environment=Environment({}), null_fd=fd);"
        "open(sys.argv[1] + '.new', 'w').write(str(pid)); os.rename(sys.argv[1] + '.new', sys.argv[1]);"
        "time.sleep(30)"
    )
    middle = os.posix_spawn(
        sys.executable, [sys.executable, "-W", "ignore", "-c", code, str(out)], os.environ
    )
    watcher = os.pidfd_open(middle)
    try:
        deadline = time.monotonic() + 10
        while not out.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        child = os.pidfd_open(int(out.read_text()))
        try:
            os.kill(middle, signal.SIGKILL)
            assert select.select([child], [], [], 5)[0] == [child]
        finally:
            os.close(child)
    finally:
        os.close(watcher)
        os.waitpid(middle, 0)


@pytest.mark.root
def test_another_user_has_its_ids_and_no_groups(null_fd: int, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents:
        if parent != Path("/") and parent != Path("/tmp"):
            parent.chmod(0o755)
    out = tmp_path / "out"
    identity = linux.Identity(12345, 23456)
    shell(
        'grep -E "^(Uid|Gid|Groups|CapEff)" /proc/self/status >"$1"',
        null_fd,
        os.fsencode(out),
        identity=identity,
    )
    lines = dict(line.split(":", 1) for line in out.read_text().splitlines())
    assert lines["Uid"].split() == ["12345"] * 4
    assert lines["Gid"].split() == ["23456"] * 4
    assert lines["Groups"].split() == []
    assert int(lines["CapEff"], 16) == 0


def test_inotify_names_what_came_and_went(tmp_path: Path) -> None:
    inotify = linux.Inotify()
    try:
        watch = inotify.watch(str(tmp_path), linux.IN_CREATE | linux.IN_DELETE)
        assert inotify.read() == []
        (tmp_path / "a-long-name.conf").touch()
        (tmp_path / "b").touch()
        (tmp_path / "b").unlink()
        assert inotify.read() == [
            (watch, linux.IN_CREATE, "a-long-name.conf"),
            (watch, linux.IN_CREATE, "b"),
            (watch, linux.IN_DELETE, "b"),
        ]
        with pytest.raises(OSError, match="none"):
            inotify.watch(str(tmp_path / "none"), linux.IN_CREATE)
    finally:
        inotify.close()


def test_what_is_a_network_namespace(null_fd: int) -> None:
    assert not linux.is_network_namespace(null_fd)
    for name, expected in (("net", True), ("mnt", False)):
        fd = os.open(f"/proc/self/ns/{name}", os.O_RDONLY)
        assert linux.is_network_namespace(fd) is expected
        os.close(fd)
