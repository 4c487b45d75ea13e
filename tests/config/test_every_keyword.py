"""Every keyword of the table in a file of its own: right, and wrong where it can be wrong; and none of keepalived's is
missing.

keyword_files.py makes the files.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from keyword_files import AROUND, LINES, NEEDED, PLACES, VALUE_BLOCKS, bad, good, wrapped

from pyvrrp.config import Loaded, load
from pyvrrp.config.explain import everything
from pyvrrp.config.keywords import INDEX, TOP, Kind


def loaded(text: str, directory: Path) -> Loaded:
    file = directory / "keepalived.conf"
    file.write_text(text)
    return load(str(file), config_id="", interfaces=None)


def told(found: Loaded) -> list[str]:
    """The messages, but for those on what pyvrrp does not do, or refuses for the sake of safety, and on old words."""
    expected = re.compile("unsafe to run|is an old word; write ")
    return [str(each) for each in found.diagnostics if each.code != "not-done" and not expected.search(each.message)]


@pytest.mark.parametrize("name", LINES)
def test_a_line_that_is_right_is_taken(name: str, tmp_path: Path) -> None:
    place = LINES[name]
    line = f"{place.keyword.name} {good(name, place)}\n"
    found = loaded(wrapped(place, AROUND.get(name, "") + line), tmp_path)
    assert told(found) == []
    if without := place.keyword.without:
        assert [each.message for each in found.diagnostics if f": {without}; all else is used" in each.message]
    elif place.block not in NEEDED and not name.startswith("auth_hmac"):
        assert not [each for each in found.diagnostics if each.code == "not-done" and name not in AROUND]


@pytest.mark.parametrize("name", [name for name, place in LINES.items() if bad(name, place) is not None])
def test_a_line_that_is_wrong_is_told(name: str, tmp_path: Path) -> None:
    place = LINES[name]
    text = wrapped(place, AROUND.get(name, "") + f"{place.keyword.name} {bad(name, place)}\n")
    number = text.split("\n").index(f"{place.keyword.name} {bad(name, place)}") + 1
    found = loaded(text, tmp_path)
    mine = [
        each
        for each in found.diagnostics
        if each.where.line == number and not (place.keyword.without and each.code == "not-done")
    ]
    assert mine, found.diagnostics
    assert place.keyword.name.split("_")[-1] in mine[0].message or str(bad(name, place)).split()[-1] in mine[0].message


@pytest.mark.parametrize("name", [name for name, place in LINES.items() if place.keyword.least])
def test_a_line_without_its_argument_is_told(name: str, tmp_path: Path) -> None:
    place = LINES[name]
    found = loaded(wrapped(place, f"{place.keyword.name}\n"), tmp_path)
    assert any(f"{place.keyword.name} lacks its argument" in message for message in told(found))


@pytest.mark.parametrize("name", [name for name, place in LINES.items() if place.keyword.most < 5])
def test_a_word_too_many_is_told(name: str, tmp_path: Path) -> None:
    place = LINES[name]
    if place.keyword.kind is Kind.BOOLEAN:
        line = f"{place.keyword.name} yes surplus"
    else:
        given = good(name, place).split()
        line = " ".join([place.keyword.name, *given, *["surplus"] * (place.keyword.most + 1 - len(given))])
    found = loaded(wrapped(place, AROUND.get(name, "") + line + "\n"), tmp_path)
    assert any("surplus" in message for message in told(found)), line


@pytest.mark.parametrize("name", VALUE_BLOCKS)
def test_entries_of_a_block(name: str, tmp_path: Path) -> None:
    place = VALUE_BLOCKS[name]
    keyword = place.keyword
    right = loaded(wrapped(place, f"{keyword.name} {{\n{good(name, place)}\n}}\n"), tmp_path)
    assert told(right) == []
    if keyword.bad:
        text = wrapped(place, f"{keyword.name} {{\n{keyword.bad}\n}}\n")
        number = text.split("\n").index(keyword.bad) + 1
        wrong = loaded(text, tmp_path)
        assert any(each.where.line == number for each in wrong.diagnostics), wrong.diagnostics


@pytest.mark.parametrize("name", [n for n, place in PLACES.items() if place.keyword.kind is Kind.FOREIGN])
def test_what_is_not_ours_is_left_out_as_a_line_and_as_a_block(name: str, tmp_path: Path) -> None:
    place = PLACES[name]
    block = f"{place.keyword.name} some {{\nof its own {{\nx y\n}}\nz\n}}\n"
    for lines in (f"{place.keyword.name} some words\n", block):
        (only,) = loaded(wrapped(place, lines), tmp_path).diagnostics
        assert only.message.startswith(f"pyvrrp does not do {place.keyword.name}: {place.keyword.without}")
        assert not only.is_error


# The words of keepalived 2.4.3 and 2.2.7, by block.
KEEPALIVED = {
    TOP: """
        net_namespace net_namespace_ipvs namespace_with_ipsets instance use_pid_dir linkbeat_use_polling child_wait_time
        include includer includem includew includeb includea global_defs static_ipaddress static_routes static_rules
        track_group linkbeat_interfaces interface_up_down_delays garp_group vrrp_script vrrp_track_process track_file
        vrrp_track_file bfd_instance vrrp_sync_group vrrp_instance virtual_server virtual_server_group SSL
        """,
    "global_defs": """
        router_id notification_email notification_email_from smtp_server smtp_helo_name smtp_connect_timeout smtp_alert
        smtp_alert_vrrp smtp_alert_checker checker_log_all_failures no_checker_emails rs_init_notifies no_email_faults
        vrrp_version vrrp_mcast_group4 vrrp_mcast_group6 vrrp_check_unicast_src vrrp_skip_check_adv_addr vrrp_strict
        vrrp_down_timer_adverts vrrp_lower_prio_no_advert vrrp_higher_prio_send_advert vrrp_owner_ignore_adverts
        v3_checksum_as_v2 vrrp_startup_delay vrrp_delay_after_boot log_unknown_vrids vrrp_garp_master_repeat
        vrrp_garp_master_delay vrrp_garp_master_refresh vrrp_garp_master_refresh_repeat vrrp_garp_lower_prio_repeat
        vrrp_garp_lower_prio_delay vrrp_garp_interval vrrp_gna_interval vrrp_min_garp vrrp_garp_extra_if
        vrrp_vmac_garp_intvl notify_fifo vrrp_notify_fifo notify_fifo_script vrrp_notify_fifo_script lvs_notify_fifo
        lvs_notify_fifo_script vrrp_notify_priority_changes fifo_write_vrrp_states_on_reload script_user
        enable_script_security use_symlink_paths set_supplementary_groups startup_script shutdown_script
        startup_script_timeout shutdown_script_timeout default_interface dynamic_interfaces vmac_prefix vmac_addr_prefix
        disable_local_igmp nftables nftables_priority nftables_counters nftables_ifindex nftables_ipvs
        nftables_ipvs_priority nftables_ipvs_start_fwmark vrrp_iptables vrrp_ipsets iproute_usr_dir iproute_etc_dir
        vrrp_priority vrrp_rt_priority vrrp_rlimit_rttime vrrp_rlimit_rtime vrrp_no_swap vrrp_cpu_affinity
        max_auto_priority min_auto_priority_delay checker_priority checker_rt_priority checker_rlimit_rttime
        checker_rlimit_rtime checker_no_swap checker_cpu_affinity bfd_priority bfd_rt_priority bfd_rlimit_rttime
        bfd_rlimit_rtime bfd_no_swap bfd_cpu_affinity process_names process_name vrrp_process_name checker_process_name
        bfd_process_name vrrp_netlink_cmd_rcv_bufs vrrp_netlink_cmd_rcv_bufs_force vrrp_netlink_monitor_rcv_bufs
        vrrp_netlink_monitor_rcv_bufs_force process_monitor_rcv_bufs process_monitor_rcv_bufs_force
        lvs_netlink_cmd_rcv_bufs lvs_netlink_cmd_rcv_bufs_force lvs_netlink_monitor_rcv_bufs
        lvs_netlink_monitor_rcv_bufs_force vrrp_rx_bufs_policy vrrp_rx_bufs_multiplier umask reload_check_config
        reload_time_file reload_repeat reload_file tmp_config_directory config_save_dir include_check random_seed
        data_use_instance json_version state_dump_file stats_dump_file json_dump_file snmp_socket enable_snmp_vrrp
        enable_snmp_keepalived enable_snmp_rfc enable_snmp_rfcv2 enable_snmp_rfcv3 enable_traps enable_snmp_checker
        snmp_vs_stats_update_interval snmp_rs_stats_update_interval enable_dbus dbus_service_name
        dbus_no_interface_name lvs_timeouts lvs_flush lvs_flush_on_stop lvs_sync_daemon
        """,
    "vrrp_script": "script interval timeout weight rise fall user init_fail",
    "vrrp_sync_group": """
        group track_interface track_script track_file track_process track_bfd notify_master notify_backup notify_fault
        notify_stop notify notify_priority_changes smtp_alert global_tracking sync_group_tracking_weight
        """,
    "vrrp_instance": """
        state interface virtual_router_id priority version advert_int down_timer_adverts nopreempt preempt preempt_delay
        virtual_ipaddress virtual_ipaddress_excluded no_virtual_ipaddress virtual_routes virtual_rules
        promote_secondaries unicast_peer unicast_src_ip mcast_src_ip unicast_ttl check_unicast_src unicast_fault_no_peer
        old_unicast_checksum v3_checksum_as_v2 mcast_dst_ip track_src_ip vrf authentication auth_hmac track_interface
        track_script track_file track_process track_bfd dont_track_primary garp_master_delay garp_master_repeat
        garp_master_refresh garp_master_refresh_repeat garp_lower_prio_delay garp_lower_prio_repeat garp_extra_if
        vmac_garp_intvl lower_prio_no_advert higher_prio_send_advert owner_ignore_adverts timer_expired_backup
        thread_timer_expired skip_check_adv_addr strict_mode accept no_accept use_vmac use_vmac_addr vmac_xmit_base
        use_ipvlan notify_master notify_backup notify_fault notify_stop notify notify_deleted
        notify_master_rx_lower_pri notify_priority_changes smtp_alert kernel_rx_buf_size debug native_ipv6
        linkbeat_use_polling lvs_sync_daemon_interface
        """,
    "track_file": "file weight init_file",
    "vrrp_track_process": """
        process param_match full_command weight quorum quorum_max delay fork_delay terminate_delay
        """,
    "garp_group": "garp_interval gna_interval interface interfaces",
    "track_group": "group",
    "authentication": "auth_type auth_pass",
    "auth_hmac": "key active_key anti_replay time_window mode",
}


@pytest.mark.parametrize("block", KEEPALIVED)
def test_every_word_of_keepalived_is_known(block: str) -> None:
    known = {name for name, keyword in INDEX[block].items() if keyword.since != "pyvrrp"}
    assert known == set(KEEPALIVED[block].split())


def test_every_block_is_compared() -> None:
    assert INDEX.keys() - KEEPALIVED.keys() == {"vrrp_track_file"}  # an old name
    assert INDEX["vrrp_track_file"].keys() == INDEX["track_file"].keys()


def test_settings_of_our_own_say_so() -> None:
    ours = {(place.block, place.keyword.name) for place in everything() if place.keyword.since == "pyvrrp"}
    own_names = {
        (place.block, place.keyword.name) for place in everything() if place.keyword.name.startswith("pyvrrp_")
    }
    assert ours == own_names | {("vrrp_instance", "net_namespace")}
