"""keepalived's dump files: both daemons run the same file, each alone on its wire, and get the same signals."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from netns.harness import IP, START_S, Daemon, Kind, run, until
from netns.harness import lab as laboratory

pytestmark = pytest.mark.root

TEXT = """
global_defs {
    router_id x
    script_user root
    enable_script_security
    vrrp_garp_lower_prio_delay 7
}
vrrp_sync_group both {
    group {
        web
        old
    }
}
vrrp_instance web {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority 100
    advert_int 0.3
    version 3
    garp_master_delay 3
    garp_master_refresh 40
    garp_master_refresh_repeat 2
    garp_lower_prio_repeat 2
    preempt_delay 2
    higher_prio_send_advert
    lower_prio_no_advert
    dont_track_primary
    skip_check_adv_addr
    promote_secondaries
    unicast_peer {
        192.0.2.2
    }
    notify "/usr/bin/true a 'b c'"
    notify_master /usr/bin/true
    notify_deleted
    virtual_ipaddress {
        192.0.2.100/24 dev eth0
        192.0.2.101 label eth0:x
        198.51.100.7/25 scope link
    }
    virtual_ipaddress_excluded {
        192.0.2.110/32
        2001:db8::110/64
    }
}
vrrp_instance old {
    interface eth0
    virtual_router_id 52
    priority 90
    nopreempt
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass secret
    }
    virtual_ipaddress {
        192.0.2.120/32
    }
}
vrrp_instance six {
    interface eth0
    virtual_router_id 53
    priority 40
    version 3
    advert_int 0.5
    virtual_ipaddress {
        fe80::7/64
        2001:db8::7/128
    }
}
vrrp_instance down {
    interface eth0
    virtual_router_id 54
    track_interface {
        down0
    }
    virtual_ipaddress {
        192.0.2.130/32
    }
}
"""
# What a daemon does by itself, or says in its own words.
NOT_COMPARED = {"last_transition", "auth_data"}


@pytest.fixture(scope="module")
def daemons() -> Iterator[list[Daemon]]:
    """keepalived and pyvrrpd, all their instances but the last MASTER."""
    with laboratory() as lab:
        made: list[Daemon] = []
        kinds: tuple[Kind, ...] = ("keepalived", "pyvrrpd")
        for kind in kinds:
            node, _ = lab.pair()
            run(IP, "-n", node.namespace, "link", "add", "down0", "type", "veth", "peer", "name", "down1")
            daemon = lab.daemon(kind, node)
            if kind == "pyvrrpd":
                daemon.options = ("--metrics-compat",)
            daemon.configure(TEXT)
            daemon.start()
            made.append(daemon)
        for daemon in made:
            for name in ("web", "old", "six"):
                daemon.wait_log(rf"\({name}\) Entering MASTER STATE", START_S)
            for address in ("2001:db8::110", "192.0.2.120", "2001:db8::7"):
                daemon.node.record.wait_address(address, True, since_s=0, timeout_s=5)
        yield made
        for daemon in made:
            daemon.discard()


def dump(daemon: Daemon, number: int, name: str) -> str:
    """Ask for a dump; its text, once it is whole."""
    path = daemon.directory / name
    path.unlink(missing_ok=True)
    os.kill(int(daemon.vrrp_pid_file.read_text()), number)
    # keepalived writes where the file stands: its length must rest.
    return until(lambda: path.exists() and settled(path), 10, f"{name} of {daemon}")


def settled(path: Path) -> str:
    text = path.read_text()
    return text if text.endswith(("]", "]\n", "\n")) and len(text) > 100 else ""


def instances(daemon: Daemon) -> dict[str, dict[str, Any]]:
    found = json.loads(dump(daemon, signal.SIGRTMIN + 2, "keepalived.json"))
    return {each["data"]["iname"]: each for each in found}


def test_the_json_is_that_of_keepalived(daemons: list[Daemon]) -> None:
    theirs, ours = (instances(daemon) for daemon in daemons)
    assert list(ours) == list(theirs) == ["web", "old", "six", "down"]
    for name, their in theirs.items():
        our = ours[name]
        assert list(our) == ["data", "stats"]
        assert list(our["stats"]) == list(their["stats"])
        assert set(our["data"]) == set(their["data"])
        for field in their["data"].keys() - NOT_COMPARED:
            assert our["data"][field] == their["data"][field], f"{field} of {name}"
    assert ours["old"]["data"]["auth_data"] == "********"
    assert ours["web"]["stats"]["advert_sent"] > 0
    assert ours["down"]["stats"]["advert_sent"] == 0
    path = daemons[1].directory / "keepalived.json"
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_metrics_say_what_the_dump_says(daemons: list[Daemon]) -> None:
    dumped = instances(daemons[1])
    status, text = daemons[1].fetch("/metrics")
    assert status == 200
    found = {
        (sample.name, *(sample.labels.get(label, "") for label in ("name", "iname", "address", "ip_address"))): sample
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }
    for name, each in dumped.items():
        assert found["pyvrrp_instance_state", name, "", "", ""].value == each["data"]["state"]
        assert found["pyvrrp_became_master_total", name, "", "", ""].value == each["stats"]["become_master"]
        assert found["keepalived_become_master_total", "", name, "", ""].value == each["stats"]["become_master"]
        assert found["pyvrrp_adverts_sent_total", name, "", "", ""].value >= each["stats"]["advert_sent"]
        for kind, fields in (("vips", "keepalived_vrrp_state"), ("evips", "keepalived_vrrp_excluded_state")):
            for vip in each["data"].get(kind, ()):
                address = vip.split()[0]
                assert found[fields, "", name, "", address].value == each["data"]["state"]
                is_set = found["pyvrrp_vip_set", name, "", address, ""]
                assert is_set.value == vip.endswith(" set")
                assert is_set.labels["interface"] == "eth0"
    assert found["pyvrrp_takeover_seconds_count", "", "", "", ""].value == 3
    assert [key[0] for key in found if key[0] == "pyvrrp_instance_fault"] == ["pyvrrp_instance_fault"]
    assert found["pyvrrp_instance_fault", "down", "", "", ""].labels["reason"] == "track_interface"


def test_the_texts_have_the_lines_that_tools_read(daemons: list[Daemon]) -> None:
    theirs, ours = (dump(daemon, signal.SIGUSR1, "keepalived.data") for daemon in daemons)
    wanted = re.compile(
        r" *(VRRP Instance|State|Wantstate|Interface|Gratuitous ARP \w+|Virtual Router ID|Priority|Effective priority|"
        r"Virtual IP \(\d+\):|Accept|Preempt|Advert interval|Sync group|Using src_ip)\b.*|     [\w.:/]+ dev eth0 .*"
    )

    def lines(text: str) -> list[str]:
        topology = text.partition("< VRRP Topology >")[2].partition("------<")[0]
        return [line.strip() for line in topology.splitlines() if wanted.fullmatch(line)]

    assert lines(ours) == lines(theirs)
    assert "secret" not in ours
    assert "VRRP Sync Group = both, MASTER" in ours
    theirs, ours = (dump(daemon, signal.SIGUSR2, "keepalived.stats") for daemon in daemons)
    assert [line.rstrip("0123456789") for line in ours.splitlines()] == [
        line.rstrip("0123456789") for line in theirs.splitlines()
    ]
    # They count from 0 again after the fourth signal, which writes once more before.
    before = dump(daemons[1], signal.SIGRTMAX - 1, "keepalived.stats")
    after = dump(daemons[1], signal.SIGUSR2, "keepalived.stats")
    assert "Became master: 1" in before
    assert "Became master: 1" not in after
    assert "Became master: 0" in after
