"""What belongs to a file as a whole: static addresses, routes and rules, track groups, settings of interfaces."""

from __future__ import annotations

from collections.abc import Container, Sequence

from pyvrrp.config.addresses import interface_name, read_vip
from pyvrrp.config.keywords import INDEX
from pyvrrp.config.named import named
from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Report, shown
from pyvrrp.config.routes import read_route
from pyvrrp.config.rules import RuleReader
from pyvrrp.config.values import BadValue, seconds_us
from pyvrrp.model import GarpGroup, InterfaceDelays, Linkbeat, TrackGroup, Vip
from pyvrrp.routing import Route, Rule

_DELAY_US_MAX = 255_000_000
_METHODS = frozenset(("MII", "ETHTOOL", "IOCTL"))


class InterfaceCheck:
    """Tells, once for each line, of interfaces that do not exist; what needs them waits for them."""

    def __init__(self, interfaces: frozenset[str] | None, report: Report) -> None:
        """interfaces: the names that exist; None: do not check."""
        self._interfaces = interfaces
        self._report = report

    def tell(self, statement: Statement, names: Sequence[str | None], what: str) -> None:
        for name in names:
            if name is not None and self._interfaces is not None and name not in self._interfaces:
                self._report.warning(
                    statement.where(),
                    f"interface {shown(name)} does not exist; the {what} waits for it",
                    "interface-absent",
                )


class RoutingReader:
    """Reads the lines of virtual_routes, virtual_rules, static_routes and static_rules of one file."""

    def __init__(self, interfaces: frozenset[str] | None, report: Report) -> None:
        self._report = report
        self._rules = RuleReader(report)
        self._check = InterfaceCheck(interfaces, report)

    def routes(self, lines: Sequence[Statement], *, is_static: bool = False) -> tuple[Route, ...]:
        """The routes of the lines that can be used; each once."""
        found: dict[Route, None] = {}
        for line in lines:
            route = read_route(line, self._report, is_static=is_static)
            if route is None or self._is_twice(route, found, line, "route"):
                continue
            self._check.tell(line, [route.dev, *(hop.dev for hop in route.next_hops)], "route")
            found[route] = None
        return tuple(found)

    def rules(self, lines: Sequence[Statement], *, is_static: bool = False) -> tuple[Rule, ...]:
        """The rules of the lines that can be used; each once."""
        found: dict[Rule, None] = {}
        for line in lines:
            rule = self._rules.read(line, is_static=is_static)
            if rule is None or self._is_twice(rule, found, line, "rule"):
                continue
            self._check.tell(line, [rule.iif, rule.oif], "rule")
            found[rule] = None
        return tuple(found)

    def _is_twice(self, one: Route | Rule, found: Container[Route | Rule], line: Statement, what: str) -> bool:
        if one in found:
            self._report.warning(line.where(), f"this {what} is listed twice; remove one", "routing-line-twice")
        return one in found


class StaticReader:
    """Reads the blocks outside instances, once the names of these and the defaults are known."""

    def __init__(
        self, interfaces: frozenset[str] | None, instances: frozenset[str], routing: RoutingReader, report: Report
    ) -> None:
        """instances: the names of all, also of those that are not run."""
        self._interfaces = interfaces
        self._instances = instances
        self._routing = routing
        self._report = report
        self._check = InterfaceCheck(interfaces, report)

    def track_groups(self, blocks: Sequence[Statement]) -> tuple[TrackGroup, ...]:
        return tuple(
            TrackGroup(name=name, members=self._members(block), where=block.where())
            for name, block in named(blocks, self._report)
        )

    def _members(self, block: Statement) -> tuple[str, ...]:
        members: dict[str, None] = {}
        for statement in block.statements:
            for line in statement.statements:
                for at, name in enumerate(line.words):
                    if name in self._instances:
                        members[name] = None
                    else:
                        self._report.error(
                            line.where(at),
                            f"there is no vrrp_instance {shown(name)}, it is left out; add it, or correct the name",
                            "unknown-instance",
                        )
        return tuple(members)

    def addresses(
        self, lines: Sequence[Statement], default_interface: str, groups: Sequence[TrackGroup]
    ) -> tuple[Vip, ...]:
        """The addresses of static_ipaddress; each once on an interface."""
        self._check_groups(lines, groups)
        found: dict[tuple[bytes, str], Vip] = {}
        for line in lines:
            vip = read_vip(line, default_interface, self._report, is_static=True)
            if vip is None:
                continue
            if (vip.address, vip.dev) in found:
                self._report.warning(line.where(), "this address is listed twice; remove one", "static-address-twice")
                continue
            self._check.tell(line, [vip.dev], "address")
            found[vip.address, vip.dev] = vip
        return tuple(found.values())

    def routes(self, lines: Sequence[Statement], groups: Sequence[TrackGroup]) -> tuple[Route, ...]:
        """The routes of static_routes."""
        self._check_groups(lines, groups)
        return self._routing.routes(lines, is_static=True)

    def rules(self, lines: Sequence[Statement], groups: Sequence[TrackGroup]) -> tuple[Rule, ...]:
        """The rules of static_rules."""
        self._check_groups(lines, groups)
        return self._routing.rules(lines, is_static=True)

    def _check_groups(self, lines: Sequence[Statement], groups: Sequence[TrackGroup]) -> None:
        names = {group.name for group in groups}
        for line in lines:
            for at, word in enumerate(line.words[:-1]):
                if word == "track_group" and line.words[at + 1] not in names:
                    self._report.error(
                        line.where(at + 1),
                        f"there is no track_group {shown(line.words[at + 1])}, so losing this changes no instance; "
                        "add it, or correct the name",
                        "unknown-track-group",
                    )

    def delays(self, lines: Sequence[Statement]) -> tuple[InterfaceDelays, ...]:
        """The lines of interface_up_down_delays: `IF DOWN [UP]`; the last of an interface counts."""
        found: dict[str, InterfaceDelays] = {}
        for line in lines:
            name = line.words[0]
            if not self._is_name(line, 0):
                continue
            if len(line.words) == 1:
                self._report.error(
                    line.where(),
                    f"{shown(name)} has no delay and is left out; write IF DOWN_S [UP_S]",
                    "delay-missing",
                )
                continue
            self._surplus(line, 3)
            try:
                down_us, up_us = [seconds_us(word, 0, _DELAY_US_MAX) for word in line.words[1:3]] + [0] * (
                    len(line.words) == 2
                )
            except BadValue as problem:
                self._report.error(
                    line.where(1), f"the delay of {shown(name)} {problem}; the line is left out", problem.code
                )
                continue
            if name in found:
                self._report.warning(
                    line.where(),
                    f"interface {shown(name)} has delays twice, and the last count; remove one",
                    "delay-twice",
                )
            self._check.tell(line, [name], "delay")
            found[name] = InterfaceDelays(name, down_us / 1_000_000, up_us / 1_000_000)
        return tuple(found.values())

    def linkbeats(self, lines: Sequence[Statement]) -> tuple[Linkbeat, ...]:
        """The lines of linkbeat_interfaces: `IF [MII|ETHTOOL|IOCTL]`."""
        found: dict[str, Linkbeat] = {}
        for line in lines:
            name, method = line.words[0], line.words[1] if len(line.words) > 1 else None
            if not self._is_name(line, 0):
                continue
            self._surplus(line, 2)
            if method is not None and method not in _METHODS:
                self._report.error(
                    line.where(1),
                    f"{shown(method)} is not known after an interface and is ignored; write MII, ETHTOOL or IOCTL",
                    "linkbeat-method",
                )
                method = None
            self._check.tell(line, [name], "polling")
            found[name] = Linkbeat(name, method)
        return tuple(found.values())

    def garp_groups(self, blocks: Sequence[Statement]) -> tuple[GarpGroup, ...]:
        groups: list[GarpGroup] = []
        taken: set[str] = set()
        for block in blocks:
            group = self._garp_group(block, taken)
            if group is not None:
                groups.append(group)
                taken.update(group.interfaces)
        return tuple(groups)

    def _garp_group(self, block: Statement, taken: set[str]) -> GarpGroup | None:
        names: dict[str, None] = {}
        intervals: dict[str, float] = {}
        for statement in block.statements:
            keyword = statement.words[0]
            if keyword == "interface":
                self._garp_interface(statement, 1, names, taken)
            elif keyword == "interfaces":
                for line in statement.statements:
                    for at in range(len(line.words)):
                        self._garp_interface(line, at, names, taken)
            else:
                entry = INDEX["garp_group"][keyword]
                try:
                    intervals[keyword] = seconds_us(statement.words[1], entry.low_us, entry.high_us) / 1_000_000
                except BadValue as problem:
                    self._report.error(statement.where(1), f"{keyword} {problem}; it is ignored", problem.code)
        if not intervals or not names:
            lacking = "interval; add garp_interval or gna_interval" if names else "interface; add interface IF"
            if block.broken is None:
                self._report.error(
                    block.where(), f"garp_group has no {lacking}; the group is left out", "garp-group-incomplete"
                )
            return None
        return GarpGroup(
            interfaces=tuple(names),
            garp_interval_s=intervals.get("garp_interval"),
            gna_interval_s=intervals.get("gna_interval"),
            where=block.where(),
        )

    def _garp_interface(self, line: Statement, at: int, names: dict[str, None], taken: set[str]) -> None:
        name = line.words[at]
        if not self._is_name(line, at):
            return
        if name in taken or name in names:
            self._report.error(
                line.where(at),
                f"interface {shown(name)} is in a garp_group already; it stays there",
                "garp-interface-twice",
            )
            return
        self._check.tell(line, [name], "pace")
        names[name] = None

    def _is_name(self, line: Statement, at: int) -> bool:
        try:
            interface_name(line.words[at])
        except BadValue as problem:
            self._report.error(line.where(at), f"{problem}; it is left out", problem.code)
            return False
        return True

    def _surplus(self, line: Statement, most: int) -> None:
        if len(line.words) > most:
            rest = " ".join(shown(word) for word in line.words[most : most + 8])
            self._report.warning(
                line.where(most), f"{rest}: not known here and ignored; make it a comment with #", "line-words"
            )
