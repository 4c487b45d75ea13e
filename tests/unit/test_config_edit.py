"""Edits of a text: blocks are found where they stand, and nothing else moves."""

from __future__ import annotations

import pytest

from pyvrrp.config.edit import edited
from pyvrrp.config.lexer import Lexer
from pyvrrp.config.outline import Block, Key, Outline, Span
from pyvrrp.config.report import Report

TEXT = """\
# top
vrrp_instance a {   # first
    interface eth0
}

vrrp_script s {
    script "/bin/true { }"
}   # behind

! the last one
vrrp_instance b {
}
"""


def outline(text: str) -> Outline:
    found = Outline()
    assert list(found.watch(Lexer("x", Report()).pieces(text)))
    return found


def block(text: str, name: str) -> Block:
    (found,) = [block for block in outline(text).blocks if block.key is not None and block.key.name == name]
    return found


def test_blocks_are_found_with_their_lines() -> None:
    found = outline(TEXT)
    assert [(each.key, each.span) for each in found.blocks] == [
        (Key("vrrp_instance", "a"), Span(2, 4, 1)),
        (Key("vrrp_script", "s"), Span(6, 8, 1)),
        (Key("vrrp_instance", "b"), Span(11, 12, 1)),
    ]
    assert found.loose == []
    assert found.blocks[1].text(TEXT.split("\n")) == 'vrrp_script s {\n    script "/bin/true { }"\n}'


def test_an_old_word_and_a_new_one_are_one_kind() -> None:
    assert block("vrrp_track_file f {\n}", "f").key == Key("track_file", "f")


def test_what_has_no_name_has_no_key() -> None:
    found = outline("global_defs {\n}\nvrrp_version 3\nvrrp_instance {\n}\nnonsense x {\n}\n")
    assert [each.key for each in found.blocks] == [None, None, None]
    assert [piece.words for piece in found.loose] == [["vrrp_version", "3"]]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("vrrp_instance a {\n}\n", ""),
        ("vrrp_instance a\n\n# c\n{\n}  # c\n", ""),
        ("vrrp_instance a { interface eth0\n}\n", ""),
        ("# @left\nvrrp_instance a {\n    # include x\n    auth_pass pa$$word\n}\n", ""),
        ("vrrp_instance b {\n} vrrp_instance a {\n}\n", "something else stands on a line"),
        ("vrrp_instance a {\n} vrrp_instance b {\n}\n", "something else stands on a line"),
        ("vrrp_instance a {\n@left interface eth0\n}\n", "@ makes a part of it"),
        ("vrrp_instance a { @left interface eth0\n}\n", "@ makes a part of it"),
        ("vrrp_instance a {\ninclude more\n}\n", "include makes a part of it"),
        ("vrrp_instance a {\n~SEQ(N, 2) x\n}\n", "~SEQ makes a part of it"),
    ],
)
def test_a_block_that_is_not_plain_says_why(text: str, why: str) -> None:
    assert block(text, "a").why_not_plain(text.split("\n")).startswith(why)
    assert bool(why) == bool(block(text, "a").why_not_plain(text.split("\n")))


def test_a_block_is_replaced_in_its_place() -> None:
    span = block(TEXT, "s").span
    assert edited(TEXT, {span: "vrrp_script s {\n    script x\n}"}) == TEXT.replace(
        'script "/bin/true { }"', "script x"
    )


def test_a_block_that_goes_takes_an_empty_line_with_it() -> None:
    without = edited(TEXT, {block(TEXT, "s").span: None})
    assert without == TEXT[: TEXT.index("\nvrrp_script")] + TEXT[TEXT.index("\n! the") :]
    both = {block(without, name).span: None for name in "ab"}
    assert edited(without, both) == "# top\n\n! the last one\n"


def test_a_new_block_stands_at_the_end() -> None:
    assert edited("a\n", {}, ["b {\n}", "c {\n}"]) == "a\n\nb {\n}\n\nc {\n}\n"
    assert edited("a", {}, ["b {\n}"]) == "a\n\nb {\n}\n"
    assert edited("", {}, ["b {\n}"]) == "b {\n}\n"
    assert edited("a\r\n", {}, ["b {\n}"]) == "a\r\n\r\nb {\r\n}\r\n"


@pytest.mark.parametrize("text", ["", "\n", "\n\n", "# c\n", "x {\n}\n", "x {\n}\n\n", "x {\r\n}\r\n", "\tx {}\n \n"])
def test_what_was_added_and_goes_again_leaves_the_text_as_it_was(text: str) -> None:
    added = edited(text, {}, ["vrrp_instance b {\n}", "vrrp_instance c {\n}"])
    once = edited(added, {block(added, "b").span: None})
    assert edited(once, {block(once, "c").span: None}) == text
    both = {block(added, name).span: None for name in "bc"}
    assert edited(added, both) == text
