"""pyvrrp/notify/fifo.py, fifos.py, words.py: the lines of a FIFO, its life, and the scripts that read it."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
import stat
from pathlib import Path

import pytest
from running_scripts import run_with_pool, sh, until

from pyvrrp import limits
from pyvrrp.model import Command, Fifo, Notify
from pyvrrp.notify.fifo import FifoCounters, FifoWriter
from pyvrrp.notify.fifos import Fifos, Wanted
from pyvrrp.notify.words import calls, fifo_line
from pyvrrp.scripts.pool import ScriptPool


@pytest.mark.keepalived("N4")
def test_the_line() -> None:
    assert fifo_line("INSTANCE", "VI_1", "MASTER", 108) == b'INSTANCE "VI_1" MASTER 108\n'
    assert fifo_line("GROUP", "a b\u00e9\udcff", "STOP", 0) == b'GROUP "a b\xc3\xa9\xff" STOP 0\n'


@pytest.mark.keepalived("N4")
def test_lower_adverts_run_their_own_script_alone() -> None:
    lower, every = Command(("/lower",)), Command(("/any",))
    notify = Notify(any=every, master_rx_lower_pri=lower)
    assert [call.command for call in calls("INSTANCE", "A", notify, "MASTER_RX_LOWER_PRI", 100)] == [lower]
    assert calls("INSTANCE", "A", notify, "MASTER_PRIORITY", 100) == ()
    assert [call.command for call in calls("INSTANCE", "A", notify, "STOP", 100)] == [every]


class Reader:
    """Reads what is there, and never waits."""

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def read(self, size: int = 1 << 20) -> bytes:
        try:
            return os.read(self.fd, size)
        except BlockingIOError:
            return b""


async def turns(condition: object) -> None:
    async with asyncio.timeout(10):
        await until(condition)  # type: ignore[arg-type]


def test_made_with_the_umask_and_removed(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "fifo"
        writer = FifoWriter(Fifo(str(path)), FifoCounters(), umask=0o137)
        own = os.umask(0o077)               # the daemon's, which does not matter
        try:
            writer.open()
        finally:
            os.umask(own)
        status = path.lstat()
        assert (stat.S_ISFIFO(status.st_mode), stat.S_IMODE(status.st_mode)) == (True, 0o640)
        reader = Reader(path)
        writer.write(b"one\n")
        writer.write(b"two\n")
        assert writer.is_empty() is False
        assert reader.read() == b"one\ntwo\n"
        assert writer.is_empty() is True
        writer.close()
        assert not path.exists()
        os.close(reader.fd)

    asyncio.run(main())


def test_one_that_was_there_stays(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "fifo"
        os.mkfifo(path, 0o600)
        writer = FifoWriter(Fifo(str(path), "nobody"), FifoCounters(), umask=0)
        writer.open()
        assert stat.S_IMODE(path.lstat().st_mode) == 0o600
        assert path.lstat().st_uid == os.geteuid()
        assert not writer.is_replaced
        path.unlink()
        assert writer.is_replaced
        writer.close()
        os.mkfifo(path)
        writer.open()
        writer.close()
        assert path.exists()

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["file", "link", "no directory"])
def test_what_is_no_fifo_is_left_alone(tmp_path: Path, kind: str) -> None:
    async def main() -> None:
        path = tmp_path / "x" / "fifo" if kind == "no directory" else tmp_path / "fifo"
        if kind == "file":
            path.write_text("mine")
        elif kind == "link":
            os.mkfifo(tmp_path / "other")
            path.symlink_to("other")
        counters = FifoCounters()
        writer = FifoWriter(Fifo(str(path)), counters, umask=0)
        with pytest.raises(OSError, match=r"no FIFO|symbolic links|No such file"):
            writer.open()
        writer.write(b"lost\n")
        assert (counters.dropped, counters.lines) == (1, 0)
        assert kind != "file" or path.read_text() == "mine"

    asyncio.run(main())


def test_a_slow_reader_loses_the_oldest_that_wait_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "FIFO_LINES_MAX", 10)
    caplog.set_level(logging.WARNING)

    async def main() -> None:
        path = tmp_path / "fifo"
        counters = FifoCounters()
        writer = FifoWriter(Fifo(str(path)), counters, umask=0)
        writer.open()
        reader = Reader(path)
        size = fcntl.fcntl(reader.fd, fcntl.F_SETPIPE_SZ, 4096)
        lines = [f"line {number:04}\n".encode() for number in range(size // 10 + 31)]
        for line in lines:
            writer.write(line)
        held = len(lines) - 10 - counters.dropped       # in the pipe
        assert counters.dropped > 0
        assert (writer.waiting, writer.lost) == (10, counters.dropped)
        found = b""

        def drained() -> bool:
            nonlocal found
            found += reader.read()
            return writer.waiting == 0 and writer.is_empty()

        await turns(drained)
        assert found.splitlines(keepends=True) == [*lines[:held], *lines[-10:]]
        assert counters.lines == held + 10
        writer.write(b"after\n")
        assert reader.read() == b"after\n"
        writer.close()
        os.close(reader.fd)

    asyncio.run(main())
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert "nobody reads it, or too slowly, so lines are dropped" in told[0]
    assert "it is read again" in told[1]


def test_a_line_longer_than_the_pipe_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes in pieces, and nothing comes between them, even if what waits behind it overflows."""
    monkeypatch.setattr(limits, "FIFO_LINES_MAX", 2)

    async def main() -> None:
        path = tmp_path / "fifo"
        counters = FifoCounters()
        writer = FifoWriter(Fifo(str(path)), counters, umask=0)
        writer.open()
        reader = Reader(path)
        long = b"x" * 200_000 + b"\n"
        for line in (long, b"dropped\n", b"dropped\n", b"end\n"):
            writer.write(line)
        found = b""

        def drained() -> bool:
            nonlocal found
            found += reader.read()
            return writer.is_empty()

        await turns(drained)
        assert found == long + b"end\n"
        assert counters.dropped == 2
        writer.close()
        os.close(reader.fd)

    asyncio.run(main())


def test_readers_are_started_again(tmp_path: Path) -> None:
    """The path is the last argument; a reload ends the reader and starts another, with the same pipe."""
    out, fifo = tmp_path / "out", tmp_path / "fifo"
    script = sh(
        'echo "start $2" >> "$1"; trap "echo end >> $1; exit" TERM\n'
        'while :; do while read -r line; do echo "$line" >> "$1"; done < "$2"; sleep 0.01; done',
        out,
    )

    def said() -> list[str]:
        return out.read_text().splitlines() if out.exists() else []

    async def main(pool: ScriptPool) -> None:
        fifos = Fifos(umask=0)
        wanted = [Wanted(Fifo(str(fifo)), script)]
        fifos.adopt("scope", wanted, pool)
        fifos.write("scope", b"one\n")
        fifos.write("another", b"not for it\n")
        await until(lambda: said() == [f"start {fifo}", "one"])
        inode = fifo.stat().st_ino
        fifos.adopt("scope", wanted, pool)
        await until(lambda: "end" in said())    # before that the old one may take a line with it
        fifos.write("scope", b"two\n")
        await until(lambda: "two" in said())
        assert said()[2:] == ["end", f"start {fifo}", "two"]
        assert fifo.stat().st_ino == inode
        fifos.write("scope", b"last\n")
        await fifos.settle(10.0)
        fifos.close()
        await until(lambda: said()[-1] == "end")
        assert "last" in said()
        assert not fifo.exists()

    run_with_pool("uvloop", main, grace_s=5.0)


def test_a_reader_is_back_with_the_process_that_runs_scripts(tmp_path: Path) -> None:
    out, fifo = tmp_path / "out", tmp_path / "fifo"
    script = sh('echo "start" >> "$1"; while read -r line; do echo "$line" >> "$1"; done < "$2"', out)

    async def main(pool: ScriptPool) -> None:
        fifos = Fifos(umask=0)
        fifos.adopt("scope", [Wanted(Fifo(str(fifo)), script)], pool)
        await until(lambda: out.exists() and out.read_text() == "start\n")
        os.kill(pool.spawner_pid, signal.SIGKILL)
        await until(lambda: out.read_text() == "start\nstart\n")
        fifos.write("scope", b"line\n")
        await until(lambda: out.read_text() == "start\nstart\nline\n")
        fifos.close()

    run_with_pool("uvloop", main, grace_s=5.0)


def test_a_reader_that_ends_stays_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    out, fifo = tmp_path / "out", tmp_path / "fifo"

    async def main(pool: ScriptPool) -> None:
        fifos = Fifos(umask=0)
        fifos.adopt("scope", [Wanted(Fifo(str(fifo)), sh('echo "start" >> "$1"; exit 3', out))], pool)
        await until(lambda: any("a reload starts it again" in record.getMessage() for record in caplog.records))
        assert (pool.running, pool.waiting) == (0, 0)
        fifos.close()

    run_with_pool("uvloop", main)
    assert out.read_text() == "start\n"
    assert "ended: exited with status 3" in caplog.text


def test_scopes_share_a_fifo(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"

    async def main(pool: ScriptPool) -> None:
        fifos = Fifos(umask=0)
        for scope in ("a", "b"):
            fifos.adopt(scope, [Wanted(Fifo(str(fifo)))], pool)
        reader = Reader(fifo)
        fifos.write("a", b"of a\n")
        fifos.adopt("a", (), pool)
        fifos.write("a", b"nobody's\n")
        fifos.write("b", b"of b\n")
        assert reader.read() == b"of a\nof b\n"
        assert fifo.exists()
        fifos.adopt("b", (), pool)
        assert not fifo.exists()
        os.close(reader.fd)

    run_with_pool("asyncio", main)


def test_a_fifo_that_was_replaced_is_opened_again(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"

    async def main(pool: ScriptPool) -> None:
        fifos = Fifos(umask=0)
        wanted = [Wanted(Fifo(str(fifo)))]
        fifos.adopt("a", wanted, pool)
        fifo.unlink()
        fifo.write_text("in the way")
        fifos.adopt("a", wanted, pool)
        assert fifos.problems() == [f"FIFO {fifo} is not open; mend it and reload"]
        fifos.write("a", b"x\n")
        assert "has lost 1 lines" in fifos.problems()[1]
        fifo.unlink()
        fifos.adopt("a", wanted, pool)
        reader = Reader(fifo)
        fifos.write("a", b"y\n")
        assert reader.read() == b"y\n"
        fifos.close()
        os.close(reader.fd)

    run_with_pool("asyncio", main)
