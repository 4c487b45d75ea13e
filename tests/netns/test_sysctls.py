"""Settings of the kernel: all of /proc/sys/net of a namespace, before, during and after, under pyvrrpd and keepalived.

With one file both change the same settings to the same values, but for those that are listed here with the reason; and
pyvrrpd leaves none changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from netns.harness import START_S, Kind, Lab, Node, until
from netns.segment import link
from netns.witness import entered

pytestmark = [pytest.mark.root]

_ROOT = Path("/proc/sys/net")
_COUNTS = ("nf_conntrack_count", "stable_secret")   # what the kernel counts by itself; what cannot be read

# What the two set to different values, and why. Names are below /proc/sys/net.
_IPV6_VMAC = {
    # Nothing but a virtual router's MLD may be sent from its MAC: no address from router advertisements, no question
    # for routers. keepalived leaves these and drops the solicitations with nftables.
    "ipv6/conf/vrrp.51/accept_ra",
    "ipv6/conf/vrrp.51/autoconf",
    "ipv6/conf/vrrp.51/router_solicitations",
}
_IPV4_BASE = {
    # Packets of a virtual address leave by the base; its question for a neighbour's MAC must not tell that the address
    # is at the base's own MAC.
    "ipv4/conf/eth0/arp_announce",
}
_FILTERED = {
    # What `all` says counts for every interface, so before it is set to 0 each gets it; keepalived leaves out lo.
    "ipv4/conf/lo/rp_filter",
}
# What keepalived 2.2.7 leaves changed when it stops; pyvrrpd puts it back.
_LEFT_BY_KEEPALIVED = {"ipv4/conf/eth0/arp_ignore", "ipv4/conf/eth0/arp_filter"}


class Variant(NamedTuple):
    lines: tuple[str, ...]
    family: int = 4
    dev: str = "eth0"                   # where the first address is
    differ: frozenset[str] = frozenset()
    rp_filter: str = "0"                # of `all`, before
    left: frozenset[str] = frozenset()  # by keepalived


_V4 = frozenset(_IPV6_VMAC | _IPV4_BASE)
_V6 = frozenset(_IPV6_VMAC)
_LEFT = frozenset(_LEFT_BY_KEEPALIVED)
VARIANTS = {
    "plain": Variant(()),
    "plain-6": Variant((), 6),
    "promote": Variant(("promote_secondaries",)),
    "vmac": Variant(("use_vmac",), 4, "vrrp.51", _V4, left=_LEFT),
    "vmac-6": Variant(("use_vmac",), 6, "vrrp.51", _V6),
    "vmac-filtered": Variant(("use_vmac",), 4, "vrrp.51", _V4 | _FILTERED, "1", left=_LEFT),
    "xmit-base": Variant(("use_vmac", "vmac_xmit_base"), 4, "vrrp.51", _V4, left=_LEFT),
    "xmit-base-6": Variant(("use_vmac", "vmac_xmit_base"), 6, "vrrp.51", _V6),
    "vmac-addr": Variant(("use_vmac", "use_vmac_addr"), 4, "vrrp.51", _V4, left=_LEFT),
    "vmac-promote": Variant(("use_vmac", "promote_secondaries"), 4, "vrrp.51", _V4, left=_LEFT),
}


def settings(node: Node) -> dict[str, str]:
    """Every setting of a host's namespace that can be read."""
    found = {}
    with entered(node.namespace):
        for path in _ROOT.rglob("*"):
            if path.name in _COUNTS or not path.is_file():
                continue
            try:
                found[str(path.relative_to(_ROOT))] = path.read_text(errors="replace").strip()
            except OSError:                     # write-only, as route/flush
                continue
    return found


def changes(before: dict[str, str], after: dict[str, str]) -> dict[str, str | None]:
    """What is new, another, or gone (None)."""
    names = sorted(before.keys() | after.keys())
    return {name: after.get(name) for name in names if before.get(name) != after.get(name)}


def text(variant: Variant) -> str:
    vips = ("192.0.2.100/24", "192.0.2.101/24") if variant.family == 4 else ("fe80::100", "fd00:2::100/64")
    return "\n".join([
        "vrrp_instance VI_1 {", "interface eth0", "virtual_router_id 51", "version 3", "advert_int 0.2", *variant.lines,
        "virtual_ipaddress {", *vips, "}", "}", "",
    ])


@pytest.mark.parametrize("name", VARIANTS)
def test_every_setting(lab: Lab, name: str) -> None:
    variant = VARIANTS[name]
    last = "192.0.2.101" if variant.family == 4 else "fd00:2::100"
    hosts: dict[Kind, Node] = {kind: lab.pair()[0] for kind in ("pyvrrpd", "keepalived")}
    before, daemons = {}, {}
    for kind, node in hosts.items():
        with entered(node.namespace):
            (_ROOT / "ipv4/conf/all/rp_filter").write_text(variant.rp_filter)
        before[kind] = settings(node)
        daemons[kind] = daemon = lab.daemon(kind, node)
        daemon.configure(text(variant))
        daemon.start()
    during, after = {}, {}
    for kind, node in hosts.items():
        until(lambda node=node: node.has(last), START_S, f"{last} under {kind}")
        assert link(node, variant.dev) is not None
        during[kind] = changes(before[kind], settings(node))
    for kind, node in hosts.items():
        daemons[kind].terminate()
        after[kind] = changes(before[kind], settings(node))
    ours, theirs = during["pyvrrpd"], during["keepalived"]
    differ = {each: (ours.get(each), theirs.get(each)) for each in sorted(ours.keys() | theirs.keys())
              if ours.get(each) != theirs.get(each)}
    assert differ.keys() == variant.differ, differ
    assert after["pyvrrpd"] == {}
    assert after["keepalived"].keys() == variant.left, "what keepalived leaves has another reason now"
