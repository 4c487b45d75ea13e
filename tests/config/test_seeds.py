"""Configurations as people find them: files from published articles, in `seeds/`.

For each message that keepalived -t 2.2.7 prints about them, ours has a better one, with file and line.
"""

from pathlib import Path

import pytest

from pyvrrp.config import Loaded, load

SEEDS = Path(__file__).parent / "seeds"


def read(name: str) -> tuple[Loaded, list[str]]:
    path = SEEDS / name
    loaded = load(str(path), config_id="left", interfaces=frozenset(("eth0", "eth1")))
    prefix = f"{path}:"
    assert all(str(d).startswith(prefix) for d in loaded.diagnostics)
    return loaded, [str(d).removeprefix(prefix) for d in loaded.diagnostics]


MISSING = "does not exist; {}, create it or correct the path"
FAILED = MISSING.format("it counts as failed until it can be run")
SILENT = MISSING.format("nothing is run until it can be")

EXPECTED = {
    # keepalived: "Disabling track script chk_myscript since not found/accessible"; nothing of notify.
    "13-check-notify.conf": [
        f"3: warning: script /usr/local/bin/mycheckscript.sh {FAILED}",
        f"20: warning: notify /usr/local/bin/keepalivednotify.sh {SILENT}",
    ],
    # keepalived: invalid number '1,'; VRID not valid; "invalid number 'peer's'"; "IP is missing a value";
    # five lines for the prose after the address; script disabled; "the virtual router id must be set".
    "14-as-printed.conf": [
        "7: warning: script path/to/script.sh is a relative path, looked up from the directory in which the "
        f"daemon was started ({Path.cwd()}); write the full path, it begins with /",
        f"7: warning: script path/to/script.sh {FAILED}",
        "12: warning: vrrp_instance cluster has no virtual_ipaddress, so its adverts carry no address; "
        "add at least one",
        "14: virtual_router_id 1, is not a number; remove the comma; vrrp_instance cluster is not run",
        "15: warning: unicast_src_ip takes only 1 argument, the rest is ignored: my IP; "
        "remove it, or make it a comment with #",
        "17: warning: my peer's IP: not known; ignored, the peer 10.201.36.8 is used; make it a comment with #",
        "20: warning: with nopreempt a BACKUP leaves every MASTER alone, so the weight of check_things moves "
        "nothing; remove the weight (failing is FAULT then), or nopreempt",
        "22: warning: the VIP we're sharing (details): not known as options of an address; ignored, "
        "the address 10.201.36.14 is used; remove it, or make it a comment with #",
        f"28: warning: notify /usr/local/sbin/keepalived_state.sh {SILENT}",
        f"29: warning: notify_stop /usr/local/sbin/keepalived_state.sh {SILENT}",
    ],
    # keepalived: script disabled; "No VIP specified; at least one is sensible", without a place.
    "15-mended.conf": [
        f"7: warning: script /usr/local/bin/check_things.sh {FAILED}",
        "12: warning: vrrp_instance cluster has no virtual_ipaddress, so its adverts carry no address; "
        "add at least one",
        "20: warning: with nopreempt a BACKUP leaves every MASTER alone, so the weight of check_things moves "
        "nothing; remove the weight (failing is FAULT then), or nopreempt",
        f"28: warning: notify /usr/local/sbin/keepalived_state.sh {SILENT}",
        f"29: warning: notify_stop /usr/local/sbin/keepalived_state.sh {SILENT}",
    ],
    # keepalived: script disabled; "Ignoring track_interface eth0 since own interface", without a place.
    "16-tracking.conf": [
        f"3: warning: script /usr/local/bin/check.sh {FAILED}",
        "23: warning: track_interface eth0 is the instance's own, tracked anyway; remove it",
    ],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_messages(name: str) -> None:
    loaded, messages = read(name)
    assert messages == EXPECTED[name]
    assert loaded.exit_status == 5


def test_what_runs() -> None:
    (check,) = read("13-check-notify.conf")[0].configuration.instances
    assert (check.vrid, check.priority) == (5, 200)
    assert [str(vip) for vip in check.vips] == ["192.168.1.1/32 dev eth0"]
    assert check.track_scripts[0].name == "chk_myscript"

    as_printed = read("14-as-printed.conf")[0].configuration
    assert as_printed.instances == ()
    assert as_printed.refused[0].name == "cluster"

    (mended,) = read("15-mended.conf")[0].configuration.instances
    assert (mended.vrid, mended.priority, mended.preempt, mended.check_unicast_src) == (1, 102, False, True)
    assert mended.peers == (bytes((10, 201, 36, 8)),)
    assert [str(vip) for vip in mended.excluded] == ["10.201.36.14/32 dev eth0"]
    assert mended.track_scripts[0].weight == 2
    assert mended.notify.stop.argv[1:] == ("unknown_type", "unknown_name", "STOPPED")

    tracking = read("16-tracking.conf")[0].configuration
    (script,) = tracking.scripts
    assert script.command.argv == ("/usr/local/bin/check.sh", "arg1", "arg2")
    assert (script.interval_s, script.timeout_s, script.fall, script.rise, script.weight) == (2, 5, 3, 2, 20)
    assert [tracked.name for tracked in tracking.instances[0].track_interfaces] == ["eth1"]
