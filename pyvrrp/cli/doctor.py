"""`pyvrrp doctor`: what is wrong on this host, each with the command that mends it or shows more."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
from collections.abc import Iterable
from pathlib import Path

from pyvrrp import linux, privileges
from pyvrrp.cli import main as cli
from pyvrrp.cli.orders import add_json
from pyvrrp.control.client import ControlClient
from pyvrrp.control.protocol import InstanceStatus
from pyvrrp.control.trackers import TrackersReply
from pyvrrp.doctor import Facts, Finding, NamespaceFacts, examine
from pyvrrp.neighbours import read_room
from pyvrrp.netns import path_of

EPILOG = """Network namespaces are looked into only as root. Nothing is changed.

exit status:
  0  nothing was found
  1  something was
  2  the command line is wrong
  3  the daemon could not be asked
"""
_IP_S = 10.0                            # what ip(8) may take


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `doctor` takes."""
    parser.epilog = EPILOG
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look, and print. Raises ControlError."""
    client = ControlClient(arguments.socket)
    status = client.instances()
    namespaces, unseen = look_into(status.instances, status.pid)
    found = examine(Facts(
        status=status,
        trackers=client.get("/v1/trackers", TrackersReply),
        namespaces=namespaces,
        rooms={family: read_room(family) for family in (4, 6)},
        descriptors=descriptors(status.pid),
        keepalived_pids=pids_of("keepalived"),
        own_namespace=own_namespace(status.pid),
        rmem_max=_number(Path("/proc/sys/net/core/rmem_max")),
    ))
    if arguments.json:
        print(json.dumps({"findings": [finding._asdict() for finding in found], "not_seen": unseen,
                          "capabilities": capabilities(status.pid)}))
    else:
        for finding in found:
            print("\n".join(shown(finding)))
        for sentence in unseen:
            print(f"not looked at: {sentence}")
        if kept := capabilities(status.pid):
            print(f"capabilities of the daemon: {kept}")
        count = len(status.instances)
        errors = sum(finding.is_error for finding in found)
        told = f"{_counted(errors, 'error')}, {_counted(len(found) - errors, 'warning')}" if found else "nothing found"
        print(f"{_counted(count, 'instance')} looked at: {told}")
    return cli.EXIT_FAILED if found else cli.EXIT_OK


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def own_namespace(pid: int) -> str | None:
    """The network namespace of a process as a path, if it is not ours; None: it is, or cannot be seen."""
    path = Path(f"/proc/{pid}/ns/net")
    try:
        return None if path.samefile("/proc/self/ns/net") else str(path)
    except OSError:
        return None


def shown(finding: Finding) -> list[str]:
    """`error: web: it is in FAULT: interface eth0 is down`, and the command below."""
    lines = [f"{'error' if finding.is_error else 'warning'}: {finding.about}: {finding.what}"]
    return [*lines, f"    {finding.command}"] if finding.command else lines


def look_into(
    instances: Iterable[InstanceStatus], pid: int
) -> tuple[dict[str | None, NamespaceFacts], list[str]]:
    """What the kernel says in each network namespace, and in which it could not be asked. pid: of the daemon."""
    found: dict[str | None, NamespaceFacts] = {}
    unseen: list[str] = []
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        for name in dict.fromkeys(instance.net_namespace for instance in instances):
            path = Path(f"/proc/{pid}/ns/net") if name is None else path_of(name)
            title = "the daemon's network namespace" if name is None else f"network namespace {name}"
            try:
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                unseen.append(f"{title}: {error.strerror}")
                continue
            try:
                if not os.path.sameopenfile(fd, home):
                    with linux.inside(fd, home):
                        found[name] = _here()
                else:
                    found[name] = _here()
            except OSError as error:
                unseen.append(f"{title}: {error.strerror}; run this as root")
            finally:
                os.close(fd)
    finally:
        os.close(home)
    return found, unseen


def _here() -> NamespaceFacts:
    """What the kernel says in the network namespace of this thread."""
    settings = Path("/proc/sys/net/ipv6/conf")
    names = frozenset(path.name for path in settings.iterdir()) if settings.is_dir() else frozenset()
    return NamespaceFacts(
        without_ipv6=frozenset(name for name in names if _number(settings / name / "disable_ipv6") == 1),
        unreachable=_unreachable(),
    )


def _unreachable() -> frozenset[str]:
    """Addresses that the kernel has asked for in vain."""
    try:
        done = subprocess.run(["ip", "-json", "neighbour", "show", "nud", "failed", "nud", "incomplete"],
                              capture_output=True, timeout=_IP_S, check=True)
        entries = json.loads(done.stdout or b"[]")
    except (OSError, subprocess.SubprocessError, ValueError):
        return frozenset()
    return frozenset(str(entry["dst"]) for entry in entries if "dst" in entry)


def descriptors(pid: int) -> tuple[int, int] | None:
    """How many descriptors a process has open, and how many it may have; None where that cannot be seen."""
    try:
        used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        limit, _ = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    except (OSError, ValueError):
        return None
    return used, limit


def capabilities(pid: int) -> str | None:
    """What the daemon's busy thread may do; None where that cannot be seen."""
    try:
        return privileges.described(privileges.of_process(pid)[str(pid)])
    except (OSError, KeyError, ValueError, IndexError):
        return None


def pids_of(command: str) -> tuple[int, ...]:
    """Processes of this name that are no children of one of them."""
    found: dict[int, int] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                line = (path / "stat").read_text()
            except OSError:
                continue
            own, _, rest = line.partition("(")[2].rpartition(") ")
            if own == command:
                found[int(path.name)] = int(rest.split()[1])
    return tuple(sorted(pid for pid, parent in found.items() if parent not in found))


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
