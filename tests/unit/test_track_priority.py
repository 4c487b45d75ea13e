"""pyvrrp/track/priority.py: effective priority and FAULT (rules K1 to K3, S10)."""

import pytest

from pyvrrp.model import Tracked
from pyvrrp.track.priority import Contribution, Number, Quorum, effective, merged


@pytest.mark.keepalived("K2")
@pytest.mark.parametrize(
    ("weight", "ok", "reverse", "expected"),
    [
        (20, True, False, 120),
        (20, False, False, 100),
        (20, None, False, 100),  # observed with keepalived 2.2.7: undecided adds nothing
        (-30, True, False, 100),
        (-30, False, False, 70),
        (-30, None, False, 100),  # the same
        (20, True, True, 80),
        (20, False, True, 100),
        (-30, False, True, 130),
        (-30, True, True, 100),
    ],
)
def test_weights(weight: int, ok: bool | None, reverse: bool, expected: int) -> None:
    result = effective(100, [Contribution("t", weight, ok, reverse)])
    assert result == (expected, (), ())
    assert not result.is_fault
    assert not result.is_held


@pytest.mark.keepalived("K1")
@pytest.mark.parametrize(
    ("base", "weights", "expected"),
    [
        (100, [253], 254),
        (100, [100, 100, -46], 254),
        (100, [-253], 1),
        (1, [-1], 1),
        (254, [1], 254),
        (200, [-50, -50], 100),
    ],
)
def test_the_sum_is_clamped_at_the_end(base: int, weights: list[int], expected: int) -> None:
    items = [Contribution(str(weight), weight, weight > 0) for weight in weights]
    assert effective(base, items).priority == expected


@pytest.mark.keepalived("K1")
def test_the_owner_keeps_its_priority() -> None:
    result = effective(
        255,
        [Contribution("low", -100, False), Contribution("high", 100, True), Contribution("must", 0, False)],
    )
    assert result == (255, ("must failed",), ())


@pytest.mark.keepalived("K3")
def test_a_weight_of_0_is_fault_by_name() -> None:
    items = [
        Contribution("a", 0, False),
        Contribution("b", 0, True),
        Contribution("c", 0, False),
        Contribution("d", 0, True, True),
    ]
    result = effective(100, items)
    assert result.failed == ("a failed", "c failed", "d is well")
    assert result.is_fault
    assert result.priority == 100
    assert not effective(100, [Contribution("d", 0, False, True)]).is_fault


@pytest.mark.keepalived("S10")
def test_an_undecided_unweighted_tracker_holds() -> None:
    result = effective(100, [Contribution("a", 0, None), Contribution("b", 5, None)])
    assert result.is_held
    assert result.undecided == ("a",)
    assert not result.is_fault


@pytest.mark.keepalived("K8")
@pytest.mark.parametrize(
    ("weight", "reverse", "number", "priority", "is_fault"),
    [
        (2, False, 10, 120, False),
        (1, False, -200, 1, False),         # 100 - 200, at least 1
        (1, False, -253, 1, False),
        (1, False, -254, 100, True),
        (2, False, 500, 254, False),
        (1, True, 10, 90, False),
        (1, True, 254, 100, True),
        (-1, False, 30, 70, False),
        (0, False, 0, 100, False),
        (0, False, 1, 100, True),
        (0, True, 0, 100, True),
        (0, True, 7, 100, False),
    ],
)
def test_the_number_of_a_file_times_its_weight(weight, reverse, number, priority, is_fault) -> None:
    result = effective(100, [Number("f", weight, number, reverse)])
    assert (result.priority, result.is_fault) == (priority, is_fault)
    assert result.failed == ((f"track_file f holds {number}",) if is_fault else ())
    assert effective(255, [Number("f", weight, number, reverse)]).priority == 255


@pytest.mark.keepalived("K10")
def test_what_a_member_and_its_group_track() -> None:
    """What both track counts once: as the group says, unless the member tracks it without a weight."""
    own = (Tracked("a", 5), Tracked("b", 0), Tracked("c", 7, reverse=True))
    of_group = (Tracked("a", -9, reverse=True), Tracked("b", 20), Tracked("d", 3))
    assert merged(own, of_group) == (
        Tracked("a", -9, reverse=True), Tracked("b", 0), Tracked("c", 7, reverse=True), Tracked("d", 3)
    )
    assert merged(own, ()) == own


@pytest.mark.keepalived("K2", "K3", "K9")
def test_processes_count_as_scripts_do() -> None:
    for ok, weight, reverse, priority in (
        (True, 20, False, 120), (False, 20, False, 100), (False, -20, False, 80), (True, 20, True, 80),
        (None, 20, False, 100),
    ):
        assert effective(100, [Quorum("p", weight, ok, reverse)]).priority == priority
    assert effective(100, [Quorum("p", 0, False)]).failed == ("track_process p has no quorum",)
    assert effective(100, [Quorum("p", 0, True, reverse=True)]).failed == ("track_process p has its quorum",)
    assert effective(100, [Quorum("p", 0, None)]).undecided == ("p",)
    assert not effective(100, [Quorum("p", 0, True)]).is_fault
