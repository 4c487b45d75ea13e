"""The line under a message: the mark stands under the word, whatever the line holds."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvrrp.config.excerpt import excerpt, headline, numbers_of, place, rendered
from pyvrrp.model import Diagnostic, Where


def shown(line: str, column: int, width: int = 80) -> list[str]:
    return excerpt(Where("k.conf", 7, column), line, width=width)


def test_place_and_kind() -> None:
    where = Where("k.conf", 4, 5)
    assert headline(Diagnostic(where, "no", "vrid-clash")) == "k.conf:4:5: error: no"
    assert headline(Diagnostic(where, "hm", "vrid-clash", is_error=False)) == "k.conf:4:5: warning: hm"
    assert place(Where("k.conf")) == "k.conf"
    assert place(Where("k.conf", 3)) == "k.conf:3"


def test_the_mark_is_as_long_as_the_word() -> None:
    assert shown("    priorty 150", 5) == ["    7 |     priorty 150", "      |     ^~~~~~~"]


def test_a_quoted_word_is_one_and_a_brace_ends_one() -> None:
    assert shown('a "b c" d', 3)[1] == "      |   ^~~~~"
    assert shown("eth0{", 1)[1] == "      | ^~~~"
    assert shown("x }", 3)[1] == "      |   ^"


def test_tabs_are_widened_in_both() -> None:
    assert shown("\ta\tword", 4) == ["    7 |         a       word", "      |                 ^~~~"]


def test_wide_and_combining_characters_are_counted_as_drawn() -> None:
    assert shown("日本 x", 4) == ["    7 | 日本 x", "      |      ^"]
    assert shown("e\u0301 x", 4) == ["    7 | e\u0301 x", "      |   ^"]


def test_what_cannot_be_seen_is_written_as_an_escape() -> None:
    assert shown("a\xa0b x", 5) == ["    7 | a\\xa0b x", "      |        ^"]
    assert shown("\udcff x\r", 3) == ["    7 | \\xff x", "      |      ^"]
    assert shown("\x1b[31m", 1)[0] == "    7 | \\x1b[31m"


@pytest.mark.parametrize("column", [0, 9, 1000])
def test_without_a_place_in_the_line_there_is_no_mark(column: int) -> None:
    assert shown("a b", column) == ["    7 | a b"]


def test_a_long_line_is_cut_around_the_mark() -> None:
    line = f"{'x' * 200} here {'y' * 200}"
    text, mark = shown(line, 202, width=60)
    assert text.startswith("    7 | ...x")
    assert text.endswith("y...")
    assert len(text) == 60
    assert text[mark.index("^") : len(mark)] == "here"
    assert shown("here " + "y" * 200, 1, width=60) == [
        "    7 | here " + "y" * 44 + "...",
        "      | ^~~~",
    ]
    text, mark = shown("y" * 200 + " here", 202, width=60)
    assert text.endswith("y here")
    assert text[mark.index("^") : len(mark)] == "here"


def test_a_word_longer_than_the_room_is_marked_as_far_as_it_is_shown() -> None:
    text, mark = shown("z" * 1000, 1, width=40)
    assert text == "    7 | " + "z" * 29 + "..."
    assert mark == "      | ^" + "~" * 28


def test_a_huge_line_costs_no_more_than_a_short_one() -> None:
    line = "x " * 5_000_000
    text, _ = shown(line, 4_000_001)
    assert len(text) <= 80


def test_colours() -> None:
    text = headline(Diagnostic(Where("k", 1), "no", "vrid-clash"), is_coloured=True)
    assert text == "\x1b[1mk:1:\x1b[0m \x1b[1;31merror:\x1b[0m no"
    assert excerpt(Where("k", 1, 1), "ab", width=80, is_coloured=True)[1] == "      | \x1b[1;32m^~\x1b[0m"


def test_a_line_that_is_not_known_is_left_out() -> None:
    found = [
        Diagnostic(Where("k", 1, 1), "one", "vrid-clash"),
        Diagnostic(Where("k", 9, 1), "two", "vrid-clash"),
        Diagnostic(Where("j"), "three", "vrid-clash"),
    ]
    assert numbers_of(found) == {"k": {1, 9}}
    assert list(rendered(found, {"k": {1: "ab"}}, width=80)) == [
        "k:1:1: error: one",
        "    1 | ab",
        "      | ^~",
        "k:9:1: error: two",
        "j: error: three",
    ]


ALPHABET = st.sampled_from("ab \t\"{}\\#日\u0301\xa0\udc80\x00é")


@given(st.text(ALPHABET, max_size=300), st.integers(0, 320), st.integers(1, 100))
def test_any_line_fits_and_can_be_printed(line: str, column: int, width: int) -> None:
    for text in shown(line, column, width):
        drawn = sum(
            0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
        )
        assert drawn <= max(width, 28)
        assert all(c.isprintable() for c in text)
        text.encode()
