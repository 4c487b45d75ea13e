"""Items 2 and 3 of docs/users.md: tens to hundreds of interfaces, all of which lose their link at once and get it back.

Every instance notices, none is left in FAULT, and none is told to be down that is up. Thousands of instances on one
interface are in tests/scale and F29. make nightly does it with 1,000 interfaces as well.
"""

from __future__ import annotations

import os

import pytest
from faults.files import instance
from netns.harness import START_S, Daemon, Node, lab, until

pytestmark = [pytest.mark.root]

SOON_S = 25.0


def links(left: Node, right: Node, count: int) -> str:
    """So many wires, v0, v1 ... on both sides."""
    return "".join(
        f"link add v{n} up type veth peer name v{n} netns {right.namespace}\n"
        f"address add 10.{n // 250}.{n % 250}.1/24 dev v{n}\n"
        for n in range(count)
    )


def far_ends(count: int, state: str) -> str:
    return "".join(f"link set v{n} {state}\n" for n in range(count))


def states(daemon: Daemon) -> dict[str, int]:
    found: dict[str, int] = daemon.get("/healthz")["instances"] if daemon.socket.exists() else {}
    return {name: count for name, count in found.items() if count}


@pytest.mark.parametrize("count", [32, 256, 1000] if "PYVRRP_NIGHTLY" in os.environ else [32, 256])
def test_all_links_flap(count: int) -> None:
    with lab(adverts=False) as made:
        left, right = made.pair()
        left.ip("-batch", "-", text=links(left, right, count))
        right.ip("-batch", "-", text=far_ends(count, "up"))
        daemon = made.daemon("pyvrrpd", left)
        daemon.configure("".join(
            instance(
                f"R{n}", vrid=n % 255 + 1, interface=f"v{n}", interval_s=0.5, vips=[f"10.{n // 250}.{n % 250}.100/24"])
            for n in range(count)))
        daemon.start()
        until(lambda: states(daemon) == {"MASTER": count}, START_S + SOON_S, "all are MASTER")
        for _ in range(2):
            right.ip("-batch", "-", text=far_ends(count, "down"))
            until(lambda: states(daemon) == {"FAULT": count}, SOON_S, "all have lost their link")
            right.ip("-batch", "-", text=far_ends(count, "up"))
            until(lambda: states(daemon) == {"MASTER": count}, SOON_S, "all are MASTER again")
        # As fast as the kernel does it: whatever was told or lost on the way, the end is what counts.
        right.ip("-batch", "-", text=(far_ends(count, "down") + far_ends(count, "up")) * 2)
        until(lambda: states(daemon) == {"MASTER": count}, SOON_S, "all are MASTER at the end")
        until(lambda: left.record.has(f"10.{(count - 1) // 250}.{(count - 1) % 250}.100"), SOON_S, "the last address")
