"""F31: nobody reads a FIFO, or somebody stops. The daemon goes on, what is dropped is counted and told."""

from __future__ import annotations

import fcntl
import os

import pytest
from netns.harness import START_S, Daemon, Lab, until
from netns.packets import Forged, send

pytestmark = [pytest.mark.root]

NAME = "a" * 200                # so that few lines fill the pipe
WAITING_MAX = 5
ADVERTS = 60
FILE = """\
global_defs {{
    vrrp_notify_fifo {fifo}
}}
vrrp_instance {name} {{
    interface eth0
    version 3
    virtual_router_id 51
    priority 100
    advert_int 0.1
    garp_lower_prio_repeat 0
    virtual_ipaddress {{
        192.0.2.100/24
    }}
}}
"""


def notify_counters(daemon: Daemon) -> dict[str, int]:
    return dict(daemon.get("/v1/instances")["counters"]["notify"])


def test_a_reader_that_stands_still(lab: Lab) -> None:
    left, right = lab.pair()
    daemon = lab.daemon("pyvrrpd", left)
    daemon.before = f"from pyvrrp import limits; limits.FIFO_LINES_MAX = {WAITING_MAX}"
    fifo = daemon.directory / "fifo"
    daemon.configure(FILE.format(fifo=fifo, name=NAME))
    daemon.start()
    left.record.wait_address("192.0.2.100", True, timeout_s=START_S)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
        for _ in range(ADVERTS):
            send(right.namespace, Forged(
                source=right.ip4, vrid=51, priority=50, interval=10, addresses=("192.0.2.100",)))
        until(lambda: daemon.counters(NAME)["other_master"] == ADVERTS, START_S, "every advert is heard")
        told = ADVERTS + 2      # BACKUP and MASTER, too
        until(lambda: sum(
            notify_counters(daemon)[name]
            for name in ("fifo_lines", "fifo_waiting", "fifo_dropped", "script_lower_dropped")
        ) == told, START_S, "every line is accounted for")
        stuck = notify_counters(daemon)
        assert stuck["fifo_waiting"] == WAITING_MAX
        assert stuck["fifo_dropped"] >= ADVERTS - 4096 // len(NAME) - WAITING_MAX
        daemon.wait_log("nobody reads it, or too slowly, so lines are dropped", 5)
        problems = daemon.get("/v1/instances")["problems"]
        assert problems == [f"FIFO {fifo} has lost {stuck['fifo_dropped']} lines: nobody reads it, or too slowly"]
        assert right.record.wait_adverts(5, sent=False, since_s=0, timeout_s=START_S), "adverts go on"

        got = b""

        def drained() -> bool:
            nonlocal got
            try:
                got += os.read(reader, 1 << 16)
            except BlockingIOError:
                return notify_counters(daemon)["fifo_waiting"] == 0
            return False

        until(drained, START_S, "all that was kept")
        lines = got.decode().splitlines()
        assert len(lines) == told - stuck["fifo_dropped"] - stuck["script_lower_dropped"]
        assert lines[:2] == [f'INSTANCE "{NAME}" BACKUP 100', f'INSTANCE "{NAME}" MASTER 100']
        assert set(lines[2:]) == {f'INSTANCE "{NAME}" MASTER_RX_LOWER_PRI 100'}
        daemon.wait_log(rf"it is read again; {stuck['fifo_dropped']} lines were dropped meanwhile", 5)
    finally:
        os.close(reader)
    daemon.terminate()
    assert not fifo.exists()
