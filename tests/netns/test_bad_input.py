"""Bad input, as an operator meets it: `pyvrrpd -t` on a file with a fault, on a host that has eth0.

Each fault gives `file:line: what is wrong; what to do`. All faults of a file are told in one run. The
status is 0 with nothing to report, 5 with anything, 4 when the file itself cannot be read.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from netns.harness import IP, START_S, Lab, Node

pytestmark = [pytest.mark.root]

NOTHING, UNREADABLE, REPORTED = 0, 4, 5

GOOD = """\
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 100
    advert_int 1
    virtual_ipaddress {
        192.0.2.100/24
    }
}
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a configuration test printed, and how it ended."""

    status: int
    lines: tuple[str, ...]


ConfigTest = Callable[..., Outcome]


@pytest.fixture(scope="module")
def host(lab: Lab) -> Node:
    return lab.pair()[0]


@pytest.fixture
def config_test(host: Node) -> ConfigTest:
    def run(file: Path, *prefix: str) -> Outcome:
        daemon = [sys.executable, "-m", "pyvrrp.daemon", "-t", "-P", "-f", str(file)]
        inside = [IP, "netns", "exec", host.namespace, *prefix]
        done = subprocess.run([*inside, *daemon], capture_output=True, text=True, timeout=20)
        return Outcome(done.returncode, tuple((done.stdout + done.stderr).splitlines()))

    return run


def line_of(text: str, needle: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if needle in line)


def reports(tested: Outcome, file: Path) -> dict[int, str]:
    """line -> the report, for every file:line:column: error or warning: what is wrong; what to do.

    The line itself follows each, indented, and a mark under the word.
    """
    found = {}
    for line in tested.lines:
        if line.startswith(" "):
            continue
        match = re.fullmatch(rf"{re.escape(str(file))}:(\d+)(?::\d+)?: (?:error|warning): (.+; .+)", line)
        assert match, f"not `file:line: what is wrong; what to do`: {line!r}"
        found[int(match[1])] = match[2]
    return found


def test_a_good_file_says_nothing(config_test: ConfigTest, tmp_path: Path) -> None:
    file = tmp_path / "good.conf"
    file.write_text(GOOD)
    assert config_test(file) == Outcome(NOTHING, ())


@dataclass(frozen=True, slots=True)
class Fault:
    """`old` replaced by `new` in the good file; the report is of the line with `at` and names `names`."""

    name: str
    old: str
    new: str
    at: str
    names: str


FAULTS = [
    Fault("unknown interface", "interface eth0", "interface nosuch0", "nosuch0", "nosuch0"),
    Fault("VRID 0", "virtual_router_id 51", "virtual_router_id 0", "virtual_router_id", "0"),
    Fault("VRID 256", "virtual_router_id 51", "virtual_router_id 256", "virtual_router_id", "256"),
    Fault("VRID missing", "    virtual_router_id 51\n", "", "vrrp_instance", "virtual_router_id"),
    Fault("VIP does not parse", "192.0.2.100/24", "192.0.2.300/24", "192.0.2.300", "192.0.2.300"),
    Fault("VIP prefix too long", "192.0.2.100/24", "192.0.2.100/33", "/33", "33"),
    Fault("priority 256", "priority 100", "priority 256", "priority", "256"),
    Fault("interval 0", "advert_int 1", "advert_int 0", "advert_int", "0"),
    Fault("unknown keyword", "priority 100", "priorty 100", "priorty", "priority"),
    Fault("word for a number", "priority 100", "priority high", "priority", "high"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_fault_is_told_with_its_line_and_what_to_do(
    config_test: ConfigTest, tmp_path: Path, fault: Fault
) -> None:
    assert fault.old in GOOD
    text = GOOD.replace(fault.old, fault.new)
    file = tmp_path / "bad.conf"
    file.write_text(text)
    tested = config_test(file)
    assert tested.status == REPORTED
    told = reports(tested, file)
    line = line_of(text, fault.at)
    assert line in told, told
    assert fault.names in told[line]


def test_an_unclosed_brace_is_told_where_it_opens(config_test: ConfigTest, tmp_path: Path) -> None:
    file = tmp_path / "brace.conf"
    file.write_text(GOOD.rstrip().removesuffix("}"))
    tested = config_test(file)
    assert tested.status == REPORTED
    assert any("{" in what or "}" in what or "brace" in what for what in reports(tested, file).values())


def test_two_instances_of_one_vrid_are_told_at_the_second(config_test: ConfigTest, tmp_path: Path) -> None:
    second = GOOD.replace("VI_1", "VI_2").replace("192.0.2.100", "192.0.2.101")
    file = tmp_path / "twice.conf"
    file.write_text(GOOD + second)
    tested = config_test(file)
    assert tested.status == REPORTED
    told = reports(tested, file)
    after = {line: what for line, what in told.items() if line > len(GOOD.splitlines())}
    assert any("51" in what and "VI_1" in what for what in after.values()), told


def test_all_faults_of_a_file_are_told_in_one_run(config_test: ConfigTest, tmp_path: Path) -> None:
    """Ten faults in ten instances: ten reports, each of its own line."""
    text, lines = "", set()
    for number, fault in enumerate(FAULTS, 1):
        before = len(text.splitlines())
        block = GOOD.replace("VI_1", f"VI_{number}").replace("id 51", f"id {100 + number}")
        block = block.replace(fault.old.replace("id 51", f"id {100 + number}"), fault.new)
        lines.add(before + line_of(block, fault.at))
        text += block
    file = tmp_path / "many.conf"
    file.write_text(text)
    tested = config_test(file)
    assert tested.status == REPORTED
    assert lines <= set(reports(tested, file))


def test_a_missing_file(config_test: ConfigTest, tmp_path: Path) -> None:
    file = tmp_path / "nowhere.conf"
    tested = config_test(file)
    assert tested.status == UNREADABLE
    assert any(str(file) in line and ";" in line for line in tested.lines), tested.lines


def test_an_unreadable_file(config_test: ConfigTest, tmp_path: Path) -> None:
    """Root without its override capability may not read a file of mode 000, as under a hardened unit."""
    file = tmp_path / "secret.conf"
    file.write_text(GOOD)
    file.chmod(0)
    tested = config_test(file, "setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
    assert tested.status == UNREADABLE, tested.lines
    assert any(str(file) in line and ";" in line for line in tested.lines), tested.lines


def test_bytes_that_are_no_text_are_told_not_thrown(config_test: ConfigTest, tmp_path: Path) -> None:
    file = tmp_path / "binary.conf"
    file.write_bytes(GOOD.encode() + b"\xff\xfe\x00 {\n")
    tested = config_test(file)
    assert tested.status == REPORTED
    assert not any("Traceback" in line for line in tested.lines), tested.lines


def test_a_daemon_without_its_file_ends_and_says_so(lab: Lab, host: Node) -> None:
    daemon = lab.daemon("pyvrrpd", host)
    daemon.start()
    assert daemon.wait(START_S) != 0
    assert str(daemon.file) in daemon.log()


def test_an_instance_with_a_fault_is_not_run_and_the_others_are(lab: Lab, host: Node) -> None:
    """At start one bad instance does not stop its neighbours; status lists it with the reason."""
    bad = GOOD.replace("VI_1", "VI_2").replace("id 51", "id 300").replace("192.0.2.100", "192.0.2.102")
    daemon = lab.daemon("pyvrrpd", host)
    daemon.configure(GOOD + bad)
    daemon.start()
    host.record.wait_address("192.0.2.100", True, timeout_s=START_S)
    refused = daemon.instance("VI_2")
    assert refused["state"] == "REFUSED"
    assert f"{daemon.file}:{line_of(GOOD + bad, 'id 300')}" in refused["reason"]
    assert not host.has("192.0.2.102")
    daemon.terminate()
