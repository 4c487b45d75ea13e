"""What the log says of the engine's events, in keepalived's words where it has some: people search for them."""

from __future__ import annotations

import ipaddress
import logging
import os
from collections.abc import Callable
from typing import NamedTuple, Protocol

from pyvrrp.model import Instance, State
from pyvrrp.router import Router
from vrrpcore.engine import EVENTS
from vrrpcore.fsm import EVENT_NAMES
from vrrpcore.packet import DROP_SENTENCES
from vrrpcore.settings import Event

log = logging.getLogger("pyvrrp")


def text(address: bytes, family: int) -> str:
    """An address of the engine's, 16 bytes, as people write it."""
    return str(ipaddress.ip_address(address[: 4 if family == 4 else 16]))


class Subject(Protocol):
    """Of whom a sentence is: an instance as it runs."""

    @property
    def instance(self) -> Instance: ...
    @property
    def state(self) -> State: ...
    @property
    def priority(self) -> int: ...
    @property
    def faults(self) -> tuple[str, ...]: ...
    @property
    def group(self) -> str | None: ...
    @property
    def aside(self) -> str: ...


class Sentence(NamedTuple):
    """What there is to say, and how loudly."""

    level: int
    text: str


def tell(router: Router, event: Event) -> str:
    """Log an event of a router that is not a change of state. Returns the sentence, without the router's name."""
    level, sentence = sentence_of(router, event)
    if event.kind == _DROP:
        log.log(level, "%s (%s; counted, not said again before its next change of state)", sentence, router.title)
    else:
        log.log(level, "(%s) %s", router.title, sentence)
    return sentence


def sentence_of(router: Subject, event: Event) -> Sentence:
    """What there is to say of an event that is not a change of state, without the router's name."""
    return _TELL[event.kind](router, event)


class Cause(NamedTuple):
    """What made a state change, in keepalived's words where it has some, as it was known then."""

    level: int
    sentences: tuple[str, ...]
    is_logged: bool = True              # no: the change itself says as much


def cause_of(router: Subject, event: Event) -> Cause:
    """What made a state change. Costs little: it is asked while addresses wait."""
    if event.old_state == event.state:
        return _COALESCED
    reason = EVENT_NAMES[event.reason]
    plain = _PLAIN.get(reason)
    return plain if plain is not None else Cause(*_why(router, event, reason), reason in _LOGGED)


def tell_why(router: Router, cause: Cause) -> str:
    """Log what made a state change. Returns it as a sentence."""
    for sentence in cause.sentences if cause.is_logged else ():
        log.log(cause.level, "(%s) %s", router.title, sentence)
    return "; ".join(cause.sentences)


def _why(router: Subject, event: Event, reason: str) -> tuple[int, tuple[str, ...]]:
    if reason == "advert_wins":
        source = text(event.source, router.instance.family)
        return logging.INFO, (
            f"Master received advert from {source} with higher priority {event.priority}, ours {router.priority}",
        )
    if reason == "fault":
        other = f"another member of its sync group {router.group} is in FAULT"
        return logging.WARNING, router.faults or ((other,) if router.group is not None else ())
    if reason == "group_backup":
        return logging.INFO, (f"follows its sync group {router.group}",)
    if reason == "yield":
        return logging.INFO, (f"sent 0 priority and stays out of MASTER: {router.aside or 'with its sync group'}",)
    return logging.INFO, (reason,)


_LOGGED = frozenset(("master_down_timer", "advert_wins", "fault", "group_backup", "yield"))
_COALESCED = Cause(logging.INFO, ("states changed faster than they could be told",), is_logged=False)
_PLAIN = {
    reason: Cause(logging.INFO, (sentence,), reason in _LOGGED)
    for reason, sentence in {
        "startup": "started",
        "startup_owner": "started as the owner of its addresses",
        "shutdown": "stopped",
        "fault_cleared": "the last reason for FAULT is gone",
        "master_down_timer": "Receive advertisement timeout",
        "vip_lost": "somebody removed one of its addresses, routes or rules",
        "group_master": "all members of its sync group are ready",
    }.items()
}


def _tell_drop(router: Subject, event: Event) -> Sentence:
    instance = router.instance
    return Sentence(
        logging.WARNING,
        f"{instance.interface or 'any interface'} vrid {instance.vrid} ipv{instance.family}: "
        f"advert from {text(event.source, instance.family)} dropped: {DROP_SENTENCES[event.reason]}",
    )


def _tell_other_master(router: Subject, event: Event) -> Sentence:
    forcing = "" if router.instance.lower_prio_no_advert else ", forcing new election"
    return Sentence(
        logging.WARNING,
        f"Received advert from {text(event.source, router.instance.family)} with lower priority {event.priority}, "
        f"ours {router.priority}{forcing}",
    )


def _tell_address_list(router: Subject, event: Event) -> Sentence:
    return Sentence(
        logging.WARNING,
        f"{text(event.source, router.instance.family)} advertises other virtual addresses ({event.value} of them) than "
        "this host; its adverts are obeyed, make the two virtual_ipaddress lists equal",
    )


def _tell_interval(router: Subject, event: Event) -> Sentence:
    return Sentence(
        logging.WARNING,
        f"{text(event.source, router.instance.family)} advertises every {event.value / 100:g} s, this host every "
        f"{router.instance.advertisement_interval_cs / 100:g} s; VRRPv3 follows the master, make advert_int equal on "
        "both",
    )


def _tell_interval_short(router: Subject, event: Event) -> Sentence:
    return Sentence(
        logging.WARNING,
        f"the interval of {text(event.source, router.instance.family)} is taken for {event.value / 100:g} s, the "
        "shortest that this host learns; make advert_int equal on both, or set pyvrrp_min_interval",
    )


def _tell_first_address(router: Subject, event: Event) -> Sentence:
    return Sentence(
        logging.WARNING,
        f"{text(event.source, router.instance.family)} does not advertise a link-local address first; its adverts are "
        "obeyed, make that the first line of its virtual_ipaddress",
    )


def _tell_unlisted(router: Subject, event: Event) -> Sentence:
    return Sentence(
        logging.WARNING,
        f"obeys adverts from {text(event.source, router.instance.family)}, which is not in unicast_peer; add it, or "
        "set vrrp_check_unicast_src",
    )


def _tell_send_err(router: Subject, event: Event) -> Sentence:
    # A link that has just gone down refuses the last words of its master: that is told as FAULT already.
    level = logging.INFO if router.state is State.FAULT else logging.ERROR
    return Sentence(level, f"the kernel refuses its adverts: {os.strerror(event.value)} (counted as send_err)")


_DROP = EVENTS["drop"]
_TELL: dict[int, Callable[[Subject, Event], Sentence]] = {
    EVENTS["drop"]: _tell_drop,
    EVENTS["other_master"]: _tell_other_master,
    EVENTS["address_list"]: _tell_address_list,
    EVENTS["interval"]: _tell_interval,
    EVENTS["interval_short"]: _tell_interval_short,
    EVENTS["first_address"]: _tell_first_address,
    EVENTS["unlisted"]: _tell_unlisted,
    EVENTS["send_err"]: _tell_send_err,
}
