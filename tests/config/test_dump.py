"""What keepalived understands by a line, as it dumps it, and what we understand by it are the same.

keepalived starts in a network namespace of its own and dumps its configuration to the log (`-d`). Each line of that
dump about an address, a route or a rule is put into the words of a file and read by us: the values must be equal to
those read from the file.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import config_lines
from two_interfaces import NAMESPACE, NEEDS_KEEPALIVED

from pyvrrp.config import load
from pyvrrp.routing import Prefix

pytestmark = NEEDS_KEEPALIVED

RUN = NAMESPACE + """\
exec timeout -s KILL 20 keepalived --vrrp --dont-fork --log-console --log-detail --dump-conf --use-file "$1" \\
    --pid "$2/parent.pid" --vrrp_pid "$2/child.pid"
"""

VIPS = """
192.0.2.5
192.0.2.6/24 dev eth1 label eth1:v scope link brd +
192.0.2.7/24 broadcast 192.0.2.254
192.0.2.8 peer 192.0.2.9
192.0.2.10/24 home -nodad mngtmpaddr noprefixroute no_track
192.0.2.13 scope 77
"""
EXCLUDED = """
2001:db8::1
2001:db8::5/64 -nodad
2001:db8::6/64 preferred_lft 10
2001:db8::7/64 no_track
192.0.2.14/24 dev eth1
"""
ROUTES = """
192.168.1.0/24 dev eth0
to 192.168.2.0/24 oif eth0
src 192.0.2.11 192.168.3.0/24 via 192.0.2.254 dev eth0
default via 192.0.2.254 dev eth0
default via 2001:db8::9 dev eth0
local 192.168.4.0/24 dev eth0
192.168.5.0/24 dev eth0 table 100
192.168.6.0/24 dev eth0 table local
192.168.7.0/24 dev eth0 metric 5
192.168.8.0/24 dev eth0 scope link
192.168.9.0/24 dev eth0 tos 16
192.168.10.0/24 dev eth0 dsfield AF11
192.168.11.0/24 dev eth0 protocol static no_track
192.168.12.0/24 via 192.0.2.254 dev eth0 onlink
192.168.13.0/24 dev eth0 mtu lock 1400 advmss 1300 hoplimit 64
192.168.14.0/24 dev eth0 rtt lock 1.5s rttvar 1s rto_min 1s
192.168.15.0/24 dev eth0 window 1000 cwnd lock 10 ssthresh 7 initcwnd 8 initrwnd 9 reordering 3
192.168.16.0/24 dev eth0 features ecn quickack 1 fastopen_no_cookie 1
192.168.17.0/24 dev eth0 congctl reno
192.168.18.0/24 dev eth0 realms 1/2
192.168.19.0/24 dev eth0 ttl-propagate disabled
2001:db8:1::/48 from 2001:db8:2::/48 dev eth0 pref high expires 100
192.168.20.0/24 dev eth1 nexthop via 192.0.2.253 weight 2 nexthop via 192.0.2.254 dev eth0
192.168.21.0/24 dev eth0 append
192.168.22.5 dev eth0 add
"""
RULES = """
from 192.168.1.0/24 table 100 priority 100
not to 192.168.1.0/24 lookup main preference 101
from 2001:db8::/32 to 2001:db8:9::/48 table 100 order 102
iif eth0 oif eth1 table 100 priority 103
tos 0x10 fwmark 0x5/0xff table 100 priority 104
uidrange 5-10 ipproto tcp dport 80-90 table 100 priority 105
sport 1000-2000 ipproto udp tunnel-id 5 table 100 priority 106
l3mdev priority 107
realms 1/2 suppress_prefixlength 0 suppress_ifgroup 5 table 100 priority 108
from 192.168.1.0/24 goto 200 priority 109
from 192.168.1.0/24 nop priority 110
from 192.168.1.0/24 prohibit priority 111
from 192.168.1.0/24 table 100 priority 112 no_track
from 192.168.1.0/24 table 100
to 192.168.1.0/24 table 100
"""
CONFIGURATION = f"""
vrrp_instance A {{
interface eth0
virtual_router_id 5
virtual_ipaddress {{ {VIPS} }}
virtual_ipaddress_excluded {{ {EXCLUDED} }}
virtual_routes {{ {ROUTES} }}
virtual_rules {{ {RULES} }}
}}
"""


def dump(path: Path) -> dict[str, list[str]]:
    """The lines of each list of the instance, without their indentation."""
    sections: dict[str, list[str]] = {}
    section: list[str] | None = None
    with subprocess.Popen(
        ["unshare", "--net", "sh", "-ec", RUN, "sh", str(path), str(path.parent)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout:
            text = re.sub(r"^\w{3} \w{3} +\d+ [\d:]+ \d{4}:", "", line.rstrip("\n"))
            if re.match(r" {4}Virtual (IP|Routes|Rules)", text):
                section = sections.setdefault(text.split("(")[0].strip(" :"), [])
            elif text.startswith("      ") and section is not None:
                section.append(text.strip())
            elif text.startswith("    "):
                section = None
            if "Interfaces" in text and "Virtual Rules" in sections:
                break
        process.terminate()
        process.communicate()
    return sections


def clean(found: tuple[object, list[str]]) -> object:
    """A value of which nothing is said."""
    value, said = found
    assert not said, value
    return value


def vip(line: str) -> object:
    words = line.replace(" deprecated", "").replace(" preferred_lft forever", "")
    if ":" in words.split()[0]:
        words = words.replace(" scope global", "")  # said of every IPv6 address, and not to be said in a file
    return clean(config_lines.address(words, interface=""))


def route(line: str) -> object:
    words = re.sub(r"\bproto\b", "protocol", line)
    words = re.sub(r"\brealm\b", "realms", words)
    words = re.sub(r"expires (\d+)sec", r"expires \1", words)
    return clean(config_lines.route(words))


def rule(line: str) -> object:
    words = line.replace("suppress_prefixlen ", "suppress_prefixlength ").replace(" lookup 0", "")
    words = words.replace("from all ", "")
    return clean(config_lines.rule(words))


def test_addresses_routes_and_rules(tmp_path: Path) -> None:
    path = tmp_path / "k.conf"
    path.write_text(CONFIGURATION)
    theirs = dump(path)
    (ours,) = load(str(path), config_id="x", interfaces=frozenset(("eth0", "eth1"))).configuration.instances
    assert [vip(line) for line in theirs["Virtual IP"]] == list(ours.vips)
    assert [vip(line) for line in theirs["Virtual IP Excluded"]] == list(ours.excluded)
    assert [route(line) for line in theirs["Virtual Routes"]] == list(ours.routes)
    assert [rule(line) for line in theirs["Virtual Rules"]] == [
        replace(one, source=None) if one.source == Prefix(bytes(4), 0) else one for one in ours.rules
    ]
