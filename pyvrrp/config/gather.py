"""The lines of one vrrp_instance, each by itself: what it says, and what is wrong with that line alone.

What several lines come to together is in instance.py. A fault that refuses the instance does not end the reading, so
that its other faults are told in the same run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from pyvrrp import limits
from pyvrrp.config.addresses import INTERFACE_NAME_MAX, read_host, read_peer, show
from pyvrrp.config.commands import Commands
from pyvrrp.config.global_defs import Defaults, apply_setting, extra_if, min_interval_cs
from pyvrrp.config.keywords import INDEX, Keyword
from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Report, shown
from pyvrrp.config.trackers import NotifyReader
from pyvrrp.config.values import BadValue, address, group, integer, namespace, seconds_us
from pyvrrp.config.vmac import read_use_vmac
from pyvrrp.model import State, Where


class Gathered:
    """What the statements of an instance say, in the order of the file; of most keywords the last counts."""

    def __init__(
        self,
        block: Statement,
        name: str,
        defaults: Defaults,
        commands: Commands,
        report: Report,
    ) -> None:
        self.block = block
        self.name = name
        self._report = report
        self.notify = NotifyReader(commands, report)
        self.refusal: tuple[Where, str] | None = block.broken
        self.refusal_code = "argument-missing"
        self.state: State | None = None
        self.interface = ""
        self.interface_line: Statement | None = None
        self.vrid = 0
        self.priority: int | None = None
        self.version = 0
        self.interval_us = 1_000_000
        self.interval_line: Statement | None = None
        self.nopreempt: Statement | None = None
        self.source: bytes | None = None
        self.source_line: Statement | None = None
        self.unicast: Statement | None = None  # a line that asks for unicast
        self.group = b""
        self.group_line: Statement | None = None
        self.family = 0
        self.peers: list[bytes] = []
        self.peer_ttls: list[tuple[int, int]] = []
        self.settings: dict[str, Any] = dict(defaults.settings)  # fields of Instance that are given
        self.own: dict[str, Statement] = {}  # by field: the instance's own line for it
        self.auth: list[Statement] = []  # several blocks count as one
        self.vip_lines: list[Statement] = []
        self.excluded_lines: list[Statement] = []
        self.track_interface: list[Statement] = []
        self.track_script: list[Statement] = []
        self.track_file: list[Statement] = []
        self.track_process: list[Statement] = []
        self.route_lines: list[Statement] = []
        self.rule_lines: list[Statement] = []

    def read(self) -> None:
        """Take every statement of the block."""
        for statement in self.block.statements:
            read = _READ.get(statement.words[0])
            if read is not None:
                read(self, statement)
            elif (found := apply_setting(statement, self._report)) is not None:
                field, self.settings[field] = found
                self.own[field] = statement

    # One method for each keyword

    def _on_state(self, statement: Statement) -> None:
        word = statement.words[1]
        if word not in {"MASTER", "BACKUP"}:
            advice = "write it in capitals" if word.upper() in {"MASTER", "BACKUP"} else "write that"
            said = f"state {shown(word)} is not MASTER or BACKUP; BACKUP is used, {advice}"
            self._report.error(statement.where(1), said, "state-unknown")
            word = "BACKUP"
        if self.state is State.MASTER:
            if word == "BACKUP":
                self._report.warning(
                    statement.where(),
                    "state MASTER was given before and stays; remove one of them",
                    "state-given-before",
                )
            return
        self.state = State[word]

    def _on_interface(self, statement: Statement) -> None:
        name = statement.words[1]
        if len(name.encode()) > INTERFACE_NAME_MAX or "/" in name:
            self.refuse(
                statement.where(1),
                f"interface {shown(name)} cannot be a name; it has at most 15 characters and no /",
                "instance-interface-name",
            )
        self.interface, self.interface_line = name, statement

    def _on_virtual_router_id(self, statement: Statement) -> None:
        try:
            self.vrid = _integer(statement)
        except BadValue as problem:
            self.vrid = -1
            text = str(problem).replace("write a number in", "pick a free id in")
            self.refuse(statement.where(1), f"virtual_router_id {text}", problem.code)

    def _on_priority(self, statement: Statement) -> None:
        try:
            self.priority = _integer(statement)
        except BadValue as problem:
            self.priority = 100
            self._report.error(statement.where(1), f"priority {problem}; 100 is used", problem.code)

    def _on_version(self, statement: Statement) -> None:
        if self.version:
            self._report.warning(
                statement.where(),
                f"{statement.words[0]} was given before, and the first counts; remove this one",
                "given-before",
            )
            return
        try:
            self.version = _integer(statement)
        except BadValue as problem:
            self._report.error(statement.where(1), f"version {problem}; the default is used", problem.code)

    def _on_advert_int(self, statement: Statement) -> None:
        keyword = _keyword(statement)
        try:
            self.interval_us = seconds_us(statement.words[1], keyword.low_us, keyword.high_us)
            self.interval_line = statement
        except BadValue as problem:
            self._report.error(
                statement.where(1), f"advert_int {problem}; {self.interval_us / 1e6:g} is used", problem.code
            )

    def _on_preempt(self, _statement: Statement) -> None:
        self.nopreempt = None

    def _on_nopreempt(self, statement: Statement) -> None:
        self.nopreempt = statement

    def _on_source(self, statement: Statement) -> None:
        if statement.words[0] == "unicast_src_ip":
            self.unicast = self.unicast or statement
        try:
            source = read_host(statement, 1, self._report)
        except BadValue as problem:
            self._report.error(statement.where(1), f"{statement.words[0]} {problem}; it is ignored", problem.code)
            return
        if self.fits_family(source, statement, statement.words[0]):
            self.source, self.source_line = source, statement

    def _on_unicast_peer(self, statement: Statement) -> None:
        self.unicast = statement
        for line in statement.statements:
            found = read_peer(line, self._report)
            if found is None or not self.fits_family(found[0], line, "peer"):
                continue
            peer, ttls = found
            if peer in self.peers:
                self._report.warning(line.where(), f"peer {show(peer)} is listed twice; remove one", "peer-twice")
            elif len(self.peers) == limits.PEERS_MAX:
                self._report.error(
                    line.where(), f"more than {limits.PEERS_MAX} peers; this one is left out, remove it", "peers-many"
                )
            else:
                self.peers.append(peer)
                self.peer_ttls.append(ttls)

    def _on_mcast_dst_ip(self, statement: Statement) -> None:
        try:
            found = group(statement.words[1])
            if len(found) == 16 and found[1] & 0x0F != 2:
                raise BadValue(
                    f"{shown(statement.words[1])} is not of link-local scope; write one of ff02::/16", "group-scope"
                )
        except BadValue as problem:
            self._report.error(statement.where(1), f"mcast_dst_ip {problem}; the line is ignored", problem.code)
            return
        self.group, self.group_line = found, statement

    def _on_net_namespace(self, statement: Statement) -> None:
        try:
            self.settings["net_namespace"] = namespace(statement.words[1])
        except BadValue as problem:
            self.refuse(statement.where(1), f"net_namespace {problem}", problem.code)

    def _on_accept(self, statement: Statement) -> None:
        self.settings["accept"] = statement.words[0] == "accept"
        self.own["accept"] = statement

    def _on_extra_if(self, statement: Statement) -> None:
        found = extra_if(statement, 0, self._report)
        if found is not None:
            self.settings["garp_extra_if_s"], self.settings["garp_extra_if_all"] = found

    def _on_use_vmac(self, statement: Statement) -> None:
        self.settings["use_vmac"] = read_use_vmac(statement, self._report)
        self.own["use_vmac"] = statement

    def _on_min_interval(self, statement: Statement) -> None:
        found = min_interval_cs(statement, self._report)
        if found is not None:
            self.settings["min_interval_cs"] = found

    def _on_native_ipv6(self, statement: Statement) -> None:
        if self.family == 4:
            self._report.error(
                statement.where(), "native_ipv6 in an IPv4 instance is ignored; remove it", "native-ipv6"
            )
        else:
            self.family = 6

    def _on_old_unicast_checksum(self, statement: Statement) -> None:
        self.own["old_unicast_checksum"] = statement
        if statement.words[1:] != ["never"]:
            self._report.warning(
                statement.where(),
                "pyvrrp does not do the wrong checksum of keepalived before 1.3.6, and drops such adverts; "
                "update the peer, then write old_unicast_checksum never",
                "old-unicast-checksum",
            )

    def _on_auth_hmac(self, statement: Statement) -> None:
        for line in statement.statements:
            apply_setting(line, self._report)
        self.refuse(
            statement.where(),
            "auth_hmac is not done by pyvrrp, and it would be unsafe to run without it; remove it on every node",
            "auth-hmac",
        )

    def _on_authentication(self, statement: Statement) -> None:
        self.auth.append(statement)

    def _on_virtual_ipaddress(self, statement: Statement) -> None:
        self.vip_lines += statement.statements
        # The first address settles the family, so that a source below it is judged by it.
        for line in statement.statements:
            if self.family:
                break
            with contextlib.suppress(BadValue):
                self.family = 4 if len(address(line.words[0].partition("/")[0])) == 4 else 6

    def _on_virtual_ipaddress_excluded(self, statement: Statement) -> None:
        self.excluded_lines += statement.statements

    def _on_track_interface(self, statement: Statement) -> None:
        self.track_interface += statement.statements

    def _on_track_script(self, statement: Statement) -> None:
        self.track_script += statement.statements

    def _on_track_file(self, statement: Statement) -> None:
        self.track_file += statement.statements

    def _on_track_process(self, statement: Statement) -> None:
        self.track_process += statement.statements

    def _on_virtual_routes(self, statement: Statement) -> None:
        self.route_lines += statement.statements

    def _on_virtual_rules(self, statement: Statement) -> None:
        self.rule_lines += statement.statements

    def _on_notify(self, statement: Statement) -> None:
        self.notify.read(statement)

    # For those who read on, too

    def refuse(self, where: Where, reason: str, code: str) -> None:
        """The instance will not be run. Reading goes on, so that its other faults are told in the same run."""
        if self.refusal is None:
            self.refusal = where, reason
            self.refusal_code = code
        else:
            self._report.error(where, reason, code)

    def fits_family(self, found: bytes, statement: Statement, what: str) -> bool:
        family = 4 if len(found) == 4 else 6
        if not self.family:
            self.family = family
        if family == self.family:
            return True
        self._report.error(
            statement.where(),
            f"{what} {show(found)} is IPv{family} in an IPv{self.family} instance and is left out; "
            + ("move it to virtual_ipaddress_excluded" if what == "address" else "remove it")
            + ", or make an instance of its own for it",
            "family-mixed",
        )
        return False


def _keyword(statement: Statement) -> Keyword:
    return INDEX["vrrp_instance"][statement.words[0]]


def _integer(statement: Statement) -> int:
    keyword = _keyword(statement)
    return integer(statement.words[1], int(keyword.low), int(keyword.high))


_READ: dict[str, Callable[[Gathered, Statement], None]] = {
    "state": Gathered._on_state,
    "interface": Gathered._on_interface,
    "virtual_router_id": Gathered._on_virtual_router_id,
    "priority": Gathered._on_priority,
    "version": Gathered._on_version,
    "advert_int": Gathered._on_advert_int,
    "preempt": Gathered._on_preempt,
    "nopreempt": Gathered._on_nopreempt,
    "unicast_src_ip": Gathered._on_source,
    "mcast_src_ip": Gathered._on_source,
    "unicast_peer": Gathered._on_unicast_peer,
    "mcast_dst_ip": Gathered._on_mcast_dst_ip,
    "net_namespace": Gathered._on_net_namespace,
    "accept": Gathered._on_accept,
    "no_accept": Gathered._on_accept,
    "garp_extra_if": Gathered._on_extra_if,
    "vmac_garp_intvl": Gathered._on_extra_if,
    "use_vmac": Gathered._on_use_vmac,
    "pyvrrp_min_interval": Gathered._on_min_interval,
    "native_ipv6": Gathered._on_native_ipv6,
    "old_unicast_checksum": Gathered._on_old_unicast_checksum,
    "auth_hmac": Gathered._on_auth_hmac,
    "authentication": Gathered._on_authentication,
    "virtual_ipaddress": Gathered._on_virtual_ipaddress,
    "virtual_ipaddress_excluded": Gathered._on_virtual_ipaddress_excluded,
    "track_interface": Gathered._on_track_interface,
    "track_script": Gathered._on_track_script,
    "track_file": Gathered._on_track_file,
    "track_process": Gathered._on_track_process,
    "virtual_routes": Gathered._on_virtual_routes,
    "virtual_rules": Gathered._on_virtual_rules,
    "notify": Gathered._on_notify,
    "notify_master": Gathered._on_notify,
    "notify_backup": Gathered._on_notify,
    "notify_fault": Gathered._on_notify,
    "notify_stop": Gathered._on_notify,
    "notify_deleted": Gathered._on_notify,
    "notify_master_rx_lower_pri": Gathered._on_notify,
}
assert _READ.keys() <= INDEX["vrrp_instance"].keys()
