"""The kernel's news of processes: the connector's process events (linux/cn_proc.h).

The kernel tells of every process of the host, so what cannot matter is thrown away before it costs anything: a filter
on the socket lets pass what concerns whole processes and none of their threads. The rest is handed on in slices of
SLICE_S.

It tells only in the first network namespace, and only whoever is in the first process and user namespace. A daemon that
runs in another network namespace goes to the one in which it was started, or to that of process 1, for the moment in
which the socket is made, where it may; keepalived makes its socket before it enters its own. Whether the kernel tells
at all is known at once: it answers while the request is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import socket
import time
from errno import EBADF, ECONNREFUSED, ENOBUFS
from pathlib import Path
from struct import Struct
from typing import Protocol

from pyvrrp import limits, linux
from pyvrrp.errors import NetlinkError

log = logging.getLogger(__name__)

_NETLINK_CONNECTOR = 11
_CN_IDX_PROC = _CN_VAL_PROC = 1
_LISTEN, _IGNORE = 1, 2                 # enum proc_cn_mcast_op
_NLMSG_DONE = 3
_SO_RCVBUFFORCE = 33

# enum proc_cn_event
NONE, FORK, EXEC, COMM, EXIT = 0, 1, 2, 0x200, 0x80000000

# struct nlmsghdr, struct cn_msg, the operation
_REQUEST = Struct("=IHHII" "IIIIHH" "I")
_REQUEST_BYTES = _REQUEST.size
_OUR_ACK = 0x70797672                   # the kernel answers with one more
# From the kernel: struct nlmsghdr, struct cn_msg, and the head of struct proc_event
_HEAD = Struct("=16x" "IIIIHH" "IIQ")
_WHAT = Struct("=I")
_WHAT_AT, _DATA_AT = 36, 52
_FORKED = Struct("=IIII")               # parent's thread and process, child's thread and process
_ONE = Struct("=II")                    # thread, process
_COMM_AT, _COMM_BYTES = 60, 16
_EVENT_BYTES = 76
_BUFFER_BYTES = 4096                    # one event fills 76 of it
_LOOK_AT_CLOCK = 16                     # events between two looks

# The filter, in classic BPF: the answer passes, and each event of these kinds in which thread and process are the same.
_LOAD, _COPY_TO_X, _IF_EQUAL, _IF_EQUAL_X, _RETURN = 0x20, 0x07, 0x15, 0x1D, 0x06
_PASS = 0xFFFFFFFF


def _is(kind: int) -> int:
    """As a filter sees it, which takes every word to be in network order."""
    return socket.htonl(kind)


_FILTER = (
    # operation, how many steps to skip if so, if not, operand
    (_LOAD, 0, 0, _WHAT_AT),
    (_IF_EQUAL, 11, 0, _is(NONE)),
    (_IF_EQUAL, 3, 0, _is(FORK)),
    (_IF_EQUAL, 6, 0, _is(EXEC)),
    (_IF_EQUAL, 5, 0, _is(COMM)),
    (_IF_EQUAL, 4, 8, _is(EXIT)),
    (_LOAD, 0, 0, _DATA_AT + 8),        # the child's thread
    (_COPY_TO_X, 0, 0, 0),
    (_LOAD, 0, 0, _DATA_AT + 12),
    (_IF_EQUAL_X, 3, 4, 0),
    (_LOAD, 0, 0, _DATA_AT),            # the thread
    (_COPY_TO_X, 0, 0, 0),
    (_LOAD, 0, 0, _DATA_AT + 4),
    (_IF_EQUAL_X, 0, 1, 0),
    (_RETURN, 0, 0, _PASS),
    (_RETURN, 0, 0, 0),
)

_FIRST = Path("/proc/1/ns/net")
_HOME = Path("/proc/thread-self/ns/net")


class Listener(Protocol):
    """Who is told. done() ends each batch."""

    def forked(self, parent: int, child: int) -> None: ...
    def executed(self, pid: int) -> None: ...
    def renamed(self, pid: int, name: bytes) -> None: ...
    def ended(self, pid: int) -> None: ...
    def lost(self) -> None:
        """Some of the news were lost."""

    def done(self) -> None: ...


class ProcessEvents:
    """Tells a listener of every process that begins, changes its program or its name, and ends."""

    def __init__(self, listener: Listener, *, outer_fd: int | None = None) -> None:
        """Make it in a running event loop. Raises NetlinkError, with why the kernel does not tell.

        outer_fd: open on the network namespace in which the daemon was started, if it has left that.
        """
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray(_BUFFER_BYTES)
        self._epoll: select.epoll | None = None
        self._resting: asyncio.TimerHandle | None = None
        try:
            self._socket = _open(outer_fd)
        except OSError as error:
            raise _refusal(error) from error
        try:
            linux.attach_filter(self._socket.fileno(), _FILTER)
            self._socket.bind((0, _CN_IDX_PROC))
            self.resize(None)
            self._ask()
        except OSError as error:
            self._socket.close()
            raise _refusal(error) from error
        except NetlinkError:
            self._socket.close()
            raise
        # As in transport.py: uvloop gives up a descriptor that reports an error.
        self._epoll = select.epoll()
        self._epoll.register(self._socket.fileno(), select.EPOLLIN)
        self._loop.add_reader(self._epoll.fileno(), self._read)

    def resize(self, receive_bytes: int | None, *, may_exceed: bool = False) -> None:
        """Size the receive buffer; None: as we think best. may_exceed: the system's bound (net.core.rmem_max)."""
        size = limits.PROCESS_EVENTS_RCVBUF if receive_bytes is None else receive_bytes
        if may_exceed or receive_bytes is None:
            with contextlib.suppress(PermissionError):      # in a user namespace the bound counts
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
                return
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

    def close(self) -> None:
        """Hear no more."""
        if self._epoll is not None:
            self._loop.remove_reader(self._epoll.fileno())
            if self._resting is not None:
                self._resting.cancel()
            self._epoll.close()
            self._epoll = None
            with contextlib.suppress(OSError):              # older kernels go on for us if we do not say so
                self._socket.send(_request(_IGNORE))
        self._socket.close()

    def _ask(self) -> None:
        """Ask for the news, and read the answer that must be there: an event of kind NONE."""
        self._socket.send(_request(_LISTEN))
        while True:
            try:
                size, (port, _groups) = self._socket.recvfrom_into(self._buffer)
            except BlockingIOError:
                raise NetlinkError(
                    "the kernel does not tell of processes: it has no CONFIG_PROC_EVENTS, or this is a container"
                ) from None
            except OSError as error:
                if error.errno == ENOBUFS:                  # a busy host; the answer may still come
                    continue
                raise
            if size < _EVENT_BYTES or port:
                continue
            _idx, _val, _seq, ack, _length, _flags, what, _cpu, _at_ns = _HEAD.unpack_from(self._buffer)
            if what == NONE and ack == _OUR_ACK + 1:
                (refused, _) = _ONE.unpack_from(self._buffer, _DATA_AT)
                if refused:
                    raise OSError(refused, os.strerror(refused))
                return

    def _read(self) -> None:
        """There is news: wait for more, as a process that forks makes several, and a storm thousands."""
        assert self._epoll is not None
        self._loop.remove_reader(self._epoll.fileno())
        self._resting = self._loop.call_later(limits.PROCESS_EVENTS_REST_S, self._rested)

    def _rested(self) -> None:
        assert self._epoll is not None
        if self._take():
            self._resting = self._loop.call_later(limits.PROCESS_EVENTS_REST_S, self._rested)
        else:
            self._resting = None
            self._loop.add_reader(self._epoll.fileno(), self._read)

    def _take(self) -> bool:
        """Hand on what there is, for at most a slice; whether there was anything."""
        until_s = time.monotonic() + limits.SLICE_S
        was_lost = False
        count = 0
        while count % _LOOK_AT_CLOCK or not count or time.monotonic() < until_s:
            count += 1
            try:
                size, (port, _groups) = self._socket.recvfrom_into(self._buffer)
            except BlockingIOError:
                count -= 1
                break
            except OSError as error:
                if error.errno == EBADF:
                    raise
                if error.errno != ENOBUFS:
                    log.warning("news of processes: %s", error.strerror)
                was_lost = True
                continue
            if size >= _EVENT_BYTES and not port:           # only the kernel is believed
                self._tell()
        if was_lost:
            self._listener.lost()
        if count:
            self._listener.done()
        return bool(count)

    def _tell(self) -> None:
        buffer = self._buffer
        (what,) = _WHAT.unpack_from(buffer, _WHAT_AT)
        if what == FORK:
            _, parent, _, child = _FORKED.unpack_from(buffer, _DATA_AT)
            self._listener.forked(parent, child)
            return
        _, pid = _ONE.unpack_from(buffer, _DATA_AT)
        if what == EXEC:
            self._listener.executed(pid)
        elif what == EXIT:
            self._listener.ended(pid)
        elif what == COMM:
            name = bytes(buffer[_COMM_AT : _COMM_AT + _COMM_BYTES])
            self._listener.renamed(pid, name.partition(b"\0")[0])


def _refusal(error: OSError) -> NetlinkError:
    if error.errno == ECONNREFUSED:
        return NetlinkError("the kernel does not tell of processes in this network namespace", ECONNREFUSED)
    return NetlinkError(f"the kernel does not tell of processes: {os.strerror(error.errno or 0)}", error.errno or 0)


def _request(operation: int) -> bytes:
    length = Struct("=I").size
    return _REQUEST.pack(
        _REQUEST_BYTES, _NLMSG_DONE, 0, 0, 0, _CN_IDX_PROC, _CN_VAL_PROC, 0, _OUR_ACK, length, 0, operation
    )


def _open(outer_fd: int | None) -> socket.socket:
    """A socket that hears the news, made in another network namespace where that helps. Raises OSError."""
    with contextlib.ExitStack() as stack:
        if outer_fd is None:
            with contextlib.suppress(OSError), linux.raised(linux.CAP_SYS_PTRACE):
                outer_fd = os.open(_FIRST, os.O_RDONLY | os.O_CLOEXEC)
                stack.callback(os.close, outer_fd)
        if outer_fd is not None:
            home_fd = os.open(_HOME, os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, home_fd)
            if not os.path.samestat(os.fstat(outer_fd), os.fstat(home_fd)):
                with contextlib.suppress(OSError):
                    linux.setns(outer_fd)
                    stack.callback(linux.setns, home_fd)
        return socket.socket(
            socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, _NETLINK_CONNECTOR
        )
