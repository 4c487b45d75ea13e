"""The names of keepalived's common exporters (mehdy/keepalived-exporter), for dashboards that exist.

One series for each virtual address, so they are asked for (`--metrics-compat`), and left out where the addresses are
more than METRICS_VIPS_MAX.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pyvrrp.metrics.columns import Things
from pyvrrp.metrics.exposition import Family, column, labels, line, pieces
from pyvrrp.metrics.families import Snapshot


class Address(NamedTuple):
    """A virtual address with what the exporter tells of its instance."""

    iname: str
    interface: str
    vrid: int
    address: str                # as in the dump: without the length of a host
    is_excluded: bool
    state: int


_COUNTERS = {
    "advert_rcvd": ("advertisements_received", "Advertisements received"),
    "advert_sent": ("advertisements_sent", "Advertisements sent"),
    "become_master": ("become_master", "Became master"),
    "release_master": ("release_master", "Released master"),
    "packet_len_err": ("packet_length_errors", "Packet length errors"),
    "advert_interval_err": ("advertisements_interval_errors", "Advertisement interval errors"),
    "ip_ttl_err": ("ip_ttl_errors", "TTL errors"),
    "invalid_type_rcvd": ("invalid_type_received", "Packets of an invalid type"),
    "addr_list_err": ("address_list_errors", "Address list errors"),
    "invalid_authtype": ("authentication_invalid", "Authentication of an invalid type: counted as a mismatch here"),
    "authtype_mismatch": ("authentication_mismatch", "Authentication type mismatches"),
    "auth_failure": ("authentication_failure", "Authentication failures"),
    "pri_zero_rcvd": ("priority_zero_received", "Priority zero received"),
    "pri_zero_sent": ("priority_zero_sent", "Priority zero sent"),
}


def of_instance(iname: str, interface: str, vrid: int) -> str:
    """The labels that the exporter gives an instance."""
    return labels(iname=iname, intf=interface, vrid=vrid)


def families(now: Snapshot, names: Things, addresses: Iterable[Address]) -> Iterator[Family]:
    """The exporter's families. names: of each instance of the snapshot its labels, as of_instance() makes them."""
    yield Family("keepalived_up", "gauge", "Always 1: whoever answers runs", pieces([line("keepalived_up", "", 1)]))
    for counter, (name, means) in _COUNTERS.items():
        metric = f"keepalived_{name}_total"
        values, indexes = now.counters.column(counter), now.counters.indexes
        yield Family(metric, "counter", means, column(metric, names, values, indexes))
    states: dict[bool, list[str]] = {False: [], True: []}
    for each in addresses:
        metric = "keepalived_vrrp_excluded_state" if each.is_excluded else "keepalived_vrrp_state"
        own = of_instance(each.iname, each.interface, each.vrid)
        states[each.is_excluded].append(line(metric, f"{own},{labels(ip_address=each.address)}", each.state))
    yield Family("keepalived_vrrp_state", "gauge", "State of the instance of an address", pieces(states[False]))
    yield Family("keepalived_vrrp_excluded_state", "gauge", "The same of an excluded address", pieces(states[True]))
