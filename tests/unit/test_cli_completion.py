"""Words that a shell completes: of the parsers, of the keyword table, and of the daemon."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pyvrrp.cli import completion, main
from pyvrrp.control import DEFAULT_SOCKET
from pyvrrp.control.protocol import InstanceStatus

NAMES = {"NAME": ["web", "web-six", "db"], "GROUP": ["tenants/site"], "SCOPE": ["tenants"]}


def offered(*line):
    asked = []

    def ask(kind, socket):
        asked.append((kind, socket))
        return NAMES[kind]

    return completion.offered(line, ask), asked


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["sw"], ["switchover"]),
        (["st"], ["status", "stats"]),
        (["--s"], ["--socket"]),
        (["show", "w"], ["web", "web-six"]),
        (["status", "--w"], ["--watch"]),
        (["switchover", "--scope", ""], ["tenants"]),
        (["switchover", "--group", ""], ["tenants/site"]),
        (["explain", "advert_"], ["advert_int"]),
        (["completion", "f"], ["fish"]),
        (["bench", "f"], ["failover", "flood"]),
        (["bench", "throughput", "--against", ""], ["keepalived"]),
        (["check", "x"], []),
        (["who-owns", ""], []),
        (["status", "--socket", ""], []),
    ],
)
def test_what_is_offered(line, words):
    assert offered(*line)[0] == words


def test_everything_is_offered_at_first():
    assert offered("")[0] == list(main.VERBS)


def test_the_daemon_that_is_named_is_asked():
    assert offered("show", "")[1] == [("NAME", DEFAULT_SOCKET)]
    assert offered("--socket", "/x", "show", "")[1] == [("NAME", "/x")]
    assert offered("check", "")[1] == []


def test_a_daemon_that_is_not_there_offers_nothing(tmp_path, capsys):
    socket = str(tmp_path / "none")
    assert main.main(["completion", "words", "--", "--socket", socket, "show", ""]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("verb", main.VERBS)
def test_every_verb_offers_its_options(verb):
    words, _ = offered(verb, "--")
    assert "--help" in words
    assert ("--socket" in words) == main.VERBS[verb].asks_daemon


def test_a_group_is_named_as_the_option_takes_it():
    assert completion.group_title(InstanceStatus(name="web", state="MASTER", group="site")) == "site"
    assert completion.group_title(InstanceStatus(name="a/b/web", state="MASTER", group="site")) == "a/b/site"


@pytest.fixture
def environ(tmp_path):
    """With a `pyvrrp` on the path that is this one."""
    command = tmp_path / "pyvrrp"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m pyvrrp.cli.main "$@"\n')
    command.chmod(0o755)
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": root, "TERM": "dumb"}


def written(shell, path, capsys):
    assert main.main(["completion", shell]) == 0
    path.write_text(capsys.readouterr().out)
    return path


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_completes(tmp_path, environ, capsys):
    script = written("bash", tmp_path / "script", capsys).read_text() + (
        'COMP_WORDS=(pyvrrp expl); COMP_CWORD=1; _pyvrrp; echo "${COMPREPLY[@]}"\n'
        'COMP_WORDS=(pyvrrp explain nopr); COMP_CWORD=2; _pyvrrp; echo "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environ, check=True, timeout=30)
    assert done.stdout.split("\n") == ["explain", "nopreempt", ""]


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish here")
def test_fish_completes(tmp_path, environ, capsys):
    script = written("fish", tmp_path / "pyvrrp.fish", capsys)
    words = f'source {script}; complete -C "pyvrrp expl"; complete -C "pyvrrp explain nopr"'
    done = subprocess.run(
        ["fish", "--no-config", "-c", words], capture_output=True, text=True, env=environ, check=True, timeout=30
    )
    assert done.stdout.split("\n") == ["explain", "nopreempt", ""]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh here")
@pytest.mark.parametrize("way", ["autoload", "source"])
def test_zsh_completes(tmp_path, environ, capsys, way):
    """On a terminal, by the tab key; the first time too, when zsh has only just loaded the file."""
    written("zsh", tmp_path / "_pyvrrp", capsys)
    lines = [f"fpath=({tmp_path} $fpath)" if way == "autoload" else "", "autoload -Uz compinit; compinit -u -D"]
    lines += ["source ./_pyvrrp"] if way == "source" else []
    master, slave = pty.openpty()
    shell = subprocess.Popen(
        ["zsh", "-f", "-i"], stdin=slave, stdout=slave, stderr=slave, cwd=tmp_path, env=environ, start_new_session=True
    )
    os.close(slave)
    try:
        os.write(master, "".join(f"{line}; echo re''ady\n" for line in ["PS1=", *filter(None, lines)]).encode())
        until(master, "ready", 1 + len([line for line in lines if line]))
        os.write(master, b"pyvrrp explain nopr\t")
        until(master, "nopreempt", 1)
    finally:
        shell.kill()
        shell.wait()
        os.close(master)


def until(master, word, times):
    """Read until the terminal has shown a word so often."""
    shown, end_s = "", time.monotonic() + 25
    while shown.count(word) < times:
        assert select.select([master], [], [], max(0.0, end_s - time.monotonic()))[0], shown
        shown += os.read(master, 65536).decode(errors="replace")
