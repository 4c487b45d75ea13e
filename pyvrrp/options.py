"""The command line of pyvrrpd: keepalived's options, so that a unit file or a script that starts one starts
the other.

- getopt's rules, which argparse does not quite share: the argument of an option that may go without one (-t,
  -g, -M) is part of the same word (`-tFILE`, `--config-test=FILE`) or is none. `-t FILE` must never write to
  FILE.
- An option for something that this daemon does not do is accepted, with one warning that says what its
  absence changes: a unit file keeps working, and nothing is ignored in silence.
- Exit statuses are keepalived's: 1 for an option that is wrong or lacks its argument, 6 for a wrong value or
  a word that belongs to nothing.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from pyvrrp import __version__
from pyvrrp.control import DEFAULT_SOCKET

DEFAULT_CONFIG = "/etc/keepalived/keepalived.conf"
DEFAULT_LOG_FILE = "/var/log/pyvrrpd.log"   # keepalived: a name in /tmp, which anyone may prepare
FACILITY_DAEMON = 3                         # of syslog(3), without the shift
FACILITY_LOCAL0 = 16
LOG_FORMATS = ("plain", "logfmt", "json")
EXIT_OPTION = 1
EXIT_VALUE = 6

SIGNALS = {     # the words of --signum
    "STOP": signal.SIGTERM,
    "RELOAD": signal.SIGHUP,
    "DATA": signal.SIGUSR1,
    "STATS": signal.SIGUSR2,
    "STATS_CLEAR": signal.SIGRTMAX - 1,
    "JSON": signal.SIGRTMIN + 2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line asks for. None: not given."""

    config_files: tuple[str, ...] = (DEFAULT_CONFIG,)
    config_id: str | None = None            # None: the node's name
    all_config: bool = False                # -e: every missing include is an error
    namespace: str | None = None
    config_test: bool = False
    config_test_log: str | None = None      # messages of the test are appended here; None: stderr
    foreground: bool = False                # -n; otherwise keepalived would daemonize
    log_console: bool = False
    log_detail: int = 0                     # 1: detailed, 2: more
    log_facility: int = FACILITY_DAEMON     # of syslog, without the shift
    log_file: str | None = None
    no_syslog: bool = False
    log_format: str = LOG_FORMATS[0]
    pid_file: str | None = None
    vrrp_pid_file: str | None = None
    keep_vips: bool = False                 # -V: at stop addresses stay and no priority 0 is sent
    umask: int | None = None
    socket: str | None = DEFAULT_SOCKET     # None: --no-socket
    metrics_compat: bool = False            # the names of keepalived's exporters as well
    warnings: tuple[str, ...] = ()          # one sentence each, for the log


class Option(NamedTuple):
    """One line of the table that the parser, the help and the rules of getopt are made from."""

    short: str                              # "" is none
    long: str
    argument: str                           # "" is none, "FILE" is needed, "[FILE]" may be in the same word
    help: str


OPTIONS = (
    Option("f", "use-file", "FILE", f"configuration; default {DEFAULT_CONFIG}; may be given again"),
    Option("P", "vrrp", "", "only VRRP: always so here"),
    Option("n", "dont-fork", "", "stay in the foreground"),
    Option("l", "log-console", "", "log to the terminal (stderr)"),
    Option("D", "log-detail", "", "detailed log; twice: more"),
    Option("S", "log-facility", "FACILITY", "of syslog: 0-7, local0-7, user or daemon (default)"),
    Option("g", "log-file", "[FILE]", f"log to this file, not to syslog; default {DEFAULT_LOG_FILE}"),
    Option("", "log-format", "FORMAT", f"of each line: {', '.join(LOG_FORMATS)}; default {LOG_FORMATS[0]}"),
    Option("", "flush-log-file", "", "flush it after each line: always so here"),
    Option("G", "no-syslog", "", "do not log to syslog"),
    Option("p", "pid", "FILE", "pid file"),
    Option("r", "vrrp_pid", "FILE", "pid file of the VRRP process: here the same process"),
    Option("s", "namespace", "NAME", "run in this network namespace, whatever the file says"),
    Option("i", "config-id", "ID", "keep lines that begin with @ID; default the node's name"),
    Option("t", "config-test", "[LOGFILE]", "only check the configuration; messages go to stderr or LOGFILE"),
    Option("X", "release-vips", "", "drop addresses at stop: always so here, but for -V"),
    Option("e", "all-config", "", "a missing include is an error, whatever the word that asks for it"),
    Option("V", "dont-release-vrrp", "", "keep addresses at stop, and send no priority 0"),
    Option("u", "umask", "MASK", "umask for the files that are written"),
    Option("", "socket", "PATH", f"control socket; default {DEFAULT_SOCKET}"),
    Option("", "no-socket", "", "no control socket"),
    Option("", "metrics-compat", "", "tell Prometheus the names of keepalived's exporters as well"),
    Option("", "signum", "WORD", "print a signal's number: " + ", ".join(SIGNALS)),
    Option("v", "version", "", "print the version"),
    Option("h", "help", "", "print this"),
)

_NO_LVS = "there are no LVS checkers here"
_NO_BFD = "there is no BFD here"

# Options of keepalived that are accepted without effect; the text says what their absence changes.
WITHOUT_EFFECT = (
    Option("d", "dump-conf", "", "the configuration is not logged: pyvrrp status --json has what runs"),
    Option("C", "check", "", f"{_NO_LVS}, only VRRP runs: use keepalived for virtual_server blocks"),
    Option("B", "no_bfd", "", f"{_NO_BFD} to be left out"),
    Option("", "all", "", f"{_NO_LVS}, and no BFD: only VRRP is started"),
    Option("c", "checkers_pid", "FILE", f"{_NO_LVS}, so this pid file is not written"),
    Option("b", "bfd_pid", "FILE", f"{_NO_BFD}, so this pid file is not written"),
    Option("I", "dont-release-ipvs", "", f"{_NO_LVS}: an IPVS table is never touched"),
    Option("T", "genhash", "", "there is no genhash here: use keepalived's"),
    Option("R", "dont-respawn", "", "nothing here starts the daemon again: a service manager may"),
    Option("a", "address-monitoring", "", "additions and deletions of addresses are not logged"),
    Option("x", "snmp", "", "SNMP is not served: read the state with pyvrrp status --json"),
    Option("A", "snmp-agent-socket", "FILE", "SNMP is not served, so no agent is contacted"),
    Option("m", "core-dump", "", "the limit on core dumps stays: set LimitCORE= in the unit file"),
    Option("M", "core-dump-pattern", "[PATTERN]", "the kernel's core_pattern stays: set it with sysctl"),
    Option("", "ignore-sigint", "", "SIGINT stops the daemon as SIGTERM does"),
    Option("", "perf", "[WHEN]", "no profile is taken"),
    Option("", "debug", "[CLASSES]", "there are no debugging classes: -D -D logs the most"),
    Option("", "no-mem-check", "", "memory is not checked in any case"),
)


class _Parser(argparse.ArgumentParser):
    """argparse with keepalived's exit statuses."""

    def error(self, message: str) -> NoReturn:
        self.fail(EXIT_OPTION, message)

    def fail(self, status: int, message: str) -> NoReturn:
        self.exit(status, f"{self.prog}: {message}; {self.prog} --help lists the options\n")


class _Signum(argparse.Action):
    """Print the number and end: what scripts call to learn which signal to send."""

    def __call__(
        self, parser: argparse.ArgumentParser, _namespace: object, value: object, _option: str | None = None
    ) -> None:
        number = SIGNALS.get(str(value))
        if number is None:
            parser.error(f"--signum: there is no word {value}; it is one of {', '.join(SIGNALS)}")
        sys.stdout.write(f"{int(number)}\n")
        parser.exit(0)


def parse(argv: Sequence[str]) -> Options:
    """The options in `argv`, which is without the program's name.

    Raises SystemExit: with 0 after -h, -v and --signum have printed; with 1 or 6, and a sentence, for what is
    wrong.
    """
    parser = _parser()
    given = parser.parse_args(_as_argparse_reads(argv))
    if given.words:
        parser.fail(EXIT_VALUE, f"{' '.join(given.words)}: not an option; name a configuration with -f FILE")
    return Options(
        config_files=tuple(given.use_file or [DEFAULT_CONFIG]),
        config_id=given.config_id,
        namespace=given.namespace,
        config_test=given.config_test is not None,
        config_test_log=given.config_test or None,
        foreground=given.dont_fork,
        log_console=given.log_console,
        log_detail=given.log_detail,
        log_facility=_facility(parser, given.log_facility),
        log_file=given.log_file if given.log_file != "" else DEFAULT_LOG_FILE,
        no_syslog=given.no_syslog,
        log_format=_log_format(parser, given.log_format),
        pid_file=given.pid,
        vrrp_pid_file=given.vrrp_pid,
        all_config=given.all_config,
        keep_vips=given.dont_release_vrrp,
        umask=_umask(parser, given.umask),
        metrics_compat=given.metrics_compat,
        socket=None if given.no_socket else given.socket or DEFAULT_SOCKET,
        warnings=tuple(
            f"--{option.long} has no effect: {option.help}"
            for option in WITHOUT_EFFECT
            if getattr(given, _dest(option)) not in (None, False)
        ),
    )


def _parser() -> _Parser:
    parser = _Parser(
        prog="pyvrrpd",
        description="Run the VRRP part of keepalived.conf files. The options are keepalived's.",
        epilog="Also accepted, with a warning and without effect: "
        + ", ".join(f"--{option.long}" for option in WITHOUT_EFFECT)
        + ". Exit status: 0 after a normal stop; 1 for a wrong option, 6 for a wrong value or a configuration "
        "that cannot be read, 2 if another daemon holds the pid file. With -t: 0 if nothing is reported, 5 if "
        "anything is, 4 if the file cannot be read.",
        add_help=False,
    )
    special: dict[str, dict[str, Any]] = {
        "use-file": {"action": "append"},
        "log-detail": {"action": "count", "default": 0},
        "signum": {"action": _Signum},
        "version": {"action": "version", "version": f"pyvrrpd {__version__}"},
        "help": {"action": "help"},
    }
    for option in (*OPTIONS, *WITHOUT_EFFECT):
        names = [f"-{option.short}"] if option.short else []
        how: dict[str, Any] = {"help": argparse.SUPPRESS if option in WITHOUT_EFFECT else option.help}
        if option.argument:
            how["metavar"] = option.argument
        elif option.long not in special:
            how["action"] = "store_true"
        how |= special.get(option.long, {})
        parser.add_argument(*names, f"--{option.long}", dest=_dest(option), **how)
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    return parser


def _dest(option: Option) -> str:
    return option.long.replace("-", "_")


def _as_argparse_reads(argv: Sequence[str]) -> list[str]:
    """Write every option in its long form, its argument in the same word: so argparse has nothing to guess.

    What is no option of ours stays as it is, for argparse to report.
    """
    options = (*OPTIONS, *WITHOUT_EFFECT)
    by_short = {option.short: option for option in options if option.short}
    words: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*words, word, *rest]
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            exact = [option for option in options if option.long == name]
            matches = exact or [option for option in options if option.long.startswith(name)]
            if len(matches) != 1:
                words.append(word)
            elif equals:
                words.append(f"--{matches[0].long}={value}")
            else:
                words += _long_form(matches[0], None, rest)
        elif word.startswith("-") and word != "-":
            letters = word[1:]
            while letters:
                option, letters = by_short.get(letters[0]), letters[1:]
                if option is None:
                    words.append(f"-{word[len(word) - len(letters) - 1:]}")
                    break
                words += _long_form(option, letters or None, rest)
                if option.argument:
                    break
        else:
            words.append(word)
    return words


def _long_form(option: Option, value: str | None, rest: list[str]) -> list[str]:
    """The option as one word. `value`: what follows it in its own word; else `rest` has the argument."""
    if not option.argument:
        return [f"--{option.long}"]
    if value is None and not option.argument.startswith("["):
        if not rest:
            return [f"--{option.long}"]     # argparse says what is missing
        value = rest.pop(0)
    return [f"--{option.long}={value or ''}"]


def _facility(parser: _Parser, text: str | None) -> int:
    if text is None:
        return FACILITY_DAEMON
    names = {"user": 1, "daemon": FACILITY_DAEMON}
    number = names.get(text)
    if number is None and text.removeprefix("local") in tuple("01234567"):
        number = FACILITY_LOCAL0 + int(text.removeprefix("local"))
    if number is None:
        parser.fail(EXIT_VALUE, f"--log-facility={text}: it is 0 to 7, local0 to local7, user or daemon")
    return number


def _log_format(parser: _Parser, text: str | None) -> str:
    if text is not None and text not in LOG_FORMATS:
        parser.fail(EXIT_VALUE, f"--log-format={text}: it is {', '.join(LOG_FORMATS[:-1])} or {LOG_FORMATS[-1]}")
    return text or LOG_FORMATS[0]


def _umask(parser: _Parser, text: str | None) -> int | None:
    """As strtol(3) with base 0 reads it: 022 is octal, 0x12 hexadecimal."""
    if text is None:
        return None
    try:
        octal = len(text) > 1 and text[0] == "0" and text[1:].isdigit()
        value = int(text, 8) if octal else int(text, 0)
    except ValueError:
        value = -1
    if not 0 <= value <= 0o777:
        parser.fail(EXIT_VALUE, f"--umask={text}: it is a number from 0 to 0777")
    return value
