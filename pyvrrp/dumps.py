"""keepalived's dump files, for the tools that ask for them by signals: state (SIGUSR1), statistics (SIGUSR2), JSON.

The JSON has keepalived's field names and meanings, the texts its layout as far as tools read it: a section for the
instances, one for the groups. Passwords are masked. Whoever can, asks the control socket instead.

The loop's part, the text, is made in slices; writing is done in a thread. A file is never written where it stands: a
new one, with a name that nobody can guess, takes its place when it is whole (CVE-2018-19044 to 19046).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import logging
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Container, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from pyvrrp import linux
from pyvrrp.host import in_slices
from pyvrrp.model import FOREVER_S, Command, Configuration, GlobalDefs, State, SyncGroup, Vip
from pyvrrp.router import Router, set_addresses
from vrrpcore.engine import Engine
from vrrpcore.settings import VrStatus

log = logging.getLogger("pyvrrp")

# The counters of keepalived's dumps, in its order; all are ours too.
STATS = (
    "advert_rcvd", "advert_sent", "become_master", "release_master", "packet_len_err", "advert_interval_err",
    "ip_ttl_err", "invalid_type_rcvd", "addr_list_err", "invalid_authtype", "authtype_mismatch", "auth_failure",
    "pri_zero_rcvd", "pri_zero_sent",
)
MASK = "********"
_SCOPES = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}


class Dump(Enum):
    """A kind of dump; its name is the word of --signum."""

    DATA = "keepalived.data"
    STATS = "keepalived.stats"
    STATS_CLEAR = "keepalived.stats, and count from 0"
    JSON = "keepalived.json"

    def file(self, defs: GlobalDefs, directory: str) -> str:
        """Where it goes: what global_defs says, or its name in `directory`."""
        named = {Dump.DATA: defs.state_dump_file, Dump.JSON: defs.json_dump_file}.get(self, defs.stats_dump_file)
        return str(Path(directory, named or self.value.partition(",")[0]))


class Dumper:
    """Writes the dumps that are asked for, one at a time; asking again for one that waits changes nothing."""

    def __init__(
        self,
        engine: Engine,
        *,
        routers: Callable[[], list[Router]],
        groups: Callable[[], list[tuple[str, SyncGroup, State]]],
        configurations: Callable[[], Mapping[str, Configuration]],
        directory: str | None = None,
    ) -> None:
        """groups: what people call each, itself, and its state. directory: where they go; None: $TMPDIR, or /tmp."""
        self._engine, self._routers, self._groups, self._configurations = engine, routers, groups, configurations
        self._directory = directory or _temporary()
        self._wanted: dict[Dump, None] = {}
        self._asked = asyncio.Event()
        self._cleared: dict[int, dict[str, int]] = {}       # by the router's number: what counts as 0

    def ask(self, dump: Dump) -> None:
        """Have a dump written soon."""
        self._wanted[dump] = None
        self._asked.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            while self._wanted:
                dump = next(iter(self._wanted))
                del self._wanted[dump]
                await self._write(dump)

    async def _write(self, dump: Dump) -> None:
        defs = [each.global_defs for each in self._configurations().values()]
        path = dump.file(defs[0] if defs else GlobalDefs(router_id=""), self._directory)
        json_version = max((each.json_version for each in defs), default=1)
        if dump is Dump.JSON and not self._routers():
            log.warning("%s is not written: there is no instance", path)
            return
        parts = [part async for part in self._parts(dump, json_version)]
        try:
            await asyncio.get_running_loop().run_in_executor(None, replace, path, parts)
        except OSError as error:
            log.error("%s could not be written: %s", path, error.strerror)
        else:
            log.debug("wrote %s", path)

    async def _parts(self, dump: Dump, json_version: int) -> AsyncIterator[str]:
        if dump is Dump.JSON:
            yield '{"vrrp": [' if json_version == 2 else "["
            between = ""
            async for router in in_slices(self._routers()):
                yield between + json.dumps(self._json(router))
                between = ",\n"
            yield "]}\n" if json_version == 2 else "]\n"
        elif dump is Dump.DATA:
            yield "------< VRRP Topology >------\n"
            async for router in in_slices(self._routers()):
                yield "".join(f" {line}\n" for line in topology(router, self._status(router)))
            yield "------< VRRP Sync groups >------\n"
            for name, group, state in self._groups():
                yield f" VRRP Sync Group = {name}, {state.name}\n   VRRP member instances :\n"
                yield "".join(f"     {member}\n" for member in group.members)
        else:
            async for router in in_slices(self._routers()):
                yield "".join(f"{line}\n" for line in statistics(router.title, self._stats(router)))
                if dump is Dump.STATS_CLEAR and router.index >= 0:
                    self._cleared[router.number] = self._engine.counters(router.index)
            numbers = {router.number for router in self._routers()}
            self._cleared = {number: stats for number, stats in self._cleared.items() if number in numbers}

    def _status(self, router: Router) -> VrStatus | None:
        return self._engine.status(router.index) if router.index >= 0 else None

    def _stats(self, router: Router) -> dict[str, int]:
        counters = self._engine.counters(router.index) if router.index >= 0 else {}
        zero = self._cleared.get(router.number, {})
        # invalid_authtype is always 0: an advert with an unknown type counts as authtype_mismatch.
        return {name: counters.get(name, 0) - zero.get(name, 0) for name in STATS}

    def _json(self, router: Router) -> dict[str, Any]:
        return {"data": data(router, self._status(router)), "stats": self._stats(router)}


def replace(path: str, parts: Iterable[str]) -> None:
    """Put a new file in the place of `path`, whole or not at all; readable by its owner alone. Raises OSError."""
    with linux.files_of_others():
        _replace(path, parts)


def _replace(path: str, parts: Iterable[str]) -> None:
    # mkstemp opens with O_EXCL and O_NOFOLLOW, and rename replaces a link, not what it leads to.
    fd, made = tempfile.mkstemp(prefix=".pyvrrp-", dir=Path(path).parent)
    try:
        with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(parts)
        Path(made).rename(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(made).unlink()
        raise


def data(router: Router, status: VrStatus | None) -> dict[str, Any]:
    """What keepalived's JSON calls `data` of an instance. status: None while the engine does not have it."""
    instance, placed, there = router.instance, router.placed.instance, set_addresses(router)
    learned_cs = status.master_adver_interval_cs if status is not None else 0
    found: dict[str, Any] = {
        "iname": router.title,
        "dont_track_primary": int(instance.dont_track_primary),
        "skip_check_adv_addr": int(instance.skip_check_adv_addr),
        "strict_mode": int(instance.strict),
        "vmac_ifname": router.placed.vmac,
        "ifp_ifname": router.placed.vmac or instance.interface,
        "master_priority": status.master_priority if status is not None else 0,
        "last_transition": round(router.since_s, 6),
        "garp_delay": instance.garp_master_delay_s,
        "garp_refresh": instance.garp_master_refresh_s,
        "garp_rep": instance.garp_master_repeat,
        "garp_refresh_rep": instance.garp_master_refresh_repeat,
        "garp_lower_prio_delay": instance.garp_lower_prio_delay_s,
        "garp_lower_prio_rep": instance.garp_lower_prio_repeat,
        "lower_prio_no_advert": int(instance.lower_prio_no_advert),
        "higher_prio_send_advert": int(instance.higher_prio_send_advert),
        "vrid": instance.vrid,
        "base_priority": instance.priority,
        "effective_priority": status.priority if status is not None else instance.priority,
        "vipset": bool(instance.vips) and there.issuperset(placed.vips),
        "promote_secondaries": instance.promote_secondaries,
        "adver_int": instance.advertisement_interval_cs / 100,
        "master_adver_int": (learned_cs or instance.advertisement_interval_cs) / 100,
        "accept": int(instance.accept),
        "nopreempt": not instance.preempt,
        "preempt_delay": int(instance.preempt_delay_s),
        "state": int(router.state),
        "wantstate": int(router.state),
        "version": instance.version,
        "smtp_alert": False,
        "notify_deleted": instance.notify.tells_deleted,
    }
    if not instance.interface:
        del found["ifp_ifname"]
    notify = instance.notify
    found |= {
        name: _quoted(command)
        for name, command in (
            ("script_backup", notify.backup),
            ("script_master", notify.master),
            ("script_fault", notify.fault),
            ("script_stop", notify.stop),
            ("script_deleted", notify.deleted),
            ("script", notify.any),
            ("script_master_rx_lower_pri", notify.master_rx_lower_pri),
        )
        if command is not None
    }
    lists = {
        "vips": [_address(vip, there) for vip in placed.vips],
        "evips": [_address(vip, there) for vip in placed.excluded],
        "vroutes": [str(route) for route in placed.routes],
        "vrules": [str(rule) for rule in placed.rules],
        "track_ifp": [tracked.name for tracked in instance.track_interfaces],
        "track_script": [tracked.name for tracked in instance.track_scripts],
        "track_process": [tracked.name for tracked in instance.track_processes],
    }
    found |= {name: values for name, values in lists.items() if values}
    found["auth_type"] = int(instance.auth_pass is not None)
    if instance.auth_pass is not None:
        found["auth_data"] = MASK
    return found


def statistics(name: str, stats: Mapping[str, int]) -> list[str]:
    """The lines of an instance in the statistics dump."""
    return [
        f"VRRP Instance: {name}",
        "  Advertisements:",
        f"    Received: {stats['advert_rcvd']}",
        f"    Sent: {stats['advert_sent']}",
        f"  Became master: {stats['become_master']}",
        f"  Released master: {stats['release_master']}",
        "  Packet Errors:",
        f"    Length: {stats['packet_len_err']}",
        f"    TTL: {stats['ip_ttl_err']}",
        f"    Invalid Type: {stats['invalid_type_rcvd']}",
        f"    Advertisement Interval: {stats['advert_interval_err']}",
        f"    Address List: {stats['addr_list_err']}",
        "  Authentication Errors:",
        f"    Invalid Type: {stats['invalid_authtype']}",
        f"    Type Mismatch: {stats['authtype_mismatch']}",
        f"    Failure: {stats['auth_failure']}",
        "  Priority Zero:",
        f"    Received: {stats['pri_zero_rcvd']}",
        f"    Sent: {stats['pri_zero_sent']}",
    ]


def topology(router: Router, status: VrStatus | None) -> list[str]:
    """The lines of an instance in the state dump."""
    instance, placed, there = router.instance, router.placed.instance, set_addresses(router)
    lines = [f"  VRRP Version = {instance.version}"]
    if router.group is not None:
        lines.append(f"  Sync group = {router.group}")
    lines.append(f"  State = {router.state.name}")
    if status is not None and router.state is State.BACKUP and any(status.master_address):
        master = status.master_address[: 4 if instance.family == 4 else 16]
        lines += [f"  Master router = {ipaddress.ip_address(master)}", f"  Master priority = {status.master_priority}"]
    lines += [f"  Fault reason = {why}" for why in router.faults if router.state is State.FAULT]
    lines += [
        f"  Wantstate = {router.state.name}",
        f"  Last transition = {router.since_s:.6f} ({_local(router.since_s)})",
    ]
    if router.placed.vmac:
        lines.append(f"  Use VMAC, interface = {router.placed.vmac}")
    if instance.interface:
        lines.append(f"  Interface = {router.placed.vmac or instance.interface}")
    if router.settings is not None and any(router.settings.source):
        lines.append(f"  Using src_ip = {ipaddress.ip_address(router.settings.source)}")
    interval_cs = instance.advertisement_interval_cs
    lines += [
        f"  Gratuitous ARP delay = {instance.garp_master_delay_s}",
        f"  Gratuitous ARP repeat = {instance.garp_master_repeat}",
        f"  Gratuitous ARP refresh = {instance.garp_master_refresh_s}",
        f"  Gratuitous ARP refresh repeat = {instance.garp_master_refresh_repeat}",
        f"  Gratuitous ARP lower priority delay = {instance.garp_lower_prio_delay_s}",
        f"  Gratuitous ARP lower priority repeat = {instance.garp_lower_prio_repeat}",
        f"  Down timer adverts = {instance.down_timer_adverts}",
        f"  Send advert after receive lower priority advert = {_truth(not instance.lower_prio_no_advert)}",
        f"  Send advert after receive higher priority advert = {_truth(instance.higher_prio_send_advert)}",
        f"  Virtual Router ID = {instance.vrid}",
        f"  Priority = {instance.priority}",
        f"  Effective priority = {status.priority if status is not None else instance.priority}",
        f"  Advert interval = {interval_cs * 10} milli-sec" if instance.version == 3
        else f"  Advert interval = {interval_cs // 100} sec",
        f"  Accept = {'enabled' if instance.accept else 'disabled'}",
        f"  Preempt = {'enabled' if instance.preempt else 'disabled'}",
    ]
    if instance.preempt_delay_s:
        lines.append(f"  Preempt delay = {instance.preempt_delay_s:g} secs")
    lines.append(f"  Promote_secondaries = {'enabled' if instance.promote_secondaries else 'disabled'}")
    if instance.auth_pass is not None:
        lines += ["  Authentication type = SIMPLE_PASSWORD", f"  Password = {MASK}"]
    lines += _section(f"Virtual IP ({len(placed.vips)}):", (_address(vip, there) for vip in placed.vips))
    lines += _section("Virtual IP Excluded :", (_address(vip, there) for vip in placed.excluded))
    lines += _section("Unicast Peer :", (str(ipaddress.ip_address(peer)) for peer in instance.peers))
    lines += _section("Virtual Routes :", (str(route) for route in placed.routes))
    lines += _section("Virtual Rules :", (str(rule) for rule in placed.rules))
    for kind, tracked in (
        ("interfaces", instance.track_interfaces), ("scripts", instance.track_scripts),
        ("files", instance.track_files), ("processes", instance.track_processes),
    ):
        lines += _section(f"Tracked {kind} :", (f"{each.name}, weight {each.weight}" for each in tracked))
    return [f"VRRP Instance = {router.title}", *lines]


def _section(title: str, lines: Iterable[str]) -> list[str]:
    below = [f"    {line}" for line in lines]
    return [f"  {title}", *below] if below else []


def _address(vip: Vip, there: Container[Vip]) -> str:
    """An address as keepalived writes it: a host's without its length, `set` if the kernel has it now."""
    words = [vip.brief]
    if vip.broadcast is not None:
        words += ["brd", str(ipaddress.ip_address(vip.broadcast))]
    words += ["dev", vip.dev, "scope", _SCOPES.get(vip.scope, str(vip.scope))]
    if vip.label:
        words += ["label", vip.label]
    if vip.family == 6:
        words += _lifetime(vip)
    if vip in there:
        words.append("set")
    return " ".join(words)


def _lifetime(vip: Vip) -> list[str]:
    """How long an IPv6 address is preferred; a host's is deprecated unless the file says otherwise."""
    wanted_s = vip.options.preferred_s
    if wanted_s == FOREVER_S or (wanted_s is None and vip.prefix_len < 128):
        return ["preferred_lft", "forever"]
    return ["preferred_lft", str(wanted_s)] if wanted_s else ["deprecated"]


def _quoted(command: Command) -> str:
    return " ".join(f"'{word}'" for word in command.argv)


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _local(epoch_s: float) -> str:
    moment = time.localtime(epoch_s)
    return time.strftime(f"%a %b %d %H:%M:%S.{int(epoch_s % 1 * 1e6):06} %Y", moment)


def _temporary() -> str:
    """As keepalived chooses it: $TMPDIR if that is a directory with a whole path, or /tmp."""
    named = os.environ.get("TMPDIR", "")
    return named if named.startswith("/") and Path(named).is_dir() else "/tmp"      # noqa: S108 - see replace()
