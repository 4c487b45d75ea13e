"""A valid configuration: frozen values with every default applied. No file, no socket, no clock.

`pyvrrp/config` makes it from text; everything else reads it. Addresses are bytes in network order (4 or 16), so that
they go to the engine and to netlink as they are, and cross from the configuration worker without conversion.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple

from pyvrrp.routing import Route, Rule

MULTICAST_GROUPS = {4: bytes((224, 0, 0, 18)), 6: ipaddress.IPv6Address("ff02::12").packed}


class State(IntEnum):
    """The states, with keepalived's numbers (RFC 5798 s6.4; FAULT is keepalived's)."""

    INIT = 0
    BACKUP = 1
    MASTER = 2
    FAULT = 3


class Where(NamedTuple):
    """A place in a configuration file. Line and column count from 1; 0 means the whole file."""

    file: str
    line: int = 0
    column: int = 0
    origin: str = ""                    # of a line that nobody wrote like that: how it reads, and what made it

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing that is wrong in a file: what is wrong, then what to do."""

    where: Where
    message: str
    code: str                   # the kind of mistake, for programs: one of pyvrrp/config/codes.py
    is_error: bool = True       # False: a warning, the file runs as it is meant
    is_structural: bool = False     # its blocks may not be what its author meant: no reload goes by it
    is_hint: bool = False       # nothing is wrong, so that no exit status counts it; not an error either

    @property
    def severity(self) -> str:
        """error, warning or hint."""
        return "hint" if self.is_hint else "error" if self.is_error else "warning"

    def __str__(self) -> str:
        origin = f" ({self.where.origin})" if self.where.origin else ""
        return f"{self.where}: {'' if self.is_error else f'{self.severity}: '}{self.message}{origin}"


@dataclass(frozen=True, slots=True)
class Command:
    """A script with its arguments, and whom it runs as (None: the default user)."""

    argv: tuple[str, ...]
    user: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VipOptions:
    """What few address lines ask for. The first five are flags of the kernel (ip-address(8))."""

    home: bool = False
    mngtmpaddr: bool = False
    noprefixroute: bool = False
    autojoin: bool = False
    detects_duplicates: bool = False    # `-nodad`: IPv6 duplicate address detection, which would delay a takeover
    peer: bytes | None = None           # the far end of a point-to-point link; the prefix length is then its own
    preferred_s: int | None = None      # preferred lifetime; None: for ever, but a /128 is deprecated at once
    is_tracked: bool = True             # no: losing the address, or the link of its `dev`, changes nothing
    use_vmac: bool = False              # on a macvlan of its own over `dev`
    track_group: str | None = None      # of a static address: whose instances go down when it is lost for good


class UseVmac(NamedTuple):
    """What use_vmac asks for. Nothing given: a name is made up, and the MAC is that of the RFC."""

    name: str = ""
    mac: bytes = b""
    group: int = 0                      # of interfaces (ip-link(8))


class Vmac(NamedTuple):
    """An interface with a virtual MAC that an instance has above another one."""

    name: str
    base: str
    mac: bytes
    family: int                         # of the addresses on it
    group: int = 0


FOREVER_S = 0xFFFFFFFF                  # a lifetime without an end, as the kernel writes it
_NO_OPTIONS = VipOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Vip:
    """One virtual or static address. As a text it is a line that reads back as the same value."""

    address: bytes
    prefix_len: int
    dev: str                            # resolved: the instance's interface where the line names none
    label: str | None = None
    scope: int = 0                      # RT_SCOPE_*; 0 is global
    broadcast: bytes | None = None
    rare: VipOptions | None = None      # None, as nearly always: all defaults

    @property
    def family(self) -> int:
        return 4 if len(self.address) == 4 else 6

    @property
    def options(self) -> VipOptions:
        return self.rare or _NO_OPTIONS

    @property
    def is_tracked(self) -> bool:
        return self.rare is None or self.rare.is_tracked

    @property
    def brief(self) -> str:
        """The address, with its length if it is more than one host's."""
        own = str(ipaddress.ip_address(self.address))
        return own if self.prefix_len == len(self.address) * 8 else f"{own}/{self.prefix_len}"

    def __str__(self) -> str:
        own = str(ipaddress.ip_address(self.address))
        rare = self.options
        words = [own if rare.peer else f"{own}/{self.prefix_len}", "dev", self.dev]
        if rare.peer:
            words += ["peer", f"{ipaddress.ip_address(rare.peer)}/{self.prefix_len}"]
        if self.broadcast is not None:
            words += ["brd", str(ipaddress.ip_address(self.broadcast))]
        if self.label:
            words += ["label", self.label]
        if self.scope:
            words += ["scope", str(self.scope)]
        words += [flag for flag in ("home", "mngtmpaddr", "noprefixroute", "autojoin") if getattr(rare, flag)]
        if rare.detects_duplicates:
            words.append("-nodad")
        if rare.preferred_s is not None:
            words += ["preferred_lft", "forever" if rare.preferred_s == FOREVER_S else str(rare.preferred_s)]
        if not rare.is_tracked:
            words.append("no_track")
        if rare.use_vmac:
            words.append("use_vmac")
        if rare.track_group:
            words += ["track_group", rare.track_group]
        return " ".join(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackScript:
    """A vrrp_script: a command that is run at an interval, and how its results count."""

    name: str
    command: Command | None             # None: it names none, or one that cannot run; it counts as failed
    interval_s: float = 1.0
    timeout_s: float = 1.0
    weight: int = 0
    rise: int = 1
    fall: int = 1
    reverse: bool = False
    init_fail: bool = False             # counts as failed until `rise` successes, without waiting for a first result
    where: Where = Where("")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackFile:
    """A track_file: the number in a file, times `weight`, is added to the priority."""

    name: str
    path: str
    weight: int = 1                     # 0: any number but 0 means FAULT
    reverse: bool = False
    initial: int | None = None          # init_file: what the file is made with at start if it is not there
    overwrite: bool = False             # or also if it is
    where: Where = Where("")


class Match(StrEnum):
    """How the parameters of a process are compared."""

    EXACT = "exact"
    PARTIAL = "partial"                 # the first ones are equal
    INITIAL = "initial"                 # the same, and the last of them may be longer


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackProcess:
    """A vrrp_track_process: it is well while quorum..quorum_max processes of a name run."""

    name: str
    process: str
    parameters: tuple[str, ...] = ()
    match: Match | None = None          # None: parameters do not matter
    full_command: bool = False          # compare argv[0] of the command line, not the name that the kernel keeps
    weight: int = 0
    reverse: bool = False
    quorum: int = 1
    quorum_max: int | None = None       # None: any number; 0: none may run
    fork_delay_s: float = 0.0           # before a quorum that was gained is believed
    terminate_delay_s: float = 0.0      # the same of one that was lost
    where: Where = Where("")


class Tracked(NamedTuple):
    """What an instance or group tracks by name: an interface, script, file or process, and how it counts there."""

    name: str
    weight: int = 0                     # 0: failing means FAULT
    reverse: bool = False               # the weight counts the other way round; of weight 0: success means FAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Who is told of a change of state."""

    master: Command | None = None
    backup: Command | None = None
    fault: Command | None = None
    stop: Command | None = None
    any: Command | None = None          # `notify`: gets type, name, state and priority
    deleted: Command | None = None      # the instance is gone after a reload
    tells_deleted: bool = False         # that is told as DELETED; no: as FAULT
    master_rx_lower_pri: Command | None = None      # a MASTER heard an advert of lower priority


class Fifo(NamedTuple):
    """A named pipe that gets a line for each event."""

    path: str
    user: str = ""                      # whose it is if it is made; "": the daemon's
    group: str = ""                     # "": the user's


class MailServer(NamedTuple):
    """Who takes mails."""

    host: str
    port: int = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One vrrp_instance."""

    name: str
    family: int                         # 4 or 6
    interface: str                      # "" is any, for unicast
    vrid: int
    priority: int = 100
    version: int = 2
    start_state: State = State.BACKUP   # `state`: MASTER or BACKUP
    advertisement_interval_cs: int = 100
    down_timer_adverts: int = 3
    preempt: bool = True
    source: bytes | None = None         # unicast_src_ip, mcast_src_ip; None: the interface's own
    peers: tuple[bytes, ...] = ()       # empty: multicast
    peer_ttls: tuple[tuple[int, int], ...] = ()     # min_ttl and max_ttl of each peer; empty: none is limited
    group: bytes = b""                  # where multicast adverts go
    check_unicast_src: bool = False
    skip_check_adv_addr: bool = False
    unicast_ttl: int = 255              # of IPv4 and IPv6 adverts to peers
    unicast_fault_no_peer: bool = False     # unicast was asked for and there is no peer: FAULT
    track_src_ip: bool = False
    vrf: str = ""
    net_namespace: str = ""             # a name of `ip netns`, or a path; "": the daemon's own
    strict: bool = False                # its consequences are applied to the other fields already
    accept: bool = True                 # no: packets to the addresses are dropped unless priority is 255
    v3_checksum_as_v2: bool = False     # IPv4: the checksum covers the message alone (RFC 9568 s5.2.8)
    preempt_delay_s: float = 0.0
    lower_prio_no_advert: bool = False
    higher_prio_send_advert: bool = False
    owner_ignore_adverts: bool = False
    min_interval_cs: int | None = None  # the shortest interval that is learned from a MASTER; None: the core's
    garp_master_delay_s: int = 5        # 0: no second set
    garp_master_repeat: int = 5         # 1 and more
    garp_master_refresh_s: int = 0      # 0: no refresh
    garp_master_refresh_repeat: int = 1
    garp_lower_prio_delay_s: int = 5
    garp_lower_prio_repeat: int = 5     # 0: none
    garp_extra_if_s: int = 0            # 0: off
    garp_extra_if_all: bool = False     # on other than use_vmac's interfaces too
    use_vmac: UseVmac | None = None
    use_vmac_addr: bool = False
    vmac_prefix: str = "vrrp"           # how made-up names begin
    vmac_addr_prefix: str = ""          # those for addresses on other interfaces; "": the same
    vmac_xmit_base: bool = False
    use_ipvlan: tuple[str, ...] | None = None
    dont_track_primary: bool = False
    promote_secondaries: bool = False
    no_virtual_ipaddress: bool = False  # no address is meant
    kernel_rx_buf_size: int = 0         # bytes; 0: sized for the expected adverts
    notify_priority_changes: bool = False   # they are written to the FIFOs
    smtp_alert: bool = False            # a mail at each change of state
    auth_pass: bytes | None = None      # 8 bytes, zero padded
    vips: tuple[Vip, ...] = ()
    excluded: tuple[Vip, ...] = ()
    routes: tuple[Route, ...] = ()
    rules: tuple[Rule, ...] = ()
    track_interfaces: tuple[Tracked, ...] = ()
    track_scripts: tuple[Tracked, ...] = ()
    track_files: tuple[Tracked, ...] = ()
    track_processes: tuple[Tracked, ...] = ()
    notify: Notify = Notify()
    where: Where = Where("")

    @property
    def is_unicast(self) -> bool:
        return bool(self.peers)

    @property
    def is_filtered(self) -> bool:
        """Packets to its addresses are dropped: no Accept_Mode, and not their owner (RFC 9568 s6.1)."""
        return not self.accept and self.priority != 255

    @property
    def identity(self) -> tuple[int, int, str, str, bool, bytes]:
        """What makes it the same Virtual Router after a reload: not its name (keepalived does the same)."""
        cast = self.source or b"" if self.peers else self.group
        return self.vrid, self.family, self.interface, self.net_namespace, self.is_unicast, cast


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncGroup:
    """A vrrp_sync_group: instances that change state together."""

    name: str
    members: tuple[str, ...]            # names of instances
    track_interfaces: tuple[Tracked, ...] = ()
    track_scripts: tuple[Tracked, ...] = ()
    track_files: tuple[Tracked, ...] = ()
    track_processes: tuple[Tracked, ...] = ()
    own_weights: bool = False           # members keep the weights of what they track themselves
    notify_priority_changes: bool | None = None     # of members that do not say; None: as the file says
    smtp_alert: bool = False            # a mail at each change of state of the group
    notify: Notify = Notify()
    where: Where = Where("")


class FilterTable(NamedTuple):
    """The table of nftables that drops packets to the addresses of instances without accept."""

    name: str = "pyvrrp"
    priority: int = -1                  # of its chains
    has_counters: bool = False          # in its rules


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalDefs:
    """What global_defs says of the whole scope; defaults for instances are already applied to them."""

    router_id: str
    script_user: str | None = None
    script_group: str | None = None
    enable_script_security: bool = False
    net_namespace: str = ""             # of its scripts, and of instances that do not say; "": the daemon's own
    instance_name: str = ""             # `instance` outside blocks: of this daemon, for its pid files
    startup_delay_s: float = 0.0
    delay_after_boot_s: float = 0.0
    log_unknown_vrids: bool = False
    detects_duplicates: bool = False    # a MASTER asks whether another host has its addresses
    restores_things: bool = False       # what somebody removes from a MASTER is put back, without an election
    garp_interval_s: float = 0.0        # between two gratuitous ARPs on one interface
    gna_interval_s: float = 0.0
    default_interface: str = "eth0"
    nice: int | None = None
    rt_priority: int | None = None
    rlimit_rttime_us: int | None = None
    no_swap: bool = False
    cpu_affinity: tuple[int, ...] = ()  # none: all
    netlink_cmd_rcv_bytes: int | None = None
    netlink_monitor_rcv_bytes: int | None = None
    process_monitor_rcv_bytes: int | None = None    # of the socket for news of processes
    process_monitor_rcv_force: bool = False         # it may exceed the system's bound
    umask: int | None = None
    nftables: str = "pyvrrp"            # the name of the table for no_accept
    nftables_priority: int = -1
    nftables_counters: bool = False
    max_scripts: int | None = None      # None: limits.SCRIPTS_MAX
    socket_group: str | None = None     # who may read the control socket; None: the daemon's own group
    http: tuple[str, int] | None = None     # address and port of a listener for what only reads
    notify_fifo: Fifo | None = None     # gets a line for every event
    vrrp_notify_fifo: Fifo | None = None    # the same, since all events here are of VRRP
    notify_fifo_script: Command | None = None   # reads notify_fifo, whose path is its last argument
    vrrp_notify_fifo_script: Command | None = None
    fifo_write_vrrp_states_on_reload: bool = False
    notification_email: tuple[str, ...] = ()
    notification_email_from: str = ""   # "": the daemon's user at this host
    smtp_server: MailServer | None = None   # None: no mail is sent
    smtp_helo_name: str = ""            # "": the host's name
    smtp_connect_timeout_s: int = 30
    no_email_faults: bool = False
    startup_script: Command | None = None   # before anything runs
    startup_script_timeout_s: int = 10
    shutdown_script: Command | None = None  # when everything has ended
    shutdown_script_timeout_s: int = 10
    json_version: int = 1
    state_dump_file: str | None = None
    stats_dump_file: str | None = None
    json_dump_file: str | None = None

    @property
    def filter_table(self) -> FilterTable:
        return FilterTable(self.nftables, self.nftables_priority, self.nftables_counters)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackGroup:
    """A track_group: instances that go down when a static address, route or rule of it is lost for good."""

    name: str
    members: tuple[str, ...]            # names of instances
    where: Where = Where("")


class InterfaceDelays(NamedTuple):
    """How long an interface must be down, or up, before that counts."""

    name: str
    down_s: float
    up_s: float = 0.0


class Linkbeat(NamedTuple):
    """An interface whose link is polled."""

    name: str
    method: str | None = None           # MII, ETHTOOL or IOCTL; None: the first of them that works


@dataclass(frozen=True, slots=True, kw_only=True)
class GarpGroup:
    """A garp_group: interfaces that share one pace of gratuitous ARPs and neighbour advertisements."""

    interfaces: tuple[str, ...]
    garp_interval_s: float | None = None    # None: that of global_defs
    gna_interval_s: float | None = None
    where: Where = Where("")


class Refused(NamedTuple):
    """An instance that is not run, and why."""

    name: str
    where: Where
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """All that one scope runs."""

    global_defs: GlobalDefs
    scripts: tuple[TrackScript, ...] = ()
    groups: tuple[SyncGroup, ...] = ()
    instances: tuple[Instance, ...] = ()
    refused: tuple[Refused, ...] = ()
    track_files: tuple[TrackFile, ...] = ()
    track_processes: tuple[TrackProcess, ...] = ()
    static_addresses: tuple[Vip, ...] = ()
    static_routes: tuple[Route, ...] = ()
    static_rules: tuple[Rule, ...] = ()
    track_groups: tuple[TrackGroup, ...] = ()
    interface_delays: tuple[InterfaceDelays, ...] = ()
    linkbeats: tuple[Linkbeat, ...] = ()
    garp_groups: tuple[GarpGroup, ...] = ()
