"""Who is told: the reader of a FIFO, and a mail server. Threads, which note what they get."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from pathlib import Path

from netns.witness import entered


class FifoReader(threading.Thread):
    """Reads a FIFO that may not be there yet, and the one that comes in its place. Whole lines only are in `lines`."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.lines: list[str] = []
        self._path = path
        self._closing = threading.Event()

    def run(self) -> None:
        while not self._closing.is_set():
            try:
                fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
            except FileNotFoundError:
                time.sleep(0.005)
                continue
            try:
                self._read(fd)
            finally:
                os.close(fd)

    def _read(self, fd: int) -> None:
        """Until the pipe has ended, and another may be there."""
        buffer = b""
        opened = False
        while True:
            try:
                data = os.read(fd, 65536)
            except BlockingIOError:             # a writer is there, and has nothing to say
                opened = True
                data = b""
            else:
                if not data and (opened or self._closing.is_set()):
                    return
                opened |= bool(data)
            *whole, buffer = (buffer + data).split(b"\n")
            self.lines += [line.decode() for line in whole]
            if not data:
                if self._closing.is_set():
                    return
                time.sleep(0.005)

    def close(self) -> None:
        self._closing.set()
        self.join()


class MailServer(threading.Thread):
    """An SMTP server (RFC 5321) in a namespace, on 127.0.0.1; it takes every mail, but for recipients `nobody@...`."""

    def __init__(self, namespace: str, port: int) -> None:
        super().__init__(daemon=True)
        self.mails: list[tuple[list[str], str]] = []        # envelope, text
        self.connections = 0
        with entered(namespace):
            self._listener = socket.create_server(("127.0.0.1", port))

    def subjects(self) -> list[str]:
        """Of all mails, in the order in which they came."""
        return [
            line.removeprefix("Subject: ")
            for _, text in list(self.mails)
            for line in text.splitlines() if line.startswith("Subject: ")
        ]

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            file = connection.makefile("rwb", buffering=0)
            envelope: list[str] = []
            file.write(b"220 sink ESMTP\r\n")
            while line := file.readline().decode().strip():
                command = line[:4].upper()
                if command in ("MAIL", "RCPT"):
                    if "<nobody@" in line:
                        file.write(b"550 no such user\r\n")
                        continue
                    envelope.append(line.partition(":")[2])
                elif command == "DATA":
                    file.write(b"354 go on\r\n")
                    text = ""
                    while (part := file.readline().decode()) not in (".\r\n", ""):
                        text += part
                    self.mails.append((envelope, text))
                    envelope = []
                elif command == "RSET":
                    envelope = []
                elif command == "QUIT":
                    file.write(b"221 bye\r\n")
                    return
                file.write(b"250 ok\r\n")

    def close(self) -> None:
        # A thread in accept() does not notice that its socket is closed.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.join()
