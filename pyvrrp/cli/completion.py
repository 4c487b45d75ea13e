"""`pyvrrp completion SHELL`: what has a shell complete the words of pyvrrp.

The shell's part is a few lines that ask `pyvrrp completion words` each time, so that it always knows the verbs, options
and keywords of this version, and the instances of the daemon that runs. Where nothing is offered the shell completes
names of files.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterable, Sequence

from pyvrrp.cli import main as cli
from pyvrrp.config import explain
from pyvrrp.control import DEFAULT_SOCKET
from pyvrrp.control.client import ControlClient
from pyvrrp.control.protocol import InstanceStatus, ScopesReply
from pyvrrp.errors import ControlError

SHELLS = {
    "bash": """\
_pyvrrp() {
    local IFS=$'\\n'
    COMPREPLY=($(compgen -W "$(pyvrrp completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" \\
        -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _pyvrrp pyvrrp
""",
    "zsh": """\
#compdef pyvrrp
_pyvrrp() {
    local -a offered
    offered=(${(f)"$(pyvrrp completion words -- ${words[2,CURRENT]} 2>/dev/null)"})
    if (( $#offered )); then compadd -a offered; else _files; fi
}
if [[ $funcstack[1] == _pyvrrp ]]; then _pyvrrp "$@"; else compdef _pyvrrp pyvrrp; fi
""",
    "fish": """\
complete -c pyvrrp -a '(pyvrrp completion words -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
""",
}
WORDS = "words"
EPILOG = f"""examples:
  pyvrrp completion bash > /etc/bash_completion.d/pyvrrp
  pyvrrp completion zsh > /usr/local/share/zsh/site-functions/_pyvrrp
  pyvrrp completion fish > /etc/fish/completions/pyvrrp.fish

{cli.EPILOG}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `completion` takes."""
    parser.epilog = EPILOG
    parser.add_argument("shell", choices=(*SHELLS, WORDS), help=f"the shell; {WORDS}: what may stand next, for a shell")
    parser.add_argument("line", metavar="WORD", nargs="*", help=f"with {WORDS}: the words so far, the last unfinished")


def run(arguments: argparse.Namespace) -> int:
    """Print the shell's part, or the words."""
    if arguments.shell != WORDS:
        print(SHELLS[arguments.shell], end="")
        return cli.EXIT_OK
    for word in offered(arguments.line or [""], _asked):
        print(word)
    return cli.EXIT_OK


def offered(line: Sequence[str], ask: Callable[[str, str], Iterable[str]]) -> list[str]:
    """The words that may stand where the last one of `line` begins; empty: names of files, or nothing.

    ask: the names of a kind, NAME, GROUP or SCOPE, by the daemon at a socket.
    """
    *before, last = line
    verb = next((word for word in before if word in cli.VERBS), None)
    parser, verbs = cli.parser_of((verb,) if verb else ())
    socket = next((after for word, after in itertools.pairwise(before) if word == "--socket"), DEFAULT_SOCKET)
    if verb is not None:
        parser = verbs[verb]
    actions = parser._actions
    found: Iterable[str]
    takes = next((a for a in actions if before and before[-1] in a.option_strings and a.nargs != 0), None)
    if takes is not None:
        found = _values(takes, socket, ask)
    elif last.startswith("-"):
        found = [name for action in actions for name in action.option_strings if action.help != argparse.SUPPRESS]
    elif verb is None:
        found = cli.VERBS
    else:
        found = [word for action in actions if not action.option_strings for word in _values(action, socket, ask)]
    return [word for word in found if word.startswith(last)]


def _values(action: argparse.Action, socket: str, ask: Callable[[str, str], Iterable[str]]) -> Iterable[str]:
    kind = str(action.metavar or "")
    if action.choices is not None:
        return [str(choice) for choice in action.choices]
    if kind == "KEYWORD":
        return sorted({place.keyword.name for place in explain.everything()})
    return ask(kind, socket) if kind in {"NAME", "GROUP", "SCOPE"} else ()


def group_title(status: InstanceStatus) -> str:
    """The name of an instance's sync group as --group takes it: with the scope, where the instance has it."""
    scope, slash, _ = status.name.rpartition("/")
    return f"{scope}{slash}{status.group}"


def _asked(kind: str, socket: str) -> Iterable[str]:
    """What the daemon has names for. One that does not answer offers nothing: a shell is no place for its reasons."""
    client = ControlClient(socket, timeout_s=1.0)
    try:
        if kind == "NAME":
            return [instance.name for instance in client.instances().instances]
        if kind == "GROUP":
            return sorted({group_title(each) for each in client.instances().instances if each.group is not None})
        return [scope.name for scope in client.get("/v1/scopes", ScopesReply).scopes]
    except ControlError:
        return []
