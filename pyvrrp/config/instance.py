"""One vrrp_instance: what its lines come to together, as a model.Instance, or the reason why it is not run.

Refused is what keepalived would not start with either, and what could not be run as meant (AH). All other
faults are reported and the instance runs without the faulty part, as under keepalived.
"""

from __future__ import annotations

from typing import Any

from pyvrrp import limits
from pyvrrp.config.addresses import read_vip, show
from pyvrrp.config.authentication import read_password
from pyvrrp.config.commands import Commands
from pyvrrp.config.gather import Gathered
from pyvrrp.config.global_defs import Defaults
from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Report, shown
from pyvrrp.config.static import RoutingReader
from pyvrrp.config.trackers import TrackerReader
from pyvrrp.config.tuning import apply_strict, settle_preempt_delay
from pyvrrp.model import Instance, State, Tracked, Vip, Where

_ADVERT_INT_CS_MAX = 4095  # 12 bits, RFC 5798 s5.2.7
_US_PER_CS = 10_000
_CS_PER_S = 100
_IPV6_ADDRESSES_IN_1500 = 90  # (1500 - 40 - 8) // 16


class RefusedInstance(Exception):
    """The instance cannot be run. The text is the reason; `where` the line that it lies in."""

    def __init__(self, where: Where, reason: str, code: str, *, is_told: bool = False) -> None:
        """is_told: a diagnostic says it already."""
        super().__init__(reason)
        self.where = where
        self.code = code
        self.is_told = is_told


def build_instance(
    block: Statement,
    name: str,
    defaults: Defaults,
    trackers: TrackerReader,
    routing: RoutingReader,
    commands: Commands,
    report: Report,
) -> Instance:
    """Make the instance; raises RefusedInstance, which the caller reports, and nothing else."""
    given = Gathered(block, name, defaults, commands, report)
    given.read()
    return _Maker(given, defaults, trackers, routing, report).make()


class _Maker:
    """What the lines of one instance come to together."""

    def __init__(
        self, given: Gathered, defaults: Defaults, trackers: TrackerReader, routing: RoutingReader, report: Report
    ) -> None:
        self._given = given
        self._defaults = defaults
        self._trackers = trackers
        self._routing = routing
        self._report = report
        self._first_vip_line = given.block

    def make(self) -> Instance:
        given = self._given
        self._require()
        priority = given.priority
        if priority is None:
            priority = 255 if given.state is State.MASTER else 100
        state = given.state
        if state is None:
            state = State.MASTER if priority == 255 else State.BACKUP
        is_strict = given.settings.get("strict", False)
        if is_strict and state is State.MASTER and priority != 255:
            self._report.error(
                given.block.where(),
                "in strict mode only priority 255 may have state MASTER; BACKUP is used, write that",
                "strict-state",
            )
            state = State.BACKUP
        vips = self._vips()
        excluded = self._excluded(vips)
        if len(vips) > limits.ADVERT_ADDRESSES_MAX:
            self._report.error(
                given.block.where(),
                f"{len(vips)} addresses are more than an advert can carry; those after the first "
                f"{limits.ADVERT_ADDRESSES_MAX} are not advertised, move them to virtual_ipaddress_excluded",
                "vips-many",
            )
            excluded = vips[limits.ADVERT_ADDRESSES_MAX :] + excluded
            vips = vips[: limits.ADVERT_ADDRESSES_MAX]
        family = given.family or 4
        version = given.version or (3 if family == 6 else self._defaults.version)
        self._check_vips(vips, family, version)
        preempt = self._preempt(state, priority)
        self._settle(family, state, priority, preempt=preempt, version=version)
        limits_ttl = any(ttls != (0, 255) for ttls in given.peer_ttls)
        if limits_ttl:
            given.settings["check_unicast_src"] = True  # limits mean something only for sources that are listed
        instance = Instance(
            name=given.name,
            family=family,
            interface=given.interface,
            vrid=given.vrid,
            priority=priority,
            version=version,
            start_state=state,
            advertisement_interval_cs=self._interval_cs(version),
            preempt=preempt,
            source=given.source,
            peers=tuple(given.peers),
            group=b"" if given.peers else given.group or self._defaults.groups[family],
            peer_ttls=tuple(given.peer_ttls) if limits_ttl else (),
            auth_pass=self._auth_pass(version, is_strict=is_strict),
            vips=tuple(vips),
            excluded=tuple(excluded),
            track_interfaces=self._tracked_interfaces(priority),
            track_scripts=self._tracked_scripts(priority),
            track_files=self._trackers.files(given.track_file, is_owner=priority == 255),
            track_processes=self._trackers.processes(given.track_process, is_owner=priority == 255),
            routes=self._routing.routes(given.route_lines) if given.route_lines else (),
            rules=self._routing.rules(given.rule_lines) if given.rule_lines else (),
            notify=given.notify.finish(),
            where=given.block.where(),
            **given.settings,
        )
        self._check_nopreempt(instance)
        if given.refusal is not None:
            # What lacks its argument was reported by the parser.
            is_told = given.refusal in [block.broken for block in (given.block, *given.auth)]
            raise RefusedInstance(*given.refusal, given.refusal_code, is_told=is_told)
        return instance

    def _require(self) -> None:
        given = self._given
        title = f"vrrp_instance {shown(given.name)}"
        if not given.vrid:
            given.refuse(given.block.where(), f"{title} has no virtual_router_id; add one in 1..255", "vrid-missing")
        if not given.interface and not (given.peers and given.source):
            given.refuse(
                given.block.where(),
                f"{title} has no interface; add one (or unicast_src_ip and unicast_peer)",
                "interface-missing",
            )
        interfaces = None if "net_namespace" in given.settings else self._defaults.interfaces
        if given.interface_line is not None and interfaces is not None and given.interface not in interfaces:
            is_marked = given.interface[-1:] in {";", ","}
            self._report.warning(
                given.interface_line.where(1),
                f"interface {shown(given.interface)} does not exist; the instance is FAULT until it does, "
                + (f"or remove the {given.interface[-1]}" if is_marked else "or correct the name"),
                "interface-absent",
            )
        if given.source_line is not None and given.source in given.peers:
            self._report.warning(
                given.source_line.where(1),
                f"{shown(given.source_line.words[1])} is in unicast_peer too, which has other hosts; remove it there",
                "source-among-peers",
            )
        if given.unicast is not None and not given.peers:
            fault = "unicast_fault_no_peer" in given.own
            result = "the instance is FAULT" if fault else "adverts go by multicast"
            message = f"{given.unicast.words[0]} without a peer: {result}; add the peers"
            self._report.warning(given.unicast.where(), message, "unicast-without-peer")

    def _settle(self, family: int, state: State, priority: int, *, preempt: bool, version: int) -> None:
        """Bring what hangs on other settings to what it comes to."""
        given = self._given
        settings, lines = given.settings, given.own
        if settings.get("strict"):
            self._check_strict(settings, lines, priority, version)
        settle_preempt_delay(settings, lines, preempt=preempt, state=state, report=self._report)
        if given.group_line is not None:
            if given.peers:
                self._no_effect(
                    given.group_line, "mcast_dst_ip does nothing with unicast peers", "mcast-dst-ip-unicast"
                )
            elif (4 if len(given.group) == 4 else 6) != family:
                self._report.error(
                    given.group_line.where(1),
                    f"mcast_dst_ip {show(given.group)} is not IPv{family} as the instance is; the line is ignored",
                    "mcast-dst-ip-family",
                )
                given.group = b""
        if not given.peers:
            for word in ("unicast_ttl", "check_unicast_src", "old_unicast_checksum"):
                if word in lines:
                    self._no_effect(lines[word], f"{word} does nothing without unicast peers", "unicast-word-alone")
            settings.pop("unicast_ttl", None)
            settings["unicast_fault_no_peer"] = "unicast_fault_no_peer" in lines and given.unicast is not None
        if "vmac_xmit_base" in lines and "use_vmac" not in lines:
            self._no_effect(
                lines["vmac_xmit_base"], "vmac_xmit_base does nothing without use_vmac", "vmac-xmit-base-alone"
            )
        if "use_vmac" in lines and settings.get("strict") and settings["use_vmac"].mac:
            self._report.error(
                lines["use_vmac"].where(),
                "a MAC of its own cannot be in strict mode, that of the RFC is used; remove it",
                "vmac-mac-strict",
            )
            settings["use_vmac"] = settings["use_vmac"]._replace(mac=b"")
        if "use_vmac" in lines and not given.interface:
            self._no_effect(lines["use_vmac"], "use_vmac does nothing without an interface", "vmac-without-interface")
        if "use_vmac" in lines and "use_ipvlan" in lines:
            self._report.error(
                lines["use_ipvlan"].where(),
                "use_ipvlan beside use_vmac is ignored; remove one of them",
                "ipvlan-beside-vmac",
            )
            settings["use_ipvlan"] = None

    def _no_effect(self, line: Statement, what: str, code: str) -> None:
        self._report.warning(line.where(), f"{what}; remove it", code)

    def _check_strict(self, settings: dict[str, Any], lines: dict[str, Statement], priority: int, version: int) -> None:
        given = self._given
        apply_strict(settings, lines, self._report)
        accept = lines.get("accept")
        if accept is not None and settings["accept"] and version == 2 and priority != 255:
            self._report.error(
                accept.where(),
                "accept cannot be in strict mode with version 2; it is ignored, remove it",
                "accept-strict",
            )
            accept = None
        if accept is None:
            settings["accept"] = priority == 255
        if given.peers and given.unicast is not None:
            self._report.warning(
                given.unicast.where(),
                "strict mode has no unicast, and keepalived 2.4 does not start with both; remove one of them",
                "unicast-strict",
            )

    # Addresses

    def _vips(self) -> list[Vip]:
        given = self._given
        vips: list[Vip] = []
        seen = set()
        for line in given.vip_lines:
            vip = self._vip(line)
            if vip is None or not given.fits_family(vip.address, line, "address"):
                continue
            if vip.address in seen:
                self._report.warning(
                    line.where(), f"address {show(vip.address)} is listed twice; remove one", "address-twice"
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
        for line in self._given.excluded_lines:
            vip = self._vip(line)
            if vip is None:
                continue
            if (vip.address, vip.dev) in seen:
                self._report.warning(
                    line.where(), f"address {show(vip.address)} is listed twice; remove one", "address-twice"
                )
                continue
            seen.add((vip.address, vip.dev))
            excluded.append(vip)
        return excluded

    def _vip(self, line: Statement) -> Vip | None:
        given = self._given
        # Without an interface the instance is refused, which is told once and not for each address.
        own = given.interface or ("" if given.peers and given.source else "-")
        vip = read_vip(line, own, self._report)
        interfaces = None if "net_namespace" in given.settings else self._defaults.interfaces
        if vip is not None and interfaces is not None and vip.dev != own and vip.dev not in interfaces:
            self._report.warning(
                line.where(),
                f"interface {shown(vip.dev)} does not exist; the address is not set until it does",
                "interface-absent",
            )
        return vip

    def _check_vips(self, vips: list[Vip], family: int, version: int) -> None:
        given = self._given
        strict = given.settings.get("strict", False)
        if not vips:
            if version == 3 or strict:
                why = "version 3" if version == 3 else "strict mode"
                given.refuse(
                    given.block.where(),
                    f"{why} needs an address; add one to virtual_ipaddress (RFC 5798 s5.2.5)",
                    "vips-needed",
                )
            elif not given.settings.get("no_virtual_ipaddress"):
                has = "no address that can be used" if given.vip_lines else "no virtual_ipaddress"
                self._report.warning(
                    given.block.where(),
                    f"vrrp_instance {shown(given.name)} has {has}, so its adverts carry no address; "
                    + ("mend one" if given.vip_lines else "add at least one"),
                    "vips-none",
                )
            return
        if "no_virtual_ipaddress" in given.own:
            self._no_effect(
                given.own["no_virtual_ipaddress"],
                "no_virtual_ipaddress does nothing beside addresses",
                "no-virtual-ipaddress-unneeded",
            )
        if family == 6 and len(vips) > _IPV6_ADDRESSES_IN_1500:
            self._report.warning(
                given.block.where(),
                f"{len(vips)} IPv6 addresses make an advert that 1500 bytes cannot carry, so it goes in fragments; "
                f"move those after {_IPV6_ADDRESSES_IN_1500} to virtual_ipaddress_excluded",
                "vips-fragment",
            )
        if family == 6 and not given.peers and not _is_link_local(vips[0].address):
            tell = self._report.error if strict else self._report.warning
            tell(
                self._first_vip_line.where(),
                f"the first IPv6 address should be link-local, {show(vips[0].address)} is not; "
                "put one of fe80::/64 first (RFC 5798 s5.2.9)",
                "first-not-link-local",
            )

    # Interval, preemption, password, what is tracked

    def _interval_cs(self, version: int) -> int:
        """The interval as the wire has it: whole seconds in version 2, 12 bits of 10 ms in version 3."""
        given = self._given
        us = given.interval_us
        if version == 2:
            seconds = max(1, (us + 500_000) // 1_000_000)
            value = seconds * _CS_PER_S
            why = "version 2 has whole seconds"
        else:
            value = min((us + _US_PER_CS // 2) // _US_PER_CS, _ADVERT_INT_CS_MAX)
            why = "version 3 has steps of 0.01 s up to 40.95 s"
        if value * _US_PER_CS != us and given.interval_line is not None:
            self._report.error(
                given.interval_line.where(1),
                f"advert_int {shown(given.interval_line.words[1])}: {why}; {value / _CS_PER_S:g} is used, write that",
                "advert-int-step",
            )
        return value

    def _preempt(self, state: State, priority: int) -> bool:
        given = self._given
        if given.nopreempt is None:
            return True
        if state is State.MASTER or priority == 255:
            why = "with state MASTER" if state is State.MASTER else "with priority 255"
            self._report.error(
                given.nopreempt.where(),
                f"nopreempt does nothing {why} and is ignored; write state BACKUP"
                + (" and a priority below 255" if priority == 255 else "")
                + ", on every node, so that whoever is MASTER stays it",
                "nopreempt-ignored",
            )
            return True
        return False

    def _check_nopreempt(self, instance: Instance) -> None:
        """The commonest misunderstanding of nopreempt: that weights still move mastership."""
        given = self._given
        weighted = [t.name for t in (*instance.track_scripts, *instance.track_interfaces) if t.weight]
        if weighted and not instance.preempt and given.nopreempt is not None:
            self._report.warning(
                given.nopreempt.where(),
                f"with nopreempt a BACKUP leaves every MASTER alone, so the weight of {shown(weighted[0])} moves "
                "nothing; remove the weight (failing is FAULT then), or nopreempt",
                "nopreempt-weight",
            )

    def _auth_pass(self, version: int, *, is_strict: bool) -> bytes | None:
        given = self._given
        for block in given.auth:
            if block.broken is not None and given.refusal is None:
                given.refusal = block.broken  # running without the password would make a second MASTER
        return read_password(given.auth, version=version, is_strict=is_strict, refuse=given.refuse, report=self._report)

    def _tracked_interfaces(self, priority: int) -> tuple[Tracked, ...]:
        given = self._given
        own = given.interface
        lines = []
        for line in given.track_interface:
            if line.words[0] == own:
                self._report.warning(
                    line.where(),
                    f"track_interface {shown(own)} is the instance's own, tracked anyway; remove it",
                    "own-interface-tracked",
                )
            else:
                lines.append(line)
        if not lines:
            return ()
        elsewhere = "net_namespace" in given.settings
        return self._trackers.interfaces(lines, is_owner=priority == 255, elsewhere=elsewhere)

    def _tracked_scripts(self, priority: int) -> tuple[Tracked, ...]:
        given = self._given
        return self._trackers.scripts(given.track_script, is_owner=priority == 255) if given.track_script else ()


def _is_link_local(vip: bytes) -> bool:
    return vip[0] == 0xFE and vip[1] & 0xC0 == 0x80
