"""The way to the kernel: one AF_NETLINK socket per network namespace, and one thread that sends for all.

pyroute2 knows the messages; this file only moves them. Its own sockets are not used because its asyncio
core needs create_datagram_endpoint, which libuv refuses for AF_NETLINK, while `add_reader` works on uvloop
and on asyncio alike.

- The `Sender` thread does all sending, in slices of at most NETLINK_SLICE messages. Everything else
  happens in the thread of the event loop: numbering, accounting, reading, callbacks.
- At most NETLINK_UNACKED_MAX messages are without an answer. Only the last message of a slice asks for an
  acknowledgement; an error comes back in any case, before it. So an acknowledgement says that all that was
  not refused has been done. One for each program would be one more read for each virtual router of a takeover.
- Of an IPv4 address that we add, the kernel tells everybody who listens, us too: one more read again. Who asks
  for it says `quiet` and is not told: a filter in the kernel drops the news of such requests.
- Answers and notifications come through one socket, so their order is the kernel's order.
- The receive buffer can overflow (ENOBUFS). Then nothing is known of the requests under way: their answers
  are reported as lost, and whoever listens is told to read everything again.
- After that the kernel drops notifications until the buffer is empty, and says no second time that it did. So
  no dump begins before the buffer has been found empty: from then on an overflow is told again.
- Reading stops after NETLINK_READ_SLICE_S, in the middle of a datagram if need be, and goes on in the next
  turn.
- A callback that raises is logged. It stops neither the reading nor other callbacks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from errno import EAGAIN, EBADF, ENOBUFS, ETIMEDOUT
from functools import partial
from struct import Struct
from typing import NamedTuple, ParamSpec

from pyroute2.netlink import (
    NETLINK_ADD_MEMBERSHIP,
    NETLINK_EXT_ACK,
    NETLINK_ROUTE,
    NLM_F_ACK,
    NLM_F_ACK_TLVS,
    NLM_F_CAPPED,
    NLM_F_DUMP_INTR,
    NLM_F_MULTI,
    NLMSG_DONE,
    NLMSG_ERROR,
    nlmsgerr,
)
from pyroute2.netlink.rtnl import RTM_NEWADDR

from pyvrrp.errors import NetlinkError
from pyvrrp.limits import (
    NETLINK_ACK_TIMEOUT_S,
    NETLINK_DUMP_ATTEMPTS,
    NETLINK_RCVBUF,
    NETLINK_READ_SLICE_S,
    NETLINK_SLICE,
    NETLINK_UNACKED_MAX,
)
from pyvrrp.linux import attach_filter
from pyvrrp.netlink.sender import Sender

log = logging.getLogger(__name__)

P = ParamSpec("P")

# struct nlmsghdr: length, type, flags, sequence number, port id; host byte order
HEADER = Struct("=IHHII")
_FLAGS_AND_SEQ = Struct("=HI")
_FLAGS_AT = 6
_SEQ = Struct("=I")
_SEQ_AT = 8
_ERROR = Struct("=i")
_NLMSG_MIN_TYPE = 0x10      # below: NOOP, ERROR, DONE, OVERRUN
_NETLINK_CAP_ACK = 10       # an error repeats only the header of the request
_NETLINK_GET_STRICT_CHK = 12    # a dump heeds what its request asks for
_QUIET = 0x80000000         # in the sequence number of a request: the news that it makes is not wanted
_SEQ_MAX = _QUIET - 1
_SO_RCVBUFFORCE = getattr(socket, "SO_RCVBUFFORCE", 33)
_SOL_NETLINK = 270


class Message(NamedTuple):
    """One message from the kernel. `data` is the whole of it, header included."""

    type: int
    flags: int
    portid: int             # of a notification: whose request caused it; 0 is the kernel, or unknown
    data: bytes


class Refusal(NamedTuple):
    """The kernel refused one message of a program."""

    place: int              # which message, from 0
    errno: int
    reason: str             # the kernel's own words if it had any, else those of errno


class Answer(NamedTuple):
    """What became of a program."""

    known: bool             # False: the answer was lost, nothing is known; read back
    refusals: tuple[Refusal, ...]


class _Program:
    """Messages under way: answered by the acknowledgement of the slice that they are in."""

    __slots__ = ("count", "deadline", "first", "on_done", "refusals")

    def __init__(self, first: int, count: int, deadline: float, on_done: Callable[[Answer], None]) -> None:
        self.first = first
        self.count = count
        self.deadline = deadline
        self.on_done = on_done
        self.refusals: list[Refusal] = []


class _Dump:
    """The dump under way; the kernel does one at a time per socket."""

    __slots__ = ("deadline", "finished", "interrupted", "on_message", "seq")

    def __init__(
        self, seq: int, deadline: float, on_message: Callable[[Message], None], finished: asyncio.Future[None]
    ) -> None:
        self.seq = seq
        self.deadline = deadline
        self.on_message = on_message
        self.finished = finished
        self.interrupted = False


class Netlink:
    """A NETLINK_ROUTE socket in the network namespace that the calling thread is in.

    Make it in the thread of a running event loop. After that it does not matter in which namespace the
    thread is. Without `sender` it has a thread of its own.
    """

    def __init__(
        self,
        *,
        sender: Sender | None = None,
        rcvbuf: int = NETLINK_RCVBUF,
        give_way: Callable[[], None] = lambda: None,
    ) -> None:
        """give_way: called before each slice of work here and of the Applier, so that others may have their turn."""
        self._loop = asyncio.get_running_loop()
        self.give_way = give_way
        self._owns_sender = sender is None
        self._sender = sender or Sender()
        self.overruns = 0                   # times the receive buffer overflowed
        self.rcvbuf_refused = False         # as in a user namespace: net.core.rmem_max counts
        self._seq = 0
        self._programs: dict[int, _Program] = {}        # under way, by the first of their sequence numbers
        self._unanswered = 0
        self._backlog: deque[tuple[Sequence[bytes], Callable[[Answer], None], bool]] = deque()
        self._slice = bytearray()           # being filled; the last message in it begins at _last_at
        self._slice_count = self._last_at = 0
        self._slice_programs: list[_Program] = []
        # Under way, by the sequence number that is acknowledged: when it was handed over, and what is in it.
        self._slices: dict[int, tuple[int, list[_Program]]] = {}
        self._heard_at = 0.0                # when the last answer came
        self._dump: _Dump | None = None
        self._listeners: dict[int, Callable[[Message], None]] = {}      # by type of message
        self._on_pause: Callable[[], None] | None = None
        self._on_overruns: list[Callable[[], None]] = []
        self._on_room: Callable[[], None] | None = None
        self._watchdog: asyncio.TimerHandle | None = None
        self._closed = False
        self._data: bytes | bytearray = self._sender.buffer
        self._at = self._end = 0            # what is left of the datagram in _data
        self._resuming = False
        self._drained = asyncio.Event()     # the buffer was found empty since the last overrun
        self._drained.set()
        self._epoll = select.epoll()
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_ROUTE)
        try:
            self._set_up(rcvbuf)
        except BaseException:
            self.close()
            raise

    def _set_up(self, rcvbuf: int) -> None:
        sock = self._socket
        sock.setblocking(False)
        sock.bind((0, 0))
        self.portid: int = sock.getsockname()[0]
        for option in (NETLINK_EXT_ACK, _NETLINK_CAP_ACK, _NETLINK_GET_STRICT_CHK):
            with contextlib.suppress(OSError):          # before Linux 4.12: fewer words then; 4.20: longer dumps
                sock.setsockopt(_SOL_NETLINK, option, 1)
        with contextlib.suppress(OSError):              # without it there is more to read, and no harm
            attach_filter(sock.fileno(), _unwanted_news(self.portid))
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, rcvbuf)
        except PermissionError:
            self.rcvbuf_refused = True
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        # uvloop gives a descriptor up for good when it reports an error, as this one does with ENOBUFS. An
        # epoll descriptor around it is merely readable then.
        self._epoll.register(sock.fileno(), select.EPOLLIN)
        self._loop.add_reader(self._epoll.fileno(), self._read)

    def close(self) -> None:
        """Close the socket. Programs under way are not answered any more; a dump under way fails."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._programs.clear()
        self._slices.clear()
        self._backlog.clear()
        self._end_dump(NetlinkError("netlink: the socket was closed"))
        self._drained.set()
        self._sender.close_socket(self._socket)
        if self._owns_sender:
            self._sender.close()

    # Asking

    @property
    def room(self) -> int:
        """How many messages may be submitted before answers must come."""
        return max(0, NETLINK_UNACKED_MAX - self._unanswered) if not self._backlog else 0

    def watch_room(self, callback: Callable[[], None]) -> None:
        """Have `callback` called whenever answers have made room."""
        self._on_room = callback

    def submit(
        self, messages: Sequence[bytes], on_done: Callable[[Answer], None], *, quiet: bool = False
    ) -> None:
        """Send a program of 1..NETLINK_SLICE encoded messages, none of which asks for an acknowledgement; never waits.

        Sequence numbers are set here. They go out with the next flush(), which happens by itself at the end of this
        turn of the loop. What exceeds `room` waits. quiet: no news of the IPv4 addresses that it adds.
        """
        assert 0 < len(messages) <= NETLINK_SLICE
        if self._closed:
            raise NetlinkError("netlink: the socket is closed")
        if self._backlog or self._unanswered + len(messages) > NETLINK_UNACKED_MAX:
            self._backlog.append((messages, on_done, quiet))
        else:
            self._start(messages, on_done, quiet)

    def flush(self) -> None:
        """Hand what was submitted to the sending thread now."""
        if not self._slice_count or self._closed:
            return
        data, programs = self._slice, self._slice_programs
        _length, _kind, flags, seq, _portid = HEADER.unpack_from(data, self._last_at)
        _FLAGS_AND_SEQ.pack_into(data, self._last_at + _FLAGS_AT, flags | NLM_F_ACK, seq)
        self._slices[seq] = time.monotonic_ns(), programs
        counters = self._sender.counters
        counters.batches += 1
        counters.requests += self._slice_count
        self._slice, self._slice_count, self._slice_programs = bytearray(), 0, []
        self._send(bytes(data), partial(self._not_sent, seq))

    async def request(self, message: bytes) -> None:
        """Send one message and wait for its acknowledgement.

        Raises NetlinkError: the kernel refused it (with its errno), or the answer was lost (ETIMEDOUT).
        """
        future: asyncio.Future[Answer] = self._loop.create_future()
        self.submit([message], lambda answer: None if future.done() else future.set_result(answer))
        answer = await future
        if not answer.known:
            raise NetlinkError("netlink: the kernel's answer was lost; try again", ETIMEDOUT)
        for refusal in answer.refusals:
            raise NetlinkError(f"netlink: {refusal.reason}", refusal.errno)

    async def emptied(self) -> None:
        """Wait until the buffer was found empty since the last overrun: what is told from now on is whole."""
        await self._drained.wait()

    async def dump(self, message: bytes, on_message: Callable[[Message], None]) -> bool:
        """Send a request with NLM_F_DUMP and have `on_message` called for each part of the answer.

        A dump during which the list changed is asked for again, so `on_message` may see an object twice.
        False: it changed every time, and something may be missing. Raises NetlinkError.
        """
        for _ in range(NETLINK_DUMP_ATTEMPTS):
            while self._dump is not None or not self._drained.is_set():
                if self._dump is not None:              # one that another task asked for, or gave up
                    await asyncio.wait([self._dump.finished])
                await self._drained.wait()
            if self._closed:
                raise NetlinkError("netlink: the socket is closed")
            dump = _Dump(self._next_seq(), self._deadline(), on_message, self._loop.create_future())
            self._dump = dump
            data = bytearray(message)
            HEADER.pack_into(data, 0, *HEADER.unpack_from(data)[:3], dump.seq, 0)
            self.flush()
            self._send(bytes(data), partial(self._dump_not_sent, dump))
            try:
                await asyncio.shield(dump.finished)
            except asyncio.CancelledError:
                dump.on_message = _ignore               # the kernel finishes it all the same
                dump.finished.add_done_callback(_retrieve)
                raise
            if not dump.interrupted:
                return True
        return False

    def listen(
        self,
        groups: Iterable[int],
        listeners: Mapping[int, Callable[[Message], None]],
        *,
        on_overrun: Callable[[], None],
        on_pause: Callable[[], None] | None = None,
    ) -> None:
        """Subscribe to RTNLGRP_* `groups`, in addition to what was subscribed to before.

        listeners: what takes notifications, by their type; they come in the kernel's order
        on_overrun: notifications were lost
        on_pause: after each batch of them
        """
        for group in groups:
            self._socket.setsockopt(_SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
        self._listeners.update(listeners)
        self._on_overruns.append(on_overrun)
        self._on_pause = on_pause or self._on_pause

    def _next_seq(self) -> int:
        self._seq = self._seq % _SEQ_MAX + 1            # never 0, which notifications carry
        return self._seq

    def _deadline(self) -> float:
        if self._watchdog is None:
            self._watchdog = self._loop.call_later(NETLINK_ACK_TIMEOUT_S, self._check_deadlines)
        return time.monotonic() + NETLINK_ACK_TIMEOUT_S

    def _start(self, messages: Sequence[bytes], on_done: Callable[[Answer], None], quiet: bool) -> None:
        count = len(messages)
        if self._slice_count + count > NETLINK_SLICE:
            self.flush()
        if not self._slice_count:
            self._loop.call_soon(self.flush)
        if self._seq + count > _SEQ_MAX:                # a program's numbers are consecutive
            self._seq = 0
        first = self._seq + 1 | (_QUIET if quiet else 0)
        program = _Program(first, count, self._deadline(), on_done)
        data = self._slice
        for seq, message in enumerate(messages, first):
            at = len(data)
            data += message
            _SEQ.pack_into(data, at + _SEQ_AT, seq)
        self._programs[first] = program
        self._last_at = at
        self._seq += count
        self._slice_count += count
        self._slice_programs.append(program)
        self._unanswered += count

    def _send(self, data: bytes, on_error: Callable[[OSError], None]) -> None:
        def in_the_loop(error: OSError) -> None:
            with contextlib.suppress(RuntimeError):     # the loop is closed: nobody is left to tell
                self._loop.call_soon_threadsafe(on_error, error)

        self._sender.send(self._socket, data, in_the_loop)

    def _not_sent(self, seq: int, error: OSError) -> None:
        """The kernel took nothing of a slice: every program in it is refused."""
        code = error.errno or 0
        for program in self._slices[seq][1] if seq in self._slices else ():
            program.refusals = [Refusal(i, code, os.strerror(code)) for i in range(program.count)]
            self._sender.counters.refused += program.count
        self._finish_slice(seq)
        self._made_room()

    def _dump_not_sent(self, dump: _Dump, error: OSError) -> None:
        if self._dump is dump:
            self._end_dump(NetlinkError(f"netlink: no dump: {error.strerror}", error.errno or 0))

    # Hearing

    def _read(self) -> None:
        """Read and handle what has come, for at most NETLINK_READ_SLICE_S."""
        self.give_way()
        until = time.monotonic() + NETLINK_READ_SLICE_S
        while not self._closed:
            if self._at < self._end:
                self._handle_buffer(until)
            if self._at < self._end or time.monotonic() >= until or not self._receive():
                break
        if self._at < self._end and self._data is self._sender.buffer:
            self._data = bytes(self._data[self._at : self._end])
            self._at, self._end = 0, len(self._data)
        # The rest of a datagram is in our hands, not in the socket; and a socket that is empty does not call.
        is_due = self._at < self._end or not self._drained.is_set()
        if is_due and not self._resuming and not self._closed:
            self._resuming = True
            self._loop.call_soon(self._resume)
        if self._on_pause is not None and not self._closed:
            guarded(self._on_pause)
        self._made_room()

    def _resume(self) -> None:
        self._resuming = False
        if not self._closed:
            self._read()

    def _receive(self) -> bool:
        """Fill the buffer; False: nothing was there."""
        try:
            buffer = self._data = self._sender.buffer
            size, (sender, _groups) = self._socket.recvfrom_into(buffer, 0, socket.MSG_TRUNC)
        except OSError as error:
            if error.errno == ENOBUFS:
                self._overrun()
                return True
            if error.errno == EAGAIN:
                self._drained.set()
                return False
            if error.errno == EBADF:
                raise
            # What went wrong while the kernel carried on with a dump is reported here, once; the dump has ended.
            self._end_dump(NetlinkError(f"netlink: a dump failed: {error.strerror}", error.errno or 0))
            self._overrun()
            return True
        if size > len(buffer):                    # cut off: as good as lost
            self._overrun()
        elif sender == 0:                               # only the kernel is believed
            self._at, self._end = 0, size
        return True

    def _handle_buffer(self, until: float) -> None:
        buffer = self._data
        while self._at + HEADER.size <= self._end:
            at = self._at
            length, kind, flags, seq, portid = HEADER.unpack_from(buffer, at)
            if length < HEADER.size or at + length > self._end:
                break
            self._at = at + (length + 3 & ~3)
            if kind == NLMSG_ERROR:
                self._handle_error(seq, bytes(buffer[at : at + length]))
            elif kind == NLMSG_DONE:
                self._handle_done(seq, bytes(buffer[at : at + length]))
            elif kind >= _NLMSG_MIN_TYPE:
                if flags & NLM_F_MULTI:
                    self._handle_part(seq, Message(kind, flags, portid, bytes(buffer[at : at + length])))
                elif (listener := self._listeners.get(kind)) is not None:
                    guarded(listener, Message(kind, flags, portid, bytes(buffer[at : at + length])))
            if self._closed:
                return
            if time.monotonic() >= until and self._at < self._end:
                return
        self._at = self._end = 0                        # done, or what is left is no message

    def _handle_error(self, seq: int, data: bytes) -> None:
        (code,) = _ERROR.unpack_from(data, HEADER.size)
        self._heard_at = time.monotonic()
        program = self._program_of(seq) if code else None
        if program is None:
            # ENOBUFS: the buffer was full when the dump began; it goes on as we read.
            if self._dump is not None and self._dump.seq == seq and code != -ENOBUFS:
                self._end_dump(NetlinkError(f"netlink: {reason_of(data)}", -code) if code else None)
            self._finish_slice(seq)
            return                                      # else an answer that came after its time
        program.refusals.append(Refusal(seq - program.first, -code, reason_of(data)))
        self._sender.counters.refused += 1
        self._finish_slice(seq)

    def _program_of(self, seq: int) -> _Program | None:
        """Which one under way a message is of: there are few."""
        return next((each for each in self._programs.values() if 0 <= seq - each.first < each.count), None)

    def _handle_part(self, seq: int, message: Message) -> None:
        dump = self._dump
        if dump is None or dump.seq != seq:
            return
        dump.deadline = self._deadline()
        dump.interrupted |= bool(message.flags & NLM_F_DUMP_INTR)
        guarded(dump.on_message, message)

    def _handle_done(self, seq: int, data: bytes) -> None:
        dump = self._dump
        if dump is None or dump.seq != seq:
            return
        _length, _kind, flags, _seq, _portid = HEADER.unpack_from(data)
        dump.interrupted |= bool(flags & NLM_F_DUMP_INTR)
        code = _ERROR.unpack_from(data, HEADER.size)[0] if len(data) >= HEADER.size + _ERROR.size else 0
        self._end_dump(NetlinkError(f"netlink: {os.strerror(-code)}", -code) if code < 0 else None)

    def _end_dump(self, error: NetlinkError | None) -> None:
        dump, self._dump = self._dump, None
        if dump is None or dump.finished.done():
            return
        if error is None:
            dump.finished.set_result(None)
        else:
            dump.finished.set_exception(error)

    def _finish_slice(self, seq: int) -> None:
        """The kernel has done with the slice whose last message has this number, if it is that of one."""
        if (found := self._slices.pop(seq, None)) is None:
            return
        sent_ns, programs = found
        self._sender.durations.add(time.monotonic_ns() - sent_ns)
        for program in programs:
            if self._programs.get(program.first) is program:    # else it was given up
                self._finish(program, known=True)

    def _finish(self, program: _Program, *, known: bool) -> None:
        self._programs.pop(program.first, None)
        self._unanswered -= program.count
        guarded(program.on_done, Answer(known, tuple(program.refusals)))

    def _made_room(self) -> None:
        if self._closed:
            return
        while self._backlog and self._unanswered + len(self._backlog[0][0]) <= NETLINK_UNACKED_MAX:
            self._start(*self._backlog.popleft())
        if self._on_room is not None and self.room:
            guarded(self._on_room)

    def _overrun(self) -> None:
        """Messages were lost, and acknowledgements may be among them."""
        self.overruns += 1
        self._sender.counters.overruns += 1
        self._drained.clear()
        self._lose(list(self._programs.values()))
        self._slices.clear()
        for on_overrun in self._on_overruns:
            guarded(on_overrun)

    def _lose(self, programs: list[_Program]) -> None:
        for program in programs:
            self._sender.counters.lost += program.count
            self._finish(program, known=False)

    def _check_deadlines(self) -> None:
        """Give up what was not answered in time: that is, since it was sent and since the last answer.

        The kernel answers in order, and takes 2 ms to remove an IPv6 address among 10,000: while it answers at all,
        nothing is lost.
        """
        self._watchdog = None
        now = time.monotonic()
        quiet_until = self._heard_at + NETLINK_ACK_TIMEOUT_S
        late = [p for p in self._programs.values() if max(p.deadline, quiet_until) <= now]
        self._lose(late)
        if late:
            self._slices = {seq: found for seq, found in self._slices.items()
                            if any(self._programs.get(program.first) is program for program in found[1])}
        if self._dump is not None and max(self._dump.deadline, quiet_until) <= now:
            self._end_dump(NetlinkError("netlink: the kernel did not finish a dump; try again", ETIMEDOUT))
        if late:
            self._made_room()
        if (self._programs or self._dump is not None) and self._watchdog is None and not self._closed:
            deadlines = [p.deadline for p in self._programs.values()]
            if self._dump is not None:
                deadlines.append(self._dump.deadline)
            delay_s = max(quiet_until, min(deadlines)) - now
            self._watchdog = self._loop.call_later(max(0.01, delay_s), self._check_deadlines)


def guarded(callback: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Call `callback`; an exception is logged, so that whoever calls goes on."""
    try:
        callback(*args, **kwargs)
    except Exception:
        log.exception("netlink: %s failed; this is a bug in pyvrrp", getattr(callback, "__qualname__", callback))


def _unwanted_news(portid: int) -> list[tuple[int, int, int, int]]:
    """The filter of a socket: no news of addresses that its own quiet requests have added.

    BPF reads numbers as network order, and a header is in the host's: so they are compared swapped where it swaps.
    """
    kind = int.from_bytes(RTM_NEWADDR.to_bytes(2, sys.byteorder), "big")
    multi = int.from_bytes(NLM_F_MULTI.to_bytes(2, sys.byteorder), "big")
    quiet = int.from_bytes(_QUIET.to_bytes(4, sys.byteorder), "big")
    mine = int.from_bytes(portid.to_bytes(4, sys.byteorder), "big")
    load_half, load_word, equal, has_bits, give = 0x28, 0x20, 0x15, 0x45, 0x06
    return [
        (load_half, 0, 0, 4), (equal, 0, 7, kind),
        (load_half, 0, 0, 6), (has_bits, 5, 0, multi),      # a part of a dump
        (load_word, 0, 0, 8), (has_bits, 0, 3, quiet),
        (load_word, 0, 0, 12), (equal, 0, 1, mine),
        (give, 0, 0, 0),
        (give, 0, 0, 0xFFFFFFFF),
    ]


def reason_of(data: bytes) -> str:
    """Say why the kernel refused: `data` is a whole NLMSG_ERROR message."""
    _length, kind, flags, seq, portid = HEADER.unpack_from(data)
    (code,) = _ERROR.unpack_from(data, HEADER.size)
    words = os.strerror(-code)
    if flags & NLM_F_ACK_TLVS:
        # The attributes stand behind the copy of our request, which pyroute2's class leaves out.
        copy_at = HEADER.size + _ERROR.size
        copied = HEADER.size if flags & NLM_F_CAPPED else HEADER.unpack_from(data, copy_at)[0]
        attributes = data[copy_at + (copied + 3 & ~3) :]
        message = nlmsgerr(HEADER.pack(copy_at + len(attributes), kind, flags, seq, portid)
                           + data[HEADER.size : copy_at] + attributes)
        message.decode()
        if text := message.get_attr("NLMSGERR_ATTR_MSG"):
            return f"{text} ({words})"
    return words


def _ignore(_message: Message) -> None:
    """Drop it."""


def _retrieve(future: asyncio.Future[None]) -> None:
    """Look at the result of a dump that nobody waits for, so that asyncio does not complain."""
    if not future.cancelled():
        future.exception()
