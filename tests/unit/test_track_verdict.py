"""pyvrrp/track/verdict.py: rise and fall as keepalived counts them (rule T3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvrrp.track.verdict import Verdict


def feed(verdict: Verdict, results: str) -> str:
    """Count results given as + and -; return the verdict after each as u and d."""
    text = ""
    for result in results:
        verdict.add(result == "+")
        text += "u" if verdict.up else "d"
    return text


@pytest.mark.keepalived("T3")
@pytest.mark.parametrize(
    ("rise", "fall", "results", "expected"),
    [
        (1, 1, "+-+--+", "ududdu"),
        (4, 1, "+", "u"),  # one success decides at first
        (1, 4, "-", "d"),  # one failure as well
        (3, 3, "-++", "ddd"),
        (3, 3, "-+++", "dddu"),
        (3, 3, "-++-+++", "ddddddu"),  # a failure on the way up starts the count anew
        (3, 3, "+--+--+", "uuuuuuu"),  # a success on the way down refills it
        (3, 3, "+---", "uuud"),
        (2, 2, "--++--++", "ddduuddu"),
    ],
)
def test_rise_and_fall(rise: int, fall: int, results: str, expected: str) -> None:
    assert feed(Verdict(rise=rise, fall=fall), results) == expected


def test_the_first_result_is_a_change_and_a_repeated_one_is_not() -> None:
    verdict = Verdict(rise=1, fall=1)
    assert verdict.up is None
    assert verdict.add(False)
    assert not verdict.add(False)
    assert verdict.add(True)
    assert not verdict.add(True)


@given(
    rise=st.integers(1, 5), fall=st.integers(1, 5), results=st.lists(st.booleans(), min_size=1, max_size=40)
)
def test_agrees_with_counting_in_words(rise: int, fall: int, results: list[bool]) -> None:
    """Up after `rise` successes in a row, down after `fall` failures in a row, the first result decides."""
    verdict = Verdict(rise=rise, fall=fall)
    up: bool | None = None
    streak = 0
    for index, ok in enumerate(results):
        streak = streak + 1 if index and ok == results[index - 1] else 1
        if up is None or (ok and not up and streak >= rise) or (not ok and up and streak >= fall):
            up = ok
        verdict.add(ok)
        assert verdict.up is up


@pytest.mark.keepalived("Q5")
def test_a_reload_keeps_what_was_decided() -> None:
    verdict = Verdict(rise=2, fall=3)
    feed(verdict, "+--")  # one more failure takes it down
    verdict.resize(rise=5, fall=3)
    assert verdict.up
    assert feed(verdict, "-") == "d"
    verdict.resize(rise=1, fall=1)
    assert not verdict.up
    assert feed(verdict, "+") == "u"
    verdict.resize(rise=3, fall=4)
    assert feed(verdict, "---") == "uuu"


@given(
    sizes=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2, max_size=4),
    results=st.lists(st.booleans(), min_size=1, max_size=10),
)
def test_a_reload_alone_never_changes_the_verdict(sizes: list[tuple[int, int]], results: list[bool]) -> None:
    verdict = Verdict(rise=sizes[0][0], fall=sizes[0][1])
    for rise, fall in sizes[1:]:
        for ok in results:
            verdict.add(ok)
        before = verdict.up
        verdict.resize(rise=rise, fall=fall)
        assert verdict.up is before
        verdict.add(bool(before))
        assert verdict.up is before


def test_what_starts_failed_needs_all_its_successes() -> None:
    verdict = Verdict(rise=3, fall=1, starts_failed=True)
    assert verdict.up is False
    assert [verdict.add(True) for _ in range(3)] == [False, False, True]
    assert verdict.up is True
    verdict = Verdict(rise=2, fall=1, starts_failed=True)
    assert [verdict.add(ok) for ok in (True, False, True, True)] == [False, False, False, True]
