"""pyvrrp/bookends.py: startup_script and shutdown_script, with real scripts."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from running_scripts import run_with_pool, sh

from pyvrrp.bookends import policy_of, run_scripts
from pyvrrp.model import Command, GlobalDefs
from pyvrrp.scripts.pool import ScriptPool


def test_each_file_s_script_is_run_and_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    out = tmp_path / "out"
    writes = sh('sleep 0.05; echo done >> "$1"', out)
    files = [
        GlobalDefs(router_id="", startup_script=writes, shutdown_script=Command(("/bin/false",))),
        GlobalDefs(router_id=""),
        GlobalDefs(router_id="", startup_script=writes),
        GlobalDefs(router_id="", startup_script=Command(("/bin/sleep", "60")), startup_script_timeout_s=1),
    ]

    async def main(pool: ScriptPool) -> None:
        await run_scripts(pool, "startup_script", files)
        assert out.read_text() == "done\ndone\n"
        assert pool.counters.timeouts == 1
        await run_scripts(pool, "shutdown_script", files)

    with caplog.at_level(logging.INFO, "pyvrrp"):
        run_with_pool("uvloop", main)
    told = [record.getMessage() for record in caplog.records if record.name == "pyvrrp"]
    assert told.count("Running startup script /bin/sleep 60") == 1
    assert "startup script /bin/sleep 60 failed: timed_out" in told
    assert told[-2] == "Running shutdown script /bin/false"
    assert told[-1] == "shutdown script /bin/false failed: exited with status 1"
    assert sum("succeeded" in line for line in told) == 2


def test_it_runs_by_the_rules_of_its_file() -> None:
    defs = GlobalDefs(router_id="", script_user="nobody", script_group="mail", enable_script_security=True,
                      net_namespace="blue")
    policy = policy_of(defs)
    assert (policy.default_user, policy.default_group, policy.enable_script_security, policy.netns) == (
        "nobody", "mail", True, "/run/netns/blue")
