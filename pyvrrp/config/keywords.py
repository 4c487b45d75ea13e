"""The one table of keywords: what may stand in which block, what it takes, what it means.

The parser reads it, and so does whatever explains a keyword to people. A keyword that keepalived has and
pyvrrp does not do is in NOT_DONE, so that it is not called unknown. Ranges are inclusive; those of seconds
are in seconds.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from enum import Enum

TOP = ""  # the level outside all blocks


class Kind(Enum):
    """What follows a keyword."""

    FLAG = "nothing"
    TEXT = "a word"
    CHOICE = "one of the choices"
    INTEGER = "a whole number"
    SECONDS = "seconds, with a decimal fraction if need be"
    ADDRESS = "an IP address"
    INTERFACE = "the name of an interface"
    COMMAND = "a command in quotes, then a user and a group if need be"
    USER = "a user, then a group if need be"
    WEIGHT = "a whole number, then reverse if need be"
    BLOCK = "a block of keywords"
    LINES = "a block with one entry on each line"
    WORDS = "a block in which each word is an entry"


BLOCKS = frozenset((Kind.BLOCK, Kind.LINES, Kind.WORDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyword:
    """One keyword of one block."""

    name: str
    kind: Kind
    meaning: str  # one sentence
    low: float = 0  # smallest number
    high: float = 0  # largest number
    unit: str = ""
    default: str = ""  # as one would write it; empty: none
    choices: tuple[str, ...] = ()
    named: bool = False  # the block has a name of its own

    least: int = field(init=False)  # how many arguments it needs, and how many it takes
    most: int = field(init=False)

    def __post_init__(self) -> None:
        least = int(self.named) if self.kind in BLOCKS else int(self.kind is not Kind.FLAG)
        object.__setattr__(self, "least", least)
        object.__setattr__(self, "most", 2 if self.kind in {Kind.USER, Kind.WEIGHT} else least)

    @property
    def low_us(self) -> int:
        return round(self.low * 1_000_000)

    @property
    def high_us(self) -> int:
        return round(self.high * 1_000_000)


def _notify(subject: str) -> tuple[Keyword, ...]:
    return tuple(
        Keyword(name=name, kind=Kind.COMMAND, meaning=meaning)
        for name, meaning in (
            ("notify_master", f"Run when the {subject} becomes MASTER."),
            ("notify_backup", f"Run when the {subject} becomes BACKUP, at start too."),
            ("notify_fault", f"Run when the {subject} goes to FAULT."),
            ("notify_stop", f"Run when the {subject} is stopped."),
            ("notify", f"Run at every change of the {subject}; type, name, state and priority are appended."),
        )
    )


def _trackers(subject: str) -> tuple[Keyword, ...]:
    return (
        Keyword(
            name="track_interface",
            kind=Kind.LINES,
            meaning=f"Interfaces the {subject} needs: NAME [weight -253..253]; weight 0: down means FAULT.",
        ),
        Keyword(
            name="track_script",
            kind=Kind.LINES,
            meaning=f"Scripts the {subject} needs: NAME [weight -253..253]; weight 0: failing means FAULT.",
        ),
    )


TABLE: dict[str, tuple[Keyword, ...]] = {
    TOP: (
        Keyword(
            name="global_defs",
            kind=Kind.BLOCK,
            meaning="Settings of the whole file and defaults of its instances.",
        ),
        Keyword(
            name="vrrp_script",
            kind=Kind.BLOCK,
            named=True,
            meaning="A command run at an interval, to be tracked.",
        ),
        Keyword(
            name="vrrp_sync_group",
            kind=Kind.BLOCK,
            named=True,
            meaning="Instances that change state together.",
        ),
        Keyword(name="vrrp_instance", kind=Kind.BLOCK, named=True, meaning="One Virtual Router."),
    ),
    "global_defs": (
        Keyword(
            name="router_id",
            kind=Kind.TEXT,
            default="the host name",
            meaning="The name of this node in messages; it has nothing to do with virtual_router_id.",
        ),
        Keyword(
            name="vrrp_check_unicast_src",
            kind=Kind.FLAG,
            meaning="Drop unicast adverts whose source is not a configured peer.",
        ),
        Keyword(
            name="vrrp_version",
            kind=Kind.INTEGER,
            low=2,
            high=3,
            default="2",
            meaning="The version of instances that do not say; IPv6 instances use 3 anyway.",
        ),
        Keyword(
            name="script_user",
            kind=Kind.USER,
            default="keepalived_script if that user exists, else the daemon's",
            meaning="The user, and group, that scripts run as unless they say.",
        ),
        Keyword(
            name="enable_script_security",
            kind=Kind.FLAG,
            meaning="Do not run a script as root that a user other than root could have changed.",
        ),
    ),
    "vrrp_script": (
        Keyword(name="script", kind=Kind.COMMAND, meaning="The command; exit status 0 is success."),
        Keyword(
            name="interval",
            kind=Kind.SECONDS,
            low=0,
            high=4294,
            default="1",
            unit="s",
            meaning="The time between two starts; 0 counts as 1.",
        ),
        Keyword(
            name="timeout",
            kind=Kind.SECONDS,
            low=0,
            high=4294,
            default="the interval",
            unit="s",
            meaning="Running longer counts as failure.",
        ),
        Keyword(
            name="weight",
            kind=Kind.WEIGHT,
            low=-253,
            high=253,
            default="0",
            meaning="What is added to the priority on success, or if negative taken from it on failure.",
        ),
        Keyword(
            name="rise",
            kind=Kind.INTEGER,
            low=1,
            high=0x7FFFFFFF,
            default="1",
            meaning="Successes in a row to count as up.",
        ),
        Keyword(
            name="fall",
            kind=Kind.INTEGER,
            low=1,
            high=0x7FFFFFFF,
            default="1",
            meaning="Failures in a row to count as failed.",
        ),
        Keyword(name="user", kind=Kind.USER, default="script_user", meaning="The user, and group, it runs as."),
    ),
    "vrrp_sync_group": (
        Keyword(name="group", kind=Kind.WORDS, meaning="The names of the member instances."),
        *_trackers("group"),
        *_notify("group"),
    ),
    "vrrp_instance": (
        Keyword(
            name="state",
            kind=Kind.CHOICE,
            choices=("MASTER", "BACKUP"),
            default="BACKUP",
            meaning="A hint only: the election decides. MASTER without priority means priority 255.",
        ),
        Keyword(
            name="interface",
            kind=Kind.INTERFACE,
            meaning="Where adverts are sent and heard, and where addresses are put.",
        ),
        Keyword(
            name="virtual_router_id",
            kind=Kind.INTEGER,
            low=1,
            high=255,
            meaning="The number (VRID) that makes nodes one Virtual Router; equal on all of them.",
        ),
        Keyword(
            name="priority",
            kind=Kind.INTEGER,
            low=1,
            high=255,
            default="100",
            meaning="The highest priority becomes MASTER; 255 is the owner of the addresses.",
        ),
        Keyword(
            name="version",
            kind=Kind.INTEGER,
            low=2,
            high=3,
            default="vrrp_version",
            meaning="The version of VRRP.",
        ),
        Keyword(
            name="advert_int",
            kind=Kind.SECONDS,
            low=0.01,
            high=255,
            default="1",
            unit="s",
            meaning="The time between adverts: whole seconds in version 2, 10 ms steps up to 40.95 in 3.",
        ),
        Keyword(name="preempt", kind=Kind.FLAG, meaning="Take over from a MASTER of lower priority (the default)."),
        Keyword(
            name="nopreempt",
            kind=Kind.FLAG,
            meaning="Let a MASTER of lower priority stay; set it on every node.",
        ),
        Keyword(
            name="unicast_src_ip",
            kind=Kind.ADDRESS,
            default="the first address of the interface",
            meaning="The source address of unicast adverts.",
        ),
        Keyword(
            name="mcast_src_ip",
            kind=Kind.ADDRESS,
            default="the first address of the interface",
            meaning="The source address of multicast adverts.",
        ),
        Keyword(name="unicast_peer", kind=Kind.LINES, meaning="Send adverts to these addresses, not by multicast."),
        Keyword(
            name="check_unicast_src",
            kind=Kind.FLAG,
            meaning="Drop unicast adverts whose source is not a configured peer.",
        ),
        Keyword(name="authentication", kind=Kind.BLOCK, meaning="The plain password of version 2."),
        Keyword(
            name="virtual_ipaddress",
            kind=Kind.LINES,
            meaning="Addresses of the MASTER, advertised: ADDR[/LEN] [dev IF] [label L] [scope S] [brd A].",
        ),
        Keyword(
            name="virtual_ipaddress_excluded",
            kind=Kind.LINES,
            meaning="Addresses the MASTER holds but leaves out of its adverts.",
        ),
        *_trackers("instance"),
        *_notify("instance"),
    ),
    "authentication": (
        Keyword(
            name="auth_type",
            kind=Kind.CHOICE,
            choices=("PASS", "AH"),
            meaning="PASS: a password in the clear.",
        ),
        Keyword(name="auth_pass", kind=Kind.TEXT, meaning="The password; 8 bytes count."),
    ),
}

INDEX: dict[str, dict[str, Keyword]] = {
    block: {keyword.name: keyword for keyword in keywords} for block, keywords in TABLE.items()
}

# What else an address line may hold under keepalived, with the number of words that follow each.
ADDRESS_OPTIONS_NOT_DONE = {
    "peer": 1,
    "home": 0,
    "-nodad": 0,
    "mngtmpaddr": 0,
    "noprefixroute": 0,
    "autojoin": 0,
    "preferred_lft": 1,
    "no_track": 0,
    "use_vmac": 0,
    "track_group": 1,
}


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Keywords of keepalived's VRRP part that pyvrrp does not do, by block.
NOT_DONE: dict[str, frozenset[str]] = {
    TOP: _names(
        """
        net_namespace net_namespace_ipvs namespace_with_ipsets instance use_pid_dir
        linkbeat_use_polling child_wait_time include includer includem includew includeb includea
        static_ipaddress static_routes static_rules track_group linkbeat_interfaces
        interface_up_down_delays garp_group vrrp_track_process track_file vrrp_track_file
        bfd_instance virtual_server virtual_server_group SSL
        """
    ),
    "global_defs": _names(
        """
        notification_email notification_email_from smtp_server smtp_helo_name smtp_connect_timeout
        smtp_alert smtp_alert_vrrp smtp_alert_checker checker_log_all_failures no_checker_emails
        rs_init_notifies no_email_faults vrrp_mcast_group4 vrrp_mcast_group6
        vrrp_skip_check_adv_addr vrrp_strict vrrp_down_timer_adverts vrrp_lower_prio_no_advert
        vrrp_higher_prio_send_advert vrrp_owner_ignore_adverts v3_checksum_as_v2 vrrp_startup_delay
        vrrp_delay_after_boot log_unknown_vrids vrrp_garp_master_repeat vrrp_garp_master_delay
        vrrp_garp_master_refresh vrrp_garp_master_refresh_repeat vrrp_garp_lower_prio_repeat
        vrrp_garp_lower_prio_delay vrrp_garp_interval vrrp_gna_interval vrrp_min_garp
        vrrp_garp_extra_if vrrp_vmac_garp_intvl notify_fifo vrrp_notify_fifo notify_fifo_script
        vrrp_notify_fifo_script lvs_notify_fifo lvs_notify_fifo_script vrrp_notify_priority_changes
        fifo_write_vrrp_states_on_reload use_symlink_paths set_supplementary_groups startup_script
        shutdown_script startup_script_timeout shutdown_script_timeout default_interface
        dynamic_interfaces vmac_prefix vmac_addr_prefix disable_local_igmp nftables
        nftables_priority nftables_counters nftables_ifindex nftables_ipvs vrrp_iptables vrrp_ipsets
        iproute_usr_dir iproute_etc_dir vrrp_priority vrrp_rt_priority vrrp_rlimit_rttime
        vrrp_rlimit_rtime vrrp_no_swap vrrp_cpu_affinity max_auto_priority min_auto_priority_delay
        checker_priority checker_rt_priority checker_rlimit_rttime checker_no_swap
        checker_cpu_affinity bfd_priority bfd_rt_priority bfd_rlimit_rttime bfd_no_swap
        bfd_cpu_affinity process_names process_name vrrp_process_name checker_process_name
        bfd_process_name vrrp_netlink_cmd_rcv_bufs vrrp_netlink_cmd_rcv_bufs_force
        vrrp_netlink_monitor_rcv_bufs vrrp_netlink_monitor_rcv_bufs_force process_monitor_rcv_bufs
        process_monitor_rcv_bufs_force lvs_netlink_cmd_rcv_bufs lvs_netlink_cmd_rcv_bufs_force
        lvs_netlink_monitor_rcv_bufs lvs_netlink_monitor_rcv_bufs_force vrrp_rx_bufs_policy
        vrrp_rx_bufs_multiplier umask reload_check_config reload_time_file reload_repeat reload_file
        tmp_config_directory config_save_dir include_check random_seed data_use_instance
        json_version state_dump_file stats_dump_file json_dump_file snmp_socket enable_snmp_vrrp
        enable_snmp_keepalived enable_snmp_rfc enable_snmp_rfcv2 enable_snmp_rfcv3 enable_traps
        enable_snmp_checker enable_dbus dbus_service_name dbus_no_interface_name lvs_timeouts
        lvs_flush lvs_flush_on_stop lvs_sync_daemon
        """
    ),
    "vrrp_script": frozenset(["init_fail"]),
    "vrrp_sync_group": _names(
        """
        track_file track_process track_bfd notify_priority_changes smtp_alert global_tracking
        sync_group_tracking_weight
        """
    ),
    "vrrp_instance": _names(
        """
        down_timer_adverts preempt_delay no_virtual_ipaddress virtual_routes virtual_rules
        promote_secondaries unicast_ttl unicast_fault_no_peer old_unicast_checksum v3_checksum_as_v2
        mcast_dst_ip track_src_ip vrf auth_hmac track_file track_process track_bfd
        dont_track_primary garp_master_delay garp_master_repeat garp_master_refresh
        garp_master_refresh_repeat garp_lower_prio_delay garp_lower_prio_repeat garp_extra_if
        vmac_garp_intvl lower_prio_no_advert higher_prio_send_advert owner_ignore_adverts
        timer_expired_backup thread_timer_expired skip_check_adv_addr strict_mode accept no_accept
        use_vmac use_vmac_addr vmac_xmit_base use_ipvlan notify_deleted notify_master_rx_lower_pri
        notify_priority_changes smtp_alert kernel_rx_buf_size debug native_ipv6 linkbeat_use_polling
        lvs_sync_daemon_interface
        """
    ),
    "authentication": frozenset(),
}

# These start a block at the top level and nowhere else: met inside another block, that one was not closed.
TOP_BLOCKS = frozenset(INDEX[TOP]) | {
    "static_ipaddress",
    "static_routes",
    "static_rules",
    "vrrp_track_process",
    "bfd_instance",
    "virtual_server",
    "virtual_server_group",
    "garp_group",
}


def suggestion(word: str, block: str) -> str:
    """The keyword of a block that someone may have meant by a word, or "" if none is near."""
    near = difflib.get_close_matches(word[:64], [*INDEX[block], *sorted(NOT_DONE[block])], n=1, cutoff=0.75)
    return near[0] if near else ""


def home_of(word: str) -> str | None:
    """The block in which a word is a keyword, None if nowhere."""
    return next((block for block in INDEX if word in INDEX[block]), None)
