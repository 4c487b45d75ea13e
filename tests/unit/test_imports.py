"""Imports point one way. This reads the sources, so that a wrong one fails before it grows roots.

A unit is a module of vrrpcore, or a module or package directly under pyvrrp. ALLOWED says what each may import; a new
unit gets a line here, and the line is what has to be argued for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

CORE: dict[str, set[str]] = {
    "consts": set(),
    "limits": set(),
    "settings": set(),                  # values that cross the boundary
    "wheel": set(),                     # knows no VRRP
    "checksum": {"consts"},
    "packet": {"consts", "limits", "checksum"},
    "announce": {"consts", "limits", "checksum"},
    "counters": {"packet", "vr", "sync", "settings"},
    "vr": {"packet"},                   # holds an expect_t
    "election": {"consts", "vr"},
    "fsm": {"vr", "election"},
    "sync": {"vr", "fsm"},
    "table": {"counters", "vr"},
    "rawio": {"consts", "limits"},
    "setup": {"consts", "limits", "packet", "vr"},
    "slots": {"consts", "limits", "vr", "setup"},
    "outbox": {"consts", "counters", "packet", "announce", "vr", "setup"},
    "pacing": {"consts", "limits", "wheel", "vr", "outbox"},
    "budget": {"consts", "limits", "vr", "setup"},
    "scrutiny": {"consts", "packet", "vr", "setup"},
    "lower": {"consts", "limits", "wheel", "vr", "pacing"},
    "domains": {"consts", "packet"},
    "events": {"limits", "settings", "packet", "vr", "table"},
    "machine": {
        "consts", "counters", "wheel", "packet", "vr", "election", "fsm", "sync", "table", "slots", "outbox", "pacing",
        "lower", "events",
    },
    "stall": {"consts", "limits", "vr", "election", "table", "machine"},
    "hearing": {
        "wheel", "packet", "counters", "vr", "election", "fsm", "table", "scrutiny", "budget", "domains", "events",
        "machine",
    },
    "engine": {
        "consts", "limits", "settings", "wheel", "packet", "counters", "vr", "fsm", "sync", "table", "setup", "outbox",
        "slots", "pacing", "lower", "budget", "domains", "events", "machine", "stall", "hearing",
    },
    "reactor": {"consts", "limits", "packet", "counters", "rawio", "outbox", "hearing", "stall", "engine"},
}

FLOOR = {  # "": __init__.py, the version
    "", "_linux", "errand", "errors", "limits", "linux", "model", "netns", "privileges", "routing", "statistics",
}
WORKERS = FLOOR | {"config", "netlink", "scripts", "control", "track", "notify"}
MIDDLE = {
    "placing", "promotion", "network", "statics", "namespaces", "router", "debounce", "membership", "interests",
    "journal", "pace", "elsewhere", "portrait", "tracking", "tracker_status", "watches", "host", "bookends", "telling",
    "scope", "orders", "aftermath", "history", "chronicle", "rivals", "neighbours",
    "duplicates",
}
SHELL: dict[str, set[str]] = {
    "": set(),
    "_linux": set(),
    "linux_build": set(),
    "errand": {"linux"},                # work of another process
    "errors": set(),
    "limits": set(),
    "linux": {"_linux", "errors"},
    "privileges": {"linux"},            # what of its capabilities a process keeps
    "routing": set(),                   # routes and rules as values
    "model": {"errors", "limits", "routing"},
    "netns": {"errors", "linux"},
    "statistics": set(),
    "metrics": FLOOR | {"statistics"},
    "config": FLOOR,
    "netlink": FLOOR,
    "scripts": FLOOR,
    "control": FLOOR,
    "track": FLOOR | {"scripts"},
    "notify": FLOOR | {"scripts"},
    # Between the parts and the runtime: each knows the core and some of the parts.
    "interests": FLOOR,
    "promotion": FLOOR,
    "placing": FLOOR,                   # which interface an address is on
    "network": FLOOR | {"netlink", "placing", "promotion"},
    "statics": FLOOR | {"netlink", "network"},
    "orders": FLOOR,
    "history": FLOOR,
    "aftermath": FLOOR,
    "router": FLOOR | {"history", "netlink", "network", "orders", "placing"},
    "chronicle": FLOOR | {"control"},
    "rivals": FLOOR | {"chronicle", "control", "journal", "router"},
    "moving": FLOOR | {"control", "host", "journal", "router"},
    "operations": WORKERS | MIDDLE | {"moving", "runtime", "scrape"},
    "namespaces": FLOOR,
    "debounce": FLOOR | {"netlink"},
    "membership": FLOOR | {"router"},
    "journal": FLOOR | {"router"},
    "pace": FLOOR,
    "elsewhere": FLOOR | {"router"},
    "duplicates": FLOOR | {"chronicle", "netlink", "network", "router"},
    "neighbours": FLOOR,                # of the machine, and what runs
    "portrait": FLOOR | {"control", "journal", "router"},
    "tracking": FLOOR | {"scripts", "track"},
    "tracker_status": FLOOR | {"control", "track", "tracking"},
    "watches": FLOOR | {"netlink", "track"},
    "host": FLOOR | {
        "interests", "journal", "namespaces", "netlink", "network", "notify", "router", "scripts", "statics", "watches",
        "chronicle", "rivals", "duplicates", "aftermath",
    },
    "bookends": FLOOR | {"scripts"},
    "telling": FLOOR | {"host", "notify", "router", "scripts"},
    "scope": WORKERS | MIDDLE - {"scope"},
    "simulate": FLOOR | {"config", "debounce", "journal", "netlink", "router", "track", "tracking"},
    "meter": FLOOR | {"control", "netlink"},
    "runtime": WORKERS | MIDDLE | {"moving"},
    "transactions": FLOOR | {"config", "control", "host", "runtime"},   # what runs beside what the files say
    "options": FLOOR | {"control"},
    "scheduling": FLOOR,
    "pidfile": {"errors", "linux"},
    "service": set(),                   # what a service manager is told
    "logs": FLOOR | {"options"},
    "dumps": FLOOR | {"host", "router"},
    "doctor": FLOOR | {"control", "neighbours"},
    "scrape": FLOOR | {"control", "host", "router", "metrics"},
    "daemon": WORKERS | MIDDLE | {
        "runtime", "options", "pidfile", "scheduling", "service", "logs", "dumps", "moving", "operations", "scrape",
        "transactions",
    },
    "cli": WORKERS | MIDDLE | {"doctor", "runtime", "options", "daemon", "simulate", "meter"},
}
KNOW_THE_CORE = {
    "network", "router", "journal", "pace", "elsewhere", "portrait", "host", "scope", "simulate", "meter", "runtime",
    "daemon", "dumps", "rivals", "operations", "scrape",
}
ONLY_IN = {"pyroute2": "netlink", "uvloop": "daemon", "h11": "control", "textual": "cli", "rich": "cli"}

CYTHON_IMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+c?import\s+\(?\s*(\w+)|c?import\s+([\w.]+))", re.MULTILINE)


def imported(path: Path) -> Iterator[str]:
    """The dotted names that a source imports; `from a import b` gives a.b."""
    text = path.read_text()
    if path.suffix in (".pyx", ".pxd"):
        for match in CYTHON_IMPORT.finditer(text):
            yield match[3] or f"{match[1]}.{match[2]}"
        return
    for node in ast.walk(ast.parse(text, str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write the whole name of what is imported"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def units(package: str) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted((ROOT / package).rglob("*")):
        if path.suffix in (".py", ".pyx", ".pxd", ".pyi"):
            name = path.relative_to(ROOT / package).parts[0].split(".")[0]
            found.setdefault("" if name == "__init__" else name, []).append(path)
    return found


@cache
def edges(package: str) -> list[tuple[Path, str, str]]:
    """(source, its unit, dotted name) of every import in a package."""
    return [
        (path.relative_to(ROOT), unit, name)
        for unit, paths in units(package).items() for path in paths for name in imported(path)
    ]


def unit_of(name: str, package: str) -> str | None:
    """The unit that a dotted name lies in; None: it is not of this package."""
    parts = name.split(".")
    if parts[0] != package:
        return None
    known = units(package).keys() | CORE.keys() | SHELL.keys()
    return parts[1] if len(parts) > 1 and parts[1] in known else ""


def test_the_core_knows_nothing_above_it() -> None:
    assert [f"{path}: {name}" for path, _, name in edges("vrrpcore") if name.split(".")[0] == "pyvrrp"] == []


@pytest.mark.parametrize(("package", "allowed"), [("vrrpcore", CORE), ("pyvrrp", SHELL)])
def test_imports_point_one_way(package: str, allowed: dict[str, set[str]]) -> None:
    wrong = []
    for path, unit, name in edges(package):
        target = unit_of(name, package)
        if target is not None and target != unit and target not in allowed[unit]:
            wrong.append(f"{path} imports {name}")
    assert wrong == []


@pytest.mark.parametrize(("package", "allowed"), [("vrrpcore", CORE), ("pyvrrp", SHELL)])
def test_every_unit_has_its_line(package: str, allowed: dict[str, set[str]]) -> None:
    unknown = units(package).keys() - allowed.keys() - {""}
    assert not unknown, f"{package}: say in {Path(__file__).name} what {sorted(unknown)} may import"


@pytest.mark.parametrize("allowed", [CORE, SHELL])
def test_the_rules_themselves_have_no_circle(allowed: dict[str, set[str]]) -> None:
    assert set(TopologicalSorter(allowed).static_order()) <= allowed.keys()


def test_few_know_the_core() -> None:
    knowing = {unit for _, unit, name in edges("pyvrrp") if name.split(".")[0] == "vrrpcore"}
    assert knowing <= KNOW_THE_CORE


@pytest.mark.parametrize(("library", "unit"), ONLY_IN.items())
def test_a_library_has_one_home(library: str, unit: str) -> None:
    homes = {home for _, home, name in edges("pyvrrp") if name.split(".")[0] == library}
    assert homes <= {unit}


def test_the_reader_of_sources_reads(tmp_path: Path) -> None:
    """Were it blind, all of the above would pass."""
    source = tmp_path / "one.pyx"
    source.write_text("import os\nfrom libc.math cimport (\n    sin,\n)\ncimport cython\nfrom vrrpcore import rawio\n")
    assert list(imported(source)) == ["os", "libc.math.sin", "cython", "vrrpcore.rawio"]
    assert len(edges("vrrpcore")) > 30
    assert len(edges("pyvrrp")) > 100
