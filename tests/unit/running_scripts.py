"""What the tests that run real scripts share: a started pool on each event loop, and waiting for files."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from pyvrrp.model import Command
from pyvrrp.scripts.pool import ScriptPool

LOOPS = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
TEST_S = 20.0
Main = Callable[[ScriptPool], Awaitable[None]]


def run_with_pool(loop: str, main: Main, *, grace_s: float = 0.0, **options: object) -> None:
    """Run `main` with a started pool on the named event loop, and close the pool."""

    async def wrapped() -> None:
        pool = ScriptPool(**options)  # type: ignore[arg-type]
        await pool.start()
        try:
            async with asyncio.timeout(TEST_S):
                await main(pool)
        finally:
            await pool.close(grace_s=grace_s)
        assert pool.running == pool.waiting == pool.spawner_pid == 0

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(wrapped())


def sh(script: str, *args: object) -> Command:
    """Return a command for the shell, which has `args` as $1 ..."""
    return Command(("/bin/sh", "-c", script, "sh", *(str(arg) for arg in args)))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    while not condition():  # noqa: ASYNC110  nothing tells us of a file
        await asyncio.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether a process has ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True
