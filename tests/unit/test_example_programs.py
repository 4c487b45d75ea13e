"""The examples run from the command line and print what they promise."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from serving import Daemon

from pyvrrp.control.answers import Answer, Call, WithStatus
from pyvrrp.control.transaction import Finding, TransactionReply, TransactionRequest

EXAMPLES = Path(__file__).parents[2] / "examples"
CAPTURE = EXAMPLES / "keepalived.pcap"


def example(name: str, *arguments: str, before: tuple[str, ...] = (), status: int = 0) -> tuple[list[str], str]:
    """Run an example; the lines that it printed, and its errors."""
    done = subprocess.run(
        [*before, sys.executable, str(EXAMPLES / name), *arguments], capture_output=True, text=True, timeout=25
    )
    assert done.returncode == status, done.stderr
    return done.stdout.splitlines(), done.stderr


def test_every_example_is_tested() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {
        "beacon.py", "decode_capture.py", "put_instance.py", "virtual_time.py",
    }


def test_put_instance(tmp_path: Path) -> None:
    """It sends a block as keepalived.conf has it, and prints what the daemon answers."""
    asked: list[TransactionRequest] = []
    answers: list[Answer] = [
        TransactionReply(accepted=True, scope="k", file="k.conf", added=["web"], untouched=2),
        WithStatus(HTTPStatus.CONFLICT, TransactionReply(
            accepted=False, error="nothing was changed: no", status=409, scope="k", file="k.conf",
            findings=[Finding(severity="error", file="put[0]", line=3, code="x", message="51x is no number")],
        )),
    ]

    async def transaction(call: Call) -> Answer:
        asked.append(call.body)
        return answers[len(asked) - 1]

    with Daemon(tmp_path / "s", list, {"transaction": transaction}) as daemon:
        words = ("web", "--interface", "eth0", "--address", "192.0.2.100/24", "--socket", daemon.path, "--vrid")
        assert example("put_instance.py", *words, "51", "--write")[0] == ["1 added, 0 changed, 2 untouched"]
        said = "line 3: error: 51x is no number\nnothing was changed: no\n"
        assert example("put_instance.py", *words, "51x", status=1) == ([], said)
    assert [request.write for request in asked] == [True, False]
    assert asked[0].put[0].startswith("vrrp_instance web {\n    interface eth0\n    virtual_router_id 51\n")


def test_decode_capture() -> None:
    lines, _ = example("decode_capture.py", "--password", "secret", str(CAPTURE))
    kinds = Counter(re.search(r"v(\d) vrid (\d+) priority (\d+) every (\S+) s", line).groups() for line in lines)  # type: ignore[union-attr]
    assert kinds == {
        ("3", "52", "150", "0.5"): 9, ("3", "52", "0", "0.5"): 1, ("2", "51", "150", "1"): 3,
        ("2", "51", "0", "1"): 1, ("3", "53", "150", "1"): 3, ("3", "53", "0", "1"): 1,
    }
    assert lines[0] == (
        " 0.000000 192.0.2.1 > 224.0.0.18 v3 vrid 52 priority 150 every 0.5 s: 192.0.2.101 192.0.2.102"
    )
    assert lines[-1].endswith("fe80::1 > ff02::12 v3 vrid 53 priority 0 every 1 s: fe80::64 2001:db8::64")


def test_decode_capture_says_what_is_wrong(tmp_path: Path) -> None:
    lines, _ = example("decode_capture.py", "--password", "wrong", str(CAPTURE))
    assert sum("dropped: the password is not the configured one" in line for line in lines) == 4
    damaged = bytearray(CAPTURE.read_bytes())
    damaged[24 + 16 + 14 + 8] = 64                      # the TTL of the first datagram
    (tmp_path / "damaged.pcap").write_bytes(damaged)
    lines, _ = example("decode_capture.py", str(tmp_path / "damaged.pcap"))
    assert "dropped: the TTL or Hop Limit is out of bounds" in lines[0]
    assert len(lines) == 18


@pytest.mark.parametrize("data", [b"", bytes(24), b"\x0a\x0d\x0d\x0a" + bytes(40), CAPTURE.read_bytes()[:20]])
def test_decode_capture_refuses_other_files(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "other").write_bytes(data)
    _, errors = example("decode_capture.py", str(tmp_path / "other"), status=1)
    assert errors == f"{tmp_path / 'other'}: it is not a pcap file\n"


def test_decode_capture_reads_the_other_byte_order(tmp_path: Path) -> None:
    little = CAPTURE.read_bytes()
    big = struct.pack(">IHHiIII", *struct.unpack_from("<IHHiIII", little))
    at = 24
    while at < len(little):
        header = struct.unpack_from("<4I", little, at)
        big += struct.pack(">4I", *header) + little[at + 16 : at + 16 + header[2]]
        at += 16 + header[2]
    (tmp_path / "big.pcap").write_bytes(big)
    assert example("decode_capture.py", str(tmp_path / "big.pcap")) == example("decode_capture.py", str(CAPTURE))


def test_virtual_time() -> None:
    lines, _ = example("virtual_time.py")
    assert [line.split()[2:] for line in lines if "->" in line] == [
        ["left", "INIT", "->", "BACKUP"], ["right", "INIT", "->", "BACKUP"], ["right", "BACKUP", "->", "MASTER"],
        ["right", "MASTER", "->", "FAULT"], ["left", "BACKUP", "->", "MASTER"],
        ["right", "FAULT", "->", "BACKUP"], ["right", "BACKUP", "->", "MASTER"], ["left", "MASTER", "->", "BACKUP"],
    ]
    left, right = (tuple(map(int, re.findall(r"\d+", line))) for line in lines[-2:])
    assert left[0] == pytest.approx(1203, abs=3)
    assert right[0] == pytest.approx(2395, abs=5)
    assert (left[1], right[1]) == (right[0] + 1, left[0]), "each hears the other; a priority 0 is not in advert_sent"


@pytest.fixture
def beacons() -> Iterator[tuple[str, str]]:
    """Two namespaces with eth0 on one wire, 192.0.2.1 and 192.0.2.2."""
    names = tuple(f"ex-{os.getpid()}-{side}" for side in "ab")

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    try:
        for name in names:
            ip("netns", "add", name)
        ip("-n", names[0], "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", names[1])
        for number, name in enumerate(names, start=1):
            ip("-n", name, "address", "add", f"192.0.2.{number}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
        yield names[0], names[1]
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


@pytest.mark.root
def test_beacons_elect_one_of_them(beacons: tuple[str, str]) -> None:
    command = ["ip", "netns", "exec", beacons[0], sys.executable, str(EXAMPLES / "beacon.py"), "eth0", "51"]
    fast = ("--interval", "0.1")
    with subprocess.Popen([*command, "192.0.2.100", *fast, "--seconds", "4"], stdout=subprocess.PIPE, text=True) as low:
        lines, _ = example(
            "beacon.py", "eth0", "51", "192.0.2.100", "--priority", "200", *fast, "--seconds", "1.5",
            before=("ip", "netns", "exec", beacons[1]),
        )
        said, _ = low.communicate(timeout=25)
    assert lines[:2] == ["INIT -> BACKUP", "BACKUP -> MASTER"]
    assert lines[-2] == "MASTER -> INIT"
    states = [line for line in said.splitlines() if "->" in line]
    assert states == ["INIT -> BACKUP", "BACKUP -> MASTER", "MASTER -> INIT"], "when the better one had gone"


@pytest.mark.root
def test_a_beacon_without_an_interface_says_so() -> None:
    _, errors = example("beacon.py", "nothing0", "51", "192.0.2.100", status=1)
    assert errors.startswith("nothing0: ")
