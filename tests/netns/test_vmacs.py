"""use_vmac on real hosts: whose MAC is on the wire, beside keepalived; what is left behind, and what is not."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator

import pytest

from netns.harness import START_S, Daemon, Kind, Lab, Node, run, until
from netns.segment import Frame, Segment, Tap, addresses, link, neighbour, sysctl, sysctls

pytestmark = [pytest.mark.root]

MAC = {4: "00:00:5e:00:01:33", 6: "00:00:5e:00:02:33"}
VIP = {4: "192.0.2.100", 6: "fd00:2::100"}
WAIT_S = 12.0

MakeSegment = Callable[..., Segment]


@pytest.fixture
def segment(lab: Lab, request: pytest.FixtureRequest) -> Iterator[MakeSegment]:
    made: list[Segment] = []

    def make(count: int = 3) -> Segment:
        made.append(Segment(lab, f"v{id(request) % 100000}{len(made)}", count))
        return made[-1]

    yield make
    for one in made:
        one.close()


def text(family: int = 4, priority: int = 100, *lines: str, vrid: int = 51, name: str = "VI_1") -> str:
    vips = [f"{VIP[4]}/24"] if family == 4 else ["fe80::100", f"{VIP[6]}/64"]
    return "\n".join([
        f"vrrp_instance {name} {{",
        "    interface eth0",
        f"    virtual_router_id {vrid}",
        f"    priority {priority}",
        "    version 3",
        "    advert_int 0.2",
        *(f"    {line}" for line in lines),
        "    virtual_ipaddress {",
        *(f"        {vip}" for vip in vips),
        "    }",
        "}",
        "",
    ])


def start(lab: Lab, kind: Kind, node: Node, file: str) -> Daemon:
    daemon = lab.daemon(kind, node)
    daemon.configure(file)
    daemon.start()
    return daemon


def wait_vip(node: Node, dev: str, family: int = 4) -> None:
    until(lambda: link(node, dev) and VIP[family] in addresses(node, dev), START_S, f"{VIP[family]} on {dev}")


def ping(node: Node, address: str) -> None:
    """Reach an address; the kernel tries for a second while nobody answers its question for the MAC."""
    until(lambda: probe(node, address), WAIT_S, f"{address} answers {node.ip4}")


def probe(node: Node, address: str) -> bool:
    """Ask a closed port: a refusal comes from whoever has the address."""
    from netns.witness import entered

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with entered(node.namespace), socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(1)
        try:
            sock.connect((address, 9))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


def adverts(tap: Tap) -> set[Frame]:
    return {frame for frame in tap.frames(0.1) if frame.kind == "advert"}


def senders(frames: list[Frame], kind: str) -> set[str]:
    return {frame.mac for frame in frames if frame.kind == kind}


@pytest.mark.rule("T4")
@pytest.mark.rule("T8")
@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("kinds", [("pyvrrpd", "keepalived"), ("keepalived", "pyvrrpd")], ids=["ours", "theirs"])
def test_a_takeover_keeps_the_mac(lab: Lab, segment: MakeSegment, family: int, kinds: tuple[Kind, Kind]) -> None:
    """Ours and keepalived by turns: one MAC on the wire, and the third host's neighbour table never changes."""
    net = segment()
    left, right, third = net.hosts
    tap = net.tap(third)
    # Without it, a keepalived's base tells its own MAC for the virtual address when it asks for others'.
    sysctl(net.hosts[kinds.index("keepalived")], "ipv4/conf/eth0/arp_announce", "2")
    high = start(lab, kinds[0], left, text(family, 200, "use_vmac"))
    wait_vip(left, "vrrp.51", family)
    low = start(lab, kinds[1], right, text(family, 100, "use_vmac"))
    low.wait_log(r"Entering BACKUP", START_S)
    assert link(right, "vrrp.51"), "the interface is there before it is needed"
    ping(third, VIP[family])
    assert neighbour(third, VIP[family]) == MAC[family]
    # On a busy machine the right may miss some and speak up for a moment: from the same MAC, with its own address.
    heard: set[Frame] = set()
    expected = Frame(MAC[family], "advert", 51, 200, left.source(family, False))
    until(lambda: heard.update(adverts(tap)) or expected in heard, WAIT_S, "adverts of the left")
    assert heard <= {expected, Frame(MAC[family], "advert", 51, 100, right.source(family, False))}
    until(lambda: net.port_of(MAC[family]) == "p1", WAIT_S, "the switch has the MAC on the left")

    high.kill()
    wait_vip(right, "vrrp.51", family)
    assert neighbour(third, VIP[family]) == MAC[family]
    until(lambda: net.port_of(MAC[family]) == "p2", WAIT_S, "the switch has the MAC on the right")
    frames: list[Frame] = []
    until(lambda: frames.extend(tap.frames(0.1)) or any(f.priority == 100 for f in frames), WAIT_S, "its adverts")
    assert senders(frames, "arp" if family == 4 else "na") <= {MAC[family]} | third_macs(third)
    assert senders(frames, "advert") == {MAC[family]}
    run("ip", "-n", net.switch, "link", "set", "p1", "down")    # the dead host's kernel still answers for its address
    ping(third, VIP[family])
    run("ip", "-n", net.switch, "link", "set", "p1", "up")

    # Over what its crash has left. The kernel's word: a right that gives it up for a moment only would not be seen by
    # whoever asks from time to time.
    at_s = high.start()
    right.record.wait_address(VIP[family], False, since_s=at_s, timeout_s=START_S)
    wait_vip(left, "vrrp.51", family)
    assert neighbour(third, VIP[family]) == MAC[family]
    for daemon, node in ((high, left), (low, right)):
        daemon.terminate()
        assert link(node, "vrrp.51") is None, "it is removed at stop"


def third_macs(node: Node) -> set[str]:
    found = link(node, "eth0")
    assert found is not None
    return {found["address"]}


@pytest.mark.parametrize("family", [4, 6])
def test_the_interface_is_as_keepalived_makes_it(lab: Lab, segment: MakeSegment, family: int) -> None:
    """Name, MAC, flags and settings; what is different is said in docs/differences.md."""
    net = segment(2)
    seen = []
    for kind, node in zip(("pyvrrpd", "keepalived"), net.hosts, strict=True):
        daemon = start(lab, kind, node, text(family, 100, "use_vmac"))      # type: ignore[arg-type]
        wait_vip(node, "vrrp.51", family)
        made = link(node, "vrrp.51")
        assert made is not None
        assert made["linkinfo"]["info_data"]["mode"] == ("vepa" if kind == "pyvrrpd" else "private")
        ours = {name: made[name] for name in ("link", "address", "flags", "mtu", "operstate", "group")}
        settings = sysctls(node, *(f"{proto}/conf/{dev}" for proto in ("ipv4", "ipv6") for dev in ("vrrp.51",)))
        base = sysctls(node, "ipv4/conf/eth0")
        seen.append((ours, settings, base))
        daemon.terminate()
        if kind == "pyvrrpd":
            assert sysctl(node, "ipv4/conf/eth0/arp_ignore") == "0", "what was changed below is put back"
    (our_link, our_settings, our_base), (their_link, their_settings, their_base) = seen
    assert our_link == their_link
    differ = {name for name in our_base if our_base[name] != their_base[name]}
    assert differ == ({"ipv4.arp_announce"} if family == 4 else set())
    differ = {name for name in our_settings if our_settings[name] != their_settings.get(name)}
    assert differ == {"ipv6.accept_ra", "ipv6.autoconf", "ipv6.router_solicitations"}
    assert our_settings["ipv6.disable_ipv6"] == str(int(family == 4))


@pytest.mark.rule("T4")
def test_vmac_xmit_base(lab: Lab, segment: MakeSegment) -> None:
    """Adverts from the interface's own MAC, the address at the virtual one; a keepalived beside it is heard."""
    net = segment()
    left, right, third = net.hosts
    tap = net.tap(third)
    start(lab, "pyvrrpd", left, text(4, 100, "use_vmac", "vmac_xmit_base"))
    wait_vip(left, "vrrp.51")
    ping(third, VIP[4])
    assert neighbour(third, VIP[4]) == MAC[4]
    assert senders(tap.frames(0.5), "advert") == third_macs(left)
    start(lab, "keepalived", right, text(4, 200, "use_vmac"))
    until(lambda: VIP[4] not in addresses(left, "vrrp.51"), START_S, "ours hears what comes from its own virtual MAC")
    wait_vip(right, "vrrp.51")


@pytest.mark.rule("T4", breaks=True)
def test_an_interface_of_somebody_else_is_left_alone(lab: Lab, segment: MakeSegment) -> None:
    """No advert from another MAC instead: the instance is in FAULT, says why, and runs when the name is free."""
    (left, right) = segment(2).hosts
    left.ip("link", "add", "name", "vrrp.7", "type", "veth", "peer", "name", "vx")
    left.ip("link", "add", "link", "eth0", "name", "mine", "address", MAC[4], "type", "macvlan", "mode", "bridge")
    tap = Tap(right)
    try:
        named = text(4, 100, "use_vmac vrrp.7", vrid=52, name="VI_2").replace(VIP[4], "192.0.2.102")
        daemon = start(lab, "pyvrrpd", left, text(4, 100, "use_vmac") + named)
        daemon.wait_log(r"\(VI_2\) Entering FAULT", START_S)
        until(lambda: daemon.instance("VI_1")["state"] == "FAULT", START_S, "FAULT")
        why = "interface mine has MAC 00:00:5e:00:01:33 on eth0 already; remove it"
        assert why in daemon.instance("VI_1")["faults"]
        (why,) = [fault for fault in daemon.instance("VI_2")["faults"] if "vrrp.7 that" in fault]
        assert why == "there is an interface vrrp.7 that is not pyvrrp's; remove it, or give use_vmac another name"
        assert not [frame for frame in tap.frames(1.0) if frame.kind == "advert"]
    finally:
        tap.close()
    left.ip("link", "delete", "mine")
    wait_vip(left, "vrrp.51")
    daemon.terminate()
    assert link(left, "vrrp.7") is not None
    assert link(left, "vx") is not None


def test_fifty_at_once(lab: Lab, segment: MakeSegment) -> None:
    """Each advert is heard once, by its own instance, however many virtual MACs there are; all move together."""
    net = segment(2)
    left, right = net.hosts

    def fifty(priority: int) -> str:
        return "".join(
            text(4, priority, "use_vmac", vrid=number, name=f"VI_{number}").replace(VIP[4], f"192.0.2.{100 + number}")
            .replace("advert_int 0.2", "advert_int 1") for number in range(1, 51)
        )

    vips = {f"192.0.2.{100 + number}" for number in range(1, 51)}
    high = start(lab, "pyvrrpd", left, fifty(200))
    until(lambda: all(left.has(vip) for vip in vips), START_S, "50 addresses on the left")
    low = start(lab, "pyvrrpd", right, fifty(100))

    def each_heard(count: int) -> bool:
        return all(entry["counters"]["advert_rcvd"] >= count for entry in low.get("/v1/instances")["instances"])

    until(lambda: low.socket.exists() and each_heard(1), START_S, "adverts at the right")
    # While it starts it hears of instances that it does not have yet.
    early = low.drops()
    assert early.keys() <= {"vrid_err"}
    until(lambda: each_heard(4), START_S, "more of them")
    heard = low.get("/v1/instances")
    for entry in heard["instances"]:
        sent = high.counters(entry["name"])["advert_sent"]
        assert entry["state"] == "BACKUP"
        assert 4 <= entry["counters"]["advert_rcvd"] <= sent, entry["name"]
    assert low.drops() == early
    at_s = high.kill()
    for vip in vips:
        right.record.wait_address(vip, True, since_s=at_s, timeout_s=WAIT_S)
    low.terminate()
    assert [name for name in run("ip", "-n", right.namespace, "-br", "link").split() if name.startswith("vrrp.")] == []


def test_what_a_crash_has_left(lab: Lab, segment: MakeSegment) -> None:
    """Reused where it is wanted, with its address off; removed where it is not; others' are not touched."""
    (left,) = segment(1).hosts
    two = text(4, 100, "use_vmac", vrid=52, name="VI_2").replace(VIP[4], "192.0.2.102")
    first = start(lab, "pyvrrpd", left, text(4, 100, "use_vmac") + two)
    wait_vip(left, "vrrp.51")
    until(lambda: "192.0.2.102" in addresses(left, "vrrp.52"), WAIT_S, "the second address")
    first.kill()
    for name, alias in (("foreign", ""), ("other", f"pyvrrp {os.getpid()}")):       # that process runs
        left.ip("link", "add", "link", "eth0", "name", name, "address", f"00:00:5e:00:01:6{len(name)}",
                "type", "macvlan", "mode", "vepa")
        left.ip("link", "set", name, "alias", alias)
    before = link(left, "vrrp.51")
    assert before is not None
    second = lab.daemon("pyvrrpd", left)
    second.configure(text(4, 100, "use_vmac"))
    at_s = second.start()
    left.record.wait_address(VIP[4], False, since_s=at_s, timeout_s=START_S)
    wait_vip(left, "vrrp.51")
    after = link(left, "vrrp.51")
    assert after is not None
    assert after["ifindex"] == before["ifindex"]
    assert after["ifalias"] == f"pyvrrp {second.pid}"
    assert link(left, "vrrp.52") is None
    assert link(left, "foreign") is not None
    assert link(left, "other") is not None


def test_what_a_crash_of_keepalived_has_left(lab: Lab, segment: MakeSegment) -> None:
    (left,) = segment(1).hosts
    theirs = start(lab, "keepalived", left, text(4, 100, "use_vmac"))
    wait_vip(left, "vrrp.51")
    theirs.kill()
    ours = start(lab, "pyvrrpd", left, text(4, 100, "use_vmac"))
    until(lambda: (link(left, "vrrp.51") or {}).get("ifalias") == f"pyvrrp {ours.pid}", START_S, "it is ours")
    wait_vip(left, "vrrp.51")


def test_reload(lab: Lab, segment: MakeSegment) -> None:
    """use_vmac comes and goes: a master stays master, and the address goes along. Another name is another interface."""
    net = segment(2)
    left, right = net.hosts
    daemon = start(lab, "pyvrrpd", left, text(4, 100))
    wait_vip(left, "eth0")
    indexes = {}
    for line, dev in (("use_vmac", "vrrp.51"), ("", "eth0"), ("use_vmac other", "other"), ("use_vmac", "vrrp.51")):
        skip = len(daemon.log())
        daemon.configure(text(4, 100, *([line] if line else [])))
        daemon.signal(signal.SIGHUP)
        wait_vip(left, dev)
        daemon.wait_log("reload:", WAIT_S, skip=skip)
        ping(right, VIP[4])
        until(lambda: neighbour(right, VIP[4]) in (MAC[4] if dev != "eth0" else third_macs(left)), WAIT_S, "its MAC")  # noqa: B023
        assert {name for name in ("vrrp.51", "other") if link(left, name)} == {dev} - {"eth0"}
        assert sysctl(left, "ipv4/conf/eth0/arp_ignore") == ("0" if dev == "eth0" else "1")
        indexes[dev] = (link(left, dev) or {})["ifindex"]
        assert daemon.transitions() == ["BACKUP", "MASTER"]
    assert indexes["vrrp.51"] == indexes["other"], "it has another name, and is the same"
    assert daemon.counters().get("send_err", 0) == 0


def test_an_interface_that_is_removed_is_made_again(lab: Lab, segment: MakeSegment) -> None:
    net = segment(1)
    (left,) = net.hosts
    daemon = start(lab, "pyvrrpd", left, text(4, 100, "use_vmac"))
    wait_vip(left, "vrrp.51")
    left.ip("link", "delete", "vrrp.51")
    daemon.wait_log("Entering FAULT", WAIT_S)
    wait_vip(left, "vrrp.51")
    left.ip("link", "delete", "eth0")                   # and with it whatever is above
    until(lambda: daemon.instance()["faults"] and "interface eth0 does not exist" in daemon.instance()["faults"],
          WAIT_S, "FAULT without eth0")
    left.ip("link", "add", "eth0", "type", "veth", "peer", "name", "p9", "netns", net.switch)
    run("ip", "-n", net.switch, "link", "set", "p9", "master", "br0", "up")
    left.ip("link", "set", "eth0", "up")
    left.ip("address", "add", f"{left.ip4}/24", "dev", "eth0")
    wait_vip(left, "vrrp.51")
    until(
        lambda: daemon.transitions() == ["BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER"],
          WAIT_S, "its states are logged")


def test_a_mac_that_somebody_changes_comes_back(lab: Lab, segment: MakeSegment) -> None:
    net = segment(2)
    left, right = net.hosts
    daemon = start(lab, "pyvrrpd", left, text(4, 100, "use_vmac"))
    wait_vip(left, "vrrp.51")
    left.ip("link", "set", "vrrp.51", "address", "00:11:22:33:44:55")
    until(lambda: (link(left, "vrrp.51") or {})["address"] == MAC[4], WAIT_S, "its MAC")
    daemon.wait_log("somebody gave vrrp.51 MAC 00:11:22:33:44:55; it gets 00:00:5e:00:01:33 again", WAIT_S)
    ping(right, VIP[4])
    until(lambda: daemon.transitions() == ["BACKUP", "MASTER"], WAIT_S, "its states are logged")


def test_a_base_that_gets_another_name(lab: Lab, segment: MakeSegment) -> None:
    """As under keepalived: what was above it goes, and nothing is left at stop; it is there again with the name."""
    (left,) = segment(1).hosts
    daemon = start(lab, "pyvrrpd", left, text(4, 100, "use_vmac"))

    def rename(old: str, new: str) -> None:
        for words in ((old, "down"), (old, "name", new), (new, "up")):
            left.ip("link", "set", *words)

    wait_vip(left, "vrrp.51")
    rename("eth0", "other")
    until(lambda: link(left, "vrrp.51") is None, WAIT_S, "the interface above is removed")
    assert daemon.instance()["faults"] == ["interface eth0 does not exist", "interface vrrp.51 does not exist"]
    rename("other", "eth0")
    wait_vip(left, "vrrp.51")
    rename("eth0", "other")
    daemon.wait_log("Entering FAULT", WAIT_S, skip=daemon.log().rindex("Entering MASTER"))
    daemon.terminate()
    assert link(left, "vrrp.51") is None


@pytest.mark.parametrize("lines", [(), ("dont_track_primary",)], ids=["tracked", "untracked"])
def test_the_link_below(lab: Lab, segment: MakeSegment, lines: tuple[str, ...]) -> None:
    """Down below is down above: one FAULT, or with dont_track_primary none."""
    net = segment(1)
    (left,) = net.hosts
    daemon = start(lab, "pyvrrpd", left, text(4, 100, "use_vmac", *lines))
    wait_vip(left, "vrrp.51")
    run("ip", "-n", net.switch, "link", "set", "p1", "down")
    until(lambda: ((found := link(left, "vrrp.51")) and "NO-CARRIER" in found["flags"]) or found["operstate"] != "UP",
          WAIT_S, "the interface above is down too")
    if lines:
        assert daemon.instance()["state"] == "MASTER"
        assert daemon.transitions() == ["BACKUP", "MASTER"]
        return
    until(lambda: daemon.instance()["faults"] == ["interface eth0 is down"], WAIT_S, "FAULT")
    run("ip", "-n", net.switch, "link", "set", "p1", "up")
    wait_vip(left, "vrrp.51")
    until(lambda: daemon.transitions() == ["BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER"],
          WAIT_S, "its states are logged")


def test_a_host_that_filters_by_return_path(lab: Lab, segment: MakeSegment) -> None:
    """all.rp_filter would drop what comes to the virtual MAC: it moves to the interfaces, and back at stop."""
    net = segment(2)
    left, right = net.hosts
    sysctl(left, "ipv4/conf/all/rp_filter", "1")
    daemon = start(lab, "pyvrrpd", left, text(4, 100, "use_vmac"))
    wait_vip(left, "vrrp.51")
    assert [sysctl(left, f"ipv4/conf/{dev}/rp_filter") for dev in ("all", "eth0", "vrrp.51")] == ["0", "1", "0"]
    ping(right, VIP[4])
    daemon.terminate()
    assert [sysctl(left, f"ipv4/conf/{dev}/rp_filter") for dev in ("all", "eth0")] == ["1", "0"]


def test_addresses_on_other_interfaces_and_in_another_namespace(lab: Lab, segment: MakeSegment) -> None:
    """use_vmac of a line, use_vmac_addr, both families, and net_namespace of an instance: who is on which interface."""
    net = segment(2)
    left, right = net.hosts
    for node, far in ((left, "x"), (right, "y")):
        node.ip("link", "add", "eth1", "type", "veth", "peer", "name", far)
        for name in ("eth1", far):
            node.ip("link", "set", name, "up")
    lines = f"""
vrrp_instance LINE {{
    interface eth0
    virtual_router_id 51
    version 3
    advert_int 0.2
    virtual_ipaddress {{
        {VIP[4]}/24
        198.51.100.1/24 dev eth1 use_vmac
        198.51.100.2/24 dev eth1
    }}
    virtual_ipaddress_excluded {{
        2001:db8:1::1/64 dev eth1 use_vmac
    }}
}}
vrrp_instance ALL {{
    net_namespace {right.namespace}
    interface eth0
    virtual_router_id 52
    version 3
    advert_int 0.2
    use_vmac
    use_vmac_addr
    no_accept
    virtual_ipaddress {{
        192.0.2.152/24
        198.51.100.3/24 dev eth1
    }}
    virtual_ipaddress_excluded {{
        fe80::52/64 dev eth1
        2001:db8:1::52/64 dev eth1
    }}
}}
"""
    daemon = start(lab, "pyvrrpd", left, lines)
    until(lambda: daemon.socket.exists(), START_S, "it answers")
    for name in ("LINE", "ALL"):
        until(lambda name=name: daemon.instance(name)["state"] == "MASTER", START_S, f"{name} is MASTER")
        until(lambda name=name: not daemon.instance(name)["faults"], WAIT_S, f"{name} has its addresses")

    def made(node: Node) -> dict[str, tuple[str, str, set[str]]]:
        """Of each macvlan: below it, its MAC, its addresses."""
        found = json.loads(node.ip("-j", "-d", "link", "show", "type", "macvlan"))
        return {each["ifname"]: (each["link"], each["address"], addresses(node, each["ifname"])) for each in found}

    assert made(left) == {
        "vrrp.51": ("eth1", MAC[4], {"198.51.100.1"}),
        "vrrp6.51": ("eth1", MAC[6], {"2001:db8:1::1"}),
    }
    assert VIP[4] in addresses(left, "eth0")
    assert addresses(left, "eth1") == {"198.51.100.2"}
    assert made(right) == {
        "vrrp.52": ("eth0", "00:00:5e:00:01:34", {"192.0.2.152"}),
        "vrrp1.52": ("eth1", "00:00:5e:00:01:34", {"198.51.100.3"}),
        "vrrp6.52": ("eth1", "00:00:5e:00:02:34", {"2001:db8:1::52"}),
    }
    # A link-local address is one of its interface: the filter names that which it is on.
    rules = run("ip", "netns", "exec", right.namespace, "nft", "list", "ruleset")
    assert 'fe80::52 . "vrrp6.52"' in rules
    # No address waits for duplicate detection, on these interfaces either.
    for node in (left, right):
        assert "tentative" not in node.ip("-6", "address", "show", "to", "2001:db8:1::/64")
    # Each announces from its virtual MAC, and the kernel reports the IPv6 groups of a virtual address from there.
    daemon.terminate()
    assert made(left) == made(right) == {}
    assert "pyvrrp" not in run("ip", "netns", "exec", right.namespace, "nft", "list", "ruleset")


def test_multicast_listener_reports_come_from_below(lab: Lab, segment: MakeSegment) -> None:
    """A BACKUP that reports groups from the virtual MAC, as it leaves or a querier asks, would draw its frames away.

    On a host that forwards, an interface is in the group of all routers even without an address.
    """
    net = segment()
    left, right, third = net.hosts
    for node in (left, right):
        sysctl(node, "ipv6/conf/all/forwarding", "1")
    tap = net.tap(third)
    high, low = text(6, 200, "use_vmac"), text(6, 100, "use_vmac")
    daemon = start(lab, "pyvrrpd", right, low)
    wait_vip(right, "vrrp.51", 6)
    other = start(lab, "pyvrrpd", left, high)
    wait_vip(left, "vrrp.51", 6)
    until(lambda: VIP[6] not in addresses(right, "vrrp.51"), WAIT_S, "the right has given it up")
    macs = third_macs(left) | third_macs(right)
    seen: list[Frame] = []

    def reported() -> bool:
        seen.extend(tap.frames(0.1))
        return macs <= senders(seen, "mld")

    until(reported, WAIT_S, "each tells of the group that its address had or has")
    seen.extend(tap.frames(1.5))                        # the kernel says it twice within a second
    assert MAC[6] not in senders(seen, "mld")
    rule = "icmpv6 type mld2-listener-report dup to ip6 daddr device oif map @below drop"      # keepalived's
    assert rule in run("ip", "netns", "exec", left.namespace, "nft", "list", "ruleset")
    # An interface that is made again has another index.
    right.ip("link", "delete", "vrrp.51")
    until(lambda: link(right, "vrrp.51") and "UP" in link(right, "vrrp.51")["flags"], WAIT_S, "it is made again")  # type: ignore[index]
    until(lambda: 'elements = { "vrrp.51" : "eth0" }' in run(
        "ip", "netns", "exec", right.namespace, "nft", "list", "ruleset"), WAIT_S, "its reports leave by eth0 too")
    for one in (daemon, other):
        one.terminate()
    for node in (left, right):
        assert run("ip", "netns", "exec", node.namespace, "nft", "list", "ruleset") == ""
