"""schemathesis tries the control API by its own description: what it promises, and what it refuses, is what it does.

The operations that change something exist on the Unix socket alone, so a proxy for this test lets it speak TCP. It runs
where schemathesis is installed; make nightly installs it.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faults.files import instance

from netns.harness import START_S, Lab

EXAMPLES = 100 if "PYVRRP_NIGHTLY" in os.environ else 3
# It has a virtual environment of its own: it is a pytest plugin too, and brings other versions of what the tests use.
OWN = Path(sys.executable).parents[1] / "api" / "bin"
COMMAND = shutil.which("schemathesis", path=f"{OWN}:{os.environ.get('PATH', '')}")

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(COMMAND is None, reason="schemathesis is not installed; make nightly does"),
]


@contextmanager
def proxy(path: str) -> Iterator[int]:
    """A TCP port that leads to a Unix socket, each connection to one of its own."""
    loop = asyncio.new_event_loop()
    port: list[int] = []
    ready, stop = threading.Event(), asyncio.Event()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(path)
        await asyncio.gather(pipe(reader, back), pipe(there, writer))

    async def serve() -> None:
        server = await asyncio.start_server(client, "127.0.0.1", 0)
        port.append(server.sockets[0].getsockname()[1])
        ready.set()
        await stop.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            await asyncio.wait([task])

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield port[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def test_the_api_keeps_to_its_description(lab: Lab, tmp_path: Path) -> None:
    node, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", node)
    daemon.configure(instance("web"))
    daemon.start()
    node.record.wait_address("192.0.2.100", True, timeout_s=START_S)
    description = tmp_path / "openapi.json"
    description.write_text(json.dumps(daemon.get("/v1/openapi.json")))
    assert COMMAND is not None
    with proxy(str(daemon.socket)) as port:
        done = subprocess.run(
            [COMMAND, "run", str(description), "--url", f"http://127.0.0.1:{port}", "--exclude-path", "/v1/events",
             "--max-examples", str(EXAMPLES), "--phases", "coverage,fuzzing", "--request-timeout", "30", "--no-color",
             "--generation-database", "none"],
            capture_output=True, text=True, cwd=tmp_path, timeout=600, check=False,
        )
    assert done.returncode == 0, done.stdout[-6000:]
    assert "please report this fault" not in daemon.log()
    assert daemon.get("/healthz")["status"] == "ok"
