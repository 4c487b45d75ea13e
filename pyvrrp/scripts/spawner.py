"""The process that starts scripts, so that the daemon never forks: small, single-threaded, without asyncio.

It is told what to run over a socket (messages.py), starts it, keeps its timeout and says how it ended.
Invariants:
- Every Start gets exactly one Result; a run that had it early, at its timeout, gets one Ended as well.
- A child is signalled only while it is not reaped, so that its process group's number is still its own.
- A child's number is in the notes that the daemon has mapped too, from before it is executed until just before it
  is reaped: if the spawner is killed, the daemon ends what is noted there.
- It sleeps in epoll until a message, a SIGCHLD (through a wakeup descriptor) or the earliest deadline.
- When the daemon goes (end of file), it ends what it started and itself. It ignores the signals that end a
  daemon: systemd and a terminal send those to every process, and the stop scripts are still to be run. A
  run that reaches its timeout gets SIGTERM, and SIGKILL every SCRIPT_KILL_S after that, to its whole
  process group.
"""

from __future__ import annotations

import contextlib
import gc
import heapq
import os
import resource
import select
import signal
import socket
import sys
import time
from collections import deque

import msgspec

from pyvrrp import limits
from pyvrrp.linux import Notes, raise_oom_score
from pyvrrp.scripts.launch import CannotRun, Launcher, Refused
from pyvrrp.scripts.messages import Ended, FromDaemon, FromSpawner, Kill, Ping, Pong, Ready, Result, Slow, Start
from pyvrrp.scripts.output import Output, Outputs

SOCKET_FD = 3               # where the daemon puts our end of the socket
NOTES_FD = 4                # and the file in memory that both have mapped
_ERROR_MAX = 1000           # of a sentence that quotes a command; a message has a bound
_KILL_NS = int(limits.SCRIPT_KILL_S * 1e9)
_IGNORED_SIGNALS = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGPIPE,
)


class _Run:
    """One process that was started and is not reaped yet. A pid is also the number of its process group."""

    __slots__ = ("deadline_ns", "killed", "number", "output", "pid", "place", "started_ns", "timed_out", "warned")

    def __init__(
        self, number: int, pid: int, started_ns: int, deadline_ns: int, output: Output, place: int
    ) -> None:
        self.number, self.pid, self.started_ns, self.deadline_ns = number, pid, started_ns, deadline_ns
        self.output, self.place = output, place     # its pipe, and its place in the notes
        self.timed_out = False
        self.killed = False
        self.warned = False


class Spawner:
    """Runs what the peer of `sock` asks for; `serve` returns when the peer is gone and the children are
    too.
    """

    def __init__(self, sock: socket.socket, launcher: Launcher, notes: Notes, *, slot_ns: int) -> None:
        """`notes`: where the daemon finds what runs, if we die; as many places as there can be runs."""
        self._sock = sock
        self._launcher = launcher
        self._notes = notes
        self._slot_ns = slot_ns
        self._epoll = select.epoll()
        self._outputs = Outputs(self._epoll, launcher.null_fd)
        self._places = list(range(len(notes)))      # the free ones
        self._by_pid: dict[int, _Run] = {}
        self._by_number: dict[int, _Run] = {}
        self._timers: list[tuple[int, int]] = []    # (when, number of the run); it may have ended since
        self._outbox: deque[bytes] = deque()
        self._blocked = False                       # the socket is full, and watched
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(FromDaemon)
        self._buffer = bytearray(limits.SCRIPT_REQUEST_BYTES_MAX)
        self._peer_gone = False

    def serve(self) -> None:
        """Work until the daemon closes its end, then end every child and return."""
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        self._epoll.register(wake_read, select.EPOLLIN)
        self._epoll.register(self._sock, select.EPOLLIN)
        self._send(Ready(os.getpid()))
        while not self._peer_gone:
            self._turn(wake_read)

        self._epoll.unregister(self._sock)
        for run in self._by_pid.values():
            run.timed_out = False
            self._time_out(run, time.monotonic_ns())
        while self._by_pid:
            self._turn(wake_read)
        self._outputs.leave_a_drain()

    def _turn(self, wake_read: int) -> None:
        """Sleep until something happens, and see to it."""
        for fd, happened in self._epoll.poll(self._sleep_s()):
            if fd == wake_read:
                os.read(wake_read, 4096)
                self._reap()
            elif self._outputs.read(fd):
                pass
            elif fd == self._sock.fileno():
                if happened & select.EPOLLOUT:
                    self._flush()
                if happened & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                    self._receive()
        self._expire(time.monotonic_ns())

    def _sleep_s(self) -> float | None:
        if not self._timers:
            return None
        # epoll rounds up to a millisecond: one that ends just before the deadline would spin.
        return max(0, self._timers[0][0] - time.monotonic_ns()) / 1e9

    # Talking

    def _send(self, message: FromSpawner) -> None:
        """Queue a message; what a stopped daemon does not take waits here, bounded by what it has asked
        for.
        """
        if self._peer_gone:
            return
        self._outbox.append(self._encoder.encode(message))
        if not self._blocked:
            self._flush()

    def _flush(self) -> None:
        try:
            while self._outbox:
                self._sock.send(self._outbox[0])
                self._outbox.popleft()
        except BlockingIOError:
            if not self._blocked:
                self._blocked = True
                self._epoll.modify(self._sock, select.EPOLLIN | select.EPOLLOUT)
            return
        except (BrokenPipeError, ConnectionResetError):
            self._outbox.clear()
            self._peer_gone = True
            return
        if self._blocked:
            self._blocked = False
            self._epoll.modify(self._sock, select.EPOLLIN)

    def _receive(self) -> None:
        try:
            size = self._sock.recv_into(self._buffer)
        except (BlockingIOError, InterruptedError):
            return
        except ConnectionResetError:
            size = 0
        if not size:
            self._peer_gone = True
            return
        message = self._decoder.decode(memoryview(self._buffer)[:size])
        if isinstance(message, Kill):
            run = self._by_number.get(message.run)
            if run is not None and not run.timed_out:
                self._time_out(run, time.monotonic_ns())
        elif isinstance(message, Ping):
            self._send(Pong())
        else:
            # A file system that hangs may keep us in here: then the daemon sees which run it was.
            self._notes.starting = message.run
            if message.examine:
                self._examine(message)
            else:
                self._start(message)
            self._notes.starting = 0

    # Starting

    def _start(self, ask: Start) -> None:
        """Start what is asked for, or say why not; whatever is wrong with one command must not end the
        spawner.
        """
        output, output_fd = self._outputs.make()
        place = self._places.pop()
        started_ns = time.monotonic_ns()
        try:
            pid = self._launcher.start(ask, output_fd=output_fd, place=place)
        except CannotRun as error:
            self._outputs.drop(output)
            self._places.append(place)
            self._send(Result(ask.run, error=str(error)[:_ERROR_MAX], refused=isinstance(error, Refused)))
            return
        finally:
            if output_fd >= 0:
                os.close(output_fd)
        deadline_ns = started_ns + ask.timeout_ns if ask.timeout_ns else 0
        run = _Run(ask.run, pid, started_ns, deadline_ns, output, place)
        self._by_pid[pid] = self._by_number[run.number] = run
        self._set_timer(run, started_ns)

    def _examine(self, ask: Start) -> None:
        try:
            self._launcher.examine(ask)
        except CannotRun as error:
            self._send(Result(ask.run, error=str(error)[:_ERROR_MAX], refused=isinstance(error, Refused)))
        else:
            self._send(Result(ask.run, status=0))

    # Time

    def _set_timer(self, run: _Run, now_ns: int) -> None:
        """File when to look at the run next: its timeout, the end of its slot, or the next SIGKILL."""
        if run.timed_out or run.warned:
            when = run.deadline_ns
        else:
            when = run.started_ns + self._slot_ns
            if run.deadline_ns:
                when = min(when, run.deadline_ns)
        if when:
            heapq.heappush(self._timers, (max(when, now_ns), run.number))

    def _expire(self, now_ns: int) -> None:
        while self._timers and self._timers[0][0] <= now_ns:
            _, number = heapq.heappop(self._timers)
            run = self._by_number.get(number)
            if run is None:
                continue
            if not run.warned and now_ns >= run.started_ns + self._slot_ns:
                run.warned = True
                self._send(Slow(number))
            if run.deadline_ns and now_ns >= run.deadline_ns:
                self._time_out(run, now_ns)
            else:
                self._set_timer(run, now_ns)

    def _time_out(self, run: _Run, now_ns: int) -> None:
        """Report and SIGTERM at first, SIGKILL after that; again every SCRIPT_KILL_S until it is gone."""
        first = not run.timed_out
        if first:
            run.timed_out = True
            duration_ns = now_ns - run.started_ns
            self._send(
                Result(
                    run.number,
                    timed_out=True,
                    started_ns=run.started_ns,
                    duration_ns=duration_ns,
                    ended=False,
                    output=run.output.kept,
                    output_cut=run.output.is_cut,
                )
            )
        run.killed = not first
        _kill_group(run.pid, signal.SIGTERM if first else signal.SIGKILL)
        run.deadline_ns = now_ns + _KILL_NS
        self._set_timer(run, now_ns)

    # Ending

    def _reap(self) -> None:
        """Collect every child that ended. One SIGCHLD may stand for many."""
        while self._by_pid:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            run = self._by_pid.pop(ended.si_pid, None)
            if run is not None:
                if run.timed_out:
                    # What is left of the group goes too; until the leader is reaped its number is not reused.
                    _kill_group(run.pid, signal.SIGKILL)
                self._notes.clear(run.place)
                self._places.append(run.place)
            os.waitpid(ended.si_pid, 0)
            if run is None:
                continue
            self._outputs.end(run.output)
            del self._by_number[run.number]
            if run.timed_out:
                self._send(Ended(run.number, killed=run.killed))
                continue
            exited = ended.si_code == os.CLD_EXITED
            self._send(
                Result(
                    run.number,
                    status=ended.si_status if exited else None,
                    signal=None if exited else ended.si_status,
                    started_ns=run.started_ns,
                    duration_ns=time.monotonic_ns() - run.started_ns,
                    output=run.output.kept,
                    output_cut=run.output.is_cut,
                )
            )


def _kill_group(pid: int, number: signal.Signals) -> None:
    # Gone meanwhile; or a set-id program of another user, where we are not root.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def main(umask: int, slot_ns: int) -> None:
    """Serve the socket at SOCKET_FD until it is closed.

    Scripts are run with `umask`; one that runs longer than `slot_ns` is reported as Slow.
    """
    for number in _IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    os.umask(umask)
    raise_oom_score(0)        # a daemon's own (OOMScoreAdjust=) is not for scripts, and we can be started again
    # A real-time daemon's scripts are not real-time, and have the usual soft limit of descriptors.
    if os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK in (os.SCHED_FIFO, os.SCHED_RR):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, limits.SPAWNER_DESCRIPTORS)), hard))
    gc.disable()            # nothing here makes cycles
    sock = socket.socket(fileno=SOCKET_FD)
    sock.setblocking(False)
    for fd in (SOCKET_FD, NOTES_FD):
        os.set_inheritable(fd, False)
    notes = Notes(NOTES_FD)
    launcher = Launcher(dict(os.environb), notes, descriptors=min(soft, limits.SCRIPT_NOFILE))
    with sock:
        Spawner(sock, launcher, notes, slot_ns=slot_ns).serve()
    sys.exit(0)
