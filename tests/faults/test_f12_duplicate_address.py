"""F12: another host holds a virtual address. Taking it over is not held up by duplicate address detection.

With detection an IPv6 address is tentative for a second and more, or for ever if it is found elsewhere. That another
host has the address is told, where the file asks for that.
"""

from __future__ import annotations

import pytest
from netns.harness import START_S, Lab

from faults.files import instance

pytestmark = [pytest.mark.root]

VIP4, VIP6 = "192.0.2.100", "2001:db8::100"


def test_the_takeover_does_not_wait(lab: Lab) -> None:
    left, right = lab.pair()
    right.ip("address", "add", f"{VIP4}/32", "dev", "eth0")
    right.ip("address", "add", f"{VIP6}/64", "dev", "eth0", "nodad")
    daemon = lab.daemon("pyvrrpd", left)
    daemon.configure(
        "global_defs {\n    pyvrrp_detect_duplicates\n}\n"
        + instance("V4", vips=[f"{VIP4}/32"]) + instance("V6", vips=["fe80::100/64", f"{VIP6}/64"])
    )
    daemon.start()
    for name, vip in (("V4", VIP4), ("V6", VIP6)):
        came = left.record.wait_address(vip, True, timeout_s=START_S)
        told = left.record.wait(lambda vip=vip: left.record.announced(vip, 0), 1, f"{vip} is announced")
        assert told.at_s - came.at_s <= 0.1, "usable and announced at once"
        daemon.wait_log(rf"\({name}\) Entering MASTER STATE", 1)
    shown = left.ip("-6", "address", "show", "dev", "eth0")
    assert f"inet6 {VIP6}/64" in shown
    assert "tentative" not in shown
    assert "dadfailed" not in shown

    mac = right.ip("link", "show", "eth0").partition("link/ether ")[2].split()[0]
    for name, vip in (("V4", VIP4), ("V6", VIP6)):
        sentence = f"{vip} is on another host too, at {mac}"
        daemon.wait_log(rf"\({name}\) {sentence}; take it away there", 10)
        assert sentence in daemon.instance(name)["faults"]
        assert daemon.instance(name)["state"] == "MASTER"
    assert "fe80::100 is on another" not in daemon.log(), "nor does anybody have that one"
