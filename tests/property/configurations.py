"""Strategies of configurations: trees of lines and blocks that mean something, and layouts of them.

`files()` draws a tree; `laid_out()` writes a tree as text in one of the many ways in which keepalived would read it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import strategies as st

Block = tuple[str, list["Block | str"]]
Item = Block | str

INTERFACES = ("eth0", "eth1", "bond0.100")
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,9}", fullmatch=True)
hosts = st.integers(1, 254).map(lambda last: f"192.0.2.{last}")
hosts6 = st.integers(1, 0xFFFF).map(lambda last: f"2001:db8::{last:x}")
words = st.text("abcXYZ019_-+=:,.%/", min_size=1, max_size=8)
commands = st.one_of(
    st.just("/bin/true"),
    st.just('"/bin/sh -c \'exit  0 # not { a } comment !\'"'),
    st.just("'/bin/echo  a'"),
    st.lists(words, max_size=3).map(lambda parts: f'"{" ".join(["/bin/true", *parts])}"'),
)


@st.composite
def addresses(draw: st.DrawFn, family: int) -> str:
    """A line of virtual_ipaddress."""
    text = draw(hosts if family == 4 else hosts6)
    text += draw(st.sampled_from(["", "/24" if family == 4 else "/64"]))
    text += draw(st.sampled_from(["", " dev eth1"]))
    if family == 4:
        text += draw(st.sampled_from(["", " label eth0:x", " scope link", " brd +"]))
    return text


@st.composite
def instances(draw: st.DrawFn, name: str, vrid: int, scripts: Sequence[str]) -> Block:
    """A vrrp_instance; its lines in any order."""
    family = draw(st.sampled_from([4, 4, 4, 6]))
    lines: list[Item] = [f"interface {draw(st.sampled_from(INTERFACES))}", f"virtual_router_id {vrid}"]
    lines.append(
        ("virtual_ipaddress", list(draw(st.lists(addresses(family), min_size=1, max_size=4, unique=True))))
    )
    optional: list[Item] = [
        f"state {draw(st.sampled_from(['MASTER', 'BACKUP']))}",
        f"priority {draw(st.integers(1, 254))}",
        f"advert_int {draw(st.sampled_from(['1', '2', '0.5', '3.25']))}",
        "nopreempt",
        f"notify {draw(commands)}",
        f"notify_master {draw(commands)} root",
        ("virtual_ipaddress_excluded", list(draw(st.lists(addresses(4), max_size=2)))),
        ("track_interface", ["eth1 weight 5"]),
    ]
    if family == 4:
        optional += [
            ("unicast_peer", list(draw(st.lists(hosts, min_size=1, max_size=3, unique=True)))),
            ("authentication", ["auth_type PASS", f'auth_pass "{draw(words)} {draw(words)}"']),
        ]
    if scripts:
        optional.append(("track_script", [f"{draw(st.sampled_from(list(scripts)))} weight {draw(st.integers(-9, 9))}"]))
    lines += draw(st.lists(st.sampled_from(optional), max_size=6, unique_by=str))
    return f"vrrp_instance {name}", draw(st.permutations(lines))


@st.composite
def files(draw: st.DrawFn) -> list[Item]:
    """A whole file, its blocks in any order."""
    blocks: list[Item] = []
    if draw(st.booleans()):
        blocks.append(("global_defs", [f"router_id {draw(names)}", f"vrrp_version {draw(st.integers(2, 3))}"]))
    scripts = draw(st.lists(names, max_size=2, unique=True))
    for name in scripts:
        blocks.append(
            (f"vrrp_script {name}", [f"script {draw(commands)}", f"interval {draw(st.integers(1, 9))}", "rise 2"])
        )
    members = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    blocks += [draw(instances(name, vrid, scripts)) for vrid, name in enumerate(members, 1)]
    if len(members) > 1:
        blocks.append((f"vrrp_sync_group {draw(names)}", [("group", list(members))]))
    return draw(st.permutations(blocks))


def laid_out(items: Sequence[Item], chance: random.Random) -> str:
    """The text of a file, or of the inside of a block, laid out by chance."""
    text = ""
    for item in items:
        text += chance.choice(["", "", "\n", "# { whole line\n", '  ! " too\n', "\t", "\n\n\n"])
        if isinstance(item, str):
            text += item.replace(" ", chance.choice([" ", "   ", "\t"]), 1)
            text += chance.choice(["", " ", "  # } end", "\t! { x"]) + "\n"
        else:
            head, inside = item
            text += head + chance.choice([" {", "{", "\n{", " # first\n\n  {", " { # {", "\n# between\n{"])
            # A comment runs to the end of its line.
            text += "\n" if text.endswith("# {") else chance.choice(["\n", " "])
            text += laid_out(inside, chance)
            text += chance.choice(["}\n", "} ", "}", "  } # end\n"])
    return text
