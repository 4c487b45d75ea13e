"""The daemon's log: where lines go, how they look, and a writer that the daemon never waits for.

Lines go through a bounded queue to a thread of their own. A target that is stuck (a full disk, a syslog that hangs, a
FIFO that nobody reads) costs lines, which are counted; it costs no advert, and it does not hold up the daemon's end.

A takeover of 10,000 instances is 20,000 lines while addresses wait, so a line has to cost little: the records have what
our formats show and nothing else, and the queue is not one that knows how to wait for room.

Of an instance is every line that begins with its name in brackets, as keepalived writes it: `(web) Entering MASTER
STATE`. The structured formats have the name as a field of its own.
"""

from __future__ import annotations

import contextlib
import json
import logging
import logging.handlers
import os
import queue
import re
import socket
import stat
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pyvrrp import limits, linux
from pyvrrp.errors import PyvrrpError
from pyvrrp.options import Options

log = logging.getLogger("pyvrrp")

JOURNAL_SOCKET = "/run/systemd/journal/socket"

_INSTANCE = re.compile(r"\(([^()\s][^()]*)\) ")
_SEVERITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
_STOP_S = 1.0                   # what a target that is stuck may cost at the end
_END = None
_STDERR = 2


class Writer(logging.Handler):
    """Takes lines from anywhere in the process, and has its thread write them. emit() never waits."""

    def __init__(self, target: logging.Handler) -> None:
        """target: only its emit() is called, by one thread; it may block."""
        super().__init__()
        self.dropped = 0                # lines, ever
        self._told = 0                  # of them, that a line has said so
        self._target = target
        self._lines: queue.SimpleQueue[logging.LogRecord | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a line; its arguments may change afterwards."""
        if self._lines.qsize() >= limits.LOG_QUEUE_MAX:
            self.dropped += 1
            return
        record.msg, record.args = record.getMessage(), None
        self._lines.put(record)
        if self.dropped > self._told:
            dropped, self._told = self.dropped - self._told, self.dropped
            log.warning("%d log lines were dropped while the log was stuck", dropped)

    def close(self) -> None:
        """Write what is queued, if that is soon done; the thread of a target that is stuck ends with the process."""
        self._lines.put(_END)
        self._thread.join(_STOP_S)
        if not self._thread.is_alive():
            self._target.close()
        super().close()

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            linux.narrow(permitted=(linux.CAP_DAC_OVERRIDE,))       # for a FIFO of another user
        while (record := self._lines.get()) is not _END:
            try:
                self._target.emit(record)
            except OSError:
                self.dropped += 1


class Entry(logging.LogRecord):
    """A line's record: what our formats show. logging's own takes four times as long to make."""

    def __init__(
        self,
        name: str,
        level: int,
        pathname: str,
        lineno: int,
        msg: object,
        args: Any,
        exc_info: Any,
        func: str | None = None,
        sinfo: str | None = None,
        **_: object,
    ) -> None:
        """As LogRecord."""
        self.name, self.levelno, self.levelname = name, level, logging.getLevelName(level)
        self.msg = msg
        self.args = args[0] if len(args) == 1 and isinstance(args[0], dict) and args[0] else args
        self.pathname = self.filename = pathname
        self.lineno, self.funcName = lineno, func or ""
        self.exc_info, self.exc_text, self.stack_info = exc_info, None, sinfo
        self.created = time.time()
        self.msecs = self.created % 1 * 1000


class Plain(logging.Formatter):
    """A prefix, maybe with the time, and the message. A second is written as text once."""

    def __init__(self, prefix: str) -> None:
        super().__init__(f"{prefix}%(message)s", datefmt="%a %b %e %H:%M:%S %Y")
        self._second, self._text = -1, ""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """The second of the record."""
        second = int(record.created)
        if second != self._second:
            self._second, self._text = second, super().formatTime(record, datefmt)
        return self._text


class Lines(logging.Handler):
    """Writes lines to a descriptor or a file, without a buffer: a line that is written is there."""

    def __init__(self, where: int | str) -> None:
        """where: a descriptor, which stays open; or a file's name, which is this handler's.

        A FIFO without a reader is opened with the first line, as that waits for one. Raises PyvrrpError.
        """
        super().__init__()
        self._path = where if isinstance(where, str) else None
        self._fd = where if isinstance(where, int) else -1
        if self._path is not None:
            try:
                if not stat.S_ISFIFO(_mode(self._path)):
                    self._fd = _open(self._path)
            except OSError as error:
                raise PyvrrpError(
                    f"{self._path}: the log file cannot be written: {error.strerror}; "
                    "give -g a name that can be, or log with -l"
                ) from error

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line. Raises OSError."""
        if self._fd < 0:
            assert self._path is not None
            self._fd = _open(self._path)
        left = f"{self.format(record)}\n".encode(errors="backslashreplace")
        while left:
            left = left[os.write(self._fd, left):]

    def close(self) -> None:
        """Let go of the file, if it is this handler's."""
        if self._path is not None and self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        super().close()


class Syslog(logging.handlers.SysLogHandler):
    """syslog through /dev/log, or stderr while nobody listens there: the next line tries syslog again."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Do with a line what can be done when syslog does not take it."""
        with contextlib.suppress(OSError, ValueError):
            print(self.format(record), file=sys.stderr, flush=True)


class Journal(logging.Handler):
    """The journal of systemd, with priority and instance as fields (systemd.journal-fields(7))."""

    def __init__(self, path: str = JOURNAL_SOCKET) -> None:
        """Raises OSError."""
        super().__init__()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.connect(path)

    def emit(self, record: logging.LogRecord) -> None:
        """Send one entry. Raises OSError."""
        entry = {
            "MESSAGE": self.format(record),
            "PRIORITY": str(_severity(record)),
            "SYSLOG_IDENTIFIER": "pyvrrpd",
        }
        if name := instance_of(record.getMessage()):
            entry["PYVRRP_INSTANCE"] = name
        self._socket.send(b"".join(_field(key, value) for key, value in entry.items()))

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()
        super().close()


class Logfmt(logging.Formatter):
    """time=… level=… instance=… msg=…: one line an entry, whatever is in it."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; a value with anything but plain characters is quoted as in JSON."""
        return " ".join(f"{key}={_logfmt_value(value)}" for key, value in _fields(self, record).items())


class Json(logging.Formatter):
    """An object of JSON an entry, one on each line."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, of ASCII."""
        return json.dumps(_fields(self, record))


FORMATS = {"logfmt": Logfmt, "json": Json}          # beside plain: options.LOG_FORMATS


def instance_of(message: str) -> str:
    """The instance that a line is about; empty: none."""
    found = _INSTANCE.match(message)
    return found[1] if found else ""


@contextlib.contextmanager
def logging_to(options: Options, environ: Mapping[str, str] = os.environ) -> Iterator[Writer]:
    """Log to the console (-l) or the journal behind it, to a file (-g), or to syslog.

    Raises PyvrrpError: the file cannot be written.
    """
    writer = Writer(_target(options, environ))
    root = logging.getLogger()
    root.addHandler(writer)
    root.setLevel(logging.DEBUG if options.log_detail > 1 else logging.INFO)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    # Nor does anybody look for the line of code that logs (logging's howto, "Optimization").
    factory, source = logging.getLogRecordFactory(), logging._srcfile
    logging.setLogRecordFactory(Entry)
    logging._srcfile = None
    try:
        yield writer
    finally:
        logging.setLogRecordFactory(factory)
        logging._srcfile = source
        root.removeHandler(writer)
        writer.close()


def _target(options: Options, environ: Mapping[str, str]) -> logging.Handler:
    target: logging.Handler
    prefix = "%(asctime)s: "
    if options.log_console:
        if options.log_format == "plain" and _stderr_is_journal(environ):
            with contextlib.suppress(OSError):
                return Journal()
        target = Lines(_STDERR)
    elif options.log_file is not None:
        target = Lines(options.log_file)
    elif options.no_syslog:
        return logging.NullHandler()
    else:
        target = Syslog("/dev/log", facility=options.log_facility)
        prefix = f"pyvrrpd[{os.getpid()}]: "
    structured = FORMATS.get(options.log_format)
    target.setFormatter(structured() if structured else Plain(prefix))
    return target


def _stderr_is_journal(environ: Mapping[str, str]) -> bool:
    """Whether stderr is the stream that systemd has connected to its journal (systemd.exec(5), $JOURNAL_STREAM)."""
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    with contextlib.suppress(OSError, ValueError):
        there = os.fstat(_STDERR)
        return (there.st_dev, there.st_ino) == (int(device), int(inode))
    return False


def _mode(path: str) -> int:
    try:
        return Path(path).stat().st_mode
    except FileNotFoundError:
        return 0


def _open(path: str) -> int:
    with linux.raised(linux.CAP_DAC_OVERRIDE):
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _severity(record: logging.LogRecord) -> int:
    return _SEVERITY.get(record.levelno, 6)


def _fields(formatter: logging.Formatter, record: logging.LogRecord) -> dict[str, str]:
    message = record.getMessage()
    if record.exc_info:
        message += "\n" + formatter.formatException(record.exc_info)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    fields = {"time": f"{moment}.{int(record.msecs):03}Z", "level": record.levelname.lower()}
    if name := instance_of(message):
        fields["instance"] = name
    return fields | {"msg": message}


def _logfmt_value(value: str) -> str:
    return value if re.fullmatch(r"[\w.:/@+-]+", value, re.ASCII) else json.dumps(value)


def _field(key: str, value: str) -> bytes:
    """One field of the journal's native protocol: what has line ends goes with its length."""
    text = value.encode(errors="backslashreplace")
    if b"\n" not in text:
        return b"%s=%s\n" % (key.encode(), text)
    return b"%s\n%s%s\n" % (key.encode(), len(text).to_bytes(8, "little"), text)
