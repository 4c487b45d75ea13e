"""Rule lines: `[not] [from A] [to B] [OPTION ...] ACTION priority N` to a Rule, in the words of ip(8).

A line in which anything is wrong is left out as a whole, as by keepalived. A rule without a priority gets one, counting
down from 16384 over the whole file; that is told, since it decides which rule is asked first.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import Any

from pyvrrp.config import names
from pyvrrp.config.addresses import interface_name
from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Report, shown
from pyvrrp.config.routes import read_prefix
from pyvrrp.config.routing_line import RoutingLine
from pyvrrp.config.values import BadValue
from pyvrrp.config.words import LineFault, c_integer, nearest
from pyvrrp.routing import Prefix, Rule

_U32 = 0xFFFFFFFF
_FIRST_PRIORITY = 16384  # of rules that name none
_RANGE = re.compile(r"([0-9]+)-([0-9]+)")
_PORT_MAX = 65535
_ACTIONS = frozenset(("nop", "blackhole", "prohibit", "unreachable"))


class RuleReader:
    """Reads the rules of one file, which share the count of those without a priority."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._next_priority = _FIRST_PRIORITY

    def read(self, statement: Statement, *, is_static: bool = False) -> Rule | None:
        """The rule of a line; None if it cannot be used, which is reported. is_static: of static_rules."""
        try:
            fields = _Line(statement, self._report, is_static=is_static).read()
        except LineFault as fault:
            self._report.error(statement.where(fault.at), f"{fault}; the rule is left out", fault.code)
            return None
        if "priority" not in fields:
            fields["priority"] = self._next_priority
            self._report.error(
                statement.where(),
                f"the rule has no priority, so {self._next_priority} is used; write priority N, "
                "since rules are asked in the order of their priorities",
                "rule-priority",
            )
            self._next_priority -= 1
        return Rule(**fields)


class _Line(RoutingLine):
    what = "rule"

    def read(self) -> dict[str, Any]:
        """The fields of the rule. Raises LineFault."""
        words, fields = self._words, self._fields
        while (word := words.next()) is not None:
            option = _OPTIONS.get(word)
            if option is None:
                raise LineFault(
                    words.at, f"{shown(word)} is not known in a rule; {nearest(word, _OPTIONS)}", "rule-word"
                )
            option(self, word)
        if "action" not in fields:
            raise LineFault(
                0,
                "the rule has no action; write table T, goto N, nop, blackhole, prohibit or unreachable",
                "rule-action",
            )
        if fields["action"] == "goto":
            priority, target = fields.get("priority"), fields["target"]
            if priority is None:
                raise LineFault(
                    0, "a rule with goto needs a priority; write priority N, below its target", "goto-priority"
                )
            if priority >= target:
                raise LineFault(
                    0, f"goto {target} leads back: the priority {priority} is not below it; change one", "goto-back"
                )
        if fields["action"] != "lookup":
            for name, word in _LOOKUP_ONLY.items():
                if name in fields:
                    raise LineFault(
                        0,
                        f"{word} means nothing without a table; write table T, or remove {word}",
                        "lookup-only-option",
                    )
        self._check_protocol()
        if fields.get("track_group") and not (fields.get("iif") or fields.get("oif")):
            raise LineFault(0, "track_group needs an interface to look at; add iif IF or oif IF", "rule-track-group")
        family = self._family or 4
        for name in ("source", "destination"):
            if name in fields and not fields[name].length and not any(fields[name].address):
                fields[name] = Prefix(bytes(4 if family == 4 else 16), 0)
        return {"family": family, **fields}

    # One method for each word

    def _on_not(self, _word: str) -> None:
        self._fields["is_inverted"] = True

    def _on_prefix(self, word: str) -> None:
        self._on_family_word()
        text = self._words.peek()
        prefix = self._words.read(word, read_prefix)
        if text not in {"default", "any", "all"}:  # those are of either family
            self._settle(prefix.family)
        self._fields["source" if word == "from" else "destination"] = prefix

    def _on_interface(self, word: str) -> None:
        self._fields["oif" if word == "oif" else "iif"] = self._words.read(word, interface_name)

    def _on_fwmark(self, word: str) -> None:
        self._fields["fwmark"] = self._words.read(word, _mark)

    def _on_uid_range(self, word: str) -> None:
        self._fields["uid_range"] = self._words.read(word, lambda text: _range(text, _U32, "-"))

    def _on_ports(self, word: str) -> None:
        field = "source_ports" if word == "sport" else "destination_ports"
        self._fields[field] = self._words.read(word, lambda text: _range(text, _PORT_MAX, ""))

    def _on_ip_protocol(self, word: str) -> None:
        self._fields["ip_protocol"] = self._words.read(word, _ip_protocol)

    def _on_number(self, word: str) -> None:
        field, high = _NUMBERS[word]
        self._fields[field] = self._words.number(word, 0, high)

    def _on_suppress_group(self, word: str) -> None:
        self._fields["suppress_group"] = self._words.read(word, names.group)

    def _act(self, action: str, target: int | None = None) -> None:
        if "action" in self._fields:
            raise LineFault(
                self._words.at, "the rule has two actions; keep one of table, goto, nop, blackhole, prohibit, l3mdev",
                "rule-actions-two"
            )
        self._fields["action"] = action
        self._fields["target"] = target

    def _on_table(self, word: str) -> None:
        self._act("lookup", self._words.read(word, names.table))

    def _on_l3mdev(self, _word: str) -> None:
        self._act("lookup")

    def _on_goto(self, word: str) -> None:
        self._act("goto", self._words.number(word, 0, _U32))

    def _on_action(self, word: str) -> None:
        self._act(word)

    def _on_type(self, word: str) -> None:
        action = self._words.value(word)
        if action not in _ACTIONS:
            raise LineFault(
                self._words.at, f"type {shown(action)} is not known; {nearest(action, _ACTIONS)}", "rule-type"
            )
        self._act(action)


_LOOKUP_ONLY = {
    "realms": "realms",
    "suppress_prefix_length": "suppress_prefixlength",
    "suppress_group": "suppress_ifgroup",
}
_NUMBERS = {
    "tunnel-id": ("tunnel_id", (1 << 64) - 1),
    "priority": ("priority", _U32),
    "preference": ("priority", _U32),
    "order": ("priority", _U32),
    "suppress_prefixlength": ("suppress_prefix_length", 128),
    "sup_pl": ("suppress_prefix_length", 128),
}
_OPTIONS: dict[str, Callable[[_Line, str], None]] = {
    "not": _Line._on_not,
    "inet": _Line._on_family,
    "inet6": _Line._on_family,
    "from": _Line._on_prefix,
    "to": _Line._on_prefix,
    "iif": _Line._on_interface,
    "dev": _Line._on_interface,
    "oif": _Line._on_interface,
    "tos": _Line._on_tos,
    "dsfield": _Line._on_tos,
    "fwmark": _Line._on_fwmark,
    "uidrange": _Line._on_uid_range,
    "ipproto": _Line._on_ip_protocol,
    "sport": _Line._on_ports,
    "dport": _Line._on_ports,
    "realms": _Line._on_realms,
    "suppress_ifgroup": _Line._on_suppress_group,
    "sup_group": _Line._on_suppress_group,
    "protocol": _Line._on_protocol,
    "table": _Line._on_table,
    "lookup": _Line._on_table,
    "l3mdev": _Line._on_l3mdev,
    "goto": _Line._on_goto,
    "type": _Line._on_type,
    "no_track": _Line._on_no_track,
    "track_group": _Line._on_track_group,
    **dict.fromkeys(_NUMBERS, _Line._on_number),
    **dict.fromkeys(sorted(_ACTIONS), _Line._on_action),
}


def _mark(word: str) -> tuple[int, int]:
    """`VALUE[/MASK]`."""
    value, slash, mask = word.partition("/")
    return c_integer(value, 0, _U32), c_integer(mask, 0, _U32) if slash else _U32


def _range(word: str, high: int, must: str) -> tuple[int, int]:
    """`FIRST-LAST`, or one number unless `must` is in it."""
    found = _RANGE.fullmatch(word)
    if not found and (must or not word.isdecimal()):
        raise BadValue(f"{shown(word)} is not a range; write FIRST-LAST", "range")
    first, last = (found[1], found[2]) if found else (word, word)
    pair = c_integer(str(int(first)), 0, high), c_integer(str(int(last)), 0, high)
    if pair[0] > pair[1]:
        raise BadValue(f"{shown(word)} is empty; write the smaller number first", "range-empty")
    return pair


def _ip_protocol(word: str) -> int:
    if word.isdecimal():
        return c_integer(word, 0, 255)
    try:
        return socket.getprotobyname(word)
    except (OSError, ValueError):
        raise BadValue(
            f"{shown(word)} is not known; write a number of 0..255, or a name as tcp or udp", "name-unknown"
        ) from None
