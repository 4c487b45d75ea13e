"""`pyvrrp explain`: what the table says, as people and programs read it."""

from __future__ import annotations

import json

import pytest

from pyvrrp.cli.main import main
from pyvrrp.config import explain
from pyvrrp.config.keywords import INDEX, TOP


def test_a_keyword(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "garp_master_delay"]) == 0
    assert capsys.readouterr().out == (
        "garp_master_delay NUMBER    (in vrrp_instance)\n"
        "  From becoming MASTER to the second set of gratuitous ARPs or NAs; 0: there is\n"
        "  none.\n"
        "  range:       0..4294 s\n"
        "  default:     vrrp_garp_master_delay\n"
        "  done here:   yes\n"
    )


def test_a_keyword_of_several_blocks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "track_script"]) == 0
    text = capsys.readouterr().out
    assert "(in vrrp_instance)" in text
    assert "(in vrrp_sync_group)" in text
    assert main(["explain", "vrrp_sync_group.track_script"]) == 0
    text = capsys.readouterr().out
    assert "(in vrrp_instance)" not in text
    assert "(in vrrp_sync_group)" in text


def test_a_block(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "authentication"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("authentication { ... }    (in vrrp_instance)\n")
    assert "\n    auth_pass  The password; 8 bytes count.\n" in text


def test_what_is_not_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "virtual_server"]) == 0
    assert "  done here:   no: LVS is not set up (keepalived --check does it)\n" in capsys.readouterr().out
    assert main(["explain", "vrrp_ipsets"]) == 0
    assert "  done here:   in part: nftables is used instead" in capsys.readouterr().out


def test_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "outside all blocks:"
    assert [line.split()[0] for line in lines[1:] if line[4:5] != " "] == list(INDEX[TOP])


@pytest.mark.parametrize(
    ("word", "advice"),
    [
        ("priorty", "did you mean priority or "),
        ("vrrp_instance.down_timer_advert", "did you mean down_timer_adverts?"),
        ("qqqqqq", "pyvrrp explain lists what there is"),
        ("no_block.priority", ""),
    ],
)
def test_a_word_that_is_not_known(word: str, advice: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", word]) == 1
    got = capsys.readouterr()
    assert got.out == ""
    assert got.err.startswith(f"pyvrrp: '{word}' is no keyword of keepalived.conf; {advice}")


def test_words_that_are_known_are_told_beside_one_that_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "qqqqqq", "nopreempt"]) == 1
    assert capsys.readouterr().out.startswith("nopreempt    (in vrrp_instance)\n")


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--json", "advert_int"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "name": "advert_int",
            "block": "vrrp_instance",
            "usage": "advert_int SECONDS",
            "takes": "seconds, with a decimal fraction if need be",
            "meaning": "The time between adverts: whole seconds in version 2, 10 ms steps up to 40.95 in 3.",
            "low": 0.01,
            "high": 255,
            "unit": "s",
            "default": "1",
            "choices": [],
            "since": None,
            "alias_of": None,
            "done": True,
            "without": None,
            "keywords": [],
        }
    ]
    assert main(["explain", "--json"]) == 0
    everything = json.loads(capsys.readouterr().out)
    assert [(each["block"], each["name"]) for each in everything] == [
        (block, name) for block in INDEX for name in INDEX[block]
    ]


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("vrrp_instance.state", "state MASTER|BACKUP"),
        ("vrrp_instance.nopreempt", "nopreempt"),
        ("vrrp_instance.strict_mode", "strict_mode [on|true|yes|off|false|no]"),
        ("vrrp_instance.unicast_peer", "unicast_peer { ADDR [min_ttl 0..255] [max_ttl 0..255] }"),
        ("vrrp_instance.notify", 'notify "COMMAND" [USER [GROUP]]'),
        ("global_defs.dynamic_interfaces", "dynamic_interfaces [allow_if_changes]"),
        ("global_defs.reload_file", "reload_file [PATH]"),
        ("vrrp_script.weight", "weight NUMBER [reverse|noreverse]"),
    ],
)
def test_usage(place: str, line: str) -> None:
    (found,) = explain.find(place)
    assert explain.usage(found.keyword) == line


def test_ranges() -> None:
    def of(place: str) -> str:
        return explain.bounds(explain.find(place)[0].keyword)

    assert of("global_defs.vrrp_garp_interval") == "0.000001..4294 s"
    assert of("global_defs.vrrp_priority") == "-20..19"
    assert of("global_defs.nftables_priority") == "any"
    assert of("vrrp_script.rise") == "1 or more"
    assert of("vrrp_instance.nopreempt") == ""
