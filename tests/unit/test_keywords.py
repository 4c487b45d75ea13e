"""The keyword table is whole: every keyword can be explained, and none stands twice in its block."""

import re
from pathlib import Path

from pyvrrp.config.keywords import INDEX, TABLE, TOP, Kind, home_of, suggestion

ROOT = Path(__file__).parents[2]


def test_no_keyword_stands_twice() -> None:
    for block, keywords in TABLE.items():
        assert len(INDEX[block]) == len(keywords)


def test_every_keyword_is_explained() -> None:
    for keywords in TABLE.values():
        for keyword in keywords:
            assert keyword.meaning.endswith(".")
            assert keyword.meaning[0].isupper()
            if keyword.kind in {Kind.INTEGER, Kind.SECONDS, Kind.WEIGHT}:
                assert keyword.low < keyword.high
            if keyword.kind is Kind.CHOICE:
                assert keyword.choices


def test_every_block_of_keywords_has_a_table() -> None:
    blocks = {keyword.name for keywords in TABLE.values() for keyword in keywords if keyword.kind is Kind.BLOCK}
    assert blocks == TABLE.keys() - {TOP}


def test_arguments() -> None:
    assert (INDEX["vrrp_instance"]["nopreempt"].least, INDEX["vrrp_instance"]["nopreempt"].most) == (0, 0)
    assert (INDEX["vrrp_instance"]["priority"].least, INDEX["vrrp_instance"]["priority"].most) == (1, 1)
    assert (INDEX["vrrp_script"]["user"].least, INDEX["vrrp_script"]["user"].most) == (1, 2)
    assert (INDEX[TOP]["vrrp_instance"].least, INDEX[TOP]["vrrp_instance"].most) == (1, 1)
    assert all(keyword.most == keyword.named for keyword in TABLE[TOP] if keyword.is_block)


def test_suggestions() -> None:
    assert suggestion("priorty", "vrrp_instance") == "priority"
    assert suggestion("virtual_ipadress", "vrrp_instance") == "virtual_ipaddress"
    assert suggestion("garp_master_dely", "vrrp_instance") == "garp_master_delay"
    assert suggestion("zzz", "vrrp_instance") == ""
    assert home_of("auth_pass") == "authentication"
    assert home_of("vrrp_instance") == TOP
    assert home_of("zzz") is None


def test_what_is_acted_on_is_not_called_missing() -> None:
    """A setting that code outside the configuration reads has no `without`, unless it is done in part."""
    paths = [path for path in (ROOT / "pyvrrp").rglob("*.py") if "config" not in path.parts and path.name != "model.py"]
    read = set(re.findall(r"(?:instance|defs|settings)\.(\w+)", "".join(path.read_text() for path in paths)))
    assert {"owner_ignore_adverts", "nopreempt", "preempt"} & read == {"owner_ignore_adverts", "preempt"}
    missing = {keyword.field for keywords in TABLE.values() for keyword in keywords if not keyword.is_done
               and not keyword.partly}
    assert missing & read == set()
