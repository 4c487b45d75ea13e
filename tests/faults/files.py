"""One instance of a configuration file, and what is often asked of a daemon in these tests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from netns.harness import Daemon


def instance(
    name: str = "VI_1",
    *lines: str,
    vrid: int = 51,
    priority: int = 200,
    interface: str = "eth0",
    interval_s: float = 0.1,
    vips: Iterable[str] = ("192.0.2.100/24",),
) -> str:
    """A vrrp_instance of version 3. `lines` are added as they are."""
    return "\n".join([
        f"vrrp_instance {name} {{",
        f"    interface {interface}",
        f"    virtual_router_id {vrid}",
        f"    priority {priority}",
        "    version 3",
        f"    advert_int {interval_s:g}",
        *(f"    {line}" for line in lines),
        "    virtual_ipaddress {",
        *(f"        {vip}" for vip in vips),
        "    }",
        "}",
        "",
    ])


def descriptors(daemon: Daemon) -> int:
    """How many it has open."""
    return len(list(Path(f"/proc/{daemon.pid}/fd").iterdir()))


def state(daemon: Daemon, name: str = "VI_1") -> str:
    """The state of an instance, by the daemon's own word; empty while it does not answer yet."""
    try:
        return str(daemon.instance(name)["state"])
    except OSError:
        return ""
