"""Reading a configuration of 10,000 instances: `pyvrrp check` beside keepalived's config test, processor time of both.

Once as 140,000 lines that somebody wrote, once as a template and two ~SEQ. keepalived needs the interfaces to exist, so
it runs in a network namespace that has them.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

INTERFACES, VRIDS = 40, 250
RUNS = 5

INSTANCE = r"""vrrp_instance VI_${IF}_${ID} { \
    state BACKUP \
    interface eth${IF} \
    virtual_router_id ${ID} \
    priority 100 \
    advert_int 1 \
    nopreempt \
    garp_master_delay 1 \
    virtual_ipaddress { \
        10.1.${IF}.${ID}/24 \
        10.2.${IF}.${ID}/24 \
    } \
}
"""


def written() -> str:
    """Every instance in full: what a generator of configurations makes."""
    template = INSTANCE.replace(" \\\n", "\n") + "\n"
    return "".join(
        template.replace("${IF}", str(interface)).replace("${ID}", str(vrid))
        for interface in range(INTERFACES)
        for vrid in range(1, VRIDS + 1)
    )


def repeated() -> str:
    """The same instances from a template."""
    return f"$VR= \\\n{INSTANCE}\n~SEQ(IF, 0, {INTERFACES - 1}) ~SEQ(ID, 1, {VRIDS}) $VR\n"


def cost(command: list[str]) -> tuple[float, float]:
    """Processor time in seconds, and the most memory in MiB, of a command that finds nothing wrong."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    with process.stdout:
        said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said[-2000:]
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


@pytest.mark.root
@pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed")
@pytest.mark.parametrize("make", [written, repeated], ids=["written", "repeated"])
def test_check(make: Callable[[], str], tmp_path: Path, figure: Callable[..., Any]) -> None:
    path, links = tmp_path / "k.conf", tmp_path / "links"
    path.write_text(make())
    links.write_text("".join(f"link add eth{i} type veth peer name eth{i + 1}\n" for i in range(0, INTERFACES, 2)))
    inside = ["unshare", "--net", "sh", "-ec", 'ip -batch "$0"; exec "$@"', str(links)]
    ours, theirs, memory = [], [], []
    for _ in range(RUNS):
        s, mib = cost([*inside, sys.executable, "-m", "pyvrrp.cli.main", "check", str(path)])
        ours.append(s)
        memory.append(mib)
        theirs.append(cost([*inside, "keepalived", "--vrrp", "--config-test", "--use-file", str(path)])[0])
    what = f"check 10,000 instances, {make.__name__}"
    figure(
        key=f"config-{make.__name__}",
        what=what,
        value=statistics.median(ours),
        unit="s",
        yardstick="keepalived -t",
        yardstick_value=statistics.median(theirs),
        goal=1.5,
    )
    figure(key=f"config-{make.__name__}-memory", what=f"{what}: memory", value=max(memory), unit="MiB", goal=150)
