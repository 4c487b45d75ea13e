"""Item 22 of docs/users.md: where vrrp_strict or no_accept makes an address unreachable, that is told; and it ends.

What is dropped, and what a reload or a crash does to it, is in tests/netns/test_accept.py.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from faults.files import instance
from netns.harness import IP, START_S, Lab, run

from pyvrrp.config import load

STRICT = "global_defs {\n    vrrp_strict\n}\n"


@pytest.mark.root
@pytest.mark.skipif(shutil.which("nft") is None, reason="nft not found; make test-deps installs it")
def test_it_is_told_at_load_and_in_status_and_ends_with_the_daemon(lab: Lab) -> None:
    node, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", node)
    text = STRICT + instance("SHUT") + instance("OPEN", "accept", vrid=52, vips=["192.0.2.101/24"])
    daemon.configure(text)
    daemon.start()
    for vip in ("192.0.2.100", "192.0.2.101"):
        node.record.wait_address(vip, True, timeout_s=START_S)
    assert "packets to the addresses of SHUT are dropped on this host (no_accept, or strict mode)" in daemon.log()
    assert (daemon.instance("SHUT")["accepts"], daemon.instance("OPEN")["accepts"]) == (False, True)
    argv = [sys.executable, "-m", "pyvrrp.cli.main", "--socket", str(daemon.socket), "status"]
    for name, told in (("SHUT", True), ("OPEN", False)):
        shown = subprocess.run([*argv, name], capture_output=True, text=True, timeout=60, check=True).stdout
        assert ("this host drops packets to these addresses" in shown) is told, name
    # Said again only when it is about others.
    daemon.configure(text.replace("priority 200", "priority 199"))
    assert daemon.ask("POST", "/v1/reload")[0] == 200
    assert daemon.log().count("are dropped on this host") == 1

    tables = (IP, "netns", "exec", node.namespace, "nft", "list", "tables")
    assert "table inet pyvrrp" in run(*tables)
    daemon.terminate()
    assert run(*tables) == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (STRICT + instance() + instance("B", vrid=52, vips=["192.0.2.101/24"]), 1),
        (STRICT + instance("A", "accept"), 0),
        (instance("A", "no_accept"), 0),                # whoever wrote it knows
        (instance(), 0),
    ],
)
def test_the_hint_of_the_check(tmp_path: Path, text: str, told: int) -> None:
    file = tmp_path / "k.conf"
    file.write_text(text)
    hints = [str(hint) for hint in load(str(file), config_id="", interfaces=None).hints]
    assert sum("in strict mode this host drops packets to the addresses" in hint for hint in hints) == told
