"""Words of keepalived that are not a matter of VRRP, or of the ways in which keepalived is built and watched.

They are known, so that a file which has them is read as its author meant it, and left out with one warning each.
"""

from __future__ import annotations

from pyvrrp.config.table.keyword import Keyword, Kind

_LVS = "LVS is not set up (keepalived --check does it)"
_BFD = "BFD is not spoken, so there is nothing to set"
_SNMP = "there is no SNMP agent; the metrics of the daemon say the same"
_DBUS = "there is no DBus interface; the control socket does the same"


def _left_out(without: str, meaning: str, names: str) -> tuple[Keyword, ...]:
    return tuple(Keyword(name, Kind.FOREIGN, meaning, without=without) for name in names.split())


TOP_LEVEL = (
    *_left_out(_LVS, "Load balancing (LVS).", "virtual_server virtual_server_group SSL net_namespace_ipvs"),
    *_left_out("no ipset is used", "Allow ipsets inside a namespace on old kernels.", "namespace_with_ipsets"),
)

GLOBAL_DEFS = (
    *_left_out(
        _LVS,
        "A setting of load balancing (LVS).",
        """
        smtp_alert_checker checker_log_all_failures no_checker_emails rs_init_notifies lvs_notify_fifo
        lvs_notify_fifo_script nftables_ipvs nftables_ipvs_priority nftables_ipvs_start_fwmark checker_priority
        checker_rt_priority checker_rlimit_rttime checker_rlimit_rtime checker_no_swap checker_cpu_affinity
        checker_process_name lvs_netlink_cmd_rcv_bufs lvs_netlink_cmd_rcv_bufs_force lvs_netlink_monitor_rcv_bufs
        lvs_netlink_monitor_rcv_bufs_force lvs_timeouts lvs_flush lvs_flush_on_stop lvs_sync_daemon
        """,
    ),
    *_left_out(
        _BFD,
        "A setting of keepalived's BFD process.",
        """
        bfd_priority bfd_rt_priority bfd_rlimit_rttime bfd_rlimit_rtime bfd_no_swap bfd_cpu_affinity
        bfd_process_name
        """,
    ),
    *_left_out(
        _SNMP,
        "A setting of keepalived's SNMP agent.",
        """
        snmp_socket enable_snmp_vrrp enable_snmp_keepalived enable_snmp_rfc enable_snmp_rfcv2 enable_snmp_rfcv3
        enable_traps enable_snmp_checker snmp_vs_stats_update_interval snmp_rs_stats_update_interval
        """,
    ),
    *_left_out(
        _DBUS,
        "A setting of keepalived's DBus interface.",
        "enable_dbus dbus_service_name dbus_no_interface_name",
    ),
    *_left_out(
        "no copy of the configuration is made, it is read where it stands",
        "Where keepalived keeps copies of its configuration.",
        "tmp_config_directory config_save_dir",
    ),
)
