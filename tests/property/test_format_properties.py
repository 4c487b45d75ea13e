"""`pyvrrp format`: one layout, reached in one step, that means what the file meant."""

import random
import re
from collections import Counter
from pathlib import Path

import pytest
from configurations import files, laid_out
from hypothesis import given, settings
from hypothesis import strategies as st

from pyvrrp.config import load
from pyvrrp.config.format import formatted
from pyvrrp.config.lexer import decode
from pyvrrp.config.meaning import meaning, same_meaning
from pyvrrp.model import Configuration

ROOT = Path(__file__).parents[2]
CONFIGURATIONS = sorted([*(ROOT / "conf").rglob("*.conf"), *(ROOT / "tests" / "config").rglob("*.conf")])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("format") / "k.conf"


def read(path: Path, text: str) -> tuple[object, Configuration]:
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    loaded = load(str(path), config_id="left", interfaces=None)
    assert loaded.configuration is not None
    return meaning(loaded), loaded.configuration


@settings(max_examples=100)
@given(items=files(), chance=st.randoms(use_true_random=False), newline=st.sampled_from(["\n", "\r\n"]))
def test_it_means_the_same(path: Path, items, chance, newline) -> None:
    text = laid_out(items, chance).replace("\n", newline)
    done = formatted(text)
    meant, configuration = read(path, text)
    assert read(path, done)[0] == meant
    assert configuration.instances or configuration.refused
    assert formatted(done) == done


@settings(max_examples=50)
@given(items=files(), chance=st.randoms(use_true_random=False))
def test_without_comments_every_layout_comes_to_one(items, chance) -> None:
    def plain(text: str) -> list[str]:
        done = formatted(re.sub("[#!].*", "", text))
        return [line for line in done.split("\n") if line]

    items = without_comment_characters(items)
    assert plain(laid_out(items, chance)) == plain(laid_out(items, random.Random(1)))


def without_comment_characters(items):
    return [
        item.replace("#", "").replace("!", "")
        if isinstance(item, str)
        else (item[0], without_comment_characters(item[1]))
        for item in items
    ]


LINES = """
vrrp_instance A {|a {|{|}|} }|x } y {|# c|  ! d|a   b  # e|} # f|{ # g|||"a  {  b"|'a  b'|it's   { not|a\\  b|\\{|"open
$X=1|$X= \\|  more \\|$X   y|${X} {|~SEQ(i, 1, 3)  $i|@left a {|@right b {|@^left   c|include  {a,b}|a { @left b
a { $X=2|日  本|		tab	x|x\\
|\u00a0|\udcff  z""".replace("\n", "|").split("|")


@settings(max_examples=500)
@given(st.lists(st.sampled_from(LINES), max_size=15).map("\n".join))
def test_any_lines_settle_at_once(text: str) -> None:
    done = formatted(text)
    assert formatted(done) == done
    assert Counter(c for c in done if c not in " \t\n") == Counter(c for c in text if c not in " \t\n")
    assert "\n\n\n" not in done
    assert not done.startswith("\n")


@pytest.mark.parametrize("conf", CONFIGURATIONS, ids=lambda conf: conf.relative_to(ROOT).as_posix())
def test_files(conf: Path) -> None:
    before = conf.read_bytes()
    done = formatted(decode(before))
    assert formatted(done) == done
    loaded = load(str(conf), config_id="left", interfaces=None)
    if not any(diagnostic.is_structural for diagnostic in loaded.diagnostics):
        assert same_meaning(before, done.encode("utf-8", "surrogateescape"))


def test_the_comparison_sees_a_difference() -> None:
    before = (ROOT / "conf" / "examples" / "unicast-pair.conf").read_bytes()
    assert same_meaning(before, b"\n" + before)
    assert not same_meaning(before, before.replace(b"priority 150", b"priority 151"))
    assert not same_meaning(before, before.replace(b"priority 150", b"priorty 150"))
