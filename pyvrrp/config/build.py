"""The tree of a file to a Configuration.

Two passes, so that the order of blocks never matters: first every block is found and global_defs read, then
scripts, instances and groups are made. Last come the checks between instances: names, VRIDs, sync groups.
"""

from __future__ import annotations

import pwd
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pyvrrp.config.commands import Commands
from pyvrrp.config.global_defs import GlobalReader, apply_setting
from pyvrrp.config.hints import process_looked_for
from pyvrrp.config.instance import RefusedInstance, build_instance
from pyvrrp.config.keywords import INDEX, Kind
from pyvrrp.config.named import named
from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Report, shown
from pyvrrp.config.static import RoutingReader, StaticReader
from pyvrrp.config.trackable import Trackables
from pyvrrp.config.trackers import Defined, NotifyReader, TrackerReader, read_weight
from pyvrrp.config.values import BadValue, integer, seconds_us
from pyvrrp.model import (
    Command,
    Configuration,
    GlobalDefs,
    Instance,
    Refused,
    SyncGroup,
    Tracked,
    TrackScript,
)

_DEFAULT_SCRIPT_USER = "keepalived_script"


# Why enable_script_security forbids a command; None: it does not.
WhyUnsafe = Callable[[Command, GlobalDefs], str | None]


def build(
    statements: Sequence[Statement],
    *,
    host_name: str,
    interfaces: frozenset[str] | None,
    report: Report,
    why_unsafe: WhyUnsafe | None = None,
) -> Configuration:
    """Make the configuration. interfaces: the names that exist, None: do not check. why_unsafe: None: do not ask."""
    return _Builder(host_name, interfaces, report, why_unsafe).build(statements)


class _Builder:
    def __init__(
        self, host_name: str, interfaces: frozenset[str] | None, report: Report, why_unsafe: WhyUnsafe | None
    ) -> None:
        self._report = report
        self._why_unsafe = why_unsafe
        self._interfaces = interfaces
        self._commands = Commands(report)
        self._globals = GlobalReader(host_name, self._commands, report)
        self._routing = RoutingReader(interfaces, report)
        self._refused: list[Refused] = []

    def build(self, statements: Sequence[Statement]) -> Configuration:
        blocks: dict[str, list[Statement]] = {name: [] for name in INDEX[""]}
        for statement in statements:
            if statement.keyword is not None and statement.keyword.is_block:
                blocks[statement.keyword.alias or statement.keyword.name].append(statement)
            else:
                self._globals.read([statement])
        for statement in blocks["global_defs"]:
            self._globals.read(statement.statements)
        if self._globals.net_namespace:
            self._interfaces = None  # those that are known are of another one
        scripts = self._scripts(blocks["vrrp_script"])
        trackables = Trackables(self._report)
        trackers = TrackerReader(
            self._interfaces,
            self._report,
            Defined("vrrp_script", {script.name: script for script in scripts}, {}),
            trackables.read_files(blocks["track_file"]),
            trackables.read_processes(blocks["vrrp_track_process"]),
        )
        instances = self._without_clashes(self._instances(blocks["vrrp_instance"], trackers))
        self._hint_at_dropped(instances)
        groups = self._groups(blocks["vrrp_sync_group"], trackers, instances)
        user, group = self._globals.script_user or (_default_script_user(), None)
        defs = self._globals.finish(user, group)
        names = frozenset(block.words[1] for block in blocks["vrrp_instance"] if len(block.words) > 1)
        if self._why_unsafe is not None and defs.enable_script_security:
            why_unsafe = self._why_unsafe
            self._commands.examine(lambda command: why_unsafe(command, defs))
        static = StaticReader(self._interfaces, names, self._routing, self._report)
        track_groups = static.track_groups(blocks["track_group"])
        return Configuration(
            global_defs=defs,
            scripts=tuple(scripts),
            groups=tuple(groups),
            instances=tuple(self._in_groups(instances, groups, blocks["vrrp_instance"])),
            refused=tuple(self._refused),
            track_files=tuple(trackables.files.values()),
            track_processes=tuple(trackables.processes.values()),
            static_addresses=static.addresses(
                _entries(blocks["static_ipaddress"]), defs.default_interface, track_groups
            ),
            static_routes=static.routes(_entries(blocks["static_routes"]), track_groups),
            static_rules=static.rules(_entries(blocks["static_rules"]), track_groups),
            track_groups=track_groups,
            interface_delays=static.delays(_entries(blocks["interface_up_down_delays"])),
            linkbeats=static.linkbeats(_entries(blocks["linkbeat_interfaces"])),
            garp_groups=static.garp_groups(blocks["garp_group"]),
        )

    # vrrp_script

    def _scripts(self, blocks: Sequence[Statement]) -> list[TrackScript]:
        return [self._script(block) for _, block in named(blocks, self._report)]

    def _script(self, block: Statement) -> TrackScript:
        command: Command | None = None
        account: tuple[str, str | None] | None = None
        interval_s: float = 1.0
        timeout_s: float | None = None
        weight, rise, fall = 0, 1, 1
        reverse = init_fail = False
        line: Statement | None = None
        for statement in block.statements:
            name = statement.words[0]
            if name == "script":
                line, command = statement, self._commands.script(statement)
            elif name == "interval":
                interval_s = self._seconds(statement, interval_s)
            elif name == "timeout":
                timeout_s = self._seconds(statement, timeout_s or interval_s)
            elif name == "weight":
                read = read_weight(statement.words[1:3], statement, 1, self._report)
                if read is not None:
                    weight, reverse = read.number, bool(read.reverse)
            elif name == "init_fail":
                init_fail = True
            elif name == "rise":
                rise = self._integer(statement, "vrrp_script", rise)
            elif name == "fall":
                fall = self._integer(statement, "vrrp_script", fall)
            elif name == "user":
                account = self._commands.account(statement, "runs of this script")
        if line is None and block.broken is None:
            self._report.error(
                block.where(),
                f'{block.title} has no script, so it counts as failed; add script "COMMAND" to it',
                "script-without-command",
            )
        if command is not None and account is not None:
            command = replace(command, user=account[0], group=account[1])
        if line is not None and command is not None:
            self._commands.note(line, command)
            if (process := process_looked_for(command.argv)) is not None:
                self._report.hint(
                    line.where(1),
                    f"script: this looks through all processes every {interval_s:g} s; a vrrp_track_process with "
                    f"`process {process}`, tracked in track_process, is told at once and runs nothing",
                    "script-for-process",
                )
        return TrackScript(
            name=block.words[1],
            command=command,
            interval_s=interval_s,
            timeout_s=interval_s if timeout_s is None else timeout_s,
            weight=weight,
            rise=rise,
            fall=fall,
            reverse=reverse,
            init_fail=init_fail,
            where=block.where(),
        )

    def _seconds(self, statement: Statement, default_s: float) -> float:
        keyword = INDEX["vrrp_script"][statement.words[0]]
        try:
            us = seconds_us(statement.words[1], keyword.low_us, keyword.high_us)
        except BadValue as problem:
            self._report.error(
                statement.where(1), f"{statement.words[0]} {problem}; {default_s:g} is used", problem.code
            )
            return default_s
        if us == 0:
            self._report.warning(
                statement.where(1), f"{statement.words[0]} cannot be 0; 1 is used, write that", "script-time-zero"
            )
            return 1.0
        if us % 1000:  # keepalived counts these in milliseconds
            us = max(us // 1000, 1) * 1000
            self._report.error(
                statement.where(1),
                f"{statement.words[0]} {shown(statement.words[1])} is finer than a millisecond; {us / 1e6:g} is used",
                "script-time-fine",
            )
        return us / 1_000_000

    def _integer(self, statement: Statement, block: str, default: int) -> int:
        keyword = INDEX[block][statement.words[0]]
        try:
            return integer(statement.words[1], int(keyword.low), int(keyword.high))
        except BadValue as problem:
            self._report.error(statement.where(1), f"{statement.words[0]} {problem}; {default} is used", problem.code)
            return default

    # vrrp_instance

    def _instances(self, blocks: Sequence[Statement], trackers: TrackerReader) -> list[Instance]:
        defaults = self._globals.defaults(self._interfaces)
        instances = []
        seen: dict[str, Statement] = {}
        for block in blocks:
            if len(block.words) < 2:
                self._refused.append(Refused("", block.where(), "it has no name"))  # reported by the parser
                continue
            name = block.words[1]
            if name in seen:
                first = seen[name]
                self._refuse(
                    name,
                    RefusedInstance(
                        block.where(1),
                        f"the name {shown(name)} is taken by the instance in {first.file}:{first.line}; pick another",
                        "instance-name-twice",
                    ),
                )
                continue
            seen[name] = block
            try:
                instances.append(
                    build_instance(block, name, defaults, trackers, self._routing, self._commands, self._report)
                )
            except RefusedInstance as refusal:
                self._refuse(name, refusal)
        return instances

    def _refuse(self, name: str, refusal: RefusedInstance) -> None:
        self._refused.append(Refused(name, refusal.where, str(refusal)))
        if not refusal.is_told:
            self._report.error(refusal.where, f"{refusal}; vrrp_instance {shown(name)} is not run", refusal.code)

    def _hint_at_dropped(self, instances: list[Instance]) -> None:
        """The commonest surprise of strict mode: the addresses answer nobody. Told once for all instances."""
        one = next((instance for instance in instances if instance.strict and instance.is_filtered), None)
        if one is not None:
            self._report.hint(
                one.where,
                "in strict mode this host drops packets to the addresses of an instance, pings too; where they must "
                "be reached, leave strict mode, or with version 3 write accept in the instance",
                "addresses-dropped",
            )

    def _without_clashes(self, instances: list[Instance]) -> list[Instance]:
        """Refuse the later of two instances whose adverts could not be told apart.

        The same VRID may be used in different namespaces, on different interfaces, by unicast beside multicast, from
        different sources, and to different peers. `taken` maps what is heard to the interfaces it is heard on; "" is
        any.
        """
        taken: dict[tuple[object, ...], dict[str, Instance]] = {}
        kept = []
        for instance in instances:
            heard: list[tuple[object, ...]]
            own = instance.net_namespace, instance.vrid, instance.family
            if instance.peers:
                heard = [(*own, instance.source, peer) for peer in instance.peers]
            else:
                heard = [(*own, instance.group)]
            other = next((o for key in heard if (o := _heard_by(taken.get(key), instance.interface))), None)
            if other is not None:
                where = f" on {instance.interface}" if instance.interface else ""
                same = "with the same source and peer" if instance.peers else "by multicast"
                todo = "pick a free id in 1..255"
                if not instance.peers and all(
                    _heard_by(taken.get((own[0], vrid, *own[2:], instance.group)), instance.interface)
                    for vrid in range(1, 256)
                ):
                    todo = "all of 1..255 are used there; with unicast_peer one may be used for each pair of addresses"
                self._refuse(
                    instance.name,
                    RefusedInstance(
                        instance.where,
                        f"virtual_router_id {instance.vrid} is used{where} {same} "
                        f"by vrrp_instance {shown(other.name)} "
                        f"({other.where}); {todo}",
                        "vrid-clash",
                    ),
                )
                continue
            for key in heard:
                taken.setdefault(key, {})[instance.interface] = instance
            kept.append(instance)
        return kept

    # vrrp_sync_group

    def _groups(
        self, blocks: Sequence[Statement], trackers: TrackerReader, instances: Sequence[Instance]
    ) -> list[SyncGroup]:
        running = {instance.name for instance in instances}
        refused = {entry.name for entry in self._refused}
        group_of: dict[str, str] = {}
        groups = []
        for name, block in named(blocks, self._report):
            group = self._group(block, name, trackers, running, refused, group_of)
            if group is not None:
                groups.append(group)
        return groups

    def _group(
        self,
        block: Statement,
        name: str,
        trackers: TrackerReader,
        running: set[str],
        refused: set[str],
        group_of: dict[str, str],
    ) -> SyncGroup | None:
        members: list[str] = []
        notify = NotifyReader(self._commands, self._report)
        settings: dict[str, Any] = {"smtp_alert": self._globals.smtp_alert}
        track_interface: list[Statement] = []
        track_script: list[Statement] = []
        track_file: list[Statement] = []
        track_process: list[Statement] = []
        for statement in block.statements:
            keyword = statement.words[0]
            if keyword == "group":
                for line in statement.statements:
                    for i in range(len(line.words)):
                        self._member(line, i, name, members, running, refused, group_of)
            elif keyword == "track_interface":
                track_interface += statement.statements
            elif keyword == "track_script":
                track_script += statement.statements
            elif keyword == "track_file":
                track_file += statement.statements
            elif keyword == "track_process":
                track_process += statement.statements
            elif statement.keyword is not None and statement.keyword.kind is Kind.COMMAND:
                notify.read(statement)
            elif (found := apply_setting(statement, self._report)) is not None:
                settings.update([found])
                if keyword == "global_tracking":
                    self._report.warning(
                        statement.where(), f"{keyword} is an old word; write sync_group_tracking_weight",
                        "old-word"
                    )
        if not members:
            self._report.error(
                block.where(),
                f"{block.title} has no member that runs and does nothing; name its instances in group {{ }}",
                "group-without-member",
            )
            return None
        if len(members) == 1:
            self._report.warning(
                block.where(), f"{block.title} has one member only; name at least two in group {{ }}", "group-of-one"
            )
        return SyncGroup(
            name=name,
            members=tuple(members),
            track_interfaces=trackers.interfaces(track_interface),
            track_scripts=trackers.scripts(track_script),
            track_files=trackers.files(track_file),
            track_processes=trackers.processes(track_process),
            notify=notify.finish(),
            where=block.where(),
            **settings,
        )

    def _member(
        self,
        line: Statement,
        i: int,
        group: str,
        members: list[str],
        running: set[str],
        refused: set[str],
        group_of: dict[str, str],
    ) -> None:
        name = line.words[i]
        if name in group_of:
            taken = group_of[name]
            where = "this group" if taken == group else f"vrrp_sync_group {shown(taken)}"
            self._report.error(
                line.where(i),
                f"vrrp_instance {shown(name)} is already in {where}; it stays there, remove it here",
                "member-of-two-groups",
            )
        elif name in running:
            group_of[name] = group
            members.append(name)
        elif name in refused:
            self._report.error(
                line.where(i),
                f"vrrp_instance {shown(name)} is not run, so the group goes without it; mend the instance",
                "group-member-not-run",
            )
        else:
            self._report.error(
                line.where(i),
                f"there is no vrrp_instance {shown(name)}, it is left out; add it, or correct the name",
                "unknown-instance",
            )

    def _in_groups(
        self, instances: Sequence[Instance], groups: Sequence[SyncGroup], blocks: Sequence[Statement]
    ) -> list[Instance]:
        """What a group says for its members. They do not have weights of their own, unless it says so: their
        priorities would part.
        """
        if not groups:
            return list(instances)
        group_of = {member: group for group in groups for member in group.members}
        own_word = {
            block.words[1]
            for block in blocks
            if len(block.words) > 1 and any(line.words[0] == "notify_priority_changes" for line in block.statements)
        }
        found = []
        for instance in instances:
            group = group_of.get(instance.name)
            if group is not None:
                instance = self._member_of(instance, group)
                tells = group.notify_priority_changes
                if tells is not None and instance.name not in own_word:
                    instance = replace(instance, notify_priority_changes=tells)
            found.append(instance)
        return found

    def _member_of(self, instance: Instance, group: SyncGroup) -> Instance:
        title = f"vrrp_instance {shown(instance.name)}"
        own = {kind: getattr(instance, kind) for kind in _TRACKED}
        for kind, trackers in own.items():
            for tracked in trackers:
                if tracked.weight and not group.own_weights:
                    gone = "it is not tracked" if _as_member(kind, tracked) is None else "it is tracked without"
                    self._report.error(
                        instance.where,
                        f"{title} tracks {shown(tracked.name)} with a weight "
                        f"inside vrrp_sync_group {shown(group.name)}; {gone}, move the tracker to the group "
                        "or add sync_group_tracking_weight to it",
                        "weight-in-group",
                    )
            for tracked in getattr(group, kind):
                if any(tracked.name == one.name for one in trackers):
                    self._report.warning(
                        instance.where,
                        f"{title} and vrrp_sync_group {shown(group.name)} both track {shown(tracked.name)}; "
                        "once is enough",
                        "tracked-in-group",
                    )
        if group.own_weights or not any(tracked.weight for trackers in own.values() for tracked in trackers):
            return instance
        kept: dict[str, Any] = {
            kind: tuple(one for tracked in trackers if (one := _as_member(kind, tracked)) is not None)
            for kind, trackers in own.items()
        }
        return replace(instance, **kept)


_TRACKED = ("track_scripts", "track_interfaces", "track_files", "track_processes")
_FILE_WEIGHT = 1  # of a track_file that names none: nobody asked for it


def _as_member(kind: str, tracked: Tracked) -> Tracked | None:
    """What a member of a sync group tracks of its own: nothing with a weight, as under keepalived (Y4)."""
    if not tracked.weight:
        return tracked
    if kind == "track_interfaces" or (kind == "track_files" and tracked.weight == _FILE_WEIGHT):
        return tracked._replace(weight=0)
    return None


def _entries(blocks: Sequence[Statement]) -> list[Statement]:
    """The lines of all blocks of one keyword."""
    return [line for block in blocks for line in block.statements]


def _heard_by(on: dict[str, Instance] | None, interface: str) -> Instance | None:
    """The instance that hears the same on this interface; "" is any interface."""
    if not on:
        return None
    if interface in on:
        return on[interface]
    if interface == "":
        return next(iter(on.values()))
    return on.get("")


def _default_script_user() -> str | None:
    """keepalived_script if there is such a user, as under keepalived; else None, the daemon's user."""
    try:
        return pwd.getpwnam(_DEFAULT_SCRIPT_USER).pw_name
    except KeyError:
        return None
