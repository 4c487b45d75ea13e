"""Whom scripts of a file run as, and its two scripts that run once: startup_script and shutdown_script.

The first is waited for before any instance exists, the second runs when everything has ended. Neither decides
anything: how they end is said, and the daemon goes on, as keepalived does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Literal

from pyvrrp.model import GlobalDefs
from pyvrrp.netns import path_of
from pyvrrp.scripts.pool import ScriptPolicy, ScriptPool
from pyvrrp.scripts.result import Lane, shown

log = logging.getLogger("pyvrrp")


def policy_of(defs: GlobalDefs) -> ScriptPolicy:
    """By which rules the scripts of a file run."""
    return ScriptPolicy(
        default_user=defs.script_user,
        default_group=defs.script_group,
        enable_script_security=defs.enable_script_security,
        netns=str(path_of(defs.net_namespace)) if defs.net_namespace else None,
    )


async def run_scripts(
    pool: ScriptPool, keyword: Literal["startup_script", "shutdown_script"], files: Sequence[GlobalDefs]
) -> None:
    """Run the script of each file, all at once, and wait for them within their timeouts."""
    await asyncio.gather(*(_run(pool, keyword, defs) for defs in files))


async def _run(pool: ScriptPool, keyword: str, defs: GlobalDefs) -> None:
    command = getattr(defs, keyword)
    if command is None:
        return
    title, words = keyword.replace("_", " "), shown(command.argv)
    log.info("Running %s %s", title, words)
    result = await pool.run(
        command, timeout_s=getattr(defs, f"{keyword}_timeout_s"), lane=Lane.CHECK, policy=policy_of(defs)
    )
    if result.ok:
        log.info("%s %s succeeded", title, words)
    else:
        log.warning("%s %s failed: %s", title, words, result)
