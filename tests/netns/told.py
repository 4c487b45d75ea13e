"""One life of a daemon, as those who are told of it see it: its file, and what keepalived and pyvrrpd told in it.

test_telling.py has both live it; tests/unit/test_telling.py replays what keepalived told.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

TRACES = Path(__file__).with_name("traces")
MEMBERS = {"G1": "G", "G2": "G"}
W_VRID = 51                 # its master is played by the test

GLOBALS = """\
global_defs {{
    router_id node
    script_user root
    vrrp_notify_fifo {d}/fifo
    notify_fifo {d}/read.fifo
    notify_fifo_script "{d}/reader one"
    vrrp_notify_priority_changes
    notification_email {{
        a@example.org
        b@example.org
    }}
    notification_email_from vrrp@example.org
    smtp_server 127.0.0.1 2525
    smtp_alert
    startup_script "{d}/tell startup"
    shutdown_script "{d}/tell shutdown"
}}
track_file lower {{
    file {d}/lower
}}
track_file fault {{
    file {d}/fault
}}
vrrp_script check {{
    script "/usr/bin/test ! -e {d}/bad"
    interval 1
    timeout 30
    weight -30
}}
vrrp_sync_group G {{
    group {{
        G1
        G2
    }}
    notify "{d}/tell notify"
    notify_master "{d}/tell G master"
    notify_backup "{d}/tell G backup"
    notify_fault "{d}/tell G fault"
    notify_stop "{d}/tell G stop"
}}
"""
INSTANCE = """\
vrrp_instance {name} {{
    interface eth0
    version 3
    virtual_router_id {vrid}
    priority {priority}
    advert_int {interval}
    notify "{d}/tell notify"
    {lines}
    virtual_ipaddress {{
        192.0.2.{vrid}/24
    }}
}}
"""
TRACKS = "track_file {{\n        {name} weight {weight}\n    }}"
OWN = "\n    ".join(f'notify_{state} "{{d}}/tell F {state}"' for state in ("master", "backup", "fault", "stop"))
ALWAYS = (
    ("G1", 61, 100, "0.1", ""),
    ("G2", 62, 90, "0.1", TRACKS.format(name="fault", weight=0)),
    ("W", W_VRID, 100, "1", TRACKS.format(name="lower", weight=1)
     + '\n    notify_master_rx_lower_pri "{d}/tell W lower"'),
    ("S", 53, 100, "0.1", "track_script {{\n        check\n    }}"),
    ("F", 52, 100, "0.1", TRACKS.format(name="fault", weight=0) + "\n    " + OWN),
)
BEFORE = (
    ("DEL", 71, 100, "0.1", 'notify_fault "{d}/tell DEL fault"\n    notify_deleted'),
    ("GONE", 72, 100, "0.1", 'notify_fault "{d}/tell GONE fault"'),
    ("DEL2", 73, 100, "0.1", 'notify_deleted "{d}/tell DEL2 deleted"'),
)
AFTER = (("NEW", 81, 100, "0.1", ""),)


def text(directory: Path, *extra: tuple[str, int, int, str, str]) -> str:
    made = GLOBALS.format(d=directory)
    for name, vrid, priority, interval, lines in (*ALWAYS, *extra):
        # `{{` of a template is `{` after format(): of the lines here, before they get in.
        own = lines.replace("{{", "{").replace("}}", "}").replace("{d}", str(directory))
        made += INSTANCE.format(
            name=name, vrid=vrid, priority=priority, interval=interval, lines=own, d=directory)
    return made


class Trace:
    """What was told, step by step: [kind, text], where kind is fifo, script or mail."""

    def __init__(self) -> None:
        self.steps: dict[str, list[tuple[str, str]]] = {}

    @classmethod
    def read(cls, kind: str) -> Trace:
        trace, step = cls(), ""
        for line in (TRACES / f"told-{kind}.txt").read_text().splitlines():
            if line.startswith("== "):
                step = line[3:]
                trace.steps[step] = []
            elif line and not line.startswith("#"):
                what, _, told = line.partition(": ")
                trace.steps[step].append((what, told))
        return trace

    def write(self, kind: str, version: str) -> None:
        lines = [f"# What {version} told; recorded by tests/netns/test_telling.py."]
        for step, told in self.steps.items():
            lines += ["", f"== {step}", *(f"{what}: {line}" for what, line in told)]
        TRACES.mkdir(exist_ok=True)
        (TRACES / f"told-{kind}.txt").write_text("\n".join(lines) + "\n")


def by_subject(told: list[tuple[str, str]], step: str) -> dict[str, object]:
    """What must be the same of a step: lines of each router in order, where a group comes among its members, the rest.

    keepalived does not wait for its mails of STOP, so none or some of them arrive.
    """
    lines = [re.match(r'(\w+) "(.*?)" (.*)', line) for what, line in told if what == "fifo"]
    found: dict[str, object] = {}
    members = 0
    for line in lines:
        assert line is not None, told
        kind, name, rest = line.groups()
        members += MEMBERS.get(name) is not None
        after = f" after {members} of its members" if kind == "GROUP" else ""
        found.setdefault(f"{kind} {name}", []).append(rest + after)  # type: ignore[attr-defined]
    for what in ("script", "mail") if step != "stop" else ("script",):
        found[what] = Counter(line for kind, line in told if kind == what)
    return found
