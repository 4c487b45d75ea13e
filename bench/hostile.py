"""Clients of a control socket that do what they should not, for benchmarks: run as a process until it is ended.

    hostile.py SOCKET

64 of them, which is as many as a daemon takes: a quarter say nothing, a quarter send a request byte by byte, a quarter
ask for everything and take it slowly, an eighth send rubbish and come back at once, an eighth ask without a pause.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

COUNT = 64
ALL = b"GET /v1/instances HTTP/1.1\r\nHost: x\r\n\r\n"
RUBBISH = bytes(range(256)) * 64
PAUSE_S = 0.01                  # of those who come back at once: what hurts is not how fast this process is


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read(1)


async def dripping(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in ALL[:-1]:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.1)


async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(ALL)
    while await reader.read(512):  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def rubbish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(RUBBISH)
    await reader.read()
    await asyncio.sleep(PAUSE_S)


async def greedy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(ALL)
    while True:
        data = await reader.read(65536)
        if not data:
            return
        if data.endswith(b"0\r\n\r\n"):
            writer.write(ALL)
            await asyncio.sleep(PAUSE_S)


KINDS = (silent, silent, dripping, dripping, slow, slow, rubbish, greedy)


async def client(path: str, number: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                await KINDS[number % len(KINDS)](reader, writer)
            finally:
                writer.close()
        await asyncio.sleep(PAUSE_S)


async def main(path: str) -> None:
    await asyncio.gather(*(client(path, number) for number in range(COUNT)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
