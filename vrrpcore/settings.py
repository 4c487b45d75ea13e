"""The values that cross the boundary of the compiled engine: what a caller says of a router, and is told.

Plain data, made in numbers that Python can afford: once per router, per change of state, per look at the
status.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import NamedTuple


class Announce(NamedTuple):
    """One address that a MASTER announces by GARP (4 bytes) or unsolicited NA (16 bytes)."""

    ifindex: int
    mac: bytes                  # 6 bytes: who has the address
    address: bytes
    router: bool = False        # NA: the sender forwards packets
    pacer: int | None = None    # of Engine.add_pacer(): keeps a gap between the frames of an interface


@dataclass(frozen=True, slots=True, kw_only=True)
class VrSettings:
    """Everything a caller decides about one Virtual Router (RFC 9568 s6.1)."""

    domain: int
    ifindex: int                                # 0: any, for unicast without an interface
    vrid: int                                   # 1..255
    version: int                                # 2 or 3
    priority: int                               # 1..255, effective
    advertisement_interval_cs: int              # v2: a multiple of 100
    source: bytes                               # 4 or 16 bytes; zeros: not known yet, it hears nothing
    destinations: tuple[bytes, ...]             # the unicast peers, or the one group
    is_unicast: bool
    addresses: tuple[bytes, ...] = ()           # as in the advert, in order
    auth_pass: bytes | None = None              # v2 over IPv4: up to 8 bytes
    preempt: bool = True
    preempt_delay_s: float = 0.0                # S13: so long a lower master is left alone, once heard; 0..1000
    starts_as_owner: bool = False               # priority 255 and `state MASTER`
    check_source: bool = False                  # unicast: hear configured peers only
    down_timer_adverts: int = 3
    # Unicast: the lowest and highest TTL of each destination's adverts, or nothing. Multicast is always 255.
    peer_ttls: tuple[tuple[int, int], ...] = ()
    ttl: int = 255                              # of unicast adverts: TTL or Hop Limit, 1..255
    checksum_of_message: bool = False           # v3 over IPv4 as RFC 9568 has it: no pseudo-header
    # What an RFC lets a router drop is dropped: the other form of the checksum (K4), unicast with a TTL other than 255
    # or from an unlisted source (R4, R12), IPv6 adverts that do not list a link-local address first (R9), and adverts
    # that list other addresses (R10).
    strict: bool = False
    owner_ignore_adverts: bool = False          # R11: with priority 255 it drops all adverts
    lower_prio_no_advert: bool = False          # S10: a MASTER does not answer a lower advert
    tells_lower: bool = False                   # a MASTER tells of each lower advert, not only of the first in a state
    higher_prio_send_advert: bool = False       # S9: a MASTER sends an advert before it yields to a higher one
    # Nothing shorter is learned from a master, but for a router whose own interval is shorter. None: 10; 1: no floor.
    min_interval_cs: int | None = None
    # Where adverts leave, if not by `ifindex`: an interface above it, with the virtual MAC. They arrive at `ifindex`.
    transmit_ifindex: int = 0
    announces: tuple[Announce, ...] = ()
    announce_repeat: int = 5                    # frames per address in each set
    announce_delay_s: int = 5                   # until the second set; 0: none
    announce_refresh_s: int = 0                 # 0: no refresh
    announce_refresh_repeat: int = 1            # frames per address in each refresh
    garp_lower_prio_repeat: int = 5             # S10: frames per address after a lower advert; 0: none
    garp_lower_prio_delay_s: int = 5            # until the second set, and before the next first one; 0: no second


class Transmit(NamedTuple):
    """One datagram to be sent."""

    domain: int
    ifindex: int
    vr: int
    is_frame: bool              # a whole Ethernet frame instead of a VRRP message
    source: bytes
    destination: bytes
    data: bytes


class Event(NamedTuple):
    """One thing that happened. `kind` is one of the EVENT_* numbers of vrrpcore.events."""

    kind: int
    vr: int                     # -1: of no router
    at_ns: int                  # CLOCK_MONOTONIC
    old_state: int
    state: int
    reason: int                 # of a state: the event of the state machine; of a drop: its code
    priority: int               # of the advert that caused it
    source: bytes               # 16 bytes; an IPv4 address stands in the first four
    value: int


class StatusArrays(NamedTuple):
    """How all routers stood at one moment, a place for each index from 0 to the highest that is in use.

    The arrays are copies, and the caller's.
    """

    state: array[int]           # "B"; NO_ROUTER of vrrpcore.counters where nobody has the index
    priority: array[int]        # "B": effective
    fault_reasons: array[int]   # "I"
    since_ns: array[int]        # "q": when the state began, CLOCK_MONOTONIC
    peer_heard_ns: array[int]   # "q": when the last advert that passed the checks arrived; 0: never


class VrStatus(NamedTuple):
    """A look at one router."""

    state: int
    priority: int
    since_ns: int               # CLOCK_MONOTONIC
    fault_reasons: int
    master_address: bytes       # of the last advert obeyed, 16 bytes; zeros: none
    master_priority: int
    master_adver_interval_cs: int
    peer_address: bytes         # of the last advert that passed the checks; zeros: none
    peer_priority: int
    peer_heard_ns: int          # 0: never
    deadline_ns: int            # of the timer that runs; -1: none
