"""Whole files with many kinds of lines, as people have them, and what keepalived makes of them, observed there."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyvrrp.config import Loaded, load
from pyvrrp.model import Configuration, Tracked
from pyvrrp.track.priority import Contribution, effective


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str, *interfaces: str) -> Loaded:
        path = tmp_path / "k.conf"
        path.write_text(text)
        return load(str(path), config_id="left", interfaces=frozenset(interfaces))

    return read


def configuration(loaded: Loaded) -> Configuration:
    """What was read, when nothing was said but of what is not done."""
    assert [str(d) for d in loaded.diagnostics if "pyvrrp does not do" not in d.message] == []
    assert loaded.configuration is not None
    return loaded.configuration


WEIGHTS = """
vrrp_script up_raises {
    script "/usr/bin/true"
    weight 20
}
vrrp_script down_lowers {
    script "/usr/bin/false"
    weight -20
}
vrrp_script up_lowers {
    script "/usr/bin/test -e /run/drain"
    weight 60 reverse
}
vrrp_script up_is_fault {
    script "/usr/bin/test -e /run/maint"
    weight 0 reverse
}
vrrp_instance W {
    interface eth0
    virtual_router_id 99
    virtual_ipaddress {
        192.0.2.99/24
    }
    track_script {
        up_raises
        down_lowers weight -50
        up_lowers
        up_is_fault
    }
    track_interface {
        eth1 weight 30
        eth2 weight -15
        eth3 weight 10 reverse
    }
}
"""


def test_every_weight(read) -> None:
    """90 = 100 + 20 - 50 + 0 + 30 - 0 - 10, as keepalived 2.2.7 counted with these results."""
    (instance,) = configuration(read(WEIGHTS, "eth0", "eth1", "eth2", "eth3")).instances
    assert instance.track_scripts == (
        Tracked("up_raises", 20),
        Tracked("down_lowers", -50),
        Tracked("up_lowers", 60, True),
        Tracked("up_is_fault", 0, True),
    )
    is_ok = {"up_raises": True, "down_lowers": False, "up_lowers": False, "up_is_fault": False}
    items = [Contribution(t.name, t.weight, is_ok[t.name], t.reverse) for t in instance.track_scripts]
    items += [Contribution(t.name, t.weight, True, t.reverse) for t in instance.track_interfaces]
    assert effective(instance.priority, items) == (90, (), ())
    items = [item._replace(ok=True) for item in items]
    assert effective(instance.priority, items).failed == ("up_is_fault is well",)


PER_ROUTER = """
vrrp_instance VR_7 {
    state BACKUP
    interface ha-1
    virtual_router_id 7
    priority 50
    nopreempt
    advert_int 2
    virtual_ipaddress {
        169.254.0.7/24 dev ha-1
    }
    virtual_ipaddress_excluded {
        10.20.0.1/24 dev qr-1 no_track
        203.0.113.20/24 dev qg-1 no_track
        fe80::f816:3eff:fe00:1/64 dev qr-1 scope link no_track
    }
    virtual_routes {
        0.0.0.0/0 via 203.0.113.1 dev qg-1 no_track protocol static
        192.168.77.0/24 dev qg-1 scope link no_track protocol static
    }
}
"""


def test_the_file_of_a_network_controller(read) -> None:
    loaded = read(PER_ROUTER, "ha-1", "qr-1", "qg-1")
    assert [d.where.line for d in loaded.diagnostics] == [15]  # the scope of an IPv6 address
    (instance,) = loaded.configuration.instances
    assert [str(vip) for vip in instance.vips] == ["169.254.0.7/24 dev ha-1"]
    assert [str(vip) for vip in instance.excluded] == [
        "10.20.0.1/24 dev qr-1 no_track",
        "203.0.113.20/24 dev qg-1 no_track",
        "fe80::f816:3eff:fe00:1/64 dev qr-1 no_track",
    ]
    assert [str(route) for route in instance.routes] == [
        "0.0.0.0/0 via 203.0.113.1 dev qg-1 protocol 4 no_track",
        "192.168.77.0/24 dev qg-1 scope 253 protocol 4 no_track",
    ]


IPV6 = """
vrrp_instance GW6 {
    version 3
    interface eth0
    virtual_router_id 66
    priority 150
    virtual_ipaddress {
        fe80::66
        2001:db8:0:1::1/64 preferred_lft 0
    }
    virtual_ipaddress_excluded {
        192.0.2.66/24
        2001:db8:0:1::53/64 -nodad
    }
    virtual_routes {
        2000::/3 via 2001:db8:0:1::fffe dev eth0 no_track
    }
}
"""


def test_ipv6(read) -> None:
    (instance,) = configuration(read(IPV6, "eth0")).instances
    assert (instance.family, instance.version) == (6, 3)
    assert [str(vip) for vip in instance.vips] == [
        "fe80::66/128 dev eth0",
        "2001:db8:0:1::1/64 dev eth0 preferred_lft 0",
    ]
    assert [str(vip) for vip in instance.excluded] == ["192.0.2.66/24 dev eth0", "2001:db8:0:1::53/64 dev eth0 -nodad"]
    assert [str(route) for route in instance.routes] == ["2000::/3 via 2001:db8:0:1::fffe dev eth0 no_track"]


TRACKED = """
track_file drain {
    file "/run/vrrp-drain"
    weight 1
    init_file 0
}
track_file maintenance {
    file "/run/vrrp-maintenance"
    weight 0
}
vrrp_track_process proxy {
    process /usr/sbin/haproxy -W
    param_match initial
    quorum 1
    delay 2.5
    weight 10
}
vrrp_track_process no_old_daemon {
    process olddaemon
    quorum_max 0
}
vrrp_instance TF {
    interface eth0
    virtual_router_id 90
    priority 150
    virtual_ipaddress {
        192.0.2.90/24
    }
    track_file {
        drain
        maintenance
    }
    track_process {
        proxy weight 25
        no_old_daemon
    }
}
"""


def test_files_and_processes(read) -> None:
    got = configuration(read(TRACKED, "eth0"))
    assert got.instances[0].track_files == (Tracked("drain", 1), Tracked("maintenance", 0))
    assert got.instances[0].track_processes == (Tracked("proxy", 25), Tracked("no_old_daemon", 0))
    proxy, old = got.track_processes
    assert (proxy.process, proxy.parameters, proxy.match) == ("/usr/sbin/haproxy", ("-W",), "initial")
    assert (proxy.quorum, proxy.quorum_max, proxy.fork_delay_s, proxy.terminate_delay_s) == (1, None, 2.5, 2.5)
    assert (old.quorum, old.quorum_max) == (0, 0)
