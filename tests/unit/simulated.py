"""Configurations and plays for the tests of pyvrrp simulate."""

from __future__ import annotations

from typing import Any

from pyvrrp.config import load
from pyvrrp.model import Configuration
from pyvrrp.simulate.network import START_NS
from pyvrrp.simulate.play import Change, Play
from pyvrrp.simulate.scenario import in_order, step
from pyvrrp.simulate.wiring import wire

INSTANCE = """\
vrrp_instance web {{
    interface {interface}
    virtual_router_id {vrid}
    priority {priority}
    advert_int 1
    {more}
    virtual_ipaddress {{
        {vip}
    }}
}}
"""


def instance(priority: int = 100, more: str = "", **changes: Any) -> str:
    """The text of a vrrp_instance: multicast, v2, but for the changes."""
    words = {"interface": "eth0", "vrid": 51, "vip": "192.0.2.100/24"} | changes
    return INSTANCE.format(priority=priority, more=more, **words)


def unicast(number: int, priority: int = 100, peers: tuple[int, ...] = (), more: str = "", **changes: Any) -> str:
    """The same with unicast peers, by the last number of their addresses."""
    listed = "\n".join(f"192.0.2.{peer}" for peer in peers)
    source = f"unicast_src_ip 192.0.2.{number}" if number else ""
    return instance(priority, f"{more}\n{source}\nunicast_peer {{\n{listed}\n}}\n", **changes)


def configured(name: str, text: str) -> Configuration:
    """A file as it is read on a host."""
    loaded = load(name, config_id=name, interfaces=None, data=text.encode())
    assert loaded.configuration is not None
    return loaded.configuration


def network(texts: dict[str, str], **options: Any) -> Play:
    """Hosts with these files, not started."""
    hosts = {name: configured(name, text) for name, text in texts.items()}
    return Play(hosts, wire(hosts), **options)


def played(texts: dict[str, str], *lines: str, for_s: float | None = None, **options: Any) -> Play:
    """Hosts with these files, after a scenario. lines: `10s stop A`."""
    play = network(texts, **options)
    steps = in_order(step(*line.split(maxsplit=1), list(texts)) for line in lines)
    play.play(steps, None if for_s is None else round(for_s * 1e9))
    return play


def changes(play: Play) -> list[tuple[float, str, str]]:
    """When which host went to which state, without how all began."""
    return [
        (round((one.at_ns - START_NS) / 1e9, 3), one.member.machine.name, one.new.name)
        for one in play.timeline if isinstance(one, Change) and one.old.name != "INIT"
    ]


def owners(play: Play) -> dict[str, list[str]]:
    """Who has each address."""
    return {owner.vip.brief: [member.machine.name for member in owner.members] for owner in play.owners()}


def failed(play: Play) -> set[str]:
    """The checks that do not hold."""
    return {failure.check for failure in play.checks.failures}
