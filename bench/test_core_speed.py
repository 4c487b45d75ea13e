"""Packets: checksum, encoding, decoding; and the size of a router."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import inner
import pytest
import yardstick

from vrrpcore.packet import encode

CALLS = 20_000
SOURCE, GROUP, ADDRESS = bytes((192, 0, 2, 1)), bytes((224, 0, 0, 18)), bytes((192, 0, 2, 100))
ROUNDS = 41


def test_checksum(each_ns: Callable[..., float], figure: Callable[..., Any]) -> None:
    data = bytes(range(32))
    theirs = []

    def loop() -> int:
        theirs.append(yardstick.lib.checksum_loop(data, len(data), CALLS) / CALLS)     # between our rounds
        return int(inner.checksum(data, CALLS))

    ours = each_ns(loop, CALLS)
    figure(key="checksum", what="checksum of 32 bytes", value=ours, unit="ns", yardstick="C loop",
           yardstick_value=statistics.median(theirs), goal=1.2)


@pytest.mark.parametrize("version", [3, 2])
def test_encode(version: int, each_ns: Callable[..., float], figure: Callable[..., Any]) -> None:
    ours = each_ns(lambda: inner.encode(version, CALLS), CALLS)
    figure(key=f"encode-v{version}", what=f"encode, VRRPv{version}, 1 IPv4 address, hot", value=ours, unit="ns",
           goal=12)


@pytest.mark.parametrize("version", [3, 2])
def test_decode(version: int, each_ns: Callable[..., float], figure: Callable[..., Any]) -> None:
    message = encode(version=version, family=4, vrid=51, priority=100, interval_cs=100, addresses=[ADDRESS],
                     src=SOURCE, dst=GROUP)
    adverts = inner.Adverts([(2, SOURCE, GROUP, message)], version)
    ours = each_ns(lambda: adverts.decode(CALLS), CALLS)
    figure(key=f"decode-v{version}", what=f"decode with all checks, VRRPv{version}, 1 IPv4 address, hot", value=ours,
           unit="ns", goal=10)


def test_size(figure: Callable[..., Any]) -> None:
    figure(key="vr_t", what="vr_t, one router", value=inner.sizes()["vr_t"], unit="bytes", goal=256)
