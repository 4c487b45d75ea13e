"""Lines to pieces: words, comments, quotes, braces, and bytes of every kind."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvrrp.config.lexer import CLOSE, OPEN, Lexer, Piece, decode
from pyvrrp.config.report import Report
from pyvrrp.model import Diagnostic


def lex(text: str | bytes) -> tuple[list[Piece], tuple[Diagnostic, ...]]:
    report = Report()
    data = text if isinstance(text, bytes) else text.encode()
    pieces = list(Lexer("f", report).pieces(decode(data)))
    return pieces, report.finish()


def words(text: str | bytes) -> list[list[str]]:
    pieces, diagnostics = lex(text)
    assert not diagnostics
    return [piece.words for piece in pieces]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n \t\f\v\r\n", []),
        ("a  b\tc\fd\ve\r", [["a", "b", "c", "d", "e"]]),
        ("a\r\nb\r\n", [["a"], ["b"]]),
        ("# all of it\n! too\na # b\nc ! d\nrouter_id a!b", [["a"], ["c"], ["router_id", "a"]]),
        (r'x "a # b ! c" d', [["x", "a # b ! c", "d"]]),
        (r"x \#1 \!2 # gone", [["x", "#1", "!2"]]),
        ("x 'a # b'", [["x", "'a"]]),  # single quotes protect nothing here
        ('ab"cd ef"gh', [["ab", "cd ef", "gh"]]),
        ('x ""', [["x", ""]]),
        ("state MASTER \\", [["state", "MASTER", "\\"]]),
        ("\ufeffa b", [["a", "b"]]),
        ("a\xa0b c", [["a\xa0b", "c"]]),  # a no-break space is not a blank
        ("a\x1cb\u2028c", [["a\x1cb\u2028c"]]),
    ],
)
def test_words(text: str, expected: list[list[str]]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a {", [["a"], OPEN]),
        ("a\n{\n}", [["a"], OPEN, CLOSE]),
        ("a { b } c", [["a"], OPEN, ["b"], CLOSE, ["c"]]),
        ("eth0{", [["eth0"], OPEN]),
        ('x "{ }" }', [["x", "{ }"], CLOSE]),
        ("} # }", [CLOSE]),
    ],
)
def test_braces(text: str, expected: list[list[str]]) -> None:
    assert words(text) == expected


def test_a_quoted_brace_is_no_brace() -> None:
    (piece,), _ = lex('"{"')
    assert piece.words == ["{"]
    assert piece.words is not OPEN


def test_places() -> None:
    pieces, _ = lex("a\n  b { c\n}")
    assert [(piece.line, piece.column, piece.text) for piece in pieces] == [
        (1, 1, "a"),
        (2, 1, "  b "),
        (2, 5, "{"),
        (2, 6, " c"),
        (3, 1, "}"),
    ]


def test_an_open_quote_loses_the_rest_of_its_line_only() -> None:
    pieces, diagnostics = lex('a b "c d\ne "f" "g\nh')
    assert [piece.words for piece in pieces] == [["a", "b"], ["e", "f"], ["h"]]
    assert [(d.where.line, d.where.column) for d in diagnostics] == [(1, 5), (2, 7)]
    assert "close it" in diagnostics[0].message


def test_a_line_with_nul_is_dropped_with_an_error() -> None:
    pieces, diagnostics = lex("a\nb\0c\nd")
    assert [piece.words for piece in pieces] == [["a"], ["d"]]
    assert [str(d) for d in diagnostics] == ["f:2: the line holds NUL bytes and is left out; remove them"]


def test_bytes_that_are_not_utf8_are_told_unless_in_a_comment() -> None:
    pieces, diagnostics = lex(b"router_id n\xe9 # caf\xe9\na # \xe9\n")
    assert [piece.words for piece in pieces] == [["router_id", "n\ufffd"], ["a"]]
    assert [d.where.line for d in diagnostics] == [1]
    assert "UTF-8" in diagnostics[0].message


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_lex(data: bytes) -> None:
    pieces, _ = lex(data)
    for piece in pieces:
        assert piece.words
        "".join(piece.words).encode()  # nothing that could not be printed


@given(st.text(alphabet='ab"\\#!{} \t', max_size=40))
def test_words_come_from_their_text(text: str) -> None:
    pieces, _ = lex(text)
    for piece in pieces:
        assert text[piece.column - 1 :].startswith(piece.text)
        for word in piece.words:
            # An escape outside quotes goes, one inside stays.
            assert word in piece.text or word in piece.text.replace("\\#", "#").replace("\\!", "!")


@pytest.mark.parametrize("unit", ['"', '"\\', '\\"', "{", "a{", "#", "\\", '"a" ', "a", "'"])
def test_time_is_linear(unit: str) -> None:
    """A line of 100,000 characters takes well under a second; squared time would take minutes."""
    line = unit * (100_000 // len(unit))
    start = time.process_time()
    lex(line)
    lex("x" + line + '"')
    assert time.process_time() - start < 5
