"""Every mistake has a code, every code one sentence, and the document of them is of these sources."""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from pathlib import Path
from types import ModuleType

from pyvrrp.config.codes import KIND_OF, KINDS

ROOT = Path(__file__).parents[2]


def source_reader() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sentences", ROOT / "contrib" / "sentences.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sentences = source_reader()
TOLD = list(sentences.sentences())


def test_every_mistake_is_told_under_a_code() -> None:
    assert sentences.uncoded() == [], "add a code to pyvrrp/config/codes.py for each of these"


def test_every_code_is_told() -> None:
    assert {code for code, _, _ in TOLD} == set(KIND_OF)
    assert set(KIND_OF.values()) == set(KINDS)


def test_a_code_has_one_sentence_and_a_sentence_one_code() -> None:
    """What is wrong counts; what to do about it may depend on the case."""
    sentences_of, codes_of = defaultdict(set), defaultdict(set)
    for code, sentence, _ in TOLD:
        wrong = sentences.unfilled(sentence)
        sentences_of[code].add(wrong)
        codes_of[wrong].add(code)
    assert {code: found for code, found in sentences_of.items() if len(found) > 1} == {}
    assert {wrong: found for wrong, found in codes_of.items() if len(found) > 1} == {}


def test_a_sentence_says_something() -> None:
    assert [code for code, sentence, _ in TOLD if len(sentence.replace("...", "").strip(" :;,")) < 8] == []
