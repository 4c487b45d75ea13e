"""What global_defs asks of the scheduler, in a process that is made for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from pyvrrp import limits

LOOK = """
import json, os, subprocess, sys
from pyvrrp import scheduling
from pyvrrp.model import GlobalDefs
asked = [GlobalDefs(router_id="x", **fields) for fields in json.loads(sys.argv[1])]
for each in asked:
    object.__setattr__(each, "cpu_affinity", tuple(each.cpu_affinity))
problems = scheduling.apply(asked)
child = "import os; print(os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0))"
def slices(path):
    with open(path) as lines:
        return [line.split()[-1] for line in lines if line.startswith("se.slice")]
print(json.dumps({
    "problems": problems,
    "nice": os.getpriority(os.PRIO_PROCESS, 0),
    "class": os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK,
    "priority": os.sched_getparam(0).sched_priority,
    "cpus": sorted(os.sched_getaffinity(0)),
    "locked": [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmLck")][0],
    "slices": slices("/proc/self/sched") if os.path.exists("/proc/self/sched") else [],
    "child": subprocess.check_output([sys.executable, "-c", child], text=True).split(),
}))
"""


def look(*asked: dict[str, object]) -> dict[str, object]:
    command = [sys.executable, "-c", LOOK, json.dumps(asked)]
    found: dict[str, object] = json.loads(subprocess.check_output(command, text=True))
    return found


def test_nothing_is_asked() -> None:
    found = look({})
    assert (found["problems"], found["class"], found["locked"]) == ([], os.SCHED_OTHER, "0")
    assert found["nice"] == os.getpriority(os.PRIO_PROCESS, 0)
    assert found["cpus"] == sorted(os.sched_getaffinity(0))


def test_a_short_slice_of_the_scheduler() -> None:
    found = look({})
    if not found["slices"]:
        pytest.skip("this kernel has no slices, or does not show them")
    assert found["slices"] == [str(limits.TURN_SLICE_NS)]


def test_the_strongest_wish_counts() -> None:
    worst = os.getpriority(os.PRIO_PROCESS, 0)
    found = look({"nice": worst + 3}, {"nice": worst + 1}, {})
    assert (found["problems"], found["nice"]) == ([], worst + 1)


def test_cpus() -> None:
    first, *_others = sorted(os.sched_getaffinity(0))
    assert look({"cpu_affinity": [first]})["cpus"] == [first]
    both = look({"cpu_affinity": [first]}, {})
    assert both["cpus"] == sorted(os.sched_getaffinity(0)), "a file that names none may use all"
    problems = look({"cpu_affinity": [8191]})["problems"]
    assert problems == [
        "vrrp_cpu_affinity: Invalid argument; it runs on any CPU, name CPUs that are there"
    ]


@pytest.mark.root
def test_a_real_time_class_is_not_inherited() -> None:
    found = look({"rt_priority": 5, "nice": -3}, {"rt_priority": 2})
    assert (found["problems"], found["class"], found["priority"]) == ([], os.SCHED_RR, 5)
    assert found["child"] == ["0", str(os.SCHED_OTHER)]


@pytest.mark.root
def test_a_better_nice_value_is_not_inherited() -> None:
    found = look({"nice": -3})
    assert (found["nice"], found["child"]) == (-3, ["0", str(os.SCHED_OTHER)])


@pytest.mark.root
def test_memory_is_locked() -> None:
    found = look({"no_swap": True})
    assert found["problems"] == []
    assert int(str(found["locked"])) > 1000
