"""Texts of keepalived.conf for tests of one thing in it, and what came of one."""

from pyvrrp.config import Loaded
from pyvrrp.model import Instance

INTERFACES = frozenset(("eth0", "eth1"))
HEAD = "interface eth0\nvirtual_router_id 5\n"
VIP = "virtual_ipaddress {\n192.0.2.5\n}\n"


def one(loaded: Loaded) -> Instance:
    assert loaded.configuration is not None
    (instance,) = loaded.configuration.instances
    return instance


def messages(loaded: Loaded) -> list[str]:
    """As printed, without the path."""
    return [str(d).removeprefix(f"{d.where.file}:") for d in loaded.diagnostics]


def instance(*lines: str, head: str = HEAD, vip: str = VIP, name: str = "A") -> str:
    return f"vrrp_instance {name} {{\n{head}" + "".join(f"{line}\n" for line in lines) + vip + "}\n"
