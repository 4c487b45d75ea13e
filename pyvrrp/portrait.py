"""How one instance stands, as people and programs are told."""

from __future__ import annotations

import ipaddress
import time

import msgspec

from pyvrrp.control.protocol import (
    Change,
    InstanceDetails,
    InstanceStatus,
    OtherMaster,
    Override,
    PeerHeard,
    rfc3339,
)
from pyvrrp.journal import text
from pyvrrp.model import State, Vip
from pyvrrp.router import Router
from vrrpcore.election import master_down_interval, skew_time
from vrrpcore.engine import FAULT_GROUP_BIT, Engine


def portrait(
    router: Router, engine: Engine, now_ns: int, other_master: OtherMaster | None = None
) -> InstanceStatus:
    """The status of a router; `now_ns` is the reactor's time. other_master: split brain, if there is."""
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
    if router.state is State.MASTER:
        faults += router.duplicates
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
        aside=router.aside,
        override=_override(router),
        other_master=other_master,
        accepts=not instance.is_filtered,
        put_back=router.put_back,
        counters=engine.counters(router.index),
        counted_since=rfc3339(router.counted_since_s),
    )


def details(status: InstanceStatus, router: Router, engine: Engine, now_ns: int) -> InstanceDetails:
    """The status of a router, with its timers and its last changes."""
    instance = router.instance
    fields = msgspec.structs.asdict(status)
    if router.index < 0:
        return InstanceDetails(**fields)
    seen = engine.status(router.index)
    now_s = time.time()
    learned_cs = seen.master_adver_interval_cs or instance.advertisement_interval_cs
    timers = {State.MASTER: "Adver_Timer", State.BACKUP: "Master_Down_Timer"}
    runs = seen.deadline_ns >= 0 and router.state in timers
    return InstanceDetails(
        **fields,
        why=router.history[0].reason if router.history else "",
        timer=timers[router.state] if runs else "",
        timer_s=round((seen.deadline_ns - now_ns) / 1e9, 3) if runs else None,
        advertisement_interval_s=instance.advertisement_interval_cs / 100,
        master_adver_interval_s=learned_cs / 100,
        skew_time_s=round(skew_time(instance.version, seen.priority, learned_cs) / 1e9, 6),
        master_down_interval_s=round(
            master_down_interval(instance.version, seen.priority, learned_cs, instance.down_timer_adverts) / 1e9, 6
        ),
        preempt=instance.preempt,
        preempt_delay_s=instance.preempt_delay_s,
        master_priority=seen.master_priority,
        history=[
            Change(at=rfc3339(at_s), ago_s=round(now_s - at_s, 3), old=old, new=new, reason=reason)
            for at_s, old, new, reason in router.history
        ],
    )


def _override(router: Router) -> Override | None:
    order = router.order
    if order is None or order.priority is None:
        return None
    return Override(
        priority=order.priority,
        until=rfc3339(order.priority_until_s),
        left_s=round(max(0.0, order.priority_until_s - time.time()), 3),
    )


def _address(vip: Vip) -> str:
    return f"{ipaddress.ip_address(vip.address)}/{vip.prefix_len}"
