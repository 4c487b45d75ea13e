"""`pyvrrp simulate`: what keepalived.conf files would do, in virtual time: no network, no root, no waiting."""

from __future__ import annotations

import argparse
import gc
import ipaddress
import json
import logging
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from pyvrrp import limits
from pyvrrp.cli.simulate_report import as_json, text
from pyvrrp.config.check import Checked, check, files, report
from pyvrrp.config.excerpt import counted
from pyvrrp.config.lexer import clean
from pyvrrp.errors import UsageError
from pyvrrp.model import Configuration
from pyvrrp.simulate.network import Weather
from pyvrrp.simulate.play import Play
from pyvrrp.simulate.scenario import ACTIONS, Step, chance, delayed, in_order, read, step, time_ns
from pyvrrp.simulate.wiring import Wiring, wire

EXIT_OK, EXIT_FAILED, EXIT_UNREADABLE = 0, 1, 4

_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_WORD = max(len(f"{name} {action.takes}") for name, action in ACTIONS.items())

EPILOG = """\
examples:
  pyvrrp simulate A.conf B.conf                           the MASTER fails, and comes back
  pyvrrp simulate A=one.conf B=one.conf                   one file on two hosts, with its @A and @B lines
  pyvrrp simulate A.conf B.conf --at 10s "stop A"         its power fails; all else goes on
  pyvrrp simulate A.conf B.conf --at 15s "cut A B" --at 40s join
  pyvrrp simulate A.conf B.conf --loss 10% --delay 1ms..5ms --seed 7 --for 10m
  pyvrrp simulate A.conf B.conf --scenario night.txt      lines such as: at 10s script A check_web fail

steps, of --at and of the lines of a scenario (at TIME STEP, # begins a comment):
""" + "".join(
    f"  {f'{name} {action.takes}'.ljust(_WORD)}  {action.help}\n" for name, action in ACTIONS.items()
) + """
A TIME is 10s, 1.5s, 200ms or 2m; a number alone is seconds. HOSTS are names, joined by commas.

Interfaces of the same name are on one wire, and so are those of multicast instances with the same VRID and a virtual
address in common; unicast reaches whoever has the address. Scripts are not run: they succeed unless a step says else.

exit status:
  0  every check holds
  1  one does not
  2  the command line or the scenario is wrong
  4  a file does not exist or cannot be read
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `simulate` takes."""
    parser.epilog = EPILOG
    parser.add_argument("files", metavar="[NAME=]FILE", nargs="+",
                        help="the file of one host; its name is that of the file unless one is given; lines that begin "
                             "with @ID count on the host of that name")
    parser.add_argument("--at", metavar=("TIME", "STEP"), nargs=2, action="append", default=[],
                        help="something that happens then; may be repeated. Without any step the host that is MASTER "
                             "most often fails, and comes back")
    parser.add_argument("--scenario", metavar="FILE", help="steps, one on a line; - is standard input")
    parser.add_argument("--for", metavar="TIME", dest="for_time", help="how long; default: until all has settled")
    parser.add_argument("--loss", metavar="PERCENT", help="so many datagrams are lost")
    parser.add_argument("--duplicate", metavar="PERCENT", help="so many arrive twice")
    parser.add_argument("--delay", metavar="TIME[..TIME]",
                        help="each takes so long, default 0.1ms; out of a range they overtake each other")
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="of all chance; default 1")
    parser.add_argument("--wire", metavar="HOST:IF,HOST:IF", action="append", default=[],
                        help="these interfaces are on a wire of their own; may be repeated")
    parser.add_argument("--address", metavar="HOST:IF=ADDRESS", action="append", default=[],
                        help="an address of a host that no file names; may be repeated")
    parser.add_argument("--all", action="store_true", help="name every instance, however many do the same")
    parser.add_argument("--json", action="store_true", help="print one JSON object, always whole")


def run(arguments: argparse.Namespace) -> int:
    """Simulate, print, and return the exit status. Raises UsageError."""
    logging.getLogger("pyvrrp").addHandler(logging.NullHandler())     # what there is to say is in the timeline
    gc.disable()
    try:
        checked = _read_files(arguments.files)
        unreadable = [one for one in checked.values() if one.loaded.configuration is None]
        if unreadable:
            print("\n".join(report(unreadable)), file=sys.stderr)
            return EXIT_UNREADABLE
        hosts = {name: one.loaded.configuration for name, one in checked.items() if one.loaded.configuration}
        if not any(configuration.instances for configuration in hosts.values()):
            print("\n".join(report(list(checked.values()))), file=sys.stderr)
            raise UsageError("no instance would run; mend what is said above, or name another file")
        steps = _steps(arguments, list(hosts))
        for_ns = None if arguments.for_time is None else time_ns(arguments.for_time)
        if for_ns is not None and steps and steps[-1].at_ns > for_ns:
            raise UsageError(f"the step {steps[-1]} comes after the end, {arguments.for_time}; give a later --for")
        wiring = wire(hosts, joined=[words.split(",") for words in arguments.wire],
                      given=[_address(words) for words in arguments.address])
        play = Play(hosts, wiring, seed=arguments.seed, weather=_weather(arguments))
        if steps:
            play.play(steps, for_ns)
        else:
            play.play_failover(for_ns)
    finally:
        gc.enable()
    notes = [*_problems(checked), *wiring.notes, *_lonely(play), *_unknown(hosts, wiring)]
    if arguments.json:
        print(json.dumps(as_json(play, notes), indent=2, ensure_ascii=False))
    else:
        print("\n".join(text(play, notes, is_whole=arguments.all)))
    return EXIT_FAILED if play.checks.failures else EXIT_OK


def _read_files(words: Sequence[str]) -> dict[str, Checked]:
    """What came of each host's file, by the host's name. Raises UsageError."""
    if len(words) > limits.SIMULATE_HOSTS_MAX:
        raise UsageError(f"these are {len(words)} hosts; {limits.SIMULATE_HOSTS_MAX} is the most")
    named: list[tuple[str, str]] = []
    stems = [Path(word).stem for word in words]
    for word, stem in zip(words, stems, strict=True):
        name, equals, path = word.partition("=")
        if not equals or Path(word).exists():
            # left/keepalived.conf and right/keepalived.conf are told apart by their directories.
            name, path = stem if stems.count(stem) == 1 else Path(word).absolute().parent.name, word
        if not _HOST.fullmatch(name) or name == "to":
            raise UsageError(f"{clean(word)}: {clean(name)} cannot be the name of a host; name it: NAME=FILE")
        if name in dict(named):
            raise UsageError(f"{clean(word)}: there is a host {name} already; give each a name: NAME=FILE")
        named.append((name, path))
    found = {}
    for name, path in named:
        if len(files(path)[0]) != 1 or Path(path).is_dir():
            raise UsageError(f"{clean(path)}: a host has one file here; name it")
        (found[name],) = check([path], config_id=name, interfaces=None)
    return found


def _steps(arguments: argparse.Namespace, hosts: Sequence[str]) -> list[Step]:
    """Raises UsageError."""
    steps = [step(at, words, hosts) for at, words in arguments.at]
    if arguments.scenario is not None:
        name = "<stdin>" if arguments.scenario == "-" else arguments.scenario
        try:
            if arguments.scenario == "-":
                data = sys.stdin.buffer.read(limits.SIMULATE_FILE_BYTES_MAX + 1)
            else:
                with Path(name).open("rb") as file:
                    data = file.read(limits.SIMULATE_FILE_BYTES_MAX + 1)
        except OSError as error:
            raise UsageError(f"{clean(name)}: it cannot be read: {error.strerror}; correct the name") from None
        if len(data) > limits.SIMULATE_FILE_BYTES_MAX:
            raise UsageError(f"{clean(name)}: more than {limits.SIMULATE_FILE_BYTES_MAX} bytes; write fewer steps")
        steps += read(data.decode("utf-8", "replace"), clean(name), hosts)
    return in_order(steps)


def _weather(arguments: argparse.Namespace) -> Weather:
    """Raises UsageError."""
    weather = Weather(
        loss=chance(arguments.loss) if arguments.loss else 0.0,
        duplicate=chance(arguments.duplicate) if arguments.duplicate else 0.0,
    )
    return delayed(weather, arguments.delay) if arguments.delay else weather


def _address(words: str) -> tuple[str, bytes]:
    """HOST:IF=ADDRESS. Raises UsageError."""
    where, _, address = words.partition("=")
    try:
        return where, ipaddress.ip_address(address).packed
    except ValueError:
        raise UsageError(f"{clean(words)}: write it as HOST:INTERFACE=ADDRESS, without a prefix length") from None


# ---- what the simulation does not know

def _problems(checked: dict[str, Checked]) -> Iterable[str]:
    for name, one in checked.items():
        if one.loaded.diagnostics:
            found = [counted(n, what) for n, what in ((one.errors, "error"), (one.warnings, "warning")) if n]
            yield f"{clean(one.path)}: {', '.join(found)}; pyvrrp check names them"
        configuration = one.loaded.configuration
        for refused in configuration.refused if configuration is not None else ():
            yield f"{name}: instance {clean(refused.name)} would not run: {refused.reason}"


def _lonely(play: Play) -> Iterable[str]:
    """Instances that nobody can take over from, though there are other hosts."""
    alone = [one for one in play.checks.electorates if len({member.machine for member in one.members}) == 1]
    if alone and len(play.hosts) > 1:
        first = alone[0].members[0]
        more = f" (and {len(alone) - 1} more)" if len(alone) > 1 else ""
        yield (f"{first.machine.name}: no other host has instance {clean(first.instance.name)}, VRID "
               f"{first.instance.vrid} on its wire or as a peer, so nobody can take over from it{more}")


def _unknown(hosts: dict[str, Configuration], wiring: Wiring) -> Iterable[str]:
    if len(hosts) == 1:
        yield "there is one host only, so that nobody can take over from it; give the files of its peers too"
    scripts = sum(len(one.scripts) for one in hosts.values())
    others = sum(len(one.track_files) + len(one.track_processes) for one in hosts.values())
    if scripts:
        count = "1 vrrp_script counts" if scripts == 1 else f"{scripts} vrrp_scripts count"
        yield f"scripts are not run: {count} as succeeding unless a step says else"
    if others:
        yield "files are not read and processes not counted: a track_file holds its init_file or 0, a process runs"
    if any(one.instances for one in hosts.values()) and len(wiring.made_up) > 1 and _has_ties(hosts, wiring):
        yield ("hosts with equal priority have addresses here that no file names, and the higher address wins; "
               "--address gives them their own")


def _has_ties(hosts: dict[str, Configuration], wiring: Wiring) -> bool:
    """Whether made-up addresses may decide an election."""
    strangers = {name for name, _ in wiring.made_up}
    seen: dict[tuple[int, int, int], set[str]] = {}
    for name in strangers:
        for instance in hosts[name].instances:
            if instance.source is None and not instance.is_unicast:
                seen.setdefault((instance.family, instance.vrid, instance.priority), set()).add(name)
    return any(len(names) > 1 for names in seen.values())
