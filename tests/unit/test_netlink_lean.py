"""pyroute2 is there module by module, and whole for who asks for it; each in a process of its own."""

from __future__ import annotations

import subprocess
import sys


def run(code: str) -> str:
    """What a Python prints that does nothing else."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=25, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_daemon_has_none_of_what_it_does_not_use() -> None:
    code = "import sys, pyvrrp.daemon; print(sorted({'pyroute2.ndb', 'sqlite3', 'unittest'} & set(sys.modules)))"
    assert run(code) == "[]\n"


def test_the_package_is_whole_for_who_asks() -> None:
    code = "import sys, pyvrrp.netlink, pyroute2; print('pyroute2.ndb' in sys.modules, pyroute2.IPRoute.__name__)"
    assert run(code) == "False IPRoute\n"
    assert run("import pyvrrp.netlink, pyroute2; print(hasattr(pyroute2, 'no_such_name'))") == "False\n"


def test_one_that_is_imported_already_is_left_alone() -> None:
    assert run("import pyroute2; from pyvrrp.netlink import Netlink; print(pyroute2.IPRoute.__name__)") == "IPRoute\n"
