"""A change finds exactly those that it concerns."""

from hypothesis import given
from hypothesis import strategies as st

from pyvrrp.interests import Interests

INTERESTS = st.sets(st.tuples(st.sampled_from(("link", "script")), st.sampled_from("abc")))
STEPS = st.lists(st.tuples(st.integers(0, 4), st.none() | INTERESTS))


@given(STEPS)
def test_the_index_agrees_with_a_plain_dict(steps):
    interests: Interests[int] = Interests()
    model: dict[int, set[tuple[str, str]]] = {}
    for one, wanted in steps:
        if wanted is None:
            if one in model:
                interests.drop(one)
                del model[one]
        else:
            interests.set(one, wanted)
            model[one] = wanted
        for kind in ("link", "script"):
            for name in "abc":
                expected = {one for one, wanted in model.items() if (kind, name) in wanted}
                assert set(interests.concerned([(kind, name)])) == expected


def test_one_that_is_concerned_twice_is_named_once():
    interests: Interests[str] = Interests()
    interests.set("x", [("link", "a"), ("script", "b")])
    assert list(interests.concerned([("link", "a"), ("script", "b"), ("link", "none")])) == ["x"]
