"""The process that starts scripts, so that the daemon never forks: small, single-threaded, without asyncio.

It is told what to run over a socket (messages.py), starts it, keeps its timeout and says how it ended.
Invariants:
- Every Start gets exactly one Result; a run that had it early, at its timeout, gets one Ended as well.
- A child is signalled only while it is not reaped, so that its process group's number is still its own.
- It sleeps in poll() until a message, a SIGCHLD (through a wakeup descriptor) or the earliest deadline.
- When the daemon goes (end of file), it ends what it started and itself. It ignores the signals that end a
  daemon: systemd and a terminal send those to every process, and the stop scripts are still to be run. A
  run that reaches its timeout gets SIGTERM, and SIGKILL every SCRIPT_KILL_S after that, to its whole
  process group.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import heapq
import os
import resource
import select
import signal
import socket
import stat
import sys
import time
from collections import deque

import msgspec

from pyvrrp import limits
from pyvrrp.linux import STEP_EXECUTE, Identity, SpawnError, spawn
from pyvrrp.scripts.identity import Accounts, UnknownAccount
from pyvrrp.scripts.messages import Ended, FromDaemon, FromSpawner, Kill, Ready, Result, Slow, Start
from pyvrrp.scripts.security import root_uids, why_insecure

SOCKET_FD = 3               # where the daemon puts our end of the socket
REMOVED_VARIABLES = (b"IFS", b"LD_PRELOAD", b"LD_LIBRARY_PATH")     # as keepalived does (rule T9)
_SHELL = b"/bin/sh"
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


class CannotRun(Exception):
    """A command cannot be run; the text is a sentence for an operator."""


class _Run:
    """One process that was started and is not reaped yet. A pid is also the number of its process group."""

    __slots__ = ("deadline_ns", "number", "pid", "started_ns", "timed_out", "warned")

    def __init__(self, number: int, pid: int, started_ns: int, deadline_ns: int) -> None:
        self.number, self.pid, self.started_ns, self.deadline_ns = number, pid, started_ns, deadline_ns
        self.timed_out = False
        self.warned = False


class Spawner:
    """Runs what the peer of `sock` asks for; `serve` returns when the peer is gone and the children are
    too.
    """

    def __init__(self, sock: socket.socket, environment: dict[bytes, bytes], *, slot_ns: int) -> None:
        self._sock = sock
        self._slot_ns = slot_ns
        self._environment = {k: v for k, v in environment.items() if k not in REMOVED_VARIABLES}
        self._accounts = Accounts()
        self._root = root_uids()
        self._null_fd = os.open("/dev/null", os.O_RDWR)
        self._by_pid: dict[int, _Run] = {}
        self._by_number: dict[int, _Run] = {}
        self._timers: list[tuple[int, int]] = []    # (when, number of the run); it may have ended since
        self._outbox: deque[bytes] = deque()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(FromDaemon)
        self._buffer = bytearray(limits.SCRIPT_REQUEST_BYTES_MAX)
        self._peer_gone = False

    def serve(self) -> None:
        """Work until the daemon closes its end, then end every child and return."""
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(wake_read, select.POLLIN)
        poll.register(self._sock, select.POLLIN)
        self._send(Ready(os.getpid()))
        while not self._peer_gone:
            poll.modify(self._sock, select.POLLIN | (select.POLLOUT if self._outbox else 0))
            ready = dict(poll.poll(self._sleep_ms()))
            if wake_read in ready:
                os.read(wake_read, 4096)
                self._reap()
            happened = ready.get(self._sock.fileno(), 0)
            if happened & select.POLLOUT:
                self._flush()
            if happened & (select.POLLIN | select.POLLHUP | select.POLLERR):
                self._receive()
            self._expire(time.monotonic_ns())

        poll.unregister(self._sock)
        for run in self._by_pid.values():
            run.timed_out = False
            self._time_out(run, time.monotonic_ns())
        while self._by_pid:
            if poll.poll(self._sleep_ms()):
                os.read(wake_read, 4096)
                self._reap()
            self._expire(time.monotonic_ns())

    def _sleep_ms(self) -> int | None:
        if not self._timers:
            return None
        # Rounded up: a poll() that ends just before the deadline would spin.
        return max(0, -(-(self._timers[0][0] - time.monotonic_ns()) // 1_000_000))

    # Talking

    def _send(self, message: FromSpawner) -> None:
        """Queue a message; what a stopped daemon does not take waits here, bounded by what it has asked
        for.
        """
        self._outbox.append(self._encoder.encode(message))
        self._flush()

    def _flush(self) -> None:
        try:
            while self._outbox:
                self._sock.send(self._outbox[0])
                self._outbox.popleft()
        except BlockingIOError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            self._outbox.clear()
            self._peer_gone = True

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
            return
        try:
            self._start(message)
        except CannotRun as error:
            self._send(Result(message.run, error=str(error)[:_ERROR_MAX]))

    # Starting

    def _start(self, ask: Start) -> None:
        """Raises CannotRun; whatever else is wrong with one command must not end the spawner."""
        started_ns = time.monotonic_ns()
        try:
            pid = self._spawn(ask)
        except (OSError, ValueError) as error:
            raise CannotRun(f"{_text(ask.argv)}: {error}") from None
        run = _Run(ask.run, pid, started_ns, started_ns + ask.timeout_ns if ask.timeout_ns else 0)
        self._by_pid[pid] = self._by_number[run.number] = run
        self._set_timer(run, started_ns)

    def _spawn(self, ask: Start) -> int:
        if not ask.argv or not ask.argv[0]:
            raise CannotRun("there is no command to run; name one")
        if ask.argv[0].startswith(b"</"):
            # keepalived's idiom for "can this file be read": a redirection without a command (rule X3)
            return self._execute(_SHELL, [_SHELL, b"-c", b" ".join(ask.argv)], ask)
        path = self._find(ask.argv[0])
        if ask.security:
            self._check_security(path, self._identity(ask))
        try:
            return self._execute(path, ask.argv, ask)
        except SpawnError as error:
            if error.step == STEP_EXECUTE and error.errno == errno.ENOEXEC:
                # No #! line: the shell's business, as for execvp(3) (rule X8).
                return self._execute(_SHELL, [_SHELL, path, *ask.argv[1:]], ask)
            raise

    def _identity(self, ask: Start) -> Identity:
        try:
            return self._accounts.identity(ask.user, ask.group, ask.default_user, ask.default_group)
        except UnknownAccount as error:
            raise CannotRun(f"{_text(ask.argv)}: {error}") from None

    def _execute(self, path: bytes, argv: list[bytes], ask: Start) -> int:
        identity = self._identity(ask)
        netns_fd = -1
        if ask.netns is not None:
            try:
                netns_fd = os.open(ask.netns, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                raise CannotRun(
                    f"{_text(ask.argv)}: its network namespace {ask.netns} cannot be opened: {error.strerror}"
                ) from None
        try:
            return spawn(
                path,
                argv,
                environment=self._environment,
                null_fd=self._null_fd,
                netns_fd=netns_fd,
                identity=None if self._accounts.is_own(identity) else identity,
            )
        except SpawnError as error:
            hint = _hint(error, path)
            if hint is None:
                raise
            raise CannotRun(f"{_text([path])}: {error.strerror}; {hint}") from None
        finally:
            if netns_fd >= 0:
                os.close(netns_fd)

    def _find(self, name: bytes) -> bytes:
        """Return the file to execute for the first word of a command: itself, or found in PATH (rule X3)."""
        if b"/" in name:
            return name
        search = self._environment.get(b"PATH", os.defpath.encode())
        for directory in search.split(b":"):
            path = (directory or b".") + b"/" + name
            try:
                mode = os.stat(path).st_mode  # noqa: PTH116
            except OSError:
                continue
            if stat.S_ISREG(mode) and mode & 0o111:
                return path
        raise CannotRun(f"{_text([name])}: not found in PATH; give its full path")

    def _check_security(self, path: bytes, identity: Identity) -> None:
        full = os.fsdecode(path if path.startswith(b"/") else os.getcwdb() + b"/" + path)  # noqa: PTH109
        runs_as_root = identity.uid == 0 or identity.gid == 0
        try:
            reason = why_insecure(full, runs_as_root=runs_as_root, root=self._root)
        except OSError as error:
            # Not left to execve(): what is missing now could be there by then.
            raise CannotRun(f"{_text([path])}: {error.strerror}; check the path") from None
        if reason is not None:
            raise CannotRun(
                f"{_text([path])}: not run, because {reason} and enable_script_security is on; "
                "give every part of its path to root alone, or run it as another user"
            )

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
                )
            )
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
            if run is not None and run.timed_out:
                # What is left of the group goes too; until the leader is reaped its number is not reused.
                _kill_group(run.pid, signal.SIGKILL)
            os.waitpid(ended.si_pid, 0)
            if run is None:
                continue
            del self._by_number[run.number]
            if run.timed_out:
                self._send(Ended(run.number))
                continue
            exited = ended.si_code == os.CLD_EXITED
            self._send(
                Result(
                    run.number,
                    status=ended.si_status if exited else None,
                    signal=None if exited else ended.si_status,
                    started_ns=run.started_ns,
                    duration_ns=time.monotonic_ns() - run.started_ns,
                )
            )


def _kill_group(pid: int, number: signal.Signals) -> None:
    # Gone meanwhile; or a set-id program of another user, where we are not root.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _text(argv: list[bytes]) -> str:
    return os.fsdecode(b" ".join(argv)).encode("utf-8", "backslashreplace").decode()


def _hint(error: SpawnError, path: bytes) -> str | None:
    """Return what to do about an execve() or a change of user that failed; None if it is to be raised as it
    is.
    """
    if error.step != STEP_EXECUTE:
        if error.errno == errno.EPERM:
            return "that takes root; run the daemon as root, or the script as the daemon's own user"
        return "see the man pages for this error"
    if error.errno == errno.ENOEXEC:
        return None
    if error.errno == errno.ENOENT:
        if os.access(path, os.F_OK):
            return "the file is there, so the interpreter that its first line names is not"
        return "check the path"
    if error.errno == errno.EACCES:
        return "make it executable, and every directory on the way to it accessible, for the user it runs as"
    return "check that it is a program for this machine"


def main(umask: int, slot_ns: int) -> None:
    """Serve the socket at SOCKET_FD until it is closed.

    Scripts are run with `umask`; one that runs longer than `slot_ns` is reported as Slow.
    """
    for number in _IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    os.umask(umask)
    # A real-time daemon's scripts are not real-time, and have the usual soft limit of descriptors.
    if os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK in (os.SCHED_FIFO, os.SCHED_RR):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, limits.SCRIPT_NOFILE), hard))
    gc.disable()            # nothing here makes cycles
    sock = socket.socket(fileno=SOCKET_FD)
    sock.setblocking(False)
    os.set_inheritable(SOCKET_FD, False)
    with sock:
        Spawner(sock, dict(os.environb), slot_ns=slot_ns).serve()
    sys.exit(0)
