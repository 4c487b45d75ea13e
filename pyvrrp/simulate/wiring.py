"""Which interfaces of which hosts are on one wire, and which addresses hosts have: what no configuration says whole.

Interfaces are on one wire if they have the same name (and the same network namespace, if any is named). So are those of
multicast instances with the same VRID and a virtual address in common, whatever their names. Who is told otherwise
goes by that.

A host has the addresses that its own file names as sources. A unicast instance without one has the address that the
others have for a peer and that is nobody else's, if there is exactly one. All other addresses are made up.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pyvrrp.errors import UsageError
from pyvrrp.model import Configuration, Instance
from pyvrrp.router import addresses_of, links_of

_MADE_UP_IPV4 = ipaddress.IPv4Address("198.18.0.0")     # RFC 2544 s C.2.2: for tests, so in nobody's file
_MADE_UP_IPV6 = ipaddress.IPv6Address("fe80::c612:0")


class Place(NamedTuple):
    """An interface of a host."""

    namespace: str
    interface: str

    @property
    def label(self) -> str:
        """How people call it."""
        return f"{self.namespace}/{self.interface}" if self.namespace else self.interface


End = tuple[str, Place]                 # an interface of a host, by the host's name


class Wiring(NamedTuple):
    """What was found."""

    wires: dict[End, str]               # the name of the wire that an interface is on
    addresses: dict[End, tuple[bytes, ...]]
    made_up: frozenset[tuple[str, bytes]]       # by host: addresses that no file names
    notes: tuple[str, ...]              # what was guessed, as sentences


def place_of(instance: Instance, configuration: Configuration) -> Place:
    """The interface by which an instance's adverts go; one without has its address on the default interface."""
    return Place(instance.net_namespace, instance.interface or configuration.global_defs.default_interface)


def places_of(configuration: Configuration) -> list[Place]:
    """Every interface that a configuration names, in its order."""
    group_of = {name: group for group in configuration.groups for name in group.members}
    found: dict[Place, None] = {}
    for instance in configuration.instances:
        group = group_of.get(instance.name)
        tracked = (*instance.track_interfaces, *(group.track_interfaces if group is not None else ()))
        found[place_of(instance, configuration)] = None
        for name in sorted(links_of(instance, tracked)):
            found[Place(instance.net_namespace, name)] = None
    return list(found)


def wire(
    hosts: Mapping[str, Configuration], *, joined: Sequence[Sequence[str]] = (), given: Iterable[tuple[str, bytes]] = ()
) -> Wiring:
    """Wire hosts together.

    joined: interfaces as HOST:INTERFACE, those of each item on a wire of their own. given: such an interface, and an
    address that it has. Raises UsageError.
    """
    ends = [(name, place) for name, configuration in hosts.items() for place in places_of(configuration)]
    wires, notes = _wires(hosts, ends, [[_end(one, ends) for one in group] for group in joined])
    addresses: dict[End, list[bytes]] = {end: [] for end in ends}
    for where, address in given:
        addresses[_end(where, ends)].append(address)
    for end, instance in _instances(hosts):
        if instance.source is not None and instance.source not in addresses[end]:
            addresses[end].append(instance.source)
    notes += _seen_by_peers(hosts, addresses)
    made_up = set()
    for number, name in enumerate(hosts, 1):
        for end in ends:
            if end[0] == name:
                for address in _missing(hosts[name], end[1], addresses[end], number):
                    addresses[end].append(address)
                    made_up.add((name, address))
    notes += _strangers(hosts, addresses)
    return Wiring(wires, {end: tuple(found) for end, found in addresses.items()}, frozenset(made_up), tuple(notes))


def _instances(hosts: Mapping[str, Configuration]) -> Iterator[tuple[End, Instance]]:
    for name, configuration in hosts.items():
        for instance in configuration.instances:
            yield (name, place_of(instance, configuration)), instance


def _end(text: str, ends: Sequence[End]) -> End:
    """HOST:INTERFACE. Raises UsageError."""
    host, _, label = text.partition(":")
    found = next((end for end in ends if end[0] == host and end[1].label == label), None)
    if found is None:
        known = ", ".join(f"{name}:{place.label}" for name, place in ends[:10])
        raise UsageError(f"{text}: no file names such an interface; name one of these: {known}")
    return found


def _wires(
    hosts: Mapping[str, Configuration], ends: Sequence[End], joined: Sequence[Sequence[End]]
) -> tuple[dict[End, str], list[str]]:
    """The wire of each interface, and what was guessed."""
    wires: dict[End, str] = {}
    for group in joined:
        for end in group:
            wires[end] = " ".join(f"{name}:{place.label}" for name, place in group)
    free = [end for end in ends if end not in wires]
    wires.update({end: end[1].label for end in free})
    notes = []
    first: dict[tuple[int, int, bytes], End] = {}       # who has a virtual address with a VRID, of each wire
    for end, instance in _instances(hosts):
        if instance.is_unicast or end not in free:
            continue
        for vip in addresses_of(instance):
            other = first.setdefault((instance.family, instance.vrid, vip.address), end)
            if wires[other] != wires[end] and other[0] != end[0]:
                notes.append(f"{end[0]}:{end[1].label} and {other[0]}:{other[1].label} are taken for one wire, as both "
                             f"have VRID {instance.vrid} with {vip.brief}; --wire says otherwise")
                gone, kept = wires[end], wires[other]
                wires.update({each: kept for each in free if wires[each] == gone})
    return wires, notes


def _seen_by_peers(hosts: Mapping[str, Configuration], addresses: dict[End, list[bytes]]) -> list[str]:
    """Give unicast instances without a source the address that others have for a peer; return what is unclear."""
    notes = []
    unicast = [(end, instance) for end, instance in _instances(hosts) if instance.is_unicast]
    peers: dict[tuple[int, int], list[tuple[str, tuple[bytes, ...]]]] = {}
    for end, instance in unicast:
        peers.setdefault((instance.family, instance.vrid), []).append((end[0], instance.peers))
    holders: dict[bytes, set[str]] = {}
    for end, found in addresses.items():
        for address in found:
            holders.setdefault(address, set()).add(end[0])
    for end, instance in unicast:
        if instance.source is not None or any(len(one) == len(instance.peers[0]) for one in addresses[end]):
            continue
        named = {
            address for name, theirs in peers[instance.family, instance.vrid] if name != end[0] for address in theirs
            if address not in instance.peers and not holders.get(address, set()) - {end[0]}
        }
        if len(named) == 1:
            addresses[end].append(named.pop())
            holders.setdefault(addresses[end][-1], set()).add(end[0])
        else:
            notes.append(f"{end[0]}: instance {instance.name} has no unicast_src_ip, and the peers of the others leave "
                         f"{len(named)} addresses for it; --address {end[0]}:{end[1].label}=ADDRESS says which it has")
    return notes


def _strangers(hosts: Mapping[str, Configuration], addresses: Mapping[End, Sequence[bytes]]) -> Iterator[str]:
    """Peers that are none of these hosts."""
    known = {address for found in addresses.values() for address in found}
    for name, configuration in hosts.items() if len(hosts) > 1 else ():
        found = [(one.name, peer) for one in configuration.instances for peer in one.peers if peer not in known]
        if found:
            instance, peer = found[0]
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            yield f"{name}: {ipaddress.ip_address(peer)}, a peer of instance {instance}, is none of these hosts{more}"


def _missing(configuration: Configuration, place: Place, has: Sequence[bytes], number: int) -> Iterator[bytes]:
    """Addresses that must be made up for an interface of the host of a number."""
    families = {one.family for one in configuration.instances if place_of(one, configuration) == place}
    virtual = {vip.address for one in configuration.instances for vip in addresses_of(one)}
    if 4 in families and not any(len(one) == 4 and one not in virtual for one in has):
        yield (_MADE_UP_IPV4 + number).packed
    if 6 in families and not any(len(one) == 16 and one[:2] == b"\xfe\x80" and one not in virtual for one in has):
        yield (_MADE_UP_IPV6 + number).packed
