"""Decodes or drops, nothing else: each fuzzer over its corpus, then for some seconds on from there.

The long runs go on side by side, in processes of their own, while the other tests here are run; the last tests wait for
them. PYVRRP_FUZZ_SECONDS says for how long each (10); with PYVRRP_NIGHTLY it is 300, and libFuzzer has as long where
atheris is installed. PYVRRP_FUZZ_SEED starts elsewhere. A failure prints the input; put the message into tests/vectors.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import random
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fuzz_config
import fuzz_engine
import fuzz_loop
import fuzz_packet
import fuzz_run
import pytest

from pyvrrp.config import load
from vrrpcore import packet
from vrrpcore.engine import Engine

HERE = Path(__file__).parent
NIGHTLY = bool(os.environ.get("PYVRRP_NIGHTLY"))
SECONDS = float(os.environ.get("PYVRRP_FUZZ_SECONDS", "300" if NIGHTLY else "10"))
SEED = int(os.environ.get("PYVRRP_FUZZ_SEED", "1"))


@pytest.fixture(scope="module", autouse=True)
def long_runs(request: pytest.FixtureRequest) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Every fuzzer whose long run is among the tests of this session, all begun at once."""
    wanted = [
        item.callspec.params["name"] for item in request.session.items
        if item.name.startswith("test_some_seconds") and not item.get_closest_marker("skip")
    ]
    commands = {
        name: ["unshare", "-n", sys.executable, str(HERE / "fuzz_wire.py"), str(SECONDS), str(SEED)]
        if name == "wire" else [sys.executable, str(HERE / "fuzz_run.py"), name, str(SECONDS), str(SEED)]
        for name in wanted
    }
    started = {
        name: subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for name, command in commands.items()
    }
    yield started
    for process in started.values():
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", fuzz_run.TARGETS)
def test_the_corpus_holds(name: str) -> None:
    one, inputs = fuzz_run.target(name), fuzz_loop.corpus(name)
    assert len(inputs) >= 4
    assert len({one(data) for data in inputs}) > 3, "the corpus leads to different things"


def finds(name: str) -> str:
    """What a target says of the first input that does not hold; it has 20 s to meet one."""
    with pytest.raises(AssertionError) as caught:
        fuzz_loop.run(fuzz_run.target(name), fuzz_loop.corpus(name), seed=SEED, seconds=20)
    return str(caught.value)


class Wrapped(ABC):
    """An Engine as fuzz_engine uses it, with something to be done after each datagram."""

    def __init__(self) -> None:
        self.engine = Engine()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def receive_datagram(self, message: bytes, *, now_ns: int, **keywords: Any) -> None:
        self.engine.receive_datagram(message, now_ns=now_ns, **keywords)
        self.heard(message, now_ns)

    @abstractmethod
    def heard(self, message: bytes, now_ns: int) -> None:
        """What is done after a datagram."""


class TestTheyCanFail:
    """A fault that is put in on purpose is found."""

    def test_a_decoder_that_takes_any_ttl(self, monkeypatch: pytest.MonkeyPatch) -> None:
        right = packet.decode
        lax = SimpleNamespace(
            PacketDropped=packet.PacketDropped, peek=packet.peek, unwrap_ipv4=packet.unwrap_ipv4,
            decode=lambda data, **keywords: right(data, **keywords | {"ttl": 255}),
        )
        monkeypatch.setattr(fuzz_packet, "packet", lax)
        assert "decoded: none, should be ttl" in finds("packet")

    def test_a_decoder_that_takes_either_checksum(self, monkeypatch: pytest.MonkeyPatch) -> None:
        right = packet.decode
        lax = SimpleNamespace(
            PacketDropped=packet.PacketDropped, peek=packet.peek, unwrap_ipv4=packet.unwrap_ipv4,
            decode=lambda data, **keywords: right(data, **keywords | {"strict": False}),
        )
        monkeypatch.setattr(fuzz_packet, "packet", lax)
        assert "decoded: none, should be checksum" in finds("packet")

    def test_an_engine_that_moves_a_timer_for_a_short_datagram(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Nervous(Wrapped):
            def heard(self, message: bytes, now_ns: int) -> None:
                if len(message) == 7:
                    self.engine.set_priority(1, 50, now_ns)

        monkeypatch.setattr(fuzz_engine, "Engine", Nervous)
        assert "a dropped datagram changed routers" in finds("engine")

    def test_an_engine_that_answers_what_it_drops(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Talkative(Wrapped):
            def heard(self, message: bytes, now_ns: int) -> None:
                if len(message) == 9:
                    self.engine.announce(6, now_ns)

        monkeypatch.setattr(fuzz_engine, "Engine", Talkative)
        assert "a dropped datagram was answered" in finds("engine")

    def test_a_configuration_that_raises(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fragile(path: str, **keywords: Any) -> Any:
            Path(path).read_text("utf-8")
            return load(path, **keywords)

        monkeypatch.setattr(fuzz_config, "load", fragile)
        assert "UnicodeDecodeError" in finds("config")


@pytest.mark.skipif(not NIGHTLY, reason="make nightly")
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed (extra fuzz)")
@pytest.mark.parametrize("name", fuzz_run.TARGETS)
def test_libfuzzer_finds_nothing(name: str) -> None:
    command = [sys.executable, str(Path(fuzz_run.__file__)), name, str(int(SECONDS)), "--atheris"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS + 120)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


@pytest.mark.rule("R1")
def test_datagrams_that_are_dropped_allocate_nothing() -> None:
    """What malloc has given out is the same after 20,000 of them, wrong in every way that the chance finds."""

    class MallocInfo(ctypes.Structure):
        _fields_ = [
            (name, ctypes.c_size_t)
            for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks",
                         "keepcost")
        ]

    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallinfo2"):
        pytest.skip("glibc 2.33 has mallinfo2")
    libc.mallinfo2.restype = MallocInfo
    made, chance = fuzz_engine.host(), random.Random(SEED)
    source, group = fuzz_engine.address(4, 2), fuzz_engine.GROUP[4]
    messages = [chance.choice((b"\x21", b"\x31", b"\x41")) + chance.randbytes(chance.randrange(40)) for _ in range(500)]

    def flood() -> None:
        for message in messages:
            made.engine.receive_datagram(message, domain=0, ifindex=fuzz_engine.IFINDEX, source=source,
                                         destination=group, ttl=255, now_ns=made.now_ns)

    flood()                             # each reason is told once
    before = fuzz_engine.look(made.engine)
    given = libc.mallinfo2().uordblks
    for _ in range(40):
        flood()
    grown = libc.mallinfo2().uordblks - given
    after = fuzz_engine.look(made.engine)
    assert [status for status, _ in after[:-3]] == [status for status, _ in before[:-3]]
    assert sum(after[-3].values()) - sum(before[-3].values()) > 10_000
    # The interpreter may keep a little for itself; one allocation per datagram would be 320,000 bytes at least.
    assert grown < 20_000, f"{grown} bytes more"


@pytest.mark.parametrize("name", [*fuzz_run.TARGETS, pytest.param("wire", marks=pytest.mark.root)])
def test_some_seconds_from_the_corpus_on(name: str, long_runs: dict[str, subprocess.Popen[str]]) -> None:
    said, complaint = long_runs[name].communicate(timeout=SECONDS + 60)
    assert long_runs[name].returncode == 0, complaint[-4000:]
    assert said.startswith(f"{name}: "), said
