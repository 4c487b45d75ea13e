"""The daemon's side of running scripts: a bounded queue in front of the spawner.

submit() never waits and never runs a callback itself; results come from the event loop. Rules:
- Lanes for checks, notifications and readers, each with slots of its own, first come first served. A run that lasts
  SCRIPT_SLOT_S lends its slot to the next one, so that scripts which hang do not stop the others;
  SCRIPT_LENT_MAX bounds that.
- Runs with the same key go one at a time, in order: the next starts when the process of the one before is
  gone.
- A timed-out run has its result at once; its slot and key are free when its process is gone.
- A spawner that dies is started again; what it was running is reported as lost, what waits is kept.
- One that does not answer is ended, as a file system that hangs keeps it in a system call. The run that it was starting
  has timed out.
  Threading: the event loop's thread only. It has no task of its own: close() is how it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from pyvrrp import limits
from pyvrrp.errors import ScriptError
from pyvrrp.linux import NOTES_RUN_MASK, Notes
from pyvrrp.model import Command, Configuration, GlobalDefs, Notify
from pyvrrp.scripts.leftovers import end_groups
from pyvrrp.scripts.messages import Ended, FromSpawner, Kill, Ping, Pong, Ready, Result, Slow, Start
from pyvrrp.scripts.output_log import OutputLog
from pyvrrp.scripts.process import start_spawner
from pyvrrp.scripts.result import Lane, ScriptResult, shown

log = logging.getLogger("pyvrrp.scripts")

OnDone = Callable[[ScriptResult], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptPolicy:
    """What a scope's global_defs say of its scripts, and the network namespace (a path) that they run in."""

    default_user: str | None = None
    default_group: str | None = None
    enable_script_security: bool = False
    netns: str | None = None


@dataclass(slots=True)
class PoolCounters:
    """What happened so far; plain totals for status and metrics."""

    runs: int = 0               # that the spawner was asked for
    failures: int = 0           # results that are not ok, timeouts included
    timeouts: int = 0
    kills: int = 0              # processes that did not end at SIGTERM and got SIGKILL
    refused: int = 0            # runs that enable_script_security did not allow
    overflows: int = 0          # runs that were not queued, because too many waited
    slow: int = 0               # runs over SCRIPT_SLOT_S
    output_cut: int = 0         # runs that wrote more than SCRIPT_OUTPUT_BYTES
    output_unlogged: int = 0    # lines of output that were not logged, because there were too many in that second
    spawner_restarts: int = 0
    orphans: int = 0            # process groups that were ended because their spawner had died


class _Run:
    """A run from submit() until its process is gone. `on_done` is None once it was called."""

    __slots__ = ("argv", "holds_slot", "key", "lane", "lent", "on_done", "request")

    def __init__(
        self, request: Start, argv: tuple[str, ...], on_done: OnDone, key: Hashable | None, lane: Lane
    ) -> None:
        self.request = request
        self.argv = argv            # without what was appended
        self.on_done: OnDone | None = on_done
        self.key = key
        self.lane = lane
        self.holds_slot = False
        self.lent = False


class ScriptPool:
    """Runs scripts through one spawner process; one pool serves every scope of the daemon (see `scope`)."""

    def __init__(
        self,
        *,
        limit: int = limits.SCRIPTS_MAX,
        checks_limit: int = limits.CHECKS_MAX,
        default_user: str | None = None,
        default_group: str | None = None,
        enable_script_security: bool = False,
        umask: int = limits.SCRIPT_UMASK,
        slot_s: float = limits.SCRIPT_SLOT_S,
    ) -> None:
        """`limit`, `checks_limit`: notify scripts and checks that run at once.

        `umask`: of the scripts; keepalived's default is 0177. `slot_s`: a run that lasts longer lends its slot.
        """
        self.counters = PoolCounters()
        self._policy = ScriptPolicy(
            default_user=default_user,
            default_group=default_group,
            enable_script_security=enable_script_security,
        )
        self._umask = umask
        self._slot_s = slot_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sock: socket.socket | None = None
        self._pid = 0
        self._pidfd = -1
        self._ready: asyncio.Future[None] | None = None     # done when a spawner can be asked
        self._retry_s = limits.SPAWNER_RETRY_FIRST_S
        self._retry_timer: asyncio.TimerHandle | None = None
        self._started_at_s = 0.0
        self._closing = False
        self._idle = asyncio.Event()
        self._gone = asyncio.Event()
        self._number = 0
        self._queues: dict[Lane, deque[_Run]] = {lane: deque() for lane in Lane}
        self._free = {Lane.NOTIFY: limit, Lane.CHECK: checks_limit, Lane.READER: limits.READERS_MAX}
        self._lent = 0
        self._keys: dict[Hashable, deque[_Run]] = {}        # a key in it is busy; the runs that wait for it
        self._asked: dict[int, _Run] = {}                   # by number: the spawner has them
        self._waiting: dict[int, _Run] = {}                 # by number: in a queue, or behind their key
        self._unsent: deque[bytes] = deque()
        self._blocked = False                               # the socket is full, and watched
        self._pump_scheduled = False
        self._watchdog: asyncio.TimerHandle | None = None   # only while anything runs
        self._unanswered = 0                                # questions whether the spawner is there
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(FromSpawner)
        self._buffer = bytearray(limits.SCRIPT_REQUEST_BYTES_MAX)
        self._outputs = OutputLog()
        self._notes: Notes | None = None                    # the processes of the spawner
        self._runs_max = limit + checks_limit + limits.READERS_MAX + limits.SCRIPT_LENT_MAX

    @property
    def umask(self) -> int:
        """Permissions that what scripts make does not get."""
        return self._umask

    @property
    def running(self) -> int:
        """How many scripts run now."""
        return len(self._asked)

    @property
    def waiting(self) -> int:
        """How many wait for a slot or for their key."""
        return len(self._waiting)

    @property
    def spawner_pid(self) -> int:
        """The spawner's pid; 0 while there is none."""
        return self._pid

    def scope(self, policy: ScriptPolicy) -> ScopeRunner:
        """Return a view of this pool that runs scripts by another scope's rules."""
        return ScopeRunner(self, policy)

    async def start(self) -> None:
        """Start the spawner and wait until it can be asked. Raises ScriptError."""
        self._loop = asyncio.get_running_loop()
        self._ready = self._loop.create_future()
        self._start_spawner()
        try:
            async with asyncio.timeout(limits.SPAWNER_START_S):
                await self._ready
        except ScriptError:
            self._closing = True
            raise
        except TimeoutError:
            await self.close(grace_s=0)
            raise ScriptError(
                f"scripts: the spawner did not start within {limits.SPAWNER_START_S:.0f} s; "
                "see what it wrote to standard error"
            ) from None

    def submit(
        self,
        command: Command,
        on_done: OnDone,
        *,
        timeout_s: float | None,
        extra_args: Sequence[str] = (),
        key: Hashable | None = None,
        lane: Lane = Lane.NOTIFY,
        policy: ScriptPolicy | None = None,
        examine: bool = False,
    ) -> int:
        """Queue a run of `command` with `extra_args` appended; return its number at once.

        `on_done` is called once with the result, later, from the event loop; it should be short and must
        not raise. `timeout_s` counts from the start of the process; None is no limit. `examine`: it is not run,
        only looked at. Nothing is raised: whatever is wrong is a result.
        """
        assert self._loop is not None, "start() the pool first"
        rules = policy or self._policy
        self._number += 1
        request = Start(
            self._number,
            [os.fsencode(word) for word in (*command.argv, *extra_args)],
            0 if timeout_s is None else max(1, int(timeout_s * 1e9)),
            command.user,
            command.group,
            rules.default_user,
            rules.default_group,
            rules.enable_script_security,
            rules.netns,
            examine,
        )
        run = _Run(request, command.argv, on_done, key, lane)
        if self._closing:
            self._loop.call_soon(self._finish, run, _not_run("not run: the daemon is stopping"))
        elif len(self._waiting) >= limits.SCRIPT_QUEUE_MAX:
            self.counters.overflows += 1
            text = f"not run: {limits.SCRIPT_QUEUE_MAX} scripts are waiting already; find out which are slow"
            self._loop.call_soon(self._finish, run, _not_run(text))
        else:
            self._waiting[request.run] = run
            if key is not None and key in self._keys:
                self._keys[key].append(run)
            else:
                if key is not None:
                    self._keys[key] = deque()
                self._queues[lane].append(run)
                self._schedule_pump()
        return request.run

    async def run(
        self,
        command: Command,
        *,
        timeout_s: float | None,
        extra_args: Sequence[str] = (),
        key: Hashable | None = None,
        lane: Lane = Lane.NOTIFY,
        policy: ScriptPolicy | None = None,
    ) -> ScriptResult:
        """Run `command` and return its result; see submit(). Cancelling it ends the script, as its timeout
        would.
        """
        result: asyncio.Future[ScriptResult] = asyncio.get_running_loop().create_future()

        def done(value: ScriptResult) -> None:
            if not result.done():
                result.set_result(value)

        number = self.submit(
            command, done, timeout_s=timeout_s, extra_args=extra_args, key=key, lane=lane, policy=policy
        )
        try:
            return await result
        except asyncio.CancelledError:
            self.kill(number)
            raise

    def kill(self, run: int) -> None:
        """End a run now, as if it had timed out; one that waits is not started. One that is done is no
        error.
        """
        if run in self._asked:
            self._transmit(Kill(run))
            return
        waiting = self._waiting.get(run)
        if waiting is not None and waiting.on_done is not None:
            assert self._loop is not None
            on_done = waiting.on_done
            self.withdraw(run)
            self._loop.call_soon(on_done, _not_run("not run: it was ended before its turn came"))

    def withdraw(self, run: int) -> bool:
        """Do not start a run that still waits; its `on_done` is not called. False: too late."""
        waiting = self._waiting.get(run)
        if waiting is None or waiting.on_done is None:
            return False
        # It keeps its place, so that its key's order holds, and is dropped when its turn comes.
        waiting.on_done = None
        return True

    async def close(self, *, grace_s: float) -> None:
        """Let running and waiting scripts end for at most `grace_s`, then end the spawner and with it the
        rest.

        Every run has had its result when this returns. No run is taken any more.
        """
        if self._loop is None:
            return
        if (self._asked or self._waiting) and grace_s > 0:
            self._idle.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await self._idle.wait()
        self._closing = True
        if self._retry_timer is not None:
            self._retry_timer.cancel()
        if self._sock is not None:
            # The spawner sees the end of file, ends its children and leaves.
            self._sock.shutdown(socket.SHUT_WR)
            try:
                async with asyncio.timeout(limits.SCRIPT_KILL_S + 1):
                    await self._gone.wait()
            except TimeoutError:
                os.kill(self._pid, signal.SIGKILL)
                with contextlib.suppress(TimeoutError):     # it is in the kernel for good
                    async with asyncio.timeout(limits.SCRIPT_KILL_S):
                        await self._gone.wait()
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._fail_asked("the daemon is stopping")
        for run in list(self._waiting.values()):
            self._finish(run, _not_run("not run: the daemon is stopping"))
        self._waiting.clear()
        self._keys.clear()
        for queue in self._queues.values():
            queue.clear()

    # The spawner's life

    def _start_spawner(self) -> None:
        """Raises ScriptError."""
        assert self._loop is not None
        self._retry_timer = None
        self._pid, self._sock, self._notes = start_spawner(
            umask=self._umask, slot_s=self._slot_s, runs=self._runs_max
        )
        self._pidfd = os.pidfd_open(self._pid)
        self._unanswered = 0
        self._started_at_s = self._loop.time()
        self._gone.clear()
        self._loop.add_reader(self._pidfd, self._on_spawner_gone)
        self._loop.add_reader(self._sock.fileno(), self._on_readable)

    def _on_spawner_gone(self) -> None:
        """The spawner is dead: collect what it still said, reap it, and start another unless we are
        closing.
        """
        assert self._loop is not None
        assert self._sock is not None
        assert self._notes is not None
        while self._receive():
            pass
        self.counters.orphans += end_groups(self._notes.pids(), self._loop.call_later)
        self._notes.close()
        self._loop.remove_reader(self._pidfd)
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._blocked = False
        os.close(self._pidfd)
        self._sock.close()
        self._sock, self._pidfd = None, -1
        try:
            status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        except ChildProcessError:
            status = 0          # where SIGCHLD is ignored the kernel reaps
        pid, self._pid = self._pid, 0
        self._unsent.clear()
        self._gone.set()
        if self._closing:
            return
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(
                ScriptError(f"scripts: the spawner ended {how} at once; see what it wrote to standard error")
            )
            return
        self._fail_asked("the process that runs scripts died meanwhile, so how it ended is not known", lost=True)
        self.counters.spawner_restarts += 1
        if self._loop.time() - self._started_at_s > limits.SPAWNER_RETRY_MAX_S:
            self._retry_s = limits.SPAWNER_RETRY_FIRST_S
        log.error("the script spawner (pid %d) ended %s; starting another in %.1f s", pid, how, self._retry_s)
        self._retry_timer = self._loop.call_later(self._retry_s, self._restart)
        self._retry_s = min(2 * self._retry_s, limits.SPAWNER_RETRY_MAX_S)

    def _restart(self) -> None:
        assert self._loop is not None
        try:
            self._start_spawner()
        except (ScriptError, OSError) as error:
            log.error("%s; trying again in %.1f s", error, self._retry_s)
            self._retry_timer = self._loop.call_later(self._retry_s, self._restart)
            self._retry_s = min(2 * self._retry_s, limits.SPAWNER_RETRY_MAX_S)
            return
        self._schedule_pump()

    def _watch(self) -> None:
        """Ask the spawner whether it is there, while it has anything to do that ends; end it if it does not answer.

        Questions are counted and not seconds: after a stop of the whole machine it has time to answer.
        """
        assert self._loop is not None
        self._watchdog = None
        while self._receive():
            pass
        if self._sock is None or self._closing or all(run.lane is Lane.READER for run in self._asked.values()):
            self._unanswered = 0
            return
        if self._unanswered >= limits.SPAWNER_SILENT_MAX:
            self._end_silent()
        else:
            self._unanswered += 1
            self._transmit(Ping())
        self._watchdog = self._loop.call_later(limits.SPAWNER_BEAT_S, self._watch)

    def _end_silent(self) -> None:
        """The spawner hangs. Its pidfd says the rest."""
        assert self._notes is not None
        starting, silent_s = self._notes.starting, limits.SPAWNER_SILENT_MAX * limits.SPAWNER_BEAT_S
        run = next((run for number, run in self._asked.items() if number & NOTES_RUN_MASK == starting), None)
        hint = f": starting {_words(run)} hangs, look at its file system" if run is not None else ""
        log.error("the script spawner (pid %d) has not answered for %g s%s; it is ended", self._pid, silent_s, hint)
        if run is not None:
            self._finish(run, ScriptResult(None, None, True, None, silent_s))
        self._unanswered = 0        # should the kernel not let it end, that is said again, but not each time
        os.kill(self._pid, signal.SIGKILL)

    def _fail_asked(self, why: str, *, lost: bool = False) -> None:
        for run in list(self._asked.values()):
            self._finish(run, dataclasses.replace(_not_run(why), lost=lost))
            self._process_gone(run)

    # Out

    def _schedule_pump(self) -> None:
        if not self._pump_scheduled:
            assert self._loop is not None
            self._pump_scheduled = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Ask the spawner for as many runs as there are slots, and as there is time in this turn."""
        self._pump_scheduled = False
        if self._sock is None:
            return              # when there is a spawner again
        until_s = time.monotonic() + limits.SLICE_S
        for lane, queue in self._queues.items():
            while queue and self._free[lane] > 0:
                if time.monotonic() >= until_s:
                    self._schedule_pump()
                    return
                run = queue.popleft()
                self._waiting.pop(run.request.run, None)
                if run.on_done is None:
                    self._free_key(run)
                    continue
                self._ask(run)
        self._check_idle()

    def _ask(self, run: _Run) -> None:
        data = self._encoder.encode(run.request)
        if len(data) > limits.SCRIPT_REQUEST_BYTES_MAX:
            text = f"not run: its command and arguments take {len(data)} bytes, more than {len(self._buffer)}"
            self._finish(run, _not_run(text))
            self._free_key(run)
            return
        self.counters.runs += not run.request.examine
        self._asked[run.request.run] = run
        run.holds_slot = True
        self._free[run.lane] -= 1
        self._unsent.append(data)
        self._on_writable()
        if self._watchdog is None:
            assert self._loop is not None
            self._watchdog = self._loop.call_later(limits.SPAWNER_BEAT_S, self._watch)

    def _transmit(self, message: Kill | Ping) -> None:
        self._unsent.append(self._encoder.encode(message))
        self._on_writable()

    def _on_writable(self) -> None:
        """Send what waits. Without a spawner it is dropped: its runs are reported as failed with it."""
        assert self._loop is not None
        if self._sock is None:
            self._unsent.clear()
            return
        try:
            while self._unsent:
                self._sock.send(self._unsent[0])
                self._unsent.popleft()
        except BlockingIOError:
            if not self._blocked:
                self._blocked = True
                self._loop.add_writer(self._sock.fileno(), self._on_writable)
            return
        except OSError:
            self._unsent.clear()        # it is dying; its pidfd tells us next
        if self._blocked:
            self._blocked = False
            self._loop.remove_writer(self._sock.fileno())

    # In

    def _on_readable(self) -> None:
        assert self._loop is not None
        until_s = time.monotonic() + limits.SLICE_S
        while self._receive() and time.monotonic() < until_s:
            pass
        if any(self._queues.values()):
            self._schedule_pump()
        self._check_idle()

    def _receive(self) -> bool:
        """Handle one message; return whether there was one."""
        if self._sock is None:
            return False
        try:
            size = self._sock.recv_into(self._buffer)
        except BlockingIOError:
            return False
        except OSError:
            size = 0
        if not size:
            # The pidfd says the rest; without this the loop would spin on the end of file until then.
            assert self._loop is not None
            self._loop.remove_reader(self._sock.fileno())
            return False
        message = self._decoder.decode(memoryview(self._buffer)[:size])
        self._unanswered = 0        # whatever it says, it is there
        if isinstance(message, Ready):
            if self._ready is not None and not self._ready.done():
                self._ready.set_result(None)
            return True
        if isinstance(message, Pong):
            return True
        run = self._asked.get(message.run)
        if run is None:
            return True
        if isinstance(message, Result):
            self._finish(
                run,
                ScriptResult(
                    message.status,
                    message.signal,
                    message.timed_out,
                    message.error,
                    message.duration_ns / 1e9,
                    message.started_ns,
                    message.output.decode(errors="replace"),
                    message.output_cut,
                    message.refused,
                ),
            )
            if message.ended:
                self._process_gone(run)
        elif isinstance(message, Ended):
            self.counters.kills += message.killed
            self._process_gone(run)
        elif isinstance(message, Slow):
            self._lend(run)
        return True

    def _finish(self, run: _Run, result: ScriptResult) -> None:
        """Hand the result to whoever asked, once."""
        if run.on_done is None:
            return
        if not result.ok and not run.request.examine:
            self.counters.failures += 1
            if result.timed_out:
                self.counters.timeouts += 1
            self.counters.refused += result.refused
        self.counters.output_cut += result.output_cut
        if result.output or (run.lane is Lane.CHECK and not run.request.examine):
            self._outputs.tell(run.argv, run.lane, result)
            self.counters.output_unlogged = self._outputs.unlogged
        on_done, run.on_done = run.on_done, None
        try:
            on_done(result)
        except Exception:
            log.exception("a callback for the result of %s failed", _words(run))

    def _process_gone(self, run: _Run) -> None:
        """Free the slot and the key of a run."""
        del self._asked[run.request.run]
        if run.holds_slot:
            run.holds_slot = False
            self._free[run.lane] += 1
        if run.lent:
            self._lent -= 1
        self._free_key(run)

    def _free_key(self, run: _Run) -> None:
        if run.key is None:
            return
        behind = self._keys.get(run.key)
        if behind:
            following = behind.popleft()
            self._queues[following.lane].append(following)
            self._schedule_pump()
        else:
            self._keys.pop(run.key, None)

    def _lend(self, run: _Run) -> None:
        """A run is slow: let another one have its slot. Said only of one that nothing will end."""
        if run.lane is Lane.READER:
            return
        self.counters.slow += 1
        if not run.request.timeout_ns:
            log.warning("%s: still running after %g s", _words(run), self._slot_s)
        if run.holds_slot and self._lent < limits.SCRIPT_LENT_MAX:
            run.holds_slot, run.lent = False, True
            self._lent += 1
            self._free[run.lane] += 1

    def _check_idle(self) -> None:
        if not self._asked and not self._waiting:
            self._idle.set()


class ScopeRunner:
    """A pool, run by the rules of one scope."""

    def __init__(self, pool: ScriptPool, policy: ScriptPolicy) -> None:
        self.policy = policy                # of the runs that are asked for from now on
        self._pool = pool

    def submit(
        self,
        command: Command,
        on_done: OnDone,
        *,
        timeout_s: float | None,
        extra_args: Sequence[str] = (),
        key: Hashable | None = None,
        lane: Lane = Lane.NOTIFY,
    ) -> int:
        """See ScriptPool.submit()."""
        return self._pool.submit(
            command,
            on_done,
            timeout_s=timeout_s,
            extra_args=extra_args,
            key=key,
            lane=lane,
            policy=self.policy,
        )

    def examine(self, commands: Iterable[Command]) -> None:
        """Warn of each command that root should not run, or that its user cannot; they are looked at soon."""

        def done(result: ScriptResult) -> None:
            if result.error is not None:
                log.warning("%s", result.error)

        for command in commands:
            self._pool.submit(command, done, timeout_s=None, lane=Lane.CHECK, policy=self.policy, examine=True)

    def kill(self, run: int) -> None:
        """See ScriptPool.kill()."""
        self._pool.kill(run)

    def withdraw(self, run: int) -> bool:
        """See ScriptPool.withdraw()."""
        return self._pool.withdraw(run)


def commands_of(configuration: Configuration) -> list[Command]:
    """Every command that a configuration may run, each once."""
    holders: list[Notify | GlobalDefs] = [configuration.global_defs]
    # Most instances share theirs, so it is looked at once.
    holders += {id(each.notify): each.notify for each in configuration.instances}.values()
    holders += [each.notify for each in configuration.groups]
    found: list[object] = [script.command for script in configuration.scripts]
    found += [getattr(holder, field.name) for holder in holders for field in dataclasses.fields(holder)]
    return list(dict.fromkeys(each for each in found if isinstance(each, Command)))


def _not_run(error: str) -> ScriptResult:
    return ScriptResult(None, None, False, error, 0.0)


def _words(run: _Run) -> str:
    return shown([os.fsdecode(word) for word in run.request.argv])
