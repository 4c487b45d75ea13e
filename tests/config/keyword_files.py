"""A file for each keyword of the table: what is right for it, what is wrong, and all that must stand around it.

The examples are the `good` and `bad` of the table, or what the kind of its arguments suggests.
"""

from __future__ import annotations

from pyvrrp.config.explain import Place, everything
from pyvrrp.config.keywords import INDEX, TOP, Kind

FRAME = {"interface": "eth0", "virtual_router_id": "7"}
VIPS = "virtual_ipaddress {\n192.0.2.100\n}\n"

# Blocks inside blocks, and what must stand around a line so that it is right by itself.
BLOCKS_IN_AN_INSTANCE = ("authentication", "auth_hmac")
AROUND = {
    "vrrp_instance.unicast_src_ip": "unicast_peer {\n192.0.2.9\n}\n",
    "vrrp_instance.check_unicast_src": "unicast_peer {\n192.0.2.9\n}\n",
    "vrrp_instance.old_unicast_checksum": "unicast_peer {\n192.0.2.9\n}\n",
    "vrrp_instance.unicast_ttl": "unicast_peer {\n192.0.2.9\n}\n",
    "vrrp_instance.vmac_xmit_base": "use_vmac\n",
    "authentication.auth_type": "auth_pass x\n",
    "authentication.auth_pass": "auth_type PASS\n",
    "vrrp_track_process.param_match": "process haproxy -D\n",
}
GOOD = {
    "auth_hmac.key": "1 secret",
    "global_defs.min_auto_priority_delay": "1000",
    "global_defs.vrrp_cpu_affinity": "0 1",
    "global_defs.vrrp_garp_extra_if": "all 10",
    "global_defs.vrrp_vmac_garp_intvl": "10",
    "global_defs.vrrp_rx_bufs_policy": "ADVERT",
    "global_defs.smtp_server": "192.0.2.1 25",
    "global_defs.umask": "IRGRP|IROTH",
    "global_defs.vrrp_iptables": "INPUT OUTPUT",
    "global_defs.include_check": "+read",
    "global_defs.notify_fifo": "/run/fifo root root",
    "global_defs.vrrp_notify_fifo": "/run/fifo",
    "vrrp_instance.garp_extra_if": "0",
    "vrrp_instance.vmac_garp_intvl": "all 10",
    "vrrp_instance.use_ipvlan": "",
    "vrrp_instance.no_virtual_ipaddress": "",
    "vrrp_instance.track_interface": "eth1 weight 10",
    "vrrp_sync_group.track_interface": "eth1 weight 10",
}
BAD = {
    "global_defs.vrrp_cpu_affinity": "all",
    "global_defs.vrrp_garp_extra_if": "all",
    "global_defs.vrrp_vmac_garp_intvl": "0",
    "global_defs.vrrp_rx_bufs_policy": "BIG",
    "global_defs.smtp_server": "192.0.2.1 mail",
    "global_defs.random_seed": "x",
    "global_defs.notify_fifo": "/run/fifo no-such-user-here",
    "global_defs.vrrp_notify_fifo": "/run/fifo no-such-user-here",
    "global_defs.umask": "0x",
    "global_defs.vrrp_iptables": "A-NAME-THAT-IS-FAR-TOO-LONG-FOR-IT",
    "global_defs.vrrp_ipsets": "A-NAME-THAT-IS-FAR-TOO-LONG-FOR-IT",
    "vrrp_instance.garp_extra_if": "-1",
    "vrrp_instance.vmac_garp_intvl": "x",
}
NEEDED = {
    "track_file": {"file": "/run/it"},
    "vrrp_track_file": {"file": "/run/it"},
    "vrrp_track_process": {"process": "haproxy"},
    "garp_group": {"interface": "eth0", "garp_interval": "1"},
}
ANY_NUMBER = (1 << 31) - 1  # a range that ends here has no end of its own
BY_KIND = {
    Kind.FLAG: ("", None),
    Kind.BOOLEAN: ("yes", "True"),
    Kind.TEXT: ("word", None),
    Kind.TEXTS: ("word", None),
    Kind.PATH: ("/run/file", None),
    Kind.ADDRESS: ("192.0.2.1", "192.0.2.256"),
    Kind.INTERFACE: ("eth0", None),
    Kind.COMMAND: ('"/bin/true"', "/nowhere/at-all"),
    Kind.USER: ("root", "no-such-user-here"),
    Kind.WEIGHT: ("10 reverse", "x"),
}

PLACES = {f"{place.block}.{place.keyword.name}".lstrip("."): place for place in everything()}
LINES = {
    name: place
    for name, place in PLACES.items()
    if not place.keyword.is_block and place.keyword.kind is not Kind.FOREIGN and not name.startswith("include")
}
VALUE_BLOCKS = {
    name: place
    for name, place in PLACES.items()
    if place.keyword.kind in {Kind.LINES, Kind.WORDS} and place.keyword.good
}


def good(name: str, place: Place) -> str:
    keyword = place.keyword
    if name in GOOD:
        return GOOD[name]
    if keyword.good:
        return keyword.good
    if keyword.kind is Kind.CHOICE:
        return keyword.choices[0]
    if keyword.kind in {Kind.INTEGER, Kind.SECONDS}:
        return f"{max(keyword.low, min(keyword.high, 2)):g}"
    return BY_KIND[keyword.kind][0]


def bad(name: str, place: Place) -> str | None:
    """None: nothing can be wrong with it but that it is not there."""
    keyword = place.keyword
    if name in BAD:
        return BAD[name]
    if keyword.bad:
        return keyword.bad
    if keyword.kind is Kind.CHOICE:
        return "none-of-them"
    if keyword.kind in {Kind.INTEGER, Kind.SECONDS}:
        return f"{keyword.high + 1:.0f}" if keyword.high < ANY_NUMBER else "many"
    return BY_KIND[keyword.kind][1]


def wrapped(place: Place, lines: str) -> str:
    """A file in which these lines stand in their block, with all that the block needs."""
    name = place.keyword.name
    frame = "".join(f"{key} {value}\n" for key, value in FRAME.items() if key != name)
    if name == "native_ipv6":
        frame += VIPS.replace("192.0.2.100", "fe80::1")
    elif name not in {"virtual_ipaddress", "no_virtual_ipaddress"}:
        frame += VIPS
    script = "vrrp_script check {\nscript \"/bin/true\"\n}\n"
    members = "".join(
        f"vrrp_instance {each} {{\ninterface eth0\nvirtual_router_id {number}\n{VIPS}}}\n"
        for number, each in ((8, "A"), (9, "B"))
    )
    block = place.block
    if block == TOP:
        return f"{lines}vrrp_instance X {{\n{frame}}}\n"
    if block == "vrrp_instance":
        return f"{script}vrrp_instance X {{\n{frame}{lines}}}\n"
    if block in BLOCKS_IN_AN_INSTANCE:
        return f"vrrp_instance X {{\n{frame}{block} {{\n{lines}}}\n}}\n"
    if block == "vrrp_sync_group":
        group = "" if name == "group" else "group {\nA B\n}\n"
        return f"{script}{members}vrrp_sync_group G {{\n{group}{lines}}}\n"
    if block == "vrrp_script":
        own = "" if name == "script" else 'script "/bin/true"\n'
        return f"vrrp_script S {{\n{own}{lines}}}\nvrrp_instance X {{\n{frame}}}\n"
    own = NEEDED.get(block, {})
    others = "".join(f"{key} {value}\n" for key, value in own.items() if key not in {name, *lines.split()})
    if name == "interfaces":
        others = others.replace("interface eth0\n", "")
    title = f"{block} T" if INDEX[TOP][block].named else block
    return f"{members}{title} {{\n{others}{lines}}}\n"
