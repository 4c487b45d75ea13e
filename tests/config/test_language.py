"""The language of the lines (rules L1 to L39 of keepalived's grammar): what the parser gets to see of a file.

Each case was watched under keepalived 2.2.7 too; where it differs, docs/differences.md says so.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyvrrp import limits
from pyvrrp.config import load
from pyvrrp.config.lexer import CLOSE, OPEN
from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Report
from pyvrrp.config.source import TooMuch
from pyvrrp.config.text import Text
from pyvrrp.model import Where


def read(path: Path, *, config_id: str = "left", all_config: bool = False) -> tuple[list[str], list[str]]:
    """What is left of a file, each line of words as one string, braces by themselves; and the messages."""
    report = Report()
    text = Text(report, config_id=config_id, all_config=all_config)
    pieces = [" ".join(piece.words) for piece in text.pieces(str(path))]
    return pieces, [f"{d.where.line}: {d.message}" for d in report.finish()]


@pytest.fixture
def lines(tmp_path: Path):
    """Text to what is left of it; with messages it fails, unless they are asked for."""

    def of(text: str, *, told: int = 0, config_id: str = "left") -> list[str]:
        path = tmp_path / "k.conf"
        path.write_text(text)
        pieces, messages = read(path, config_id=config_id)
        assert len(messages) == told, messages
        return pieces

    return of


@pytest.fixture
def told(tmp_path: Path):
    """Text to its one message."""

    def of(text: str) -> str:
        path = tmp_path / "k.conf"
        path.write_text(text)
        _, messages = read(path)
        (message,) = messages
        return message

    return of


# rule, text, what is left of it
CASES = [
    ("L1 CRLF", "a b\r\n c\td\r\n", ["a b", "c d"]),
    ("L1 blanks", "a\fb\vc", ["a b c"]),
    ("L2 comment", "router_id a!b\nx # y\n", ["router_id a", "x"]),
    ("L2 quoted", 'x "a # b ! c" d', ["x a # b ! c d"]),
    ("L2 escaped", "x \\#a\\!", ["x #a!"]),
    ("L3 quote in a word", 'x a"b c"d', ["x a b c d"]),
    ("L9 long line", f"x {'y' * 5000}", [f"x {'y' * 5000}"]),
    ("L11 backslash", "x y\\\nz", ["x y\\", "z"]),
    ("L12 braces", "a { b }\nc\n{\nd }", ["a", "{", "b", "}", "c", "{", "d", "}"]),
    ("L13 glued", "eth0{", ["eth0", "{"]),
    ("L22 definition", "$A=5\n  $B=\t7 \n$C=\nx $A $B ${C}y", ["x 5 7 y"]),
    ("L22 no blank before =", "$A =5\nx $A", ["$A =5", "x $A"]),
    ("L22 no digit first", "$1A=5\nx $1A", ["$1A=5", "x $1A"]),
    ("L22 underscore", "$_MINE=1\n$_INSTANCE=other\nx ${_MINE} ${_INSTANCE}", ["x 1 other"]),
    ("L22 again", "$A=1\nx $A\n$A=2\nx $A", ["x 1", "x 2"]),
    ("L22 comment", "$A=5 # five\nx ${A}y", ["x 5y"]),
    ("L22 quotes stay", '$A="a b"\nx $A', ["x a b"]),
    ("L22 a second =", "$A=x=y\nz $A", ["z x=y"]),
    ("L23 forms", "$A=5\nx $A, $A) a${A}b $Ab $A.c $A;", ["x 5, 5) a5b $Ab $A.c $A;"]),
    ("L23 undefined", 'x $NO "${NO}"', ["x $NO ${NO}"]),
    ("L23 in quotes", '$A=5\nx "a $A ${A}b"', ["x a 5 5b"]),
    ("L23 no escape", "$A=5\nx \\$A", ["x \\5"]),
    ("L24 lazy", "$A=${B}x\n$B=1\ny $A\n$B=2\ny $A", ["y 1x", "y 2x"]),
    ("L24 comment again", "$A=a\\#b\nx $A c", ["x a"]),
    ("L24 condition", "$A=@left x\n$B=@right y\n$A\n$B", ["x"]),
    ("L24 definition", "$A=$B=7\n$A\nx $B", ["x 7"]),
    ("L25 lines", "$M= \\\n a \\\n\tb 1 \\\nc\n$M", ["a", "b 1", "c"]),
    ("L25 joined", "$M= \\\na \\\nb\nx y$M\nz ${M}", ["x ya", "b", "z a", "b"]),
    ("L25 first line", "$M=a\\\nb\n$M", ["a", "b"]),
    ("L25 blank line ends it", "$M= \\\na \\\n\nb\n$M", ["b", "a"]),
    ("L25 comments", "$M= \\\na \\\n# c\nb # d \\\ne\n$M", ["a", "b", "e"]),
    ("L25 nested", "$M= \\\na \\\nb\n$N= \\\nc $M \\\nd\n$N", ["c a", "b", "d"]),
    ("L25 behind another", "$M= \\\na \\\nb\n$K=x $M\ny $K", ["y x a", "b"]),
    ("L25 definition inside", "$M= \\\na \\\n$X=7 \\\nb $X\n$M", ["a", "b 7"]),
    ("L25 condition inside", "$M= \\\na \\\n@right b \\\n@left c\n$M", ["a", "c"]),
    ("L25 braces", "$M= \\\na { \\\nb \\\n}\n$M", ["a", "{", "b", "}"]),
    ("L26 instance", "x ${_INSTANCE} $_INSTANCE", ["x left left"]),
    ("L26 hash, bang", 'x "${_HASH}a${_BANG}"\ny ${_HASH}z', ["x #a!", "y"]),
    ("L26 random", "x ${_RANDOM 7 7}", ["x 7"]),
    ("L26 unset", "x a${_ENV PYVRRP_TEST_UNSET}b", ["x ab"]),
    ("L27 end", "~SEQ(i, 3) x$i", ["x1", "x2", "x3"]),
    ("L27 negative end", "~SEQ(i, -2) x$i", ["x-1", "x-2"]),
    ("L27 zero", "~SEQ(i, 0) x$i", ["x1", "x0"]),
    ("L27 start", "~SEQ(i, 5, 3) x$i", ["x5", "x4", "x3"]),
    ("L27 step", "~SEQ(i, 1, 2, 6) x$i", ["x1", "x3", "x5"]),
    ("L27 step hits the end", "~SEQ(i, 0x10, 8, 040) x${i}y", ["x16y", "x24y", "x32y"]),
    ("L27 hexadecimal", "~SEQx(i, 8, 10) x$i", ["x8", "x9", "xa"]),
    ("L27 numbers from definitions", "$A=2\n~SEQ(i, $A, ${A}) x$i", ["x2"]),
    ("L27 its own variable stays", "~SEQ(i, 2) x\ny $i", ["x", "x", "y 2"]),
    ("L27 no blank", "~SEQ(i,2)x$i", ["x1", "x2"]),
    ("L27 not from the start", "x ~SEQX(i,2) $i", ["x ~SEQX(i,2) $i"]),
    ("L27 from a definition", "$S=~SEQ(i,2)\n$S x$i", ["x1", "x2"]),
    ("L27 condition after", "~SEQ(i,2) @left x$i", ["x1", "x2"]),
    ("L27 condition before", "@left ~SEQ(i,2) x$i\n@right ~SEQ(i,2) y$i", ["x1", "x2"]),
    ("L27 a definition in it", "~SEQ(i,2) $A=$i\nx $A", ["x 2"]),
    ("L28 list", "~LST(i, a, b) x$i", ["xa", "xb"]),
    ("L28 several", "~LST({a,b}, {1,2}, {3}, 4) x${a}_$b", ["x1_2", "x3_", "x4_"]),
    ("L28 empty", "~LST(i, , b) x${i}y", ["xy", "xby"]),
    ("L28 values are lazy", "$N=q,r\n~LST(i, $N, b) x$i", ["xq,r", "xb"]),
    ("L28 a value in braces", "$N=q,r\n~LST(i, ${N}, b) x$i", ["xq,r", "xb"]),
    ("L29 nested", "~SEQ(i,1,2) ~LST(j,a,b) x${i}$j", ["x1a", "x1b", "x2a", "x2b"]),
    ("L29 by the outer", "~SEQ(i,2) ~SEQ(j,1,$i) x${i}_$j", ["x1_1", "x2_1", "x2_2"]),
    ("L29 lines", "$V= \\\na $i \\\nb\n~SEQ(i,2) $V", ["a 1", "b", "a 2", "b"]),
    ("L30 id", "@left a\n@right b\n@^left c\n@^right d", ["a", "d"]),
    ("L30 tab", "\t@left\ta", ["a"]),
    ("L30 once", "@left @right a", ["@right a"]),
    ("L31 nothing after", "@left\na", ["a"]),
    ("L31 only its line", "@right x {\ny\n}", ["y", "}"]),
    ("L12 after a brace", "a { @left b\n@right c }", ["a", "{", "b"]),
    ("L12 repeated after a brace", "a { ~SEQ(i,2) b$i\n}", ["a", "{", "b1", "b2", "}"]),
    ("L12 defined after a brace", "a { $X=5\nb $X }", ["a", "{", "b 5", "}"]),
    ("L37 after a brace", "global_defs { include_check +match }", ["global_defs", "{", "}"]),
]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_rule(lines, text: str, expected: list[str]) -> None:
    assert lines(text) == expected


FAULTS = [
    ("L3", 'a "b', "1: the double quote opened here is not closed"),
    ("L10", "a\0b", "1: the line holds NUL bytes"),
    ("L13", "a\nb ${NO}", "2: ${NO} is not defined before this line; write $NO=VALUE above"),
    ("L24 itself", "$A=x${A}\na $A", "2: $A uses itself, so it has no end"),
    ("L24 itself at the start", "$A=$A x\n$A", "2: a definition uses itself"),
    ("L24 two", "$A=x${B}\n$B=${A}\na ${B}c", "3: $B uses itself"),
    ("L25 not at the end", "$M= \\\na \\\nb\nx $M y", "4: $M has several lines, so nothing can follow it"),
    ("L25 in quotes", '$M= \\\na \\\nb\nx "${M}"', "4: $M has several lines, so nothing can follow it"),
    ("L25 itself", "$M= \\\na \\\n$M\n$M", "3: $M uses itself, or others more than 32 deep"),
    ("L26 random", "x ${_RANDOM 9 2}", "1: ${_RANDOM 9 2}: 9 is more than 2"),
    ("L27 step", "~SEQ(i,1,0,3) x", "1: ~SEQ: the step is 0"),
    ("L27 sign", "~SEQ(i,1,-1,3) x", "1: ~SEQ: from 1 one never comes to 3 in steps of -1"),
    ("L27 number", "~SEQ(i,a,3) x", "1: ~SEQ: a is not a number"),
    ("L27 octal", "~SEQ(i,08,9) x", "1: ~SEQ: 08 is not a number"),
    ("L27 few", "~SEQ(i) x", "1: ~SEQ: ~SEQ takes a variable and one to three numbers"),
    ("L27 many", "~SEQ(i,1,2,3,4) x", "1: ~SEQ: ~SEQ takes a variable and one to three numbers"),
    ("L27 name", "~SEQ(2i,1) x", "1: ~SEQ: 2i cannot be a variable"),
    ("L27 open", "~SEQ(i,1 x", "1: ~SEQ: the ) is missing"),
    ("L27 hexadecimal", "~SEQx(i,-2) x", "1: ~SEQx: ~SEQx has no negative numbers"),
    ("L27 not from the start", "x ~SEQ(i,2) y", "1: ~SEQ and ~LST repeat a line only from its start"),
    ("L28 surplus", "~LST({a,b},{1,2,3}) x", "1: ~LST: {1,2,3} has more values than there are variables (2)"),
    ("L28 none", "~LST(i) x", "1: ~LST: ~LST has no values"),
    ("L28 blank", "~LST(i,a b) x", "1: ~LST: a b has a blank in it"),
    ("L28 quote", '~LST(i,"a") x', "1: ~LST: its list cannot be read"),
    ("L30 !", "@!left x", "1: @! begins a comment, so the line is left out; write @^"),
    ("L36 no name", "include", "1: include lacks its file"),
    ("L37 word", "include_check readable", "1: include_check readable is not known and ignored; write read, match"),
]


@pytest.mark.parametrize(("text", "message"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS])
def test_fault(told, text: str, message: str) -> None:
    assert told(text).startswith(message)


def test_the_environment(lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYVRRP_TEST", "a $X\nb")
    assert lines("$X=5\nx ${_ENV PYVRRP_TEST}") == ["x a $X b"]


def test_a_seed_makes_random_repeat(lines) -> None:
    text = "global_defs {\nrandom_seed 7\n}\n" + "x ${_RANDOM 1 1000000}\n" * 3
    first = lines(text)
    assert lines(text) == first
    assert len(set(first[3:])) == 3
    assert lines(text.replace("7", "8", 1)) != first


def test_random_is_in_its_range(lines) -> None:
    got = {int(line.split()[1]) for line in lines("random_seed 1\n" + "x ${_RANDOM 3 5}\n" * 100)}
    assert got == {3, 4, 5}
    got = {int(line.split()[1]) for line in lines("random_seed 1\n" + "x ${_RANDOM}\n" * 100)}
    assert min(got) >= 0
    assert 16384 < max(got) <= 32767


def places(path: Path) -> list[Where]:
    report = Report()
    return [
        statement.where()
        for statement in (
            Statement(piece, None)
            for piece in Text(report, config_id="left").pieces(str(path))
            if piece.words is not OPEN and piece.words is not CLOSE
        )
    ]


def test_places_are_those_that_were_written(tmp_path: Path) -> None:
    path = tmp_path / "k.conf"
    path.write_text("$A=5\n  x $A\n@left  y\n$M= \\\n  a $i \\\n  b\n~SEQ(i,1) $M\nz { @left q\n")
    assert [(where.line, where.column, where.origin.replace(str(tmp_path), "")) for where in places(path)] == [
        (2, 3, "the line reads: x 5"),
        (3, 8, ""),
        (5, 3, "the line reads: a 1; from $M, used in /k.conf:7"),
        (6, 3, "the line reads: b; from $M, used in /k.conf:7"),
        (8, 1, ""),
        (8, 11, ""),
    ]


class TestInclude:
    """L33 to L38."""

    @pytest.fixture
    def directory(self, tmp_path: Path) -> Path:
        files = {
            "b.inc": "b\ninclude sub/*.inc\n",
            "a.inc": "a ${_PWD}\n",
            "sub/z.inc": "z\n",
            "sub/y.inc": "y ${_PWD}\n",
            "self.inc": "self\ninclude self.inc\n",
        }
        (tmp_path / "sub").mkdir()
        (tmp_path / "d.dir").mkdir()
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        (tmp_path / "exec.bin").write_text("never\n")
        (tmp_path / "exec.bin").chmod(0o755)
        return tmp_path

    def got(self, directory: Path, text: str, **options: bool) -> tuple[list[str], list[str], bool]:
        path = directory / "k.conf"
        path.write_text(text)
        report = Report()
        layer = Text(report, config_id="left", **options)
        pieces = [" ".join(piece.words).replace(str(directory), "") for piece in layer.pieces(str(path))]
        return pieces, [str(d).replace(f"{directory}/", "") for d in report.finish()], layer.is_whole

    def test_in_place_in_order_and_from_its_own_directory(self, directory: Path) -> None:
        pieces, messages, _ = self.got(directory, "x {\n include [ab].inc # both\n}\ny ${_PWD}")
        assert pieces == ["x", "{", "a ", "b", "y /sub", "z", "}", "y "]
        assert messages == []

    def test_braces(self, directory: Path) -> None:
        assert self.got(directory, "include {sub/z,a}.inc\nx { include sub/z.inc\n}")[0] == [
            "z",
            "a ",
            "x",
            "{",
            "z",
            "}",
        ]

    def test_with_a_condition_and_from_a_definition(self, directory: Path) -> None:
        text = "@left include a.inc\n@right include b.inc\n$I=include sub/z.inc\n$I\n"
        assert self.got(directory, text)[0] == ["a ", "z"]

    def test_a_relative_main_file(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(directory)
        Path("k.conf").write_text("include b.inc\noops ${NO}")
        report = Report()
        files = [piece.source.file for piece in Text(report, config_id="left").pieces("k.conf")]
        assert files == ["b.inc", "sub/y.inc", "sub/z.inc", "k.conf"]

    def test_names_are_replaced(self, directory: Path) -> None:
        text = "$X=a\n$Y=sub/z.inc\ninclude ${X}.inc\ninclude ${_PWD}/$Y\ninclude {$X,b}.in[c]\n"
        assert self.got(directory, text) == (["a ", "z", "a ", "b", "y /sub", "z"], [], True)

    def test_a_name_of_several_lines_is_no_file(self, directory: Path) -> None:
        pieces, messages, is_whole = self.got(directory, "$X= a.inc \\\nb.inc\ninclude $X\ninclude a.inc")
        assert pieces == ["a "]
        assert messages == ["k.conf:3: $X has several lines, so it names no file; the line is left out, mend it"]
        assert is_whole

    def test_a_name_ends_before_a_dot_only_in_braces(self, directory: Path) -> None:
        _, messages, is_whole = self.got(directory, "$X=a\ninclude $X.inc\ninclude 'a.inc'")
        assert messages == [
            "k.conf:2: warning: $X.inc is not included: there is no such file; "
            "create it, or write ${NAME} for a definition",
            "k.conf:3: warning: 'a.inc' is not included: there is no such file; create it, or remove the quotes",
        ]
        assert is_whole

    def test_a_file_that_includes_itself(self, directory: Path) -> None:
        pieces, messages, _ = self.got(directory, "include self.inc")
        assert pieces == ["self"]
        assert messages == ["self.inc:2: self.inc includes itself, so it is left out here; remove this line"]

    # L36: which of unreadable, plain name, wildcard and brace are errors
    @pytest.mark.parametrize(
        ("word", "errors"),
        [
            ("include", ""),
            ("includer", "r"),
            ("includem", "rm"),
            ("includew", "rmw"),
            ("includeb", "rb"),
            ("includea", "rmwb"),
        ],
    )
    def test_what_is_missing(self, directory: Path, word: str, errors: str) -> None:
        for kind, pattern in [
            ("r", "d.dir"),
            ("r", "exec.bin"),
            ("r", "*.bin"),
            ("m", "no.inc"),
            ("w", "no*.inc"),
            ("b", "{a,no}.inc"),
        ]:
            pieces, messages, is_whole = self.got(directory, f"{word} {pattern}\nx")
            assert is_whole == (kind not in errors), (word, pattern)
            assert len(messages) == int(kind != "w" or kind in errors), messages
            assert pieces[-1] == "x"
            assert "never" not in pieces

    def test_include_check(self, directory: Path) -> None:
        for words, is_whole in [
            ("", False),
            ("match", False),
            ("+match", False),
            ("read", True),
            ("-match", True),
            ("-match match", False),
            ("+match -match", True),
        ]:
            assert self.got(directory, f"include_check {words}\ninclude no.inc")[2] == is_whole, words

    def test_include_check_ends_with_its_file(self, directory: Path) -> None:
        (directory / "strict.inc").write_text("include_check\n")
        assert self.got(directory, "include strict.inc\ninclude no.inc")[2]

    def test_all_config(self, directory: Path) -> None:
        assert not self.got(directory, "include no*.inc", all_config=True)[2]


class TestLimits:
    """Whatever a file holds, the work is bounded, and the message says by what. The bounds are lowered here."""

    @pytest.fixture(autouse=True)
    def lower(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "MADE_CHARS_MAX", 1 << 20)
        monkeypatch.setattr(limits, "CONFIG_FILES_MAX", 500)
        monkeypatch.setattr(limits, "CONFIG_PIECES_MAX", 10_000)

    def refused(self, tmp_path: Path, text: str) -> str:
        path = tmp_path / "k.conf"
        path.write_text(text)
        layer = Text(Report(), config_id="left")
        with pytest.raises(TooMuch) as caught:
            for _ in layer.pieces(str(path)):
                pass
        return f"{caught.value.where.line}: {caught.value}"

    def test_billion_laughs(self, tmp_path: Path) -> None:
        text = "$A0=ha\n" + "".join(f"$A{i}=${{A{i - 1}}}${{A{i - 1}}}\n" for i in range(1, 31))
        assert "make more than 1 Mi characters" in self.refused(tmp_path, text + "x ${A30}y")

    def test_laughs_that_make_nothing(self, tmp_path: Path) -> None:
        text = "$A0=\n" + "".join(f"$A{i}=${{A{i - 1}}}${{A{i - 1}}}\n" for i in range(1, 31))
        assert "make more than 1 Mi characters" in self.refused(tmp_path, text + "x ${A30}y")

    def test_ten_million_rounds(self, tmp_path: Path) -> None:
        assert self.refused(tmp_path, "a\n~SEQ(i, 10000000) x") == (
            "2: ~SEQ has 10000000 rounds, more than 100000; write a smaller range"
        )

    def test_rounds_in_rounds(self, tmp_path: Path) -> None:
        assert "make more than" in self.refused(tmp_path, "~SEQ(i,60000)~SEQ(j,60000)@no x")

    def test_many_lines(self, tmp_path: Path) -> None:
        assert "more than 10000 lines and braces" in self.refused(tmp_path, "\n" * 10_001)

    def test_many_braces_in_a_line_that_is_made(self, tmp_path: Path) -> None:
        assert "lines and braces" in self.refused(tmp_path, f"$A={'{}' * 90}\n~SEQ(i,500) x $A")

    def test_an_include_bomb(self, tmp_path: Path) -> None:
        for i in range(20):
            (tmp_path / f"{i}.inc").write_text(f"include {i + 1}.inc\n" * 2)
        (tmp_path / "20.inc").write_text("")
        assert "more than 500 files are included" in self.refused(tmp_path, "include 0.inc")

    def test_deep_includes(self, tmp_path: Path) -> None:
        for i in range(40):
            (tmp_path / f"{i}.inc").write_text(f"include {i + 1}.inc\n")
        assert "more than 32 files include one another" in self.refused(tmp_path, "include 0.inc")

    def test_files_and_definitions_in_one_another(self, tmp_path: Path) -> None:
        """They share the stack of the interpreter, so they share a bound."""
        chain = "".join(f"$A{i}= \\\n$A{i + 1} \\\nx\n" for i in range(25))
        for i in range(30):
            (tmp_path / f"{i}.inc").write_text(f"{chain}$A25=include {i + 1}.inc\n$A0\n")
        path = tmp_path / "k.conf"
        path.write_text("include 0.inc\n")
        _, messages = read(path)
        assert "uses itself, or others more than 32 deep" in messages[0]

    def test_many_alternatives(self, tmp_path: Path) -> None:
        assert "more than 1000 names" in self.refused(tmp_path, "include " + "{a,b}" * 40)

    def test_deep_definitions(self, lines) -> None:
        text = "$A0=ha\n" + "".join(f"$A{i}=${{A{i - 1}}}.\n" for i in range(1, 100))
        assert lines(text + "x ${A20}") == ["x ha" + "." * 20]
        assert lines(text + "x ${A99}", told=1) == []

    def test_a_large_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "CONFIG_BYTES_MAX", 1 << 20)
        path = tmp_path / "k.conf"
        path.write_bytes((b"#" * 1023 + b"\n") * 1024)
        assert load(str(path), config_id="x", interfaces=None).configuration is not None
        path.write_bytes((b"#" * 1023 + b"\n") * 1024 + b"x")
        loaded = load(str(path), config_id="x", interfaces=None)
        assert loaded.exit_status == 4
        assert "it is larger than 1 MiB" in loaded.diagnostics[0].message

    def test_a_large_include(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "CONFIG_BYTES_MAX", 1 << 20)
        (tmp_path / "x.inc").write_bytes((b"#" * 1023 + b"\n") * 1024)
        path = tmp_path / "k.conf"
        path.write_text("includer x.inc")
        loaded = load(str(path), config_id="x", interfaces=None)
        assert loaded.configuration is None
        assert "with it the configuration is larger than 1 MiB" in loaded.diagnostics[0].message

    @pytest.mark.parametrize("before", ["", "a\n\nb\n"])
    def test_a_long_line(self, tmp_path: Path, before: str) -> None:
        path = tmp_path / "k.conf"
        path.write_text(f"{before}{'y ' * (limits.LINE_CHARS_MAX // 2)}\n")
        assert read(path)[0] == [*before.split(), "y " * (limits.LINE_CHARS_MAX // 2 - 1) + "y"]
        assert self.refused(tmp_path, f"{before}{'y' * (limits.LINE_CHARS_MAX + 1)}\nz") == (
            f"{before.count(chr(10)) + 1}: the line has more than 65536 characters; write several lines"
        )

    def test_a_long_line_that_is_made(self, tmp_path: Path) -> None:
        text = f"$A={'y' * 30_000}\n\nx $A $A"
        assert "3: it makes a line of more than 65536 characters" in self.refused(tmp_path, text + " $A")

    def test_a_pattern_that_searches_everything(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for i in range(10):
            (tmp_path / f"d{i}").mkdir()
            (tmp_path / f"d{i}" / "x.inc").write_text(f"x{i}\n")
        (tmp_path / ".d").mkdir()
        (tmp_path / ".d" / "x.inc").write_text("hidden\n")
        path = tmp_path / "k.conf"
        path.write_text("include d*/*.inc\ninclude d?/no.inc\ninclude .?/x.inc\ninclude k.c*/x\n")
        assert read(path)[0] == [*(f"x{i}" for i in range(10)), "hidden"]
        monkeypatch.setattr(limits, "GLOB_NAMES_MAX", 20)
        assert "1: the patterns of includes have more than 20 files" in self.refused(tmp_path, "include */*.inc\n")

    def test_only_regular_files(self, tmp_path: Path) -> None:
        """A FIFO without a writer would be waited for, a device be read for ever."""
        os.mkfifo(tmp_path / "fifo")
        (tmp_path / "link").symlink_to("fifo")
        for name, kind in (("fifo", "a FIFO"), ("link", "a FIFO"), ("/dev/zero", "a device")):
            loaded = load(str(tmp_path / name), config_id="x", interfaces=None)
            assert loaded.exit_status == 4
            assert [found.message for found in loaded.diagnostics] == [
                f"it is {kind}, and only a regular file is read; write the text to one"
            ]

    def test_what_is_too_much_is_told_with_its_place(self, tmp_path: Path) -> None:
        path = tmp_path / "k.conf"
        path.write_text("@!oops 1\n  ~SEQ(i, 10000000) x")
        loaded = load(str(path), config_id="x", interfaces=None)
        assert loaded.configuration is None
        assert [(d.where.line, d.where.column, d.code) for d in loaded.diagnostics] == [
            (1, 1, "condition-bang"),
            (2, 3, "repeat-rounds"),
        ]
