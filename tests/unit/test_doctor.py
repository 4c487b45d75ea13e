"""What pyvrrp doctor finds: each check with a fact that it tells and one that it does not."""

from __future__ import annotations

import os

import pytest

from pyvrrp.cli.doctor import own_namespace, shown
from pyvrrp.control.protocol import InstancesReply, InstanceStatus, OtherMaster
from pyvrrp.control.trackers import ProcessNews, ProcessStatus, ScriptStatus, TrackersReply
from pyvrrp.doctor import HOST, Facts, Finding, NamespaceFacts, examine
from pyvrrp.neighbours import Room

SCRIPT = {"interval_s": 1.0, "timeout_s": 2.0, "rise": 1, "fall": 1, "command": ["/bin/check", "a b"]}


def facts(*instances, counters=None, problems=(), trackers=(), news=None, **more):
    status = InstancesReply(
        version="1", pid=7, counters=counters or {}, problems=list(problems),
        instances=[InstanceStatus(**({"name": "web", "state": "BACKUP", "vrid": 51, "interface": "eth0"} | each))
                   for each in instances],
    )
    told = TrackersReply(version="1", pid=7, process_news=news, trackers=list(trackers))
    return Facts(status=status, trackers=told, **more)


def test_a_host_in_good_order():
    assert examine(facts(
        {}, {"state": "MASTER", "counters": {"advert_sent": 9}, "vips": ["2001:db8::1/64"], "peers": ["192.0.2.2"]},
        counters={"engine": {"stalls": 3, "stall_longest_us": 20_000}, "log": {"lines_dropped": 0}},
        trackers=[ScriptStatus(name="a", ok=True, last_duration_s=0.1, **SCRIPT),
                  ProcessStatus(name="p", process=["x"], quorum=1, count=1, ok=True)],
        news=ProcessNews(is_told=True, looks=1, executed=0, lost=0),
        namespaces={None: NamespaceFacts(without_ipv6=frozenset({"eth9"}), unreachable=frozenset({"192.0.2.9"}))},
        rooms={4: Room(512, 1024, True)}, descriptors=(10, 100), rmem_max=212_992,
    )) == []


@pytest.mark.parametrize(
    ("why", "command"),
    [
        ("interface eth1 does not exist", "ip link show"),
        ("interface eth0 is down", "ip link set eth0 up"),
        ("tracked interface eth2 is down", "ip link set eth2 up"),
        ("interface eth0 has no IPv4 address", "ip address add ADDRESS/LENGTH dev eth0"),
        ("interface eth0 has no link-local IPv6 address", "sysctl -w net.ipv6.conf.eth0.disable_ipv6=0"),
        ("source address 192.0.2.1 is on no interface", "ip address add 192.0.2.1/LENGTH dev INTERFACE"),
        ("check_service failed", "pyvrrp status --scripts"),
        ("track_process proxy has no quorum", "pyvrrp status --scripts"),
        ("something new", "pyvrrp show web"),
    ],
)
def test_a_reason_for_fault_has_its_command(why, command):
    assert examine(facts({"state": "FAULT", "faults": [why]})) == [
        Finding(True, "web", f"it is in FAULT: {why}", command)
    ]


@pytest.mark.parametrize(
    ("namespace", "why", "command"),
    [
        ("blue", "interface eth0 is down", "ip -n blue link set eth0 up"),
        ("blue", "interface eth0 has no link-local IPv6 address",
         "ip netns exec blue sysctl -w net.ipv6.conf.eth0.disable_ipv6=0"),
        ("/run/x y", "interface eth0 is down", "nsenter --net='/run/x y' ip link set eth0 up"),
    ],
)
def test_a_command_is_for_the_namespace(namespace, why, command):
    found = examine(facts({"state": "FAULT", "faults": [why], "net_namespace": namespace}))
    assert [finding.command for finding in found] == [command]


def test_a_daemon_in_another_namespace_than_ours_has_its_commands_there():
    def command(why):
        return examine(facts({"state": "FAULT", "faults": [why]}, own_namespace="/proc/7/ns/net"))[0].command

    assert command("interface eth0 is down") == "nsenter --net=/proc/7/ns/net ip link set eth0 up"
    assert command("check_service failed") == "pyvrrp status --scripts"


def test_whether_a_process_is_in_another_namespace():
    assert own_namespace(os.getpid()) is None
    assert own_namespace(2**22 + 1) is None         # there is no such process


def test_two_masters():
    other = OtherMaster(address="192.0.2.2", priority=100, own_address="192.0.2.1", own_priority=150, since="",
                        since_s=12.4)
    found, = examine(facts({"state": "MASTER", "other_master": other}))
    assert found.is_error
    assert found.what == (
        "two hosts are MASTER for 12 s: this one (192.0.2.1, priority 150) and 192.0.2.2 (priority 100), which does "
        "not hear this one"
    )
    assert found.command == "tcpdump -ni eth0 'proto 112 and vrrp[1] = 51'   # on 192.0.2.2"


def test_an_instance_that_is_refused():
    found, = examine(facts({"state": "REFUSED", "reason": "/etc/a b.conf:3: no virtual_router_id"}))
    assert found == Finding(True, "web", "it is not run: /etc/a b.conf:3: no virtual_router_id",
                            "pyvrrp check '/etc/a b.conf'")


def test_what_the_kernel_refuses_a_master_is_an_error_and_a_backup_a_warning():
    why = ["route 10.1.0.0/16 cannot be added: Nexthop has invalid gateway"]
    found = examine(facts({"name": "b", "faults": why}, {"name": "m", "state": "MASTER", "faults": why}))
    assert [(finding.about, finding.is_error) for finding in found] == [("m", True), ("b", False)]


def test_counters_that_mean_trouble():
    found = examine(facts({"counters": {"auth_failure": 4, "advert_rcvd": 100, "addr_list_err": 1}}))
    assert [finding.what for finding in found] == [
        "another password than the sender: auth_pass differs (auth_failure: 4)",
        "the sender lists other virtual addresses (addr_list_err: 1)",
    ]


def test_a_peer_that_does_not_answer_and_ipv6_that_is_off():
    here = NamespaceFacts(unreachable=frozenset({"192.0.2.2"}), without_ipv6=frozenset({"eth0"}))
    found = examine(facts(
        {"name": "four", "peers": ["192.0.2.2", "192.0.2.3"], "net_namespace": "blue"},
        {"name": "six", "vips": ["2001:db8::1/64"], "net_namespace": "blue"},
        {"name": "more", "vips": ["2001:db8::2/64"], "net_namespace": "blue"},
        {"name": "elsewhere", "peers": ["192.0.2.2"], "vips": ["2001:db8::3/64"]},
        namespaces={"blue": here},
    ))
    assert found == [
        Finding(True, "six", "it has IPv6 addresses and IPv6 is switched off on eth0",
                "ip netns exec blue sysctl -w net.ipv6.conf.eth0.disable_ipv6=0"),
        Finding(False, "four", "its peer 192.0.2.2 does not answer on the link", "ip -n blue neighbour show 192.0.2.2"),
    ]


def test_what_is_tracked():
    found = examine(facts(trackers=[
        ScriptStatus(name="fails", ok=False, last="exited with status 1", **SCRIPT),
        ScriptStatus(name="slow", ok=True, last_duration_s=1.7, **SCRIPT),
        ScriptStatus(name="none", ok=False, **(SCRIPT | {"command": []})),
        ScriptStatus(name="new", **SCRIPT),
        ProcessStatus(name="proxy", process=["haproxy"], quorum=2, count=1, ok=False),
    ], news=ProcessNews(is_told=False, looks=1, executed=0, lost=0, why_untold="no permission")))
    assert [(finding.about, finding.is_error, finding.command) for finding in found] == [
        ("none", True, "pyvrrp check   # it says why of vrrp_script none"),
        (HOST, False, ""),
        ("fails", False, "/bin/check 'a b'"),
        ("slow", False, "pyvrrp status --scripts slow"),
        ("proxy", False, "pgrep -a haproxy"),
    ]
    assert found[3].what == "this script took 1.7 s of the 2 s that it may"
    assert found[4].what == "1 of its processes run, and 2 or more have to"


def test_the_host():
    peers = [{"name": f"i{n}", "peers": [f"198.18.{n // 250}.{n % 250}"]} for n in range(600)]
    found = examine(facts(
        *peers, problems=["tenants: route 10.0.0.0/8 is not set"], keepalived_pids=(99,), descriptors=(900, 1024),
        rooms={4: Room(512, 1024, True), 6: Room()}, rmem_max=212_992,
        counters={"engine": {"receive_drops": 5, "stall_longest_us": 812_000}, "log": {"lines_dropped": 3}},
    ))
    assert all(finding.about == HOST for finding in found)
    assert [finding.is_error for finding in found] == [True, False, False, False, False, False, False]
    assert [finding.command for finding in found] == [
        "prlimit --pid 7 --nofile=2048   # and LimitNOFILE= in its unit",
        "systemctl disable --now keepalived",
        "pyvrrp status",
        "sysctl -w net.ipv4.neigh.default.gc_thresh2=1200 net.ipv4.neigh.default.gc_thresh3=2400",
        "sysctl -w net.core.rmem_max=4194304",
        "pyvrrp explain vrrp_rt_priority",
        "systemctl status rsyslog",
    ]


def test_a_finding_as_people_see_it():
    assert shown(Finding(True, "web", "it is in FAULT: x", "ip link")) == [
        "error: web: it is in FAULT: x", "    ip link",
    ]
    assert shown(Finding(False, HOST, "y", "")) == ["warning: this host: y"]
