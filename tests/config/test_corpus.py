"""The files of the corpus, given to keepalived and to pyvrrp: what one calls clean is clean to the other, and the same
instances run.

    corpus/keywords/       each keyword with a right and with a wrong value (contrib/generate_corpus.py writes them)
    corpus/grammar/        words, quotes, braces, comments, bytes
    corpus/include/        include and its family; what they include is in parts/
    corpus/definitions/    $NAME, @id, ~SEQ, ~LST
    corpus/instances/      what may and may not stand together
    corpus/generators/     the shapes of what programs write

Where the two differ, a line of docs/differences.md says why: DIFFERENCES names the files of each such line by its
first words. Two things are left aside everywhere: keepalived's message on scripts without enable_script_security, and
ours on keywords that pyvrrp does not do yet.

Starting daemons takes time. Every STRIDE-th file is started each time; all of them by `make nightly`.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

import pytest
from beside_keepalived import CONFIG_ID, INTERFACES, Verdict, both_started, config_tests

from pyvrrp.config import Loaded, load

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CORPUS = HERE / "corpus"
FILES = sorted(str(path.relative_to(CORPUS)) for path in CORPUS.rglob("*.conf"))
STRIDE = 24
GROUP = 90              # files of one test of the config test
STARTED_GROUP = 6      # files of one test that starts daemons: on a busy machine each of them takes a second or two
NIGHTLY = "PYVRRP_NIGHTLY" in os.environ

needs_keepalived = pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed")

# The first words of a line of docs/differences.md, and the files that differ for its sake: when they are tested, ...
TESTED_DIFFERENCES: dict[str, tuple[str, ...]] = {
    "A byte order mark at the start": ("grammar/bom-*",),
    "Lines of more than 1022 characters": ("grammar/line-too-long.conf", "grammar/long-line.conf"),
    "Surplus words are ignored": ("grammar/surplus-word*", "grammar/quote-in-word.conf"),
    "Numbers may have a `+`": ("grammar/number-with-plus.conf",),
    "NUL bytes end the line": ("grammar/nul-byte.conf",),
    "Words of keepalived 2.4": (
        "keywords/*.v3_checksum_as_v2.good.conf",
        "keywords/*owner_ignore_adverts.good.conf",
        "keywords/*.vrrp_delay_after_boot.good.conf",
        "keywords/*.no_virtual_ipaddress.good.conf",
        "keywords/*.t*_expired*.good.conf",
        "definitions/predefined-env.conf",
        "keywords/global_defs.json_version.good.conf",
        "keywords/global_defs.*_dump_file.good.conf",
    ),
    "Words of pyvrrp": ("keywords/*.pyvrrp_*.good.conf", "keywords/vrrp_instance.net_namespace.good.conf"),
    "2.2.7 does not look at the argument": (
        "keywords/*.vrrp_skip_check_adv_addr.bad.conf",
        "keywords/*.vrrp_strict.bad.conf",
    ),
    "A user or group of a FIFO": (
        "keywords/*notify_fifo.bad.conf",
        "keywords/net_namespace.bad.conf",
        "keywords/track_group.group.bad.conf",
    ),
    "An `include` of a plain name that is missing": (
        "include/missing.conf",
        "include/missing-includer.conf",
        "include/pattern-braces-missing.conf",
        "include/directory.conf",
        "include/executable.conf",
        "include/quoted.conf",
        "include/two-names.conf",
    ),
    "`@!id` is a comment": ("definitions/condition-exclamation.conf",),
    "A file that includes itself": ("definitions/recursive.conf",),
    "`~SEQ` or `~LST` that does not begin its line": ("definitions/seq-in-the-middle.conf",),
    "The words after an unquoted command": ("grammar/command-unquoted-words.conf",),
    "A missing notify, FIFO or start script": (
        "keywords/*.notify.bad.conf",
        "keywords/*.notify_[bdfms]*.bad.conf",
        "keywords/*_fifo_script.bad.conf",
        "keywords/*.startup_script.bad.conf",
        "keywords/*.shutdown_script.bad.conf",
    ),
    "A tracked script that does not exist": ("instances/script-not-executable.conf",),
    "A `vrrp_script` that is defined after": ("instances/script-after.conf",),
    "2.2.7 takes only whole seconds": ("instances/script-fraction.conf",),
    "A second `vrrp_script`": ("instances/script-twice.conf",),
    "`nopreempt` with a weighted tracker": ("instances/script-nopreempt-weight.conf",),
    "An interface that does not exist stops": ("instances/interface-dynamic.conf",),
    "A loopback interface": ("instances/interface-loopback.conf",),
    "`auth_type AH` works": ("instances/auth-ah.conf",),
    "An `authentication` without `auth_type`": ("instances/auth-without-type.conf",),
    "An address or a peer that is listed twice": ("instances/address-twice.conf", "instances/unicast-twice.conf"),
    "A first IPv6 address that is not link-local": (
        "instances/family-ipv6-no-link-local.conf",
        "instances/unicast-self.conf",
        "instances/unicast-fault-no-peer.conf",
    ),
    "2.2.7 does not track a route without `dev`": ("instances/routes.conf",),
    "Strict mode with unicast": ("instances/strict-unicast.conf",),
    "`garp_master_repeat` above 255": ("keywords/*.*garp_*_re*.bad.conf",),
}
# ... and when they are started.
STARTED_DIFFERENCES: dict[str, tuple[str, ...]] = {
    "The use of a definition of several lines": ("definitions/lines-in-the-middle.conf",),
    "Words of keepalived 2.4": ("definitions/predefined-env.conf",),
    "`${NAME}` that is not defined": ("definitions/unknown-braces.conf",),
    "An unknown block: its lines": ("grammar/unknown-block.conf",),
    "NUL bytes end the line": ("grammar/nul-byte.conf",),
    "Numbers may have a `+`": ("grammar/number-with-plus.conf",),
    "A `net_namespace` that is missing": ("keywords/net_namespace.*.conf",),
    "Words of pyvrrp": ("keywords/vrrp_instance.net_namespace.bad.conf",),
    "A missing `}`": ("grammar/brace-missing-between.conf",),
    "A block after a keyword that has none": ("grammar/block-where-none-is.conf",),
    "2.2.7 crashes on": ("grammar/comment-in-single-quotes.conf",),
    "Any instance that cannot be run": (
        "instances/vrid-clash.conf",
        "instances/mcast-group-other-family.conf",
    ),
    "An interface that does not exist stops": (
        "instances/interface-unknown.conf",
        "instances/address-unknown-device.conf",
        "instances/track-interface-unknown.conf",
    ),
    "A loopback interface": ("instances/interface-loopback.conf",),
    "`auth_type AH` works": ("instances/auth-ah.conf",),
    "`auth_hmac` signs adverts": ("keywords/auth_hmac.*.conf",),
    "An address or a peer that is listed twice": ("instances/address-twice.conf",),
}


def matching(patterns: Sequence[str]) -> list[str]:
    return [name for name in FILES if any(fnmatch(name, pattern) for pattern in patterns)]


def named(differences: dict[str, tuple[str, ...]]) -> set[str]:
    return set(matching([pattern for patterns in differences.values() for pattern in patterns]))


TESTED_OTHERWISE = named(TESTED_DIFFERENCES)
STARTED_OTHERWISE = named(STARTED_DIFFERENCES)


def groups(names: Sequence[str], size: int) -> list[list[str]]:
    """Neighbours are of one kind, so a group takes every n-th: all groups then take about as long."""
    count = max(1, -(-len(names) // size))
    return [list(names[start::count]) for start in range(count)]


def loaded(name: str) -> Loaded:
    return load(str(CORPUS / name), config_id=CONFIG_ID, interfaces=INTERFACES)


def agrees(theirs: Verdict, ours: Loaded) -> bool:
    """Both clean, or neither; a file with nothing but warnings of what we do not do yet may be clean to keepalived."""
    if not theirs.is_clean:
        return ours.exit_status != 0
    return ours.configuration is not None and all(
        each.code == "not-done" and not each.is_error for each in ours.diagnostics
    )


def test_there_are_many() -> None:
    assert len(FILES) >= 500


@pytest.mark.parametrize("differences", [TESTED_DIFFERENCES, STARTED_DIFFERENCES], ids=["tested", "started"])
def test_every_difference_is_argued(differences: dict[str, tuple[str, ...]]) -> None:
    rows = [line for line in (ROOT / "docs" / "differences.md").read_text().splitlines() if line.startswith("| ")]
    for words, patterns in differences.items():
        (row,) = [row for row in rows if row.startswith(f"| {words}")]
        assert row.count(" | ") >= 2, f"no reason is given: {row}"
        for pattern in patterns:
            assert matching([pattern]), f"no file is {pattern}"


def test_the_files_about_keywords_are_those_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "contrib"))
    import generate_corpus

    written = {path.name: path.read_text() for path in (CORPUS / "keywords").iterdir()}
    assert written == dict(generate_corpus.files()), "run contrib/generate_corpus.py"
    sys.modules.pop("generate_corpus")


def of_test(names: list[str], tmp_path: Path) -> list[str]:
    """What is wrong with these files: they differ and may not, or may and do not."""
    faults = []
    for name, tested in zip(names, config_tests([CORPUS / name for name in names], tmp_path), strict=True):
        found = loaded(name)
        if agrees(tested, found) == (name in TESTED_OTHERWISE):
            faults.append(f"{name}: keepalived {tested}, ours {found.diagnostics}")
    return faults


def test_nothing_else_is_in_the_keywords_directory() -> None:
    assert {path.suffix for path in (CORPUS / "keywords").iterdir()} == {".conf"}


@pytest.mark.root
@needs_keepalived
@pytest.mark.parametrize("names", groups(FILES, GROUP), ids=lambda names: names[0])
def test_clean_is_clean_to_both(names: list[str], tmp_path: Path) -> None:
    assert of_test(names, tmp_path) == []


STARTED = FILES if NIGHTLY else FILES[::STRIDE]


@pytest.mark.root
@needs_keepalived
@pytest.mark.parametrize("names", groups(STARTED, STARTED_GROUP), ids=lambda names: names[0])
def test_the_same_instances_run(names: list[str], tmp_path: Path) -> None:
    faults = []
    for name, (theirs, ours) in zip(names, both_started([CORPUS / name for name in names], tmp_path), strict=True):
        if (theirs == ours) == (name in STARTED_OTHERWISE):
            faults.append(f"{name}: keepalived {sorted(theirs - ours)}, ours {sorted(ours - theirs)}")
    assert faults == []
