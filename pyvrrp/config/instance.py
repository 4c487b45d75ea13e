"""One vrrp_instance: its statements to a model.Instance, or the reason why it is not run.

Refused is what keepalived would not start with either, and what could not be run as meant (AH). All other
faults are reported and the instance runs without the faulty part, as under keepalived.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from pyvrrp import limits
from pyvrrp.config.addresses import INTERFACE_NAME_MAX, read_host, read_peer, read_vip, show
from pyvrrp.config.authentication import read_password
from pyvrrp.config.commands import Commands
from pyvrrp.config.global_defs import Defaults, apply_setting, extra_if, min_interval_cs
from pyvrrp.config.keywords import INDEX, Keyword
from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Code, Report, shown
from pyvrrp.config.static import RoutingReader
from pyvrrp.config.trackers import NotifyReader, TrackerReader
from pyvrrp.config.tuning import apply_strict, settle_announcements, settle_preempt_delay
from pyvrrp.config.values import BadValue, address, group, integer, namespace, seconds_us
from pyvrrp.config.vmac import read_use_vmac
from pyvrrp.model import Instance, State, Tracked, Vip, Where

_ADVERT_INT_CS_MAX = 4095  # 12 bits, RFC 5798 s5.2.7
_US_PER_CS = 10_000
_CS_PER_S = 100
_IPV6_ADDRESSES_IN_1500 = 90  # (1500 - 40 - 8) // 16


class RefusedInstance(Exception):
    """The instance cannot be run. The text is the reason; `where` the line that it lies in."""

    def __init__(self, where: Where, reason: str, code: Code = "bad-value", *, is_told: bool = False) -> None:
        """is_told: a diagnostic says it already."""
        super().__init__(reason)
        self.where = where
        self.code = code
        self.is_told = is_told


def build_instance(
    statement: Statement,
    name: str,
    defaults: Defaults,
    trackers: TrackerReader,
    routing: RoutingReader,
    commands: Commands,
    report: Report,
) -> Instance:
    """Make the instance; raises RefusedInstance, which the caller reports, and nothing else."""
    return _Reader(statement, name, defaults, trackers, routing, commands, report).read()


class _Reader:
    """The statements of one instance, read in the order of the file; then what depends on several of them."""

    def __init__(
        self,
        block: Statement,
        name: str,
        defaults: Defaults,
        trackers: TrackerReader,
        routing: RoutingReader,
        commands: Commands,
        report: Report,
    ) -> None:
        self._block = block
        self._name = name
        self._defaults = defaults
        self._trackers = trackers
        self._routing = routing
        self._report = report
        self._notify = NotifyReader(commands, report)
        self._refusal: tuple[Where, str] | None = block.broken
        self._refusal_code: Code = "missing-argument"
        self._state: State | None = None
        self._interface = ""
        self._interface_line: Statement | None = None
        self._vrid = 0
        self._priority: int | None = None
        self._version = 0
        self._interval_us = 1_000_000
        self._interval_line: Statement | None = None
        self._nopreempt: Statement | None = None
        self._source: bytes | None = None
        self._source_line: Statement | None = None
        self._unicast: Statement | None = None  # a line that asks for unicast
        self._group = b""
        self._group_line: Statement | None = None
        self._family = 0
        self._peers: list[bytes] = []
        self._peer_ttls: list[tuple[int, int]] = []
        self._settings: dict[str, Any] = dict(defaults.settings)  # fields of Instance that are given
        self._lines: dict[str, Statement] = {}  # by field: the instance's own line for it
        self._auth: list[Statement] = []  # several blocks count as one
        self._vip_lines: list[Statement] = []
        self._first_vip_line = block
        self._excluded_lines: list[Statement] = []
        self._track_interface: list[Statement] = []
        self._track_script: list[Statement] = []
        self._track_file: list[Statement] = []
        self._track_process: list[Statement] = []
        self._route_lines: list[Statement] = []
        self._rule_lines: list[Statement] = []

    def read(self) -> Instance:
        for statement in self._block.statements:
            read = _READ.get(statement.words[0])
            if read is not None:
                read(self, statement)
            elif (found := apply_setting(statement, self._report)) is not None:
                field, self._settings[field] = found
                self._lines[field] = statement
        self._require()
        priority = self._priority
        if priority is None:
            priority = 255 if self._state is State.MASTER else 100
        state = self._state
        if state is None:
            state = State.MASTER if priority == 255 else State.BACKUP
        is_strict = self._settings.get("strict", False)
        if is_strict and state is State.MASTER and priority != 255:
            self._report.error(
                self._block.where(),
                "in strict mode only priority 255 may have state MASTER; BACKUP is used, write that",
                "conflict",
            )
            state = State.BACKUP
        vips = self._vips()
        excluded = self._excluded(vips)
        if len(vips) > limits.ADVERT_ADDRESSES_MAX:
            self._report.error(
                self._block.where(),
                f"{len(vips)} addresses are more than an advert can carry; those after the first "
                f"{limits.ADVERT_ADDRESSES_MAX} are not advertised, move them to virtual_ipaddress_excluded",
                "limit",
            )
            excluded = vips[limits.ADVERT_ADDRESSES_MAX :] + excluded
            vips = vips[: limits.ADVERT_ADDRESSES_MAX]
        family = self._family or 4
        version = self._version or (3 if family == 6 else self._defaults.version)
        self._check_vips(vips, family, version)
        preempt = self._preempt(state, priority)
        self._settle(family, state, priority, preempt=preempt, version=version)
        limits_ttl = any(ttls != (0, 255) for ttls in self._peer_ttls)
        if limits_ttl:
            self._settings["check_unicast_src"] = True  # limits mean something only for sources that are listed
        instance = Instance(
            name=self._name,
            family=family,
            interface=self._interface,
            vrid=self._vrid,
            priority=priority,
            version=version,
            start_state=state,
            advertisement_interval_cs=self._interval_cs(version),
            preempt=preempt,
            source=self._source,
            peers=tuple(self._peers),
            group=b"" if self._peers else self._group or self._defaults.groups[family],
            peer_ttls=tuple(self._peer_ttls) if limits_ttl else (),
            auth_pass=self._auth_pass(version, is_strict=is_strict),
            vips=tuple(vips),
            excluded=tuple(excluded),
            track_interfaces=self._tracked_interfaces(priority),
            track_scripts=self._tracked_scripts(priority),
            track_files=self._trackers.files(self._track_file, is_owner=priority == 255),
            track_processes=self._trackers.processes(self._track_process, is_owner=priority == 255),
            routes=self._routing.routes(self._route_lines) if self._route_lines else (),
            rules=self._routing.rules(self._rule_lines) if self._rule_lines else (),
            notify=self._notify.finish(),
            where=self._block.where(),
            **self._settings,
        )
        self._check_nopreempt(instance)
        if self._refusal is not None:
            # What lacks its argument was reported by the parser.
            is_told = self._refusal in [block.broken for block in (self._block, *self._auth)]
            raise RefusedInstance(*self._refusal, self._refusal_code, is_told=is_told)
        return instance

    # One method for each keyword

    def _on_state(self, statement: Statement) -> None:
        word = statement.words[1]
        if word not in {"MASTER", "BACKUP"}:
            said = f"state {shown(word)} is not MASTER or BACKUP; BACKUP is used, write that"
            self._report.error(statement.where(1), said)
            word = "BACKUP"
        if self._state is State.MASTER:
            if word == "BACKUP":
                self._report.warning(
                    statement.where(), "state MASTER was given before and stays; remove one of them", "duplicate"
                )
            return
        self._state = State[word]

    def _on_interface(self, statement: Statement) -> None:
        name = statement.words[1]
        if len(name.encode()) > INTERFACE_NAME_MAX or "/" in name:
            self._refuse(
                statement.where(1),
                f"interface {shown(name)} cannot be a name; it has at most 15 characters and no /",
            )
        self._interface, self._interface_line = name, statement

    def _on_virtual_router_id(self, statement: Statement) -> None:
        try:
            self._vrid = _integer(statement)
        except BadValue as problem:
            self._vrid = -1
            text = str(problem).replace("write a number in", "pick a free id in")
            self._refuse(statement.where(1), f"virtual_router_id {text}")

    def _on_priority(self, statement: Statement) -> None:
        try:
            self._priority = _integer(statement)
        except BadValue as problem:
            self._priority = 100
            self._report.error(statement.where(1), f"priority {problem}; 100 is used")

    def _on_version(self, statement: Statement) -> None:
        if self._version:
            self._report.warning(
                statement.where(), "version was given before, and the first counts; remove this one", "duplicate"
            )
            return
        try:
            self._version = _integer(statement)
        except BadValue as problem:
            self._report.error(statement.where(1), f"version {problem}; the default is used")

    def _on_advert_int(self, statement: Statement) -> None:
        keyword = _keyword(statement)
        try:
            self._interval_us = seconds_us(statement.words[1], keyword.low_us, keyword.high_us)
            self._interval_line = statement
        except BadValue as problem:
            self._report.error(statement.where(1), f"advert_int {problem}; {self._interval_us / 1e6:g} is used")

    def _on_preempt(self, _statement: Statement) -> None:
        self._nopreempt = None

    def _on_nopreempt(self, statement: Statement) -> None:
        self._nopreempt = statement

    def _on_source(self, statement: Statement) -> None:
        if statement.words[0] == "unicast_src_ip":
            self._unicast = self._unicast or statement
        try:
            source = read_host(statement, 1, self._report)
        except BadValue as problem:
            self._report.error(statement.where(1), f"{statement.words[0]} {problem}; it is ignored")
            return
        if self._fits_family(source, statement, statement.words[0]):
            self._source, self._source_line = source, statement

    def _on_unicast_peer(self, statement: Statement) -> None:
        self._unicast = statement
        for line in statement.statements:
            found = read_peer(line, self._report)
            if found is None or not self._fits_family(found[0], line, "peer"):
                continue
            peer, ttls = found
            if peer in self._peers:
                self._report.warning(line.where(), f"peer {show(peer)} is listed twice; remove one", "duplicate")
            elif len(self._peers) == limits.PEERS_MAX:
                self._report.error(
                    line.where(), f"more than {limits.PEERS_MAX} peers; this one is left out, remove it", "limit"
                )
            else:
                self._peers.append(peer)
                self._peer_ttls.append(ttls)

    def _on_mcast_dst_ip(self, statement: Statement) -> None:
        try:
            found = group(statement.words[1])
            if len(found) == 16 and found[1] & 0x0F != 2:
                raise BadValue(f"{shown(statement.words[1])} is not of link-local scope; write one of ff02::/16")
        except BadValue as problem:
            self._report.error(statement.where(1), f"mcast_dst_ip {problem}; the line is ignored")
            return
        self._group, self._group_line = found, statement

    def _on_net_namespace(self, statement: Statement) -> None:
        try:
            self._settings["net_namespace"] = namespace(statement.words[1])
        except BadValue as problem:
            self._refuse(statement.where(1), f"net_namespace {problem}")

    def _on_accept(self, statement: Statement) -> None:
        self._settings["accept"] = statement.words[0] == "accept"
        self._lines["accept"] = statement

    def _on_extra_if(self, statement: Statement) -> None:
        found = extra_if(statement, 0, self._report)
        if found is not None:
            self._settings["garp_extra_if_s"], self._settings["garp_extra_if_all"] = found

    def _on_use_vmac(self, statement: Statement) -> None:
        self._settings["use_vmac"] = read_use_vmac(statement, self._report)
        self._lines["use_vmac"] = statement

    def _on_min_interval(self, statement: Statement) -> None:
        found = min_interval_cs(statement, self._report)
        if found is not None:
            self._settings["min_interval_cs"] = found

    def _on_native_ipv6(self, statement: Statement) -> None:
        if self._family == 4:
            self._report.error(statement.where(), "native_ipv6 in an IPv4 instance is ignored; remove it", "conflict")
        else:
            self._family = 6

    def _on_old_unicast_checksum(self, statement: Statement) -> None:
        self._lines["old_unicast_checksum"] = statement
        if statement.words[1:] != ["never"]:
            self._report.warning(
                statement.where(),
                "pyvrrp does not do the wrong checksum of keepalived before 1.3.6, and drops such adverts; "
                "update the peer, then write old_unicast_checksum never",
                "not-done",
            )

    def _on_auth_hmac(self, statement: Statement) -> None:
        for line in statement.statements:
            apply_setting(line, self._report)
        self._refuse(
            statement.where(),
            "auth_hmac is not done by pyvrrp, and it would be unsafe to run without it; remove it on every node",
            "not-done",
        )

    def _on_authentication(self, statement: Statement) -> None:
        self._auth.append(statement)

    def _on_virtual_ipaddress(self, statement: Statement) -> None:
        self._vip_lines += statement.statements
        # The first address settles the family, so that a source below it is judged by it.
        for line in statement.statements:
            if self._family:
                break
            with contextlib.suppress(BadValue):
                self._family = 4 if len(address(line.words[0].partition("/")[0])) == 4 else 6

    def _on_virtual_ipaddress_excluded(self, statement: Statement) -> None:
        self._excluded_lines += statement.statements

    def _on_track_interface(self, statement: Statement) -> None:
        self._track_interface += statement.statements

    def _on_track_script(self, statement: Statement) -> None:
        self._track_script += statement.statements

    def _on_track_file(self, statement: Statement) -> None:
        self._track_file += statement.statements

    def _on_track_process(self, statement: Statement) -> None:
        self._track_process += statement.statements

    def _on_virtual_routes(self, statement: Statement) -> None:
        self._route_lines += statement.statements

    def _on_virtual_rules(self, statement: Statement) -> None:
        self._rule_lines += statement.statements

    def _on_notify(self, statement: Statement) -> None:
        self._notify.read(statement)

    # What depends on several keywords

    def _refuse(self, where: Where, reason: str, code: Code = "bad-value") -> None:
        """The instance will not be run. Reading goes on, so that its other faults are told in the same run."""
        if self._refusal is None:
            self._refusal = where, reason
            self._refusal_code = code
        else:
            self._report.error(where, reason, code)

    def _require(self) -> None:
        title = f"vrrp_instance {shown(self._name)}"
        if not self._vrid:
            self._refuse(self._block.where(), f"{title} has no virtual_router_id; add one in 1..255", "missing-keyword")
        if not self._interface and not (self._peers and self._source):
            self._refuse(
                self._block.where(),
                f"{title} has no interface; add one (or unicast_src_ip and unicast_peer)",
                "missing-keyword",
            )
        interfaces = None if "net_namespace" in self._settings else self._defaults.interfaces
        if self._interface_line is not None and interfaces is not None and self._interface not in interfaces:
            self._report.warning(
                self._interface_line.where(1),
                f"interface {shown(self._interface)} does not exist; the instance is FAULT until it does, "
                "or correct the name",
                "no-interface",
            )
        if self._source_line is not None and self._source in self._peers:
            self._report.warning(
                self._source_line.where(1),
                f"{shown(self._source_line.words[1])} is in unicast_peer too, which has other hosts; remove it there",
                "conflict",
            )
        if self._unicast is not None and not self._peers:
            fault = "unicast_fault_no_peer" in self._lines
            result = "the instance is FAULT" if fault else "adverts go by multicast"
            message = f"{self._unicast.words[0]} without a peer: {result}; add the peers"
            self._report.warning(self._unicast.where(), message, "missing-argument")

    def _settle(self, family: int, state: State, priority: int, *, preempt: bool, version: int) -> None:
        """Bring what hangs on other settings to what it comes to."""
        settings, lines = self._settings, self._lines
        if settings.get("strict"):
            self._check_strict(settings, lines, priority, version)
        settle_preempt_delay(settings, lines, preempt=preempt, state=state, report=self._report)
        settle_announcements(settings)
        if self._group_line is not None:
            if self._peers:
                self._no_effect(self._group_line, "mcast_dst_ip does nothing with unicast peers")
            elif (4 if len(self._group) == 4 else 6) != family:
                self._report.error(
                    self._group_line.where(1),
                    f"mcast_dst_ip {show(self._group)} is not IPv{family} as the instance is; the line is ignored",
                    "conflict",
                )
                self._group = b""
        if not self._peers:
            for word in ("unicast_ttl", "check_unicast_src", "old_unicast_checksum"):
                if word in lines:
                    self._no_effect(lines[word], f"{word} does nothing without unicast peers")
            settings.pop("unicast_ttl", None)
            settings["unicast_fault_no_peer"] = "unicast_fault_no_peer" in lines and self._unicast is not None
        if "vmac_xmit_base" in lines and "use_vmac" not in lines:
            self._no_effect(lines["vmac_xmit_base"], "vmac_xmit_base does nothing without use_vmac")
        if "use_vmac" in lines and settings.get("strict") and settings["use_vmac"].mac:
            self._report.error(
                lines["use_vmac"].where(),
                "a MAC of its own cannot be in strict mode, that of the RFC is used; remove it",
                "conflict",
            )
            settings["use_vmac"] = settings["use_vmac"]._replace(mac=b"")
        if "use_vmac" in lines and not self._interface:
            self._no_effect(lines["use_vmac"], "use_vmac does nothing without an interface")
        if "use_vmac" in lines and "use_ipvlan" in lines:
            self._report.error(
                lines["use_ipvlan"].where(), "use_ipvlan beside use_vmac is ignored; remove one of them", "conflict"
            )
            settings["use_ipvlan"] = None

    def _no_effect(self, line: Statement, what: str) -> None:
        self._report.warning(line.where(), f"{what}; remove it", "no-effect")

    def _check_strict(self, settings: dict[str, Any], lines: dict[str, Statement], priority: int, version: int) -> None:
        apply_strict(settings, lines, self._report)
        accept = lines.get("accept")
        if accept is not None and settings["accept"] and version == 2 and priority != 255:
            self._report.error(
                accept.where(), "accept cannot be in strict mode with version 2; it is ignored, remove it", "conflict"
            )
            accept = None
        if accept is None:
            settings["accept"] = priority == 255
        if self._peers and self._unicast is not None:
            self._report.warning(
                self._unicast.where(),
                "strict mode has no unicast, and keepalived 2.4 does not start with both; remove one of them",
                "conflict",
            )

    def _fits_family(self, found: bytes, statement: Statement, what: str) -> bool:
        family = 4 if len(found) == 4 else 6
        if not self._family:
            self._family = family
        if family == self._family:
            return True
        self._report.error(
            statement.where(),
            f"{what} {show(found)} is IPv{family} in an IPv{self._family} instance and is left out; "
            "remove it, or make an instance of its own for it",
            "conflict",
        )
        return False

    def _vips(self) -> list[Vip]:
        vips: list[Vip] = []
        seen = set()
        for line in self._vip_lines:
            vip = self._vip(line)
            if vip is None or not self._fits_family(vip.address, line, "address"):
                continue
            if vip.address in seen:
                self._report.warning(
                    line.where(), f"address {show(vip.address)} is listed twice; remove one", "duplicate"
                )
                continue
            if not vips:
                self._first_vip_line = line
            seen.add(vip.address)
            vips.append(vip)
        return vips

    def _excluded(self, vips: list[Vip]) -> list[Vip]:
        seen = {(vip.address, vip.dev) for vip in vips}
        excluded = []
        for line in self._excluded_lines:
            vip = self._vip(line)
            if vip is None:
                continue
            if (vip.address, vip.dev) in seen:
                self._report.warning(
                    line.where(), f"address {show(vip.address)} is listed twice; remove one", "duplicate"
                )
                continue
            seen.add((vip.address, vip.dev))
            excluded.append(vip)
        return excluded

    def _vip(self, line: Statement) -> Vip | None:
        # Without an interface the instance is refused, which is told once and not for each address.
        own = self._interface or ("" if self._peers and self._source else "-")
        vip = read_vip(line, own, self._report)
        interfaces = None if "net_namespace" in self._settings else self._defaults.interfaces
        if vip is not None and interfaces is not None and vip.dev != own and vip.dev not in interfaces:
            self._report.warning(
                line.where(),
                f"interface {shown(vip.dev)} does not exist; the address is not set until it does",
                "no-interface",
            )
        return vip

    def _check_vips(self, vips: list[Vip], family: int, version: int) -> None:
        strict = self._settings.get("strict", False)
        if not vips:
            if version == 3 or strict:
                why = "version 3" if version == 3 else "strict mode"
                self._refuse(
                    self._block.where(),
                    f"{why} needs an address; add one to virtual_ipaddress (RFC 5798 s5.2.5)",
                    "missing-keyword",
                )
            elif not self._settings.get("no_virtual_ipaddress"):
                has = "no address that can be used" if self._vip_lines else "no virtual_ipaddress"
                self._report.warning(
                    self._block.where(),
                    f"vrrp_instance {shown(self._name)} has {has}, so its adverts carry no address; "
                    + ("mend one" if self._vip_lines else "add at least one"),
                    "missing-keyword",
                )
            return
        if "no_virtual_ipaddress" in self._lines:
            self._no_effect(self._lines["no_virtual_ipaddress"], "no_virtual_ipaddress does nothing beside addresses")
        if family == 6 and len(vips) > _IPV6_ADDRESSES_IN_1500:
            self._report.warning(
                self._block.where(),
                f"{len(vips)} IPv6 addresses make an advert that 1500 bytes cannot carry, so it goes in fragments; "
                f"move those after {_IPV6_ADDRESSES_IN_1500} to virtual_ipaddress_excluded",
                "limit",
            )
        if family == 6 and not self._peers and not _is_link_local(vips[0].address):
            tell = self._report.error if strict else self._report.warning
            tell(
                self._first_vip_line.where(),
                f"the first IPv6 address should be link-local, {show(vips[0].address)} is not; "
                "put one of fe80::/64 first (RFC 5798 s5.2.9)",
                "conflict",
            )

    def _interval_cs(self, version: int) -> int:
        """The interval as the wire has it: whole seconds in version 2, 12 bits of 10 ms in version 3."""
        us = self._interval_us
        if version == 2:
            seconds = max(1, (us + 500_000) // 1_000_000)
            value = seconds * _CS_PER_S
            why = "version 2 has whole seconds"
        else:
            value = min((us + _US_PER_CS // 2) // _US_PER_CS, _ADVERT_INT_CS_MAX)
            why = "version 3 has steps of 0.01 s up to 40.95 s"
        if value * _US_PER_CS != us and self._interval_line is not None:
            self._report.error(
                self._interval_line.where(1),
                f"advert_int {shown(self._interval_line.words[1])}: {why}; {value / _CS_PER_S:g} is used, write that",
            )
        return value

    def _preempt(self, state: State, priority: int) -> bool:
        if self._nopreempt is None:
            return True
        if state is State.MASTER or priority == 255:
            why = "with state MASTER" if state is State.MASTER else "with priority 255"
            self._report.error(
                self._nopreempt.where(),
                f"nopreempt does nothing {why} and is ignored; write state BACKUP"
                + (" and a priority below 255" if priority == 255 else "")
                + ", on every node, so that whoever is MASTER stays it",
                "conflict",
            )
            return True
        return False

    def _check_nopreempt(self, instance: Instance) -> None:
        """The commonest misunderstanding of nopreempt: that weights still move mastership."""
        weighted = [t.name for t in (*instance.track_scripts, *instance.track_interfaces) if t.weight]
        if weighted and not instance.preempt and self._nopreempt is not None:
            self._report.warning(
                self._nopreempt.where(),
                f"with nopreempt a BACKUP leaves every MASTER alone, so the weight of {shown(weighted[0])} moves "
                "nothing; remove the weight (failing is FAULT then), or nopreempt",
                "no-effect",
            )

    def _auth_pass(self, version: int, *, is_strict: bool) -> bytes | None:
        for block in self._auth:
            if block.broken is not None and self._refusal is None:
                self._refusal = block.broken  # running without the password would make a second MASTER
        return read_password(self._auth, version=version, is_strict=is_strict, refuse=self._refuse, report=self._report)

    def _tracked_interfaces(self, priority: int) -> tuple[Tracked, ...]:
        own = self._interface
        lines = []
        for line in self._track_interface:
            if line.words[0] == own:
                self._report.warning(
                    line.where(),
                    f"track_interface {shown(own)} is the instance's own, tracked anyway; remove it",
                    "no-effect",
                )
            else:
                lines.append(line)
        if not lines:
            return ()
        elsewhere = "net_namespace" in self._settings
        return self._trackers.interfaces(lines, is_owner=priority == 255, elsewhere=elsewhere)

    def _tracked_scripts(self, priority: int) -> tuple[Tracked, ...]:
        return self._trackers.scripts(self._track_script, is_owner=priority == 255) if self._track_script else ()


def _keyword(statement: Statement) -> Keyword:
    return INDEX["vrrp_instance"][statement.words[0]]


def _is_link_local(vip: bytes) -> bool:
    return vip[0] == 0xFE and vip[1] & 0xC0 == 0x80


def _integer(statement: Statement) -> int:
    keyword = _keyword(statement)
    return integer(statement.words[1], int(keyword.low), int(keyword.high))


_READ: dict[str, Callable[[_Reader, Statement], None]] = {
    "state": _Reader._on_state,
    "interface": _Reader._on_interface,
    "virtual_router_id": _Reader._on_virtual_router_id,
    "priority": _Reader._on_priority,
    "version": _Reader._on_version,
    "advert_int": _Reader._on_advert_int,
    "preempt": _Reader._on_preempt,
    "nopreempt": _Reader._on_nopreempt,
    "unicast_src_ip": _Reader._on_source,
    "mcast_src_ip": _Reader._on_source,
    "unicast_peer": _Reader._on_unicast_peer,
    "mcast_dst_ip": _Reader._on_mcast_dst_ip,
    "net_namespace": _Reader._on_net_namespace,
    "accept": _Reader._on_accept,
    "no_accept": _Reader._on_accept,
    "garp_extra_if": _Reader._on_extra_if,
    "vmac_garp_intvl": _Reader._on_extra_if,
    "use_vmac": _Reader._on_use_vmac,
    "pyvrrp_min_interval": _Reader._on_min_interval,
    "native_ipv6": _Reader._on_native_ipv6,
    "old_unicast_checksum": _Reader._on_old_unicast_checksum,
    "auth_hmac": _Reader._on_auth_hmac,
    "authentication": _Reader._on_authentication,
    "virtual_ipaddress": _Reader._on_virtual_ipaddress,
    "virtual_ipaddress_excluded": _Reader._on_virtual_ipaddress_excluded,
    "track_interface": _Reader._on_track_interface,
    "track_script": _Reader._on_track_script,
    "track_file": _Reader._on_track_file,
    "track_process": _Reader._on_track_process,
    "virtual_routes": _Reader._on_virtual_routes,
    "virtual_rules": _Reader._on_virtual_rules,
    "notify": _Reader._on_notify,
    "notify_master": _Reader._on_notify,
    "notify_backup": _Reader._on_notify,
    "notify_fault": _Reader._on_notify,
    "notify_stop": _Reader._on_notify,
    "notify_deleted": _Reader._on_notify,
    "notify_master_rx_lower_pri": _Reader._on_notify,
}
assert _READ.keys() <= INDEX["vrrp_instance"].keys()
