"""The adverts on a host's wire as tcpdump has them: the kernel's own times, however many there are."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from netns.harness import IP, Node, until

TCPDUMP = shutil.which("tcpdump") or "/usr/bin/tcpdump"
_PCAP_NS = 0xA1B23C4D
_FILE_BYTES, _FRAME_BYTES = 24, 16          # their headers


@dataclass(frozen=True, slots=True)
class Seen:
    """One IPv4 advert."""

    at_s: float                 # of CLOCK_MONOTONIC
    source: str
    vrid: int
    priority: int


class Capture:
    """Adverts that reach a host, to be read when it has ended."""

    def __init__(self, node: Node, file: Path) -> None:
        self._file = file
        words = ["-i", "eth0", "-Q", "in", "-s", "64", "-B", "65536", "-U", "-n", "-Z", "root"]
        words.append("--time-stamp-precision=nano")
        self._process = subprocess.Popen(
            [IP, "netns", "exec", node.namespace, TCPDUMP, *words, "-w", str(file), "ip proto 112"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        until(lambda: file.exists() and file.stat().st_size >= _FILE_BYTES, 10, "tcpdump has begun")

    def end(self) -> list[Seen]:
        """Stop it; what it has seen, in order. It must not have lost any."""
        offset_s = time.monotonic() - time.time()
        self._process.send_signal(signal.SIGINT)
        _, said = self._process.communicate(timeout=20)
        assert b"\n0 packets dropped by kernel" in said, said
        return list(_adverts(self._file.read_bytes(), offset_s))

    def discard(self) -> None:
        """Stop it if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@contextlib.contextmanager
def capture(node: Node, directory: Path) -> Iterator[Capture]:
    """Capture until the end of the block."""
    file = directory / f"{node.namespace}-{os.getpid()}.pcap"
    made = Capture(node, file)
    try:
        yield made
    finally:
        made.discard()
        file.unlink(missing_ok=True)


def _adverts(data: bytes, offset_s: float) -> Iterator[Seen]:
    (magic,) = struct.unpack_from("=I", data)
    assert magic == _PCAP_NS, hex(magic)
    place = _FILE_BYTES
    while place + _FRAME_BYTES <= len(data):
        seconds, nanoseconds, length, _ = struct.unpack_from("=IIII", data, place)
        frame = data[place + _FRAME_BYTES : place + _FRAME_BYTES + length]
        place += _FRAME_BYTES + length
        header = 14 + (frame[14] & 15) * 4              # Ethernet, then IPv4
        yield Seen(
            seconds + nanoseconds / 1e9 + offset_s, ".".join(map(str, frame[26:30])), frame[header + 1],
            frame[header + 2],
        )
