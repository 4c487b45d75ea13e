"""The thread that sends.

The kernel carries a request out inside send(): one that adds a thousand addresses blocks for tens of
milliseconds. So no event loop sends. The thread does nothing else, and inside send() it does not hold the GIL.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue

from pyvrrp import linux
from pyvrrp.limits import NETLINK_DATAGRAM_MAX
from pyvrrp.statistics import Durations


@dataclass(slots=True)
class NetlinkCounters:
    """Totals for status and metrics; pyvrrp.statistics.NETLINK has what each means."""

    batches: int = 0
    requests: int = 0
    refused: int = 0
    lost: int = 0
    overruns: int = 0


class Sender:
    """What the Netlink objects of one event loop share: the thread that sends. Close it after them."""

    def __init__(self) -> None:
        self.buffer = bytearray(NETLINK_DATAGRAM_MAX)   # to read into; never kept from one turn to the next
        self.counters = NetlinkCounters()
        self.durations = Durations()                    # of batches, from handing over to the kernel's answer
        self._jobs: SimpleQueue[tuple[socket.socket, bytes, Callable[[OSError], None]] | socket.socket | None]
        self._jobs = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="pyvrrp-netlink", daemon=True)
        self._thread.start()

    def send(self, sock: socket.socket, data: bytes, on_error: Callable[[OSError], None]) -> None:
        """Send `data` in the order of the calls. `on_error` is called in the sending thread."""
        self._jobs.put((sock, data, on_error))

    def close_socket(self, sock: socket.socket) -> None:
        """Close `sock` when everything given before has been sent: never under a send()."""
        self._jobs.put(sock)

    def close(self) -> None:
        """Send what is queued, then end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            linux.narrow(linux.CAP_NET_ADMIN)
        while (job := self._jobs.get()) is not None:
            if isinstance(job, socket.socket):
                job.close()
                continue
            sock, data, on_error = job
            try:
                sock.send(data)
            except OSError as error:
                on_error(error)
