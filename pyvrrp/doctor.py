"""What is wrong with a host, and the command that mends it, from what the daemon and the kernel say. Pure.

Each check looks at Facts and gives Findings. One that is not sure gives none: whoever is told of ten things that are no
trouble does not read the eleventh.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from pyvrrp.control.protocol import REFUSED, InstancesReply, InstanceStatus
from pyvrrp.control.trackers import ProcessStatus, ScriptStatus, TrackersReply
from pyvrrp.model import State
from pyvrrp.neighbours import Room, crowding

HOST = "this host"


class Finding(NamedTuple):
    """One thing that is not as it should be."""

    is_error: bool              # addresses are not where they should be; no: they may not be, some day
    about: str                  # an instance, a script, or this host
    what: str                   # a sentence
    command: str                # that mends it, or shows more; empty: there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceFacts:
    """What the kernel says in one network namespace."""

    without_ipv6: frozenset[str] = frozenset()      # interfaces with disable_ipv6
    unreachable: frozenset[str] = frozenset()       # addresses that do not answer ARP or neighbour discovery


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that is looked at. Where something could not be read it has its default."""

    status: InstancesReply
    trackers: TrackersReply | None = None
    namespaces: dict[str | None, NamespaceFacts] = field(default_factory=dict)      # None: the daemon's own
    rooms: dict[int, Room] = field(default_factory=dict)        # in the neighbour tables, by address family
    descriptors: tuple[int, int] | None = None      # of the daemon: open, and how many may be
    keepalived_pids: tuple[int, ...] = ()
    rmem_max: int | None = None                     # net.core.rmem_max
    # The daemon's own network namespace as a path, where whoever asks is in another; None: they are in the same.
    own_namespace: str | None = None


def examine(facts: Facts) -> list[Finding]:
    """All findings, errors first; in each kind the host's before the instances'."""
    found = [finding for check in _CHECKS for finding in check(facts)]
    return sorted(found, key=lambda finding: (not finding.is_error, finding.about != HOST))


# ---- instances


def _refused(facts: Facts) -> Iterator[Finding]:
    for each in facts.status.instances:
        if each.state == REFUSED:
            file = (each.reason or "").partition(":")[0]
            yield Finding(True, each.name, f"it is not run: {each.reason}", f"pyvrrp check {shlex.quote(file)}")


# What a reason for FAULT begins with, and the command for it; {0} is what the parentheses hold, {ip} is ip(8) there.
_REMEDIES = (
    (r"interface (\S+) does not exist", "{ip} link show"),
    (r"(?:tracked )?interface (\S+) is down", "{ip} link set {0} up"),
    (r"interface (\S+) has no IPv4 address", "{ip} address add ADDRESS/LENGTH dev {0}"),
    (r"interface (\S+) has no link-local IPv6 address", "sysctl -w net.ipv6.conf.{0}.disable_ipv6=0"),
    (r"source address (\S+) is on no interface", "{ip} address add {0}/LENGTH dev INTERFACE"),
    (r"there is no network namespace (\S+)", "ip netns add {0}"),
    (r"track_process (\S+)", "pyvrrp status --scripts"),
    (r"(\S+) failed", "pyvrrp status --scripts"),
    (r"another member of its sync group (\S+)", "pyvrrp status"),
    (r"it is unicast and has no peer()", "pyvrrp explain unicast_peer"),
    (r"packets to its addresses cannot be dropped()", "modprobe nf_tables"),
)


def _faults(facts: Facts) -> Iterator[Finding]:
    for each in facts.status.instances:
        if each.state == State.FAULT.name:
            for why in each.faults or ["no reason is known"]:
                yield Finding(True, each.name, f"it is in FAULT: {why}", _remedy(why, each, facts))
        elif each.state in (State.MASTER.name, State.BACKUP.name):
            for why in each.faults:
                yield Finding(each.state == State.MASTER.name, each.name, why, f"pyvrrp show {shlex.quote(each.name)}")


def _remedy(why: str, instance: InstanceStatus, facts: Facts) -> str:
    for pattern, command in _REMEDIES:
        if found := re.match(pattern, why):
            return _ip(_namespace(instance, facts), command, *(shlex.quote(group) for group in found.groups()))
    return f"pyvrrp show {shlex.quote(instance.name)}"


def _namespace(instance: InstanceStatus, facts: Facts) -> str | None:
    """Where a command for an instance has to be run; None: here."""
    return instance.net_namespace or facts.own_namespace


def _ip(namespace: str | None, command: str, *words: str) -> str:
    """A command for a network namespace, the daemon's own if it has no name."""
    if namespace is None or namespace.startswith("/"):
        text = command.format(*words, ip="ip")
        if namespace is None or text.startswith(("pyvrrp ", "modprobe ")):
            return text
        return f"nsenter --net={shlex.quote(namespace)} {text}"
    quoted = shlex.quote(namespace)
    text = command.format(*words, ip=f"ip -n {quoted}")
    return text if text.startswith(("ip ", "pyvrrp ", "modprobe ")) else f"ip netns exec {quoted} {text}"


def _two_masters(facts: Facts) -> Iterator[Finding]:
    for each in facts.status.instances:
        if (other := each.other_master) is not None:
            interface = each.interface or "any"
            yield Finding(
                True, each.name,
                f"two hosts are MASTER for {other.since_s:.0f} s: this one ({other.own_address}, priority "
                f"{other.own_priority}) and {other.address} (priority {other.priority}), which does not hear this one",
                # Here both are on the wire; on the other host the one that is missing shows what a firewall eats.
                f"tcpdump -ni {shlex.quote(interface)} 'proto 112 and vrrp[1] = {each.vrid}'   # on {other.address}",
            )


# What makes the other side reject or differ, and the command that tells more.
_HINTS = {
    "auth_failure": "another password than the sender: auth_pass differs",
    "authtype_mismatch": "a password on one side only: compare the authentication blocks",
    "version_err": "the sender speaks another version of VRRP: compare vrrp_version",
    "checksum_err": "wrong checksums: v3_checksum_as_v2 has to be the same on both sides",
    "advert_interval_err": "another advert_int than the sender",
    "ip_ttl_err": "TTL out of bounds: a router lies between the hosts, or min_ttl and max_ttl are too narrow",
    "mode_err": "one side sends multicast, the other unicast",
    "unknown_source_err": "the sender is not in unicast_peer (vrrp_check_unicast_src)",
    "unlisted_dropped": "a host that is not in unicast_peer sends more than such a one may",
    "addr_list_err": "the sender lists other virtual addresses",
    "addr_list_dropped": "the sender lists other virtual addresses (vrrp_strict)",
    "interval_differs": "the sender has another advert_int",
    "own_address_err": "somebody sends from this host's own address",
    "send_err": "the kernel refused to send adverts",
}


def _adverts(facts: Facts) -> Iterator[Finding]:
    for each in facts.status.instances:
        for counter, hint in _HINTS.items():
            if count := each.counters.get(counter, 0):
                yield Finding(False, each.name, f"{hint} ({counter}: {count})", f"pyvrrp show {shlex.quote(each.name)}")


def _peers(facts: Facts) -> Iterator[Finding]:
    for each in facts.status.instances:
        unreachable = facts.namespaces.get(each.net_namespace, NamespaceFacts()).unreachable
        for peer in each.peers:
            if peer in unreachable:
                yield Finding(False, each.name, f"its peer {peer} does not answer on the link",
                              _ip(_namespace(each, facts), "{ip} neighbour show {0}", peer))


def _ipv6(facts: Facts) -> Iterator[Finding]:
    told = set()
    for each in facts.status.instances:
        where = (each.net_namespace, each.interface)
        without = facts.namespaces.get(each.net_namespace, NamespaceFacts()).without_ipv6
        if where not in told and each.interface in without and any(":" in vip for vip in (*each.vips, *each.excluded)):
            told.add(where)
            yield Finding(True, each.name, f"it has IPv6 addresses and IPv6 is switched off on {each.interface}",
                          _ip(_namespace(each, facts), "sysctl -w net.ipv6.conf.{0}.disable_ipv6=0", each.interface))


# ---- what is tracked


def _scripts(facts: Facts) -> Iterator[Finding]:
    for each in facts.trackers.trackers if facts.trackers is not None else ():
        more = f"pyvrrp status --scripts {shlex.quote(each.name)}"
        if isinstance(each, ScriptStatus):
            if not each.command:
                yield Finding(True, each.name, "this script has no command that can be run, and counts as failed",
                              f"pyvrrp check   # it says why of vrrp_script {each.name}")
            elif each.ok is False:
                yield Finding(False, each.name, f"this script fails: {each.last}", shlex.join(each.command))
            elif each.last_duration_s is not None and each.last_duration_s > 0.8 * each.timeout_s:
                yield Finding(False, each.name, f"this script took {each.last_duration_s:.1f} s of the "
                              f"{each.timeout_s:g} s that it may", more)
        elif isinstance(each, ProcessStatus) and each.ok is False:
            yield Finding(False, each.name, f"{each.count} of its processes run, and {each.quorum} or more have to",
                          f"pgrep -a {shlex.quote(each.process[0])}")
    news = facts.trackers.process_news if facts.trackers is not None else None
    if news is not None and not news.is_told:
        yield Finding(False, HOST, f"/proc is read again and again for track_process: {news.why_untold}", "")


# ---- the host


def _host(facts: Facts) -> Iterator[Finding]:
    for pid in facts.keepalived_pids:
        yield Finding(False, HOST, f"keepalived runs as well (pid {pid}): where it has the same instances, both answer "
                      "for their addresses", "systemctl disable --now keepalived")
    for problem in facts.status.problems:
        yield Finding(False, HOST, problem, "pyvrrp status")


def _room(facts: Facts) -> Iterator[Finding]:
    peers: dict[int, set[tuple[str | None, str]]] = {4: set(), 6: set()}
    for each in facts.status.instances:
        peers[each.family].update((each.net_namespace, peer) for peer in each.peers)
    for family, room in facts.rooms.items():
        if sentence := crowding(family, len(peers[family]), room):
            name = f"net.ipv{family}.neigh.default.gc_thresh"
            count = len(peers[family])
            yield Finding(False, HOST, sentence.partition(";")[0],
                          f"sysctl -w {name}2={2 * count} {name}3={4 * count}")
    if facts.descriptors is not None and facts.descriptors[0] > 0.8 * facts.descriptors[1]:
        used, limit = facts.descriptors
        yield Finding(True, HOST, f"{used} of the {limit} descriptors that the daemon may have are open",
                      f"prlimit --pid {facts.status.pid} --nofile={2 * limit}   # and LimitNOFILE= in its unit")


def _load(facts: Facts) -> Iterator[Finding]:
    engine = facts.status.counters.get("engine", {})
    if drops := engine.get("receive_drops", 0):
        yield Finding(False, HOST, f"{drops} datagrams were lost as a receive buffer was full",
                      f"sysctl -w net.core.rmem_max={max(4 << 20, 4 * (facts.rmem_max or 0))}")
    if (late_us := engine.get("stall_longest_us", 0)) >= _LONG_STALL_US:
        yield Finding(False, HOST, f"the daemon stood still for {late_us / 1e6:.1f} s: the machine is too busy, or it "
                      "is a guest whose host is", "pyvrrp explain vrrp_rt_priority")
    if lost := facts.status.counters.get("log", {}).get("lines_dropped", 0):
        yield Finding(False, HOST, f"{lost} log lines were dropped while the log was stuck", "systemctl status rsyslog")


_LONG_STALL_US = 500_000

_CHECKS: tuple[Callable[[Facts], Iterable[Finding]], ...] = (
    _host, _two_masters, _refused, _faults, _ipv6, _peers, _adverts, _scripts, _room, _load,
)
