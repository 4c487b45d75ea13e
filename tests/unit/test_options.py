"""The command line of pyvrrpd against keepalived's rules for it."""

import pytest

from pyvrrp.control import DEFAULT_SOCKET
from pyvrrp.options import (
    DEFAULT_CONFIG,
    DEFAULT_LOG_FILE,
    OPTIONS,
    WITHOUT_EFFECT,
    Option,
    Options,
    parse,
)


def test_nothing_given_is_keepalived_s_defaults() -> None:
    assert parse([]) == Options()
    assert Options().config_files == (DEFAULT_CONFIG,)
    assert Options().socket == DEFAULT_SOCKET


def test_short_options_combine() -> None:
    options = parse(["-nlPD"])
    assert options == Options(foreground=True, log_console=True, log_detail=1)
    assert parse(["-DDd"]).log_detail == 2
    assert parse(["-nf", "/a"]).config_files == ("/a",)
    assert parse(["-nf/a"]).config_files == ("/a",)


def test_what_network_controllers_pass() -> None:
    """Neutron starts keepalived so."""
    argv = ["-P", "-f", "/v/keepalived.conf", "-p", "/v/r.pid", "-r", "/v/r.pid-vrrp", "-D"]
    assert parse(argv) == Options(
        config_files=("/v/keepalived.conf",),
        pid_file="/v/r.pid",
        vrrp_pid_file="/v/r.pid-vrrp",
        log_detail=1,
    )


def test_log_facility_is_syslog_s_number() -> None:
    facilities = {"local1": 17, "7": 23, "user": 1, "daemon": 3}
    assert {word: parse(["-S", word]).log_facility for word in facilities} == facilities


def test_files_may_be_repeated() -> None:
    assert parse(["-f", "a", "--use-file=b", "--use-file", "c"]).config_files == ("a", "b", "c")


@pytest.mark.parametrize(
    ("argv", "log"),
    [
        (["-t"], None),
        (["-tlog"], "log"),
        (["-nt"], None),
        (["--config-test"], None),
        (["--config-test=log"], "log"),
        (["--config-t"], None),
        (["-t", "-n"], None),
    ],
)
def test_config_test_takes_a_log_only_in_its_own_word(argv: list[str], log: str | None) -> None:
    options = parse(argv)
    assert options.config_test
    assert options.config_test_log == log


def test_config_test_never_takes_the_next_word(capsys: pytest.CaptureFixture[str]) -> None:
    """`-t FILE` would append messages to a configuration."""
    with pytest.raises(SystemExit) as stop:
        parse(["-t", "keepalived.conf"])
    assert stop.value.code == 6
    assert "-f FILE" in capsys.readouterr().err
    assert not parse([]).config_test


def test_an_argument_may_look_like_an_option() -> None:
    assert parse(["-f", "-x"]).config_files == ("-x",)
    assert parse(["--pid", "-1"]).pid_file == "-1"


def test_the_rest_of_the_table() -> None:
    argv = ["-s", "red", "-i", "node1", "-e", "-X", "-V", "-G", "-g", "--flush-log-file", "-u", "027", "-d"]
    options = parse(argv)
    assert (options.namespace, options.config_id, options.keep_vips) == ("red", "node1", True)
    assert (options.no_syslog, options.log_file) == (True, DEFAULT_LOG_FILE)
    assert options.all_config
    assert len(options.warnings) == 1       # -d
    assert options.umask == 0o27
    assert parse(["-gl"]).log_file == "l"


def test_socket() -> None:
    assert parse(["--socket", "/x"]).socket == "/x"
    assert parse(["--socket=/x", "--no-socket"]).socket is None


@pytest.mark.parametrize("option", WITHOUT_EFFECT, ids=lambda option: option.long)
def test_options_without_effect_give_one_warning(option: Option) -> None:
    short, long, argument, text = option
    argv = [f"--{long}", *(["x"] if argument and not argument.startswith("[") else [])]
    for first in [f"--{long}", *([f"-{short}"] if short else [])]:
        assert parse([first, *argv[1:]]).warnings == (f"--{long} has no effect: {text}",)


def test_no_option_is_there_twice() -> None:
    names = [name for option in (*OPTIONS, *WITHOUT_EFFECT) for name in (option.short, option.long) if name]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("word", "number"),
    [("STOP", 15), ("RELOAD", 1), ("DATA", 10), ("STATS", 12), ("STATS_CLEAR", 63), ("JSON", 36)],
)
def test_signum_prints_the_number(word: str, number: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse([f"--signum={word}"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"{number}\n"


@pytest.mark.parametrize(
    ("argv", "status", "words"),
    [
        (["-Q"], 1, "-Q"),
        (["-nQ"], 1, "-Q"),
        (["--nothing"], 1, "--nothing"),
        (["-f"], 1, "use-file"),
        (["--signum=json"], 1, "JSON"),
        (["-S", "9"], 6, "local7"),
        (["-u", "foo"], 6, "0777"),
        (["x"], 6, "x: not an option"),
        (["--config"], 1, "--config"),
        (["--vrrp=1"], 1, "vrrp"),
    ],
)
def test_mistakes_end_with_keepalived_s_status(
    argv: list[str], status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(argv)
    assert stop.value.code == status
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["-v"], ["--version"], ["-h"], ["--help"]])
def test_version_and_help(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(argv)
    assert stop.value.code == 0
    assert "pyvrrpd" in capsys.readouterr().out
