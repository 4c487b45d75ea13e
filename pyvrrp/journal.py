"""What the log says of the engine's events, in keepalived's words where it has some: people search for them."""

from __future__ import annotations

import ipaddress
import logging
import os
from collections.abc import Callable

from pyvrrp.model import State
from pyvrrp.router import Router
from vrrpcore.engine import EVENTS
from vrrpcore.fsm import EVENT_NAMES
from vrrpcore.packet import DROP_SENTENCES
from vrrpcore.settings import Event

log = logging.getLogger("pyvrrp")


def text(address: bytes, family: int) -> str:
    """An address of the engine's, 16 bytes, as people write it."""
    return str(ipaddress.ip_address(address[: 4 if family == 4 else 16]))


def tell(router: Router, event: Event) -> None:
    """Log an event of a router that is not a change of state."""
    _TELL[event.kind](router, event)


def tell_why(router: Router, event: Event) -> None:
    """Say what made a state change, in keepalived's words where it has some."""
    name = router.title
    reason = EVENT_NAMES[event.reason]
    source = text(event.source, router.instance.family)
    if reason == "master_down_timer":
        log.info("(%s) Receive advertisement timeout", name)
    elif reason == "advert_wins" and event.old_state == State.MASTER:
        log.info(
            "(%s) Master received advert from %s with higher priority %d, ours %d",
            name, source, event.priority, router.priority,
        )
    elif reason == "fault":
        for sentence in router.faults:
            log.warning("(%s) %s", name, sentence)
        if not router.faults and router.group is not None:
            log.warning("(%s) another member of its sync group %s is in FAULT", name, router.group)
    elif reason == "group_backup":
        log.info("(%s) follows its sync group %s", name, router.group)


def _tell_drop(router: Router, event: Event) -> None:
    instance = router.instance
    log.warning(
        "%s vrid %d ipv%d: advert from %s dropped: %s "
        "(%s; counted, not said again before its next change of state)",
        instance.interface or "any interface", instance.vrid, instance.family,
        text(event.source, instance.family), DROP_SENTENCES[event.reason], router.title,
    )


def _tell_other_master(router: Router, event: Event) -> None:
    log.warning(
        "(%s) Received advert from %s with lower priority %d, ours %d%s",
        router.title, text(event.source, router.instance.family), event.priority, router.priority,
        "" if router.instance.lower_prio_no_advert else ", forcing new election",
    )


def _tell_address_list(router: Router, event: Event) -> None:
    log.warning(
        "(%s) %s advertises other virtual addresses (%d of them) than this host; its adverts are obeyed, "
        "make the two virtual_ipaddress lists equal",
        router.title, text(event.source, router.instance.family), event.value,
    )


def _tell_interval(router: Router, event: Event) -> None:
    log.warning(
        "(%s) %s advertises every %g s, this host every %g s; VRRPv3 follows the master, "
        "make advert_int equal on both",
        router.title, text(event.source, router.instance.family), event.value / 100,
        router.instance.advertisement_interval_cs / 100,
    )


def _tell_interval_short(router: Router, event: Event) -> None:
    log.warning(
        "(%s) the interval of %s is taken for %g s, the shortest that this host learns; "
        "make advert_int equal on both, or set pyvrrp_min_interval",
        router.title, text(event.source, router.instance.family), event.value / 100,
    )


def _tell_first_address(router: Router, event: Event) -> None:
    log.warning(
        "(%s) %s does not advertise a link-local address first; its adverts are obeyed, "
        "make that the first line of its virtual_ipaddress",
        router.title, text(event.source, router.instance.family),
    )


def _tell_unlisted(router: Router, event: Event) -> None:
    log.warning(
        "(%s) obeys adverts from %s, which is not in unicast_peer; add it, or set vrrp_check_unicast_src",
        router.title, text(event.source, router.instance.family),
    )


def _tell_send_err(router: Router, event: Event) -> None:
    # A link that has just gone down refuses the last words of its master: that is told as FAULT already.
    level = logging.INFO if router.state is State.FAULT else logging.ERROR
    log.log(
        level, "(%s) the kernel refuses its adverts: %s (counted as send_err)",
        router.title, os.strerror(event.value),
    )


_TELL: dict[int, Callable[[Router, Event], None]] = {
    EVENTS["drop"]: _tell_drop,
    EVENTS["other_master"]: _tell_other_master,
    EVENTS["address_list"]: _tell_address_list,
    EVENTS["interval"]: _tell_interval,
    EVENTS["interval_short"]: _tell_interval_short,
    EVENTS["first_address"]: _tell_first_address,
    EVENTS["unlisted"]: _tell_unlisted,
    EVENTS["send_err"]: _tell_send_err,
}
