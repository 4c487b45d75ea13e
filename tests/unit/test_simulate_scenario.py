"""What is to happen, as lines of text."""

from __future__ import annotations

import pytest

from pyvrrp import limits
from pyvrrp.errors import UsageError
from pyvrrp.simulate.network import Weather
from pyvrrp.simulate.scenario import ACTIONS, Step, chance, delayed, in_order, read, step, time_ns

HOSTS = ("A", "B", "C")
S, MS = 1_000_000_000, 1_000_000


@pytest.mark.parametrize(
    ("text", "ns"), [("10s", 10 * S), ("1.5s", 1500 * MS), ("200ms", 200 * MS), ("2m", 120 * S), ("1h", 3600 * S),
                     ("7", 7 * S), ("0", 0), ("50us", 50_000), ("0.000000001s", 1)],
)
def test_times(text: str, ns: int) -> None:
    assert time_ns(text) == ns


@pytest.mark.parametrize("text", ["", "s", "-1s", "1e3s", "10 s", "1.s", "99h", "10d", "1_0s", "٣s"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError):
        time_ns(text)


def test_chances_and_delays() -> None:
    assert chance("10%") == 0.1
    assert chance("0.5") == 0.005
    assert delayed(Weather(), "1ms..5ms") == Weather(MS, 5 * MS)
    assert delayed(Weather(loss=0.1), "2ms") == Weather(2 * MS, 2 * MS, 0.1)
    for text in ("101%", "-1%", "x"):
        with pytest.raises(UsageError, match=r"is not in 0%\.\.100%"):
            chance(text)
    with pytest.raises(UsageError, match="the second time is shorter"):
        delayed(Weather(), "5ms..1ms")


def test_steps_in_the_order_of_their_times() -> None:
    text = """
    # a night
    at 20s join
    at 10s  stop A      # its power
    at 15s cut A,B to C
    at 15s file A f -7
    """
    assert read(text, "night", HOSTS) == [
        Step(10 * S, "stop", ("A",)),
        Step(15 * S, "cut", ("A,B", "to", "C")),
        Step(15 * S, "file", ("A", "f", "-7")),
        Step(20 * S, "join"),
    ]
    assert [str(one) for one in read(text, "night", HOSTS)][1] == "cut A,B to C"
    assert str(step("1", "cut A B", HOSTS)) == "cut A B"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stop", "write it as: stop HOST"),
        ("stop X", "there is no host X; name one of A, B, C"),
        ("cut A", r"write it as: cut HOSTS \[to\] HOSTS"),
        ("cut A,X B", "there is no host X"),
        ("link A eth0 sideways", "write it as: link HOST INTERFACE up|down"),
        ("file A f much", "write it as: file HOST NAME NUMBER"),
        ("priority A web 255", "not in 1..254"),
        ("loss many", "is not in 0%..100%"),
        ("dance A", "dance is no word of a scenario"),
        ("", "nothing is no word of a scenario"),
    ],
)
def test_what_is_no_step(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        step("1s", text, HOSTS)


def test_a_bad_line_is_told_with_its_place() -> None:
    with pytest.raises(UsageError, match=r"^night:2: there is no host X"):
        read("at 1s stop A\nat 2s stop X\n", "night", HOSTS)
    with pytest.raises(UsageError, match=r"^night:1: stop A now please is not a step"):
        read("stop A now please", "night", HOSTS)


def test_there_are_not_too_many() -> None:
    with pytest.raises(UsageError, match="10000 is the most"):
        in_order([Step(0, "join")] * (limits.SIMULATE_STEPS_MAX + 1))


def test_every_word_can_be_read() -> None:
    given = {"HOST": "A", "HOSTS": "B", "[to]": "to", "[HOSTS": "A", "HOSTS]": "B", "INTERFACE": "eth0", "NAME": "n",
             "INSTANCE": "web", "NUMBER": "7", "PERCENT": "5%", "TIME[..TIME]": "1ms..2ms"}
    for name, action in ACTIONS.items():
        words = [given.get(word, word.partition("|")[0]) for word in action.takes.split()]
        assert step("1s", " ".join([name, *words]), HOSTS).action == name
