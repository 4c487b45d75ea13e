"""Pieces to a tree: which block a line belongs to, and what is said when braces or words are wrong."""

import pytest

from pyvrrp.config.lexer import Lexer
from pyvrrp.config.parser import Statement, parse
from pyvrrp.config.report import Report


def tree(text: str) -> tuple[list[object], list[str]]:
    """Statements as [words, children], and the messages."""
    report = Report()
    statements = parse(Lexer("f", report).pieces(text), report)
    return [shape(statement) for statement in statements], [str(d) for d in report.finish()]


def shape(statement: Statement) -> object:
    text = " ".join(statement.words)
    return (text, [shape(inner) for inner in statement.statements]) if statement.statements else text


def test_layouts_of_a_block_are_one() -> None:
    expected = ([("vrrp_instance A", ["state BACKUP", ("virtual_ipaddress", ["192.0.2.1"])])], [])
    for text in (
        "vrrp_instance A {\n state BACKUP\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n",
        "vrrp_instance A\n{\nstate BACKUP\nvirtual_ipaddress\n\n# here\n{\n192.0.2.1\n}\n}\n",
        "vrrp_instance A { state BACKUP\nvirtual_ipaddress { 192.0.2.1 } }",
        "vrrp_instance A {\r\n state BACKUP\r\n virtual_ipaddress { 192.0.2.1 }\r\n}\r\n",
    ):
        assert tree(text) == expected


def test_place_of_a_word() -> None:
    report = Report()
    (block,) = parse(Lexer("f", report).pieces('vrrp_instance "A B" {\n  state  BACKUP }'), report)
    assert (block.where().line, block.where().column) == (1, 1)
    assert block.where(1).column == 16
    assert (block.statements[0].where(1).line, block.statements[0].where(1).column) == (2, 10)


def test_unknown_keyword_gets_one_warning_and_a_near_one() -> None:
    statements, messages = tree("vrrp_instance A {\n priorty 100\n state BACKUP\n}\n")
    assert statements == [("vrrp_instance A", ["state BACKUP"])]
    assert messages == [
        "f:2: warning: keyword priorty is not known in vrrp_instance and is ignored; did you mean priority?"
    ]


def test_unknown_block_is_left_out_balanced() -> None:
    """keepalived reads the inside at the enclosing level, and its } ends the instance."""
    statements, messages = tree(
        "vrrp_instance A {\n frobnicate {\n state MASTER\n deep { x }\n }\n state BACKUP\n}\n"
        "virtual_server 192.0.2.1 80 {\n real_server 192.0.2.2 80 {\n weight 1\n }\n}\n"
        "vrrp_instance B {\n state BACKUP\n}\n"
    )
    assert statements == [("vrrp_instance A", ["state BACKUP"]), ("vrrp_instance B", ["state BACKUP"])]
    assert messages == [
        "f:2: warning: block frobnicate is not known in vrrp_instance and is left out as a whole; remove it",
        "f:8: warning: pyvrrp does not do virtual_server: LVS is not set up (keepalived --check does it); "
        "all else is used",
    ]


def test_unknown_block_with_its_brace_on_the_next_line() -> None:
    statements, messages = tree("vrrp_instance A {\n frob\n {\n state MASTER\n }\n state BACKUP\n}\n")
    assert statements == [("vrrp_instance A", ["state BACKUP"])]
    assert len(messages) == 1
    assert "f:2" in messages[0]


def test_misplaced_keyword_says_where_it_belongs() -> None:
    _, messages = tree("priority 100\nvrrp_instance A {\n router_id x\n}\n")
    assert messages[0].endswith("does not belong outside all blocks and is ignored; move it inside vrrp_instance { }")
    assert messages[1].endswith("move it inside global_defs { }")


def test_keyword_with_an_invisible_character() -> None:
    _, (message,) = tree("vrrp_instance A {\n qq\xa0ww 1\n}\n")
    assert "qq\\xa0ww" in message
    assert "it holds a no-break space" in message


def test_surplus_words_are_a_warning() -> None:
    statements, messages = tree("vrrp_instance A {\n nopreempt advert_int 3\n priority 100 my own\n}\n")
    assert statements == [("vrrp_instance A", ["nopreempt advert_int 3", "priority 100 my own"])]
    assert messages == [
        "f:2: warning: nopreempt takes no arguments, the rest is ignored: advert_int 3; "
        "write advert_int on a line of its own",
        "f:3: warning: priority takes only 1 argument, the rest is ignored: my own; "
        "remove it, or make it a comment with #",
    ]


def test_missing_argument_is_an_error() -> None:
    report = Report()
    (block,) = parse(Lexer("f", report).pieces("vrrp_instance A {\n priority\n}"), report)
    assert block.broken is not None
    (message,) = report.finish()
    assert str(message) == (
        "f:2: priority lacks its argument; write a whole number after it, vrrp_instance A is not run without"
    )


def test_unclosed_block_names_the_line_that_opened_it() -> None:
    statements, messages = tree("\nvrrp_instance A {\n state BACKUP\n virtual_ipaddress {\n 192.0.2.1\n")
    assert statements == [("vrrp_instance A", ["state BACKUP", ("virtual_ipaddress", ["192.0.2.1"])])]
    assert messages == [
        "f:2: the block of vrrp_instance A that opens here is not closed; "
        "what it holds so far is used, add the missing }",
        "f:4: the block of virtual_ipaddress that opens here is not closed; "
        "what it holds so far is used, add the missing }",
    ]


@pytest.mark.parametrize("tail", ["\n", "\n}\n"])
def test_unclosed_block_does_not_swallow_the_next_instance(tail: str) -> None:
    statements, messages = tree(
        f"vrrp_instance A {{\n state BACKUP\n virtual_ipaddress {{\n 192.0.2.1{tail}"
        "vrrp_instance B {\n state BACKUP\n}\n"
    )
    assert [statement[0] for statement in statements if isinstance(statement, tuple)] == [
        "vrrp_instance A",
        "vrrp_instance B",
    ]
    assert "before vrrp_instance in line" in messages[0]
    assert len(messages) == 2 - tail.count("}")


def test_stray_braces() -> None:
    statements, messages = tree("}\n{\nvrrp_instance A {\n state BACKUP\n}\n}\n}\n")
    assert statements == [("vrrp_instance A", ["state BACKUP"])]
    assert [message.split(" ")[:3] for message in messages] == [
        ["f:1:", "this", "}"],
        ["f:2:", "this", "{"],
        ["f:7:", "this", "}"],
    ]


def test_block_of_a_keyword_that_has_none() -> None:
    statements, messages = tree("vrrp_instance A {\n priority 100 {\n state MASTER\n }\n state BACKUP\n}\n")
    assert statements == [("vrrp_instance A", ["priority 100", "state BACKUP"])]
    assert messages == ["f:2: priority has no block; the one opened here is left out, remove it"]


def test_missing_opening_brace() -> None:
    statements, messages = tree("vrrp_instance A\n state BACKUP\n}\nvrrp_instance B {\n state BACKUP\n}\n")
    assert statements == [("vrrp_instance A", ["state BACKUP"]), ("vrrp_instance B", ["state BACKUP"])]
    assert messages == ["f:1: vrrp_instance A is not followed by {; add it"]


def test_missing_opening_brace_before_the_next_keyword() -> None:
    statements, messages = tree("vrrp_instance A {\n track_script\n priority 5\n}\n")
    assert statements == [("vrrp_instance A", ["track_script", "priority 5"])]
    assert messages == ["f:2: track_script is not followed by {; add it"]


def test_deep_nesting_does_not_recurse() -> None:
    statements, messages = tree("x {\n" * 30_000)
    assert not statements
    assert len(messages) == 10_001  # one warning for x, then what the limit allows
