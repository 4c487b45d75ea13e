"""`~SEQ(...) rest` and `~LST(...) rest`: the variables and their values, round by round.

    ~SEQ(var, end)  ~SEQ(var, start, end)  ~SEQ(var, start, step, end)      ~SEQx: in hexadecimal
    ~LST(var, v1, v2, ...)  ~LST({a,b}, {1,2}, {3})                         several variables in a round

Pure: text in, rounds out. The arguments have had their definitions replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pyvrrp import limits
from pyvrrp.config.lexer import BLANKS
from pyvrrp.config.report import Fault, shown

HEAD = re.compile(r"~(SEQx?|LST)[ \t\f\v\r]*\(")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_NUMBER = re.compile(r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|0([0-7]+)|(0|[1-9][0-9]*))\Z")
_USE = r"\$\{[^{}]*+\}"  # of a definition: its braces are no group
_GROUP = re.compile(rf"\{{((?:{_USE}|[^{{}}$]|\$)*)\}}")
_ITEM = re.compile(rf"[ \t\f\v\r]*+(\{{(?:{_USE}|[^{{}}])*+\}}[ \t\f\v\r]*+|(?:{_USE}|[^,{{}}\"])*+)(?:,|\Z)")
_INT64 = 1 << 63


class BadRepeat(Fault):
    """A ~SEQ or ~LST cannot be read. The text says why, and what to do."""


class TooManyRounds(Fault):
    """It repeats more often than is allowed. The text says so."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """What is to be repeated: for each round the values of `names`."""

    names: tuple[str, ...]
    rounds: Iterable[tuple[str, ...]]


def repeat(kind: str, arguments: str) -> Repeat:
    """kind: SEQ, SEQx or LST. Raises BadRepeat or TooManyRounds."""
    return _list(arguments) if kind == "LST" else _sequence(kind, arguments)


def _name(word: str) -> str:
    if not _NAME.match(word):
        raise BadRepeat(
            f"{shown(word) or 'nothing'} cannot be a variable; use letters, digits and _", "repeat-variable"
        )
    return word


def _number(word: str) -> int:
    found = _NUMBER.match(word)
    if not found or len(word) > 24:
        raise BadRepeat(
            f"{shown(word) or 'nothing'} is not a number; write digits (0x... and 0... as in C)", "not-a-number"
        )
    sign, hexadecimal, octal, decimal = found.groups()
    value = int(hexadecimal, 16) if hexadecimal else int(octal, 8) if octal else int(decimal)
    if value >= _INT64:
        raise BadRepeat(f"{word} is too large; write a smaller number", "repeat-number-large")
    return -value if sign == "-" else value


def _sequence(kind: str, arguments: str) -> Repeat:
    words = [word.strip(BLANKS) for word in arguments.split(",")]
    if not 2 <= len(words) <= 4:
        raise BadRepeat(
            f"~{kind} takes a variable and one to three numbers; write ~{kind}(var, start, step, end)",
            "repeat-arguments",
        )
    name, numbers = _name(words[0]), [_number(word) for word in words[1:]]
    end = numbers[-1]
    start = numbers[0] if len(numbers) > 1 else (-1 if end < 0 else 1)
    step = numbers[1] if len(numbers) == 3 else (-1 if end < start else 1)
    if step == 0:
        raise BadRepeat("the step is 0, so it would never end; write another", "repeat-step-zero")
    if start != end and (end > start) != (step > 0):
        raise BadRepeat(
            f"from {start} one never comes to {end} in steps of {step}; turn the sign of the step", "repeat-direction"
        )
    if kind == "SEQx" and min(start, end) < 0:
        raise BadRepeat("~SEQx has no negative numbers; use ~SEQ", "repeat-negative")
    values = range(start, end + (1 if step > 0 else -1), step)
    if len(values) > limits.REPEAT_ROUNDS_MAX:
        raise TooManyRounds(
            f"~{kind} has {len(values)} rounds, more than {limits.REPEAT_ROUNDS_MAX}; write a smaller range",
            "repeat-rounds"
        )
    form = "x" if kind == "SEQx" else "d"
    return Repeat((name,), ((format(value, form),) for value in values))


def _items(text: str) -> Iterator[str]:
    """The items between commas; one in braces counts as one."""
    at = 0
    while True:
        found = _ITEM.match(text, at)
        if found is None:
            raise BadRepeat(
                "its list cannot be read; write values without quotes and commas, with , between", "repeat-list"
            )
        yield found[1].strip(BLANKS)
        at = found.end()
        if at == len(text) and not found[0].endswith(","):
            return


def _list(arguments: str) -> Repeat:
    first, *items = _items(arguments)
    if not items:
        raise BadRepeat("~LST has no values; write them after the variable, with , between", "repeat-no-values")
    group = _GROUP.fullmatch(first)
    names = tuple(_name(word.strip(BLANKS)) for word in (group[1].split(",") if group else [first]))
    if len(items) > limits.REPEAT_ROUNDS_MAX:
        raise TooManyRounds(
            f"~LST has {len(items)} values, more than {limits.REPEAT_ROUNDS_MAX}; repeat less", "repeat-values-many"
        )
    rounds = []
    for item in items:
        inner = _GROUP.fullmatch(item)
        values = [value.strip(BLANKS) for value in (inner[1].split(",") if inner else [item])]
        if len(values) > len(names):
            raise BadRepeat(
                f"{shown(item)} has more values than there are variables ({len(names)}); remove some", "repeat-values"
            )
        for value in values:
            if any(blank in value for blank in BLANKS):
                raise BadRepeat(
                    f"{shown(value)} has a blank in it, which no value may have; is a comma missing?", "repeat-blank"
                )
        rounds.append((*values, *[""] * (len(names) - len(values))))
    return Repeat(names, rounds)
