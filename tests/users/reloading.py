"""Reloads many times in this process, in the namespace that it is started in: only the reading is done here and not by
another process. Prints the size of the process, as JSON, after the first reloads and at the end.

    reloading.py WARM COUNT FILE FILE
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from pathlib import Path

import uvloop

from pyvrrp.config import load
from pyvrrp.daemon import _settle
from pyvrrp.runtime import Runtime
from pyvrrp.scripts.pool import ScriptPool
from vrrpcore.reactor import Reactor


def size() -> dict[str, int]:
    gc.collect()            # free lists too; what a reload has frozen stays, garbage in it as well
    status = Path("/proc/self/status").read_text()
    return {
        "blocks": sys.getallocatedblocks(),     # of Python's: exact, where pages of memory are not
        "rss_kib": int(status.partition("VmRSS:")[2].split()[0]),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": len(list(Path("/proc/self/task").iterdir())),
    }


async def main(warm: int, count: int, files: list[str]) -> None:
    reactor, pool = Reactor(), ScriptPool()
    await pool.start()
    runtime = Runtime(reactor, pool)
    loaded = load(files[0], config_id="", interfaces=None).configuration
    assert loaded is not None
    await runtime.start({"k.conf": loaded})
    _settle()
    sizes = []
    for number in range(1, count + 1):
        loaded = load(files[number % 2], config_id="", interfaces=None).configuration
        assert loaded is not None
        done = await runtime.reload({"k.conf": loaded})
        assert done, "the reload broke off"
        _settle()
        await asyncio.sleep(0.002)              # netlink, timers, events
        if number in (warm, count):
            await asyncio.sleep(0.5)            # what a reload removes has left by then
            sizes.append(size())
    await runtime.stop()
    await pool.close(grace_s=1)
    reactor.close()
    print(json.dumps(sizes))


if __name__ == "__main__":
    asyncio.Runner(loop_factory=uvloop.new_event_loop).run(
        main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
    )
