"""contrib/annotate.py finds what touches Python on the path of a packet: in a module, and in what it uses of a .pxd."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "contrib" / "annotate.py"

HEADER = """# cython: language_level=3
cdef inline int good(int value) noexcept nogil:
    return value + 1

cdef inline int share(int value,
                      int parts) noexcept nogil:
    return value // parts

cdef inline int spoken(int value):
    cdef object words = [value]
    return len(words)

cdef int listed(int value) noexcept nogil
"""
FORGOTTEN = """
cdef inline int forgotten(int value) noexcept nogil:
    return value - 1
"""
MODULE = """# cython: language_level=3
from pack.one cimport good, share, spoken

cdef int half(int value, int parts) noexcept nogil:
    cdef int found = value
    if value:
        found = good(share(value, parts))
    with gil:
        return spoken(found)

cdef int cold(value) except -1:
    return half(value, 2)

def use(value):
    return cold(value)
"""


def annotate(folder: Path, header: str, module: str, lone: str = "") -> tuple[int, list[str]]:
    """The exit status, and what it says of the package that consists of one.pxd and two.pyx; nobody uses lone.pxd."""
    package = folder / "pack"
    package.mkdir()
    (package / "__init__.pxd").write_text("")
    (package / "one.pxd").write_text(header)
    (package / "two.pyx").write_text(module)
    if lone:
        (package / "lone.pxd").write_text(lone)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "pages", "pack"], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.splitlines()


def test_what_touches_python_is_found_in_both(tmp_path: Path) -> None:
    status, said = annotate(tmp_path, HEADER, MODULE, FORGOTTEN)
    assert status == 1
    found = {line.split(": ")[0]: line.rpartition(": ")[2] for line in said if line.count(":") > 1}
    assert found == {
        "pack/one.pxd:7": "return value // parts",
        "pack/one.pxd:10": "cdef object words = [value]",
        "pack/one.pxd:11": "return len(words)",
        "pack/lone.pxd:3": "it cannot be checked",
        "pack/two.pyx:8": "with gil:",
        "pack/two.pyx:9": "return spoken(found)",
    }, said
    assert said[-1] == "pages in pages/; 6 hot lines touch Python"


def test_what_does_not_is_let_pass(tmp_path: Path) -> None:
    header = HEADER.replace("language_level=3", "language_level=3, cdivision=True", 1)
    header = header[: header.index("cdef inline int spoken")]
    module = MODULE.replace(", spoken", "").replace("    with gil:\n        return spoken(found)", "    return found")
    assert annotate(tmp_path, header, module) == (0, [
        "pack/two.pyx: 5 lines without the GIL",
        "pack/one.pxd: 4 lines without the GIL",
        "pages in pages/; 0 hot lines touch Python",
    ])
