"""The manual pages pyvrrp(1) and pyvrrpd(8), made from the parsers of the two command lines.

What is said once in --help is not written again; only what --help has no room for is in this file.
"""

import argparse

from pyvrrp import __version__
from pyvrrp.cli import main as cli
from pyvrrp.options import OPTIONS, SIGNALS, WITHOUT_EFFECT, Option

_HEAD = '.\\" Made by `make docs` from the parsers of the command lines; edit those, or contrib/manuals.py.\n'

_DAEMON_BEFORE = """
.B pyvrrpd
runs the VRRP part of any number of
.BR keepalived.conf (5)
files in one process: virtual routers over unicast and multicast, IPv4 and IPv6, in any number of network namespaces.
Its options, signals and exit statuses are those of
.BR keepalived (8).
.PP
Without
.B \\-n
it goes to the background. It needs root, or CAP_NET_ADMIN and CAP_NET_RAW, and CAP_SYS_ADMIN for network namespaces.
"""
_SIGNALS = {
    "STOP": "SIGTERM, SIGINT: priority 0 is sent, the addresses are removed, the scripts are told, and it ends.",
    "RELOAD": "SIGHUP: the files are read again. What has not changed is not touched; a file that is refused changes "
              "nothing.",
    "DATA": "SIGUSR1: a dump of instances and groups is written.",
    "STATS": "SIGUSR2: a dump of counters is written.",
    "STATS_CLEAR": "The same, and later dumps count from here.",
    "JSON": "A dump of state and counters as JSON is written, with keepalived's field names.",
}
_STATUSES = (
    ("0", "It was stopped by a signal; with -t: nothing is reported."),
    ("1", "An option is wrong; or it could not start, with the reason."),
    ("2", "Another process holds the pid file."),
    ("4", "With -t: the file does not exist or cannot be read."),
    ("5", "With -t: anything is reported, warnings included."),
    ("6", "The file cannot be read, or an option has a wrong value."),
)
_FILES = (
    ("/etc/keepalived/keepalived.conf", "The configuration, where -f names no other."),
    ("/run/pyvrrp/pyvrrp.sock", "The control socket."),
    ("keepalived.data, keepalived.stats, keepalived.json", "Dumps, in $TMPDIR or /tmp."),
)
_ENVIRONMENT = (
    ("NOTIFY_SOCKET, WATCHDOG_USEC", "Where a service manager wants to be told, and how often it wants a life sign."),
    ("JOURNAL_STREAM", "Whether stderr is the journal of systemd."),
    ("TMPDIR", "Where dumps go."),
)


def pyvrrpd_page() -> str:
    """pyvrrpd(8)."""
    page = [_HEAD, f'.TH PYVRRPD 8 "" "pyvrrp {__version__}" "System Administration"\n']
    page += [".SH NAME\n", "pyvrrpd \\- VRRP for very many virtual routers\n"]
    page += [".SH SYNOPSIS\n.B pyvrrpd\n", "[\\fIOPTION\\fR]...\n", ".SH DESCRIPTION", _DAEMON_BEFORE]
    page.append(".SH OPTIONS\n")
    page += [_option(option) for option in OPTIONS]
    page += [
        ".SS Accepted without effect\nFor scripts and units that start keepalived; each gives one warning.\n",
        *(_option(option) for option in WITHOUT_EFFECT),
        ".SH SIGNALS\nThe words are those of\n.BR \\-\\-signum .\n",
        *(_item(f"{word} ({int(SIGNALS[word])})", _SIGNALS[word]) for word in SIGNALS),
        ".SH EXIT STATUS\n", *(_item(*status) for status in _STATUSES),
        ".SH ENVIRONMENT\n", *(_item(*each) for each in _ENVIRONMENT),
        ".SH FILES\n", *(_item(*each) for each in _FILES),
        ".SH SEE ALSO\n.BR pyvrrp (1),\n.BR pyvrrp.conf (5)\n",
    ]
    return "".join(page)


def pyvrrp_page() -> str:
    """pyvrrp(1)."""
    parser, verbs = cli.parser_of(cli.VERBS)
    page = [
        _HEAD, f'.TH PYVRRP 1 "" "pyvrrp {__version__}" "User Commands"\n',
        ".SH NAME\npyvrrp \\- operate pyvrrpd, and check keepalived.conf files\n",
        ".SH SYNOPSIS\n.B pyvrrp\n[\\fB\\-\\-socket\\fR \\fIPATH\\fR] \\fIVERB\\fR [\\fIARGUMENT\\fR]...\n",
        f".SH DESCRIPTION\n{_text(parser.description or '')}\n",
        ".SH OPTIONS\n", *_arguments(parser),
        ".SH VERBS\n",
    ]
    for name, verb in verbs.items():
        usage = " ".join(verb.format_usage().removeprefix("usage: ").split())
        page += [f".SS {_text(name)}\n.nh\n.B {_text(usage)}\n.hy\n.PP\n{_text(verb.description or '')}\n"]
        page += _arguments(verb, but="--socket")
        page += _epilog(verb.epilog or "", without_statuses=verb.epilog == cli.EPILOG)
    page += [".SH EXIT STATUS\n", *_epilog(cli.EPILOG)]
    page.append(".SH SEE ALSO\n.BR pyvrrpd (8),\n.BR pyvrrp.conf (5)\n")
    return "".join(page)


def _arguments(parser: argparse.ArgumentParser, *, but: str = "") -> list[str]:
    """A paragraph for each argument, without -h and `but`, which are said once."""
    found = []
    for action in parser._actions:
        is_plain = not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)
        if not is_plain or but in action.option_strings or action.help in (None, argparse.SUPPRESS):
            continue
        names = ", ".join(action.option_strings)
        takes = "" if action.nargs == 0 else action.metavar or (action.dest if not names else action.dest.upper())
        words = (names, *((takes,) if isinstance(takes, str) else takes))
        found.append(_item(" ".join(word for word in words if word), (action.help or "") % vars(action)))
    return found


def _epilog(epilog: str, *, without_statuses: bool = False) -> list[str]:
    """What stands below the options: paragraphs, and lists whose lines begin with blanks, as they are."""
    found = []
    for paragraph in epilog.strip("\n").split("\n\n"):
        if without_statuses and paragraph.startswith("exit status:"):
            continue
        head, *below = paragraph.split("\n")
        if below and all(line.startswith("  ") for line in below):
            title = "" if head == "exit status:" and paragraph == epilog.strip("\n") else f".PP\n{_text(head)}\n"
            found.append(f"{title}.nf\n" + "".join(f"{_text(line)}\n" for line in below) + ".fi\n")
        else:
            found.append(f".PP\n{_text(' '.join(paragraph.split()))}\n")
    return found


def _option(option: Option) -> str:
    names = ", ".join(
        [f"-{option.short}"] * bool(option.short)
        + [f"--{option.long}" + (f"[={option.argument[1:]}" if option.argument.startswith("[") else "")]
    )
    takes = f" {option.argument}" if option.argument and not option.argument.startswith("[") else ""
    return _item(names + takes, f"{option.help[0].upper()}{option.help[1:]}.")


def _item(head: str, text: str) -> str:
    return f".TP\n.B {_text(head)}\n{_text(text)}\n"


def _text(words: str) -> str:
    escaped = words.replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq")
    return rf"\&{escaped}" if escaped[:1] in {".", "'"} else escaped
