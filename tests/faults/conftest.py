"""What the fault tests share: one Lab for a file, as in tests/netns, and clocks of the daemons' own."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from netns import harness


@pytest.fixture(scope="module")
def lab() -> Iterator[harness.Lab]:
    with harness.lab() as made:
        yield made


class Clock:
    """The clocks of the daemons that are started from now on, in whole seconds from the machine's."""

    def __init__(self, held: Path) -> None:
        held.write_bytes(struct.pack("ll", 0, 0))
        self._file = os.open(held, os.O_WRONLY)

    def shift(self, seconds: int) -> None:
        """Set the wall clock."""
        os.pwrite(self._file, struct.pack("l", seconds), 0)

    def suspended(self, seconds: int) -> None:
        """So long the machine has been suspended in all: CLOCK_MONOTONIC is behind CLOCK_BOOTTIME by that."""
        os.pwrite(self._file, struct.pack("l", seconds), struct.calcsize("l"))

    def close(self) -> None:
        os.close(self._file)


@pytest.fixture
def clocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Clock]]:
    """Makes a Clock for the daemons that are started after that."""
    library, made = tmp_path / "shifted_clock.so", []
    source = Path(__file__).with_name("shifted_clock.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True, timeout=30)

    def make() -> Clock:
        held = tmp_path / f"shift{len(made)}"
        made.append(Clock(held))
        monkeypatch.setenv("LD_PRELOAD", str(library))
        monkeypatch.setenv("SHIFTED_CLOCK", str(held))
        return made[-1]

    yield make
    for clock in made:
        clock.close()
