"""track_file: what number a file holds, and noticing that it holds another."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from pyvrrp import limits
from pyvrrp.model import TrackFile
from pyvrrp.track.files import FileTracker, FileWatch, initialise, number_in, read_number


@pytest.mark.parametrize(
    ("data", "number"),
    [
        (b"", 0), (b"5", 5), (b"5\n", 5), (b" \t\n-12 drain", -12), (b"+7", 7), (b"0x10", 16), (b"-0X1f", -31),
        (b"010", 8), (b"08", 0), (b"0", 0), (b"x", 0), (b"- 5", 0), (b"9" * 100, 2**31 - 1), (b"12abc", 12),
        (b"\xff\xfe1", 0), (b"\0005", 0),
    ],
)
@pytest.mark.keepalived("K8")
def test_the_number_at_the_start(data: bytes, number: int) -> None:
    assert number_in(data) == number


def test_what_is_no_file_is_0(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name in ("fifo", "none", "."):
        assert read_number(str(tmp_path / name)) == 0


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_first_number(tmp_path: Path, overwrite: bool) -> None:
    path = tmp_path / "f"
    file = TrackFile(name="f", path=str(path), initial=7, overwrite=overwrite)
    initialise(file)
    assert path.read_text() == "7\n"
    path.write_text("1\n")
    initialise(file)
    assert path.read_text() == ("7\n" if overwrite else "1\n")
    path.unlink()
    (tmp_path / "target").touch()
    path.symlink_to(tmp_path / "target")
    if overwrite:
        with pytest.raises(OSError, match="symbolic links"):
            initialise(file)
    else:
        initialise(file)
    assert (tmp_path / "target").read_text() == "", "never through a link"
    initialise(TrackFile(name="g", path=str(tmp_path / "g")))
    assert not (tmp_path / "g").exists()


Next = Callable[[], Coroutine[Any, Any, int]]


def follow(path: Path, test: Callable[[FileTracker, Next], Coroutine[Any, Any, None]]) -> None:
    """Run `test` with a tracker of `path` and something to await its next number with."""

    async def main() -> None:
        watch = FileWatch()
        changes: asyncio.Queue[int] = asyncio.Queue()
        tracker = FileTracker(TrackFile(name="f", path=str(path)), watch,
                              on_number=lambda _: changes.put_nowait(tracker.number))

        async def following() -> int:
            async with asyncio.timeout(10):
                return await changes.get()

        try:
            await test(tracker, following)
        finally:
            tracker.stop()
            watch.close()

    asyncio.Runner(loop_factory=uvloop.new_event_loop).run(main())


def test_every_way_of_changing_a_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "f"

    async def test(tracker: FileTracker, following: Next) -> None:
        assert tracker.number == 0
        path.write_text("5")
        assert await following() == 5
        (tmp_path / "new").write_text("6")
        (tmp_path / "new").rename(path)
        assert await following() == 6
        path.rename(tmp_path / "away")
        assert await following() == 0
        (tmp_path / "away").rename(path)
        assert await following() == 6
        path.unlink()
        assert await following() == 0

    follow(path, test)


def test_a_directory_may_come_later_and_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TRACK_FILE_LOOK_S", 0.01)
    path = tmp_path / "later" / "f"

    async def test(tracker: FileTracker, following: Next) -> None:
        path.parent.mkdir()
        path.write_text("5")
        assert await following() == 5
        path.unlink()
        assert await following() == 0
        path.parent.rmdir()
        path.parent.mkdir()
        path.write_text("6")
        assert await following() == 6

    follow(path, test)


def test_two_followers_of_one_directory(tmp_path: Path) -> None:
    async def main() -> None:
        watch = FileWatch()
        told: list[str] = []
        was_told = asyncio.Event()

        def tell(name: str) -> None:
            told.append(name)
            was_told.set()

        trackers = [
            FileTracker(TrackFile(name=name, path=str(tmp_path / name)), watch, on_number=tell) for name in "ab"
        ]
        trackers[0].stop()
        for name in "ab":
            (tmp_path / name).write_text("1")
        async with asyncio.timeout(10):
            await was_told.wait()
        assert told == ["b"]
        assert trackers[0].number == 0
        trackers[1].stop()
        watch.close()

    asyncio.Runner(loop_factory=uvloop.new_event_loop).run(main())
