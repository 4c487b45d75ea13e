"""Who is told what, beside keepalived: scripts, a FIFO, mail; one life of a daemon, step by step.

traces/told-keepalived.txt is what keepalived 2.2.7 told in that life, traces/told-pyvrrpd.txt what pyvrrpd did. Both
daemons live it again here, and must tell what keepalived told then: each step waits for what it has to bring, so
nothing depends on time. PYVRRP_RECORD=1 writes the traces anew; then a step waits until nothing more comes.

The lines of one router are compared in their order, and those of a group with those of its members. keepalived keeps no
order of others, nor of scripts and mails (rule N2).
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from netns.harness import START_S, Daemon, Kind, Lab, until
from netns.listeners import FifoReader, MailServer
from netns.packets import Forged, send
from netns.told import AFTER, ALWAYS, BEFORE, W_VRID, Trace, by_subject, text

pytestmark = [pytest.mark.root]

RECORDS = "PYVRRP_RECORD" in os.environ
STEP_S = 20.0               # for what a step brings; nothing takes longer than a second but on a busy machine
QUIET_S = 2.5               # a recording waits until nothing has come for so long


class Life:
    """A daemon with all who are told, and the trace that it makes."""

    def __init__(self, lab: Lab, kind: Kind) -> None:
        self.host, self.other = lab.pair()
        self.daemon: Daemon = lab.daemon(kind, self.host)
        self.directory = self.daemon.directory
        self.trace, self.expected = Trace(), Trace() if RECORDS else Trace.read("keepalived")
        self._seen = {"fifo": 0, "script": 0, "mail": 0}
        for name in ("lower", "fault"):
            (self.directory / name).write_text("0")
        self._script("tell", f'echo "$*" >> {self.directory}/told')
        # At SIGTERM it first finishes the line that it has; what it has read is noted, whenever that comes.
        self._script("reader", f"""\
echo "start $1 $2" >> {self.directory}/read
over=
trap 'over=1' TERM
while [ -z "$over" ]; do
    while [ -z "$over" ] && read -r line; do echo "$line" >> {self.directory}/read; done < "$2"
    sleep 0.02
done""")
        self.fifo = FifoReader(self.directory / "fifo")
        self.mail = MailServer(self.host.namespace, 2525)
        self.fifo.start()
        self.mail.start()

    def close(self) -> None:
        self.daemon.discard()
        self.fifo.close()
        self.mail.close()

    def _script(self, name: str, body: str) -> None:
        path = self.directory / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def write(self, name: str, number: str) -> None:
        new = self.directory / f"{name}.new"
        new.write_text(number)
        new.rename(self.directory / name)

    def read(self) -> list[str]:
        """What the script that reads a FIFO has noted."""
        file = self.directory / "read"
        return file.read_text().splitlines() if file.exists() else []

    def _told(self) -> dict[str, list[str]]:
        file = self.directory / "told"
        return {
            "fifo": list(self.fifo.lines),
            "script": file.read_text().splitlines() if file.exists() else [],
            "mail": [subject.removeprefix("[node] VRRP ") for subject in self.mail.subjects()],
        }

    def _new(self) -> list[tuple[str, str]]:
        return [(what, line) for what, lines in self._told().items() for line in lines[self._seen[what]:]]

    def step(self, name: str, action: Callable[[], object]) -> None:
        """Do something, and wait for what follows from it."""
        action()
        if RECORDS:
            self._quiet()
        else:
            wanted = Counter(what for what, _ in self.expected.steps[name])
            with suppress(AssertionError):      # the comparison says what is missing
                until(lambda: self._count() >= wanted, STEP_S, name)
        told = self._new()
        self.trace.steps[name] = told
        for what, _ in told:
            self._seen[what] += 1
        if not RECORDS:
            found, expected = (by_subject(each, name) for each in (told, self.expected.steps[name]))
            assert found == expected, f"{name}:\n{told}\n{self.daemon.log()}"

    def _count(self) -> Counter[str]:
        return Counter(what for what, _ in self._new())

    def _quiet(self) -> None:
        until(self._count, STEP_S, "something that is told")
        count, since_s = self._count(), time.monotonic()
        while time.monotonic() - since_s < QUIET_S:
            time.sleep(0.05)
            if self._count() != count:
                count, since_s = self._count(), time.monotonic()

    def advert(self, priority: int) -> None:
        """An advert of another host for W."""
        send(self.other.namespace, Forged(
            source=self.other.ip4, vrid=W_VRID, priority=priority, addresses=(f"192.0.2.{W_VRID}",)))

    @contextmanager
    def another_master(self) -> Iterator[None]:
        """Another host is MASTER of W, with priority 200; at the end it says that it goes."""
        stop = threading.Event()

        def adverts() -> None:
            while not stop.wait(0.1):
                self.advert(200)

        thread = threading.Thread(target=adverts)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
        self.advert(0)


@pytest.fixture
def life(lab: Lab, kind: Kind) -> Iterator[Life]:
    made = Life(lab, kind)
    yield made
    made.close()


@pytest.mark.keepalived("N1")
@pytest.mark.keepalived("N4")
@pytest.mark.keepalived("N6")
@pytest.mark.keepalived("N7")
@pytest.mark.keepalived("N8")
@pytest.mark.keepalived("N10")
@pytest.mark.parametrize("kind", ["pyvrrpd", "keepalived"])
def test_all_are_told_what_keepalived_tells_them(life: Life, kind: Kind) -> None:
    daemon, directory = life.daemon, life.directory
    daemon.configure(text(directory, *BEFORE))
    with life.another_master():
        life.step("start", daemon.start)
        life.step("a number in a file, as BACKUP", lambda: life.write("lower", "7"))
    life.step("failover: the MASTER of W has gone", lambda: None)
    life.step("a number in a file, as MASTER", lambda: life.write("lower", "0"))
    life.step("a script fails", lambda: life.write("bad", ""))
    life.step("a script succeeds", (directory / "bad").unlink)
    life.step("an advert of lower priority", lambda: life.advert(50))
    life.step("another one", lambda: life.advert(50))
    with life.another_master():
        life.step("a MASTER of higher priority", lambda: None)
    life.step("it has gone too", lambda: None)
    life.step("FAULT", lambda: life.write("fault", "1"))
    life.step("FAULT is over", lambda: life.write("fault", "0"))
    daemon.configure(text(directory, *AFTER))
    life.step("a reload", lambda: daemon.signal(signal.SIGHUP))
    until(lambda: life.read().count(f"start one {directory}/read.fifo") == 2, START_S, "the reader again")
    life.step("stop", daemon.terminate)
    if RECORDS:
        life.trace.write(kind, "keepalived 2.2.7" if kind == "keepalived" else "pyvrrpd")
        return
    if kind == "pyvrrpd":
        # Its reader of a FIFO has had everything, STOP too; keepalived ends its own before.
        assert [line for line in life.read() if line.partition(" ")[0] in ("INSTANCE", "GROUP")] == life.fifo.lines
        # The server has had a mail for each STOP.
        assert sorted(subject.removeprefix("[node] VRRP ") for subject in life.mail.subjects()[-7:]) == sorted(
            [*(f"Instance {name} - Stopping" for name, *_ in (*ALWAYS, *AFTER)), "Group G - Stopping"])
    assert not (directory / "fifo").exists()
