"""Generated documents say what the code says, and every rule of the protocol has its tests."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from pyvrrp.config import explain

ROOT = Path(__file__).parents[2]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "contrib" / "generate_docs.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["generate_docs"] = module               # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


docs = generator()
RULES = docs.rules()


def test_the_state_machine_document_is_of_this_table() -> None:
    assert (ROOT / "docs" / "state-machine.md").read_text() == docs.state_machine(), "run make docs"


def test_the_documents_of_keywords_are_of_this_table() -> None:
    assert (ROOT / "docs" / "keywords.md").read_text() == explain.document(), "run make docs"
    assert (ROOT / "man" / "pyvrrp.conf.5").read_text() == explain.manual_page(), "run make docs"


def test_the_description_of_the_api_is_of_this_table() -> None:
    assert (ROOT / "docs" / "openapi.json").read_text() == docs.openapi_document(), "run make docs"


def test_the_tests_that_the_architecture_names_are_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "architecture.md").read_text()))
    sources = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) >= 20
    assert {name for name in named if f"def {name}(" not in sources} == set()


def test_every_pain_of_users_has_its_tests() -> None:
    """docs/users.md: each item names tests that are there, and the items of keepalived's users are all in it."""
    items = re.split(r"^## (\d+)\. ", (ROOT / "docs" / "users.md").read_text(), flags=re.MULTILINE)[1:]
    assert items[::2] == [str(number) for number in range(1, 26)]
    for number, text in zip(items[::2], items[1::2], strict=True):
        named = re.findall(r"`(tests/[\w/]+\.py)::([\w:]+)`", text)
        assert named, f"item {number} names no test"
        for path, name in named:
            *classes, function = name.split("::")
            source = (ROOT / path).read_text()
            assert all(f"class {each}" in source for each in classes), f"{path}::{name}"
            assert re.search(rf"^ *(async )?def {function}\(", source, re.MULTILINE), f"{path}::{name}"


def test_the_metrics_document_is_of_this_table() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text() == docs.metrics_document(), "run make docs"


def test_the_manual_pages_are_of_these_parsers() -> None:
    for name, page in (("pyvrrp.1", docs.pyvrrp_page()), ("pyvrrpd.8", docs.pyvrrpd_page())):
        assert (ROOT / "man" / name).read_text() == page, "run make docs"


def test_the_counters_document_is_of_this_table() -> None:
    assert (ROOT / "docs" / "counters.md").read_text() == docs.counters_document(), "run make docs"


def test_the_document_of_mistakes_is_of_these_sentences() -> None:
    assert (ROOT / "docs" / "diagnostics.md").read_text() == docs.diagnostics_document(), "run make docs"


def test_the_rules_document_is_of_these_tests() -> None:
    assert (ROOT / "docs" / "rules.md").read_text() == docs.rules_document(), "run make docs"


def test_every_rule_is_there() -> None:
    count = {"T": 9, "K": 4, "R": 13, "M": 7, "S": 14}
    assert list(RULES) == [f"{letter}{number}" for letter, last in count.items() for number in range(1, last + 1)]


@pytest.mark.parametrize("name", RULES)
def test_a_rule_has_a_test_that_holds_it_and_one_that_breaks_it(name: str) -> None:
    rule = RULES[name]
    if rule.missing:
        assert not rule.gap
        assert not (rule.held_by and rule.broken_by), f"{name} has tests: it is not missing; see contrib/rules.toml"
        return
    assert rule.held_by, f"no test holds {name}: {rule.text} Mark one with rule({name!r})"
    assert rule.broken_by, f"no test breaks {name}: {rule.text} Mark one with rule({name!r}, breaks=True)"


def test_markers_are_read_without_importing(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(
        "import nothing_of_the_kind\n"
        "@pytest.mark.rule('R1')\nclass TestIt:\n"
        "    @pytest.mark.rule('R2', breaks=True)\n    async def test_a(self): ...\n"
        "    def helper(self): ...\n"
        "@pytest.mark.root\ndef test_b(): ...\n"
    )
    path = "tests/test_it.py"
    assert docs.marked_tests(tmp_path / "tests") == [
        docs.MarkedTest(path, "TestIt.test_a", "R1", False), docs.MarkedTest(path, "TestIt.test_a", "R2", True),
    ]


@pytest.mark.parametrize("marker", ["rule(NAME)", "rule('R1', breaks=MAYBE)", "rule(1)", "rule('R1', broken=True)"])
def test_a_marker_that_cannot_be_read_is_an_error(tmp_path: Path, marker: str) -> None:
    (tmp_path / "test_it.py").write_text(f"@pytest.mark.{marker}\ndef test_it(): ...\n")
    with pytest.raises(ValueError, match="line 1"):
        docs.marked_tests(tmp_path)
