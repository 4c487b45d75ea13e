"""What a file says of itself: global_defs, and the words outside all blocks, to a GlobalDefs and to Defaults.

Most lines go by the table alone: it says what their argument is and which field it goes to. A field of Instance is a
default of all instances; the others are the file's own.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Callable, Sequence
from typing import Any

from pyvrrp import limits
from pyvrrp.config.commands import Commands
from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Report, shown
from pyvrrp.config.tuning import settle_announcements
from pyvrrp.config.values import BadValue, clamped, group, integer, namespace, seconds_us, setting
from pyvrrp.model import MULTICAST_GROUPS, Fifo, GlobalDefs, Instance, MailServer

_OF_INSTANCES = frozenset(field.name for field in dataclasses.fields(Instance))
_OF_THE_FILE = frozenset(field.name for field in dataclasses.fields(GlobalDefs))
_MIN_GARP = {
    "garp_master_delay_s": 0,
    "garp_master_repeat": 1,
    "garp_lower_prio_delay_s": 0,
    "garp_lower_prio_repeat": 1,
}
_TABLE_NAME_MAX = 250  # the kernel takes 255; a number may follow
_CHAIN_NAME_MAX = 28  # of iptables chains and ipsets
_CPUS_MAX = 8192  # CONFIG_NR_CPUS of the largest kernels


class Defaults:
    """What instances take from their file: global_defs and the interfaces that exist."""

    __slots__ = ("groups", "interfaces", "settings", "version")

    def __init__(
        self,
        *,
        version: int = 2,
        groups: dict[int, bytes] = MULTICAST_GROUPS,
        settings: dict[str, Any] | None = None,
        interfaces: frozenset[str] | None = None,
    ) -> None:
        """settings: fields of Instance that the file gives. interfaces: the names that exist, None: not known."""
        self.version = version
        self.groups = groups
        self.settings = settings or {}
        self.interfaces = interfaces


def apply_setting(statement: Statement, report: Report) -> tuple[str, Any] | None:
    """The field and the value of a line that goes by the table; None if it has no field, or is wrong (reported)."""
    keyword = statement.keyword
    assert keyword is not None
    try:
        value = setting(keyword, statement.words)
    except BadValue as problem:
        if keyword.default == "0" and keyword.low > 0 and not statement.words[1].strip("0."):
            report.warning(
                statement.where(1),
                f"{keyword.name} 0 is what there is without the line; remove it",
                "zero-is-default",
            )
            return None
        if not keyword.clamps or (value := clamped(keyword, statement.words[1])) is None:
            report.error(statement.where(1), f"{keyword.name} {problem}; the line is ignored", problem.code)
            return None
        report.error(statement.where(1), f"{keyword.name} {problem}; {value} is used", problem.code)
    return (keyword.field, value) if keyword.field else None


class GlobalReader:
    """Reads the lines, in the order of the file; the last of a kind counts."""

    def __init__(self, host_name: str, commands: Commands, report: Report) -> None:
        self._report = report
        self._commands = commands
        self._file: dict[str, Any] = {"router_id": host_name}
        self._instances: dict[str, Any] = {}
        self._groups = dict(MULTICAST_GROUPS)
        self._min_garp = False
        self._smtp_alerts: dict[str, bool] = {}     # by keyword
        self.script_user: tuple[str, str | None] | None = None

    def read(self, statements: Sequence[Statement]) -> None:
        """Lines of global_defs, or lines outside all blocks."""
        for statement in statements:
            own = _READ.get(statement.words[0])
            if own is not None:
                own(self, statement)
            elif (found := apply_setting(statement, self._report)) is not None:
                self._set(*found)

    def _set(self, field: str, value: Any) -> None:
        if field in _OF_INSTANCES:
            self._instances[field] = value
        elif field in _OF_THE_FILE:
            self._file[field] = value
        else:
            assert field == "min_garp", field
            self._min_garp = value

    @property
    def net_namespace(self) -> str:
        """That of the file; "": the daemon's."""
        return str(self._file.get("net_namespace", ""))

    @property
    def smtp_alert(self) -> bool:
        """Of instances and groups that do not say."""
        return self._smtp_alerts.get("smtp_alert_vrrp", self._smtp_alerts.get("smtp_alert", False))

    def defaults(self, interfaces: frozenset[str] | None) -> Defaults:
        settings = dict(self._instances)
        version = settings.pop("version", 2)
        if "net_namespace" in self._file:
            settings["net_namespace"] = self._file["net_namespace"]
        settings["smtp_alert"] = self.smtp_alert
        if self._min_garp:  # for what has keepalived's own defaults, however the lines are ordered
            given = {field: value for field, value in settings.items() if value != _GARP_DEFAULTS.get(field)}
            settings |= _MIN_GARP | given
        settle_announcements(settings)
        return Defaults(version=version, groups=self._groups, settings=settings, interfaces=interfaces)

    def finish(self, script_user: str | None, script_group: str | None) -> GlobalDefs:
        return GlobalDefs(script_user=script_user, script_group=script_group, **self._file)

    # One method for each keyword that the table alone does not settle

    def _on_script_user(self, statement: Statement) -> None:
        self.script_user = self._commands.account(statement, "scripts that do not name their own")

    def _on_fifo(self, statement: Statement) -> None:
        name = statement.words[0]
        path, user, group = [*statement.words[1:4], None, None][:3]
        assert path is not None
        if problem := self._commands.account_problem(user, group):
            self._report.error(
                statement.where(2), f"{name}: {problem}, so it is not used; create it first", "fifo-account"
            )
        elif self._is_first(statement):
            other = next((fifo for word in _FIFOS if (fifo := self._file.get(word)) is not None), None)
            if other is not None and other.path == path:
                self._report.error(
                    statement.where(1),
                    f"{name}: {shown(path)} is {_FIFOS[name]} already, which gets the same lines; remove this line",
                    "fifo-twice",
                )
            else:
                self._file[name] = Fifo(path, user or "", group or "")

    def _on_command(self, statement: Statement) -> None:
        command = self._commands.notify(statement)
        if command is not None and self._is_first(statement):
            self._file[statement.words[0]] = command

    def _is_first(self, statement: Statement) -> bool:
        """Of FIFOs and their scripts the first counts, as under keepalived; another is reported."""
        name = statement.words[0]
        if name not in self._file:
            return True
        self._report.error(
            statement.where(), f"{name} was given before, and the first counts; remove this one", "given-before"
        )
        return False

    def _on_recipients(self, statement: Statement) -> None:
        words = [word for line in statement.statements for word in line.words]
        self._file["notification_email"] = tuple(dict.fromkeys((*self._file.get("notification_email", ()), *words)))

    def _on_sender(self, statement: Statement) -> None:
        self._file["notification_email_from"] = statement.words[1]

    def _on_smtp_alert(self, statement: Statement) -> None:
        try:
            assert statement.keyword is not None
            self._smtp_alerts[statement.words[0]] = setting(statement.keyword, statement.words)
        except BadValue as problem:
            self._bad(statement, problem)

    def _on_group(self, statement: Statement) -> None:
        family = int(statement.words[0][-1])
        try:
            found = group(statement.words[1])
            if len(found) != (4 if family == 4 else 16):
                raise BadValue(f"{shown(statement.words[1])} is not an IPv{family} address; write one", "group-family")
        except BadValue as problem:
            self._bad(statement, problem)
            return
        if family == 6 and found[1] & 0x0F != 2:
            self._report.warning(
                statement.where(1),
                f"{shown(statement.words[1])} is not of link-local scope, so adverts may be forwarded; "
                "write one of ff02::/16",
                "group-scope-wide",
            )
        self._groups[family] = found

    def _on_net_namespace(self, statement: Statement) -> None:
        try:
            self._file["net_namespace"] = namespace(statement.words[1])
        except BadValue as problem:
            self._bad(statement, problem)

    def _on_cpu_affinity(self, statement: Statement) -> None:
        cpus = []
        for i, word in enumerate(statement.words[1:], 1):
            try:
                cpus.append(integer(word, 0, _CPUS_MAX - 1))
            except BadValue as problem:
                self._report.error(
                    statement.where(i), f"{statement.words[0]} {problem}; the CPU is left out", problem.code
                )
        self._file["cpu_affinity"] = tuple(sorted(set(cpus)))

    def _on_netlink_buffer(self, statement: Statement) -> None:
        found = apply_setting(statement, self._report)
        if found is not None:
            self._set(*found)
            if found[1] > limits.NETLINK_RCVBUF:
                self._report.warning(
                    statement.where(1),
                    f"pyvrrp's netlink sockets have {limits.NETLINK_RCVBUF} bytes, not {found[1]}; all else is used",
                    "netlink-buffer",
                )

    def _on_umask(self, statement: Statement) -> None:
        try:
            self._file["umask"] = _umask(statement.words[1])
        except BadValue as problem:
            self._bad(statement, problem)

    def _on_http(self, statement: Statement) -> None:
        _, address, port = statement.words[:3]
        try:
            ipaddress.ip_address(address)
        except ValueError:
            self._bad(
                statement, BadValue(f"{shown(address)} is not an IP address; write one of this host", "not-an-address")
            )
            return
        if not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535):
            self._bad(statement, BadValue(f"{shown(port)} is not a port in 1..65535; write a free one", "port"))
            return
        self._file["http"] = (address, int(port))

    def _on_extra_if(self, statement: Statement) -> None:
        found = extra_if(statement, 1, self._report)
        if found is not None:
            self._instances["garp_extra_if_s"], self._instances["garp_extra_if_all"] = found

    def _on_min_interval(self, statement: Statement) -> None:
        found = min_interval_cs(statement, self._report)
        if found is not None:
            self._instances["min_interval_cs"] = found

    def _on_rx_policy(self, statement: Statement) -> None:
        word = statement.words[1]
        if word.upper() not in {"MTU", "ADVERT"}:
            try:
                integer(word, 1, 0x7FFFFFFF)
            except BadValue:
                self._bad(
                    statement,
                    BadValue(f"{shown(word)} is not MTU, ADVERT or a number of bytes; write one", "buffer-policy"),
                )

    def _on_smtp_server(self, statement: Statement) -> None:
        port = 25
        if len(statement.words) > 2:
            try:
                port = integer(statement.words[2], 1, 65535)
            except BadValue as problem:
                self._bad(statement, problem, 2)
                return
        self._file["smtp_server"] = MailServer(statement.words[1], port)

    def _on_nftables(self, statement: Statement) -> None:
        if len(statement.words) > 1:
            name = statement.words[1]
            if len(name.encode(errors="surrogateescape")) > _TABLE_NAME_MAX:
                self._bad(
                    statement,
                    BadValue(f"{shown(name)} is too long; write at most {_TABLE_NAME_MAX} characters", "too-long"),
                )
            else:
                self._file["nftables"] = name

    def _on_tables(self, statement: Statement) -> None:
        for i, word in enumerate(statement.words[1:], 1):
            if len(word) > _CHAIN_NAME_MAX:
                self._bad(
                    statement,
                    BadValue(f"{shown(word)} is too long; write at most {_CHAIN_NAME_MAX} characters", "too-long"),
                    i,
                )

    def _bad(self, statement: Statement, problem: BadValue, at: int = 1) -> None:
        self._report.error(statement.where(at), f"{statement.words[0]} {problem}; the line is ignored", problem.code)


_FIFOS = {"notify_fifo": "vrrp_notify_fifo", "vrrp_notify_fifo": "notify_fifo"}  # each, and the other one
_GARP_DEFAULTS = {"garp_master_delay_s": 5, "garp_master_repeat": 5}


def extra_if(statement: Statement, low: int, report: Report) -> tuple[int, bool] | None:
    """The seconds of `[all] N`, and whether `all` stands there; None if it is wrong (reported)."""
    words = statement.words
    is_all = words[1] == "all"
    at = 2 if is_all else 1
    try:
        if at == len(words):
            raise BadValue("all lacks its seconds; write a number after it", "extra-if-seconds")
        seconds = integer(words[at], low, 86400)
        if len(words) > at + 1:
            raise BadValue(f"{shown(words[at + 1])} is one word too many; remove it", "one-word-too-many")
    except BadValue as problem:
        report.error(
            statement.where(min(at, len(words) - 1)), f"{words[0]} {problem}; the line is ignored", problem.code
        )
        return None
    if statement.keyword is not None and statement.keyword.alias:
        report.warning(statement.where(), f"{words[0]} is an old word; write {statement.keyword.alias}", "old-word")
    return seconds, is_all


def min_interval_cs(statement: Statement, report: Report) -> int | None:
    """Seconds in steps of 10 ms, as an advert has them; None if they are wrong (reported)."""
    keyword = statement.keyword
    assert keyword is not None
    try:
        us = seconds_us(statement.words[1], keyword.low_us, keyword.high_us)
        if us % 10_000:
            raise BadValue(f"{shown(statement.words[1])} is finer than 0.01 s; write a multiple of it", "interval-fine")
    except BadValue as problem:
        report.error(statement.where(1), f"{keyword.name} {problem}; the line is ignored", problem.code)
        return None
    return us // 10_000


_UMASK_BITS = {
    f"I{what}{who}": bit << shift
    for shift, who in ((6, "USR"), (3, "GRP"), (0, "OTH"))
    for what, bit in (("R", 4), ("W", 2), ("X", 1))
} | {"IRWXU": 0o700, "IRWXG": 0o070, "IRWXO": 0o007}


def _umask(word: str) -> int:
    """A number as C writes it (0177, 0x7f, 127), or names of <sys/stat.h> joined by |."""
    if word[:1].isdigit():
        try:
            base = 16 if word[:2].lower() == "0x" else 8 if word[0] == "0" else 10
            value = int(word, base) if word.isascii() and "_" not in word else -1
        except ValueError:
            value = -1
        if 0 <= value <= 0o777:
            return value
        raise BadValue(f"{shown(word)} is not a number up to 0777; write one", "umask-number")
    value = 0
    for name in word.split("|"):
        bits = _UMASK_BITS.get(name.strip())
        if bits is None:
            raise BadValue(
                f"{shown(name)} is not a permission; write names as IRGRP joined by |, or a number", "umask-name"
            )
        value |= bits
    return value


_READ: dict[str, Callable[[GlobalReader, Statement], None]] = {
    "script_user": GlobalReader._on_script_user,
    "notify_fifo": GlobalReader._on_fifo,
    "vrrp_notify_fifo": GlobalReader._on_fifo,
    "notify_fifo_script": GlobalReader._on_command,
    "vrrp_notify_fifo_script": GlobalReader._on_command,
    "startup_script": GlobalReader._on_command,
    "shutdown_script": GlobalReader._on_command,
    "vrrp_mcast_group4": GlobalReader._on_group,
    "vrrp_mcast_group6": GlobalReader._on_group,
    "net_namespace": GlobalReader._on_net_namespace,
    "vrrp_cpu_affinity": GlobalReader._on_cpu_affinity,
    "vrrp_netlink_cmd_rcv_bufs": GlobalReader._on_netlink_buffer,
    "vrrp_netlink_monitor_rcv_bufs": GlobalReader._on_netlink_buffer,
    "umask": GlobalReader._on_umask,
    "vrrp_garp_extra_if": GlobalReader._on_extra_if,
    "vrrp_vmac_garp_intvl": GlobalReader._on_extra_if,
    "pyvrrp_min_interval": GlobalReader._on_min_interval,
    "pyvrrp_http": GlobalReader._on_http,
    "vrrp_rx_bufs_policy": GlobalReader._on_rx_policy,
    "smtp_server": GlobalReader._on_smtp_server,
    "smtp_alert": GlobalReader._on_smtp_alert,
    "smtp_alert_vrrp": GlobalReader._on_smtp_alert,
    "notification_email": GlobalReader._on_recipients,
    "notification_email_from": GlobalReader._on_sender,
    "nftables": GlobalReader._on_nftables,
    "vrrp_iptables": GlobalReader._on_tables,
    "vrrp_ipsets": GlobalReader._on_tables,
}
