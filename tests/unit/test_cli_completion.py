"""Words that a shell completes: of the parsers, of the keyword table, and of the daemon."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pyvrrp.cli import completion, main
from pyvrrp.control import DEFAULT_SOCKET

NAMES = {"NAME": ["web", "web-six", "db"], "SCOPE": ["tenants"]}


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
        (["explain", "advert_"], ["advert_int"]),
        (["completion", "f"], ["fish"]),
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


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_completes(tmp_path, capsys):
    """The real shell with its part, and a `pyvrrp` on the path that is this one."""
    command = tmp_path / "pyvrrp"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m pyvrrp.cli.main "$@"\n')
    command.chmod(0o755)
    main.main(["completion", "bash"])
    script = capsys.readouterr().out + (
        'COMP_WORDS=(pyvrrp expl); COMP_CWORD=1; _pyvrrp; echo "${COMPREPLY[@]}"\n'
        'COMP_WORDS=(pyvrrp explain nopr); COMP_CWORD=2; _pyvrrp; echo "${COMPREPLY[@]}"\n'
    )
    root = str(Path(__file__).parents[2])
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": root}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environ, check=True, timeout=30)
    assert done.stdout.split("\n") == ["explain", "nopreempt", ""]
