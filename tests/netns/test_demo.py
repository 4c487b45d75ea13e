"""`pyvrrp demo` as people run it: as root, as nobody, on a terminal, interrupted, killed, and when it fails."""

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from netns.commands import processes_in, until

pytestmark = [pytest.mark.root, pytest.mark.usefixtures("nothing_is_left")]

REPOSITORY = Path(__file__).parents[2]
DEMO = [sys.executable, "-m", "pyvrrp.cli.main", "demo"]
TIMEOUT_S = 28
MASTER_DOWN_S = 0.722           # of the demo's configurations
MARGIN_S = 1.0

# Gives nobody a way to this interpreter where it is below a closed directory, such as /root: in a mount namespace
# of its own that directory is replaced by an open one with only what is needed in it.
AS_NOBODY = """set -e
if [ -n "$CLOSED" ]; then
    keep=$(mktemp -d)
    for name in $NEEDED; do mkdir "$keep/$name"; mount --bind "$CLOSED/$name" "$keep/$name"; done
    mount -t tmpfs -o mode=755 tmpfs "$CLOSED"
    for name in $NEEDED; do
        mkdir "$CLOSED/$name"
        mount --move "$keep/$name" "$CLOSED/$name"
        rmdir "$keep/$name"
    done
    rmdir "$keep"
fi
exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
"""


def play(argv: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a demo to its end, without a terminal."""
    return subprocess.run(
        argv,
        env=environment,
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )


def check_story(output: str) -> None:
    """It tells what happened, with times that the protocol allows."""
    assert "alpha is MASTER of web, beta is MASTER of db" in output
    took = re.search(r"beta had 192\.0\.2\.100 (\d+\.\d+) s after alpha stopped", output)
    assert took is not None
    # No earlier than the last advert, sent at most an interval before the power cut, allows.
    assert MASTER_DOWN_S - 0.2 - 0.05 <= float(took[1]) <= MASTER_DOWN_S + MARGIN_S
    assert re.search(r"alpha had 192\.0\.2\.100 again \d+\.\d+ s after", output)
    assert re.search(r"alpha +web +BACKUP +\S+ ago +90 of 150 ", output)
    assert re.search(r"notify script of beta .*web MASTER 100, web BACKUP 100, web MASTER 100", output)


def test_root_sees_the_address_move(place: Path, environment: dict[str, str]) -> None:
    links = sorted(path.name for path in Path("/sys/class/net").iterdir())
    done = play(DEMO, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    check_story(done.stdout)
    assert list(place.iterdir()) == []
    assert sorted(path.name for path in Path("/sys/class/net").iterdir()) == links


def test_nobody_sees_the_address_move(place: Path, environment: dict[str, str]) -> None:
    paths = [Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), REPOSITORY]
    closed = next((p for path in paths for p in reversed(path.parents) if not p.stat().st_mode & 0o001), None)
    needed = sorted({path.relative_to(closed).parts[0] for path in paths if closed in path.parents} if closed else ())
    environment |= {"CLOSED": str(closed or ""), "NEEDED": " ".join(needed), "PYTHONDONTWRITEBYTECODE": "1"}
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", AS_NOBODY, "sh", *DEMO]
    done = play(command, environment)
    if "you may make no network namespace" in done.stderr:
        assert done.returncode != 0
        pytest.skip(f"this kernel gives users no network namespaces: {done.stderr.strip()}")
    assert done.returncode == 0, done.stdout + done.stderr
    check_story(done.stdout)
    assert list(place.iterdir()) == []


def test_terminal_shows_one_table_that_is_redrawn(place: Path, environment: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(DEMO, env=environment, cwd=REPOSITORY, stdin=theirs, stdout=theirs, stderr=theirs) as demo:
        os.close(theirs)
        output = b""
        with contextlib.suppress(OSError):      # EIO: the other side is closed
            while piece := os.read(ours, 65536):
                output += piece
    os.close(ours)
    text = output.decode()
    assert demo.returncode == 0, text
    assert text.count("\x1b[J") > 20
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1
    assert "beta had 192.0.2.100" in text
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("at", ["They share", "Now alpha stops"])
def test_interrupted_it_cleans_up(
    place: Path, tmp_path: Path, environment: dict[str, str], number: signal.Signals, status: int, at: str
) -> None:
    log = tmp_path / "log"
    with (
        log.open("w") as stream,
        subprocess.Popen(DEMO, env=environment, cwd=REPOSITORY, stdout=stream, stderr=stream) as demo,
    ):
        until(lambda: at in log.read_text(), 15, at)
        demo.send_signal(number)
        demo.wait(10)
    assert demo.returncode == status
    assert "Traceback" not in log.read_text()
    assert list(place.iterdir()) == []


def test_killed_it_takes_its_daemons_along(place: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    log = tmp_path / "log"
    with (
        log.open("w") as stream,
        subprocess.Popen(DEMO, env=environment, cwd=REPOSITORY, stdout=stream, stderr=stream) as demo,
    ):
        until(lambda: "Now alpha" in log.read_text(), 15, "the second act")
        assert len(processes_in(place)) > 1
        demo.kill()
    until(lambda: not processes_in(place), 5, "the daemons end")


def test_where_no_namespace_may_be_made_one_sentence_says_so(place: Path, environment: dict[str, str]) -> None:
    """A user namespace in which the limits are 0 is such a place."""
    limits = "echo 0 >/proc/sys/user/max_net_namespaces; echo 0 >/proc/sys/user/max_user_namespaces"
    done = play(["unshare", "--user", "--map-root-user", "sh", "-c", f'{limits}; exec "$@"', "sh", *DEMO], environment)
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(r"pyvrrp: demo: you may make no network namespace here .* sudo pyvrrp demo.*\n", done.stderr)
    assert list(place.iterdir()) == []


def test_an_address_that_comes_too_late_fails_the_demo(place: Path, environment: dict[str, str]) -> None:
    """The deadline is put before the earliest moment that the protocol allows."""
    program = (
        "import sys; from pyvrrp.cli import demo, main; "
        "demo.MARGIN_S = 0.3 - demo.MASTER_DOWN_S; sys.exit(main.main(['demo']))"
    )
    done = play([sys.executable, "-c", program], environment)
    assert done.returncode == 1
    assert "in vain for web on beta" in done.stderr
    assert "The end of the log of beta:" in done.stdout
    assert "MASTER STATE" in done.stdout
    assert list(place.iterdir()) == []
