"""The arithmetic of timers, against the fractions that the RFCs print."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest

from vrrpcore.election import master_down_interval, skew_time

S = 1_000_000_000
CS = 10_000_000
V3_INTERVALS = (1, 2, 3, 7, 10, 50, 99, 100, 101, 255, 256, 1000, 4095)
V2_INTERVALS = (100, 200, 300, 1000, 25500)


@pytest.mark.rule("M1")
@pytest.mark.parametrize("interval_cs", V2_INTERVALS)
def test_v2_skew_is_of_a_second_whatever_the_interval(interval_cs: int) -> None:
    for priority in range(256):
        exact = Fraction(256 - priority, 256) * S
        assert skew_time(2, priority, interval_cs) == exact // 1
        assert master_down_interval(2, priority, interval_cs) == (3 * interval_cs * CS + exact) // 1


@pytest.mark.rule("M2")
@pytest.mark.parametrize("interval_cs", V3_INTERVALS)
def test_v3_skew_is_of_the_masters_interval(interval_cs: int) -> None:
    for priority in range(256):
        exact = Fraction((256 - priority) * interval_cs * CS, 256)
        assert skew_time(3, priority, interval_cs) == exact // 1
        assert master_down_interval(3, priority, interval_cs) == (3 * interval_cs * CS + exact) // 1


@pytest.mark.rule("M5")
@pytest.mark.parametrize("adverts", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("version", [2, 3])
def test_adverts_that_may_be_missed_are_a_setting(version: int, adverts: int) -> None:
    got = master_down_interval(version, 100, 100, adverts)
    assert got == adverts * S + skew_time(version, 100, 100)


@pytest.mark.rule("M6")
def test_keepaliveds_microseconds_are_ours_rounded_down() -> None:
    for priority in range(256):
        assert skew_time(2, priority, 100) // 1000 == (256 - priority) * 1_000_000 // 256
        for interval_cs in V3_INTERVALS:
            assert skew_time(3, priority, interval_cs) // 1000 == (256 - priority) * interval_cs * 625 // 16


def test_keepaliveds_default_is_3609_ms() -> None:
    assert master_down_interval(2, 100, 100) == 3_609_375_000
    assert master_down_interval(3, 100, 100) == 3_609_375_000


@pytest.mark.rule("M7")
def test_the_higher_priority_is_always_sooner() -> None:
    """At 1 cs neighbours in priority are 39 us apart, and never equal."""
    for interval_cs in (*range(1, 300), *range(300, 4096, 13), 4095):
        deadlines = [master_down_interval(3, priority, interval_cs) for priority in range(256)]
        apart = [lower - higher for lower, higher in pairwise(deadlines)]
        assert min(apart) >= interval_cs * CS // 256 > 0


def test_the_higher_priority_is_always_sooner_in_v2() -> None:
    for seconds in range(1, 256):
        deadlines = [master_down_interval(2, priority, seconds * 100) for priority in range(256)]
        assert min(lower - higher for lower, higher in pairwise(deadlines)) >= S // 256


@pytest.mark.parametrize("version", [-1, 0, 1, 4, 255])
def test_other_versions_are_refused(version: int) -> None:
    with pytest.raises(ValueError, match="neither 2 nor 3"):
        skew_time(version, 100, 100)
    with pytest.raises(ValueError, match="neither 2 nor 3"):
        master_down_interval(version, 100, 100)
