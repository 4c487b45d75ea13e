"""pyvrrpd: options, log, pid files, signals; it puts the parts together and takes them apart.

The order at start matters. The network namespace is entered before anything is opened; the process goes to the
background while it is still small; the log's thread starts after that. The main process never forks again.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import grp
import json
import logging
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Coroutine
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import uvloop

from pyvrrp import __version__, limits, linux, netns, privileges, scheduling
from pyvrrp.config import Loaded
from pyvrrp.config.check import check, exit_status, files, report
from pyvrrp.config.lexer import clean
from pyvrrp.config.process import load_all_in_worker
from pyvrrp.control.actions import FileReload, ReloadReply
from pyvrrp.control.answers import Refusal
from pyvrrp.control.protocol import Source
from pyvrrp.control.server import ControlServer
from pyvrrp.control.transaction import TransactionReply, TransactionRequest
from pyvrrp.dumps import Dump, Dumper
from pyvrrp.errand import errand
from pyvrrp.errors import PyvrrpError
from pyvrrp.host import let_go
from pyvrrp.logs import Writer, logging_to
from pyvrrp.model import Configuration, GlobalDefs
from pyvrrp.operations import Operations
from pyvrrp.options import SIGNALS, Options, parse
from pyvrrp.pidfile import pid_files
from pyvrrp.runtime import Runtime
from pyvrrp.scope import Counts
from pyvrrp.scrape import Scraper
from pyvrrp.scripts.examine import why_unsafe
from pyvrrp.scripts.pool import ScriptPool
from pyvrrp.service import ServiceManager
from pyvrrp.transactions import Transactions
from vrrpcore.reactor import Reactor

log = logging.getLogger("pyvrrp")

T = TypeVar("T")

EXIT_OK = 0
EXIT_FAILED = 1             # it could not start, or something of ours broke
EXIT_RUNNING = 2            # another daemon holds the pid file
EXIT_CONFIG = 6             # no configuration to run, as keepalived has it

_GC_YOUNG = 400             # new objects between two looks at them: with 4,000 a look took up to 10 ms in a storm
_GC_OLDER = 2_500           # looks between two at what outlived one, which would be tens of ms: hardly ever
_GC_LOOKS_MAX = 50          # after more of them all but the newest objects are frozen without another one
_DUMPS = {SIGNALS[dump.name]: dump for dump in Dump}
_NOTHING = Configuration(global_defs=GlobalDefs(router_id=""))


def main(argv: list[str] | None = None) -> int:
    """Run pyvrrpd with keepalived's options; returns the exit status."""
    options = parse(sys.argv[1:] if argv is None else argv)
    try:
        if options.umask is not None:
            os.umask(options.umask)
        outer_fd = None
        if options.namespace is not None:
            outer_fd = netns.here()
            netns.enter(options.namespace)
        if options.config_test:
            return _config_test(options)
        if not options.foreground:
            options = _absolute(options)
            _daemonize()
        with logging_to(options) as writer:
            return _run(options, writer, outer_fd)
    except (PyvrrpError, OSError) as error:
        print(f"pyvrrpd: {error}", file=sys.stderr)
        return EXIT_FAILED


def _run(options: Options, writer: Writer, outer_fd: int | None) -> int:
    """Run until asked to stop. Why it could not is in the log too: in the background nobody reads stderr."""
    try:
        with pid_files(options.pid_file, options.vrrp_pid_file):
            daemon = Daemon(options, writer, outer_fd=outer_fd)
            return asyncio.Runner(loop_factory=uvloop.new_event_loop).run(daemon.run())
    except (PyvrrpError, OSError) as error:
        log.error("%s", error)
        if not options.log_console:
            print(f"pyvrrpd: {error}", file=sys.stderr)
        return EXIT_RUNNING if isinstance(error, BlockingIOError) else EXIT_FAILED


class Daemon:
    """One run of the daemon, from the first configuration to the last script."""

    def __init__(self, options: Options, writer: Writer, *, outer_fd: int | None = None) -> None:
        """outer_fd: open on the network namespace in which it was started, if it has left that (-s)."""
        self._options, self._writer, self._outer_fd = options, writer, outer_fd
        self._manager = ServiceManager()
        self._config_id = options.config_id or socket.gethostname().partition(".")[0]
        self._stop = asyncio.Event()
        self._reload_wanted = asyncio.Event()
        self._transaction_wanted = asyncio.Event()
        self._transactions_asked: deque[tuple[TransactionRequest, asyncio.Future[TransactionReply]]] = deque()
        self._reload_askers: list[asyncio.Future[ReloadReply]] = []
        self._planning = asyncio.Lock()

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT; returns the exit status."""
        loop = asyncio.get_running_loop()
        sys.setswitchinterval(limits.THREAD_SWITCH_S)
        gc.collect()
        gc.freeze()                     # what was imported stays
        gc.set_threshold(_GC_YOUNG, _GC_OLDER, 1000)
        log.info("Starting pyvrrpd v%s", __version__)
        for warning in self._options.warnings:
            log.warning("%s", warning)
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        loop.add_signal_handler(signal.SIGINT, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload_wanted.set)
        for number in _DUMPS:
            # Unhandled they would end the process, and somebody may ask while it starts.
            loop.add_signal_handler(number, log.warning, "signal %d: there is nothing to dump yet", number)
        _check_privileges()
        loaded = await self._unless_stopped(self._load(is_start=True))
        if loaded is None:
            return EXIT_OK
        configurations = {
            path: each.configuration for path, each in loaded.items() if each.configuration is not None
        }
        if not configurations:
            return EXIT_CONFIG
        reactor = Reactor()
        asked = [each.global_defs.max_scripts for each in configurations.values()]
        pool = ScriptPool(
            limit=max((number for number in asked if number), default=limits.SCRIPTS_MAX),
            umask=_umask([each.global_defs.umask for each in configurations.values()]),
        )
        control: ControlServer | None = None
        try:
            await pool.start()
            for problem in scheduling.apply([each.global_defs for each in configurations.values()]):
                log.warning("%s", problem)
            # Not before: what runs scripts has just been started, and keeps all. Not later: threads start with it.
            locks_memory = any(each.global_defs.no_swap for each in configurations.values())
            _drop_privileges(locks_memory=locks_memory, sets_up=True)
            runtime = Runtime(reactor, pool, outer_fd=self._outer_fd)
            await self._unless_stopped(runtime.start(configurations))
            transactions = Transactions(
                runtime, config_id=self._config_id, all_config=self._options.all_config, interfaces=_interfaces
            )
            transactions.loaded(loaded, configurations)
            del loaded, configurations      # a reload frees what it replaces only if nobody else has it
            if not self._stop.is_set():
                # Only now: whoever asks is told of instances that run.
                control = await self._control(runtime)
                _drop_privileges(locks_memory=locks_memory)
                _settle()
                await self._serve(runtime, transactions)
            log.info("Stopping")
            self._manager.stopping()
            await runtime.stop(keep_addresses=self._options.keep_vips)
        finally:
            if control is not None:
                await control.close()
            await pool.close(grace_s=limits.NOTIFY_STOP_S)
            reactor.close()
            self._manager.close()
        log.info("Stopped pyvrrpd v%s", __version__)
        return EXIT_OK

    async def _control(self, runtime: Runtime) -> ControlServer | None:
        """Answer on the control socket, and for what only reads on a TCP port if a file asks for one."""
        all_defs = [each.global_defs for each in runtime.configurations.values()]

        def counters() -> dict[str, dict[str, int]]:
            return runtime.counters() | {"log": {"lines_dropped": self._writer.dropped}}

        operations = Operations(
            runtime,
            source=Source(
                names=[name.encode(errors="replace").decode() for name in self._options.config_files],
                directory=str(Path.cwd()),
                config_id=self._config_id,
                all_config=self._options.all_config,
            ),
            counters=counters,
            reload=self._reload_by_request,
            plan=self._plan,
            transact=self._transaction_by_request,
            scraper=Scraper(
                runtime.reactor, routers=runtime.routers, takeovers=runtime.takeovers, counters=counters,
                netlink_batches=runtime.netlink_batches,
                trackers=runtime.trackers, shown_scopes=runtime.shown_scopes,
                has_compat=self._options.metrics_compat,
            ),
        )
        control = ControlServer(
            self._options.socket,
            operations.handlers,
            group=_socket_group([defs.socket_group for defs in all_defs]),
            http=next((defs.http for defs in all_defs if defs.http is not None), None),
        )
        return control if await control.start() else None

    async def _plan(self) -> dict[str, Any]:
        """What a reload would do, found out by another process, which asks this one what runs."""
        if self._options.socket is None:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "there is no control socket (--no-socket)")
        async with self._planning:
            request = json.dumps({"socket": self._options.socket}).encode()
            try:
                async with errand("pyvrrp.cli.planner", request, timeout_s=limits.CONFIG_WORKER_S) as done:
                    answer = os.pread(done.answer, os.fstat(done.answer).st_size, 0)
                    if done.status in (0, 1, 4, 5):
                        found: dict[str, Any] = msgspec.json.decode(answer)
                        return found
                    raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, f"the process that compares {done.failure()}")
            except OSError as error:
                raise Refusal(
                    HTTPStatus.SERVICE_UNAVAILABLE, f"the process that compares cannot be started: {error.strerror}"
                ) from error

    async def _reload_by_request(self) -> ReloadReply:
        """Reload, and say what came of it. Requests that come while one waits are answered together."""
        answer: asyncio.Future[ReloadReply] = asyncio.get_running_loop().create_future()
        self._reload_askers.append(answer)
        self._reload_wanted.set()
        return await answer

    async def _serve(self, runtime: Runtime, transactions: Transactions) -> None:
        """Reload whenever asked, until asked to stop. Requests during a reload make one more."""
        self._manager.ready(runtime.summary())
        loop = asyncio.get_running_loop()
        dumper = Dumper(
            runtime.reactor.engine, routers=runtime.routers, groups=runtime.groups,
            configurations=lambda: runtime.configurations,
        )
        for number, dump in _DUMPS.items():
            loop.add_signal_handler(number, dumper.ask, dump)
        beside = [asyncio.ensure_future(work) for work in (self._show_life(runtime), dumper.run())]
        try:
            await self._changes(runtime, transactions)
        finally:
            for work in beside:
                work.cancel()

    async def _show_life(self, runtime: Runtime) -> None:
        """Tell the service manager, twice in the time that it waits, that the daemon lives and keeps its deadlines."""
        within_s = self._manager.watchdog_s
        while within_s is not None:
            await asyncio.sleep(within_s / 2)
            if (late_s := runtime.overdue_s()) < limits.OVERDUE_S:
                self._manager.alive(runtime.summary())
            else:
                log.error("a timer is %.1f s overdue: no life sign for the service manager", late_s)

    async def _changes(self, runtime: Runtime, transactions: Transactions) -> None:
        """Reload and carry transactions out, one after the other, until asked to stop."""
        wanted = (self._stop, self._reload_wanted, self._transaction_wanted)
        while True:
            waits = [asyncio.ensure_future(event.wait()) for event in wanted]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            if self._reload_wanted.is_set() and not self._stop.is_set():
                await let_go(await self._reload(runtime, transactions))
            elif self._transactions_asked and not self._stop.is_set():
                await self._transact(transactions)
            if self._stop.is_set():
                return
            _settle()

    async def _reload(self, runtime: Runtime, transactions: Transactions) -> list[object]:
        """Read the files and go over to them. Returns the instances that were read, for let_go()."""
        self._reload_wanted.clear()
        askers, self._reload_askers = self._reload_askers, []
        log.info("Reloading")
        self._manager.reloading()
        loaded = await self._unless_stopped(self._load())
        if loaded is None:
            _tell(askers, ReloadReply(accepted=False, error="the daemon stops", status=409))
            return []
        accepted, refusals = _accepted(loaded, runtime.configurations)
        try:
            done = await runtime.reload(accepted)
            dropped = transactions.loaded(loaded, [path for path in done if path in loaded and path not in refusals])
            _tell(askers, _reload_reply(loaded, refusals, done, dropped))
        except Exception:
            # What runs must go on running; the next reload finds what this one left undone.
            log.exception("the reload broke off; please report this fault")
            _tell(askers, ReloadReply(accepted=False, error="the reload broke off; the log says why", status=409))
        self._manager.ready(runtime.summary())
        read = [each.configuration for each in loaded.values() if each.configuration is not None]
        return [instance for configuration in read for instance in configuration.instances]

    async def _transact(self, transactions: Transactions) -> None:
        """Carry out the one that has waited longest."""
        request, answer = self._transactions_asked.popleft()
        if not self._transactions_asked:
            self._transaction_wanted.clear()
        if answer.done():           # whoever asked has gone before it was begun
            return
        try:
            prepared = await self._unless_stopped(transactions.prepare(request))
            if prepared is None:
                return
            reply = await transactions.carry_out(prepared)
        except Exception as fault:
            log.exception("a transaction was not carried out; please report this fault")
            if not answer.done():
                answer.set_exception(fault)
            return
        if not answer.done():
            answer.set_result(reply)

    async def _transaction_by_request(self, request: TransactionRequest) -> TransactionReply:
        """Have a transaction carried out when its turn comes, and say what came of it."""
        if len(self._transactions_asked) >= limits.TRANSACTIONS_WAITING_MAX:
            waiting = f"{limits.TRANSACTIONS_WAITING_MAX} transactions wait for their turn; try again later"
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, waiting)
        answer: asyncio.Future[TransactionReply] = asyncio.get_running_loop().create_future()
        self._transactions_asked.append((request, answer))
        self._transaction_wanted.set()
        return await answer

    async def _unless_stopped(self, work: Coroutine[None, None, T]) -> T | None:
        """Do long work, given up when the daemon is asked to stop. Its result, or None where it was given up."""
        doing = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait((doing, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not doing.done():
            doing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await doing
            return None
        return doing.result()

    async def _load(self, *, is_start: bool = False) -> dict[str, Loaded]:
        """Read every file that the options name, by path."""
        paths: list[str] = []
        for name in self._options.config_files:
            with linux.files_of_others():
                found, why_none = files(name)
            if why_none:
                log.error("%s: %s", name, why_none)
            paths += found
        loaded = await load_all_in_worker(
            paths, config_id=self._config_id, interfaces=_interfaces(), all_config=self._options.all_config,
            is_start=is_start,
        )
        for each in loaded.values():
            for diagnostic in each.diagnostics:
                log.log(logging.ERROR if diagnostic.is_error else logging.WARNING, "%s", diagnostic)
        return loaded


def _accepted(
    loaded: dict[str, Loaded], running: dict[str, Configuration]
) -> tuple[dict[str, Configuration], dict[str, tuple[str, ...]]]:
    """What a reload goes over to: of each file the new text, or what it runs now where that is refused, and why it is.

    A refusal that concerns no file has the path "".
    """
    accepted: dict[str, Configuration] = {}
    refused: dict[str, tuple[str, ...]] = {}
    for path, each in loaded.items():
        old = running.get(path)
        refusals = each.why_not_reload(old or _NOTHING)
        if each.configuration is not None and not refusals:
            accepted[path] = each.configuration
            continue
        refused[path] = refusals
        for refusal in refusals:
            log.error("reload refused: %s", refusal)
        if old is not None:
            accepted[path] = old
        log.error("%s goes on as it was", path if len(loaded) > 1 else "everything")
    if running and not loaded:
        refusal = "no file is left to run; to run none, stop the daemon"
        log.error("reload refused: %s", refusal)
        return running, {"": (refusal,)}
    return accepted, refused


def _reload_reply(
    loaded: dict[str, Loaded], refused: dict[str, tuple[str, ...]], done: dict[str, Counts], dropped: dict[str, str]
) -> ReloadReply:
    """What whoever asked for a reload is told of it. dropped: what is told beside, by path."""
    reports = []
    for path, each in loaded.items():
        counts = done.get(path, Counts(0, 0, 0, 0))
        messages = [str(diagnostic) for diagnostic in each.diagnostics]
        messages += [dropped[path]] if path in dropped else []
        refusals = list(refused.get(path, ()))
        if path not in done and not refusals:
            refusals = ["the reload broke off; the log says why"]
        reports.append(FileReload(
            file=clean(path), accepted=not refusals, refusals=refusals, messages=messages, **counts._asdict()
        ))
    why = [refusal for each in reports for refusal in each.refusals] + list(refused.get("", ()))
    if not why:
        return ReloadReply(accepted=True, files=reports)
    return ReloadReply(accepted=False, error=f"reload refused: {'; '.join(why)}", status=409, files=reports)


def _tell(askers: list[asyncio.Future[ReloadReply]], reply: ReloadReply) -> None:
    for asker in askers:
        if not asker.done():            # it may have gone
            asker.set_result(reply)


def _socket_group(asked: list[str | None]) -> int | None:
    """The group that may read the control socket: the first that a file names; None: the process's own."""
    name = next((name for name in asked if name is not None), None)
    if name is None:
        return None
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        log.warning("pyvrrp_socket_group %s: there is no such group; the control socket is for root alone", name)
        return None


def _umask(asked: list[int | None]) -> int:
    """What no file may be given, of all that are asked; keepalived's own where a file says nothing."""
    mask = 0
    for one in asked:
        mask |= limits.SCRIPT_UMASK if one is None else one
    return mask


def _check_privileges() -> None:
    """Say at the start what would fail later: a MASTER that cannot have its addresses is worse than none."""
    missing = privileges.names(linux.bits(*privileges.ALWAYS) & ~linux.get_capabilities().effective)
    if missing:
        raise PyvrrpError(
            f"no permission for raw sockets and addresses: {' and '.join(f'CAP_{each.upper()}' for each in missing)} "
            "missing; run pyvrrpd as root, or give it these capabilities"
        )


def _drop_privileges(*, locks_memory: bool, sets_up: bool = False) -> None:
    """Give up what is not needed any more (pyvrrp/privileges.py). What is refused is said, and the daemon runs on."""
    try:
        kept = privileges.drop(locks_memory=locks_memory, sets_up=sets_up)
    except OSError as error:
        log.warning("its capabilities could not be reduced: %s; it keeps them all", error.strerror)
        return
    if not sets_up:
        log.info("Capabilities that are kept: %s", kept)


def _settle() -> None:
    """After loading: what lives now lives long, so the collector need not look at it again.

    Adverts wait for what it looks at before. If that is much, it is only what is youngest. It has looked at all else
    once already: what came to be garbage in cycles since then stays for good, and that is little.
    """
    looks = gc.get_count()[1]
    gc.collect(1 if looks <= _GC_LOOKS_MAX else 0)
    gc.freeze()
    gc.collect(1)                       # nothing is left to look at; it counts from here again
    linux.give_memory_back()            # some 3 MB of 10,000 instances that were read


def _interfaces() -> frozenset[str]:
    return frozenset(name for _, name in socket.if_nameindex())


def _config_test(options: Options) -> int:
    """`-t`: say everything that is wrong with the files. Returns keepalived's exit status, 0, 4 or 5."""
    config_id = options.config_id or socket.gethostname().partition(".")[0]
    checked = check(
        options.config_files,
        config_id=config_id,
        interfaces=_interfaces(),
        all_config=options.all_config,
        why_unsafe=why_unsafe,
    )
    text = "".join(f"{line}\n" for line in report(checked))
    if options.config_test_log is not None:
        with Path(options.config_test_log).open("a", encoding="utf-8") as log_file:
            log_file.write(text)
    else:
        sys.stderr.write(text)
    return exit_status(checked)


def _absolute(options: Options) -> Options:
    """The options with every path whole: in the background the working directory is /."""

    def whole(path: str | None) -> str | None:
        return None if path is None else str(Path(path).absolute())

    return dataclasses.replace(
        options,
        config_files=tuple(str(Path(path).absolute()) for path in options.config_files),
        log_file=whole(options.log_file),
        pid_file=whole(options.pid_file),
        vrrp_pid_file=whole(options.vrrp_pid_file),
        socket=whole(options.socket),
    )


def _daemonize() -> None:
    """Go to the background, as keepalived does without -n."""
    if os.fork():
        os._exit(EXIT_OK)
    os.setsid()
    if os.fork():
        os._exit(EXIT_OK)
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    if null > 2:
        os.close(null)


if __name__ == "__main__":
    sys.exit(main())
