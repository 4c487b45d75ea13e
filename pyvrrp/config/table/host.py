"""global_defs: what is set on this host, interfaces and packet filters, and how the daemon itself runs."""

from __future__ import annotations

from pyvrrp.config.table.keyword import INT_MAX, Keyword, Kind

_IPTABLES = "nftables is used instead, with a table of its own and sets of nftables"
_IPROUTE = "only the names of the kernel's own tables, protocols and scopes are known, else write numbers"
INTERFACES = (
    Keyword(
        "default_interface",
        Kind.INTERFACE,
        "The interface of static addresses and routes that name none.",
        default="eth0",
        field="default_interface",
    ),
    Keyword(
        "dynamic_interfaces",
        Kind.CHOICE,
        "Interfaces may be missing, and come later. Here they always may.",
        choices=("allow_if_changes",),
        least=0,
        takes="[allow_if_changes]",
    ),
    Keyword(
        "vmac_prefix",
        Kind.TEXT,
        "How names of interfaces made by use_vmac begin.",
        default="vrrp",
        field="vmac_prefix",
    ),
    Keyword(
        "vmac_addr_prefix",
        Kind.TEXT,
        "The same for those of single addresses.",
        default="vmac_prefix",
        field="vmac_addr_prefix",
    ),
    Keyword(
        "disable_local_igmp",
        Kind.FLAG,
        "Turn off the kernel's IGMP reports for groups of the link.",
        without="the kernel reports its groups as it is set to",
    ),
    Keyword(
        "nftables",
        Kind.TEXT,
        "The nftables table, of family inet, for no_accept.",
        takes="[TABLE]",
        least=0,
        default="pyvrrp",
    ),
    Keyword(
        "nftables_priority",
        Kind.INTEGER,
        "The priority of its chains.",
        low=-0x80000000,
        high=INT_MAX,
        default="-1",
        field="nftables_priority",
    ),
    Keyword("nftables_counters", Kind.FLAG, "Count in its rules.", field="nftables_counters"),
    Keyword(
        "nftables_ifindex",
        Kind.FLAG,
        "Match interfaces by index, not by name.",
        without="interfaces are matched by name, which one that is made again keeps",
    ),
    Keyword(
        "vrrp_iptables",
        Kind.TEXTS,
        "Use these iptables chains instead.",
        takes="[IN [OUT]]",
        least=0,
        most=2,
        without=_IPTABLES,
        partly=True,
    ),
    Keyword(
        "vrrp_ipsets",
        Kind.TEXTS,
        "The names of the ipsets for them.",
        takes="[NAME ...]",
        least=0,
        without=_IPTABLES,
        partly=True,
    ),
    Keyword(
        "iproute_usr_dir",
        Kind.PATH,
        "Where names of routing tables and the like are.",
        default="/usr/share/iproute2",
        since="2.4",
        without=_IPROUTE,
    ),
    Keyword(
        "iproute_etc_dir", Kind.PATH, "The same, of this host.", default="/etc/iproute2", since="2.4", without=_IPROUTE
    ),
)

TUNING = (
    Keyword(
        "vrrp_priority",
        Kind.INTEGER,
        "The nice value of the daemon.",
        field="nice",
        low=-20,
        high=19,
        default="0",
    ),
    Keyword(
        "vrrp_rt_priority",
        Kind.INTEGER,
        "Its real-time priority (SCHED_RR).",
        field="rt_priority",
        low=1,
        high=99,
        clamps=True,
        default="off",
    ),
    Keyword(
        "vrrp_rlimit_rttime",
        Kind.INTEGER,
        "How long it may compute without a pause in a real-time class.",
        field="rlimit_rttime_us",
        low=2,
        high=INT_MAX,
        unit="us",
        default="10000",
        without="there is no such limit; the turns of the daemon are short by themselves",
    ),
    Keyword(
        "vrrp_rlimit_rtime",
        Kind.INTEGER,
        "The old name of vrrp_rlimit_rttime.",
        field="rlimit_rttime_us",
        low=2,
        high=INT_MAX,
        unit="us",
        alias="vrrp_rlimit_rttime",
        without="there is no such limit; the turns of the daemon are short by themselves",
    ),
    Keyword("vrrp_no_swap", Kind.FLAG, "Lock the daemon's memory.", field="no_swap"),
    Keyword(
        "vrrp_cpu_affinity",
        Kind.TEXTS,
        "The CPUs it may run on.",
        takes="CPU ...",
    ),
    Keyword(
        "max_auto_priority",
        Kind.INTEGER,
        "Raise the real-time priority up to this when timers are late.",
        takes="[-1..99]",
        low=-1,
        high=99,
        least=0,
        default="0",
        without="the process keeps its priority",
    ),
    Keyword(
        "min_auto_priority_delay",
        Kind.INTEGER,
        "How late counts as late for that.",
        low=1,
        high=10_000_000,
        unit="us",
        default="1000000",
        without="the process keeps its priority",
    ),
    Keyword(
        "process_names",
        Kind.FLAG,
        "Name keepalived's processes by what they do.",
        without="the process is called pyvrrpd",
    ),
    Keyword(
        "process_name", Kind.TEXT, "The name of keepalived's parent process.", without="the process is called pyvrrpd"
    ),
    Keyword(
        "vrrp_process_name",
        Kind.TEXT,
        "The name of keepalived's VRRP process.",
        without="the process is called pyvrrpd",
    ),
    *(
        Keyword(
            name,
            Kind.INTEGER,
            f"The receive buffer of the netlink socket for {what}; here all have 8 MiB, more gives a warning.",
            low=0,
            high=INT_MAX,
            unit="bytes",
            default="8388608",
            field=field,
        )
        for name, what, field in (
            ("vrrp_netlink_cmd_rcv_bufs", "requests", "netlink_cmd_rcv_bytes"),
            ("vrrp_netlink_monitor_rcv_bufs", "news of links and addresses", "netlink_monitor_rcv_bytes"),
        )
    ),
    *(
        Keyword(name, Kind.BOOLEAN, "It may exceed the system's bound; here it always may.", default="on")
        for name in ("vrrp_netlink_cmd_rcv_bufs_force", "vrrp_netlink_monitor_rcv_bufs_force")
    ),
    Keyword(
        "process_monitor_rcv_bufs",
        Kind.INTEGER,
        "The receive buffer of the socket for news of processes; of several files, the largest.",
        low=0,
        high=INT_MAX,
        unit="bytes",
        default="4194304, beyond the system's bound if it may",
        field="process_monitor_rcv_bytes",
    ),
    Keyword(
        "process_monitor_rcv_bufs_force",
        Kind.BOOLEAN,
        "It may exceed the system's bound.",
        default="off",
        field="process_monitor_rcv_force",
    ),
    Keyword(
        "vrrp_rx_bufs_policy",
        Kind.TEXT,
        "How receive buffers are sized.",
        takes="MTU|ADVERT|BYTES",
        without="they are sized for 10 s of the expected adverts",
    ),
    Keyword(
        "vrrp_rx_bufs_multiplier",
        Kind.INTEGER,
        "A factor to that.",
        low=1,
        high=INT_MAX,
        default="3",
        without="they are sized for 10 s of the expected adverts",
    ),
    Keyword(
        "umask",
        Kind.TEXT,
        "Permissions that files made by scripts do not get; of several files, all of theirs.",
        field="umask",
        takes="NUMBER|NAME[|NAME ...]",
        default="0177",
    ),
)
