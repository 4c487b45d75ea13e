"""The log: formats, targets, and a writer that nobody waits for. The targets are real files, FIFOs and sockets."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import threading
import time

import pytest

from pyvrrp import limits, logs
from pyvrrp.errors import PyvrrpError
from pyvrrp.options import parse


def record(message, *args, level=logging.INFO, exc_info=None):
    made = logging.LogRecord("pyvrrp", level, "", 0, message, args, exc_info)
    made.created, made.msecs = 1_795_233_862.25, 250.0
    return made


def test_without_a_syslog_the_lines_go_to_stderr(tmp_path, capsys):
    handler = logs.Syslog(str(tmp_path / "none"))
    try:
        handler.emit(logging.LogRecord("pyvrrp", logging.INFO, "", 0, "one line", (), None))
        assert capsys.readouterr().err == "one line\n"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
            syslog.bind(str(tmp_path / "none"))
            handler.emit(logging.LogRecord("pyvrrp", logging.INFO, "", 0, "another", (), None))
            assert b"another" in syslog.recv(100)
        assert capsys.readouterr().err == ""
    finally:
        handler.close()


@pytest.mark.parametrize(
    ("line", "instance"),
    [
        ("(web) Entering MASTER STATE", "web"),
        ("(site/web one) sent 0 priority", "site/web one"),
        ("Starting (web) now", ""),
        ("() nothing", ""),
        ("(web)no space", ""),
    ],
)
def test_the_instance_of_a_line(line, instance):
    assert logs.instance_of(line) == instance


def test_logfmt_is_one_line_whatever_is_in_it():
    line = logs.Logfmt().format(record('(a b) said "%s"', "x\ny", level=logging.WARNING))
    assert line == (
        'time=2026-11-21T04:04:22.250Z level=warning instance="a b" msg="(a b) said \\"x\\ny\\""'
    )
    assert logs.Logfmt().format(record("Stopping")) == "time=2026-11-21T04:04:22.250Z level=info msg=Stopping"


def test_json_has_the_fields_and_the_traceback():
    try:
        raise ValueError("why")
    except ValueError as error:
        broken = record("(web) broke", level=logging.ERROR, exc_info=(ValueError, error, error.__traceback__))
    entry = json.loads(logs.Json().format(broken))
    assert {key: entry[key] for key in ("time", "level", "instance")} == {
        "time": "2026-11-21T04:04:22.250Z", "level": "error", "instance": "web",
    }
    assert entry["msg"].startswith("(web) broke\nTraceback")
    assert entry["msg"].endswith("ValueError: why")
    assert list(json.loads(logs.Json().format(record("Stopping")))) == ["time", "level", "msg"]


def test_the_journal_gets_fields(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "socket"))
        target = logs.Journal(str(tmp_path / "socket"))
        try:
            target.emit(record("(web) Entering %s STATE", "MASTER", level=logging.WARNING))
            assert journal.recv(1000) == (
                b"MESSAGE=(web) Entering MASTER STATE\nPRIORITY=4\nSYSLOG_IDENTIFIER=pyvrrpd\nPYVRRP_INSTANCE=web\n"
            )
            target.emit(record("two\nlines"))
            assert journal.recv(1000) == (
                b"MESSAGE\n" + (9).to_bytes(8, "little") + b"two\nlines\nPRIORITY=6\nSYSLOG_IDENTIFIER=pyvrrpd\n"
            )
        finally:
            target.close()


def written(path, count, timeout_s=10):
    """The lines of a file, once there are that many."""
    until = time.monotonic() + timeout_s
    while True:
        lines = path.read_text().splitlines() if path.exists() else []
        if len(lines) >= count or time.monotonic() > until:
            return lines
        time.sleep(0.01)


def test_a_file_gets_every_line_in_order(tmp_path):
    path = tmp_path / "log"
    writer = logs.Writer(logs.Lines(str(path)))
    for number in range(2000):
        writer.emit(record("line %d", number))
    writer.close()
    assert path.read_text().splitlines() == [f"line {number}" for number in range(2000)]
    assert writer.dropped == 0


def test_a_log_that_nobody_reads_costs_lines_and_no_time(tmp_path, monkeypatch):
    """F6: a FIFO without a reader. Neither a line nor the end waits for it; what is dropped is counted and told."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    monkeypatch.setattr(limits, "LOG_QUEUE_MAX", 10)
    monkeypatch.setattr(logs, "_STOP_S", 0.05)
    writer = logs.Writer(logs.Lines(str(path)))
    said = []

    def emit_and_close():
        for number in range(50):
            writer.emit(record("line %d", number))
        said.append(writer.dropped)
        writer.close()

    caller = threading.Thread(target=emit_and_close, daemon=True)
    caller.start()
    caller.join(20)
    assert not caller.is_alive()
    # The thread may hold one line beside those in the queue.
    assert said[0] in (39, 40)
    # A reader comes: what was kept is there.
    with path.open() as reader:
        assert reader.readline() == "line 0\n"
        assert reader.readline() == "line 1\n"


def test_dropped_lines_are_told_once_there_is_room(tmp_path, monkeypatch):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    monkeypatch.setattr(limits, "LOG_QUEUE_MAX", 5)
    writer = logs.Writer(logs.Lines(str(path)))
    root = logging.getLogger()
    root.addHandler(writer)
    try:
        for number in range(20):
            writer.emit(record("line %d", number))
        dropped = writer.dropped
        assert dropped in (14, 15)
        with path.open() as reader:
            for _ in range(20 - dropped):
                reader.readline()
            logging.getLogger("pyvrrp").warning("one more")
            rest = {reader.readline(), reader.readline()}
        assert rest == {"one more\n", f"{dropped} log lines were dropped while the log was stuck\n"}
    finally:
        root.removeHandler(writer)
        writer.close()


def test_a_target_that_refuses_counts_as_dropped():
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        writer = logs.Writer(logs.Lines(full))
        writer.emit(record("one"))
        writer.emit(record("two"))
        writer.close()
        assert writer.dropped == 2
    finally:
        os.close(full)


def test_a_log_file_that_cannot_be_written_is_refused_at_once(tmp_path):
    path = tmp_path / "none" / "log"
    said = f"{path}: the log file cannot be written: No such file or directory; give -g a name that can be"
    with pytest.raises(PyvrrpError, match=said), logs.logging_to(parse(["-n", f"-g{path}"])):
        pass


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        ([], r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}: \(web\) up"),
        (["--log-format=logfmt"], r'time=\S+Z level=info instance=web msg="\(web\) up"'),
        (["--log-format", "json"], r'\{"time": "\S+Z", "level": "info", "instance": "web", "msg": "\(web\) up"\}'),
    ],
)
def test_the_format_is_an_option(tmp_path, argv, line):
    path = tmp_path / "log"
    with logs.logging_to(parse(["-n", f"-g{path}", *argv])):
        logging.getLogger("pyvrrp").info("(%s) up", "web")
    assert re.fullmatch(line, path.read_text().rstrip("\n"))


def test_a_record_has_what_formats_show():
    """A mapping among the arguments, a traceback, and the factory as it was afterwards."""
    before = logging.getLogRecordFactory()
    with logs.logging_to(parse(["-n", "--no-syslog"])):
        made = logging.getLogRecordFactory()("pyvrrp", logging.ERROR, "", 0, "%(a)s b", ({"a": "x"},), None)
        assert (made.getMessage(), made.levelname) == ("x b", "ERROR")
        made = logging.getLogRecordFactory()("pyvrrp", logging.INFO, "", 0, "%s", ({},), None)
        assert made.getMessage() == "{}"
        assert abs(made.created - time.time()) < 60
        assert made.msecs == pytest.approx(made.created % 1 * 1000)
    assert logging.getLogRecordFactory() is before
    assert logging._srcfile is not None


def test_the_time_of_a_line_is_its_own():
    plain = logs.Plain("%(asctime)s: ")
    first, second = record("one"), record("two")
    second.created += 1
    assert [plain.format(each)[17:] for each in (first, first, second)] == ["22 2026: one"] * 2 + ["23 2026: two"]


def test_an_unknown_format_is_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        parse(["--log-format=xml"])
    assert ended.value.code == 6
    assert "--log-format=xml: it is plain, logfmt or json" in capsys.readouterr().err
