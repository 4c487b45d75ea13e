"""Lines of global_defs and of an instance, and what they come to in the model; with what depends on several of them."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pytest

from pyvrrp.config import Loaded, load
from pyvrrp.model import FilterTable, GlobalDefs, Instance, State, UseVmac

BASE = "interface eth0\nvirtual_router_id 7\nvirtual_ipaddress {\n192.0.2.100/24\n}\n"


def ip(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """A function that reads a text: global_defs, the lines of an instance, lines outside blocks."""

    def read_text(defs: str = "", own: str = "", top: str = "", base: str = BASE) -> Loaded:
        file = tmp_path / "keepalived.conf"
        file.write_text(f"{top}\nglobal_defs {{\n{defs}\n}}\nvrrp_instance A {{\n{base}{own}\n}}\n")
        return load(str(file), config_id="", interfaces=None)

    return read_text


def instance_of(loaded: Loaded) -> Instance:
    assert loaded.configuration is not None
    (instance,) = loaded.configuration.instances
    return instance


def defs_of(loaded: Loaded) -> GlobalDefs:
    assert loaded.configuration is not None
    return loaded.configuration.global_defs


def texts(loaded: Loaded) -> list[str]:
    """The messages, but for those on what pyvrrp does not do."""
    return [diagnostic.message for diagnostic in loaded.diagnostics if diagnostic.code != "not-done"]


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("down_timer_adverts 5", "down_timer_adverts", 5),
        ("preempt_delay 2.5", "preempt_delay_s", 2.5),
        ("lower_prio_no_advert", "lower_prio_no_advert", True),
        ("lower_prio_no_advert no", "lower_prio_no_advert", False),
        ("higher_prio_send_advert true", "higher_prio_send_advert", True),
        ("owner_ignore_adverts", "owner_ignore_adverts", True),
        ("skip_check_adv_addr yes", "skip_check_adv_addr", True),
        ("skip_check_adv_addr no", "skip_check_adv_addr", False),
        ("v3_checksum_as_v2", "v3_checksum_as_v2", True),
        ("garp_master_delay 0", "garp_master_delay_s", 0),
        ("garp_master_repeat 3", "garp_master_repeat", 3),
        ("garp_master_refresh 60", "garp_master_refresh_s", 60),
        ("garp_master_refresh_repeat 2", "garp_master_refresh_repeat", 2),
        ("garp_lower_prio_delay 9", "garp_lower_prio_delay_s", 9),
        ("garp_lower_prio_repeat 0", "garp_lower_prio_repeat", 0),
        # Their defaults are those of the file, whatever the instance says of the set at its start.
        ("garp_master_delay 9", "garp_lower_prio_delay_s", 5),
        ("garp_master_repeat 9", "garp_lower_prio_repeat", 5),
        ("garp_extra_if 30", "garp_extra_if_s", 30),
        ("garp_extra_if all 30", "garp_extra_if_all", True),
        ("pyvrrp_min_interval 0.05", "min_interval_cs", 5),
        ("mcast_dst_ip 224.0.0.99", "group", ip("224.0.0.99")),
        ("unicast_peer {\n192.0.2.2\n}\ncheck_unicast_src", "check_unicast_src", True),
        ("unicast_peer {\n192.0.2.2\n}\nunicast_ttl 64", "unicast_ttl", 64),
        ("track_src_ip", "track_src_ip", True),
        ("vrf blue", "vrf", "blue"),
        ("net_namespace blue", "net_namespace", "blue"),
        ("no_accept", "accept", False),
        ("no_accept\naccept", "accept", True),
        ("use_vmac vrrp.7 netlink_notify_msg", "use_vmac", UseVmac("vrrp.7")),
        ("use_vmac name vrrp.7", "use_vmac", UseVmac("vrrp.7")),
        ("use_vmac 2:0:0:0:0:A group 9", "use_vmac", UseVmac(mac=b"\2\0\0\0\0\x0a", group=9)),
        ("use_vmac", "use_vmac", UseVmac()),
        ("use_vmac_addr", "use_vmac_addr", True),
        ("use_vmac\nvmac_xmit_base", "vmac_xmit_base", True),
        ("use_ipvlan", "use_ipvlan", ()),
        ("dont_track_primary", "dont_track_primary", True),
        ("promote_secondaries", "promote_secondaries", True),
        ("kernel_rx_buf_size 4096", "kernel_rx_buf_size", 4096),
        ("notify_priority_changes", "notify_priority_changes", True),
        ("strict_mode", "strict", True),
        ("debug 3", "name", "A"),
        ("timer_expired_backup", "name", "A"),
        ("thread_timer_expired 3", "name", "A"),
        ("unicast_peer {\n192.0.2.2\n}\nold_unicast_checksum never", "name", "A"),
    ],
)
def test_a_line_of_an_instance(read: Any, line: str, field: str, value: object) -> None:
    loaded = read(own=line)
    assert texts(loaded) == []
    assert getattr(instance_of(loaded), field) == value


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("vrrp_down_timer_adverts 5", "down_timer_adverts", 5),
        ("vrrp_lower_prio_no_advert", "lower_prio_no_advert", True),
        ("vrrp_higher_prio_send_advert", "higher_prio_send_advert", True),
        ("vrrp_owner_ignore_adverts", "owner_ignore_adverts", True),
        ("vrrp_skip_check_adv_addr", "skip_check_adv_addr", True),
        ("vrrp_check_unicast_src", "check_unicast_src", True),
        ("v3_checksum_as_v2", "v3_checksum_as_v2", True),
        ("vrrp_version 3", "version", 3),
        ("vrrp_mcast_group4 224.0.0.99", "group", ip("224.0.0.99")),
        ("vrrp_strict", "strict", True),
        ("vrrp_garp_master_delay 7", "garp_master_delay_s", 7),
        ("vrrp_garp_master_delay 7", "garp_lower_prio_delay_s", 7),
        ("vrrp_garp_master_repeat 2", "garp_lower_prio_repeat", 2),
        ("vrrp_garp_lower_prio_delay 8", "garp_lower_prio_delay_s", 8),
        ("vrrp_garp_lower_prio_repeat 0", "garp_lower_prio_repeat", 0),
        ("vrrp_garp_master_refresh 60", "garp_master_refresh_s", 60),
        ("vrrp_garp_master_refresh_repeat 2", "garp_master_refresh_repeat", 2),
        ("vrrp_garp_extra_if all 5", "garp_extra_if_s", 5),
        ("vrrp_min_garp", "garp_master_repeat", 1),
        ("vrrp_min_garp", "garp_master_delay_s", 0),
        ("vrrp_min_garp no", "garp_master_repeat", 5),
        ("vrrp_min_garp\nvrrp_garp_master_repeat 3", "garp_master_repeat", 3),
        ("pyvrrp_min_interval 0.5", "min_interval_cs", 50),
    ],
)
def test_a_line_of_global_defs_is_a_default_of_instances(read: Any, line: str, field: str, value: object) -> None:
    loaded = read(defs=line)
    assert texts(loaded) == []
    assert getattr(instance_of(loaded), field) == value


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("router_id here", "router_id", "here"),
        ("vrrp_startup_delay 1.5", "startup_delay_s", 1.5),
        ("vrrp_delay_after_boot 60", "delay_after_boot_s", 60.0),
        ("log_unknown_vrids", "log_unknown_vrids", True),
        ("vrrp_garp_interval 0.000001", "garp_interval_s", 0.000001),
        ("vrrp_gna_interval 2", "gna_interval_s", 2.0),
        ("default_interface eth1", "default_interface", "eth1"),
        ("vrrp_priority -5", "nice", -5),
        ("vrrp_rt_priority 50", "rt_priority", 50),
        ("vrrp_rlimit_rttime 20000", "rlimit_rttime_us", 20000),
        ("vrrp_no_swap", "no_swap", True),
        ("vrrp_cpu_affinity 3 1 3", "cpu_affinity", (1, 3)),
        ("umask 077", "umask", 0o077),
        ("vrrp_netlink_cmd_rcv_bufs 4096", "netlink_cmd_rcv_bytes", 4096),
        ("vrrp_netlink_monitor_rcv_bufs 8388608", "netlink_monitor_rcv_bytes", 8388608),
        ("umask 0x3f", "umask", 63),
        ("umask IRGRP|IWOTH", "umask", 0o042),
        ("json_version 2", "json_version", 2),
        ("state_dump_file /run/state", "state_dump_file", "/run/state"),
        ("pyvrrp_max_scripts 8", "max_scripts", 8),
        ("pyvrrp_socket_group adm", "socket_group", "adm"),
        ("pyvrrp_http 127.0.0.1 9650", "http", ("127.0.0.1", 9650)),
        ("pyvrrp_http ::1 9650", "http", ("::1", 9650)),
        ("enable_script_security", "enable_script_security", True),
    ],
)
def test_a_line_of_global_defs_is_of_the_file(read: Any, line: str, field: str, value: object) -> None:
    loaded = read(defs=line)
    assert texts(loaded) == []
    assert getattr(defs_of(loaded), field) == value


def test_words_outside_blocks(read: Any) -> None:
    defs = defs_of(read(top="net_namespace blue\ninstance one\nuse_pid_dir"))
    assert (defs.net_namespace, defs.instance_name) == ("blue", "one")


def test_an_instance_runs_in_the_namespace_of_its_file_unless_it_names_another(read: Any) -> None:
    assert instance_of(read(top="net_namespace blue")).net_namespace == "blue"
    assert instance_of(read(top="net_namespace blue", own="net_namespace red")).net_namespace == "red"
    assert instance_of(read()).net_namespace == ""


def test_interfaces_of_other_namespaces_are_not_missed(tmp_path: Path) -> None:
    def told(top: str, own: str) -> list[str]:
        file = tmp_path / "keepalived.conf"
        file.write_text(f"{top}\nvrrp_instance A {{\n{BASE}\ntrack_interface {{\neth1\n}}\n{own}\n}}\n")
        return [d.message[:29] for d in load(str(file), config_id="", interfaces=frozenset(["lo"])).diagnostics]

    assert told("", "") == ["interface eth0 does not exist", "interface eth1 does not exist"]
    assert told("net_namespace blue", "") == []
    assert told("", "net_namespace blue") == []


def test_one_vrid_in_two_namespaces(tmp_path: Path) -> None:
    file = tmp_path / "keepalived.conf"
    file.write_text("".join(f"vrrp_instance {name} {{\n{BASE}net_namespace {name}\n}}\n" for name in ("red", "blue")))
    loaded = load(str(file), config_id="", interfaces=None)
    assert texts(loaded) == []
    file.write_text("".join(f"vrrp_instance {name} {{\n{BASE}net_namespace red\n}}\n" for name in ("red", "blue")))
    (message,) = texts(load(str(file), config_id="", interfaces=None))
    assert message.startswith("virtual_router_id 7 is used on eth0 by multicast by vrrp_instance red")


def test_the_last_line_counts_and_the_instance_before_its_file(read: Any) -> None:
    loaded = read(defs="vrrp_down_timer_adverts 4\nvrrp_down_timer_adverts 6")
    assert instance_of(loaded).down_timer_adverts == 6
    loaded = read(defs="vrrp_down_timer_adverts 4", own="down_timer_adverts 8\ndown_timer_adverts 9")
    assert instance_of(loaded).down_timer_adverts == 9


@pytest.mark.parametrize(
    ("where", "line", "message"),
    [
        ("own", "down_timer_adverts 0", "down_timer_adverts 0 is not in 1..100; write a number in that range"),
        ("own", "lower_prio_no_advert True", "lower_prio_no_advert True is not yes or no; write on, true or yes"),
        ("own", "garp_master_repeat 0", "garp_master_repeat 0 is not in 1..255; write a number in that range; 1 is"),
        ("own", "garp_master_repeat 700", "garp_master_repeat 700 is not in 1..255; write a number in that range; 255"),
        ("own", "garp_extra_if all", "garp_extra_if all lacks its seconds"),
        ("own", "garp_extra_if 90000", "garp_extra_if 90000 is not in 0..86400"),
        ("own", "pyvrrp_min_interval 0.015", "pyvrrp_min_interval 0.015 is finer than 0.01 s"),
        ("own", "mcast_dst_ip 192.0.2.1", "mcast_dst_ip 192.0.2.1 is not a multicast address"),
        ("own", "mcast_dst_ip ff02::1", "mcast_dst_ip ff02::1 is not IPv4 as the instance is"),
        ("own", "mcast_dst_ip ff05::1", "mcast_dst_ip ff05::1 is not of link-local scope"),
        ("own", "unicast_ttl 3", "unicast_ttl does nothing without unicast peers; remove it"),
        ("own", "check_unicast_src", "check_unicast_src does nothing without unicast peers; remove it"),
        ("own", "old_unicast_checksum never", "old_unicast_checksum does nothing without unicast peers; remove it"),
        ("own", "mcast_dst_ip 224.0.0.9\nunicast_peer {\n192.0.2.2\n}", "mcast_dst_ip does nothing with unicast peers"),
        ("own", "vmac_xmit_base", "vmac_xmit_base does nothing without use_vmac; remove it"),
        ("own", "use_vmac\nuse_ipvlan", "use_ipvlan beside use_vmac is ignored"),
        ("own", "native_ipv6", "native_ipv6 in an IPv4 instance is ignored"),
        ("own", "no_virtual_ipaddress", "no_virtual_ipaddress does nothing beside addresses"),
        ("own", "nopreempt\npreempt_delay 3", "preempt_delay does nothing with nopreempt and is ignored"),
        ("own", "state MASTER\npreempt_delay 3", "preempt_delay does nothing with state MASTER and is ignored"),
        ("own", "old_unicast_checksum always", ""),
        ("own", "debug 7", "debug 7 is not in 0..4"),
        ("own", "timer_expired_backup 255", "timer_expired_backup 255 is not in 1..254"),
        ("defs", "vrrp_garp_interval 0", "vrrp_garp_interval 0 is what there is without the line; remove it"),
        ("defs", "vrrp_garp_interval 5000", "vrrp_garp_interval 5000 is not in 0.000001..4294 seconds"),
        ("defs", "vrrp_rt_priority 200", "vrrp_rt_priority 200 is not in 1..99; write a number in that range; 99 is"),
        ("defs", "vrrp_cpu_affinity a", "vrrp_cpu_affinity a is not a number"),
        ("defs", "vrrp_mcast_group4 ff02::12", "vrrp_mcast_group4 ff02::12 is not an IPv4 address"),
        ("defs", "vrrp_mcast_group6 ff05::1", "ff05::1 is not of link-local scope"),
        ("defs", "umask 0999", "umask 0999 is not a number up to 0777"),
        ("defs", "umask S_IRGRP", "umask S_IRGRP is not a permission"),
        ("defs", "vrrp_rx_bufs_policy foo", "vrrp_rx_bufs_policy foo is not MTU, ADVERT or a number of bytes"),
        ("defs", "smtp_server a b", "smtp_server b is not a number"),
        ("defs", "vrrp_version 4", "vrrp_version 4 is not in 2..3"),
        ("top", "net_namespace a/b", "net_namespace a/b cannot name a network namespace"),
    ],
)
def test_what_is_wrong_is_told(read: Any, where: str, line: str, message: str) -> None:
    loaded = read(**{where: line})
    if message:
        assert [text[: len(message)] for text in texts(loaded)] == [message]
    assert len(loaded.diagnostics) >= 1
    assert loaded.configuration is not None
    assert len(loaded.configuration.instances) == 1


def test_what_is_wrong_changes_nothing(read: Any) -> None:
    own = "down_timer_adverts 5\ndown_timer_adverts 0\nunicast_ttl 3\nnopreempt\npreempt_delay 3"
    got = instance_of(read(own=own))
    assert (got.down_timer_adverts, got.unicast_ttl, got.preempt_delay_s) == (5, 255, 0.0)


def test_a_namespace_that_cannot_be_is_not_replaced_by_another(read: Any) -> None:
    configuration = read(own="net_namespace a/b").configuration
    assert configuration is not None
    assert not configuration.instances
    assert "a/b cannot name a network namespace" in configuration.refused[0].reason


def test_adverts_that_are_not_signed_are_not_sent(read: Any) -> None:
    configuration = read(own="auth_hmac {\nkey 1 secret\nactive_key 1\n}").configuration
    assert configuration is not None
    assert [refused.name for refused in configuration.refused] == ["A"]


class TestStrict:
    def test_defaults(self, read: Any) -> None:
        loaded = read(defs="vrrp_strict\nvrrp_down_timer_adverts 5\nvrrp_garp_lower_prio_repeat 4")
        assert texts(loaded) == []
        got = instance_of(loaded)
        assert (got.strict, got.down_timer_adverts, got.garp_lower_prio_repeat) == (True, 3, 0)
        assert (got.lower_prio_no_advert, got.owner_ignore_adverts, got.higher_prio_send_advert) == (True, True, False)
        assert not got.accept
        assert instance_of(read(own="strict_mode\npriority 255")).accept

    def test_an_instance_may_leave_it(self, read: Any) -> None:
        got = instance_of(read(defs="vrrp_strict", own="strict_mode no\ndown_timer_adverts 5"))
        assert (got.strict, got.down_timer_adverts, got.accept) == (False, 5, True)

    @pytest.mark.parametrize(
        ("own", "message"),
        [
            ("down_timer_adverts 5", "down_timer_adverts cannot be so in strict mode, 3 is used"),
            ("lower_prio_no_advert no", "lower_prio_no_advert cannot be so in strict mode, yes is used"),
            ("higher_prio_send_advert", "higher_prio_send_advert cannot be so in strict mode, no is used"),
            ("garp_lower_prio_repeat 2", "garp_lower_prio_repeat cannot be so in strict mode, 0 is used"),
            ("preempt_delay 2", "preempt_delay cannot be so in strict mode, 0 is used"),
            ("accept", "accept cannot be in strict mode with version 2"),
            ("authentication {\nauth_type PASS\nauth_pass x\n}", "strict mode has no authentication"),
            ("state MASTER\npriority 100", "in strict mode only priority 255 may have state MASTER"),
            ("unicast_peer {\n192.0.2.2\n}", "strict mode has no unicast"),
        ],
    )
    def test_what_cannot_be(self, read: Any, own: str, message: str) -> None:
        loaded = read(own=f"strict_mode\n{own}")
        assert [text[: len(message)] for text in texts(loaded)] == [message]
        got = instance_of(loaded)
        assert (got.auth_pass, got.start_state, got.down_timer_adverts) == (None, State.BACKUP, 3)

    def test_accept_is_of_version_3(self, read: Any) -> None:
        loaded = read(own="strict_mode\nversion 3\naccept")
        assert texts(loaded) == []
        assert instance_of(loaded).accept

    def test_an_address_is_needed(self, read: Any) -> None:
        configuration = read(own="strict_mode", base="interface eth0\nvirtual_router_id 7\n").configuration
        assert configuration is not None
        assert "strict mode needs an address" in configuration.refused[0].reason

    def test_the_first_ipv6_address_must_be_link_local(self, read: Any) -> None:
        base = "interface eth0\nvirtual_router_id 7\nvirtual_ipaddress {\n2001:db8::1\n}\n"
        assert [d.is_error for d in read(base=base).diagnostics] == [False]
        assert [d.is_error for d in read(base=base, own="strict_mode").diagnostics if d.code != "not-done"] == [True]


def test_no_address_may_be_meant(read: Any) -> None:
    base = "interface eth0\nvirtual_router_id 7\n"
    assert "has no virtual_ipaddress" in texts(read(base=base))[0]
    loaded = read(base=base, own="no_virtual_ipaddress")
    assert texts(loaded) == []
    assert instance_of(loaded).no_virtual_ipaddress


def test_unicast_without_a_peer(read: Any) -> None:
    own = "unicast_src_ip 192.0.2.1\n"
    assert not instance_of(read(own=own)).unicast_fault_no_peer
    assert instance_of(read(own=own + "unicast_fault_no_peer")).unicast_fault_no_peer
    assert not instance_of(read(own="unicast_fault_no_peer")).unicast_fault_no_peer


def test_an_ipv6_advert_beyond_the_mtu(read: Any) -> None:
    lines = "\n".join(f"2001:db8::{number:x}" for number in range(1, 90))
    base = f"interface eth0\nvirtual_router_id 7\nvirtual_ipaddress {{\nfe80::1\n{lines}\n"
    assert not texts(read(base=base + "}\n"))
    (message,) = texts(read(base=base + "2001:db8::ffff\n}\n"))
    assert message.startswith("91 IPv6 addresses make an advert that 1500 bytes cannot carry")


def test_the_old_way_to_say_ipv6(read: Any) -> None:
    base = "interface eth0\nvirtual_router_id 7\nnative_ipv6\nvirtual_ipaddress {\n192.0.2.1\nfe80::1\n}\n"
    loaded = read(base=base)
    assert "address 192.0.2.1 is IPv4 in an IPv6 instance" in texts(loaded)[0]
    assert (instance_of(loaded).family, instance_of(loaded).version) == (6, 3)


def test_a_netlink_buffer_beyond_ours(read: Any) -> None:
    assert not read(defs="vrrp_netlink_cmd_rcv_bufs 8388608").diagnostics
    (told,) = read(defs="vrrp_netlink_cmd_rcv_bufs 8388609").diagnostics
    assert told.message == "pyvrrp's netlink sockets have 8388608 bytes, not 8388609; all else is used"


def test_what_is_not_done_is_told_once_for_all_instances(tmp_path: Path) -> None:
    file = tmp_path / "keepalived.conf"
    addresses = "virtual_ipaddress {{\n192.0.2.{0}\n}}\n"
    text = "vrrp_instance A{0} {{\ninterface eth0\nvirtual_router_id {0}\nuse_ipvlan\n" + addresses + "}}\n"
    instances = (text.format(number) for number in range(1, 6))
    file.write_text("".join(instances))
    loaded = load(str(file), config_id="", interfaces=None)
    (told,) = loaded.diagnostics
    assert (told.where.line, told.code) == (4, "not-done")
    assert told.message.startswith("pyvrrp does not do use_ipvlan (5 lines): addresses are put on the interface itself")


def test_the_table_of_nftables(read: Any) -> None:
    assert defs_of(read()).filter_table == FilterTable("pyvrrp", -1, False)
    assert defs_of(read("nftables")).filter_table.name == "pyvrrp"
    loaded = read("nftables mine\nnftables_priority -7\nnftables_counters")
    assert defs_of(loaded).filter_table == FilterTable("mine", -7, True)
    assert texts(loaded) == []
    assert defs_of(read(f"nftables {'a' * 251}")).filter_table.name == "pyvrrp"


def test_iptables_are_nftables_here_in_one_warning(read: Any) -> None:
    (warning,) = [each.message for each in read("vrrp_iptables\nvrrp_ipsets off").diagnostics]
    assert "vrrp_iptables, vrrp_ipsets only in part: nftables is used instead" in warning
