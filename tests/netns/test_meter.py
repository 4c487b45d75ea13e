"""`pyvrrp bench` as people run it: figures that fit together, and nothing left of it, however it ends."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from netns.commands import processes_in, until

pytestmark = [pytest.mark.root, pytest.mark.usefixtures("nothing_is_left")]

REPOSITORY = Path(__file__).parents[2]
BENCH = [sys.executable, "-m", "pyvrrp.cli.main", "bench"]
TIMEOUT_S = 90                  # far beyond what it takes, for a busy machine
ROUTERS, INTERVAL_S, FOR_S = 20, 0.2, 2.0
SMALL = ["--routers", str(ROUTERS), "--interval", "200ms"]


def measured(place: Path, environment: dict[str, str], *line: str) -> dict[str, Any]:
    """Run it to its end, and return what it tells programs."""
    links = sorted(path.name for path in Path("/sys/class/net").iterdir())
    done = subprocess.run([*BENCH, *line, "--json"], env=environment, cwd=REPOSITORY, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stderr
    assert "Traceback" not in done.stderr
    assert list(place.iterdir()) == []
    assert sorted(path.name for path in Path("/sys/class/net").iterdir()) == links
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["machine"]["cores"] >= 1
    return found


def check_throughput(figures: dict[str, Any]) -> None:
    assert figures["for_s"] >= FOR_S
    expected = ROUTERS * figures["for_s"] / INTERVAL_S
    assert 0.7 * expected <= figures["sent"] <= 1.3 * expected
    assert figures["sent"] == pytest.approx(figures["sent_per_s"] * figures["for_s"])
    assert figures["sent"] < figures["sent_ever"]
    assert figures["heard_ever"] <= figures["sent_ever"]
    assert figures["lost_ever"] == figures["sent_ever"] - figures["heard_ever"]
    assert 0.0 <= figures["delivered"] <= 1.0
    assert figures["delivered"] == pytest.approx(figures["heard_ever"] / figures["sent_ever"])
    for name in ("cpu_us_per_sent", "cpu_us_per_heard", "memory_mib_master", "memory_mib_backup"):
        assert figures[name] > 0, name


def test_throughput(place: Path, environment: dict[str, str]) -> None:
    found = measured(place, environment, "throughput", *SMALL, "--for", f"{FOR_S:g}s")
    figures, = found["figures"]
    assert figures["kind"] == "pyvrrpd"
    assert found["ratios"] == {}
    check_throughput(figures)
    assert figures["lost_ever"] == 0, "20 routers do not fill any buffer"
    late = figures["late_us"]
    assert 0 < late["median"] <= late["p99"] <= late["longest"]


def test_throughput_against_keepalived(place: Path, environment: dict[str, str]) -> None:
    found = measured(place, environment, "throughput", *SMALL, "--for", f"{FOR_S:g}s", "--against", "keepalived")
    ours, theirs = found["figures"]
    assert (ours["kind"], theirs["kind"]) == ("pyvrrpd", "keepalived")
    assert re.fullmatch(r"\d+\.\d+\.\d+", found["versions"]["keepalived"])
    check_throughput(ours)
    check_throughput(theirs)
    assert theirs["late_us"] is None
    for name in ("cpu_us_per_sent", "cpu_us_per_heard", "memory_mib_master", "memory_mib_backup"):
        assert found["ratios"][name] == pytest.approx(ours[name] / theirs[name])


@pytest.mark.parametrize("against", [[], ["--against", "keepalived"]])
def test_failover_comes_after_the_deadline(place: Path, environment: dict[str, str], against: list[str]) -> None:
    found = measured(place, environment, "failover", "--routers", "20", "--interval", "500ms", *against)
    assert [figures["kind"] for figures in found["figures"]] == ["pyvrrpd", *against[1:]]
    for figures in found["figures"]:
        assert figures["master_down_interval_s"] == 3 * 0.5 + (256 - 100) / 256 * 0.5
        late = figures["late_ms"]
        # The kernel's stamp of an advert is made a moment before it is heard; no address may come before its deadline.
        assert -0.1 <= figures["earliest_ms"] <= late["median"] <= late["p99"] <= late["longest"]
        assert figures["addresses_ms"] <= figures["deadlines_ms"] + late["longest"] - figures["earliest_ms"] + 0.001


def test_flood(place: Path, environment: dict[str, str]) -> None:
    found = measured(place, environment, "flood", "--routers", "300", "--for", "500ms")
    figures, = found["figures"]
    assert figures["rounds"] > 0
    assert figures["sent"] >= 300 * figures["rounds"]
    assert figures["judged"] == figures["heard"] <= figures["sent"]
    assert figures["lost"] == figures["sent"] - figures["heard"]
    assert 0.0 <= figures["delivered"] <= 1.0
    for side in ("pyvrrp", "plain"):
        assert figures[side]["sent_per_s"] > 0
        assert figures[side]["heard_per_s"] > 0
    assert figures["sent_ratio"] > 0


def test_terminal_has_one_line_that_is_redrawn(place: Path, environment: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen([*BENCH, "flood", "--routers", "100", "--for", "1s"], env=environment, cwd=REPOSITORY,
                          stdin=theirs, stdout=theirs, stderr=theirs) as bench:
        os.close(theirs)
        output = b""
        with contextlib.suppress(OSError):      # EIO: the other side is closed
            while piece := os.read(ours, 65536):
                output += piece
    os.close(ours)
    text = output.decode()
    assert bench.returncode == 0, text
    assert text.count("\x1b[1A\r\x1b[J") >= 3
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1
    shown = text.rpartition("\x1b[J")[2]
    assert "heard and judged" in shown
    assert "measuring" not in shown


@pytest.mark.parametrize(
    ("measure", "at", "number", "status"),
    [
        ("throughput", "starting the MASTER", signal.SIGINT, 130),
        ("throughput", "measuring", signal.SIGTERM, 143),
        ("failover", "starting the BACKUP", signal.SIGTERM, 143),
        ("failover", "killing", signal.SIGINT, 130),
    ],
)
def test_interrupted_it_cleans_up(
    place: Path, tmp_path: Path, environment: dict[str, str], measure: str, at: str, number: signal.Signals, status: int
) -> None:
    log = tmp_path / "log"
    with (
        log.open("w") as stream,
        subprocess.Popen([*BENCH, measure, *SMALL], env=environment, cwd=REPOSITORY, stdout=stream,
                         stderr=stream) as bench,
    ):
        until(lambda: at in log.read_text(), TIMEOUT_S, at)
        until(lambda: len(processes_in(place)) > 1, TIMEOUT_S, "a daemon runs")
        bench.send_signal(number)
        bench.wait(TIMEOUT_S)
    assert bench.returncode == status
    assert "Traceback" not in log.read_text()
    assert list(place.iterdir()) == []
    until(lambda: not processes_in(place), 10, "the daemons end")


def test_killed_it_takes_its_daemons_along(place: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    log = tmp_path / "log"
    with (
        log.open("w") as stream,
        subprocess.Popen([*BENCH, "throughput", *SMALL], env=environment, cwd=REPOSITORY, stdout=stream,
                         stderr=stream) as bench,
    ):
        until(lambda: "waiting until" in log.read_text(), TIMEOUT_S, "both daemons run")
        assert len(processes_in(place)) > 2
        bench.kill()
    until(lambda: not processes_in(place), 10, "the daemons end")


def test_where_no_namespace_may_be_made_one_sentence_says_so(place: Path, environment: dict[str, str]) -> None:
    """A user namespace in which the limits are 0 is such a place."""
    limits = "echo 0 >/proc/sys/user/max_net_namespaces"
    argv = ["unshare", "--user", "--map-root-user", "sh", "-c", f'{limits}; exec "$@"', "sh", *BENCH, "flood"]
    done = subprocess.run(argv, env=environment, cwd=REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=TIMEOUT_S)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[0] == "making two wires"
    assert done.stderr.splitlines()[1].startswith("pyvrrp: bench: the hosts to measure on cannot be made (")
    assert "user.max_net_namespaces in sysctl" in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert list(place.iterdir()) == []
