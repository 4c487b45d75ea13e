"""How one instance stands, as people and programs are told."""

from __future__ import annotations

import ipaddress

from pyvrrp.control.protocol import InstanceStatus, PeerHeard, rfc3339
from pyvrrp.journal import text
from pyvrrp.model import State, Vip
from pyvrrp.router import Router
from vrrpcore.engine import FAULT_GROUP_BIT, Engine


def portrait(router: Router, engine: Engine, now_ns: int) -> InstanceStatus:
    """The status of a router; `now_ns` is the reactor's time."""
    instance = router.instance
    if router.index < 0:
        return InstanceStatus(name=router.title, state=State.INIT.name, faults=list(router.faults))
    seen = engine.status(router.index)
    heard = None
    if seen.peer_heard_ns:
        heard = PeerHeard(
            address=text(seen.peer_address, instance.family),
            priority=seen.peer_priority,
            ago_s=round((now_ns - seen.peer_heard_ns) / 1e9, 3),
        )
    master = None
    if router.state is State.MASTER and router.settings is not None:
        master = text(router.settings.source, instance.family)
    elif any(seen.master_address):
        master = text(seen.master_address, instance.family)
    faults = list(router.faults) if router.state is State.FAULT else []
    if seen.fault_reasons & FAULT_GROUP_BIT:
        faults.append(f"another member of its sync group {router.group} is in FAULT")
    if not router.is_started:
        faults.append(router.waits)
    if refusal := router.network.problem(router.number):
        faults.append(refusal)
    since_ns = seen.since_ns or now_ns
    return InstanceStatus(
        name=router.title,
        state=router.state.name,
        since=rfc3339(router.since_s) if router.since_s else "",
        since_s=round((now_ns - since_ns) / 1e9, 3),
        priority=seen.priority,
        base_priority=instance.priority,
        vrid=instance.vrid,
        interface=instance.interface,
        net_namespace=router.network.name,
        family=instance.family,
        version=instance.version,
        vips=[_address(vip) for vip in instance.vips],
        excluded=[_address(vip) for vip in instance.excluded],
        peers=[str(ipaddress.ip_address(peer)) for peer in instance.peers],
        peer_last_heard=heard,
        master_address=master,
        faults=faults,
        group=router.group,
        counters=engine.counters(router.index),
        counted_since=rfc3339(router.counted_since_s),
    )


def _address(vip: Vip) -> str:
    return f"{ipaddress.ip_address(vip.address)}/{vip.prefix_len}"
