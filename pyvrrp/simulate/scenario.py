"""What is to happen, as lines of text: a time, then what happens to whom.

    at 10s stop A
    at 15s cut A B          # comments, as in keepalived.conf

A time counts from the start. Words and their arguments are in ACTIONS; the manual page is made from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pyvrrp import limits
from pyvrrp.config.lexer import clean
from pyvrrp.errors import UsageError
from pyvrrp.simulate.network import Weather

_TIME = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(us|ms|s|m|h|)")
_UNIT_NS = {"us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "": 1_000_000_000, "m": 60_000_000_000,
            "h": 3_600_000_000_000}
_CHANCE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%?")
_INTEGER = re.compile(r"-?[0-9]{1,9}")


class Action(NamedTuple):
    """A word of a scenario."""

    takes: str
    help: str


ACTIONS: Mapping[str, Action] = {
    "stop": Action("HOST", "its power fails: nothing more is sent"),
    "shutdown": Action("HOST", "its daemon ends in order: a MASTER sends priority 0"),
    "start": Action("HOST", "it boots; links, scripts and files are as they were"),
    "pause": Action("HOST", "it stands still, as after SIGSTOP, and adverts wait for it"),
    "continue": Action("HOST", "it goes on"),
    "cut": Action("HOSTS [to] HOSTS", "they do not hear each other; with `to`, the second do not hear the first"),
    "join": Action("[HOSTS [to] HOSTS]", "they do again; without hosts, all do"),
    "link": Action("HOST INTERFACE up|down", "a link comes up or goes down"),
    "script": Action("HOST NAME ok|fail", "a vrrp_script has this result from its next run on"),
    "file": Action("HOST NAME NUMBER", "a track_file holds a number"),
    "process": Action("HOST NAME up|down", "a vrrp_track_process has its quorum, or has not"),
    "priority": Action("HOST INSTANCE NUMBER", "as by pyvrrp priority; INSTANCE is a name, or * for all"),
    "hold": Action("HOST INSTANCE", "as by pyvrrp hold: it stays out of MASTER"),
    "resume": Action("HOST INSTANCE", "the end of that"),
    "loss": Action("PERCENT", "so many datagrams are lost"),
    "duplicate": Action("PERCENT", "so many arrive twice"),
    "delay": Action("TIME[..TIME]", "each takes so long, or a time in that range; then they overtake each other"),
}
_TAKES_HOSTS = {"cut", "join"}
_TAKES_NONE = {"loss", "duplicate", "delay"}
_CHOICES = {"link": ("up", "down"), "script": ("ok", "fail"), "process": ("up", "down")}


class Step(NamedTuple):
    """One thing that happens."""

    at_ns: int                          # from the start
    action: str
    arguments: tuple[str, ...] = ()     # with `cut` and `join`: hosts joined by commas, `to` or nothing, hosts

    def __str__(self) -> str:
        return " ".join(word for word in (self.action, *self.arguments) if word)


def time_ns(text: str, what: str = "a time") -> int:
    """10s, 1.5s, 200ms, 2m as nanoseconds; a number alone is seconds. Raises UsageError."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise UsageError(f"{clean(text)} is not {what}; write it as 10s, 1.5s, 200ms or 2m")
    whole, _, fraction = found[1].partition(".")
    unit_ns = _UNIT_NS[found[2]]
    ns = int(whole) * unit_ns + int(fraction.ljust(9, "0")) * unit_ns // 1_000_000_000
    if ns > limits.SIMULATE_S_MAX * _UNIT_NS["s"]:
        raise UsageError(f"{clean(text)} is more than {limits.SIMULATE_S_MAX // 3600} hours; write less")
    return ns


def chance(text: str) -> float:
    """10% as 0.1. Raises UsageError."""
    found = _CHANCE.fullmatch(text)
    if found is None or float(found[1]) > 100:
        raise UsageError(f"{clean(text)} is not in 0%..100%; write it as 10%")
    return float(found[1]) / 100


def delayed(weather: Weather, text: str) -> Weather:
    """A weather with the delay of 1ms..5ms, or 1ms. Raises UsageError."""
    first, dots, last = text.partition("..")
    low_ns = time_ns(first, "a delay")
    high_ns = time_ns(last, "a delay") if dots else low_ns
    if high_ns < low_ns:
        raise UsageError(f"{clean(text)}: the second time is shorter than the first; exchange them")
    return weather._replace(delay_ns=low_ns, delay_max_ns=high_ns)


def step(at: str, text: str, hosts: Iterable[str]) -> Step:
    """One thing that happens at a time. hosts: the names of all. Raises UsageError."""
    at_ns = time_ns(at)
    action, *words = text.split() or [""]
    if action not in ACTIONS:
        raise UsageError(f"{clean(action) or 'nothing'} is no word of a scenario; write one of {', '.join(ACTIONS)}")
    takes = ACTIONS[action].takes
    usage = UsageError(f"{clean(text)}: write it as: {action} {takes}")
    if action in _TAKES_HOSTS:
        way = "to" if len(words) == 3 and words[1] == "to" else ""
        words = [words[0], words[-1]] if way else words
        if len(words) != 2 and (action != "join" or words):
            raise usage
        for word in words:
            for name in word.split(","):
                _known(name, hosts)
        return Step(at_ns, action, (words[0], way, words[1]) if words else ())
    if len(words) != len(takes.split()):
        raise usage
    if action not in _TAKES_NONE:
        _known(words[0], hosts)
    if action in _CHOICES and words[-1] not in _CHOICES[action]:
        raise usage
    if action == "file" and not _INTEGER.fullmatch(words[2]):
        raise usage
    if action == "priority" and not (words[2].isascii() and words[2].isdigit() and 1 <= int(words[2][:4]) <= 254):
        raise UsageError(f"{clean(text)}: the priority is not in 1..254; write one that is")
    if action == "delay":
        delayed(Weather(), words[0])
    elif action in _TAKES_NONE:
        chance(words[0])
    return Step(at_ns, action, tuple(words))


def _known(name: str, hosts: Iterable[str]) -> None:
    if name not in hosts:
        raise UsageError(f"there is no host {clean(name)}; name one of {', '.join(hosts)}")


def read(text: str, name: str, hosts: Iterable[str]) -> list[Step]:
    """The steps of a file, in the order of their times. name: what it is called. Raises UsageError."""
    steps = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split("!")[0].split(maxsplit=2)
        if not words:
            continue
        if len(words) < 3 or words[0] != "at":
            raise UsageError(f"{name}:{number}: {clean(line.strip())} is not a step; write it as: at 10s stop HOST")
        try:
            steps.append(step(words[1], words[2], hosts))
        except UsageError as problem:
            raise UsageError(f"{name}:{number}: {problem}") from None
    return in_order(steps)


def in_order(steps: Iterable[Step]) -> list[Step]:
    """Steps by their times. Raises UsageError if there are too many."""
    found = sorted(steps, key=lambda one: one.at_ns)
    if len(found) > limits.SIMULATE_STEPS_MAX:
        raise UsageError(f"these are {len(found)} steps; {limits.SIMULATE_STEPS_MAX} is the most")
    return found
